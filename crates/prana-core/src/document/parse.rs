//! A tree into a [`Workflow`], with everything that is wrong with it.

use rustc_hash::FxHashMap;

use super::connections::{self, ConnectionPlace};
use super::elixir;
use super::fields::{Codes, Fields, Reader};
use super::model::{Node, Position, Workflow};
use super::read::INVALID_DOCUMENT;
use super::settings;
use super::source::Source;
use super::tree::{Span, Tree};
use crate::diagnostic::Diagnostic;
use prana_template::Value;

pub(crate) const CODES: Codes = Codes { malformed: INVALID_DOCUMENT, unknown: "workflow.unknown_field" };

pub(crate) const WORKFLOW_FIELDS: &[&str] =
    &["id", "name", "description", "version", "variables", "settings", "nodes", "connections"];

pub(crate) const NODE_FIELDS: &[&str] =
    &["key", "name", "type", "params", "settings", "position", "notes", "disabled", "pinned"];

const WORKFLOW: &str = "a workflow";
const NODE: &str = "a node";

/// A workflow as far as it could be read, where its connections are written, and what is wrong with it.
pub(crate) struct Parsed {
    pub workflow: Workflow,
    pub connection_places: Vec<ConnectionPlace>,
    /// In the order of the document, with paths in the workflow.
    pub findings: Vec<Diagnostic>,
    /// Whether nodes are missing or lack their key or type, so that what refers to them can't be judged.
    pub has_gaps: bool,
}

/// Reads a workflow. What can't be read has its default; nodes keep their places in the list.
pub(crate) fn workflow(source: Option<&Source>, tree: &Tree) -> Parsed {
    let mut reader = Reader::new(source, CODES);
    let mut parsed = Parsed {
        workflow: Workflow::default(),
        connection_places: Vec::new(),
        findings: Vec::new(),
        has_gaps: true,
    };
    if let Some(fields) = reader.fields(tree, WORKFLOW, WORKFLOW_FIELDS) {
        parsed.has_gaps = read_workflow(&mut reader, &fields, &mut parsed);
    }
    parsed.findings = reader.findings;
    super::read::sort(&mut parsed.findings);
    parsed
}

/// Fills in what is there; whether there are gaps.
fn read_workflow(reader: &mut Reader<'_>, fields: &Fields<'_>, parsed: &mut Parsed) -> bool {
    let workflow = &mut parsed.workflow;
    workflow.id = reader.required(fields, WORKFLOW, "id", id).unwrap_or_default();
    workflow.name = reader.optional(fields, "name", Reader::text);
    workflow.description = reader.optional(fields, "description", Reader::text);
    workflow.version = reader.optional(fields, "version", |r, tree| r.integer(tree, 0..=u64::MAX));
    let variables = reader.optional(fields, "variables", |r, tree| r.map(tree, "of names and values"));
    workflow.variables = variables.unwrap_or_default();
    let settings = reader.optional(fields, "settings", |r, tree| Some(settings::workflow(r, tree)));
    workflow.settings = settings.unwrap_or_default();
    let nodes = reader.optional(fields, "nodes", nodes);
    let unread = nodes.is_none() && fields.present("nodes").is_some();
    workflow.nodes = nodes.unwrap_or_default();
    let connections =
        reader.optional(fields, "connections", |r, tree| Some(connections::connections(r, tree)));
    (workflow.connections, parsed.connection_places) = connections.unwrap_or_default().into_iter().unzip();
    unread || workflow.nodes.iter().any(|node| node.key.is_empty() || node.type_name.is_empty())
}

fn id(reader: &mut Reader<'_>, tree: &Tree) -> Option<String> {
    let id = reader.text(tree)?;
    if !super::is_id(&id) {
        let message = format!("`{}` is no valid id", shortened(&id));
        reader.error("workflow.invalid_key", tree.span, message).help = Some(super::ID_RULE.to_owned());
    }
    Some(id)
}

fn nodes(reader: &mut Reader<'_>, tree: &Tree) -> Option<Vec<Node>> {
    let mut seen: FxHashMap<String, Span> = FxHashMap::default();
    reader.each(tree, "of nodes", |reader, tree| {
        let (node, key_span) = node(reader, tree);
        match seen.get(&node.key) {
            _ if node.key.is_empty() => {}
            Some(first) => duplicate_key(reader, &node, key_span, *first),
            None => {
                seen.insert(node.key.clone(), key_span);
            }
        }
        Some(node)
    })
}

fn duplicate_key(reader: &mut Reader<'_>, node: &Node, span: Span, first: Span) {
    let place = reader.line_of(first).map_or(String::new(), |line| format!(": the other is at line {line}"));
    let message = format!("two nodes have the key `{}`{place}", node.key);
    reader.about_node(Some(node.key.clone()), |reader| {
        reader.within("key", |reader| {
            let finding = reader.error("workflow.duplicate_key", span, message);
            finding.help = Some("give one of them another key, and name it in the connections".to_owned());
        });
    });
}

/// A node and the place of its key. Key and type are empty where they can't be read.
fn node(reader: &mut Reader<'_>, tree: &Tree) -> (Node, Span) {
    let key = node_key_of(tree);
    reader.about_node(key, |reader| {
        let mut known = NODE_FIELDS.to_vec();
        known.push(elixir::METADATA);
        match reader.fields(tree, NODE, &known) {
            None => (Node::default(), tree.span),
            Some(fields) => {
                let span = fields.present("key").map_or(fields.span(), |entry| entry.value.span);
                (node_of(reader, &fields), span)
            }
        }
    })
}

/// The key of a node that may be malformed, for findings about it.
fn node_key_of(tree: &Tree) -> Option<String> {
    match &tree.item {
        super::tree::Item::Map(entries) => super::source::entry(entries, "key")
            .and_then(|entry| entry.value.to_value().as_str().map(str::to_owned)),
        _ => None,
    }
}

fn node_of(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Node {
    let key = reader.required(fields, NODE, "key", node_key);
    let name = reader.optional(fields, "name", Reader::text);
    let type_name = reader.required(fields, NODE, "type", Reader::text);
    let params = reader.optional(fields, "params", |r, tree| r.map(tree, "of parameters"));
    let settings = reader.optional(fields, "settings", |r, tree| Some(settings::node(r, tree)));
    let position = reader.optional(fields, "position", position);
    let position = position.or_else(|| reader.optional(fields, elixir::METADATA, elixir::position));
    Node {
        key: key.unwrap_or_default(),
        name,
        type_name: type_name.unwrap_or_default(),
        params: Value::Map(params.unwrap_or_default()),
        settings: settings.unwrap_or_default(),
        position,
        notes: reader.optional(fields, "notes", Reader::text),
        disabled: reader.optional(fields, "disabled", Reader::bool).unwrap_or(false),
        pinned: fields.present("pinned").map(|entry| entry.value.to_value()),
    }
}

fn node_key(reader: &mut Reader<'_>, tree: &Tree) -> Option<String> {
    let key = reader.text(tree)?;
    if !super::is_key(&key) {
        let message = format!("`{}` is no valid key of a node", shortened(&key));
        reader.error("workflow.invalid_key", tree.span, message).help = Some(super::KEY_RULE.to_owned());
    }
    Some(key)
}

fn shortened(text: &str) -> String {
    let short: String = text.chars().take(40).flat_map(char::escape_debug).collect();
    if text.chars().nth(40).is_some() { format!("{short}...") } else { short }
}

fn position(reader: &mut Reader<'_>, tree: &Tree) -> Option<Position> {
    const WHAT: &str = "a position";
    let fields = reader.fields(tree, WHAT, &["x", "y"])?;
    let number = |r: &mut Reader<'_>, tree: &Tree| r.float(tree, f64::MIN..=f64::MAX);
    let x = reader.required(&fields, WHAT, "x", number);
    let y = reader.required(&fields, WHAT, "y", number);
    Some(Position { x: x?, y: y? })
}
