//! Workflows: saved as versions, of which one may be active.

use axum::Json as Sent;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use prana::core::diagnostic::Diagnostic;
use prana::core::document::{self, Workflow};
use prana::store::{NewVersion, Which, WorkflowVersion};
use prana::{EngineError, Value};
use serde::Deserialize;
use serde_json::json;

use super::page_size;
use crate::checks;
use crate::problem::Problem;
use crate::receive::{Asked, Json, Named};
use crate::server::Shared;

type Answer = Result<Response, Problem>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListAsked {
    after: Option<String>,
    limit: Option<usize>,
}

/// `GET /workflows`
pub(super) async fn list(State(shared): State<Shared>, Asked(asked): Asked<ListAsked>) -> Answer {
    let limit = page_size(asked.limit);
    let mut found = shared.engine.catalog().workflows(asked.after.as_deref(), limit + 1).await?;
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(|last| last.id.clone());
    let rows: Vec<_> = found
        .iter()
        .map(|one| json!({"id": one.id, "latest": one.latest, "active": one.active, "updated_at": one.updated_at}))
        .collect();
    Ok(Sent(json!({"workflows": rows, "next": next})).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ShowAsked {
    version: Option<String>,
}

/// `GET /workflows/{id}`: the newest version, `?version=active` or `?version=3`.
pub(super) async fn show(
    State(shared): State<Shared>,
    Named(id): Named<String>,
    Asked(asked): Asked<ShowAsked>,
) -> Answer {
    let which = match asked.version.as_deref() {
        None | Some("latest") => Which::Latest,
        Some("active") => Which::Active,
        Some(number) => Which::Version(number.parse().map_err(|_| {
            Problem::bad_request("request.invalid_query", "`version` is a number, `active` or `latest`")
        })?),
    };
    let stored = stored(&shared, &id, which).await?;
    let value = Value::parse_json(&stored.bytes).map_err(|error| EngineError::Damaged(error.to_string()))?;
    Ok(Sent(json!({
        "id": stored.workflow_id,
        "version": stored.version,
        "created_at": stored.created_at,
        "workflow": serde_json::Value::from(&value),
    }))
    .into_response())
}

async fn stored(shared: &Shared, id: &str, which: Which) -> Result<WorkflowVersion, Problem> {
    let found = shared.engine.catalog().workflow(id, which).await?;
    found.ok_or_else(|| unknown(id))
}

fn unknown(id: &str) -> Problem {
    let detail = format!("there is no workflow `{id}`, or none of that version");
    Problem::new(StatusCode::NOT_FOUND, "workflow.not_found", detail)
}

/// `POST /workflows`: the body is the document.
pub(super) async fn create(State(shared): State<Shared>, Json(body): Json<Value>) -> Answer {
    let workflow = checks::workflow(&body).map_err(|findings| Problem::findings(&findings))?;
    match save(&shared, &workflow, Some(0)).await {
        Err(problem) if problem.status() == StatusCode::CONFLICT => {
            let detail =
                format!("there is a workflow `{}` already: replace it, with `based_on`", workflow.id);
            Err(Problem::new(StatusCode::CONFLICT, "workflow.exists", detail))
        }
        other => other,
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReplaceAsked {
    based_on: Option<u64>,
}

/// `PUT /workflows/{id}?based_on=3`: refused if a newer version is stored.
pub(super) async fn replace(
    State(shared): State<Shared>,
    Named(id): Named<String>,
    Asked(asked): Asked<ReplaceAsked>,
    Json(body): Json<Value>,
) -> Answer {
    let Some(based_on) = asked.based_on else {
        let detail = "say which version this one is based on: ?based_on=NUMBER";
        return Err(Problem::bad_request("workflow.based_on_missing", detail));
    };
    let workflow = checks::workflow(&body).map_err(|findings| Problem::findings(&findings))?;
    if workflow.id != id {
        let detail = format!("the document is of `{}`, and the path names `{id}`", workflow.id);
        return Err(Problem::bad_request("workflow.other_id", detail));
    }
    stored(&shared, &id, Which::Latest).await?;
    save(&shared, &workflow, Some(based_on)).await
}

/// Saves a version. One that doesn't compile is saved too, so that work isn't lost; it can't be activated.
async fn save(shared: &Shared, workflow: &Workflow, based_on: Option<u64>) -> Answer {
    let bytes = document::to_value(workflow).to_json_string().into_bytes();
    let new = NewVersion { workflow_id: workflow.id.clone(), bytes, based_on, at: shared.clock.now() };
    let saved = shared.engine.catalog().save_workflow(new).await?;
    let findings = checks::findings(workflow, shared.engine.registry());
    let body =
        json!({"id": workflow.id, "version": saved.version, "is_new": saved.is_new, "findings": findings});
    let status = if saved.is_new { StatusCode::CREATED } else { StatusCode::OK };
    let mut response = (status, Sent(body)).into_response();
    // An id has letters, digits, _ . and - alone.
    if let Ok(place) = HeaderValue::from_str(&format!("/api/v1/workflows/{}", workflow.id)) {
        response.headers_mut().insert(header::LOCATION, place);
    }
    Ok(response)
}

/// `DELETE /workflows/{id}`: executions that run go on.
pub(super) async fn delete(State(shared): State<Shared>, Named(id): Named<String>) -> Answer {
    let _change = shared.hooks.changing().await;
    if !shared.engine.catalog().delete_workflow(&id).await? {
        return Err(unknown(&id));
    }
    shared.hooks.forget(&id);
    Ok(StatusCode::NO_CONTENT.into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct VersionsAsked {
    before: Option<u64>,
    limit: Option<usize>,
}

/// `GET /workflows/{id}/versions`: the newest first.
pub(super) async fn versions(
    State(shared): State<Shared>,
    Named(id): Named<String>,
    Asked(asked): Asked<VersionsAsked>,
) -> Answer {
    let latest = stored(&shared, &id, Which::Latest).await?;
    let limit = page_size(asked.limit);
    let mut found = shared.engine.catalog().versions(&id, asked.before, limit + 1).await?;
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(|last| last.version);
    let rows: Vec<_> =
        found.iter().map(|one| json!({"version": one.version, "created_at": one.created_at})).collect();
    Ok(Sent(json!({"id": id, "latest": latest.version, "versions": rows, "next": next})).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Activate {
    version: Option<u64>,
}

/// `POST /workflows/{id}/activate`: `{"version": 3}`, or `{}` for the newest.
pub(super) async fn activate(
    State(shared): State<Shared>,
    Named(id): Named<String>,
    Json(body): Json<Activate>,
) -> Answer {
    let _change = shared.hooks.changing().await;
    stored(&shared, &id, Which::Latest).await?;
    let stored = stored(&shared, &id, body.version.map_or(Which::Latest, Which::Version)).await?;
    let workflow = crate::hooks::read(&stored)?;
    let mut findings = checks::findings(&workflow, shared.engine.registry());
    if findings.iter().any(Diagnostic::is_error) {
        return Err(Problem::findings(&findings));
    }
    findings.extend(checks::not_served(&workflow, shared.engine.registry()));
    let hooks = shared.hooks.check(&shared, &workflow, stored.version)?;
    if !shared.engine.catalog().activate(&id, Some(stored.version), shared.clock.now()).await? {
        return Err(unknown(&id));
    }
    shared.hooks.put(&id, hooks);
    Ok(Sent(json!({"id": id, "active": stored.version, "findings": findings})).into_response())
}

/// `POST /workflows/{id}/deactivate`: no new executions.
pub(super) async fn deactivate(State(shared): State<Shared>, Named(id): Named<String>) -> Answer {
    let _change = shared.hooks.changing().await;
    if !shared.engine.catalog().activate(&id, None, shared.clock.now()).await? {
        return Err(unknown(&id));
    }
    shared.hooks.forget(&id);
    Ok(Sent(json!({"id": id, "active": null})).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Validate {
    /// A document as JSON.
    workflow: Option<Value>,
    /// A document as text, YAML or JSON; findings then have places in it.
    source: Option<String>,
}

/// `POST /workflows/validate`: everything that is wrong, and nothing is saved.
pub(super) async fn validate(State(shared): State<Shared>, Json(body): Json<Validate>) -> Answer {
    let registry = shared.engine.registry();
    let findings = match (body.workflow, body.source) {
        (Some(workflow), None) => match checks::workflow(&workflow) {
            Ok(workflow) => checks::findings(&workflow, registry),
            Err(findings) => findings,
        },
        (None, Some(source)) => checks::findings_of_text(&source, registry),
        _ => {
            let detail = "send either `workflow`, a document, or `source`, its text";
            return Err(Problem::bad_request("request.invalid", detail));
        }
    };
    let valid = !findings.iter().any(Diagnostic::is_error);
    Ok(Sent(json!({"valid": valid, "findings": findings})).into_response())
}
