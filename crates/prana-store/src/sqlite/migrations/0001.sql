-- Executions. One small hot row each; what is large or grows is elsewhere, by `ordinal`.
CREATE TABLE execution (
  ordinal INTEGER PRIMARY KEY,
  id BLOB NOT NULL,
  workflow_id TEXT NOT NULL,
  workflow_version INTEGER NOT NULL,
  parent BLOB,
  root BLOB NOT NULL,
  mode INTEGER NOT NULL,
  status INTEGER NOT NULL,
  epoch INTEGER NOT NULL,
  next_sequence INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  completed_at INTEGER,
  start_key TEXT,
  ready_at INTEGER,
  claimed_by BLOB,
  recoveries INTEGER NOT NULL,
  lane TEXT,
  lane_limit INTEGER,
  slot INTEGER NOT NULL,
  retention_ms INTEGER,
  expires_at INTEGER,
  summary BLOB,
  trail_kept INTEGER NOT NULL,
  answers INTEGER NOT NULL,
  reports INTEGER NOT NULL,
  open_waits INTEGER NOT NULL,
  is_child INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX execution_id ON execution (id);
CREATE UNIQUE INDEX execution_start_key ON execution (workflow_id, start_key) WHERE start_key IS NOT NULL;
CREATE INDEX execution_ready ON execution (ready_at) WHERE ready_at IS NOT NULL AND slot <> 1;
CREATE INDEX execution_claimed ON execution (claimed_by) WHERE claimed_by IS NOT NULL;
CREATE INDEX execution_tree ON execution (root, completed_at);
CREATE INDEX execution_children ON execution (parent, created_at, id) WHERE parent IS NOT NULL;
CREATE INDEX execution_queue ON execution (lane) WHERE slot = 1;
CREATE INDEX execution_expiry ON execution (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX execution_by_status ON execution (status, is_child, created_at, id);
CREATE INDEX execution_by_workflow ON execution (workflow_id, status, is_child, created_at, id);

CREATE TABLE header (execution INTEGER PRIMARY KEY, bytes BLOB NOT NULL) STRICT;

-- The audit trail: appended by rowid, found by a unique index. Clustering it by execution halves the rate of commits.
CREATE TABLE entry (
  execution INTEGER NOT NULL,
  sequence INTEGER NOT NULL,
  execution_index INTEGER,
  node_key TEXT,
  at INTEGER NOT NULL,
  kind INTEGER NOT NULL,
  bytes BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX entry_sequence ON entry (execution, sequence);

CREATE TABLE snapshot (execution INTEGER PRIMARY KEY, next_sequence INTEGER NOT NULL, bytes BLOB NOT NULL) STRICT;

CREATE TABLE payload (root BLOB NOT NULL, hash BLOB NOT NULL, bytes BLOB NOT NULL) STRICT;
CREATE UNIQUE INDEX payload_hash ON payload (root, hash);

CREATE TABLE wait (
  execution INTEGER NOT NULL,
  execution_index INTEGER NOT NULL,
  node_key TEXT NOT NULL,
  loop_path TEXT NOT NULL,
  run_index INTEGER NOT NULL,
  kind INTEGER NOT NULL,
  takes INTEGER NOT NULL,
  wake_at INTEGER,
  open INTEGER NOT NULL,
  answered INTEGER NOT NULL,
  PRIMARY KEY (execution, execution_index)
) STRICT, WITHOUT ROWID;
CREATE INDEX wait_open ON wait (execution, execution_index) WHERE open = 1;
CREATE INDEX wait_run ON wait (execution, node_key, run_index, loop_path);

CREATE TABLE inbox (
  id INTEGER PRIMARY KEY,
  execution INTEGER NOT NULL,
  target INTEGER NOT NULL,
  node_key TEXT,
  loop_path TEXT,
  number INTEGER,
  wait INTEGER,
  kind INTEGER NOT NULL,
  dedupe TEXT,
  bytes BLOB NOT NULL,
  at INTEGER NOT NULL,
  answer INTEGER NOT NULL,
  consumed INTEGER NOT NULL
) STRICT;
CREATE INDEX inbox_held ON inbox (execution, target, wait) WHERE consumed = 0;
CREATE UNIQUE INDEX inbox_dedupe ON inbox (execution, dedupe) WHERE dedupe IS NOT NULL;

CREATE TABLE lane (key TEXT PRIMARY KEY, holders INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE worker (id BLOB PRIMARY KEY, lease_until INTEGER NOT NULL) STRICT, WITHOUT ROWID;

-- What was removed and whose bytes are still to be deleted: the trail alone, or everything; with it the payloads of a root.
CREATE TABLE grave (
  execution INTEGER PRIMARY KEY,
  everything INTEGER NOT NULL,
  payloads_of BLOB
) STRICT;

CREATE TABLE workflow (
  id TEXT PRIMARY KEY,
  latest INTEGER NOT NULL,
  active INTEGER,
  updated_at INTEGER NOT NULL,
  is_deleted INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE workflow_version (
  workflow_id TEXT NOT NULL,
  version INTEGER NOT NULL,
  hash BLOB NOT NULL,
  bytes BLOB NOT NULL,
  created_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX workflow_version_number ON workflow_version (workflow_id, version);

CREATE TABLE item (kind TEXT NOT NULL, key TEXT NOT NULL, version INTEGER NOT NULL, bytes BLOB NOT NULL) STRICT;
CREATE UNIQUE INDEX item_key ON item (kind, key);

-- One row: below which schema number a program can't use this file any more.
CREATE TABLE schema (oldest_binary INTEGER NOT NULL) STRICT;
