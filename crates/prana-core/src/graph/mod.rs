//! ONE structure: the compiled workflow (immutable, shared) and the runtime state of one execution (small, owned).
//!
//! The runtime state has one writer, [`ExecutionGraph::apply`]: the live engine calls it with each entry it makes, and a
//! rebuild folds the stored entries through the same function. That is why a rebuild is exact.

mod apply;
mod budget;
mod calls;
mod deliver;
mod select;
mod state;

use std::sync::Arc;

use prana_template::{Map, Str, Value};

pub(crate) use self::apply::COLLECTED;
pub use self::apply::Mismatch;
pub use self::state::{
    Activation, Count, ForEachRun, LatestRun, NodeState, OpenRun, OpenStatus, State, TRIGGER, Token,
};
use crate::compile::{CompiledGraph, CompiledNode, NodeId};
use crate::execution::{Header, Status};
use crate::loop_path::LoopPath;
use crate::record::{Entry, ExecutionIndex};
use crate::time::Timestamp;

/// Makes the URL with which a wait can be answered: a pure function of the wait and of the engine's key.
pub type SignResumeUrl = Arc<dyn Fn(&WaitTarget) -> String + Send + Sync>;

/// The one wait that a resume link answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitTarget {
    /// The execution.
    pub execution_id: crate::ids::ExecutionId,
    /// The node that waits.
    pub node_key: Str,
    /// The loop path it will have.
    pub loop_path: LoopPath,
    /// Which of its runs.
    pub run_index: u32,
}

/// What an execution is given from outside, besides time.
#[derive(Clone)]
pub struct Context {
    /// What it was started with.
    pub header: Header,
    /// Makes resume URLs; without it they are null.
    pub sign_resume_url: Option<SignResumeUrl>,
    /// A node's output may be this many bytes of JSON.
    pub max_output_bytes: usize,
    /// Executions may be nested this deep.
    pub max_depth: u32,
}

/// The default of [`Context::max_output_bytes`]: 16 MiB.
pub const MAX_OUTPUT_BYTES: usize = 16 << 20;

/// Data of nodes is nested at most this deep: what is stored around it leaves that much of what a JSON reader takes.
pub const MAX_OUTPUT_DEPTH: u32 = 100;

/// The default of [`Context::max_depth`].
pub const MAX_DEPTH: u32 = 32;

impl Context {
    /// A context with default limits and no resume URLs.
    pub fn new(header: Header) -> Self {
        Context { header, sign_resume_url: None, max_output_bytes: MAX_OUTPUT_BYTES, max_depth: MAX_DEPTH }
    }

    /// For a graph that is never stored: a manual start with this input.
    pub fn detached(compiled: &CompiledGraph, input: Value) -> Self {
        let id = crate::ids::ExecutionId::NIL;
        let trigger = compiled.node(compiled.trigger);
        Context::new(Header {
            id,
            workflow_id: compiled.workflow_id.clone(),
            workflow_version: compiled.workflow_version,
            execution_mode: crate::suspension::ExecutionMode::Sync,
            trigger: trigger.key.clone(),
            trigger_type: trigger.descriptor().type_name.clone(),
            trigger_data: input,
            created_at: Timestamp::default(),
            parent_execution_id: None,
            root_execution_id: id,
            depth: 0,
            metadata: crate::execution::Metadata {
                variables: compiled.variables.clone(),
                ..crate::execution::Metadata::default()
            },
        })
    }
}

/// The runtime state at one entry of the log. A cache: folding the log gives the same.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Snapshot {
    /// The keys of the compiled nodes: numbers of nodes in the state mean these.
    pub nodes: Vec<Str>,
    /// The state.
    pub state: State,
}

/// The compiled workflow and the runtime state of one execution.
#[derive(Clone)]
pub struct ExecutionGraph {
    compiled: Arc<CompiledGraph>,
    context: Arc<Context>,
    state: State,
}

impl ExecutionGraph {
    /// A graph in which nothing has happened yet.
    pub fn new(compiled: Arc<CompiledGraph>, context: Arc<Context>) -> Self {
        let state = State::new(compiled.nodes.len());
        ExecutionGraph { compiled, context, state }
    }

    /// The graph that a whole log leads to.
    ///
    /// # Errors
    /// [`Mismatch`] if the log isn't one of this workflow.
    pub fn rebuild<'a>(
        compiled: Arc<CompiledGraph>,
        context: Arc<Context>,
        log: impl IntoIterator<Item = &'a Entry>,
    ) -> Result<Self, Mismatch> {
        let mut graph = ExecutionGraph::new(compiled, context);
        log.into_iter().try_for_each(|entry| graph.apply(entry))?;
        Ok(graph)
    }

    /// The graph as it was when its state was kept: the state of a rebuild, read instead of folded.
    ///
    /// None if the state isn't one of this workflow as it is compiled now.
    pub fn from_snapshot(
        compiled: Arc<CompiledGraph>,
        context: Arc<Context>,
        snapshot: Snapshot,
    ) -> Option<Self> {
        let fits = snapshot.nodes.iter().eq(compiled.nodes.iter().map(|node| &node.key));
        fits.then(|| ExecutionGraph { compiled, context, state: snapshot.state })
    }

    /// The state, to be kept.
    pub fn snapshot(&self) -> Snapshot {
        let nodes = self.compiled.nodes.iter().map(|node| node.key.clone()).collect();
        Snapshot { nodes, state: self.state.clone() }
    }

    /// The static half.
    pub fn compiled(&self) -> &Arc<CompiledGraph> {
        &self.compiled
    }

    /// What was given from outside.
    pub fn context(&self) -> &Arc<Context> {
        &self.context
    }

    /// The runtime half.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Where the execution is.
    pub fn status(&self) -> Status {
        self.state.status
    }

    /// The output of the node that completed last.
    pub fn output(&self) -> Value {
        self.state.last_output.clone()
    }

    /// The runs that have started and not ended, oldest first.
    pub fn open_runs(&self) -> &[OpenRun] {
        &self.state.open
    }

    /// The open run with this number.
    pub fn open_run(&self, execution_index: ExecutionIndex) -> Option<&OpenRun> {
        self.state.open.iter().find(|run| run.execution_index == execution_index)
    }

    /// True if some run waits.
    pub fn has_waits(&self) -> bool {
        self.state.open.iter().any(|run| run.suspension().is_some())
    }

    /// The earliest time at which a wait ends by itself.
    pub fn next_wake(&self) -> Option<Timestamp> {
        self.state.open.iter().filter_map(|run| run.suspension()?.wait_till()).min()
    }

    /// The keys of the nodes that could run now, in the order in which they would be selected.
    pub fn ready_nodes(&self) -> Vec<Str> {
        let ready = (0..self.state.ready.len()).rev().filter(|position| self.is_ready(*position));
        ready.map(|position| self.node(self.state.ready[position].node).key.clone()).collect()
    }

    /// What the next run of this node would get: per input port the newest data. None if nothing has come for it.
    pub fn node_input(&self, key: &str) -> Option<Map> {
        let node = self.compiled.node_id(key)?;
        let activation = self.state.ready.iter().rev().find(|activation| activation.node == node)?;
        let ports = &self.node(node).inputs;
        let named = activation
            .tokens
            .iter()
            .map(|token| (ports[usize::from(token.port)].name.clone(), token.output.clone()));
        Some(named.collect())
    }

    /// True if a node may run (again): it is about to, or a way leads to it from something alive.
    pub fn can_still_run(&self, key: &str) -> bool {
        let Some(node) = self.compiled.node_id(key) else { return false };
        let topology = &self.compiled.topology;
        let waiting = self.state.ready.iter().map(|activation| activation.node);
        let open =
            self.state.open.iter().flat_map(|run| topology.outgoing(run.node).iter().map(|edge| edge.to));
        topology.reachable(waiting.chain(open), |_| true).contains(node.index())
    }

    /// True if the live data is more than the workflow's `max_memory_mb`.
    pub(crate) fn is_over_budget(&self) -> bool {
        self.state.is_over(self.memory_limit())
    }

    /// The workflow's `max_memory_mb`, in bytes.
    fn memory_limit(&self) -> usize {
        let megabytes = self.compiled.settings.max_memory_mb;
        usize::try_from(megabytes.saturating_mul(1 << 20)).unwrap_or(usize::MAX)
    }

    pub(crate) fn node(&self, id: NodeId) -> &CompiledNode {
        self.compiled.node(id)
    }

    /// The latest completed run of a node, as a template of a node with loop path `from` sees it: inside a for_each, a run of the same
    /// scope counts only if it belongs to the same iteration.
    pub fn latest(&self, node: NodeId, from: &LoopPath) -> Option<&LatestRun> {
        let latest = self.state.nodes[node.index()].latest.as_deref()?;
        for element in from.inside_out() {
            let scope = self.compiled.scope_of(&element.key);
            if scope.is_some_and(|(_, scope)| scope.inside.contains(node.index())) {
                let shared = from.truncated(element.outer().len() + 1);
                return self.state.is_of_iteration(latest, &shared).then_some(latest);
            }
        }
        Some(latest)
    }
}

impl std::fmt::Debug for ExecutionGraph {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ExecutionGraph")
            .field("compiled", &self.compiled)
            .field("state", &self.state)
            .finish()
    }
}
