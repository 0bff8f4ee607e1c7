//! What a node waits for: the minimal, typed structure, and nothing else.

use prana_template::{Str, Value};
use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// What a suspended node waits for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Suspension {
    /// Somebody's answer, until a deadline.
    Webhook {
        /// The deadline.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        wait_till: Option<Timestamp>,
    },
    /// A length of time.
    Interval {
        /// When it is over.
        wait_till: Timestamp,
    },
    /// A point in time.
    Schedule {
        /// Which.
        wait_till: Timestamp,
    },
    /// Another workflow's end.
    SubWorkflow {
        /// Which workflow.
        sub_workflow_id: Str,
        /// How it runs.
        execution_mode: ExecutionMode,
    },
    /// The next attempt.
    Retry {
        /// When it is due.
        wait_till: Timestamp,
    },
    /// A person's word: `{decision: retry, skip, fail or cancel, output?}`.
    Decision {
        /// Why a person is asked, where the node's settings don't say it: it was parked.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<Str>,
    },
}

impl Suspension {
    /// The moment at which the wait ends by itself, if there is one.
    pub fn wait_till(&self) -> Option<Timestamp> {
        match self {
            Suspension::Webhook { wait_till } => *wait_till,
            Suspension::Interval { wait_till }
            | Suspension::Schedule { wait_till }
            | Suspension::Retry { wait_till } => Some(*wait_till),
            Suspension::SubWorkflow { .. } | Suspension::Decision { .. } => None,
        }
    }

    /// The word in the `type` field.
    pub fn type_name(&self) -> &'static str {
        match self {
            Suspension::Webhook { .. } => "webhook",
            Suspension::Interval { .. } => "interval",
            Suspension::Schedule { .. } => "schedule",
            Suspension::SubWorkflow { .. } => "sub_workflow",
            Suspension::Retry { .. } => "retry",
            Suspension::Decision { .. } => "decision",
        }
    }
}

/// How an execution was started, and how a sub-workflow relates to its parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExecutionMode {
    /// The caller waits for the result.
    #[default]
    Sync,
    /// Queued; a parent is resumed when it ends.
    Async,
    /// Queued; nobody waits.
    FireAndForget,
}

impl ExecutionMode {
    /// The word in documents and records.
    pub fn as_str(self) -> &'static str {
        match self {
            ExecutionMode::Sync => "sync",
            ExecutionMode::Async => "async",
            ExecutionMode::FireAndForget => "fire_and_forget",
        }
    }
}

/// The end of a sub-workflow, as its parent sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChildEnd {
    /// The run of the parent that waits.
    pub execution_index: u32,
    /// Which item of a batch.
    pub item: u32,
    /// The child.
    pub execution_id: crate::ids::ExecutionId,
    /// How it ended.
    pub status: crate::execution::Status,
    /// Its output, if it completed.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub output: Value,
    /// Its error, if it didn't.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<crate::error::ErrorValue>,
}
