//! Staying with an execution that a server runs: what happens is shown while it happens.

use std::time::Duration;

use prana::core::execution::Status;
use serde_json::{Value, json};

use crate::client::{Client, segment};
use crate::commands::Form;
use crate::exit::{Exit, Outcome};
use crate::output::{self, ERROR, GOOD, NOTE, harmless, paint, say};
use crate::progress::Detail;

/// An answer that was just given is taken up within this time; what is silent for longer waits for another.
const PATIENCE: Duration = Duration::from_secs(2);

/// Follows an execution until it ends or waits for somebody, and prints its end. `answered`: somebody may have answered it just now.
///
/// # Errors
/// What the API refuses; a connection that breaks.
pub async fn follow(client: &Client, id: &str, form: Form, detail: Detail, answered: bool) -> Outcome {
    let mut events = client.events(id).await?;
    let mut waits = false;
    loop {
        let silence = if waits { PATIENCE } else { Duration::MAX };
        let event = match tokio::time::timeout(silence, events.next()).await {
            Ok(event) => event?,
            Err(_) => match waiting(client, id).await? {
                Some(waits) => return suspended(&waits, id),
                None => {
                    waits = false;
                    continue;
                }
            },
        };
        let Some(event) = event else { return report(client, id, form).await };
        if detail != Detail::Quiet {
            show(&event);
        }
        waits = event["kind"] == "execution_suspended";
        if waits
            && !answered
            && let Some(waits) = waiting(client, id).await?
        {
            return suspended(&waits, id);
        }
    }
}

/// The nodes that wait for an answer, if the execution waits.
async fn waiting(client: &Client, id: &str) -> Outcome<Option<Vec<(String, String)>>> {
    let shown = client.get(&format!("/executions/{}", segment(id))).await?;
    let waits = answerable(client, &shown, 0).await?;
    Ok((shown["execution"]["status"] == "suspended" && !waits.is_empty()).then_some(waits))
}

fn show(event: &Value) {
    let colors = output::colors_on_stderr();
    let text = |name: &str| event[name].as_str().unwrap_or_default();
    let place = match text("loop_path") {
        "" => String::new(),
        path => format!(" [{path}]"),
    };
    let (sign, color, rest) = match text("kind") {
        "node_completed" => ("✓", GOOD, String::new()),
        "node_failed" => {
            ("✗", ERROR, format!(": {}", event["error"]["message"].as_str().unwrap_or_default()))
        }
        "node_retrying" => {
            ("↻", NOTE, format!(": {}", event["error"]["message"].as_str().unwrap_or_default()))
        }
        "node_suspended" => ("…", NOTE, format!(" waits for {}", text("waits_for"))),
        "node_skipped" => ("-", NOTE, format!(" skipped: {}", text("reason"))),
        _ => return,
    };
    say(&format!(
        "{} {}",
        paint(colors, color, sign),
        harmless(&format!("{}{place}{rest}", text("node_key")))
    ));
}

/// Executions nest at most this deep.
const MAX_DEPTH: usize = 32;

/// The nodes that wait for an answer, of an execution and of those that it waits for: execution and node.
///
/// # Errors
/// What the API refuses.
pub async fn answerable(client: &Client, shown: &Value, depth: usize) -> Outcome<Vec<(String, String)>> {
    let mut found = Vec::new();
    let id = shown["execution"]["id"].as_str().unwrap_or_default();
    for wait in shown["waits"].as_array().into_iter().flatten() {
        match wait["suspension"]["type"].as_str() {
            Some("webhook" | "decision") => {
                found.push((id.to_owned(), wait["node_key"].as_str().unwrap_or_default().to_owned()));
            }
            Some("sub_workflow") if depth < MAX_DEPTH => {
                let path = format!("/executions?parent={}&status=suspended", segment(id));
                for child in client.all(&path, "executions", "cursor").await? {
                    let child = child["id"].as_str().unwrap_or_default();
                    let shown = client.get(&format!("/executions/{}", segment(child))).await?;
                    found.extend(Box::pin(answerable(client, &shown, depth + 1)).await?);
                }
            }
            _ => {}
        }
    }
    Ok(found)
}

fn suspended(waits: &[(String, String)], id: &str) -> Outcome {
    say(&format!("execution {id} is kept by the server"));
    for (execution, node) in waits {
        say(&format!(
            "{node} waits for an answer: prana executions resume {execution} --node {node} --data JSON"
        ));
    }
    Ok(Exit::Suspended)
}

/// Prints how an execution ended.
///
/// # Errors
/// What the API refuses.
async fn report(client: &Client, id: &str, form: Form) -> Outcome {
    let shown = client.get(&format!("/executions/{}", segment(id))).await?;
    let status = shown["execution"]["status"].as_str().unwrap_or_default().to_owned();
    let completed = status == Status::Completed.as_str();
    match shown["error"]["message"].as_str() {
        Some(message) => say(&harmless(&format!(
            "{status}: {}: {message}",
            shown["error"]["code"].as_str().unwrap_or_default()
        ))),
        None => say(&status),
    }
    let output = prana::Value::from(shown["output"].clone());
    match form {
        Form::None => {}
        Form::Json => {
            output::print(&serde_json::to_string_pretty(&whole(client, shown).await?).unwrap_or_default())
        }
        Form::Pretty if completed => output::print(&output::pretty(&output)),
        Form::Text if completed => output::print(output::readable(&output).trim_end()),
        Form::Pretty | Form::Text => {}
    }
    Ok(if completed { Exit::Done } else { Exit::Failed })
}

/// The whole of an execution, for programs.
///
/// # Errors
/// What the API refuses.
pub async fn whole(client: &Client, shown: Value) -> Outcome<Value> {
    let id = shown["execution"]["id"].as_str().unwrap_or_default().to_owned();
    let path = format!(
        "/executions/{}/node_executions?include=params,output,state_updates,context_updates",
        segment(&id)
    );
    let runs = client.all(&path, "node_executions", "after").await?;
    Ok(json!({
        "execution": shown["execution"],
        "output": shown["output"],
        "error": shown["error"],
        "node_executions": runs,
    }))
}
