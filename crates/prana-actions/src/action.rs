//! An action, and one attempt of it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use prana_core::action::Descriptor;
use prana_core::executor::EffectOutput;
use prana_core::{ErrorValue, ExecutionId};
use prana_template::{Map, Str, Value};
use serde::de::DeserializeOwned;
use tokio_util::sync::CancellationToken;

use crate::outside::Outside;
use crate::secrets::CallSecrets;

/// Something that touches the world.
///
/// ```
/// use async_trait::async_trait;
/// use prana_actions::{Action, ActionCall};
/// use prana_core::ErrorValue;
/// use prana_core::action::{Descriptor, Effect};
/// use prana_core::executor::EffectOutput;
/// use prana_core::record::Completed;
/// use prana_template::Value;
///
/// #[derive(serde::Deserialize, schemars::JsonSchema)]
/// #[serde(deny_unknown_fields)]
/// struct GreetParams {
///     name: String,
/// }
///
/// struct Greet;
///
/// #[async_trait]
/// impl Action for Greet {
///     fn descriptor(&self) -> Descriptor {
///         Descriptor::new::<GreetParams>("app.greet", "Greet", "Greets somebody.", Effect::Effect)
///     }
///
///     async fn run(&self, call: ActionCall) -> Result<EffectOutput, ErrorValue> {
///         let params: GreetParams = call.params()?;
///         Ok(EffectOutput::Complete(Completed::new(Value::from(format!("Hello {}", params.name)))))
///     }
/// }
/// ```
#[async_trait]
pub trait Action: Send + Sync {
    /// What it declares: name, ports, parameters.
    fn descriptor(&self) -> Descriptor;

    /// Runs one attempt. It may be dropped at any await: that is how it is cancelled.
    ///
    /// # Errors
    /// The node's error, with a stable code. The engine retries it, or not, as the node's settings say.
    async fn run(&self, call: ActionCall) -> Result<EffectOutput, ErrorValue>;

    /// True if it asks [`CallSecrets`] about each host before it sends anything there. Other actions are given no secret that is bound to hosts.
    fn checks_hosts(&self) -> bool {
        false
    }
}

/// One attempt of an action, with all that it may know.
#[derive(Clone)]
pub struct ActionCall {
    /// The action's type.
    pub action: Str,
    /// The rendered parameters, secrets put in.
    pub params: Value,
    /// The data on the main input port.
    pub input: Value,
    /// For an action whose parameters are code: the values of the `$` names that stand in it.
    pub scope: Map,
    /// The same in every attempt of this node run: an outside service can tell by it that it has done this already.
    pub idempotency_key: String,
    /// The number of this try, from 1.
    pub attempt: u32,
    /// The limit of this try, as the node's settings have it. The engine watches over it.
    pub timeout: Option<Duration>,
    /// The node.
    pub node_key: Str,
    /// The execution.
    pub execution_id: ExecutionId,
    /// Its workflow.
    pub workflow_id: Str,
    /// What it may send along as the header `traceparent`: the place of this node run in a trace.
    pub traceparent: Option<String>,
    /// Set when nobody needs the result any more.
    pub cancelled: CancellationToken,
    /// What it may reach.
    pub outside: Arc<Outside>,
    /// The secrets in its parameters.
    pub secrets: Arc<CallSecrets>,
}

/// Says nothing of the parameters: secrets are in them.
impl std::fmt::Debug for ActionCall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ActionCall")
            .field("action", &self.action)
            .field("idempotency_key", &self.idempotency_key)
            .field("attempt", &self.attempt)
            .finish_non_exhaustive()
    }
}

impl ActionCall {
    /// A call of its own, outside of any execution: for tests of actions.
    pub fn detached(action: &str, params: Value, outside: Arc<Outside>) -> Self {
        ActionCall {
            action: action.into(),
            params,
            input: Value::Null,
            scope: Map::new(),
            idempotency_key: "test/0".to_owned(),
            attempt: 1,
            timeout: None,
            node_key: "test".into(),
            execution_id: ExecutionId::NIL,
            workflow_id: "test".into(),
            traceparent: None,
            cancelled: CancellationToken::new(),
            outside,
            secrets: Arc::default(),
        }
    }

    /// The parameters as the type that the action declared.
    ///
    /// # Errors
    /// `workflow.invalid_params`, with the place that doesn't fit.
    pub fn params<P: DeserializeOwned>(&self) -> Result<P, ErrorValue> {
        params_of(&self.params)
    }
}

pub(crate) fn params_of<P: DeserializeOwned>(params: &Value) -> Result<P, ErrorValue> {
    prana_template::from_value(params).map_err(|error| invalid_params(error.to_string()))
}

/// Parameters that have the right types and still make no sense.
pub(crate) fn invalid_params(message: impl Into<String>) -> ErrorValue {
    ErrorValue::new("workflow.invalid_params", message).not_retryable()
}
