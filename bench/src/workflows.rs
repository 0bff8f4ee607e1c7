//! The workflows that are measured.

use std::sync::Arc;

use prana_core::compile::{self, CompiledGraph, Options};
use prana_core::document::{self, Workflow};
use prana_core::{ExecutionGraph, GraphExecutor, Registry, Timestamp, executor, graph, record};
use prana_template::{Value, value};

/// A trigger and nodes behind it in a line, each with one template.
pub fn chain(nodes: usize) -> Workflow {
    let node = |n: usize| value!({"key": format!("n{n}"), "type": "data.set_data", "params": {"fields": {"n": "{{ $input.n + 1 }}"}}});
    line("chain", (1..nodes).map(node).collect())
}

/// A trigger with branches behind it, each a line of nodes with one template each.
pub fn branches(branches: usize, length: usize) -> Workflow {
    let key = |branch: usize, place: usize| format!("b{branch}_{place}");
    let mut nodes = vec![value!({"key": "start", "type": "manual.trigger"})];
    let mut connections = Vec::new();
    for branch in 0..branches {
        for place in 0..length {
            nodes.push(value!({"key": key(branch, place), "type": "data.set_data", "params": {"fields": {"n": "{{ $input.n + 1 }}"}}}));
            let before = if place == 0 { "start".to_owned() } else { key(branch, place - 1) };
            connections.push(Value::from(format!("{before} -> {}", key(branch, place))));
        }
    }
    read(&value!({"id": "branches", "nodes": nodes, "connections": connections}))
}

/// A for_each over `$input.items` with one node in its body.
pub fn for_each() -> Workflow {
    read(&value!({
        "id": "for_each",
        "settings": {"max_iterations": 1_000_000_000, "max_memory_mb": 100_000},
        "nodes": [
            {"key": "start", "type": "manual.trigger"},
            {"key": "each", "type": "core.for_each", "params": {"collection": "{{ $input.items }}"}},
            {"key": "body", "type": "data.set_data", "params": {"fields": {"n": "{{ $input }}"}}},
        ],
        "connections": ["start -> each", "each.loop -> body -> each"],
    }))
}

/// A trigger, and these nodes behind it in a line.
pub fn line(id: &str, nodes: Vec<Value>) -> Workflow {
    let start = value!({"key": "start", "type": "manual.trigger"});
    let nodes: Vec<Value> = std::iter::once(start).chain(nodes).collect();
    let key = |node: &Value| node.get("key").and_then(Value::as_str).unwrap().to_owned();
    let connections: Vec<Value> =
        nodes.windows(2).map(|pair| Value::from(format!("{} -> {}", key(&pair[0]), key(&pair[1])))).collect();
    read(&value!({"id": id, "nodes": nodes, "connections": connections}))
}

/// A document that is known to be well-formed.
pub fn read(document: &Value) -> Workflow {
    document::from_value(document).unwrap()
}

/// The compiled form, with the standard actions.
pub fn compiled(workflow: &Workflow) -> Arc<CompiledGraph> {
    compile::compile(workflow, &Registry::standard(), Options::default()).into_result().unwrap()
}

/// Runs a graph in memory to its end and hands each entry of its audit trail on. Gives the output.
pub fn run(
    compiled: &Arc<CompiledGraph>,
    context: &Arc<graph::Context>,
    mut keep: impl FnMut(record::Entry),
) -> Value {
    let now = Timestamp::default();
    let mut running = GraphExecutor::new(ExecutionGraph::new(Arc::clone(compiled), Arc::clone(context)), now);
    running.handle(executor::Input::Start, now).unwrap();
    while let Some(step) = running.next() {
        match step {
            executor::Step::Record(entry) => keep(entry),
            executor::Step::Ended(status) => assert_eq!(status.as_str(), "completed"),
            other => panic!("{other:?}"),
        }
    }
    running.graph().output()
}
