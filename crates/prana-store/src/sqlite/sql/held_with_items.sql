SELECT * FROM execution INDEXED BY execution_claimed WHERE claimed_by = ?1 AND answers + reports > 0 ORDER BY ordinal
