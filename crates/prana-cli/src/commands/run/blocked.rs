//! Whether an execution can go on by itself, and what it waits for if not.

use std::pin::Pin;

use prana::core::ExecutionId;
use prana::core::execution::NodeStatus;
use prana::core::suspension::Suspension;
use prana::store::{Filter, Scope, Status};

use super::{Handle, is_due};

/// Sub-workflows nest at most this deep.
const MAX_DEPTH: usize = 64;

/// A wait that is open.
#[derive(Debug)]
pub struct Open {
    /// Whose.
    pub execution: ExecutionId,
    /// The node that waits.
    pub node: String,
    /// Whether somebody is to answer.
    pub takes_answer: bool,
}

/// The open waits of an execution and of the executions that it waits for.
pub async fn open_waits(engine: &Handle, root: ExecutionId) -> Vec<Open> {
    let mut found = Vec::new();
    let mut waiting = vec![(root, 0)];
    while let Some((id, depth)) = waiting.pop() {
        let Ok(execution) = engine.execution(id).await else { continue };
        for run in execution.node_executions.iter().filter(|run| run.status == NodeStatus::Suspended) {
            let takes_answer =
                matches!(run.suspension, Some(Suspension::Webhook { .. } | Suspension::Decision { .. }));
            found.push(Open { execution: id, node: run.node_key.to_string(), takes_answer });
        }
        if depth < MAX_DEPTH {
            waiting.extend(children(engine, id).await.into_iter().map(|child| (child, depth + 1)));
        }
    }
    found
}

async fn children(engine: &Handle, id: ExecutionId) -> Vec<ExecutionId> {
    let statuses = vec![Status::Pending, Status::Running, Status::Suspended];
    let filter = Filter { statuses, scope: Scope::ChildrenOf(id), ..Filter::default() };
    let page = engine.store().list(&filter, None, 1_000).await.unwrap_or_default();
    page.rows.iter().map(|row| row.id).collect()
}

/// Whether only somebody outside can bring an execution further.
pub async fn is_blocked(engine: &Handle, id: ExecutionId) -> bool {
    blocked(engine, id, 0).await
}

fn blocked(
    engine: &Handle,
    id: ExecutionId,
    depth: usize,
) -> Pin<Box<dyn Future<Output = bool> + Send + '_>> {
    Box::pin(async move {
        let Ok(row) = engine.row(id).await else { return false };
        if row.status != Status::Suspended || row.claimed_by.is_some() || is_due(&row) || depth > MAX_DEPTH {
            return false;
        }
        let Ok(execution) = engine.execution(id).await else { return false };
        let open = execution.node_executions.iter().filter(|run| run.status == NodeStatus::Suspended);
        let mut any = false;
        for run in open {
            any = true;
            let waits_outside = match run.suspension {
                Some(Suspension::Webhook { .. } | Suspension::Decision { .. }) => true,
                Some(Suspension::SubWorkflow { .. }) => children_blocked(engine, id, depth).await,
                _ => false,
            };
            if !waits_outside {
                return false;
            }
        }
        any
    })
}

async fn children_blocked(engine: &Handle, id: ExecutionId, depth: usize) -> bool {
    let children = children(engine, id).await;
    for child in &children {
        if !blocked(engine, *child, depth + 1).await {
            return false;
        }
    }
    !children.is_empty()
}
