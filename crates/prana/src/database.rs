//! Where executions and definitions are kept, by name: a file, or a server that many processes share.

use std::path::Path;
use std::sync::Arc;

use prana_store::{Archive, Catalog, SqliteStore, Store, StoreError};

/// A store that keeps executions and definitions.
pub trait AnyStore: Store + Catalog {}
impl<T: Store + Catalog> AnyStore for T {}

/// Copies everything in one database into another, which is empty or isn't there yet; how many rows. What a worker holds at that moment goes on in the
/// copy as after its death, so stop the workers first.
///
/// # Errors
/// `CannotOpen`, `Invalid` if the other one is not empty, `Unavailable`.
pub async fn copy_database(from: &Path, to: &Path) -> Result<u64, StoreError> {
    let (from, to) = (archive(from).await?, archive(to).await?);
    prana_store::copy(&*from, &*to).await
}

async fn archive(name: &Path) -> Result<Arc<dyn Archive>, StoreError> {
    match is_server(name) {
        #[cfg(feature = "postgres")]
        true => Ok(Arc::new(prana_store::PostgresStore::open(name.to_string_lossy()).await?)),
        #[cfg(not(feature = "postgres"))]
        true => Err(built_without()),
        false => Ok(Arc::new(SqliteStore::open(name)?)),
    }
}

/// Whether a name is the address of a server, and not a file.
///
/// ```
/// assert!(prana::is_server("postgres://prana@db.example/prana".as_ref()));
/// assert!(!prana::is_server("prana.db".as_ref()));
/// ```
pub fn is_server(name: &Path) -> bool {
    let name = name.to_string_lossy();
    name.starts_with("postgres://") || name.starts_with("postgresql://")
}

/// Opens the database of that name: `postgres://...` on a server, anything else a file, which is made if it isn't there.
///
/// # Errors
/// `CannotOpen`, with what is wrong and what to do.
pub async fn open_database(name: &Path) -> Result<Arc<dyn AnyStore>, StoreError> {
    match is_server(name) {
        true => on_server(&name.to_string_lossy()).await,
        false => Ok(Arc::new(SqliteStore::open(name)?)),
    }
}

#[cfg(feature = "postgres")]
async fn on_server(url: &str) -> Result<Arc<dyn AnyStore>, StoreError> {
    Ok(Arc::new(prana_store::PostgresStore::open(url).await?))
}

#[cfg(not(feature = "postgres"))]
async fn on_server(_url: &str) -> Result<Arc<dyn AnyStore>, StoreError> {
    Err(built_without())
}

#[cfg(not(feature = "postgres"))]
fn built_without() -> StoreError {
    let reason = "this program was built without PostgreSQL (the feature `postgres` of the crate `prana`)";
    StoreError::CannotOpen { reason: reason.to_owned() }
}
