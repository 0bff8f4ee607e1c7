//! The node runs of an execution, replayed against the compiled workflow: each consumes what earlier ones handed on.
//!
//! The order is the recorded one; the rules of tokens say which activation a run consumes. Where that engine kept less than happened
//! (two runs of each node of a loop) or ran less often than tokens would (one run for several arrivals), the gap is closed by entries that
//! say so: a run without a record, or a skipped activation.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use prana_core::compile::{CompiledGraph, NodeId, PortId};
use prana_core::execution::Header;
use prana_core::graph::{Activation, Context};
use prana_core::record::{Change, Completed, Entry, ExecutionChange, NodeChange, NodeOutcome, Started};
use prana_core::{ExecutionGraph, Timestamp};
use prana_template::{Map, Value};

use super::history;
use super::legacy::{Legacy, LegacyError, LegacyRun};
use super::loops::LoopFacts;
use super::numbers::Numbers;
use super::report::{Fate, Finding};

pub(super) const NOT_RECORDED: &str = "the engine this came from did not keep the record of this run";
const ONCE_FOR_SEVERAL: &str = "the engine this came from ran this node once for several arrivals";
const NOT_ACTIVE: &str = "this was not about to run in the engine this came from";

type Done<T = ()> = Result<T, LegacyError>;

/// A replay under way.
pub(super) struct Replay<'a> {
    pub legacy: &'a Legacy,
    pub graph: ExecutionGraph,
    pub log: Vec<Entry>,
    pub numbers: Numbers,
    pub findings: Vec<Finding>,
    pub loops: HashMap<NodeId, LoopFacts>,
    /// Per node: how many runs without a record were put in.
    filled: HashMap<NodeId, i64>,
}

impl<'a> Replay<'a> {
    pub fn new(legacy: &'a Legacy, compiled: &Arc<CompiledGraph>, header: Header) -> Self {
        let graph = ExecutionGraph::new(Arc::clone(compiled), Arc::new(Context::new(header)));
        Replay {
            legacy,
            graph,
            log: Vec::new(),
            numbers: Numbers::default(),
            findings: Vec::new(),
            loops: HashMap::new(),
            filled: HashMap::new(),
        }
    }

    /// Replays all runs.
    pub fn all(&mut self) -> Done {
        self.execution(self.legacy.began_at(), ExecutionChange::Started)?;
        (0..self.legacy.runs.len()).try_for_each(|place| self.run(place))
    }

    pub fn compiled(&self) -> Arc<CompiledGraph> {
        Arc::clone(self.graph.compiled())
    }

    pub fn changed(&mut self, about: &str, text: impl Into<String>) {
        let finding = Finding::new(Fate::Changed, about, text);
        if !self.findings.contains(&finding) {
            self.findings.push(finding);
        }
    }

    pub fn execution(&mut self, at: Timestamp, change: ExecutionChange) -> Done {
        self.push(at, Change::Execution(change))
    }

    fn push(&mut self, at: Timestamp, change: Change) -> Done {
        let entry = Entry { sequence: self.graph.state().sequence + 1, at, change };
        self.graph.apply(&entry).map_err(|mismatch| LegacyError::not_possible(mismatch.problem))?;
        self.log.push(entry);
        Ok(())
    }

    fn node(
        &mut self,
        at: Timestamp,
        index: u32,
        started: Option<Started>,
        outcome: Option<NodeOutcome>,
    ) -> Done {
        self.push(at, Change::Node(Box::new(NodeChange { execution_index: index, started, outcome })))
    }

    fn run(&mut self, place: usize) -> Done {
        let run = &self.legacy.runs[place];
        let compiled = self.compiled();
        let missing = || {
            LegacyError::not_possible(format!(
                "the workflow has no node `{}` that its trigger reaches",
                run.node_key
            ))
        };
        let node = compiled.node_id(&run.node_key).ok_or_else(missing)?;
        if compiled.node(node).is_for_each() {
            check_loop_port(run)?;
            self.catch_up(node, place)?;
        }
        if self.newest(node).is_none() && !self.is_superseded(node, place) {
            self.bridge_to(node)?;
        }
        if self.newest(node).is_none() {
            return self.put_apart(node, place);
        }
        self.skip_older(node)?;
        let position = self.newest(node).ok_or_else(missing)?;
        let params = self.params_of(node, place, position);
        let started = self.started(position, params);
        self.record(run, place, node, started)
    }

    fn record(&mut self, run: &LegacyRun, place: usize, node: NodeId, started: Started) -> Done {
        let (begun, outcomes) = history::run_outcomes(self.legacy, run);
        let index = self.graph.state().next_index;
        self.numbers.places.push(Some(place));
        self.node(begun, index, Some(started), None)?;
        for (at, outcome) in outcomes {
            let outcome = self.fitting(node, place, outcome);
            self.node(at, index, None, Some(outcome))?;
        }
        Ok(())
    }

    /// The outcome with a port that the node has here, and with what a for_each keeps.
    fn fitting(&mut self, node: NodeId, place: usize, outcome: NodeOutcome) -> NodeOutcome {
        let NodeOutcome::Completed(mut completed) = outcome else { return outcome };
        let compiled = self.compiled();
        let compiled = compiled.node(node);
        let known = |port: &str| compiled.any_output || compiled.output_port(port).is_some();
        if let Some(port) = completed.port.clone().filter(|port| !known(port)) {
            self.changed(
                &compiled.key,
                format!("it left by the port `{port}`, which it doesn't have here: nothing follows from it"),
            );
            completed.port = None;
        }
        if compiled.is_for_each() {
            completed.context_updates = self.loop_context(node, place);
        }
        NodeOutcome::Completed(completed)
    }

    /// The position in `ready` of the newest activation of a node.
    pub fn newest(&self, node: NodeId) -> Option<usize> {
        self.graph.state().ready.iter().rposition(|activation| activation.node == node)
    }

    /// What the first record of a run says.
    pub fn started(&self, position: usize, params: Value) -> Started {
        self.graph.started(position, params, Vec::new(), false)
    }

    /// One run there is one run here: what else had come for the node is skipped.
    fn skip_older(&mut self, node: NodeId) -> Done {
        while let Some(position) = self.older(node) {
            self.skip(position, ONCE_FOR_SEVERAL)?;
        }
        Ok(())
    }

    fn older(&self, node: NodeId) -> Option<usize> {
        let newest = self.newest(node)?;
        self.graph.state().ready[..newest].iter().position(|other| other.node == node && !other.parked)
    }

    /// Consumes an activation without running it.
    pub fn skip(&mut self, position: usize, reason: &str) -> Done {
        let started = self.started(position, Value::Null);
        let index = self.graph.state().next_index;
        self.numbers.places.push(None);
        let at = self.log.last().map_or_else(|| self.legacy.began_at(), |entry| entry.at);
        self.node(at, index, Some(started), Some(NodeOutcome::Skipped { reason: reason.into() }))
    }

    /// A run that happened and has no record: its output is unknown, unless it is known otherwise.
    pub fn fill(&mut self, position: usize, params: Value, completed: Completed) -> Done {
        let node = self.graph.state().ready[position].node;
        let started = self.started(position, params);
        let index = self.graph.state().next_index;
        self.numbers.places.push(None);
        *self.filled.entry(node).or_default() += 1;
        let at = self.log.last().map_or_else(|| self.legacy.began_at(), |entry| entry.at);
        self.node(at, index, Some(started), Some(NodeOutcome::Completed(completed)))
    }

    /// How many runs of a node have no record there and none here yet.
    fn missing_runs(&self, node: NodeId) -> i64 {
        let key = &self.graph.compiled().node(node).key;
        let first = self.legacy.runs.iter().find(|run| run.node_key == *key);
        first.map_or(0, |run| run.run_index) - self.filled.get(&node).copied().unwrap_or(0)
    }

    /// True if a later run of the node says what can be known of it, or it belongs to an iteration that nobody can name.
    fn is_superseded(&self, node: NodeId, place: usize) -> bool {
        let compiled = self.graph.compiled();
        let key = &compiled.node(node).key;
        let in_for_each = compiled.scopes.iter().any(|scope| scope.inside.contains(node.index()));
        let open = self.legacy.runs[place].is("suspended");
        !open && (in_for_each || self.legacy.runs[place + 1..].iter().any(|run| run.node_key == *key))
    }

    fn put_apart(&mut self, node: NodeId, place: usize) -> Done {
        let run = &self.legacy.runs[place];
        if !self.is_superseded(node, place) {
            let reason = format!(
                "run {} of `{}` can't be placed: by the rules here nothing had come for it",
                run.run_index, run.node_key
            );
            return Err(LegacyError::not_possible(reason));
        }
        self.numbers.apart.push(place);
        let text = format!(
            "run {} has no place in the trail (what led to it was not recorded); it is kept in `metadata.imported`",
            run.run_index
        );
        self.changed(&run.node_key, text);
        Ok(())
    }

    /// In a loop of conditions: puts in the unrecorded runs that lead to a node.
    fn bridge_to(&mut self, target: NodeId) -> Done {
        let Some(way) = self.way_to(target) else { return Ok(()) };
        let compiled = self.compiled();
        for (node, port) in way {
            let Some(position) = self.newest(node) else { return Ok(()) };
            let name = compiled.node(node).outputs[usize::from(port)].clone();
            self.changed(&compiled.node(node).key, format!("{NOT_RECORDED}: its output there is null here"));
            self.fill(position, Value::Null, Completed { port: Some(name), ..Completed::new(Value::Null) })?;
        }
        Ok(())
    }

    /// The shortest way to a node over nodes whose runs are missing, from one that is about to run.
    fn way_to(&self, target: NodeId) -> Option<Vec<(NodeId, PortId)>> {
        let compiled = self.graph.compiled();
        let passable = |node: NodeId| self.missing_runs(node) > 0 && !compiled.node(node).is_for_each();
        let ready = self.graph.state().ready.iter().rev().map(|activation| activation.node);
        let mut queue: VecDeque<NodeId> = ready.filter(|node| *node != target && passable(*node)).collect();
        let mut reached: HashMap<NodeId, Option<(NodeId, PortId)>> =
            queue.iter().map(|node| (*node, None)).collect();
        while let Some(node) = queue.pop_front() {
            for port in 0..compiled.topology.port_count(node) {
                for edge in compiled.topology.edges(node, port) {
                    if edge.to == target {
                        return Some(way_back(&reached, node, port));
                    }
                    if passable(edge.to) && !reached.contains_key(&edge.to) {
                        reached.insert(edge.to, Some((node, port)));
                        queue.push_back(edge.to);
                    }
                }
            }
        }
        None
    }

    /// What is about to run must be what was about to run there.
    pub fn reconcile(&mut self) -> Done {
        let Some(active) = self.legacy.active_nodes.clone() else { return Ok(()) };
        while let Some(position) = self.not_active_there(&active) {
            self.skip(position, NOT_ACTIVE)?;
        }
        self.unfinished_loops(&active);
        active.keys().try_for_each(|key| self.is_active_here(key))
    }

    fn not_active_there(&self, active: &Map) -> Option<usize> {
        let nodes = &self.graph.compiled().nodes;
        let gone = |activation: &Activation| {
            !activation.parked && !active.contains_key(&nodes[activation.node.index()].key)
        };
        self.graph.state().ready.iter().position(gone)
    }

    fn unfinished_loops(&mut self, active: &Map) {
        let compiled = self.compiled();
        let alone = self.graph.state().ready.iter().filter(|activation| activation.parked);
        let keys: Vec<_> = alone.map(|activation| compiled.node(activation.node).key.clone()).collect();
        for key in keys.iter().filter(|key| !active.contains_key(key)) {
            let live = self.graph.open_runs().iter().map(|run| run.node);
            let live = live
                .chain(self.graph.state().ready.iter().filter(|other| !other.parked).map(|other| other.node));
            let inside = |node: NodeId| {
                compiled.scope_of(key).is_some_and(|(_, scope)| scope.inside.contains(node.index()))
            };
            if !live.into_iter().any(inside) {
                self.changed(key, "its body had ended without leading back, which ended the loop there; here it goes on with the next item");
            }
        }
    }

    fn is_active_here(&mut self, key: &str) -> Done {
        let compiled = self.compiled();
        let Some(node) = compiled.node_id(key) else {
            let text = "it was about to run, and the workflow has no such node";
            self.findings.push(Finding::new(Fate::Dropped, key, text));
            return Ok(());
        };
        let open = self.graph.open_runs().iter().any(|run| run.node == node);
        if open || self.newest(node).is_some() {
            return Ok(());
        }
        Err(LegacyError::not_possible(format!(
            "`{key}` was about to run there, and by the rules here nothing has come for it"
        )))
    }
}

/// A for_each goes on to an item or is done; nothing else can follow from it.
fn check_loop_port(run: &LegacyRun) -> Done {
    let port = run.port.as_deref();
    if !run.is("completed") || matches!(port, Some("loop" | "done")) || run.is_redirected_error() {
        return Ok(());
    }
    let reason = format!(
        "run {} of `{}` left by {port:?}, and a for_each leaves by `loop` or `done`",
        run.run_index, run.node_key
    );
    Err(LegacyError::not_possible(reason))
}

fn way_back(
    reached: &HashMap<NodeId, Option<(NodeId, PortId)>>,
    last: NodeId,
    port: PortId,
) -> Vec<(NodeId, PortId)> {
    let mut way = vec![(last, port)];
    let mut node = last;
    while let Some(Some((before, port))) = reached.get(&node) {
        way.push((*before, *port));
        node = *before;
    }
    way.reverse();
    way
}
