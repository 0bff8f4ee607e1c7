//! `prana credentials`: what says who asks, by name. What is in them goes in, and never comes out.

use std::io::IsTerminal;

use clap::Subcommand;
use reqwest::Method;
use serde_json::{Value, json};

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
    /// Lists credentials; never what is in them.
    List,
    /// Adds a credential, or replaces it. What is in it is JSON, from stdin or a file, such as {"type": "bearer", "token": "..."}.
    Add {
        /// Its name: letters, digits, _ and -.
        name: String,
        /// A host that may be sent what it gives, such as api.example.com or *.example.com (can be given several times).
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
        /// What `test` asks for.
        #[arg(long, value_name = "URL")]
        test_url: Option<String>,
        /// The file with what is in it.
        #[arg(long, value_name = "FILE")]
        file: Option<String>,
    },
    /// Removes a credential with its tokens.
    Remove {
        /// Its name.
        name: String,
    },
    /// Tries a credential: asks for an address with it, or gets a token. Exit code 1 if that fails.
    Test {
        /// Its name.
        name: String,
        /// What to ask for; its own test address, if not given.
        #[arg(long)]
        url: Option<String>,
    },
    /// Says which address to open in a browser, so that the credential may act for who agrees there. A server must be running to hear of it.
    Authorize {
        /// Its name.
        name: String,
    },
}

/// Does it.
pub fn run(args: Args) -> Outcome {
    session::block_on(async move {
        let client = match args.command {
            // The first credential of a server that was never started.
            Command::Add { .. } => Client::open_or_make(&args.place).await?,
            _ => Client::open(&args.place).await?,
        };
        let format = args.format;
        with(client, async |client| match args.command {
            Command::List => list(client, format).await,
            Command::Add { name, hosts, any_host, test_url, file } => {
                let hosts = if any_host { vec!["*".to_owned()] } else { hosts };
                let body = json!({"credential": content(file.as_deref())?, "allowed_hosts": hosts, "test_url": test_url});
                let path = format!("/credentials/{}", segment(&name));
                let set = client.ask(Method::PUT, &path, Some(&body)).await?;
                match format {
                    Format::Json => print_json(&set),
                    Format::Table => print(&added(&name, &set)),
                }
                Ok(Exit::Done)
            }
            Command::Remove { name } => {
                client.ask(Method::DELETE, &format!("/credentials/{}", segment(&name)), None).await?;
                print(&format!("{name} removed"));
                Ok(Exit::Done)
            }
            Command::Test { name, url } => test(client, &name, url, format).await,
            Command::Authorize { name } => {
                let path = format!("/credentials/{}/authorize", segment(&name));
                let begun = client.post(&path, &json!({})).await?;
                match format {
                    Format::Json => print_json(&begun),
                    Format::Table => print(&format!(
                        "Open this until {}, and agree:\n\n{}\n\nThe service must know {} as where it sends people back to.",
                        text(&begun, "expires_at"),
                        text(&begun, "url"),
                        text(&begun, "redirect_uri")
                    )),
                }
                Ok(Exit::Done)
            }
        })
        .await
    })
}

fn text(row: &Value, name: &str) -> String {
    row[name].as_str().unwrap_or("-").to_owned()
}

fn added(name: &str, set: &Value) -> String {
    let then = match set["is_ready"] == json!(false) {
        true => format!("; `prana credentials authorize {name}` comes next"),
        false => String::new(),
    };
    format!("{name} added, version {}{then}", set["version"])
}

/// What is in a credential. No error repeats it.
fn content(file: Option<&str>) -> Outcome<Value> {
    if file.is_none() && std::io::stdin().is_terminal() {
        let what = r#"say what is in it as JSON, in a file (--file FILE) or on stdin: {"type": "bearer", "token": "..."}"#;
        return Err(Failure::new(what));
    }
    let text = secrets::read(file.unwrap_or("-"))?;
    serde_json::from_str(text.reveal()).map_err(|error| {
        Failure::new(format!("what is in a credential is JSON, and this is none in line {}", error.line()))
    })
}

async fn test(client: &Client, name: &str, url: Option<String>, format: Format) -> Outcome {
    let tested = client.post(&format!("/credentials/{}/test", segment(name)), &json!({"url": url})).await?;
    let is_good = tested["is_good"] == json!(true);
    match format {
        Format::Json => print_json(&tested),
        Format::Table => {
            let status = tested["status"].as_u64().map(|status| format!(" ({status})")).unwrap_or_default();
            print(&match is_good {
                true => format!("{name} works{status}"),
                false => format!("{name} does not work{status}: {}", text(&tested["error"], "message")),
            });
        }
    }
    Ok(if is_good { Exit::Done } else { Exit::Failed })
}

async fn list(client: &Client, format: Format) -> Outcome {
    let all = client.all("/credentials", "credentials", "after").await?;
    if format == Format::Json {
        print_json(&json!({ "credentials": all }));
        return Ok(Exit::Done);
    }
    let hosts = |row: &Value| {
        let hosts = row["allowed_hosts"].as_array().into_iter().flatten().filter_map(|host| host.as_str());
        hosts.collect::<Vec<_>>().join(", ")
    };
    let rows = all.iter().map(|row| {
        let ready = if row["is_ready"] == json!(true) { "yes" } else { "no" };
        vec![
            text(row, "name"),
            text(row, "type"),
            row["version"].to_string(),
            hosts(row),
            ready.to_owned(),
            text(row, "updated_at"),
        ]
    });
    print(&output::table(&["name", "type", "version", "hosts", "ready", "set"], rows));
    Ok(Exit::Done)
}
