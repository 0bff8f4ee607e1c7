SELECT * FROM inbox INDEXED BY inbox_held
WHERE execution = ?1 AND target BETWEEN 1 AND 3 AND wait = ?2 AND consumed = 0 ORDER BY id LIMIT 1
