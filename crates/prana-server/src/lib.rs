//! The HTTP server: the API, webhooks, resume links and live events of an engine over a database.
//!
//! It is made for one machine and one trusted person or team: it listens on loopback alone, and refuses what comes under a foreign name or
//! from a page of another origin. `docs/guide/server.md` shows every route.
//!
//! ```no_run
//! # async fn example() -> Result<(), prana_server::ServerError> {
//! use prana_server::{Options, Server};
//!
//! let running = Server::start(Options::new("prana.db")).await?;
//! println!("http://{}", running.address());
//! running.shut_down().await;
//! # Ok(())
//! # }
//! ```

mod access;
mod admit;
mod api;
mod authorized;
mod changes;
mod checks;
mod codes;
mod feed;
mod fleet;
mod folder;
mod form;
mod guard;
mod health;
mod hide;
mod hooks;
mod inside;
mod keys;
mod limit;
mod links;
mod listen;
mod live;
mod measure;
mod metrics;
mod owner;
mod problem;
mod receive;
mod server;
mod stream;
mod tally;
mod telemetry;
mod ui;
mod wait;

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::{any, get};

pub use access::routes::{ROUTES, Route};
pub use access::tokens::{NewToken, Token};
pub use access::users::User;
pub use access::{Access, AccessError, Scope};
pub use api::openapi;
pub use inside::{Answer, Inside};
pub use owner::Owner;
pub use server::{Options, Running, Server, ServerError, registry};
pub use telemetry::Telemetry;
pub use ui::has_ui;

use crate::problem::Problem;

/// All routes of a server, with the checks that stand before them.
pub fn router(server: &Server) -> Router {
    let shared = Arc::clone(&server.shared);
    Router::new()
        .merge(api::routes())
        .route("/webhook/{*path}", any(hooks::receive))
        .route("/webhook-test/{*path}", any(hooks::receive_test))
        .route("/resume/{token}", get(links::page).post(links::resume))
        .route(authorized::CALLBACK, get(authorized::callback))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(metrics::show))
        .fallback(ui::serve)
        .method_not_allowed_fallback(wrong_method)
        .layer(axum::middleware::from_fn_with_state(Arc::clone(&shared), guard::guard))
        .with_state(shared)
}

async fn wrong_method() -> Problem {
    let detail = "this path doesn't answer to that method; the Allow header names those it does";
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "request.wrong_method", detail)
}
