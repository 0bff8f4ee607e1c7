//! The built program, from outside: what it prints, and how it ends.
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

#[path = "all/bad_input.rs"]
mod bad_input;
#[cfg(unix)]
#[path = "all/client.rs"]
mod client;
#[path = "all/connectors.rs"]
mod connectors;
#[path = "all/credentials.rs"]
mod credentials;
#[path = "all/database.rs"]
mod database;
#[path = "all/elixir.rs"]
mod elixir;
#[path = "all/examples.rs"]
mod examples;
#[cfg(unix)]
#[path = "all/mcp.rs"]
mod mcp;
#[path = "all/n8n.rs"]
mod n8n;
#[cfg(unix)]
#[path = "all/operating.rs"]
mod operating;
#[cfg(unix)]
#[path = "all/planted.rs"]
mod planted;
#[path = "all/program.rs"]
mod program;
#[path = "all/running.rs"]
mod running;
#[cfg(unix)]
#[path = "all/serve.rs"]
mod serve;
#[cfg(unix)]
#[path = "all/shared.rs"]
mod shared;
#[cfg(unix)]
#[path = "all/signals.rs"]
mod signals;
#[path = "all/tools.rs"]
mod tools;
#[cfg(unix)]
#[path = "all/torture.rs"]
mod torture;
