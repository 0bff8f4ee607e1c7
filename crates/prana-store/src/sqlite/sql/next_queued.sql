SELECT * FROM execution INDEXED BY execution_queue WHERE lane = ?1 AND slot = 1 ORDER BY ordinal LIMIT 1
