//! Effect steps through engine and store, against raw commits of the same rows on the same disk in the same run.

use std::time::{Duration, Instant};

use prana::{Engine, StartOptions, Value};
use prana_core::execution::Status;
use prana_template::value;

use super::database::{Database, effects, quick_engine, runtime};
use super::raw;
use crate::arguments::Arguments;
use crate::measure::{Target, quantile, tell};
use crate::workflows::chain;

/// Executions at once.
const AT_ONCE: i64 = 64;

/// Effects of one execution, in the rows that run effect after effect.
const IN_A_ROW: usize = 100;

/// All rows of effect steps. A disk has better and worse times, so what is compared is measured in short turns, one right after the other;
/// the median of the ratios of all rounds counts, and how far they lie apart is told.
pub fn measure(arguments: &Arguments<'_>) {
    let time = Duration::from_millis(arguments.number("ms", 500) as u64);
    let database = Database::new(arguments, "steps");
    let runtime = runtime();
    let engine = runtime.block_on(prepared(&database));
    let bytes = raw::entry_bytes(&database);
    let rounds: Vec<Round> = (0..arguments.number("rounds", 9))
        .map(|number| {
            let raw = |grouped: i64| {
                let file = Database::new(arguments, &format!("raw{number}-{grouped}"));
                raw::commit(&database, &file, grouped, bytes, time)
            };
            Round {
                grouped: raw(AT_ONCE).rate,
                many: runtime.block_on(at_once(&engine, time)),
                alone: runtime.block_on(median_run(&engine, "one", time)),
                single: raw(1).p50,
                in_a_row: runtime.block_on(median_run(&engine, "effects", time)) / IN_A_ROW as f64,
                pure: runtime.block_on(median_run(&engine, "chain", time)),
            }
        })
        .collect();
    tell_all(&rounds);
}

fn tell_all(rounds: &[Round]) {
    let of = |what: fn(&Round) -> f64| Spread::of(rounds, what);
    let tell = |what: &str, spread: Spread, unit: &str, target: Target| {
        let what = format!("{what} ({:.3} to {:.3})", spread.least, spread.most);
        tell("durable", &what, spread.median, unit, target);
    };
    tell("raw: steps in commits of 64", of(|round| round.grouped), "steps/s", Target::None);
    tell("effect steps, 64 executions at once", of(|round| round.many), "steps/s", Target::None);
    tell("the same, to raw", of(|round| round.many / round.grouped), "times", Target::AtLeast(0.5));
    tell("raw: one step, one commit, p50", of(|round| round.single * 1e6), "us", Target::None);
    tell("an execution of one effect, p50", of(|round| round.alone * 1e6), "us", Target::None);
    tell("the same, to one raw commit", of(|round| round.alone / round.single), "times", Target::AtMost(3.0));
    tell("one execution, effect after effect", of(|round| 1.0 / round.in_a_row), "steps/s", Target::None);
    tell("the same, to raw", of(|round| round.single / round.in_a_row), "times", Target::AtLeast(0.6));
    tell("100 pure nodes, p50", of(|round| round.pure * 1e3), "ms", Target::AtMost(1.0));
}

struct Spread {
    least: f64,
    median: f64,
    most: f64,
}

impl Spread {
    fn of(rounds: &[Round], what: fn(&Round) -> f64) -> Spread {
        let mut numbers: Vec<f64> = rounds.iter().map(what).collect();
        numbers.sort_by(f64::total_cmp);
        Spread { least: numbers[0], median: numbers[numbers.len() / 2], most: numbers[numbers.len() - 1] }
    }
}

struct Round {
    /// Raw steps a second, 64 in a commit.
    grouped: f64,
    /// Effect steps a second.
    many: f64,
    /// Seconds of a raw commit of one step.
    single: f64,
    /// Seconds of an execution of one effect.
    alone: f64,
    /// Seconds of an effect among many of one execution.
    in_a_row: f64,
    /// Seconds of 100 pure nodes.
    pure: f64,
}

/// One workflow, `times` times, one after the other.
pub fn once(workflow: &str, arguments: &Arguments<'_>) {
    let database = Database::new(arguments, "once");
    runtime().block_on(async {
        let engine = prepared(&database).await;
        for _ in 0..arguments.number("times", 1) {
            run(&engine, workflow).await;
        }
    });
}

/// An engine with its workflows, which have run once.
async fn prepared(database: &Database) -> Engine {
    let engine = quick_engine(database.store());
    let one = prana_core::document::Workflow { id: "one".to_owned(), ..effects(1) };
    for workflow in [effects(IN_A_ROW), one, chain(100)] {
        engine.activate(&workflow).await.unwrap();
        run(&engine, &workflow.id).await;
    }
    engine
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

/// Runs an execution to its end.
pub async fn run(engine: &Engine, workflow: &str) {
    let input: Value = value!({"n": 1});
    let outcome = engine.run_with(workflow, input, StartOptions::default()).await.unwrap();
    assert_eq!(outcome.status, Status::Completed, "{:?}", outcome.error);
}
