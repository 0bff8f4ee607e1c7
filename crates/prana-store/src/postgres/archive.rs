//! A whole database, row by row.

use async_trait::async_trait;
use tokio::sync::mpsc;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::PostgresStore;
use super::failure::Failure;
use super::rows::{Given, get};
use super::statements as sql;
use super::transaction::{Tx, connection};
use crate::archive::{Archive, Cell, Chunk, Kind, TABLES, Table};
use crate::{Result, StoreError};

fn cell(row: &Given, place: usize, kind: Kind) -> Result<Cell, Failure> {
    Ok(match kind {
        Kind::Number => get::<Option<i64>>(row, place)?.map_or(Cell::Null, Cell::Number),
        Kind::Small => {
            get::<Option<i16>>(row, place)?.map_or(Cell::Null, |number| Cell::Number(number.into()))
        }
        Kind::Flag => get::<Option<bool>>(row, place)?.map_or(Cell::Null, |flag| Cell::Number(flag.into())),
        Kind::Id => {
            get::<Option<Uuid>>(row, place)?.map_or(Cell::Null, |id| Cell::Bytes(id.as_bytes().to_vec()))
        }
        Kind::Text | Kind::Bytes => get::<Option<Vec<u8>>>(row, place)?.map_or(Cell::Null, Cell::Bytes),
    })
}

fn number(cell: &Cell) -> Option<i64> {
    if let Cell::Number(number) = cell { Some(*number) } else { None }
}

fn bytes(cell: &Cell) -> Option<&[u8]> {
    if let Cell::Bytes(bytes) = cell { Some(bytes) } else { None }
}

/// One column of all rows, and the type of the array.
fn column(chunk: &Chunk, place: usize, kind: Kind) -> (&'static str, Box<dyn ToSql + Sync + Send + '_>) {
    let cells = || chunk.rows.iter().map(move |row| &row[place]);
    let small = |cell| number(cell).map(|number| i16::try_from(number).unwrap_or(i16::MAX));
    let id = |cell| bytes(cell).and_then(|bytes| Uuid::from_slice(bytes).ok());
    match kind {
        Kind::Number => ("int8", Box::new(cells().map(number).collect::<Vec<_>>())),
        Kind::Small => ("int2", Box::new(cells().map(small).collect::<Vec<_>>())),
        Kind::Flag => {
            ("bool", Box::new(cells().map(|cell| number(cell).map(|number| number != 0)).collect::<Vec<_>>()))
        }
        Kind::Id => ("uuid", Box::new(cells().map(id).collect::<Vec<_>>())),
        Kind::Text | Kind::Bytes => ("bytea", Box::new(cells().map(bytes).collect::<Vec<_>>())),
    }
}

async fn insert(client: &deadpool_postgres::Transaction<'_>, chunk: &Chunk) -> Result<u64, Failure> {
    let columns = chunk.table.columns.iter().enumerate();
    let (types, values): (Vec<_>, Vec<_>) =
        columns.map(|(place, (_, kind))| column(chunk, place, *kind)).unzip();
    let arrays: Vec<String> =
        types.iter().enumerate().map(|(place, name)| format!("${}::{name}[]", place + 1)).collect();
    let arrays = arrays.join(", ");
    let (name, names) = (chunk.table.name, chunk.table.names());
    // A worker of another store is dead here.
    let text = match name {
        "worker" => format!(
            "INSERT INTO prana.worker (id, lease_until) SELECT id, 'epoch' FROM unnest({arrays}) AS u(id)"
        ),
        _ => format!("INSERT INTO prana.{name} ({names}) SELECT * FROM unnest({arrays})"),
    };
    let values: Vec<&(dyn ToSql + Sync)> = values.iter().map(|value| &**value as _).collect();
    Ok(client.execute(&client.prepare_cached(&text).await?, &values).await?)
}

const ANY: &str = "SELECT 1 FROM prana.execution UNION ALL SELECT 1 FROM prana.workflow UNION ALL SELECT 1 FROM prana.item LIMIT 1";
const COUNT_ON: &str =
    "SELECT setval('prana.number', 1 + greatest((SELECT max(ordinal) FROM prana.execution),
  (SELECT max(id) FROM prana.inbox), (SELECT max(execution) FROM prana.grave), 0))";

impl PostgresStore {
    async fn dump_table(
        &self,
        tx: &Tx,
        table: &'static Table,
        to: &mpsc::Sender<Chunk>,
    ) -> Result<(), Failure> {
        let gone = |_| Failure::Refused(StoreError::unavailable("nobody takes the copy"));
        let client = tx.client()?;
        let declare =
            format!("DECLARE copied NO SCROLL CURSOR FOR SELECT {} FROM prana.{}", table.names(), table.name);
        client.batch_execute(&declare).await?;
        let mut chunk = Chunk::new(table);
        loop {
            let given = client.query("FETCH 200 FROM copied", &[]).await?;
            if given.is_empty() {
                break;
            }
            for row in &given {
                let cells =
                    table.columns.iter().enumerate().map(|(place, (_, kind))| cell(row, place, *kind));
                chunk.push(cells.collect::<Result<Vec<_>, _>>()?);
                if chunk.is_full() {
                    to.send(std::mem::replace(&mut chunk, Chunk::new(table))).await.map_err(gone)?;
                }
            }
        }
        client.batch_execute("CLOSE copied").await?;
        to.send(chunk).await.map_err(gone)
    }

    async fn dump_all(&self, to: &mpsc::Sender<Chunk>) -> Result<(), Failure> {
        let tx = Tx::begin_quietly(&self.pool, sql::BEGIN_READING).await?;
        for table in TABLES {
            self.dump_table(&tx, table, to).await?;
        }
        tx.roll_back().await;
        Ok(())
    }

    /// All in one transaction: there is everything, or nothing.
    async fn fill_all(&self, mut from: mpsc::Receiver<Chunk>) -> Result<u64, Failure> {
        let mut client = connection(&self.pool).await?;
        let transaction = client.transaction().await?;
        if transaction.query_opt(ANY, &[]).await?.is_some() {
            let reason = "the database that is copied into is not empty: name an empty one";
            return Err(StoreError::invalid(reason).into());
        }
        let mut rows = 0;
        while let Some(chunk) = from.recv().await {
            if !chunk.rows.is_empty() {
                rows += insert(&transaction, &chunk).await?;
            }
        }
        transaction.batch_execute(COUNT_ON).await?;
        transaction.commit().await?;
        Ok(rows)
    }
}

#[async_trait]
impl Archive for PostgresStore {
    async fn dump(&self, to: mpsc::Sender<Chunk>) -> Result<()> {
        self.dump_all(&to).await.map_err(Failure::into_error)
    }

    async fn fill(&self, from: mpsc::Receiver<Chunk>) -> Result<u64> {
        self.fill_all(from).await.map_err(Failure::into_error)
    }
}
