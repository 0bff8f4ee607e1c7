//! `/api/v1`, and what describes it: the OpenAPI document is made of the routes themselves.

mod catalogue;
mod control;
mod docs;
mod document;
mod executions;
mod preview;
mod runs;
mod shapes;
mod summary;
mod workflows;

use axum::Router;
use axum::routing::get;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) use self::control::{AnswerTaken, taken};
pub(crate) use self::executions::ExecutionPath;
use self::executions::invalid_query;
pub(crate) use self::shapes::Event as EventData;
use crate::problem::Problem;
use crate::server::Shared;
use crate::stream;

/// How many rows a page has if nobody says, and at most.
const PAGE: usize = 50;
const MAX_PAGE: usize = 500;

/// Every route of the API with its description.
fn described() -> OpenApiRouter<Shared> {
    let routes = OpenApiRouter::new()
        .routes(routes!(workflows::list, workflows::create))
        .routes(routes!(workflows::validate))
        .routes(routes!(workflows::show, workflows::replace, workflows::delete))
        .routes(routes!(workflows::versions))
        .routes(routes!(workflows::activate))
        .routes(routes!(workflows::deactivate))
        .routes(routes!(executions::list, executions::start))
        .routes(routes!(executions::show, executions::delete))
        .routes(routes!(runs::list))
        .routes(routes!(runs::show))
        .routes(routes!(control::cancel))
        .routes(routes!(control::resume))
        .routes(routes!(control::retry))
        .routes(routes!(control::execute_node))
        .routes(routes!(control::execute_from_node))
        .routes(routes!(stream::of_execution))
        .routes(routes!(stream::of_all))
        .routes(routes!(catalogue::list))
        .routes(routes!(catalogue::show))
        .routes(routes!(catalogue::filters))
        .routes(routes!(catalogue::schema))
        .routes(routes!(preview::preview));
    OpenApiRouter::new().nest("/api/v1", routes).routes(routes!(docs::openapi))
}

/// The routes.
pub fn routes() -> Router<Shared> {
    Router::from(described()).route("/api/docs", get(docs::page)).route("/api/docs.css", get(docs::style))
}

/// The OpenAPI document.
pub fn openapi() -> serde_json::Value {
    document::complete(described().into_openapi())
}

/// A limit that was asked for.
fn page_size(asked: Option<usize>) -> Result<usize, Problem> {
    let limit = asked.unwrap_or(PAGE);
    let refused = || invalid_query(&format!("`limit` is a number from 1 to {MAX_PAGE}"));
    (1..=MAX_PAGE).contains(&limit).then_some(limit).ok_or_else(refused)
}
