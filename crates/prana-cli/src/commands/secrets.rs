//! `prana secrets`: what workflows know as `$secrets.NAME`. Values go in, and never come out.

use std::io::IsTerminal;

use clap::Subcommand;
use prana::SecretText;
use reqwest::Method;
use serde_json::json;

use super::Format;
use super::workflows::print_json;
use crate::client::{Client, Where, segment, with};
use crate::exit::{Exit, Failure, Outcome};
use crate::output::{self, print};
use crate::{secrets, session};

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
    /// Lists secrets; never their values.
    List,
    /// Sets a secret. Its value is asked for, or read from stdin or a file; a line end at its end is left out.
    Set {
        /// Its name: letters, digits, _ and -.
        name: String,
        /// A host that may be sent it, such as api.example.com or *.example.com (can be given several times).
        #[arg(
            long = "host",
            value_name = "HOST",
            required_unless_present = "any_host",
            conflicts_with = "any_host"
        )]
        hosts: Vec<String>,
        /// Lets any host be sent it.
        #[arg(long)]
        any_host: bool,
        /// The file with its value.
        #[arg(long, value_name = "FILE")]
        file: Option<String>,
    },
    /// Deletes a secret.
    Delete {
        /// Its name.
        name: String,
    },
    /// Makes a new master key, and locks all secrets with it. Older keys stay in their file, for older backups.
    Rotate,
}

/// Does it.
pub fn run(args: Args) -> Outcome {
    session::block_on(async move {
        let client = match args.command {
            // The first secret of a server that was never started.
            Command::Set { .. } => Client::open_or_make(&args.place).await?,
            _ => Client::open(&args.place).await?,
        };
        let format = args.format;
        with(client, async |client| match args.command {
            Command::List => list(client, format).await,
            Command::Set { name, hosts, any_host, file } => {
                let value = value(&name, file.as_deref())?;
                let hosts = if any_host { vec!["*".to_owned()] } else { hosts };
                let body = json!({"value": value.reveal(), "allowed_hosts": hosts});
                let set =
                    client.ask(Method::PUT, &format!("/secrets/{}", segment(&name)), Some(&body)).await?;
                match format {
                    Format::Json => print_json(&set),
                    Format::Table => print(&format!("{name} set, version {}", set["version"])),
                }
                Ok(Exit::Done)
            }
            Command::Delete { name } => {
                client.ask(Method::DELETE, &format!("/secrets/{}", segment(&name)), None).await?;
                print(&format!("{name} deleted"));
                Ok(Exit::Done)
            }
            Command::Rotate => {
                let rotated = client.post("/master-keys/rotate", &json!({})).await?;
                match format {
                    Format::Json => print_json(&rotated),
                    Format::Table => print(&format!("{} secrets locked anew", rotated["locked_anew"])),
                }
                Ok(Exit::Done)
            }
        })
        .await
    })
}

fn value(name: &str, file: Option<&str>) -> Outcome<SecretText> {
    match file {
        Some(path) => secrets::read(path),
        None if std::io::stdin().is_terminal() => {
            let asked = rpassword::prompt_password(format!("value of {name}: "));
            asked
                .map(SecretText::from)
                .map_err(|error| Failure::new(format!("the value can't be asked for: {error}")))
        }
        None => secrets::read("-"),
    }
}

async fn list(client: &Client, format: Format) -> Outcome {
    let all = client.all("/secrets", "secrets", "after").await?;
    if format == Format::Json {
        print_json(&json!({ "secrets": all }));
        return Ok(Exit::Done);
    }
    let text = |row: &serde_json::Value, name: &str| row[name].as_str().unwrap_or("-").to_owned();
    let hosts = |row: &serde_json::Value| {
        let hosts = row["allowed_hosts"].as_array().into_iter().flatten().filter_map(|host| host.as_str());
        hosts.collect::<Vec<_>>().join(", ")
    };
    let rows = all.iter().map(|row| {
        vec![
            text(row, "name"),
            row["version"].to_string(),
            hosts(row),
            text(row, "updated_at"),
            text(row, "master_key"),
        ]
    });
    print(&output::table(&["name", "version", "hosts", "set", "master key"], rows));
    Ok(Exit::Done)
}
