//! Tests of the engine as a whole, in one binary.

#![allow(clippy::unwrap_used, missing_docs)]

mod answers;
mod architecture;
mod computations;
mod conformance;
mod connectors;
mod credentials;
mod doubt;
mod elixir;
mod engine;
mod faults;
mod kit;
mod n8n;
mod schedules;
mod secrets;
