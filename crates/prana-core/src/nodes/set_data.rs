//! `data.set_data`: makes a map out of templates.

use prana_template::{Map, ParamError, Params, Str, Value};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{described, invalid_params, params_of, present};
use crate::action::{Call, Descriptor, Effect, Failure, Outcome, PureAction};
use crate::error::ErrorValue;
use crate::registry::Registry;

/// The parameters of `data.set_data`. One of `fields`, `mapping_map` and `json_template` is needed.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetDataParams {
    /// The output. A key may be a way down with dots, `customer.name`; what is in the way and isn't a map is replaced.
    #[serde(default)]
    #[schemars(with = "Option<serde_json::Map<String, serde_json::Value>>")]
    pub fields: Option<Map>,
    /// What the output is made of.
    #[serde(default)]
    pub mode: SetMode,
    /// The output as it is, of any type (the older way to write `fields`).
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "Option<serde_json::Value>")]
    pub mapping_map: Option<Value>,
    /// In mode `json`: text that is read as JSON after its templates are rendered.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "Option<serde_json::Value>")]
    pub json_template: Option<Value>,
}

/// What the output is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SetMode {
    /// The fields alone.
    #[default]
    #[serde(alias = "manual")]
    Replace,
    /// The input, with the fields put into it.
    Merge,
    /// The `json_template`.
    Json,
}

/// Makes a map.
pub struct SetData;

/// A way down may have this many steps.
const MAX_STEPS: usize = 64;

/// Adds it.
pub fn register(registry: &mut Registry) {
    let descriptor = Descriptor::new::<SetDataParams>(
        "data.set_data",
        "Set data",
        "Its output is the map in `fields`, templates rendered: alone (mode `replace`), or put into the input (mode `merge`).",
        Effect::Pure,
    )
    .check_with(something_to_set);
    registry.pure(descriptor, SetData);
}

fn something_to_set(params: &Params) -> Result<(), ParamError> {
    let skeleton = params.skeleton();
    let given = ["fields", "mapping_map", "json_template"].iter().any(|name| skeleton.get(name).is_some());
    match given {
        true => Ok(()),
        false => Err(ParamError {
            path: Vec::new(),
            message: "`fields` is missing".to_owned(),
            help: Some("name what the output has, as in `fields: {name: \"{{ $input.name }}\"}`".to_owned()),
        }),
    }
}

impl PureAction for SetData {
    fn run(&self, call: &dyn Call) -> Result<Outcome, Failure> {
        if let Some(fields) = only_fields(call.params()) {
            return Ok(Outcome::output(Value::Map(fields.clone())));
        }
        let params: SetDataParams = params_of(call)?;
        if params.mode == SetMode::Json {
            return params.json_template.map_or_else(no_template, parse_template).map(Outcome::output);
        }
        let fields = match (params.fields, params.mapping_map) {
            (Some(fields), _) => fields,
            (None, Some(Value::Map(map))) if params.mode == SetMode::Merge => map,
            (None, Some(output)) if params.mode == SetMode::Replace => return Ok(Outcome::output(output)),
            (None, _) => return Err(invalid_params("`fields` is missing: it says what the output has")),
        };
        let start = match params.mode {
            SetMode::Merge => input_map(call.input())?,
            _ => Map::new(),
        };
        put_all(start, fields).map(|map| Outcome::output(Value::Map(map)))
    }
}

/// The fields, if they are all that is given and none of them leads down: they are the output as they stand.
fn only_fields(params: &Value) -> Option<&Map> {
    let fields = params.as_map().filter(|params| params.len() == 1)?.get("fields")?.as_map()?;
    (!fields.keys().any(|name| name.as_bytes().contains(&b'.'))).then_some(fields)
}

fn no_template() -> Result<Value, Failure> {
    Err(invalid_params("`json_template` is missing: mode `json` reads it"))
}

/// Text is read as JSON; what one template alone gave is there already.
fn parse_template(template: Value) -> Result<Value, Failure> {
    let Value::Str(text) = template else { return Ok(template) };
    Value::parse_json(text.as_str()).map_err(|error| {
        let message =
            format!("`json_template` gave text that is not JSON: {error}; write values with the filter `json`, which quotes them");
        ErrorValue::new("set_data.invalid_json", message).not_retryable().into()
    })
}

fn input_map(input: Value) -> Result<Map, Failure> {
    match input {
        Value::Map(map) => Ok(map),
        Value::Null => Ok(Map::new()),
        other => {
            let message = format!(
                "mode `merge` puts the fields into the input, which must be a map and is {}; use mode `replace`",
                described(&other)
            );
            Err(ErrorValue::new("set_data.input_not_a_map", message).not_retryable().into())
        }
    }
}

fn put_all(mut map: Map, fields: Map) -> Result<Map, Failure> {
    for (name, value) in fields.into_entries() {
        if !name.contains('.') {
            map.insert(name, value);
            continue;
        }
        let steps: Vec<&str> = name.split('.').collect();
        match steps.as_slice() {
            steps if steps.iter().any(|step| step.is_empty()) => drop(map.insert(name, value)),
            steps if steps.len() > MAX_STEPS => {
                return Err(invalid_params(format!(
                    "a field has more than {MAX_STEPS} steps: `{}...`",
                    steps[0]
                )));
            }
            steps => put(&mut map, steps, value),
        }
    }
    Ok(map)
}

fn put(map: &mut Map, steps: &[&str], value: Value) {
    let [first, rest @ ..] = steps else { return };
    if rest.is_empty() {
        map.insert(Str::from(*first), value);
        return;
    }
    let mut inner = map.get(first).and_then(Value::as_map).cloned().unwrap_or_default();
    put(&mut inner, rest, value);
    map.insert(Str::from(*first), Value::Map(inner));
}

#[cfg(test)]
mod tests {
    use prana_template::{Value, value};

    use crate::nodes::tests::Probe;

    fn check(params: Value, expected: Value) {
        let input = value!({"id": 1, "to": {"city": "Rome", "zip": "1"}});
        Probe::new("data.set_data", params).input(input).gives(expected);
    }

    #[test]
    fn the_fields_are_the_output() {
        check(value!({"fields": {}}), value!({}));
        check(value!({"fields": {"a": 1, "b": null}}), value!({"a": 1, "b": null}));
    }

    #[test]
    fn dots_lead_down() {
        check(value!({"fields": {"a.b.c": 1, "a.d": 2}}), value!({"a": {"b": {"c": 1}, "d": 2}}));
        check(value!({"fields": {"a": 1, "a.b": 2}}), value!({"a": {"b": 2}}));
        check(value!({"fields": {"a..b": 1, ".c": 2}}), value!({"a..b": 1, ".c": 2}));
    }

    #[test]
    fn mode_merge_puts_them_into_the_input() {
        let fields = value!({"id": 2, "to.city": "Oslo"});
        check(
            value!({"fields": fields, "mode": "merge"}),
            value!({"id": 2, "to": {"city": "Oslo", "zip": "1"}}),
        );
        Probe::new("data.set_data", value!({"fields": {"a": 1}, "mode": "merge"})).gives(value!({"a": 1}));
        let text =
            Probe::new("data.set_data", value!({"fields": {"a": 1}, "mode": "merge"})).input(value!("x"));
        text.fails("set_data.input_not_a_map", "is text");
    }

    #[test]
    fn the_older_forms() {
        check(value!({"mapping_map": {"a": 1}}), value!({"a": 1}));
        check(value!({"mode": "manual", "mapping_map": [1]}), value!([1]));
        check(value!({"mode": "json", "json_template": "{\"a\": [1]}"}), value!({"a": [1]}));
        check(value!({"mode": "json", "json_template": {"a": 1}}), value!({"a": 1}));
        Probe::new("data.set_data", value!({"mode": "json", "json_template": "{a"}))
            .fails("set_data.invalid_json", "not JSON");
        Probe::new("data.set_data", value!({"mode": "json"}))
            .fails("workflow.invalid_params", "json_template");
    }

    #[test]
    fn refuses_nonsense() {
        Probe::new("data.set_data", value!({})).fails("workflow.invalid_params", "fields");
        Probe::new("data.set_data", value!({"fields": 5})).refused("");
        let deep = Value::Map([(vec!["a"; 100_000].join(".").into(), value!(1))].into_iter().collect());
        Probe::new("data.set_data", value!({"fields": deep})).fails("workflow.invalid_params", "64 steps");
    }
}
