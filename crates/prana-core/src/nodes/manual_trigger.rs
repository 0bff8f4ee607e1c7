//! `manual.trigger`: starts an execution by hand, by program or as a sub-workflow.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::action::{Call, Descriptor, Effect, Failure, Kind, Outcome, PureAction};
use crate::registry::Registry;

/// `manual.trigger` takes no parameters.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ManualTriggerParams {}

/// Passes the execution's input on.
pub struct ManualTrigger;

/// Adds it.
pub fn register(registry: &mut Registry) {
    let descriptor = Descriptor::new::<ManualTriggerParams>(
        "manual.trigger",
        "Start",
        "Starts an execution by hand, by a program, or as a sub-workflow. Its output is the input that the execution was given.",
        Effect::Pure,
    )
    .kind(Kind::Trigger);
    registry.pure(descriptor, ManualTrigger);
}

impl PureAction for ManualTrigger {
    fn run(&self, call: &dyn Call) -> Result<Outcome, Failure> {
        Ok(Outcome::output(call.input()))
    }
}

#[cfg(test)]
mod tests {
    use prana_template::value;

    use crate::nodes::tests::Probe;

    #[test]
    fn passes_the_input_on_whatever_it_is() {
        for input in [value!({"a": 1}), value!(null), value!(false), value!([1])] {
            Probe::new("manual.trigger", value!({})).input(input.clone()).gives(input);
        }
    }

    #[test]
    fn takes_no_parameters() {
        Probe::new("manual.trigger", value!({"speed": 1})).refused("speed");
    }
}
