//! The `prana` program: one file per subcommand in `commands`, and what they share beside it.

mod builtin;
mod client;
mod commands;
mod config;
mod documents;
mod exit;
mod follow;
mod input;
mod log;
mod output;
mod picture;
mod progress;
mod secrets;
mod session;
mod telemetry;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{ArgAction, Parser};

use crate::commands::Command;

/// Values are many small shared pieces, made and dropped by several threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Runs workflows: graphs of nodes, written in YAML or JSON.
#[derive(Debug, Parser)]
#[command(name = "prana", version, arg_required_else_help = true, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Says more about what the engine does (twice: much more). PRANA_LOG says it in detail: `prana=debug`.
    #[arg(short, long, global = true, action = ArgAction::Count)]
    verbose: u8,
    /// A directory of connectors, beside those that are shipped: each of its documents adds actions.
    #[arg(long, global = true, value_name = "DIRECTORY", env = "PRANA_CONNECTORS")]
    connectors: Option<PathBuf>,
}

/// A panic of an action that was given secrets is told without its message, which may hold one.
fn hush_panics() {
    let tell = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| match (prana::holds_secrets(), panic.location()) {
        (false, _) => tell(panic),
        (true, Some(place)) => eprintln!("an action panicked at {place}; the node's error says more"),
        (true, None) => eprintln!("an action panicked; the node's error says more"),
    }));
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    hush_panics();
    if !cli.command.logs() {
        // Silent unless asked for.
        log::start(cli.verbose, "off", log::Form::Text);
    }
    let known = cli.connectors.map_or(Ok(()), builtin::use_connectors);
    match known.and_then(|()| cli.command.run(cli.verbose)) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            failure.show();
            exit::Exit::Refused.into()
        }
    }
}
