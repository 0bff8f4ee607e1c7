//! Is it alive, can it work.

use std::time::Duration;

use axum::Json as Sent;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
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
