//! What is said to PostgreSQL. Every statement is prepared once a connection, and most take arrays: one statement for a whole batch.

macro_rules! execution {
    ($prefix:literal) => {
        concat!(
            $prefix,
            "ordinal, ",
            $prefix,
            "id, ",
            $prefix,
            "workflow_id, ",
            $prefix,
            "workflow_version, ",
            $prefix,
            "parent, ",
            $prefix,
            "root, ",
            $prefix,
            "mode, ",
            $prefix,
            "status, ",
            $prefix,
            "epoch, ",
            $prefix,
            "next_sequence, ",
            $prefix,
            "created_at, ",
            $prefix,
            "completed_at, ",
            $prefix,
            "start_key, ",
            $prefix,
            "ready_at, ",
            $prefix,
            "claimed_by, ",
            $prefix,
            "recoveries, ",
            $prefix,
            "lane, ",
            $prefix,
            "lane_limit, ",
            $prefix,
            "slot, ",
            $prefix,
            "retention_ms, ",
            $prefix,
            "expires_at, ",
            $prefix,
            "summary, ",
            $prefix,
            "trail_kept, ",
            $prefix,
            "answers, ",
            $prefix,
            "reports, ",
            $prefix,
            "open_waits"
        )
    };
}
macro_rules! wait {
    () => {
        "w.execution, w.execution_index, w.node_key, w.loop_path, w.run_index, w.kind, w.takes, w.wake_at, w.open, w.answered"
    };
}
/// The columns of an item, without its bytes, which come last.
macro_rules! item {
    () => {
        "i.execution, i.id, i.target, i.node_key, i.loop_path, i.number, i.wait, i.kind, i.at"
    };
}

// Transactions. A client that falls silent in one (a frozen process) holds its locks no longer than this.
pub const BEGIN: &str =
    "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SET LOCAL idle_in_transaction_session_timeout = '5s'";
pub const BEGIN_READING: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
pub const IDENTITY: &str = "SELECT pg_current_xact_id()::text, pg_backend_pid()";
pub const FATE: &str = "SELECT pg_xact_status($1::text::xid8)";
pub const END_BACKEND: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = $1 AND backend_xid = $2::text::xid8::xid";

// What a batch locks: first lanes, then rows, each in their order, in statements of their own.
pub const LOCK_LANES: &str = "SELECT pg_advisory_xact_lock(1886544496, key) FROM unnest($1::int4[]) AS key";
pub const LOCK_ROWS: &str =
    concat!("SELECT ", execution!(""), " FROM prana.execution WHERE id = ANY($1) ORDER BY id FOR UPDATE");
pub const LOCK_QUEUE: &str = concat!(
    "SELECT ",
    execution!(""),
    " FROM prana.execution WHERE lane = $1 AND slot = 1 ORDER BY ordinal LIMIT $2 FOR UPDATE"
);
pub const LOCK_CATALOG: &str = "SELECT pg_advisory_xact_lock(1886544497, $1)";
pub const NUMBERS: &str = "SELECT nextval('prana.number') FROM generate_series(1, $1::int8)";

// What a batch reads.
pub const ROW: &str = concat!("SELECT ", execution!(""), " FROM prana.execution WHERE id = $1");
pub const STARTED: &str = "SELECT e.workflow_id, e.start_key, e.id FROM unnest($1::bytea[], $2::bytea[]) AS u(workflow_id, start_key)
  JOIN prana.execution e ON e.workflow_id = u.workflow_id AND e.start_key = u.start_key";
pub const OPEN_MEMBERS: &str =
    "SELECT id FROM prana.execution WHERE root = $1 AND completed_at IS NULL ORDER BY id LIMIT $2";
pub const MEMBERS: &str = "SELECT id FROM prana.execution WHERE root = $1 ORDER BY id LIMIT 2";
pub const OPEN_WAITS: &str = concat!(
    "SELECT ",
    wait!(),
    " FROM prana.wait w WHERE w.execution = ANY($1) AND w.open ORDER BY w.execution, w.execution_index"
);
pub const WAITS: &str = concat!(
    "SELECT ",
    wait!(),
    " FROM unnest($1::int8[], $2::int8[]) AS u(execution, execution_index)
  JOIN prana.wait w ON w.execution = u.execution AND w.execution_index = u.execution_index"
);
pub const WAIT_OF_RUN: &str = concat!(
    "SELECT ",
    wait!(),
    " FROM prana.wait w WHERE w.execution = $1 AND md5(w.node_key) = md5($2::bytea) AND w.node_key = $2
  AND w.run_index = $3 AND w.loop_path = $4 ORDER BY w.execution_index DESC LIMIT 1"
);
pub const ITEMS: &str = concat!(
    "SELECT ",
    item!(),
    ", CASE WHEN i.target = 0 OR i.wait IS NOT NULL THEN i.bytes END
  FROM prana.inbox i WHERE i.execution = ANY($1) AND NOT i.consumed AND i.target < 4 ORDER BY i.id"
);
pub const REPORTS: &str = concat!(
    "SELECT ",
    item!(),
    ", i.bytes FROM prana.inbox i
  WHERE i.execution = $1 AND i.wait = $2 AND NOT i.consumed AND i.target = 4 ORDER BY i.id LIMIT $3"
);
pub const HELD: &str =
    concat!("SELECT ", item!(), ", NULL::bytea FROM prana.inbox i WHERE i.id = ANY($1) AND NOT i.consumed");
pub const BODIES: &str = "SELECT id, bytes FROM prana.inbox WHERE id = ANY($1)";
pub const FIRST_ANSWERS: &str = "SELECT i.execution, i.dedupe, i.answer FROM unnest($1::int8[], $2::bytea[]) AS u(execution, dedupe)
  JOIN prana.inbox i ON i.execution = u.execution AND i.dedupe IS NOT NULL AND sha256(i.dedupe) = sha256(u.dedupe)";
pub const LANES: &str = "SELECT key, holders FROM prana.lane WHERE key = ANY($1)";

// What a batch writes.
pub const INSERT_ROWS: &str = "INSERT INTO prana.execution SELECT * FROM unnest($1::int8[], $2::uuid[], $3::bytea[], $4::int8[], $5::uuid[],
  $6::uuid[], $7::int2[], $8::int2[], $9::int8[], $10::int8[], $11::int8[], $12::int8[], $13::bytea[], $14::int8[], $15::uuid[], $16::int8[],
  $17::bytea[], $18::int8[], $19::int2[], $20::int8[], $21::int8[], $22::bytea[], $23::bool[], $24::int8[], $25::int8[], $26::int8[],
  $27::bool[])";
pub const INSERT_HEADERS: &str = "INSERT INTO prana.header SELECT * FROM unnest($1::int8[], $2::bytea[])";
pub const CHANGE_ROWS: &str = "UPDATE prana.execution e SET next_sequence = u.next_sequence, recoveries = u.recoveries, answers = u.answers,
  reports = u.reports, open_waits = u.open_waits, epoch = u.epoch, ready_at = u.ready_at, claimed_by = u.claimed_by, status = u.status,
  completed_at = u.completed_at, slot = u.slot, expires_at = u.expires_at, summary = u.summary, trail_kept = u.trail_kept
  FROM unnest($1::int8[], $2::int8[], $3::int8[], $4::int8[], $5::int8[], $6::int8[], $7::int8[], $8::int8[], $9::uuid[], $10::int2[],
  $11::int8[], $12::int2[], $13::int8[], $14::bytea[], $15::bool[]) AS u(ordinal, next_sequence, recoveries, answers, reports, open_waits,
  epoch, ready_at, claimed_by, status, completed_at, slot, expires_at, summary, trail_kept) WHERE e.ordinal = u.ordinal";
pub const APPEND: &str = "INSERT INTO prana.entry SELECT * FROM unnest($1::int8[], $2::int8[], $3::int8[], $4::bytea[], $5::int8[], $6::int2[],
  $7::bytea[])";
pub const PUT_PAYLOADS: &str = "INSERT INTO prana.payload SELECT * FROM unnest($1::uuid[], $2::bytea[], $3::bytea[]) ON CONFLICT DO NOTHING";
pub const PUT_SNAPSHOTS: &str =
    "INSERT INTO prana.snapshot SELECT * FROM unnest($1::int8[], $2::int8[], $3::bytea[])
  ON CONFLICT (execution) DO UPDATE SET next_sequence = excluded.next_sequence, bytes = excluded.bytes";
pub const CLEAR_WAITS: &str = "DELETE FROM prana.wait WHERE execution = ANY($1)";
pub const PUT_WAITS: &str = "INSERT INTO prana.wait SELECT * FROM unnest($1::int8[], $2::int8[], $3::bytea[], $4::bytea[], $5::int8[],
  $6::int2[], $7::int2[], $8::int8[], $9::bool[], $10::bool[])
  ON CONFLICT (execution, execution_index) DO UPDATE SET node_key = excluded.node_key, loop_path = excluded.loop_path,
  run_index = excluded.run_index, kind = excluded.kind, takes = excluded.takes, wake_at = excluded.wake_at, open = excluded.open,
  answered = excluded.answered";
pub const ADD_ITEMS: &str = "INSERT INTO prana.inbox SELECT * FROM unnest($1::int8[], $2::int8[], $3::int2[], $4::bytea[], $5::bytea[],
  $6::int8[], $7::int8[], $8::int2[], $9::bytea[], $10::bytea[], $11::int8[], $12::int2[], $13::bool[])";
pub const BIND_ITEMS: &str = "UPDATE prana.inbox i SET wait = u.wait FROM unnest($1::int8[], $2::int8[]) AS u(id, wait) WHERE i.id = u.id";
pub const FORGET_ITEMS: &str = "DELETE FROM prana.inbox WHERE id = ANY($1) AND dedupe IS NULL";
pub const CONSUME_ITEMS: &str =
    "UPDATE prana.inbox SET consumed = true, bytes = '' WHERE id = ANY($1) AND dedupe IS NOT NULL";
pub const FORGET_ALL: &str =
    "DELETE FROM prana.inbox WHERE execution = ANY($1) AND NOT consumed AND dedupe IS NULL";
pub const CONSUME_ALL: &str = "UPDATE prana.inbox SET consumed = true, bytes = ''
  WHERE execution = ANY($1) AND NOT consumed AND dedupe IS NOT NULL";
pub const SET_LANES: &str = "INSERT INTO prana.lane SELECT * FROM unnest($1::bytea[], $2::int8[])
  ON CONFLICT (key) DO UPDATE SET holders = excluded.holders";
pub const DROP_LANES: &str = "DELETE FROM prana.lane WHERE key = ANY($1)";
pub const MEET: &str =
    "INSERT INTO prana.worker SELECT id, clock_timestamp() + lease * interval '1 microsecond'
  FROM unnest($1::uuid[], $2::int8[]) AS u(id, lease) ON CONFLICT DO NOTHING";
pub const DIG: &str = "INSERT INTO prana.grave SELECT * FROM unnest($1::int8[], $2::bool[], $3::uuid[])
  ON CONFLICT (execution) DO UPDATE SET everything = excluded.everything, payloads_of = excluded.payloads_of";

// Leases and claims. Here, and nowhere else, time is the database's.
pub const RENEW: &str =
    "INSERT INTO prana.worker VALUES ($1, clock_timestamp() + $2::int8 * interval '1 millisecond')
  ON CONFLICT (id) DO UPDATE SET lease_until = greatest(worker.lease_until, excluded.lease_until)";
pub const RENEW_IF_WORN: &str =
    "INSERT INTO prana.worker VALUES ($1, clock_timestamp() + $2::int8 * interval '1 millisecond')
  ON CONFLICT (id) DO UPDATE SET lease_until = excluded.lease_until
  WHERE worker.lease_until < clock_timestamp() + $2::int8 / 3 * 2 * interval '1 millisecond'";
/// Who holds executions and has no lease: the holders, one after the other by their index, and of those the dead ones.
pub const DEAD: &str = "WITH RECURSIVE holder(id) AS (
    (SELECT claimed_by FROM prana.execution WHERE claimed_by IS NOT NULL ORDER BY claimed_by LIMIT 1)
    UNION ALL
    SELECT (SELECT e.claimed_by FROM prana.execution e WHERE e.claimed_by > holder.id AND e.claimed_by IS NOT NULL
      ORDER BY e.claimed_by LIMIT 1)
    FROM holder WHERE holder.id IS NOT NULL)
  SELECT id FROM holder WHERE id IS NOT NULL AND id NOT IN (SELECT w.id FROM prana.worker w WHERE w.lease_until > clock_timestamp())";
/// A dead worker may be in the middle of a commit, and may be frozen there: it is waited for, but not for long.
pub const SHORT_OF_TIME: &str = "SET LOCAL lock_timeout = '1s'";
pub const AT_LEISURE: &str = "SET LOCAL lock_timeout = DEFAULT";
pub const TAKE_FROM: &str = concat!(
    "WITH picked AS (SELECT ordinal, claimed_by FROM prana.execution WHERE claimed_by = ANY($1) ORDER BY claimed_by, ordinal LIMIT $2 FOR UPDATE)
  UPDATE prana.execution e SET epoch = e.epoch + 1, claimed_by = $3, ready_at = NULL, recoveries = e.recoveries + 1
  FROM picked WHERE e.ordinal = picked.ordinal RETURNING ", execution!("e."), ", pg_current_xact_id()::text, pg_backend_pid(), picked.claimed_by"
);
pub const FORGET_WORKERS: &str = "DELETE FROM prana.worker w WHERE w.lease_until <= clock_timestamp()
  AND NOT EXISTS (SELECT 1 FROM prana.execution e WHERE e.claimed_by = w.id)";
pub const TAKE_READY: &str = concat!(
    "WITH picked AS (SELECT ordinal, ready_at FROM prana.execution WHERE ready_at <= $1 AND ready_at IS NOT NULL AND slot <> 1
    ORDER BY ready_at, ordinal LIMIT $2 FOR UPDATE SKIP LOCKED)
  UPDATE prana.execution e SET epoch = e.epoch + 1, claimed_by = $3, ready_at = NULL
  FROM picked WHERE e.ordinal = picked.ordinal RETURNING ", execution!("e."), ", pg_current_xact_id()::text, pg_backend_pid(), picked.ready_at"
);
/// The workflows of the oldest that are ready.
pub const READY_FLOWS: &str =
    "SELECT workflow_id FROM prana.execution WHERE ready_at <= $1 AND ready_at IS NOT NULL AND slot <> 1
  ORDER BY ready_at, ordinal LIMIT $2";
/// Workflows after one, by name, that have anything scheduled, and since when: one step through the index for each.
pub const NEXT_FLOWS: &str = "WITH RECURSIVE flow(id, ready_at) AS (
    (SELECT workflow_id, ready_at FROM prana.execution WHERE workflow_id > $1 AND ready_at IS NOT NULL AND slot <> 1
      ORDER BY workflow_id, ready_at LIMIT 1)
    UNION ALL
    SELECT next.workflow_id, next.ready_at FROM flow CROSS JOIN LATERAL (
      SELECT e.workflow_id, e.ready_at FROM prana.execution e WHERE e.workflow_id > flow.id AND e.ready_at IS NOT NULL AND e.slot <> 1
      ORDER BY e.workflow_id, e.ready_at LIMIT 1) AS next)
  SELECT id, ready_at FROM flow LIMIT $2";
/// Workflows take turns: of each its oldest, then of each its second, up to a share.
pub const TAKE_FAIRLY: &str = concat!(
    "WITH line AS (
    SELECT head.ordinal, turn.place, row_number() OVER (PARTITION BY turn.place ORDER BY head.ready_at, head.ordinal) AS round
    FROM unnest($1::bytea[]) WITH ORDINALITY AS turn(workflow_id, place) CROSS JOIN LATERAL (
      SELECT e.ordinal, e.ready_at FROM prana.execution e WHERE e.workflow_id = turn.workflow_id AND e.ready_at <= $2
      AND e.ready_at IS NOT NULL AND e.slot <> 1 ORDER BY e.ready_at, e.ordinal LIMIT $3 FOR UPDATE SKIP LOCKED) AS head),
  picked AS (SELECT ordinal, round, place FROM line ORDER BY round, place LIMIT $4)
  UPDATE prana.execution e SET epoch = e.epoch + 1, claimed_by = $5, ready_at = NULL
  FROM picked WHERE e.ordinal = picked.ordinal RETURNING ", execution!("e."), ", pg_current_xact_id()::text, pg_backend_pid(),
  picked.round, picked.place"
);
pub const HELD_WITH_ITEMS: &str = concat!(
    "SELECT ",
    execution!(""),
    " FROM prana.execution WHERE claimed_by = $1 AND answers + reports > 0 ORDER BY ordinal"
);

// Reading for people and for those who go on.
pub const HEADER: &str = "SELECT bytes FROM prana.header WHERE execution = $1";
pub const SNAPSHOT: &str = "SELECT next_sequence, bytes FROM prana.snapshot WHERE execution = $1";
pub const ENTRIES: &str = "SELECT sequence, execution_index, node_key, at, kind, bytes FROM prana.entry
  WHERE execution = $1 AND sequence >= $2 ORDER BY sequence LIMIT $3";
pub const ENTRIES_AFTER_SNAPSHOT: &str = "SELECT sequence, execution_index, node_key, at, kind, bytes FROM prana.entry
  WHERE execution = $1 AND sequence >= coalesce((SELECT next_sequence FROM prana.snapshot WHERE execution = $1), 0) ORDER BY sequence";
pub const PAYLOADS: &str = "SELECT hash, bytes FROM prana.payload WHERE root = $1 AND hash = ANY($2)";
pub const NEXT_WAKE: &str =
    "SELECT ready_at FROM prana.execution WHERE ready_at > $1 AND ready_at IS NOT NULL AND slot <> 1
  ORDER BY ready_at, ordinal LIMIT 1";
pub const LIST_BY_STATUS: &str = concat!(
    "SELECT ",
    execution!(""),
    " FROM prana.execution WHERE status = $1 AND is_child = $2 AND created_at >= $3
  AND (created_at, id) < ($4, $5) ORDER BY created_at DESC, id DESC LIMIT $6"
);
pub const LIST_BY_WORKFLOW: &str = concat!(
    "SELECT ",
    execution!(""),
    " FROM prana.execution WHERE workflow_id = $7 AND status = $1 AND is_child = $2 AND created_at >= $3
  AND (created_at, id) < ($4, $5) ORDER BY created_at DESC, id DESC LIMIT $6"
);
pub const LIST_CHILDREN: &str = concat!(
    "SELECT ", execution!(""), " FROM prana.execution WHERE parent = $1 AND status = ANY($2) AND created_at >= $3
  AND (created_at, id) < ($4, $5) AND ($7::bytea IS NULL OR workflow_id = $7) ORDER BY created_at DESC, id DESC LIMIT $6"
);
pub const LIST_HELD: &str = concat!(
    "SELECT ", execution!(""), " FROM prana.execution WHERE claimed_by = $1 AND status = ANY($2) AND created_at >= $3
  AND (created_at, id) < ($4, $5) AND ($7::bytea IS NULL OR workflow_id = $7) ORDER BY created_at DESC, id DESC LIMIT $6"
);

// Removal. Rows go at once, their bytes later, in small batches.
pub const TREE: &str =
    concat!("SELECT ", execution!(""), " FROM prana.execution WHERE root = $1 ORDER BY id FOR UPDATE");
pub const EXPIRED: &str = "SELECT id FROM prana.execution WHERE expires_at <= $1 AND expires_at IS NOT NULL ORDER BY expires_at, id LIMIT $2
  FOR UPDATE SKIP LOCKED";
pub const DIG_TREES: &str = "INSERT INTO prana.grave SELECT ordinal, true, CASE WHEN root = id THEN root END FROM prana.execution
  WHERE root = ANY($1) ON CONFLICT (execution) DO UPDATE SET everything = excluded.everything, payloads_of = excluded.payloads_of";
pub const BURY_TREES: &str =
    "WITH gone AS (DELETE FROM prana.execution WHERE root = ANY($1) RETURNING 1) SELECT count(*) FROM gone";
pub const GRAVES: &str = "SELECT execution, everything, payloads_of FROM prana.grave ORDER BY execution LIMIT $1 FOR UPDATE SKIP LOCKED";
pub const SWEEP_ENTRIES: &str = "WITH gone AS (DELETE FROM prana.entry WHERE ctid = ANY(ARRAY(
  SELECT ctid FROM prana.entry WHERE execution = ANY($1) LIMIT $2)) RETURNING 1) SELECT count(*) FROM gone";
pub const SWEEP_PAYLOADS: &str = "WITH gone AS (DELETE FROM prana.payload WHERE ctid = ANY(ARRAY(
  SELECT ctid FROM prana.payload WHERE root = ANY($1) LIMIT $2)) RETURNING 1) SELECT count(*) FROM gone";
pub const SWEEP_WAITS: &str = "WITH gone AS (DELETE FROM prana.wait WHERE ctid = ANY(ARRAY(
  SELECT ctid FROM prana.wait WHERE execution = ANY($1) LIMIT $2)) RETURNING 1) SELECT count(*) FROM gone";
pub const SWEEP_INBOX: &str = "WITH gone AS (DELETE FROM prana.inbox WHERE ctid = ANY(ARRAY(
  SELECT ctid FROM prana.inbox WHERE execution = ANY($1) LIMIT $2)) RETURNING 1) SELECT count(*) FROM gone";
pub const SWEEP_SNAPSHOTS: &str = "DELETE FROM prana.snapshot WHERE execution = ANY($1)";
pub const SWEEP_HEADERS: &str = "DELETE FROM prana.header WHERE execution = ANY($1)";
pub const FILL: &str = "DELETE FROM prana.grave WHERE execution = ANY($1)";

// Definitions.
pub const WORKFLOW_HEAD: &str =
    "SELECT latest, active, updated_at, is_deleted FROM prana.workflow WHERE id = $1";
pub const PUT_WORKFLOW: &str = "INSERT INTO prana.workflow VALUES ($1, $2, $3, $4, $5) ON CONFLICT (id) DO UPDATE
  SET latest = excluded.latest, active = excluded.active, updated_at = excluded.updated_at, is_deleted = excluded.is_deleted";
pub const PUT_VERSION: &str = "INSERT INTO prana.workflow_version VALUES ($1, $2, $3, $4, $5)";
pub const WORKFLOW_VERSION: &str = "SELECT version, hash, bytes, created_at FROM prana.workflow_version WHERE workflow_id = $1 AND version = $2";
pub const WORKFLOW_VERSIONS: &str = "SELECT version, hash, ''::bytea, created_at FROM prana.workflow_version
  WHERE workflow_id = $1 AND version < $2 ORDER BY version DESC LIMIT $3";
pub const WORKFLOWS: &str = "SELECT id, latest, active, updated_at FROM prana.workflow
  WHERE id >= $1 AND (id > $1 OR NOT $2) AND NOT is_deleted ORDER BY id LIMIT $3";
pub const ITEM: &str = "SELECT key, version, bytes FROM prana.item WHERE kind = $1 AND key = $2";
pub const ITEMS_OF_KIND: &str = "SELECT key, version, bytes FROM prana.item
  WHERE kind = $1 AND key >= $2 AND (key > $2 OR NOT $3) ORDER BY key LIMIT $4";
pub const PUT_ITEM: &str = "INSERT INTO prana.item VALUES ($1, $2, $3, $4)
  ON CONFLICT (kind, key) DO UPDATE SET version = excluded.version, bytes = excluded.bytes";
pub const DELETE_ITEM: &str = "DELETE FROM prana.item WHERE kind = $1 AND key = $2";
