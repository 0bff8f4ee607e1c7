//! For who runs the server: the change log, backups.

use std::path::PathBuf;

use axum::Json as Sent;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};

use super::page_size;
use crate::access::{Caller, Who};
use crate::changes::{Change, Note};
use crate::problem::Problem;
use crate::receive::{Asked, Json};
use crate::server::Shared;

type Answer = Result<Response, Problem>;

/// Which changes.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ChangesAsked {
    /// `next` of the page before.
    cursor: Option<String>,
    /// How many at most: 1 to 500.
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<usize>,
}

/// A page of the change log.
#[derive(Serialize, ToSchema)]
pub(super) struct ChangesPage {
    /// The newest first.
    changes: Vec<Change>,
    /// Where the next page begins; null on the last.
    next: Option<String>,
}

/// Who changed what, and when: the newest first.
#[utoipa::path(get, path = "/changes", operation_id = "list_changes", tag = "operations", params(ChangesAsked),
    responses((status = 200, description = "A page of the change log.", body = ChangesPage)))]
pub(super) async fn changes(State(shared): State<Shared>, Asked(asked): Asked<ChangesAsked>) -> Answer {
    let page = shared.changes.page(asked.cursor.as_deref(), page_size(asked.limit)?).await?;
    Ok(Sent(ChangesPage { changes: page.changes, next: page.next }).into_response())
}

/// Where a backup goes.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Backup {
    /// A file that doesn't exist yet, on the machine of the server: an absolute path.
    path: String,
}

/// Copies the whole database, as of now, into a new file beside the server, while work goes on. Only programs on its machine may ask for that.
#[utoipa::path(post, path = "/backup", operation_id = "backup", tag = "operations", request_body = Backup,
    responses(
        (status = 200, description = "The file is whole.", body = BackupDone),
        (status = 409, description = "The file exists, or can't be written: `backup.refused`."),
    ))]
pub(super) async fn backup(
    State(shared): State<Shared>,
    Extension(caller): Extension<Caller>,
    Json(body): Json<Backup>,
) -> Answer {
    if !matches!(caller.who, Who::Local) {
        // A path on the server's machine is for who has an account there.
        let detail = "a backup is made on the server's machine: `prana backup FILE --db DATABASE`";
        return Err(Problem::new(StatusCode::FORBIDDEN, "backup.only_local", detail));
    }
    let path = PathBuf::from(&body.path);
    let refused = |detail: String| Problem::new(StatusCode::CONFLICT, "backup.refused", detail);
    if !path.is_absolute() {
        return Err(refused(format!("`{}` is not an absolute path", body.path)));
    }
    let Some(file) = &shared.file else {
        let detail =
            "this database is on a PostgreSQL server: back it up with the tools of that, such as pg_dump";
        return Err(refused(detail.to_owned()));
    };
    file.backup(&path).await.map_err(|error| refused(error.to_string()))?;
    let bytes = std::fs::metadata(&path).map_or(0, |facts| facts.len());
    let note = Note::new(&body.path, json!({"bytes": bytes}));
    Ok(note.on(Sent(BackupDone { path: body.path, bytes }).into_response()))
}

/// A backup that was made.
#[derive(Serialize, ToSchema)]
pub(super) struct BackupDone {
    /// The file.
    path: String,
    /// Its length.
    bytes: u64,
}
