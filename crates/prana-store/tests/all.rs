//! Every implementation against the suite, against one another, and against crashes.
#![allow(clippy::unwrap_used, missing_docs)]

mod directory;
mod model;
mod plans;
mod postgres;
mod sqlite;

use std::sync::Arc;

use directory::Directory;
use prana_store::{MemoryStore, SqliteStore, suite};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn memory_passes_the_suite() {
    suite::exercise(|| Arc::new(MemoryStore::new())).await;
    suite::exercise_catalog(|| Arc::new(MemoryStore::new())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sqlite_passes_the_suite() {
    let directory = Directory::new();
    suite::exercise(|| Arc::new(SqliteStore::open(directory.file()).unwrap())).await;
    suite::exercise_catalog(|| Arc::new(SqliteStore::open(directory.file()).unwrap())).await;
}
