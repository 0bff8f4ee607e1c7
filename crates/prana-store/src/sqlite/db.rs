//! A connection with the few ways in which statements are run on it.

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::Arc;

use prana_core::ExecutionId;
use rusqlite::{Connection, ErrorCode, Params, Row, Statement, types::FromSql};

use super::known::Known;
use crate::{Result, StoreError};

/// How many rows of executions the writer remembers at most.
const REMEMBERED: usize = 16 * 1_024;

/// One connection. On the writer's, the tables of the rules live inside the current transaction.
pub(crate) struct Db {
    connection: Connection,
    /// Whether a statement failed since the last look: then the transaction can't be trusted.
    failed: Cell<bool>,
    /// The newest ordinal of an execution and the newest number of an inbox item.
    pub(super) newest: (i64, i64),
    /// The workflow that had the last turn of being claimed.
    pub(super) last_turn: Option<Arc<str>>,
    /// Definitions that were read lately, and whether the transaction changes one.
    pub(super) known: Arc<Known>,
    pub(super) changes_definitions: Cell<bool>,
    /// Rows as they are in the file, so that a step need not read its own. Only the one writer has it; every change goes through it.
    recent: Option<HashMap<ExecutionId, crate::Row>>,
}

impl Db {
    pub(super) fn new(connection: Connection) -> Self {
        connection.set_prepared_statement_cache_capacity(128);
        Db {
            connection,
            failed: Cell::new(false),
            newest: (0, 0),
            last_turn: None,
            known: Arc::default(),
            changes_definitions: Cell::new(false),
            recent: None,
        }
    }

    /// The same connection as the one that makes all changes from now on.
    pub(super) fn into_writing(self) -> Self {
        Db { recent: Some(HashMap::new()), ..self }
    }

    /// The row, if it is remembered.
    pub(super) fn recall(&self, id: ExecutionId) -> Option<crate::Row> {
        self.recent.as_ref()?.get(&id).cloned()
    }

    /// Takes note of a row as it was written or read.
    pub(super) fn remember(&mut self, row: &crate::Row) {
        let Some(recent) = &mut self.recent else { return };
        if row.claimed_by.is_none() {
            recent.remove(&row.id);
            return;
        }
        if recent.len() >= REMEMBERED {
            recent.clear();
        }
        recent.insert(row.id, row.clone());
    }

    /// Forgets one row that is gone, or all after a transaction was undone.
    pub(super) fn forget_rows(&mut self, id: Option<ExecutionId>) {
        if let Some(recent) = &mut self.recent {
            match id {
                Some(id) => drop(recent.remove(&id)),
                None => recent.clear(),
            }
        }
    }

    /// Runs a statement that returns no rows; how many it changed.
    pub(super) fn run(&self, sql: &'static str, params: impl Params) -> Result<usize> {
        let done = self.connection.prepare_cached(sql).and_then(|mut statement| statement.execute(params));
        done.map_err(|error| self.failed(error))
    }

    /// Runs a statement that returns no rows once for each of these.
    pub(super) fn run_rows<R>(
        &self,
        sql: &'static str,
        rows: &[R],
        run: impl Fn(&mut Statement<'_>, &R) -> rusqlite::Result<usize>,
    ) -> Result<()> {
        let done = self
            .connection
            .prepare_cached(sql)
            .and_then(|mut statement| rows.iter().try_for_each(|row| run(&mut statement, row).map(drop)));
        done.map_err(|error| self.failed(error))
    }

    /// All rows of a query.
    pub(super) fn all<T>(
        &self,
        sql: &'static str,
        params: impl Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>> {
        let rows = self.connection.prepare_cached(sql).and_then(|mut statement| {
            let rows = statement.query_map(params, read)?;
            rows.collect()
        });
        rows.map_err(|error| self.failed(error))
    }

    /// The first row of a query.
    pub(super) fn one<T>(
        &self,
        sql: &'static str,
        params: impl Params,
        mut read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>> {
        let row = self.connection.prepare_cached(sql).and_then(|mut statement| {
            let mut rows = statement.query(params)?;
            rows.next()?.map(&mut read).transpose()
        });
        row.map_err(|error| self.failed(error))
    }

    /// The first column of the first row of a query.
    pub(super) fn value<T: FromSql>(&self, sql: &'static str, params: impl Params) -> Result<Option<T>> {
        self.one(sql, params, |row| row.get(0))
    }

    /// Whether a statement failed since `take_failed` was last asked.
    pub(super) fn has_failed(&self) -> bool {
        self.failed.get()
    }

    /// The same, and forgets it.
    pub(super) fn take_failed(&self) -> bool {
        self.failed.replace(false)
    }

    /// The connection itself, for what is not a statement of the rules.
    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }

    fn failed(&self, error: rusqlite::Error) -> StoreError {
        self.failed.set(true);
        explain(&error)
    }
}

/// What an error of SQLite means to the caller: something with the disk, or something with what it gave.
fn explain(error: &rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::ConstraintViolation | ErrorCode::TooBig | ErrorCode::TypeMismatch) => {
            StoreError::invalid(error.to_string())
        }
        _ => StoreError::unavailable(error),
    }
}
