//! `prana workflows`: those in a database or on a server.

use clap::Subcommand;
use prana::Value as Data;
use prana::core::document;
use reqwest::Method;
use serde_json::{Value, json};

use super::Format;
use crate::client::{Client, Where, object, query, segment, with};
use crate::exit::{Exit, Outcome};
use crate::output::{self, print};
use crate::{builtin, documents, input, session};

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
    /// Lists workflows.
    List {
        /// Only those whose id, name, description or node types contain this.
        #[arg(long, value_name = "TEXT")]
        search: Option<String>,
    },
    /// Prints a workflow's document.
    #[command(visible_alias = "export")]
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
    #[command(visible_alias = "import")]
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
    /// Says what differs between two versions.
    Diff {
        /// Its id.
        id: String,
        /// The one version.
        #[arg(long)]
        from: u64,
        /// The other; the newest, if not said.
        #[arg(long)]
        to: Option<u64>,
    },
}

/// Does it.
pub fn run(args: Args) -> Outcome {
    session::block_on(async move {
        let format = args.format;
        if let Command::Save { files, activate } = &args.command {
            let loaded = load(files)?;
            let client = Client::open_or_make(&args.place).await?;
            return with(client, async |client| save(client, &loaded, *activate).await).await;
        }
        let client = Client::open(&args.place).await?;
        with(client, async |client| match args.command {
            Command::List { search } => list(client, search, format).await,
            Command::Show { id, versions: true, .. } => versions(client, &id, format).await,
            Command::Show { id, version, .. } => show(client, &id, version, format).await,
            Command::Activate { id, version } => activate(client, &id, version).await,
            Command::Deactivate { id } => {
                client.post(&format!("/workflows/{}/deactivate", segment(&id)), &json!({})).await?;
                print(&format!("{id} not active"));
                Ok(Exit::Done)
            }
            Command::Delete { id } => {
                client.ask(Method::DELETE, &format!("/workflows/{}", segment(&id)), None).await?;
                print(&format!("{id} removed"));
                Ok(Exit::Done)
            }
            Command::Diff { id, from, to } => diff(client, &id, from, to, format).await,
            // Done above.
            Command::Save { .. } => Ok(Exit::Done),
        })
        .await
    })
}

fn version_text(value: &Value) -> String {
    value.as_u64().map_or_else(|| "-".to_owned(), |version| format!("v{version}"))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// As indented JSON.
pub fn print_json(value: &Value) {
    print(&serde_json::to_string_pretty(value).unwrap_or_default());
}

async fn list(client: &Client, search: Option<String>, format: Format) -> Outcome {
    let rows = client.all(&format!("/workflows{}", query(&[("q", search)])), "workflows", "after").await?;
    if format == Format::Json {
        print_json(&json!({"workflows": rows}));
        return Ok(Exit::Done);
    }
    let rows = rows.iter().map(|one| {
        let (active, latest) = (version_text(&one["active"]), version_text(&one["latest"]));
        vec![text(&one["id"]), text(&one["name"]), active, latest, text(&one["updated_at"])]
    });
    print(&output::table(&["workflow", "name", "active", "newest", "changed"], rows));
    Ok(Exit::Done)
}

async fn versions(client: &Client, id: &str, format: Format) -> Outcome {
    let rows = client.all(&format!("/workflows/{}/versions", segment(id)), "versions", "before").await?;
    if format == Format::Json {
        print_json(&json!({"id": id, "versions": rows}));
        return Ok(Exit::Done);
    }
    let rows = rows.iter().map(|one| vec![version_text(&one["version"]), text(&one["created_at"])]);
    print(&output::table(&["version", "saved"], rows));
    Ok(Exit::Done)
}

async fn show(client: &Client, id: &str, version: Option<u64>, format: Format) -> Outcome {
    let path = format!("/workflows/{}", segment(id));
    let shown = match version {
        Some(version) => client.get(&format!("{path}?version={version}")).await?,
        None => match client.find(&format!("{path}?version=active")).await? {
            Some(active) => active,
            None => client.get(&path).await?,
        },
    };
    let document = &shown["workflow"];
    // What has errors is shown as it is kept.
    let Ok(workflow) = document::from_value(&Data::from(document.clone())) else {
        print_json(document);
        return Ok(Exit::Done);
    };
    let text = match format {
        Format::Json => document::to_json(&workflow),
        Format::Table => document::to_yaml(&workflow),
    };
    print(text.trim_end());
    Ok(Exit::Done)
}

fn load(files: &[String]) -> Outcome<Vec<document::Loaded>> {
    let registry = builtin::registry();
    let mut loaded = Vec::new();
    for file in files {
        loaded.extend(documents::load(file, &registry)?);
    }
    Ok(loaded)
}

async fn save(client: &Client, loaded: &[document::Loaded], active: bool) -> Outcome {
    for one in loaded {
        let id = &one.workflow.id;
        let saved = put(client, &one.workflow).await?;
        if active {
            activate_version(client, id, saved["version"].as_u64()).await?;
        }
        let news = if saved["is_new"] == true { "saved as" } else { "unchanged, is" };
        print(&format!(
            "{id} {news} {}{}",
            version_text(&saved["version"]),
            if active { ", active" } else { "" }
        ));
    }
    Ok(Exit::Done)
}

/// Saves a workflow as a new version, whatever the newest one is.
///
/// # Errors
/// What the API refuses.
pub async fn put(client: &Client, workflow: &document::Workflow) -> Outcome<Value> {
    let body = Value::from(&document::to_value(workflow));
    let path = format!("/workflows/{}", segment(&workflow.id));
    match client.find(&path).await? {
        None => client.post("/workflows", &body).await,
        Some(newest) => {
            let based_on = newest["version"].as_u64().unwrap_or_default();
            client.ask(Method::PUT, &format!("{path}?based_on={based_on}"), Some(&body)).await
        }
    }
}

/// Makes a version the active one; the newest, if none is named.
///
/// # Errors
/// What the API refuses.
pub async fn activate_version(client: &Client, id: &str, version: Option<u64>) -> Outcome<Value> {
    let body = object(&[("version", version.map(Value::from))]);
    client.post(&format!("/workflows/{}/activate", segment(id)), &body).await
}

async fn activate(client: &Client, id: &str, version: Option<u64>) -> Outcome {
    let done = activate_version(client, id, version).await?;
    print(&format!("{id} {} is active", version_text(&done["active"])));
    Ok(Exit::Done)
}

async fn diff(client: &Client, id: &str, from: u64, to: Option<u64>, format: Format) -> Outcome {
    let to = query(&[("from", Some(from.to_string())), ("to", to.map(|to| to.to_string()))]);
    let difference = client.get(&format!("/workflows/{}/difference{to}", segment(id))).await?;
    if format == Format::Json {
        print_json(&difference);
        return Ok(Exit::Done);
    }
    for change in difference["changes"].as_array().into_iter().flatten() {
        let place: Vec<&str> =
            change["path"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let side = |name: &str, sign: &str| change.get(name).map(|value| format!("\n  {sign} {value}"));
        let (before, after) =
            (side("before", "-").unwrap_or_default(), side("after", "+").unwrap_or_default());
        print(&output::harmless(&format!("{} {}{before}{after}", text(&change["kind"]), place.join("."))));
    }
    Ok(Exit::Done)
}

/// The input of a start, as written on the command line.
///
/// # Errors
/// Text that is no JSON.
pub fn json_input(option: &str, argument: &str) -> Outcome<Value> {
    Ok(Value::from(&input::json_argument(option, argument)?))
}
