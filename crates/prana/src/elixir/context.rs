//! The two halves of an import that need no workflow.

use prana_core::execution::Execution;
use prana_template::{Map, Value};

use super::history;
use super::legacy::{Legacy, LegacyError};

/// What an execution was given from outside.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct GraphContext {
    /// `vars`: `$vars`.
    pub variables: Map,
    /// `context_data` of older executions: `$env`. Newer ones never kept it.
    pub environment: Map,
    /// `preparation_data`: `$execution.preparation`.
    pub preparation: Map,
}

/// What a stored execution was given from outside, apart from its input.
///
/// # Errors
/// [`LegacyError::Malformed`].
///
/// ```
/// use prana::template::value;
///
/// let execution = value!({"id": "e", "workflow_id": "w", "status": "completed", "vars": {"limit": 3}});
/// let context = prana::elixir::extract_graph_context(&execution).unwrap();
/// assert_eq!(context.variables.get("limit"), Some(&value!(3)));
/// ```
pub fn extract_graph_context(execution: &Value) -> Result<GraphContext, LegacyError> {
    Ok(GraphContext::of(&Legacy::read(execution)?))
}

impl GraphContext {
    pub(super) fn of(legacy: &Legacy) -> Self {
        GraphContext {
            variables: legacy.vars.clone(),
            environment: legacy.environment.clone(),
            preparation: legacy.preparation.clone(),
        }
    }
}

/// A stored execution as clean result data: metadata and audit trail, nothing of the runtime, nothing twice.
///
/// For people and programs that read. To go on with it takes its workflow: [`from_legacy`](super::from_legacy).
///
/// # Errors
/// [`LegacyError::Malformed`].
///
/// ```
/// use prana::template::value;
///
/// let execution = value!({"id": "e", "workflow_id": "w", "status": "completed", "node_executions": {"t": [
///     {"node_key": "t", "status": "completed", "output_data": {"n": 1}, "output_port": "main", "execution_index": 0, "run_index": 0}
/// ]}});
/// let execution = prana::elixir::migrate_to_v2(&execution).unwrap();
/// assert_eq!(execution.output(), value!({"n": 1}));
/// ```
pub fn migrate_to_v2(execution: &Value) -> Result<Execution, LegacyError> {
    let legacy = Legacy::read(execution)?;
    let history = history::history(&legacy, None);
    let header = history::header(&legacy, None, 0, &history.numbers, &history.log);
    Ok(Execution::from_log(&header, &history.log))
}
