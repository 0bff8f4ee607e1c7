DELETE FROM wait WHERE execution = ?1 AND execution_index IN (SELECT execution_index FROM wait WHERE execution = ?1 LIMIT ?2)
