//! A stepped engine in virtual time, with effects that do as they are told.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use prana::core::action::{Descriptor, Effect};
use prana::core::document::{self, Workflow};
use prana::core::executor::EffectOutput;
use prana::core::record::Completed;
use prana::core::{ErrorValue, ExecutionId, Registry, Timestamp};
use prana::store::{Catalog, MemoryStore, SqliteStore, Store};
use prana::testing::TestStore;
use prana::{Builder, EffectRequest, Effects, Engine, EngineOptions, Value, VirtualClock};

/// What an effect does when it is called.
#[derive(Clone)]
pub enum Act {
    Give(Value),
    Fail(&'static str),
    Panic,
    /// Never comes back.
    Hang,
}

/// Effects that follow a script, and remember their calls as `node key#idempotency key`.
#[derive(Default)]
pub struct Script {
    pub acts: Mutex<VecDeque<Act>>,
    pub calls: Mutex<Vec<String>>,
    hanging: AtomicUsize,
}

/// Counts an effect that hangs, until its worker is dead.
struct Hanging<'a>(&'a AtomicUsize);

impl Drop for Hanging<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Script {
    pub fn then(&self, act: Act) -> &Self {
        self.acts.lock().unwrap().push_back(act);
        self
    }

    /// How many effects hang now.
    pub fn hanging(&self) -> usize {
        self.hanging.load(Ordering::SeqCst)
    }

    /// Waits until the dead worker's effects are gone too.
    pub async fn until_dead(&self) {
        while self.hanging() > 0 {
            tokio::task::yield_now().await;
        }
    }

    pub fn calls(&self) -> Vec<String> {
        self.calls.lock().unwrap().clone()
    }
}

#[async_trait]
impl Effects for Script {
    async fn run(&self, request: EffectRequest) -> Result<EffectOutput, ErrorValue> {
        let key = request.call.idempotency_key.rsplit('/').next().unwrap_or_default().to_owned();
        self.calls.lock().unwrap().push(format!("{}#{key}", request.call.node_key));
        let act = self.acts.lock().unwrap().pop_front();
        match act.unwrap_or(Act::Give(request.call.params.clone())) {
            Act::Give(output) => Ok(EffectOutput::Complete(Completed::new(output))),
            Act::Fail(code) => Err(ErrorValue::new(code, "as told")),
            Act::Panic => panic!("as told"),
            Act::Hang => {
                self.hanging.fetch_add(1, Ordering::SeqCst);
                let _hanging = Hanging(&self.hanging);
                std::future::pending().await
            }
        }
    }
}

pub struct Kit {
    pub store: Arc<dyn TestStore>,
    pub clock: Arc<VirtualClock>,
    pub script: Arc<Script>,
    pub options: EngineOptions,
    folder: Option<std::path::PathBuf>,
}

impl Drop for Kit {
    fn drop(&mut self) {
        if let Some(folder) = &self.folder {
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}

impl Kit {
    pub fn memory() -> Kit {
        Kit::with(Arc::new(MemoryStore::new()), None)
    }

    pub fn sqlite(name: &str) -> Kit {
        let folder = std::env::temp_dir().join(format!("prana-engine-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let store = SqliteStore::open(folder.join("test.db")).unwrap();
        Kit::with(Arc::new(store), Some(folder))
    }

    fn with<S: Store + Catalog + 'static>(store: Arc<S>, folder: Option<std::path::PathBuf>) -> Kit {
        let clock = Arc::new(VirtualClock::new(Timestamp::from_millis(1_767_225_600_000)));
        let options = EngineOptions { stepped: true, ..EngineOptions::default() };
        Kit { store, clock, script: Arc::default(), options, folder }
    }

    pub fn builder(&self) -> Builder {
        let mut registry = Registry::standard();
        registry.effect(Descriptor::new::<Value>(
            "test.effect",
            "Effect",
            "Does as it is told.",
            Effect::Effect,
        ));
        Engine::builder()
            .shared_store(self.store.clone())
            .registry(registry)
            .effects(self.script.clone())
            .clock(self.clock.clone())
            .options(self.options.clone())
    }

    /// A new engine on the same store: a worker that knows nothing of earlier ones.
    pub fn engine(&self) -> Engine {
        self.builder().build()
    }

    /// Moves time from one due moment to the next.
    pub async fn advance(&self, engine: &Engine, millis: u64) {
        use prana::Clock;
        let end = self.clock.now().plus_millis(millis);
        let mut from = self.clock.now();
        while let Some(due) = engine.next_wake(from).await.unwrap().filter(|due| *due <= end) {
            self.clock.set(due);
            engine.run_until_idle().await.unwrap();
            from = due;
        }
        self.clock.set(end);
        engine.run_until_idle().await.unwrap();
    }
}

pub fn workflow(text: &str) -> Workflow {
    document::load("test.yaml", text.as_bytes()).unwrap().remove(0).workflow
}

pub fn value(json: &str) -> Value {
    Value::parse_json(json).unwrap()
}

pub async fn status(engine: &Engine, id: ExecutionId) -> String {
    engine.execution(id).await.unwrap().status.as_str().to_owned()
}

pub fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap()
        .block_on(future)
}
