//! `/api/v1`, and what describes it: the OpenAPI document is made of the routes themselves.

mod access;
mod bulk;
mod catalogue;
mod control;
mod credentials;
mod dashboard;
mod difference;
mod docs;
mod document;
mod executions;
mod listen;
mod operations;
mod payload;
mod preview;
mod runs;
mod schedules;
mod scope;
mod secrets;
mod shapes;
mod summary;
mod trails;
mod workflows;

use axum::Router;
use axum::routing::get;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) use self::control::{AnswerTaken, taken};
pub(crate) use self::executions::ExecutionPath;
use self::executions::invalid_query;
pub(crate) use self::shapes::Event as EventData;
pub(crate) use self::trails::Trails;
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
        .routes(routes!(difference::versions))
        .routes(routes!(workflows::activate))
        .routes(routes!(workflows::deactivate))
        .routes(routes!(listen::listen))
        .routes(routes!(schedules::list))
        .routes(routes!(schedules::show))
        .routes(routes!(schedules::pause))
        .routes(routes!(schedules::resume))
        .routes(routes!(secrets::list))
        .routes(routes!(secrets::show, secrets::put, secrets::delete))
        .routes(routes!(secrets::rotate))
        .routes(routes!(credentials::list))
        .routes(routes!(credentials::show, credentials::put, credentials::delete))
        .routes(routes!(credentials::test))
        .routes(routes!(credentials::authorize))
        .routes(routes!(executions::list, executions::start))
        .routes(routes!(bulk::bulk))
        .routes(routes!(difference::executions))
        .routes(routes!(executions::show, executions::delete))
        .routes(routes!(payload::of_execution))
        .routes(routes!(runs::list))
        .routes(routes!(runs::show))
        .routes(routes!(payload::of_run))
        .routes(routes!(control::cancel))
        .routes(routes!(control::resume))
        .routes(routes!(control::retry))
        .routes(routes!(control::execute_node))
        .routes(routes!(control::execute_from_node))
        .routes(routes!(dashboard::dashboard))
        .routes(routes!(stream::of_execution))
        .routes(routes!(stream::of_all))
        .routes(routes!(catalogue::list))
        .routes(routes!(catalogue::show))
        .routes(routes!(catalogue::filters))
        .routes(routes!(catalogue::schema))
        .routes(routes!(preview::preview))
        .routes(routes!(access::session))
        .routes(routes!(access::log_in))
        .routes(routes!(access::log_out))
        .routes(routes!(access::change_password))
        .routes(routes!(access::tokens, access::create_token))
        .routes(routes!(access::revoke_token))
        .routes(routes!(access::users))
        .routes(routes!(access::put_user, access::delete_user))
        .routes(routes!(operations::changes))
        .routes(routes!(operations::backup));
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
