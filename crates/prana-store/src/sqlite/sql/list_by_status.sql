SELECT * FROM execution INDEXED BY execution_by_status
WHERE status = ?1 AND is_child = ?2 AND created_at >= ?3 AND (created_at, id) < (?4, ?5)
ORDER BY created_at DESC, id DESC LIMIT ?6
