//! Definitions in memory.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{MutexGuard, PoisonError};

use async_trait::async_trait;
use prana_core::Timestamp;

use super::MemoryStore;
use crate::catalog::{hash_of, refuse_outdated};
use crate::rules::Items;
use crate::{Catalog, Item, ItemChange, NewVersion, Result, Saved, Which, Workflow, WorkflowVersion};

#[derive(Debug, Default)]
pub(super) struct Definitions {
    workflows: BTreeMap<String, History>,
}

#[derive(Debug, Default)]
struct History {
    versions: Vec<WorkflowVersion>,
    active: Option<u64>,
    updated_at: Timestamp,
    is_deleted: bool,
}

impl History {
    fn latest(&self) -> u64 {
        self.versions.len() as u64
    }

    fn version(&self, number: u64) -> Option<&WorkflowVersion> {
        let place = usize::try_from(number.checked_sub(1)?).ok()?;
        self.versions.get(place)
    }
}

impl MemoryStore {
    fn definitions(&self) -> MutexGuard<'_, Definitions> {
        self.definitions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Catalog for MemoryStore {
    async fn save_workflow(&self, new: NewVersion) -> Result<Saved> {
        let mut definitions = self.definitions();
        let history = definitions.workflows.entry(new.workflow_id.clone()).or_default();
        let latest = history.latest();
        let current = if history.is_deleted { 0 } else { latest };
        refuse_outdated(&new.workflow_id, new.based_on, current)?;
        let hash = hash_of(&new.bytes);
        if current > 0 && history.version(latest).is_some_and(|version| version.hash == hash) {
            return Ok(Saved { version: latest, is_new: false });
        }
        let NewVersion { workflow_id, bytes, at, .. } = new;
        let version = latest + 1;
        history.versions.push(WorkflowVersion { workflow_id, version, hash, bytes, created_at: at });
        history.updated_at = at;
        history.is_deleted = false;
        Ok(Saved { version, is_new: true })
    }

    async fn workflow(&self, id: &str, which: Which) -> Result<Option<WorkflowVersion>> {
        let definitions = self.definitions();
        let Some(history) = definitions.workflows.get(id) else { return Ok(None) };
        let number = match which {
            Which::Version(number) => number,
            _ if history.is_deleted => return Ok(None),
            Which::Latest => history.latest(),
            Which::Active => history.active.unwrap_or(0),
        };
        Ok(history.version(number).cloned())
    }

    async fn workflows(&self, after: Option<&str>, limit: usize) -> Result<Vec<Workflow>> {
        let definitions = self.definitions();
        let after = after.map_or(Bound::Unbounded, Bound::Excluded);
        let later = definitions.workflows.range::<str, _>((after, Bound::Unbounded));
        let there = later.filter(|(_, history)| !history.is_deleted && history.latest() > 0).take(limit);
        Ok(there
            .map(|(id, history)| Workflow {
                id: id.clone(),
                latest: history.latest(),
                active: history.active,
                updated_at: history.updated_at,
            })
            .collect())
    }

    async fn versions(&self, id: &str, before: Option<u64>, limit: usize) -> Result<Vec<WorkflowVersion>> {
        let definitions = self.definitions();
        let Some(history) = definitions.workflows.get(id) else { return Ok(Vec::new()) };
        let newest_first = history.versions.iter().rev();
        let below = newest_first.filter(|version| before.is_none_or(|before| version.version < before));
        let without_bytes = |version: &WorkflowVersion| WorkflowVersion {
            workflow_id: version.workflow_id.clone(),
            bytes: Vec::new(),
            ..*version
        };
        Ok(below.take(limit).map(without_bytes).collect())
    }

    async fn activate(&self, id: &str, version: Option<u64>, at: Timestamp) -> Result<bool> {
        let mut definitions = self.definitions();
        let Some(history) = definitions.workflows.get_mut(id) else { return Ok(false) };
        if history.is_deleted || version.is_some_and(|version| history.version(version).is_none()) {
            return Ok(false);
        }
        history.active = version;
        history.updated_at = at;
        Ok(true)
    }

    async fn delete_workflow(&self, id: &str) -> Result<bool> {
        let mut definitions = self.definitions();
        let Some(history) = definitions.workflows.get_mut(id) else { return Ok(false) };
        history.active = None;
        Ok(!std::mem::replace(&mut history.is_deleted, true))
    }

    async fn put_item(&self, kind: &str, key: &str, based_on: Option<u64>, bytes: Vec<u8>) -> Result<u64> {
        let mut state = self.state();
        let version = state.item_version(kind, key)?;
        refuse_outdated(key, based_on, version)?;
        let mut change = ItemChange { kind: kind.to_owned(), key: key.to_owned(), based_on, bytes };
        state.write_item(&mut change, version + 1)?;
        Ok(version + 1)
    }

    async fn item(&self, kind: &str, key: &str) -> Result<Option<Item>> {
        let state = self.state();
        let stored = state.items.get(&(kind.to_owned(), key.to_owned()));
        Ok(stored.map(|(version, bytes)| Item {
            key: key.to_owned(),
            version: *version,
            bytes: bytes.clone(),
        }))
    }

    async fn items(&self, kind: &str, after: Option<&str>, limit: usize) -> Result<Vec<Item>> {
        let state = self.state();
        let first = (kind.to_owned(), after.unwrap_or("").to_owned());
        let from = if after.is_some() { Bound::Excluded(first) } else { Bound::Included(first) };
        let later = state.items.range((from, Bound::Unbounded)).take_while(|((other, _), _)| other == kind);
        Ok(later
            .take(limit)
            .map(|((_, key), (version, bytes))| Item {
                key: key.clone(),
                version: *version,
                bytes: bytes.clone(),
            })
            .collect())
    }

    async fn delete_item(&self, kind: &str, key: &str, based_on: Option<u64>) -> Result<bool> {
        let mut state = self.state();
        let place = (kind.to_owned(), key.to_owned());
        let Some((current, _)) = state.items.get(&place) else { return Ok(false) };
        refuse_outdated(key, based_on, *current)?;
        state.items.remove(&place);
        Ok(true)
    }
}
