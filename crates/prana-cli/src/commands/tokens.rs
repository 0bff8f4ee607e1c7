//! `prana tokens`: what programs show to the API.

use clap::Subcommand;
use prana_server::Scope;
use reqwest::Method;
use serde_json::json;

use super::Format;
use super::workflows::print_json;
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
    /// Makes a token, and prints it: this once. From the first one on, everybody must say who they are.
    Create {
        /// What it is called, in the change log, too.
        name: String,
        /// What it may do: read, run, edit or admin.
        #[arg(long, default_value = "admin")]
        scope: Scope,
        /// After how many days it ends; never, if not said.
        #[arg(long, value_name = "DAYS")]
        expires_in_days: Option<u32>,
    },
    /// Lists tokens; never their secrets.
    List,
    /// Ends a token at once.
    Revoke {
        /// Its id, as listed.
        id: String,
    },
}

/// Does it.
pub fn run(args: Args) -> Outcome {
    session::block_on(async move {
        let client = match args.command {
            // The first token of a server that was never started.
            Command::Create { .. } => Client::open_or_make(&args.place).await?,
            _ => Client::open(&args.place).await?,
        };
        let format = args.format;
        with(client, async |client| match args.command {
            Command::Create { name, scope, expires_in_days } => {
                let body = json!({"name": name, "scope": scope, "expires_in_days": expires_in_days});
                let made = client.post("/tokens", &body).await?;
                match format {
                    Format::Json => print_json(&made),
                    Format::Table => print(made["token"].as_str().unwrap_or_default()),
                }
                Ok(Exit::Done)
            }
            Command::List => list(client, format).await,
            Command::Revoke { id } => {
                client.ask(Method::DELETE, &format!("/tokens/{}", segment(&id)), None).await?;
                print(&format!("{id} revoked"));
                Ok(Exit::Done)
            }
        })
        .await
    })
}

async fn list(client: &Client, format: Format) -> Outcome {
    let all = client.get("/tokens").await?;
    if format == Format::Json {
        print_json(&all);
        return Ok(Exit::Done);
    }
    let columns = ["id", "name", "scope", "created_at", "expires_at", "last_used_at"];
    let rows = all["tokens"].as_array().into_iter().flatten();
    let rows = rows.map(|row| columns.map(|name| row[name].as_str().unwrap_or("-").to_owned()).to_vec());
    print(&output::table(&["id", "name", "scope", "made", "ends", "last used"], rows));
    Ok(Exit::Done)
}
