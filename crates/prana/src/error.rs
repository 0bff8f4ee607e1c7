//! What can go wrong for a caller of the engine.

use prana_core::ExecutionId;
use prana_core::diagnostic::Diagnostic;
use prana_store::StoreError;

/// Why the engine could not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The workflow was refused.
    #[error("workflow.invalid: {}", summary(.0))]
    InvalidWorkflow(Vec<Diagnostic>),
    /// There is no such workflow, or none that is active.
    #[error("workflow.not_found: there is no workflow `{0}`; save and activate it first")]
    UnknownWorkflow(String),
    /// There is no such execution.
    #[error("execution.not_found: there is no execution {0}")]
    UnknownExecution(ExecutionId),
    /// Nothing waits there.
    #[error("execution.not_suspended: {reason} (status: {status})")]
    NotSuspended {
        /// The status of the execution.
        status: String,
        /// Why nothing took the answer.
        reason: String,
    },
    /// An earlier execution can't be continued on this version.
    #[error("execution.cannot_continue: {0}")]
    CannotContinue(String),
    /// The store refused, or can't be reached.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What is stored can't be read.
    #[error("store.damaged: {0}")]
    Damaged(String),
    /// A record can't be stored.
    #[error("store.encoding: {0}")]
    Encoding(String),
    /// Data from outside passes a limit.
    #[error("execution.input_too_large: {0}")]
    TooLarge(String),
    /// The engine is shutting down, or has too much to do.
    #[error("engine.unavailable: {0}")]
    Unavailable(String),
}

impl EngineError {
    pub(crate) fn damaged(reason: impl std::fmt::Display) -> Self {
        EngineError::Damaged(reason.to_string())
    }

    pub(crate) fn encoding(reason: impl std::fmt::Display) -> Self {
        EngineError::Encoding(reason.to_string())
    }

    /// The stable code; of a refused workflow that of its first error.
    pub fn code(&self) -> String {
        match self {
            EngineError::Store(_) => "store.refused".to_owned(),
            EngineError::InvalidWorkflow(findings) => {
                let first = findings.iter().find(|finding| finding.is_error());
                first.map_or_else(|| "workflow.invalid".to_owned(), |finding| finding.code.to_string())
            }
            other => other.to_string().split(':').next().unwrap_or_default().to_owned(),
        }
    }
}

fn summary(diagnostics: &[Diagnostic]) -> String {
    let errors: Vec<String> =
        diagnostics.iter().filter(|diagnostic| diagnostic.is_error()).map(ToString::to_string).collect();
    errors.join("; ")
}
