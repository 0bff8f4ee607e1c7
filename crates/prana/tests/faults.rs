//! What goes wrong around an engine, in virtual time: answers that race with timers, stores that fail, workers that die.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use prana::core::action::{Descriptor, Effect};
use prana::core::document;
use prana::core::execution::Status;
use prana::core::executor::EffectOutput;
use prana::core::record::Completed;
use prana::core::{ErrorValue, ExecutionId, Registry, Timestamp};
use prana::store::{
    Attention, Catalog, Claim, Claimed, Committed, Cursor, Delivered, Delta, Filter, Hash, Item, LoadFrom,
    Loaded, MemoryStore, NewItem, NewVersion, Page, Remove, Removed, Row, Saved, Store, StoreError,
    StoredEntry, Target, Which, WorkerId, Workflow, WorkflowVersion,
};
use prana::{Clock, EffectRequest, Effects, Engine, EngineOptions, Value, VirtualClock};

const START: i64 = 1_767_225_600_000;
const LEASE_MS: u64 = 15_000;

type Result<T, E = StoreError> = std::result::Result<T, E>;

/// Numbers that repeat with their seed.
pub struct Dice(AtomicU64);

impl Dice {
    pub fn below(&self, end: u64) -> u64 {
        let state = self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::SeqCst);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }
}

/// A store that fails now and then, before or after it did what it was asked; and at which the world stops when the worker is to die.
pub struct Flaky {
    inner: MemoryStore,
    pub dice: Dice,
    /// One in so many calls fails before it did anything; 0: none.
    pub before: AtomicU64,
    /// One in so many commits and claims is done and answered with an error; 0: none.
    pub after: AtomicU64,
    /// One in so many commits is the worker's last; 0: none.
    pub deaths: AtomicU64,
    pub dead: AtomicBool,
    /// The node that kills every worker that runs it.
    pub poison: Mutex<Option<String>>,
    /// The most entries and children of one commit.
    pub largest: AtomicU64,
    /// What happens once, right after an execution was read.
    after_load: Mutex<Option<During>>,
}

impl Flaky {
    pub fn new(seed: u64) -> Arc<Flaky> {
        Flaky::over(seed, MemoryStore::new())
    }

    pub fn over(seed: u64, inner: MemoryStore) -> Arc<Flaky> {
        Arc::new(Flaky {
            inner,
            dice: Dice(AtomicU64::new(seed.wrapping_mul(0x1234_5678_9abc_def1))),
            before: AtomicU64::new(0),
            after: AtomicU64::new(0),
            deaths: AtomicU64::new(0),
            dead: AtomicBool::new(false),
            poison: Mutex::default(),
            largest: AtomicU64::new(0),
            after_load: Mutex::default(),
        })
    }

    fn happens(&self, rate: &AtomicU64) -> bool {
        let rate = rate.load(Ordering::SeqCst);
        rate > 0 && self.dice.below(rate) == 0
    }

    /// Fails, or stops for ever if the worker is dead.
    async fn may_fail(&self) -> Result<()> {
        if self.dead.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        match self.happens(&self.before) {
            true => Err(StoreError::Unavailable { reason: "it is not there now".into() }),
            false => Ok(()),
        }
    }

    async fn may_die(&self) {
        if self.happens(&self.deaths) {
            self.die().await;
        }
    }

    async fn die(&self) {
        self.dead.store(true, Ordering::SeqCst);
        std::future::pending::<()>().await;
    }

    /// Loses the answer to what was done.
    fn may_lose<T>(&self, done: T) -> Result<T> {
        match self.happens(&self.after) {
            true => Err(StoreError::Unavailable { reason: "the answer was lost".into() }),
            false => Ok(done),
        }
    }

    /// Whether the node that kills every worker has run in this turn.
    fn kills_with(&self, delta: &Delta) -> bool {
        let poison = self.poison.lock().unwrap();
        delta.entries.iter().any(|entry| {
            let is_it = poison.is_some() && entry.node_key.as_deref() == poison.as_deref();
            let text = String::from_utf8_lossy(&entry.bytes);
            is_it && !text.contains("\"parked\":true")
        })
    }

    pub fn calm(&self) {
        for rate in [&self.before, &self.after, &self.deaths] {
            rate.store(0, Ordering::SeqCst);
        }
        self.dead.store(false, Ordering::SeqCst);
    }
}

#[async_trait]
impl Store for Flaky {
    async fn commit(&self, delta: Delta) -> Result<Committed> {
        self.may_fail().await?;
        self.may_die().await;
        if self.kills_with(&delta) {
            self.die().await;
        }
        self.largest.fetch_max((delta.entries.len() + delta.children.len()) as u64, Ordering::SeqCst);
        let done = self.inner.commit(delta).await?;
        self.may_die().await;
        self.may_lose(done)
    }
    async fn claim(&self, claim: Claim) -> Result<Vec<Claimed>> {
        self.may_fail().await?;
        let claimed = self.inner.claim(claim).await?;
        self.may_lose(claimed)
    }
    async fn load(&self, id: ExecutionId, from: LoadFrom) -> Result<Option<Loaded>> {
        self.may_fail().await?;
        let loaded = self.inner.load(id, from).await;
        let after = self.after_load.lock().unwrap().take();
        if let Some(after) = after {
            after().await;
        }
        loaded
    }
    async fn payloads(&self, root: ExecutionId, hashes: &[Hash]) -> Result<Vec<Option<Vec<u8>>>> {
        self.inner.payloads(root, hashes).await
    }
    async fn deliver(&self, item: NewItem) -> Result<Delivered> {
        self.may_fail().await?;
        self.inner.deliver(item).await
    }
    async fn next_wake(&self, after: Timestamp) -> Result<Option<Timestamp>> {
        self.inner.next_wake(after).await
    }
    async fn list(&self, filter: &Filter, after: Option<Cursor>, limit: usize) -> Result<Page> {
        self.inner.list(filter, after, limit).await
    }
    async fn execution(&self, id: ExecutionId) -> Result<Option<Row>> {
        self.may_fail().await?;
        self.inner.execution(id).await
    }
    async fn trail(&self, id: ExecutionId, from_sequence: u64, limit: usize) -> Result<Vec<StoredEntry>> {
        self.inner.trail(id, from_sequence, limit).await
    }
    async fn heartbeat(&self, worker: WorkerId, now: Timestamp, lease_ms: u64) -> Result<Vec<Attention>> {
        self.inner.heartbeat(worker, now, lease_ms).await
    }
    async fn remove(&self, what: Remove) -> Result<Removed> {
        self.inner.remove(what).await
    }
    fn retains_trail(&self) -> bool {
        self.inner.retains_trail()
    }
}

#[async_trait]
impl Catalog for Flaky {
    async fn save_workflow(&self, new: NewVersion) -> Result<Saved> {
        self.inner.save_workflow(new).await
    }
    async fn workflow(&self, id: &str, which: Which) -> Result<Option<WorkflowVersion>> {
        self.may_fail().await?;
        self.inner.workflow(id, which).await
    }
    async fn workflows(&self, after: Option<&str>, limit: usize) -> Result<Vec<Workflow>> {
        self.inner.workflows(after, limit).await
    }
    async fn versions(&self, id: &str, before: Option<u64>, limit: usize) -> Result<Vec<WorkflowVersion>> {
        self.inner.versions(id, before, limit).await
    }
    async fn activate(&self, id: &str, version: Option<u64>, at: Timestamp) -> Result<bool> {
        self.inner.activate(id, version, at).await
    }
    async fn delete_workflow(&self, id: &str) -> Result<bool> {
        self.inner.delete_workflow(id).await
    }
    async fn put_item(&self, kind: &str, key: &str, based_on: Option<u64>, bytes: Vec<u8>) -> Result<u64> {
        self.inner.put_item(kind, key, based_on, bytes).await
    }
    async fn item(&self, kind: &str, key: &str) -> Result<Option<Item>> {
        self.inner.item(kind, key).await
    }
    async fn items(&self, kind: &str, after: Option<&str>, limit: usize) -> Result<Vec<Item>> {
        self.inner.items(kind, after, limit).await
    }
    async fn delete_item(&self, kind: &str, key: &str, based_on: Option<u64>) -> Result<bool> {
        self.inner.delete_item(kind, key, based_on).await
    }
}

/// What an effect does besides being counted.
pub type During = Box<dyn Fn() -> Pending + Send + Sync>;

pub type Pending = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;

/// Effects that count their calls: (execution, run, attempt) -> by which workers.
#[derive(Default)]
pub struct Counting {
    pub calls: Mutex<HashMap<(ExecutionId, u32, u32), Vec<u64>>>,
    worker: AtomicU64,
    pub during: Mutex<Option<During>>,
}

impl Counting {
    pub fn total(&self) -> usize {
        self.calls.lock().unwrap().values().map(Vec::len).sum()
    }
}

#[async_trait]
impl Effects for Counting {
    async fn run(&self, request: EffectRequest) -> Result<EffectOutput, ErrorValue> {
        let call = &request.call;
        let key = (request.execution_id, call.execution_index, call.attempt);
        self.calls.lock().unwrap().entry(key).or_default().push(self.worker.load(Ordering::SeqCst));
        let during = self.during.lock().unwrap().as_ref().map(|during| during());
        if let Some(during) = during {
            during.await;
        }
        let failures = call.params.get("fail").and_then(Value::as_i64).unwrap_or(0);
        if i64::from(call.attempt) <= failures {
            return Err(ErrorValue::new("test.refused", "as told"));
        }
        Ok(EffectOutput::Complete(Completed::new(Value::Int(i64::from(call.execution_index)))))
    }
}

pub struct Bench {
    pub store: Arc<Flaky>,
    pub clock: Arc<VirtualClock>,
    pub effects: Arc<Counting>,
}

impl Bench {
    pub fn new(seed: u64) -> Bench {
        Bench::on(seed, MemoryStore::new())
    }

    pub fn on(seed: u64, inner: MemoryStore) -> Bench {
        let clock = Arc::new(VirtualClock::new(Timestamp::from_millis(START)));
        Bench { store: Flaky::over(seed, inner), clock, effects: Arc::default() }
    }

    /// A new worker.
    pub fn engine(&self) -> Engine {
        self.effects.worker.fetch_add(1, Ordering::SeqCst);
        let mut registry = Registry::standard();
        registry.effect(Descriptor::new::<Value>("test.effect", "Effect", "Is counted.", Effect::Effect));
        Engine::builder()
            .store(self.store.clone())
            .registry(registry)
            .effects(self.effects.clone())
            .clock(self.clock.clone())
            .options(EngineOptions { stepped: true, lease_ms: LEASE_MS, ..EngineOptions::default() })
            .build()
    }

    pub fn pass(&self, millis: u64) {
        self.clock.set(self.clock.now().plus_millis(millis));
    }

    pub async fn activate(&self, text: &str) {
        for loaded in document::load("faults.yaml", text.as_bytes()).unwrap() {
            self.engine().activate(&loaded.workflow).await.unwrap();
        }
    }
}

pub fn block_on<T>(test: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test)
}

const RACE: &str = "
id: race
settings: {on_suspend: continue}
nodes:
  - {key: start, type: manual.trigger}
  - {key: ask, type: wait.wait, params: {mode: webhook, timeout_hours: 1}}
  - {key: late, type: core.no_op}
  - {key: work, type: test.effect}
connections:
  - start -> ask
  - ask.timeout -> late
  - start -> work
";

#[test]
fn an_answer_that_beats_a_timer_repeats_no_effect() {
    block_on(async {
        let bench = Bench::new(1);
        bench.activate(RACE).await;
        let (engine, other) = (bench.engine(), bench.engine());
        let id = engine.start("race", Value::Null).await.unwrap();
        let clock = bench.clock.clone();
        // While the effect runs, another process takes the answer, and then the deadline passes.
        *bench.effects.during.lock().unwrap() = Some(Box::new(move || {
            let (other, clock) = (other.clone(), clock.clone());
            Box::pin(async move {
                let answered = other.resume(id, "ask", Value::Int(7)).await;
                assert!(answered.is_ok(), "{answered:?}");
                clock.set(clock.now().plus_millis(3_600_001));
            })
        }));
        engine.run_until_idle().await.unwrap();
        let execution = engine.execution(id).await.unwrap();
        assert_eq!(execution.status, Status::Completed);
        assert_eq!(bench.effects.total(), 1, "nothing crashed: the effect runs once");
        let ask = execution.node_executions.iter().find(|run| &*run.node_key == "ask").unwrap();
        assert_eq!(ask.output, Value::Int(7), "the answer was first");
    });
}

#[test]
fn a_store_that_is_away_repeats_no_effect() {
    block_on(async {
        let bench = Bench::new(1);
        bench.activate(RACE).await;
        let engine = bench.engine();
        let id = engine.start("race", Value::Null).await.unwrap();
        let (store, same) = (bench.store.clone(), engine.clone());
        // While the effect runs, an answer comes; when the driver looks for it, the store is away for a while.
        *bench.effects.during.lock().unwrap() = Some(Box::new(move || {
            let (store, same) = (store.clone(), same.clone());
            Box::pin(async move {
                same.resume(id, "ask", Value::Int(7)).await.unwrap();
                store.before.store(1, Ordering::SeqCst);
                for _ in 0..20 {
                    tokio::task::yield_now().await;
                }
                store.before.store(0, Ordering::SeqCst);
            })
        }));
        engine.run_until_idle().await.unwrap();
        assert_eq!(engine.execution(id).await.unwrap().status, Status::Completed);
        assert_eq!(bench.effects.total(), 1, "nothing crashed: the effect runs once");
    });
}

#[test]
fn an_answer_that_comes_during_a_recovery_is_taken() {
    block_on(async {
        let bench = Bench::new(1);
        bench.activate(RACE).await;
        let id = bench.engine().start("race", Value::Null).await.unwrap();
        let engine = bench.engine();
        // The effect never comes back, and its worker dies.
        *bench.effects.during.lock().unwrap() = Some(Box::new(|| Box::pin(std::future::pending())));
        bench.pass(LEASE_MS + 1);
        tokio::select! {
            _ = engine.run_until_idle() => panic!("nothing hung"),
            () = async { while bench.effects.total() == 0 { tokio::task::yield_now().await } } => {}
        }
        // The deadline passes. When the next worker has read the execution, the answer comes, and no timer has fired yet.
        bench.effects.during.lock().unwrap().take();
        bench.pass(3_600_001);
        let other = bench.engine();
        *bench.store.after_load.lock().unwrap() = Some(Box::new(move || {
            let other = other.clone();
            Box::pin(async move {
                let target = Target::Token { node_key: "ask".into(), loop_path: "".into(), run_index: 0 };
                assert!(other.answer(id, target, Value::Int(7)).await.is_ok());
            })
        }));
        let engine = bench.engine();
        engine.run_until_idle().await.unwrap();
        let execution = engine.execution(id).await.unwrap();
        assert_eq!(execution.status, Status::Completed);
        let ask = execution.node_executions.iter().find(|run| &*run.node_key == "ask").unwrap();
        assert_eq!(ask.output, Value::Int(7), "it was acknowledged before the timer");
        assert_eq!(bench.effects.total(), 2, "once before the crash, once after it");
    });
}
