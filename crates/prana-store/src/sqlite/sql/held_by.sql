SELECT * FROM execution INDEXED BY execution_claimed WHERE claimed_by = ?1 ORDER BY ordinal LIMIT ?2
