//! Webhooks: requests that start executions of active workflows, and of documents that are tried.

mod answer;
mod auth;
mod credentials;
mod jwt;
mod listeners;
mod multipart;
mod request;
mod respond;
mod table;

pub use answer::{receive, receive_test};
pub use listeners::Listeners;
pub use table::{Hook, Table, hook, read, trigger};
