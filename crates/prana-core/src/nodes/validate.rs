//! `data.validate`: data that fits a JSON Schema leaves by `valid`, other data by `invalid` with the list of violations.

use prana_template::{Map, Value};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::action::{Call, Descriptor, Effect, Failure, Kind, Outcome, PureAction};
use crate::error::ErrorValue;
use crate::registry::Registry;

/// Violations told at most; more would help nobody.
const MAX_VIOLATIONS: usize = 100;

/// The parameters of `data.validate`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ValidateParams {
    /// A JSON Schema (draft 2020-12 unless it says otherwise). References to other documents are not followed.
    #[schemars(with = "serde_json::Value")]
    pub schema: Value,
}

/// Runs it.
struct Validate;

impl PureAction for Validate {
    fn run(&self, call: &dyn Call) -> Result<Outcome, Failure> {
        let params: ValidateParams = prana_template::from_value(call.params())?;
        let input = call.input();
        let violations = violations(&params.schema, &input)?;
        if violations.is_empty() {
            return Ok(Outcome::on_port(input, "valid"));
        }
        let mut output = Map::new();
        output.insert("data", input);
        output.insert("violations", Value::from(violations));
        Ok(Outcome::on_port(Value::Map(output), "invalid"))
    }
}

/// What in the data doesn't fit a JSON Schema: `{path, message}` of each place, up to 100 of them.
///
/// # Errors
/// `validate.invalid_schema`: the schema is none.
pub fn violations(schema: &Value, data: &Value) -> Result<Vec<Value>, ErrorValue> {
    let refuse = |problem: String| ErrorValue::new("validate.invalid_schema", problem).not_retryable();
    // The linear-time engine: a pattern of the author can't hang the process.
    let validator = jsonschema::options()
        .with_pattern_options(jsonschema::PatternOptions::regex())
        .build(&serde_json::Value::from(schema.clone()))
        .map_err(|error| refuse(format!("`schema` is no JSON Schema that can be used: {error}")))?;
    let data = serde_json::Value::from(data.clone());
    Ok(validator.iter_errors(&data).take(MAX_VIOLATIONS).map(|error| violation(&error)).collect())
}

/// `{path, message}`: where, as a JSON Pointer, and what.
fn violation(error: &jsonschema::ValidationError<'_>) -> Value {
    let mut violation = Map::new();
    violation.insert("path", Value::from(error.instance_path().to_string()));
    violation.insert("message", Value::from(error.to_string()));
    Value::Map(violation)
}

/// Adds it.
pub fn register(registry: &mut Registry) {
    let descriptor = Descriptor::new::<ValidateParams>(
        "data.validate",
        "Validate",
        "Checks the input against a JSON Schema. What fits leaves by `valid`, unchanged; what doesn't leaves by `invalid` as \
         `{data, violations: [{path, message}]}`.",
        Effect::Pure,
    )
    .kind(Kind::Logic)
    .outputs(&["valid", "invalid"], None);
    registry.pure(descriptor, Validate);
}
