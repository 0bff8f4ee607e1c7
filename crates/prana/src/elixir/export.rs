//! An execution in the form of the Elixir engine.

use std::collections::BTreeMap;

use prana_core::ErrorValue;
use prana_core::compile::{CompiledGraph, NodeId};
use prana_core::execution::{Execution, NodeExecution, NodeStatus, Status};
use prana_core::suspension::{ExecutionMode, Suspension};
use prana_template::{Map, Str, Value};

use super::numbers;

/// Writes an execution as the Elixir engine stores it: `WorkflowExecution.to_map` without graph and runtime.
///
/// `compiled` is its workflow, for its trigger: without it the scheduler's part (`active_nodes`, `active_paths`) stays empty, which only an
/// execution that has ended can do without. What that engine has no word for is left out: skipped runs, and all but the oldest of several waits.
pub fn to_legacy(execution: &Execution, compiled: Option<&CompiledGraph>) -> Value {
    let export = Export::new(execution, compiled);
    let metadata = &execution.metadata;
    let imported = export.imported;
    let kept = |key: &str, own: Value| imported.get(key).cloned().unwrap_or(own);
    let mut map = Map::new();
    map.insert("id", kept("id", execution.id.to_string().into()));
    map.insert("workflow_id", &execution.workflow_id);
    map.insert("workflow_version", kept("workflow_version", execution.workflow_version.into()));
    let parent = execution.parent_execution_id.map(|id| Value::from(id.to_string()));
    map.insert("parent_execution_id", kept("parent_execution_id", parent.unwrap_or_default()));
    map.insert("execution_mode", kept("execution_mode", execution.execution_mode.as_str().into()));
    map.insert("status", status(execution.status));
    map.insert("error", export.error());
    map.insert("trigger_type", kept("trigger_type", "graph_executor".into()));
    map.insert("trigger_data", kept("trigger_data", execution.trigger_data.clone()));
    map.insert("vars", metadata.get("variables").cloned().unwrap_or_else(empty));
    map.insert("node_executions", export.node_executions());
    map.insert("current_execution_index", export.next_index());
    export.suspension(&mut map);
    map.insert("started_at", execution.started_at.map(|at| at.to_string()));
    map.insert("completed_at", execution.completed_at.map(|at| at.to_string()));
    let schedule = Schedule::of(&export);
    map.insert("execution_data", export.execution_data(&schedule));
    map.insert("preparation_data", metadata.get("preparation").cloned().unwrap_or_else(empty));
    map.insert("metadata", export.metadata(&schedule));
    Value::Map(map)
}

fn empty() -> Value {
    Value::Map(Map::new())
}

fn status(status: Status) -> &'static str {
    match status {
        Status::Running | Status::Pending => "running",
        other => other.as_str(),
    }
}

struct Export<'a> {
    execution: &'a Execution,
    compiled: Option<&'a CompiledGraph>,
    imported: &'a Value,
}

impl<'a> Export<'a> {
    fn new(execution: &'a Execution, compiled: Option<&'a CompiledGraph>) -> Self {
        const NOTHING: &Value = &Value::Null;
        let imported = execution.metadata.get("imported");
        let from_there = |kept: &&Value| kept.get("from").and_then(Value::as_str) == Some(numbers::FROM);
        Export { execution, compiled, imported: imported.filter(from_there).unwrap_or(NOTHING) }
    }

    /// The runs that have a record there, with what was kept of them.
    fn runs(&self) -> impl Iterator<Item = (&'a NodeExecution, Option<&'a Value>)> + use<'a> {
        let imported = self.imported;
        let runs =
            self.execution.node_executions.iter().map(move |run| (run, numbers::kept_of(imported, run)));
        runs.filter(|(run, kept)| {
            run.status != NodeStatus::Skipped && kept.is_none_or(|kept| kept.get("not_recorded").is_none())
        })
    }

    fn error(&self) -> Value {
        match (self.imported.get("error"), self.execution.error()) {
            (Some(kept), _) => kept.clone(),
            (None, Some(error)) => error.to_value(),
            (None, None) => Value::Null,
        }
    }

    fn node_executions(&self) -> Value {
        let mut by_key: Vec<(Str, Vec<Value>)> = Vec::new();
        let mut add = |key: Str, run: Value| match by_key.iter_mut().find(|(known, _)| *known == key) {
            Some((_, runs)) => runs.push(run),
            None => by_key.push((key, vec![run])),
        };
        for (run, kept) in self.runs() {
            add(run.node_key.clone(), self.run(run, kept));
        }
        for run in
            self.imported.get("apart").and_then(Value::as_list).into_iter().flat_map(|list| list.iter())
        {
            if let Some(Value::Str(key)) = run.get("node_key") {
                add(key.clone(), run.clone());
            }
        }
        for (_, runs) in &mut by_key {
            runs.sort_by_key(|run| std::cmp::Reverse(run.get("run_index").and_then(Value::as_i64)));
        }
        by_key.into_iter().map(|(key, runs)| (key, Value::from(runs))).collect()
    }

    fn run(&self, run: &NodeExecution, kept: Option<&Value>) -> Value {
        let kept_or = |key: &str, own: Value| kept.and_then(|kept| kept.get(key)).cloned().unwrap_or(own);
        let failed = (run.status == NodeStatus::Failed)
            .then(|| run.error.as_ref().map(ErrorValue::to_value))
            .flatten();
        let duration = numbers::duration(Some(run.started_at), run.completed_at);
        let (kind, data) = match run.status {
            NodeStatus::Suspended => self.suspension_of(run, kept),
            _ => (Value::Null, Value::Null),
        };
        let mut map = Map::new();
        map.insert("node_key", &run.node_key);
        map.insert("status", run.status.as_str());
        map.insert("params", run.params.clone());
        map.insert("output_data", run.output.clone());
        map.insert("output_port", run.output_port.clone());
        map.insert("error_data", kept_or("error_data", failed.unwrap_or_default()));
        map.insert("started_at", run.started_at.to_string());
        map.insert("completed_at", run.completed_at.map(|at| at.to_string()));
        map.insert("duration_ms", kept_or("duration_ms", duration.into()));
        map.insert("suspension_type", kind);
        map.insert("suspension_data", data);
        map.insert("execution_index", index_of(run, kept));
        map.insert("run_index", kept_or("run_index", run.run_index.into()));
        Value::Map(map)
    }

    fn next_index(&self) -> i64 {
        let apart =
            self.imported.get("apart").and_then(Value::as_list).into_iter().flat_map(|list| list.iter());
        let apart = apart.filter_map(|run| run.get("execution_index")?.as_i64());
        self.runs().map(|(run, kept)| index_of(run, kept)).chain(apart).max().map_or(0, |last| last + 1)
    }

    /// The execution's own copy of what its oldest wait waits for.
    fn suspension(&self, map: &mut Map) {
        let waiting =
            self.execution.suspended_node_execution().filter(|_| self.execution.status == Status::Suspended);
        let (mut kind, mut data, mut at) = (Value::Null, Value::Null, Value::Null);
        if let Some(run) = waiting {
            let kept = numbers::kept_of(self.imported, run);
            (kind, data) = self.suspension_of(run, kept);
            let kept_at = self.imported.get("suspended_at").filter(|_| is_still_waiting(run, kept)).cloned();
            at = kept_at.unwrap_or_else(|| run.started_at.to_string().into());
        }
        map.insert("suspended_node_id", waiting.map(|run| run.node_key.clone()));
        map.insert("suspension_type", kind);
        map.insert("suspension_data", data);
        map.insert("suspended_at", at);
    }

    fn suspension_of(&self, run: &NodeExecution, kept: Option<&Value>) -> (Value, Value) {
        if is_still_waiting(run, kept) {
            let part = |key: &str| kept.and_then(|kept| kept.get(key)).cloned().unwrap_or_default();
            return (part("suspension_type"), part("suspension_data"));
        }
        let Some(suspension) = &run.suspension else { return (Value::Null, Value::Null) };
        let param = |key: &str, default: Value| run.params.get(key).cloned().unwrap_or(default);
        let mut data = Map::new();
        let till = suspension.wait_till().map(|at| at.to_string());
        let kind = match suspension {
            Suspension::Interval { .. } => {
                data.insert("mode", "interval");
                data.insert("resume_at", till);
                "interval"
            }
            Suspension::Schedule { .. } => {
                data.insert("mode", "schedule");
                data.insert("resume_at", till);
                data.insert("timezone", param("timezone", "UTC".into()));
                "schedule"
            }
            Suspension::Webhook { .. } => {
                data.insert("mode", "webhook");
                data.insert("expires_at", till);
                data.insert("timeout_hours", param("timeout_hours", 24.into()));
                "webhook"
            }
            Suspension::Retry { .. } => {
                data.insert("resume_at", till);
                data.insert("attempt_number", run.attempts.len());
                data.insert("max_attempts", self.max_retries(&run.node_key));
                data.insert("original_error", run.attempts.last().map(|attempt| attempt.error.to_value()));
                "retry"
            }
            Suspension::SubWorkflow { execution_mode, .. } => {
                data = run.params.as_map().cloned().unwrap_or_default();
                data.insert("triggered_at", run.started_at.to_string());
                match execution_mode {
                    ExecutionMode::Sync => "sub_workflow_sync",
                    ExecutionMode::Async => "sub_workflow_async",
                    ExecutionMode::FireAndForget => "sub_workflow_fire_forget",
                }
            }
            Suspension::Decision { .. } => "decision",
        };
        (kind.into(), Value::Map(data))
    }

    fn max_retries(&self, key: &str) -> u32 {
        let node = self.compiled.and_then(|compiled| Some(compiled.node(compiled.node_id(key)?)));
        node.map_or(1, |node| node.settings.max_retries)
    }

    fn execution_data(&self, schedule: &Schedule) -> Value {
        let mut state = Map::new();
        let mut contexts: Vec<(Str, Map)> = Vec::new();
        for run in &self.execution.node_executions {
            state.extend(run.state_updates.iter().map(|(key, value)| (key.clone(), value.clone())));
            if run.context_updates.is_empty() {
                continue;
            }
            let position = contexts.iter().position(|(key, _)| *key == run.node_key).unwrap_or_else(|| {
                contexts.push((run.node_key.clone(), Map::new()));
                contexts.len() - 1
            });
            let updates = run.context_updates.iter().filter(|(key, _)| &***key != "collected");
            contexts[position].1.extend(updates.map(|(key, value)| (key.clone(), value.clone())));
        }
        let contexts = contexts.into_iter().map(|(key, context)| {
            let context = self.loop_context(&key, context);
            (key, Value::Map(context))
        });
        let context_data = Map::from_iter([
            (Str::from("workflow"), Value::Map(state)),
            (Str::from("node"), contexts.collect()),
        ]);
        let mut data = Map::new();
        data.insert("context_data", context_data);
        data.insert("active_paths", schedule.paths());
        data.insert("active_nodes", schedule.active());
        Value::Map(data)
    }

    /// The context of a for_each as that engine keeps it: with what remains.
    fn loop_context(&self, key: &str, mut context: Map) -> Map {
        let is_loop = self
            .compiled
            .is_some_and(|graph| graph.node_id(key).is_some_and(|id| graph.node(id).is_for_each()));
        let Some(index) = context.get("index").and_then(Value::as_i64).filter(|_| is_loop) else {
            return context;
        };
        context.remove("index");
        context.insert("current_loop_index", index);
        let begun = self.execution.node_executions.iter().rev().filter(|run| *run.node_key == *key);
        let params = begun
            .map(|run| &run.params)
            .find(|params| params.get("collection").is_some_and(|list| list.as_list().is_some()));
        let items = params.and_then(|params| params.get("collection")?.as_list());
        let batch = params.filter(|params| params.get("mode").and_then(Value::as_str) == Some("batch"));
        let batch = batch.and_then(|params| params.get("batch_size")?.as_i64()).unwrap_or(1).max(1);
        let done = usize::try_from((index + 1).saturating_mul(batch)).unwrap_or(usize::MAX);
        let remaining = items.and_then(|items| items.get(done..)).unwrap_or_default();
        context.insert("remaining_items", remaining.to_vec());
        context
    }

    fn metadata(&self, schedule: &Schedule) -> Value {
        let mut metadata = self.imported.get("metadata").and_then(Value::as_map).cloned().unwrap_or_default();
        let counted = metadata.get("iteration_count").and_then(Value::as_i64).unwrap_or(0);
        if schedule.loopbacks > counted {
            metadata.insert("iteration_count", schedule.loopbacks);
        }
        Value::Map(metadata)
    }
}

fn index_of(run: &NodeExecution, kept: Option<&Value>) -> i64 {
    let kept = kept.and_then(|kept| kept.get("execution_index")?.as_i64());
    kept.unwrap_or_else(|| i64::from(run.execution_index))
}

fn is_in_loop(compiled: &CompiledGraph, node: NodeId) -> bool {
    let next = compiled.topology.outgoing(node).iter().map(|edge| edge.to);
    compiled.topology.reachable(next, |_| true).contains(node.index())
}

/// True if the run waits as it did when it was taken in.
fn is_still_waiting(run: &NodeExecution, kept: Option<&Value>) -> bool {
    run.status == NodeStatus::Suspended
        && run.resumed.is_none()
        && kept.is_some_and(|kept| kept.get("suspension_type").is_some())
}

/// That engine's scheduler, run over the trail.
#[derive(Default)]
struct Schedule {
    active: BTreeMap<Str, i64>,
    paths: BTreeMap<Str, i64>,
    loopbacks: i64,
}

impl Schedule {
    fn of(export: &Export<'_>) -> Self {
        let mut schedule = Schedule::default();
        let Some(compiled) = export.compiled else { return schedule };
        let mut loops: Vec<Option<bool>> = vec![None; compiled.nodes.len()];
        for (run, kept) in export.runs() {
            let Some(node) = compiled.node_id(&run.node_key) else { continue };
            let index = index_of(run, kept);
            let in_loop = *loops[node.index()].get_or_insert_with(|| is_in_loop(compiled, node));
            if in_loop && schedule.paths.contains_key(&run.node_key) {
                schedule.loopbacks += 1;
            }
            match run.status {
                NodeStatus::Completed => schedule.complete(compiled, node, run, index),
                _ => {
                    schedule.active.insert(run.node_key.clone(), index);
                }
            }
        }
        if export.execution.status.is_ended() {
            schedule.active.clear();
        }
        schedule
    }

    fn complete(&mut self, compiled: &CompiledGraph, node: NodeId, run: &NodeExecution, index: i64) {
        self.active.remove(&run.node_key);
        let port = run.output_port.as_deref().and_then(|port| compiled.node(node).output_port(port));
        for edge in port.into_iter().flat_map(|port| compiled.topology.edges(node, port)) {
            self.active.insert(compiled.node(edge.to).key.clone(), index + 1);
        }
        if let Some(before) = self.paths.get(&run.node_key).copied() {
            self.paths.retain(|_, other| *other <= before);
        }
        self.paths.insert(run.node_key.clone(), index);
    }

    fn active(&self) -> Map {
        self.active.iter().map(|(key, index)| (key.clone(), Value::Int(*index))).collect()
    }

    fn paths(&self) -> Map {
        let entry =
            |index: &i64| Value::Map(Map::from_iter([(Str::from("execution_index"), Value::Int(*index))]));
        self.paths.iter().map(|(key, index)| (key.clone(), entry(index))).collect()
    }
}
