//! Going on from an earlier execution: its log up to a run is taken over, and from there a new execution goes its own way.

use std::sync::Arc;

use prana_template::{Str, Value};

use crate::compile::CompiledGraph;
use crate::graph::{Context, ExecutionGraph, Mismatch};
use crate::ids::ExecutionId;
use crate::record::{
    Change, Entry, ExecutionChange, ExecutionIndex, Fork, NodeChange, NodeOutcome, Sequence, Started,
};
use crate::time::Timestamp;

/// Where to go on, and how.
#[derive(Debug, Clone)]
pub struct ForkRequest<'a> {
    /// The earlier execution.
    pub from: ExecutionId,
    /// Its log, from the first entry on.
    pub log: &'a [Entry],
    /// The run to begin with; it runs again, what came before it doesn't.
    pub execution_index: ExecutionIndex,
    /// The data that the run gets in the place of its newest input; its earlier data if none.
    pub input: Option<Value>,
    /// True if this node alone is to run.
    pub alone: bool,
}

/// A new execution that has an earlier one's past.
#[derive(Debug)]
pub struct Forked {
    /// The beginning of its log: to be stored before anything that the executor records.
    pub prefix: Vec<Entry>,
    /// The state that the prefix leads to, for [`GraphExecutor::new`](super::GraphExecutor::new).
    pub graph: ExecutionGraph,
    /// The first input: [`Input::Fork`](super::Input::Fork).
    pub fork: Fork,
}

/// Why an execution can't go on from there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ForkError {
    /// The log has no such run.
    #[error("the execution has no run {execution_index}; it has {runs}, counted from 0")]
    NoSuchRun {
        /// What was asked for.
        execution_index: ExecutionIndex,
        /// The number of runs.
        runs: usize,
    },
    /// The version lacks nodes or ports that earlier runs used.
    #[error("this version of the workflow lacks what ran earlier: {}; go on from a run before them, or add them", .0.join(", "))]
    Lacks(Vec<String>),
    /// The nodes are there, and connections between them lead elsewhere.
    #[error(
        "in this version of the workflow the earlier results don't lead to run {execution_index} of `{node}` ({problem}); go on from an earlier run"
    )]
    LeadsElsewhere {
        /// The first run that wouldn't come.
        execution_index: ExecutionIndex,
        /// Its node.
        node: Str,
        /// Why.
        problem: String,
    },
    /// The log is damaged.
    #[error(transparent)]
    Damaged(#[from] Mismatch),
}

/// The number of the run that failed the execution, if one did: where a retry goes on.
pub fn failed_run(log: &[Entry]) -> Option<ExecutionIndex> {
    log.iter().rev().find_map(|entry| match &entry.change {
        Change::Node(change) => {
            matches!(change.outcome, Some(NodeOutcome::Failed(_))).then_some(change.execution_index)
        }
        Change::Execution(_) => None,
    })
}

/// What a fork keeps of a log: everything before the entry that started this run, less ends of the execution; numbered anew.
///
/// # Errors
/// [`ForkError::NoSuchRun`].
pub fn prefix_for(log: &[Entry], execution_index: ExecutionIndex) -> Result<Vec<Entry>, ForkError> {
    let place = log.iter().position(|entry| {
        started(entry).is_some_and(|(change, _)| change.execution_index == execution_index)
    });
    let runs = || log.iter().filter(|entry| started(entry).is_some()).count();
    let place = place.ok_or_else(|| ForkError::NoSuchRun { execution_index, runs: runs() })?;
    let is_end = |entry: &&Entry| matches!(entry.change, Change::Execution(ExecutionChange::Ended { .. }));
    let kept = log[..place].iter().filter(|entry| !is_end(entry));
    Ok(kept.zip(1..).map(|(entry, sequence)| Entry { sequence, ..entry.clone() }).collect())
}

/// Prepares an execution that goes on from an earlier one, on the version of the workflow that is given.
///
/// # Errors
/// [`ForkError`]: the run isn't there, or this version can't go on from there.
///
/// ```
/// use prana_core::executor::{ForkRequest, GraphExecutor, Input, fork_from};
/// use prana_core::testing::{START, create_test_graph, run_to_end};
/// use prana_core::ExecutionId;
/// use prana_template::value;
///
/// let graph = create_test_graph("{id: w, nodes: [{key: start, type: manual.trigger}, {key: end, type: core.no_op}], connections: [start -> end]}", value!(1));
/// let (compiled, context) = (graph.compiled().clone(), graph.context().clone());
/// let earlier = run_to_end(graph);
/// let request = ForkRequest { from: ExecutionId::NIL, log: earlier.log(), execution_index: 1, input: Some(value!(2)), alone: false };
/// let forked = fork_from(&request, compiled, context).unwrap();
/// let mut executor = GraphExecutor::new(forked.graph, START);
/// executor.handle(Input::Fork(forked.fork), START).unwrap();
/// while executor.next().is_some() {}
/// assert_eq!(executor.graph().output(), value!(2));
/// ```
pub fn fork_from(
    request: &ForkRequest<'_>,
    compiled: Arc<CompiledGraph>,
    context: Arc<Context>,
) -> Result<Forked, ForkError> {
    let prefix = prefix_for(request.log, request.execution_index)?;
    let mut begun = request.log.iter().rev().filter_map(started);
    let begun = begun.find(|(change, _)| change.execution_index == request.execution_index);
    let node = begun.map(|(_, started)| started.node_key.clone()).unwrap_or_default();
    let lacking = lacking(&prefix, &node, &compiled);
    if !lacking.is_empty() {
        return Err(ForkError::Lacks(lacking));
    }
    let fork = Fork { from: request.from, node, input: request.input.clone(), alone: request.alone };
    let graph = ExecutionGraph::rebuild(compiled, context, &prefix)
        .map_err(|mismatch| elsewhere(&prefix, mismatch))?;
    let sequence: Sequence = prefix.len() as Sequence + 1;
    let change = Change::Execution(ExecutionChange::Forked(Box::new(fork.clone())));
    let tried = graph.clone().apply(&Entry { sequence, at: Timestamp::default(), change });
    tried.map_err(|mismatch| ForkError::LeadsElsewhere {
        execution_index: request.execution_index,
        node: fork.node.clone(),
        problem: mismatch.problem,
    })?;
    Ok(Forked { prefix, graph, fork })
}

fn started(entry: &Entry) -> Option<(&NodeChange, &Started)> {
    match &entry.change {
        Change::Node(change) => Some((change, change.started.as_ref()?)),
        Change::Execution(_) => None,
    }
}

/// The first run that this version of the workflow doesn't lead to.
fn elsewhere(prefix: &[Entry], mismatch: Mismatch) -> ForkError {
    let entry = prefix.iter().find(|entry| entry.sequence == mismatch.sequence);
    match entry.and_then(started) {
        Some((change, started)) => ForkError::LeadsElsewhere {
            execution_index: change.execution_index,
            node: started.node_key.clone(),
            problem: mismatch.problem,
        },
        None => ForkError::Damaged(mismatch),
    }
}

/// The nodes and ports of earlier runs that this version doesn't have, each once, in order of appearance.
fn lacking(prefix: &[Entry], node: &Str, compiled: &CompiledGraph) -> Vec<String> {
    let mut lacking: Vec<String> = Vec::new();
    let mut lack = |what: String| {
        if !lacking.contains(&what) {
            lacking.push(what);
        }
    };
    let mut nodes: Vec<(ExecutionIndex, Str)> = Vec::new();
    for entry in prefix {
        let Change::Node(change) = &entry.change else { continue };
        if let Some(started) = &change.started {
            nodes.push((change.execution_index, started.node_key.clone()));
            lacking_inputs(started, compiled).into_iter().for_each(&mut lack);
        }
        let Some(NodeOutcome::Completed(completed)) = &change.outcome else { continue };
        let run = nodes.iter().rev().find(|(index, _)| *index == change.execution_index);
        let compiled_node = run.and_then(|(_, key)| Some(compiled.node(compiled.node_id(key)?)));
        if let (Some(node), Some(port)) = (compiled_node, &completed.port)
            && node.output_port(port).is_none()
            && !node.any_output
        {
            lack(format!("the output port `{port}` of `{}`", node.key));
        }
    }
    if compiled.node_id(node).is_none() {
        lack(format!("the node `{node}`"));
    }
    lacking
}

fn lacking_inputs(started: &Started, compiled: &CompiledGraph) -> Vec<String> {
    let key = &started.node_key;
    let Some(id) = compiled.node_id(key) else { return vec![format!("the node `{key}`")] };
    let inputs = &compiled.node(id).inputs;
    let missing = |port: &&str| !inputs.iter().any(|input| *input.name == **port);
    let ports = started.input_from.iter().map(|(port, _)| port).filter(missing);
    ports.map(|port| format!("the input port `{port}` of `{key}`")).collect()
}
