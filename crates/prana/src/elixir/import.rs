//! Documents of the Elixir engine into a store, and out of it.

use std::collections::HashMap;
use std::sync::Arc;

use prana_core::compile::{Options, compile};
use prana_core::diagnostic::Diagnostic;
use prana_core::document::{self, Workflow};
use prana_core::execution::Status;
use prana_core::suspension::Suspension;
use prana_core::{ExecutionId, Registry};
use prana_store::{Delta, NewExecution, NewVersion, NewWait, Release, Start, Takes, Which};
use prana_template::{Map, Str, Value};

use super::bundle::Bundle;
use super::legacy::{self, Legacy, LegacyError};
use super::report::{ExecutionReport, Fate, Finding, Outcome, Report, WorkflowReport};
use super::resumable::{self, Imported, from_legacy};
use crate::codec::Encoder;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::family::stored_status;

/// How documents are taken in.
#[derive(Debug, Clone, Default)]
pub struct ImportOptions {
    /// Says what would happen, and stores nothing.
    pub dry_run: bool,
    /// Open executions that can't go on here are stored as failed, with their history, instead of being refused.
    pub as_failed: bool,
    /// `$env` of executions that go on here: that engine doesn't keep it.
    pub environment: Map,
}

/// The workflows at hand, with their numbers in the store.
type Workflows = HashMap<String, Workflow>;

impl Engine {
    /// Takes in workflows and stored executions of the Elixir engine. Each is stored whole, in one commit, or not at all; what is in the
    /// store already is left as it is, so the same file can be handed in again.
    ///
    /// # Errors
    /// The store's. What can't be taken in is no error: the report says so.
    pub async fn import_elixir(
        &self,
        bundle: &Bundle,
        options: &ImportOptions,
    ) -> Result<Report, EngineError> {
        let mut report = Report { dry_run: options.dry_run, ..Report::default() };
        let mut workflows = Workflows::new();
        for (position, value) in bundle.workflows.iter().enumerate() {
            report.workflows.push(self.import_workflow(value, position, options, &mut workflows).await?);
        }
        for value in parents_first(&bundle.executions) {
            report.executions.push(self.import_execution(value, options, &workflows).await?);
        }
        Ok(report)
    }

    async fn import_workflow(
        &self,
        value: &Value,
        position: usize,
        options: &ImportOptions,
        known: &mut Workflows,
    ) -> Result<WorkflowReport, EngineError> {
        let id = value
            .get("id")
            .and_then(Value::as_str)
            .map_or_else(|| format!("workflows[{position}]"), str::to_owned);
        let mut report =
            WorkflowReport { id, outcome: Outcome::Imported, version: None, findings: Vec::new() };
        let workflow = match document::from_value(value) {
            Ok(workflow) => workflow,
            Err(diagnostics) => {
                report.outcome = Outcome::NotPossible;
                report.findings = diagnostics.iter().map(of_diagnostic).collect();
                return Ok(report);
            }
        };
        let diagnostics = diagnostics(&workflow, self.registry());
        report.findings = node_findings(value, &workflow, self.registry(), &diagnostics);
        let refused = diagnostics.iter().any(Diagnostic::is_error);
        if refused {
            report.outcome = Outcome::Incomplete;
        }
        let mut numbered = workflow;
        if !options.dry_run {
            let saved = self.save(&numbered, !refused).await?;
            if numbered.version.is_some_and(|version| version != saved) {
                let text = format!(
                    "version {} there is v{saved} here: the store counts versions itself",
                    numbered.version.unwrap_or(1)
                );
                report.findings.push(Finding::new(Fate::Changed, "version", text));
            }
            report.version = Some(saved);
            numbered.version = Some(saved);
        }
        known.insert(numbered.id.clone(), numbered);
        Ok(report)
    }

    async fn save(&self, workflow: &Workflow, activate: bool) -> Result<u64, EngineError> {
        if activate {
            return self.activate(workflow).await;
        }
        let bytes = document::to_value(workflow).to_json_string().into_bytes();
        let at = self.inner.clock.now();
        let new = NewVersion { workflow_id: workflow.id.clone(), bytes, based_on: None, at };
        Ok(self.catalog().save_workflow(new).await?.version)
    }

    async fn import_execution(
        &self,
        value: &Value,
        options: &ImportOptions,
        known: &Workflows,
    ) -> Result<ExecutionReport, EngineError> {
        let legacy = match Legacy::read(value) {
            Ok(legacy) => legacy,
            Err(error) => return Ok(unreadable(value, &error)),
        };
        let mut report = ExecutionReport {
            id: legacy.id_text.to_string(),
            execution_id: Some(legacy.id),
            workflow_id: legacy.workflow_id.to_string(),
            status: legacy.status.to_string(),
            outcome: Outcome::Imported,
            findings: Vec::new(),
        };
        if self.store().execution(legacy.id).await?.is_some() {
            report.outcome = Outcome::Exists;
            return Ok(report);
        }
        let workflow = self.workflow_of(&legacy, known).await?;
        let imported = match self.converted(&legacy, value, workflow.as_ref(), options) {
            Ok(imported) => imported,
            Err(error) => {
                report.outcome = Outcome::NotPossible;
                report.findings.push(Finding::new(Fate::NotPossible, "execution", reason(error)));
                return Ok(report);
            }
        };
        report.findings = imported.findings.clone();
        report.status = status_of(&imported).as_str().to_owned();
        if !options.dry_run {
            self.store_imported(imported, &legacy, workflow.as_ref()).await?;
        }
        Ok(report)
    }

    async fn workflow_of(&self, legacy: &Legacy, known: &Workflows) -> Result<Option<Workflow>, EngineError> {
        if let Some(workflow) = known.get(&*legacy.workflow_id) {
            return Ok(Some(workflow.clone()));
        }
        for which in [Which::Active, Which::Latest] {
            match self.inner.workflows.version(&legacy.workflow_id, which).await {
                Ok(version) => {
                    return Ok(Some(Workflow {
                        version: Some(version.number),
                        ..(*version.workflow).clone()
                    }));
                }
                Err(EngineError::UnknownWorkflow(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    fn converted(
        &self,
        legacy: &Legacy,
        value: &Value,
        workflow: Option<&Workflow>,
        options: &ImportOptions,
    ) -> Result<Imported, LegacyError> {
        let missing =
            || format!("there is no workflow `{}` in the files or in the store", legacy.workflow_id);
        let converted = match workflow {
            Some(workflow) => from_legacy(value, workflow, self.registry()),
            None if legacy.is_ended() => Ok(resumable::history_alone(legacy)),
            None => Err(LegacyError::not_possible(missing())),
        };
        let mut imported = match converted {
            Err(LegacyError::NotPossible(reason)) if options.as_failed => {
                let version = workflow.and_then(|workflow| workflow.version).unwrap_or(1);
                let compiled =
                    workflow.and_then(|workflow| resumable::compiled(legacy, workflow, self.registry()).ok());
                resumable::abandoned(legacy, compiled.as_ref(), version, &reason)
            }
            other => other?,
        };
        let environment = &mut imported.header.metadata.environment;
        environment.extend(options.environment.iter().map(|(key, value)| (key.clone(), value.clone())));
        Ok(imported)
    }

    /// One commit: the execution with its header, its trail and its wait, or nothing.
    async fn store_imported(
        &self,
        mut imported: Imported,
        legacy: &Legacy,
        workflow: Option<&Workflow>,
    ) -> Result<(), EngineError> {
        let parent = match legacy.parent.as_deref().map(legacy::execution_id) {
            Some(parent) => self.store().execution(parent).await?,
            None => None,
        };
        let header = &mut imported.header;
        if let Some(parent) = &parent {
            header.parent_execution_id = Some(parent.id);
            header.root_execution_id = parent.root;
        }
        let mut encoder = Encoder::default();
        let holder = self.inner.holder(self.inner.clock.now());
        let version = header.workflow_version;
        let new = NewExecution {
            mode: header.execution_mode as u8,
            header: encoder.bytes(header)?,
            retention_ms: workflow.and_then(|workflow| workflow.settings.retention),
            ..NewExecution::new(
                header.id,
                &*header.workflow_id,
                version,
                header.created_at,
                Start::Claimed(holder),
            )
        };
        let new = match &parent {
            Some(parent) => new.child_of(parent.id, parent.root),
            None => new,
        };
        let entries: Result<Vec<_>, EngineError> =
            imported.log.iter().map(|entry| encoder.entry(entry)).collect();
        let release = match status_of(&imported) {
            status if status.is_ended() => Release::End { status: stored_status(status), keep_trail: true },
            _ => Release::Suspend,
        };
        let delta = Delta {
            entries: entries?,
            payloads: encoder.take_payloads(),
            waits_opened: waits(&imported),
            at: imported.log.last().map_or(imported.header.created_at, |entry| entry.at),
            release,
            ..Delta::create(new)
        };
        self.inner.store.commit(delta).await?;
        self.inner.wake.notify_one();
        Ok(())
    }

    /// The active version of a workflow (or else the newest) as the Elixir engine reads it, and what that engine can't do with it.
    ///
    /// # Errors
    /// [`EngineError::UnknownWorkflow`], or what the store says.
    pub async fn export_elixir_workflow(&self, id: &str) -> Result<(Value, Vec<Finding>), EngineError> {
        let version = match self.inner.workflows.version(id, Which::Active).await {
            Err(EngineError::UnknownWorkflow(_)) => self.inner.workflows.version(id, Which::Latest).await?,
            other => other?,
        };
        let mut workflow = Workflow { version: Some(version.number), ..(*version.workflow).clone() };
        let mut findings = Vec::new();
        for node in &mut workflow.nodes {
            match type_there(&node.type_name, self.registry()) {
                Some(name) => node.type_name = name,
                None => {
                    let text = format!("that engine has no action `{}`", node.type_name);
                    findings.push(Finding::new(Fate::NotPossible, node.key.as_str(), text));
                }
            }
        }
        Ok((document::to_elixir(&workflow), findings))
    }

    /// An execution as the Elixir engine stores it.
    ///
    /// # Errors
    /// [`EngineError::UnknownExecution`], or what the store says.
    pub async fn export_elixir_execution(&self, id: ExecutionId) -> Result<Value, EngineError> {
        let execution = self.execution(id).await?;
        let which = Which::Version(execution.workflow_version);
        let trigger = execution.node_executions.first().map(|run| run.node_key.clone());
        let compiled = self
            .inner
            .workflows
            .compiled(&execution.workflow_id, which, trigger.as_deref(), false, None)
            .await;
        let compiled = match compiled {
            Ok(compiled) => Some(compiled),
            Err(EngineError::UnknownWorkflow(_) | EngineError::InvalidWorkflow(_)) => None,
            Err(error) => return Err(error),
        };
        Ok(super::to_legacy(&execution, compiled.as_deref()))
    }
}

/// The actions of that engine, by their names there.
const TYPES_THERE: &[&str] = &[
    "manual.trigger",
    "schedule.cron_trigger",
    "http.webhook_trigger",
    "http.request",
    "logic.if_condition",
    "logic.switch",
    "data.merge",
    "data.set_data",
    "prana_core.for_each",
    "prana_core.log",
    "wait.wait",
    "workflow.execute_workflow",
    "workflow.set_state",
];

/// What an action is called there.
fn type_there(type_name: &str, registry: &Registry) -> Option<String> {
    let descriptor = registry.action(type_name).map(|action| &action.descriptor);
    let aliases = descriptor.into_iter().flat_map(|descriptor| descriptor.aliases.iter());
    let mut names = std::iter::once(type_name).chain(aliases.map(|alias| &**alias));
    names.find(|name| TYPES_THERE.contains(name)).map(str::to_owned)
}

fn status_of(imported: &Imported) -> Status {
    if imported.graph.is_some() {
        return Status::Suspended;
    }
    prana_core::execution::Execution::from_log(&imported.header, &imported.log).status
}

fn reason(error: LegacyError) -> String {
    match error {
        LegacyError::NotPossible(reason) => reason,
        malformed @ LegacyError::Malformed { .. } => malformed.to_string(),
    }
}

fn unreadable(value: &Value, error: &LegacyError) -> ExecutionReport {
    let text = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    ExecutionReport {
        id: text("id"),
        execution_id: None,
        workflow_id: text("workflow_id"),
        status: text("status"),
        outcome: Outcome::NotPossible,
        findings: vec![Finding::new(Fate::NotPossible, "execution", error.to_string())],
    }
}

/// The waits of an execution, as the store keeps them.
fn waits(imported: &Imported) -> Vec<NewWait> {
    let Some(graph) = &imported.graph else { return Vec::new() };
    let wait = |run: &prana_core::graph::OpenRun| {
        let suspension = run.suspension()?;
        Some(NewWait {
            execution_index: run.execution_index,
            node_key: Arc::from(&*graph.compiled().node(run.node).key),
            loop_path: Arc::from(run.loop_path.to_string()),
            run_index: run.run_index,
            kind: 0,
            takes: match suspension {
                Suspension::SubWorkflow { .. } => Takes::Reports,
                Suspension::Retry { .. } => Takes::Nothing,
                _ => Takes::Answer,
            },
            wake_at: suspension.wait_till(),
        })
    };
    graph.open_runs().iter().filter_map(wait).collect()
}

/// Families are followed up to this many generations.
const MAX_FAMILY: usize = 64;

/// Executions in an order in which each comes after the one that started it.
fn parents_first(executions: &[Value]) -> Vec<&Value> {
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(Str::from);
    let place: HashMap<Option<Str>, usize> =
        executions.iter().enumerate().map(|(position, value)| (text(value, "id"), position)).collect();
    let depth = |value: &Value| {
        let (mut depth, mut current) = (0, value);
        while depth < MAX_FAMILY
            && let Some(parent) = text(current, "parent_execution_id")
            && let Some(position) = place.get(&Some(parent))
        {
            current = &executions[*position];
            depth += 1;
        }
        depth
    };
    let mut ordered: Vec<(usize, &Value)> = executions.iter().map(|value| (depth(value), value)).collect();
    ordered.sort_by_key(|(depth, _)| *depth);
    ordered.into_iter().map(|(_, value)| value).collect()
}

/// What there is to say about a workflow, for each of its triggers, each once.
fn diagnostics(workflow: &Workflow, registry: &Registry) -> Vec<Diagnostic> {
    let is_trigger = |node: &&document::Node| {
        let action = registry.action(&node.type_name);
        action.is_some_and(|action| action.descriptor.kind == prana_core::action::Kind::Trigger)
    };
    let triggers: Vec<&str> =
        workflow.nodes.iter().filter(is_trigger).map(|node| node.key.as_str()).collect();
    let chosen: Vec<Option<&str>> = match triggers.len() {
        0 | 1 => vec![None],
        _ => triggers.into_iter().map(Some).collect(),
    };
    let mut found: Vec<Diagnostic> = Vec::new();
    for trigger in chosen {
        for finding in compile(workflow, registry, Options { trigger, ..Options::default() }).diagnostics {
            if !found.contains(&finding) {
                found.push(finding);
            }
        }
    }
    found
}

fn of_diagnostic(diagnostic: &Diagnostic) -> Finding {
    let fate = if diagnostic.is_error() { Fate::NotPossible } else { Fate::Changed };
    let about = diagnostic.node.clone().unwrap_or_else(|| "workflow".to_owned());
    let help = diagnostic.help.as_ref().map_or_else(String::new, |help| format!("; {help}"));
    Finding::new(fate, about, format!("{}: {}{help}", diagnostic.code, diagnostic.message))
}

fn node_findings(
    value: &Value,
    workflow: &Workflow,
    registry: &Registry,
    diagnostics: &[Diagnostic],
) -> Vec<Finding> {
    let about = |key: Option<&str>| -> Vec<Finding> {
        diagnostics.iter().filter(|finding| finding.node.as_deref() == key).map(of_diagnostic).collect()
    };
    let mut findings = about(None);
    for (position, node) in workflow.nodes.iter().enumerate() {
        let mut own = about(Some(&node.key));
        own.extend(renamed(node, registry));
        own.extend(behaves_otherwise(node));
        own.extend(dropped_metadata(value, position, &node.key));
        if own.is_empty() {
            own.push(Finding::new(Fate::Carried, node.key.as_str(), node.type_name.as_str()));
        }
        findings.extend(own);
    }
    findings
}

fn renamed(node: &document::Node, registry: &Registry) -> Option<Finding> {
    let name = &registry.action(&node.type_name)?.descriptor.type_name;
    let text = format!("`{}` is `{name}` here; the old name keeps working", node.type_name);
    (**name != *node.type_name).then(|| Finding::new(Fate::Changed, node.key.as_str(), text))
}

/// What a node of this type does otherwise than there.
fn behaves_otherwise(node: &document::Node) -> Option<Finding> {
    let text = match node.type_name.as_str() {
        "prana_core.for_each" | "core.for_each" => {
            "the collection is evaluated once, each item has its turn whether or not the body leads back, and the context has `index` \
             instead of `current_loop_index` and `remaining_items`"
        }
        "data.merge" => {
            "it does not wait for a branch that was not taken; without `input_a` and `input_b` it joins what came on its ports"
        }
        "wait.wait" => match node.params.get("mode").and_then(Value::as_str) {
            Some("webhook") => {
                "the deadline holds: past it the node leaves by `timeout`, or fails if nothing is connected there"
            }
            _ => {
                "the engine wakes it itself, and its output is its input, not the data that it was resumed with"
            }
        },
        "workflow.execute_workflow" => {
            "the engine runs the sub-workflow itself; nobody has to resume this node"
        }
        "workflow.set_state" | "logic.switch" | "logic.if_condition" => {
            "its input is passed on as its output"
        }
        _ => return None,
    };
    Some(Finding::new(Fate::Changed, node.key.as_str(), text))
}

/// Free data of a node's editor: of it only the place is kept.
fn dropped_metadata(value: &Value, position: usize, key: &str) -> Option<Finding> {
    let metadata = value.get("nodes")?.as_list()?.get(position)?.get("metadata")?.as_map()?;
    let gone = metadata.keys().filter(|name| !matches!(&***name, "position" | "x" | "y"));
    let gone: Vec<&str> = gone.map(|name| &**name).collect();
    (!gone.is_empty()).then(|| Finding::new(Fate::Dropped, key, format!("metadata: {}", gone.join(", "))))
}
