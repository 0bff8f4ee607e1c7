-- The earliest of the next workflow: one seek, however many executions each has.
SELECT workflow_id, ready_at FROM execution INDEXED BY execution_turns
WHERE workflow_id > ?1 AND ready_at IS NOT NULL AND slot <> 1 ORDER BY workflow_id, ready_at LIMIT 1
