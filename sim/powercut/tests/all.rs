//! The SQLite store and the engine on a disk that loses power, fills up and breaks.
#![allow(clippy::unwrap_used, missing_docs)]

mod cuts;
mod failures;
mod ledger;
