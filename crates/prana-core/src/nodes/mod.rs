//! The pure actions, one file each: parameters, declaration, behaviour, tests.

pub mod aggregate;
pub mod break_loop;
pub mod error_trigger;
pub mod execute_workflow;
mod fields;
pub mod filter;
pub mod for_each;
pub mod if_condition;
pub mod limit;
pub mod log;
pub mod manual_trigger;
pub mod merge;
pub mod no_op;
mod record_key;
pub mod schedule_trigger;
pub mod set_data;
pub mod set_state;
pub mod sort;
pub mod stop;
pub mod switch;
pub mod unique;
pub mod validate;
pub mod wait;
pub mod webhook_respond;
pub mod webhook_trigger;

#[cfg(test)]
mod tests;

use prana_template::{List, Value};
use serde::de::DeserializeOwned;

use crate::action::{Call, Failure};
use crate::error::ErrorValue;
use crate::registry::Registry;

/// Adds all of them.
pub fn register(registry: &mut Registry) {
    manual_trigger::register(registry);
    webhook_trigger::register(registry);
    webhook_respond::register(registry);
    schedule_trigger::register(registry);
    error_trigger::register(registry);
    if_condition::register(registry);
    switch::register(registry);
    for_each::register(registry);
    break_loop::register(registry);
    stop::register(registry);
    no_op::register(registry);
    log::register(registry);
    set_data::register(registry);
    merge::register(registry);
    filter::register(registry);
    sort::register(registry);
    limit::register(registry);
    unique::register(registry);
    aggregate::register(registry);
    validate::register(registry);
    set_state::register(registry);
    execute_workflow::register(registry);
    wait::register(registry);
}

/// The rendered parameters as the type that the action declared.
fn params_of<P: DeserializeOwned>(call: &dyn Call) -> Result<P, Failure> {
    Ok(prana_template::from_value(call.params())?)
}

/// Reads a field that may hold null: then it is present and null, and not absent.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    serde::Deserialize::deserialize(deserializer).map(Some)
}

/// The list that a data action works on: its parameter `items`, or what came in if that isn't given.
fn items_of(call: &dyn Call, given: Option<Value>) -> Result<List, Failure> {
    match given.unwrap_or_else(|| call.input()) {
        Value::List(items) => Ok(items),
        other => {
            let message = format!(
                "`items` must be a list, and is {}; point it at one, for instance `items: \"{{{{ $input.rows }}}}\"`",
                described(&other)
            );
            Err(ErrorValue::new("data.not_a_list", message).not_retryable().into())
        }
    }
}

/// Parameters that have the right types and still make no sense.
fn invalid_params(message: impl Into<String>) -> Failure {
    Failure::Params(ErrorValue::new("workflow.invalid_params", message).not_retryable())
}

/// A value's type, in words that fit into "is ...".
fn described(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Int(_) | Value::Float(_) => "a number",
        Value::Str(_) => "text",
        Value::List(_) => "a list",
        Value::Map(_) => "a map",
    }
}
