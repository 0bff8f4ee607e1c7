//! Start-up: with executions that a dead process left open, and with suspended ones.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use prana_template::value;
use tokio::sync::mpsc;

use super::database::{Database, effects, engine, resident, runtime};
use super::timers;
use crate::arguments::Arguments;
use crate::measure::{Target, median, tell};

/// Both rows.
pub fn measure(arguments: &Arguments<'_>) {
    open(arguments);
    suspended(arguments);
}

/// From opening the file to the first effect that is run again.
fn open(arguments: &Arguments<'_>) {
    let database = Database::new(arguments, "open");
    let executions = arguments.number("open", 10_000);
    leave_open(&database, executions);
    let times = (0..5).map(|_| first_resumed(&database)).collect();
    let what = format!("restart to first resumed step, {executions} open executions");
    tell("startup", &what, median(times) * 1e3, "ms", Target::AtMost(100.0));
}

/// Executions whose effect is under way when the process dies.
fn leave_open(database: &Database, executions: usize) {
    let runtime = runtime();
    runtime.block_on(async {
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        let hang = move |_: &_| {
            count.fetch_add(1, Ordering::SeqCst);
            false
        };
        let engine = engine(database.store(), Arc::new(hang));
        engine.activate(&effects(1)).await.unwrap();
        let starts: Vec<_> = (0..executions)
            .map(|_| {
                let engine = engine.clone();
                tokio::spawn(async move { engine.start("effects", value!({"n": 1})).await.unwrap() })
            })
            .collect();
        for start in starts {
            start.await.unwrap();
        }
        while asked.load(Ordering::SeqCst) < executions {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    });
    runtime.shutdown_timeout(Duration::from_secs(10));
}

fn first_resumed(database: &Database) -> Duration {
    let runtime = runtime();
    let time = runtime.block_on(async {
        let (sender, mut first) = mpsc::unbounded_channel();
        let tell = move |_: &_| {
            let _ = sender.send(());
            false
        };
        let begin = Instant::now();
        let engine = engine(database.store(), Arc::new(tell));
        let serving = tokio::spawn(async move { engine.serve().await });
        first.recv().await.unwrap();
        let time = begin.elapsed();
        serving.abort();
        time
    });
    runtime.shutdown_timeout(Duration::from_secs(10));
    time
}

/// From opening the file to an engine that looks for work, with many suspended executions.
fn suspended(arguments: &Arguments<'_>) {
    let database = Database::new(arguments, "suspended");
    let executions = arguments.number("suspended", 100_000);
    timers::suspend(&database, executions);
    let before = resident();
    let mut memory = 0;
    let times = (0..5)
        .map(|_| {
            let runtime = runtime();
            let time = runtime.block_on(async {
                let begin = Instant::now();
                let engine = engine(database.store(), Arc::new(|_| true));
                let claim = engine.run_until_idle();
                claim.await.unwrap();
                memory = memory.max(resident().saturating_sub(before));
                begin.elapsed()
            });
            runtime.shutdown_timeout(Duration::from_secs(10));
            time
        })
        .collect();
    let what = format!("start-up with {executions} suspended executions");
    tell("startup", &what, median(times) * 1e3, "ms", Target::AtMost(1_000.0));
    tell("startup", "memory that they cost", memory as f64 / 1e6, "MB", Target::None);
}
