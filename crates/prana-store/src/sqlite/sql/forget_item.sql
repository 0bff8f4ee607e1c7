DELETE FROM inbox WHERE id = ?1 AND dedupe IS NULL
