//! Shows on stderr what happens while it happens: a line per node, and what is waited for.

use std::collections::HashMap;
use std::io::IsTerminal;
use std::sync::Arc;

use prana::core::document::{self, Workflow};
use prana::core::execution::Status;
use prana::core::nodes::log::{Level, LogParams};
use prana::core::record::{Change, Completed, ExecutionChange, NodeChange, NodeOutcome};
use prana::core::suspension::Suspension;
use prana::core::{ErrorValue, ExecutionId, Timestamp};
use prana::store::Which;
use prana::template::Str;
use prana::{Engine, Event, EventKind, Value};

use crate::output::{self, BOLD, ERROR, FAINT, GOOD, NOTE, WARNING, harmless, paint, say};
use crate::session::now;

/// How much is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// Nothing.
    Quiet,
    /// A line per node.
    Nodes,
    /// A line per node, with what it put out.
    Outputs,
}

/// A node run, as far as it is known here.
struct Run {
    key: Str,
    started_at: Timestamp,
    loop_path: String,
    params: Value,
}

/// The lines.
pub struct Progress {
    engine: Engine,
    root: ExecutionId,
    detail: Detail,
    colors: bool,
    terminal: bool,
    /// True while the name of a running node stands in the last line.
    open_line: bool,
    runs: HashMap<(ExecutionId, u32), Run>,
    workflows: HashMap<(Str, u64), Option<Arc<Workflow>>>,
    ours: HashMap<ExecutionId, bool>,
}

impl Progress {
    /// Shows the executions of the tree of `root`.
    pub fn new(engine: Engine, root: ExecutionId, detail: Detail) -> Self {
        Progress {
            engine,
            root,
            detail,
            colors: output::colors_on_stderr(),
            terminal: std::io::stderr().is_terminal(),
            open_line: false,
            runs: HashMap::new(),
            workflows: HashMap::new(),
            ours: HashMap::new(),
        }
    }

    /// Shows one event.
    pub async fn show(&mut self, event: &Event) {
        if self.detail == Detail::Quiet || !self.is_ours(event.execution_id).await {
            return;
        }
        match &event.entry.change {
            // An entry that says both how a run began and what came of it makes two events; the second one tells it all.
            Change::Node(change) if event.kind == EventKind::NodeStarting && change.outcome.is_some() => {}
            Change::Node(change) => self.node(event, change).await,
            Change::Execution(ExecutionChange::Ended { status, reason })
                if event.execution_id != self.root && *status != Status::Completed =>
            {
                let reason = reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
                let line = format!("{} {}{}", event.workflow_id, status.as_str(), harmless(&reason));
                self.line(event, "✗", ERROR, &line);
            }
            Change::Execution(_) => {}
        }
    }

    /// Executions of other trees may be advanced by this process, too.
    async fn is_ours(&mut self, id: ExecutionId) -> bool {
        if let Some(known) = self.ours.get(&id) {
            return *known;
        }
        let root = self.engine.row(self.root).await.map_or(self.root, |row| row.root);
        let ours = !self.engine.store().retains_trail()
            || id == self.root
            || self.engine.row(id).await.is_ok_and(|row| row.root == root);
        self.ours.insert(id, ours);
        ours
    }

    async fn node(&mut self, event: &Event, change: &NodeChange) {
        let id = (event.execution_id, change.execution_index);
        if let Some(started) = &change.started {
            let run = Run {
                key: started.node_key.clone(),
                started_at: event.entry.at,
                loop_path: started.loop_path.to_string(),
                params: started.params.clone(),
            };
            self.runs.insert(id, run);
        } else if !self.runs.contains_key(&id) {
            self.recall(id).await;
        }
        let Some(run) = self.runs.get(&id) else { return };
        let name = self.name(event, &run.key.clone()).await;
        match &change.outcome {
            None => self.running(&name),
            Some(outcome) => self.outcome(event, change.execution_index, &name, outcome).await,
        }
    }

    /// A run that began before this command.
    async fn recall(&mut self, id: (ExecutionId, u32)) {
        let Ok(execution) = self.engine.execution(id.0).await else { return };
        let Some(run) = execution.node_executions.get(id.1 as usize) else { return };
        let run = Run {
            key: run.node_key.clone(),
            started_at: run.started_at,
            loop_path: run.loop_path.to_string(),
            params: run.params.clone(),
        };
        self.runs.insert(id, run);
    }

    async fn workflow(&mut self, event: &Event) -> Option<Arc<Workflow>> {
        let key = (event.workflow_id.clone(), event.workflow_version);
        if let Some(known) = self.workflows.get(&key) {
            return known.clone();
        }
        let which = Which::Version(event.workflow_version);
        let stored = self.engine.catalog().workflow(&event.workflow_id, which).await.ok().flatten();
        let read = stored.and_then(|stored| Value::parse_json(&stored.bytes).ok());
        let workflow = read.and_then(|value| document::from_value(&value).ok()).map(Arc::new);
        self.workflows.insert(key, workflow.clone());
        workflow
    }

    async fn name(&mut self, event: &Event, key: &str) -> String {
        let workflow = self.workflow(event).await;
        let name = workflow.as_ref().and_then(|workflow| workflow.node(key)?.name.clone());
        let name = name.map_or_else(|| key.to_owned(), |name| format!("{key} ({name})"));
        match event.execution_id == self.root {
            true => harmless(&name),
            false => format!("{}/{}", event.workflow_id, harmless(&name)),
        }
    }

    async fn outcome(&mut self, event: &Event, index: u32, name: &str, outcome: &NodeOutcome) {
        let at = event.entry.at;
        match outcome {
            NodeOutcome::Completed(completed) => self.completed(event, index, name, completed).await,
            NodeOutcome::Failed(error) => {
                self.line(event, "✗", ERROR, &format!("{} {}", name, in_words(error)));
                self.forget(event, index);
            }
            NodeOutcome::AttemptFailed { error, wait_till } => {
                let again = match wait_till {
                    Some(time) => format!("again in {}", output::duration(time.millis_since(at))),
                    None => "again at once".to_owned(),
                };
                self.line(event, "!", WARNING, &format!("{name} {}; {again}", in_words(error)));
            }
            NodeOutcome::Suspended(suspension) => {
                if let Some(text) = waits_for(suspension) {
                    self.line(event, "◌", NOTE, &format!("{name} {text}"));
                }
            }
            NodeOutcome::Skipped { reason } => {
                let text = format!("{name} skipped: {}", harmless(reason));
                self.line(event, "-", FAINT, &text);
                self.forget(event, index);
            }
            NodeOutcome::Resumed(_) | NodeOutcome::ChildEnded(_) | NodeOutcome::Began { .. } => {}
        }
    }

    async fn completed(&mut self, event: &Event, index: u32, name: &str, completed: &Completed) {
        let workflow = self.workflow(event).await;
        let Some(run) = self.runs.remove(&(event.execution_id, index)) else { return };
        let took = output::duration(event.entry.at.millis_since(run.started_at));
        let port = completed.port.as_deref().unwrap_or("end").to_owned();
        let mut text = format!("{name} -> {port} ({took})");
        if !run.loop_path.is_empty() {
            text.push_str(&format!(" [{}]", run.loop_path));
        }
        match completed.is_error {
            false => self.line(event, "✓", GOOD, &text),
            true => {
                let error = completed.output.get("error");
                let error = error.map(|error| in_words(&ErrorValue::from_value(error, "error")));
                self.line(event, "!", WARNING, &format!("{text} {}", error.unwrap_or_default()));
            }
        }
        let node = workflow.as_ref().and_then(|workflow| workflow.node(&run.key));
        if node.is_some_and(|node| node.type_name.ends_with("core.log") && !node.disabled) {
            self.message(&run.params);
        }
        if self.detail == Detail::Outputs {
            say(&paint(self.colors, FAINT, &format!("    {}", harmless(&completed.output.to_json_string()))));
        }
    }

    fn forget(&mut self, event: &Event, index: u32) {
        self.runs.remove(&(event.execution_id, index));
    }

    /// What a `core.log` says.
    fn message(&self, params: &Value) {
        let Ok(message) = LogParams::from_record(params) else { return };
        let (level, color) = match message.level {
            Level::Debug => ("debug", FAINT),
            Level::Info => ("info", NOTE),
            Level::Warn => ("warning", WARNING),
            Level::Error => ("error", ERROR),
        };
        say(&format!("  {} {}", paint(self.colors, color, &format!("{level}:")), harmless(&message.text())));
    }

    /// A node that takes its time; on a terminal its name is shown until it ends.
    fn running(&mut self, name: &str) {
        if self.terminal {
            self.close_line();
            output::say_raw(&format!("{} {name} ...", paint(self.colors, NOTE, "▸")));
            self.open_line = true;
        }
    }

    fn close_line(&mut self) {
        if std::mem::take(&mut self.open_line) {
            output::say_raw("\r\u{1b}[K");
        }
    }

    fn line(&mut self, event: &Event, mark: &str, color: &str, text: &str) {
        self.close_line();
        let indent = if event.execution_id == self.root { "" } else { "  " };
        match self.terminal {
            true => say(&format!("{indent}{} {text}", paint(self.colors, color, mark))),
            false => say(&format!("{indent}{text}")),
        }
    }

    /// How the execution ended.
    pub fn ended(&mut self, status: Status, error: Option<&ErrorValue>, millis: u64) {
        if self.detail == Detail::Quiet && status == Status::Completed {
            return;
        }
        self.close_line();
        let took = output::duration(millis);
        match status {
            Status::Completed => say(&paint(self.colors, GOOD, &format!("completed in {took}"))),
            other => {
                say(&paint(self.colors, ERROR, &format!("{} after {took}", other.as_str())));
                if let Some(error) = error {
                    say(&format!("{} {}", paint(self.colors, BOLD, "error:"), in_words(error)));
                }
            }
        }
    }
}

/// An error as one line.
fn in_words(error: &ErrorValue) -> String {
    harmless(&error.to_string())
}

/// What a node waits for, and until when.
pub fn waits_for(suspension: &Suspension) -> Option<String> {
    let until = |time: Timestamp| {
        // Rounded up: what was just begun as a second is told as a second.
        let left = output::duration(time.millis_since(now()).div_ceil(1_000) * 1_000);
        format!("until {} (in {left})", to_seconds(time))
    };
    match suspension {
        Suspension::Webhook { wait_till: None } => Some("waits for an answer".to_owned()),
        Suspension::Webhook { wait_till: Some(time) } => {
            Some(format!("waits for an answer, at most {}", until(*time)))
        }
        Suspension::Interval { wait_till } | Suspension::Schedule { wait_till } => {
            Some(format!("waits {}", until(*wait_till)))
        }
        Suspension::SubWorkflow { sub_workflow_id, .. } => Some(format!("runs {sub_workflow_id}")),
        // The failed attempt was told.
        Suspension::Retry { .. } => None,
        Suspension::Decision { reason } => {
            let why = reason.as_ref().map_or_else(String::new, |reason| format!(" ({})", harmless(reason)));
            Some(format!(
                "waits for a decision{why}: {{\"decision\": \"retry\", \"skip\", \"fail\" or \"cancel\"}}"
            ))
        }
    }
}

fn to_seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_millis(time.as_millis() / 1_000 * 1_000)
}
