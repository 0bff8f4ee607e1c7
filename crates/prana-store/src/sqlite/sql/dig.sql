INSERT OR REPLACE INTO grave (execution, everything, payloads_of) VALUES (?1, ?2, ?3)
