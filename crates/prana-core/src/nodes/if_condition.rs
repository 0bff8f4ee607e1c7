//! `logic.if_condition`: one way or the other.

use prana_template::Value;
use schemars::JsonSchema;
use serde::Deserialize;

use super::params_of;
use crate::action::{Call, Descriptor, Effect, Failure, Kind, Outcome, PureAction};
use crate::registry::Registry;

/// The parameters of `logic.if_condition`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IfConditionParams {
    /// A template, such as `{{ $input.total > 100 }}`. False are null, false, 0, "", [] and {}; all else is true.
    #[schemars(with = "serde_json::Value")]
    pub condition: Value,
}

/// Goes on by `true` or by `false`.
pub struct IfCondition;

/// Adds it.
pub fn register(registry: &mut Registry) {
    let descriptor = Descriptor::new::<IfConditionParams>(
        "logic.if_condition",
        "If",
        "Goes on by the port `true` if its condition holds, else by `false`. Its output is its input.",
        Effect::Pure,
    )
    .kind(Kind::Logic)
    .outputs(&["true", "false"], None);
    registry.pure(descriptor, IfCondition);
}

impl PureAction for IfCondition {
    fn run(&self, call: &dyn Call) -> Result<Outcome, Failure> {
        let params: IfConditionParams = params_of(call)?;
        let port = if params.condition.is_truthy() { "true" } else { "false" };
        Ok(Outcome::on_port(call.input(), port))
    }
}

#[cfg(test)]
mod tests {
    use prana_template::{Value, value};

    use crate::nodes::tests::Probe;

    fn check(condition: Value, port: &str) {
        let params = value!({"condition": condition});
        Probe::new("logic.if_condition", params).input(value!({"a": 1})).gives_on(value!({"a": 1}), port);
    }

    #[test]
    fn truth_decides_and_the_input_goes_through() {
        for falsy in [value!(null), value!(false), value!(0), value!(0.0), value!(""), value!([]), value!({})]
        {
            check(falsy, "false");
        }
        for truthy in [value!(true), value!(1), value!("no"), value!([0]), value!({"a": null})] {
            check(truthy, "true");
        }
    }

    #[test]
    fn the_condition_is_needed() {
        Probe::new("logic.if_condition", value!({})).refused("condition");
    }
}
