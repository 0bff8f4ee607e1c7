//! `prana import n8n`: workflows that n8n exported.

use std::path::PathBuf;

use prana::Value;
use prana::core::document;
use prana::n8n::{self, Imported};
use serde_json::json;

use super::super::Format;
use crate::exit::{Exit, Failure, Outcome};
use crate::output::{self, print};
use crate::{builtin, input};

/// What it takes.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A JSON file that n8n exported: a workflow, or a list of them; - for stdin.
    file: String,
    /// Where to write the workflows, as YAML; stdout, if not said. The report is then on stderr.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// How the report is printed. As JSON it has the workflows too.
    #[arg(long, value_enum, default_value = "table", env = "PRANA_FORMAT")]
    format: Format,
}

/// The largest file that is read, in bytes.
const MAX_FILE: u64 = 64 << 20;

/// Does it.
pub fn run(args: &Args) -> Outcome {
    let all = read(&args.file)?;
    let yaml =
        all.iter().map(|imported| document::to_yaml(&imported.workflow)).collect::<Vec<_>>().join("---\n");
    if let Some(path) = &args.output {
        std::fs::write(path, &yaml)
            .map_err(|error| Failure::new(format!("{path:?} can't be written: {error}")))?;
    }
    match (args.format, &args.output) {
        (Format::Json, _) => print(&serde_json::to_string_pretty(&as_json(&all)).unwrap_or_default()),
        (Format::Table, Some(_)) => report(&all).for_each(|line| print(&line)),
        (Format::Table, None) => {
            print(yaml.trim_end());
            report(&all).for_each(|line| output::say(&line));
        }
    }
    Ok(Exit::Done)
}

fn read(file: &str) -> Outcome<Vec<Imported>> {
    let bytes = input::read(file, MAX_FILE)?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(
            Failure::new(format!("{file:?} has more than 64 MiB")).help("export the workflows one by one")
        );
    }
    let value =
        Value::parse_json(&bytes).map_err(|error| Failure::new(format!("{file:?} is not JSON: {error}")))?;
    n8n::import_all(&value, &builtin::registry()).map_err(|error| {
        Failure::new(format!("{file:?}: {error}"))
            .help("download the workflow in the editor of n8n, or write it with `n8n export:workflow`")
    })
}

fn report(all: &[Imported]) -> impl Iterator<Item = String> {
    all.iter().flat_map(|imported| imported.report.lines()).map(|line| output::harmless(&line))
}

fn as_json(all: &[Imported]) -> serde_json::Value {
    let one = |imported: &Imported| json!({"workflow": serde_json::Value::from(&document::to_value(&imported.workflow)), "report": imported.report});
    json!({"workflows": all.iter().map(one).collect::<Vec<_>>()})
}
