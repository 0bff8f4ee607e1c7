//! `prana run`: a workflow here and now, or an execution that goes on.

use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;
use prana::core::ExecutionId;
use prana::core::execution::{Execution, Status};
use prana::core::{ErrorValue, Timestamp};
use prana::store::{Filter, Row, Status as Stored};
use prana::{Engine, EngineError, Event, EventKind, Outcome as Ended, StartOptions, Value};
use serde_json::json;
use tokio::sync::oneshot;

use crate::client::Client;
use crate::exit::{Exit, Failure, Outcome};
use crate::input::{self, Pair};
use crate::progress::{Detail, Progress};
use crate::secrets::SecretFile;
use crate::session::{self, Interrupts, Keep, Session};
use crate::{builtin, documents, output};

mod blocked;
mod elsewhere;

pub use blocked::open_waits;

/// What it takes.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The workflow file (YAML or JSON; - for stdin).
    #[arg(required_unless_present = "resume", conflicts_with = "resume")]
    file: Option<String>,
    /// What the trigger puts out: JSON, @FILE, or - for stdin.
    #[arg(long, short, default_value = "{}", conflicts_with = "resume")]
    input: String,
    /// The trigger node to start at; needed where a workflow has several.
    #[arg(long, value_name = "KEY", conflicts_with = "resume")]
    trigger: Option<String>,
    /// Which workflow of a file that has several; the first, if not said.
    #[arg(long, value_name = "ID", conflicts_with = "resume")]
    workflow: Option<String>,
    /// Put over the workflow's variables ($vars). JSON if it reads as JSON, else text.
    #[arg(long, value_name = "NAME=VALUE", conflicts_with = "resume")]
    var: Vec<Pair>,
    /// What templates see as $env. JSON if it reads as JSON, else text.
    #[arg(long, value_name = "NAME=VALUE", conflicts_with = "resume")]
    env: Vec<Pair>,
    /// What templates see as $secrets.NAME: the text of a file, - for stdin (can be given several times). PRANA_SECRET_NAME in the environment is another way.
    #[arg(long, value_name = "NAME=@FILE", conflicts_with = "resume")]
    secret: Vec<SecretFile>,
    /// What is printed on stdout.
    #[arg(long, short, value_enum, default_value = "pretty", env = "PRANA_OUTPUT")]
    output: Form,
    /// Shows what each node puts out.
    #[arg(long, short)]
    follow: bool,
    /// Shows no progress.
    #[arg(long, short, conflicts_with = "follow")]
    quiet: bool,
    /// Keeps the execution in this database file, so that it survives a crash and can go on later.
    #[arg(long, value_name = "FILE", env = "PRANA_DB")]
    db: Option<PathBuf>,
    /// Lets the workflow run programs on this machine.
    #[arg(long, env = "PRANA_ALLOW_SHELL", num_args = 0..=1, default_missing_value = "true")]
    allow_shell: Option<bool>,
    /// Goes on with an execution in the database.
    #[arg(long, value_name = "ID", requires = "db", value_parser = session::execution_id)]
    resume: Option<ExecutionId>,
}

/// What is printed on stdout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// The output, as indented JSON.
    Pretty,
    /// The output; text as it is, without quotes.
    Text,
    /// One JSON object: execution, output, error, node_executions.
    Json,
    /// Nothing.
    None,
}

/// Runs it.
pub fn run(args: Args) -> Outcome {
    if let Some(server) = args.db.as_deref().map(Client::owner_of).transpose()?.flatten() {
        return session::block_on(elsewhere::run(args, server));
    }
    let keep = match (&args.db, args.output) {
        (Some(path), _) => Keep::File(path.clone()),
        (None, Form::Json) => Keep::Trail,
        (None, _) => Keep::Nothing,
    };
    match args.resume {
        Some(id) => {
            session::block_on(go_on(id, keep, args.output, args.detail(), args.allow_shell.unwrap_or(false)))
        }
        None => {
            let input = input::json_argument("--input", &args.input)?;
            session::block_on(start(args, input, keep))
        }
    }
}

impl Args {
    fn detail(&self) -> Detail {
        match (self.quiet, self.follow) {
            (true, _) => Detail::Quiet,
            (_, true) => Detail::Outputs,
            _ => Detail::Nodes,
        }
    }
}

/// How often a run in the foreground looks whether it can go on by itself.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// A run in the foreground.
struct Foreground {
    session: Session,
    keep: Keep,
    root: ExecutionId,
    began: Timestamp,
    /// When it ended, if that was before this command.
    ended_at: Option<Timestamp>,
    progress: Progress,
    form: Form,
    serving: tokio::task::JoinHandle<()>,
}

async fn start(args: Args, input: Value, keep: Keep) -> Outcome {
    let path = args.file.clone().unwrap_or_default();
    let registry = builtin::registry();
    let loaded = documents::load(&path, &registry)?;
    let chosen = documents::choose(&loaded, args.workflow.as_deref(), &path)?;
    let trigger = choose_trigger(&args, chosen, &registry)?;
    let session = Session::with_secrets(&keep, &args.secret, args.allow_shell.unwrap_or(false)).await?;
    for one in &loaded {
        session.engine.activate(&one.workflow).await?;
    }
    let options = StartOptions {
        trigger,
        variables: input::map(&args.var),
        environment: input::map(&args.env),
        ..StartOptions::default()
    };
    begin(session, keep, &chosen.workflow.id, input, options, (args.output, args.detail())).await
}

/// Starts an execution of an active workflow, and stays with it.
///
/// # Errors
/// Why it can't be started, or what went wrong with the engine.
pub async fn begin(
    session: Session,
    keep: Keep,
    workflow: &str,
    input: Value,
    options: StartOptions,
    (form, detail): (Form, Detail),
) -> Outcome {
    let began = session::now();
    let serving = session.serve();
    let (root, ended) = session.engine.begin(workflow, input, options).await?;
    let progress = Progress::new(session.engine.clone(), root, detail);
    let foreground = Foreground { session, keep, root, began, ended_at: None, progress, form, serving };
    foreground.watch(ended).await
}

/// The trigger that is named, the only one, or the only manual one.
fn choose_trigger(
    args: &Args,
    chosen: &prana::core::document::Loaded,
    registry: &prana::core::Registry,
) -> Outcome<Option<String>> {
    let workflow = &chosen.workflow;
    let triggers = documents::triggers(workflow, registry);
    let known = format!("its triggers: {}", triggers.join(", "));
    if let Some(key) = &args.trigger {
        return match triggers.contains(&key.as_str()) {
            true => Ok(Some(key.clone())),
            false => Err(Failure::new(format!("`{}` has no trigger `{key}`", workflow.id)).help(known)),
        };
    }
    if triggers.len() < 2 {
        return Ok(None);
    }
    let manual: Vec<&&str> = triggers
        .iter()
        .filter(|key| workflow.node(key).is_some_and(|node| node.type_name == "manual.trigger"))
        .collect();
    match manual.as_slice() {
        [only] => Ok(Some((**only).to_owned())),
        _ => Err(Failure::new(format!("`{}` has several triggers", workflow.id))
            .help(format!("choose one with --trigger KEY; {known}"))),
    }
}

/// Goes on with an execution in a database.
///
/// # Errors
/// A database or an execution that isn't there.
pub async fn go_on(id: ExecutionId, keep: Keep, form: Form, detail: Detail, shell: bool) -> Outcome {
    let Keep::File(path) = &keep else {
        return Err(Failure::new("only a database has executions to go on with"));
    };
    let session = Session::existing(path, shell).await?;
    stay_with(session, id, keep, form, detail).await
}

/// Stays with an execution until it ends or waits.
///
/// # Errors
/// An execution that isn't there.
pub async fn stay_with(session: Session, id: ExecutionId, keep: Keep, form: Form, detail: Detail) -> Outcome {
    let ended = session.engine.ended(id);
    let row = session.engine.row(id).await.map_err(unknown_execution)?;
    let progress = Progress::new(session.engine.clone(), id, detail);
    let serving = session.serve();
    let foreground = Foreground {
        session,
        keep,
        root: id,
        began: session::now(),
        ended_at: None,
        progress,
        form,
        serving,
    };
    if row.status.is_ended() {
        return foreground.already_ended().await;
    }
    foreground.watch(ended).await
}

/// Says how to find the executions that there are.
pub fn unknown_execution(error: EngineError) -> Failure {
    match error {
        EngineError::UnknownExecution(id) => {
            Failure::new(format!("there is no execution {id} in this database"))
                .help("`prana executions list --db FILE` shows those that there are")
        }
        other => other.into(),
    }
}

/// Why watching stopped.
enum Stop {
    Ended(Ended),
    /// Only somebody outside can bring it further.
    Blocked,
    Interrupted,
}

impl Foreground {
    async fn watch(mut self, mut ended: oneshot::Receiver<Ended>) -> Outcome {
        let mut interrupts = Interrupts::new()?;
        let stop = self.until_stop(&mut ended, &mut interrupts).await?;
        self.show_rest().await;
        match stop {
            Stop::Ended(end) => {
                let exit = self.report(end.status, end.output.clone(), end.error.clone()).await?;
                self.await_others(&mut interrupts).await;
                self.shut_down(&mut interrupts).await;
                Ok(exit)
            }
            Stop::Blocked => {
                self.shut_down(&mut interrupts).await;
                self.suspended().await
            }
            Stop::Interrupted if self.keep.is_durable() => {
                self.shut_down(&mut interrupts).await;
                match ended.try_recv() {
                    Ok(end) => self.report(end.status, end.output, end.error).await,
                    Err(_) => self.suspended().await,
                }
            }
            // It has not come to its first commit: nobody knows of it, and nothing is left of it.
            Stop::Interrupted => {
                let took = session::now().millis_since(self.began);
                self.progress.ended(Status::Cancelled, None, took);
                Ok(Exit::Failed)
            }
        }
    }

    async fn until_stop(
        &mut self,
        ended: &mut oneshot::Receiver<Ended>,
        interrupts: &mut Interrupts,
    ) -> Outcome<Stop> {
        let mut interrupted = false;
        if self.is_blocked().await {
            return Ok(Stop::Blocked);
        }
        loop {
            tokio::select! {
                biased;
                Some(event) = self.session.events.recv() => {
                    self.progress.show(&event).await;
                    self.advise(&event);
                    if event.kind == EventKind::ExecutionSuspended && self.is_blocked().await {
                        return Ok(Stop::Blocked);
                    }
                }
                end = &mut *ended => {
                    return end.map(Stop::Ended).map_err(|_| {
                        Failure::new("the engine gave the execution up; -v shows why")
                    });
                }
                // An execution that was claimed and given up again tells nothing.
                () = tokio::time::sleep(LOOK_AGAIN), if self.keep.is_durable() => {
                    if self.is_blocked().await {
                        return Ok(Stop::Blocked);
                    }
                }
                () = interrupts.next() => {
                    if std::mem::replace(&mut interrupted, true) {
                        session::exit_at_once();
                    }
                    if !self.interrupt().await {
                        return Ok(Stop::Interrupted);
                    }
                }
            }
        }
    }

    /// The first Ctrl-C. True if the execution is still to end by itself.
    async fn interrupt(&self) -> bool {
        if self.keep.is_durable() {
            output::say("suspending; Ctrl-C again to stop at once (which loses nothing, either)");
            self.session.engine.shut_down();
            return false;
        }
        output::say("cancelling; Ctrl-C again to stop at once");
        self.session.engine.cancel(self.root, "interrupted").await.is_ok()
    }

    async fn is_blocked(&self) -> bool {
        self.keep.is_durable() && blocked::is_blocked(&self.session.engine, self.root).await
    }

    /// Without a database nobody can answer.
    fn advise(&self, event: &Event) {
        let waits = event.kind == EventKind::NodeSuspended && waits_for_somebody(event);
        if waits && !self.keep.is_durable() {
            output::say(
                "nobody can answer here: Ctrl-C cancels it; with --db FILE it is kept, and can be answered later",
            );
        }
    }

    async fn show_rest(&mut self) {
        while let Ok(event) = self.session.events.try_recv() {
            self.progress.show(&event).await;
        }
    }

    /// What was started beside the execution and isn't tied to it may still run.
    async fn await_others(&mut self, interrupts: &mut Interrupts) {
        let mut told = false;
        loop {
            let open = self.others().await;
            if open == 0 {
                return;
            }
            if !std::mem::replace(&mut told, true) {
                output::say(&format!("waiting for {open} more that it started; Ctrl-C leaves them"));
            }
            tokio::select! {
                Some(event) = self.session.events.recv() => self.progress.show(&event).await,
                () = tokio::time::sleep(Duration::from_millis(100)) => {}
                () = interrupts.next() => return,
            }
        }
    }

    async fn others(&self) -> usize {
        let mut statuses = vec![Stored::Pending, Stored::Running];
        if !self.keep.is_durable() {
            statuses.push(Stored::Suspended);
        }
        let filter = Filter { statuses, since: Some(self.began), ..Filter::default() };
        let page = self.session.engine.store().list(&filter, None, 100).await;
        page.map_or(0, |page| page.rows.iter().filter(|row| row.id != self.root).count())
    }

    async fn shut_down(&mut self, interrupts: &mut Interrupts) {
        self.session.engine.shut_down();
        loop {
            tokio::select! {
                _ = &mut self.serving => break,
                Some(event) = self.session.events.recv() => self.progress.show(&event).await,
                () = interrupts.next() => session::exit_at_once(),
            }
        }
        self.show_rest().await;
    }

    async fn already_ended(mut self) -> Outcome {
        let execution = self.session.engine.execution(self.root).await?;
        output::say(&format!("execution {} has ended already", self.root));
        let error = execution.error().cloned();
        self.began = execution.started_at.unwrap_or(self.began);
        self.ended_at = execution.completed_at;
        self.report(execution.status, execution.output(), error).await
    }

    /// Prints the end.
    async fn report(&mut self, status: Status, output: Value, error: Option<ErrorValue>) -> Outcome {
        let end = self.ended_at.unwrap_or_else(session::now);
        self.progress.ended(status, error.as_ref(), end.millis_since(self.began));
        let completed = status == Status::Completed;
        match self.form {
            Form::None => {}
            Form::Json => {
                let output = if completed { output } else { Value::Null };
                let execution = self.session.engine.execution(self.root).await?;
                output::print(&json_object(&execution, &output, error.as_ref()));
            }
            Form::Pretty if completed => output::print(&output::pretty(&output)),
            Form::Text if completed => output::print(output::readable(&output).trim_end()),
            Form::Pretty | Form::Text => {}
        }
        Ok(status.into())
    }

    /// Says how to go on.
    async fn suspended(self) -> Outcome {
        let execution = self.session.engine.execution(self.root).await?;
        let Keep::File(path) = &self.keep else { return Ok(Exit::Suspended) };
        let db = output::argument(path);
        let waits = open_waits(&self.session.engine, self.root).await;
        output::say(&format!("execution {} is kept in {db}", self.root));
        for open in waits.iter().filter(|open| open.takes_answer) {
            output::say(&format!(
                "{} waits for an answer: prana executions resume {} --node {} --data JSON --db {db}",
                open.node, open.execution, open.node
            ));
        }
        output::say(&format!("to go on: prana run --resume {} --db {db}", self.root));
        if self.form == Form::Json {
            output::print(&json_object(&execution, &Value::Null, None));
        }
        Ok(Exit::Suspended)
    }
}

fn waits_for_somebody(event: &Event) -> bool {
    use prana::core::record::{Change, NodeOutcome};
    use prana::core::suspension::Suspension;
    let Change::Node(change) = &event.entry.change else { return false };
    matches!(
        change.outcome,
        Some(NodeOutcome::Suspended(Suspension::Webhook { .. } | Suspension::Decision { .. }))
    )
}

/// The whole of an execution, for programs.
pub fn json_object(execution: &Execution, output: &Value, error: Option<&ErrorValue>) -> String {
    let object = json!({
        "execution": execution,
        "output": serde_json::Value::from(output),
        "error": error,
        "node_executions": execution.node_executions,
    });
    serde_json::to_string_pretty(&object).unwrap_or_default()
}

/// Whether a row can be claimed right now.
fn is_due(row: &Row) -> bool {
    row.ready_at.is_some_and(|at| at <= session::now())
}

/// The engine's handle, for those who look at waits.
type Handle = Engine;
