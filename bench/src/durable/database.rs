//! A database file, and engines on it whose effects do next to nothing.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use prana::core::executor::{EffectCall, EffectOutput};
use prana::core::record::Completed;
use prana::core::{ErrorValue, Registry};
use prana::store::SqliteStore;
use prana::{Builder, EffectRequest, Effects, Engine, EngineOptions, Value};
use prana_core::action::{Descriptor, Effect};
use prana_core::document::Workflow;
use prana_template::value;
use rusqlite::Connection;
use tokio::runtime::Runtime;

use crate::arguments::Arguments;
use crate::workflows::line;

/// A database file, gone when this is dropped.
pub struct Database(PathBuf);

impl Database {
    /// A new file in the folder `dir`.
    pub fn new(arguments: &Arguments<'_>, name: &str) -> Database {
        let folder = arguments.text("dir").map_or_else(std::env::temp_dir, PathBuf::from);
        let database = Database(folder.join(format!("prana-bench-{name}-{}.db", std::process::id())));
        database.remove();
        database
    }

    /// The store in it.
    pub fn store(&self) -> Arc<SqliteStore> {
        Arc::new(SqliteStore::open(&self.0).unwrap())
    }

    /// A connection, for when no store has the file.
    pub fn connection(&self) -> Connection {
        Connection::open(&self.0).unwrap()
    }

    fn remove(&self) {
        for end in ["", "-wal", "-shm", ".lock"] {
            let _ = std::fs::remove_file(format!("{}{end}", self.0.display()));
        }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.remove();
    }
}

/// What is told of every effect that is asked for. False lets it hang for ever.
pub type Told = Arc<dyn Fn(&EffectCall) -> bool + Send + Sync>;

struct Probe(Told);

#[async_trait]
impl Effects for Probe {
    async fn run(&self, request: EffectRequest) -> Result<EffectOutput, ErrorValue> {
        match (self.0)(&request.call) {
            true => Ok(EffectOutput::Complete(Completed::new(request.call.params))),
            false => std::future::pending().await,
        }
    }
}

/// An engine on a store.
pub fn engine(store: Arc<SqliteStore>, told: Told) -> Engine {
    builder(told).store(store).build()
}

/// An engine that wants a store.
pub fn builder(told: Told) -> Builder {
    let mut registry = Registry::standard();
    let descriptor =
        Descriptor::new::<Value>("bench.effect", "Effect", "Gives its parameters.", Effect::Effect);
    registry.effect(descriptor);
    let options = EngineOptions { max_running: 20_000, ..EngineOptions::default() };
    Engine::builder().registry(registry).effects(Arc::new(Probe(told))).options(options)
}

/// An engine whose effects are done at once.
pub fn quick_engine(store: Arc<SqliteStore>) -> Engine {
    engine(store, Arc::new(|_| true))
}

/// A runtime as the program has it.
pub fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap()
}

/// A trigger and effects behind it in a line.
pub fn effects(count: usize) -> Workflow {
    let node = |n: usize| {
        let params = value!({"n": "{{ $input.n }}"});
        value!({"key": format!("e{n}"), "type": "bench.effect", "params": params, "settings": {"on_crash": "retry"}})
    };
    line("effects", (0..count).map(node).collect())
}

/// The memory that this process has in use, in bytes (on Linux).
pub fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm.split_whitespace().nth(1).and_then(|pages| pages.parse::<usize>().ok());
    pages.unwrap_or(0) * 4096
}
