SELECT sequence, execution_index, node_key, at, kind, bytes FROM entry INDEXED BY entry_sequence
WHERE execution = ?1 AND sequence >= ?2 ORDER BY sequence LIMIT ?3
