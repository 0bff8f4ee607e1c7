//! Runs one node: parameters from templates, validation, the action, its result.

use std::cell::RefCell;

use prana_template::Value;

use super::batch::{self, Rendered};
use super::finish::refuse_deep_params;
use super::scope::{RunCall, RunScope};
use super::{EffectCall, GraphExecutor, Opening, Step};
use crate::action::{Effect, Failure, Outcome};
use crate::compile::{CompiledNode, Run};
use crate::error::ErrorValue;
use crate::graph::{Activation, OpenRun, Token};
use crate::record::{Completed, ExecutionIndex, NodeOutcome};
use crate::registry::Behaviour;

/// A run that is about to begin: where what it consumes is.
#[derive(Clone, Copy)]
pub(super) enum Beginning {
    /// At this position of `ready`: it has no record yet.
    Ready(usize),
    /// At this position of `open`: it has a record already, it was parked before it began.
    Parked(usize),
}

impl GraphExecutor {
    /// Runs the activation at this position of `ready`.
    pub(super) fn run(&mut self, position: usize) {
        let compiled = self.compiled();
        let execution_index = self.graph.state().next_index;
        let activation = &self.graph.state().ready[position];
        let node = compiled.node(activation.node);
        let opening = || Some(Opening::bare(position));
        if let Some(reason) = lacks_required(node, activation) {
            let outcome = NodeOutcome::Skipped { reason: reason.into() };
            self.node_entry(execution_index, opening(), Some(outcome));
            return;
        }
        if let Some(error) = self.passes_limit(node, activation) {
            self.node_failed_for_good(execution_index, opening(), error);
            return;
        }
        match self.parking.take() {
            Some(reason) => self.park_before(position, reason),
            None => self.begin(node, Beginning::Ready(position)),
        }
    }

    fn begin(&mut self, node: &CompiledNode, beginning: Beginning) {
        match &node.run {
            Run::PassThrough => {
                let output = first_input(self.scope(beginning).tokens, node);
                self.complete_at_once(node, beginning, Completed::new(output));
            }
            Run::Pinned(output) => self.complete_at_once(node, beginning, Completed::new(output.clone())),
            Run::Mocked => {
                let execution_index = self.start(beginning, Value::Null);
                self.ask_for_effect(execution_index);
            }
            Run::Action(Behaviour::ForEach) => self.run_for_each(node, beginning),
            Run::Action(behaviour) => self.run_action(node, behaviour, beginning),
        }
    }

    /// A run that was parked before it began begins now: what its templates say now is what it gets.
    fn begin_parked(&mut self, execution_index: ExecutionIndex) {
        let compiled = self.compiled();
        let mut runs = self.graph.open_runs().iter().enumerate();
        let Some((position, run)) = runs.find(|(_, run)| run.execution_index == execution_index) else {
            return;
        };
        let node = compiled.node(run.node);
        self.begin(node, Beginning::Parked(position));
    }

    /// The number of the run, and what its first record will say of it. One that was parked has a first record: then its
    /// parameters are recorded at once.
    #[inline]
    pub(super) fn opening(
        &mut self,
        beginning: Beginning,
        rendered: impl Into<Rendered>,
    ) -> (ExecutionIndex, Option<Opening>) {
        let rendered = rendered.into();
        match beginning {
            Beginning::Ready(position) => {
                (self.graph.state().next_index, Some(Opening { position, rendered, parked: false }))
            }
            Beginning::Parked(position) => {
                let execution_index = self.graph.open_runs()[position].execution_index;
                let Rendered { params, deferred } = rendered;
                self.node_entry(execution_index, None, Some(NodeOutcome::Began { params, deferred }));
                (execution_index, None)
            }
        }
    }

    /// Records that a run has begun whose result is still out. Gives its number.
    fn start(&mut self, beginning: Beginning, rendered: impl Into<Rendered>) -> ExecutionIndex {
        let (execution_index, opening) = self.opening(beginning, rendered);
        if opening.is_some() {
            self.node_entry(execution_index, opening, None);
        }
        execution_index
    }

    /// Loop protection: a node may run so often within one iteration of its innermost for_each.
    fn passes_limit(&self, node: &CompiledNode, activation: &Activation) -> Option<ErrorValue> {
        let limit = self.graph.compiled().settings.max_iterations;
        let state = self.graph.state();
        let all_runs = state.nodes[activation.node.index()].runs;
        let starts = || state.starts_in(activation.node, &activation.loop_path);
        if activation.parked || u64::from(all_runs) < limit || u64::from(starts()) < limit {
            return None;
        }
        let message = format!(
            "`{}` has run {limit} times; is there an endless loop? Raise `max_iterations` in the workflow's settings if this is meant",
            node.key
        );
        Some(ErrorValue::new("loop.limit_exceeded", message).not_retryable())
    }

    /// What the run sees that is about to begin.
    pub(super) fn scope(&self, beginning: Beginning) -> RunScope<'_> {
        let state = self.graph.state();
        let position = match beginning {
            Beginning::Ready(position) => position,
            Beginning::Parked(position) => {
                let scope = open_scope(&self.graph, &state.open[position]);
                return RunScope { now: self.now, ..scope };
            }
        };
        let activation = &state.ready[position];
        RunScope {
            graph: &self.graph,
            node: activation.node,
            tokens: &activation.tokens,
            loop_path: &activation.loop_path,
            execution_index: state.next_index,
            run_index: state.nodes[activation.node.index()].runs,
            continues: activation.parked,
            now: self.now,
            input: None,
            budget: RefCell::default(),
        }
    }

    fn run_action(&mut self, node: &CompiledNode, behaviour: &Behaviour, beginning: Beginning) {
        let scope = self.scope(beginning);
        let rendered = batch::render(&scope).and_then(|rendered| {
            refuse_deep_params(&rendered.params).map(|()| rendered).map_err(Failure::Params)
        });
        let rendered = match rendered {
            Ok(rendered) => rendered,
            Err(Failure::Params(error) | Failure::Action(error)) => {
                let (execution_index, opening) = self.opening(beginning, Value::Null);
                self.node_erred(execution_index, node, opening, error);
                return;
            }
        };
        if let Behaviour::Pure(action) = behaviour {
            let call = RunCall { scope: &scope, params: &rendered.params, now: self.now };
            let result = guarded(|| action.run(&call));
            let (execution_index, opening) = self.opening(beginning, rendered);
            self.settle(execution_index, node, opening, result);
            return;
        }
        let invalid = batch::validate(node.descriptor(), &rendered).err();
        if let Some(Failure::Params(error)) = invalid.map(Failure::from) {
            let (execution_index, opening) = self.opening(beginning, rendered);
            self.node_erred(execution_index, node, opening, error);
            return;
        }
        let execution_index = self.start(beginning, rendered);
        match behaviour {
            Behaviour::ExecuteWorkflow => self.begin_children(execution_index),
            _ => self.ask_for_effect(execution_index),
        }
    }

    fn complete_at_once(&mut self, node: &CompiledNode, beginning: Beginning, completed: Completed) {
        let (execution_index, opening) = self.opening(beginning, Value::Null);
        self.complete(execution_index, node, opening, completed);
    }

    /// Asks for the effect of an open run: its first attempt, or another.
    pub(super) fn ask_for_effect(&mut self, execution_index: ExecutionIndex) {
        let Some(run) = self.graph.open_run(execution_index) else { return };
        let node = self.graph.compiled().node(run.node);
        let call = EffectCall {
            execution_index,
            run_index: run.run_index,
            node_key: node.key.clone(),
            action: node.descriptor().type_name.clone(),
            params: run.params.clone(),
            deferred: run.deferred.clone(),
            input: newest_on(run, 0),
            scope: open_scope(&self.graph, run).mentioned(&run.params),
            is_pure: node.descriptor().effect == Effect::Pure && !matches!(node.run, Run::Mocked),
            idempotency_key: format!("{}/{execution_index}", self.graph.context().header.id),
            attempt: run.attempts + 1,
            timeout_ms: node.settings.timeout_ms,
            loop_path: run.loop_path.clone(),
            mocked: matches!(node.run, Run::Mocked),
        };
        self.out.push_back(Step::Run(Box::new(call)));
    }

    /// Runs an open run once more, with the parameters it was rendered with; one that was parked before it began, from its beginning.
    pub(super) fn run_again(&mut self, execution_index: ExecutionIndex) {
        let compiled = self.compiled();
        let Some(run) = self.graph.open_run(execution_index) else { return };
        let node = compiled.node(run.node);
        match &node.run {
            _ if run.parked => self.begin_parked(execution_index),
            Run::Action(Behaviour::Pure(action)) => {
                let scope = open_scope(&self.graph, run);
                let call = RunCall { scope: &scope, params: &run.params, now: self.now };
                let result = guarded(|| action.run(&call));
                self.settle(execution_index, node, None, result);
            }
            Run::Action(Behaviour::ExecuteWorkflow) => self.begin_children(execution_index),
            _ => self.ask_for_effect(execution_index),
        }
    }
}

/// The scope of a run that has started: its templates see the time at which it did.
pub(super) fn open_scope<'a>(graph: &'a crate::graph::ExecutionGraph, run: &'a OpenRun) -> RunScope<'a> {
    RunScope {
        graph,
        node: run.node,
        tokens: &run.tokens,
        loop_path: &run.loop_path,
        execution_index: run.execution_index,
        run_index: run.run_index,
        continues: run.continues,
        now: run.started_at,
        input: None,
        budget: RefCell::default(),
    }
}

pub(super) fn newest_on(run: &OpenRun, port: u16) -> Value {
    let token = run.tokens.iter().rev().find(|token| token.port == port);
    token.map_or(Value::Null, |token| token.output.clone())
}

/// The newest data on the first port, in port order, on which something came.
fn first_input(tokens: &[Token], node: &CompiledNode) -> Value {
    let ports = 0..node.inputs.len() as u16;
    let newest = |port: u16| tokens.iter().rev().find(|token| token.port == port);
    ports.into_iter().find_map(newest).map_or(Value::Null, |token| token.output.clone())
}

fn lacks_required(node: &CompiledNode, activation: &Activation) -> Option<String> {
    let came = |port: usize| activation.tokens.iter().any(|token| usize::from(token.port) == port);
    let missing = node.inputs.iter().enumerate().find(|(port, input)| input.required && !came(*port));
    missing.map(|(_, input)| format!("nothing came on the required port `{}`", input.name))
}

/// A panic in an action is its error: the process and other executions go on.
pub(super) fn guarded(action: impl FnOnce() -> Result<Outcome, Failure>) -> Result<Outcome, Failure> {
    // What a panic left half done is the action's own: it got everything by shared reference.
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(action));
    result.unwrap_or_else(|panic| {
        let text = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied());
        let message = format!("the action panicked: {}", text.unwrap_or("no message"));
        Err(Failure::Action(ErrorValue::new("action.panicked", message)))
    })
}
