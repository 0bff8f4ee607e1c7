//! `prana completions`: scripts for shells.

use clap::CommandFactory;
use clap_complete::Shell;

use crate::exit::{Exit, Outcome};

/// What it takes.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The shell.
    shell: Shell,
}

/// Prints it.
pub fn run(args: &Args) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut crate::Cli::command(), "prana", &mut script);
    crate::output::print(String::from_utf8_lossy(&script).trim_end());
    Ok(Exit::Done)
}
