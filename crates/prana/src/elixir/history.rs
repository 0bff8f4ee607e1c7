//! Node runs in their order, as a log that tells what happened and leads nowhere.

use prana_core::compile::CompiledGraph;
use prana_core::execution::{Header, Metadata, Status};
use prana_core::record::{
    Change, Completed, Entry, ExecutionChange, InputFrom, NodeChange, NodeOutcome, Started,
};
use prana_core::suspension::{ExecutionMode, Suspension};
use prana_core::{ErrorValue, LoopPath, Timestamp};
use prana_template::{Str, Value};

use super::context::GraphContext;
use super::legacy::{self, Legacy, LegacyRun};
use super::numbers::{self, Numbers};

/// A log, and which run of it is which.
pub(super) struct History {
    pub log: Vec<Entry>,
    pub numbers: Numbers,
}

/// The history of an execution. `abandoned`: it was open, and ends here for this reason.
pub(super) fn history(legacy: &Legacy, abandoned: Option<&str>) -> History {
    let mut history = History { log: Vec::new(), numbers: Numbers::default() };
    if !legacy.runs.is_empty() || &*legacy.status != "pending" {
        history.push(legacy.began_at(), Change::Execution(ExecutionChange::Started));
    }
    let mut runs_of: std::collections::HashMap<&str, u32> = std::collections::HashMap::new();
    for (place, run) in legacy.runs.iter().enumerate() {
        let next = runs_of.entry(&run.node_key).or_default();
        history.run(legacy, run, place, *next, abandoned);
        *next += 1;
    }
    history.end(legacy, abandoned);
    history
}

impl History {
    fn push(&mut self, at: Timestamp, change: Change) {
        self.log.push(Entry { sequence: self.log.len() as u64 + 1, at, change });
    }

    fn node(&mut self, at: Timestamp, started: Option<Started>, outcome: Option<NodeOutcome>) {
        let execution_index = self.numbers.places.len() as u32 - 1;
        self.push(at, Change::Node(Box::new(NodeChange { execution_index, started, outcome })));
    }

    fn run(
        &mut self,
        legacy: &Legacy,
        run: &LegacyRun,
        place: usize,
        run_index: u32,
        abandoned: Option<&str>,
    ) {
        self.numbers.places.push(Some(place));
        let started = Started {
            node_key: run.node_key.clone(),
            run_index,
            input_from: InputFrom::default(),
            loop_path: LoopPath::EMPTY,
            params: run.params.clone(),
            deferred: Vec::new(),
            parked: false,
        };
        let (begun, outcomes) = run_outcomes(legacy, run);
        self.node(begun, Some(started), None);
        let open = !run.is("completed") && !run.is("failed");
        for (at, outcome) in outcomes {
            self.node(at, None, Some(outcome));
        }
        if open && let Some(reason) = abandoned {
            let outcome = NodeOutcome::Skipped { reason: reason.into() };
            self.node(legacy.latest_at(), None, Some(outcome));
        }
    }

    fn end(&mut self, legacy: &Legacy, abandoned: Option<&str>) {
        let at = legacy.completed_at.unwrap_or_else(|| legacy.latest_at());
        let change = match (abandoned, &*legacy.status) {
            (Some(reason), _) => {
                let error = ErrorValue::new("import.not_resumable", reason).not_retryable();
                ExecutionChange::Ended { status: Status::Failed, reason: Some(Box::new(error)) }
            }
            (None, "completed") => ExecutionChange::Ended { status: Status::Completed, reason: None },
            (None, "failed") => ended_badly(legacy, Status::Failed),
            (None, "cancelled") => ended_badly(legacy, Status::Cancelled),
            (None, "timeout") => ended_badly(legacy, Status::Timeout),
            (None, "suspended") => ExecutionChange::Suspended,
            (None, _) => return,
        };
        self.push(at, Change::Execution(change));
    }
}

/// The end of an execution whose error is that of its failed run, or one of its own.
pub(super) fn ended_badly(legacy: &Legacy, status: Status) -> ExecutionChange {
    let of_run = legacy.runs.iter().rev().find(|run| run.is("failed")).map(|run| &run.error);
    let own =
        (!legacy.error.is_null() && of_run != Some(&legacy.error)).then(|| legacy::error(&legacy.error));
    let silent = || ErrorValue::new("elixir.error", "the execution failed, and its record doesn't say why");
    let reason = match (own, of_run) {
        (None, None) => Some(silent()),
        (own, _) => own,
    };
    ExecutionChange::Ended { status, reason: reason.map(Box::new) }
}

/// When a run began, and what came of it.
pub(super) fn run_outcomes(legacy: &Legacy, run: &LegacyRun) -> (Timestamp, Vec<(Timestamp, NodeOutcome)>) {
    let begun = run.started_at.or(run.completed_at).unwrap_or_else(|| legacy.began_at());
    let ended = run.completed_at.unwrap_or(begun);
    let outcomes = match &*run.status {
        "completed" => vec![(ended, NodeOutcome::Completed(completed(run)))],
        "failed" => vec![(ended, NodeOutcome::Failed(Box::new(legacy::error(&run.error))))],
        "suspended" => waits(legacy, run, begun),
        _ => Vec::new(),
    };
    (begun, outcomes)
}

/// What a completed run made.
pub(super) fn completed(run: &LegacyRun) -> Completed {
    Completed {
        port: run.port.clone(),
        is_error: run.is_redirected_error(),
        ..Completed::new(run.output.clone())
    }
}

/// The attempts that failed, or the wait.
fn waits(legacy: &Legacy, run: &LegacyRun, begun: Timestamp) -> Vec<(Timestamp, NodeOutcome)> {
    let at = legacy.suspended_at.unwrap_or(begun);
    let Some((kind, data)) = legacy.suspension_of(run) else {
        return vec![(at, NodeOutcome::Suspended(Suspension::Decision { reason: None }))];
    };
    if &*kind == "retry" {
        return attempts(&data, at);
    }
    vec![(at, NodeOutcome::Suspended(suspension(&kind, &data)))]
}

/// A retry: the attempts that failed so far, of which only the last is on record.
fn attempts(data: &Value, at: Timestamp) -> Vec<(Timestamp, NodeOutcome)> {
    let failed = data.get("attempt_number").and_then(Value::as_i64).unwrap_or(1).clamp(1, 100);
    let unknown = ErrorValue::new("import.not_recorded", "an attempt failed, and its error was not kept");
    let error = Box::new(data.get("original_error").map_or_else(|| unknown.clone(), legacy::error));
    let unknown = Box::new(unknown);
    let wait_till = legacy::time_in(data, &["resume_at", "wait_till"]).unwrap_or(at);
    let earlier =
        (1..failed).map(|_| (at, NodeOutcome::AttemptFailed { error: unknown.clone(), wait_till: None }));
    let last = (at, NodeOutcome::AttemptFailed { error, wait_till: Some(wait_till) });
    earlier.chain([last]).collect()
}

/// What a wait waits for here.
///
/// A sub-workflow of that engine is run by somebody else and can't be known here, and to start it again might do its work twice: a person
/// decides. Whatever the host invented is a wait for an answer.
pub(super) fn suspension(kind: &str, data: &Value) -> Suspension {
    let wait_till = legacy::time_in(data, &["resume_at", "expires_at", "wait_till", "schedule_at"]);
    match (kind, wait_till) {
        ("interval", Some(wait_till)) => Suspension::Interval { wait_till },
        ("schedule", Some(wait_till)) => Suspension::Schedule { wait_till },
        ("retry", Some(wait_till)) => Suspension::Retry { wait_till },
        ("sub_workflow_sync" | "sub_workflow_async" | "sub_workflow_fire_forget" | "sub_workflow", _) => {
            Suspension::Decision { reason: None }
        }
        _ => Suspension::Webhook { wait_till },
    }
}

/// The header of an imported execution.
pub(super) fn header(
    legacy: &Legacy,
    compiled: Option<&CompiledGraph>,
    version: u64,
    numbers: &Numbers,
    log: &[Entry],
) -> Header {
    let first = legacy.runs.first();
    let trigger = compiled.map(|compiled| compiled.node(compiled.trigger));
    let context = GraphContext::of(legacy);
    let run_indexes: Vec<u32> = log.iter().filter_map(started_run_index).collect();
    let imported = numbers::imported(legacy, numbers, |index| run_indexes.get(index).copied().unwrap_or(0));
    Header {
        id: legacy.id,
        workflow_id: legacy.workflow_id.clone(),
        workflow_version: version,
        execution_mode: mode(&legacy.execution_mode),
        trigger: first.map(|run| run.node_key.clone()).unwrap_or_default(),
        trigger_type: match trigger {
            Some(node) => node.descriptor().type_name.clone(),
            None => legacy.trigger_type.clone(),
        },
        trigger_data: trigger_data(legacy),
        created_at: legacy.began_at(),
        parent_execution_id: None,
        root_execution_id: legacy.id,
        depth: 0,
        metadata: Metadata {
            variables: context.variables,
            environment: context.environment,
            preparation: context.preparation,
            imported,
            ..Metadata::default()
        },
    }
}

fn started_run_index(entry: &Entry) -> Option<u32> {
    match &entry.change {
        Change::Node(change) => change.started.as_ref().map(|started| started.run_index),
        Change::Execution(_) => None,
    }
}

/// That engine doesn't keep the input; it is the output of the trigger.
pub(super) fn trigger_data(legacy: &Legacy) -> Value {
    let kept =
        legacy.trigger_data.as_map().is_none_or(|map| !map.is_empty()) && !legacy.trigger_data.is_null();
    match legacy.runs.first() {
        Some(run) if !kept && run.is("completed") => run.output.clone(),
        _ => legacy.trigger_data.clone(),
    }
}

fn mode(word: &Str) -> ExecutionMode {
    match &**word {
        "sync" => ExecutionMode::Sync,
        "fire_and_forget" | "fire_forget" => ExecutionMode::FireAndForget,
        _ => ExecutionMode::Async,
    }
}
