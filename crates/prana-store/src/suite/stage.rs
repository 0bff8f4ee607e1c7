//! What the checks are written with.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use prana_core::{ExecutionId, Timestamp};

use crate::{
    Claim, Claimed, Committed, Delivered, Delta, Holder, LoadFrom, Loaded, NewExecution, NewItem, NewWait,
    Release, Result, Row, Start, Status, Store, StoredEntry, Takes, Target, WorkerId,
};

/// The time `seconds` after the beginning of the checks.
pub fn at(seconds: u64) -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000).plus_millis(seconds * 1_000)
}

/// The worker of this number.
pub fn worker(number: u128) -> WorkerId {
    WorkerId::from_u128(number)
}

/// The execution of this number.
pub fn id(number: u64) -> ExecutionId {
    ExecutionId(uuid::Uuid::from_u128((0x0190 << 112) | u128::from(number)))
}

/// An entry that says which it is.
pub fn entry(sequence: u64) -> StoredEntry {
    let bytes = format!("entry {sequence}").into_bytes();
    StoredEntry {
        sequence,
        execution_index: Some(sequence as u32),
        node_key: Some("node".into()),
        at: at(0),
        kind: 1,
        bytes,
    }
}

/// A wait of the first run of a node for one answer.
pub fn wait(execution_index: u32, node: &str) -> NewWait {
    NewWait {
        execution_index,
        node_key: node.into(),
        loop_path: "".into(),
        run_index: 0,
        kind: 1,
        takes: Takes::Answer,
        wake_at: None,
    }
}

/// A store and a source of identities.
#[derive(Clone)]
pub struct Stage {
    /// The store that is checked.
    pub store: Arc<dyn Store>,
    number: Arc<AtomicU64>,
}

impl Stage {
    /// A stage on an empty store.
    pub fn new(store: Arc<dyn Store>) -> Stage {
        Stage { store, number: Arc::default() }
    }

    /// An identity that was not used before; later ones are greater.
    pub fn next_id(&self) -> ExecutionId {
        id(self.number.fetch_add(1, Ordering::Relaxed) + 1)
    }

    /// A new root, claimed by worker 1 until second 15, not committed.
    pub fn new_claimed(&self) -> NewExecution {
        let start = Start::Claimed(Holder { worker: worker(1), lease_until: at(15) });
        NewExecution::new(self.next_id(), "flow", 1, at(0), start)
    }

    /// A new root that anybody may claim at `time`, not committed.
    pub fn new_ready(&self, time: Timestamp) -> NewExecution {
        NewExecution::new(self.next_id(), "flow", 1, at(0), Start::Ready { at: time })
    }

    /// Creates an execution that is held by worker 1.
    pub async fn start(&self) -> Hand {
        self.create(self.new_claimed()).await
    }

    /// Creates an execution.
    pub async fn create(&self, new: NewExecution) -> Hand {
        let id = new.id;
        let done = self.store.commit(Delta::create(new)).await.unwrap();
        assert_eq!(done.existing, None);
        Hand { store: self.store.clone(), id, epoch: done.epoch, next: 0 }
    }

    /// Creates an execution that is suspended on these waits.
    pub async fn suspended(&self, waits: Vec<NewWait>) -> Hand {
        let mut hand = self.start().await;
        let done = hand.suspend(waits).await.unwrap();
        assert!(!done.kept);
        hand
    }

    /// Claims up to `limit` for a worker with a lease of 15 s.
    pub async fn claim(&self, number: u128, now: Timestamp, limit: usize) -> Vec<Claimed> {
        self.store.claim(Claim { worker: worker(number), now, lease_ms: 15_000, limit }).await.unwrap()
    }

    /// Claims the one execution that is ready for worker 1.
    pub async fn claim_one(&self, now: Timestamp) -> Hand {
        let mut claimed = self.claim(1, now, 10).await;
        assert_eq!(claimed.len(), 1, "one execution is ready");
        Hand::of(&self.store, &claimed.remove(0).row)
    }

    /// Asserts that nothing is ready.
    pub async fn nothing_ready(&self, now: Timestamp) {
        assert_eq!(self.claim(1, now, 10).await, []);
    }

    /// Delivers an item without a dedupe key.
    pub async fn deliver(&self, execution: ExecutionId, target: Target) -> Delivered {
        self.store.deliver(item(execution, target)).await.unwrap()
    }
}

/// An item without a dedupe key, that came at second 1.
pub(super) fn item(execution: ExecutionId, target: Target) -> NewItem {
    NewItem { execution, target, kind: 1, dedupe: None, bytes: b"answer".to_vec(), at: at(1) }
}

/// A link to the first run of a node outside loops.
pub(super) fn token(node: &str) -> Target {
    Target::Token { node_key: node.into(), loop_path: "".into(), run_index: 0 }
}

/// A worker's hold of an execution.
#[derive(Clone)]
pub struct Hand {
    /// The store.
    pub store: Arc<dyn Store>,
    /// Of which execution.
    pub id: ExecutionId,
    /// Under which epoch.
    pub epoch: u64,
    /// The next sequence, as this worker knows it.
    pub next: u64,
}

impl Hand {
    /// The hold that a claim gave.
    pub fn of(store: &Arc<dyn Store>, row: &Row) -> Hand {
        Hand { store: store.clone(), id: row.id, epoch: row.epoch, next: row.next_sequence }
    }

    /// An empty turn, to be filled.
    pub fn turn(&self) -> Delta {
        Delta::new(self.id, self.epoch, self.next, at(1))
    }

    /// A turn with one entry.
    pub fn step(&self) -> Delta {
        Delta { entries: vec![entry(self.next)], ..self.turn() }
    }

    /// Commits a turn and goes on from it.
    pub async fn commit(&mut self, delta: Delta) -> Result<Committed> {
        let next = delta.entries.last().map_or(self.next, |entry| entry.sequence + 1);
        let done = self.store.commit(delta).await?;
        self.next = next;
        Ok(done)
    }

    /// Commits one entry that suspends on these waits.
    pub async fn suspend(&mut self, waits_opened: Vec<NewWait>) -> Result<Committed> {
        self.commit(Delta { waits_opened, release: Release::Suspend, ..self.step() }).await
    }

    /// Ends it.
    pub async fn end(&mut self, status: Status) -> Result<Committed> {
        self.commit(Delta { release: Release::End { status, keep_trail: true }, ..self.step() }).await
    }

    /// Its row.
    pub async fn row(&self) -> Row {
        self.store.execution(self.id).await.unwrap().unwrap()
    }

    /// All of it.
    pub async fn load(&self) -> Loaded {
        self.store.load(self.id, LoadFrom::Snapshot).await.unwrap().unwrap()
    }
}
