//! `sql.query`: a statement for a database, its values bound.

mod cells;
mod columns;
mod failures;
mod gather;
mod params;
mod postgres;
mod postgres_params;
mod sqlite;

use std::time::Duration;

use async_trait::async_trait;
use prana_core::ErrorValue;
use prana_core::action::{Descriptor, Effect};
use prana_core::executor::EffectOutput;
use prana_core::record::Completed;
use prana_template::Value;

use self::params::Database;
pub use self::params::{Mode, SqlQueryParams};
use crate::action::{Action, ActionCall, invalid_params};

/// A statement may take this long, in milliseconds.
const MAX_TIMEOUT_MS: u64 = 3_600_000;

/// So many rows at most, whatever the parameters say.
const MAX_ROWS: usize = 1_000_000;

/// Asks databases.
pub struct SqlQuery;

#[async_trait]
impl Action for SqlQuery {
    fn descriptor(&self) -> Descriptor {
        Descriptor::new::<SqlQueryParams>(
            "sql.query",
            "SQL query",
            "Runs one statement in PostgreSQL or SQLite. `query` is never a template: values come in as `params`, which are always bound \
             (`$1`, `$2` in PostgreSQL; `?1`, `?2` in SQLite). Mode `rows` gives the list of records, `one` the record or null, `exec` \
             `{rows_affected}`. Each call is a connection and a transaction of its own.",
            Effect::Effect,
        )
        .literal_fields(&["query"])
    }

    async fn run(&self, call: ActionCall) -> Result<EffectOutput, ErrorValue> {
        let params: SqlQueryParams = call.params()?;
        if !(1..=MAX_TIMEOUT_MS).contains(&params.timeout_ms) {
            return Err(invalid_params(format!("timeout_ms: it must be from 1 to {MAX_TIMEOUT_MS}")));
        }
        if !(1..=MAX_ROWS).contains(&params.max_rows) {
            return Err(invalid_params(format!("max_rows: it must be from 1 to {MAX_ROWS}")));
        }
        let limit = Duration::from_millis(params.timeout_ms);
        let ran = tokio::time::timeout(limit, run(&call, params, limit)).await;
        let output = ran.map_err(|_| failures::timed_out(limit))??;
        Ok(EffectOutput::Complete(Completed::new(output)))
    }

    fn checks_hosts(&self) -> bool {
        true
    }
}

async fn run(call: &ActionCall, params: SqlQueryParams, limit: Duration) -> Result<Value, ErrorValue> {
    match params.database()? {
        Database::Postgres(config) => postgres::run(call, *config, params, limit).await,
        Database::Sqlite(path) => sqlite::run(call, path, params, limit).await,
    }
}
