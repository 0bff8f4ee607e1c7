//! Definitions in SQLite.

use async_trait::async_trait;
use prana_core::Timestamp;
use rusqlite::params;

use super::db::Db;
use super::rows::{limit_of, signed, time, unsigned};
use super::{SqliteStore, sql};
use crate::catalog::{hash_of, refuse_outdated};
use crate::rules::Items;
use crate::{Catalog, Hash, Item, ItemChange, NewVersion, Result, Saved, Which, Workflow, WorkflowVersion};

/// A row of the table `workflow`; `None` where a workflow was never saved.
#[derive(Debug, Clone, Copy, Default)]
struct Head {
    latest: u64,
    active: Option<u64>,
    updated_at: Timestamp,
    is_deleted: bool,
}

impl Db {
    fn head(&self, id: &str) -> Result<Option<Head>> {
        self.one(sql!("workflow_head"), [id], |row| {
            let active = row.get::<_, Option<i64>>(1)?.map(i64::unsigned_abs);
            Ok(Head { latest: unsigned(row, 0)?, active, updated_at: time(row, 2)?, is_deleted: row.get(3)? })
        })
    }

    fn put_head(&self, id: &str, head: Head) -> Result<()> {
        let active = head.active.map(signed);
        self.changes_definitions.set(true);
        let values = params![id, signed(head.latest), active, head.updated_at.as_micros(), head.is_deleted];
        self.run(sql!("put_workflow"), values).map(drop)
    }

    fn version(&self, id: &str, version: u64) -> Result<Option<WorkflowVersion>> {
        self.one(sql!("workflow_version"), params![id, signed(version)], |row| version_of(row, id))
    }

    fn stored_item(&self, kind: &str, key: &str) -> Result<Option<Item>> {
        self.one(sql!("item"), [kind, key], item_of)
    }
}

/// Columns: version, hash, bytes, created_at.
fn version_of(row: &rusqlite::Row<'_>, id: &str) -> rusqlite::Result<WorkflowVersion> {
    let hash: Hash = row.get(1)?;
    let (version, created_at) = (unsigned(row, 0)?, time(row, 3)?);
    Ok(WorkflowVersion { workflow_id: id.to_owned(), version, hash, bytes: row.get(2)?, created_at })
}

fn item_of(row: &rusqlite::Row<'_>) -> rusqlite::Result<Item> {
    Ok(Item { key: row.get(0)?, version: unsigned(row, 1)?, bytes: row.get(2)? })
}

fn save(db: &Db, new: &NewVersion) -> Result<Saved> {
    let head = db.head(&new.workflow_id)?.unwrap_or_default();
    let current = if head.is_deleted { 0 } else { head.latest };
    refuse_outdated(&new.workflow_id, new.based_on, current)?;
    let hash = hash_of(&new.bytes);
    if current > 0 && db.version(&new.workflow_id, current)?.is_some_and(|version| version.hash == hash) {
        return Ok(Saved { version: current, is_new: false });
    }
    let version = head.latest + 1;
    let values = params![new.workflow_id, signed(version), hash, new.bytes, new.at.as_micros()];
    db.run(sql!("put_version"), values)?;
    let head = Head { latest: version, updated_at: new.at, is_deleted: false, ..head };
    db.put_head(&new.workflow_id, head)?;
    Ok(Saved { version, is_new: true })
}

fn activate(db: &Db, id: &str, version: Option<u64>, at: Timestamp) -> Result<bool> {
    let Some(head) = db.head(id)?.filter(|head| !head.is_deleted) else { return Ok(false) };
    if let Some(version) = version
        && db.version(id, version)?.is_none()
    {
        return Ok(false);
    }
    db.put_head(id, Head { active: version, updated_at: at, ..head })?;
    Ok(true)
}

fn delete(db: &Db, id: &str) -> Result<bool> {
    let Some(head) = db.head(id)?.filter(|head| !head.is_deleted) else { return Ok(false) };
    db.put_head(id, Head { active: None, is_deleted: true, ..head })?;
    Ok(true)
}

fn find(db: &Db, id: &str, which: Which) -> Result<Option<WorkflowVersion>> {
    if let Which::Version(number) = which {
        return db.version(id, number);
    }
    let Some(head) = db.head(id)?.filter(|head| !head.is_deleted) else { return Ok(None) };
    db.version(id, if which == Which::Latest { head.latest } else { head.active.unwrap_or(0) })
}

impl Items for Db {
    fn item_version(&mut self, kind: &str, key: &str) -> Result<u64> {
        Ok(self.stored_item(kind, key)?.map_or(0, |item| item.version))
    }

    fn write_item(&mut self, change: &mut ItemChange, version: u64) -> Result<()> {
        let values = params![change.kind, change.key, signed(version), change.bytes];
        self.run(sql!("put_item"), values).map(drop)
    }
}

fn put_item(db: &mut Db, change: &mut ItemChange) -> Result<u64> {
    let version = db.item_version(&change.kind, &change.key)?;
    refuse_outdated(&change.key, change.based_on, version)?;
    db.write_item(change, version + 1)?;
    Ok(version + 1)
}

fn delete_item(db: &Db, ItemChange { kind, key, based_on, .. }: &ItemChange) -> Result<bool> {
    let Some(item) = db.stored_item(kind, key)? else { return Ok(false) };
    refuse_outdated(key, *based_on, item.version)?;
    db.run(sql!("delete_item"), params![kind, key])?;
    Ok(true)
}

#[async_trait]
impl Catalog for SqliteStore {
    async fn save_workflow(&self, new: NewVersion) -> Result<Saved> {
        self.writer.run(new, |db, new| save(db, new)).await
    }

    async fn workflow(&self, id: &str, which: Which) -> Result<Option<WorkflowVersion>> {
        let unknown = match (which == Which::Active).then(|| self.known.active(id)).transpose() {
            Ok(Some(known)) => return Ok(Some(known)),
            Ok(None) => None,
            Err(emptied) => Some(emptied),
        };
        let id = id.to_owned();
        let found = self.readers.run(move |db| find(db, &id, which)).await?;
        if let (Some(emptied), Some(version)) = (unknown, &found) {
            self.known.keep(emptied, version);
        }
        Ok(found)
    }

    async fn workflows(&self, after: Option<&str>, limit: usize) -> Result<Vec<Workflow>> {
        let after = after.map(str::to_owned);
        let read = move |db: &mut Db| {
            db.all(
                sql!("workflows"),
                params![after.as_deref().unwrap_or(""), after.is_some(), limit_of(limit)],
                |row| {
                    let active = row.get::<_, Option<i64>>(2)?.map(i64::unsigned_abs);
                    Ok(Workflow {
                        id: row.get(0)?,
                        latest: unsigned(row, 1)?,
                        active,
                        updated_at: time(row, 3)?,
                    })
                },
            )
        };
        self.readers.run(read).await
    }

    async fn versions(&self, id: &str, before: Option<u64>, limit: usize) -> Result<Vec<WorkflowVersion>> {
        let (id, before) = (id.to_owned(), before.map_or(i64::MAX, signed));
        let read = move |db: &mut Db| {
            let values = params![id, before, limit_of(limit)];
            db.all(sql!("workflow_versions"), values, |row| version_of(row, &id))
        };
        self.readers.run(read).await
    }

    async fn activate(&self, id: &str, version: Option<u64>, at: Timestamp) -> Result<bool> {
        let change = (id.to_owned(), version, at);
        self.writer.run(change, |db, (id, version, at)| activate(db, id, *version, *at)).await
    }

    async fn delete_workflow(&self, id: &str) -> Result<bool> {
        self.writer.run(id.to_owned(), |db, id| delete(db, id)).await
    }

    async fn put_item(&self, kind: &str, key: &str, based_on: Option<u64>, bytes: Vec<u8>) -> Result<u64> {
        let change = ItemChange { kind: kind.to_owned(), key: key.to_owned(), based_on, bytes };
        self.writer.run(change, put_item).await
    }

    async fn item(&self, kind: &str, key: &str) -> Result<Option<Item>> {
        let (kind, key) = (kind.to_owned(), key.to_owned());
        self.readers.run(move |db| db.stored_item(&kind, &key)).await
    }

    async fn items(&self, kind: &str, after: Option<&str>, limit: usize) -> Result<Vec<Item>> {
        let (kind, after) = (kind.to_owned(), after.map(str::to_owned));
        let read = move |db: &mut Db| {
            db.all(
                sql!("items"),
                params![kind, after.as_deref().unwrap_or(""), after.is_some(), limit_of(limit)],
                item_of,
            )
        };
        self.readers.run(read).await
    }

    async fn delete_item(&self, kind: &str, key: &str, based_on: Option<u64>) -> Result<bool> {
        let change = ItemChange { kind: kind.to_owned(), key: key.to_owned(), based_on, bytes: Vec::new() };
        self.writer.run(change, |db, change| delete_item(db, change)).await
    }
}
