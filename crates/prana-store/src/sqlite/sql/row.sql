SELECT * FROM execution WHERE id = ?1
