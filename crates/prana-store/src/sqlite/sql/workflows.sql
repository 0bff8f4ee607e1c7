-- From ?1 on; it itself only if ?2 is 0.
SELECT id, latest, active, updated_at FROM workflow WHERE id >= ?1 AND (id > ?1 OR ?2 = 0) AND is_deleted = 0 ORDER BY id LIMIT ?3
