//! The bytes that a live execution of 100 nodes takes, in Prana's layout and in the one that the refactoring plan of the Elixir engine
//! started from. `prana-bench-memory` prints lines of results as `prana-bench` does.
#![allow(clippy::unwrap_used, reason = "a measurement that goes wrong is to stop with the reason")]

mod before;
#[path = "../measure.rs"]
#[allow(dead_code, reason = "times are measured by the other program")]
mod measure;
mod workflow;

use std::alloc::System;
use std::hint::black_box;

use cap::Cap;

use measure::{Target, tell};

#[global_allocator]
static HEAP: Cap<System> = Cap::new(System, usize::MAX);

/// The bytes that what `make` makes keeps on the heap.
fn heap_of<T>(make: impl FnOnce() -> T) -> usize {
    let before = HEAP.allocated();
    let made = black_box(make());
    let bytes = HEAP.allocated() - before;
    drop(made);
    bytes
}

fn main() {
    let document = workflow::document();
    let compiled = workflow::compiled(&document);
    let live = workflow::live(&compiled);
    let state = live.graph().state();
    let done = state.nodes.iter().filter(|node| node.runs > 0).count();
    assert_eq!((document.nodes.len(), done), (100, workflow::RUN));

    // What outputs and parameters hold is shared, so a copy of the state is the state without them.
    let ours = heap_of(|| state.clone()) + size_of_val(live.graph());
    let before = heap_of(|| before::Before::new(&document, state)) + size_of::<before::Before>();
    let graph = heap_of(|| workflow::compiled(&document));
    let reduction = |after: usize| 100.0 * (1.0 - after as f64 / before as f64);

    tell(
        "memory",
        "runtime state of a live execution, outputs aside",
        ours as f64,
        "bytes",
        Target::AtMost(8192.0),
    );
    tell("memory", "the plan's `before` layout of the same execution", before as f64, "bytes", Target::None);
    tell("memory", "less than the `before` layout", reduction(ours), "percent", Target::AtLeast(60.0));
    tell("memory", "the compiled graph, once for all executions", graph as f64, "bytes", Target::None);
    flat_loop();
}

/// A for_each over many items: the peak beside the collection itself.
fn flat_loop() {
    let peak = |items: usize| {
        let (compiled, context) = workflow::loop_over(items);
        let begin = HEAP.allocated();
        let mut peak = 0;
        workflow::run_loop(&compiled, &context, || peak = peak.max(HEAP.allocated() - begin));
        peak
    };
    let (few, many) = (peak(1_000), peak(100_000));
    tell(
        "memory",
        "peak of a for_each beside its collection, 1,000 items",
        few as f64,
        "bytes",
        Target::None,
    );
    tell(
        "memory",
        "peak of a for_each beside its collection, 100,000 items",
        many as f64,
        "bytes",
        Target::AtMost(few as f64 * 1.2),
    );
}
