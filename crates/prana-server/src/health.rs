//! Is it alive, can it work, what has it done.

use std::fmt::Write;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Json as Sent;
use axum::extract::{Extension, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::access::Caller;
use crate::server::Shared;

/// The store must answer within this time.
const STORE_TIME: Duration = Duration::from_secs(2);

/// `GET /healthz`: the process answers.
pub async fn alive() -> Response {
    Sent(json!({"status": "ok"})).into_response()
}

/// `GET /readyz`: it can take work, or why not.
///
/// The reasons are for who may look; others only get the status.
pub async fn ready(State(shared): State<Shared>, caller: Option<Extension<Caller>>) -> Response {
    let mut reasons: Vec<String> = Vec::new();
    if *shared.closing.borrow() {
        reasons.push("the server is shutting down".to_owned());
    }
    if !*shared.advancing.borrow() {
        reasons.push("executions are not being advanced".to_owned());
    }
    if let prana::Health::Unavailable { reason, since } = shared.engine.health() {
        reasons.push(format!("nothing can be stored since {since}: {reason}"));
    }
    let asked = shared.engine.store().next_wake(shared.clock.now());
    match tokio::time::timeout(STORE_TIME, asked).await {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => reasons.push(error.to_string()),
        Err(_) => reasons.push(format!("the store did not answer within {} s", STORE_TIME.as_secs())),
    }
    let status = if reasons.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let mut body = json!({"ready": reasons.is_empty()});
    if caller.is_some() {
        body["reasons"] = json!(reasons);
    }
    (status, Sent(body)).into_response()
}

/// `GET /metrics`: counts since the server started, in the text form of Prometheus.
pub async fn metrics(State(shared): State<Shared>) -> Response {
    let counts = &shared.feed.counts;
    let mut text = String::new();
    let mut line = |line: String| {
        // Writing to a string doesn't fail.
        let _ = writeln!(text, "{line}");
    };
    line("# HELP prana_events_total Durable events of executions and nodes.".to_owned());
    line("# TYPE prana_events_total counter".to_owned());
    for (kind, count) in counts.events() {
        line(format!("prana_events_total{{kind=\"{kind}\"}} {count}"));
    }
    line("# HELP prana_http_responses_total Answered requests by class of status.".to_owned());
    line("# TYPE prana_http_responses_total counter".to_owned());
    for (class, count) in counts.requests() {
        line(format!("prana_http_responses_total{{class=\"{class}xx\"}} {count}"));
    }
    line("# HELP prana_event_listeners Open event streams.".to_owned());
    line("# TYPE prana_event_listeners gauge".to_owned());
    line(format!("prana_event_listeners {}", counts.listeners.load(Ordering::Relaxed)));
    line("# HELP prana_webhooks Paths that start executions.".to_owned());
    line("# TYPE prana_webhooks gauge".to_owned());
    line(format!("prana_webhooks {}", shared.hooks.len()));
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response()
}
