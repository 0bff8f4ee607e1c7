//! Durable steps that do nothing, with durare: `prana-peers-durare URL [full]`.
//!
//! Reads lines `STEPS AT_ONCE SECONDS` and answers each with a line of JSON. `full` sets `synchronous=FULL` in SQLite, where durare itself
//! has NORMAL.

use std::io::{BufRead, Write};
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use durare::{DurableContext, DurableEngine, Result, SqliteProvider, WorkflowOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

#[durare::step]
async fn nothing(ctx: &DurableContext, number: i64) -> Result<i64> {
    Ok(number)
}

#[durare::workflow]
async fn steps(ctx: DurableContext, count: i64) -> Result<i64> {
    for number in 0..count {
        nothing(&ctx, number).await?;
    }
    Ok(count)
}

#[tokio::main]
async fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let engine = match words.as_slice() {
        [url] => DurableEngine::connect(url).await?.build().await?,
        [url, full] if full == "full" => {
            DurableEngine::builder(Arc::new(flushing(url).await)).build().await?
        }
        _ => panic!("say URL [full]"),
    };
    let engine = Arc::new(engine);
    for line in std::io::stdin().lock().lines() {
        let line = line.expect("a line");
        let numbers: Vec<f64> = line.split(' ').map(|word| word.parse().expect("a number")).collect();
        let [count, at_once, seconds] = numbers[..] else { panic!("say STEPS AT_ONCE SECONDS") };
        let answer = measure(&engine, count as i64, at_once as usize, Duration::from_secs_f64(seconds)).await;
        println!("{answer}");
        std::io::stdout().flush().expect("stdout");
    }
    Ok(())
}

/// durare's own settings, but for what is flushed.
async fn flushing(url: &str) -> SqliteProvider {
    let options = SqliteConnectOptions::from_str(url)
        .expect("a URL")
        .create_if_missing(true)
        .foreign_keys(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(Duration::from_secs(5));
    let pool = SqlitePoolOptions::new().max_connections(5).connect_with(options).await.expect("a database");
    SqliteProvider::from_pool(pool)
}

async fn measure(engine: &Arc<DurableEngine>, count: i64, at_once: usize, time: Duration) -> String {
    let begin = Instant::now();
    let callers: Vec<_> = (0..at_once)
        .map(|_| {
            let engine = Arc::clone(engine);
            tokio::spawn(async move {
                let mut times = Vec::new();
                while begin.elapsed() < time {
                    let started = Instant::now();
                    let handle =
                        engine.start_with(Steps, count, WorkflowOptions::default()).await.expect("a start");
                    assert_eq!(handle.await.expect("an end"), count);
                    times.push(started.elapsed().as_secs_f64() * 1e3);
                }
                times
            })
        })
        .collect();
    let mut times = Vec::new();
    for caller in callers {
        times.extend(caller.await.expect("a caller"));
    }
    let seconds = begin.elapsed().as_secs_f64();
    times.sort_by(f64::total_cmp);
    let of = |share: f64| times[((times.len() - 1) as f64 * share).round() as usize];
    let workflows = times.len();
    format!(
        r#"{{"workflows": {workflows}, "seconds": {seconds:.3}, "p50_ms": {:.3}, "p99_ms": {:.3}}}"#,
        of(0.5),
        of(0.99)
    )
}
