//! The log, on stderr.

use serde::Deserialize;
use tracing_subscriber::EnvFilter;

/// How a line of the log is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// For people.
    #[default]
    Text,
    /// For programs: an object a line.
    Json,
}

/// Begins to log: `PRANA_LOG` says what, unless `-v` does; else `level`.
pub fn start(verbose: u8, level: &str, form: Form) {
    let filter = match (verbose, std::env::var("PRANA_LOG")) {
        (0, Ok(directives)) => EnvFilter::new(directives),
        (0, Err(_)) => EnvFilter::new(level),
        (1, _) => EnvFilter::new("info"),
        _ => EnvFilter::new("debug"),
    };
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(false);
    match form {
        Form::Text => log.init(),
        Form::Json => log.json().flatten_event(true).init(),
    }
}
