//! Durable steps of nothing, as the peers are measured: `prana-bench compare db=DATABASE` reads lines `STEPS AT_ONCE SECONDS` and answers
//! each with a line of JSON.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use prana::Engine;
use prana_core::document::Workflow;

use super::database::{builder, effects, runtime};
use super::steps::run;
use crate::arguments::Arguments;
use crate::fail;
use crate::measure::quantile;

/// Answers until the input ends. `db`: a file, or the address of a PostgreSQL database.
pub fn answer(arguments: &Arguments<'_>) {
    let database = PathBuf::from(arguments.text("db").unwrap_or_else(|| fail("say db=DATABASE")));
    let runtime = runtime();
    let engine = runtime.block_on(async {
        let store = prana::open_database(&database).await.unwrap();
        builder(Arc::new(|_| true)).shared_store(store).build()
    });
    for line in std::io::stdin().lines() {
        let line = line.unwrap();
        let numbers: Vec<f64> = line.split(' ').map_while(|word| word.parse().ok()).collect();
        let [steps, at_once, seconds] = numbers[..] else {
            fail(&format!("`{line}` is not STEPS AT_ONCE SECONDS"))
        };
        let time = Duration::from_secs_f64(seconds);
        println!("{}", runtime.block_on(measure(&engine, steps as usize, at_once as usize, time)));
        std::io::stdout().flush().unwrap();
    }
}

async fn measure(engine: &Engine, steps: usize, at_once: usize, time: Duration) -> serde_json::Value {
    let workflow = Workflow { id: format!("steps{steps}"), ..effects(steps) };
    engine.activate(&workflow).await.unwrap();
    let begin = Instant::now();
    let callers: Vec<_> = (0..at_once)
        .map(|_| {
            let (engine, id) = (engine.clone(), workflow.id.clone());
            tokio::spawn(async move {
                let mut times = Vec::new();
                while begin.elapsed() < time {
                    let started = Instant::now();
                    run(&engine, &id).await;
                    times.push(started.elapsed());
                }
                times
            })
        })
        .collect();
    let mut times = Vec::new();
    for caller in callers {
        times.extend(caller.await.unwrap());
    }
    let milliseconds = |share: f64, times: &mut [Duration]| quantile(times, share) * 1e3;
    serde_json::json!({
        "workflows": times.len(),
        "seconds": begin.elapsed().as_secs_f64(),
        "p50_ms": milliseconds(0.5, &mut times),
        "p99_ms": milliseconds(0.99, &mut times),
    })
}
