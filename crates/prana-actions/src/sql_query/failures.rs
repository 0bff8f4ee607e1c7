//! What databases say when they fail, as errors of nodes.

use std::time::Duration;

use prana_core::ErrorValue;
use prana_template::{Map, Value};
use rusqlite::ErrorCode;
use tokio_postgres::error::{DbError, ErrorPosition};

/// The time is over.
pub(super) fn timed_out(limit: Duration) -> ErrorValue {
    ErrorValue::new("sql.timeout", format!("no result within {} ms", limit.as_millis()))
}

/// A code of ours for a SQLSTATE, and whether trying again may help.
fn judge(sqlstate: &str) -> (&'static str, bool) {
    match (sqlstate, sqlstate.get(..2).unwrap_or_default()) {
        ("57014", _) => ("sql.timeout", true),
        ("40001" | "40P01" | "55P03", _) => ("sql.conflict", true),
        ("3D000", _) | (_, "28") => ("sql.access_refused", false),
        ("42501", _) => ("sql.permission_denied", false),
        (_, "08" | "53" | "57") => ("sql.unavailable", true),
        (_, "23") => ("sql.constraint", false),
        (_, "22") => ("sql.invalid_data", false),
        (_, "42") => ("sql.invalid_query", false),
        _ => ("sql.failed", false),
    }
}

/// A failure of PostgreSQL, or of the way there.
pub(super) fn postgres(error: &tokio_postgres::Error) -> ErrorValue {
    if let Some(said) = error.as_db_error() {
        return postgres_said(said);
    }
    let source = std::error::Error::source(error).map(ToString::to_string);
    let message = match source {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    };
    ErrorValue::new("sql.connection", format!("the connection to PostgreSQL failed: {message}"))
}

fn postgres_said(said: &DbError) -> ErrorValue {
    let (code, retryable) = judge(said.code().code());
    let mut message = format!("PostgreSQL says: {}", said.message());
    for more in [said.detail(), said.hint()].into_iter().flatten() {
        message.push_str(". ");
        message.push_str(more.trim_end_matches('.'));
    }
    let mut error = ErrorValue::new(code, message).with_details(Value::Map(postgres_details(said)));
    error.retryable = retryable;
    error
}

fn postgres_details(said: &DbError) -> Map {
    let mut details = Map::new();
    details.insert("sqlstate", said.code().code());
    for (name, value) in
        [("table", said.table()), ("column", said.column()), ("constraint", said.constraint())]
    {
        value.map(|value| details.insert(name, value));
    }
    if let Some(ErrorPosition::Original(position)) = said.position() {
        details.insert("position", u64::from(*position));
    }
    details
}

/// A failure of SQLite. `interrupted` is what an interruption means.
pub(super) fn sqlite(error: &rusqlite::Error, interrupted: impl FnOnce() -> ErrorValue) -> ErrorValue {
    let Some(failure) = error.sqlite_error() else {
        let message = format!("SQLite says: {error}");
        return ErrorValue::new("sql.invalid_query", message).not_retryable();
    };
    let (code, retryable) = match failure.code {
        ErrorCode::OperationInterrupted => return interrupted(),
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => ("sql.conflict", true),
        ErrorCode::ConstraintViolation => ("sql.constraint", false),
        ErrorCode::TypeMismatch => ("sql.invalid_data", false),
        ErrorCode::TooBig => ("sql.result_too_large", false),
        ErrorCode::AuthorizationForStatementDenied => ("sql.not_allowed", false),
        ErrorCode::PermissionDenied | ErrorCode::ReadOnly => ("sql.permission_denied", false),
        ErrorCode::CannotOpen | ErrorCode::NotADatabase => ("sql.access_refused", false),
        ErrorCode::SystemIoFailure | ErrorCode::DiskFull | ErrorCode::OutOfMemory => {
            ("sql.unavailable", true)
        }
        ErrorCode::Unknown => ("sql.invalid_query", false),
        _ => ("sql.failed", false),
    };
    let mut details = Map::new();
    details.insert("sqlite_code", i64::from(failure.extended_code));
    let mut error = ErrorValue::new(code, format!("SQLite says: {}", sqlite_said(error)))
        .with_details(Value::Map(details));
    error.retryable = retryable;
    error
}

/// The message, without the whole statement that some errors repeat.
fn sqlite_said(error: &rusqlite::Error) -> String {
    match error {
        rusqlite::Error::SqliteFailure(_, Some(message)) => message.clone(),
        rusqlite::Error::SqlInputError { msg, offset, .. } if *offset >= 0 => {
            format!("{msg} (at byte {offset} of the query)")
        }
        rusqlite::Error::SqlInputError { msg, .. } => msg.clone(),
        error => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sqlstates() {
        for (sqlstate, expected) in [
            ("23505", ("sql.constraint", false)),
            ("42P01", ("sql.invalid_query", false)),
            ("42501", ("sql.permission_denied", false)),
            ("22P02", ("sql.invalid_data", false)),
            ("28P01", ("sql.access_refused", false)),
            ("3D000", ("sql.access_refused", false)),
            ("40001", ("sql.conflict", true)),
            ("57014", ("sql.timeout", true)),
            ("57P03", ("sql.unavailable", true)),
            ("53300", ("sql.unavailable", true)),
            ("XX000", ("sql.failed", false)),
            ("", ("sql.failed", false)),
        ] {
            assert_eq!(judge(sqlstate), expected, "{sqlstate}");
        }
    }
}
