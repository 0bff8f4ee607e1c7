//! What the engine tells of executions, after it is durable.

use std::sync::Arc;

use prana_core::execution::Status;
use prana_core::record::{Change, Entry, ExecutionChange, NodeOutcome};
use prana_core::{ExecutionId, Timestamp};
use prana_template::Str;

/// The kinds of event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// An execution began.
    ExecutionStarted,
    /// A wait ended.
    ExecutionResumed,
    /// Nothing can run before something outside happens.
    ExecutionSuspended,
    /// It ended well.
    ExecutionCompleted,
    /// It ended badly; a timeout too.
    ExecutionFailed,
    /// Somebody ended it.
    ExecutionCancelled,
    /// A node run began.
    NodeStarting,
    /// A node run ended well.
    NodeCompleted,
    /// A node run failed, and with it the execution.
    NodeFailed,
    /// An attempt failed, and another follows.
    NodeRetrying,
    /// A node waits.
    NodeSuspended,
    /// A node did not run, or its wait was dropped.
    NodeSkipped,
}

impl EventKind {
    /// The word in documents and streams.
    pub fn as_str(self) -> &'static str {
        match self {
            EventKind::ExecutionStarted => "execution_started",
            EventKind::ExecutionResumed => "execution_resumed",
            EventKind::ExecutionSuspended => "execution_suspended",
            EventKind::ExecutionCompleted => "execution_completed",
            EventKind::ExecutionFailed => "execution_failed",
            EventKind::ExecutionCancelled => "execution_cancelled",
            EventKind::NodeStarting => "node_starting",
            EventKind::NodeCompleted => "node_completed",
            EventKind::NodeFailed => "node_failed",
            EventKind::NodeRetrying => "node_retrying",
            EventKind::NodeSuspended => "node_suspended",
            EventKind::NodeSkipped => "node_skipped",
        }
    }
}

/// Something that happened, and is durable.
#[derive(Debug, Clone)]
pub struct Event {
    /// What.
    pub kind: EventKind,
    /// Its number: never repeats or goes back within an execution.
    pub number: u64,
    /// When.
    pub at: Timestamp,
    /// The execution.
    pub execution_id: ExecutionId,
    /// Its workflow.
    pub workflow_id: Str,
    /// The version it runs.
    pub workflow_version: u64,
    /// The record that says it.
    pub entry: Arc<Entry>,
}

impl Event {
    /// The number of the event that stands at this place (0 or 1) among those that an entry tells of.
    pub(crate) fn number_of(sequence: u64, place: usize) -> u64 {
        sequence * 2 + place as u64
    }

    /// The sequence of the entry that tells of the event with this number.
    pub fn sequence_of(number: u64) -> u64 {
        number / 2
    }
}

/// Hears of what happens. One that fails or panics is logged and hurts nobody.
pub trait Middleware: Send + Sync {
    /// Called with each event, in order, after it is durable.
    fn on_event(&self, event: &Event);
}

/// The kinds of event that an entry tells of, in order: at most a start and an outcome.
pub(crate) fn kinds(entry: &Entry) -> impl Iterator<Item = EventKind> {
    let (first, second) = match &entry.change {
        Change::Execution(change) => (execution_kind(change), None),
        Change::Node(change) => (
            change.started.as_ref().map(|_| EventKind::NodeStarting),
            change.outcome.as_ref().and_then(outcome_kind),
        ),
    };
    first.into_iter().chain(second)
}

fn execution_kind(change: &ExecutionChange) -> Option<EventKind> {
    match change {
        ExecutionChange::Started | ExecutionChange::Forked(_) => Some(EventKind::ExecutionStarted),
        ExecutionChange::Suspended => Some(EventKind::ExecutionSuspended),
        ExecutionChange::Interrupted => None,
        ExecutionChange::Resumed => Some(EventKind::ExecutionResumed),
        ExecutionChange::Ended { status: Status::Completed, .. } => Some(EventKind::ExecutionCompleted),
        ExecutionChange::Ended { status: Status::Cancelled, .. } => Some(EventKind::ExecutionCancelled),
        ExecutionChange::Ended { .. } => Some(EventKind::ExecutionFailed),
    }
}

fn outcome_kind(outcome: &NodeOutcome) -> Option<EventKind> {
    match outcome {
        NodeOutcome::Completed(_) => Some(EventKind::NodeCompleted),
        NodeOutcome::Failed(_) => Some(EventKind::NodeFailed),
        NodeOutcome::AttemptFailed { .. } => Some(EventKind::NodeRetrying),
        NodeOutcome::Suspended(_) => Some(EventKind::NodeSuspended),
        NodeOutcome::Skipped { .. } => Some(EventKind::NodeSkipped),
        NodeOutcome::Resumed(_) | NodeOutcome::ChildEnded(_) | NodeOutcome::Began { .. } => None,
    }
}
