//! The one writer of runtime state.

use prana_template::{Map, Str, Value};
use smallvec::SmallVec;

use super::ExecutionGraph;
use super::calls::input_from;
use super::deliver::Delivery;
use super::state::{Activation, ForEachRun, LatestRun, OpenRun, OpenStatus, State, TRIGGER, Token};
use crate::compile::{CompiledGraph, CompiledNode, DONE, LOOP, NodeId, PortId};
use crate::error::ErrorValue;
use crate::execution::Status;
use crate::loop_path::LoopPath;
use crate::record::{
    Change, Completed, Entry, ExecutionChange, ExecutionIndex, Fork, NodeChange, NodeOutcome, Started,
};
use crate::suspension::Suspension;
use crate::time::Timestamp;

/// An entry that can't follow what came before: it belongs to another workflow, or the log is damaged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("entry {sequence} doesn't fit this execution: {problem}")]
pub struct Mismatch {
    /// The entry.
    pub sequence: u64,
    /// Why.
    pub problem: String,
}

type Applied = Result<(), String>;

impl ExecutionGraph {
    /// Takes one entry into the runtime state. Entries come in order of `sequence`, without gaps.
    ///
    /// # Errors
    /// [`Mismatch`] if the entry can't follow; the state is then not to be used any more.
    pub fn apply(&mut self, entry: &Entry) -> Result<(), Mismatch> {
        let applied = if entry.sequence == self.state.sequence + 1 {
            self.state.sequence = entry.sequence;
            let applied = self.apply_change(entry.at, &entry.change);
            self.state.last_at = entry.at;
            applied
        } else {
            Err(format!("it should be number {}", self.state.sequence + 1))
        };
        applied.map_err(|problem| Mismatch { sequence: entry.sequence, problem })
    }

    fn apply_change(&mut self, at: Timestamp, change: &Change) -> Applied {
        match change {
            Change::Execution(change) => self.apply_execution(at, change),
            Change::Node(change) => self.apply_node(at, change),
        }
    }

    fn apply_node(&mut self, at: Timestamp, change: &NodeChange) -> Applied {
        let execution_index = change.execution_index;
        let Some(started) = &change.started else { return self.apply_later(at, change) };
        let activation = self.start(execution_index, started)?;
        if let Some(NodeOutcome::Completed(completed)) = &change.outcome {
            let (node, loop_path) = (activation.node, &activation.loop_path);
            let run_index = started.run_index;
            let run = Ending { execution_index, run_index, node, loop_path, params: &started.params };
            return self.completed(&run, completed);
        }
        self.state.open.push(open_run(execution_index, at, started, activation));
        self.apply_later(at, change)
    }

    /// What came of a run that is open.
    fn apply_later(&mut self, at: Timestamp, change: &NodeChange) -> Applied {
        let outcome = change.outcome.as_ref();
        outcome.map_or(Ok(()), |outcome| self.apply_outcome(change.execution_index, at, outcome))
    }

    fn apply_execution(&mut self, at: Timestamp, change: &ExecutionChange) -> Applied {
        match change {
            ExecutionChange::Started => {
                if self.state.status != Status::Pending {
                    return Err("the execution has begun already".to_owned());
                }
                self.state.started_at = Some(at);
                self.runs_since(at);
                self.activate_trigger()?;
            }
            ExecutionChange::Suspended => {
                self.stops_running(at);
                self.state.status = Status::Suspended;
            }
            ExecutionChange::Resumed => self.runs_since(at),
            ExecutionChange::Interrupted => {
                if self.state.running_since.is_none() {
                    return Err("it did not run".to_owned());
                }
                self.stops_running(self.state.last_at);
                self.runs_since(at);
            }
            ExecutionChange::Ended { status, reason } => {
                self.stops_running(at);
                self.state.status = *status;
                if let Some(reason) = reason {
                    self.state.error = Some((**reason).clone());
                }
                self.forget();
            }
            ExecutionChange::Forked(fork) => {
                self.runs_since(at);
                self.fork(fork)?;
            }
        }
        Ok(())
    }

    fn runs_since(&mut self, at: Timestamp) {
        self.state.status = Status::Running;
        self.state.running_since = Some(at);
    }

    fn stops_running(&mut self, at: Timestamp) {
        self.state.ran_ms = self.state.running_ms(at);
        self.state.running_since = None;
    }

    fn activate_trigger(&mut self) -> Applied {
        let key = &self.context.header.trigger;
        let node = self.compiled.node_id(key).ok_or_else(|| format!("there is no trigger `{key}`"))?;
        let input = self.context.header.trigger_data.clone();
        self.activate_with(node, input);
        Ok(())
    }

    fn activate_with(&mut self, node: NodeId, input: Value) {
        self.state.add_weight(&input);
        let token = Token { source: TRIGGER, from: node, port: 0, order: 0, is_error: false, output: input };
        let tokens = SmallVec::from_buf([token]);
        let loop_path = LoopPath::EMPTY;
        let activation = Activation { node, depth: 0, order: 0, parked: false, loop_path, tokens };
        self.state.insert(&self.compiled, activation);
    }

    /// Nothing runs any more: only what people ask about is kept.
    fn forget(&mut self) {
        self.state.ready.clear();
        self.state.loops.clear();
        self.state.open.clear();
    }

    /// What came before was an earlier execution's; from here on this one goes its own way.
    fn fork(&mut self, fork: &Fork) -> Applied {
        let node =
            self.compiled.node_id(&fork.node).ok_or_else(|| format!("there is no node `{}`", fork.node))?;
        let mut found = self.about_to_run(node);
        if fork.alone {
            let kept = found.map(|position| self.state.ready.remove(position));
            self.state.ready.clear();
            match kept {
                Some(activation) => self.state.ready.push(activation),
                None => self.activate_with(node, Value::Null),
            }
            found = Some(0);
        }
        let position = found.ok_or_else(|| format!("`{}` is not about to run", fork.node))?;
        if let Some(input) = &fork.input {
            self.state.add_weight(input);
            match self.state.ready[position].tokens.last_mut() {
                Some(token) => token.output = input.clone(),
                None => return Err(format!("`{}` goes on with its loop and takes no input", fork.node)),
            }
        }
        self.state.fork = Some(fork.clone());
        Ok(())
    }

    /// The activation of this node that comes first: a ready one, or a join that other joins wait for.
    fn about_to_run(&self, node: NodeId) -> Option<usize> {
        let of_node = |position: &usize| self.state.ready[*position].node == node;
        let positions = || (0..self.state.ready.len()).rev().filter(of_node);
        let ready = positions().find(|position| self.is_ready(*position));
        ready.or_else(|| positions().next())
    }

    /// A run begins: it takes its activation.
    fn start(&mut self, execution_index: ExecutionIndex, started: &Started) -> Result<Activation, String> {
        let unknown = || format!("there is no node `{}`", started.node_key);
        let node = self.node_of(started).ok_or_else(unknown)?;
        let nothing = || format!("nothing has come for `{}`", started.node_key);
        let position = self.position_of(node, started).ok_or_else(nothing)?;
        let activation = self.state.ready.remove(position);
        self.state.next_index = execution_index + 1;
        self.state.add_weight(&started.params);
        if !started.deferred.is_empty() {
            self.state.add_captures(&started.deferred);
        }
        self.state.nodes[node.index()].runs += 1;
        if !activation.parked {
            self.state.count_start(node, &activation.loop_path);
        }
        Ok(activation)
    }

    /// The node that a record names: most often the one that is looked at first.
    fn node_of(&self, started: &Started) -> Option<NodeId> {
        let first = self.state.ready.last().map(|activation| activation.node);
        let first = first.filter(|node| self.node(*node).key == started.node_key);
        first.or_else(|| self.compiled.node_id(&started.node_key))
    }

    /// The activation that a record consumes: what was selected is at or near the end.
    fn position_of(&self, node: NodeId, started: &Started) -> Option<usize> {
        let ports = &self.node(node).inputs;
        let candidate =
            |activation: &Activation| activation.node == node && activation.loop_path == started.loop_path;
        self.state.ready.iter().rposition(|activation| {
            candidate(activation)
                && match (activation.tokens.as_slice(), started.input_from.only()) {
                    ([token], Some((port, source))) => {
                        token.source == *source && ports[usize::from(token.port)].name == *port
                    }
                    _ => input_from(activation, ports) == started.input_from,
                }
        })
    }

    fn apply_outcome(
        &mut self,
        execution_index: ExecutionIndex,
        at: Timestamp,
        outcome: &NodeOutcome,
    ) -> Applied {
        let position = self.state.open.iter().position(|run| run.execution_index == execution_index);
        let position = position.ok_or_else(|| format!("run {execution_index} is not open"))?;
        match outcome {
            NodeOutcome::Completed(completed) => {
                let run = self.state.open.remove(position);
                self.completed(&Ending::of(&run), completed)?;
            }
            NodeOutcome::Failed(error) => self.failed(position, error),
            NodeOutcome::AttemptFailed { wait_till, .. } => {
                let run = &mut self.state.open[position];
                run.attempts += 1;
                run.ended_children.clear();
                if let Some(wait_till) = wait_till {
                    run.status = OpenStatus::Suspended(Suspension::Retry { wait_till: *wait_till });
                }
            }
            NodeOutcome::Suspended(suspension) => {
                self.state.open[position].status = OpenStatus::Suspended(suspension.clone());
            }
            NodeOutcome::Resumed(_) => self.state.open[position].status = OpenStatus::Running,
            NodeOutcome::ChildEnded(end) => {
                self.state.add_weight(&end.output);
                self.state.open[position].ended_children.push((**end).clone());
            }
            NodeOutcome::Skipped { .. } => {
                self.state.open.remove(position);
            }
            NodeOutcome::Began { params, deferred } => {
                self.state.add_weight(params);
                self.state.add_captures(deferred);
                let run = &mut self.state.open[position];
                run.deferred.clone_from(deferred);
                (run.parked, run.params, run.started_at) = (false, params.clone(), at);
            }
        }
        Ok(())
    }

    fn failed(&mut self, position: usize, error: &ErrorValue) {
        self.state.open.remove(position);
        self.state.error = Some(error.clone());
    }

    fn completed(&mut self, run: &Ending<'_>, completed: &Completed) -> Applied {
        self.complete(run, completed)?;
        let limit = self.memory_limit();
        self.state.settle_weight(limit);
        Ok(())
    }

    fn complete(&mut self, run: &Ending<'_>, completed: &Completed) -> Applied {
        let ExecutionGraph { compiled, state, .. } = self;
        let node = compiled.node(run.node);
        let port = port_number(node, completed.port.as_ref())?;
        state.remember(node, run, completed, port);
        if state.fork.as_ref().is_some_and(|fork| fork.alone) {
            return Ok(());
        }
        let iteration = node.is_for_each().then(|| state.turn_loop(compiled, run, completed, port));
        if node.is_break {
            state.break_loop(run, completed);
        }
        if let Some(port) = port {
            let delivery = Delivery {
                node: run.node,
                port,
                execution_index: run.execution_index,
                loop_path: iteration.as_ref().unwrap_or(run.loop_path),
                output: &completed.output,
                is_error: completed.is_error,
            };
            state.deliver(compiled, &delivery);
        }
        Ok(())
    }
}

/// A run that ends: one that was open, or that began with the same entry.
struct Ending<'a> {
    execution_index: ExecutionIndex,
    run_index: u32,
    node: NodeId,
    loop_path: &'a LoopPath,
    params: &'a Value,
}

impl<'a> Ending<'a> {
    fn of(run: &'a OpenRun) -> Self {
        let OpenRun { execution_index, run_index, node, ref loop_path, ref params, .. } = *run;
        Ending { execution_index, run_index, node, loop_path, params }
    }
}

fn open_run(
    execution_index: ExecutionIndex,
    at: Timestamp,
    started: &Started,
    activation: Activation,
) -> OpenRun {
    OpenRun {
        execution_index,
        run_index: started.run_index,
        node: activation.node,
        loop_path: activation.loop_path,
        tokens: activation.tokens,
        params: started.params.clone(),
        deferred: started.deferred.clone(),
        attempts: 0,
        continues: activation.parked,
        parked: started.parked,
        started_at: at,
        status: OpenStatus::Running,
        ended_children: Vec::new(),
    }
}

fn port_number(node: &CompiledNode, name: Option<&Str>) -> Result<Option<PortId>, String> {
    let Some(name) = name else { return Ok(None) };
    match node.output_port(name) {
        Some(port) => Ok(Some(port)),
        None if node.any_output => Ok(None),
        None => Err(format!("`{}` has no output port `{name}`", node.key)),
    }
}

impl State {
    fn remember(
        &mut self,
        node: &CompiledNode,
        run: &Ending<'_>,
        completed: &Completed,
        port: Option<PortId>,
    ) {
        self.add_weight(&completed.output);
        if node.keeps_latest {
            self.remember_latest(node, run, completed, port);
        }
        if !completed.context_updates.is_empty() {
            let context = &mut self.nodes[run.node.index()].context;
            update_context(context, &completed.context_updates);
        }
        if !completed.state_updates.is_empty() {
            self.share(&completed.state_updates);
        }
        self.last_output = completed.output.clone();
    }

    #[inline(never)]
    fn share(&mut self, updates: &Map) {
        for (key, value) in updates.iter() {
            self.shared.insert(key.clone(), value.clone());
            self.add_weight(value);
        }
    }

    /// What templates read of the latest run of a node, where some do.
    #[inline(never)]
    fn remember_latest(
        &mut self,
        node: &CompiledNode,
        run: &Ending<'_>,
        completed: &Completed,
        port: Option<PortId>,
    ) {
        let latest = LatestRun {
            execution_index: run.execution_index,
            run_index: run.run_index,
            port,
            output: if node.keeps_output { completed.output.clone() } else { Value::Null },
            loop_path: run.loop_path.clone(),
        };
        match &mut self.nodes[run.node.index()].latest {
            Some(slot) => **slot = latest,
            slot => *slot = Some(Box::new(latest)),
        }
    }

    /// A for_each emitted an item, or is done. Gives the loop path of what it hands on.
    #[inline(never)]
    fn turn_loop(
        &mut self,
        compiled: &CompiledGraph,
        run: &Ending<'_>,
        completed: &Completed,
        port: Option<PortId>,
    ) -> LoopPath {
        let found = self.loops.iter().rposition(|l| l.node == run.node && l.loop_path == *run.loop_path);
        if port != Some(LOOP) || completed.is_error {
            debug_assert!(completed.is_error || port == Some(DONE), "a for_each leaves by loop or done");
            if let Some(position) = found {
                self.loops.remove(position);
            }
            return run.loop_path.clone();
        }
        let iteration = found.map_or(0, |position| self.loops[position].iteration + 1);
        let path = run.loop_path.enter(compiled.node(run.node).key.clone(), iteration);
        match found {
            Some(position) => self.next_iteration(position, run, completed, &path),
            None => self.loops.push(ForEachRun {
                node: run.node,
                loop_path: run.loop_path.clone(),
                params: run.params.clone(),
                iteration,
                iteration_path: path.clone(),
                begun_by: run.execution_index,
                results: Vec::new(),
                came_back: Value::Null,
                broken: false,
            }),
        }
        let parked = Activation {
            node: run.node,
            depth: run.execution_index + 1,
            order: 0,
            parked: true,
            loop_path: run.loop_path.clone(),
            tokens: SmallVec::new(),
        };
        self.insert(compiled, parked);
        path
    }

    /// The for_each at this place goes on to its next item.
    fn next_iteration(&mut self, position: usize, run: &Ending<'_>, completed: &Completed, path: &LoopPath) {
        let parked = &mut self.loops[position];
        parked.iteration += 1;
        parked.iteration_path = path.clone();
        parked.begun_by = run.execution_index;
        parked.came_back = Value::Null;
        if let Some(collected) = completed.context_updates.get(COLLECTED) {
            parked.results.push(collected.clone());
            self.add_weight(collected);
        }
    }

    /// Drops everything that belongs to the innermost iteration of this path; its for_each takes its turn to end.
    #[cold]
    fn break_loop(&mut self, run: &Ending<'_>, completed: &Completed) {
        let path = run.loop_path;
        if completed.is_error || path.is_empty() {
            return;
        }
        self.ready.retain(|activation| !activation.loop_path.starts_with(path));
        self.loops.retain(|run| !run.loop_path.starts_with(path));
        if let Some(run) = self.loops.iter_mut().find(|run| run.iteration_path == *path) {
            run.broken = true;
        }
    }
}

/// Merges updates into a node's context. Where they set all that it has, as a for_each's do, it becomes the updates.
#[inline(never)]
fn update_context(context: &mut Map, updates: &Map) {
    let sets_all = context.is_empty() || context.keys().eq(updates.keys());
    if sets_all && !updates.contains_key(COLLECTED) {
        *context = updates.clone();
        return;
    }
    for (key, value) in updates.iter().filter(|(key, _)| ***key != *COLLECTED) {
        context.insert(key.clone(), value.clone());
    }
}

/// The key in a for_each's `context_updates` that holds what `collect` kept of one iteration.
pub(crate) const COLLECTED: &str = "collected";
