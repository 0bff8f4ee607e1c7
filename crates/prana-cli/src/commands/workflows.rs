//! `prana workflows`: those in a database.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Subcommand;
use prana::Value;
use prana::core::document;
use prana::store::{Catalog, NewVersion, SqliteStore, Which, Workflow};
use serde_json::json;

use super::Format;
use super::executions::database;
use crate::exit::{Exit, Failure, Outcome};
use crate::output::{self, print};
use crate::{builtin, documents, session};

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
    /// Lists workflows.
    List,
    /// Prints a workflow's document.
    Show {
        /// Its id.
        id: String,
        /// A version; the active one or else the newest, if not said.
        #[arg(long)]
        version: Option<u64>,
        /// The versions instead of the document.
        #[arg(long, conflicts_with = "version")]
        versions: bool,
    },
    /// Saves the workflows of files as new versions. Nothing live changes.
    Save {
        /// Workflow files.
        #[arg(required = true)]
        files: Vec<String>,
        /// Makes them active, too.
        #[arg(long)]
        activate: bool,
    },
    /// Makes a version the one that new executions run.
    Activate {
        /// Its id.
        id: String,
        /// A version; the newest, if not said.
        #[arg(long)]
        version: Option<u64>,
    },
    /// Lets no new executions start.
    Deactivate {
        /// Its id.
        id: String,
    },
    /// Takes a workflow out. Executions that run go on.
    Delete {
        /// Its id.
        id: String,
    },
}

/// Does it.
pub fn run(args: Args) -> Outcome {
    let db = database(args.db)?;
    session::block_on(async move {
        let format = args.format;
        if let Command::Save { files, activate } = &args.command {
            return save(&db, files, *activate).await;
        }
        let store = session::open_existing(&db)?;
        match args.command {
            Command::List => list(&store, format).await,
            Command::Show { id, versions: true, .. } => versions(&store, &id, format).await,
            Command::Show { id, version, .. } => show(&store, &id, version, format).await,
            Command::Activate { id, version } => activate(&store, &id, version).await,
            Command::Deactivate { id } => {
                switched(&id, "not active", store.activate(&id, None, session::now()).await?)
            }
            Command::Delete { id } => switched(&id, "removed", store.delete_workflow(&id).await?),
            // Done above.
            Command::Save { .. } => Ok(Exit::Done),
        }
    })
}

fn unknown(id: &str) -> Failure {
    Failure::new(format!("there is no workflow `{id}` of that kind in this database"))
        .help("`prana workflows list --db FILE` shows those that there are")
}

fn switched(id: &str, what: &str, found: bool) -> Outcome {
    if !found {
        return Err(unknown(id));
    }
    print(&format!("{id} {what}"));
    Ok(Exit::Done)
}

async fn all(store: &SqliteStore) -> Outcome<Vec<Workflow>> {
    let mut workflows: Vec<Workflow> = Vec::new();
    loop {
        let after = workflows.last().map(|last| last.id.clone());
        let mut page = store.workflows(after.as_deref(), 500).await?;
        if page.is_empty() {
            return Ok(workflows);
        }
        workflows.append(&mut page);
    }
}

async fn list(store: &SqliteStore, format: Format) -> Outcome {
    let workflows = all(store).await?;
    if format == Format::Json {
        let rows: Vec<_> = workflows
            .iter()
            .map(|one| json!({"id": one.id, "latest": one.latest, "active": one.active, "updated_at": one.updated_at}))
            .collect();
        print(&serde_json::to_string_pretty(&json!({"workflows": rows})).unwrap_or_default());
        return Ok(Exit::Done);
    }
    let rows = workflows.into_iter().map(|one| {
        let active = one.active.map_or_else(|| "-".to_owned(), |version| format!("v{version}"));
        vec![one.id, active, format!("v{}", one.latest), one.updated_at.to_string()]
    });
    print(&output::table(&["workflow", "active", "newest", "changed"], rows));
    Ok(Exit::Done)
}

async fn versions(store: &SqliteStore, id: &str, format: Format) -> Outcome {
    let versions = store.versions(id, None, 1_000).await?;
    if versions.is_empty() {
        return Err(unknown(id));
    }
    if format == Format::Json {
        let rows: Vec<_> = versions
            .iter()
            .map(|one| json!({"version": one.version, "created_at": one.created_at}))
            .collect();
        print(&serde_json::to_string_pretty(&json!({"id": id, "versions": rows})).unwrap_or_default());
        return Ok(Exit::Done);
    }
    let rows = versions.into_iter().map(|one| vec![format!("v{}", one.version), one.created_at.to_string()]);
    print(&output::table(&["version", "saved"], rows));
    Ok(Exit::Done)
}

async fn show(store: &SqliteStore, id: &str, version: Option<u64>, format: Format) -> Outcome {
    let stored = match version {
        Some(version) => store.workflow(id, Which::Version(version)).await?,
        None => match store.workflow(id, Which::Active).await? {
            Some(active) => Some(active),
            None => store.workflow(id, Which::Latest).await?,
        },
    };
    let stored = stored.ok_or_else(|| unknown(id))?;
    let value = Value::parse_json(&stored.bytes).map_err(Failure::new)?;
    let workflow = document::from_value(&value).map_err(prana::EngineError::InvalidWorkflow)?;
    print(
        match format {
            Format::Json => document::to_json(&workflow),
            Format::Table => document::to_yaml(&workflow),
        }
        .trim_end(),
    );
    Ok(Exit::Done)
}

async fn save(db: &std::path::Path, files: &[String], activate: bool) -> Outcome {
    let registry = builtin::registry();
    let mut loaded = Vec::new();
    for file in files {
        loaded.extend(documents::load(file, &registry)?);
    }
    let store = Arc::new(SqliteStore::open(db)?);
    for one in &loaded {
        let id = &one.workflow.id;
        let bytes = document::to_value(&one.workflow).to_json_string().into_bytes();
        let new = NewVersion { workflow_id: id.clone(), bytes, based_on: None, at: session::now() };
        let saved = store.save_workflow(new).await?;
        if activate {
            store.activate(id, Some(saved.version), session::now()).await?;
        }
        let news = if saved.is_new { "saved as" } else { "unchanged, is" };
        let active = if activate { ", active" } else { "" };
        print(&format!("{id} {news} v{}{active}", saved.version));
    }
    Ok(Exit::Done)
}

async fn activate(store: &SqliteStore, id: &str, version: Option<u64>) -> Outcome {
    let which = version.map_or(Which::Latest, Which::Version);
    let stored = store.workflow(id, which).await?.ok_or_else(|| unknown(id))?;
    let done = store.activate(id, Some(stored.version), session::now()).await?;
    switched(id, &format!("v{} is active", stored.version), done)
}
