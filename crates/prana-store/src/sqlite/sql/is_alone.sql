SELECT NOT EXISTS (SELECT 1 FROM execution INDEXED BY execution_tree WHERE root = ?1 AND id <> ?2)
