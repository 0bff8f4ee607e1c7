//! Executions: started, listed, looked at, removed.

use axum::Extension;
use axum::Json as Sent;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use prana::core::execution::{Execution, NodeExecution, NodeStatus};
use prana::core::suspension::Suspension;
use prana::core::{ErrorValue, ExecutionId, Timestamp};
use prana::store::{Cursor, Filter, Remove, Row, Scope, Status};
use prana::template::Map;
use prana::{EndReason, Glance, Outcome, StartOptions, Value};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::trails::load;
use super::{page_size, shapes};
use crate::access::{self, Caller};
use crate::admit::check_scope;
use crate::problem::Problem;
use crate::receive::{Asked, Json, Named, execution_id, traceparent};
use crate::server::Shared;
use crate::wait::{self, End};

type Answer = Result<Response, Problem>;

/// The execution that a path names.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct ExecutionPath {
    /// The execution's id.
    #[param(format = Uuid)]
    pub id: String,
}

/// Whether the caller waits for the end.
#[derive(Deserialize, Clone, Copy, PartialEq, Default, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Mode {
    #[default]
    Async,
    Sync,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct StartAsked {
    /// `async`: the answer comes once the execution is stored. `sync`: it comes with the end, or as for `async` if that takes too long.
    #[serde(default)]
    #[param(inline)]
    mode: Mode,
}

/// What to start.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Start {
    /// A saved workflow. Either this or `document`.
    #[serde(default)]
    workflow_id: Option<String>,
    /// A document as it stands in an editor. It is kept as a version, so that the execution can always be shown with what it ran; nothing live
    /// changes, and a workflow that was never saved is not listed.
    #[serde(default)]
    #[schema(value_type = Option<shapes::Document>)]
    document: Option<Value>,
    /// What the trigger puts out.
    #[serde(default)]
    #[schema(required = false)]
    input: Value,
    /// The trigger node to start at; needed where a workflow has several.
    #[serde(default)]
    trigger: Option<String>,
    /// Put over the workflow's variables.
    #[serde(default)]
    #[schema(value_type = Object)]
    variables: Map,
    /// The version to run; the active one, if not said.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 999_999_999_999_999_i64)]
    version: Option<u64>,
    /// True to use pinned data.
    #[serde(default)]
    test_run: bool,
    /// The last node to run: nodes that don't lead to it are left out.
    #[serde(default)]
    until: Option<String>,
}

impl Start {
    /// Which workflow and version to run.
    async fn choose(&self, shared: &Shared) -> Result<(String, Option<u64>), Problem> {
        match (&self.workflow_id, &self.document) {
            (Some(id), None) => Ok((id.clone(), self.version)),
            (None, Some(document)) if self.version.is_none() => {
                let (id, version) = super::workflows::keep(shared, document).await?;
                Ok((id, Some(version)))
            }
            _ => {
                let detail =
                    "say what to run: either `workflow_id`, with a `version` or without, or a `document`";
                Err(Problem::bad_request("request.invalid", detail))
            }
        }
    }
}

/// An execution that was started, and goes on.
#[derive(Serialize, ToSchema)]
pub(super) struct Started {
    #[schema(value_type = String, format = Uuid)]
    pub id: ExecutionId,
    /// Where it was when a caller who waits for its end was told to wait no longer.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<shapes::ExecutionStatus>)]
    pub status: Option<String>,
    /// The version as which the `document` was kept, if one was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub version: Option<u64>,
}

/// How an execution ended.
#[derive(Serialize, ToSchema)]
pub(super) struct Ended {
    #[schema(value_type = String, format = Uuid)]
    id: ExecutionId,
    #[schema(value_type = shapes::ExecutionStatus)]
    status: prana::core::execution::Status,
    /// The output of the node that completed last.
    output: Value,
    #[schema(required = true, value_type = Option<shapes::ExecutionError>)]
    error: Option<ErrorValue>,
    /// The version as which the `document` was kept, if one was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    version: Option<u64>,
}

impl Ended {
    fn new(outcome: Outcome, version: Option<u64>) -> Self {
        let Outcome { id, status, output, error } = outcome;
        Ended { id, status, output, error, version }
    }
}

/// Starts an execution.
///
/// With `Idempotency-Key` a start happens once: the same workflow and key again give the first execution. A `document` needs the scope `edit`.
#[utoipa::path(post, path = "/executions", operation_id = "start_execution", tag = "executions",
    params(StartAsked, ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 ASCII characters.", min_length = 1, max_length = 255, pattern = "^[!-~]{1,255}$")),
    request_body = Start,
    responses(
        (status = 200, description = "`mode=sync`: it has ended.", body = Ended),
        (status = 202, description = "It is stored, and goes on.", body = Started),
        (status = 404, description = "There is no such workflow, or none that is active: `workflow.not_found`."),
        (status = 413, description = "The body is too long, or the input too large or too deep."),
        (status = 422, description = "The workflow has errors: `workflow.invalid`, with `findings`."),
    ))]
pub(super) async fn start(
    State(shared): State<Shared>,
    Asked(asked): Asked<StartAsked>,
    caller: Option<Extension<Caller>>,
    headers: HeaderMap,
    Json(body): Json<Start>,
) -> Answer {
    if body.document.is_some() {
        check_scope(access::Scope::Edit, caller.as_deref())?;
    }
    let start_key = idempotency_key(&headers)?;
    let (workflow, version) = body.choose(&shared).await?;
    let kept = version.filter(|_| body.document.is_some());
    let options = StartOptions {
        trigger: body.trigger,
        variables: body.variables,
        start_key,
        version,
        test_run: body.test_run,
        until: body.until,
        traceparent: traceparent(&headers),
        ..StartOptions::default()
    };
    if asked.mode == Mode::Async {
        let id = shared.engine.start_with(&workflow, body.input, options).await?;
        let started = Started { id, status: None, version: kept };
        return Ok((StatusCode::ACCEPTED, Sent(started)).into_response());
    }
    match wait::run(&shared, &workflow, body.input, options).await? {
        End::Ended(outcome) => Ok(Sent(Ended::new(outcome, kept)).into_response()),
        End::Open(id) => {
            let status = Some(shared.engine.row(id).await?.status.to_string());
            Ok((StatusCode::ACCEPTED, Sent(Started { id, status, version: kept })).into_response())
        }
    }
}

/// An execution is stored, and goes on.
pub(super) fn accepted(id: ExecutionId) -> Response {
    (StatusCode::ACCEPTED, Sent(Started { id, status: None, version: None })).into_response()
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(key) = headers.get("idempotency-key") else { return Ok(None) };
    let key = key.to_str().ok().filter(|key| (1..=255).contains(&key.len()));
    let refused = "Idempotency-Key is 1 to 255 ASCII characters";
    key.map(|key| Some(format!("api:{key}")))
        .ok_or_else(|| Problem::bad_request("request.invalid_idempotency_key", refused))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct ListAsked {
    /// Only those of these statuses, with commas: `failed,timeout`.
    #[param(
        pattern = "^(pending|running|suspended|completed|failed|cancelled|timeout)(,(pending|running|suspended|completed|failed|cancelled|timeout))*$"
    )]
    status: Option<String>,
    /// Only those of this workflow.
    workflow_id: Option<String>,
    /// `roots`: only those that no other started.
    #[param(pattern = "^(all|roots)$", default = "all")]
    scope: Option<String>,
    /// Only those that this execution started.
    #[param(format = Uuid)]
    parent: Option<String>,
    /// Only those created at this time or later.
    #[param(value_type = Option<String>, format = DateTime)]
    since: Option<Timestamp>,
    /// Only those created before this time.
    #[param(value_type = Option<String>, format = DateTime)]
    until: Option<Timestamp>,
    /// Only those that ended with this error code, or one that begins so and goes on with a dot: `http`.
    error: Option<String>,
    /// Only those whose id or workflow, or whose error's code or message, contains this, whatever the case.
    q: Option<String>,
    /// What `next` of the page before says.
    cursor: Option<String>,
    /// How many at most.
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<usize>,
}

impl ListAsked {
    fn filter(&self) -> Result<Filter, Problem> {
        let scope = match (self.scope.as_deref(), &self.parent) {
            (None, Some(parent)) => Scope::ChildrenOf(execution_id(parent)?),
            (None | Some("all"), None) => Scope::All,
            (Some("roots"), None) => Scope::Roots,
            _ => return Err(invalid_query("`scope` is `all` or `roots`, or there is a `parent` instead")),
        };
        let words = self.status.as_deref().unwrap_or_default().split(',').filter(|word| !word.is_empty());
        Ok(Filter {
            statuses: words.map(status_named).collect::<Result<_, _>>()?,
            workflow_id: self.workflow_id.clone(),
            scope,
            since: self.since,
            until: self.until,
        })
    }
}

/// An execution in a list.
#[derive(Serialize, ToSchema)]
pub(super) struct ExecutionSummary {
    #[schema(value_type = String, format = Uuid)]
    id: ExecutionId,
    workflow_id: String,
    workflow_version: u64,
    #[schema(value_type = shapes::ExecutionStatus)]
    status: String,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(required = true, value_type = Option<String>, format = DateTime)]
    completed_at: Option<Timestamp>,
    /// The execution whose node waits for this one.
    #[schema(required = true, value_type = Option<String>, format = Uuid)]
    parent_execution_id: Option<ExecutionId>,
    #[schema(value_type = String, format = Uuid)]
    root_execution_id: ExecutionId,
    /// When it goes on by itself, if it waits for a time.
    #[schema(required = true, value_type = Option<String>, format = DateTime)]
    wakes_at: Option<Timestamp>,
    /// Why it ended, if not well.
    #[schema(required = true)]
    error: Option<EndReasonShown>,
}

/// Why an execution ended, for lists.
#[derive(Serialize, ToSchema)]
pub(super) struct EndReasonShown {
    /// The stable code of the error.
    code: String,
    /// Its message, or the beginning of a long one.
    message: String,
}

impl From<&Row> for ExecutionSummary {
    fn from(row: &Row) -> Self {
        ExecutionSummary {
            id: row.id,
            workflow_id: row.workflow_id.to_string(),
            workflow_version: row.workflow_version,
            status: row.status.to_string(),
            created_at: row.created_at,
            completed_at: row.completed_at,
            parent_execution_id: row.parent,
            root_execution_id: row.root,
            wakes_at: row.ready_at,
            error: EndReason::of(row)
                .map(|reason| EndReasonShown { code: reason.code, message: reason.message }),
        }
    }
}

/// Executions, newest first.
#[derive(Serialize, ToSchema)]
pub(super) struct ExecutionPage {
    executions: Vec<ExecutionSummary>,
    /// What to send as `cursor` for the next page; null on the last. With `error` or `q` a page may have fewer rows than asked for, even none.
    #[schema(required = true)]
    next: Option<String>,
}

/// Lists executions.
#[utoipa::path(get, path = "/executions", operation_id = "list_executions", tag = "executions", params(ListAsked),
    responses(
        (status = 200, description = "A page of executions, newest first.", body = ExecutionPage),
        (status = 404, description = "`parent` is no execution's id: `execution.not_found`."),
    ))]
pub(super) async fn list(State(shared): State<Shared>, Asked(asked): Asked<ListAsked>) -> Answer {
    let filter = asked.filter()?;
    let after = asked.cursor.as_deref().map(cursor).transpose()?;
    let search = Search { error: asked.error, text: asked.q.map(|text| text.to_lowercase()) };
    let (rows, next) = search.page(&shared, &filter, after, page_size(asked.limit)?).await?;
    let executions = rows.iter().map(ExecutionSummary::from).collect();
    let next = next.map(|next| format!("{}.{}", next.created_at.as_micros(), next.id));
    Ok(Sent(ExecutionPage { executions, next }).into_response())
}

/// Rows looked at for one page at most: a search goes on with the next page.
const LOOKED_AT: usize = 5_000;

/// What is asked of rows and no index knows.
struct Search {
    error: Option<String>,
    /// In lower case.
    text: Option<String>,
}

impl Search {
    async fn page(
        &self,
        shared: &Shared,
        filter: &Filter,
        mut after: Option<Cursor>,
        limit: usize,
    ) -> Result<(Vec<Row>, Option<Cursor>), Problem> {
        let store = shared.engine.store();
        if self.error.is_none() && self.text.is_none() {
            let page = store.list(filter, after, limit).await?;
            return Ok((page.rows, page.next));
        }
        let mut found = Vec::new();
        let mut looked_at = 0;
        loop {
            let page = store.list(filter, after, super::MAX_PAGE).await?;
            for row in page.rows {
                // A page ends before the row that would be one too many, so there is a next one.
                if found.len() == limit || looked_at == LOOKED_AT {
                    return Ok((found, after));
                }
                looked_at += 1;
                after = Some(Cursor { created_at: row.created_at, id: row.id });
                found.extend(self.has(&row).then_some(row));
            }
            if page.next.is_none() {
                return Ok((found, None));
            }
        }
    }

    fn has(&self, row: &Row) -> bool {
        let reason = EndReason::of(row);
        let code = reason.as_ref().map_or("", |reason| reason.code.as_str());
        let of_error = |wanted: &String| {
            code.strip_prefix(wanted.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        let message = reason.as_ref().map_or("", |reason| reason.message.as_str());
        let id = row.id.to_string();
        let has = |text: &String| {
            [id.as_str(), &row.workflow_id, code, message]
                .iter()
                .any(|field| field.to_lowercase().contains(text))
        };
        self.error.as_ref().is_none_or(of_error) && self.text.as_ref().is_none_or(has)
    }
}

pub(super) fn invalid_query(detail: &str) -> Problem {
    Problem::bad_request("request.invalid_query", detail)
}

fn status_named(word: &str) -> Result<Status, Problem> {
    let found = Status::ALL.into_iter().find(|status| status.to_string() == word);
    found.ok_or_else(|| {
        let all = Status::ALL.map(|status| status.to_string()).join(", ");
        invalid_query(&format!("`{word}` is no status; there are {all}"))
    })
}

fn cursor(text: &str) -> Result<Cursor, Problem> {
    let read = || {
        let (created_at, id) = text.split_once('.')?;
        let created_at = Timestamp::from_micros(created_at.parse().ok()?);
        Some(Cursor { created_at, id: id.parse().ok()? })
    };
    read().ok_or_else(|| invalid_query("`cursor` is what `next` of the page before says"))
}

/// A node run that waits.
#[derive(Serialize, ToSchema)]
pub(super) struct Wait {
    node_key: String,
    execution_index: u32,
    #[schema(required = true, value_type = Option<shapes::Suspension>)]
    suspension: Option<Suspension>,
}

impl Wait {
    /// What waits of an open execution.
    fn glanced((node_key, execution_index, suspension): (prana::template::Str, u32, Suspension)) -> Self {
        Wait { node_key: node_key.to_string(), execution_index, suspension: Some(suspension) }
    }

    fn of(run: &NodeExecution) -> Option<Self> {
        (run.status == NodeStatus::Suspended).then(|| Wait {
            node_key: run.node_key.to_string(),
            execution_index: run.execution_index,
            suspension: run.suspension.clone(),
        })
    }
}

/// An execution, without its node runs.
#[derive(Serialize, ToSchema)]
pub(super) struct ExecutionShown<'e> {
    #[schema(value_type = shapes::Execution)]
    execution: &'e Execution,
    /// The output of the node that completed last; null unless it completed.
    output: Value,
    #[schema(required = true, value_type = Option<shapes::ExecutionError>)]
    error: Option<ErrorValue>,
    /// The node runs that wait.
    waits: Vec<Wait>,
    node_execution_count: usize,
    /// False if its node runs were given up at its end, as its workflow asks.
    trail_kept: bool,
}

/// Shows an execution.
#[utoipa::path(get, path = "/executions/{id}", operation_id = "show_execution", tag = "executions", params(ExecutionPath),
    responses((status = 200, description = "The execution.", body = ExecutionShown)))]
pub(super) async fn show(
    State(shared): State<Shared>,
    Named(ExecutionPath { id }): Named<ExecutionPath>,
) -> Answer {
    if let Some(open) = show_open(&shared, &id).await? {
        return Ok(open);
    }
    let (execution, row) = load(&shared, &id).await?;
    let completed = execution.status == prana::core::execution::Status::Completed;
    Ok(Sent(ExecutionShown {
        output: if completed { execution.output() } else { Value::Null },
        error: execution.error().cloned(),
        waits: execution.node_executions.iter().filter_map(Wait::of).collect(),
        node_execution_count: execution.node_executions.len(),
        trail_kept: row.trail_kept,
        execution: &execution,
    })
    .into_response())
}

/// One that has not ended, from its newest snapshot on; none if it has, or if only its whole trail tells.
async fn show_open(shared: &Shared, id: &str) -> Result<Option<Response>, Problem> {
    let id = execution_id(id)?;
    if shared.engine.row(id).await?.status.is_ended() {
        return Ok(None);
    }
    let Ok(Glance { execution, waits }) = shared.engine.glance(id).await else { return Ok(None) };
    if execution.status.is_ended() {
        return Ok(None);
    }
    Ok(Some(
        Sent(ExecutionShown {
            output: Value::Null,
            error: None,
            waits: waits.into_iter().map(Wait::glanced).collect(),
            node_execution_count: execution.current_execution_index as usize,
            trail_kept: true,
            execution: &execution,
        })
        .into_response(),
    ))
}

/// What was removed.
#[derive(Serialize, ToSchema)]
pub(super) struct Removed {
    /// How many executions: the one, and those that it started.
    removed: usize,
}

/// Removes an execution, with those that it started. All must have ended.
#[utoipa::path(delete, path = "/executions/{id}", operation_id = "delete_execution", tag = "executions", params(ExecutionPath),
    responses(
        (status = 200, description = "They are gone.", body = Removed),
        (status = 409, description = "One has not ended (`execution.not_ended`), or another started it (`store.refused`)."),
    ))]
pub(super) async fn delete(
    State(shared): State<Shared>,
    Named(ExecutionPath { id }): Named<ExecutionPath>,
) -> Answer {
    let removed = shared.engine.store().remove(Remove::Tree(execution_id(&id)?)).await?;
    Ok(Sent(Removed { removed: removed.executions }).into_response())
}
