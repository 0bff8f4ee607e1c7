//! `prana users`: the people who can log in to the web UI.

use std::io::Read;

use clap::Subcommand;
use prana_server::Scope;
use reqwest::Method;
use serde_json::json;

use super::Format;
use super::workflows::print_json;
use crate::client::{Client, Where, segment, with};
use crate::exit::{Exit, Failure, Outcome};
use crate::output::{self, print};
use crate::session;

/// A password on stdin is no longer, in bytes.
const MAX_PASSWORD: u64 = 4 << 10;

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
    /// Makes a user, and asks for their password. From the first one on, everybody must say who they are.
    Add {
        /// The name to log in with.
        name: String,
        /// What they may do: read, run, edit or admin.
        #[arg(long, default_value = "admin")]
        scope: Scope,
        /// Reads the password from stdin.
        #[arg(long)]
        password_stdin: bool,
    },
    /// Gives a user a new password, which ends their sessions.
    Password {
        /// Their name.
        name: String,
        /// Reads the password from stdin.
        #[arg(long)]
        password_stdin: bool,
    },
    /// Changes what a user may do.
    Scope {
        /// Their name.
        name: String,
        /// What they may do: read, run, edit or admin.
        scope: Scope,
    },
    /// Lists users.
    List,
    /// Takes a user out, and ends their sessions.
    Delete {
        /// Their name.
        name: String,
    },
}

/// Does it.
pub fn run(args: Args) -> Outcome {
    let (place, format) = (args.place, args.format);
    let password = match &args.command {
        Command::Add { password_stdin, .. } | Command::Password { password_stdin, .. } => {
            Some(new_password(*password_stdin)?)
        }
        _ => None,
    };
    session::block_on(async move {
        let client = match args.command {
            // The first user of a server that was never started.
            Command::Add { .. } => Client::open_or_make(&place).await?,
            _ => Client::open(&place).await?,
        };
        with(client, async |client| match args.command {
            Command::Add { name, scope, .. } => {
                let exists = client.get("/users").await?["users"]
                    .as_array()
                    .is_some_and(|users| users.iter().any(|user| user["name"] == name.as_str()));
                if exists {
                    return Err(Failure::new(format!("there is a user {name:?} already"))
                        .help("`prana users password` gives a new password"));
                }
                put(client, &name, &json!({"password": password, "scope": scope})).await
            }
            Command::Password { name, .. } => put(client, &name, &json!({"password": password})).await,
            Command::Scope { name, scope } => put(client, &name, &json!({"scope": scope})).await,
            Command::List => list(client, format).await,
            Command::Delete { name } => {
                client.ask(Method::DELETE, &format!("/users/{}", segment(&name)), None).await?;
                print(&format!("{name} removed"));
                Ok(Exit::Done)
            }
        })
        .await
    })
}

async fn put(client: &Client, name: &str, body: &serde_json::Value) -> Outcome {
    client.ask(Method::PUT, &format!("/users/{}", segment(name)), Some(body)).await?;
    print(&format!("{name} saved"));
    Ok(Exit::Done)
}

async fn list(client: &Client, format: Format) -> Outcome {
    let all = client.get("/users").await?;
    if format == Format::Json {
        print_json(&all);
        return Ok(Exit::Done);
    }
    let columns = ["name", "scope", "created_at"];
    let rows = all["users"].as_array().into_iter().flatten();
    let rows = rows.map(|row| columns.map(|name| row[name].as_str().unwrap_or("-").to_owned()).to_vec());
    print(&output::table(&["user", "scope", "made"], rows));
    Ok(Exit::Done)
}

fn new_password(from_stdin: bool) -> Outcome<String> {
    if from_stdin {
        let mut text = String::new();
        std::io::stdin().take(MAX_PASSWORD).read_to_string(&mut text).map_err(Failure::new)?;
        return Ok(text.trim_end_matches(['\r', '\n']).to_owned());
    }
    let ask = |prompt: &str| {
        rpassword::prompt_password(prompt).map_err(|error| {
            Failure::new(format!("no password can be asked for here: {error}"))
                .help("pipe it in, with --password-stdin")
        })
    };
    let password = ask("New password: ")?;
    if ask("Once more: ")? != password {
        return Err(Failure::new("the two are not the same"));
    }
    Ok(password)
}
