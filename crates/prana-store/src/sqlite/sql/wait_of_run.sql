SELECT * FROM wait INDEXED BY wait_run
WHERE execution = ?1 AND node_key = ?2 AND run_index = ?3 AND loop_path = ?4 ORDER BY execution_index DESC LIMIT 1
