//! Power cuts: at any moment, with any part of what was not flushed.

use std::collections::HashSet;
use std::sync::Arc;

use prana::core::execution::NodeStatus;
use prana::core::{ExecutionId, Timestamp};
use prana::store::sqlite::{Options, Synchronous};
use prana::store::{Filter, SqliteStore, Status};
use prana::{Clock, Engine, EngineError, EngineOptions, SystemClock, Value, VirtualClock};
use prana_powercut::{Disk, Failure};

use crate::ledger::{Folder, Ledger, Run, STARTED, activate, has_file, input};

/// How many executions one run starts.
const EXECUTIONS: usize = 12;
/// How many cuts of one run are looked at.
const CUTS: u64 = 50;

/// A run of the engine on a disk, until everything has ended.
struct Past {
    disk: &'static Disk,
    ledger: Arc<Ledger>,
    /// From this moment on the workflows are there.
    ready: usize,
}

async fn live(number: u64) -> Past {
    let disk = Disk::register(&format!("powercut-{number}"));
    let folder = Folder::new();
    let options = Options {
        vfs: Some(disk.name().to_owned()),
        // So short that the log is moved into the file again and again, by the writer too.
        log_bytes: 48 << 10,
        ..Options::new(folder.file())
    };
    let store = Arc::new(SqliteStore::open_with(options).unwrap());
    let ledger = Ledger::new(Some(disk));
    let engine = ledger.builder().store(store).build();
    activate(&engine).await;
    let ready = disk.now();
    let serving = tokio::spawn({
        let engine = engine.clone();
        async move { engine.serve().await }
    });
    for place in 0..EXECUTIONS {
        let workflow = STARTED[place % STARTED.len()];
        // A disk that can't flush for a while, in some runs.
        let flaky = number % 3 == 1 && place % 5 == 2;
        if flaky {
            disk.fail(Some(Failure::NoFlush));
            let refused = engine.start(workflow, input(place)).await;
            assert!(
                matches!(&refused, Err(EngineError::Store(error)) if error.is_transient()),
                "{refused:?}"
            );
            disk.fail(None);
        }
        let id = engine.start(workflow, input(place)).await.unwrap();
        ledger.note_started(id);
        if workflow == "asks" {
            let number = place as i64;
            engine.resume(id, "ask", Value::Int(number)).await.unwrap();
            ledger.answered.lock().unwrap().push((disk.now(), id, number));
        }
    }
    let open =
        Filter { statuses: vec![Status::Pending, Status::Running, Status::Suspended], ..Filter::default() };
    while !engine.store().list(&open, None, 1).await.unwrap().rows.is_empty() {
        ledger.ended.notified().await;
    }
    engine.shut_down();
    serving.await.unwrap();
    Past { disk, ledger, ready }
}

/// What a person knows at the moment of the cut.
struct Known {
    started: Vec<ExecutionId>,
    answered: Vec<(ExecutionId, i64)>,
    begun: HashSet<Run>,
    completed: HashSet<Run>,
}

impl Past {
    fn known(&self, moment: usize) -> Known {
        let ledger = &self.ledger;
        let runs = |of: &std::sync::Mutex<Vec<(usize, Run)>>| {
            let of = of.lock().unwrap();
            of.iter().filter(|(at, _)| *at <= moment).map(|(_, run)| *run).collect()
        };
        let started = ledger.started.lock().unwrap();
        let answered = ledger.answered.lock().unwrap();
        Known {
            started: started.iter().filter(|(at, _)| *at <= moment).map(|(_, id)| *id).collect(),
            answered: answered.iter().filter(|(at, ..)| *at <= moment).map(|(_, id, n)| (*id, *n)).collect(),
            begun: runs(&ledger.calls),
            completed: runs(&ledger.durable),
        }
    }

    /// The power goes at this moment, and comes back.
    async fn cut(&self, moment: usize, seed: u64) {
        let folder = Folder::new();
        self.disk.image(moment, seed, &folder.0).unwrap();
        let known = self.known(moment);
        let place = format!("moment {moment}, seed {seed}");
        if !has_file(&folder.0) {
            assert!(known.started.is_empty(), "{place}: the file is gone");
            return;
        }
        is_intact(&folder, &place);
        let options = Options { synchronous: Synchronous::Off, ..Options::new(folder.file()) };
        let store =
            Arc::new(SqliteStore::open_with(options).unwrap_or_else(|error| panic!("{place}: {error}")));
        if moment < self.ready {
            return;
        }
        let ledger = Ledger::new(None);
        let clock = Arc::new(VirtualClock::new(SystemClock.now().plus_millis(20_000)));
        let engine = ledger
            .builder()
            .store(store)
            .clock(clock.clone())
            .options(EngineOptions { stepped: true, ..EngineOptions::default() })
            .build();
        holds(&engine, &known, &place).await;
        finish(&engine, &clock, &place).await;
        for (_, run) in ledger.calls.lock().unwrap().iter() {
            assert!(!known.completed.contains(run), "{place}: run {run:?} was over and ran again");
        }
        for (id, number) in known.answered {
            let execution = engine.execution(id).await.unwrap();
            let ask = execution.node_executions.iter().find(|run| &*run.node_key == "ask").unwrap();
            assert_eq!(ask.output, Value::Int(number), "{place}: the answer for {id}");
        }
    }
}

fn is_intact(folder: &Folder, place: &str) {
    let connection = rusqlite::Connection::open(folder.file()).unwrap();
    let text: String = connection
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap_or_else(|error| panic!("{place}: {error}"));
    assert_eq!(text, "ok", "{place}");
}

/// Everything that anybody was told of is there.
async fn holds(engine: &Engine, known: &Known, place: &str) {
    for id in &known.started {
        assert!(engine.row(*id).await.is_ok(), "{place}: {id} was acknowledged and is lost");
    }
    let mut ids: Vec<ExecutionId> = known.begun.iter().chain(&known.completed).map(|(id, _)| *id).collect();
    ids.sort_unstable();
    ids.dedup();
    for id in ids {
        let execution = engine.execution(id).await.unwrap_or_else(|error| panic!("{place}: {id}: {error}"));
        for run in &execution.node_executions {
            let key = (id, run.execution_index);
            let completed = run.status == NodeStatus::Completed;
            assert!(completed || !known.completed.contains(&key), "{place}: the end of {key:?} is lost");
        }
        let begun = known.begun.iter().filter(|(of, _)| *of == id).map(|(_, index)| *index as usize);
        for index in begun {
            assert!(index < execution.node_executions.len(), "{place}: {id} ran {index}, which isn't there");
        }
    }
}

/// Goes on until everything has ended.
async fn finish(engine: &Engine, clock: &VirtualClock, place: &str) {
    for _ in 0..50 {
        engine.run_until_idle().await.unwrap_or_else(|error| panic!("{place}: {error}"));
        let rows = engine.store().list(&Filter::default(), None, 1_000).await.unwrap().rows;
        let open: Vec<_> = rows.iter().filter(|row| !row.status.is_ended()).collect();
        if open.is_empty() {
            let failed = rows.iter().find(|row| row.status != Status::Completed);
            assert!(failed.is_none(), "{place}: {failed:?}");
            return;
        }
        for row in open.iter().filter(|row| &*row.workflow_id == "asks") {
            let execution = engine.execution(row.id).await.unwrap();
            if execution.suspended_node_execution().is_some() {
                // Answered already: then it is ready.
                let _ = engine.resume(row.id, "ask", Value::Int(-1)).await;
            }
        }
        let next = engine.next_wake(clock.now()).await.unwrap();
        clock.set(next.unwrap_or_else(|| clock.now().plus_millis(60_000)).max(Timestamp::from_millis(0)));
    }
    panic!("{place}: something never ends");
}

fn runs() -> u64 {
    let cuts = std::env::var("PRANA_POWER_CUTS").ok().and_then(|cuts| cuts.parse().ok()).unwrap_or(500);
    u64::max(cuts / CUTS, 1)
}

fn torture(numbers: impl Iterator<Item = u64>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        for number in numbers {
            let past = live(number).await;
            let (mut seed, end) = (number.wrapping_mul(0x9e37_79b9), past.disk.now());
            for _ in 0..CUTS {
                seed = seed.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
                past.cut((seed >> 33) as usize % (end + 1), seed).await;
            }
        }
    });
}

// Two halves, so that they run side by side.

#[test]
fn power_cuts_lose_nothing_that_was_acknowledged() {
    torture((0..runs()).filter(|number| number % 2 == 0));
}

#[test]
fn power_cuts_repeat_nothing_that_was_over() {
    torture((0..runs()).filter(|number| number % 2 == 1));
}
