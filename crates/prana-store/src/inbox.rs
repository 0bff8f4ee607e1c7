//! The inbox of an execution: what came from outside and has not been consumed by a delta.

use std::sync::Arc;

use prana_core::{ExecutionId, Timestamp};

use crate::{Status, WorkerId};

/// Number of an item in a store; later items have greater numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InboxId(pub i64);

/// What in the execution an item is for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// The execution itself (cancel, decide about a parked one). It always wakes; out of the queue for a slot, too.
    Execution,
    /// One answer for a node: its oldest open wait that has none, else its next wait. Each delivery is a new answer.
    Node(Arc<str>),
    /// The answer for one node execution. Only the first counts.
    Index(u32),
    /// The answer for the run that a link was made for. Only the first counts.
    Token {
        /// The node.
        node_key: Arc<str>,
        /// The iteration it will be in.
        loop_path: Arc<str>,
        /// The run it will be.
        run_index: u32,
    },
    /// A report for the wait of one node execution, which takes any number of them (the end of a child).
    Report(u32),
}

/// An item to be delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewItem {
    /// Whose inbox.
    pub execution: ExecutionId,
    /// What it is for.
    pub target: Target,
    /// Opaque to the store (resume, child, cancel, decision).
    pub kind: u8,
    /// A second item of this execution with the same key is not stored and gets the first one's answer.
    pub dedupe: Option<Arc<str>>,
    /// Opaque.
    pub bytes: Vec<u8>,
    /// When it came; it makes a suspended execution ready from then on.
    pub at: Timestamp,
}

/// An item as handed to the holder of the execution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboxItem {
    /// Its number, to be named in [`Delta::inbox_consumed`](crate::Delta::inbox_consumed).
    pub id: InboxId,
    /// What it was sent to.
    pub target: Target,
    /// The `execution_index` of the open wait that it answers or reports to; `None` for one to the execution itself.
    pub wait: Option<u32>,
    /// Opaque to the store.
    pub kind: u8,
    /// Opaque.
    pub bytes: Vec<u8>,
    /// When it came.
    pub at: Timestamp,
}

/// What became of an item that was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Answer {
    /// Its wait was open (or it was for the execution itself): the execution was woken.
    Resumed = 1,
    /// Its wait was not open yet: it is kept until it is.
    Kept = 2,
}

/// The store's answer to a delivery. It is given after the item is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivered {
    /// Stored, and its wait is open. Without an owner the execution is now ready to be claimed; an owner sees the item with its next
    /// commit or heartbeat, whichever is first (and at once, if someone tells it).
    Resumed {
        /// The item's number.
        id: InboxId,
        /// Who advances the execution now.
        owner: Option<WorkerId>,
    },
    /// Stored; handed out in the commit that opens its wait.
    Kept {
        /// The item's number.
        id: InboxId,
    },
    /// Not stored: the dedupe key was used before, and this was the answer then.
    Duplicate {
        /// The answer to the first.
        first: Answer,
    },
    /// Not stored: its wait has had its answer, or is over.
    Used,
    /// Not stored: the execution has ended.
    Ended {
        /// How it ended.
        status: Status,
    },
    /// Not stored: there is no such execution.
    Unknown,
}

impl Target {
    /// Whether this is an answer that `node_key`, `loop_path`, `run_index` and `index` of a wait fit.
    pub(crate) fn fits(&self, wait: &crate::NewWait) -> bool {
        match self {
            Target::Execution | Target::Report(_) => false,
            Target::Node(key) => *key == wait.node_key,
            Target::Index(index) => *index == wait.execution_index,
            Target::Token { node_key, loop_path, run_index } => {
                *node_key == wait.node_key && *loop_path == wait.loop_path && *run_index == wait.run_index
            }
        }
    }

    /// Whether only the first item with this target counts.
    pub(crate) fn is_single(&self) -> bool {
        matches!(self, Target::Index(_) | Target::Token { .. })
    }
}
