//! Why an execution ended, small enough for lists: kept in its row.

use prana_core::ErrorValue;
use prana_store::{Release, Row, Status};
use serde::{Deserialize, Serialize};

use crate::live::Live;

/// A longer message is cut for lists, in characters.
const MESSAGE: usize = 300;

/// A longer code is cut for lists, in characters.
const CODE: usize = 100;

/// Why an execution ended otherwise than well, as lists tell it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndReason {
    /// The stable code of the error.
    pub code: String,
    /// Its message, or the beginning of a long one.
    pub message: String,
}

impl EndReason {
    /// What a row says; none while the execution goes on, or if it completed.
    pub fn of(row: &Row) -> Option<EndReason> {
        serde_json::from_slice(row.summary.as_deref()?).ok()
    }

    fn from_error(error: &ErrorValue) -> Self {
        let cut = |text: &str, limit: usize| text.chars().take(limit).collect();
        EndReason { code: cut(&error.code, CODE), message: cut(&error.message, MESSAGE) }
    }
}

impl Live {
    /// The reason to keep in the row with the commit that ends the execution.
    pub(crate) fn end_reason(&self, release: Release) -> Option<Vec<u8>> {
        let Release::End { status, .. } = release else { return None };
        let error = self.executor.graph().state().error.as_ref().filter(|_| status != Status::Completed)?;
        serde_json::to_vec(&EndReason::from_error(error)).ok()
    }
}
