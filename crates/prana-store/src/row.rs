//! The row of an execution: what the store itself reads to schedule, fence, list and delete.

use std::fmt;
use std::sync::Arc;

use prana_core::{ExecutionId, Timestamp};
use uuid::Uuid;

/// One incarnation of a worker process. A process that starts anew takes a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkerId(pub Uuid);

impl WorkerId {
    /// From a number, for tests and examples.
    pub const fn from_u128(number: u128) -> Self {
        WorkerId(Uuid::from_u128(number))
    }
}

impl fmt::Display for WorkerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Where an execution is in its life.
///
/// | from | to | moved by |
/// |---|---|---|
/// | (none) | `Pending` | a creation that leaves it to any worker |
/// | (none), `Pending`, `Suspended` | `Running` | the first commit of its holder that keeps the claim |
/// | `Running` | `Suspended` | a commit with [`Release::Suspend`](crate::Release::Suspend) |
/// | any of these | `Completed`, `Failed`, `Cancelled`, `Timeout` | a commit with [`Release::End`](crate::Release::End) |
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Status {
    /// Created, never run.
    Pending = 0,
    /// Some worker advances it.
    Running = 1,
    /// It waits for a timer, an answer or a child.
    Suspended = 2,
    /// Ended well.
    Completed = 3,
    /// Ended with an error.
    Failed = 4,
    /// Ended by a person or its parent.
    Cancelled = 5,
    /// Ended because it ran longer than it may.
    Timeout = 6,
}

impl Status {
    /// Every status, in the order of their numbers.
    pub const ALL: [Status; 7] = [
        Status::Pending,
        Status::Running,
        Status::Suspended,
        Status::Completed,
        Status::Failed,
        Status::Cancelled,
        Status::Timeout,
    ];

    /// Whether the execution is over.
    pub fn is_ended(self) -> bool {
        self as u8 >= Status::Completed as u8
    }

    /// From the number that is stored; `None` for a number no status has.
    pub fn from_number(number: u8) -> Option<Status> {
        Status::ALL.get(usize::from(number)).copied()
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Status::Pending => "pending",
            Status::Running => "running",
            Status::Suspended => "suspended",
            Status::Completed => "completed",
            Status::Failed => "failed",
            Status::Cancelled => "cancelled",
            Status::Timeout => "timeout",
        })
    }
}

/// A worker and until when it is presumed alive, unless it renews by a claim or a heartbeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holder {
    /// The worker.
    pub worker: WorkerId,
    /// When its lease ends. Only used if the store does not know the worker yet.
    pub lease_until: Timestamp,
}

/// Who runs a new execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// Its creator, at once: it is born claimed, under epoch 1.
    Claimed(Holder),
    /// Any worker, not before this time.
    Ready {
        /// The earliest time of its first claim.
        at: Timestamp,
    },
}

/// A limit on how many executions with one key are open (not ended) at a time. The others queue in order of creation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Concurrency {
    /// What is limited, e.g. a workflow and a tenant.
    pub key: Arc<str>,
    /// How many may be open at a time; at least 1. Each execution brings the limit that held when it was created.
    pub limit: u32,
}

/// Whether an execution holds one of the slots of its concurrency key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Slot {
    /// It has no key, or has ended.
    None = 0,
    /// It waits for a slot; it can't be claimed.
    Queued = 1,
    /// It holds a slot, until the commit that ends it.
    Held = 2,
}

/// An execution to be created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewExecution {
    /// Its identity.
    pub id: ExecutionId,
    /// Its workflow.
    pub workflow_id: Arc<str>,
    /// The version of the workflow that it is pinned to.
    pub workflow_version: u64,
    /// The execution that started it, for a child.
    pub parent: Option<ExecutionId>,
    /// The topmost execution of its tree; itself, if nobody started it. Payloads belong to the root and are deleted with it.
    pub root: ExecutionId,
    /// Opaque to the store (sync, async, fire and forget).
    pub mode: u8,
    /// A second creation with the same workflow and start key creates nothing and names the first.
    pub start_key: Option<Arc<str>>,
    /// Opaque: metadata and trigger data. Written once.
    pub header: Vec<u8>,
    /// When it was created; the order of lists.
    pub created_at: Timestamp,
    /// Who runs it first.
    pub start: Start,
    /// The slot it needs, if any. A child of a holder needs none.
    pub concurrency: Option<Concurrency>,
    /// How many milliseconds after the end of its tree it may be deleted; `None`: never. Only that of the root counts.
    pub retention_ms: Option<u64>,
}

impl NewExecution {
    /// A root execution with an empty header, without start key, limit or retention.
    pub fn new(
        id: ExecutionId,
        workflow_id: impl Into<Arc<str>>,
        workflow_version: u64,
        created_at: Timestamp,
        start: Start,
    ) -> Self {
        NewExecution {
            id,
            workflow_id: workflow_id.into(),
            workflow_version,
            parent: None,
            root: id,
            mode: 0,
            start_key: None,
            header: Vec::new(),
            created_at,
            start,
            concurrency: None,
            retention_ms: None,
        }
    }

    /// The same, as a child of `parent` in the tree of `root`.
    pub fn child_of(mut self, parent: ExecutionId, root: ExecutionId) -> Self {
        self.parent = Some(parent);
        self.root = root;
        self
    }
}

/// The row of an execution. Everything in it is the store's own; what an execution means is in its header and trail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its identity.
    pub id: ExecutionId,
    /// Its workflow.
    pub workflow_id: Arc<str>,
    /// The version it is pinned to.
    pub workflow_version: u64,
    /// The execution that started it.
    pub parent: Option<ExecutionId>,
    /// The topmost execution of its tree.
    pub root: ExecutionId,
    /// Opaque to the store.
    pub mode: u8,
    /// Where it is in its life.
    pub status: Status,
    /// The fencing epoch: one more with every claim.
    pub epoch: u64,
    /// One more than the sequence of the newest entry; 0 before the first.
    pub next_sequence: u64,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it ended.
    pub completed_at: Option<Timestamp>,
    /// The start key it was created with.
    pub start_key: Option<Arc<str>>,
    /// When any worker may claim it: its start, the earliest timer of its open waits, or an answer. `None` while it is claimed,
    /// has ended, or waits without a timer.
    pub ready_at: Option<Timestamp>,
    /// Who advances it now.
    pub claimed_by: Option<WorkerId>,
    /// How often it was taken over from a dead worker since its newest entry.
    pub recoveries: u32,
    /// Its concurrency key and limit.
    pub concurrency: Option<Concurrency>,
    /// Whether it holds or waits for a slot of that key.
    pub slot: Slot,
    /// How long it is kept after the end of its tree, in milliseconds.
    pub retention_ms: Option<u64>,
    /// When its tree may be deleted: set on the root by the commit that ends the last open member.
    pub expires_at: Option<Timestamp>,
    /// Small opaque bytes that the newest delta with a `summary` left (e.g. why it ended, for lists).
    pub summary: Option<Vec<u8>>,
    /// Whether the trail is there; `false` if it was given up at the end.
    pub trail_kept: bool,
    /// Order of creation in this store.
    pub(crate) ordinal: i64,
    /// Unconsumed items of the inbox that are not reports.
    pub(crate) answers: u32,
    /// Unconsumed reports.
    pub(crate) reports: u32,
    /// Open waits.
    pub(crate) open_waits: u32,
}

impl Row {
    pub(crate) fn new(new: &NewExecution, ordinal: i64) -> Row {
        let (ready_at, claimed_by) = match new.start {
            Start::Ready { at } => (Some(at), None),
            Start::Claimed(holder) => (None, Some(holder.worker)),
        };
        Row {
            id: new.id,
            workflow_id: new.workflow_id.clone(),
            workflow_version: new.workflow_version,
            parent: new.parent,
            root: new.root,
            mode: new.mode,
            status: Status::Pending,
            epoch: u64::from(claimed_by.is_some()),
            next_sequence: 0,
            created_at: new.created_at,
            completed_at: None,
            start_key: new.start_key.clone(),
            ready_at,
            claimed_by,
            recoveries: 0,
            concurrency: new.concurrency.clone(),
            slot: Slot::None,
            retention_ms: new.retention_ms,
            expires_at: None,
            summary: None,
            trail_kept: true,
            ordinal,
            answers: 0,
            reports: 0,
            open_waits: 0,
        }
    }

    /// Makes it claimable from `at` on, unless it is claimed or was claimable before.
    pub(crate) fn wake(&mut self, at: Timestamp) {
        if self.claimed_by.is_none() && !self.status.is_ended() {
            self.ready_at = Some(self.ready_at.map_or(at, |ready| ready.min(at)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_keep_their_numbers() {
        for (number, status) in Status::ALL.into_iter().enumerate() {
            assert_eq!(status as usize, number);
            assert_eq!(Status::from_number(number as u8), Some(status));
        }
        assert_eq!(Status::from_number(7), None);
    }

    #[test]
    fn three_statuses_are_open() {
        assert_eq!(Status::ALL.iter().filter(|status| !status.is_ended()).count(), 3);
    }
}
