//! The built-in actions as the effects of an engine.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use prana_actions::{ActionCall, Actions, Outside, OutsideError, Permissions};
use prana_core::ErrorValue;
use prana_core::executor::EffectOutput;

use crate::effects::{EffectRequest, Effects};

/// Runs the actions of a table, within what the operator allows.
///
/// ```
/// use std::sync::Arc;
/// use prana::{Actions, BuiltIn, Engine, Permissions};
/// use prana::core::Registry;
///
/// let mut registry = Registry::standard();
/// Actions::standard().register(&mut registry);
/// let effects = BuiltIn::new(Permissions::default()).unwrap();
/// let engine = Engine::builder().registry(registry).effects(Arc::new(effects)).build();
/// assert!(engine.registry().action("http.request").is_some());
/// ```
#[derive(Debug)]
pub struct BuiltIn {
    actions: Actions,
    outside: Arc<Outside>,
}

impl BuiltIn {
    /// The standard actions.
    ///
    /// # Errors
    /// Permissions that can't be granted: a directory that isn't there.
    pub fn new(permissions: Permissions) -> Result<Self, OutsideError> {
        BuiltIn::with(Actions::standard(), permissions)
    }

    /// The actions of a table.
    ///
    /// # Errors
    /// As [`BuiltIn::new`].
    pub fn with(actions: Actions, permissions: Permissions) -> Result<Self, OutsideError> {
        Ok(BuiltIn { actions, outside: Arc::new(Outside::new(permissions)?) })
    }

    /// The way outside that they share.
    pub fn outside(&self) -> &Arc<Outside> {
        &self.outside
    }
}

#[async_trait]
impl Effects for BuiltIn {
    async fn run(&self, request: EffectRequest) -> Result<EffectOutput, ErrorValue> {
        let call = request.call;
        let call = ActionCall {
            action: call.action,
            params: call.params,
            input: call.input,
            scope: call.scope,
            idempotency_key: call.idempotency_key,
            attempt: call.attempt,
            timeout: call.timeout_ms.map(Duration::from_millis),
            node_key: call.node_key,
            execution_id: request.execution_id,
            workflow_id: request.workflow_id.into(),
            traceparent: request.traceparent,
            cancelled: request.cancelled,
            outside: Arc::clone(&self.outside),
            secrets: request.secrets,
        };
        self.actions.run(call).await
    }
}
