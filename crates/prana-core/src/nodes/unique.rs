//! `data.unique`: each item once.

use prana_template::Value;
use rustc_hash::FxHashSet;
use schemars::JsonSchema;
use serde::Deserialize;

use super::fields::{self, Fields};
use super::record_key::key_of;
use super::{items_of, params_of, present};
use crate::action::{Call, Descriptor, Effect, Failure, Outcome, PureAction};
use crate::registry::Registry;

/// The parameters of `data.unique`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UniqueParams {
    /// The list; what came in if absent.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "Option<serde_json::Value>")]
    pub items: Option<Value>,
    /// The field or fields by which two items are the same; the whole item if absent.
    #[serde(default)]
    pub by: Fields,
}

/// Drops items that were there before.
pub struct Unique;

/// Adds it.
pub fn register(registry: &mut Registry) {
    let descriptor = Descriptor::new::<UniqueParams>(
        "data.unique",
        "Unique",
        "Keeps the first of items that are the same: in the fields named by `by`, or as a whole. The order stays.",
        Effect::Pure,
    );
    registry.pure(descriptor, Unique);
}

impl PureAction for Unique {
    fn run(&self, call: &dyn Call) -> Result<Outcome, Failure> {
        let params: UniqueParams = params_of(call)?;
        let Fields(by) = params.by;
        let key = |item: &Value| match by.is_empty() {
            true => key_of([item]),
            false => {
                let values: Vec<Value> = by.iter().map(|field| fields::read(item, field)).collect();
                key_of(&values)
            }
        };
        let items = items_of(call, params.items)?;
        let mut seen = FxHashSet::default();
        Ok(Outcome::output(items.iter().filter(|item| seen.insert(key(item))).cloned().collect()))
    }
}

#[cfg(test)]
mod tests {
    use prana_template::{Value, value};

    use crate::nodes::tests::Probe;

    fn check(params: Value, input: Value, expected: Value) {
        Probe::new("data.unique", params).input(input).gives(expected);
    }

    #[test]
    fn the_first_of_equal_items_stays() {
        check(value!({}), value!([2, 1, 2.0, "2", null, null]), value!([2, 1, "2", null]));
        check(value!({}), value!([{"a": 1, "b": 2}, {"b": 2, "a": 1}]), value!([{"a": 1, "b": 2}]));
    }

    #[test]
    fn by_fields() {
        let input = value!([{"a": 1, "b": 1}, {"a": 1, "b": 2}, {"b": 2}, {"a": null, "b": 3}]);
        check(value!({"by": "a"}), input.clone(), value!([{"a": 1, "b": 1}, {"b": 2}]));
        check(value!({"by": ["a", "b"]}), input.clone(), input);
    }
}
