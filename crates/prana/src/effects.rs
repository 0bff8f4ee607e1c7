//! Runs effects: with their time limit, cancellation, and panics caught.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use prana_actions::CallSecrets;
use prana_core::ErrorValue;
use prana_core::ExecutionId;
use prana_core::compile::CompiledGraph;
use prana_core::executor::{EffectCall, EffectOutput};
use tokio_util::sync::CancellationToken;

use crate::engine::Inner;

/// An effect with what surrounds it.
#[derive(Clone)]
pub struct EffectRequest {
    /// What the core asks for, with secrets in its parameters.
    pub call: EffectCall,
    /// What must be known of those secrets.
    pub secrets: Arc<CallSecrets>,
    /// The execution.
    pub execution_id: ExecutionId,
    /// Its workflow.
    pub workflow_id: String,
    /// What it may send along as the header `traceparent`; none if this engine makes no spans.
    pub traceparent: Option<String>,
    /// Set when nobody needs the result any more.
    pub cancelled: CancellationToken,
}

/// Says nothing of the parameters: secrets are in them.
impl std::fmt::Debug for EffectRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EffectRequest")
            .field("action", &self.call.action)
            .field("idempotency_key", &self.call.idempotency_key)
            .field("attempt", &self.call.attempt)
            .finish_non_exhaustive()
    }
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

tokio::task_local! {
    /// Set where an action runs whose parameters hold secrets.
    static WITH_SECRETS: bool;
}

/// True in an action that was given secrets: a panic hook that is asked there prints no message, which may hold one. The message comes with the node's error,
/// without secrets.
pub fn holds_secrets() -> bool {
    WITH_SECRETS.try_with(|with| *with).unwrap_or(false)
}

/// Ends a task with its owner.
struct AbortOnDrop(tokio::task::AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// One attempt: secrets are put into the parameters before it, and taken out of the result after it.
pub(crate) async fn attempt(
    inner: Arc<Inner>,
    graph: Arc<CompiledGraph>,
    mut request: EffectRequest,
) -> Result<EffectOutput, ErrorValue> {
    let filters = inner.workflows.registry().filters();
    let secrets = inner.secrets.fill(&graph.secrets, filters, &mut request.call).await?;
    let secrets = Arc::new(inner.credentials.lend(secrets, &graph.credentials).await?);
    request.secrets = Arc::clone(&secrets);
    secrets.redactor().result(limited(Arc::clone(&inner.effects), request).await)
}

/// One attempt with its limits.
async fn limited(effects: Arc<dyn Effects>, request: EffectRequest) -> Result<EffectOutput, ErrorValue> {
    let limit = request.call.timeout_ms.map(Duration::from_millis);
    let cancelled = request.cancelled.clone();
    let with_secrets = request.secrets.are_any();
    let task = tokio::spawn(WITH_SECRETS.scope(with_secrets, async move { effects.run(request).await }));
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
