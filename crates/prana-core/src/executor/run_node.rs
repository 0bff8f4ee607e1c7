//! Runs one node: parameters from templates, validation, the action, its result.

use std::cell::RefCell;

use prana_template::Value;

use super::finish::refuse_deep_params;
use super::scope::{RunCall, RunScope};
use super::batch::{self, Rendered};
use super::{EffectCall, GraphExecutor, Step};
use crate::action::{Failure, Outcome};
use crate::compile::{CompiledNode, Run};
use crate::error::ErrorValue;
use crate::graph::{Activation, OpenRun, input_from};
use crate::record::{Completed, ExecutionIndex, NodeOutcome, Started};
use crate::registry::Behaviour;

/// A run that is about to start, with what its first record will say.
pub(super) struct Beginning {
    pub activation: Activation,
    pub execution_index: ExecutionIndex,
    pub run_index: u32,
    /// True if it has a record already: it was parked before it began.
    pub was_parked: bool,
}

impl Beginning {
    pub fn started(&self, node: &CompiledNode, rendered: impl Into<Rendered>) -> Started {
        let Rendered { params, deferred } = rendered.into();
        Started {
            node_key: node.key.clone(),
            run_index: self.run_index,
            input_from: input_from(&self.activation, |port| &node.inputs[usize::from(port)].name),
            loop_path: self.activation.loop_path.clone(),
            params,
            deferred,
            parked: false,
        }
    }
}

impl GraphExecutor {
    /// Runs the activation at this position of `ready`.
    pub(super) fn run(&mut self, position: usize) {
        let compiled = self.compiled();
        let state = self.graph.state();
        let activation = state.ready[position].copied();
        let node = compiled.node(activation.node);
        let beginning = Beginning {
            execution_index: state.next_index,
            run_index: state.nodes[activation.node.index()].runs,
            was_parked: false,
            activation,
        };
        if let Some(reason) = self.lacks_required(node, &beginning) {
            let started = beginning.started(node, Value::Null);
            self.node_entry(
                beginning.execution_index,
                Some(started),
                Some(NodeOutcome::Skipped { reason: reason.into() }),
            );
            return;
        }
        if let Some(error) = self.passes_limit(node, &beginning) {
            let started = beginning.started(node, Value::Null);
            self.node_failed_for_good(beginning.execution_index, Some(started), error);
            return;
        }
        match self.parking.take() {
            Some(reason) => self.park_before(node, &beginning, reason),
            None => self.begin(node, &beginning),
        }
    }

    fn begin(&mut self, node: &CompiledNode, beginning: &Beginning) {
        match &node.run {
            Run::PassThrough => {
                let output = first_input(&beginning.activation, node);
                self.complete_at_once(node, beginning, Value::Null, Completed::new(output));
            }
            Run::Pinned(output) => {
                self.complete_at_once(node, beginning, Value::Null, Completed::new(output.clone()));
            }
            Run::Mocked => {
                self.start(node, beginning, Value::Null);
                self.ask_for_effect(beginning.execution_index);
            }
            Run::Action(Behaviour::ForEach) => self.run_for_each(node, beginning),
            Run::Action(behaviour) => self.run_action(node, behaviour, beginning),
        }
    }

    /// A run that was parked before it began begins now: what its templates say now is what it gets.
    fn begin_parked(&mut self, execution_index: ExecutionIndex) {
        let compiled = self.compiled();
        let Some(run) = self.graph.open_run(execution_index) else { return };
        let activation = Activation {
            node: run.node,
            depth: 0,
            order: 0,
            parked: run.continues,
            loop_path: run.loop_path.clone(),
            tokens: run.tokens.clone(),
        };
        let run_index = run.run_index;
        let beginning = Beginning { activation, execution_index, run_index, was_parked: true };
        self.begin(compiled.node(beginning.activation.node), &beginning);
    }

    /// What the first record of the run says. One that was parked has a first record: then its parameters are recorded at once.
    pub(super) fn started(
        &mut self,
        node: &CompiledNode,
        beginning: &Beginning,
        rendered: impl Into<Rendered>,
    ) -> Option<Started> {
        if !beginning.was_parked {
            return Some(beginning.started(node, rendered));
        }
        let Rendered { params, deferred } = rendered.into();
        self.node_entry(beginning.execution_index, None, Some(NodeOutcome::Began { params, deferred }));
        None
    }

    /// Records that a run has begun whose result is still out.
    fn start(&mut self, node: &CompiledNode, beginning: &Beginning, rendered: impl Into<Rendered>) {
        if let Some(started) = self.started(node, beginning, rendered) {
            self.node_entry(beginning.execution_index, Some(started), None);
        }
    }

    fn lacks_required(&self, node: &CompiledNode, beginning: &Beginning) -> Option<String> {
        let came =
            |port: usize| beginning.activation.tokens.iter().any(|token| usize::from(token.port) == port);
        let missing = node.inputs.iter().enumerate().find(|(port, input)| input.required && !came(*port));
        missing.map(|(_, input)| format!("nothing came on the required port `{}`", input.name))
    }

    /// Loop protection: a node may run so often within one iteration of its innermost for_each.
    fn passes_limit(&self, node: &CompiledNode, beginning: &Beginning) -> Option<ErrorValue> {
        let activation = &beginning.activation;
        let limit = self.graph.compiled().settings.max_iterations;
        let starts = self.graph.state().starts_in(activation.node, &activation.loop_path);
        if activation.parked || u64::from(starts) < limit {
            return None;
        }
        let message = format!(
            "`{}` has run {limit} times; is there an endless loop? Raise `max_iterations` in the workflow's settings if this is meant",
            node.key
        );
        Some(ErrorValue::new("loop.limit_exceeded", message).not_retryable())
    }

    pub(super) fn scope<'a>(&'a self, beginning: &'a Beginning) -> RunScope<'a> {
        RunScope {
            graph: &self.graph,
            node: beginning.activation.node,
            tokens: &beginning.activation.tokens,
            loop_path: &beginning.activation.loop_path,
            execution_index: beginning.execution_index,
            run_index: beginning.run_index,
            continues: beginning.activation.parked,
            now: self.now,
            input: None,
            budget: RefCell::default(),
        }
    }

    fn run_action(&mut self, node: &CompiledNode, behaviour: &Behaviour, beginning: &Beginning) {
        let rendered = batch::render(&self.scope(beginning)).and_then(|rendered| {
            refuse_deep_params(&rendered.params).map(|()| rendered).map_err(Failure::Params)
        });
        let rendered = match rendered {
            Ok(rendered) => rendered,
            Err(Failure::Params(error) | Failure::Action(error)) => {
                let started = self.started(node, beginning, Value::Null);
                self.node_erred(beginning.execution_index, node, started, error);
                return;
            }
        };
        match behaviour {
            Behaviour::Pure(action) => {
                let call = RunCall { scope: self.scope(beginning), params: &rendered.params, now: self.now };
                let result = guarded(|| action.run(&call));
                let started = self.started(node, beginning, rendered);
                self.settle(beginning.execution_index, node, started, result);
            }
            Behaviour::Effect | Behaviour::ExecuteWorkflow | Behaviour::ForEach => {
                if let Err(error) = batch::validate(node.descriptor(), &rendered) {
                    let Failure::Params(error) = Failure::from(error) else { return };
                    let started = self.started(node, beginning, rendered);
                    self.node_erred(beginning.execution_index, node, started, error);
                    return;
                }
                self.start(node, beginning, rendered);
                match behaviour {
                    Behaviour::ExecuteWorkflow => self.begin_children(beginning.execution_index),
                    _ => self.ask_for_effect(beginning.execution_index),
                }
            }
        }
    }

    pub(super) fn complete_at_once(
        &mut self,
        node: &CompiledNode,
        beginning: &Beginning,
        params: Value,
        completed: Completed,
    ) {
        let started = self.started(node, beginning, params);
        self.settle(beginning.execution_index, node, started, Ok(Outcome::Complete(completed)));
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
                let call =
                    RunCall { scope: open_scope(&self.graph, run), params: &run.params, now: self.now };
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
fn first_input(activation: &Activation, node: &CompiledNode) -> Value {
    let ports = 0..node.inputs.len() as u16;
    let newest = |port: u16| activation.tokens.iter().rev().find(|token| token.port == port);
    ports.into_iter().find_map(newest).map_or(Value::Null, |token| token.output.clone())
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
