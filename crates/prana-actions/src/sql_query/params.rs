//! The parameters of `sql.query`.

use std::str::FromStr;

use prana_core::ErrorValue;
use prana_template::List;
use schemars::JsonSchema;
use tokio_postgres::Config;

/// The parameters of `sql.query`.
#[derive(Clone, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SqlQueryParams {
    /// The database: `postgres://user:password@host:port/database`, or `sqlite:path`. Usually a secret.
    pub connection: String,
    /// One statement, with `$1`, `$2` (PostgreSQL) or `?1`, `?2` (SQLite) where values belong. Never a template.
    pub query: String,
    /// The values, in order. Lists and maps are bound as JSON, or as an array where PostgreSQL wants one.
    #[serde(default)]
    #[schemars(with = "Vec<serde_json::Value>")]
    pub params: List,
    /// What is given back.
    #[serde(default)]
    pub mode: Mode,
    /// The limit for all of it, in milliseconds: 1 to 3,600,000.
    #[serde(default = "half_a_minute")]
    pub timeout_ms: u64,
    /// More rows than this are an error: 1 to 1,000,000.
    #[serde(default = "ten_thousand")]
    pub max_rows: usize,
}

fn half_a_minute() -> u64 {
    30_000
}

fn ten_thousand() -> usize {
    10_000
}

/// What is given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// The list of records.
    #[default]
    Rows,
    /// The only record, or null if there is none.
    One,
    /// How many rows were changed.
    Exec,
}

/// Which database.
pub(super) enum Database {
    Postgres(Box<Config>),
    Sqlite(String),
}

impl SqlQueryParams {
    /// The database that `connection` names.
    pub(super) fn database(&self) -> Result<Database, ErrorValue> {
        let text = self.connection.trim();
        if let Some(path) = text.strip_prefix("sqlite:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            return Ok(Database::Sqlite(path.to_owned()));
        }
        if !text.starts_with("postgres://") && !text.starts_with("postgresql://") {
            return Err(invalid_connection("it must begin with postgres:// or sqlite:"));
        }
        // What can't be read is not told: it may be the password.
        let config = Config::from_str(text).map_err(|_| {
            invalid_connection("write postgres://user:password@host:port/database, with % escapes where a name or a password has special characters")
        })?;
        Ok(Database::Postgres(Box::new(config)))
    }
}

pub(super) fn invalid_connection(why: &str) -> ErrorValue {
    ErrorValue::new("sql.invalid_connection", format!("`connection` can't be used: {why}")).not_retryable()
}

#[cfg(test)]
mod tests {
    use prana_template::{from_value, value};

    use super::*;

    fn database(connection: &str) -> Result<Database, ErrorValue> {
        let params: SqlQueryParams =
            from_value(&value!({"connection": connection, "query": "SELECT 1"})).unwrap();
        params.database()
    }

    #[test]
    fn databases() {
        for (connection, expected) in [
            ("sqlite:orders.db", "orders.db"),
            ("sqlite://orders.db", "orders.db"),
            ("sqlite:///var/orders.db", "/var/orders.db"),
            (" sqlite:a/b.db ", "a/b.db"),
        ] {
            assert!(
                matches!(database(connection), Ok(Database::Sqlite(path)) if path == expected),
                "{connection}"
            );
        }
        assert!(matches!(database("postgres://u:p@h/db"), Ok(Database::Postgres(_))));
        assert!(matches!(database("postgresql://h"), Ok(Database::Postgres(_))));
    }

    #[test]
    fn what_is_none_is_not_repeated() {
        for connection in
            ["", "mysql://u:hunter2@h/db", "postgres://u:hunter2@h:port/db", "host=h password=hunter2"]
        {
            let error = database(connection).err().unwrap();
            assert_eq!(error.code, "sql.invalid_connection");
            assert!(!error.message.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for params in [
            value!({"connection": "sqlite:x"}),
            value!({"connection": "sqlite:x", "query": "q", "params": {"a": 1}}),
            value!({"connection": "sqlite:x", "query": "q", "mode": "all"}),
            value!({"connection": "sqlite:x", "query": "q", "limit": 1}),
        ] {
            assert!(from_value::<SqlQueryParams>(&params).is_err(), "{}", params.to_json_string());
        }
    }
}
