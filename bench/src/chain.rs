//! A line of nodes with one template each, in memory, its audit trail kept.

use std::hint::black_box;
use std::sync::Arc;

use prana_core::graph::Context;
use prana_template::{Value, value};

use crate::measure::{Target, tell, timed};
use crate::workflows::{self, chain, compiled, run};

/// Nodes that one round runs, over all its executions.
const NODES_A_ROUND: usize = 200_000;

/// Time per node, from 10 nodes to 10,000. The target is one of instructions (`bench/count`): time grows with what no longer fits the caches.
pub fn measure() {
    let sizes = [10, 100, 1_000, 10_000];
    let per_node: Vec<f64> = sizes.iter().map(|nodes| nanos_per_node(*nodes)).collect();
    for (nodes, nanos) in sizes.iter().zip(&per_node) {
        tell("chain", &format!("time per node, {nodes} nodes"), *nanos, "ns", Target::None);
    }
    tell("chain", "all 100 nodes", per_node[1] * 0.1, "us", Target::AtMost(50.0));
    let growth = per_node[3] / per_node[1];
    tell(
        "chain",
        "time per node, 10,000 nodes to 100, all entries kept in memory",
        growth,
        "times",
        Target::None,
    );
    let handed_on = [100, 10_000].map(|nodes| per_node_of(nodes, Work::run_handing_on));
    let growth = handed_on[1] / handed_on[0];
    tell("chain", "time per node, 10,000 nodes to 100, entries handed on", growth, "times", Target::None);
}

fn nanos_per_node(nodes: usize) -> f64 {
    per_node_of(nodes, Work::run)
}

fn per_node_of(nodes: usize, run: impl Fn(&Work)) -> f64 {
    let work = Work::new(nodes);
    let times = (NODES_A_ROUND / nodes).max(1);
    timed(|| (0..times).for_each(|_| run(&work))) * 1e9 / (times * nodes) as f64
}

/// The same a number of times, for a profiler.
pub fn once(nodes: usize, times: usize) {
    let work = Work::new(nodes);
    (0..times).for_each(|_| work.run());
}

/// The same of as many branches of ten nodes each.
pub fn once_wide(branches: usize, times: usize) {
    let compiled = compiled(&workflows::branches(branches, 10));
    let context = Arc::new(Context::detached(&compiled, value!({"n": 1})));
    for _ in 0..times {
        let mut trail = Vec::new();
        run(&compiled, &context, |entry| trail.push(entry));
        assert_eq!(black_box(trail).len(), branches * 10 + 3);
    }
}

struct Work {
    nodes: usize,
    compiled: Arc<prana_core::compile::CompiledGraph>,
    context: Arc<Context>,
}

impl Work {
    fn new(nodes: usize) -> Self {
        let compiled = compiled(&chain(nodes));
        let context = Arc::new(Context::detached(&compiled, value!({"n": 1})));
        Work { nodes, compiled, context }
    }

    fn run(&self) {
        let mut trail = Vec::new();
        let output = run(&self.compiled, &self.context, |entry| trail.push(entry));
        assert_eq!(output.get("n"), Some(&Value::Int(self.nodes as i64)));
        assert_eq!(black_box(trail).len(), self.nodes + 2);
    }

    /// As the engine does it: entries are handed on with each commit. A commit takes 1,000 at most; 100 here, so that both sizes do it.
    fn run_handing_on(&self) {
        let mut trail = Vec::new();
        let output = run(&self.compiled, &self.context, |entry| {
            trail.push(entry);
            if trail.len() == 100 {
                black_box(&mut trail).clear();
            }
        });
        assert_eq!(output.get("n"), Some(&Value::Int(self.nodes as i64)));
    }
}
