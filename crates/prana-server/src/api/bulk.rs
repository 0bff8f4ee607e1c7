//! The same for many executions at once.

use axum::Extension;
use axum::Json as Sent;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use prana::ForkOptions;
use prana::core::{ExecutionId, Timestamp};
use prana::store::{Filter, Remove, Scope, Status};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::shapes;
use crate::access::{self, Caller};
use crate::admit::check_scope;
use crate::problem::Problem;
use crate::receive::Json;
use crate::server::Shared;

/// So many at a time.
const MOST: usize = 500;

/// What is done to each.
#[derive(Deserialize, ToSchema, Clone, Copy)]
#[serde(rename_all = "snake_case")]
enum BulkAction {
    /// Ends those that go on.
    Cancel,
    /// Goes on from the node that failed each, as a new execution.
    Retry,
    /// Removes those that have ended, with those that they started.
    Delete,
}

/// What to do, and to which executions: `ids`, or all that a `filter` finds.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Bulk {
    #[schema(inline)]
    action: BulkAction,
    /// These.
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>, max_items = 500)]
    ids: Option<Vec<ExecutionId>>,
    /// The newest that this finds. What the action can't be done to is left out.
    #[serde(default)]
    filter: Option<BulkFilter>,
    /// Of `cancel`: why.
    #[serde(default)]
    reason: Option<String>,
    /// Of `retry`: the version to go on with; the one that each ran, if not said.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 999_999_999_999_999_i64)]
    version: Option<u64>,
}

/// Which executions.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct BulkFilter {
    /// Only those of these statuses; of all that the action can be done to, if not said.
    #[serde(default)]
    #[schema(value_type = Option<Vec<shapes::ExecutionStatus>>)]
    status: Option<Vec<prana::core::execution::Status>>,
    /// Only those of this workflow.
    #[serde(default)]
    workflow_id: Option<String>,
    /// Only those created at this time or later.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    since: Option<Timestamp>,
    /// Only those created before this time.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    until: Option<Timestamp>,
}

/// What became of one.
#[derive(Serialize, ToSchema)]
pub(super) struct BulkResult {
    #[schema(value_type = String, format = Uuid)]
    id: ExecutionId,
    /// The new execution, after `retry`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Uuid)]
    new_id: Option<ExecutionId>,
    /// Why it could not be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<BulkError>,
}

/// Why it could not be done to one.
#[derive(Serialize, ToSchema)]
pub(super) struct BulkError {
    /// As in a problem.
    code: String,
    detail: String,
}

/// What became of all.
#[derive(Serialize, ToSchema)]
pub(super) struct BulkDone {
    /// To how many it was done.
    done: usize,
    results: Vec<BulkResult>,
    /// True if the filter finds more than were taken: ask again.
    more: bool,
}

/// Does the same to up to 500 executions: cancels, retries or deletes them.
///
/// To delete needs the scope `edit`.
#[utoipa::path(post, path = "/executions/bulk", operation_id = "bulk_executions", tag = "executions", request_body = Bulk,
    responses((status = 200, description = "What became of each.", body = BulkDone)))]
pub(super) async fn bulk(
    State(shared): State<Shared>,
    caller: Option<Extension<Caller>>,
    Json(body): Json<Bulk>,
) -> Result<Response, Problem> {
    if matches!(body.action, BulkAction::Delete) {
        check_scope(access::Scope::Edit, caller.as_deref())?;
    }
    let (ids, more) = match (body.ids, &body.filter) {
        (Some(ids), None) if ids.len() <= MOST => (ids, false),
        (None, Some(filter)) => found(&shared, body.action, filter).await?,
        _ => {
            let detail = format!("say which: either up to {MOST} `ids`, or a `filter`");
            return Err(Problem::bad_request("request.invalid", detail));
        }
    };
    let reason = body.reason.as_deref().unwrap_or("cancelled by hand");
    let mut results = Vec::with_capacity(ids.len());
    for id in ids {
        let outcome = match body.action {
            BulkAction::Cancel => cancel(&shared, id, reason).await.map(|()| None),
            BulkAction::Retry => retry(&shared, id, body.version).await.map(Some),
            BulkAction::Delete => delete(&shared, id).await.map(|()| None),
        };
        results.push(result(id, outcome));
    }
    let done = results.iter().filter(|result| result.error.is_none()).count();
    Ok(Sent(BulkDone { done, results, more }).into_response())
}

fn result(id: ExecutionId, outcome: Result<Option<ExecutionId>, Problem>) -> BulkResult {
    match outcome {
        Ok(new_id) => BulkResult { id, new_id, error: None },
        Err(problem) => {
            let error = BulkError { code: problem.code().to_owned(), detail: problem.detail().to_owned() };
            BulkResult { id, new_id: None, error: Some(error) }
        }
    }
}

async fn cancel(shared: &Shared, id: ExecutionId, reason: &str) -> Result<(), Problem> {
    super::control::refuse_ended(&shared.engine.row(id).await?)?;
    Ok(shared.engine.cancel(id, reason).await?)
}

async fn retry(shared: &Shared, id: ExecutionId, version: Option<u64>) -> Result<ExecutionId, Problem> {
    Ok(shared.engine.retry(id, ForkOptions { version, input: None }).await?)
}

async fn delete(shared: &Shared, id: ExecutionId) -> Result<(), Problem> {
    shared.engine.store().remove(Remove::Tree(id)).await?;
    Ok(())
}

/// The executions that the action can be done to and the filter finds, and whether there are more.
async fn found(
    shared: &Shared,
    action: BulkAction,
    filter: &BulkFilter,
) -> Result<(Vec<ExecutionId>, bool), Problem> {
    let possible = |status: &Status| match action {
        BulkAction::Cancel => !status.is_ended(),
        BulkAction::Retry => matches!(status, Status::Failed | Status::Timeout),
        BulkAction::Delete => status.is_ended(),
    };
    let asked = |status: &Status| {
        filter.status.as_ref().is_none_or(|asked| asked.iter().any(|one| one.as_str() == status.to_string()))
    };
    let statuses: Vec<Status> = Status::ALL.into_iter().filter(|one| possible(one) && asked(one)).collect();
    if statuses.is_empty() {
        return Ok((Vec::new(), false));
    }
    // Only the first of a family can be removed; a child is retried by its parent.
    let scope = if matches!(action, BulkAction::Cancel) { Scope::All } else { Scope::Roots };
    let wanted = Filter {
        statuses,
        workflow_id: filter.workflow_id.clone(),
        scope,
        since: filter.since,
        until: filter.until,
    };
    let page = shared.engine.store().list(&wanted, None, MOST).await?;
    Ok((page.rows.iter().map(|row| row.id).collect(), page.next.is_some()))
}
