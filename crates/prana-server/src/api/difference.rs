//! What differs: between two versions of a workflow, between two executions.

use std::collections::HashMap;

use axum::Json as Sent;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use prana::Value;
use prana::core::execution::{Execution, NodeExecution};
use prana::store::Which;
use prana::template::Map;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::executions::invalid_query;
use super::trails::load;
use super::workflows::{WorkflowPath, document_of, stored};
use super::{page_size, shapes};
use crate::problem::Problem;
use crate::receive::{Asked, Named};
use crate::server::Shared;

type Answer = Result<Response, Problem>;

/// More changes than this are not told one by one.
const MOST: usize = 2_000;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct VersionsAsked {
    /// The one version.
    #[param(required = true, minimum = 0, maximum = 999_999_999_999_999_i64)]
    from: Option<u64>,
    /// The other version; the newest, if not said.
    #[param(minimum = 0, maximum = 999_999_999_999_999_i64)]
    to: Option<u64>,
}

/// What happened to a place.
#[derive(Serialize, ToSchema, Clone, Copy, PartialEq, Debug)]
#[serde(rename_all = "snake_case")]
pub(super) enum ChangeKind {
    Added,
    Removed,
    Changed,
}

/// A place that differs.
#[derive(Serialize, ToSchema)]
pub(super) struct DocumentChange {
    #[schema(inline)]
    kind: ChangeKind,
    /// The place. Nodes are named by their key: `["nodes", "send", "params", "url"]`.
    path: Vec<String>,
    /// What the one version has there; left out if it was added.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = serde_json::Value, required = false)]
    before: Option<Value>,
    /// What the other version has there; left out if it was removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = serde_json::Value, required = false)]
    after: Option<Value>,
}

/// What differs between two versions.
#[derive(Serialize, ToSchema)]
pub(super) struct DocumentDifference {
    id: String,
    from: u64,
    to: u64,
    changes: Vec<DocumentChange>,
    /// False if there are more changes than are told.
    complete: bool,
}

/// Compares two versions of a workflow.
#[utoipa::path(get, path = "/workflows/{id}/difference", operation_id = "compare_versions", tag = "workflows",
    params(WorkflowPath, VersionsAsked), responses((status = 200, description = "What differs.", body = DocumentDifference)))]
pub(super) async fn versions(
    State(shared): State<Shared>,
    Named(WorkflowPath { id }): Named<WorkflowPath>,
    Asked(asked): Asked<VersionsAsked>,
) -> Answer {
    let from = asked.from.ok_or_else(|| invalid_query("say which version: `from`"))?;
    let from = stored(&shared, &id, Which::Version(from)).await?;
    let to = stored(&shared, &id, asked.to.map_or(Which::Latest, Which::Version)).await?;
    let mut changes = Vec::new();
    let (before, after) = (by_key(document_of(&from)?), by_key(document_of(&to)?));
    compare(&mut Vec::new(), &before, &after, &mut changes);
    let complete = changes.len() <= MOST;
    changes.truncate(MOST);
    Ok(Sent(DocumentDifference { id, from: from.version, to: to.version, changes, complete }).into_response())
}

/// The same document with its nodes named instead of numbered, so that moving one changes nothing.
fn by_key(document: Value) -> Value {
    let (Value::Map(mut map), Some(nodes)) =
        (document.clone(), document.get("nodes").and_then(Value::as_list))
    else {
        return document;
    };
    let mut named = Map::new();
    for node in nodes.iter() {
        let Some(key) = node.get("key").and_then(Value::as_str) else { return document };
        named.insert(key, node.clone());
    }
    map.insert("nodes", Value::Map(named));
    Value::Map(map)
}

fn compare(path: &mut Vec<String>, before: &Value, after: &Value, changes: &mut Vec<DocumentChange>) {
    if before == after || changes.len() > MOST {
        return;
    }
    let (Value::Map(left), Value::Map(right)) = (before, after) else {
        let (before, after) = (Some(before.clone()), Some(after.clone()));
        changes.push(DocumentChange { kind: ChangeKind::Changed, path: path.clone(), before, after });
        return;
    };
    for (key, one) in left.iter() {
        path.push(key.to_string());
        match right.get(key) {
            Some(other) => compare(path, one, other, changes),
            None => changes.push(DocumentChange {
                kind: ChangeKind::Removed,
                path: path.clone(),
                before: Some(one.clone()),
                after: None,
            }),
        }
        path.pop();
    }
    for (key, other) in right.iter().filter(|(key, _)| left.get(key).is_none()) {
        path.push(key.to_string());
        let after = Some(other.clone());
        changes.push(DocumentChange { kind: ChangeKind::Added, path: path.clone(), before: None, after });
        path.pop();
    }
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct ExecutionsAsked {
    /// The one execution.
    #[param(required = true, value_type = String, format = Uuid)]
    left: Option<String>,
    /// The other.
    #[param(required = true, value_type = String, format = Uuid)]
    right: Option<String>,
    /// Leaves out the runs that are the same in both.
    #[serde(default)]
    #[param(required = false, default = false)]
    only_different: bool,
    /// What `next` of the page before says.
    #[serde(default)]
    #[param(required = false)]
    after: u32,
    /// How many at most.
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<usize>,
}

/// A run of one of the two.
#[derive(Serialize, ToSchema)]
pub(super) struct ComparedRun {
    execution_index: u32,
    #[schema(value_type = shapes::NodeStatus)]
    status: prana::core::execution::NodeStatus,
    /// The port that it left by.
    #[schema(required = true)]
    output_port: Option<String>,
    /// How long it took, waits included; null while it goes on.
    #[schema(required = true)]
    duration_ms: Option<u64>,
}

/// What is compared of two runs.
#[derive(Serialize, ToSchema, Clone, Copy, PartialEq, Debug)]
#[serde(rename_all = "snake_case")]
pub(super) enum Aspect {
    Status,
    OutputPort,
    Params,
    Input,
    Output,
    Error,
    Attempts,
}

/// A run that both have, or one alone.
#[derive(Serialize, ToSchema)]
pub(super) struct RunPair {
    node_key: String,
    loop_path: String,
    #[schema(required = true)]
    left: Option<ComparedRun>,
    #[schema(required = true)]
    right: Option<ComparedRun>,
    /// What differs, if both have it.
    #[schema(inline)]
    differs: Vec<Aspect>,
}

/// The runs of two executions, side by side.
#[derive(Serialize, ToSchema)]
pub(super) struct ExecutionDifference {
    /// In the order of the left one; those that the right one alone has come last.
    runs: Vec<RunPair>,
    /// What to send as `after` for the next page; null on the last.
    #[schema(required = true)]
    next: Option<usize>,
}

/// Compares two executions, run by run.
///
/// Runs belong together by their node, their iteration, and how often that node ran in it before.
#[utoipa::path(get, path = "/executions/difference", operation_id = "compare_executions", tag = "executions", params(ExecutionsAsked),
    responses(
        (status = 200, description = "The runs of both.", body = ExecutionDifference),
        (status = 404, description = "There is no such execution: `execution.not_found`."),
    ))]
pub(super) async fn executions(State(shared): State<Shared>, Asked(asked): Asked<ExecutionsAsked>) -> Answer {
    let (Some(left), Some(right)) = (&asked.left, &asked.right) else {
        return Err(invalid_query("say which executions: `left` and `right`"));
    };
    let limit = page_size(asked.limit)?;
    let ((left, _), (right, _)) = (load(&shared, left).await?, load(&shared, right).await?);
    let from = asked.after as usize;
    let mut rows = pairs(&left, &right);
    if asked.only_different {
        rows.retain(|(left, right)| left.is_none() || right.is_none() || !differs(*left, *right).is_empty());
    }
    let next = (from.saturating_add(limit) < rows.len()).then(|| from + limit);
    let shown = rows.into_iter().skip(from).take(limit);
    let sides = (&*left, &*right);
    let runs = shown.filter_map(|(left, right)| pair(sides, left, right)).collect();
    Ok(Sent(ExecutionDifference { runs, next }).into_response())
}

type Side<'e> = Option<&'e NodeExecution>;

/// Belonging together: node, iteration, and which of its runs there.
fn places(execution: &Execution) -> Vec<((String, String, usize), &NodeExecution)> {
    let mut seen: HashMap<(String, String), usize> = HashMap::new();
    let place = |run: &NodeExecution| {
        let key = (run.node_key.to_string(), run.loop_path.to_string());
        let count = seen.entry(key.clone()).or_default();
        *count += 1;
        (key.0, key.1, *count)
    };
    let numbers: Vec<_> = execution.node_executions.iter().map(place).collect();
    numbers.into_iter().zip(&execution.node_executions).collect()
}

fn pairs<'e>(left: &'e Execution, right: &'e Execution) -> Vec<(Side<'e>, Side<'e>)> {
    let others = places(right);
    let mut by_place: HashMap<_, _> = others.iter().map(|(place, run)| (place.clone(), *run)).collect();
    let mut rows: Vec<(Side<'e>, Side<'e>)> =
        places(left).into_iter().map(|(place, run)| (Some(run), by_place.remove(&place))).collect();
    let alone = others.iter().filter(|(place, _)| by_place.contains_key(place));
    rows.extend(alone.map(|(_, run)| (None, Some(*run))));
    rows
}

/// All but the input, which is made of other runs.
fn differs(left: Side<'_>, right: Side<'_>) -> Vec<Aspect> {
    let (Some(left), Some(right)) = (left, right) else { return Vec::new() };
    let checks = [
        (Aspect::Status, left.status == right.status),
        (Aspect::OutputPort, left.output_port == right.output_port),
        (Aspect::Params, left.params == right.params),
        (Aspect::Output, left.output == right.output),
        (Aspect::Error, left.error == right.error),
        (Aspect::Attempts, left.attempts.len() == right.attempts.len()),
    ];
    checks.into_iter().filter(|(_, same)| !same).map(|(aspect, _)| aspect).collect()
}

fn pair(sides: (&Execution, &Execution), left: Side<'_>, right: Side<'_>) -> Option<RunPair> {
    let one = left.or(right)?;
    let mut aspects = differs(left, right);
    if let (Some(left), Some(right)) = (left, right)
        && super::payload::input(sides.0, left) != super::payload::input(sides.1, right)
    {
        aspects.push(Aspect::Input);
    }
    Some(RunPair {
        node_key: one.node_key.to_string(),
        loop_path: one.loop_path.to_string(),
        left: left.map(compared),
        right: right.map(compared),
        differs: aspects,
    })
}

fn compared(run: &NodeExecution) -> ComparedRun {
    ComparedRun {
        execution_index: run.execution_index,
        status: run.status,
        output_port: run.output_port.as_ref().map(ToString::to_string),
        duration_ms: run.completed_at.map(|end| end.millis_since(run.started_at)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_compared_by_place() {
        let check = |before: &str, after: &str, expect: &[&str]| {
            let json = |text: &str| by_key(Value::parse_json(text.as_bytes()).expect("JSON"));
            let mut changes = Vec::new();
            compare(&mut Vec::new(), &json(before), &json(after), &mut changes);
            let shown: Vec<String> =
                changes.iter().map(|change| format!("{:?} {}", change.kind, change.path.join("/"))).collect();
            assert_eq!(shown, expect, "{before} {after}");
        };
        let nodes = |inner: &str| format!(r#"{{"id":"w","nodes":[{inner}]}}"#);
        let (a, b) = (r#"{"key":"a","params":{"x":1}}"#, r#"{"key":"b"}"#);
        check(&nodes(&format!("{a},{b}")), &nodes(&format!("{b},{a}")), &[]);
        check(
            &nodes(a),
            &nodes(r#"{"key":"a","params":{"x":2,"y":[1]}}"#),
            &["Changed nodes/a/params/x", "Added nodes/a/params/y"],
        );
        check(&nodes(&format!("{a},{b}")), &nodes(a), &["Removed nodes/b"]);
        check(r#"{"id":"w","nodes":7}"#, r#"{"id":"w"}"#, &["Removed nodes"]);
        check("[1]", "[2]", &["Changed "]);
    }
}
