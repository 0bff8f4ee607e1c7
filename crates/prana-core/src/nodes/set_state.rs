//! `workflow.set_state`: writes into the state that all nodes of an execution share.

use prana_template::{Map, Value};
use schemars::JsonSchema;
use serde::Deserialize;

use super::params_of;
use crate::action::{Call, Descriptor, Effect, Failure, Outcome, PureAction};
use crate::record::Completed;
use crate::registry::Registry;

/// The parameters of `workflow.set_state`: all of them together are the map that is merged into the state.
///
/// One name has a meaning of its own: `node_context`, a map, goes into this node's context instead, which templates read as
/// `$nodes.KEY.context`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct SetStateParams(
    /// Keys and values of the state.
    #[schemars(with = "serde_json::Map<String, serde_json::Value>")]
    pub Map,
);

const NODE_CONTEXT: &str = "node_context";

/// Merges its parameters into `$execution.state`.
pub struct SetState;

/// Adds it.
pub fn register(registry: &mut Registry) {
    let descriptor = Descriptor::new::<SetStateParams>(
        "workflow.set_state",
        "Set state",
        "Puts its parameters into `$execution.state`, which every node of the execution reads from then on. Keys that are there \
         already are replaced, other keys stay. Its output is its input.",
        Effect::Pure,
    );
    registry.pure(descriptor, SetState);
}

impl PureAction for SetState {
    fn run(&self, call: &dyn Call) -> Result<Outcome, Failure> {
        let SetStateParams(mut state_updates) = params_of(call)?;
        let mut context_updates = Map::new();
        if let Some(Value::Map(context)) = state_updates.get(NODE_CONTEXT) {
            context_updates = context.clone();
            state_updates.remove(NODE_CONTEXT);
        }
        Ok(Outcome::Complete(Completed { state_updates, context_updates, ..Completed::new(call.input()) }))
    }
}

#[cfg(test)]
mod tests {
    use prana_template::{Value, value};

    use crate::action::Outcome;
    use crate::nodes::tests::Probe;

    fn check(params: Value, state: Value, context: Value) {
        let outcome = Probe::new("workflow.set_state", params).input(value!("in")).run();
        let Ok(Outcome::Complete(completed)) = outcome else { panic!("{outcome:?}") };
        assert_eq!(completed.output, value!("in"));
        assert_eq!(Value::Map(completed.state_updates), state);
        assert_eq!(Value::Map(completed.context_updates), context);
    }

    #[test]
    fn all_parameters_are_the_update() {
        check(value!({}), value!({}), value!({}));
        check(value!({"a": 1, "b": {"c": null}}), value!({"a": 1, "b": {"c": null}}), value!({}));
    }

    #[test]
    fn a_node_context_goes_into_the_context() {
        check(value!({"a": 1, "node_context": {"seen": 2}}), value!({"a": 1}), value!({"seen": 2}));
        check(value!({"node_context": 5}), value!({"node_context": 5}), value!({}));
    }
}
