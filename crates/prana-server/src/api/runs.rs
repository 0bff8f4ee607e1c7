//! The node runs of an execution.

use axum::Json as Sent;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use prana::core::execution::{NodeExecution, NodeStatus};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};

use super::executions::{ExecutionPath, invalid_query};
use super::trails::load;
use super::{page_size, shapes};
use crate::problem::Problem;
use crate::receive::{Asked, Named};
use crate::server::Shared;

type Answer = Result<Response, Problem>;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct RunsAsked {
    /// What `next` of the page before says.
    after: Option<u32>,
    /// How many at most.
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<usize>,
    /// Payloads to give, too, with commas: `params`, `output`, `state_updates`, `context_updates`.
    #[param(
        pattern = "^(params|output|state_updates|context_updates)(,(params|output|state_updates|context_updates))*$"
    )]
    include: Option<String>,
    /// Only the runs of this node.
    node: Option<String>,
    /// Only those in this iteration, or in what it encloses: `pages:0`.
    loop_path: Option<String>,
    /// Only those of this status.
    #[param(value_type = Option<shapes::NodeStatus>, inline)]
    status: Option<NodeStatus>,
}

impl RunsAsked {
    fn wants(&self, run: &NodeExecution) -> bool {
        let inside = |path: &String| {
            let own = run.loop_path.to_string();
            own.strip_prefix(path.as_str())
                .is_some_and(|rest| path.is_empty() || rest.is_empty() || rest.starts_with('/'))
        };
        self.node.as_ref().is_none_or(|node| *node == *run.node_key)
            && self.status.is_none_or(|status| status == run.status)
            && self.loop_path.as_ref().is_none_or(inside)
    }
}

/// Node runs, in order of start.
#[derive(Serialize, ToSchema)]
pub(super) struct NodeExecutionPage {
    #[schema(value_type = Vec<shapes::NodeExecution>)]
    node_executions: Vec<Value>,
    /// What to send as `after` for the next page; null on the last.
    #[schema(required = true)]
    next: Option<u32>,
}

/// Lists the node runs of an execution.
#[utoipa::path(get, path = "/executions/{id}/node_executions", operation_id = "list_node_executions", tag = "executions",
    params(ExecutionPath, RunsAsked), responses((status = 200, description = "Node runs, in order of start.", body = NodeExecutionPage)))]
pub(super) async fn list(
    State(shared): State<Shared>,
    Named(ExecutionPath { id }): Named<ExecutionPath>,
    Asked(asked): Asked<RunsAsked>,
) -> Answer {
    let include: Vec<&str> = asked.include.as_deref().map_or(Vec::new(), |text| text.split(',').collect());
    if include.iter().any(|name| !PAYLOADS.contains(name)) {
        return Err(invalid_query(&format!("`include` names some of {}", PAYLOADS.join(", "))));
    }
    let limit = page_size(asked.limit)?;
    let (execution, _) = load(&shared, &id).await?;
    let from = asked.after.map_or(0, |after| after as usize + 1);
    let runs = &execution.node_executions;
    let mut page: Vec<&NodeExecution> =
        runs.iter().skip(from).filter(|run| asked.wants(run)).take(limit + 1).collect();
    let more = page.len() > limit;
    page.truncate(limit);
    let next = page.last().filter(|_| more).map(|last| last.execution_index);
    let node_executions = page.into_iter().map(|run| run_json(run, &include)).collect();
    Ok(Sent(NodeExecutionPage { node_executions, next }).into_response())
}

/// What may be large.
const PAYLOADS: [&str; 4] = ["params", "output", "state_updates", "context_updates"];

fn run_json(run: &NodeExecution, include: &[&str]) -> Value {
    let mut json = json!(run);
    if let Some(fields) = json.as_object_mut() {
        fields.retain(|name, _| !PAYLOADS.contains(&name.as_str()) || include.contains(&name.as_str()));
    }
    json
}

/// The node run that a path names.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct RunPath {
    /// The execution's id.
    #[param(format = Uuid)]
    pub id: String,
    /// Its `execution_index`.
    pub index: u32,
}

/// Shows a node run with all its payloads.
#[utoipa::path(get, path = "/executions/{id}/node_executions/{index}", operation_id = "show_node_execution", tag = "executions",
    params(RunPath), responses((status = 200, description = "The node run.", body = shapes::NodeExecution)))]
pub(super) async fn show(
    State(shared): State<Shared>,
    Named(RunPath { id, index }): Named<RunPath>,
) -> Answer {
    let (execution, _) = load(&shared, &id).await?;
    match execution.node_executions.get(index as usize) {
        Some(run) => Ok(Sent(json!(run)).into_response()),
        None => Err(unknown_run(&id, index)),
    }
}

pub(super) fn unknown_run(id: &str, index: u32) -> Problem {
    let detail = format!("execution {id} has no node run {index}");
    Problem::new(StatusCode::NOT_FOUND, "node_execution.not_found", detail)
}
