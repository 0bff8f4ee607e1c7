//! The server, asked over a real connection.

#![allow(clippy::unwrap_used, missing_docs)]

#[path = "all/kit.rs"]
mod kit;

#[path = "all/access.rs"]
mod access;
#[path = "all/changes.rs"]
mod changes;
#[path = "all/contract.rs"]
mod contract;
#[path = "all/credentials.rs"]
mod credentials;
#[path = "all/executions.rs"]
mod executions;
#[path = "all/folder.rs"]
mod folder;
#[path = "all/guard.rs"]
mod guard;
#[path = "all/links.rs"]
mod links;
#[path = "all/listeners.rs"]
mod listeners;
#[path = "all/load.rs"]
mod load;
#[path = "all/looking.rs"]
mod looking;
#[path = "all/owner.rs"]
mod owner;
#[path = "all/respond.rs"]
mod respond;
#[path = "all/restart.rs"]
mod restart;
#[path = "all/schedules.rs"]
mod schedules;
#[path = "all/secrets.rs"]
mod secrets;
#[path = "all/streams.rs"]
mod streams;
#[path = "all/telemetry.rs"]
mod telemetry;
#[path = "all/webhooks.rs"]
mod webhooks;
#[path = "all/workflows.rs"]
mod workflows;
