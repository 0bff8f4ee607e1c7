//! `prana executions`: those in a database.

use std::path::PathBuf;

use clap::Subcommand;
use prana::core::ExecutionId;
use prana::core::execution::{Execution, NodeExecution};
use prana::store::{Cursor, Filter, Remove, Row, Scope, Status, Target};
use prana::{EngineError, ForkOptions, Value};
use serde_json::json;

use super::Format;
use super::run::{self, Form, json_object, open_waits, unknown_execution};
use crate::exit::{Exit, Failure, Outcome};
use crate::input;
use crate::output::{self, print};
use crate::progress::Detail;
use crate::session::{self, Keep, Session};

/// What it takes.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The database file.
    #[arg(long, value_name = "FILE", env = "PRANA_DB", global = true)]
    db: Option<PathBuf>,
    /// How it is printed.
    #[arg(long, value_enum, default_value = "table", env = "PRANA_FORMAT", global = true)]
    format: Format,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Lists executions, newest first.
    List(List),
    /// Shows an execution and its node runs.
    Show {
        /// The execution.
        #[arg(value_parser = session::execution_id)]
        id: ExecutionId,
        /// Shows what each node put out, too.
        #[arg(long)]
        outputs: bool,
    },
    /// Answers a node that waits.
    Resume(Resume),
    /// Ends an execution.
    Cancel {
        /// The execution.
        #[arg(value_parser = session::execution_id)]
        id: ExecutionId,
        /// Why.
        #[arg(long, default_value = "cancelled by hand")]
        reason: String,
    },
    /// Goes on from the node that failed an execution, as a new execution; what ran before it isn't run again.
    Retry {
        /// The execution.
        #[arg(value_parser = session::execution_id)]
        id: ExecutionId,
        /// Go on from this run instead (its number in `prana executions show`).
        #[arg(long, value_name = "INDEX")]
        from: Option<u32>,
        /// Go on with this version of the workflow instead of the one it ran.
        #[arg(long, value_name = "NUMBER")]
        version: Option<u64>,
    },
    /// Removes ended executions, with those that they started.
    Delete {
        /// The executions.
        #[arg(required = true, value_parser = session::execution_id)]
        ids: Vec<ExecutionId>,
    },
}

#[derive(Debug, clap::Args)]
struct List {
    /// Of this status (can be given several times).
    #[arg(long, value_enum)]
    status: Vec<StatusWord>,
    /// Of this workflow.
    #[arg(long, value_name = "ID")]
    workflow: Option<String>,
    /// Those that others started, too.
    #[arg(long)]
    all: bool,
    /// How many at most.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    limit: u32,
    /// Goes on after this execution.
    #[arg(long, value_name = "ID", value_parser = session::execution_id)]
    after: Option<ExecutionId>,
}

#[derive(Debug, clap::Args)]
struct Resume {
    /// The execution.
    #[arg(value_parser = session::execution_id)]
    id: ExecutionId,
    /// The node that waits; not needed if only one does.
    #[arg(long, value_name = "KEY")]
    node: Option<String>,
    /// The answer: JSON, @FILE, or - for stdin.
    #[arg(long, default_value = "null")]
    data: String,
    /// Only hands the answer in, and leaves going on to others.
    #[arg(long)]
    detach: bool,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum StatusWord {
    Pending,
    Running,
    Suspended,
    Completed,
    Failed,
    Cancelled,
    Timeout,
}

impl From<StatusWord> for Status {
    fn from(word: StatusWord) -> Status {
        match word {
            StatusWord::Pending => Status::Pending,
            StatusWord::Running => Status::Running,
            StatusWord::Suspended => Status::Suspended,
            StatusWord::Completed => Status::Completed,
            StatusWord::Failed => Status::Failed,
            StatusWord::Cancelled => Status::Cancelled,
            StatusWord::Timeout => Status::Timeout,
        }
    }
}

/// Does it.
pub fn run(args: Args) -> Outcome {
    let db = database(args.db)?;
    let format = args.format;
    match args.command {
        Command::Resume(resume) => return answer(resume, db, format),
        Command::Retry { id, from, version } => return session::block_on(retry(id, from, version, db)),
        _ => {}
    }
    session::block_on(async move {
        let session = Session::over(session::open_existing(&db)?)?;
        match args.command {
            Command::List(list) => self::list(&session, list, format).await,
            Command::Show { id, outputs } => show(&session, id, outputs, format).await,
            Command::Cancel { id, reason } => cancel(session, id, &reason).await,
            Command::Delete { ids } => delete(&session, &ids).await,
            // Done above.
            Command::Resume(_) | Command::Retry { .. } => Ok(Exit::Done),
        }
    })
}

/// The database that is named by a flag or the environment.
///
/// # Errors
/// If none is.
pub fn database(db: Option<PathBuf>) -> Outcome<PathBuf> {
    db.ok_or_else(|| Failure::new("no database is named").help("add --db FILE, or set PRANA_DB to its name"))
}

async fn list(session: &Session, list: List, format: Format) -> Outcome {
    let after = match list.after {
        None => None,
        Some(id) => {
            let row = session.engine.row(id).await.map_err(unknown_execution)?;
            Some(Cursor { created_at: row.created_at, id })
        }
    };
    let filter = Filter {
        statuses: list.status.into_iter().map(Status::from).collect(),
        workflow_id: list.workflow,
        scope: if list.all { Scope::All } else { Scope::Roots },
        ..Filter::default()
    };
    let page = session.engine.store().list(&filter, after, list.limit as usize).await?;
    match format {
        Format::Json => {
            let rows: Vec<_> = page.rows.iter().map(row_json).collect();
            let next = page.next.map(|next| next.id);
            print(&json_text(&json!({"executions": rows, "next": next})));
        }
        Format::Table => {
            let rows = page.rows.iter().map(|row| {
                let took = row.completed_at.map(|end| output::duration(end.millis_since(row.created_at)));
                vec![
                    row.id.to_string(),
                    format!("{} v{}", row.workflow_id, row.workflow_version),
                    row.status.to_string(),
                    seconds(row.created_at),
                    took.unwrap_or_default(),
                ]
            });
            print(&output::table(&["execution", "workflow", "status", "created", "took"], rows));
            if let Some(next) = page.next {
                output::say(&format!("there are more: --after {}", next.id));
            }
        }
    }
    Ok(Exit::Done)
}

fn seconds(time: prana::core::Timestamp) -> String {
    prana::core::Timestamp::from_millis(time.as_millis() / 1_000 * 1_000).to_string()
}

fn row_json(row: &Row) -> serde_json::Value {
    json!({
        "id": row.id,
        "workflow_id": &*row.workflow_id,
        "workflow_version": row.workflow_version,
        "status": row.status.to_string(),
        "created_at": row.created_at,
        "completed_at": row.completed_at,
        "parent_execution_id": row.parent,
        "root_execution_id": row.root,
        "wakes_at": row.ready_at,
    })
}

fn json_text(value: &serde_json::Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}

async fn show(session: &Session, id: ExecutionId, outputs: bool, format: Format) -> Outcome {
    let execution = session.engine.execution(id).await.map_err(unknown_execution)?;
    let completed = execution.status == prana::core::execution::Status::Completed;
    let output = if completed { execution.output() } else { Value::Null };
    if format == Format::Json {
        print(&json_object(&execution, &output, execution.error()));
        return Ok(Exit::Done);
    }
    print(&headline(&execution));
    let rows = execution.node_executions.iter().map(|run| node_row(run, outputs));
    let head: &[&str] = match outputs {
        true => &["#", "node", "status", "port", "took", "loop", "output"],
        false => &["#", "node", "status", "port", "took", "loop"],
    };
    print(&output::table(head, rows));
    if let Some(error) = execution.error() {
        print(&format!("\nerror: {}", output::harmless(&error.to_string())));
    }
    for open in open_waits(&session.engine, id).await.iter().filter(|open| open.takes_answer) {
        print(&format!("\n{} waits for an answer", open.node));
    }
    if completed {
        print(&format!("\noutput: {}", output::pretty(&output)));
    }
    Ok(Exit::Done)
}

fn headline(execution: &Execution) -> String {
    let started = execution.started_at.map(seconds).unwrap_or_default();
    let took = match (execution.started_at, execution.completed_at) {
        (Some(start), Some(end)) => format!(", took {}", output::duration(end.millis_since(start))),
        _ => String::new(),
    };
    format!(
        "{} v{}: {} (started {started}{took})\ninput: {}\n",
        execution.workflow_id,
        execution.workflow_version,
        execution.status.as_str(),
        execution.trigger_data.to_json_string(),
    )
}

fn node_row(run: &NodeExecution, outputs: bool) -> Vec<String> {
    let took = run.completed_at.map(|end| output::duration(end.millis_since(run.started_at)));
    let mut row = vec![
        run.execution_index.to_string(),
        run.node_key.to_string(),
        run.status.as_str().to_owned(),
        run.output_port.as_deref().unwrap_or_default().to_owned(),
        took.unwrap_or_default(),
        run.loop_path.to_string(),
    ];
    if outputs {
        row.push(match &run.error {
            Some(error) => error.to_string(),
            None => run.output.to_json_string(),
        });
    }
    row
}

fn answer(resume: Resume, db: PathBuf, format: Format) -> Outcome {
    let data = input::json_argument("--data", &resume.data)?;
    let (id, detach) = (resume.id, resume.detach);
    let root = session::block_on(async {
        let session = Session::over(session::open_existing(&db)?)?;
        let row = session.engine.row(id).await.map_err(unknown_execution)?;
        let node = match resume.node {
            Some(node) => node,
            None => the_waiting_node(&session, id).await?,
        };
        let target = Target::Node(node.as_str().into());
        session.engine.answer(id, target, data).await.map_err(refused)?;
        output::say(&format!("{node} has its answer"));
        Ok(row.root)
    })?;
    if detach {
        output::say(&format!("to go on: prana run --resume {root} --db {}", output::argument(&db)));
        return Ok(Exit::Done);
    }
    let form = if format == Format::Json { Form::Json } else { Form::Pretty };
    session::block_on(run::go_on(root, Keep::File(db), form, Detail::Nodes))
}

/// The node that is meant if none is named.
async fn the_waiting_node(session: &Session, id: ExecutionId) -> Outcome<String> {
    let waits = open_waits(&session.engine, id).await;
    let mut nodes: Vec<String> = waits
        .into_iter()
        .filter(|open| open.takes_answer && open.execution == id)
        .map(|open| open.node)
        .collect();
    match nodes.len() {
        1 => Ok(nodes.remove(0)),
        0 => Err(Failure::new(format!("nothing in execution {id} waits for an answer"))
            .help("an answer for a wait that is still to come needs --node KEY")),
        _ => Err(Failure::new(format!("several nodes wait: {}", nodes.join(", ")))
            .help("say which with --node KEY")),
    }
}

fn refused(error: EngineError) -> Failure {
    match error {
        EngineError::NotSuspended { .. } => {
            Failure::new(error).help("`prana executions show ID` says what it waits for")
        }
        other => unknown_execution(other),
    }
}

async fn cancel(session: Session, id: ExecutionId, reason: &str) -> Outcome {
    let ended = session.engine.ended(id);
    let row = session.engine.row(id).await.map_err(unknown_execution)?;
    if row.status.is_ended() {
        print(&format!("{id} has ended already: {}", row.status));
        return Ok(Exit::Done);
    }
    session.engine.cancel(id, reason).await.map_err(refused)?;
    let serving = session.serve();
    let end = ended.await.map_err(|_| Failure::new("the engine gave the execution up; -v shows why"))?;
    session.engine.shut_down();
    // Nothing is left to do if it was aborted.
    let _ = serving.await;
    print(&format!("{id} {}", end.status.as_str()));
    Ok(Exit::Done)
}

/// A new execution that has the earlier one's past up to a run: the one that failed, if none is named.
async fn retry(id: ExecutionId, from: Option<u32>, version: Option<u64>, db: PathBuf) -> Outcome {
    let session = Session::over(session::open_existing(&db)?)?;
    let earlier = session.engine.row(id).await.map_err(unknown_execution)?;
    if !earlier.status.is_ended() && from.is_none() {
        return Err(Failure::new(format!("execution {id} has not ended: it is {}", earlier.status))
            .help(format!("to go on with it: prana run --resume {id} --db {}", output::argument(&db))));
    }
    let options = ForkOptions { version, input: None };
    let forked = match from {
        Some(execution_index) => session.engine.execute_from_node(id, execution_index, options).await,
        None => session.engine.retry(id, options).await,
    };
    let forked = forked.map_err(unknown_execution)?;
    run::stay_with(session, forked, Keep::File(db), Form::Pretty, Detail::Nodes).await
}

async fn delete(session: &Session, ids: &[ExecutionId]) -> Outcome {
    let mut removed = 0;
    for id in ids {
        let one = session.engine.store().remove(Remove::Tree(*id)).await;
        let one = one.map_err(|error| match error {
            prana::store::StoreError::Unknown(id) => unknown_execution(EngineError::UnknownExecution(id)),
            prana::store::StoreError::Open(_) => {
                Failure::new(error).help(format!("prana executions cancel {id}"))
            }
            other => other.into(),
        })?;
        removed += one.executions;
    }
    print(&format!("removed {removed}"));
    Ok(Exit::Done)
}
