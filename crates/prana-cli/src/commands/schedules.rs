//! `prana schedules`: the triggers by the clock of active workflows.

use clap::Subcommand;
use serde_json::{Value, json};

use super::Format;
use crate::client::{Client, Where, segment, with};
use crate::exit::{Exit, Outcome};
use crate::output::{self, print};
use crate::session;

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
    /// Lists schedules, with their newest start and their next time.
    List,
    /// Lets a schedule start nothing until it is resumed.
    Pause {
        /// The workflow's id.
        workflow: String,
        /// The key of the trigger node.
        node: String,
    },
    /// Lets a paused schedule go on, with the next time from now.
    Resume {
        /// The workflow's id.
        workflow: String,
        /// The key of the trigger node.
        node: String,
    },
}

/// Does it.
pub fn run(args: Args) -> Outcome {
    session::block_on(async move {
        let format = args.format;
        let client = Client::open(&args.place).await?;
        with(client, async |client| match args.command {
            Command::List => list(client, format).await,
            Command::Pause { workflow, node } => change(client, &workflow, &node, "pause").await,
            Command::Resume { workflow, node } => change(client, &workflow, &node, "resume").await,
        })
        .await
    })
}

async fn list(client: &Client, format: Format) -> Outcome {
    let rows = client.all("/schedules", "schedules", "after").await?;
    if format == Format::Json {
        print(&serde_json::to_string_pretty(&json!({"schedules": rows})).unwrap_or_default());
        return Ok(Exit::Done);
    }
    let head = ["workflow", "node", "when", "state", "newest start", "next"];
    print(&output::table(&head, rows.iter().map(row)));
    Ok(Exit::Done)
}

fn row(schedule: &Value) -> Vec<String> {
    let text = |value: &Value| output::harmless(value.as_str().unwrap_or("-"));
    let when = match (&schedule["cron"], schedule["every_ms"].as_u64()) {
        (Value::String(cron), _) => format!("{} ({})", output::harmless(cron), text(&schedule["timezone"])),
        (_, Some(every)) => format!("every {}", prana::core::duration::print(every)),
        _ => "-".to_owned(),
    };
    vec![
        text(&schedule["workflow_id"]),
        text(&schedule["node_key"]),
        when,
        text(&schedule["state"]),
        text(&schedule["last"]["fired_at"]),
        text(&schedule["next"][0]),
    ]
}

async fn change(client: &Client, workflow: &str, node: &str, verb: &str) -> Outcome {
    let path = format!("/schedules/{}/{}/{verb}", segment(workflow), segment(node));
    let shown = client.post(&path, &json!({})).await?;
    print(&format!("{workflow}/{node} is {}", shown["state"].as_str().unwrap_or("-")));
    Ok(Exit::Done)
}
