SELECT ready_at FROM execution INDEXED BY execution_ready
WHERE ready_at > ?1 AND ready_at IS NOT NULL AND slot <> 1 ORDER BY ready_at LIMIT 1
