//! How many commits a second the store in one file acknowledges here.
//!
//! `cargo run --release -p prana-store --example commit_rate --features suite [-- FILE]`
//!
//! Each commit is one entry of 300 bytes, fenced and flushed (`synchronous=FULL`).
#![allow(clippy::unwrap_used)]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use prana_store::suite::{Hand, Stage, entry};
use prana_store::{Delta, Release, SqliteStore, Status, Store};

const FOR: Duration = Duration::from_secs(3);

fn main() {
    let path = std::env::args()
        .nth(1)
        .map_or_else(|| std::env::temp_dir().join("prana-commit-rate.db"), PathBuf::from);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    for batch in [1, 64] {
        remove(&path);
        println!("  raw, {batch:>2} in a transaction: {}", raw(&path, batch));
    }
    for callers in [1, 16, 64, 256] {
        remove(&path);
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&path).unwrap());
        let stage = Stage::new(store);
        let steps = runtime.block_on(all(&stage, callers, true));
        let whole = runtime.block_on(all(&stage, callers, false));
        println!("{callers:>4} callers: steps {steps}; whole executions {whole}");
    }
    remove(&path);
}

/// The same rows by SQLite alone: an entry with its index and a fenced update, in one thread.
fn raw(path: &std::path::Path, batch: i64) -> String {
    let connection = rusqlite::Connection::open(path).unwrap();
    connection.execute_batch(RAW).unwrap();
    let (begin, cpu_before, mut steps) = (Instant::now(), cpu(), 0_i64);
    while begin.elapsed() < FOR {
        connection.execute_batch("BEGIN IMMEDIATE").unwrap();
        for execution in 0..batch {
            let sequence = steps / batch;
            let sql = "UPDATE execution SET next_sequence = ?3 + 1 WHERE id = ?1 AND epoch = ?2 AND next_sequence = ?3";
            let update = connection.prepare_cached(sql).unwrap().execute([execution, 1, sequence]).unwrap();
            assert_eq!(update, 1);
            let sql = "INSERT INTO entry VALUES (?1, ?2, ?3)";
            let values = rusqlite::params![execution, sequence, [b'x'; 300]];
            connection.prepare_cached(sql).unwrap().execute(values).unwrap();
        }
        steps += batch;
        connection.execute_batch("COMMIT").unwrap();
    }
    let cpu = (cpu() - cpu_before).as_secs_f64() * 1e6 / steps as f64;
    format!("{:.0} steps/s, {cpu:.1} us of CPU each", steps as f64 / begin.elapsed().as_secs_f64())
}

const RAW: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
    CREATE TABLE execution (id INTEGER PRIMARY KEY, epoch INTEGER, next_sequence INTEGER);
    CREATE TABLE entry (execution INTEGER, sequence INTEGER, bytes BLOB);
    CREATE UNIQUE INDEX entry_sequence ON entry (execution, sequence);
    WITH RECURSIVE n (id) AS (SELECT 0 UNION ALL SELECT id + 1 FROM n WHERE id < 255)
    INSERT INTO execution SELECT id, 1, 0 FROM n;";

fn remove(path: &std::path::Path) {
    for end in ["", "-wal", "-shm", ".lock"] {
        let _ = std::fs::remove_file(format!("{}{end}", path.display()));
    }
}

/// Callers that commit one after the other, each to executions of its own: steps, or create, step and end as three commits.
async fn all(stage: &Stage, callers: usize, steps: bool) -> String {
    let (begin, cpu_before) = (Instant::now(), cpu());
    let tasks: Vec<_> = (0..callers)
        .map(|_| {
            let stage = stage.clone();
            tokio::spawn(async move {
                let mut times = Vec::new();
                let mut hand = stage.start().await;
                while begin.elapsed() < FOR {
                    let started = Instant::now();
                    if steps {
                        step(&mut hand).await;
                    } else {
                        hand = stage.start().await;
                        step(&mut hand).await;
                        let release = Release::End { status: Status::Completed, keep_trail: true };
                        hand.commit(Delta { release, ..filled(&hand) }).await.unwrap();
                    }
                    times.push(started.elapsed());
                }
                times
            })
        })
        .collect();
    let mut times = Vec::new();
    for task in tasks {
        times.extend(task.await.unwrap());
    }
    times.sort_unstable();
    let rate = times.len() as f64 / begin.elapsed().as_secs_f64();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
    let cpu = (cpu() - cpu_before).as_secs_f64() * 1e6 / times.len() as f64;
    format!("{rate:.0}/s, p50 {:?}, p99 {:?}, {cpu:.1} us of CPU each", at(0.5), at(0.99))
}

/// What this process has used of the processors (on Linux; in steps of 10 ms).
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let ticks = stat.rsplit(')').next().unwrap_or("").split_whitespace().skip(11).take(2);
    Duration::from_millis(ticks.filter_map(|ticks| ticks.parse::<u64>().ok()).sum::<u64>() * 10)
}

fn filled(hand: &Hand) -> Delta {
    let mut delta = Delta { entries: vec![entry(hand.next)], ..hand.turn() };
    delta.entries[0].bytes = vec![b'x'; 300];
    delta
}

async fn step(hand: &mut Hand) {
    hand.commit(filled(hand)).await.unwrap();
}
