SELECT id, latest, active, updated_at FROM workflow WHERE (?1 IS NULL OR id > ?1) AND is_deleted = 0 ORDER BY id LIMIT ?2
