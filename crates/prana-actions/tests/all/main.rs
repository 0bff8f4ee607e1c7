//! The actions against real servers and real files, all of them on this machine.

mod batches;
mod chats;
mod code;
mod commands;
mod connectors;
mod encrypted;
mod faults;
mod files;
mod lists;
mod mails;
mod postgres;
mod redirects;
mod requests;
mod server;
mod sqlite;
mod templates;

use std::sync::Arc;

use prana_actions::{ActionCall, Actions, Outside, Permissions};
use prana_core::ErrorValue;
use prana_core::executor::EffectOutput;
use prana_template::Value;

/// The way outside for tests: this machine, and answers of up to 100,000 bytes.
fn outside() -> Arc<Outside> {
    let permissions =
        Permissions { private_network: true, max_response_bytes: 100_000, ..Permissions::default() };
    Arc::new(Outside::new(permissions).expect("a way outside"))
}

async fn run(call: ActionCall) -> Result<Value, ErrorValue> {
    match Actions::standard().run(call).await? {
        EffectOutput::Complete(completed) => Ok(completed.output),
        EffectOutput::Suspend(suspension) => panic!("it waits: {suspension:?}"),
    }
}

async fn request(params: Value) -> Result<Value, ErrorValue> {
    run(ActionCall::detached("http.request", params, outside())).await
}
