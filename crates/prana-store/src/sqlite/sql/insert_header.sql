INSERT INTO header (execution, bytes) VALUES (?1, ?2)
