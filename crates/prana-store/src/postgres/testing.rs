//! Databases for tests, and leases on the clock of a test.
#![allow(clippy::unwrap_used)]

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use prana_core::{ExecutionId, Timestamp};
use tokio_postgres::{Client, NoTls};

use super::PostgresStore;
use crate::{
    Attention, Catalog, Claim, Claimed, Committed, Cursor, Delivered, Delta, Filter, Hash, Item, LoadFrom,
    Loaded, NewItem, NewVersion, Page, Remove, Removed, Result, Row, Saved, Store, StoredEntry, Which,
    WorkerId, Workflow, WorkflowVersion,
};

/// The clock of the database is asked for by a name that this hides.
const CLOCK: &str = "CREATE SCHEMA test_time;
  CREATE UNLOGGED TABLE test_time.now (at timestamptz NOT NULL);
  INSERT INTO test_time.now VALUES ('epoch');
  CREATE FUNCTION test_time.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE AS 'SELECT at FROM test_time.now';";

/// Makes a database empty that was used before: that is quicker than to make one.
const EMPTY: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid();
  DO $$ BEGIN
    WHILE EXISTS (SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()) LOOP
      PERFORM pg_stat_clear_snapshot(); PERFORM pg_sleep(0.001);
    END LOOP;
  END $$;
  DROP SCHEMA IF EXISTS test_time CASCADE;
  DO $$ DECLARE name text; BEGIN
    FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'prana' AND tablename <> 'schema' LOOP
      EXECUTE format('DELETE FROM prana.%I', name);
    END LOOP;
  END $$;";

/// Databases that are free again.
static FREE: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// An empty database on the server that `PRANA_TEST_POSTGRES` names.
#[derive(Debug)]
pub struct TestDatabase {
    server: String,
    name: String,
}

async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

impl TestDatabase {
    /// The database; `None` if there is no server for tests.
    ///
    /// # Panics
    /// If the server doesn't make one.
    pub async fn new() -> Option<TestDatabase> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let server = std::env::var("PRANA_TEST_POSTGRES").ok()?;
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("prana_test_{}_{number}", std::process::id());
        let free = FREE.lock().unwrap().pop();
        let is_used = free.is_some();
        let database = TestDatabase { server, name: free.unwrap_or(name) };
        if is_used {
            let reset = format!("ALTER DATABASE {} RESET search_path", database.name);
            let client = database.client().await;
            client.batch_execute("SET synchronous_commit = off").await.unwrap();
            client.batch_execute(EMPTY).await.unwrap();
            client.batch_execute(&reset).await.unwrap();
        } else {
            let create = format!("CREATE DATABASE {}", database.name);
            connect(&database.server).await.batch_execute(&create).await.unwrap();
        }
        Some(database)
    }

    /// Its address.
    pub fn url(&self) -> String {
        let (server, _) = self.server.rsplit_once('/').unwrap();
        format!("{server}/{}", self.name)
    }

    /// A connection, to look behind the store.
    ///
    /// # Panics
    /// If there is none.
    pub async fn client(&self) -> Client {
        connect(&self.url()).await
    }

    /// A store on it, as a program opens it.
    ///
    /// # Panics
    /// If it can't be opened.
    pub async fn store(&self) -> PostgresStore {
        PostgresStore::open(self.url()).await.unwrap()
    }

    /// A store on it whose leases follow the times that callers give, and not the clock of the database.
    ///
    /// # Panics
    /// If it can't be opened.
    pub async fn clocked(self) -> Clocked {
        let client = self.client().await;
        client.batch_execute(CLOCK).await.unwrap();
        let path = format!("ALTER DATABASE {} SET search_path = test_time, pg_catalog, public", self.name);
        client.batch_execute(&path).await.unwrap();
        client.batch_execute("SET synchronous_commit = off").await.unwrap();
        Clocked { store: Arc::new(self.store().await), clock: client, _database: self }
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        FREE.lock().unwrap().push(std::mem::take(&mut self.name));
    }
}

/// A store for tests in virtual time.
#[derive(Debug)]
pub struct Clocked {
    store: Arc<PostgresStore>,
    clock: Client,
    _database: TestDatabase,
}

impl Clocked {
    async fn set(&self, time: Timestamp) {
        let sql = "UPDATE test_time.now SET at = 'epoch'::timestamptz + $1::int8 * interval '1 microsecond'";
        self.clock.execute(sql, &[&time.as_micros()]).await.unwrap();
    }
}

#[async_trait]
impl Store for Clocked {
    async fn commit(&self, delta: Delta) -> Result<Committed> {
        // Who is handed something holds it from then on.
        if delta.create.is_some() || !delta.children.is_empty() {
            self.set(delta.at).await;
        }
        self.store.commit(delta).await
    }

    async fn claim(&self, claim: Claim) -> Result<Vec<Claimed>> {
        self.set(claim.now).await;
        self.store.claim(claim).await
    }

    async fn load(&self, id: ExecutionId, from: LoadFrom) -> Result<Option<Loaded>> {
        self.store.load(id, from).await
    }

    async fn payloads(&self, root: ExecutionId, hashes: &[Hash]) -> Result<Vec<Option<Vec<u8>>>> {
        self.store.payloads(root, hashes).await
    }

    async fn deliver(&self, item: NewItem) -> Result<Delivered> {
        self.store.deliver(item).await
    }

    async fn next_wake(&self, after: Timestamp) -> Result<Option<Timestamp>> {
        self.store.next_wake(after).await
    }

    async fn list(&self, filter: &Filter, after: Option<Cursor>, limit: usize) -> Result<Page> {
        self.store.list(filter, after, limit).await
    }

    async fn execution(&self, id: ExecutionId) -> Result<Option<Row>> {
        self.store.execution(id).await
    }

    async fn trail(&self, id: ExecutionId, from_sequence: u64, limit: usize) -> Result<Vec<StoredEntry>> {
        self.store.trail(id, from_sequence, limit).await
    }

    async fn heartbeat(&self, worker: WorkerId, now: Timestamp, lease_ms: u64) -> Result<Vec<Attention>> {
        self.set(now).await;
        self.store.heartbeat(worker, now, lease_ms).await
    }

    async fn remove(&self, what: Remove) -> Result<Removed> {
        self.store.remove(what).await
    }
}

#[async_trait]
impl Catalog for Clocked {
    async fn save_workflow(&self, new: NewVersion) -> Result<Saved> {
        self.store.save_workflow(new).await
    }

    async fn workflow(&self, id: &str, which: Which) -> Result<Option<WorkflowVersion>> {
        self.store.workflow(id, which).await
    }

    async fn workflows(&self, after: Option<&str>, limit: usize) -> Result<Vec<Workflow>> {
        self.store.workflows(after, limit).await
    }

    async fn versions(&self, id: &str, before: Option<u64>, limit: usize) -> Result<Vec<WorkflowVersion>> {
        self.store.versions(id, before, limit).await
    }

    async fn activate(&self, id: &str, version: Option<u64>, at: Timestamp) -> Result<bool> {
        self.store.activate(id, version, at).await
    }

    async fn delete_workflow(&self, id: &str) -> Result<bool> {
        self.store.delete_workflow(id).await
    }

    async fn put_item(&self, kind: &str, key: &str, based_on: Option<u64>, bytes: Vec<u8>) -> Result<u64> {
        self.store.put_item(kind, key, based_on, bytes).await
    }

    async fn item(&self, kind: &str, key: &str) -> Result<Option<Item>> {
        self.store.item(kind, key).await
    }

    async fn items(&self, kind: &str, after: Option<&str>, limit: usize) -> Result<Vec<Item>> {
        self.store.items(kind, after, limit).await
    }

    async fn delete_item(&self, kind: &str, key: &str, based_on: Option<u64>) -> Result<bool> {
        self.store.delete_item(kind, key, based_on).await
    }
}
