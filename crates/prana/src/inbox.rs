//! What others put into an execution's inbox: answers, ends of children, cancellations.

use std::sync::Arc;

use prana_core::executor::Input;
use prana_core::suspension::ChildEnd;
use prana_core::{ExecutionId, Timestamp};
use prana_store::{InboxItem, NewItem, Target};
use prana_template::{Str, Value};
use serde::{Deserialize, Serialize};

use crate::error::EngineError;

/// An item, as its bytes say it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Message {
    /// An answer to a wait.
    Resume {
        /// The answer.
        data: Value,
    },
    /// A child's end.
    ChildEnded(ChildEnd),
    /// Somebody ends the execution.
    Cancel {
        /// Why.
        reason: Str,
    },
}

impl Message {
    fn kind(&self) -> u8 {
        match self {
            Message::Resume { .. } => 1,
            Message::ChildEnded(_) => 2,
            Message::Cancel { .. } => 3,
        }
    }

    /// The item that carries it.
    pub fn to(
        &self,
        execution: ExecutionId,
        target: Target,
        dedupe: Option<Arc<str>>,
        at: Timestamp,
    ) -> Result<NewItem, EngineError> {
        let bytes = serde_json::to_vec(self).map_err(EngineError::encoding)?;
        Ok(NewItem { execution, target, kind: self.kind(), dedupe, bytes, at })
    }

    /// What an item means for the executor; none if it answers a wait that is over.
    pub fn input(item: &InboxItem) -> Result<Option<Input>, EngineError> {
        let message: Message = serde_json::from_slice(&item.bytes).map_err(EngineError::damaged)?;
        Ok(match (message, item.wait) {
            (Message::Resume { data }, Some(execution_index)) => {
                Some(Input::Resume { execution_index, data })
            }
            (Message::Resume { .. }, None) => None,
            (Message::ChildEnded(end), _) => Some(Input::ChildEnded(end)),
            (Message::Cancel { reason }, _) => Some(Input::Cancel { reason }),
        })
    }
}
