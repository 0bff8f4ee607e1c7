//! How the program ends.

use std::fmt;
use std::process::ExitCode;

use prana::EngineError;
use prana::core::execution::Status;
use prana::store::StoreError;

use crate::output;

/// The exit codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// All went well; an execution completed.
    Done,
    /// An execution failed, was cancelled or ran out of time; a test failed.
    Failed,
    /// Bad usage, or a bad document.
    Refused,
    /// An execution waits, and is kept.
    Suspended,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Refused => 2,
            Exit::Suspended => 3,
        })
    }
}

impl From<Status> for Exit {
    fn from(status: Status) -> Exit {
        match status {
            Status::Completed => Exit::Done,
            Status::Failed | Status::Cancelled | Status::Timeout => Exit::Failed,
            Status::Pending | Status::Running | Status::Suspended => Exit::Suspended,
        }
    }
}

/// What a command that may be refused gives.
pub type Outcome<T = Exit> = Result<T, Failure>;

/// Why a command was refused: what is wrong, and what to do.
#[derive(Debug)]
pub struct Failure {
    message: String,
    help: Option<String>,
    /// The message was shown already.
    shown: bool,
}

impl Failure {
    /// What is wrong.
    pub fn new(message: impl fmt::Display) -> Self {
        Failure { message: message.to_string(), help: None, shown: false }
    }

    /// The same with what to do about it.
    #[must_use]
    pub fn help(mut self, help: impl fmt::Display) -> Self {
        self.help = Some(help.to_string());
        self
    }

    /// What is wrong has been said.
    pub fn already_shown() -> Self {
        Failure { message: String::new(), help: None, shown: true }
    }

    /// Says it on stderr.
    pub fn show(&self) {
        if self.shown {
            return;
        }
        let colors = output::colors_on_stderr();
        output::say(&format!("{} {}", output::paint(colors, output::ERROR, "error:"), self.message));
        if let Some(help) = &self.help {
            output::say(&format!("{} {help}", output::paint(colors, output::NOTE, " help:")));
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.help {
            Some(help) => write!(f, "; {help}"),
            None => Ok(()),
        }
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Store(error) => error.into(),
            other => Failure::new(other),
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Failure::new(error)
    }
}
