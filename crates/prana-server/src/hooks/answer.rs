//! A request comes to a webhook, an execution starts, and the caller is answered.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use prana::core::ExecutionId;
use prana::core::nodes::webhook_trigger::{Method as Allowed, Respond};
use prana::template::{Budget, Map};
use prana::{StartOptions, Value};

use super::table::Hook;
use super::{auth, credentials, request, respond};
use crate::guard::is_same_origin;
use crate::problem::Problem;
use crate::receive::{Named, body_of, traceparent};
use crate::server::Shared;
use crate::wait::{self, End, Told};

/// `/webhook/{path}`
pub async fn receive(
    State(shared): State<Shared>,
    Named(path): Named<String>,
    request: Request,
) -> Result<Response, Problem> {
    let found = shared.hooks.find(&path);
    if found.is_empty() {
        return Err(unknown("no active workflow has a webhook at this path"));
    }
    serve(&shared, found, request).await
}

/// `/webhook-test/{path}`: one request for each time that an editor listens.
pub async fn receive_test(
    State(shared): State<Shared>,
    Named(path): Named<String>,
    request: Request,
) -> Result<Response, Problem> {
    let found = shared.listeners.find(&path);
    if found.is_empty() {
        return Err(unknown(NOBODY_LISTENS));
    }
    serve(&shared, found, request).await
}

const NOBODY_LISTENS: &str =
    "nobody listens at this path now; listen in the editor, then send the request again";

fn unknown(detail: &str) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "webhook.not_found", detail)
}

async fn serve(shared: &Shared, found: Vec<(Arc<Hook>, Map)>, request: Request) -> Result<Response, Problem> {
    if let Some(response) = preflight(&found, &request) {
        return Ok(response);
    }
    let method = request.method().clone();
    let Some((hook, params)) = found.iter().find(|(hook, _)| allows(hook, &method)) else {
        return Err(wrong_method(&found));
    };
    let (hook, params) = (Arc::clone(hook), params.clone());
    let origin = allowed_origin(&hook, request.headers())?;
    let answered = started(shared, &hook, params, request).await;
    let mut response = answered.unwrap_or_else(Problem::into_response);
    if let Some(origin) = origin {
        allow(response.headers_mut(), origin);
    }
    Ok(response)
}

fn name(method: Allowed) -> &'static str {
    match method {
        Allowed::Get => "GET",
        Allowed::Post => "POST",
        Allowed::Put => "PUT",
        Allowed::Patch => "PATCH",
        Allowed::Delete => "DELETE",
        Allowed::Head => "HEAD",
        Allowed::Options => "OPTIONS",
    }
}

fn allows(hook: &Hook, method: &Method) -> bool {
    hook.params.methods.iter().any(|allowed| name(*allowed) == method.as_str())
}

fn methods(found: &[(Arc<Hook>, Map)]) -> HeaderValue {
    let mut names: Vec<&str> = Vec::new();
    for method in found.iter().flat_map(|(hook, _)| &hook.params.methods) {
        if !names.contains(&name(*method)) {
            names.push(name(*method));
        }
    }
    HeaderValue::from_str(&names.join(", ")).unwrap_or(HeaderValue::from_static(""))
}

fn wrong_method(found: &[(Arc<Hook>, Map)]) -> Problem {
    let detail = "this webhook doesn't answer to that method; the Allow header names those it does";
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "request.wrong_method", detail)
        .header(header::ALLOW, methods(found))
}

/// The origin of the page that calls, if it is another than ours and allowed.
fn allowed_origin(hook: &Hook, headers: &HeaderMap) -> Result<Option<HeaderValue>, Problem> {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    if is_same_origin(headers, host) {
        return Ok(None);
    }
    let origin = headers.get(header::ORIGIN);
    let text = origin.and_then(|origin| origin.to_str().ok()).unwrap_or_default();
    let allowed = hook.params.allowed_origins.iter().any(|one| one == "*" || one == text);
    match origin {
        Some(origin) if allowed => Ok(Some(origin.clone())),
        _ => {
            let detail =
                "pages of this origin may not call this webhook; `allowed_origins` names those that may";
            Err(Problem::new(StatusCode::FORBIDDEN, "request.origin_refused", detail))
        }
    }
}

fn allow(headers: &mut HeaderMap, origin: HeaderValue) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
}

/// The answer to a browser that asks whether a page may call.
fn preflight(found: &[(Arc<Hook>, Map)], request: &Request) -> Option<Response> {
    let headers = request.headers();
    let wanted = headers.get(header::ACCESS_CONTROL_REQUEST_METHOD)?;
    if request.method() != Method::OPTIONS {
        return None;
    }
    let wanted = Method::from_bytes(wanted.as_bytes()).ok()?;
    let (hook, _) = found.iter().find(|(hook, _)| allows(hook, &wanted))?;
    let mut response = StatusCode::NO_CONTENT.into_response();
    match allowed_origin(hook, headers) {
        Err(problem) => return Some(problem.into_response()),
        Ok(None) => {}
        Ok(Some(origin)) => {
            allow(response.headers_mut(), origin);
            response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods(found));
            if let Some(names) = headers.get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
                response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_HEADERS, names.clone());
            }
        }
    }
    Some(response)
}

async fn started(shared: &Shared, hook: &Hook, params: Map, request: Request) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let auth = credentials::revealed(shared, &hook.params.auth).await?;
    if !auth::needs_body(&auth) {
        auth::pass(&auth, &parts.headers, b"", shared.clock.now())?;
    }
    let limit = usize::try_from(hook.params.max_body_bytes).unwrap_or(usize::MAX);
    let bytes = body_of(shared, &parts.headers, body, limit).await?;
    if auth::needs_body(&auth) {
        auth::pass(&auth, &parts.headers, &bytes, shared.clock.now())?;
    }
    let data = request::data(hook, parts.method.as_str(), &parts.uri, params, &parts.headers, bytes).await?;
    let options = StartOptions {
        trigger: Some(hook.node_key.clone()),
        version: Some(hook.version),
        traceparent: traceparent(&parts.headers),
        ..StartOptions::default()
    };
    match hook.listener {
        None => {
            let options = StartOptions { start_key: start_key(hook, &data)?, ..options };
            run(shared, hook, data, options, |_| ()).await
        }
        Some(number) => {
            let listener = shared.listeners.take(number).ok_or_else(|| unknown(NOBODY_LISTENS))?;
            // With a key of its own it is stored before anybody is told.
            let start_key = Some(format!("listen:{:x}", shared.clock.random()));
            let options = StartOptions { start_key, test_run: true, ..options };
            let tell = |id| {
                // Whoever hung up meanwhile needs it no more.
                let _ = listener.send(id);
            };
            run(shared, hook, data, options, tell).await
        }
    }
}

async fn run(
    shared: &Shared,
    hook: &Hook,
    data: Value,
    options: StartOptions,
    begun: impl FnOnce(ExecutionId),
) -> Result<Response, Problem> {
    let workflow = &hook.workflow_id;
    match hook.params.respond {
        Respond::Immediately => {
            let id = shared.engine.start_with(workflow, data, options).await?;
            begun(id);
            Ok(respond::stored(hook, id))
        }
        Respond::LastNode => match wait::run_told(shared, workflow, data, options, begun).await? {
            End::Ended(outcome) => respond::ended(hook, &outcome),
            End::Open(id) => Err(respond::too_long(id)),
        },
        Respond::RespondNode => match wait::run_until_answered(shared, workflow, data, options, begun).await?
        {
            Told::Answered(answer) => Ok(respond::by_node(hook, answer)),
            Told::Not(End::Ended(outcome)) => respond::unanswered(hook, &outcome),
            Told::Not(End::Open(id)) => Err(respond::too_long(id)),
        },
    }
}

/// What tells this event from others; none if the template gives nothing.
fn start_key(hook: &Hook, data: &Value) -> Result<Option<String>, Problem> {
    let Some(template) = &hook.deduplicate_by else { return Ok(None) };
    let scope = [data.clone()];
    let value = template.evaluate(&scope, &mut Budget::default()).map_err(|error| {
        Problem::bad_request(
            "webhook.deduplicate_by",
            format!("`deduplicate_by` has no value for this request: {error}"),
        )
    })?;
    let text = value.to_text();
    if value.is_null() || text.is_empty() {
        return Ok(None);
    }
    if text.len() > 1_000 {
        let detail = "what `deduplicate_by` gives for this request is longer than 1000 bytes";
        return Err(Problem::bad_request("webhook.deduplicate_by", detail));
    }
    Ok(Some(format!("webhook:{}:{text}", hook.node_key)))
}
