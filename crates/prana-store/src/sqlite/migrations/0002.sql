-- Where more executions are ready than can be claimed, their workflows take turns.
CREATE INDEX execution_turns ON execution (workflow_id, ready_at) WHERE ready_at IS NOT NULL AND slot <> 1;
