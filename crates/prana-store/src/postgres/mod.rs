//! A store in PostgreSQL, for many workers on many machines: the database is the queue, the lock and the bell.
//!
//! Every process has a committer: it takes what waits, locks the rows of all of it in the order of their identities, runs the rules of the store
//! on what it reads then, and writes what they changed with one statement for each table. Claims and signs of life are statements over sets.
//! Correctness never rests on clocks, on notifications or on a connection that lasts: each write carries an epoch and a sequence that are checked under
//! the lock of the row, and what became of a commit whose answer was lost is asked.

mod archive;
mod bell;
mod catalog;
mod claim;
mod committer;
mod connect;
mod draft;
mod failure;
mod known;
mod migrate;
mod read;
mod remove;
mod rows;
mod statements;
#[cfg(feature = "suite")]
pub mod testing;
mod transaction;
mod write;

use std::sync::Arc;

use async_trait::async_trait;
use deadpool_postgres::Pool;
use prana_core::{ExecutionId, Timestamp};

use crate::{
    Attention, Claim, Claimed, Committed, Cursor, Delivered, Delta, Filter, Hash, Hint, LoadFrom, Loaded,
    NewItem, Page, Remove, Removed, Result, Row, Store, StoredEntry, WorkerId,
};
use bell::Bell;
use committer::{Committer, Facts};
pub use connect::Options;

/// A database of PostgreSQL as a store, shared by any number of processes.
pub struct PostgresStore {
    committer: Committer,
    pool: Pool,
    /// One connection that nothing else uses: signs of life never wait for others.
    signs: Pool,
    facts: Arc<Facts>,
    bell: Bell,
    last_turn: claim::LastTurn,
}

impl std::fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PostgresStore").field("pool", &self.pool.status()).finish_non_exhaustive()
    }
}

impl PostgresStore {
    /// Connects to a database with the default options.
    ///
    /// # Errors
    /// `CannotOpen`, see [`PostgresStore::open_with`].
    pub async fn open(url: impl Into<String>) -> Result<Self> {
        PostgresStore::open_with(Options::new(url)).await
    }

    /// Connects to a database, reads back the settings that promises rest on, and brings the schema `prana` up to date, whoever else does the
    /// same at that moment. Needs a tokio runtime that stays.
    ///
    /// # Errors
    /// `CannotOpen` if the server can't be reached, `fsync`, `full_page_writes` or `synchronous_commit` is off, it is a standby, or the schema
    /// needs a newer program.
    pub async fn open_with(options: Options) -> Result<Self> {
        let (pool, signs) = (options.pool(options.connections)?, options.pool(1)?);
        migrate::migrate(&pool).await.map_err(|reason| options.cannot_open(reason))?;
        let bell = Bell::hang(options.config()?);
        let facts = Arc::new(Facts::default());
        let committer = Committer::start(&pool, options.committers, &facts, &bell);
        Ok(PostgresStore { committer, pool, signs, facts, bell, last_turn: claim::LastTurn::default() })
    }
}

#[async_trait]
impl Store for PostgresStore {
    async fn commit(&self, delta: Delta) -> Result<Committed> {
        self.committer.commit(delta).await
    }

    async fn claim(&self, claim: Claim) -> Result<Vec<Claimed>> {
        let claimed = claim::claim(&self.pool, claim, &self.last_turn).await?;
        self.facts.note(claimed.iter().map(|claimed| &claimed.row));
        Ok(claimed)
    }

    async fn load(&self, id: ExecutionId, from: LoadFrom) -> Result<Option<Loaded>> {
        read::load(&self.pool, id, from).await
    }

    async fn payloads(&self, root: ExecutionId, hashes: &[Hash]) -> Result<Vec<Option<Vec<u8>>>> {
        read::payloads(&self.pool, root, hashes).await
    }

    async fn deliver(&self, item: NewItem) -> Result<Delivered> {
        self.committer.deliver(item).await
    }

    async fn next_wake(&self, after: Timestamp) -> Result<Option<Timestamp>> {
        read::next_wake(&self.pool, after).await
    }

    async fn list(&self, filter: &Filter, after: Option<Cursor>, limit: usize) -> Result<Page> {
        read::list(&self.pool, filter, after, limit).await
    }

    async fn execution(&self, id: ExecutionId) -> Result<Option<Row>> {
        read::execution(&self.pool, id).await
    }

    async fn trail(&self, id: ExecutionId, from_sequence: u64, limit: usize) -> Result<Vec<StoredEntry>> {
        read::trail(&self.pool, id, from_sequence, limit).await
    }

    async fn heartbeat(&self, worker: WorkerId, _now: Timestamp, lease_ms: u64) -> Result<Vec<Attention>> {
        claim::heartbeat(&self.signs, worker, lease_ms).await
    }

    async fn remove(&self, what: Remove) -> Result<Removed> {
        remove::remove(&self.pool, what).await
    }

    async fn hint(&self) -> Hint {
        self.bell.heard().await
    }

    fn is_shared(&self) -> bool {
        true
    }
}
