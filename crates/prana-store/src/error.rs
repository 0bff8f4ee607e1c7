//! What can go wrong between an engine and its store.

use prana_core::ExecutionId;
use thiserror::Error;

use crate::Status;

/// Why a store refused or could not do what was asked. Nothing of a refused call is stored.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The caller does not hold this execution (any more): it was claimed by another, or given up. Forget it.
    #[error("execution {execution} is not held under epoch {epoch} any more (now {current}); forget it")]
    Fenced {
        /// The execution.
        execution: ExecutionId,
        /// The epoch the caller wrote under.
        epoch: u64,
        /// The epoch the execution has.
        current: u64,
    },
    /// The caller's picture of the execution is not the stored one. Load it again.
    #[error("execution {execution} goes on at sequence {current}, not {expected}; load it again")]
    Conflict {
        /// The execution.
        execution: ExecutionId,
        /// What the caller expected the next sequence to be.
        expected: u64,
        /// What it is.
        current: u64,
    },
    /// The delta closes a wait that was answered meanwhile, and does not consume the answer. Load it again; the answer won.
    #[error("wait {wait} of execution {execution} was answered meanwhile; load it again and take the answer")]
    Answered {
        /// The execution.
        execution: ExecutionId,
        /// The `execution_index` of the wait.
        wait: u32,
    },
    /// The execution has ended and takes no more.
    #[error("execution {execution} has ended ({status}) and takes no more changes")]
    Ended {
        /// The execution.
        execution: ExecutionId,
        /// How it ended.
        status: Status,
    },
    /// An execution of this identity is already stored.
    #[error("execution {0} exists already")]
    Exists(ExecutionId),
    /// No such execution.
    #[error("there is no execution {0}")]
    Unknown(ExecutionId),
    /// The tree of this execution has members that have not ended, so it can't be removed.
    #[error("execution {0} has members that have not ended: cancel them, then delete it")]
    Open(ExecutionId),
    /// Too many answers are kept for this execution and none of them was consumed.
    #[error(
        "execution {execution} keeps {limit} answers that no wait has taken; it takes no more until some are used"
    )]
    InboxFull {
        /// The execution.
        execution: ExecutionId,
        /// How many it keeps at most.
        limit: u32,
    },
    /// The catalogue has a newer version than the one the change is based on.
    #[error(
        "{key} is at version {current}, and the change is based on {based_on}; look at the newer one and try again"
    )]
    Outdated {
        /// What was to be changed.
        key: String,
        /// The version the caller knew (0: none).
        based_on: u64,
        /// The version that is stored (0: none).
        current: u64,
    },
    /// The call contradicts itself or the stored state; a mistake of the caller.
    #[error("the store refused the change: {reason}")]
    Invalid {
        /// What is wrong.
        reason: String,
    },
    /// The store can't be reached, or can't write (a full disk, a lost connection). Nothing was acknowledged; it goes on by itself.
    #[error("the store is unavailable: {reason}")]
    Unavailable {
        /// What the operating system or the database said.
        reason: String,
    },
    /// The store can't be opened, for a reason that does not go away by itself.
    #[error("can't open the store: {reason}")]
    CannotOpen {
        /// What is wrong, and what to do.
        reason: String,
    },
}

impl StoreError {
    pub(crate) fn invalid(reason: impl Into<String>) -> Self {
        StoreError::Invalid { reason: reason.into() }
    }

    pub(crate) fn unavailable(reason: impl ToString) -> Self {
        StoreError::Unavailable { reason: reason.to_string() }
    }

    /// Whether the same call may succeed later without any change: the store was not available.
    pub fn is_transient(&self) -> bool {
        matches!(self, StoreError::Unavailable { .. })
    }
}
