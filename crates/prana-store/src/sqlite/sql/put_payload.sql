INSERT OR IGNORE INTO payload (root, hash, bytes) VALUES (?1, ?2, ?3)
