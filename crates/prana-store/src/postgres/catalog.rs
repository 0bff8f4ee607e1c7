//! Definitions in PostgreSQL. What changes together is locked by its name first, whether it is there or not.

use async_trait::async_trait;
use prana_core::Timestamp;

use super::PostgresStore;
use super::failure::Failure;
use super::known::catalog_lock;
use super::rows::{Given, get, limit_of, signed, text, time, unsigned};
use super::statements as sql;
use super::transaction::{Ask, Tx, ask, patiently, transact};
use crate::catalog::{hash_of, refuse_outdated};
use crate::{Catalog, Hash, Item, NewVersion, Result, Saved, StoreError, Which, Workflow, WorkflowVersion};

/// A row of the table `workflow`.
#[derive(Debug, Clone, Copy, Default)]
struct Head {
    latest: u64,
    active: Option<u64>,
    updated_at: Timestamp,
    is_deleted: bool,
}

fn head_of(row: &Given) -> Result<Head, Failure> {
    let active = get::<Option<i64>>(row, 1)?.map(i64::unsigned_abs);
    Ok(Head { latest: unsigned(row, 0)?, active, updated_at: time(row, 2)?, is_deleted: get(row, 3)? })
}

/// Columns: version, hash, bytes, created_at.
fn version_of(row: &Given, id: &str) -> Result<WorkflowVersion, Failure> {
    let hash: &[u8] = get(row, 1)?;
    let hash: Hash =
        hash.try_into().map_err(|_| StoreError::unavailable("a stored hash has another length"))?;
    let (version, created_at) = (unsigned(row, 0)?, time(row, 3)?);
    Ok(WorkflowVersion { workflow_id: id.to_owned(), version, hash, bytes: get(row, 2)?, created_at })
}

fn item_of(row: &Given) -> Result<Item, Failure> {
    Ok(Item { key: text(row, 0)?, version: unsigned(row, 1)?, bytes: get(row, 2)? })
}

/// The workflow, locked.
async fn head(tx: &Tx, id: &str) -> Result<Option<Head>, Failure> {
    tx.ask(Ask::new(sql::LOCK_CATALOG).with(catalog_lock("workflow", id))).await?;
    tx.ask(Ask::new(sql::WORKFLOW_HEAD).with(id.as_bytes())).await?.first().map(head_of).transpose()
}

async fn put_head(tx: &Tx, id: &str, head: Head) -> Result<(), Failure> {
    let put = Ask::new(sql::PUT_WORKFLOW)
        .with(id.as_bytes())
        .with(signed(head.latest))
        .with(head.active.map(signed));
    tx.ask(put.with(head.updated_at.as_micros()).with(head.is_deleted)).await.map(drop)
}

async fn version(tx: &Tx, id: &str, version: u64) -> Result<Option<WorkflowVersion>, Failure> {
    let given = tx.ask(Ask::new(sql::WORKFLOW_VERSION).with(id.as_bytes()).with(signed(version))).await?;
    given.first().map(|row| version_of(row, id)).transpose()
}

async fn save(tx: &Tx, new: NewVersion) -> Result<Saved, Failure> {
    let head = head(tx, &new.workflow_id).await?.unwrap_or_default();
    let current = if head.is_deleted { 0 } else { head.latest };
    refuse_outdated(&new.workflow_id, new.based_on, current)?;
    let hash = hash_of(&new.bytes);
    if current > 0
        && version(tx, &new.workflow_id, current).await?.is_some_and(|version| version.hash == hash)
    {
        return Ok(Saved { version: current, is_new: false });
    }
    let version = head.latest + 1;
    let put = Ask::new(sql::PUT_VERSION).with(new.workflow_id.as_bytes()).with(signed(version));
    tx.ask(put.with(&hash[..]).with(&new.bytes[..]).with(new.at.as_micros())).await?;
    let head = Head { latest: version, updated_at: new.at, is_deleted: false, ..head };
    put_head(tx, &new.workflow_id, head).await?;
    Ok(Saved { version, is_new: true })
}

async fn activate(tx: &Tx, id: &str, active: Option<u64>, at: Timestamp) -> Result<bool, Failure> {
    let Some(head) = head(tx, id).await?.filter(|head| !head.is_deleted) else { return Ok(false) };
    if let Some(number) = active
        && version(tx, id, number).await?.is_none()
    {
        return Ok(false);
    }
    put_head(tx, id, Head { active, updated_at: at, ..head }).await?;
    Ok(true)
}

async fn delete(tx: &Tx, id: &str) -> Result<bool, Failure> {
    let Some(head) = head(tx, id).await?.filter(|head| !head.is_deleted) else { return Ok(false) };
    put_head(tx, id, Head { active: None, is_deleted: true, ..head }).await?;
    Ok(true)
}

/// The item, locked.
async fn locked_item(tx: &Tx, kind: &str, key: &str) -> Result<Option<Item>, Failure> {
    tx.ask(Ask::new(sql::LOCK_CATALOG).with(catalog_lock(kind, key))).await?;
    let given = tx.ask(Ask::new(sql::ITEM).with(kind.as_bytes()).with(key.as_bytes())).await?;
    given.first().map(item_of).transpose()
}

async fn put(tx: &Tx, kind: &str, key: &str, based_on: Option<u64>, bytes: &[u8]) -> Result<u64, Failure> {
    let current = locked_item(tx, kind, key).await?.map_or(0, |item| item.version);
    refuse_outdated(key, based_on, current)?;
    let put = Ask::new(sql::PUT_ITEM).with(kind.as_bytes()).with(key.as_bytes());
    tx.ask(put.with(signed(current + 1)).with(bytes)).await?;
    Ok(current + 1)
}

async fn delete_item(tx: &Tx, kind: &str, key: &str, based_on: Option<u64>) -> Result<bool, Failure> {
    let Some(item) = locked_item(tx, kind, key).await? else { return Ok(false) };
    refuse_outdated(key, based_on, item.version)?;
    tx.ask(Ask::new(sql::DELETE_ITEM).with(kind.as_bytes()).with(key.as_bytes())).await?;
    Ok(true)
}

impl PostgresStore {
    /// Rows of a statement, each read.
    async fn read<T>(
        &self,
        statement: impl Fn() -> Ask<'static> + Send + Sync,
        row: impl Fn(&Given) -> Result<T, Failure> + Send + Sync,
    ) -> Result<Vec<T>> {
        let read = patiently!(async { ask(&self.pool, statement()).await?.iter().map(&row).collect() });
        read.map_err(Failure::into_error)
    }
}

#[async_trait]
impl Catalog for PostgresStore {
    async fn save_workflow(&self, new: NewVersion) -> Result<Saved> {
        transact(&self.pool, move |tx| Box::pin(save(tx, new.clone()))).await
    }

    async fn workflow(&self, id: &str, which: Which) -> Result<Option<WorkflowVersion>> {
        let bytes = id.as_bytes().to_vec();
        let number = match which {
            Which::Version(number) => number,
            _ => {
                let statement = || Ask::new(sql::WORKFLOW_HEAD).with(bytes.clone());
                let head = self.read(statement, head_of).await?.pop().filter(|head| !head.is_deleted);
                let Some(head) = head else { return Ok(None) };
                if which == Which::Latest { head.latest } else { head.active.unwrap_or(0) }
            }
        };
        let statement = || Ask::new(sql::WORKFLOW_VERSION).with(bytes.clone()).with(signed(number));
        Ok(self.read(statement, |row| version_of(row, id)).await?.pop())
    }

    async fn workflows(&self, after: Option<&str>, limit: usize) -> Result<Vec<Workflow>> {
        let first = after.unwrap_or("").as_bytes().to_vec();
        let statement =
            || Ask::new(sql::WORKFLOWS).with(first.clone()).with(after.is_some()).with(limit_of(limit));
        self.read(statement, |row| {
            let active = get::<Option<i64>>(row, 2)?.map(i64::unsigned_abs);
            Ok(Workflow { id: text(row, 0)?, latest: unsigned(row, 1)?, active, updated_at: time(row, 3)? })
        })
        .await
    }

    async fn versions(&self, id: &str, before: Option<u64>, limit: usize) -> Result<Vec<WorkflowVersion>> {
        let (name, before) = (id.as_bytes().to_vec(), before.map_or(i64::MAX, signed));
        let statement =
            || Ask::new(sql::WORKFLOW_VERSIONS).with(name.clone()).with(before).with(limit_of(limit));
        self.read(statement, |row| version_of(row, id)).await
    }

    async fn activate(&self, id: &str, version: Option<u64>, at: Timestamp) -> Result<bool> {
        let id = id.to_owned();
        transact(&self.pool, move |tx| {
            let id = id.clone();
            Box::pin(async move { activate(tx, &id, version, at).await })
        })
        .await
    }

    async fn delete_workflow(&self, id: &str) -> Result<bool> {
        let id = id.to_owned();
        transact(&self.pool, move |tx| {
            let id = id.clone();
            Box::pin(async move { delete(tx, &id).await })
        })
        .await
    }

    async fn put_item(&self, kind: &str, key: &str, based_on: Option<u64>, bytes: Vec<u8>) -> Result<u64> {
        let change = (kind.to_owned(), key.to_owned(), bytes);
        transact(&self.pool, move |tx| {
            let (kind, key, bytes) = change.clone();
            Box::pin(async move { put(tx, &kind, &key, based_on, &bytes).await })
        })
        .await
    }

    async fn item(&self, kind: &str, key: &str) -> Result<Option<Item>> {
        let (kind, key) = (kind.as_bytes().to_vec(), key.as_bytes().to_vec());
        Ok(self.read(|| Ask::new(sql::ITEM).with(kind.clone()).with(key.clone()), item_of).await?.pop())
    }

    async fn items(&self, kind: &str, after: Option<&str>, limit: usize) -> Result<Vec<Item>> {
        let (kind, first) = (kind.as_bytes().to_vec(), after.unwrap_or("").as_bytes().to_vec());
        let statement = || {
            let ask = Ask::new(sql::ITEMS_OF_KIND).with(kind.clone()).with(first.clone());
            ask.with(after.is_some()).with(limit_of(limit))
        };
        self.read(statement, item_of).await
    }

    async fn delete_item(&self, kind: &str, key: &str, based_on: Option<u64>) -> Result<bool> {
        let place = (kind.to_owned(), key.to_owned());
        transact(&self.pool, move |tx| {
            let (kind, key) = place.clone();
            Box::pin(async move { delete_item(tx, &kind, &key, based_on).await })
        })
        .await
    }
}
