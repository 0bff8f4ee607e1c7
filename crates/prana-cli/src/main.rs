//! The `prana` program: one file per subcommand in `commands`, and what they share beside it.

mod builtin;
mod commands;
mod documents;
mod exit;
mod input;
mod output;
mod picture;
mod progress;
mod session;

use std::process::ExitCode;

use clap::{ArgAction, Parser};
use tracing_subscriber::EnvFilter;

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
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    start_log(cli.verbose);
    match cli.command.run() {
        Ok(exit) => exit.into(),
        Err(failure) => {
            failure.show();
            exit::Exit::Refused.into()
        }
    }
}

/// The log goes to stderr, and is silent unless asked for.
fn start_log(verbose: u8) {
    let level = match verbose {
        0 => "off",
        1 => "info",
        _ => "debug",
    };
    let filter = match std::env::var("PRANA_LOG") {
        Ok(directives) if verbose == 0 => EnvFilter::new(directives),
        _ => EnvFilter::new(level),
    };
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    log.with_ansi(false).init();
}
