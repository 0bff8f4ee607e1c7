//! `/api/v1`.

mod catalogue;
mod executions;
mod workflows;

use axum::Router;
use axum::routing::{get, post};

pub(crate) use self::executions::taken;
use crate::server::Shared;
use crate::stream;

/// How many rows a page has if nobody says, and at most.
const PAGE: usize = 50;
const MAX_PAGE: usize = 500;

/// The routes.
pub fn routes() -> Router<Shared> {
    Router::new()
        .route("/workflows", get(workflows::list).post(workflows::create))
        .route("/workflows/validate", post(workflows::validate))
        .route("/workflows/{id}", get(workflows::show).put(workflows::replace).delete(workflows::delete))
        .route("/workflows/{id}/versions", get(workflows::versions))
        .route("/workflows/{id}/activate", post(workflows::activate))
        .route("/workflows/{id}/deactivate", post(workflows::deactivate))
        .route("/executions", get(executions::list).post(executions::start))
        .route("/executions/{id}", get(executions::show).delete(executions::delete))
        .route("/executions/{id}/node_executions", get(executions::runs))
        .route("/executions/{id}/node_executions/{index}", get(executions::run))
        .route("/executions/{id}/cancel", post(executions::cancel))
        .route("/executions/{id}/resume", post(executions::resume))
        .route("/executions/{id}/retry", post(executions::retry))
        .route("/executions/{id}/execute_node", post(executions::execute_node))
        .route("/executions/{id}/execute_from_node", post(executions::execute_from_node))
        .route("/executions/{id}/events", get(stream::of_execution))
        .route("/events", get(stream::of_all))
        .route("/actions", get(catalogue::list))
        .route("/actions/{type}", get(catalogue::show))
        .route("/expressions/preview", post(catalogue::preview))
}

/// A limit that was asked for, within bounds.
fn page_size(asked: Option<usize>) -> usize {
    asked.unwrap_or(PAGE).clamp(1, MAX_PAGE)
}
