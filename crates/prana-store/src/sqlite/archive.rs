//! A whole file, row by row.

use async_trait::async_trait;
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, params_from_iter};
use tokio::sync::mpsc;

use super::db::Db;
use super::read::blocking;
use super::{SqliteStore, sql};
use crate::archive::{Archive, Cell, Chunk, Kind, TABLES, Table};
use crate::{Result, StoreError};

fn cell(value: ValueRef<'_>) -> Cell {
    match value {
        ValueRef::Null => Cell::Null,
        ValueRef::Integer(number) => Cell::Number(number),
        // No column holds fractions.
        ValueRef::Real(number) => Cell::Number(number as i64),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Cell::Bytes(bytes.to_vec()),
    }
}

fn value(cell: Cell, kind: Kind) -> Value {
    match (cell, kind) {
        (Cell::Null, _) => Value::Null,
        (Cell::Number(number), _) => Value::Integer(number),
        (Cell::Bytes(bytes), Kind::Text) => match String::from_utf8(bytes) {
            Ok(text) => Value::Text(text),
            Err(error) => Value::Blob(error.into_bytes()),
        },
        (Cell::Bytes(bytes), _) => Value::Blob(bytes),
    }
}

/// Reads one table.
fn dump_table(connection: &Connection, table: &'static Table, to: &mpsc::Sender<Chunk>) -> Result<()> {
    let gone = |_| StoreError::unavailable("nobody takes the copy");
    let text = format!("SELECT {} FROM {}", table.names(), table.name);
    let mut statement = connection.prepare(&text).map_err(StoreError::unavailable)?;
    let mut rows = statement.query([]).map_err(StoreError::unavailable)?;
    let mut chunk = Chunk::new(table);
    while let Some(row) = rows.next().map_err(StoreError::unavailable)? {
        let cells = (0..table.columns.len()).map(|place| row.get_ref(place).map(cell));
        let cells: rusqlite::Result<Vec<Cell>> = cells.collect();
        chunk.push(cells.map_err(StoreError::unavailable)?);
        if chunk.is_full() {
            to.blocking_send(std::mem::replace(&mut chunk, Chunk::new(table))).map_err(gone)?;
        }
    }
    to.blocking_send(chunk).map_err(gone)
}

fn insert(db: &mut Db, chunk: &mut Chunk) -> Result<u64> {
    let table = chunk.table;
    // A worker of another store is dead here.
    let (names, more) = match table.name {
        "worker" => (format!("{}, lease_until", table.names()), ", 0"),
        _ => (table.names(), ""),
    };
    let marks: Vec<String> = (1..=table.columns.len()).map(|place| format!("?{place}")).collect();
    let text = format!("INSERT INTO {} ({names}) VALUES ({}{more})", table.name, marks.join(", "));
    let connection = db.connection();
    let mut statement = connection.prepare_cached(&text).map_err(StoreError::unavailable)?;
    for row in &chunk.rows {
        let values = row.iter().zip(table.columns).map(|(cell, (_, kind))| value(cell.clone(), *kind));
        statement
            .execute(params_from_iter(values))
            .map_err(|error| StoreError::invalid(error.to_string()))?;
    }
    Ok(chunk.rows.len() as u64)
}

/// Whether nothing is stored, and what counts on from here.
fn check_empty(db: &mut Db, (): &mut ()) -> Result<()> {
    let any = "SELECT 1 FROM execution UNION ALL SELECT 1 FROM workflow UNION ALL SELECT 1 FROM item LIMIT 1";
    match db.one(any, [], |_| Ok(()))? {
        Some(()) => Err(StoreError::invalid("the database that is copied into is not empty: name a new one")),
        None => Ok(()),
    }
}

fn count_on(db: &mut Db, (): &mut ()) -> Result<()> {
    db.newest = db.one(sql!("ordinals"), [], |row| Ok((row.get(0)?, row.get(1)?)))?.unwrap_or((0, 0));
    Ok(())
}

#[async_trait]
impl Archive for SqliteStore {
    async fn dump(&self, to: mpsc::Sender<Chunk>) -> Result<()> {
        let files = self.files.clone();
        blocking(move || {
            let connection = files.reading()?;
            connection.execute_batch("BEGIN").map_err(StoreError::unavailable)?;
            TABLES.iter().try_for_each(|table| dump_table(&connection, table, &to))
        })
        .await
    }

    async fn fill(&self, mut from: mpsc::Receiver<Chunk>) -> Result<u64> {
        self.writer.run((), check_empty).await?;
        let mut rows = 0;
        while let Some(chunk) = from.recv().await {
            rows += self.writer.run(chunk, insert).await?;
        }
        self.writer.run((), count_on).await?;
        Ok(rows)
    }
}
