-- Answers (targets 1 to 3) that are bound to no wait.
SELECT * FROM inbox INDEXED BY inbox_held
WHERE execution = ?1 AND target BETWEEN 1 AND 3 AND wait IS NULL AND consumed = 0 ORDER BY id
