SELECT version, hash, bytes, created_at FROM workflow_version WHERE workflow_id = ?1 AND version = ?2
