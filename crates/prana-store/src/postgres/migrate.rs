//! The schema, step by step, under a lock: many machines may start at the same moment.

use deadpool_postgres::Pool;

use super::failure::explain;
use super::transaction::connection;

/// One step after the other: its text, and the oldest number of steps a program must know to use the database after it.
const MIGRATIONS: [(&str, i32); 1] = [(include_str!("migrations/0001.sql"), 1)];

/// Brings the schema up to date, in one transaction. An error says what to do.
pub(super) async fn migrate(pool: &Pool) -> Result<(), String> {
    let mut client = connection(pool).await.map_err(|failure| failure.into_error().to_string())?;
    let text = |error: tokio_postgres::Error| explain(&error);
    let transaction = client.transaction().await.map_err(text)?;
    // Held until the commit; the others wait here and then find nothing to do.
    transaction.execute("SELECT pg_advisory_xact_lock(1886544495)", &[]).await.map_err(text)?;
    let known = i32::try_from(MIGRATIONS.len()).unwrap_or(i32::MAX);
    let there =
        transaction.query_one("SELECT to_regclass('prana.schema') IS NOT NULL", &[]).await.map_err(text)?;
    if !there.get::<_, bool>(0) {
        let empty = "CREATE SCHEMA IF NOT EXISTS prana; CREATE TABLE prana.schema (version int4 NOT NULL, oldest_binary int4 NOT NULL);
          INSERT INTO prana.schema VALUES (0, 0)";
        transaction.batch_execute(empty).await.map_err(text)?;
    }
    let row =
        transaction.query_one("SELECT version, oldest_binary FROM prana.schema", &[]).await.map_err(text)?;
    let (version, oldest): (i32, i32) = (row.get(0), row.get(1));
    if oldest > known {
        return Err(format!(
            "its schema is {version} and needs a program that knows {oldest}; this one knows {known}: use a newer one"
        ));
    }
    for (step, oldest) in MIGRATIONS.iter().skip(usize::try_from(version).unwrap_or(0)) {
        transaction.batch_execute(step).await.map_err(text)?;
        transaction.execute("UPDATE prana.schema SET oldest_binary = $1", &[oldest]).await.map_err(text)?;
    }
    if version < known {
        transaction.execute("UPDATE prana.schema SET version = $1", &[&known]).await.map_err(text)?;
    }
    transaction.commit().await.map_err(text)
}
