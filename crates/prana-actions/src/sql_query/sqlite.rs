//! SQLite, on a thread that may block.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use prana_core::ErrorValue;
use prana_template::{Str, Value};
use rusqlite::config::DbConfig;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::limits::Limit;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, OpenFlags, Statement};

use super::failures::{sqlite as failed, timed_out};
use super::gather::Gathered;
use super::params::{Mode, SqlQueryParams};
use crate::action::{ActionCall, invalid_params};
use crate::roots::Roots;

/// Another connection's lock is waited for this long.
const MAX_BUSY: Duration = Duration::from_secs(5);

/// After so many steps of SQLite's machine it is asked whether to go on.
const STEPS: i32 = 1000;

pub(super) async fn run(
    call: &ActionCall,
    path: String,
    params: SqlQueryParams,
    limit: Duration,
) -> Result<Value, ErrorValue> {
    // Nothing is sent anywhere: a secret that is bound to hosts has no business here.
    call.secrets.check_anywhere("sql.query")?;
    let dropped = Arc::new(AtomicBool::new(false));
    let _stop = StopOnDrop(Arc::clone(&dropped));
    let (roots, max_bytes) = (call.outside.roots.clone(), call.outside.max_response_bytes);
    let job = Job { path, params, limit, deadline: Instant::now() + limit, max_bytes, dropped };
    let done = tokio::task::spawn_blocking(move || job.run(&roots)).await;
    done.map_err(|error| ErrorValue::new("action.panicked", error.to_string()))?
}

/// Tells the thread that nobody waits any more.
struct StopOnDrop(Arc<AtomicBool>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// One statement and its limits.
struct Job {
    path: String,
    params: SqlQueryParams,
    limit: Duration,
    deadline: Instant,
    max_bytes: usize,
    dropped: Arc<AtomicBool>,
}

impl Job {
    fn run(&self, roots: &Roots) -> Result<Value, ErrorValue> {
        let path = place(roots, &self.path)?;
        let connection = self.open(&path).map_err(|error| self.failed(&error))?;
        let mut statement = connection.prepare(&self.params.query).map_err(|error| self.failed(&error))?;
        self.bind(&mut statement)?;
        let columns = statement.column_names().map(Str::from).collect();
        let mut gathered = Gathered::new(&self.params, self.max_bytes, columns)?;
        let width = statement.column_count();
        let mut rows = statement.raw_query();
        while let Some(row) = rows.next().map_err(|error| self.failed(&error))? {
            if gathered.wants_rows() {
                let cells = (0..width).map(|index| row.get_ref(index)).collect::<Result<Vec<_>, _>>();
                let cells = cells.map_err(|error| self.failed(&error))?;
                gathered.add(cells.iter().copied().map(cell).collect(), cells.iter().map(size).sum())?;
            }
        }
        Ok(gathered.output(if self.params.mode == Mode::Exec { connection.changes() } else { 0 }))
    }

    fn open(&self, path: &PathBuf) -> rusqlite::Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX
            | OpenFlags::SQLITE_OPEN_NOFOLLOW;
        let mut connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(self.limit.min(MAX_BUSY))?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
        connection
            .set_limit(Limit::SQLITE_LIMIT_LENGTH, i32::try_from(self.max_bytes).unwrap_or(i32::MAX))?;
        connection.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
        connection.pragma_update(None, "foreign_keys", true)?;
        connection.authorizer(Some(authorize))?;
        let (deadline, dropped) = (self.deadline, Arc::clone(&self.dropped));
        connection.progress_handler(
            STEPS,
            Some(move || dropped.load(Ordering::Relaxed) || Instant::now() >= deadline),
        )?;
        Ok(connection)
    }

    fn bind(&self, statement: &mut Statement<'_>) -> Result<(), ErrorValue> {
        let (wanted, given) = (statement.parameter_count(), self.params.params.len());
        if wanted != given {
            return Err(wrong_count(wanted, given));
        }
        for (index, value) in self.params.params.iter().enumerate() {
            let bound = statement.raw_bind_parameter(index + 1, bindable(value));
            bound.map_err(|error| self.failed(&error))?;
        }
        Ok(())
    }

    fn failed(&self, error: &rusqlite::Error) -> ErrorValue {
        failed(error, || timed_out(self.limit))
    }
}

pub(super) fn wrong_count(wanted: usize, given: usize) -> ErrorValue {
    invalid_params(format!("params: the query has places for {wanted} values, and {given} are given"))
}

/// The file of a database that is there, or that will be: inside the open directories, and no link to elsewhere.
fn place(roots: &Roots, path: &str) -> Result<PathBuf, ErrorValue> {
    match roots.existing(path) {
        Err(error) if error.code == *"file.not_found" => {}
        found => return found,
    }
    let path = roots.place(path)?.path();
    match std::fs::symlink_metadata(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(path),
        _ => {
            Err(ErrorValue::new("file.not_allowed", "the database is a link that leads nowhere")
                .not_retryable())
        }
    }
}

/// Pragmas that only tell something.
const TELLING: [&str; 10] = [
    "table_info",
    "table_xinfo",
    "table_list",
    "index_list",
    "index_info",
    "index_xinfo",
    "foreign_key_list",
    "foreign_key_check",
    "integrity_check",
    "quick_check",
];

/// A statement may not reach other files, load code, or change how the database is kept.
fn authorize(context: AuthContext<'_>) -> Authorization {
    let denied = match context.action {
        AuthAction::Attach { .. } | AuthAction::Detach { .. } | AuthAction::Unknown { .. } => true,
        AuthAction::Pragma { pragma_name, .. } => {
            !TELLING.contains(&pragma_name.to_ascii_lowercase().as_str())
        }
        AuthAction::Function { function_name } => function_name.eq_ignore_ascii_case("load_extension"),
        _ => false,
    };
    if denied { Authorization::Deny } else { Authorization::Allow }
}

/// Lists and maps as JSON, booleans as 0 and 1.
fn bindable(value: &Value) -> ToSqlOutput<'_> {
    match value {
        Value::Null => ToSqlOutput::Borrowed(ValueRef::Null),
        Value::Bool(value) => ToSqlOutput::Borrowed(ValueRef::Integer((*value).into())),
        Value::Int(value) => ToSqlOutput::Borrowed(ValueRef::Integer(*value)),
        Value::Float(value) => ToSqlOutput::Borrowed(ValueRef::Real(*value)),
        Value::Str(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
        Value::List(_) | Value::Map(_) => {
            ToSqlOutput::Owned(rusqlite::types::Value::Text(value.to_json_string()))
        }
    }
}

fn cell(cell: ValueRef<'_>) -> Value {
    match cell {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(value) => Value::Int(value),
        ValueRef::Real(value) if value.is_finite() => Value::Float(value),
        ValueRef::Real(value) => Value::from(if value > 0.0 { "Infinity" } else { "-Infinity" }),
        ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned().into(),
        ValueRef::Blob(bytes) => STANDARD.encode(bytes).into(),
    }
}

fn size(cell: &ValueRef<'_>) -> usize {
    match cell {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes.len(),
        _ => 8,
    }
}
