//! Reading, on connections that can't write, beside the writer.

use std::sync::{Arc, Mutex, PoisonError};

use prana_core::{ExecutionId, Timestamp};
use rusqlite::params;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::db::Db;
use super::open::Files;
use super::rows::{self, limit_of, signed, time};
use super::sql;
use crate::memory::cut;
use crate::rules::{self, Rows, Waits};
use crate::{
    Cursor, Filter, Hash, LoadFrom, Loaded, Page, Result, Row, Scope, Snapshot, Status, StoreError,
    StoredEntry,
};

/// The connections.
pub(super) struct Readers {
    free: Arc<Mutex<Vec<Db>>>,
    permits: Arc<Semaphore>,
}

impl std::fmt::Debug for Readers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Readers").field("free", &self.permits.available_permits()).finish()
    }
}

/// A connection on loan; it goes back when dropped, wherever that is.
struct Loan {
    db: Option<Db>,
    free: Arc<Mutex<Vec<Db>>>,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Loan {
    fn drop(&mut self) {
        self.free.lock().unwrap_or_else(PoisonError::into_inner).extend(self.db.take());
    }
}

impl Readers {
    pub(super) fn open(files: &Files) -> Result<Readers> {
        let free: Result<Vec<Db>> = (0..files.readers()).map(|_| files.reading().map(Db::new)).collect();
        let permits = Arc::new(Semaphore::new(files.readers()));
        Ok(Readers { free: Arc::new(Mutex::new(free?)), permits })
    }

    /// Runs a read on a thread that may block; all its statements see one moment.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        read: impl FnOnce(&mut Db) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let permit = self.permits.clone().acquire_owned().await.map_err(StoreError::unavailable)?;
        let db = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut loan = Loan { db, free: self.free.clone(), _permit: permit };
        blocking(move || {
            let db = loan.db.as_mut().ok_or_else(|| StoreError::unavailable("no connection is free"))?;
            db.run("BEGIN", [])?;
            let found = read(db);
            db.run("COMMIT", [])?;
            found
        })
        .await
    }
}

/// Runs something on a thread that may block.
pub(super) async fn blocking<T: Send + 'static>(
    act: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(act).await.map_err(StoreError::unavailable)?
}

pub(super) fn load(db: &mut Db, id: ExecutionId, from: LoadFrom) -> Result<Option<Loaded>> {
    let Some(row) = db.row(id)? else { return Ok(None) };
    let header = db.value(sql!("header"), [row.ordinal])?.unwrap_or_default();
    let waits = if row.open_waits > 0 { db.open_waits(&row)? } else { Vec::new() };
    let inbox = rules::hand_out(db, &row, &waits)?;
    let snapshot = match from {
        LoadFrom::Snapshot if row.trail_kept => db.one(sql!("snapshot"), [row.ordinal], |found| {
            Ok(Snapshot { next_sequence: rows::unsigned(found, 0)?, bytes: found.get(1)? })
        })?,
        _ => None,
    };
    let first = snapshot.as_ref().map_or(0, |snapshot| snapshot.next_sequence);
    let entries = entries(db, &row, first, usize::MAX)?;
    Ok(Some(Loaded { row, header, snapshot, entries, waits, inbox }))
}

pub(super) fn trail(
    db: &mut Db,
    id: ExecutionId,
    from_sequence: u64,
    limit: usize,
) -> Result<Vec<StoredEntry>> {
    match db.row(id)? {
        Some(row) => entries(db, &row, from_sequence, limit),
        None => Ok(Vec::new()),
    }
}

fn entries(db: &Db, row: &Row, from_sequence: u64, limit: usize) -> Result<Vec<StoredEntry>> {
    if !row.trail_kept {
        return Ok(Vec::new());
    }
    let values = params![row.ordinal, signed(from_sequence), limit_of(limit)];
    db.all(sql!("entries"), values, rows::entry)
}

pub(super) fn payloads(db: &mut Db, root: ExecutionId, hashes: &[Hash]) -> Result<Vec<Option<Vec<u8>>>> {
    hashes.iter().map(|hash| db.value(sql!("payload"), params![root.0.as_bytes(), hash])).collect()
}

pub(super) fn next_wake(db: &mut Db, after: Timestamp) -> Result<Option<Timestamp>> {
    db.one(sql!("next_wake"), [after.as_micros()], |row| time(row, 0))
}

/// One ordered read of the index for each status, and of each what the page may need, merged.
pub(super) fn list(db: &mut Db, filter: &Filter, after: Option<Cursor>, limit: usize) -> Result<Page> {
    let below = below(filter, after);
    let mut found = match filter.scope {
        Scope::ChildrenOf(parent) => {
            some_of(db, filter, sql!("list_children"), parent.0.as_bytes(), below, limit)?
        }
        Scope::HeldBy(worker) => some_of(db, filter, sql!("list_held"), worker.0.as_bytes(), below, limit)?,
        Scope::All | Scope::Roots => {
            let mut found = Vec::new();
            for status in Status::ALL.into_iter().filter(|status| is_wanted(filter, *status)) {
                found.extend(of_status(db, filter, status, false, below, limit)?);
                if filter.scope == Scope::All {
                    found.extend(of_status(db, filter, status, true, below, limit)?);
                }
            }
            found
        }
    };
    found.sort_unstable_by_key(|row| std::cmp::Reverse((row.created_at, row.id)));
    Ok(cut(&mut found, limit))
}

fn is_wanted(filter: &Filter, status: Status) -> bool {
    filter.statuses.is_empty() || filter.statuses.contains(&status)
}

/// Everything shown comes before this, in the order of `(created_at, id)`.
fn below(filter: &Filter, after: Option<Cursor>) -> (i64, [u8; 16]) {
    let until = filter.until.map(|until| (until.as_micros(), [0; 16]));
    let after = after.map(|after| (after.created_at.as_micros(), after.id.0.into_bytes()));
    let end = (i64::MAX, [u8::MAX; 16]);
    until.unwrap_or(end).min(after.unwrap_or(end))
}

fn of_status(
    db: &Db,
    filter: &Filter,
    status: Status,
    is_child: bool,
    (time, id): (i64, [u8; 16]),
    limit: usize,
) -> Result<Vec<Row>> {
    let since = filter.since.map_or(i64::MIN, Timestamp::as_micros);
    let limit = limit_of(limit.saturating_add(1));
    match &filter.workflow_id {
        None => {
            let values = params![status as u8, is_child, since, time, id, limit];
            db.all(sql!("list_by_status"), values, rows::execution)
        }
        Some(workflow) => {
            let values = params![status as u8, is_child, since, time, id, limit, workflow];
            db.all(sql!("list_by_workflow"), values, rows::execution)
        }
    }
}

/// Those of one parent or one worker.
fn some_of(
    db: &Db,
    filter: &Filter,
    sql: &'static str,
    owner: &[u8; 16],
    (time, id): (i64, [u8; 16]),
    limit: usize,
) -> Result<Vec<Row>> {
    let wanted = Status::ALL.into_iter().filter(|status| is_wanted(filter, *status));
    let mask: i64 = wanted.map(|status| 1 << (status as u8)).sum();
    let since = filter.since.map_or(i64::MIN, Timestamp::as_micros);
    let limit = limit_of(limit.saturating_add(1));
    let values = params![owner, mask, since, time, id, limit, filter.workflow_id];
    db.all(sql, values, rows::execution)
}
