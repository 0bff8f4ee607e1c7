//! A stored execution with its workflow: a header and a log.

use std::sync::Arc;

use prana_core::compile::{CompiledGraph, Options, compile};
use prana_core::document::Workflow;
use prana_core::execution::Header;
use prana_core::record::{Change, Entry, ExecutionChange, NodeOutcome};
use prana_core::suspension::Suspension;
use prana_core::{ExecutionGraph, Registry, Timestamp};
use prana_template::{Map, Value};

use super::history::{self, History};
use super::legacy::{Legacy, LegacyError};
use super::replay::Replay;
use super::report::{Fate, Finding};

/// An execution of the Elixir engine in the form of this one.
#[derive(Debug, Clone)]
pub struct Imported {
    /// What it was started with; `metadata.imported` holds what the log can't say.
    pub header: Header,
    /// Its trail.
    pub log: Vec<Entry>,
    /// The runtime state that the log folds to, if it waits.
    pub graph: Option<ExecutionGraph>,
    /// What became of its fields.
    pub findings: Vec<Finding>,
}

/// Makes a header and a log of a stored execution.
///
/// What has ended becomes history; what waits becomes resumable: the log folds to a graph whose open wait is the suspended node.
///
/// # Errors
/// [`LegacyError::Malformed`]; [`LegacyError::NotPossible`] for an open execution that the rules here can't lead to where it was.
///
/// ```
/// use prana::core::{Registry, document};
/// use prana::template::value;
///
/// let workflow = document::from_value(&value!({"id": "w", "nodes": [{"key": "t", "type": "manual.trigger"}]})).unwrap();
/// let execution = value!({"id": "e", "workflow_id": "w", "status": "completed", "node_executions": {"t": [
///     {"node_key": "t", "status": "completed", "output_data": {"n": 1}, "output_port": "main", "execution_index": 0, "run_index": 0}
/// ]}});
/// let imported = prana::elixir::from_legacy(&execution, &workflow, &Registry::standard()).unwrap();
/// assert_eq!(imported.header.trigger_data, value!({"n": 1}));
/// assert_eq!(imported.log.len(), 4);
/// ```
pub fn from_legacy(
    execution: &Value,
    workflow: &Workflow,
    registry: &Registry,
) -> Result<Imported, LegacyError> {
    let legacy = Legacy::read(execution)?;
    let compiled = compiled(&legacy, workflow, registry);
    let version = workflow.version.unwrap_or(1);
    if legacy.is_ended() {
        return Ok(ended(&legacy, compiled.ok().as_ref(), version));
    }
    if &*legacy.status != "suspended" {
        let reason = format!(
            "its status is `{}`: only what has ended or waits can be taken over; let the other engine bring it there first",
            legacy.status
        );
        return Err(LegacyError::not_possible(reason));
    }
    suspended(&legacy, &compiled?, version)
}

/// An open execution that can't go on here, as a failed one with its history.
pub(super) fn abandoned(
    legacy: &Legacy,
    compiled: Option<&Arc<CompiledGraph>>,
    version: u64,
    reason: &str,
) -> Imported {
    let history = history::history(legacy, Some(reason));
    let mut findings = Vec::new();
    let text = format!("it was {} and is failed here: {reason}", legacy.status);
    findings.push(Finding::new(Fate::Changed, "status", text));
    of_history(legacy, compiled, version, history, findings)
}

/// The workflow, compiled for the trigger that the execution began with.
pub(super) fn compiled(
    legacy: &Legacy,
    workflow: &Workflow,
    registry: &Registry,
) -> Result<Arc<CompiledGraph>, LegacyError> {
    let trigger = legacy.runs.first().map(|run| &*run.node_key);
    let options = Options { trigger, ..Options::default() };
    compile(workflow, registry, options).into_result().map_err(|findings| {
        let first = findings.iter().find(|finding| finding.is_error()).map(ToString::to_string);
        LegacyError::not_possible(format!("its workflow can't run here: {}", first.unwrap_or_default()))
    })
}

fn ended(legacy: &Legacy, compiled: Option<&Arc<CompiledGraph>>, version: u64) -> Imported {
    if let Some(replayed) = compiled.and_then(|compiled| replay_ended(legacy, compiled, version)) {
        return replayed;
    }
    let text = "the trail tells which nodes ran, in their order, and not what fed each of them: it can't be derived by the rules here";
    let findings = vec![Finding::new(Fate::Changed, "node_executions", text)];
    of_history(legacy, compiled, version, history::history(legacy, None), findings)
}

fn of_history(
    legacy: &Legacy,
    compiled: Option<&Arc<CompiledGraph>>,
    version: u64,
    mut history: History,
    mut findings: Vec<Finding>,
) -> Imported {
    keep_contexts(legacy, &mut history.log, &mut findings);
    let header = history::header(legacy, compiled.map(Arc::as_ref), version, &history.numbers, &history.log);
    findings.extend(common_findings(legacy));
    Imported { header, log: history.log, graph: None, findings }
}

/// The trail with what fed each run, if every run has its place by the rules here.
fn replay_ended(legacy: &Legacy, compiled: &Arc<CompiledGraph>, version: u64) -> Option<Imported> {
    let mut replay = begin(legacy, compiled, version);
    replay.all().ok()?;
    if !replay.numbers.apart.is_empty() || replay.numbers.filled() > 0 || !replay.findings.is_empty() {
        return None;
    }
    let end = match &*legacy.status {
        "completed" => {
            ExecutionChange::Ended { status: prana_core::execution::Status::Completed, reason: None }
        }
        "failed" => history::ended_badly(legacy, prana_core::execution::Status::Failed),
        "cancelled" => history::ended_badly(legacy, prana_core::execution::Status::Cancelled),
        _ => history::ended_badly(legacy, prana_core::execution::Status::Timeout),
    };
    replay.execution(legacy.completed_at.unwrap_or_else(|| legacy.latest_at()), end).ok()?;
    let Replay { mut log, numbers, mut findings, .. } = replay;
    keep_contexts(legacy, &mut log, &mut findings);
    let header = history::header(legacy, Some(compiled), version, &numbers, &log);
    findings.extend(common_findings(legacy));
    Some(Imported { header, log, graph: None, findings })
}

fn begin<'a>(legacy: &'a Legacy, compiled: &Arc<CompiledGraph>, version: u64) -> Replay<'a> {
    let numbers = super::numbers::Numbers::default();
    Replay::new(legacy, compiled, history::header(legacy, Some(compiled), version, &numbers, &[]))
}

fn suspended(legacy: &Legacy, compiled: &Arc<CompiledGraph>, version: u64) -> Result<Imported, LegacyError> {
    let waiting = legacy.runs.iter().filter(|run| run.is("suspended")).count();
    if waiting != 1 {
        let reason =
            format!("it is suspended, and {waiting} of its node executions are: there should be one");
        return Err(LegacyError::not_possible(reason));
    }
    let named = legacy.suspended_node.as_ref();
    if let Some(named) =
        named.filter(|named| !legacy.runs.iter().any(|run| run.is("suspended") && run.node_key == **named))
    {
        let reason =
            format!("it says that `{named}` is suspended, and the node execution of another node is");
        return Err(LegacyError::not_possible(reason));
    }
    if let Some(run) = legacy.runs.iter().find(|run| !matches!(&*run.status, "completed" | "suspended")) {
        let reason = format!(
            "run {} of `{}` is {}, beside the one that waits",
            run.run_index, run.node_key, run.status
        );
        return Err(LegacyError::not_possible(reason));
    }
    let mut replay = begin(legacy, compiled, version);
    replay.all()?;
    replay.reconcile()?;
    let at = legacy.suspended_at.unwrap_or_else(|| legacy.latest_at());
    replay.execution(at, ExecutionChange::Suspended)?;
    let Replay { mut log, numbers, mut findings, .. } = replay;
    keep_contexts(legacy, &mut log, &mut findings);
    let header = history::header(legacy, Some(compiled), version, &numbers, &log);
    let context = Arc::new(prana_core::graph::Context::new(header.clone()));
    let graph = ExecutionGraph::rebuild(Arc::clone(compiled), context, &log)
        .map_err(|mismatch| LegacyError::not_possible(mismatch.to_string()))?;
    findings.extend(wait_finding(legacy, &graph));
    findings.extend(common_findings(legacy));
    Ok(Imported { header, log, graph: Some(graph), findings })
}

/// That engine keeps the contexts and the shared state as they are now, not who set them when: they are put where the trail last could have.
fn keep_contexts(legacy: &Legacy, log: &mut [Entry], findings: &mut Vec<Finding>) {
    for (key, context) in legacy.contexts.iter() {
        let Value::Map(context) = context else { continue };
        match last_completed(log, Some(key)) {
            Some(completed) => {
                completed.context_updates.extend(context.iter().map(|(k, v)| (k.clone(), v.clone())))
            }
            None => {
                findings.push(Finding::new(Fate::Dropped, &**key, "its context: no run of it has completed"))
            }
        }
    }
    if legacy.state.is_empty() {
        return;
    }
    match last_completed(log, None) {
        Some(completed) => completed.state_updates = legacy.state.clone(),
        None => findings.push(Finding::new(
            Fate::Dropped,
            "execution_data",
            "the shared state: no node has completed",
        )),
    }
}

fn last_completed<'l>(
    log: &'l mut [Entry],
    key: Option<&str>,
) -> Option<&'l mut prana_core::record::Completed> {
    let mut of_key: Vec<u32> = Vec::new();
    for entry in log.iter() {
        if let Change::Node(change) = &entry.change
            && let Some(started) = &change.started
            && key.is_none_or(|key| *started.node_key == *key)
        {
            of_key.push(change.execution_index);
        }
    }
    log.iter_mut().rev().find_map(|entry| match &mut entry.change {
        Change::Node(change) if of_key.binary_search(&change.execution_index).is_ok() => {
            match &mut change.outcome {
                Some(NodeOutcome::Completed(completed)) => Some(completed),
                _ => None,
            }
        }
        _ => None,
    })
}

/// What the wait is here.
fn wait_finding(legacy: &Legacy, graph: &ExecutionGraph) -> Vec<Finding> {
    let Some(run) = graph.open_runs().iter().find(|run| run.suspension().is_some()) else {
        return Vec::new();
    };
    let key = graph.compiled().node(run.node).key.to_string();
    let there = legacy.runs.iter().find(|run| run.is("suspended")).and_then(|run| legacy.suspension_of(run));
    let there = there.map_or_else(|| "unknown".to_owned(), |(kind, _)| kind.to_string());
    let (fate, text) = match run.suspension() {
        Some(Suspension::Decision { .. }) => (
            Fate::Changed,
            format!(
                "it waits (`{there}`) for what the other engine's host started, which nobody here can see: it waits for a decision here. Answer with \
                 {{\"decision\": \"skip\", \"output\": ...}} to hand its result in, {{\"decision\": \"retry\"}} to start the sub-workflow here, \
                 {{\"decision\": \"fail\"}} or {{\"decision\": \"cancel\"}}"
            ),
        ),
        Some(Suspension::Webhook { .. }) if there != "webhook" => {
            (Fate::Changed, format!("its wait `{there}` is a `webhook` here: any answer ends it"))
        }
        Some(suspension) => (
            Fate::Carried,
            format!(
                "its wait `{there}` is `{}` here{}",
                suspension.type_name(),
                until(suspension.wait_till())
            ),
        ),
        None => return Vec::new(),
    };
    vec![Finding::new(fate, key, text)]
}

fn until(wait_till: Option<Timestamp>) -> String {
    wait_till.map_or_else(String::new, |at| format!(", until {at}"))
}

/// What is the same for every execution.
fn common_findings(legacy: &Legacy) -> Vec<Finding> {
    let mut findings = vec![
        Finding::new(Fate::Carried, "node_executions", format!("{} node runs", legacy.runs.len())),
        Finding::new(
            Fate::Dropped,
            "__runtime",
            "and execution_graph, output_data, error_data, suspended_*, resume_token: derived from the trail, or unused",
        ),
    ];
    let named: [(&str, &Map); 3] =
        [("vars", &legacy.vars), ("preparation_data", &legacy.preparation), ("metadata", &legacy.metadata)];
    for (name, map) in named.into_iter().filter(|(_, map)| !map.is_empty()) {
        let names: Vec<&str> = map.keys().take(5).map(|key| &**key).collect();
        let more = if map.len() > names.len() { ", ..." } else { "" };
        findings.push(Finding::new(Fate::Carried, name, format!("{}{more}", names.join(", "))));
    }
    for key in &legacy.unknown {
        findings.push(Finding::new(Fate::Dropped, &**key, "it is no field of an execution of that engine"));
    }
    findings
}

/// The history of an ended execution whose workflow nobody has.
pub(super) fn history_alone(legacy: &Legacy) -> Imported {
    of_history(legacy, None, 1, history::history(legacy, None), Vec::new())
}
