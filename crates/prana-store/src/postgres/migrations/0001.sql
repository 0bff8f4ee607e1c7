-- Everything lives in the schema `prana`. Text from outside is bytea: a zero byte is legal in it, and illegal in text.

-- The order of creation of executions, and of arrival of items. Taken under the lock of the row, so that within an execution it is the order of
-- commits.
CREATE SEQUENCE prana.number;

-- Executions. One small hot row each: a step changes no column of an index, so that with room on the page its old version goes at once.
CREATE TABLE prana.execution (
  ordinal int8 PRIMARY KEY,
  id uuid NOT NULL,
  workflow_id bytea NOT NULL,
  workflow_version int8 NOT NULL,
  parent uuid,
  root uuid NOT NULL,
  mode int2 NOT NULL,
  status int2 NOT NULL,
  epoch int8 NOT NULL,
  next_sequence int8 NOT NULL,
  created_at int8 NOT NULL,
  completed_at int8,
  start_key bytea,
  ready_at int8,
  claimed_by uuid,
  recoveries int8 NOT NULL,
  lane bytea,
  lane_limit int8,
  slot int2 NOT NULL,
  retention_ms int8,
  expires_at int8,
  summary bytea,
  trail_kept bool NOT NULL,
  answers int8 NOT NULL,
  reports int8 NOT NULL,
  open_waits int8 NOT NULL,
  is_child bool NOT NULL
) WITH (
  fillfactor = 60,
  autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000,
  autovacuum_vacuum_insert_scale_factor = 0.1, autovacuum_analyze_scale_factor = 0.05,
  autovacuum_vacuum_cost_delay = 0
);
CREATE UNIQUE INDEX execution_id ON prana.execution (id);
CREATE UNIQUE INDEX execution_start_key ON prana.execution (workflow_id, start_key) WHERE start_key IS NOT NULL;
CREATE INDEX execution_ready ON prana.execution (ready_at, ordinal) WHERE ready_at IS NOT NULL AND slot <> 1;
CREATE INDEX execution_ready_of ON prana.execution (workflow_id, ready_at, ordinal) WHERE ready_at IS NOT NULL AND slot <> 1;
CREATE INDEX execution_claimed ON prana.execution (claimed_by, ordinal) WHERE claimed_by IS NOT NULL;
CREATE INDEX execution_open ON prana.execution (root, id) WHERE completed_at IS NULL;
CREATE INDEX execution_tree ON prana.execution (root, id);
CREATE INDEX execution_children ON prana.execution (parent, created_at, id) WHERE parent IS NOT NULL;
CREATE INDEX execution_queue ON prana.execution (lane, ordinal) WHERE slot = 1;
CREATE INDEX execution_expiry ON prana.execution (expires_at, id) WHERE expires_at IS NOT NULL;
CREATE INDEX execution_by_status ON prana.execution (status, is_child, created_at, id);
CREATE INDEX execution_by_workflow ON prana.execution (workflow_id, status, is_child, created_at, id);

CREATE TABLE prana.header (execution int8 PRIMARY KEY, bytes bytea NOT NULL);

-- The audit trail.
CREATE TABLE prana.entry (
  execution int8 NOT NULL,
  sequence int8 NOT NULL,
  execution_index int8,
  node_key bytea,
  at int8 NOT NULL,
  kind int2 NOT NULL,
  bytes bytea NOT NULL,
  PRIMARY KEY (execution, sequence)
) WITH (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_insert_scale_factor = 0.1);

CREATE TABLE prana.snapshot (execution int8 PRIMARY KEY, next_sequence int8 NOT NULL, bytes bytea NOT NULL)
  WITH (autovacuum_vacuum_scale_factor = 0.05);

-- Large values come compressed, if that is worth while.
CREATE TABLE prana.payload (root uuid NOT NULL, hash bytea NOT NULL, bytes bytea NOT NULL, PRIMARY KEY (root, hash));
ALTER TABLE prana.payload ALTER COLUMN bytes SET STORAGE EXTERNAL;

CREATE TABLE prana.wait (
  execution int8 NOT NULL,
  execution_index int8 NOT NULL,
  node_key bytea NOT NULL,
  loop_path bytea NOT NULL,
  run_index int8 NOT NULL,
  kind int2 NOT NULL,
  takes int2 NOT NULL,
  wake_at int8,
  open bool NOT NULL,
  answered bool NOT NULL,
  PRIMARY KEY (execution, execution_index)
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX wait_open ON prana.wait (execution, execution_index) WHERE open;
CREATE INDEX wait_run ON prana.wait (execution, md5(node_key), run_index);

CREATE TABLE prana.inbox (
  id int8 PRIMARY KEY,
  execution int8 NOT NULL,
  target int2 NOT NULL,
  node_key bytea,
  loop_path bytea,
  number int8,
  wait int8,
  kind int2 NOT NULL,
  dedupe bytea,
  bytes bytea NOT NULL,
  at int8 NOT NULL,
  answer int2 NOT NULL,
  consumed bool NOT NULL
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX inbox_held ON prana.inbox (execution, id) WHERE NOT consumed AND target < 4;
CREATE INDEX inbox_reports ON prana.inbox (execution, wait, id) WHERE NOT consumed AND target = 4;
CREATE UNIQUE INDEX inbox_dedupe ON prana.inbox (execution, sha256(dedupe)) WHERE dedupe IS NOT NULL;
CREATE INDEX inbox_execution ON prana.inbox (execution);

CREATE TABLE prana.lane (key bytea PRIMARY KEY, holders int8 NOT NULL)
  WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);

-- Until when each worker is presumed alive, on the clock of the database.
CREATE TABLE prana.worker (id uuid PRIMARY KEY, lease_until timestamptz NOT NULL)
  WITH (fillfactor = 50, autovacuum_vacuum_threshold = 100, autovacuum_vacuum_cost_delay = 0);

-- What was removed and whose bytes are still to be deleted: the trail alone, or everything; with it the payloads of a root.
CREATE TABLE prana.grave (execution int8 PRIMARY KEY, everything bool NOT NULL, payloads_of uuid)
  WITH (autovacuum_vacuum_scale_factor = 0.02);

CREATE TABLE prana.workflow (
  id bytea PRIMARY KEY,
  latest int8 NOT NULL,
  active int8,
  updated_at int8 NOT NULL,
  is_deleted bool NOT NULL
);
CREATE TABLE prana.workflow_version (
  workflow_id bytea NOT NULL,
  version int8 NOT NULL,
  hash bytea NOT NULL,
  bytes bytea NOT NULL,
  created_at int8 NOT NULL,
  PRIMARY KEY (workflow_id, version)
);

CREATE TABLE prana.item (kind bytea NOT NULL, key bytea NOT NULL, version int8 NOT NULL, bytes bytea NOT NULL, PRIMARY KEY (kind, key));
