//! `workflow.error_trigger`: starts when another workflow fails.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::action::{Call, Descriptor, Effect, Failure, Kind, Outcome, PureAction};
use crate::registry::Registry;

/// `workflow.error_trigger` takes no parameters.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ErrorTriggerParams {}

/// Passes on what is known of the execution that failed.
pub struct ErrorTrigger;

/// Adds it.
pub fn register(registry: &mut Registry) {
    let descriptor = Descriptor::new::<ErrorTriggerParams>(
        "workflow.error_trigger",
        "On error",
        "Starts when an execution fails whose workflow names this one as its `error_workflow`. Its output tells which execution \
         failed, and why.",
        Effect::Pure,
    )
    .kind(Kind::Trigger);
    registry.pure(descriptor, ErrorTrigger);
}

impl PureAction for ErrorTrigger {
    fn run(&self, call: &dyn Call) -> Result<Outcome, Failure> {
        Ok(Outcome::output(call.input()))
    }
}

#[cfg(test)]
mod tests {
    use prana_template::value;

    use crate::nodes::tests::Probe;

    #[test]
    fn passes_on_what_failed() {
        let failed = value!({"execution_id": "x", "error": {"code": "http.timeout"}});
        Probe::new("workflow.error_trigger", value!({})).input(failed.clone()).gives(failed);
    }
}
