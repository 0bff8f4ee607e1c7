//! What the store does, counted: commits, the records in them, how long they take, how many wait, what was refused.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Instant;

use async_trait::async_trait;
use prana::core::{ExecutionId, Timestamp};
use prana::store::{
    Attention, Catalog, Claim, Claimed, Committed, Cursor, Delivered, Delta, Filter, Hash, Hint, Item,
    LoadFrom, Loaded, NewItem, NewVersion, Page, Remove, Removed, Row, Saved, Store, StoreError, StoredEntry,
    Which, WorkerId, Workflow, WorkflowVersion,
};

type Result<T> = std::result::Result<T, StoreError>;

/// The upper ends of the ranges in which times are counted, in microseconds.
pub const STEPS: [u64; 12] =
    [250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000, 5_000_000];

/// How often something took how long.
#[derive(Debug, Default)]
pub struct Times {
    count: AtomicU64,
    micros: AtomicU64,
    steps: [AtomicU64; STEPS.len()],
}

impl Times {
    /// Counts what began then and is over now.
    pub fn add(&self, began: Instant) {
        let micros = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.count.fetch_add(1, Ordering::Relaxed);
        self.micros.fetch_add(micros, Ordering::Relaxed);
        if let Some(step) = STEPS.iter().position(|end| micros <= *end) {
            self.steps[step].fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many there were.
    pub fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// How long they took in all, in microseconds.
    pub fn micros(&self) -> u64 {
        self.micros.load(Ordering::Relaxed)
    }

    /// How many took at most so many microseconds, for each of [`STEPS`].
    pub fn up_to(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        STEPS.iter().zip(&self.steps).scan(0, |sum, (end, count)| {
            *sum += count.load(Ordering::Relaxed);
            Some((*end, *sum))
        })
    }
}

/// Numbers for `/metrics`.
#[derive(Debug, Default)]
pub struct Measures {
    /// Deltas that became durable, and how long that took.
    pub commits: Times,
    /// Records in them.
    pub records: AtomicU64,
    /// Deltas that wait to become durable.
    pub waiting: AtomicI64,
    /// Writes that were refused because another worker holds the execution.
    pub fenced: AtomicU64,
    /// Writes that failed because the store is away.
    pub unavailable: AtomicU64,
}

impl Measures {
    fn committed(&self, began: Instant, records: usize, done: &Result<Committed>) {
        let refused = match done {
            Ok(_) => {
                self.commits.add(began);
                self.records.fetch_add(records as u64, Ordering::Relaxed);
                return;
            }
            Err(StoreError::Fenced { .. }) => &self.fenced,
            Err(error) if error.is_transient() => &self.unavailable,
            Err(_) => return,
        };
        refused.fetch_add(1, Ordering::Relaxed);
    }
}

/// A store that counts what it does.
pub struct Measured<S: ?Sized> {
    store: Arc<S>,
    measures: Arc<Measures>,
}

impl<S: ?Sized> Measured<S> {
    /// Over a store.
    pub fn new(store: Arc<S>, measures: Arc<Measures>) -> Self {
        Measured { store, measures }
    }
}

/// Counts what waits, also if nobody waits for it any more.
struct Waiting<'a>(&'a AtomicI64);

impl<'a> Waiting<'a> {
    fn new(count: &'a AtomicI64) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Waiting(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[async_trait]
impl<S: Store + ?Sized> Store for Measured<S> {
    async fn commit(&self, delta: Delta) -> Result<Committed> {
        let _waiting = Waiting::new(&self.measures.waiting);
        let (began, records) = (Instant::now(), delta.entries.len());
        let done = self.store.commit(delta).await;
        self.measures.committed(began, records, &done);
        done
    }

    async fn claim(&self, claim: Claim) -> Result<Vec<Claimed>> {
        self.store.claim(claim).await
    }

    async fn load(&self, id: ExecutionId, from: LoadFrom) -> Result<Option<Loaded>> {
        self.store.load(id, from).await
    }

    async fn payloads(&self, root: ExecutionId, hashes: &[Hash]) -> Result<Vec<Option<Vec<u8>>>> {
        self.store.payloads(root, hashes).await
    }

    async fn deliver(&self, item: NewItem) -> Result<Delivered> {
        self.store.deliver(item).await
    }

    async fn next_wake(&self, after: Timestamp) -> Result<Option<Timestamp>> {
        self.store.next_wake(after).await
    }

    async fn list(&self, filter: &Filter, after: Option<Cursor>, limit: usize) -> Result<Page> {
        self.store.list(filter, after, limit).await
    }

    async fn execution(&self, id: ExecutionId) -> Result<Option<Row>> {
        self.store.execution(id).await
    }

    async fn trail(&self, id: ExecutionId, from_sequence: u64, limit: usize) -> Result<Vec<StoredEntry>> {
        self.store.trail(id, from_sequence, limit).await
    }

    async fn heartbeat(&self, worker: WorkerId, now: Timestamp, lease_ms: u64) -> Result<Vec<Attention>> {
        self.store.heartbeat(worker, now, lease_ms).await
    }

    async fn remove(&self, what: Remove) -> Result<Removed> {
        self.store.remove(what).await
    }

    async fn hint(&self) -> Hint {
        self.store.hint().await
    }

    fn is_shared(&self) -> bool {
        self.store.is_shared()
    }

    fn retains_trail(&self) -> bool {
        self.store.retains_trail()
    }
}

#[async_trait]
impl<S: Catalog + ?Sized> Catalog for Measured<S> {
    async fn save_workflow(&self, new: NewVersion) -> Result<Saved> {
        self.store.save_workflow(new).await
    }

    async fn workflow(&self, id: &str, which: Which) -> Result<Option<WorkflowVersion>> {
        self.store.workflow(id, which).await
    }

    async fn workflows(&self, after: Option<&str>, limit: usize) -> Result<Vec<Workflow>> {
        self.store.workflows(after, limit).await
    }

    async fn versions(&self, id: &str, before: Option<u64>, limit: usize) -> Result<Vec<WorkflowVersion>> {
        self.store.versions(id, before, limit).await
    }

    async fn activate(&self, id: &str, version: Option<u64>, at: Timestamp) -> Result<bool> {
        self.store.activate(id, version, at).await
    }

    async fn delete_workflow(&self, id: &str) -> Result<bool> {
        self.store.delete_workflow(id).await
    }

    async fn put_item(&self, kind: &str, key: &str, based_on: Option<u64>, bytes: Vec<u8>) -> Result<u64> {
        self.store.put_item(kind, key, based_on, bytes).await
    }

    async fn item(&self, kind: &str, key: &str) -> Result<Option<Item>> {
        self.store.item(kind, key).await
    }

    async fn items(&self, kind: &str, after: Option<&str>, limit: usize) -> Result<Vec<Item>> {
        self.store.items(kind, after, limit).await
    }

    async fn delete_item(&self, kind: &str, key: &str, based_on: Option<u64>) -> Result<bool> {
        self.store.delete_item(kind, key, based_on).await
    }
}
