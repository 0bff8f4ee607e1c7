//! Durable storage of executions and definitions: **the store remembers**.
//!
//! Two domain traits. [`Store`] keeps executions: small hot rows, an append-only trail, payloads, waits and an inbox. [`Catalog`]
//! keeps definitions: workflow versions and opaque keyed items (schedules, secrets, tokens). A store never looks into a record: entries,
//! headers, payloads and snapshots are bytes.
//!
//! Everything that one turn of an execution changes is one [`Delta`], and a delta is atomic. The rules of a delta, of a
//! delivery and of a claim are written once, in `rules`, over a small internal trait of tables; an implementation is tables and a
//! way to commit. [`suite`] (feature `suite`) is the set of checks that every implementation passes.
//!
//! ```
//! use prana_core::{ExecutionId, Timestamp};
//! use prana_store::{Delta, Holder, MemoryStore, NewExecution, Start, Store, WorkerId};
//!
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! let store = MemoryStore::new();
//! let now = Timestamp::from_millis(1_000);
//! let holder = Holder { worker: WorkerId::from_u128(1), lease_until: now.plus_millis(15_000) };
//! let id: ExecutionId = "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap();
//! let create = NewExecution::new(id, "greet", 1, now, Start::Claimed(holder));
//! let done = store.commit(Delta::create(create)).await.unwrap();
//! assert_eq!(done.epoch, 1);
//! # });
//! ```

mod archive;
mod catalog;
mod delta;
mod error;
mod inbox;
pub mod memory;
#[cfg(feature = "postgres")]
pub mod postgres;
mod row;
mod rules;
pub mod sqlite;
mod store;
#[cfg(feature = "suite")]
pub mod suite;
mod wait;

pub use archive::{Archive, Chunk, copy};
pub use catalog::{Catalog, Item, ItemChange, NewVersion, Saved, Which, Workflow, WorkflowVersion};
pub use delta::{Committed, Delta, Hash, Payload, Release, Snapshot, StoredEntry};
pub use error::StoreError;
pub use inbox::{Answer, Delivered, InboxId, InboxItem, NewItem, Target};
pub use memory::MemoryStore;
#[cfg(feature = "postgres")]
pub use postgres::PostgresStore;
pub use row::{Concurrency, Holder, NewExecution, Row, Slot, Start, Status, WorkerId};
pub use sqlite::SqliteStore;
pub use store::{
    Attention, Claim, Claimed, Cursor, Filter, Hint, LoadFrom, Loaded, Page, Remove, Removed, Scope, Store,
};
pub use wait::{NewWait, Takes, Wait};

/// The result of everything here.
pub type Result<T, E = StoreError> = std::result::Result<T, E>;
