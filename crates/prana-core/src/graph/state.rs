//! The runtime state of one execution: tokens and the activations they make, the latest result of each node, counters.

use std::cmp::Ordering;

use prana_template::{Deferred, Map, Value};
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::compile::{CompiledGraph, NodeId, PortId};
use crate::error::ErrorValue;
use crate::execution::Status;
use crate::loop_path::LoopPath;
use crate::record::{ExecutionIndex, Fork, Sequence};
use crate::suspension::Suspension;
use crate::time::Timestamp;

/// The source of the token that starts an execution: no node run.
pub const TRIGGER: ExecutionIndex = ExecutionIndex::MAX;

/// Data on its way to an input port.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Token {
    /// The run that made it.
    pub source: ExecutionIndex,
    /// The node that made it.
    pub from: NodeId,
    /// The input port it goes to.
    pub port: PortId,
    /// The place of its connection among those of the output port it left by.
    pub order: u32,
    /// True if the data is an error that `on_error` let through.
    pub is_error: bool,
    /// The data, shared.
    pub output: Value,
}

/// Something that the engine can choose to run: a node with the tokens it would consume, or a for_each that is to go on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Activation {
    /// The node.
    pub node: NodeId,
    /// Its newest token's source + 1; for a parked for_each its latest run + 1.
    pub depth: u32,
    /// The place of the newest token's connection.
    pub order: u32,
    /// True for a for_each between two iterations.
    pub parked: bool,
    /// Which iteration of which loops it belongs to.
    pub loop_path: LoopPath,
    /// What it would consume, in order of arrival.
    pub tokens: SmallVec<[Token; 1]>,
}

/// Where an open run is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum OpenStatus {
    /// Asked for; its result is still out.
    Running,
    /// Waiting.
    Suspended(Suspension),
}

/// A node run that has started and not ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OpenRun {
    /// Its number.
    pub execution_index: ExecutionIndex,
    /// Its number among the runs of its node.
    pub run_index: u32,
    /// The node.
    pub node: NodeId,
    /// Which iteration of which loops.
    pub loop_path: LoopPath,
    /// What it consumed.
    pub tokens: SmallVec<[Token; 1]>,
    /// The parameters as rendered.
    pub params: Value,
    /// The templates in them that mention secrets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deferred: Vec<Deferred>,
    /// How many tries have failed.
    pub attempts: u32,
    /// True for a for_each that goes on.
    pub continues: bool,
    /// True if it was parked before anything of it ran: it has no parameters yet.
    #[serde(default)]
    pub parked: bool,
    /// When it started; one that was parked, when it began.
    pub started_at: Timestamp,
    /// Where it is.
    pub status: OpenStatus,
    /// The sub-workflows of this attempt that have ended.
    pub ended_children: Vec<crate::suspension::ChildEnd>,
}

impl OpenRun {
    /// What it waits for, if it waits.
    pub fn suspension(&self) -> Option<&Suspension> {
        match &self.status {
            OpenStatus::Suspended(suspension) => Some(suspension),
            OpenStatus::Running => None,
        }
    }
}

/// The latest completed run of a node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LatestRun {
    /// Its number.
    pub execution_index: ExecutionIndex,
    /// Its number among the runs of the node.
    pub run_index: u32,
    /// The port it left by.
    pub port: Option<PortId>,
    /// What it made; null unless some template reads it.
    pub output: Value,
    /// Which iteration of which loops.
    pub loop_path: LoopPath,
}

/// How many runs of a node have started within one iteration of its innermost for_each.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Count {
    /// The iteration.
    pub loop_path: LoopPath,
    /// The run of the for_each that began it: another start of the for_each gives the same loop path once more.
    pub begun_by: Option<ExecutionIndex>,
    /// The number of runs; those of a for_each that goes on are not counted.
    pub runs: u32,
}

/// What is remembered of a node.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct NodeState {
    /// How many runs have started.
    pub runs: u32,
    /// How many of them have started outside of all for_each loops.
    pub runs_outside: u32,
    /// How many have started in each iteration that is under way, against endless loops.
    pub counts: Vec<Count>,
    /// The latest completed run.
    pub latest: Option<Box<LatestRun>>,
    /// Its own context.
    pub context: Map,
}

/// A for_each between its first item and `done`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ForEachRun {
    /// The for_each.
    pub node: NodeId,
    /// Its own loop path.
    pub loop_path: LoopPath,
    /// The rendered parameters, the collection among them.
    pub params: Value,
    /// The iteration that runs or has just ended.
    pub iteration: u32,
    /// The loop path of that iteration.
    pub iteration_path: LoopPath,
    /// The run that began that iteration.
    pub begun_by: ExecutionIndex,
    /// What `collect` kept of each ended iteration.
    pub results: Vec<Value>,
    /// What came back last in this iteration.
    pub came_back: Value,
    /// True if a break ended it.
    pub broken: bool,
}

/// The runtime state of one execution.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Where the execution is.
    pub status: Status,
    /// The number of the newest entry.
    pub sequence: Sequence,
    /// The time of that entry.
    #[serde(default)]
    pub last_at: Timestamp,
    /// The number that the next run gets.
    pub next_index: ExecutionIndex,
    /// When it started.
    pub started_at: Option<Timestamp>,
    /// Since when it has been running; none while it waits.
    pub running_since: Option<Timestamp>,
    /// How long it ran before that, in milliseconds.
    pub ran_ms: u64,
    /// What can be chosen among: the last is looked at first.
    pub ready: Vec<Activation>,
    /// Runs that have started and not ended.
    pub open: SmallVec<[OpenRun; 1]>,
    /// The for_each nodes under way.
    pub loops: Vec<ForEachRun>,
    /// Per node.
    pub nodes: Vec<NodeState>,
    /// `$execution.state`.
    pub shared: Map,
    /// The output of the node that completed last.
    pub last_output: Value,
    /// The error that ended it.
    pub error: Option<ErrorValue>,
    /// How it goes on from an earlier execution.
    pub fork: Option<Fork>,
    pub(super) budget: super::budget::Budget,
}

impl State {
    pub(super) fn new(nodes: usize) -> Self {
        State {
            status: Status::Pending,
            sequence: 0,
            last_at: Timestamp::default(),
            next_index: 0,
            started_at: None,
            running_since: None,
            ran_ms: 0,
            ready: Vec::new(),
            open: SmallVec::new(),
            loops: Vec::new(),
            nodes: std::iter::repeat_with(NodeState::default).take(nodes).collect(),
            shared: Map::new(),
            last_output: Value::Null,
            error: None,
            fork: None,
            budget: super::budget::Budget::default(),
        }
    }

    /// Milliseconds of running time up to `now`, waits not counted.
    pub fn running_ms(&self, now: Timestamp) -> u64 {
        self.ran_ms + self.running_since.map_or(0, |since| now.millis_since(since))
    }

    /// The for_each under way at this node with this loop path.
    pub fn for_each_run(&self, node: NodeId, loop_path: &LoopPath) -> Option<&ForEachRun> {
        self.loops.iter().rev().find(|run| run.node == node && run.loop_path == *loop_path)
    }

    /// Takes note of a start, for loop protection. What was counted in iterations that are over is forgotten.
    pub(super) fn count_start(&mut self, node: NodeId, loop_path: &LoopPath) {
        let State { loops, nodes, .. } = self;
        let node = &mut nodes[node.index()];
        if loop_path.is_empty() {
            node.runs_outside += 1;
            return;
        }
        node.counts.retain(|count| count.begun_by == begun_by(loops, &count.loop_path));
        match node.counts.iter_mut().find(|count| count.loop_path == *loop_path) {
            Some(count) => count.runs += 1,
            None => {
                let begun_by = begun_by(loops, loop_path);
                node.counts.push(Count { loop_path: loop_path.clone(), begun_by, runs: 1 });
            }
        }
    }

    /// How often a node has started in the iteration with this loop path.
    pub fn starts_in(&self, node: NodeId, loop_path: &LoopPath) -> u32 {
        let node = &self.nodes[node.index()];
        if loop_path.is_empty() {
            return node.runs_outside;
        }
        let begun_by = begun_by(&self.loops, loop_path);
        let of_iteration = |count: &&Count| count.loop_path == *loop_path && count.begun_by == begun_by;
        node.counts.iter().find(of_iteration).map_or(0, |count| count.runs)
    }

    /// True if a run belongs to the iteration with this loop path that is under way, and not to one of an earlier run of its for_each.
    pub(super) fn is_of_iteration(&self, run: &LatestRun, iteration: &LoopPath) -> bool {
        run.loop_path.starts_with(iteration)
            && begun_by(&self.loops, iteration).is_none_or(|begun_by| begun_by < run.execution_index)
    }

    /// Everything that is alive besides the activation at `except`: node and loop path.
    pub(super) fn live(&self, except: usize) -> impl Iterator<Item = (NodeId, &LoopPath)> {
        let waiting = self.ready.iter().enumerate().rev();
        let waiting = waiting.filter(move |(position, _)| *position != except);
        let waiting = waiting.map(|(_, activation)| (activation.node, &activation.loop_path));
        waiting.chain(self.open.iter().map(|run| (run.node, &run.loop_path)))
    }
}

/// The run of the for_each that began the iteration with this loop path; none outside loops.
fn begun_by(loops: &[ForEachRun], loop_path: &LoopPath) -> Option<ExecutionIndex> {
    loops.iter().rev().find(|run| run.iteration_path == *loop_path).map(|run| run.begun_by)
}

impl Activation {
    /// The order of selection: what is greater is looked at first. Depth, then what isn't parked, then fewer dependencies, then
    /// the connection that is written first.
    pub(super) fn compare(&self, other: &Activation, compiled: &CompiledGraph) -> Ordering {
        let dependencies = |activation: &Activation| compiled.node(activation.node).dependencies;
        let by_depth = self.depth.cmp(&other.depth).then_with(|| other.parked.cmp(&self.parked));
        by_depth
            .then_with(|| dependencies(other).cmp(&dependencies(self)))
            .then_with(|| other.order.cmp(&self.order))
    }

    /// The newest token.
    pub fn newest(&self) -> Option<&Token> {
        self.tokens.last()
    }
}
