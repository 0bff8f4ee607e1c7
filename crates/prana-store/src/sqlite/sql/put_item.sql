INSERT INTO item (kind, key, version, bytes) VALUES (?1, ?2, ?3, ?4)
ON CONFLICT (kind, key) DO UPDATE SET version = ?3, bytes = ?4
