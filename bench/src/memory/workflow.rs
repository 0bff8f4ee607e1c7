//! A workflow of 100 nodes with conditional branching and sub-workflows, stopped in the middle.

use std::sync::Arc;

use prana_core::compile::{self, CompiledGraph, Options};
use prana_core::document::{self, Workflow};
use prana_core::execution::Status;
use prana_core::executor::{Input, Step};
use prana_core::graph::Context;
use prana_core::suspension::ChildEnd;
use prana_core::{ExecutionGraph, ExecutionId, GraphExecutor, Registry, Timestamp};
use prana_template::{Map, Value, value};

/// Groups of a condition, a sub-workflow on its one side and data on its other.
const GROUPS: usize = 33;

/// The nodes that have run when the last sub-workflow is under way: the trigger and, of each group, the condition and one side.
pub const RUN: usize = 1 + 2 * GROUPS;

/// The document.
pub fn document() -> Workflow {
    let mut nodes = vec![value!({"key": "start", "type": "manual.trigger"})];
    let mut connections = Vec::new();
    for group in 0..GROUPS {
        let before = match group {
            0 => vec!["start".to_owned()],
            _ => vec![format!("call{}", group - 1), format!("data{}", group - 1)],
        };
        connections.extend(before.iter().map(|before| Value::from(format!("{before} -> if{group}"))));
        connections.push(Value::from(format!("if{group}.true -> call{group}")));
        connections.push(Value::from(format!("if{group}.false -> data{group}")));
        let wanted = if group % 2 == 0 { "{{ $input.n >= 0 }}" } else { "{{ $input.n < 0 }}" };
        let wanted = if group + 1 == GROUPS { "{{ true }}" } else { wanted };
        nodes.push(value!({"key": format!("if{group}"), "type": "logic.if_condition", "params": {"condition": wanted}}));
        nodes.push(value!({"key": format!("call{group}"), "type": "workflow.execute_workflow",
            "params": {"workflow_id": "other", "input_data": {"n": "{{ $input.n }}"}}}));
        nodes.push(value!({"key": format!("data{group}"), "type": "data.set_data",
            "params": {"fields": {"n": "{{ $input.n + 1 }}"}}}));
    }
    read(&value!({"id": "hundred", "nodes": nodes, "connections": connections}))
}

fn read(document: &Value) -> Workflow {
    document::from_value(document).unwrap()
}

/// The compiled form.
pub fn compiled(workflow: &Workflow) -> Arc<CompiledGraph> {
    compile::compile(workflow, &Registry::standard(), Options::default()).into_result().unwrap()
}

/// Runs it until the last sub-workflow is under way.
pub fn live(compiled: &Arc<CompiledGraph>) -> GraphExecutor {
    let context = Arc::new(Context::detached(compiled, value!({"n": 1})));
    let now = Timestamp::default();
    let mut running = GraphExecutor::new(ExecutionGraph::new(Arc::clone(compiled), context), now);
    running.handle(Input::Start, now).unwrap();
    let last = format!("call{}", GROUPS - 1);
    while let Some(step) = running.next() {
        let Step::StartChild(child) = step else { continue };
        let run = running.graph().open_run(child.execution_index).unwrap();
        if *compiled.node(run.node).key == *last {
            continue;
        }
        let end = ChildEnd {
            execution_index: child.execution_index,
            item: child.item,
            execution_id: ExecutionId::NIL,
            status: Status::Completed,
            output: child.input.clone(),
            error: None,
        };
        running.handle(Input::ChildEnded(end), now).unwrap();
    }
    running
}

/// A for_each over that many numbers.
pub fn loop_over(items: usize) -> (Arc<CompiledGraph>, Arc<Context>) {
    let workflow = read(&value!({
        "id": "for_each",
        "settings": {"max_iterations": 1_000_000_000},
        "nodes": [
            {"key": "start", "type": "manual.trigger"},
            {"key": "each", "type": "core.for_each", "params": {"collection": "{{ $input.items }}"}},
            {"key": "body", "type": "data.set_data", "params": {"fields": {"n": "{{ $input }}"}}},
        ],
        "connections": ["start -> each", "each.loop -> body -> each"],
    }));
    let compiled = compiled(&workflow);
    let items: Vec<Value> = (0..items as i64).map(Value::Int).collect();
    let input = Value::Map(Map::from_iter([("items".into(), Value::from(items))]));
    let context = Arc::new(Context::detached(&compiled, input));
    (compiled, context)
}

/// Runs it, and calls `after` after each step.
pub fn run_loop(compiled: &Arc<CompiledGraph>, context: &Arc<Context>, mut after: impl FnMut()) {
    let now = Timestamp::default();
    let mut running = GraphExecutor::new(ExecutionGraph::new(Arc::clone(compiled), Arc::clone(context)), now);
    running.handle(Input::Start, now).unwrap();
    while running.next().is_some() {
        after();
    }
    assert_eq!(running.status(), Status::Completed);
}
