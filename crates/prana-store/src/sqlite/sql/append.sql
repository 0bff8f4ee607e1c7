INSERT INTO entry (execution, sequence, execution_index, node_key, at, kind, bytes) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
