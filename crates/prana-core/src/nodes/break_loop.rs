//! `core.break`: ends the innermost for_each early.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::action::{Call, Descriptor, Effect, Failure, Kind, Outcome, PureAction};
use crate::registry::Registry;

/// `core.break` takes no parameters.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BreakParams {}

/// Ends the innermost for_each.
pub struct Break;

/// Adds it.
pub fn register(registry: &mut Registry) {
    let descriptor = Descriptor::new::<BreakParams>(
        "core.break",
        "Break",
        "Ends the innermost `core.for_each` early: whatever else is open in the iteration is dropped, and the loop leaves by its \
         port `done`. Its output is its input.",
        Effect::Pure,
    )
    .kind(Kind::Logic)
    .outputs(&[], None)
    .cannot_disable();
    registry.pure(descriptor, Break);
}

impl PureAction for Break {
    fn run(&self, call: &dyn Call) -> Result<Outcome, Failure> {
        Ok(Outcome::Break(call.input()))
    }
}

#[cfg(test)]
mod tests {
    use prana_template::value;

    use crate::action::Outcome;
    use crate::nodes::tests::Probe;

    #[test]
    fn asks_for_the_end_of_the_loop_with_its_input() {
        let outcome = Probe::new("core.break", value!({})).input(value!(3)).run();
        assert_eq!(outcome, Ok(Outcome::Break(value!(3))));
    }
}
