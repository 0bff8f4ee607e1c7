//! A store in memory, for tests and for runs that keep nothing.

mod catalog;
mod tables;

use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use prana_core::{ExecutionId, Timestamp};

use crate::rules::{self, Rows, Waits};
use crate::{
    Attention, Claim, Claimed, Committed, Cursor, Delivered, Delta, Filter, Hash, LoadFrom, Loaded, NewItem,
    Page, Remove, Removed, Result, Row, Scope, Store, StoredEntry, WorkerId,
};
use tables::State;

/// Everything behind one lock, gone with the process. The model that other stores are compared with.
#[derive(Debug, Default)]
pub struct MemoryStore {
    state: Mutex<State>,
    definitions: Mutex<catalog::Definitions>,
    is_ephemeral: bool,
}

impl MemoryStore {
    /// An empty store that keeps what it is given.
    pub fn new() -> Self {
        MemoryStore::default()
    }

    /// An empty store that keeps rows, waits and inboxes, and lets entries, snapshots and payloads go.
    pub fn ephemeral() -> Self {
        MemoryStore { is_ephemeral: true, ..MemoryStore::default() }
    }

    /// No rule panics between two writes, so a poisoned lock still guards whole data.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn commit(&self, mut delta: Delta) -> Result<Committed> {
        if self.is_ephemeral {
            delta.payloads.clear();
            delta.snapshot = None;
        }
        let mut state = self.state();
        state.keeps_entries = !self.is_ephemeral;
        rules::commit(&mut *state, &mut delta)
    }

    async fn claim(&self, claim: Claim) -> Result<Vec<Claimed>> {
        rules::claim(&mut *self.state(), claim)
    }

    async fn load(&self, id: ExecutionId, from: LoadFrom) -> Result<Option<Loaded>> {
        let state = &mut *self.state();
        let Some(row) = state.row(id)? else { return Ok(None) };
        let waits = state.open_waits(&row)?;
        let inbox = rules::hand_out(state, &row, &waits)?;
        let file = state.file(id);
        let snapshot = file.snapshot.clone().filter(|_| from == LoadFrom::Snapshot);
        let first = snapshot.as_ref().map_or(0, |snapshot| snapshot.next_sequence);
        let entries = file.entries.range(first..).map(|(_, entry)| entry.clone()).collect();
        Ok(Some(Loaded { row, header: file.header.clone(), snapshot, entries, waits, inbox }))
    }

    async fn payloads(&self, root: ExecutionId, hashes: &[Hash]) -> Result<Vec<Option<Vec<u8>>>> {
        let state = self.state();
        let stored = state.payloads.get(&root);
        Ok(hashes.iter().map(|hash| stored.and_then(|stored| stored.get(hash)).cloned()).collect())
    }

    async fn deliver(&self, mut item: NewItem) -> Result<Delivered> {
        rules::deliver(&mut *self.state(), &mut item).map(|delivery| delivery.delivered)
    }

    async fn next_wake(&self, after: Timestamp) -> Result<Option<Timestamp>> {
        let state = self.state();
        let later = (Bound::Excluded((after, i64::MAX, ExecutionId::NIL)), Bound::Unbounded);
        Ok(state.ready.range(later).next().map(|(at, _, _)| *at))
    }

    async fn list(&self, filter: &Filter, after: Option<Cursor>, limit: usize) -> Result<Page> {
        let state = self.state();
        let below = match (after, filter.until) {
            (None, None) => Bound::Unbounded,
            (Some(after), None) => Bound::Excluded(after),
            (after, Some(until)) => {
                let until = Cursor { created_at: until, id: ExecutionId::NIL };
                Bound::Excluded(after.map_or(until, |after| after.min(until)))
            }
        };
        let newest_first = state.created.range((Bound::Unbounded, below)).rev();
        let rows =
            newest_first.filter_map(|cursor| state.rows.get(&cursor.id)).filter(|row| shows(filter, row));
        let mut rows: Vec<Row> = rows.take(limit.saturating_add(1)).cloned().collect();
        Ok(cut(&mut rows, limit))
    }

    async fn execution(&self, id: ExecutionId) -> Result<Option<Row>> {
        self.state().row(id)
    }

    async fn trail(&self, id: ExecutionId, from_sequence: u64, limit: usize) -> Result<Vec<StoredEntry>> {
        let state = self.state();
        let Some(file) = state.files.get(&id) else { return Ok(Vec::new()) };
        Ok(file.entries.range(from_sequence..).take(limit).map(|(_, entry)| entry.clone()).collect())
    }

    async fn heartbeat(&self, worker: WorkerId, now: Timestamp, lease_ms: u64) -> Result<Vec<Attention>> {
        rules::heartbeat(&mut *self.state(), worker, now, lease_ms)
    }

    async fn remove(&self, what: Remove) -> Result<Removed> {
        rules::remove(&mut *self.state(), what)
    }

    fn retains_trail(&self) -> bool {
        !self.is_ephemeral
    }
}

fn shows(filter: &Filter, row: &Row) -> bool {
    (filter.statuses.is_empty() || filter.statuses.contains(&row.status))
        && filter.workflow_id.as_ref().is_none_or(|workflow| **workflow == *row.workflow_id)
        && filter.since.is_none_or(|since| row.created_at >= since)
        && match filter.scope {
            Scope::All => true,
            Scope::Roots => row.parent.is_none(),
            Scope::ChildrenOf(parent) => row.parent == Some(parent),
            Scope::HeldBy(worker) => row.claimed_by == Some(worker),
        }
}

/// A page out of rows of which one more than the limit was asked for.
pub(crate) fn cut(rows: &mut Vec<Row>, limit: usize) -> Page {
    let has_more = rows.len() > limit;
    rows.truncate(limit);
    let last = rows.last().filter(|_| has_more);
    let next = last.map(|row| Cursor { created_at: row.created_at, id: row.id });
    Page { rows: std::mem::take(rows), next }
}
