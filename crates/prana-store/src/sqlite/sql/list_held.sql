-- ?1: the worker; ?2: a bit for each status; ?7: a workflow or nothing. A worker holds few at a time: they are sorted here.
SELECT * FROM execution INDEXED BY execution_claimed
WHERE claimed_by = ?1 AND (?2 >> status) & 1 AND created_at >= ?3 AND (created_at, id) < (?4, ?5) AND (?7 IS NULL OR workflow_id = ?7)
ORDER BY created_at DESC, id DESC LIMIT ?6
