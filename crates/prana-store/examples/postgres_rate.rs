//! What a PostgreSQL takes here: effect steps and claims a second with 1, 2 and 4 workers, and what a week leaves behind.
//!
//! `tests/postgres/with cargo run --release -p prana-store --example postgres_rate --features postgres,suite [-- steps|claims|week]`
//!
//! A step is one entry of 300 bytes, fenced, locked and flushed (`fsync` and `synchronous_commit` on). A worker is a store of its own with 64
//! executions at once.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use prana_store::postgres::testing::TestDatabase;
use prana_store::suite::{Hand, Stage, at, entry, id, worker};
use prana_store::{Claim, Delta, NewExecution, PostgresStore, Release, Remove, Start, Status, StoredEntry};

const FOR: Duration = Duration::from_secs(4);
const AT_ONCE: usize = 64;

fn main() {
    let what = std::env::args().nth(1).unwrap_or_default();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        for workers in [1, 2, 4] {
            if what.is_empty() || what == "steps" {
                println!("steps, {workers} workers x {AT_ONCE}: {}", steps(workers, AT_ONCE).await);
            }
            if what.is_empty() || what == "claims" {
                println!("claims, {workers} workers: {}", claims(workers).await);
            }
        }
        if what.is_empty() || what == "steps" {
            println!("steps, 1 worker x 1: {}", steps(1, 1).await);
            println!("steps, 1 worker x 256: {}", steps(1, 256).await);
        }
        if what.is_empty() || what == "week" {
            week().await;
        }
    });
}

async fn stages(database: &TestDatabase, workers: usize) -> Vec<Stage> {
    let mut stages = Vec::new();
    for _ in 0..workers {
        stages.push(Stage::new(Arc::new(PostgresStore::open(database.url()).await.unwrap())));
    }
    stages
}

fn new_claimed(number: u64) -> NewExecution {
    let start = Start::Claimed(prana_store::Holder { worker: worker(1), lease_until: at(3_600) });
    NewExecution::new(id(number), "flow", 1, at(0), start)
}

fn filled(hand: &Hand) -> Delta {
    let entry = StoredEntry { bytes: vec![b'x'; 300], ..entry(hand.next) };
    Delta { entries: vec![entry], ..hand.turn() }
}

async fn steps(workers: usize, at_once: usize) -> String {
    let database = TestDatabase::new().await.unwrap();
    let stages = stages(&database, workers).await;
    let begin = Instant::now();
    let tasks: Vec<_> = (0..workers * at_once)
        .map(|number| {
            let stage = stages[number % workers].clone();
            tokio::spawn(async move {
                let mut hand = stage.create(new_claimed(number as u64 + 1)).await;
                let mut times = Vec::new();
                while begin.elapsed() < FOR {
                    let started = Instant::now();
                    hand.commit(filled(&hand)).await.unwrap();
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
    told(&mut times, begin.elapsed())
}

fn told(times: &mut [Duration], elapsed: Duration) -> String {
    times.sort_unstable();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
    format!("{:.0}/s, p50 {:?}, p99 {:?}", times.len() as f64 / elapsed.as_secs_f64(), at(0.5), at(0.99))
}

async fn claims(workers: usize) -> String {
    let database = TestDatabase::new().await.unwrap();
    let stages = stages(&database, workers).await;
    let count = 20_000_u64;
    let creating: Vec<_> = (0..8)
        .map(|part| {
            let stage = stages[0].clone();
            tokio::spawn(async move {
                for number in (part..count).step_by(8) {
                    stage
                        .create(NewExecution::new(
                            id(number + 1),
                            "flow",
                            1,
                            at(0),
                            Start::Ready { at: at(0) },
                        ))
                        .await;
                }
            })
        })
        .collect();
    let begin = Instant::now();
    for task in creating {
        task.await.unwrap();
    }
    let created = count as f64 / begin.elapsed().as_secs_f64();
    let begin = Instant::now();
    let claiming: Vec<_> = stages
        .iter()
        .cloned()
        .enumerate()
        .map(|(number, stage)| {
            tokio::spawn(async move {
                let mut taken = 0;
                loop {
                    let claim = Claim {
                        worker: worker(number as u128 + 10),
                        now: at(1),
                        lease_ms: 15_000,
                        limit: 64,
                    };
                    match stage.store.claim(claim).await.unwrap().len() {
                        0 => return taken,
                        some => taken += some,
                    }
                }
            })
        })
        .collect();
    let mut taken = 0;
    for task in claiming {
        taken += task.await.unwrap();
    }
    assert_eq!(taken as u64, count);
    format!(
        "{:.0}/s in batches of 64 (created by 8 callers: {created:.0}/s)",
        count as f64 / begin.elapsed().as_secs_f64()
    )
}

/// Days of executions of three steps that are kept for two days: what is stored, and how long a step takes, day by day.
async fn week() {
    let database = TestDatabase::new().await.unwrap();
    let stage = stages(&database, 1).await.remove(0);
    let client = database.client().await;
    let each = 8_000_u64;
    for day in 0..8_u64 {
        let now = at(day * 86_400);
        let mut tasks = Vec::new();
        for part in 0..64_u64 {
            let stage = stage.clone();
            tasks.push(tokio::spawn(async move {
                let mut times = Vec::new();
                for number in (part..each).step_by(64) {
                    let new = NewExecution {
                        created_at: now,
                        retention_ms: Some(2 * 86_400_000),
                        ..new_claimed(day * each + number + 1)
                    };
                    let mut hand = stage.create(new).await;
                    for _ in 0..3 {
                        let started = Instant::now();
                        hand.commit(filled(&hand)).await.unwrap();
                        times.push(started.elapsed());
                    }
                    let release = Release::End { status: Status::Completed, keep_trail: true };
                    hand.commit(Delta { at: now, release, ..filled(&hand) }).await.unwrap();
                }
                times
            }));
        }
        let (begin, mut times) = (Instant::now(), Vec::new());
        for task in tasks {
            times.extend(task.await.unwrap());
        }
        let rate = told(&mut times, begin.elapsed());
        let removing = Instant::now();
        while stage.store.remove(Remove::Expired { now, limit: 500 }).await.unwrap().more {}
        let removing = removing.elapsed();
        let sql = "SELECT sum(pg_total_relation_size(oid))::int8, coalesce(sum(pg_stat_get_dead_tuples(oid)), 0)::int8,
            coalesce(sum(pg_stat_get_autovacuum_count(oid)), 0)::int8, pg_total_relation_size('prana.execution')
          FROM pg_class WHERE relnamespace = 'prana'::regnamespace AND relkind = 'r'";
        let row = client.query_one(sql, &[]).await.unwrap();
        let number = |column: usize| row.get::<_, i64>(column);
        println!(
            "day {day}: steps {rate}; retention {removing:?}; all tables {} MB (executions {} MB), {} dead rows, {} autovacuums",
            number(0) >> 20,
            number(3) >> 20,
            number(1),
            number(2)
        );
        // A night, in which the server tidies up as it does.
        tokio::time::sleep(Duration::from_secs(8)).await;
    }
}
