//! The single operations that the Elixir engine's decisions were measured by.

use std::hint::black_box;
use std::sync::Arc;

use prana_core::compile::NodeId;
use prana_core::graph::Context;
use prana_core::{ExecutionGraph, Timestamp};
use prana_template::{Map, Value, value};

use crate::measure::{Target, tell, timed};
use crate::workflows::{self, chain, compiled, read, run};

const TIMES: usize = 100_000;

/// A connection lookup, a context update, a selection.
pub fn measure() {
    lookup();
    context_update();
    selection();
    branches();
}

/// What choosing among ten open branches adds to a node: ten branches of ten nodes each, beside as many nodes in a line.
fn branches() {
    let [wide, line] = [workflows::branches(10, 10), chain(101)].map(|workflow| {
        let compiled = compiled(&workflow);
        let context = Arc::new(Context::detached(&compiled, value!({"n": 1})));
        timed(|| {
            for _ in 0..1_000 {
                black_box(run(&compiled, &context, |entry| drop(black_box(entry))));
            }
        })
    });
    tell("micro", "a node in ten branches of ten, to one in a line", wide / line, "times", Target::None);
}

fn nanos(work: impl FnMut()) -> f64 {
    timed(work) * 1e9 / TIMES as f64
}

fn lookup() {
    let compiled = compiled(&chain(100));
    let nanos = nanos(|| {
        for n in 0..TIMES {
            let node = NodeId(black_box(n as u32 % 99));
            assert_eq!(black_box(compiled.topology.edges(node, 0)).len(), 1);
        }
    });
    tell("micro", "connection lookup", nanos, "ns", Target::AtMost(140.0));
}

/// One key of a node's context, of which another reference is held as a record would.
fn context_update() {
    let mut context: Map = (0..5).map(|n| (format!("key{n}").into(), Value::Int(n))).collect();
    let nanos = nanos(|| {
        for n in 0..TIMES {
            let update: Map = Map::from_iter([("key3".into(), Value::Int(n as i64))]);
            for (key, value) in update.iter() {
                context.insert(key.clone(), value.clone());
            }
        }
    });
    tell("micro", "context update", nanos, "ns", Target::AtMost(440.0));
}

/// What is ready of a graph with ten open branches, in the order of selection.
fn selection() {
    let branches: Vec<Value> =
        (0..10).map(|n| value!({"key": format!("b{n}"), "type": "core.no_op"})).collect();
    let mut nodes = vec![value!({"key": "start", "type": "manual.trigger"})];
    nodes.extend(branches);
    let connections: Vec<Value> = (0..10).map(|n| Value::from(format!("start -> b{n}"))).collect();
    let workflow = read(&value!({"id": "wide", "nodes": nodes, "connections": connections}));
    let compiled = compiled(&workflow);
    let context = Arc::new(Context::detached(&compiled, Value::Null));
    let mut graph = ExecutionGraph::new(compiled, context);
    graph.begin(Timestamp::default()).unwrap();
    graph.complete_node("start", Value::Null, Some("main"), Timestamp::default()).unwrap();
    let nanos = nanos(|| {
        for _ in 0..TIMES {
            assert_eq!(black_box(&graph).ready_nodes().len(), 10);
        }
    });
    tell("micro", "which of ten branches are ready, in order", nanos, "ns", Target::None);
}
