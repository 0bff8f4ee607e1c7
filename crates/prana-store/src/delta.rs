//! The delta: all that one turn of an execution changes, committed as one or not at all.

use std::sync::Arc;

use prana_core::{ExecutionId, Timestamp};

use crate::{Delivered, InboxId, InboxItem, ItemChange, NewExecution, NewItem, NewWait, Status};

/// Content hash of a payload. The store compares it and nothing else.
pub type Hash = [u8; 32];

/// One entry of the audit trail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEntry {
    /// Its place in the trail: unique in the execution and growing.
    pub sequence: u64,
    /// The node execution it tells of, if one.
    pub execution_index: Option<u32>,
    /// The node, if one.
    pub node_key: Option<Arc<str>>,
    /// When it happened.
    pub at: Timestamp,
    /// Opaque to the store.
    pub kind: u8,
    /// Opaque: the record.
    pub bytes: Vec<u8>,
}

/// A large value, stored once per tree of executions and referred to by its hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payload {
    /// The name by which entries refer to it.
    pub hash: Hash,
    /// Opaque.
    pub bytes: Vec<u8>,
}

/// A cached fold of the trail. Only the newest of an execution is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The sequence of the first entry that is not in it.
    pub next_sequence: u64,
    /// Opaque.
    pub bytes: Vec<u8>,
}

/// What becomes of the claim with this delta, and so of the status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Release {
    /// The holder goes on; the status is `Running`.
    #[default]
    Keep,
    /// The holder gives it up, unless an item for an open wait or for the execution itself is in the inbox: then the claim stays and
    /// [`Committed::inbox`] has the items. Given up, it is ready again when the earliest `wake_at` of its open waits is due or such an
    /// item comes. The status is `Suspended`.
    Suspend,
    /// The holder gives it up and any worker may go on; the status stays (shutdown, yielding).
    Ready {
        /// The earliest time of the next claim.
        at: Timestamp,
    },
    /// It is over: waits and unconsumed items are dropped, its slot is freed, and it takes no further delta.
    End {
        /// Completed, Failed, Cancelled or Timeout.
        status: Status,
        /// `false` drops its entries, snapshot and (if its tree is itself alone) payloads.
        keep_trail: bool,
    },
}

/// What one turn of an execution changes. All of it is stored, or nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delta {
    /// Whose turn.
    pub execution: ExecutionId,
    /// The epoch of the caller's claim; else [`Fenced`](crate::StoreError::Fenced). Not looked at with `create`.
    pub epoch: u64,
    /// The row's `next_sequence` as the caller knows it; else [`Conflict`](crate::StoreError::Conflict). Not looked at with `create`.
    pub expected_sequence: u64,
    /// The time of the turn: when it ended, if it ends.
    pub at: Timestamp,
    /// Creates the execution first. With [`Start::Ready`](crate::Start::Ready) or a concurrency limit the delta holds nothing else.
    pub create: Option<NewExecution>,
    /// Appended to the trail; sequences grow and start at `expected_sequence` or above.
    pub entries: Vec<StoredEntry>,
    /// Inserted where absent.
    pub payloads: Vec<Payload>,
    /// Replaces the earlier one.
    pub snapshot: Option<Snapshot>,
    /// Waits that are over: by their timer, or by the item consumed here. Refused with [`Answered`](crate::StoreError::Answered) if
    /// one has an answer that this delta does not consume: the answer was first.
    pub waits_closed: Vec<u32>,
    /// Waits that nobody waits for any more (a break, a stop). An answer bound to one goes to the node's next wait, or nowhere.
    pub waits_dropped: Vec<u32>,
    /// Opened after those are closed.
    pub waits_opened: Vec<NewWait>,
    /// Items that this turn used up.
    pub inbox_consumed: Vec<InboxId>,
    /// Executions to create.
    pub children: Vec<NewExecution>,
    /// Items for other executions, delivered in the same transaction.
    pub reports: Vec<NewItem>,
    /// An item of the catalogue that changes in the same transaction; refused with [`Outdated`](crate::StoreError::Outdated) as a whole if
    /// it isn't at the version that the change is based on.
    pub item: Option<Box<ItemChange>>,
    /// Replaces the row's summary; at most 4 KiB.
    pub summary: Option<Vec<u8>>,
    /// What becomes of the claim.
    pub release: Release,
}

impl Delta {
    /// An empty turn of an execution that the caller holds.
    pub fn new(execution: ExecutionId, epoch: u64, expected_sequence: u64, at: Timestamp) -> Self {
        Delta {
            execution,
            epoch,
            expected_sequence,
            at,
            create: None,
            entries: Vec::new(),
            payloads: Vec::new(),
            snapshot: None,
            waits_closed: Vec::new(),
            waits_dropped: Vec::new(),
            waits_opened: Vec::new(),
            inbox_consumed: Vec::new(),
            children: Vec::new(),
            reports: Vec::new(),
            item: None,
            summary: None,
            release: Release::Keep,
        }
    }

    /// The first turn of a new execution; entries and the rest may be added.
    pub fn create(new: NewExecution) -> Self {
        let empty = Delta::new(new.id, 0, 0, new.created_at);
        Delta { create: Some(new), ..empty }
    }
}

/// What a committed delta answers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Committed {
    /// The epoch to go on under.
    pub epoch: u64,
    /// The start key was used before: nothing was stored, and this is the execution it started.
    pub existing: Option<ExecutionId>,
    /// The creation waits for a slot: it will be ready for any worker when one is free, also if it asked to be claimed.
    pub queued: bool,
    /// Whether the caller still holds the execution.
    pub kept: bool,
    /// Items for open waits and for the execution itself that are not consumed, in order of arrival (of reports at most 256 at a
    /// time). An item is handed out again with every commit until one consumes it. Empty after the end.
    pub inbox: Vec<InboxItem>,
    /// What became of each of `reports`, in their order.
    pub delivered: Vec<Delivered>,
    /// Whether the commit made any execution ready to be claimed (a child, a reported parent, the next in a queue).
    pub woke: bool,
}
