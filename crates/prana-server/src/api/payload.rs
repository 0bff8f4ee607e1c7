//! Large data in parts: what is at a place in a value, without what is deeper inside.

use axum::Json as Sent;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use prana::Value;
use prana::core::execution::{Execution, NodeExecution};
use prana::template::Map;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::executions::{ExecutionPath, invalid_query};
use super::runs::{RunPath, unknown_run};
use super::trails::load;
use crate::problem::Problem;
use crate::receive::{Asked, Named};
use crate::server::Shared;

type Answer = Result<Response, Problem>;

/// An entry of about this many bytes or fewer comes with its value.
const SMALL: usize = 512;

/// So many entries, or characters times a hundred, come at a time if nobody says, and at most.
const PAGE: usize = 100;
const MAX_PAGE: usize = 1_000;
const CHARS_PER_ENTRY: usize = 100;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct PartAsked {
    /// Which data. Of a node run: `output`, `params`, `input` (what came on each port), `state_updates`, `context_updates`, `resumed`, `error`. Of an
    /// execution: `output`, `trigger_data`, `metadata`.
    #[param(
        required = true,
        pattern = "^(output|params|input|state_updates|context_updates|resumed|error|trigger_data|metadata)$"
    )]
    of: Option<String>,
    /// The place in it, as a JSON pointer (RFC 6901): `/items/0/name`; empty for all of it.
    #[serde(default)]
    #[param(required = false, pattern = "^(/.*)?$")]
    path: String,
    /// How many entries, or characters of a text, to leave out at the beginning.
    #[serde(default)]
    #[param(required = false, default = 0)]
    offset: u32,
    /// How many entries at most; of a text a hundred times as many characters.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<usize>,
}

/// What a piece of data is.
#[derive(Serialize, ToSchema, Clone, Copy, PartialEq, Debug)]
#[serde(rename_all = "snake_case")]
pub(super) enum DataKind {
    Null,
    Bool,
    Number,
    Text,
    List,
    Map,
}

/// An entry of a list or map.
#[derive(Serialize, ToSchema)]
pub(super) struct DataEntry {
    /// Its key in a map, its place in a list.
    key: String,
    #[schema(inline)]
    kind: DataKind,
    /// How many entries or characters it has.
    count: usize,
    /// About how many bytes it takes.
    bytes: usize,
    /// Itself, if it is small; else it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = serde_json::Value, required = false)]
    value: Option<Value>,
}

/// A part of a piece of data.
#[derive(Serialize, ToSchema)]
pub(super) struct DataPart {
    #[schema(inline)]
    kind: DataKind,
    /// How many entries or characters it has.
    count: usize,
    /// About how many bytes it takes.
    bytes: usize,
    /// A null, a truth value or a number, or the asked part of a text.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = serde_json::Value, required = false)]
    value: Option<Value>,
    /// Of a list or map: the asked entries, in order.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    entries: Option<Vec<DataEntry>>,
    /// The `offset` of what follows; null if nothing does.
    #[schema(required = true)]
    next: Option<usize>,
}

fn kind(value: &Value) -> DataKind {
    match value {
        Value::Null => DataKind::Null,
        Value::Bool(_) => DataKind::Bool,
        Value::Str(_) => DataKind::Text,
        Value::List(_) => DataKind::List,
        Value::Map(_) => DataKind::Map,
        _ => DataKind::Number,
    }
}

fn count(value: &Value) -> usize {
    match value {
        Value::Str(text) => text.chars().count(),
        Value::List(list) => list.len(),
        Value::Map(map) => map.len(),
        _ => 0,
    }
}

fn entry(key: String, value: &Value) -> DataEntry {
    let bytes = value.weight();
    let small = bytes <= SMALL;
    DataEntry { key, kind: kind(value), count: count(value), bytes, value: small.then(|| value.clone()) }
}

impl DataPart {
    fn of(value: &Value, offset: usize, limit: usize) -> Self {
        let (entries, inside, page) = match value {
            Value::List(list) => {
                let entries = list.iter().enumerate().skip(offset).take(limit);
                (Some(entries.map(|(place, item)| entry(place.to_string(), item)).collect()), None, limit)
            }
            Value::Map(map) => {
                let entries = map.iter().skip(offset).take(limit);
                (Some(entries.map(|(key, item)| entry(key.to_string(), item)).collect()), None, limit)
            }
            Value::Str(text) => {
                let page = limit * CHARS_PER_ENTRY;
                let part: String = text.chars().skip(offset).take(page).collect();
                (None, Some(Value::from(part)), page)
            }
            other => (None, Some(other.clone()), limit),
        };
        let (count, end) = (count(value), offset.saturating_add(page));
        let next = (end < count).then_some(end);
        DataPart { kind: kind(value), count, bytes: value.weight(), value: inside, entries, next }
    }
}

/// The value at a JSON pointer.
fn at<'v>(value: &'v Value, pointer: &str) -> Option<&'v Value> {
    let Some(steps) = pointer.strip_prefix('/') else { return pointer.is_empty().then_some(value) };
    steps.split('/').try_fold(value, |value, step| {
        let step = step.replace("~1", "/").replace("~0", "~");
        match value {
            Value::Map(map) => map.get(&step),
            Value::List(list) => list.get(step.parse::<usize>().ok()?),
            _ => None,
        }
    })
}

fn respond(asked: &PartAsked, whole: &Value) -> Answer {
    let limit = asked.limit.unwrap_or(PAGE);
    if !(1..=MAX_PAGE).contains(&limit) {
        return Err(invalid_query(&format!("`limit` is a number from 1 to {MAX_PAGE}")));
    }
    let found = at(whole, &asked.path).ok_or_else(|| {
        let detail =
            format!("there is nothing at `{}`: that is no JSON pointer to a place in the data", asked.path);
        Problem::new(StatusCode::NOT_FOUND, "data.not_found", detail)
    })?;
    Ok(Sent(DataPart::of(found, asked.offset as usize, limit)).into_response())
}

fn unknown_data(names: &str) -> Problem {
    invalid_query(&format!("`of` is one of {names}"))
}

/// Gives a part of an execution's data.
///
/// Of a list or map the entries with what each is, and those that are small whole; of a text a stretch. So data of any size can be looked
/// through.
#[utoipa::path(get, path = "/executions/{id}/data", operation_id = "execution_data", tag = "executions", params(ExecutionPath, PartAsked),
    responses(
        (status = 200, description = "What is at that place.", body = DataPart),
        (status = 404, description = "There is no such execution, or nothing at that place: `data.not_found`."),
    ))]
pub(super) async fn of_execution(
    State(shared): State<Shared>,
    Named(ExecutionPath { id }): Named<ExecutionPath>,
    Asked(asked): Asked<PartAsked>,
) -> Answer {
    let (execution, _) = load(&shared, &id).await?;
    match asked.of.as_deref() {
        Some("output") => respond(&asked, &execution.output()),
        Some("trigger_data") => respond(&asked, &execution.trigger_data),
        Some("metadata") => respond(&asked, &execution.metadata),
        _ => Err(unknown_data("`output`, `trigger_data`, `metadata`")),
    }
}

/// Gives a part of a node run's data.
#[utoipa::path(get, path = "/executions/{id}/node_executions/{index}/data", operation_id = "node_execution_data", tag = "executions",
    params(RunPath, PartAsked),
    responses(
        (status = 200, description = "What is at that place.", body = DataPart),
        (status = 404, description = "There is no such node run, or nothing at that place: `data.not_found`."),
    ))]
pub(super) async fn of_run(
    State(shared): State<Shared>,
    Named(RunPath { id, index }): Named<RunPath>,
    Asked(asked): Asked<PartAsked>,
) -> Answer {
    let (execution, _) = load(&shared, &id).await?;
    let run = execution.node_executions.get(index as usize).ok_or_else(|| unknown_run(&id, index))?;
    match asked.of.as_deref() {
        Some("output") => respond(&asked, &run.output),
        Some("params") => respond(&asked, &run.params),
        Some("input") => respond(&asked, &Value::Map(input(&execution, run))),
        Some("state_updates") => respond(&asked, &Value::Map(run.state_updates.clone())),
        Some("context_updates") => respond(&asked, &Value::Map(run.context_updates.clone())),
        Some("resumed") => {
            respond(&asked, run.resumed.as_ref().map_or(&Value::Null, |resumed| &resumed.resumed.data))
        }
        Some("error") => {
            respond(&asked, &run.error.as_ref().map_or(Value::Null, prana::core::ErrorValue::to_value))
        }
        _ => {
            let names = "`output`, `params`, `input`, `state_updates`, `context_updates`, `resumed`, `error`";
            Err(unknown_data(names))
        }
    }
}

/// The newest data on each port of a run; of the trigger what the execution was started with.
pub(super) fn input(execution: &Execution, run: &NodeExecution) -> Map {
    let mut ports = Map::new();
    if run.input_from.is_empty() && run.execution_index == 0 {
        ports.insert("main", execution.trigger_data.clone());
    }
    for (port, sources) in run.input_from.iter() {
        let newest = sources.last().and_then(|source| execution.node_executions.get(*source as usize));
        ports.insert(port, newest.map_or(Value::Null, |source| source.output.clone()));
    }
    ports
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Value {
        Value::parse_json(text.as_bytes()).expect("JSON")
    }

    #[test]
    fn pointers() {
        let value = json(r#"{"a":[1,{"b":2}],"":3,"x/y":{"~":4}}"#);
        for (pointer, expect) in [
            ("", Some(value.to_json_string())),
            ("/a/0", Some("1".to_owned())),
            ("/a/1/b", Some("2".to_owned())),
            ("/", Some("3".to_owned())),
            ("/x~1y/~0", Some("4".to_owned())),
            ("/a/2", None),
            ("/a/-1", None),
            ("/a/0/b", None),
            ("a", None),
            ("/nothing", None),
        ] {
            assert_eq!(at(&value, pointer).map(Value::to_json_string), expect, "{pointer}");
        }
    }

    #[test]
    fn parts() {
        let check = |value: &str, offset: usize, limit: usize, expect: &str| {
            let part = DataPart::of(&json(value), offset, limit);
            let keys = part.entries.map(|entries| entries.into_iter().map(|one| one.key).collect::<Vec<_>>());
            let shown = part.value.map(|value| value.to_json_string());
            let got = format!("{:?} {} {keys:?} {shown:?} {:?}", part.kind, part.count, part.next);
            assert_eq!(got, expect, "{value} {offset} {limit}");
        };
        check("null", 0, 1, "Null 0 None Some(\"null\") None");
        check("[1,2,3]", 0, 2, "List 3 Some([\"0\", \"1\"]) None Some(2)");
        check("[1,2,3]", 2, 2, "List 3 Some([\"2\"]) None None");
        check("[1,2,3]", 9, 2, "List 3 Some([]) None None");
        check(r#"{"a":1,"b":2}"#, 1, 1, "Map 2 Some([\"b\"]) None None");
        check(
            &format!("\"{}\"", "ü".repeat(101)),
            0,
            1,
            &format!("Text 101 None Some(\"\\\"{}\\\"\") Some(100)", "ü".repeat(100)),
        );
    }

    #[test]
    fn what_is_large_comes_without_its_value() {
        let part = DataPart::of(&json(&format!(r#"{{"large":"{}","small":[1]}}"#, "x".repeat(2_000))), 0, 10);
        let entries = part.entries.expect("a map");
        assert_eq!((entries[0].value.is_none(), entries[0].count), (true, 2_000));
        assert_eq!(entries[1].value.as_ref().map(Value::to_json_string).as_deref(), Some("[1]"));
    }
}
