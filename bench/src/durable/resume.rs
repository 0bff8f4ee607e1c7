//! An answer to a wait of an execution that is not in memory, until its next node starts.

use std::time::Instant;

use prana::Engine;
use prana_core::document::Workflow;
use prana_template::{Value, value};
use tokio::sync::mpsc;

use super::database::{Database, engine, runtime};
use crate::arguments::Arguments;
use crate::measure::{Target, quantile, tell};
use crate::workflows::line;

/// A hundred nodes: a trigger, 97 with a template each, a wait, an effect.
fn workflow() -> Workflow {
    let pure = |n: usize| value!({"key": format!("n{n}"), "type": "data.set_data", "params": {"fields": {"n": "{{ $input.n + 1 }}"}}});
    let mut nodes: Vec<Value> = (0..97).map(pure).collect();
    nodes.push(value!({"key": "wait", "type": "wait.wait", "params": {"mode": "webhook"}}));
    nodes.push(value!({"key": "after", "type": "bench.effect"}));
    line("resume", nodes)
}

/// Latency of a resume.
pub fn measure(arguments: &Arguments<'_>) {
    let database = Database::new(arguments, "resume");
    let executions = arguments.number("executions", 1_000);
    let runtime = runtime();
    let mut times = runtime.block_on(async {
        let (sender, started) = mpsc::unbounded_channel();
        let tell = move |_: &_| sender.send(Instant::now()).is_ok();
        let engine = engine(database.store(), std::sync::Arc::new(tell));
        let serving = tokio::spawn({
            let engine = engine.clone();
            async move { engine.serve().await }
        });
        let times = resume_all(&engine, started, executions).await;
        engine.shut_down();
        serving.await.unwrap();
        times
    });
    drop(runtime);
    let (p50, p99) = (quantile(&mut times, 0.5) * 1e3, quantile(&mut times, 0.99) * 1e3);
    tell(
        "resume",
        "answer to next node started, p50, its two commits included",
        p50,
        "ms",
        Target::AtMost(3.0),
    );
    tell(
        "resume",
        "answer to next node started, p99, its two commits included",
        p99,
        "ms",
        Target::AtMost(20.0),
    );
}

async fn resume_all(
    engine: &Engine,
    mut started: mpsc::UnboundedReceiver<Instant>,
    executions: usize,
) -> Vec<std::time::Duration> {
    engine.activate(&workflow()).await.unwrap();
    let mut all = Vec::new();
    for _ in 0..executions {
        all.push(engine.start("resume", value!({"n": 1})).await.unwrap());
    }
    for id in &all {
        while engine.row(*id).await.unwrap().status != prana::store::Status::Suspended {
            tokio::task::yield_now().await;
        }
    }
    let mut times = Vec::new();
    for id in all {
        let asked = Instant::now();
        engine.resume(id, "wait", value!({"ok": true})).await.unwrap();
        times.push(started.recv().await.unwrap().duration_since(asked));
    }
    times
}
