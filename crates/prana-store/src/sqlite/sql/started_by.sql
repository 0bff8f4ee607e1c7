SELECT id FROM execution WHERE workflow_id = ?1 AND start_key = ?2
