INSERT OR IGNORE INTO worker (id, lease_until) VALUES (?1, ?2)
