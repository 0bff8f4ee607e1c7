//! Listening for a test webhook, from the editor.

use std::time::Duration;

use axum::Json as Sent;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use prana::Value;
use prana::store::Which;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::executions::invalid_query;
use super::workflows::{WorkflowPath, keep, stored};
use crate::hooks;
use crate::problem::Problem;
use crate::receive::{Json, Named};
use crate::server::Shared;

/// How long is listened if nobody says, and at most, in seconds.
const SECONDS: u64 = 60;
const MAX_SECONDS: u64 = 300;

/// What to listen for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Listen {
    /// The document to run, as it is in the editor; else a stored version.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    workflow: Option<Value>,
    /// The stored version to run; the newest, if not said.
    #[serde(default)]
    version: Option<u64>,
    /// The key of the webhook; needed where the workflow has several.
    #[serde(default)]
    trigger: Option<String>,
    /// How long to listen: 60 if not said.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 300)]
    seconds: Option<u64>,
}

/// What was heard.
#[derive(Serialize, ToSchema)]
pub(super) struct Heard {
    /// The test execution that the request started; null if none came in time.
    #[schema(required = true)]
    execution_id: Option<String>,
    /// The version that it runs.
    version: u64,
    /// Where was listened.
    path: String,
}

/// Waits for one request to a test webhook, and runs the document with it.
///
/// The request goes to `/webhook-test/{path}`, with the path, methods and proofs of the trigger. The execution is a test: pinned data counts. The
/// answer comes as soon as it is stored; if no request came in time, `execution_id` is null. Whoever hangs up listens no more.
#[utoipa::path(post, path = "/workflows/{id}/listen", operation_id = "listen_for_webhook", tag = "workflows", params(WorkflowPath),
    request_body = Listen,
    responses(
        (status = 200, description = "A request came, or the time is over.", body = Heard),
        (status = 409, description = "A request came, and nothing could be started with it: `webhook.listen_failed`."),
        (status = 422, description = "The document has errors (`workflow.invalid`), or a webhook that can't be served (`webhook.refused`)."),
    ))]
pub(super) async fn listen(
    State(shared): State<Shared>,
    Named(WorkflowPath { id }): Named<WorkflowPath>,
    Json(body): Json<Listen>,
) -> Result<Response, Problem> {
    let seconds = body.seconds.unwrap_or(SECONDS);
    if !(1..=MAX_SECONDS).contains(&seconds) {
        return Err(invalid_query(&format!("`seconds` is a number from 1 to {MAX_SECONDS}")));
    }
    let version = match &body.workflow {
        Some(document) => kept(&shared, &id, document).await?,
        None => stored(&shared, &id, body.version.map_or(Which::Latest, Which::Version)).await?.version,
    };
    let workflow = hooks::read(&stored(&shared, &id, Which::Version(version)).await?)?;
    let trigger = hooks::trigger(&shared, &workflow, body.trigger.as_deref())?;
    let hook = hooks::hook(&shared, &workflow, version, trigger)?;
    let path = format!("/webhook-test/{}", hook.params.path.trim_start_matches('/'));
    let execution_id = heard(&shared, hook, Duration::from_secs(seconds)).await?;
    Ok(Sent(Heard { execution_id, version, path }).into_response())
}

async fn kept(shared: &Shared, id: &str, document: &Value) -> Result<u64, Problem> {
    let (of, version) = keep(shared, document).await?;
    if of != id {
        let detail = format!("the document is of `{of}`, and the path names `{id}`");
        return Err(Problem::bad_request("workflow.other_id", detail));
    }
    Ok(version)
}

async fn heard(shared: &Shared, hook: hooks::Hook, time: Duration) -> Result<Option<String>, Problem> {
    let Some(mut listening) = shared.listeners.add(hook) else {
        return Err(Problem::unavailable("server.busy", "too many listen already; try again"));
    };
    let mut closing = shared.closing.subscribe();
    tokio::select! {
        heard = &mut listening.heard => match heard {
            Ok(id) => Ok(Some(id.to_string())),
            Err(_) => {
                let detail = "a request came, and nothing could be started with it";
                Err(Problem::new(StatusCode::CONFLICT, "webhook.listen_failed", detail))
            }
        },
        () = tokio::time::sleep(time) => Ok(None),
        _ = closing.wait_for(|closing| *closing) => Ok(None),
    }
}
