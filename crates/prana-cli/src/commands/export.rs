//! `prana export`: in the form of another engine.

use std::path::PathBuf;

use clap::Subcommand;
use prana::core::ExecutionId;

use super::executions::database;
use super::run::unknown_execution;
use crate::exit::{Exit, Failure, Outcome};
use crate::output::{self, print};
use crate::session::{self, Session};

/// What it takes.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    to: To,
}

#[derive(Debug, Subcommand)]
enum To {
    /// As the Elixir engine Prana stores it.
    PranaElixir(Elixir),
}

#[derive(Debug, clap::Args)]
struct Elixir {
    /// The database file.
    #[arg(long, value_name = "FILE", env = "PRANA_DB")]
    db: Option<PathBuf>,
    /// A workflow: its active version, or else its newest.
    #[arg(long, value_name = "ID", required_unless_present = "execution", conflicts_with = "execution")]
    workflow: Option<String>,
    /// An execution.
    #[arg(long, value_name = "ID", value_parser = session::execution_id)]
    execution: Option<ExecutionId>,
    /// Where to write it; stdout, if not said.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Does it.
pub fn run(args: Args) -> Outcome {
    let To::PranaElixir(args) = args.to;
    let db = database(args.db)?;
    session::block_on(async move {
        let session = Session::over(session::open_existing(&db).await?)?;
        let value = match (&args.workflow, args.execution) {
            (Some(id), _) => {
                let (value, findings) = session.engine.export_elixir_workflow(id).await?;
                for finding in findings {
                    output::say(&format!(
                        "{}: {}",
                        output::harmless(&finding.about),
                        output::harmless(&finding.text)
                    ));
                }
                value
            }
            (None, Some(id)) => {
                session.engine.export_elixir_execution(id).await.map_err(unknown_execution)?
            }
            (None, None) => return Err(Failure::new("neither a workflow nor an execution is named")),
        };
        let text = output::pretty(&value);
        match args.output {
            None => print(&text),
            Some(path) => std::fs::write(&path, format!("{text}\n"))
                .map_err(|error| Failure::new(format!("{path:?} can't be written: {error}")))?,
        }
        Ok(Exit::Done)
    })
}
