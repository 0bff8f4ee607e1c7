INSERT OR REPLACE INTO snapshot (execution, next_sequence, bytes) VALUES (?1, ?2, ?3)
