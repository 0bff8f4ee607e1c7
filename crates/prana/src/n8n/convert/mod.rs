//! Nodes of n8n, one by one, as nodes of Prana.
//!
//! Most become one node with the same key. Some become several, joined by connections of their own; the one that gives what the node gave there
//! bears its key, so that other nodes can refer to it.

mod branches;
mod code;
mod conditions;
mod http;
mod json_text;
mod loops;
mod merge;
mod records;
mod respond;
mod schedule;
mod set;
mod triggers;
mod waits;

use prana_core::Registry;
use prana_core::document::{Connection, Node, NodeSettings, OnError, Position};
use prana_template::{Map, Value};

pub(super) use self::branches::switch_outputs;
use super::export::{self, Source};
use super::expr::{Texts, Translator};
use super::keys::Keys;
use super::plan::{Card, Plan, View};
use crate::elixir::{Fate, Finding};

/// An end of a connection: a key, and a port other than the default.
pub(super) type End = (String, Option<String>);

/// What a node becomes.
#[derive(Debug, Default)]
pub(super) struct Piece {
    pub nodes: Vec<Node>,
    pub links: Vec<Connection>,
    /// Where what came in goes, by input; the last one is that of all further inputs.
    pub entries: Vec<Vec<End>>,
    /// Where what leads back into a loop goes.
    pub back: Option<End>,
    /// What leaves by each output.
    pub exits: Vec<Vec<End>>,
    pub findings: Vec<Finding>,
}

/// Translates one node.
pub(super) struct Converter<'p, 'e> {
    pub plan: &'p Plan<'e>,
    pub index: usize,
    pub source: &'e Source,
    pub keys: &'p mut Keys,
    pub registry: &'p Registry,
    pub piece: Piece,
}

impl<'p, 'e> Converter<'p, 'e> {
    pub(super) fn new(plan: &'p Plan<'e>, index: usize, keys: &'p mut Keys, registry: &'p Registry) -> Self {
        let source = plan.source(index);
        Converter { plan, index, source, keys, registry, piece: Piece::default() }
    }

    /// The node as it is here.
    pub(super) fn convert(mut self) -> Piece {
        if self.source.disabled {
            self.disabled();
        } else {
            self.dispatch();
            self.errors();
        }
        self.remarks();
        self.piece
    }

    fn dispatch(&mut self) {
        match self.source.kind.as_str() {
            "manualTrigger" | "start" => self.manual_trigger(),
            "webhook" => self.webhook(),
            "scheduleTrigger" => self.schedule_trigger(),
            "cron" => self.cron(),
            "interval" => self.interval(),
            "errorTrigger" => self.error_trigger(),
            "executeWorkflowTrigger" => self.called(),
            "set" => self.set(),
            "if" => self.if_node(),
            "filter" => self.filter(),
            "switch" => self.switch(),
            "merge" => self.merge(),
            "splitInBatches" => self.split_in_batches(),
            "wait" => self.wait(),
            "executeWorkflow" => self.execute_workflow(),
            "httpRequest" => self.http_request(),
            "code" | "function" | "functionItem" => self.code(),
            "respondToWebhook" => self.respond(),
            "noOp" => self.no_op(),
            "sort" | "limit" | "aggregate" | "splitOut" | "removeDuplicates" | "itemLists" => {
                self.list_node()
            }
            "stopAndError" => self.stop_and_error(),
            kind if kind.ends_with("Trigger") || kind == "emailReadImap" => self.unknown_trigger(),
            _ => {
                let text = "this type has no counterpart: put another node in its place, `http.request` for instance";
                self.impossible(text);
            }
        }
    }

    /// Whether items come as a list.
    pub(super) fn many(&self) -> bool {
        self.plan.input(self.index) == Card::Many
    }

    pub(super) fn key(&self) -> String {
        self.plan.keys[self.index].clone()
    }

    /// The key of the second node that others refer to.
    pub(super) fn second(&self) -> String {
        self.plan.seconds[self.index].clone().unwrap_or_default()
    }

    pub(super) fn helper(&mut self, what: &str) -> String {
        let key = self.key();
        self.keys.beside(&key, what)
    }

    /// Expressions of this node, one item at a time.
    pub(super) fn texts<'v>(view: &'v View<'p, 'e>, many: bool) -> Texts<'v> {
        Texts::new(Translator::new(view, many))
    }

    pub(super) fn view(&self) -> View<'p, 'e> {
        View { plan: self.plan, node: self.index }
    }

    /// Takes over what was found while expressions were translated.
    pub(super) fn said(&mut self, texts: Texts<'_>) {
        for (source, reason) in texts.refused {
            self.find(
                Fate::NotPossible,
                format!(
                    "`{}`: {reason}; the node fails with that message until it is replaced",
                    one_line(&source)
                ),
            );
        }
        for note in texts.translator.notes {
            self.find(Fate::Changed, note);
        }
    }

    pub(super) fn find(&mut self, fate: Fate, text: impl Into<String>) {
        let finding = Finding { fate, about: self.key(), text: text.into() };
        if !self.piece.findings.contains(&finding) {
            self.piece.findings.push(finding);
        }
    }

    pub(super) fn changed(&mut self, text: impl Into<String>) {
        self.find(Fate::Changed, text);
    }

    /// A node of this piece, a little below the one that bears the key.
    pub(super) fn add(&mut self, key: &str, type_name: &str, params: impl Into<Value>) {
        let own = key == self.plan.keys[self.index];
        let below = if own { 0.0 } else { 90.0 * (1 + self.piece.nodes.len()) as f64 };
        let place = self.source.position.map(|place| Position { x: place.x, y: place.y + below });
        self.piece.nodes.push(Node {
            key: key.to_owned(),
            name: own.then(|| self.source.name.clone()).filter(|name| name != key),
            type_name: type_name.to_owned(),
            params: params.into(),
            position: place,
            notes: if own { self.source.notes.clone() } else { None },
            ..Node::default()
        });
    }

    pub(super) fn link(&mut self, from: &str, port: Option<&str>, to: &str, to_port: Option<&str>) {
        self.piece.links.push(Connection {
            from: from.to_owned(),
            from_port: port.map(str::to_owned),
            to: to.to_owned(),
            to_port: to_port.map(str::to_owned),
        });
    }

    /// The node alone: what comes in goes to it, what leaves it goes on.
    pub(super) fn only(&mut self, type_name: &str, params: impl Into<Value>) {
        let key = self.key();
        self.add(&key, type_name, params);
        self.enter(&key);
        self.leave(&key);
    }

    /// What comes in goes to this node.
    pub(super) fn enter(&mut self, key: &str) {
        self.piece.entries = vec![vec![(key.to_owned(), None)]];
    }

    /// What leaves this node goes on, by whatever output.
    pub(super) fn leave(&mut self, key: &str) {
        self.piece.exits = vec![vec![(key.to_owned(), None)]];
    }

    /// `data.set_data` whose output is this.
    pub(super) fn output(&mut self, key: &str, output: impl Into<Value>) {
        let mut params = Map::new();
        params.insert("mapping_map", output);
        self.add(key, "data.set_data", params);
    }

    /// What comes in goes on to this node if there are items at all: there a node without items doesn't run.
    pub(super) fn enter_unless_empty(&mut self, key: &str) {
        if !self.many() {
            return self.enter(key);
        }
        let guard = self.helper("any");
        let mut params = Map::new();
        params.insert("condition", "{{ $input | length > 0 }}");
        self.add(&guard, "logic.if_condition", params);
        self.link(&guard, Some("true"), key, None);
        self.enter(&guard);
    }

    /// A node that fails when it runs, and says what is to be done.
    pub(super) fn impossible(&mut self, text: &str) {
        self.find(Fate::NotPossible, format!("{text}; the node fails until then"));
        let key = self.key();
        self.piece.nodes.clear();
        self.piece.links.clear();
        let message = format!("{} ({}) was not imported: {text}", self.source.name, self.source.type_name);
        self.output(&key, failing(&message));
        self.enter_unless_empty(&key);
        self.leave(&key);
    }

    fn disabled(&mut self) {
        let key = self.key();
        if self.plan.into(self.index).next().is_none() {
            self.find(Fate::Dropped, "it is disabled, and nothing leads to it");
            return;
        }
        self.find(
            Fate::Changed,
            format!(
                "it is disabled: a node that passes on what comes in stands in its place ({})",
                self.source.type_name
            ),
        );
        self.add(&key, "core.no_op", Map::new());
        self.enter(&key);
        self.leave(&key);
    }

    /// The node of the piece that acts: the first that is no helper.
    fn acting(&self) -> Option<usize> {
        let wanted = ["http.request", "code.javascript", "workflow.execute_workflow"];
        self.piece.nodes.iter().position(|node| wanted.contains(&node.type_name.as_str()))
    }

    /// Retries, and what follows a failure.
    fn errors(&mut self) {
        let source = self.source;
        let Some(acting) = self.acting() else {
            if source.on_error != export::OnError::Stop {
                self.changed(
                    "what follows a failure of this node is not carried over: here it fails the execution",
                );
            }
            return;
        };
        let settings = NodeSettings {
            retry_on_failed: source.retry_on_fail,
            max_retries: source.max_tries.unwrap_or(3).saturating_sub(1).clamp(1, 10) as u32,
            retry_delay_ms: source.wait_between_tries.unwrap_or(1000).clamp(0, 3_600_000) as u64,
            ..NodeSettings::default()
        };
        let settings = if source.retry_on_fail { settings } else { NodeSettings::default() };
        let on_error = match source.on_error {
            export::OnError::Stop => OnError::StopWorkflow,
            export::OnError::Continue => OnError::Continue,
            export::OnError::ErrorOutput => OnError::ContinueErrorOutput,
        };
        self.piece.nodes[acting].settings = NodeSettings { on_error, ..settings };
        if on_error != OnError::StopWorkflow && self.many() {
            self.changed(
                "a failure with one item is a failure of the whole list: there is one item `{error}` for all",
            );
        }
        if on_error == OnError::ContinueErrorOutput {
            let (acting, error) = (self.piece.nodes[acting].key.clone(), self.helper("error"));
            let item = "{{ {error: $error.message} }}";
            self.output(&error, if self.many() { "{{ [{error: $error.message}] }}" } else { item });
            self.link(&acting, Some("error"), &error, None);
            let outputs = self.source.outputs();
            let last = self.piece.exits.last().cloned().unwrap_or_default();
            self.piece.exits.resize(outputs, last);
            self.piece.exits.push(vec![(error, None)]);
        }
    }

    /// `expression`, or an item that says what went wrong where failures go on by the regular output.
    pub(super) fn unless_failed(&self, expression: &str, as_list: bool) -> String {
        if self.source.on_error != export::OnError::Continue {
            return format!("{{{{ {expression} }}}}");
        }
        let item = if as_list { "[{error: $error.message}]" } else { "{error: $error.message}" };
        format!("{{{{ $error != null ? {item} : ({expression}) }}}}")
    }

    fn remarks(&mut self) {
        if self.source.always_output {
            self.changed("\"always output data\" is not carried over: here a list may be empty, and the nodes after it see that");
        }
        if self.source.pinned.is_some() && !self.piece.nodes.is_empty() {
            self.pin();
        }
    }

    fn pin(&mut self) {
        let (key, source) = (self.key(), self.source);
        let items = source.pinned.clone().unwrap_or_default();
        let card = self.plan.output(self.index, 0);
        let output = match card {
            Card::Many => Value::from(items),
            Card::One if items.len() == 1 => items[0].clone(),
            Card::One => return self.changed("its pinned data is not carried over: here it gives one item"),
        };
        let branches = ["logic.if_condition", "logic.switch", "core.for_each", "core.stop"];
        let node = self
            .piece
            .nodes
            .iter_mut()
            .find(|node| node.key == key && !branches.contains(&node.type_name.as_str()));
        if let Some(node) = node.filter(|_| !output.is_null()) {
            node.pinned = Some(output);
        }
    }
}

/// A template that fails with a message.
pub(super) fn failing(message: &str) -> String {
    format!("{{{{ null | required({}) }}}}", super::expr::quoted(message))
}

pub(super) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A map out of pairs.
pub(super) fn map<const N: usize>(entries: [(&str, Value); N]) -> Map {
    entries.into_iter().map(|(key, value)| (key.into(), value)).collect()
}
