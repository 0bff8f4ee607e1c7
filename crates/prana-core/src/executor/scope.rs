//! What templates and pure actions see while a node runs.

use std::borrow::Cow;
use std::cell::RefCell;

use prana_template::{Budget, Deferred, EvalError, Map, Params, Scope, Slot, Str, Value};

use crate::action::{Call, InputPort};
use crate::compile::{CompiledNode, NodeId, Source};
use crate::graph::{ExecutionGraph, Token, WaitTarget};
use crate::loop_path::LoopPath;
use crate::record::ExecutionIndex;
use crate::time::Timestamp;

/// A node run, as its templates see it.
pub(super) struct RunScope<'a> {
    pub graph: &'a ExecutionGraph,
    pub node: NodeId,
    pub tokens: &'a [Token],
    pub loop_path: &'a LoopPath,
    pub execution_index: ExecutionIndex,
    pub run_index: u32,
    /// A for_each that goes on.
    pub continues: bool,
    pub now: Timestamp,
    /// What `$input` is instead of the newest token (the data that came back, in `collect`).
    pub input: Option<&'a Value>,
    /// What all templates of the run may spend together.
    pub budget: RefCell<Budget>,
}

static NULL: Value = Value::Null;

/// Everything that a name of code stands for: code chooses by itself what of it to read.
#[derive(Clone, Copy)]
enum Whole {
    Nodes,
    Inputs,
    Source(Source),
}

/// The names that code knows.
const CODE_NAMES: &[(&str, Whole)] = &[
    ("$input", Whole::Source(Source::Input(0))),
    ("$inputs", Whole::Inputs),
    ("$nodes", Whole::Nodes),
    ("$vars", Whole::Source(Source::Vars)),
    ("$env", Whole::Source(Source::Env)),
    ("$workflow", Whole::Source(Source::Workflow)),
    ("$execution", Whole::Source(Source::Execution)),
    ("$trigger", Whole::Source(Source::Trigger)),
    ("$now", Whole::Source(Source::Now)),
    ("$error", Whole::Source(Source::Error)),
];

impl Scope for RunScope<'_> {
    fn value(&self, slot: Slot) -> Cow<'_, Value> {
        match Source::from_slot(slot) {
            Source::Input(port) => Cow::Borrowed(self.newest(port)),
            Source::Inputs(port) => Cow::Owned(Value::from(self.all(port))),
            Source::NodeOutput(node) => match self.graph.latest(node, self.own_path()) {
                Some(latest) => Cow::Borrowed(&latest.output),
                None => Cow::Borrowed(&NULL),
            },
            Source::NodeContext(node) => Cow::Owned(self.context_of(node)),
            Source::NodePort(node) => Cow::Owned(self.port_of(node)),
            Source::NodeRunIndex(node) => {
                let latest = self.graph.latest(node, self.own_path());
                Cow::Owned(latest.map_or(Value::Null, |latest| Value::Int(i64::from(latest.run_index))))
            }
            Source::Node(node) => Cow::Owned(self.whole_node(node)),
            Source::Nothing => Cow::Borrowed(&NULL),
            Source::Vars => Cow::Owned(Value::Map(self.graph.context().header.metadata.variables.clone())),
            Source::Env => Cow::Owned(Value::Map(self.graph.context().header.metadata.environment.clone())),
            Source::Trigger => Cow::Borrowed(&self.graph.context().header.trigger_data),
            Source::Now => Cow::Owned(Value::from(self.now.to_string())),
            Source::Error => Cow::Owned(self.error()),
            // Templates that mention secrets are put off; nobody here knows their values.
            Source::Secret(_) => Cow::Borrowed(&NULL),
            Source::Workflow => Cow::Owned(self.workflow()),
            Source::Execution => Cow::Owned(self.execution()),
            Source::State => Cow::Owned(Value::Map(self.graph.state().shared.clone())),
            Source::Loop => Cow::Owned(self.loop_info()),
            Source::Loopback => Cow::Owned(Value::Bool(self.loopback())),
            Source::ResumeUrl => Cow::Owned(self.resume_url(self.node, self.run_index)),
            Source::ResumeUrlOf(node) => {
                let own = node == self.node;
                let next = self.graph.state().nodes[node.index()].runs;
                Cow::Owned(self.resume_url(node, if own { self.run_index } else { next }))
            }
        }
    }
}

impl RunScope<'_> {
    pub fn compiled_node(&self) -> &CompiledNode {
        self.graph.node(self.node)
    }

    /// A for_each that goes on sees its body as it was in the iteration that has just ended.
    fn own_path(&self) -> &LoopPath {
        match self.graph.state().for_each_run(self.node, self.loop_path) {
            Some(run) if self.continues => &run.iteration_path,
            _ => self.loop_path,
        }
    }

    pub fn newest(&self, port: u16) -> &Value {
        if let (Some(input), 0) = (self.input, port) {
            return input;
        }
        let token = self.tokens.iter().rev().find(|token| token.port == port);
        token.map_or(&NULL, |token| &token.output)
    }

    pub fn all(&self, port: u16) -> Vec<Value> {
        let on_port = self.tokens.iter().filter(|token| token.port == port);
        on_port.map(|token| token.output.clone()).collect()
    }

    fn context_of(&self, node: NodeId) -> Value {
        Value::Map(self.graph.state().nodes[node.index()].context.clone())
    }

    fn port_of(&self, node: NodeId) -> Value {
        let port = self.graph.latest(node, self.own_path()).and_then(|latest| latest.port);
        port.map_or(Value::Null, |port| Value::Str(self.graph.node(node).outputs[usize::from(port)].clone()))
    }

    fn whole_node(&self, node: NodeId) -> Value {
        let Some(latest) = self.graph.latest(node, self.own_path()) else { return Value::Null };
        let mut map = Map::new();
        map.insert("output", latest.output.clone());
        map.insert("context", self.context_of(node));
        map.insert("port", self.port_of(node));
        map.insert("run_index", Value::Int(i64::from(latest.run_index)));
        Value::Map(map)
    }

    fn error(&self) -> Value {
        let token = self.tokens.iter().rev().find(|token| token.is_error);
        token.and_then(|token| token.output.get("error").cloned()).unwrap_or_default()
    }

    fn workflow(&self) -> Value {
        let compiled = self.graph.compiled();
        let mut map = Map::new();
        map.insert("id", Value::Str(compiled.workflow_id.clone()));
        map.insert("name", Value::Str(compiled.workflow_name.clone()));
        map.insert("version", Value::Int(self.graph.context().header.workflow_version as i64));
        Value::Map(map)
    }

    fn execution(&self) -> Value {
        let header = &self.graph.context().header;
        let text = |value: &dyn std::fmt::Display| Value::from(value.to_string());
        let mut map = Map::new();
        map.insert("id", text(&header.id));
        map.insert("mode", Value::from(header.execution_mode.as_str()));
        map.insert("run_index", Value::Int(i64::from(self.run_index)));
        map.insert("execution_index", Value::Int(i64::from(self.execution_index)));
        map.insert("current_node_key", Value::Str(self.compiled_node().key.clone()));
        let started_at = self.graph.state().started_at;
        map.insert("started_at", started_at.map_or(Value::Null, |at| text(&at)));
        map.insert("parent_id", header.parent_execution_id.map_or(Value::Null, |id| text(&id)));
        map.insert("preparation", Value::Map(header.metadata.preparation.clone()));
        map.insert("state", Value::Map(self.graph.state().shared.clone()));
        map.insert("loopback", Value::Bool(self.loopback()));
        map.insert("loop", self.loop_info());
        Value::Map(map)
    }

    /// The newest token came from a node that this one leads to, or this is a for_each that goes on.
    fn loopback(&self) -> bool {
        let loops = &self.graph.compiled().loops;
        let newest = self.tokens.last().filter(|token| token.source != crate::graph::TRIGGER);
        self.continues || newest.is_some_and(|token| loops.same_component(token.from, self.node))
    }

    fn loop_info(&self) -> Value {
        let member = &self.graph.compiled().loops.members[self.node.index()];
        let ids = member.loops.iter().map(|number| Value::from(format!("loop_{}", number + 1)));
        let innermost = self.loop_path.innermost();
        let mut map = Map::new();
        map.insert("level", Value::Int(member.loops.len() as i64));
        map.insert("role", Value::from(member.role.as_str()));
        map.insert("ids", Value::from(ids.collect::<Vec<Value>>()));
        map.insert("loopback", Value::Bool(self.loopback()));
        map.insert("index", innermost.map_or(Value::Null, |element| Value::Int(i64::from(element.index))));
        map.insert("path", Value::from(self.loop_path.to_string()));
        Value::Map(map)
    }

    /// The link to the next wait of a node: with the loop path it will have, as far as this node shares its loops.
    fn resume_url(&self, node: NodeId, run_index: u32) -> Value {
        let context = self.graph.context();
        let Some(sign) = &context.sign_resume_url else { return Value::Null };
        let compiled = self.graph.compiled();
        let shared = self.loop_path.inside_out().find(|element| {
            compiled.scope_of(&element.key).is_some_and(|(_, scope)| scope.inside.contains(node.index()))
        });
        let target = WaitTarget {
            execution_id: context.header.id,
            node_key: compiled.node(node).key.clone(),
            loop_path: self.loop_path.truncated(shared.map_or(0, |element| element.outer().len() + 1)),
            run_index,
        };
        Value::from(sign(&target))
    }

    /// What code in the parameters may read: the values of the names that stand in it.
    pub fn mentioned(&self, params: &Value) -> Map {
        let mut map = Map::new();
        let descriptor = self.compiled_node().descriptor();
        if !descriptor.reads_scope {
            return map;
        }
        let code: Vec<&str> =
            descriptor.literal_fields.iter().filter_map(|field| params.get(field)?.as_str()).collect();
        for (name, source) in CODE_NAMES {
            if code.iter().any(|code| code.contains(name)) {
                map.insert(*name, self.whole(*source));
            }
        }
        map
    }

    fn whole(&self, source: Whole) -> Value {
        let keyed = |entries: &mut dyn Iterator<Item = (Str, Value)>| Value::Map(entries.collect());
        match source {
            Whole::Nodes => {
                let nodes = &self.graph.compiled().nodes;
                let of = |(number, node): (usize, &CompiledNode)| {
                    (node.key.clone(), self.whole_node(NodeId(number as u32)))
                };
                keyed(&mut nodes.iter().enumerate().map(of))
            }
            Whole::Inputs => {
                let ports = self.compiled_node().inputs.iter().enumerate();
                keyed(
                    &mut ports.map(|(port, input)| (input.name.clone(), Value::from(self.all(port as u16)))),
                )
            }
            Whole::Source(source) => self.value(source.to_slot()).into_owned(),
        }
    }

    /// Renders the parameters, those that the action evaluates itself left out.
    pub fn render(&self) -> Result<Value, EvalError> {
        let node = self.compiled_node();
        let item_fields = node.descriptor().item_fields;
        match (node.params.constant(), item_fields.is_empty()) {
            (Some(constant), true) => Ok(constant.clone()),
            (None, true) => node.params.render(self, &mut self.budget.borrow_mut()),
            (_, false) => node.params.render_without(item_fields, self, &mut self.budget.borrow_mut()),
        }
    }

    /// The templates that rendering leaves for later.
    pub fn deferred(&self) -> Result<Vec<Deferred>, EvalError> {
        self.compiled_node().params.deferred(self, &mut self.budget.borrow_mut())
    }

    /// As [`RunScope::deferred`], in one field for one item.
    pub fn deferred_for(
        &self,
        field: &Params,
        item: &Value,
        index: usize,
    ) -> Result<Vec<Deferred>, EvalError> {
        field.deferred_with_item(self, item, index as i64, &mut self.budget.borrow_mut())
    }

    pub fn evaluate(&self, field: &Params, item: &Value, index: usize) -> Result<Value, EvalError> {
        field.render_with_item(self, item, index as i64, &mut self.budget.borrow_mut())
    }
}

/// A pure action's view of its run.
pub(super) struct RunCall<'a> {
    pub scope: &'a RunScope<'a>,
    pub params: &'a Value,
    /// The time of this call; templates see that of the run's beginning.
    pub now: Timestamp,
}

impl Call for RunCall<'_> {
    fn params(&self) -> &Value {
        self.params
    }

    fn input(&self) -> Value {
        self.scope.newest(0).clone()
    }

    fn inputs(&self, port: usize) -> Vec<Value> {
        self.scope.all(port as u16)
    }

    fn input_ports(&self) -> &[InputPort] {
        &self.scope.compiled_node().inputs
    }

    fn evaluate(&self, field: &str, item: &Value, index: usize) -> Result<Value, EvalError> {
        let params = &self.scope.compiled_node().params;
        match (params.field(field), params.constant()) {
            (Some(field), _) => self.scope.evaluate(field, item, index),
            (None, Some(constant)) => Ok(constant.get(field).cloned().unwrap_or_default()),
            (None, None) => Ok(Value::Null),
        }
    }

    fn has(&self, field: &str) -> bool {
        let params = &self.scope.compiled_node().params;
        params.field(field).is_some()
            || params.constant().is_some_and(|constant| constant.get(field).is_some())
    }

    fn is_connected(&self, port: &str) -> bool {
        let node = self.scope.compiled_node();
        let topology = &self.scope.graph.compiled().topology;
        node.output_port(port).is_some_and(|port| !topology.edges(self.scope.node, port).is_empty())
    }

    fn now(&self) -> Timestamp {
        self.now
    }
}
