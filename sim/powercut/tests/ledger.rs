//! An engine on a disk, and what the world saw of it: which effects ran, what was acknowledged, and when.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use prana::core::action::{Descriptor, Effect};
use prana::core::document;
use prana::core::executor::EffectOutput;
use prana::core::record::{Change, Completed, ExecutionChange, NodeOutcome};
use prana::core::{ErrorValue, ExecutionId, Registry};
use prana::{Builder, EffectRequest, Effects, Engine, Event, Middleware, Value};
use prana_powercut::Disk;
use tokio::sync::{Notify, Semaphore};

/// A folder that goes with the test.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("prana-powercut-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    pub fn file(&self) -> PathBuf {
        self.0.join("prana.db")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A node run of an execution.
pub type Run = (ExecutionId, u32);

/// What the world saw, and at which moment of the disk.
pub struct Ledger {
    disk: Option<&'static Disk>,
    pub started: Mutex<Vec<(usize, ExecutionId)>>,
    pub answered: Mutex<Vec<(usize, ExecutionId, i64)>>,
    pub calls: Mutex<Vec<(usize, Run)>>,
    pub durable: Mutex<Vec<(usize, Run)>>,
    /// Effects pass one by one; closed by taking the permits.
    pub gate: Semaphore,
    /// Rung with every end of an execution.
    pub ended: Notify,
}

impl Ledger {
    pub fn new(disk: Option<&'static Disk>) -> Arc<Ledger> {
        Arc::new(Ledger {
            disk,
            started: Mutex::default(),
            answered: Mutex::default(),
            calls: Mutex::default(),
            durable: Mutex::default(),
            gate: Semaphore::new(1_000),
            ended: Notify::new(),
        })
    }

    pub fn moment(&self) -> usize {
        self.disk.map_or(0, Disk::now)
    }

    pub fn note_started(&self, id: ExecutionId) {
        self.started.lock().unwrap().push((self.moment(), id));
    }

    pub fn builder(self: &Arc<Self>) -> Builder {
        let mut registry = Registry::standard();
        registry.effect(Descriptor::new::<Value>("test.effect", "Effect", "Is seen.", Effect::Effect));
        Engine::builder()
            .registry(registry)
            .effects(Arc::<Self>::clone(self))
            .middleware(Arc::<Self>::clone(self))
    }
}

#[async_trait]
impl Effects for Ledger {
    async fn run(&self, request: EffectRequest) -> Result<EffectOutput, ErrorValue> {
        let run = (request.execution_id, request.call.execution_index);
        self.calls.lock().unwrap().push((self.moment(), run));
        drop(self.gate.acquire().await.unwrap());
        Ok(EffectOutput::Complete(Completed::new(Value::from(request.call.idempotency_key))))
    }
}

impl Middleware for Ledger {
    fn on_event(&self, event: &Event) {
        let change = match &event.entry.change {
            Change::Node(change) => change,
            Change::Execution(ExecutionChange::Ended { .. }) => return self.ended.notify_one(),
            Change::Execution(_) => return,
        };
        if matches!(change.outcome, Some(NodeOutcome::Completed(_))) {
            let run = (event.execution_id, change.execution_index);
            self.durable.lock().unwrap().push((self.moment(), run));
        }
    }
}

const WORKLOAD: &str = "
id: chain
nodes:
  - {key: start, type: manual.trigger}
  - {key: a, type: test.effect}
  - {key: b, type: data.set_data, params: {fields: {of: '{{ $input }}'}}}
  - {key: c, type: test.effect}
  - {key: d, type: test.effect}
connections: [start -> a -> b -> c -> d]
---
id: loop
nodes:
  - {key: start, type: manual.trigger}
  - {key: items, type: core.for_each, params: {collection: [1, 2, 3]}}
  - {key: each, type: test.effect}
  - {key: nap, type: wait.wait, params: {mode: interval, duration: 2}}
connections:
  - start -> items
  - items.loop -> each -> nap
---
id: child
nodes:
  - {key: begin, type: manual.trigger}
  - {key: a, type: test.effect}
  - {key: nap, type: wait.wait, params: {mode: interval, duration: 1}}
connections: [begin -> a -> nap]
---
id: parent
nodes:
  - {key: start, type: manual.trigger}
  - {key: one, type: workflow.execute_workflow, params: {workflow_id: child}}
  - {key: many, type: workflow.execute_workflow, params: {workflow_id: child, input_data: [1, 2], batch_mode: single, execution_mode: async}}
  - {key: after, type: test.effect}
connections: [start -> one -> many -> after]
---
id: asks
nodes:
  - {key: start, type: manual.trigger}
  - {key: a, type: test.effect}
  - {key: ask, type: wait.wait, params: {mode: webhook}}
  - {key: b, type: test.effect}
connections: [start -> a -> ask -> b]
";

/// The workflows that are started from outside.
pub const STARTED: [&str; 4] = ["chain", "loop", "parent", "asks"];

pub async fn activate(engine: &Engine) {
    for loaded in document::load("workload.yaml", WORKLOAD.as_bytes()).unwrap() {
        engine.activate(&loaded.workflow).await.unwrap();
    }
}

/// Some input, so large that it is a payload of its own.
pub fn input(number: usize) -> Value {
    Value::from_iter([("text".into(), Value::from(format!("{number} ").repeat(3_000)))])
}

pub fn has_file(folder: &Path) -> bool {
    folder.join("prana.db").exists()
}
