//! A run in the foreground over a database that a server has open: the server runs it, and this shows what happens.

use prana::Value;
use serde_json::Value as Json;

use super::{Args, choose_trigger};
use crate::client::{Client, object};
use crate::commands::workflows::{activate_version, put};
use crate::exit::{Failure, Outcome};
use crate::follow::follow;
use crate::{builtin, documents, input, output};

/// Runs it there, or goes on with what runs there.
///
/// # Errors
/// What the server refuses.
pub async fn run(args: Args, client: Client) -> Outcome {
    output::say("a server has this database open, and runs it");
    let id = match args.resume {
        Some(id) => id.to_string(),
        None => begin(&args, &client).await?,
    };
    follow(&client, &id, args.output, args.detail(), args.resume.is_some()).await
}

async fn begin(args: &Args, client: &Client) -> Outcome<String> {
    if !args.env.is_empty() || !args.secret.is_empty() {
        return Err(Failure::new(
            "a server has an environment and secrets of its own: it takes no --env and no --secret",
        )
        .help("stop the server to run it here, or use --var"));
    }
    let input = input::json_argument("--input", &args.input)?;
    let path = args.file.clone().unwrap_or_default();
    let registry = builtin::registry();
    let loaded = documents::load(&path, &registry)?;
    let chosen = documents::choose(&loaded, args.workflow.as_deref(), &path)?;
    let trigger = choose_trigger(args, chosen, &registry)?;
    for one in &loaded {
        let saved = put(client, &one.workflow).await?;
        activate_version(client, &one.workflow.id, saved["version"].as_u64()).await?;
    }
    let variables = (!args.var.is_empty()).then(|| Json::from(&Value::Map(input::map(&args.var))));
    let body = object(&[
        ("workflow_id", Some(chosen.workflow.id.clone().into())),
        ("input", Some(Json::from(&input))),
        ("trigger", trigger.map(Json::from)),
        ("variables", variables),
    ]);
    let started = client.post("/executions", &body).await?;
    Ok(started["id"].as_str().unwrap_or_default().to_owned())
}
