-- Items to the execution itself (target 0) and bound answers (1 to 3).
SELECT * FROM inbox INDEXED BY inbox_held
WHERE execution = ?1 AND target < 4 AND consumed = 0 AND (target = 0 OR wait IS NOT NULL) ORDER BY id
