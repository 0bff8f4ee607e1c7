//! What the workflow JSON of the original Elixir engine has and the document here has not.
//!
//! That JSON loads as it is: connections that repeat where they come from are accepted (see `connections`), a name that is
//! null is absent, and a node may have free `metadata`, of which the place on the canvas is kept.

use prana_template::{Map, Value};

use super::fields::Reader;
use super::model::{Connection, Node, NodeSettings, Position, Workflow};
use super::source::entry;
use super::tree::{Entry, Item, Tree};

/// The field of a node with free data of its editor.
pub(crate) const METADATA: &str = "metadata";

/// The place in a node's metadata: `{x, y}` or `{position: {x, y}}`, if it is there.
pub(crate) fn position(reader: &mut Reader<'_>, tree: &Tree) -> Option<Position> {
    let fields = reader.open_fields(tree, "free data")?;
    let place = match entry(fields.entries(), "position").map(|entry| &entry.value.item) {
        Some(Item::Map(inner)) => inner,
        _ => fields.entries(),
    };
    Some(Position { x: number(place, "x")?, y: number(place, "y")? })
}

fn number(entries: &[Entry], key: &str) -> Option<f64> {
    entry(entries, key)?.value.to_value().as_f64()
}

/// The workflow JSON of the Elixir engine: every field written out, connections with both of their ends.
///
/// What that engine does not know is left out: description, settings of the workflow, notes, pinned data, and all node
/// settings but `retry_on_failed`, `max_retries`, `retry_delay_ms` and `on_error`.
///
/// ```
/// let json = br#"{"id": "w", "nodes": [{"key": "a", "type": "manual.trigger"}]}"#;
/// let loaded = prana_core::document::load("w.json", json).unwrap();
/// let elixir = prana_core::document::to_elixir(&loaded[0].workflow);
/// assert_eq!(elixir.get("version").and_then(|version| version.as_i64()), Some(1));
/// ```
pub fn to_elixir(workflow: &Workflow) -> Value {
    let mut map = Map::new();
    map.insert("id", workflow.id.as_str());
    map.insert("name", workflow.display_name());
    map.insert("version", workflow.version.unwrap_or(1));
    map.insert("variables", workflow.variables.clone());
    map.insert("nodes", workflow.nodes.iter().map(node).collect::<Value>());
    map.insert("connections", connections(&workflow.connections));
    Value::Map(map)
}

fn node(node: &Node) -> Value {
    let mut map = Map::new();
    map.insert("key", node.key.as_str());
    map.insert("name", node.display_name());
    map.insert("type", node.type_name.as_str());
    map.insert("params", node.params.clone());
    map.insert("settings", node_settings(&node.settings));
    map.insert(METADATA, metadata(node.position));
    Value::Map(map)
}

fn node_settings(settings: &NodeSettings) -> Map {
    let mut map = Map::new();
    map.insert("retry_on_failed", settings.retry_on_failed);
    map.insert("max_retries", settings.max_retries);
    map.insert("retry_delay_ms", settings.retry_delay_ms);
    map.insert("on_error", settings.on_error.as_str());
    map
}

fn metadata(position: Option<Position>) -> Map {
    let mut map = Map::new();
    if let Some(position) = position {
        map.insert("position", super::save::position(position));
    }
    map
}

fn connections(connections: &[Connection]) -> Map {
    super::save::grouped(connections, |connection, from_port| {
        let mut map = Map::new();
        map.insert("from", connection.from.as_str());
        map.insert("from_port", from_port);
        map.insert("to", connection.to.as_str());
        map.insert("to_port", connection.to_port.as_deref().unwrap_or("main"));
        map
    })
}
