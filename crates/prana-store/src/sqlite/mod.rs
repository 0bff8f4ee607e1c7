//! A store in one SQLite file: the embedded default.
//!
//! One process owns the file. One thread writes: it takes what waits, runs it in one transaction, flushes once and answers all. A few
//! connections that can only read serve everything else, so nobody ever meets a lock.

mod archive;
mod catalog;
mod checkpoint;
mod db;
mod known;
mod open;
mod read;
mod rows;
mod tables;
mod writer;

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use prana_core::{ExecutionId, Timestamp};

use crate::{
    Attention, Claim, Claimed, Committed, Cursor, Delivered, Delta, Filter, Hash, LoadFrom, Loaded, NewItem,
    Page, Remove, Removed, Result, Row, Store, StoredEntry, WorkerId, rules,
};
use known::Known;
use open::{Files, Lock};
pub use open::{Options, Synchronous};
use read::Readers;
use writer::Writer;

/// The text of a statement, from its file.
macro_rules! sql {
    ($name:literal) => {
        include_str!(concat!("sql/", $name, ".sql"))
    };
}
pub(crate) use sql;

/// An SQLite file as a store. Dropping it writes what waits and closes the file.
///
/// The calls need a running tokio runtime (any flavour).
#[derive(Debug)]
pub struct SqliteStore {
    // In the order in which they go: the writer closes last and takes the log with it, then the file is free.
    readers: Readers,
    writer: Writer,
    known: Arc<Known>,
    files: Files,
    lock: Lock,
}

impl SqliteStore {
    /// Opens or creates the file at `path` with the default options.
    ///
    /// # Errors
    /// `CannotOpen`, see [`SqliteStore::open_with`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        SqliteStore::open_with(Options::new(path))
    }

    /// Opens or creates a file: locks `FILE.lock`, brings the schema up to date, and declares every worker of before dead, since nobody else
    /// can have the file open. Blocks for as long as that takes (milliseconds, migrations aside).
    ///
    /// # Errors
    /// `CannotOpen` if another process owns the file (it is named), the file is not one of Prana's or is of a newer version, or the disk or
    /// the SQLite library does not keep what it promises (WAL, `synchronous=FULL`).
    pub fn open_with(options: Options) -> Result<Self> {
        let (files, lock, connection) = Files::open(options)?;
        let readers = Readers::open(&files)?;
        let known = Arc::new(Known::default());
        let writer = Writer::start(&files, connection, known.clone())?;
        Ok(SqliteStore { readers, writer, known, files, lock })
    }

    /// Writes who owns the file (an address and a token, say) into `FILE.lock`, which only its user can read, for programs that find it locked.
    ///
    /// # Errors
    /// `Unavailable` if the file can't be written.
    pub fn announce(&self, owner: &str) -> Result<()> {
        self.lock.write(owner)
    }

    /// What is damaged in the file: nothing, if it is whole. Reads all of it.
    ///
    /// # Errors
    /// `Unavailable` if it can't be read.
    pub async fn check(&self) -> Result<Vec<String>> {
        let found =
            self.readers.run(|db| db.all("PRAGMA quick_check", [], |row| row.get::<_, String>(0))).await?;
        Ok(found.into_iter().filter(|line| line != "ok").collect())
    }

    /// Writes a copy of the whole store, as of now, to a new file, while work goes on.
    ///
    /// # Errors
    /// `Unavailable` if the file exists already or can't be written.
    pub async fn backup(&self, to: impl AsRef<Path>) -> Result<()> {
        let (files, to) = (self.files.clone(), to.as_ref().to_owned());
        read::blocking(move || files.backup(&to)).await
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn commit(&self, delta: Delta) -> Result<Committed> {
        self.writer.run(delta, rules::commit).await
    }

    async fn claim(&self, claim: Claim) -> Result<Vec<Claimed>> {
        self.writer.run(claim, |db, claim| rules::claim(db, *claim)).await
    }

    async fn load(&self, id: ExecutionId, from: LoadFrom) -> Result<Option<Loaded>> {
        self.readers.run(move |db| read::load(db, id, from)).await
    }

    async fn payloads(&self, root: ExecutionId, hashes: &[Hash]) -> Result<Vec<Option<Vec<u8>>>> {
        let hashes = hashes.to_vec();
        self.readers.run(move |db| read::payloads(db, root, &hashes)).await
    }

    async fn deliver(&self, item: NewItem) -> Result<Delivered> {
        self.writer.run(item, |db, item| rules::deliver(db, item).map(|delivery| delivery.delivered)).await
    }

    async fn next_wake(&self, after: Timestamp) -> Result<Option<Timestamp>> {
        self.readers.run(move |db| read::next_wake(db, after)).await
    }

    async fn list(&self, filter: &Filter, after: Option<Cursor>, limit: usize) -> Result<Page> {
        let filter = filter.clone();
        self.readers.run(move |db| read::list(db, &filter, after, limit)).await
    }

    async fn execution(&self, id: ExecutionId) -> Result<Option<Row>> {
        self.readers.run(move |db| rules::Rows::row(db, id)).await
    }

    async fn trail(&self, id: ExecutionId, from_sequence: u64, limit: usize) -> Result<Vec<StoredEntry>> {
        self.readers.run(move |db| read::trail(db, id, from_sequence, limit)).await
    }

    async fn heartbeat(&self, worker: WorkerId, now: Timestamp, lease_ms: u64) -> Result<Vec<Attention>> {
        let beat = (worker, now, lease_ms);
        self.writer
            .run(beat, |db, (worker, now, lease_ms)| rules::heartbeat(db, *worker, *now, *lease_ms))
            .await
    }

    async fn remove(&self, what: Remove) -> Result<Removed> {
        let remove = |db: &mut db::Db, what: &mut Remove| {
            let removed = rules::remove(db, *what)?;
            db.give_back()?;
            Ok(removed)
        };
        self.writer.run(what, remove).await
    }
}
