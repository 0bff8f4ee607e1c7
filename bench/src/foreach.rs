//! A for_each with one node in its body, in memory.

use std::sync::Arc;

use prana_core::compile::CompiledGraph;
use prana_core::graph::Context;
use prana_template::{Map, Value};

use crate::arguments::Arguments;
use crate::measure::{Target, tell, timed};
use crate::workflows::{compiled, for_each, run};

/// Time per item.
pub fn measure(arguments: &Arguments<'_>) {
    let items = arguments.number("items", 100_000);
    let compiled = compiled(&for_each());
    let seconds = |items: usize| {
        let context = context(&compiled, items);
        timed(|| go_over(&compiled, &context)) / items as f64
    };
    let (few, many) = (seconds(items / 100), seconds(items));
    tell("foreach", &format!("time per item, {items} items"), many * 1e6, "us", Target::AtMost(1.0));
    tell(
        "foreach",
        "time per item, to that of a hundredth of the items",
        many / few,
        "times",
        Target::AtMost(1.2),
    );
}

/// The same a number of times, for a profiler.
pub fn once(items: usize, times: usize) {
    let compiled = compiled(&for_each());
    let context = context(&compiled, items);
    (0..times).for_each(|_| go_over(&compiled, &context));
}

fn context(compiled: &CompiledGraph, items: usize) -> Arc<Context> {
    let items: Vec<Value> = (0..items as i64).map(Value::Int).collect();
    let input = Value::Map(Map::from_iter([("items".into(), Value::from(items))]));
    Arc::new(Context::detached(compiled, input))
}

/// Entries are dropped as they come, as they are once a store has them.
fn go_over(compiled: &Arc<CompiledGraph>, context: &Arc<Context>) {
    let mut entries = 0;
    run(compiled, context, |_| entries += 1);
    assert!(entries > 2);
}
