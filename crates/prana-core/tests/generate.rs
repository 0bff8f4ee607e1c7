//! Random workflows of pure nodes, one effect and sub-workflows; and random scripts of what comes from outside.
//!
//! A plan is small plain data that shrinks well. Building a workflow of it always succeeds: what the compiler refuses becomes a
//! `core.no_op`.

use prana_core::action::{Descriptor, Effect};
use prana_core::compile::{self, CompiledGraph, Options};
use prana_core::document::{Connection, Join, Node, NodeSettings, OnError, OnSuspend, Workflow};
use prana_core::registry::Registry;
use prana_template::{Map, Value, value};
use proptest::prelude::*;
use std::sync::Arc;

/// The parameters of the effect that tests answer for.
#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "it is only read into")]
struct AskParams {
    #[serde(default)]
    #[schemars(with = "Option<serde_json::Value>")]
    about: Option<Value>,
}

/// The standard actions, and `test.ask`, an effect.
pub fn registry() -> Registry {
    let mut registry = Registry::standard();
    registry.effect(Descriptor::new::<AskParams>("test.ask", "Ask", "Asks the test.", Effect::Effect));
    registry
}

#[derive(Debug, Clone)]
pub enum Kind {
    NoOp,
    SetData { reads: u8, merge: bool },
    Fails,
    If { condition: u8 },
    Switch { cases: u8, condition: u8 },
    Merge { inputs: u8, strategy: u8 },
    ForEach { items: u8, batch: u8, collect: u8 },
    Break,
    SetState,
    Interval { millis: u16 },
    Webhook,
    Stop { failed: bool },
    Ask { reads: u8 },
    Child { mode: u8, single: bool, goes_on: bool },
}

#[derive(Debug, Clone)]
pub struct NodePlan {
    pub kind: Kind,
    pub join: Option<bool>,
    pub on_error: u8,
    pub retries: u8,
    pub delay: u8,
    pub disabled: bool,
    /// Which earlier node leads here, by which port.
    pub parent: (u8, u8, u8),
}

#[derive(Debug, Clone)]
pub struct Plan {
    pub nodes: Vec<NodePlan>,
    /// From, port, to, port.
    pub extra: Vec<(u8, u8, u8, u8)>,
    pub goes_on: bool,
    pub max_iterations: u8,
    /// What the outside does.
    pub script: Vec<u8>,
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![
        6 => Just(Kind::NoOp),
        3 => (any::<u8>(), any::<bool>()).prop_map(|(reads, merge)| Kind::SetData { reads, merge }),
        1 => Just(Kind::Fails),
        4 => (0u8..8).prop_map(|condition| Kind::If { condition }),
        2 => (1u8..4, 0u8..8).prop_map(|(cases, condition)| Kind::Switch { cases, condition }),
        5 => (2u8..4, 0u8..3).prop_map(|(inputs, strategy)| Kind::Merge { inputs, strategy }),
        8 => (prop::sample::select(vec![2u8, 3, 1, 5, 0, 4]), prop::sample::select(vec![0u8, 0, 1, 2]), 0u8..4).prop_map(|(items, batch, collect)| Kind::ForEach { items, batch, collect }),
        4 => Just(Kind::Break),
        1 => Just(Kind::SetState),
        1 => (0u16..2000).prop_map(|millis| Kind::Interval { millis }),
        3 => Just(Kind::Webhook),
        1 => any::<bool>().prop_map(|failed| Kind::Stop { failed }),
        3 => any::<u8>().prop_map(|reads| Kind::Ask { reads }),
        1 => (0u8..3, any::<bool>(), any::<bool>())
            .prop_map(|(mode, single, goes_on)| Kind::Child { mode, single, goes_on }),
    ]
}

fn node_plan() -> impl Strategy<Value = NodePlan> {
    let join = prop_oneof![6 => Just(None), 1 => any::<bool>().prop_map(Some)];
    let settings =
        (join, 0u8..4, prop_oneof![3 => Just(0u8), 1 => 1u8..3], 0u8..3, prop::bool::weighted(0.04));
    (kind(), settings, any::<(u8, u8, u8)>()).prop_map(|(kind, settings, parent)| {
        let (join, on_error, retries, delay, disabled) = settings;
        NodePlan { kind, join, on_error, retries, delay, disabled, parent }
    })
}

pub fn plan() -> impl Strategy<Value = Plan> {
    let nodes = prop::collection::vec(node_plan(), 1..14);
    let extra = prop::collection::vec(any::<(u8, u8, u8, u8)>(), 0..10);
    let script = prop::collection::vec(any::<u8>(), 1..24);
    (nodes, extra, any::<bool>(), prop::sample::select(vec![4u8, 3, 2, 1, 8, 12]), script).prop_map(
        |(nodes, extra, goes_on, max_iterations, script)| Plan {
            nodes,
            extra,
            goes_on,
            max_iterations,
            script,
        },
    )
}

/// Decisions that differ from run to run of a node.
const CONDITIONS: [&str; 8] = [
    "{{ $execution.run_index < 2 }}",
    "{{ $execution.execution_index % 2 == 0 }}",
    "{{ $execution.loop.index == 1 }}",
    "{{ $execution.loopback }}",
    "{{ $execution.execution_index % 3 == 0 }}",
    "{{ $input }}",
    "{{ true }}",
    "{{ $execution.run_index % 2 == 1 }}",
];

const COLLECTIONS: [&str; 6] =
    ["{{ [] }}", "{{ [1] }}", "{{ [1, 2] }}", "{{ [1, 2, 3] }}", "{{ $input }}", "{{ $vars.items }}"];

impl Plan {
    /// The workflow, as a document that compiles.
    pub fn workflow(&self) -> Workflow {
        let mut workflow = self.draft();
        for _ in 0..20 {
            let compiled = compile::compile(&workflow, &registry(), Options::default());
            if compiled.graph.is_some() {
                return workflow;
            }
            for finding in compiled.diagnostics.iter().filter(|finding| finding.is_error()) {
                let key = finding.node.as_deref().unwrap_or_else(|| panic!("{finding}"));
                simplify(&mut workflow, key);
            }
        }
        panic!("this can't be made to compile:\n{}", prana_core::document::to_yaml(&workflow));
    }

    fn draft(&self) -> Workflow {
        let mut workflow = Workflow { id: "random".into(), ..Workflow::default() };
        workflow.settings.max_iterations = u64::from(self.max_iterations);
        workflow.settings.on_suspend = if self.goes_on { OnSuspend::Continue } else { OnSuspend::Hold };
        workflow.variables.insert("items", value!(["x", "y"]));
        workflow.nodes.push(Node {
            key: "start".into(),
            type_name: "manual.trigger".into(),
            params: value!({}),
            ..Node::default()
        });
        workflow.nodes.extend(self.nodes.iter().enumerate().map(|(index, plan)| plan.node(index)));
        let mut connections: Vec<Connection> = Vec::new();
        for (index, plan) in self.nodes.iter().enumerate() {
            let (parent, port, to_port) = plan.parent;
            // A way is more often continued than forked.
            let mut from = if parent % 2 == 1 { index } else { usize::from(parent / 2) % (index + 1) };
            while output_ports(&workflow.nodes[from]).is_empty() {
                from -= 1;
            }
            connect(&workflow.nodes, &mut connections, from, port, index + 1, to_port);
        }
        for (from, port, to, to_port) in &self.extra {
            let from = usize::from(*from) % workflow.nodes.len();
            let to = 1 + usize::from(*to) % self.nodes.len();
            connect(&workflow.nodes, &mut connections, from, *port, to, *to_port);
        }
        workflow.connections = connections;
        canonical(workflow)
    }
}

/// Connections in the order in which a saved document has them: by node, then by port.
fn canonical(workflow: Workflow) -> Workflow {
    prana_core::document::from_value(&prana_core::document::to_value(&workflow)).unwrap()
}

fn connect(nodes: &[Node], connections: &mut Vec<Connection>, from: usize, port: u8, to: usize, to_port: u8) {
    let (outputs, inputs) = (output_ports(&nodes[from]), input_ports(&nodes[to]));
    if outputs.is_empty() {
        return;
    }
    // A loop more often has a body than something after it.
    let is_body = nodes[from].type_name == "core.for_each" && port % 4 != 3;
    let port = if is_body { 0 } else { usize::from(port) % outputs.len() };
    let connection = Connection {
        from: nodes[from].key.clone(),
        from_port: Some(outputs[port].clone()),
        to: nodes[to].key.clone(),
        to_port: Some(inputs[usize::from(to_port) % inputs.len()].clone()),
    };
    if !connections.contains(&connection) {
        connections.push(connection);
    }
}

/// Makes a no_op of a node that the compiler refuses, with the ports that its connections name given up.
fn simplify(workflow: &mut Workflow, key: &str) {
    let node = workflow.nodes.iter_mut().find(|node| node.key == key).unwrap();
    node.type_name = "core.no_op".into();
    node.params = value!({});
    node.settings.on_error = OnError::default();
    node.disabled = false;
    for connection in &mut workflow.connections {
        if connection.from == key {
            connection.from_port = Some("main".into());
        }
        if connection.to == key {
            connection.to_port = Some("main".into());
        }
    }
    let mut kept: Vec<Connection> = Vec::new();
    for connection in workflow.connections.drain(..) {
        if !kept.contains(&connection) {
            kept.push(connection);
        }
    }
    workflow.connections = kept;
    *workflow = canonical(workflow.clone());
}

/// The output ports that a node has by its type and settings: told by hand, not by the compiler.
pub fn output_ports(node: &Node) -> Vec<String> {
    let own: Vec<String> = match node.type_name.as_str() {
        "logic.if_condition" => vec!["true".into(), "false".into()],
        "logic.switch" => {
            let cases = node.params.get("cases").and_then(Value::as_list).map_or(0, |cases| cases.len());
            let ports = (0..cases).map(|number| format!("case{number}"));
            ports.chain(["default".to_owned()]).collect()
        }
        "core.for_each" => vec!["loop".into(), "done".into()],
        "core.break" | "core.stop" => vec![],
        "wait.wait" => vec!["main".into(), "timeout".into()],
        _ => vec!["main".into()],
    };
    let error = (node.settings.on_error == OnError::ContinueErrorOutput).then(|| "error".to_owned());
    own.into_iter().chain(error).collect()
}

/// As [`output_ports`].
pub fn input_ports(node: &Node) -> Vec<String> {
    match node.type_name.as_str() {
        "data.merge" => {
            let count = node.params.get("inputs").and_then(Value::as_i64).unwrap_or(2);
            ["input_a", "input_b", "input_c"]
                .iter()
                .take(count as usize)
                .map(|port| (*port).to_owned())
                .collect()
        }
        _ => vec!["main".into()],
    }
}

impl NodePlan {
    fn node(&self, index: usize) -> Node {
        let (type_name, params) = self.action(index);
        let has_default = !matches!(
            self.kind,
            Kind::If { .. } | Kind::Switch { .. } | Kind::ForEach { .. } | Kind::Break | Kind::Stop { .. }
        );
        let on_error = match self.on_error {
            1 if has_default => OnError::Continue,
            1 | 2 => OnError::ContinueErrorOutput,
            _ => OnError::StopWorkflow,
        };
        let settings = NodeSettings {
            join: self.join.map(|all| if all { Join::All } else { Join::Each }),
            on_error,
            retry_on_failed: self.retries > 0,
            max_retries: u32::from(self.retries.max(1)),
            retry_delay_ms: u64::from(self.delay) * 100,
            ..NodeSettings::default()
        };
        Node {
            key: format!("n{}", index + 1),
            type_name: type_name.into(),
            params,
            settings,
            disabled: self.disabled && has_default,
            ..Node::default()
        }
    }

    fn action(&self, index: usize) -> (&'static str, Value) {
        let read = |reads: u8| match usize::from(reads) % (index + 2) {
            0 => "{{ $input }}".to_owned(),
            other => format!("{{{{ $nodes.n{other}.run_index }}}}"),
        };
        match &self.kind {
            Kind::NoOp => ("core.no_op", value!({})),
            Kind::SetData { reads, merge } => {
                let mode = if *merge { "merge" } else { "replace" };
                let fields = value!({"at": "{{ $execution.execution_index }}", "read": read(*reads)});
                ("data.set_data", value!({"mode": mode, "fields": fields}))
            }
            Kind::Fails => {
                ("data.set_data", value!({"mode": "json", "json_template": "{ {{ $execution.run_index }}"}))
            }
            Kind::If { condition } => {
                ("logic.if_condition", value!({"condition": CONDITIONS[usize::from(*condition)]}))
            }
            Kind::Switch { cases, condition } => {
                let case = |number: u8| {
                    let condition = CONDITIONS[usize::from(condition + number) % CONDITIONS.len()];
                    value!({"condition": condition, "port": format!("case{number}")})
                };
                ("logic.switch", value!({"cases": (0..*cases).map(case).collect::<Value>()}))
            }
            Kind::Merge { inputs, strategy } => {
                let strategy = ["append", "merge", "concat"][usize::from(*strategy)];
                ("data.merge", value!({"inputs": i64::from(*inputs), "strategy": strategy}))
            }
            Kind::ForEach { items, batch, collect } => ("core.for_each", for_each(*items, *batch, *collect)),
            Kind::Break => ("core.break", value!({})),
            Kind::SetState => (
                "workflow.set_state",
                value!({"last": "{{ $execution.run_index }}", "node_context": {"seen": 1}}),
            ),
            Kind::Interval { millis } => {
                ("wait.wait", value!({"mode": "interval", "duration": i64::from(*millis)}))
            }
            Kind::Webhook => ("wait.wait", value!({"mode": "webhook", "timeout_hours": 1})),
            Kind::Stop { failed } => {
                ("core.stop", value!({"status": if *failed { "failed" } else { "completed" }}))
            }
            Kind::Ask { reads } => ("test.ask", value!({"about": read(*reads)})),
            Kind::Child { mode, single, goes_on } => {
                ("workflow.execute_workflow", child(*mode, *single, *goes_on))
            }
        }
    }
}

fn for_each(items: u8, batch: u8, collect: u8) -> Value {
    let mut params = Map::new();
    params.insert("collection", COLLECTIONS[usize::from(items)]);
    if batch > 0 {
        params.insert("mode", "batch");
        params.insert("batch_size", i64::from(batch));
    }
    match collect {
        1 => drop(params.insert("collect", "{{ $input }}")),
        2 => drop(params.insert("collect", "{{ $index }}")),
        // Fails where an item is no map.
        3 => drop(params.insert("collect", "{{ $item + 1 }}")),
        _ => {}
    }
    Value::Map(params)
}

fn child(mode: u8, single: bool, goes_on: bool) -> Value {
    value!({
        "workflow_id": "child",
        "input_data": [1, 2, 3],
        "execution_mode": ["sync", "async", "fire_and_forget"][usize::from(mode)],
        "batch_mode": if single { "single" } else { "all" },
        "concurrency": 2,
        "failure_strategy": if goes_on { "continue" } else { "fail_parent" },
    })
}

/// Compiles what is known to compile.
pub fn compiled(workflow: &Workflow) -> Arc<CompiledGraph> {
    compile::compile(workflow, &registry(), Options::default()).into_result().unwrap()
}
