//! `prana connector`: actions of services that are written down in documents.

use std::path::PathBuf;

use clap::Subcommand;
use prana::connectors::{Connector, Converted, Fate, Known, OpenApiOptions, from_openapi};
use prana::core::diagnostic::render;
use prana::core::document::{MAX_BYTES, Source};
use serde_json::{Value, json};

use super::Format;
use crate::exit::{Exit, Failure, Outcome};
use crate::output::{self, harmless};
use crate::{builtin, documents, input};

/// What it takes.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Lists those that there are; `prana actions` lists their actions.
    List {
        /// How they are printed.
        #[arg(long, value_enum, default_value = "table", env = "PRANA_FORMAT")]
        format: Format,
    },
    /// Says what is wrong with documents of connectors.
    Check {
        /// The documents (YAML or JSON; - for stdin).
        #[arg(required = true)]
        files: Vec<String>,
    },
    /// Makes one out of an OpenAPI document (3.0 or 3.1), and says what became of each operation.
    Add(Add),
}

#[derive(Debug, clap::Args)]
struct Add {
    /// The OpenAPI document (JSON or YAML; - for stdin).
    file: String,
    /// The id of the connector: what its actions begin with. Made of the title, if not said.
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    /// Where the service is, if it is not the document's first server.
    #[arg(long, value_name = "URL")]
    base_url: Option<String>,
    /// Only these operations: operation ids, names of actions, or tags.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    operations: Vec<String>,
    /// The file to write; stdout, if not said.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Does it.
pub fn run(args: Args) -> Outcome {
    match args.what {
        What::List { format } => Ok(list(format)),
        What::Check { files } => check(&files),
        What::Add(args) => add(&args),
    }
}

fn list(format: Format) -> Exit {
    let all = builtin::connectors().all();
    match format {
        Format::Json => {
            let all: Vec<Value> = all.map(as_json).collect();
            output::print(&serde_json::to_string_pretty(&all).unwrap_or_default());
        }
        Format::Table => {
            let row = |known: &Known| {
                let connector = &known.connector;
                let kinds: Vec<&str> = connector.credentials.iter().map(|one| one.kind.as_str()).collect();
                let actions = connector.actions().count().to_string();
                vec![connector.id.clone(), connector.title.clone(), actions, kinds.join(", "), from(known)]
            };
            output::print(&output::table(&["id", "title", "actions", "credentials", "from"], all.map(row)));
        }
    }
    Exit::Done
}

fn from(known: &Known) -> String {
    known.file.as_ref().map_or_else(|| "shipped".to_owned(), |file| file.display().to_string())
}

fn as_json(known: &Known) -> Value {
    let connector = &known.connector;
    let actions: Vec<&str> = connector.actions().map(|action| &*action.type_name).collect();
    json!({
        "id": connector.id,
        "title": connector.title,
        "description": connector.description,
        "docs": connector.docs,
        "credentials": connector.credentials,
        "actions": actions,
        "file": known.file,
    })
}

fn check(files: &[String]) -> Outcome {
    let mut refused = false;
    for file in files {
        match Connector::read(documents::name(file), &documents::bytes(file)?) {
            Ok(connector) => {
                let actions = connector.actions().count();
                output::print(&format!("{}: {} with {actions} actions", harmless(file), connector.id));
            }
            Err(unreadable) => {
                refused = true;
                output::say(&render(&unreadable.findings, &unreadable.source, output::colors_on_stderr()));
            }
        }
    }
    Ok(if refused { Exit::Refused } else { Exit::Done })
}

fn add(args: &Add) -> Outcome {
    let text = input::read(&args.file, MAX_BYTES as u64)?;
    let options = OpenApiOptions {
        id: args.id.clone(),
        base_url: args.base_url.clone(),
        operations: args.operations.clone(),
    };
    let made = from_openapi(documents::name(&args.file), &text, &options).map_err(|findings| {
        let source = Source::new(documents::name(&args.file), &text);
        output::say(&render(&findings, &source, output::colors_on_stderr()));
        Failure::already_shown()
    })?;
    match &args.output {
        Some(path) => std::fs::write(path, &made.text)
            .map_err(|error| Failure::new(format!("{path:?} can't be written: {error}")))?,
        None => output::print(made.text.trim_end()),
    }
    report(&made);
    Ok(Exit::Done)
}

/// What became of the operations, those that are there as they were aside.
fn report(made: &Converted) {
    for operation in made.operations.iter().filter(|one| one.fate != Fate::CarriedOver) {
        let notes = operation.notes.join("; ");
        output::say(&format!(
            "{:<12}  {}: {}",
            operation.fate.as_str(),
            harmless(&operation.operation),
            harmless(&notes)
        ));
    }
    made.notes.iter().for_each(|note| output::say(&harmless(note)));
    let count = |fate: Fate| made.operations.iter().filter(|one| one.fate == fate).count();
    output::say(&format!(
        "{}: {} operations carried over, {} changed, {} left out",
        made.connector.id,
        count(Fate::CarriedOver),
        count(Fate::Changed),
        count(Fate::LeftOut)
    ));
}
