//! The trait that every store of definitions implements.

use async_trait::async_trait;
use prana_core::Timestamp;

use crate::{Hash, Result, StoreError};

/// A version of a workflow to be saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewVersion {
    /// The workflow.
    pub workflow_id: String,
    /// Opaque: the document.
    pub bytes: Vec<u8>,
    /// The latest version the author knew (0: none); `None` saves whatever is stored.
    pub based_on: Option<u64>,
    /// When.
    pub at: Timestamp,
}

/// The answer to a save.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Saved {
    /// The version that holds these bytes: 1, 2, 3...
    pub version: u64,
    /// Whether it is new. The same bytes as the latest version make no new one.
    pub is_new: bool,
}

/// Which version of a workflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// The one that new executions run; none while the workflow is not active.
    Active,
    /// The newest.
    Latest,
    /// This one. It can be read as long as the store exists, also after its workflow was deleted: executions are pinned to it.
    Version(u64),
}

/// A workflow version. It never changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkflowVersion {
    /// The workflow.
    pub workflow_id: String,
    /// Its number.
    pub version: u64,
    /// SHA-256 of the bytes.
    pub hash: Hash,
    /// Opaque: the document. Empty in a listing.
    pub bytes: Vec<u8>,
    /// When it was saved.
    pub created_at: Timestamp,
}

/// A workflow, as listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workflow {
    /// Its name in the catalogue.
    pub id: String,
    /// The newest version.
    pub latest: u64,
    /// The version that new executions run.
    pub active: Option<u64>,
    /// When it was last saved, activated or deactivated.
    pub updated_at: Timestamp,
}

/// An opaque row (a schedule, a secret, a token...), with a version for optimistic changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Its key, unique in its kind.
    pub key: String,
    /// One more with each change; the first is 1.
    pub version: u64,
    /// Opaque.
    pub bytes: Vec<u8>,
}

/// A change of an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemChange {
    /// Its kind.
    pub kind: String,
    /// Its key.
    pub key: String,
    /// The version that the change is based on (0: none); `None` changes whatever is stored.
    pub based_on: Option<u64>,
    /// What it holds from now on.
    pub bytes: Vec<u8>,
}

/// Where definitions are kept. Every method is one transaction, and answers only after it is durable.
#[async_trait]
pub trait Catalog: Send + Sync {
    /// Saves a version. It changes nothing live.
    ///
    /// # Errors
    /// `Outdated` if a newer version than `based_on` is stored; `Unavailable`.
    async fn save_workflow(&self, new: NewVersion) -> Result<Saved>;

    /// One version with its bytes.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn workflow(&self, id: &str, which: Which) -> Result<Option<WorkflowVersion>>;

    /// Up to `limit` workflows whose id is greater than `after`, by id.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn workflows(&self, after: Option<&str>, limit: usize) -> Result<Vec<Workflow>>;

    /// Up to `limit` versions below `before`, the newest first, without their bytes.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn versions(&self, id: &str, before: Option<u64>, limit: usize) -> Result<Vec<WorkflowVersion>>;

    /// Makes a version the active one, or (with `None`) none. `false` if there is no such workflow or version.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn activate(&self, id: &str, version: Option<u64>, at: Timestamp) -> Result<bool>;

    /// Takes a workflow out of the catalogue: not listed, not active, no latest. Its versions stay readable by number, and a later save goes on
    /// counting. `false` if there is none.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn delete_workflow(&self, id: &str) -> Result<bool>;

    /// Writes an item and returns its new version. With `based_on` only if that is the stored version (0: none).
    ///
    /// # Errors
    /// `Outdated`; `Unavailable`.
    async fn put_item(&self, kind: &str, key: &str, based_on: Option<u64>, bytes: Vec<u8>) -> Result<u64>;

    /// One item.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn item(&self, kind: &str, key: &str) -> Result<Option<Item>>;

    /// Up to `limit` items of a kind whose key is greater than `after`, by key.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn items(&self, kind: &str, after: Option<&str>, limit: usize) -> Result<Vec<Item>>;

    /// Deletes an item; with `based_on` only if that is the stored version. `false` if there is none.
    ///
    /// # Errors
    /// `Outdated`; `Unavailable`.
    async fn delete_item(&self, kind: &str, key: &str, based_on: Option<u64>) -> Result<bool>;
}

/// SHA-256, the name of a workflow version's content.
pub(crate) fn hash_of(bytes: &[u8]) -> Hash {
    use sha2::Digest;
    sha2::Sha256::digest(bytes).into()
}

/// Optimistic changes: what a change is based on must be what is stored.
pub(crate) fn refuse_outdated(key: &str, based_on: Option<u64>, current: u64) -> Result<()> {
    match based_on {
        Some(based_on) if based_on != current => {
            Err(StoreError::Outdated { key: key.to_owned(), based_on, current })
        }
        _ => Ok(()),
    }
}
