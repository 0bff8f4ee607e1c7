//! What is done to executions: cancelled, answered, gone on from.

use axum::Json as Sent;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use prana::core::ExecutionId;
use prana::store::{Answer as Taken, Delivered, Row, Target};
use prana::{ForkOptions, Value};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::executions::{ExecutionPath, Started, accepted};
use crate::problem::Problem;
use crate::receive::{Json, Named, execution_id};
use crate::server::Shared;

type Answer = Result<Response, Problem>;

/// Why it is to end.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Cancel {
    #[serde(default)]
    reason: Option<String>,
}

/// Ends an execution before its next node starts.
#[utoipa::path(post, path = "/executions/{id}/cancel", operation_id = "cancel_execution", tag = "executions", params(ExecutionPath),
    request_body = Cancel,
    responses(
        (status = 202, description = "It will end.", body = Started),
        (status = 409, description = "It has ended already: `execution.ended`."),
    ))]
pub(super) async fn cancel(
    State(shared): State<Shared>,
    Named(ExecutionPath { id }): Named<ExecutionPath>,
    Json(body): Json<Cancel>,
) -> Answer {
    let id = execution_id(&id)?;
    refuse_ended(&shared.engine.row(id).await?)?;
    shared.engine.cancel(id, body.reason.as_deref().unwrap_or("cancelled by hand")).await?;
    Ok(accepted(id))
}

/// What has ended can't be ended.
pub(super) fn refuse_ended(row: &Row) -> Result<(), Problem> {
    if !row.status.is_ended() {
        return Ok(());
    }
    let detail = format!("execution {} has ended already: {}", row.id, row.status);
    Err(Problem::new(StatusCode::CONFLICT, "execution.ended", detail))
}

/// An answer for a node that waits: either `node` or `index` says for which.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Resume {
    /// Its key: the oldest wait of that node, or its next.
    #[serde(default)]
    node: Option<String>,
    /// The `execution_index` of the run that waits.
    #[serde(default)]
    index: Option<u32>,
    /// The answer.
    #[serde(default)]
    #[schema(required = false)]
    data: Value,
}

/// What became of an answer.
#[derive(Serialize, ToSchema, Clone, Copy)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AnswerTaken {
    /// The wait is over.
    Resumed,
    /// It is kept until the wait begins.
    Kept,
}

/// An answer was taken.
#[derive(Serialize, ToSchema)]
pub(super) struct Answered {
    #[schema(value_type = String, format = Uuid)]
    id: ExecutionId,
    #[schema(inline)]
    answer: AnswerTaken,
}

/// Answers a node that waits.
#[utoipa::path(post, path = "/executions/{id}/resume", operation_id = "resume_execution", tag = "executions", params(ExecutionPath),
    request_body = Resume,
    responses(
        (status = 200, description = "The wait is over.", body = Answered),
        (status = 202, description = "The answer is kept until the wait begins.", body = Answered),
        (status = 409, description = "That node can't wait any more: `execution.not_suspended`."),
        (status = 410, description = "The wait had its answer, or the execution has ended: `execution.not_suspended`."),
        (status = 413, description = "The body is too long, or the data too large or too deep."),
    ))]
pub(super) async fn resume(
    State(shared): State<Shared>,
    Named(ExecutionPath { id }): Named<ExecutionPath>,
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
    let (status, answer) = taken(delivered);
    Ok((status, Sent(Answered { id, answer })).into_response())
}

/// What became of an answer.
pub(crate) fn taken(delivered: Delivered) -> (StatusCode, AnswerTaken) {
    match delivered {
        Delivered::Kept { .. } | Delivered::Duplicate { first: Taken::Kept } => {
            (StatusCode::ACCEPTED, AnswerTaken::Kept)
        }
        _ => (StatusCode::OK, AnswerTaken::Resumed),
    }
}

/// How a new execution goes on from the node that failed.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Retry {
    /// The version to go on with; the one that it ran, if not said.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 999_999_999_999_999_i64)]
    version: Option<u64>,
    /// What the node gets instead of its input.
    #[serde(default)]
    input: Option<Value>,
}

/// From where a new execution goes on.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Fork {
    /// The `execution_index` of the run.
    index: u32,
    /// The version to go on with; the one that it ran, if not said.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 999_999_999_999_999_i64)]
    version: Option<u64>,
    /// What the node gets instead of its input.
    #[serde(default)]
    input: Option<Value>,
}

impl Fork {
    fn options(self) -> ForkOptions {
        ForkOptions { version: self.version, input: self.input }
    }
}

/// Goes on from the node that failed an execution, as a new execution. What ran before it isn't run again.
#[utoipa::path(post, path = "/executions/{id}/retry", operation_id = "retry_execution", tag = "executions", params(ExecutionPath),
    request_body = Retry,
    responses(
        (status = 202, description = "The new execution is stored, and goes on.", body = Started),
        (status = 409, description = "No node failed it, or the version lacks what ran: `execution.cannot_continue`."),
        (status = 413, description = "The body is too long, or the input too large or too deep."),
        (status = 422, description = "The version has errors: `workflow.invalid`."),
    ))]
pub(super) async fn retry(
    State(shared): State<Shared>,
    Named(ExecutionPath { id }): Named<ExecutionPath>,
    Json(body): Json<Retry>,
) -> Answer {
    let options = ForkOptions { version: body.version, input: body.input };
    Ok(accepted(shared.engine.retry(execution_id(&id)?, options).await?))
}

/// Goes on from a run, as a new execution that has the past up to it.
#[utoipa::path(post, path = "/executions/{id}/execute_from_node", operation_id = "execute_from_node", tag = "executions",
    params(ExecutionPath), request_body = Fork,
    responses(
        (status = 202, description = "The new execution is stored, and goes on.", body = Started),
        (status = 409, description = "There is no such run, or the version lacks what ran: `execution.cannot_continue`."),
        (status = 413, description = "The body is too long, or the input too large or too deep."),
        (status = 422, description = "The version has errors: `workflow.invalid`."),
    ))]
pub(super) async fn execute_from_node(
    State(shared): State<Shared>,
    Named(ExecutionPath { id }): Named<ExecutionPath>,
    Json(body): Json<Fork>,
) -> Answer {
    let (id, index) = (execution_id(&id)?, body.index);
    Ok(accepted(shared.engine.execute_from_node(id, index, body.options()).await?))
}

/// Runs one node alone, as a new execution.
#[utoipa::path(post, path = "/executions/{id}/execute_node", operation_id = "execute_node", tag = "executions", params(ExecutionPath),
    request_body = Fork,
    responses(
        (status = 202, description = "The new execution is stored, and goes on.", body = Started),
        (status = 409, description = "There is no such run, or the version lacks what ran: `execution.cannot_continue`."),
        (status = 413, description = "The body is too long, or the input too large or too deep."),
        (status = 422, description = "The version has errors: `workflow.invalid`."),
    ))]
pub(super) async fn execute_node(
    State(shared): State<Shared>,
    Named(ExecutionPath { id }): Named<ExecutionPath>,
    Json(body): Json<Fork>,
) -> Answer {
    let (id, index) = (execution_id(&id)?, body.index);
    Ok(accepted(shared.engine.execute_node(id, index, body.options()).await?))
}
