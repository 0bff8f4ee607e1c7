//! Connectors: each that is shipped, against a server that answers as the service's own documentation says.

mod format;
mod shipped;

use std::sync::atomic::{AtomicUsize, Ordering};

use prana_actions::{ActionCall, Actions, Connector};
use prana_core::ErrorValue;
use prana_core::executor::EffectOutput;
use prana_template::{Map, Value};

use crate::outside;
use crate::server::{Asked, Reply, Server};

/// A connector that is written as it should be.
fn connector(text: &str) -> Connector {
    Connector::read("test.yaml", text.as_bytes()).unwrap_or_else(|unreadable| panic!("{unreadable}"))
}

/// Runs an action of a connector, with the connector's own check of its parameters before.
async fn run(connector: &Connector, action: &str, params: Value) -> Result<Value, ErrorValue> {
    let mut actions = Actions::empty();
    connector.add_to(&mut actions);
    let name = format!("{}.{action}", connector.id);
    let declared = actions.action(&name).unwrap_or_else(|| panic!("no action {name}")).descriptor();
    declared.validate(&params, &|_| false).unwrap_or_else(|error| panic!("{name}: {error}"));
    match actions.run(ActionCall::detached(&name, params, outside())).await? {
        EffectOutput::Complete(completed) => Ok(completed.output),
        EffectOutput::Suspend(suspension) => panic!("it waits: {suspension:?}"),
    }
}

/// A server that gives these answers, one after the other: `{status, headers, body}`.
async fn answering(answers: Vec<Value>) -> Server {
    let next = AtomicUsize::new(0);
    Server::start(move |asked| {
        let answer = answers.get(next.fetch_add(1, Ordering::SeqCst)).cloned().unwrap_or_default();
        reply(asked, &answer)
    })
    .await
}

fn reply(asked: &Asked, answer: &Value) -> Reply {
    let status = answer.get("status").and_then(Value::as_i64).unwrap_or(200);
    let body = answer.get("body").cloned().unwrap_or_default();
    let (kind, text) = match &body {
        Value::Null => ("text/plain", String::new()),
        Value::Str(text) if text.starts_with('<') => ("application/xml", text.to_string()),
        Value::Str(text) => ("text/plain", text.to_string()),
        json => ("application/json", json.to_json_string()),
    };
    let mut headers = vec![("content-type".to_owned(), kind.to_owned())];
    let given = answer.get("headers").and_then(Value::as_map).cloned().unwrap_or_default();
    for (name, value) in given.iter() {
        headers.retain(|(known, _)| known != name.as_str());
        headers.push((name.to_string(), value.to_text().to_string()));
    }
    let lines: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let length = match asked.method.as_str() {
        "HEAD" => String::new(),
        _ => format!("content-length: {}\r\n", text.len()),
    };
    Reply::Bytes(
        format!("HTTP/1.1 {status} X\r\n{lines}{length}connection: close\r\n\r\n{text}").into_bytes(),
    )
}

/// These parameters, sent to this server.
fn at(server: &Server, base: &str, params: &Value, auth: Option<&Value>) -> Value {
    let mut all = params.as_map().cloned().unwrap_or_default();
    all.insert("base_url", server.url(base));
    if let Some(auth) = auth {
        all.insert("auth", auth.clone());
    }
    Value::Map(all)
}

/// A body as it is compared: JSON where it is some.
fn body_of(asked: &Asked) -> Value {
    match asked.header("content-type") {
        "application/json" => Value::parse_json(asked.body.as_bytes()).unwrap_or_default(),
        _ => Value::from(asked.body.as_str()),
    }
}

fn field<'v>(map: &'v Map, name: &str) -> &'v Value {
    map.get(name).unwrap_or(&Value::Null)
}
