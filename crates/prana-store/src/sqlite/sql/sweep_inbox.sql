DELETE FROM inbox WHERE id IN (SELECT id FROM inbox WHERE execution = ?1 AND dedupe IS NOT NULL LIMIT ?2)
