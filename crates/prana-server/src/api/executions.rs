//! Executions: started, looked at, answered, ended.

use axum::Json as Sent;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use prana::core::ExecutionId;
use prana::core::execution::{Execution, NodeExecution};
use prana::store::{Answer as Taken, Cursor, Delivered, Filter, Remove, Row, Scope, Status, Target};
use prana::template::Map;
use prana::{ForkOptions, Outcome, StartOptions, Value};
use serde::Deserialize;
use serde_json::json;

use super::page_size;
use crate::problem::Problem;
use crate::receive::{Asked, Json, Named, execution_id};
use crate::server::Shared;
use crate::wait::{self, End};

type Answer = Result<Response, Problem>;

#[derive(Deserialize, Clone, Copy, PartialEq, Default)]
#[serde(rename_all = "snake_case")]
enum Mode {
    #[default]
    Async,
    Sync,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StartAsked {
    #[serde(default)]
    mode: Mode,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Start {
    workflow_id: String,
    #[serde(default)]
    input: Value,
    #[serde(default)]
    trigger: Option<String>,
    #[serde(default)]
    variables: Map,
    #[serde(default)]
    version: Option<u64>,
    #[serde(default)]
    test_run: bool,
}

/// `POST /executions?mode=sync|async`. With `Idempotency-Key`, a second start with the same key gives the first execution.
pub(super) async fn start(
    State(shared): State<Shared>,
    Asked(asked): Asked<StartAsked>,
    headers: HeaderMap,
    Json(body): Json<Start>,
) -> Answer {
    let options = StartOptions {
        trigger: body.trigger,
        variables: body.variables,
        start_key: idempotency_key(&headers)?,
        version: body.version,
        test_run: body.test_run,
        ..StartOptions::default()
    };
    if asked.mode == Mode::Async {
        let id = shared.engine.start_with(&body.workflow_id, body.input, options).await?;
        return Ok((StatusCode::ACCEPTED, Sent(json!({"id": id}))).into_response());
    }
    match wait::run(&shared, &body.workflow_id, body.input, options).await? {
        End::Ended(outcome) => Ok(Sent(outcome_json(&outcome)).into_response()),
        End::Open(id) => {
            let row = shared.engine.row(id).await?;
            let body = json!({"id": id, "status": row.status.to_string()});
            Ok((StatusCode::ACCEPTED, Sent(body)).into_response())
        }
    }
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(key) = headers.get("idempotency-key") else { return Ok(None) };
    let key = key.to_str().ok().filter(|key| (1..=255).contains(&key.len()));
    let refused = "Idempotency-Key is 1 to 255 ASCII characters";
    key.map(|key| Some(format!("api:{key}")))
        .ok_or_else(|| Problem::bad_request("request.invalid_idempotency_key", refused))
}

fn outcome_json(outcome: &Outcome) -> serde_json::Value {
    json!({
        "id": outcome.id,
        "status": outcome.status.as_str(),
        "output": serde_json::Value::from(&outcome.output),
        "error": outcome.error,
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListAsked {
    status: Option<String>,
    workflow_id: Option<String>,
    scope: Option<String>,
    parent: Option<String>,
    cursor: Option<String>,
    limit: Option<usize>,
}

/// `GET /executions`: newest first; `?status=failed,timeout`, `?workflow_id=`, `?scope=roots`, `?parent=ID`.
pub(super) async fn list(State(shared): State<Shared>, Asked(asked): Asked<ListAsked>) -> Answer {
    let scope = match (asked.scope.as_deref(), &asked.parent) {
        (None, Some(parent)) => Scope::ChildrenOf(execution_id(parent)?),
        (None | Some("all"), None) => Scope::All,
        (Some("roots"), None) => Scope::Roots,
        _ => return Err(invalid_query("`scope` is `all` or `roots`, or there is a `parent` instead")),
    };
    let words = asked.status.as_deref().unwrap_or_default().split(',').filter(|word| !word.is_empty());
    let filter = Filter {
        statuses: words.map(status_named).collect::<Result<_, _>>()?,
        workflow_id: asked.workflow_id,
        scope,
        ..Filter::default()
    };
    let after = asked.cursor.as_deref().map(cursor).transpose()?;
    let page = shared.engine.store().list(&filter, after, page_size(asked.limit)).await?;
    let rows: Vec<_> = page.rows.iter().map(row_json).collect();
    let next = page.next.map(|next| format!("{}.{}", next.created_at.as_micros(), next.id));
    Ok(Sent(json!({"executions": rows, "next": next})).into_response())
}

fn invalid_query(detail: &str) -> Problem {
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
        let created_at = prana::core::Timestamp::from_micros(created_at.parse().ok()?);
        Some(Cursor { created_at, id: id.parse().ok()? })
    };
    read().ok_or_else(|| invalid_query("`cursor` is what `next` of the page before says"))
}

fn row_json(row: &Row) -> serde_json::Value {
    json!({
        "id": row.id,
        "workflow_id": &*row.workflow_id,
        "workflow_version": row.workflow_version,
        "status": row.status.to_string(),
        "created_at": row.created_at,
        "completed_at": row.completed_at,
        "parent_execution_id": row.parent,
        "root_execution_id": row.root,
        "wakes_at": row.ready_at,
    })
}

/// An execution with its trail; a trail that was given up at the end leaves what the row says.
async fn load(shared: &Shared, id: &str) -> Result<(Execution, Row), Problem> {
    let id = execution_id(id)?;
    let mut execution = shared.engine.execution(id).await?;
    let row = shared.engine.row(id).await?;
    if !row.trail_kept {
        execution.status = wait::status_of(row.status);
        execution.completed_at = row.completed_at;
    }
    Ok((execution, row))
}

/// `GET /executions/{id}`
pub(super) async fn show(State(shared): State<Shared>, Named(id): Named<String>) -> Answer {
    let (execution, row) = load(&shared, &id).await?;
    let completed = execution.status == prana::core::execution::Status::Completed;
    let output = if completed { execution.output() } else { Value::Null };
    let waits: Vec<_> = execution
        .node_executions
        .iter()
        .filter(|run| run.status == prana::core::execution::NodeStatus::Suspended)
        .map(|run| json!({"node_key": run.node_key, "execution_index": run.execution_index, "suspension": run.suspension}))
        .collect();
    Ok(Sent(json!({
        "execution": execution,
        "output": serde_json::Value::from(&output),
        "error": execution.error(),
        "waits": waits,
        "node_execution_count": execution.node_executions.len(),
        "trail_kept": row.trail_kept,
    }))
    .into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RunsAsked {
    after: Option<u32>,
    limit: Option<usize>,
    include: Option<String>,
}

/// `GET /executions/{id}/node_executions`: in order of start; `?include=params,output` for the payloads, too.
pub(super) async fn runs(
    State(shared): State<Shared>,
    Named(id): Named<String>,
    Asked(asked): Asked<RunsAsked>,
) -> Answer {
    let include: Vec<&str> = asked.include.as_deref().map_or(Vec::new(), |text| text.split(',').collect());
    if include.iter().any(|name| !PAYLOADS.contains(name)) {
        return Err(invalid_query(&format!("`include` names some of {}", PAYLOADS.join(", "))));
    }
    let (execution, _) = load(&shared, &id).await?;
    let from = asked.after.map_or(0, |after| after as usize + 1);
    let limit = page_size(asked.limit);
    let runs = &execution.node_executions;
    let page = runs.iter().skip(from).take(limit);
    let next = (from.saturating_add(limit) < runs.len()).then(|| from + limit - 1);
    let rows: Vec<_> = page.map(|run| run_json(run, &include)).collect();
    Ok(Sent(json!({"node_executions": rows, "next": next})).into_response())
}

/// What may be large.
const PAYLOADS: [&str; 4] = ["params", "output", "state_updates", "context_updates"];

fn run_json(run: &NodeExecution, include: &[&str]) -> serde_json::Value {
    let mut json = json!(run);
    if let Some(fields) = json.as_object_mut() {
        fields.retain(|name, _| !PAYLOADS.contains(&name.as_str()) || include.contains(&name.as_str()));
    }
    json
}

/// `GET /executions/{id}/node_executions/{index}`: one run with everything.
pub(super) async fn run(State(shared): State<Shared>, Named((id, index)): Named<(String, u32)>) -> Answer {
    let (execution, _) = load(&shared, &id).await?;
    match execution.node_executions.get(index as usize) {
        Some(run) => Ok(Sent(json!(run)).into_response()),
        None => {
            let detail = format!("execution {id} has no node run {index}");
            Err(Problem::new(StatusCode::NOT_FOUND, "node_execution.not_found", detail))
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Cancel {
    #[serde(default)]
    reason: Option<String>,
}

/// `POST /executions/{id}/cancel`: it ends before its next node starts.
pub(super) async fn cancel(
    State(shared): State<Shared>,
    Named(id): Named<String>,
    Json(body): Json<Cancel>,
) -> Answer {
    let id = execution_id(&id)?;
    let row = shared.engine.row(id).await?;
    if row.status.is_ended() {
        let detail = format!("execution {id} has ended already: {}", row.status);
        return Err(Problem::new(StatusCode::CONFLICT, "execution.ended", detail));
    }
    shared.engine.cancel(id, body.reason.as_deref().unwrap_or("cancelled by hand")).await?;
    Ok((StatusCode::ACCEPTED, Sent(json!({"id": id}))).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Resume {
    #[serde(default)]
    node: Option<String>,
    #[serde(default)]
    index: Option<u32>,
    #[serde(default)]
    data: Value,
}

/// `POST /executions/{id}/resume`: an answer for a node, or for one run of it.
pub(super) async fn resume(
    State(shared): State<Shared>,
    Named(id): Named<String>,
    Json(body): Json<Resume>,
) -> Answer {
    let id = execution_id(&id)?;
    let target = match (body.node, body.index) {
        (Some(node), None) => Target::Node(node.as_str().into()),
        (None, Some(index)) => Target::Index(index),
        _ => {
            let detail = "say what the answer is for: either `node`, its key, or `index`, its run";
            return Err(Problem::bad_request("request.invalid", detail));
        }
    };
    let delivered = shared.engine.answer(id, target, body.data).await?;
    let (status, word) = taken(delivered);
    Ok((status, Sent(json!({"id": id, "answer": word}))).into_response())
}

/// What became of an answer.
pub(crate) fn taken(delivered: Delivered) -> (StatusCode, &'static str) {
    match delivered {
        Delivered::Kept { .. } | Delivered::Duplicate { first: Taken::Kept } => {
            (StatusCode::ACCEPTED, "kept")
        }
        _ => (StatusCode::OK, "resumed"),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Fork {
    #[serde(default)]
    index: Option<u32>,
    #[serde(default)]
    version: Option<u64>,
    #[serde(default)]
    input: Option<Value>,
}

impl Fork {
    fn index(&self) -> Result<u32, Problem> {
        self.index.ok_or_else(|| Problem::bad_request("request.invalid", "say from which run: `index`"))
    }

    fn options(self) -> ForkOptions {
        ForkOptions { version: self.version, input: self.input }
    }
}

fn forked(id: ExecutionId) -> Response {
    (StatusCode::ACCEPTED, Sent(json!({"id": id}))).into_response()
}

/// `POST /executions/{id}/retry`: a new execution that goes on from the node that failed.
pub(super) async fn retry(
    State(shared): State<Shared>,
    Named(id): Named<String>,
    Json(body): Json<Fork>,
) -> Answer {
    if body.index.is_some() {
        let detail = "`retry` goes on from the run that failed; use `execute_from_node` for another";
        return Err(Problem::bad_request("request.invalid", detail));
    }
    Ok(forked(shared.engine.retry(execution_id(&id)?, body.options()).await?))
}

/// `POST /executions/{id}/execute_from_node`: a new execution that has the past up to a run, and runs on from there.
pub(super) async fn execute_from_node(
    State(shared): State<Shared>,
    Named(id): Named<String>,
    Json(body): Json<Fork>,
) -> Answer {
    let (id, index) = (execution_id(&id)?, body.index()?);
    Ok(forked(shared.engine.execute_from_node(id, index, body.options()).await?))
}

/// `POST /executions/{id}/execute_node`: a new execution in which one node runs alone.
pub(super) async fn execute_node(
    State(shared): State<Shared>,
    Named(id): Named<String>,
    Json(body): Json<Fork>,
) -> Answer {
    let (id, index) = (execution_id(&id)?, body.index()?);
    Ok(forked(shared.engine.execute_node(id, index, body.options()).await?))
}

/// `DELETE /executions/{id}`: with those that it started, all of which must have ended.
pub(super) async fn delete(State(shared): State<Shared>, Named(id): Named<String>) -> Answer {
    let removed = shared.engine.store().remove(Remove::Tree(execution_id(&id)?)).await?;
    Ok(Sent(json!({"removed": removed.executions})).into_response())
}
