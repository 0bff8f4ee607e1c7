//! `prana graph`: the picture of a workflow, with what ran marked.

use std::path::PathBuf;

use prana::core::ExecutionId;
use prana::core::document::{self, Workflow};
use prana::core::execution::Execution;
use prana::store::Which;
use prana::{EngineError, Value};

use super::run::unknown_execution;
use crate::exit::{Exit, Failure, Outcome};
use crate::picture::{self, Picture};
use crate::session::{self, Session};
use crate::{builtin, documents, output};

/// What it takes.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The workflow file; not needed with --execution.
    #[arg(required_unless_present = "execution")]
    file: Option<String>,
    /// How it is drawn.
    #[arg(long, short, value_enum, default_value = "text", env = "PRANA_GRAPH_FORMAT")]
    format: picture::Format,
    /// Which workflow of a file that has several; the first, if not said.
    #[arg(long, value_name = "ID")]
    workflow: Option<String>,
    /// Marks what ran in this execution.
    #[arg(long, value_name = "ID", requires = "db", value_parser = session::execution_id)]
    execution: Option<ExecutionId>,
    /// The database that has the execution.
    #[arg(long, value_name = "FILE", env = "PRANA_DB")]
    db: Option<PathBuf>,
}

/// Draws it.
pub fn run(args: Args) -> Outcome {
    let registry = builtin::registry();
    let marked = match (&args.execution, &args.db) {
        (Some(id), Some(db)) => Some(session::block_on(marked(*id, db.clone()))?),
        _ => None,
    };
    let workflow = match (&args.file, &marked) {
        (Some(path), _) => {
            let loaded = documents::load(path, &registry)?;
            documents::choose(&loaded, args.workflow.as_deref(), path)?.workflow.clone()
        }
        (None, Some((workflow, _))) => workflow.clone(),
        (None, None) => return Err(Failure::new("there is nothing to draw").help("name a workflow file")),
    };
    let execution = marked.as_ref().map(|(_, execution)| execution);
    let picture = Picture::new(&workflow, &registry, execution);
    output::print(picture.draw(args.format, output::colors_on_stdout()).trim_end());
    Ok(Exit::Done)
}

/// An execution, and the version of the workflow that it runs.
async fn marked(id: ExecutionId, db: PathBuf) -> Outcome<(Workflow, Execution)> {
    let session = Session::over(session::open_existing(&db).await?)?;
    let execution = session.engine.execution(id).await.map_err(unknown_execution)?;
    let which = Which::Version(execution.workflow_version);
    let stored = session.engine.catalog().workflow(&execution.workflow_id, which).await?;
    let stored = stored.ok_or_else(|| EngineError::UnknownWorkflow(execution.workflow_id.to_string()))?;
    let value = Value::parse_json(&stored.bytes).map_err(Failure::new)?;
    let workflow = document::from_value(&value).map_err(EngineError::InvalidWorkflow)?;
    Ok((workflow, execution))
}
