//! What callers of webhooks are answered.

use axum::Json as Sent;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use prana::Outcome;
use prana::core::ExecutionId;
use prana::core::execution::Status;
use prana::core::nodes::webhook_respond::{Answer, Content};
use serde_json::json;

use super::table::Hook;
use crate::problem::Problem;

/// The execution is stored, and nothing more is told.
pub fn stored(hook: &Hook, id: ExecutionId) -> Response {
    by_trigger(hook, StatusCode::ACCEPTED, Sent(json!({"execution_id": id})).into_response())
}

/// The execution has ended: its output, if it completed.
pub fn ended(hook: &Hook, outcome: &Outcome) -> Result<Response, Problem> {
    completed(outcome)?;
    let body = Body::from(outcome.output.to_json_string());
    let json = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    Ok(by_trigger(hook, StatusCode::OK, (json, body).into_response()))
}

/// The execution has ended, and no node has answered.
pub fn unanswered(hook: &Hook, outcome: &Outcome) -> Result<Response, Problem> {
    completed(outcome)?;
    Ok(by_trigger(hook, StatusCode::OK, Sent(json!({"execution_id": outcome.id})).into_response()))
}

fn completed(outcome: &Outcome) -> Result<(), Problem> {
    if outcome.status == Status::Completed {
        return Ok(());
    }
    // Why is for those who may read executions.
    let detail = format!("the execution did not complete: it is {}", outcome.status.as_str());
    let problem = Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "webhook.execution_failed", detail);
    Err(problem.with("execution_id", outcome.id.to_string()))
}

/// The execution goes on, and the caller has waited long enough.
pub fn too_long(id: ExecutionId) -> Problem {
    let detail = "the execution has not answered in the time that callers may wait; it goes on";
    let problem = Problem::new(StatusCode::GATEWAY_TIMEOUT, "webhook.timeout", detail);
    problem.with("execution_id", id.to_string())
}

/// The status and headers that the trigger says.
fn by_trigger(hook: &Hook, status: StatusCode, mut response: Response) -> Response {
    let own = hook.params.response_status.and_then(|status| StatusCode::from_u16(status).ok());
    *response.status_mut() = own.unwrap_or(status);
    for (name, value) in &hook.headers {
        response.headers_mut().insert(name, value.clone());
    }
    response
}

/// What a node says. Its headers come before those of the trigger.
pub fn by_node(hook: &Hook, answer: Answer) -> Response {
    let mut headers = hook.headers.clone();
    set_all(&mut headers, &answer.headers);
    let (body, media_type) = match answer.content {
        Content::Json(value) => (Body::from(value.to_json_string()), "application/json"),
        Content::Text(text) => (Body::from(text), "text/plain; charset=utf-8"),
        Content::Binary(bytes) => (Body::from(bytes), "application/octet-stream"),
        Content::Empty => (Body::empty(), ""),
        Content::Redirect(location) => {
            // The node has checked that it can be sent.
            headers.extend(HeaderValue::try_from(location).map(|location| (header::LOCATION, location)));
            (Body::empty(), "")
        }
    };
    if !media_type.is_empty() {
        headers.entry(header::CONTENT_TYPE).or_insert(HeaderValue::from_static(media_type));
    }
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    *response.headers_mut() = headers;
    response
}

/// Puts headers in the place of those of the same names. The node has checked that they can be sent.
fn set_all(headers: &mut HeaderMap, own: &[(String, String)]) {
    let read = |(name, value): &(String, String)| {
        Some((HeaderName::try_from(name).ok()?, HeaderValue::try_from(value).ok()?))
    };
    let own: Vec<(HeaderName, HeaderValue)> = own.iter().filter_map(read).collect();
    for (name, _) in &own {
        headers.remove(name);
    }
    for (name, value) in own {
        headers.append(name, value);
    }
}
