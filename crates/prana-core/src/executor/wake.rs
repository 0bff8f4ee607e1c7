//! Waits that end: answers, timers, deadlines, decisions, and what a crash left in doubt.

use prana_template::{Str, Value};

use super::run_node::{guarded, newest_on, open_scope};
use super::scope::RunCall;
use super::{GraphExecutor, HandleError, Opening};
use crate::action::{Outcome, Wakeup};
use crate::compile::{CompiledNode, DONE, Run};
use crate::document::OnCrash;
use crate::error::ErrorValue;
use crate::graph::{MAX_OUTPUT_DEPTH, OpenRun, OpenStatus};
use crate::record::{Completed, ExecutionIndex, NodeOutcome, Resumed, ResumedBy};
use crate::registry::Behaviour;
use crate::suspension::Suspension;

impl GraphExecutor {
    /// Somebody answers a wait.
    pub(super) fn answer(&mut self, execution_index: ExecutionIndex, data: Value) -> Result<(), HandleError> {
        let run = self.graph.open_run(execution_index);
        let Some(suspension) = run.and_then(OpenRun::suspension).cloned() else {
            return Err(HandleError::NotSuspended { status: self.graph.status().as_str() });
        };
        match suspension {
            Suspension::SubWorkflow { .. } => {
                return Err(HandleError::NotSuspended { status: self.graph.status().as_str() });
            }
            _ if data.depth() > MAX_OUTPUT_DEPTH => self.refuse_answer(execution_index),
            Suspension::Decision { .. } => self.decide(execution_index, &suspension, data),
            Suspension::Retry { .. } => {
                self.resumed(execution_index, ResumedBy::Call, data);
                self.run_again(execution_index);
            }
            _ => {
                self.resumed(execution_index, ResumedBy::Call, data.clone());
                self.go_on(execution_index, &suspension, Wakeup::Answer(data));
            }
        }
        Ok(())
    }

    /// An answer that could not be stored and read again: the wait ends with an error.
    fn refuse_answer(&mut self, execution_index: ExecutionIndex) {
        let compiled = self.compiled();
        let Some(run) = self.graph.open_run(execution_index) else { return };
        let node = compiled.node(run.node);
        self.resumed(execution_index, ResumedBy::Call, Value::Null);
        let message = format!("the answer is nested deeper than {MAX_OUTPUT_DEPTH} levels");
        let error = ErrorValue::new("wait.invalid_answer", message).not_retryable();
        self.node_erred(execution_index, node, None, error);
    }

    /// Ends every wait that is due, the earliest first.
    pub(super) fn wake_due(&mut self) {
        let mut due: Vec<(crate::time::Timestamp, ExecutionIndex)> = self
            .graph
            .open_runs()
            .iter()
            .filter_map(|run| Some((run.suspension()?.wait_till()?, run.execution_index)))
            .filter(|(wait_till, _)| *wait_till <= self.now)
            .collect();
        due.sort_unstable();
        for (_, execution_index) in due {
            self.wake(execution_index);
        }
    }

    /// A wait for a time that has passed already ends at once.
    pub(super) fn wake_if_due(&mut self, execution_index: ExecutionIndex) {
        let wait_till = self.graph.open_run(execution_index).and_then(|run| run.suspension()?.wait_till());
        if wait_till.is_some_and(|wait_till| wait_till <= self.now) {
            self.wake(execution_index);
        }
    }

    fn wake(&mut self, execution_index: ExecutionIndex) {
        let Some(suspension) = self.graph.open_run(execution_index).and_then(|run| run.suspension().cloned())
        else {
            return;
        };
        self.resumed(execution_index, ResumedBy::Timer, Value::Null);
        match suspension {
            Suspension::Retry { .. } => self.run_again(execution_index),
            _ => self.go_on(execution_index, &suspension, Wakeup::Time),
        }
    }

    /// Records that a wait ended; the execution runs again.
    pub(super) fn resumed(&mut self, execution_index: ExecutionIndex, by: ResumedBy, data: Value) {
        self.resume_execution();
        self.node_entry(execution_index, None, Some(NodeOutcome::Resumed(Resumed { by, data })));
    }

    /// The node goes on after its wait.
    fn go_on(&mut self, execution_index: ExecutionIndex, suspension: &Suspension, wakeup: Wakeup) {
        let compiled = self.compiled();
        let Some(run) = self.graph.open_run(execution_index) else { return };
        let node = compiled.node(run.node);
        let mocked = matches!(node.run, Run::Mocked);
        let result = match (&node.run, suspension, &wakeup) {
            (_, Suspension::Webhook { .. }, Wakeup::Time) if !mocked => self.deadline_passed(run, node),
            (Run::Action(Behaviour::Pure(action)), ..) => {
                let scope = open_scope(&self.graph, run);
                let call = RunCall { scope: &scope, params: &run.params, now: self.now };
                guarded(|| action.resume(&call, wakeup))
            }
            (_, _, Wakeup::Answer(data)) => Ok(Outcome::output(data.clone())),
            (_, _, Wakeup::Time) => Ok(Outcome::output(Value::Null)),
        };
        self.settle(execution_index, node, None, result);
    }

    /// A webhook wait has a deadline: past it the node leaves by `timeout`, if that is connected, or fails.
    fn deadline_passed(&self, run: &OpenRun, node: &CompiledNode) -> Result<Outcome, crate::action::Failure> {
        let port = node.output_port("timeout");
        let connected =
            port.is_some_and(|port| !self.graph.compiled().topology.edges(run.node, port).is_empty());
        if connected {
            return Ok(Outcome::on_port(newest_on(run, 0), "timeout"));
        }
        let message =
            "nobody answered before the deadline; connect the port `timeout` to go on without an answer";
        Err(ErrorValue::new("wait.timeout", message).into())
    }

    /// A crash left runs in doubt.
    pub(super) fn recover(&mut self) {
        let in_doubt: Vec<ExecutionIndex> = self
            .graph
            .open_runs()
            .iter()
            .filter(|run| run.status == OpenStatus::Running)
            .map(|run| run.execution_index)
            .collect();
        for execution_index in in_doubt {
            self.recover_run(execution_index);
        }
    }

    fn recover_run(&mut self, execution_index: ExecutionIndex) {
        let compiled = self.compiled();
        let Some(run) = self.graph.open_run(execution_index) else { return };
        let node = compiled.node(run.node);
        let is_effect = match node.run {
            Run::Action(_) => node.action.touches_world(),
            Run::Mocked => true,
            Run::PassThrough | Run::Pinned(_) => false,
        };
        match (is_effect, node.settings.on_crash) {
            (false, _) | (true, OnCrash::Retry) => self.run_again(execution_index),
            (true, OnCrash::Fail) => {
                let message = "the process stopped while this node ran, and nobody knows how far it came";
                let error = ErrorValue::new("node.interrupted", message).not_retryable();
                self.node_erred(execution_index, node, None, error);
            }
            (true, OnCrash::Ask) => {
                let suspension = Suspension::Decision { reason: None };
                self.node_entry(execution_index, None, Some(NodeOutcome::Suspended(suspension)));
            }
        }
    }

    /// The execution crashes again and again at the same place: a person must decide about the run that is under way, or that is next.
    pub(super) fn park(&mut self, reason: Str) {
        let running = self.graph.open_runs().iter().find(|run| run.status == OpenStatus::Running);
        match running.map(|run| run.execution_index) {
            Some(execution_index) => {
                let suspension = Suspension::Decision { reason: Some(reason) };
                self.node_entry(execution_index, None, Some(NodeOutcome::Suspended(suspension)));
            }
            None => self.parking = Some(reason),
        }
    }

    /// Parks a run before anything of it happens: what its templates say is rendered when a person lets it begin.
    pub(super) fn park_before(&mut self, position: usize, reason: Str) {
        let execution_index = self.graph.state().next_index;
        let opening = Opening { parked: true, ..Opening::bare(position) };
        let suspension = Suspension::Decision { reason: Some(reason) };
        self.node_entry(execution_index, Some(opening), Some(NodeOutcome::Suspended(suspension)));
    }

    /// A person's word on a node that nobody dares to run again: `{decision: retry, skip, fail or cancel, output?}`.
    fn decide(&mut self, execution_index: ExecutionIndex, suspension: &Suspension, data: Value) {
        let decision = data.get("decision").and_then(Value::as_str).unwrap_or_default().to_owned();
        let compiled = self.compiled();
        let Some(run) = self.graph.open_run(execution_index) else { return };
        let node = compiled.node(run.node);
        self.resumed(execution_index, ResumedBy::Call, data.clone());
        match decision.as_str() {
            "retry" => self.run_again(execution_index),
            "skip" => {
                let output = data.get("output").cloned().unwrap_or_default();
                self.settle(execution_index, node, None, Ok(skipped(node, output)));
            }
            "cancel" => {
                let reason = ErrorValue::new("execution.cancelled", "a person decided so");
                self.end(crate::execution::Status::Cancelled, Some(reason));
            }
            "fail" => {
                let error = ErrorValue::new("node.interrupted", "a person decided that this node failed")
                    .not_retryable();
                self.node_erred(execution_index, node, None, error);
            }
            _ => self.node_entry(execution_index, None, Some(NodeOutcome::Suspended(suspension.clone()))),
        }
    }
}

/// What a node leaves behind that a person says is done.
fn skipped(node: &CompiledNode, output: Value) -> Outcome {
    match node.is_break {
        true => Outcome::Break(output),
        // A for_each that is skipped goes over nothing (more).
        false if node.is_for_each() => Outcome::on_port(output, node.outputs[usize::from(DONE)].clone()),
        false => Outcome::Complete(Completed::new(output)),
    }
}
