//! What only a server can do: be shared, be far away, be restarted. Without `PRANA_TEST_POSTGRES` (see `tests/postgres/with`) there is none, and
//! these tests pass over it.

use std::sync::Arc;

use prana_store::postgres::testing::{Clocked, TestDatabase};
use prana_store::suite;

/// Runs something to its end from within the runtime.
fn blocking<T>(future: impl Future<Output = T>) -> T {
    tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(future))
}

fn clocked() -> Arc<Clocked> {
    Arc::new(blocking(async { TestDatabase::new().await.unwrap().clocked().await }))
}

fn is_there() -> bool {
    std::env::var_os("PRANA_TEST_POSTGRES").is_some()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn postgres_passes_the_suite() {
    if is_there() {
        suite::exercise(|| clocked()).await;
        suite::exercise_catalog(|| clocked()).await;
    }
}
