//! Effect steps through engine and store, against raw commits of the same rows on the same disk in the same run.

use std::time::{Duration, Instant};

use prana::{Engine, StartOptions, Value};
use prana_core::execution::Status;
use prana_template::value;

use super::database::{Database, effects, quick_engine, runtime};
use super::raw;
use crate::arguments::Arguments;
use crate::measure::{ROUNDS, Target, quantile, tell};
use crate::workflows::chain;

/// Executions at once.
const AT_ONCE: i64 = 64;

/// Effects of one execution, in the rows that run effect after effect.
const IN_A_ROW: usize = 100;

/// All rows of effect steps.
pub fn measure(arguments: &Arguments<'_>) {
    let time = Duration::from_millis(arguments.number("ms", 3_000) as u64);
    let (mut many, mut grouped, mut alone) = (Vec::new(), Vec::new(), Vec::new());
    let (mut short, mut long, mut pure) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS.min(arguments.number("rounds", 5)) {
        let database = Database::new(arguments, &format!("steps{round}"));
        let rates = runtime().block_on(engine_rates(&database, time));
        many.push(rates.many);
        short.push(rates.alone);
        long.push(rates.in_a_row);
        pure.push(rates.pure);
        let bytes = raw::entry_bytes(&database);
        let file = Database::new(arguments, &format!("grouped{round}"));
        grouped.push(raw::commit(&database, &file, AT_ONCE, bytes, time).rate);
        let file = Database::new(arguments, &format!("alone{round}"));
        alone.push(raw::commit(&database, &file, 1, bytes, time).p50);
    }
    let [many, grouped, alone] = [many, grouped, alone].map(middle);
    let [short, long, pure] = [short, long, pure].map(middle);
    tell("durable", "raw: steps in commits of 64", grouped, "steps/s", Target::None);
    tell("durable", "effect steps, 64 executions at once", many, "steps/s", Target::None);
    tell(
        "durable",
        "effect steps, to raw steps in commits of 64",
        many / grouped,
        "times",
        Target::AtLeast(0.5),
    );
    tell("durable", "raw: one step, one commit, p50", alone * 1e6, "us", Target::None);
    tell("durable", "an execution of one effect, one caller, p50", short * 1e6, "us", Target::None);
    tell(
        "durable",
        "an execution of one effect, to one raw commit",
        short / alone,
        "times",
        Target::AtMost(3.0),
    );
    tell("durable", "one execution, effect after effect", 1.0 / long, "steps/s", Target::None);
    tell("durable", "one execution, to raw single commits", alone / long, "times", Target::AtLeast(0.6));
    tell("durable", "100 pure nodes, durable at the end, p50", pure * 1e3, "ms", Target::AtMost(1.0));
}

fn middle(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}

struct Rates {
    /// Effect steps a second.
    many: f64,
    /// Seconds of an execution of one effect.
    alone: f64,
    /// Seconds of an effect among many of one execution.
    in_a_row: f64,
    /// Seconds of 100 pure nodes.
    pure: f64,
}

async fn engine_rates(database: &Database, time: Duration) -> Rates {
    let engine = quick_engine(database.store());
    let many = effects(IN_A_ROW);
    engine.activate(&many).await.unwrap();
    let many = at_once(&engine, time).await;
    let in_a_row = median_run(&engine, "effects", time).await / IN_A_ROW as f64;
    engine.activate(&effects(1)).await.unwrap();
    let alone = median_run(&engine, "effects", time).await;
    engine.activate(&chain(100)).await.unwrap();
    let pure = median_run(&engine, "chain", time).await;
    Rates { many, alone, in_a_row, pure }
}

async fn at_once(engine: &Engine, time: Duration) -> f64 {
    let begin = Instant::now();
    let callers: Vec<_> = (0..AT_ONCE)
        .map(|_| {
            let engine = engine.clone();
            tokio::spawn(async move {
                let mut steps = 0;
                while begin.elapsed() < time {
                    run(&engine, "effects").await;
                    steps += IN_A_ROW;
                }
                steps
            })
        })
        .collect();
    let mut steps = 0;
    for caller in callers {
        steps += caller.await.unwrap();
    }
    steps as f64 / begin.elapsed().as_secs_f64()
}

async fn median_run(engine: &Engine, workflow: &str, time: Duration) -> f64 {
    let (begin, mut times) = (Instant::now(), Vec::new());
    while begin.elapsed() < time || times.len() < 5 {
        let started = Instant::now();
        run(engine, workflow).await;
        times.push(started.elapsed());
    }
    quantile(&mut times, 0.5)
}

async fn run(engine: &Engine, workflow: &str) {
    let input: Value = value!({"n": 1});
    let outcome = engine.run_with(workflow, input, StartOptions::default()).await.unwrap();
    assert_eq!(outcome.status, Status::Completed, "{:?}", outcome.error);
}
