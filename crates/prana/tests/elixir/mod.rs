//! Executions and workflows of the Elixir engine: taken in, gone on with, written back.

mod fixtures;
mod functions;
mod resume;
mod round_trip;

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use prana::core::execution::Execution;
use prana::core::executor::EffectOutput;
use prana::core::record::Completed;
use prana::core::{ErrorValue, ExecutionId, Registry, Timestamp};
use prana::elixir::{Bundle, ImportOptions, Report};
use prana::store::{MemoryStore, SqliteStore};
use prana::testing::TestStore;
use prana::{Actions, Clock, EffectRequest, Effects, Engine, EngineOptions, Value, VirtualClock};

/// An effect that answers with how often it was tried.
#[derive(Default)]
struct Attempts(Mutex<Vec<u32>>);

#[async_trait]
impl Effects for Attempts {
    async fn run(&self, request: EffectRequest) -> Result<EffectOutput, ErrorValue> {
        self.0.lock().unwrap().push(request.call.attempt);
        Ok(EffectOutput::Complete(Completed::new(Value::from(request.call.attempt))))
    }
}

/// A stepped engine in virtual time.
struct World {
    engine: Engine,
    clock: Arc<VirtualClock>,
    folder: Option<std::path::PathBuf>,
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(folder) = &self.folder {
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}

impl World {
    fn memory() -> World {
        World::over(Arc::new(MemoryStore::new()), None)
    }

    fn sqlite() -> World {
        static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
        let number = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("prana-elixir-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        World::over(Arc::new(SqliteStore::open(folder.join("test.db")).unwrap()), Some(folder))
    }

    fn over(store: Arc<dyn TestStore>, folder: Option<std::path::PathBuf>) -> World {
        let clock = Arc::new(VirtualClock::new(time("2026-03-01T09:00:00Z")));
        let mut registry = Registry::standard();
        Actions::standard().register(&mut registry);
        let engine = Engine::builder()
            .shared_store(store)
            .registry(registry)
            .effects(Arc::new(Attempts::default()))
            .clock(Arc::<VirtualClock>::clone(&clock))
            .options(EngineOptions { stepped: true, restart_every_step: true, ..EngineOptions::default() })
            .build();
        World { engine, clock, folder }
    }

    async fn import(&self, workflow: &Value, execution: &Value) -> Report {
        self.import_with(workflow, execution, &ImportOptions::default()).await
    }

    async fn import_with(&self, workflow: &Value, execution: &Value, options: &ImportOptions) -> Report {
        let bundle = Bundle { workflows: vec![workflow.clone()], executions: vec![execution.clone()] };
        self.engine.import_elixir(&bundle, options).await.unwrap()
    }

    async fn execution(&self, id: ExecutionId) -> Execution {
        self.engine.execution(id).await.unwrap()
    }

    /// Moves the clock to a time, and does all that is due.
    async fn until(&self, text: &str) {
        self.clock.set(time(text).max(self.clock.now()));
        self.engine.run_until_idle().await.unwrap();
    }
}

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// The identity here of the only execution.
fn id_of(report: &Report) -> ExecutionId {
    assert_eq!(report.executions[0].outcome, prana::elixir::Outcome::Imported, "{report:#?}");
    report.executions[0].execution_id.unwrap()
}
