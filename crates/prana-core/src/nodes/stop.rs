//! `core.stop`: ends the execution.

use prana_template::Value;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{params_of, present};
use crate::action::{Call, Descriptor, Effect, Failure, Kind, Outcome, PureAction};
use crate::error::ErrorValue;
use crate::registry::Registry;

/// The parameters of `core.stop`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StopParams {
    /// How the execution ends.
    #[serde(default)]
    pub status: StopStatus,
    /// The execution's output, if it completes; this node's input if absent.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "Option<serde_json::Value>")]
    pub output: Option<Value>,
    /// The code of the error, if it fails.
    #[serde(default = "default_code")]
    pub code: String,
    /// The message of the error, if it fails.
    #[serde(default)]
    pub message: Option<String>,
}

fn default_code() -> String {
    "core.stopped".to_owned()
}

/// How a stop ends the execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StopStatus {
    /// Well, with an output.
    #[default]
    Completed,
    /// With an error.
    Failed,
}

/// Ends the execution.
pub struct Stop;

/// Adds it.
pub fn register(registry: &mut Registry) {
    let descriptor = Descriptor::new::<StopParams>(
        "core.stop",
        "Stop",
        "Ends the execution at once, from wherever it is: as completed with an output (its input, if none is given), or as failed \
         with an error of its own. Neither retries nor `on_error` apply to it.",
        Effect::Pure,
    )
    .kind(Kind::Logic)
    .outputs(&[], None)
    .cannot_disable();
    registry.pure(descriptor, Stop);
}

impl PureAction for Stop {
    fn run(&self, call: &dyn Call) -> Result<Outcome, Failure> {
        let params: StopParams = params_of(call)?;
        Ok(Outcome::Stop(match params.status {
            StopStatus::Completed => Ok(params.output.unwrap_or_else(|| call.input())),
            StopStatus::Failed => {
                let message = params.message.unwrap_or_else(|| "the workflow stopped itself".to_owned());
                Err(ErrorValue::new(params.code, message).not_retryable())
            }
        }))
    }
}

#[cfg(test)]
mod tests {
    use prana_template::{Value, value};

    use crate::action::Outcome;
    use crate::error::ErrorValue;
    use crate::nodes::tests::Probe;

    fn check(params: Value, expected: Result<Value, (&str, &str)>) {
        let outcome = Probe::new("core.stop", params).input(value!({"n": 1})).run();
        let expected = expected.map_err(|(code, message)| ErrorValue::new(code, message).not_retryable());
        assert_eq!(outcome, Ok(Outcome::Stop(expected)));
    }

    #[test]
    fn completes_with_its_input_or_its_output() {
        check(value!({}), Ok(value!({"n": 1})));
        check(value!({"output": [1]}), Ok(value!([1])));
        check(value!({"status": "completed", "output": null}), Ok(value!(null)));
    }

    #[test]
    fn fails_with_an_error_of_its_own() {
        check(value!({"status": "failed", "code": "cup.cracked", "message": "2"}), Err(("cup.cracked", "2")));
        check(value!({"status": "failed"}), Err(("core.stopped", "the workflow stopped itself")));
    }

    #[test]
    fn refuses_other_ends() {
        Probe::new("core.stop", value!({"status": "cancelled"})).refused("cancelled");
    }
}
