INSERT INTO lane (key, holders) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET holders = ?2
