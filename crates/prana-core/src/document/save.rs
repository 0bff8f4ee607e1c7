//! A workflow back into its document: the canonical form, fields in one order, defaults left out.

use prana_template::{List, Map, Str, Value};
use rustc_hash::FxHashMap;

use super::model::{Concurrency, Connection, Node, NodeSettings, Position, Workflow, WorkflowSettings};
use super::write_yaml;
use crate::duration;

/// The document as a value. [`from_value`](super::from_value) reads it back to the same workflow.
pub fn to_value(workflow: &Workflow) -> Value {
    let mut map = Map::new();
    map.insert("id", workflow.id.as_str());
    put(&mut map, "name", workflow.name.as_deref());
    put(&mut map, "description", workflow.description.as_deref());
    put(&mut map, "version", workflow.version);
    put(&mut map, "variables", filled(workflow.variables.clone()));
    put(&mut map, "settings", filled(workflow_settings(&workflow.settings)));
    map.insert("nodes", workflow.nodes.iter().map(node).collect::<Value>());
    put(&mut map, "connections", filled(connections(&workflow.connections)));
    Value::Map(map)
}

/// The document as JSON with two blanks of indentation and a final line break.
pub fn to_json(workflow: &Workflow) -> String {
    let json = serde_json::Value::from(&to_value(workflow));
    format!("{json:#}\n")
}

/// The document as YAML with a final line break.
pub fn to_yaml(workflow: &Workflow) -> String {
    write_yaml::write(&to_value(workflow))
}

/// Any value as YAML with a final line break: it reads back to the same value.
pub fn value_to_yaml(value: &Value) -> String {
    write_yaml::write(value)
}

fn put(map: &mut Map, key: &'static str, value: Option<impl Into<Value>>) {
    if let Some(value) = value {
        map.insert(key, value);
    }
}

fn filled(map: Map) -> Option<Map> {
    (!map.is_empty()).then_some(map)
}

/// A setting, if it is not the default.
fn changed<T: PartialEq>(value: T, default: T) -> Option<T> {
    (value != default).then_some(value)
}

fn node(node: &Node) -> Value {
    let mut map = Map::new();
    map.insert("key", node.key.as_str());
    put(&mut map, "name", node.name.as_deref());
    map.insert("type", node.type_name.as_str());
    put(&mut map, "params", node.params.as_map().cloned().and_then(filled));
    put(&mut map, "settings", filled(node_settings(&node.settings)));
    put(&mut map, "position", node.position.map(position));
    put(&mut map, "notes", node.notes.as_deref());
    put(&mut map, "disabled", changed(node.disabled, false));
    put(&mut map, "pinned", node.pinned.clone());
    Value::Map(map)
}

/// Whole coordinates are written as integers.
pub(crate) fn position(position: Position) -> Map {
    let number = |float: f64| match float {
        #[allow(clippy::cast_possible_truncation)]
        whole if whole.fract() == 0.0 && whole.abs() < 1e15 => Value::Int(whole as i64),
        _ => Value::from(float),
    };
    let mut map = Map::new();
    map.insert("x", number(position.x));
    map.insert("y", number(position.y));
    map
}

fn workflow_settings(settings: &WorkflowSettings) -> Map {
    let default = WorkflowSettings::default();
    let mut map = Map::new();
    put(&mut map, "timeout", settings.timeout.map(|millis| duration::print(millis).to_string()));
    put(&mut map, "max_iterations", changed(settings.max_iterations, default.max_iterations));
    put(&mut map, "max_memory_mb", changed(settings.max_memory_mb, default.max_memory_mb));
    put(&mut map, "on_suspend", changed(settings.on_suspend, default.on_suspend).map(|word| word.as_str()));
    put(&mut map, "durability", changed(settings.durability, default.durability).map(|word| word.as_str()));
    put(&mut map, "save", changed(settings.save, default.save).map(|word| word.as_str()));
    put(&mut map, "retention", settings.retention.map(|millis| duration::print(millis).to_string()));
    put(&mut map, "error_workflow", settings.error_workflow.as_deref());
    put(&mut map, "concurrency", settings.concurrency.as_ref().map(concurrency));
    map
}

fn concurrency(concurrency: &Concurrency) -> Map {
    let mut map = Map::new();
    map.insert("limit", concurrency.limit);
    put(&mut map, "key", concurrency.key.as_deref());
    map
}

fn node_settings(settings: &NodeSettings) -> Map {
    let default = NodeSettings::default();
    let mut map = Map::new();
    put(&mut map, "retry_on_failed", changed(settings.retry_on_failed, default.retry_on_failed));
    put(&mut map, "max_retries", changed(settings.max_retries, default.max_retries));
    put(&mut map, "retry_delay_ms", changed(settings.retry_delay_ms, default.retry_delay_ms));
    put(&mut map, "backoff", changed(settings.backoff, default.backoff).map(|word| word.as_str()));
    put(&mut map, "max_retry_delay_ms", settings.max_retry_delay_ms);
    put(&mut map, "retry_jitter", changed(settings.retry_jitter, default.retry_jitter));
    put(&mut map, "on_error", changed(settings.on_error, default.on_error).map(|word| word.as_str()));
    put(&mut map, "timeout_ms", settings.timeout_ms);
    put(&mut map, "join", settings.join.map(|word| word.as_str()));
    put(&mut map, "on_crash", changed(settings.on_crash, default.on_crash).map(|word| word.as_str()));
    map
}

fn connections(connections: &[Connection]) -> Map {
    grouped(connections, |connection, _| {
        let mut map = Map::new();
        map.insert("to", connection.to.as_str());
        put(&mut map, "to_port", connection.to_port.as_deref());
        map
    })
}

/// Node -> output port -> list of targets, nodes and ports in the order of their first mention.
pub(crate) fn grouped(connections: &[Connection], target: impl Fn(&Connection, &str) -> Map) -> Map {
    type Ports<'a> = Vec<(&'a str, Vec<Value>)>;
    let mut places: FxHashMap<&str, usize> = FxHashMap::default();
    let mut nodes: Vec<(&str, Ports<'_>)> = Vec::new();
    for connection in connections {
        let place = *places.entry(&connection.from).or_insert_with(|| {
            nodes.push((&connection.from, Vec::new()));
            nodes.len() - 1
        });
        let port = connection.from_port.as_deref().unwrap_or("main");
        let ports = &mut nodes[place].1;
        let at = ports.iter().position(|(name, _)| *name == port).unwrap_or_else(|| {
            ports.push((port, Vec::new()));
            ports.len() - 1
        });
        ports[at].1.push(Value::Map(target(connection, port)));
    }
    let port = |(name, targets): (&str, Vec<Value>)| (Str::from(name), Value::List(List::from(targets)));
    let node = |(key, ports): (&str, Ports<'_>)| {
        (Str::from(key), Value::Map(ports.into_iter().map(port).collect::<Map>()))
    };
    nodes.into_iter().map(node).collect()
}
