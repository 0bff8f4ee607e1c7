//! Runs effects: with their time limit, cancellation, and panics caught.

use std::time::Duration;

use async_trait::async_trait;
use prana_core::ErrorValue;
use prana_core::ExecutionId;
use prana_core::executor::{EffectCall, EffectOutput};
use tokio_util::sync::CancellationToken;

/// An effect with what surrounds it.
#[derive(Debug, Clone)]
pub struct EffectRequest {
    /// What the core asks for; secrets still as references.
    pub call: EffectCall,
    /// The execution.
    pub execution_id: ExecutionId,
    /// Its workflow.
    pub workflow_id: String,
    /// Set when nobody needs the result any more.
    pub cancelled: CancellationToken,
}

/// Runs the effects that the core asks for. The built-in one is a table of actions; tests and applications may put their own before it.
#[async_trait]
pub trait Effects: Send + Sync {
    /// Runs one attempt.
    ///
    /// # Errors
    /// The error of the action.
    async fn run(&self, request: EffectRequest) -> Result<EffectOutput, ErrorValue>;
}

/// No effects at all: every one fails.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoEffects;

#[async_trait]
impl Effects for NoEffects {
    async fn run(&self, request: EffectRequest) -> Result<EffectOutput, ErrorValue> {
        let message = format!("this engine has no action `{}`", request.call.action);
        Err(ErrorValue::new("action.not_found", message).not_retryable())
    }
}

/// Ends a task with its owner.
struct AbortOnDrop(tokio::task::AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// One attempt with its limits.
pub(crate) async fn attempt(
    effects: std::sync::Arc<dyn Effects>,
    request: EffectRequest,
) -> Result<EffectOutput, ErrorValue> {
    let limit = request.call.timeout_ms.map(Duration::from_millis);
    let cancelled = request.cancelled.clone();
    let task = tokio::spawn(async move { effects.run(request).await });
    // Whoever drops this needs the effect no more.
    let _abort = AbortOnDrop(task.abort_handle());
    let finished = async {
        match limit {
            None => Ok(task.await),
            Some(limit) => tokio::time::timeout(limit, task).await,
        }
    };
    match finished.await {
        Ok(Ok(result)) => result,
        Ok(Err(failed)) if failed.is_panic() => {
            Err(ErrorValue::new("action.panicked", format!("the action panicked: {}", panic_text(failed))))
        }
        Ok(Err(_)) => Err(ErrorValue::new("action.cancelled", "the action was cancelled")),
        Err(_) => {
            cancelled.cancel();
            let millis = limit.unwrap_or_default().as_millis();
            Err(ErrorValue::new(
                "action.timeout",
                format!("the action took longer than its limit of {millis} ms"),
            ))
        }
    }
}

fn panic_text(failed: tokio::task::JoinError) -> String {
    match failed.try_into_panic() {
        Ok(panic) => match panic.downcast::<String>() {
            Ok(text) => *text,
            Err(panic) => {
                panic.downcast::<&str>().map_or_else(|_| "no message".to_owned(), |text| (*text).to_owned())
            }
        },
        Err(_) => "no message".to_owned(),
    }
}
