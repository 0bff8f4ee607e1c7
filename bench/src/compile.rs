//! Compiling workflows of many nodes.

use std::hint::black_box;

use prana_core::Registry;
use prana_core::compile::{Options, compile};
use prana_core::document::Workflow;
use prana_template::{Value, value};

use crate::arguments::Arguments;
use crate::measure::{Target, tell, timed};
use crate::workflows::{chain, line};

/// Time to compile a chain, and one whose templates name the node before.
pub fn measure(arguments: &Arguments<'_>) {
    let nodes = arguments.number("nodes", 10_000);
    let registry = Registry::standard();
    for (what, workflow) in [("`$input`", chain(nodes)), ("`$nodes`", referring(nodes))] {
        let millis = timed(|| compile_one(&workflow, &registry)) * 1e3;
        tell("compile", &format!("{nodes} nodes with {what}"), millis, "ms", Target::AtMost(100.0));
    }
}

/// The same a number of times, for a profiler.
pub fn once(nodes: usize, times: usize) {
    let (workflow, registry) = (chain(nodes), Registry::standard());
    (0..times).for_each(|_| compile_one(&workflow, &registry));
}

fn compile_one(workflow: &Workflow, registry: &Registry) {
    assert!(black_box(compile(workflow, registry, Options::default())).graph.is_some());
}

fn referring(nodes: usize) -> Workflow {
    let before = |n: usize| if n == 1 { "start".to_owned() } else { format!("n{}", n - 1) };
    let node = |n: usize| {
        let template = format!("{{{{ $nodes.{}.output.n }}}}", before(n));
        value!({"key": format!("n{n}"), "type": "data.set_data", "params": {"fields": {"n": template}}})
    };
    line("referring", (1..nodes).map(node).collect::<Vec<Value>>())
}
