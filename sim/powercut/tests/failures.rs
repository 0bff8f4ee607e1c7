//! A disk that is full, or broken, or can't flush: everything stops where it is, and goes on by itself.

use std::sync::Arc;
use std::time::Duration;

use prana::core::execution::Status;
use prana::store::SqliteStore;
use prana::store::sqlite::Options;
use prana::{EngineError, EngineOptions};
use prana_powercut::{Disk, Failure};

use crate::ledger::{Folder, Ledger, STARTED, activate, input};

const LONG: Duration = Duration::from_secs(30);

fn stops_and_goes_on(name: &str, failure: Failure, reason: &str) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let disk = Disk::register(name);
        let folder = Folder::new();
        let options = Options { vfs: Some(disk.name().to_owned()), ..Options::new(folder.file()) };
        let store = Arc::new(SqliteStore::open_with(options).unwrap());
        let ledger = Ledger::new(Some(disk));
        let engine = ledger
            .builder()
            .store(store)
            .options(EngineOptions { lease_ms: 300, poll_ms: 50, ..EngineOptions::default() })
            .build();
        activate(&engine).await;
        let serving = tokio::spawn({
            let engine = engine.clone();
            async move { engine.serve().await }
        });

        // Effects are under way when the disk fails.
        let gate = ledger.gate.acquire_many(1_000).await.unwrap();
        let mut ends = Vec::new();
        for (place, workflow) in STARTED.iter().enumerate() {
            let id = engine.start(workflow, input(place)).await.unwrap();
            ends.push((id, engine.ended(id)));
            if *workflow == "asks" {
                engine.resume(id, "ask", prana::Value::Int(1)).await.unwrap();
            }
        }
        while ledger.calls.lock().unwrap().len() < STARTED.len() {
            tokio::task::yield_now().await;
        }
        disk.fail(Some(failure));
        drop(gate);

        // Nothing is acknowledged, and the reason is told.
        for _ in 0..20 {
            let refused = engine.start("chain", input(9)).await;
            let Err(EngineError::Store(error)) = refused else { panic!("{refused:?}") };
            assert!(error.is_transient());
            assert!(error.to_string().contains(reason), "{error}");
        }
        let calls = ledger.calls.lock().unwrap().len();
        assert_eq!(calls, STARTED.len(), "no effect begins that is not written down before");

        // There is room again: everything goes on by itself.
        disk.fail(None);
        for (id, end) in ends {
            let end = tokio::time::timeout(LONG, end).await;
            let end = end.unwrap_or_else(|_| panic!("{id} never ends")).unwrap();
            assert_eq!(end.status, Status::Completed, "{:?}", end.error);
        }
        let calls: Vec<_> = ledger.calls.lock().unwrap().iter().map(|(_, run)| *run).collect();
        let distinct: std::collections::HashSet<_> = calls.iter().collect();
        assert_eq!(distinct.len(), calls.len(), "no effect ran twice");
        engine.shut_down();
        tokio::time::timeout(LONG, serving).await.unwrap().unwrap();
    });
}

#[test]
fn a_full_disk() {
    stops_and_goes_on("full", Failure::Full, "full");
}

#[test]
fn a_broken_disk() {
    stops_and_goes_on("broken", Failure::Broken, "I/O");
}

#[test]
fn a_disk_that_cannot_flush() {
    stops_and_goes_on("no-flush", Failure::NoFlush, "I/O");
}
