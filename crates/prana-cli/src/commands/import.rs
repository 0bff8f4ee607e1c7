//! `prana import`: what another engine kept.

mod n8n;

use std::path::PathBuf;
use std::sync::Arc;

use clap::Subcommand;
use prana::elixir::{Bundle, Finding, ImportOptions, Outcome as Fate, Report};
use prana::store::MemoryStore;

use super::Format;
use super::executions::database;
use crate::exit::{Exit, Failure, Outcome};
use crate::input::{self, Pair};
use crate::output::{self, print};
use crate::session::{self, Session};

/// What it takes.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    from: From,
}

#[derive(Debug, Subcommand)]
enum From {
    /// Workflows and stored executions of the Elixir engine Prana.
    PranaElixir(Elixir),
    /// Workflows that n8n exported, as workflow files, with a report node by node.
    N8n(n8n::Args),
}

#[derive(Debug, clap::Args)]
struct Elixir {
    /// JSON files: a workflow, a stored execution, a list of them, or {"workflows": [...], "executions": [...]}; - for stdin.
    #[arg(required = true)]
    files: Vec<String>,
    /// The database file; it is made if it isn't there.
    #[arg(long, value_name = "FILE", env = "PRANA_DB")]
    db: Option<PathBuf>,
    /// Says what would happen, and stores nothing.
    #[arg(long)]
    dry_run: bool,
    /// Stores open executions that can't go on here as failed, with their history, instead of refusing them.
    #[arg(long)]
    as_failed: bool,
    /// $env of the executions that go on here (can be given several times).
    #[arg(long, value_name = "NAME=VALUE")]
    env: Vec<Pair>,
    /// How the report is printed.
    #[arg(long, value_enum, default_value = "table", env = "PRANA_FORMAT")]
    format: Format,
}

/// The largest file that is read, in bytes.
const MAX_FILE: u64 = 256 << 20;

/// Does it.
pub fn run(args: Args) -> Outcome {
    let args = match args.from {
        From::PranaElixir(args) => args,
        From::N8n(args) => return n8n::run(&args),
    };
    let mut bundle = Bundle::default();
    for file in &args.files {
        bundle.append(read(file)?);
    }
    let options = ImportOptions {
        dry_run: args.dry_run,
        as_failed: args.as_failed,
        environment: input::map(&args.env),
    };
    let db = database(args.db)?;
    session::block_on(async move {
        let session = open(&db, options.dry_run).await?;
        let report = session.engine.import_elixir(&bundle, &options).await?;
        match args.format {
            Format::Json => print(&serde_json::to_string_pretty(&report).unwrap_or_default()),
            Format::Table => print(text(&report).trim_end()),
        }
        let refused = report.executions.iter().any(|one| one.outcome == Fate::NotPossible);
        if refused && !options.as_failed {
            output::say(
                "executions that were not imported can be stored as failed, with their history: --as-failed",
            );
        }
        let unreadable = report.workflows.iter().any(|one| one.outcome == Fate::NotPossible);
        Ok(if unreadable { Exit::Refused } else { Exit::Done })
    })
}

fn read(file: &str) -> Outcome<Bundle> {
    let bytes = input::read(file, MAX_FILE)?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(Failure::new(format!("{file:?} has more than 256 MiB")).help("split it"));
    }
    Bundle::read(&bytes).map_err(|error| {
        Failure::new(format!("{file:?}: {error}"))
            .help("write each workflow with `Workflow.to_map`, each execution with `WorkflowExecution.to_map` less its graph, as JSON")
    })
}

/// The database; for a dry run over one that isn't there, memory.
async fn open(db: &std::path::Path, dry_run: bool) -> Outcome<Session> {
    if dry_run && !prana::is_server(db) && !db.exists() {
        return Session::over(Arc::new(MemoryStore::new()));
    }
    Session::over(session::open(db).await?)
}

fn text(report: &Report) -> String {
    let mut lines = Vec::new();
    for workflow in &report.workflows {
        let version = workflow.version.map_or_else(String::new, |version| format!(" v{version}"));
        lines.push(format!(
            "workflow {}{version}: {}",
            output::harmless(&workflow.id),
            workflow.outcome.as_str()
        ));
        lines.extend(workflow.findings.iter().map(line));
    }
    for execution in &report.executions {
        lines.push(format!(
            "execution {} of {}: {}, {}",
            output::harmless(&execution.id),
            output::harmless(&execution.workflow_id),
            execution.outcome.as_str(),
            output::harmless(&execution.status)
        ));
        lines.extend(execution.findings.iter().map(line));
    }
    if report.dry_run {
        lines.push("nothing was stored: this was a dry run".to_owned());
    }
    lines.join("\n")
}

fn line(finding: &Finding) -> String {
    format!(
        "  {:<12}  {}: {}",
        finding.fate.as_str(),
        output::harmless(&finding.about),
        output::harmless(&finding.text)
    )
}
