//! Webhooks: requests that start executions of active workflows.

mod answer;
mod auth;
mod request;
mod respond;
mod table;

pub use answer::receive;
pub use table::{Table, read};
