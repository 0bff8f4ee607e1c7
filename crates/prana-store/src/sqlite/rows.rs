//! Between rows of SQLite and the types of the store.

use std::sync::Arc;

use prana_core::{ExecutionId, Timestamp};
use rusqlite::types::Type;
use uuid::Uuid;

use crate::rules::Held;
use crate::{
    Concurrency, InboxId, InboxItem, NewWait, Row, Slot, Status, StoredEntry, Takes, Target, Wait, WorkerId,
};

type Sql<'r> = rusqlite::Row<'r>;
type Read<T> = rusqlite::Result<T>;

/// The numbers of targets in the file.
pub(super) const TO_EXECUTION: u8 = 0;
pub(super) const TO_NODE: u8 = 1;
pub(super) const TO_INDEX: u8 = 2;
pub(super) const TO_TOKEN: u8 = 3;
pub(super) const TO_REPORT: u8 = 4;

/// Sequences, epochs and versions are below 2^63.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn limit_of(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

pub(super) fn unsigned(row: &Sql<'_>, column: usize) -> Read<u64> {
    row.get::<_, i64>(column).map(|number| u64::try_from(number).unwrap_or(0))
}

pub(super) fn time(row: &Sql<'_>, column: usize) -> Read<Timestamp> {
    row.get(column).map(Timestamp::from_micros)
}

fn maybe_time(row: &Sql<'_>, column: usize) -> Read<Option<Timestamp>> {
    Ok(row.get::<_, Option<i64>>(column)?.map(Timestamp::from_micros))
}

fn uuid(row: &Sql<'_>, column: usize) -> Read<Uuid> {
    row.get::<_, [u8; 16]>(column).map(Uuid::from_bytes)
}

pub(super) fn id(row: &Sql<'_>, column: usize) -> Read<ExecutionId> {
    uuid(row, column).map(ExecutionId)
}

pub(super) fn maybe_id(row: &Sql<'_>, column: usize) -> Read<Option<ExecutionId>> {
    Ok(row.get::<_, Option<[u8; 16]>>(column)?.map(|bytes| ExecutionId(Uuid::from_bytes(bytes))))
}

pub(super) fn worker(row: &Sql<'_>, column: usize) -> Read<WorkerId> {
    uuid(row, column).map(WorkerId)
}

fn maybe_worker(row: &Sql<'_>, column: usize) -> Read<Option<WorkerId>> {
    Ok(row.get::<_, Option<[u8; 16]>>(column)?.map(|bytes| WorkerId(Uuid::from_bytes(bytes))))
}

fn out_of_range(column: usize, number: i64) -> rusqlite::Error {
    let reason = format!("{number} is no value of this column");
    rusqlite::Error::FromSqlConversionFailure(column, Type::Integer, reason.into())
}

fn status(row: &Sql<'_>, column: usize) -> Read<Status> {
    let number: i64 = row.get(column)?;
    let status = u8::try_from(number).ok().and_then(Status::from_number);
    status.ok_or_else(|| out_of_range(column, number))
}

fn slot(row: &Sql<'_>, column: usize) -> Read<Slot> {
    match row.get(column)? {
        0 => Ok(Slot::None),
        1 => Ok(Slot::Queued),
        2 => Ok(Slot::Held),
        number => Err(out_of_range(column, number)),
    }
}

fn takes(row: &Sql<'_>, column: usize) -> Read<Takes> {
    match row.get(column)? {
        0 => Ok(Takes::Nothing),
        1 => Ok(Takes::Answer),
        2 => Ok(Takes::Reports),
        number => Err(out_of_range(column, number)),
    }
}

/// Columns in the order of the table `execution`.
pub(super) fn execution(row: &Sql<'_>) -> Read<Row> {
    let (lane, limit): (Option<Arc<str>>, Option<u32>) = (row.get(16)?, row.get(17)?);
    Ok(Row {
        ordinal: row.get(0)?,
        id: id(row, 1)?,
        workflow_id: row.get(2)?,
        workflow_version: unsigned(row, 3)?,
        parent: maybe_id(row, 4)?,
        root: id(row, 5)?,
        mode: row.get(6)?,
        status: status(row, 7)?,
        epoch: unsigned(row, 8)?,
        next_sequence: unsigned(row, 9)?,
        created_at: time(row, 10)?,
        completed_at: maybe_time(row, 11)?,
        start_key: row.get(12)?,
        ready_at: maybe_time(row, 13)?,
        claimed_by: maybe_worker(row, 14)?,
        recoveries: row.get(15)?,
        concurrency: lane.zip(limit).map(|(key, limit)| Concurrency { key, limit }),
        slot: slot(row, 18)?,
        retention_ms: row.get::<_, Option<i64>>(19)?.map(|length| u64::try_from(length).unwrap_or(0)),
        expires_at: maybe_time(row, 20)?,
        summary: row.get(21)?,
        trail_kept: row.get(22)?,
        answers: row.get(23)?,
        reports: row.get(24)?,
        open_waits: row.get(25)?,
    })
}

/// Columns in the order of the table `wait`.
pub(super) fn wait(row: &Sql<'_>) -> Read<Wait> {
    let wait = NewWait {
        execution_index: row.get(1)?,
        node_key: row.get(2)?,
        loop_path: row.get(3)?,
        run_index: row.get(4)?,
        kind: row.get(5)?,
        takes: takes(row, 6)?,
        wake_at: maybe_time(row, 7)?,
    };
    Ok(Wait { wait, open: row.get(8)?, answered: row.get(9)? })
}

fn target(row: &Sql<'_>) -> Read<Target> {
    let number: i64 = row.get(2)?;
    Ok(match u8::try_from(number).unwrap_or(u8::MAX) {
        TO_EXECUTION => Target::Execution,
        TO_NODE => Target::Node(row.get(3)?),
        TO_INDEX => Target::Index(row.get(5)?),
        TO_TOKEN => Target::Token { node_key: row.get(3)?, loop_path: row.get(4)?, run_index: row.get(5)? },
        TO_REPORT => Target::Report(row.get(5)?),
        _ => return Err(out_of_range(2, number)),
    })
}

/// Columns in the order of the table `inbox`.
pub(super) fn held(row: &Sql<'_>) -> Read<Held> {
    Ok(Held { id: InboxId(row.get(0)?), target: target(row)?, wait: row.get(6)? })
}

/// Columns in the order of the table `inbox`.
pub(super) fn inbox_item(row: &Sql<'_>) -> Read<InboxItem> {
    Ok(InboxItem {
        id: InboxId(row.get(0)?),
        target: target(row)?,
        wait: row.get(6)?,
        kind: row.get(7)?,
        bytes: row.get(9)?,
        at: time(row, 10)?,
    })
}

/// Columns as `entries.sql` names them.
pub(super) fn entry(row: &Sql<'_>) -> Read<StoredEntry> {
    Ok(StoredEntry {
        sequence: unsigned(row, 0)?,
        execution_index: row.get(1)?,
        node_key: row.get(2)?,
        at: time(row, 3)?,
        kind: row.get(4)?,
        bytes: row.get(5)?,
    })
}
