//! `logic.switch`: one of several ways.

use prana_template::{ParamError, Params, PathSegment, Str, Value};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{params_of, present};
use crate::action::{Call, Descriptor, Effect, Failure, Kind, Outcome, Ports, PureAction};
use crate::error::ErrorValue;
use crate::registry::Registry;

/// The parameters of `logic.switch`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SwitchParams {
    /// What the cases compare with, if they say `equals`.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "Option<serde_json::Value>")]
    pub value: Option<Value>,
    /// The ways to go; the first whose case holds is taken.
    pub cases: Vec<Case>,
}

/// One way to go: `{condition, port}`, or `{equals, port}` where the switch has a `value`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// A template whose result decides by its truth.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "Option<serde_json::Value>")]
    pub condition: Option<Value>,
    /// The case holds if the switch's `value` is equal to this.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "Option<serde_json::Value>")]
    pub equals: Option<Value>,
    /// The port to leave by.
    pub port: String,
}

impl Case {
    fn holds(&self, value: Option<&Value>) -> bool {
        let equal = || self.equals.as_ref().zip(value).is_some_and(|(wanted, value)| wanted == value);
        self.condition.as_ref().map_or_else(equal, Value::is_truthy)
    }
}

/// The port for what no case holds for.
const DEFAULT: &str = "default";

/// A switch may have this many cases.
const MAX_CASES: usize = 1_000;

/// Goes on by the port of the first case that holds.
pub struct Switch;

/// Adds it.
pub fn register(registry: &mut Registry) {
    let descriptor = Descriptor::new::<SwitchParams>(
        "logic.switch",
        "Switch",
        "Goes on by the port of the first case that holds: cases with a `condition` each, or with an `equals` that is compared with \
         `value`. If none holds it goes on by `default`, and fails with `switch.no_match` if nothing is connected there. Its output \
         is its input.",
        Effect::Pure,
    )
    .kind(Kind::Logic)
    .outputs(&[DEFAULT], None)
    .ports_from(ports)
    .check_with(check);
    registry.pure(descriptor, Switch);
}

/// The ports of the cases in order, each once, then `default`. A port that a template names may be any.
fn ports(descriptor: &Descriptor, params: &Value) -> Ports {
    let mut ports = Ports { outputs: Vec::new(), ..descriptor.ports.clone() };
    match params.get("cases") {
        Some(Value::List(cases)) => {
            for port in cases.iter().take(MAX_CASES).filter_map(|case| case.get("port")?.as_str()) {
                match port.contains("{{") {
                    true => ports.any_output = true,
                    false if ports.outputs.iter().any(|known| **known == *port) => {}
                    false => ports.outputs.push(port.into()),
                }
            }
        }
        Some(Value::Str(_)) => ports.any_output = true,
        _ => {}
    }
    if !ports.outputs.iter().any(|port| **port == *DEFAULT) {
        ports.outputs.push(DEFAULT.into());
    }
    ports
}

/// Each case can hold.
fn check(params: &Params) -> Result<(), ParamError> {
    let skeleton = params.skeleton();
    let Some(Value::List(cases)) = skeleton.get("cases") else { return Ok(()) };
    if cases.len() > MAX_CASES {
        return Err(ParamError {
            path: vec![PathSegment::Key("cases".into())],
            message: format!("a switch may have {MAX_CASES} cases, and this one has {}", cases.len()),
            help: Some("let its `default` port lead to a second switch".to_owned()),
        });
    }
    let has_value = skeleton.get("value").is_some();
    for (index, case) in cases.iter().enumerate() {
        let path = vec![PathSegment::Key("cases".into()), PathSegment::Index(index)];
        if case.as_map().is_none() || params.is_hole(&path) || case.get("condition").is_some() {
            continue;
        }
        let (message, help) = match (case.get("equals").is_some(), has_value) {
            (true, true) => continue,
            (true, false) => ("`equals` has nothing to compare with", "give the switch a `value`"),
            (false, _) => (
                "this case never holds",
                "give it a `condition`, or an `equals` with a `value` on the switch",
            ),
        };
        return Err(ParamError { path, message: message.to_owned(), help: Some(help.to_owned()) });
    }
    Ok(())
}

impl PureAction for Switch {
    fn run(&self, call: &dyn Call) -> Result<Outcome, Failure> {
        let params: SwitchParams = params_of(call)?;
        let holds = params.cases.iter().find(|case| case.holds(params.value.as_ref()));
        match holds {
            Some(case) => Ok(Outcome::on_port(call.input(), Str::from(case.port.as_str()))),
            None if call.is_connected(DEFAULT) => Ok(Outcome::on_port(call.input(), DEFAULT)),
            None => Err(no_match(&params).into()),
        }
    }
}

fn no_match(params: &SwitchParams) -> ErrorValue {
    let what = match &params.value {
        Some(value) => format!("none of the {} cases holds for {}", params.cases.len(), shortened(value)),
        None => format!("none of the {} cases holds", params.cases.len()),
    };
    ErrorValue::new("switch.no_match", format!("{what}; connect the port `default` to go on all the same"))
        .not_retryable()
}

fn shortened(value: &Value) -> String {
    match value {
        Value::List(items) => format!("a list of {} items", items.len()),
        Value::Map(map) => format!("a map of {} keys", map.len()),
        scalar => {
            let text = scalar.to_json_string();
            if text.chars().count() <= 80 {
                text
            } else {
                text.chars().take(80).chain("...".chars()).collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use prana_template::{Value, value};

    use crate::nodes::tests::Probe;
    use crate::registry::Registry;

    fn check(params: Value, port: &str) {
        let probe = Probe::new("logic.switch", params).input(value!("in")).connected("default");
        probe.gives_on(value!("in"), port);
    }

    #[test]
    fn the_first_case_that_holds() {
        let case = |condition: Value, port: &str| value!({"condition": condition, "port": port});
        check(
            value!({"cases": [case(value!(0), "a"), case(value!("x"), "b"), case(value!(true), "c")]}),
            "b",
        );
        check(value!({"cases": [case(value!(null), "a")]}), "default");
        check(value!({"cases": []}), "default");
    }

    #[test]
    fn equality_with_a_value() {
        let cases = value!([{"equals": 1, "port": "one"}, {"equals": null, "port": "none"}, {"equals": [1], "port": "list"}]);
        check(value!({"value": 1.0, "cases": cases.clone()}), "one");
        check(value!({"value": null, "cases": cases.clone()}), "none");
        check(value!({"value": [1], "cases": cases.clone()}), "list");
        check(value!({"value": "1", "cases": cases}), "default");
    }

    #[test]
    fn without_a_match_and_a_default_it_fails() {
        let params = value!({"value": "blue", "cases": [{"equals": "red", "port": "stop"}]});
        Probe::new("logic.switch", params).fails("switch.no_match", "none of the 1 cases holds for \"blue\"");
    }

    #[test]
    fn ports_come_from_the_cases() {
        fn check(params: Value, expected: &[&str], any: bool) {
            let registry = Registry::standard();
            let ports = registry.action("logic.switch").expect("it is there").descriptor.ports_for(&params);
            assert_eq!(ports.outputs, expected);
            assert_eq!(ports.any_output, any);
        }
        check(value!({}), &["default"], false);
        let twice = value!({"cases": [{"port": "b"}, {"port": "a"}, {"port": "b"}]});
        check(twice, &["b", "a", "default"], false);
        check(value!({"cases": [{"port": "default"}, {"port": "a"}]}), &["default", "a"], false);
        check(value!({"cases": [{"port": "{{ $input.p }}"}, {"port": "a"}]}), &["a", "default"], true);
        check(value!({"cases": "{{ $vars.cases }}"}), &["default"], true);
    }

    #[test]
    fn refuses_cases_of_another_form() {
        for params in [
            value!({}),
            value!({"cases": [{"condition": true}]}),
            value!({"cases": [{"port": "a", "when": 1}]}),
        ] {
            Probe::new("logic.switch", params).refused("");
        }
    }
}
