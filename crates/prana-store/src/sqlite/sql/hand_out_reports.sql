SELECT * FROM inbox INDEXED BY inbox_held
WHERE execution = ?1 AND target = 4 AND wait = ?2 AND consumed = 0 ORDER BY id LIMIT ?3
