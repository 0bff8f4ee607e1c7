SELECT version, hash, x'', created_at FROM workflow_version
WHERE workflow_id = ?1 AND version < ?2 ORDER BY version DESC LIMIT ?3
