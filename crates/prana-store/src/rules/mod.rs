//! What commits, deliveries, claims and removals mean, written once for every store.
//!
//! An implementation gives [`Tables`] (or a [`Desk`], if it claims and removes in its own way) that live inside one transaction. Every rule checks before it writes, so a refused delta has
//! written nothing; an error of the tables themselves rolls the transaction back. What is large is handed over as `&mut`: tables that keep
//! it in memory take it out, others only read it, so that a turn can be tried again.

mod claim;
mod commit;
mod deliver;
mod remove;

use std::sync::Arc;

use prana_core::{ExecutionId, Timestamp};

pub(crate) use claim::{claim, heartbeat};
pub(crate) use commit::{commit, hand_out};
pub(crate) use deliver::deliver;
pub(crate) use remove::remove;

use crate::{
    Answer, Holder, InboxId, InboxItem, ItemChange, NewItem, Payload, Result, Row, Snapshot, StoredEntry,
    Target, Wait, WorkerId,
};

/// How many unconsumed answers an execution keeps at most. Twice as many for items to the execution itself, so that a flood of answers
/// can't keep a cancellation out.
pub(crate) const MAX_ANSWERS: u32 = 1_000;

/// How many reports are handed out at a time.
pub(crate) const REPORTS_AT_ONCE: usize = 256;

/// How large a summary may be, in bytes.
pub(crate) const MAX_SUMMARY: usize = 4 * 1024;

/// Rows of executions.
pub(crate) trait Rows {
    fn row(&mut self, id: ExecutionId) -> Result<Option<Row>>;
    fn next_ordinal(&mut self) -> i64;
    fn insert(&mut self, row: &Row, header: &mut Vec<u8>) -> Result<()>;
    fn update(&mut self, before: &Row, after: &Row) -> Result<()>;
    fn started_by(&mut self, workflow_id: &str, start_key: &str) -> Result<Option<ExecutionId>>;
    /// Whether the tree has a member, other than this one, that has not ended.
    fn has_open_besides(&mut self, root: ExecutionId, member: ExecutionId) -> Result<bool>;
}

/// The audit trail, payloads and snapshots.
pub(crate) trait Trail {
    fn append(&mut self, row: &Row, entries: &mut Vec<StoredEntry>) -> Result<()>;
    fn put_payloads(&mut self, root: ExecutionId, payloads: &mut Vec<Payload>) -> Result<()>;
    fn put_snapshot(&mut self, row: &Row, snapshot: &mut Snapshot) -> Result<()>;
    /// Lets entries and snapshot go, and the payloads if the tree has no other member.
    fn drop_trail(&mut self, row: &Row) -> Result<()>;
}

/// Waits, open and closed, of executions that have not ended.
pub(crate) trait Waits {
    fn open_waits(&mut self, row: &Row) -> Result<Vec<Wait>>;
    fn wait(&mut self, row: &Row, execution_index: u32) -> Result<Option<Wait>>;
    fn wait_of_run(
        &mut self,
        row: &Row,
        node_key: &str,
        loop_path: &str,
        run_index: u32,
    ) -> Result<Option<Wait>>;
    fn put_wait(&mut self, row: &Row, wait: &Wait) -> Result<()>;
    fn clear_waits(&mut self, row: &Row) -> Result<()>;
}

/// An item that is not consumed, without its bytes.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    pub id: InboxId,
    pub target: Target,
    /// The wait it is bound to (an answer) or meant for (a report).
    pub wait: Option<u32>,
}

/// The inbox.
pub(crate) trait Inbox {
    fn first_answer(&mut self, row: &Row, dedupe: &str) -> Result<Option<Answer>>;
    fn add_item(
        &mut self,
        row: &Row,
        item: &mut NewItem,
        answer: Answer,
        wait: Option<u32>,
    ) -> Result<InboxId>;
    fn held_item(&mut self, row: &Row, id: InboxId) -> Result<Option<Held>>;
    /// The answers that are bound to no wait, in order of arrival.
    fn kept(&mut self, row: &Row) -> Result<Vec<Held>>;
    /// The answer that is bound to a wait.
    fn bound(&mut self, row: &Row, wait: u32) -> Result<Option<Held>>;
    fn bind(&mut self, row: &Row, id: InboxId, wait: Option<u32>) -> Result<()>;
    fn consume(&mut self, row: &Row, id: InboxId) -> Result<()>;
    fn consume_all(&mut self, row: &Row) -> Result<()>;
    /// Items to the execution itself, bound answers, and of each of the open waits' reports up to [`REPORTS_AT_ONCE`]; by number.
    fn hand_out(&mut self, row: &Row, reporting: &[u32]) -> Result<Vec<InboxItem>>;
}

/// Slots of concurrency keys, and who holds executions.
pub(crate) trait Lanes {
    fn holders(&mut self, key: &str) -> Result<u32>;
    fn set_holders(&mut self, key: &str, holders: u32) -> Result<()>;
    fn next_queued(&mut self, key: &str) -> Result<Option<Row>>;
    /// Takes note of a worker, unless it is known.
    fn meet(&mut self, holder: Holder) -> Result<()>;
}

/// Leases and what is ready.
pub(crate) trait Leases {
    fn lease(&mut self, worker: WorkerId) -> Result<Option<Timestamp>>;
    fn renew(&mut self, worker: WorkerId, lease_until: Timestamp) -> Result<()>;
    fn lapsed(&mut self, now: Timestamp) -> Result<Vec<WorkerId>>;
    fn forget(&mut self, worker: WorkerId) -> Result<()>;
    fn held_by(&mut self, worker: WorkerId, limit: usize) -> Result<Vec<Row>>;
    fn held_with_items(&mut self, worker: WorkerId) -> Result<Vec<Row>>;
    fn ready(&mut self, now: Timestamp, limit: usize) -> Result<Vec<Row>>;
}

/// Whose turn it is, for stores that claim by these rules.
pub(crate) trait Turns {
    /// The first workflow, by id, after this one that has executions with a `ready_at`, and the earliest of those times.
    fn next_workflow(&mut self, after: Option<&str>) -> Result<Option<(Arc<str>, Timestamp)>>;
    fn ready_of(&mut self, workflow: &str, now: Timestamp, limit: usize) -> Result<Vec<Row>>;
    /// The workflow that had the last turn. It may be forgotten: then the turns begin anew.
    fn last_turn(&mut self) -> &mut Option<Arc<str>>;
}

/// Removal: rows go at once, their bytes later.
pub(crate) trait Graves {
    fn tree(&mut self, root: ExecutionId) -> Result<Vec<Row>>;
    fn expired(&mut self, now: Timestamp, limit: usize) -> Result<Vec<ExecutionId>>;
    fn bury(&mut self, row: &Row) -> Result<()>;
    /// Deletes up to about `limit` rows of what was buried; whether some is left.
    fn sweep(&mut self, limit: usize) -> Result<bool>;
}

/// Items of the catalogue that change together with an execution.
pub(crate) trait Items {
    /// The version of an item; 0 if there is none.
    fn item_version(&mut self, kind: &str, key: &str) -> Result<u64>;
    fn write_item(&mut self, change: &mut ItemChange, version: u64) -> Result<()>;
}

/// What commits and deliveries read and change, inside one transaction.
pub(crate) trait Desk: Rows + Trail + Waits + Inbox + Lanes + Items {}

impl<T: Rows + Trail + Waits + Inbox + Lanes + Items> Desk for T {}

/// The tables of one store, inside one transaction.
pub(crate) trait Tables: Desk + Leases + Graves {}

impl<T: Desk + Leases + Graves> Tables for T {}
