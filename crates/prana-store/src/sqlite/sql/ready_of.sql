SELECT * FROM execution INDEXED BY execution_turns
WHERE workflow_id = ?1 AND ready_at <= ?2 AND ready_at IS NOT NULL AND slot <> 1 ORDER BY ready_at, ordinal LIMIT ?3
