SELECT 1 FROM execution INDEXED BY execution_tree WHERE root = ?1 AND completed_at IS NULL AND id <> ?2 LIMIT 1
