//! Workflows: saved as versions, of which one may be active.

use axum::Json as Sent;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use prana::core::Timestamp;
use prana::core::diagnostic::Diagnostic;
use prana::core::document::{self, Workflow};
use prana::store::{NewVersion, Which, WorkflowVersion};
use prana::{EngineError, Value};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};

use super::shapes::{Document, Finding, Ports};
use super::{page_size, summary};
use crate::changes::Note;
use crate::problem::Problem;
use crate::receive::{Asked, Json, Named};
use crate::server::Shared;
use crate::{checks, live};

type Answer = Result<Response, Problem>;

/// The workflow that a path names.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct WorkflowPath {
    /// The workflow's id.
    pub id: String,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct ListAsked {
    /// Only those whose id, name, description or node types contain this, whatever the case.
    q: Option<String>,
    /// Only those that are active (`true`) or not (`false`).
    active: Option<bool>,
    /// What `next` of the page before says.
    after: Option<String>,
    /// How many at most.
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<usize>,
}

/// A workflow in a list: what its newest version says, and which version is active.
#[derive(Serialize, ToSchema)]
pub(super) struct WorkflowSummary {
    pub id: String,
    /// The newest version.
    pub latest: u64,
    /// The version that new executions run; null if none is.
    #[schema(required = true)]
    pub active: Option<u64>,
    /// When it was last saved, activated or deactivated.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
    #[serde(flatten)]
    pub brief: summary::Brief,
}

/// Workflows, by id.
#[derive(Serialize, ToSchema)]
pub(super) struct WorkflowPage {
    workflows: Vec<WorkflowSummary>,
    /// What to send as `after` for the next page; null on the last. With `q` or `active` a page may have fewer rows than asked for, even none.
    #[schema(required = true)]
    next: Option<String>,
}

/// Lists workflows.
#[utoipa::path(get, path = "/workflows", operation_id = "list_workflows", tag = "workflows", params(ListAsked),
    responses((status = 200, description = "A page of workflows, by id.", body = WorkflowPage)))]
pub(super) async fn list(State(shared): State<Shared>, Asked(asked): Asked<ListAsked>) -> Answer {
    let limit = page_size(asked.limit)?;
    let wanted = summary::Wanted { text: asked.q.map(|text| text.to_lowercase()), active: asked.active };
    let (workflows, next) = summary::page(&shared, &wanted, asked.after, limit).await?;
    Ok(Sent(WorkflowPage { workflows, next }).into_response())
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct ShowAsked {
    /// `latest`, `active`, or a number.
    #[param(default = "latest", pattern = "^(latest|active|[0-9]{1,15})$")]
    version: Option<String>,
}

/// One version of a workflow, with its document.
#[derive(Serialize, ToSchema)]
pub(super) struct WorkflowShown {
    id: String,
    version: u64,
    /// When this version was saved.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// The newest version; null if the workflow was deleted.
    #[schema(required = true)]
    latest: Option<u64>,
    /// The version that new executions run; null if none is.
    #[schema(required = true)]
    active: Option<u64>,
    #[schema(value_type = Document)]
    workflow: Value,
}

/// Shows a version of a workflow.
///
/// A version can be shown by its number also after the workflow was deleted: executions are pinned to it.
#[utoipa::path(get, path = "/workflows/{id}", operation_id = "show_workflow", tag = "workflows", params(WorkflowPath, ShowAsked),
    responses((status = 200, description = "The version.", body = WorkflowShown)))]
pub(super) async fn show(
    State(shared): State<Shared>,
    Named(WorkflowPath { id }): Named<WorkflowPath>,
    Asked(asked): Asked<ShowAsked>,
) -> Answer {
    let stored = stored(&shared, &id, which(asked.version.as_deref())?).await?;
    let number = |found: Option<WorkflowVersion>| found.map(|one| one.version);
    let catalog = shared.engine.catalog();
    Ok(Sent(WorkflowShown {
        version: stored.version,
        created_at: stored.created_at,
        latest: number(catalog.workflow(&id, Which::Latest).await?),
        active: number(catalog.workflow(&id, Which::Active).await?),
        workflow: document_of(&stored)?,
        id: stored.workflow_id,
    })
    .into_response())
}

/// `latest`, `active`, or a number.
pub(super) fn which(version: Option<&str>) -> Result<Which, Problem> {
    match version {
        None | Some("latest") => Ok(Which::Latest),
        Some("active") => Ok(Which::Active),
        Some(number) => version_number(number).map(Which::Version),
    }
}

fn version_number(text: &str) -> Result<u64, Problem> {
    let number =
        text.parse().ok().filter(|_| text.len() <= 15 && text.bytes().all(|byte| byte.is_ascii_digit()));
    number.ok_or_else(|| {
        Problem::bad_request("request.invalid_query", "`version` is a number, `active` or `latest`")
    })
}

/// The document of a stored version.
pub(super) fn document_of(stored: &WorkflowVersion) -> Result<Value, Problem> {
    Ok(Value::parse_json(&stored.bytes).map_err(|error| EngineError::Damaged(error.to_string()))?)
}

/// A version that is stored.
pub(super) async fn stored(shared: &Shared, id: &str, which: Which) -> Result<WorkflowVersion, Problem> {
    let found = shared.engine.catalog().workflow(id, which).await?;
    found.ok_or_else(|| live::unknown(id))
}

/// A document that was sent, ready to be stored. One with errors is work in progress: it is kept, and can't be activated.
pub(super) struct Incoming {
    pub id: String,
    pub bytes: Vec<u8>,
    pub findings: Vec<Diagnostic>,
}

impl Incoming {
    /// Reads a body.
    ///
    /// # Errors
    /// One without a usable id: there is no name under which it could be kept.
    pub(super) fn read(shared: &Shared, body: &Value) -> Result<Self, Problem> {
        match checks::workflow(body) {
            Ok(workflow) => Ok(Incoming::of(shared, &workflow)),
            Err(findings) => {
                let id = body.get("id").and_then(Value::as_str).filter(|id| is_id(id));
                let id = id.ok_or_else(|| Problem::findings(&findings))?.to_owned();
                Ok(Incoming { id, bytes: body.to_json_string().into_bytes(), findings })
            }
        }
    }

    fn of(shared: &Shared, workflow: &Workflow) -> Self {
        Incoming {
            id: workflow.id.clone(),
            bytes: document::to_value(workflow).to_json_string().into_bytes(),
            findings: checks::findings(workflow, shared.engine.registry()),
        }
    }
}

/// Letters, digits, `_`, `.` and `-`.
fn is_id(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    (1..=128).contains(&text.len()) && text.bytes().all(allowed)
}

/// What was saved.
#[derive(Serialize, ToSchema)]
pub(super) struct WorkflowSaved {
    id: String,
    version: u64,
    /// False if the newest version says the same already: then there is no new one.
    is_new: bool,
    /// What is wrong with it. With errors it is kept as a draft, and can't be activated.
    #[schema(value_type = Vec<Finding>)]
    findings: Vec<Diagnostic>,
}

/// Saves a new workflow.
///
/// Nothing live changes: activate it when it is ready. A document with errors is saved too, so that work isn't lost; it needs an `id` alone.
#[utoipa::path(post, path = "/workflows", operation_id = "create_workflow", tag = "workflows", request_body = Document,
    responses(
        (status = 201, description = "Saved.", body = WorkflowSaved),
        (status = 409, description = "There is a workflow of that id: `workflow.exists`."),
        (status = 422, description = "It has no usable id: `workflow.invalid`."),
    ))]
pub(super) async fn create(State(shared): State<Shared>, Json(body): Json<Value>) -> Answer {
    let incoming = Incoming::read(&shared, &body)?;
    let id = incoming.id.clone();
    match save(&shared, incoming, Some(0)).await {
        Err(problem) if problem.status() == StatusCode::CONFLICT => {
            let detail = format!("there is a workflow `{id}` already: replace it, with `based_on`");
            Err(Problem::new(StatusCode::CONFLICT, "workflow.exists", detail))
        }
        other => other,
    }
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct ReplaceAsked {
    /// The newest version that the author knows.
    #[param(required = true, minimum = 0, maximum = 999_999_999_999_999_i64)]
    based_on: Option<u64>,
}

/// Saves a new version of a workflow.
///
/// Refused if a newer version is stored than the one it is based on. Nothing live changes. A document with errors is saved too.
#[utoipa::path(put, path = "/workflows/{id}", operation_id = "replace_workflow", tag = "workflows", params(WorkflowPath, ReplaceAsked),
    request_body = Document,
    responses(
        (status = 200, description = "The newest version says the same already.", body = WorkflowSaved),
        (status = 201, description = "Saved.", body = WorkflowSaved),
        (status = 409, description = "A newer version is stored: `workflow.outdated`, with `current_version`."),
        (status = 422, description = "It has no usable id: `workflow.invalid`."),
    ))]
pub(super) async fn replace(
    State(shared): State<Shared>,
    Named(WorkflowPath { id }): Named<WorkflowPath>,
    Asked(asked): Asked<ReplaceAsked>,
    Json(body): Json<Value>,
) -> Answer {
    let Some(based_on) = asked.based_on else {
        let detail = "say which version this one is based on: ?based_on=NUMBER";
        return Err(Problem::bad_request("workflow.based_on_missing", detail));
    };
    let incoming = Incoming::read(&shared, &body)?;
    if incoming.id != id {
        let detail = format!("the document is of `{}`, and the path names `{id}`", incoming.id);
        return Err(Problem::bad_request("workflow.other_id", detail));
    }
    stored(&shared, &id, Which::Latest).await?;
    save(&shared, incoming, Some(based_on)).await
}

/// Keeps a document that is to be run as it is: a version of its workflow, which is not listed for that alone. Its id and version.
pub(super) async fn keep(shared: &Shared, document: &Value) -> Result<(String, u64), Problem> {
    let Incoming { id, bytes, findings } = Incoming::read(shared, document)?;
    if findings.iter().any(Diagnostic::is_error) {
        return Err(Problem::findings(&findings));
    }
    let _change = shared.hooks.changing().await;
    let catalog = shared.engine.catalog();
    let is_listed = catalog.workflow(&id, Which::Latest).await?.is_some();
    let new = NewVersion { workflow_id: id.clone(), bytes, based_on: None, at: shared.clock.now() };
    let saved = catalog.save_workflow(new).await?;
    if !is_listed {
        catalog.delete_workflow(&id).await?;
    }
    Ok((id, saved.version))
}

async fn save(shared: &Shared, incoming: Incoming, based_on: Option<u64>) -> Answer {
    let Incoming { id, bytes, findings } = incoming;
    let new = NewVersion { workflow_id: id.clone(), bytes, based_on, at: shared.clock.now() };
    let saved = shared.engine.catalog().save_workflow(new).await?;
    let status = if saved.is_new { StatusCode::CREATED } else { StatusCode::OK };
    let place = HeaderValue::from_str(&format!("/api/v1/workflows/{id}"));
    let note = Note::new(&id, json!({"version": saved.version}));
    let body = WorkflowSaved { id, version: saved.version, is_new: saved.is_new, findings };
    let mut response = (status, Sent(body)).into_response();
    // An id has letters, digits, _ . and - alone.
    if let Ok(place) = place {
        response.headers_mut().insert(header::LOCATION, place);
    }
    Ok(note.on(response))
}

/// Takes a workflow out.
///
/// Executions that run go on, and its versions can still be shown by number.
#[utoipa::path(delete, path = "/workflows/{id}", operation_id = "delete_workflow", tag = "workflows", params(WorkflowPath),
    responses((status = 204, description = "It is gone.")))]
pub(super) async fn delete(
    State(shared): State<Shared>,
    Named(WorkflowPath { id }): Named<WorkflowPath>,
) -> Answer {
    live::delete(&shared, &id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct VersionsAsked {
    /// What `next` of the page before says.
    #[param(minimum = 0, maximum = 999_999_999_999_999_i64)]
    before: Option<u64>,
    /// How many at most.
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<usize>,
}

/// A version in a list.
#[derive(Serialize, ToSchema)]
pub(super) struct VersionSummary {
    version: u64,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

/// The versions of a workflow, newest first.
#[derive(Serialize, ToSchema)]
pub(super) struct VersionPage {
    id: String,
    /// The newest version.
    latest: u64,
    /// The version that new executions run.
    #[schema(required = true)]
    active: Option<u64>,
    versions: Vec<VersionSummary>,
    /// What to send as `before` for the next page; null on the last.
    #[schema(required = true)]
    next: Option<u64>,
}

/// Lists the versions of a workflow.
#[utoipa::path(get, path = "/workflows/{id}/versions", operation_id = "list_versions", tag = "workflows",
    params(WorkflowPath, VersionsAsked), responses((status = 200, description = "The versions, newest first.", body = VersionPage)))]
pub(super) async fn versions(
    State(shared): State<Shared>,
    Named(WorkflowPath { id }): Named<WorkflowPath>,
    Asked(asked): Asked<VersionsAsked>,
) -> Answer {
    let limit = page_size(asked.limit)?;
    let latest = stored(&shared, &id, Which::Latest).await?;
    let active = shared.engine.catalog().workflow(&id, Which::Active).await?;
    let mut found = shared.engine.catalog().versions(&id, asked.before, limit + 1).await?;
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(|last| last.version);
    let rows = found.iter().map(|one| VersionSummary { version: one.version, created_at: one.created_at });
    Ok(Sent(VersionPage {
        id,
        latest: latest.version,
        active: active.map(|active| active.version),
        versions: rows.collect(),
        next,
    })
    .into_response())
}

/// Which version to activate.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Activate {
    /// The newest, if not said.
    #[schema(minimum = 0, maximum = 999_999_999_999_999_i64)]
    version: Option<u64>,
}

/// Which version is active now.
#[derive(Serialize, ToSchema)]
pub(super) struct WorkflowActive {
    id: String,
    /// The version that new executions run; null if none is.
    #[schema(required = true)]
    active: Option<u64>,
    /// What there is to say about it; no errors.
    #[schema(value_type = Vec<Finding>)]
    findings: Vec<Diagnostic>,
}

/// Makes a version the one that new executions run.
#[utoipa::path(post, path = "/workflows/{id}/activate", operation_id = "activate_workflow", tag = "workflows", params(WorkflowPath),
    request_body = Activate,
    responses(
        (status = 200, description = "It is active.", body = WorkflowActive),
        (status = 409, description = "Another workflow has one of its webhooks: `webhook.path_taken`."),
        (status = 422, description = "It has errors (`workflow.invalid`), or a webhook that can't be served (`webhook.refused`)."),
    ))]
pub(super) async fn activate(
    State(shared): State<Shared>,
    Named(WorkflowPath { id }): Named<WorkflowPath>,
    Json(body): Json<Activate>,
) -> Answer {
    stored(&shared, &id, Which::Latest).await?;
    let stored = stored(&shared, &id, body.version.map_or(Which::Latest, Which::Version)).await?;
    let findings = live::activate(&shared, &stored).await?;
    let note = Note::new(&id, json!({"version": stored.version}));
    Ok(note.on(Sent(WorkflowActive { id, active: Some(stored.version), findings }).into_response()))
}

/// An empty object.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Nothing {}

/// Lets no new executions of a workflow begin.
#[utoipa::path(post, path = "/workflows/{id}/deactivate", operation_id = "deactivate_workflow", tag = "workflows", params(WorkflowPath),
    request_body = Nothing, responses((status = 200, description = "It is not active.", body = WorkflowActive)))]
pub(super) async fn deactivate(
    State(shared): State<Shared>,
    Named(WorkflowPath { id }): Named<WorkflowPath>,
    Json(Nothing {}): Json<Nothing>,
) -> Answer {
    live::deactivate(&shared, &id).await?;
    Ok(Sent(WorkflowActive { id, active: None, findings: Vec::new() }).into_response())
}

/// What is to be validated: one of the two.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Validate {
    /// A document as JSON.
    #[schema(value_type = Option<Object>)]
    workflow: Option<Value>,
    /// A document as text, YAML or JSON; findings then have places in it.
    source: Option<String>,
}

/// What is wrong with a document.
#[derive(Serialize, ToSchema)]
pub(super) struct Validated {
    /// Whether it could be activated.
    valid: bool,
    #[schema(value_type = Vec<Finding>)]
    findings: Vec<Diagnostic>,
    /// The document as it would be stored; null if its form is wrong. Of a text with several workflows, the first.
    #[schema(required = true, value_type = Option<Document>)]
    workflow: Option<Value>,
    /// The ports of each node, which its parameters may decide.
    nodes: Vec<NodePorts>,
}

/// A node's ports.
#[derive(Serialize, ToSchema)]
pub(super) struct NodePorts {
    key: String,
    #[schema(value_type = Ports)]
    ports: prana::core::action::Ports,
}

/// Says everything that is wrong with a document. Nothing is saved.
#[utoipa::path(post, path = "/workflows/validate", operation_id = "validate_workflow", tag = "workflows", request_body = Validate,
    responses((status = 200, description = "What was found.", body = Validated)))]
pub(super) async fn validate(State(shared): State<Shared>, Json(body): Json<Validate>) -> Answer {
    let registry = shared.engine.registry();
    let (workflow, findings) = match (body.workflow, body.source) {
        (Some(workflow), None) => match checks::workflow(&workflow) {
            Ok(workflow) => {
                let findings = checks::findings(&workflow, registry);
                (Some(workflow), findings)
            }
            Err(findings) => (None, findings),
        },
        (None, Some(source)) => {
            let first = document::drafts("workflow", source.as_bytes()).ok();
            let first = first.and_then(|drafts| drafts.into_iter().next());
            let first = first.filter(|draft| !draft.findings.iter().any(Diagnostic::is_error));
            (first.map(|draft| draft.loaded.workflow), checks::findings_of_text(&source, registry))
        }
        _ => {
            let detail = "send either `workflow`, a document, or `source`, its text";
            return Err(Problem::bad_request("request.invalid", detail));
        }
    };
    Ok(Sent(Validated {
        valid: !findings.iter().any(Diagnostic::is_error),
        findings,
        nodes: workflow.as_ref().map_or_else(Vec::new, |workflow| ports(&shared, workflow)),
        workflow: workflow.as_ref().map(document::to_value),
    })
    .into_response())
}

fn ports(shared: &Shared, workflow: &Workflow) -> Vec<NodePorts> {
    let registry = shared.engine.registry();
    let known = workflow.nodes.iter().filter_map(|node| {
        let action = registry.action(&node.type_name)?;
        Some(NodePorts { key: node.key.clone(), ports: action.descriptor.ports_for(&node.params) })
    });
    known.collect()
}
