//! Between rows of PostgreSQL and the types of the store. Times are microseconds; text is bytes, since a zero byte is legal in it.

use std::sync::Arc;

use prana_core::{ExecutionId, Timestamp};
use tokio_postgres::types::FromSql;
use uuid::Uuid;

use super::failure::Failure;
use crate::rules::Held;
use crate::{
    Answer, Concurrency, InboxId, NewWait, Row, Slot, Status, StoreError, StoredEntry, Takes, Target, Wait,
    WorkerId,
};

/// A row that a statement gave.
pub(super) type Given = tokio_postgres::Row;

type Read<T> = Result<T, Failure>;

/// The numbers of targets in the table.
pub(super) const TO_EXECUTION: i16 = 0;
pub(super) const TO_NODE: i16 = 1;
pub(super) const TO_INDEX: i16 = 2;
pub(super) const TO_TOKEN: i16 = 3;
pub(super) const TO_REPORT: i16 = 4;

/// Sequences, epochs and versions are below 2^63.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn limit_of(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

pub(super) fn micros(time: Option<Timestamp>) -> Option<i64> {
    time.map(Timestamp::as_micros)
}

fn damaged(column: usize, value: impl std::fmt::Display) -> Failure {
    Failure::Refused(StoreError::unavailable(format!("{value} is no value of column {column}")))
}

/// The value of a column.
pub(super) fn get<'r, T: FromSql<'r>>(row: &'r Given, column: usize) -> Read<T> {
    row.try_get(column).map_err(|error| damaged(column, error))
}

pub(super) fn unsigned(row: &Given, column: usize) -> Read<u64> {
    get::<i64>(row, column).map(|number| u64::try_from(number).unwrap_or(0))
}

pub(super) fn small(row: &Given, column: usize) -> Read<u32> {
    let number: i64 = get(row, column)?;
    u32::try_from(number).map_err(|_| damaged(column, number))
}

fn byte(row: &Given, column: usize) -> Read<u8> {
    let number: i16 = get(row, column)?;
    u8::try_from(number).map_err(|_| damaged(column, number))
}

pub(super) fn time(row: &Given, column: usize) -> Read<Timestamp> {
    get(row, column).map(Timestamp::from_micros)
}

fn maybe_time(row: &Given, column: usize) -> Read<Option<Timestamp>> {
    Ok(get::<Option<i64>>(row, column)?.map(Timestamp::from_micros))
}

/// Text, which is stored as bytes.
pub(super) fn text(row: &Given, column: usize) -> Read<String> {
    let bytes: &[u8] = get(row, column)?;
    String::from_utf8(bytes.to_vec()).map_err(|error| damaged(column, error))
}

fn maybe_text(row: &Given, column: usize) -> Read<Option<Arc<str>>> {
    match get::<Option<&[u8]>>(row, column)? {
        Some(_) => text(row, column).map(|text| Some(text.into())),
        None => Ok(None),
    }
}

pub(super) fn id(row: &Given, column: usize) -> Read<ExecutionId> {
    get::<Uuid>(row, column).map(ExecutionId)
}

fn status(row: &Given, column: usize) -> Read<Status> {
    let number = byte(row, column)?;
    Status::from_number(number).ok_or_else(|| damaged(column, number))
}

fn slot(row: &Given, column: usize) -> Read<Slot> {
    match byte(row, column)? {
        0 => Ok(Slot::None),
        1 => Ok(Slot::Queued),
        2 => Ok(Slot::Held),
        number => Err(damaged(column, number)),
    }
}

fn takes(row: &Given, column: usize) -> Read<Takes> {
    match byte(row, column)? {
        0 => Ok(Takes::Nothing),
        1 => Ok(Takes::Answer),
        2 => Ok(Takes::Reports),
        number => Err(damaged(column, number)),
    }
}

/// Columns as `statements::execution` names them.
pub(super) fn execution(row: &Given) -> Read<Row> {
    let lane = maybe_text(row, 16)?;
    let limit = get::<Option<i64>>(row, 17)?.map(|limit| u32::try_from(limit).unwrap_or(u32::MAX));
    Ok(Row {
        ordinal: get(row, 0)?,
        id: id(row, 1)?,
        workflow_id: text(row, 2)?.into(),
        workflow_version: unsigned(row, 3)?,
        parent: get::<Option<Uuid>>(row, 4)?.map(ExecutionId),
        root: id(row, 5)?,
        mode: byte(row, 6)?,
        status: status(row, 7)?,
        epoch: unsigned(row, 8)?,
        next_sequence: unsigned(row, 9)?,
        created_at: time(row, 10)?,
        completed_at: maybe_time(row, 11)?,
        start_key: maybe_text(row, 12)?,
        ready_at: maybe_time(row, 13)?,
        claimed_by: get::<Option<Uuid>>(row, 14)?.map(WorkerId),
        recoveries: small(row, 15)?,
        concurrency: lane.zip(limit).map(|(key, limit)| Concurrency { key, limit }),
        slot: slot(row, 18)?,
        retention_ms: get::<Option<i64>>(row, 19)?.map(|length| u64::try_from(length).unwrap_or(0)),
        expires_at: maybe_time(row, 20)?,
        summary: get(row, 21)?,
        trail_kept: get(row, 22)?,
        answers: small(row, 23)?,
        reports: small(row, 24)?,
        open_waits: small(row, 25)?,
    })
}

/// Columns as `statements::wait` names them; the first is the ordinal of the execution.
pub(super) fn wait(row: &Given) -> Read<(i64, Wait)> {
    let wait = NewWait {
        execution_index: small(row, 1)?,
        node_key: text(row, 2)?.into(),
        loop_path: text(row, 3)?.into(),
        run_index: small(row, 4)?,
        kind: byte(row, 5)?,
        takes: takes(row, 6)?,
        wake_at: maybe_time(row, 7)?,
    };
    Ok((get(row, 0)?, Wait { wait, open: get(row, 8)?, answered: get(row, 9)? }))
}

fn target(row: &Given, column: usize) -> Read<Target> {
    let node = |column| -> Read<Arc<str>> { Ok(text(row, column)?.into()) };
    Ok(match get::<i16>(row, column)? {
        TO_EXECUTION => Target::Execution,
        TO_NODE => Target::Node(node(column + 1)?),
        TO_INDEX => Target::Index(small(row, column + 3)?),
        TO_TOKEN => Target::Token {
            node_key: node(column + 1)?,
            loop_path: node(column + 2)?,
            run_index: small(row, column + 3)?,
        },
        TO_REPORT => Target::Report(small(row, column + 3)?),
        number => return Err(damaged(column, number)),
    })
}

/// An item of an inbox that is not consumed; its bytes only if they were asked for.
#[derive(Debug, Clone)]
pub(super) struct Item {
    pub held: Held,
    pub kind: u8,
    pub at: Timestamp,
    pub bytes: Option<Vec<u8>>,
}

/// Columns as `statements::item` names them; the first is the ordinal of the execution.
pub(super) fn item(row: &Given) -> Read<(i64, Item)> {
    let wait: Option<i64> = get(row, 6)?;
    let wait = wait.map(|wait| u32::try_from(wait).map_err(|_| damaged(6, wait))).transpose()?;
    let held = Held { id: InboxId(get(row, 1)?), target: target(row, 2)?, wait };
    Ok((get(row, 0)?, Item { held, kind: byte(row, 7)?, at: time(row, 8)?, bytes: get(row, 9)? }))
}

pub(super) fn answer(row: &Given, column: usize) -> Read<Answer> {
    Ok(if byte(row, column)? == Answer::Resumed as u8 { Answer::Resumed } else { Answer::Kept })
}

/// Columns as `statements::ENTRIES` names them.
pub(super) fn entry(row: &Given) -> Read<StoredEntry> {
    let index: Option<i64> = get(row, 1)?;
    Ok(StoredEntry {
        sequence: unsigned(row, 0)?,
        execution_index: index
            .map(|index| u32::try_from(index).map_err(|_| damaged(1, index)))
            .transpose()?,
        node_key: maybe_text(row, 2)?,
        at: time(row, 3)?,
        kind: byte(row, 4)?,
        bytes: get(row, 5)?,
    })
}

/// The kind of a target, its node, its loop path, and the number of its run, wait or index.
type TargetColumns<'t> = (i16, Option<&'t [u8]>, Option<&'t [u8]>, Option<i64>);

/// How a target is written.
pub(super) fn target_columns(target: &Target) -> TargetColumns<'_> {
    match target {
        Target::Execution => (TO_EXECUTION, None, None, None),
        Target::Node(key) => (TO_NODE, Some(key.as_bytes()), None, None),
        Target::Index(index) => (TO_INDEX, None, None, Some((*index).into())),
        Target::Token { node_key, loop_path, run_index } => {
            (TO_TOKEN, Some(node_key.as_bytes()), Some(loop_path.as_bytes()), Some((*run_index).into()))
        }
        Target::Report(index) => (TO_REPORT, None, None, Some((*index).into())),
    }
}
