//! Transactions whose outcome is always known.
//!
//! Statements are sent together and answered together: a transaction takes as many round trips as it has steps that depend on each other. If
//! the connection is lost after COMMIT was sent, the server is asked on another connection what became of the transaction.

use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant};

use deadpool_postgres::{Client, Pool};
use futures_util::future::{join, join_all, join3, try_join_all};
use tokio_postgres::types::ToSql;

use super::failure::{Failure, ends_connection, explain};
use super::rows::Given;
use super::statements as sql;
use crate::{Result, StoreError};

/// How often the same is tried again because others were in the way.
pub(super) const TRIES: usize = 20;
/// How long it is asked what became of a transaction.
const PATIENCE: Duration = Duration::from_secs(20);
/// After how long a transaction that neither commits nor ends is ended.
const GRACE: Duration = Duration::from_secs(1);

/// Tries again as long as that makes sense: others were in the way, or the connection was lost before anything was stored.
macro_rules! patiently {
    ($act:expr) => {{
        use $crate::postgres::{failure::Failure, transaction::TRIES};
        let mut tries = 0;
        loop {
            match $act.await {
                Ok(done) => break Ok(done),
                Err(Failure::Again(_) | Failure::Gone(_)) if tries < TRIES => tries += 1,
                Err(failure) => break Err::<_, Failure>(failure),
            }
        }
    }};
}
pub(super) use patiently;

/// A statement with its values.
pub(super) struct Ask<'a> {
    sql: &'static str,
    values: Vec<Box<dyn ToSql + Sync + Send + 'a>>,
}

impl<'a> Ask<'a> {
    pub fn new(sql: &'static str) -> Self {
        Ask { sql, values: Vec::new() }
    }

    /// The same with one more value.
    pub fn with(mut self, value: impl ToSql + Sync + Send + 'a) -> Self {
        self.values.push(Box::new(value));
        self
    }
}

/// A connection on loan.
pub(super) async fn connection(pool: &Pool) -> Result<Client, Failure> {
    pool.get().await.map_err(|error| match error {
        deadpool_postgres::PoolError::Backend(error) => {
            Failure::Away(StoreError::unavailable(explain(&error)))
        }
        other => Failure::Away(StoreError::unavailable(other)),
    })
}

/// Sends all, and gives the rows of each.
pub(super) async fn ask_all(client: &Client, asks: &[Ask<'_>]) -> Result<Vec<Vec<Given>>, Failure> {
    let mut prepared = Vec::with_capacity(asks.len());
    for ask in asks {
        prepared.push(client.prepare_cached(ask.sql).await?);
    }
    let sent = asks.iter().zip(&prepared).map(|(ask, statement)| async move {
        let values: Vec<&(dyn ToSql + Sync)> = ask.values.iter().map(|value| &**value as _).collect();
        client.query(statement, &values).await
    });
    Ok(try_join_all(sent).await?)
}

/// The rows of one statement outside of any transaction.
pub(super) async fn ask(pool: &Pool, one: Ask<'_>) -> Result<Vec<Given>, Failure> {
    let client = connection(pool).await?;
    Ok(ask_all(&client, &[one]).await?.pop().unwrap_or_default())
}

/// How the server knows a transaction.
#[derive(Debug, Clone)]
pub(super) struct Identity {
    transaction: String,
    backend: i32,
}

impl Identity {
    /// From two columns of a row.
    pub fn read(row: &Given, column: usize) -> Result<Identity, Failure> {
        Ok(Identity {
            transaction: super::rows::get(row, column)?,
            backend: super::rows::get(row, column + 1)?,
        })
    }
}

/// A transaction that has begun. Dropped, it is undone, and its connection is given up.
pub(super) struct Tx {
    client: Option<Client>,
    identity: Option<Identity>,
}

impl Drop for Tx {
    fn drop(&mut self) {
        // In the middle of something: the server undoes it when the connection closes.
        drop(self.client.take().map(Client::take));
    }
}

impl Tx {
    /// Begins, learns how the server calls the transaction, and sends the first statements along.
    pub async fn begin(pool: &Pool, first: &[Ask<'_>]) -> Result<(Tx, Vec<Vec<Given>>), Failure> {
        let mut tx = Tx { client: Some(connection(pool).await?), identity: None };
        let client = tx.client()?;
        let identity = client.prepare_cached(sql::IDENTITY).await?;
        let mut prepared = Vec::with_capacity(first.len());
        for ask in first {
            prepared.push(client.prepare_cached(ask.sql).await?);
        }
        let begun = client.batch_execute(sql::BEGIN);
        let identity = client.query_one(&identity, &[]);
        let sent = join_all(first.iter().zip(&prepared).map(|(ask, statement)| async move {
            let values: Vec<&(dyn ToSql + Sync)> = ask.values.iter().map(|value| &**value as _).collect();
            client.query(statement, &values).await
        }));
        // Each is sent when it is first polled: in this order.
        let (begun, identity, given) = join3(begun, identity, sent).await;
        begun?;
        tx.identity = Some(Identity::read(&identity?, 0)?);
        let given = given.into_iter().collect::<Result<Vec<_>, _>>()?;
        Ok((tx, given))
    }

    /// Begins without asking how the server calls it: a transaction that writes nothing then leaves no trace.
    pub async fn begin_quietly(pool: &Pool, how: &'static str) -> Result<Tx, Failure> {
        let tx = Tx { client: Some(connection(pool).await?), identity: None };
        tx.client()?.batch_execute(how).await?;
        Ok(tx)
    }

    /// Its connection.
    pub fn client(&self) -> Result<&Client, Failure> {
        self.client.as_ref().ok_or_else(|| Failure::Gone("the transaction is over".to_owned()))
    }

    /// Sends all, and gives the rows of each.
    pub async fn ask_all(&self, asks: &[Ask<'_>]) -> Result<Vec<Vec<Given>>, Failure> {
        ask_all(self.client()?, asks).await
    }

    /// The rows of one statement.
    pub async fn ask(&self, ask: Ask<'_>) -> Result<Vec<Given>, Failure> {
        Ok(self.ask_all(&[ask]).await?.pop().unwrap_or_default())
    }

    /// From now on it is known how the server calls it.
    pub fn is_called(&mut self, identity: Identity) {
        self.identity = Some(identity);
    }

    /// Writes and commits in one go. An error means that nothing is stored, except `Unavailable`, where the server could not be asked either.
    pub async fn commit(mut self, pool: &Pool, writes: &[Ask<'_>]) -> Result<(), Failure> {
        let done = self.write_and_commit(writes).await;
        let identity = self.identity.take();
        match done {
            Ok(()) => {
                // The connection is clean: it goes back.
                self.client = None;
                Ok(())
            }
            Err(Written::Not(failure)) => Err(failure),
            Err(Written::Unknown(reason)) => match identity {
                Some(identity) => fate(pool, &identity, reason).await,
                None => Err(Failure::Gone(reason)),
            },
        }
    }

    async fn write_and_commit(&self, writes: &[Ask<'_>]) -> Result<(), Written> {
        let client = self.client().map_err(Written::Not)?;
        let mut prepared = Vec::with_capacity(writes.len());
        for ask in writes {
            prepared.push(client.prepare_cached(ask.sql).await.map_err(|error| Written::Not(error.into()))?);
        }
        let written = join_all(writes.iter().zip(&prepared).map(|(ask, statement)| async move {
            let values: Vec<&(dyn ToSql + Sync)> = ask.values.iter().map(|value| &**value as _).collect();
            client.execute(statement, &values).await
        }));
        let (written, committed) = join(written, client.batch_execute("COMMIT")).await;
        // The first error is the one that undid the transaction; those after it only say that there was one.
        if let Some(error) = written.into_iter().find_map(Result::err) {
            return Err(match error.code() {
                Some(code) if !ends_connection(code) => Written::Not(error.into()),
                _ => Written::Unknown(explain(&error)),
            });
        }
        committed.map_err(|error| Written::Unknown(explain(&error)))
    }

    /// Undoes it, and gives the connection back.
    pub async fn roll_back(mut self) {
        if let Some(client) = &self.client
            && client.batch_execute("ROLLBACK").await.is_ok()
        {
            self.client = None;
        }
    }
}

/// What is known after an error.
enum Written {
    Not(Failure),
    Unknown(String),
}

/// Asks the server what became of a transaction whose COMMIT was sent and not answered.
async fn fate(pool: &Pool, identity: &Identity, reason: String) -> Result<(), Failure> {
    tracing::warn!(%reason, transaction = identity.transaction, "the answer to a commit was lost; asking what became of it");
    let since = Instant::now();
    loop {
        let asked = ask(pool, Ask::new(sql::FATE).with(identity.transaction.clone())).await;
        let status: Option<String> = match asked {
            Ok(rows) => rows.first().and_then(|row| row.try_get(0).ok()),
            Err(_) => None,
        };
        match status.as_deref() {
            Some("committed") => return Ok(()),
            Some("aborted") => return Err(Failure::Gone(reason)),
            // Its backend doesn't know yet that nobody listens.
            Some("in progress") if since.elapsed() > GRACE => {
                let end =
                    Ask::new(sql::END_BACKEND).with(identity.backend).with(identity.transaction.clone());
                let _ = ask(pool, end).await;
            }
            _ => {}
        }
        if since.elapsed() > PATIENCE {
            let reason = format!("{reason}; whether the last commit is stored can't be asked now");
            return Err(Failure::Away(StoreError::unavailable(reason)));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// What is done inside a transaction.
pub(super) type Doing<'t, T> = Pin<Box<dyn Future<Output = Result<T, Failure>> + Send + 't>>;

/// Does something in a transaction of its own; again, if others were in the way or the connection was lost before the commit.
pub(super) async fn transact<T: Send>(
    pool: &Pool,
    act: impl for<'t> Fn(&'t Tx) -> Doing<'t, T> + Send + Sync,
) -> Result<T> {
    let done = patiently!(async {
        let (tx, _) = Tx::begin(pool, &[]).await?;
        match act(&tx).await {
            Ok(done) => tx.commit(pool, &[]).await.map(|()| done),
            Err(failure) => {
                tx.roll_back().await;
                Err(failure)
            }
        }
    });
    done.map_err(Failure::into_error)
}
