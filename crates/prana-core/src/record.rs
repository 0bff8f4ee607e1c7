//! The audit trail: an append-only log of what changed, in order.
//!
//! Every stored change takes the next `sequence` of its execution and carries its own time and only what changed. Two folds read
//! the log: [`ExecutionGraph::apply`](crate::graph::ExecutionGraph::apply) makes the runtime state of it, and
//! [`NodeExecution`](crate::execution::NodeExecution)s are made of it for people.
//!
//! This is a recorded format: fields may be added, never removed or given another meaning. `tests/golden` holds it.

use prana_template::{Deferred, Map, Str, Value};
use serde::ser::SerializeStruct;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::error::ErrorValue;
use crate::execution::Status;
use crate::ids::ExecutionId;
use crate::loop_path::LoopPath;
use crate::suspension::Suspension;
use crate::time::Timestamp;

/// Number of an entry in its execution's log, from 1, without gaps.
pub type Sequence = u64;

/// Number of a node run in its execution, from 0, in order of start.
pub type ExecutionIndex = u32;

/// One entry of the log.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Its place in the log.
    pub sequence: Sequence,
    /// When it happened.
    pub at: Timestamp,
    /// What changed.
    pub change: Change,
}

/// What an entry says.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// Something about the execution as a whole.
    Execution(ExecutionChange),
    /// Something about one node run.
    Node(Box<NodeChange>),
}

/// The stored form of an entry: one of `execution` and `node` is there.
#[derive(Deserialize)]
struct StoredEntry {
    seq: Sequence,
    at: Timestamp,
    #[serde(default)]
    execution: Option<ExecutionChange>,
    #[serde(default)]
    node: Option<Box<NodeChange>>,
}

impl Serialize for Entry {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut entry = serializer.serialize_struct("Entry", 3)?;
        entry.serialize_field("seq", &self.sequence)?;
        entry.serialize_field("at", &self.at)?;
        match &self.change {
            Change::Execution(change) => entry.serialize_field("execution", change)?,
            Change::Node(change) => entry.serialize_field("node", change)?,
        }
        entry.end()
    }
}

impl<'de> Deserialize<'de> for Entry {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let stored = StoredEntry::deserialize(deserializer)?;
        let change = match (stored.execution, stored.node) {
            (Some(change), None) => Change::Execution(change),
            (None, Some(change)) => Change::Node(change),
            _ => return Err(serde::de::Error::custom("an entry has either `execution` or `node`")),
        };
        Ok(Entry { sequence: stored.seq, at: stored.at, change })
    }
}

/// A change of the execution as a whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExecutionChange {
    /// It began; its trigger node is activated.
    Started,
    /// Nothing can run before something outside happens.
    Suspended,
    /// A wait ended; it runs again.
    Resumed,
    /// It ended.
    Ended {
        /// completed, failed, cancelled or timeout.
        status: Status,
        /// Why, where no node says it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<Box<ErrorValue>>,
    },
    /// What came before was taken from an earlier execution; this one goes on from there.
    Forked(Box<Fork>),
    /// Nothing ran between the entry before this one and now, since the process was gone: that time is no running time.
    Interrupted,
}

/// How an execution goes on from an earlier one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fork {
    /// The earlier execution.
    pub from: ExecutionId,
    /// The node that runs next.
    pub node: Str,
    /// Its input, if another than the recorded one is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<Value>,
    /// True if this node alone is to run.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub alone: bool,
}

/// A change of one node run. A pure node starts and ends in one entry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NodeChange {
    /// Which run.
    #[serde(rename = "index")]
    pub execution_index: ExecutionIndex,
    /// Present in the first entry of a run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<Started>,
    /// What came of it; absent while it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<NodeOutcome>,
}

/// The beginning of a node run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Started {
    /// The node.
    #[serde(rename = "node")]
    pub node_key: Str,
    /// Which run of this node, from 0.
    #[serde(rename = "run", default)]
    pub run_index: u32,
    /// Which runs fed it, per port.
    #[serde(default, skip_serializing_if = "InputFrom::is_empty")]
    pub input_from: InputFrom,
    /// Which iteration of which loops it belongs to.
    #[serde(default, skip_serializing_if = "LoopPath::is_empty")]
    pub loop_path: LoopPath,
    /// The parameters as rendered; templates that mention secrets as they are written. Null if rendering failed or nothing was rendered.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub params: Value,
    /// Where in the parameters templates stand that mention secrets, with what else they need: they are evaluated for each attempt, outside the core.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deferred: Vec<Deferred>,
    /// True if it was parked before anything of it ran: a person decides whether it begins.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub parked: bool,
}

/// What came of a node run, or of one attempt or wait of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeOutcome {
    /// It completed, and what it made is delivered from `port`.
    Completed(Completed),
    /// It failed, and with it the execution.
    Failed(Box<ErrorValue>),
    /// An attempt failed, and another follows: at once, or after a wait.
    AttemptFailed {
        /// Why.
        error: Box<ErrorValue>,
        /// The time of the next attempt; none if at once.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        wait_till: Option<Timestamp>,
    },
    /// It waits for something outside.
    Suspended(Suspension),
    /// What it waited for came.
    Resumed(Resumed),
    /// One of the sub-workflows that it waits for ended; it may wait for more.
    ChildEnded(Box<crate::suspension::ChildEnd>),
    /// It did not run, or its wait was dropped.
    Skipped {
        /// Why.
        reason: Str,
    },
    /// It was parked before it began, and begins now.
    Began {
        /// The parameters as rendered now; secrets as references.
        #[serde(default, skip_serializing_if = "Value::is_null")]
        params: Value,
        /// The templates in them that mention secrets.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        deferred: Vec<Deferred>,
    },
}

/// The result of a node that completed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Completed {
    /// What it made.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub output: Value,
    /// The port it left by; none for nodes without output ports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<Str>,
    /// Merged (shallow) into the state that all nodes of the execution share.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub state_updates: Map,
    /// Merged (shallow) into the node's own context.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub context_updates: Map,
    /// True if the output is an error that `on_error` let through.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_error: bool,
}

/// How a wait ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Resumed {
    /// What ended it.
    pub by: ResumedBy,
    /// What came with it.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub data: Value,
}

/// What ends a wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResumedBy {
    /// A call from outside: a person or a program.
    Call,
    /// The time it waited for, or its deadline.
    Timer,
    /// A sub-workflow's end.
    Child,
    /// The engine, after a crash left the run in doubt.
    Recovery,
}

/// Which runs fed a node, each with the input port it fed: port by port, in arrival order.
#[derive(Clone, PartialEq, Default)]
pub struct InputFrom(SmallVec<[(Str, ExecutionIndex); 1]>);

impl InputFrom {
    /// True if nothing fed it: a trigger, or a for_each that goes on.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds a source to a port.
    pub fn push(&mut self, port: &Str, source: ExecutionIndex) {
        match self.0.iter().rposition(|(name, _)| name == port) {
            Some(last) if last + 1 < self.0.len() => self.0.insert(last + 1, (port.clone(), source)),
            _ => self.0.push((port.clone(), source)),
        }
    }

    /// The ports with their sources.
    pub fn iter(&self) -> impl Iterator<Item = (&str, SmallVec<[ExecutionIndex; 2]>)> {
        let ports = self.0.chunk_by(|one, next| one.0 == next.0);
        ports.map(|sources| (&*sources[0].0, sources.iter().map(|(_, source)| *source).collect()))
    }

    /// The port and the run, if one run alone fed it.
    pub(crate) fn only(&self) -> Option<&(Str, ExecutionIndex)> {
        match self.0.as_slice() {
            [only] => Some(only),
            _ => None,
        }
    }
}

impl std::fmt::Debug for InputFrom {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl Serialize for InputFrom {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for InputFrom {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let ports = indexmap::IndexMap::<Str, Vec<ExecutionIndex>>::deserialize(deserializer)?;
        let of_port = |(port, sources): (Str, Vec<ExecutionIndex>)| {
            sources.into_iter().map(move |source| (port.clone(), source))
        };
        Ok(InputFrom(ports.into_iter().flat_map(of_port).collect()))
    }
}
