//! What n8n writes when a workflow is exported, as far as it is understood.

use std::collections::HashMap;

use prana_core::document::Position;
use prana_template::{Map, Value};

use super::ImportError;

/// A workflow has at most so many nodes.
const MAX_NODES: usize = 2_000;
/// And so many connections.
const MAX_LINKS: usize = 20_000;
/// A node has at most so many outputs, and inputs.
const MAX_PORTS: usize = 64;

/// An exported workflow.
#[derive(Debug, Default)]
pub(super) struct Export {
    pub id: Option<String>,
    pub name: Option<String>,
    pub description: Option<String>,
    pub nodes: Vec<Source>,
    pub links: Vec<Link>,
    pub settings: Map,
    /// Texts of sticky notes.
    pub notes: Vec<String>,
    /// What about the document is not understood.
    pub oddities: Vec<String>,
    /// The first node of each name.
    places: HashMap<String, usize>,
}

/// A node there.
#[derive(Debug, Default)]
pub(super) struct Source {
    pub name: String,
    pub type_name: String,
    /// The type without the name of its package.
    pub kind: String,
    pub version: f64,
    pub params: Map,
    pub position: Option<Position>,
    pub disabled: bool,
    pub notes: Option<String>,
    pub retry_on_fail: bool,
    pub max_tries: Option<i64>,
    pub wait_between_tries: Option<i64>,
    pub on_error: OnError,
    pub execute_once: bool,
    pub always_output: bool,
    /// Kind and name.
    pub credentials: Vec<(String, String)>,
    pub pinned: Option<Vec<Value>>,
}

/// What follows a failure there.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum OnError {
    #[default]
    Stop,
    Continue,
    ErrorOutput,
}

/// A connection from an output to an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Link {
    pub from: usize,
    pub output: usize,
    pub to: usize,
    pub input: usize,
}

/// The packages of n8n's own nodes.
const PACKAGES: [&str; 2] = ["n8n-nodes-base.", "@n8n/n8n-nodes-langchain."];

impl Export {
    pub(super) fn read(value: &Value) -> Result<Export, ImportError> {
        let nodes = value.get("nodes").and_then(Value::as_list).ok_or(ImportError::NotAWorkflow)?;
        if nodes.len() > MAX_NODES {
            return Err(ImportError::TooLarge(format!("it has more than {MAX_NODES} nodes")));
        }
        let mut export = Export {
            id: text(value, "id"),
            name: text(value, "name").filter(|name| !name.trim().is_empty()),
            description: text(value, "description").filter(|text| !text.trim().is_empty()),
            settings: value.get("settings").and_then(Value::as_map).cloned().unwrap_or_default(),
            ..Export::default()
        };
        let pinned = value.get("pinData").and_then(Value::as_map).cloned().unwrap_or_default();
        for (index, node) in nodes.iter().enumerate() {
            match node.as_map() {
                Some(node) => export.node(node, index, &pinned),
                None => export.oddities.push(format!("nodes[{index}] is no node")),
            }
        }
        export.connections(value.get("connections").and_then(Value::as_map))?;
        Ok(export)
    }

    fn node(&mut self, node: &Map, index: usize, pinned: &Map) {
        let value = Value::Map(node.clone());
        let type_name = text(&value, "type").unwrap_or_else(|| "unknown".to_owned());
        let kind = PACKAGES.iter().find_map(|package| type_name.strip_prefix(package)).unwrap_or(&type_name);
        let params = node.get("parameters").and_then(Value::as_map).cloned().unwrap_or_default();
        if kind == "stickyNote" {
            let note = params.get("content").and_then(Value::as_str).map(|note| note.trim().to_owned());
            self.notes.extend(note.filter(|note| !note.is_empty()));
            return;
        }
        let name = text(&value, "name").unwrap_or_else(|| format!("Node {}", index + 1));
        let flag = |key: &str| node.get(key).and_then(Value::as_bool) == Some(true);
        self.nodes.push(Source {
            kind: kind.to_owned(),
            version: node.get("typeVersion").and_then(Value::as_f64).unwrap_or(1.0),
            params,
            position: node.get("position").and_then(position),
            disabled: flag("disabled"),
            notes: text(&value, "notes").filter(|notes| !notes.trim().is_empty()),
            retry_on_fail: flag("retryOnFail"),
            max_tries: node.get("maxTries").and_then(Value::as_i64),
            wait_between_tries: node.get("waitBetweenTries").and_then(Value::as_i64),
            on_error: on_error(node),
            execute_once: flag("executeOnce"),
            always_output: flag("alwaysOutputData"),
            credentials: credentials(node),
            pinned: pinned.get(&name).and_then(Value::as_list).map(|items| items.iter().map(item).collect()),
            name,
            type_name,
        });
    }

    fn connections(&mut self, connections: Option<&Map>) -> Result<(), ImportError> {
        let mut places: HashMap<String, usize> = HashMap::new();
        for (index, node) in self.nodes.iter().enumerate() {
            if places.contains_key(&node.name) {
                self.oddities.push(format!(
                    "two nodes have the name `{}`: connections and expressions mean the first",
                    node.name
                ));
            } else {
                places.insert(node.name.clone(), index);
            }
        }
        for (name, outputs) in connections.iter().flat_map(|connections| connections.iter()) {
            let Some(&from) = places.get(name.as_str()) else {
                self.oddities.push(format!("connections leave a node `{name}` that is not there"));
                continue;
            };
            for (kind, outputs) in outputs.as_map().iter().flat_map(|outputs| outputs.iter()) {
                match (kind.as_str(), outputs.as_list()) {
                    ("main", Some(outputs)) => self.outputs(from, outputs, &places)?,
                    (other, _) => self
                        .oddities
                        .push(format!("`{name}` is connected as `{other}`, which has no counterpart")),
                }
            }
        }
        self.by_place();
        self.places = places;
        Ok(())
    }

    fn outputs(
        &mut self,
        from: usize,
        outputs: &[Value],
        places: &HashMap<String, usize>,
    ) -> Result<(), ImportError> {
        for (output, targets) in outputs.iter().enumerate() {
            for target in targets.as_list().iter().flat_map(|targets| targets.iter()) {
                let to = target.get("node").and_then(Value::as_str).and_then(|name| places.get(name));
                let input = target.get("index").and_then(Value::as_i64).unwrap_or(0);
                let input = usize::try_from(input).unwrap_or(MAX_PORTS);
                let Some(&to) = to.filter(|_| input < MAX_PORTS && output < MAX_PORTS) else {
                    let name = &self.nodes[from].name;
                    self.oddities.push(format!("a connection of `{name}` leads nowhere"));
                    continue;
                };
                let link = Link { from, output, to, input };
                if !self.links.contains(&link) {
                    self.links.push(link);
                }
                if self.links.len() > MAX_LINKS {
                    return Err(ImportError::TooLarge(format!("it has more than {MAX_LINKS} connections")));
                }
            }
        }
        Ok(())
    }

    /// The order of n8n: the branch that is drawn highest runs first, then the leftmost one.
    fn by_place(&mut self) {
        if self.settings.get("executionOrder").and_then(Value::as_str) != Some("v1") {
            return;
        }
        let nodes = &self.nodes;
        let place = |link: &Link| nodes[link.to].position.map_or((0.0, 0.0), |place| (place.y, place.x));
        self.links.sort_by(|a, b| {
            let ((a_y, a_x), (b_y, b_x)) = (place(a), place(b));
            a.from.cmp(&b.from).then(a_y.total_cmp(&b_y)).then(a_x.total_cmp(&b_x))
        });
    }

    /// The first node of this name.
    pub(super) fn named(&self, name: &str) -> Option<usize> {
        self.places.get(name).copied()
    }
}

impl Source {
    /// A parameter that is text.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.params.get(name).and_then(Value::as_str)
    }

    /// A parameter deeper down.
    pub(super) fn at(&self, path: &[&str]) -> Option<&Value> {
        let (first, rest) = path.split_first()?;
        rest.iter().try_fold(self.params.get(first)?, |value, step| value.get(step))
    }

    /// The text of a parameter deeper down, or a default.
    pub(super) fn text_at<'a>(&'a self, path: &[&str], default: &'a str) -> &'a str {
        self.at(path).and_then(Value::as_str).unwrap_or(default)
    }

    /// Whether a parameter deeper down is true.
    pub(super) fn flag(&self, path: &[&str]) -> bool {
        self.at(path).and_then(Value::as_bool) == Some(true)
    }

    /// A list of parameters deeper down.
    pub(super) fn list(&self, path: &[&str]) -> &[Value] {
        match self.at(path) {
            Some(Value::List(items)) => items,
            _ => &[],
        }
    }
}

fn text(value: &Value, key: &str) -> Option<String> {
    value.get(key).and_then(Value::as_str).map(str::to_owned)
}

fn position(value: &Value) -> Option<Position> {
    let of = |key: &str, index: usize| match value {
        Value::List(pair) => pair.get(index).and_then(Value::as_f64),
        map => map.get(key).and_then(Value::as_f64),
    };
    let (x, y) = (of("x", 0)?, of("y", 1)?);
    (x.abs() < 1e7 && y.abs() < 1e7).then_some(Position { x, y })
}

fn on_error(node: &Map) -> OnError {
    match node.get("onError").and_then(Value::as_str) {
        Some("continueRegularOutput") => OnError::Continue,
        Some("continueErrorOutput") => OnError::ErrorOutput,
        Some(_) => OnError::Stop,
        None if node.get("continueOnFail").and_then(Value::as_bool) == Some(true) => OnError::Continue,
        None => OnError::Stop,
    }
}

fn credentials(node: &Map) -> Vec<(String, String)> {
    let given = node.get("credentials").and_then(Value::as_map);
    let name =
        |value: &Value| value.as_str().map(str::to_owned).or_else(|| text(value, "name")).unwrap_or_default();
    given.iter().flat_map(|given| given.iter()).map(|(kind, value)| (kind.to_string(), name(value))).collect()
}

/// The data of an item.
fn item(item: &Value) -> Value {
    item.get("json").unwrap_or(item).clone()
}
