//! The trait that every store of executions implements.

use async_trait::async_trait;
use prana_core::{ExecutionId, Timestamp};

use crate::{
    Committed, Delivered, Delta, Hash, InboxItem, NewItem, Result, Row, Snapshot, Status, StoredEntry, Wait,
    WorkerId,
};

/// A worker asks for executions to advance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// Who asks. Asking renews its lease once a third of it is gone; count on a heartbeat alone.
    pub worker: WorkerId,
    /// The time, on the worker's clock. A store with a clock of its own uses that for leases.
    pub now: Timestamp,
    /// How long the worker is presumed alive from now on, in milliseconds.
    pub lease_ms: u64,
    /// How many executions at most.
    pub limit: usize,
}

/// An execution that the caller now holds, under `row.epoch`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    /// Its row.
    pub row: Row,
    /// Whether it was taken over from a worker whose lease ended (`row.recoveries` counts those since the newest entry).
    pub recovered: bool,
}

/// An execution whose holder should look at its inbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attention {
    /// Which.
    pub execution: ExecutionId,
    /// The items, as a commit would hand them out.
    pub inbox: Vec<InboxItem>,
}

/// From where a trail is loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoadFrom {
    /// The newest snapshot and the entries after it.
    Snapshot,
    /// All entries, no snapshot.
    Start,
}

/// All that is needed to go on with an execution; one consistent picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// Its row.
    pub row: Row,
    /// What it was created with.
    pub header: Vec<u8>,
    /// The newest snapshot, if asked for and there.
    pub snapshot: Option<Snapshot>,
    /// The entries from the snapshot's (or the first) sequence on, in order.
    pub entries: Vec<StoredEntry>,
    /// Its open waits, by `execution_index`.
    pub waits: Vec<Wait>,
    /// Items for open waits and for the execution itself, as a commit would hand them out.
    pub inbox: Vec<InboxItem>,
}

/// Which executions of the tree a list shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scope {
    /// All.
    #[default]
    All,
    /// Only those that no other started.
    Roots,
    /// Only those that this one started.
    ChildrenOf(ExecutionId),
    /// Only those that this worker holds. It may hold some whose claim or creation it was never told of, where an answer was lost.
    HeldBy(WorkerId),
}

/// What a list of executions shows. The default shows all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    /// One of these; empty: any.
    pub statuses: Vec<Status>,
    /// Of this workflow.
    pub workflow_id: Option<String>,
    /// Roots, children or both.
    pub scope: Scope,
    /// Created at or after.
    pub since: Option<Timestamp>,
    /// Created before.
    pub until: Option<Timestamp>,
}

/// A place in a list: after this execution. It stays valid whatever is added or removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    /// When that execution was created.
    pub created_at: Timestamp,
    /// Its identity.
    pub id: ExecutionId,
}

/// A page of a list, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Page {
    /// The rows, by `created_at` and then `id`, descending.
    pub rows: Vec<Row>,
    /// Where the next page begins; `None` if this is the last.
    pub next: Option<Cursor>,
}

/// What to remove.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remove {
    /// The tree of this root, all of whose members have ended. It is out of sight at once; its bytes go with later calls.
    Tree(ExecutionId),
    /// Trees whose retention is over, and the bytes of what was removed before.
    Expired {
        /// The time.
        now: Timestamp,
        /// How many trees, and about how many stored rows, one call removes at most.
        limit: usize,
    },
}

/// What was removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Removed {
    /// Executions that are gone from sight.
    pub executions: usize,
    /// Whether another call has something to do.
    pub more: bool,
}

/// What another process says there may be to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hint {
    /// Something may be ready to be claimed.
    Ready,
    /// Something may also be in the inbox of an execution that is held: a heartbeat tells.
    Inbox,
}

/// Where executions are kept. Every method that changes something is one transaction, and answers only after it is durable.
///
/// Correctness rests on two numbers alone: the fencing epoch, which every claim raises, and the sequence, which every entry raises. Both are
/// checked inside the transaction of each delta. Clocks and leases only decide how soon a dead worker's executions go on elsewhere.
#[async_trait]
pub trait Store: Send + Sync {
    /// Commits one turn. Many callers are grouped into one transaction and one flush, and a delta that is refused never hurts the others.
    ///
    /// # Errors
    /// `Fenced`, `Conflict`, `Answered`, `Ended`, `Exists`, `Unknown`, `Invalid`: nothing of this delta is stored. `Unavailable`: the store
    /// can't write now.
    async fn commit(&self, delta: Delta) -> Result<Committed>;

    /// Takes up to `limit` executions for a worker: first those whose holder's lease is over, then those whose `ready_at` has come, the oldest
    /// first; where there are more than `limit` of these, their workflows take turns, so that the backlog of one holds up no other. Each gets
    /// its next epoch, so no other worker has it under the same one. Asking for nothing writes nothing.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn claim(&self, claim: Claim) -> Result<Vec<Claimed>>;

    /// Everything about one execution, of one moment; `None` if there is none of that identity.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn load(&self, id: ExecutionId, from: LoadFrom) -> Result<Option<Loaded>>;

    /// The payloads of a tree by their hashes, in the order asked for; `None` for one that is not stored.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn payloads(&self, root: ExecutionId, hashes: &[Hash]) -> Result<Vec<Option<Vec<u8>>>>;

    /// Puts an item into an inbox and wakes the execution if the item's wait is open, in one transaction that excludes the suspending commit:
    /// whichever is first, the item is not lost.
    ///
    /// # Errors
    /// `InboxFull` if too many unused answers are kept already; `Unavailable`.
    async fn deliver(&self, item: NewItem) -> Result<Delivered>;

    /// The earliest `ready_at` later than `after`: when to claim again if nothing else happens.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn next_wake(&self, after: Timestamp) -> Result<Option<Timestamp>>;

    /// A page of executions, newest first, from the index of the filter.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn list(&self, filter: &Filter, after: Option<Cursor>, limit: usize) -> Result<Page>;

    /// The row of one execution.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn execution(&self, id: ExecutionId) -> Result<Option<Row>>;

    /// Up to `limit` entries of a trail, from a sequence on, in order.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn trail(&self, id: ExecutionId, from_sequence: u64, limit: usize) -> Result<Vec<StoredEntry>>;

    /// Renews a worker's lease, and names those of its executions that have something in their inbox (a cancellation, an answer).
    ///
    /// # Errors
    /// `Unavailable`: the lease was not renewed.
    async fn heartbeat(&self, worker: WorkerId, now: Timestamp, lease_ms: u64) -> Result<Vec<Attention>>;

    /// Removes executions, in small batches.
    ///
    /// # Errors
    /// For a tree: `Unknown`, `Open` if a member has not ended, `Invalid` if it is not a root. `Unavailable`.
    async fn remove(&self, what: Remove) -> Result<Removed>;

    /// Waits until another process says that there may be something to do. It may be said late, for nothing, or never: who asks now and then
    /// misses nothing.
    async fn hint(&self) -> Hint {
        std::future::pending().await
    }

    /// Whether other processes use the same store at the same time, and take over from a worker that is silent for longer than its lease.
    fn is_shared(&self) -> bool {
        false
    }

    /// Whether entries, snapshots and payloads can be read back. A store that keeps none can't give up an execution to another worker.
    fn retains_trail(&self) -> bool {
        true
    }
}
