SELECT * FROM execution INDEXED BY execution_tree WHERE root = ?1 ORDER BY id
