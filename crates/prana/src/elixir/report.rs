//! What became of what was handed in.

use serde::Serialize;

/// What became of one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// It is here as it was there.
    Carried,
    /// It is here, and is or does something else.
    Changed,
    /// It is not here, by design.
    Dropped,
    /// It can't be here.
    NotPossible,
}

impl Fate {
    /// For people.
    pub fn as_str(self) -> &'static str {
        match self {
            Fate::Carried => "carried over",
            Fate::Changed => "changed",
            Fate::Dropped => "dropped",
            Fate::NotPossible => "not possible",
        }
    }
}

/// What became of a node, a field, a wait.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Which of the four.
    pub fate: Fate,
    /// What it is about: the key of a node, or a field.
    pub about: String,
    /// What there is to say.
    pub text: String,
}

impl Finding {
    pub(super) fn new(fate: Fate, about: impl Into<String>, text: impl Into<String>) -> Self {
        Finding { fate, about: about.into(), text: text.into() }
    }
}

/// What became of a whole document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It is in the store (or would be).
    Imported,
    /// It is in the store, and something must be mended before it can run.
    Incomplete,
    /// It was in the store before, and is left as it is.
    Exists,
    /// It is not in the store.
    NotPossible,
}

impl Outcome {
    /// For people.
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Imported => "imported",
            Outcome::Incomplete => "imported, not active",
            Outcome::Exists => "was here already",
            Outcome::NotPossible => "not imported",
        }
    }
}

/// A workflow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WorkflowReport {
    /// Its id; its place in the file if it has none.
    pub id: String,
    /// What became of it.
    pub outcome: Outcome,
    /// The version that it is here; none in a dry run.
    pub version: Option<u64>,
    /// Node by node.
    pub findings: Vec<Finding>,
}

/// An execution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExecutionReport {
    /// Its id there.
    pub id: String,
    /// Its id here.
    pub execution_id: Option<prana_core::ExecutionId>,
    /// Its workflow.
    pub workflow_id: String,
    /// Its status here.
    pub status: String,
    /// What became of it.
    pub outcome: Outcome,
    /// Field by field.
    pub findings: Vec<Finding>,
}

/// Everything that was handed in.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Report {
    /// True if nothing was stored.
    pub dry_run: bool,
    /// In the order in which they were handed in.
    pub workflows: Vec<WorkflowReport>,
    /// Parents first.
    pub executions: Vec<ExecutionReport>,
}
