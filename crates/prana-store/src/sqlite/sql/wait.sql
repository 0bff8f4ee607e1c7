SELECT * FROM wait WHERE execution = ?1 AND execution_index = ?2
