//! The change log: who changed what, and when. Entries are only ever added, until they are too old to be kept.

use std::net::IpAddr;
use std::sync::Arc;

use axum::response::Response;
use prana::Clock;
use prana::core::Timestamp;
use prana::store::{Catalog, StoreError};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::access::Who;

const KIND: &str = "change";

/// How many old entries are removed at a time.
const BATCH: usize = 200;

/// How far a change has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// It was begun. If it stays so, the server ended or failed on the way, and it may have been made or not.
    Intended,
    /// It was made.
    #[default]
    Done,
}

/// One entry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Change {
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Who: `kind` is `anyone` (nobody is asked yet), `local` (the command line), `token`, `user` or `link`.
    pub who: Value,
    /// The address that it came from.
    pub from: Option<String>,
    /// What was done, such as `workflow.activated`.
    pub action: String,
    /// To what: the id of a workflow, an execution, a token...
    pub target: Option<String>,
    /// More about it.
    pub details: Value,
    /// How far it has come.
    #[serde(default)]
    pub stage: Stage,
}

/// What a handler adds to the entry that its answer makes.
#[derive(Debug, Clone, Default)]
pub struct Note {
    /// Who, where that is known only now.
    pub who: Option<Who>,
    /// To what, where the path doesn't say.
    pub target: Option<String>,
    /// More about it.
    pub details: Value,
}

impl Note {
    /// To what, and more about it.
    pub fn new(target: impl Into<String>, details: Value) -> Self {
        Note { who: None, target: Some(target.into()), details }
    }

    /// Puts it on an answer.
    pub fn on(self, mut response: Response) -> Response {
        response.extensions_mut().insert(self);
        response
    }
}

/// The log in a catalogue.
pub struct Changes {
    catalog: Arc<dyn Catalog>,
    clock: Arc<dyn Clock>,
}

/// An entry that was added.
#[derive(Debug)]
pub struct Added {
    key: String,
    at: Timestamp,
}

/// A page of entries, the newest first.
pub struct Page {
    /// The entries.
    pub changes: Vec<Change>,
    /// Where the next page begins.
    pub next: Option<String>,
}

impl Changes {
    /// Of a catalogue.
    pub fn new(catalog: Arc<dyn Catalog>, clock: Arc<dyn Clock>) -> Self {
        Changes { catalog, clock }
    }

    /// Adds an entry; it is durable when this returns.
    ///
    /// # Errors
    /// The store can't be written.
    pub async fn add(&self, change: &Change) -> Result<Added, StoreError> {
        let key = format!("{}-{:08x}", place(change.at), self.clock.random() as u32);
        self.put(&key, Some(0), change).await?;
        Ok(Added { key, at: change.at })
    }

    /// Says of an intention that it was carried out; the entry keeps its time.
    ///
    /// # Errors
    /// The store can't be written: then it stays an intention.
    pub async fn done(&self, intended: Added, change: Change) -> Result<(), StoreError> {
        let done = Change { at: intended.at, stage: Stage::Done, ..change };
        self.put(&intended.key, Some(1), &done).await
    }

    /// Takes an intention back that was not carried out.
    ///
    /// # Errors
    /// The store can't be written: then it stays an intention.
    pub async fn take_back(&self, intended: Added) -> Result<(), StoreError> {
        self.catalog.delete_item(KIND, &intended.key, Some(1)).await.map(drop)
    }

    async fn put(&self, key: &str, based_on: Option<u64>, change: &Change) -> Result<(), StoreError> {
        let bytes = serde_json::to_vec(change).unwrap_or_default();
        self.catalog.put_item(KIND, key, based_on, bytes).await.map(drop)
    }

    /// Up to `limit` entries that are older than those of the page before.
    ///
    /// # Errors
    /// The store can't be read.
    pub async fn page(&self, after: Option<&str>, limit: usize) -> Result<Page, StoreError> {
        let mut items = self.catalog.items(KIND, after, limit + 1).await?;
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(|last| last.key.clone());
        let changes = items.iter().filter_map(|item| serde_json::from_slice(&item.bytes).ok()).collect();
        Ok(Page { changes, next })
    }

    /// Removes entries of before a time. True if there may be more.
    ///
    /// # Errors
    /// The store can't be written.
    pub async fn forget_before(&self, time: Timestamp) -> Result<bool, StoreError> {
        // What is of this very time stays: `~` comes after all that a key goes on with.
        let after = format!("{}~", place(time));
        let old = self.catalog.items(KIND, Some(&after), BATCH).await?;
        for item in &old {
            self.catalog.delete_item(KIND, &item.key, None).await?;
        }
        Ok(old.len() == BATCH)
    }
}

/// The later, the smaller: a list by key begins with the newest.
fn place(at: Timestamp) -> String {
    format!("{:020}", u64::MAX - at.as_micros().unsigned_abs())
}

/// An entry as it is made.
pub fn entry(at: Timestamp, who: &Who, from: Option<IpAddr>, action: &str, note: Note) -> Change {
    Change {
        at,
        who: serde_json::to_value(note.who.as_ref().unwrap_or(who)).unwrap_or_default(),
        from: from.map(|ip| ip.to_string()),
        action: action.to_owned(),
        target: note.target,
        details: note.details,
        stage: Stage::Done,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use prana::SystemClock;
    use prana::store::MemoryStore;

    use super::*;

    #[tokio::test]
    async fn the_newest_come_first_and_the_old_go() {
        let log = Changes::new(Arc::new(MemoryStore::new()), Arc::new(SystemClock));
        for second in 0..500 {
            let at = Timestamp::from_millis(1_700_000_000_000 + second * 1_000);
            let note = Note::new(second.to_string(), Value::Null);
            log.add(&entry(at, &Who::Local, None, "workflow.saved", note)).await.unwrap();
        }
        let first = log.page(None, 2).await.unwrap();
        let targets = |page: &Page| -> Vec<String> {
            page.changes.iter().filter_map(|change| change.target.clone()).collect()
        };
        assert_eq!(targets(&first), ["499", "498"]);
        let second = log.page(first.next.as_deref(), 2).await.unwrap();
        assert_eq!(targets(&second), ["497", "496"]);
        let time = Timestamp::from_millis(1_700_000_000_000 + 497_000);
        while log.forget_before(time).await.unwrap() {}
        let left = log.page(None, 500).await.unwrap();
        assert_eq!(targets(&left), ["499", "498", "497"]);
        assert_eq!(left.next, None);
    }

    #[tokio::test]
    async fn an_intention_is_there_until_it_is_done_or_taken_back() {
        let log = Changes::new(Arc::new(MemoryStore::new()), Arc::new(SystemClock));
        let change = |second: i64, target: &str| {
            let at = Timestamp::from_millis(1_700_000_000_000 + second * 1_000);
            entry(at, &Who::Local, None, "workflow.saved", Note::new(target, Value::Null))
        };
        let intend = |second: i64| Change { stage: Stage::Intended, ..change(second, "") };
        let (done, back) = (log.add(&intend(1)).await.unwrap(), log.add(&intend(2)).await.unwrap());
        log.add(&intend(3)).await.unwrap();
        log.done(done, change(9, "a")).await.unwrap();
        log.take_back(back).await.unwrap();
        let page = log.page(None, 10).await.unwrap();
        let told: Vec<_> = page.changes.iter().map(|one| (one.target.as_deref(), one.stage)).collect();
        assert_eq!(told, [(Some(""), Stage::Intended), (Some("a"), Stage::Done)]);
        assert_eq!(page.changes[1].at, change(1, "").at, "it keeps its place");
    }
}
