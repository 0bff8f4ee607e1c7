//! The persistent result of a run: metadata and the audit trail. Nothing in it is runtime state, nothing in it is derivable.

use prana_template::{Map, Str, Value};
use serde::{Deserialize, Serialize};

use crate::error::ErrorValue;
use crate::graph::State;
use crate::ids::ExecutionId;
use crate::loop_path::LoopPath;
use crate::record::{Change, Entry, ExecutionChange, ExecutionIndex, InputFrom, NodeOutcome, Resumed};
use crate::suspension::{ExecutionMode, Suspension};
use crate::time::Timestamp;

/// The number of the rules by which executions started today run. Pinned in each execution for its life.
pub const SEMANTICS: u32 = 1;

/// Where an execution is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Created, not begun. Left when a worker takes it.
    #[default]
    Pending,
    /// A worker runs it.
    Running,
    /// It waits for something outside, and is not in memory.
    Suspended,
    /// It ended well.
    Completed,
    /// A node's error ended it, or a budget was passed.
    Failed,
    /// Somebody ended it.
    Cancelled,
    /// Its running time was used up.
    Timeout,
}

impl Status {
    /// True for the four states that nothing leaves.
    pub fn is_ended(self) -> bool {
        matches!(self, Status::Completed | Status::Failed | Status::Cancelled | Status::Timeout)
    }

    /// The word in documents and records.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Pending => "pending",
            Status::Running => "running",
            Status::Suspended => "suspended",
            Status::Completed => "completed",
            Status::Failed => "failed",
            Status::Cancelled => "cancelled",
            Status::Timeout => "timeout",
        }
    }
}

/// What an execution was started with. Stored once, at its creation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// Its identity.
    pub id: ExecutionId,
    /// The workflow.
    pub workflow_id: Str,
    /// The version of the workflow that it runs, pinned.
    pub workflow_version: u64,
    /// Who waits for it.
    pub execution_mode: ExecutionMode,
    /// The key of the trigger node it starts at.
    pub trigger: Str,
    /// The type of that trigger.
    pub trigger_type: Str,
    /// The input.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub trigger_data: Value,
    /// When it was created.
    pub created_at: Timestamp,
    /// The execution whose node waits for this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_execution_id: Option<ExecutionId>,
    /// The first execution of the family; its own id if it has no parent.
    pub root_execution_id: ExecutionId,
    /// How many parents are above it.
    #[serde(default)]
    pub depth: u32,
    /// Variables, environment and preparation as given at the start.
    #[serde(default)]
    pub metadata: Metadata,
}

/// What was given at the start besides the input.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Metadata {
    /// `$vars`: the workflow's variables with what the caller put over them.
    #[serde(default)]
    pub variables: Map,
    /// `$env`.
    #[serde(default)]
    pub environment: Map,
    /// `$execution.preparation`.
    #[serde(default)]
    pub preparation: Map,
    /// The number of the rules it runs by.
    #[serde(default = "current_semantics")]
    pub semantics: u32,
    /// For a child: which run of the parent, which item.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<ParentRef>,
    /// Its own limit of running time in milliseconds, if the caller set one (a parent's `timeout_ms`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// True in a test run, which uses pinned data.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub test_run: bool,
    /// In a run up to a node: that node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Str>,
    /// The place in a trace that the caller named (`traceparent`, W3C Trace Context): the execution goes on with that trace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<Str>,
    /// Of an execution that another engine began: what that engine kept of it and the trail here can't say.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub imported: Value,
}

fn current_semantics() -> u32 {
    SEMANTICS
}

impl Default for Metadata {
    fn default() -> Self {
        Metadata {
            variables: Map::new(),
            environment: Map::new(),
            preparation: Map::new(),
            semantics: SEMANTICS,
            parent: None,
            timeout_ms: None,
            test_run: false,
            until: None,
            traceparent: None,
            imported: Value::Null,
        }
    }
}

/// The place of a child in its parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParentRef {
    /// The parent's node run.
    pub execution_index: ExecutionIndex,
    /// The item of its batch.
    pub item: u32,
}

/// Where a node run is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeStatus {
    /// Started, not ended.
    Running,
    /// Ended well (or its error was let through by `on_error`).
    Completed,
    /// Ended by an error that ended the execution.
    Failed,
    /// Waiting.
    Suspended,
    /// It did not run, or its wait was dropped.
    Skipped,
}

impl NodeStatus {
    /// The word in documents and records.
    pub fn as_str(self) -> &'static str {
        match self {
            NodeStatus::Running => "running",
            NodeStatus::Completed => "completed",
            NodeStatus::Failed => "failed",
            NodeStatus::Suspended => "suspended",
            NodeStatus::Skipped => "skipped",
        }
    }
}

/// A failed try.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// When it failed.
    pub at: Timestamp,
    /// Why.
    pub error: ErrorValue,
}

/// One node run, as the newest versions of its record tell it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NodeExecution {
    /// The node.
    pub node_key: Str,
    /// Its number in the execution, in order of start.
    pub execution_index: ExecutionIndex,
    /// Its number among the runs of this node.
    pub run_index: u32,
    /// Where it is.
    pub status: NodeStatus,
    /// When it started.
    pub started_at: Timestamp,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<Timestamp>,
    /// Which runs fed it, per port.
    pub input_from: InputFrom,
    /// The parameters as rendered.
    pub params: Value,
    /// What it made.
    pub output: Value,
    /// The port it left by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_port: Option<Str>,
    /// Why it failed; for a skipped one the reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorValue>,
    /// What it waits or waited for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspension: Option<Suspension>,
    /// How its last wait ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resumed: Option<ResumedAt>,
    /// Each failed try.
    pub attempts: Vec<Attempt>,
    /// Which iteration of which loops.
    pub loop_path: LoopPath,
    /// What it changed in the shared state.
    pub state_updates: Map,
    /// What it changed in its own context.
    pub context_updates: Map,
}

/// How and when a wait ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ResumedAt {
    /// When.
    pub at: Timestamp,
    /// By what, and what came with it.
    #[serde(flatten)]
    pub resumed: Resumed,
}

/// An execution with its audit trail.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Execution {
    /// Its identity.
    pub id: ExecutionId,
    /// The workflow.
    pub workflow_id: Str,
    /// The version it runs.
    pub workflow_version: u64,
    /// Where it is.
    pub status: Status,
    /// When its trigger ran.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub completed_at: Option<Timestamp>,
    /// Whose node waits for it.
    pub parent_execution_id: Option<ExecutionId>,
    /// The first of the family.
    pub root_execution_id: ExecutionId,
    /// Who waits for it.
    pub execution_mode: ExecutionMode,
    /// The type of the trigger.
    pub trigger_type: Str,
    /// The input.
    pub trigger_data: Value,
    /// The audit trail, by `execution_index`.
    #[serde(skip)]
    pub node_executions: Vec<NodeExecution>,
    /// The number that the next node run will get.
    pub current_execution_index: ExecutionIndex,
    /// What was given at the start, and `end_reason` where no node ended it.
    pub metadata: Value,
    /// Why it ended, where no node says it.
    #[serde(skip)]
    pub end_reason: Option<ErrorValue>,
    #[serde(skip)]
    last_completed: Option<usize>,
    #[serde(skip)]
    failed: Option<usize>,
}

impl Execution {
    /// An execution that has only been created.
    pub fn new(header: &Header) -> Self {
        Execution {
            id: header.id,
            workflow_id: header.workflow_id.clone(),
            workflow_version: header.workflow_version,
            status: Status::Pending,
            started_at: None,
            completed_at: None,
            parent_execution_id: header.parent_execution_id,
            root_execution_id: header.root_execution_id,
            execution_mode: header.execution_mode,
            trigger_type: header.trigger_type.clone(),
            trigger_data: header.trigger_data.clone(),
            node_executions: Vec::new(),
            current_execution_index: 0,
            metadata: to_value(&header.metadata),
            end_reason: None,
            last_completed: None,
            failed: None,
        }
    }

    /// The execution that a whole log tells of.
    pub fn from_log<'a>(header: &Header, log: impl IntoIterator<Item = &'a Entry>) -> Self {
        let mut execution = Execution::new(header);
        for entry in log {
            execution.fold(entry);
        }
        execution
    }

    /// The execution at a state that its log leads to, without its node runs.
    pub fn at(header: &Header, state: &State) -> Self {
        Execution {
            status: state.status,
            started_at: state.started_at,
            current_execution_index: state.next_index,
            ..Execution::new(header)
        }
    }

    /// Takes one more entry in. Entries come in order of `sequence`.
    pub fn fold(&mut self, entry: &Entry) {
        match &entry.change {
            Change::Execution(change) => self.fold_execution(entry.at, change),
            Change::Node(change) => {
                let position = change.execution_index as usize;
                if let Some(started) = &change.started {
                    self.current_execution_index = change.execution_index + 1;
                    let run = NodeExecution::begin(change.execution_index, entry.at, started);
                    self.node_executions.truncate(position);
                    self.node_executions.push(run);
                }
                if let (Some(outcome), Some(run)) = (&change.outcome, self.node_executions.get_mut(position))
                {
                    run.fold(entry.at, outcome);
                    match run.status {
                        NodeStatus::Completed => self.last_completed = Some(position),
                        NodeStatus::Failed => self.failed = Some(position),
                        _ => {}
                    }
                }
            }
        }
    }

    fn fold_execution(&mut self, at: Timestamp, change: &ExecutionChange) {
        match change {
            ExecutionChange::Started => {
                self.status = Status::Running;
                self.started_at = Some(at);
            }
            ExecutionChange::Suspended => self.status = Status::Suspended,
            ExecutionChange::Resumed | ExecutionChange::Interrupted => self.status = Status::Running,
            ExecutionChange::Ended { status, reason } => {
                self.status = *status;
                self.completed_at = Some(at);
                self.end_reason = reason.as_deref().cloned();
                if let (Some(reason), Value::Map(metadata)) = (reason, &mut self.metadata) {
                    metadata.insert("end_reason", reason.to_value());
                }
            }
            ExecutionChange::Forked(_) => {
                self.status = Status::Running;
                self.completed_at = None;
            }
        }
    }

    /// The output of the node that completed last; null if none did.
    pub fn output(&self) -> Value {
        let last = self.last_completed.and_then(|position| self.node_executions.get(position));
        last.map_or(Value::Null, |run| run.output.clone())
    }

    /// The error of the node that failed the execution, or the reason for which it ended where no node did.
    pub fn error(&self) -> Option<&ErrorValue> {
        let failed = self.failed.and_then(|position| self.node_executions.get(position));
        self.end_reason.as_ref().or_else(|| failed.and_then(|run| run.error.as_ref()))
    }

    /// The oldest node run that still waits.
    pub fn suspended_node_execution(&self) -> Option<&NodeExecution> {
        self.node_executions.iter().find(|run| run.status == NodeStatus::Suspended)
    }

    /// What the oldest wait waits for.
    pub fn suspension_data(&self) -> Option<&Suspension> {
        self.suspended_node_execution().and_then(|run| run.suspension.as_ref())
    }
}

impl NodeExecution {
    fn begin(execution_index: ExecutionIndex, at: Timestamp, started: &crate::record::Started) -> Self {
        NodeExecution {
            node_key: started.node_key.clone(),
            execution_index,
            run_index: started.run_index,
            status: NodeStatus::Running,
            started_at: at,
            completed_at: None,
            input_from: started.input_from.clone(),
            params: started.params.clone(),
            output: Value::Null,
            output_port: None,
            error: None,
            suspension: None,
            resumed: None,
            attempts: Vec::new(),
            loop_path: started.loop_path.clone(),
            state_updates: Map::new(),
            context_updates: Map::new(),
        }
    }

    fn fold(&mut self, at: Timestamp, outcome: &NodeOutcome) {
        match outcome {
            NodeOutcome::Completed(completed) => {
                self.end(NodeStatus::Completed, at);
                self.output = completed.output.clone();
                self.output_port.clone_from(&completed.port);
                self.state_updates = completed.state_updates.clone();
                self.context_updates = completed.context_updates.clone();
            }
            NodeOutcome::Failed(error) => {
                self.end(NodeStatus::Failed, at);
                self.error = Some((**error).clone());
            }
            NodeOutcome::AttemptFailed { error, wait_till } => {
                self.attempts.push(Attempt { at, error: (**error).clone() });
                if let Some(wait_till) = wait_till {
                    self.status = NodeStatus::Suspended;
                    self.suspension = Some(Suspension::Retry { wait_till: *wait_till });
                }
            }
            NodeOutcome::Suspended(suspension) => {
                self.status = NodeStatus::Suspended;
                self.suspension = Some(suspension.clone());
            }
            NodeOutcome::Resumed(resumed) => {
                self.status = NodeStatus::Running;
                self.resumed = Some(ResumedAt { at, resumed: resumed.clone() });
            }
            NodeOutcome::ChildEnded(_) => {}
            NodeOutcome::Began { params, .. } => self.params = params.clone(),
            NodeOutcome::Skipped { reason } => {
                self.end(NodeStatus::Skipped, at);
                self.error = Some(ErrorValue::new("node.skipped", reason.to_string()));
            }
        }
    }

    fn end(&mut self, status: NodeStatus, at: Timestamp) {
        self.status = status;
        self.completed_at = Some(at);
    }
}

/// Plain data as a [`Value`]. Null for what JSON can't say.
pub(crate) fn to_value(data: &impl Serialize) -> Value {
    serde_json::to_value(data).map(Value::from).unwrap_or_default()
}
