//! What a node's result means: completion, retry, `on_error`.

use prana_template::{Map, Str, Value};

use super::{EffectOutput, GraphExecutor, Opening};
use crate::action::{Failure, Outcome};
use crate::compile::CompiledNode;
use crate::document::{Backoff, NodeSettings, OnError};
use crate::error::ErrorValue;
use crate::execution::Status;
use crate::graph::{MAX_OUTPUT_DEPTH, OpenRun};
use crate::record::{Completed, ExecutionIndex, NodeOutcome};

impl GraphExecutor {
    /// Takes in what a pure action gave. `opening` is present if the run has no record yet.
    #[inline]
    pub(super) fn settle(
        &mut self,
        execution_index: ExecutionIndex,
        node: &CompiledNode,
        opening: Option<Opening>,
        result: Result<Outcome, Failure>,
    ) {
        match result {
            Ok(outcome) => self.settle_outcome(execution_index, node, opening, outcome),
            Err(Failure::Action(error)) => self.action_failed(execution_index, node, opening, error, 0.5),
            Err(Failure::Params(error)) => self.node_erred(execution_index, node, opening, error),
        }
    }

    #[inline]
    fn settle_outcome(
        &mut self,
        execution_index: ExecutionIndex,
        node: &CompiledNode,
        opening: Option<Opening>,
        outcome: Outcome,
    ) {
        match outcome {
            Outcome::Complete(completed) => self.complete(execution_index, node, opening, completed),
            Outcome::Suspend(suspension) => {
                self.node_entry(execution_index, opening, Some(NodeOutcome::Suspended(suspension)));
                self.wake_if_due(execution_index);
            }
            Outcome::Break(output) => self.complete_break(execution_index, opening, output),
            Outcome::Stop(result) => self.stop(execution_index, opening, result),
        }
    }

    /// The node ends the execution.
    fn stop(
        &mut self,
        execution_index: ExecutionIndex,
        opening: Option<Opening>,
        result: Result<Value, ErrorValue>,
    ) {
        match result {
            Ok(output) => {
                let completed = Completed { port: None, ..Completed::new(output) };
                self.node_entry(execution_index, opening, Some(NodeOutcome::Completed(completed)));
                self.end(Status::Completed, None);
            }
            Err(error) => self.node_failed_for_good(execution_index, opening, error),
        }
    }

    /// An effect that was asked for ended.
    pub(super) fn effect_ended(
        &mut self,
        execution_index: ExecutionIndex,
        result: Result<EffectOutput, ErrorValue>,
        random: f64,
    ) {
        let compiled = self.compiled();
        let Some(run) = self.graph.open_run(execution_index) else { return };
        if run.suspension().is_some() {
            return;
        }
        let node = compiled.node(run.node);
        match result {
            Ok(EffectOutput::Complete(completed)) => self.complete(execution_index, node, None, completed),
            Ok(EffectOutput::Suspend(suspension)) => {
                self.node_entry(execution_index, None, Some(NodeOutcome::Suspended(suspension)));
                self.wake_if_due(execution_index);
            }
            Err(error) => self.action_failed(execution_index, node, None, storable(error), random),
        }
    }

    /// A run is done, on the default port if none is named.
    #[inline]
    pub(super) fn complete(
        &mut self,
        execution_index: ExecutionIndex,
        node: &CompiledNode,
        opening: Option<Opening>,
        mut completed: Completed,
    ) {
        let refused = match &completed.port {
            Some(port) => refuse_port(node, port),
            None => None,
        };
        if let Some(error) = refused.or_else(|| self.refuse_output(&completed)) {
            self.action_failed(execution_index, node, opening, error.not_retryable(), 0.5);
            return;
        }
        if completed.port.is_none() {
            completed.port = node.default_port.map(|port| node.outputs[usize::from(port)].clone());
        }
        self.node_entry(execution_index, opening, Some(NodeOutcome::Completed(completed)));
        self.check_memory();
    }

    /// More data than one node may give.
    fn refuse_output(&self, completed: &Completed) -> Option<ErrorValue> {
        let limit = self.graph.context().max_output_bytes;
        let output = &completed.output;
        let updates = completed.state_updates.depth().max(completed.context_updates.depth());
        if output.depth().max(updates) > MAX_OUTPUT_DEPTH {
            let message = format!("the output is nested deeper than {MAX_OUTPUT_DEPTH} levels");
            return Some(ErrorValue::new("action.output_too_large", message));
        }
        if output.weight() > limit && output.to_json_string().len() > limit {
            let message = format!(
                "the output is larger than {limit} bytes; keep large data outside and pass a reference"
            );
            return Some(ErrorValue::new("action.output_too_large", message));
        }
        None
    }

    /// The live data of an execution is bounded.
    #[inline]
    fn check_memory(&mut self) {
        if self.graph.is_over_budget() {
            self.end_too_large();
        }
    }

    #[cold]
    fn end_too_large(&mut self) {
        let megabytes = self.graph.compiled().settings.max_memory_mb;
        let message = format!("the execution holds more than {megabytes} MB of live data (`max_memory_mb`)");
        self.end(Status::Failed, Some(ErrorValue::new("execution.too_large", message)));
    }

    /// A break drops all else that belongs to its iteration.
    fn complete_break(
        &mut self,
        execution_index: ExecutionIndex,
        mut opening: Option<Opening>,
        output: Value,
    ) {
        let path = match (&opening, self.graph.open_run(execution_index)) {
            (Some(opening), _) => self.graph.state().ready[opening.position].loop_path.clone(),
            (None, Some(run)) => run.loop_path.clone(),
            (None, None) => return,
        };
        if path.is_empty() {
            let message = "there is no loop to end here: this run came from outside of every for_each";
            self.node_failed_for_good(execution_index, opening, ErrorValue::new("loop.not_in_loop", message));
            return;
        }
        let drops =
            |other: &OpenRun| other.execution_index != execution_index && other.loop_path.starts_with(&path);
        // What is dropped is dropped by a run that has begun: whoever reads the log up to here selects the break too.
        if opening.is_some() && self.graph.open_runs().iter().any(drops) {
            self.node_entry(execution_index, opening.take(), None);
        }
        self.close_open("a break ended the iteration", drops);
        let completed = Completed { port: None, ..Completed::new(output) };
        self.node_entry(execution_index, opening, Some(NodeOutcome::Completed(completed)));
    }

    /// The action itself failed: try again, or let `on_error` decide.
    pub(super) fn action_failed(
        &mut self,
        execution_index: ExecutionIndex,
        node: &CompiledNode,
        opening: Option<Opening>,
        error: ErrorValue,
        random: f64,
    ) {
        let failed = self.graph.open_run(execution_index).map_or(0, |run| run.attempts);
        let settings = &node.settings;
        if !(settings.retry_on_failed && failed < settings.max_retries && error.retryable) {
            self.node_erred(execution_index, node, opening, error);
            return;
        }
        let delay = retry_delay_ms(settings, failed, error.retry_after_ms, random);
        let wait_till = (delay > 0).then(|| self.now.plus_millis(delay));
        self.node_entry(
            execution_index,
            opening,
            Some(NodeOutcome::AttemptFailed { error: Box::new(error), wait_till }),
        );
        if wait_till.is_none() {
            self.run_again(execution_index);
        }
    }

    /// A node has failed and will not be tried again: `on_error` decides.
    pub(super) fn node_erred(
        &mut self,
        execution_index: ExecutionIndex,
        node: &CompiledNode,
        opening: Option<Opening>,
        error: ErrorValue,
    ) {
        let is_stop = &*node.descriptor().type_name == "core.stop";
        let port = match node.settings.on_error {
            OnError::ContinueErrorOutput if !is_stop => Str::from("error"),
            OnError::Continue if !is_stop => match node.default_port {
                Some(port) => node.outputs[usize::from(port)].clone(),
                None => return self.node_failed_for_good(execution_index, opening, error),
            },
            _ => return self.node_failed_for_good(execution_index, opening, error),
        };
        let mut output = Map::new();
        output.insert("error", error.to_value());
        output.insert("port", Value::Str(port.clone()));
        output.insert("on_error", Value::from(node.settings.on_error.as_str()));
        let completed = Completed { port: Some(port), is_error: true, ..Completed::new(Value::Map(output)) };
        self.node_entry(execution_index, opening, Some(NodeOutcome::Completed(completed)));
    }

    /// A node failed, and with it the execution.
    pub(super) fn node_failed_for_good(
        &mut self,
        execution_index: ExecutionIndex,
        opening: Option<Opening>,
        error: ErrorValue,
    ) {
        self.node_entry(execution_index, opening, Some(NodeOutcome::Failed(Box::new(error))));
        self.end(Status::Failed, None);
    }
}

/// A port that the action doesn't have.
fn refuse_port(node: &CompiledNode, port: &Str) -> Option<ErrorValue> {
    if node.any_output || node.output_port(port).is_some() {
        return None;
    }
    let message = format!("`{}` has no output port `{port}`; it has: {}", node.key, node.outputs.join(", "));
    Some(ErrorValue::new("action.invalid_output_port", message))
}

/// An error from outside, with details that can be stored and read again.
pub(super) fn storable(mut error: ErrorValue) -> ErrorValue {
    if error.details.depth() > MAX_OUTPUT_DEPTH {
        error.details = Value::Null;
    }
    error
}

/// Parameters that can be stored and read again.
pub(super) fn refuse_deep_params(params: &Value) -> Result<(), ErrorValue> {
    if params.depth() <= MAX_OUTPUT_DEPTH {
        return Ok(());
    }
    let message = format!("the parameters are nested deeper than {MAX_OUTPUT_DEPTH} levels");
    Err(ErrorValue::new("workflow.invalid_params", message).not_retryable())
}

/// The other side may ask for an hour at most, which is also the most that settings allow.
const MAX_ASKED_DELAY_MS: u64 = 3_600_000;

/// Milliseconds until the next try, after `failed` earlier ones that failed.
fn retry_delay_ms(settings: &NodeSettings, failed: u32, asked_for: Option<u64>, random: f64) -> u64 {
    let growth = match settings.backoff {
        Backoff::Fixed => 1,
        Backoff::Exponential => 1u64 << failed.min(32),
    };
    let delay = settings.retry_delay_ms.saturating_mul(growth);
    let delay = delay.min(settings.max_retry_delay_ms.unwrap_or(u64::MAX));
    let delay = asked_for.map_or(delay, |asked_for| asked_for.min(MAX_ASKED_DELAY_MS).max(delay));
    let jitter = (delay as f64 * settings.retry_jitter * random.clamp(0.0, 1.0)) as u64;
    delay.saturating_add(jitter)
}
