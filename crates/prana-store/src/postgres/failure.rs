//! What can go wrong on a connection, and what is to be done about it.

use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

use crate::StoreError;

/// Why a transaction was not done. Nothing of it is stored, except where it says otherwise.
#[derive(Debug)]
pub(super) enum Failure {
    /// Another was in the way: the same again may succeed at once.
    Again(String),
    /// A lock was not given up in time.
    Locked,
    /// The connection is gone; on another one the same may succeed.
    Gone(String),
    /// The database can't do anything for anybody now.
    Away(StoreError),
    /// What is to be told to the caller: the database does not take this.
    Refused(StoreError),
}

impl Failure {
    /// What the caller is told, once trying again has an end.
    pub fn into_error(self) -> StoreError {
        match self {
            Failure::Locked => StoreError::unavailable("another transaction keeps a lock for too long"),
            Failure::Again(reason) | Failure::Gone(reason) => StoreError::unavailable(reason),
            Failure::Away(error) | Failure::Refused(error) => error,
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Failure::Refused(error)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let reason = explain(&error);
        let Some(code) = error.code() else { return Failure::Gone(reason) };
        // A unique violation in a change whose reads said that there is none: another machine was first. Read again.
        let others = [
            SqlState::T_R_SERIALIZATION_FAILURE,
            SqlState::T_R_DEADLOCK_DETECTED,
            SqlState::UNIQUE_VIOLATION,
        ];
        if others.contains(code) {
            return Failure::Again(reason);
        }
        if *code == SqlState::LOCK_NOT_AVAILABLE {
            return Failure::Locked;
        }
        if ends_connection(code) {
            return Failure::Gone(reason);
        }
        match &code.code()[..2] {
            // Out of disk, memory or connections; stopped by an operator; the system; a standby; no access.
            "53" | "57" | "58" | "25" | "28" | "3D" => Failure::Away(StoreError::unavailable(reason)),
            "22" | "23" | "54" | "P0" => Failure::Refused(StoreError::invalid(reason)),
            _ => Failure::Refused(StoreError::unavailable(reason)),
        }
    }
}

/// Whether the server says farewell with this: a shutdown, a crash of another backend, an administrator, its patience with a silent client.
pub(super) fn ends_connection(code: &SqlState) -> bool {
    code.code().starts_with("08") || code.code().starts_with("57P") || code.code().starts_with("25P03")
}

/// Without what the client sent, and without the parts of the error that may repeat values.
pub(super) fn explain(error: &Error) -> String {
    match error.as_db_error() {
        Some(db) => format!("PostgreSQL says {}: {}", db.code().code(), db.message()),
        None => {
            let mut reason = error.to_string();
            let mut cause = std::error::Error::source(error);
            while let Some(inner) = cause {
                reason = format!("{reason}: {inner}");
                cause = inner.source();
            }
            reason
        }
    }
}
