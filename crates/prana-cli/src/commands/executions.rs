//! `prana executions`: those in a database or on a server.

use std::path::PathBuf;

use clap::Subcommand;
use prana::core::ExecutionId;
use prana::{EngineError, ForkOptions, StartOptions};
use reqwest::Method;
use serde_json::{Value, json};

use super::Format;
use super::run::{self, Form, unknown_execution};
use super::workflows::{json_input, print_json};
use crate::client::{Client, Where, object, query, segment, with};
use crate::exit::{Exit, Failure, Outcome};
use crate::follow::{answerable, follow, whole};
use crate::output::{self, print};
use crate::progress::Detail;
use crate::session::{self, Keep, Session};

/// What it takes.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    place: Where,
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
    #[command(visible_alias = "export")]
    Show {
        /// The execution.
        #[arg(value_parser = session::execution_id)]
        id: ExecutionId,
        /// Shows what each node put out, too.
        #[arg(long)]
        outputs: bool,
    },
    /// Starts an execution of a saved workflow, and stays with it.
    Start(Start),
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
    /// That ended with this error code, or one that begins so: http.
    #[arg(long, value_name = "CODE")]
    error: Option<String>,
    /// Whose id, workflow or error contains this.
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    /// Created at this time or later, such as 2026-11-22T05:00:00Z.
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Created before this time.
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Those that others started, too.
    #[arg(long)]
    all: bool,
    /// How many at most.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=500))]
    limit: u32,
    /// Goes on where the list before ended.
    #[arg(long, value_name = "CURSOR")]
    after: Option<String>,
}

#[derive(Debug, clap::Args)]
struct Start {
    /// The workflow's id.
    workflow: String,
    /// What the trigger puts out: JSON, @FILE, or - for stdin.
    #[arg(long, short, default_value = "{}")]
    input: String,
    /// The trigger node to start at; needed where a workflow has several.
    #[arg(long, value_name = "KEY")]
    trigger: Option<String>,
    /// A version; the active one, if not said.
    #[arg(long, value_name = "NUMBER")]
    version: Option<u64>,
    /// Only starts it, on a server, and says its id.
    #[arg(long)]
    detach: bool,
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

/// Does it.
pub fn run(args: Args) -> Outcome {
    session::block_on(async move {
        let format = args.format;
        let form = if format == Format::Json { Form::Json } else { Form::Pretty };
        // Read before anything is opened.
        let data = match &args.command {
            Command::Resume(resume) => json_input("--data", &resume.data)?,
            Command::Start(start) => json_input("--input", &start.input)?,
            _ => Value::Null,
        };
        let client = Client::open(&args.place).await?;
        match args.command {
            Command::Start(begin) => start(client, begin, data, form).await,
            Command::Resume(resume) => answer(client, resume, data, form).await,
            Command::Retry { id, from, version } => retry(client, id, from, version, form).await,
            Command::Cancel { id, reason } => cancel(client, id, &reason).await,
            Command::List(list) => with(client, async |client| self::list(client, list, format).await).await,
            Command::Show { id, outputs } => {
                with(client, async |client| show(client, id, outputs, format).await).await
            }
            Command::Delete { ids } => with(client, async |client| delete(client, &ids).await).await,
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

async fn list(client: &Client, list: List, format: Format) -> Outcome {
    let words: Vec<String> = list.status.iter().map(|word| format!("{word:?}").to_lowercase()).collect();
    let asked = query(&[
        ("status", (!words.is_empty()).then(|| words.join(","))),
        ("workflow_id", list.workflow),
        ("error", list.error),
        ("q", list.search),
        ("since", list.since),
        ("until", list.until),
        ("scope", (!list.all).then(|| "roots".to_owned())),
        ("cursor", list.after),
        ("limit", Some(list.limit.to_string())),
    ]);
    let page = client.get(&format!("/executions{asked}")).await?;
    if format == Format::Json {
        print_json(&page);
        return Ok(Exit::Done);
    }
    let rows = page["executions"].as_array().into_iter().flatten().map(|row| {
        vec![
            text(&row["id"]),
            format!("{} v{}", text(&row["workflow_id"]), row["workflow_version"]),
            text(&row["status"]),
            seconds(&row["created_at"]),
            took(&row["created_at"], &row["completed_at"]).unwrap_or_default(),
            text(&row["error"]["code"]),
        ]
    });
    print(&output::table(&["execution", "workflow", "status", "created", "took", "error"], rows));
    if let Some(next) = page["next"].as_str() {
        output::say(&format!("there are more: --after {next}"));
    }
    Ok(Exit::Done)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn time(value: &Value) -> Option<prana::core::Timestamp> {
    value.as_str()?.parse().ok()
}

fn seconds(value: &Value) -> String {
    let whole = |time: prana::core::Timestamp| {
        prana::core::Timestamp::from_millis(time.as_millis() / 1_000 * 1_000).to_string()
    };
    time(value).map(whole).unwrap_or_default()
}

fn took(start: &Value, end: &Value) -> Option<String> {
    Some(output::duration(time(end)?.millis_since(time(start)?)))
}

async fn show(client: &Client, id: ExecutionId, outputs: bool, format: Format) -> Outcome {
    let shown = client.get(&format!("/executions/{id}")).await?;
    if format == Format::Json {
        print_json(&whole(client, shown).await?);
        return Ok(Exit::Done);
    }
    print(&output::harmless(&headline(&shown["execution"])));
    let include = if outputs { "?include=output" } else { "" };
    let path = format!("/executions/{id}/node_executions{include}");
    let runs = client.all(&path, "node_executions", "after").await?;
    let head: &[&str] = match outputs {
        true => &["#", "node", "status", "port", "took", "loop", "output"],
        false => &["#", "node", "status", "port", "took", "loop"],
    };
    print(&output::table(head, runs.iter().map(|run| node_row(run, outputs))));
    if let Some(code) = shown["error"]["code"].as_str() {
        print(&output::harmless(&format!("\nerror: {code}: {}", text(&shown["error"]["message"]))));
    }
    for (_, node) in answerable(client, &shown, 0).await? {
        print(&format!("\n{node} waits for an answer"));
    }
    if shown["execution"]["status"] == "completed" {
        print(&format!("\noutput: {}", serde_json::to_string_pretty(&shown["output"]).unwrap_or_default()));
    }
    Ok(Exit::Done)
}

fn headline(execution: &Value) -> String {
    let (started, ended) = (&execution["started_at"], &execution["completed_at"]);
    let took = took(started, ended).map_or_else(String::new, |took| format!(", took {took}"));
    format!(
        "{} v{}: {} (started {}{took})\ninput: {}\n",
        text(&execution["workflow_id"]),
        execution["workflow_version"],
        text(&execution["status"]),
        seconds(started),
        execution["trigger_data"],
    )
}

fn node_row(run: &Value, outputs: bool) -> Vec<String> {
    let mut row = vec![
        run["execution_index"].to_string(),
        text(&run["node_key"]),
        text(&run["status"]),
        text(&run["output_port"]),
        took(&run["started_at"], &run["completed_at"]).unwrap_or_default(),
        text(&run["loop_path"]),
    ];
    if outputs {
        row.push(match run["error"]["code"].as_str() {
            Some(code) => format!("{code}: {}", text(&run["error"]["message"])),
            None => run["output"].to_string(),
        });
    }
    row
}

async fn start(client: Client, begin: Start, input: Value, form: Form) -> Outcome {
    match client {
        Client::Inside(inside, path) => {
            inside.close().await;
            let keep = Keep::File(path);
            let session = Session::new(&keep).await?;
            let options =
                StartOptions { trigger: begin.trigger, version: begin.version, ..StartOptions::default() };
            run::begin(session, keep, &begin.workflow, input.into(), options, (form, Detail::Nodes)).await
        }
        Client::Server(_) => {
            let body = object(&[
                ("workflow_id", Some(begin.workflow.into())),
                ("input", Some(input)),
                ("trigger", begin.trigger.map(Value::from)),
                ("version", begin.version.map(Value::from)),
            ]);
            let started = client.post("/executions", &body).await?;
            stay(client, text(&started["id"]), begin.detach, form, false).await
        }
    }
}

/// Stays with an execution that the server runs, or says its id.
async fn stay(client: Client, id: String, detach: bool, form: Form, answered: bool) -> Outcome {
    match &client {
        Client::Server(_) if !detach => {
            output::say(&format!("execution {id}"));
            follow(&client, &id, form, Detail::Nodes, answered).await
        }
        _ => {
            print(&id);
            Ok(Exit::Done)
        }
    }
}

async fn answer(client: Client, resume: Resume, data: Value, form: Form) -> Outcome {
    let id = resume.id;
    let shown = client.get(&format!("/executions/{id}")).await;
    let handed = async |client: &Client| {
        let shown = shown?;
        let node = match resume.node {
            Some(node) => node,
            None => the_waiting_node(client, &shown).await?,
        };
        client.post(&format!("/executions/{id}/resume"), &json!({"node": node, "data": data})).await?;
        output::say(&format!("{node} has its answer"));
        Ok::<String, Failure>(text(&shown["execution"]["root_execution_id"]))
    };
    match client {
        Client::Inside(..) => {
            let path = client.path();
            let root = with(client, handed).await?;
            let Some(path) = path else { return Ok(Exit::Done) };
            if resume.detach {
                output::say(&format!("to go on: prana run --resume {root} --db {}", output::argument(&path)));
                return Ok(Exit::Done);
            }
            let root = session::execution_id(&root).map_err(Failure::new)?;
            run::go_on(root, Keep::File(path), form, Detail::Nodes, false).await
        }
        Client::Server(_) => {
            let root = handed(&client).await?;
            if resume.detach { Ok(Exit::Done) } else { stay(client, root, false, form, true).await }
        }
    }
}

/// The node that is meant if none is named.
async fn the_waiting_node(client: &Client, shown: &Value) -> Outcome<String> {
    let id = text(&shown["execution"]["id"]);
    let waits = answerable(client, shown, 0).await?;
    let mut nodes: Vec<String> =
        waits.into_iter().filter(|(owner, _)| *owner == id).map(|(_, node)| node).collect();
    match nodes.len() {
        1 => Ok(nodes.remove(0)),
        0 => Err(Failure::new(format!("nothing in execution {id} waits for an answer"))
            .help("an answer for a wait that is still to come needs --node KEY")),
        _ => Err(Failure::new(format!("several nodes wait: {}", nodes.join(", ")))
            .help("say which with --node KEY")),
    }
}

async fn cancel(mut client: Client, id: ExecutionId, reason: &str) -> Outcome {
    let path = format!("/executions/{id}");
    let status = |shown: &Value| text(&shown["execution"]["status"]);
    let before = status(&client.get(&path).await?);
    if matches!(before.as_str(), "completed" | "failed" | "cancelled" | "timeout") {
        client.close().await;
        print(&format!("{id} has ended already: {before}"));
        return Ok(Exit::Done);
    }
    client.advance();
    let ended = with(client, async |client| {
        client.post(&format!("{path}/cancel"), &json!({"reason": reason})).await?;
        // Its events end with it.
        client.drain(&format!("{path}/events")).await?;
        client.get(&path).await
    })
    .await?;
    print(&format!("{id} {}", status(&ended)));
    Ok(Exit::Done)
}

/// A new execution that has the earlier one's past up to a run: the one that failed, if none is named.
async fn retry(
    client: Client,
    id: ExecutionId,
    from: Option<u32>,
    version: Option<u64>,
    form: Form,
) -> Outcome {
    if let Client::Inside(inside, path) = client {
        inside.close().await;
        return retry_here(id, from, version, path).await;
    }
    let body = object(&[("index", from.map(Value::from)), ("version", version.map(Value::from))]);
    let what = if from.is_some() { "execute_from_node" } else { "retry" };
    let new = client.post(&format!("/executions/{id}/{what}"), &body).await?;
    stay(client, text(&new["id"]), false, form, false).await
}

async fn retry_here(id: ExecutionId, from: Option<u32>, version: Option<u64>, db: PathBuf) -> Outcome {
    let session = Session::existing(&db, false).await?;
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
    let forked = forked.map_err(|error: EngineError| unknown_execution(error))?;
    run::stay_with(session, forked, Keep::File(db), Form::Pretty, Detail::Nodes).await
}

async fn delete(client: &Client, ids: &[ExecutionId]) -> Outcome {
    let mut removed = 0;
    for id in ids {
        let gone =
            client.ask(Method::DELETE, &format!("/executions/{}", segment(&id.to_string())), None).await?;
        removed += gone["removed"].as_u64().unwrap_or_default();
    }
    print(&format!("removed {removed}"));
    Ok(Exit::Done)
}
