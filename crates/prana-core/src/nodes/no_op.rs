//! `core.no_op`: does nothing.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::action::{Call, Descriptor, Effect, Failure, Outcome, PureAction};
use crate::registry::Registry;

/// `core.no_op` takes no parameters.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NoOpParams {}

/// Passes its input on, unchanged.
pub struct NoOp;

/// Adds it.
pub fn register(registry: &mut Registry) {
    let descriptor = Descriptor::new::<NoOpParams>(
        "core.no_op",
        "No operation",
        "Does nothing: its output is its input. Useful where ways meet or part, and as a place that a test can mock.",
        Effect::Pure,
    );
    registry.pure(descriptor, NoOp);
}

impl PureAction for NoOp {
    fn run(&self, call: &dyn Call) -> Result<Outcome, Failure> {
        Ok(Outcome::output(call.input()))
    }
}

#[cfg(test)]
mod tests {
    use prana_template::value;

    use crate::nodes::tests::Probe;

    #[test]
    fn gives_its_input() {
        Probe::new("core.no_op", value!({})).input(value!([null, 1])).gives(value!([null, 1]));
    }
}
