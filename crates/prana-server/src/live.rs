//! What is live: workflows become active and inactive, and with them their webhooks and schedules.

use axum::http::StatusCode;
use prana::core::diagnostic::Diagnostic;
use prana::store::WorkflowVersion;

use crate::checks;
use crate::problem::Problem;
use crate::server::Shared;

/// Makes a stored version the one that new executions run. What there is to say about it comes back.
///
/// # Errors
/// A version with errors, a webhook that can't be served or whose path is taken; what is live stays as it was.
pub async fn activate(shared: &Shared, stored: &WorkflowVersion) -> Result<Vec<Diagnostic>, Problem> {
    let _change = shared.hooks.changing().await;
    let workflow = crate::hooks::read(stored)?;
    let findings = checks::findings(&workflow, shared.engine.registry());
    if findings.iter().any(Diagnostic::is_error) {
        return Err(Problem::findings(&findings));
    }
    let hooks = shared.hooks.check(shared, &workflow, stored.version)?;
    let id = &stored.workflow_id;
    if !shared.engine.catalog().activate(id, Some(stored.version), shared.clock.now()).await? {
        return Err(unknown(id));
    }
    shared.hooks.put(id, hooks);
    shared.engine.sync_schedules(id).await?;
    Ok(findings)
}

/// Lets no new executions of a workflow begin.
///
/// # Errors
/// There is none.
pub async fn deactivate(shared: &Shared, id: &str) -> Result<(), Problem> {
    let _change = shared.hooks.changing().await;
    if !shared.engine.catalog().activate(id, None, shared.clock.now()).await? {
        return Err(unknown(id));
    }
    forget(shared, id).await
}

/// Takes a workflow out of the catalogue.
///
/// # Errors
/// There is none.
pub async fn delete(shared: &Shared, id: &str) -> Result<(), Problem> {
    let _change = shared.hooks.changing().await;
    if !shared.engine.catalog().delete_workflow(id).await? {
        return Err(unknown(id));
    }
    forget(shared, id).await
}

async fn forget(shared: &Shared, id: &str) -> Result<(), Problem> {
    shared.hooks.forget(id);
    Ok(shared.engine.sync_schedules(id).await?)
}

/// There is no such workflow.
pub fn unknown(id: &str) -> Problem {
    let detail = format!("there is no workflow `{id}`, or none of that version");
    Problem::new(StatusCode::NOT_FOUND, "workflow.not_found", detail)
}
