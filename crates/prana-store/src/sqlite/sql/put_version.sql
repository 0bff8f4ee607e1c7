INSERT INTO workflow_version (workflow_id, version, hash, bytes, created_at) VALUES (?1, ?2, ?3, ?4, ?5)
