SELECT * FROM wait INDEXED BY wait_open WHERE execution = ?1 AND open = 1 ORDER BY execution_index
