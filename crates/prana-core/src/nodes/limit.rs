//! `data.limit`: the first or last items of a list.

use prana_template::Value;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{items_of, params_of, present};
use crate::action::{Call, Descriptor, Effect, Failure, Outcome, PureAction};
use crate::registry::Registry;

/// The parameters of `data.limit`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LimitParams {
    /// The list; what came in if absent.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "Option<serde_json::Value>")]
    pub items: Option<Value>,
    /// How many items to keep at most.
    pub count: u64,
    /// From which end.
    #[serde(default)]
    pub keep: Keep,
}

/// An end of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Keep {
    /// The first items.
    #[default]
    First,
    /// The last items, in their order.
    Last,
}

/// Keeps some items of a list.
pub struct Limit;

/// Adds it.
pub fn register(registry: &mut Registry) {
    let descriptor = Descriptor::new::<LimitParams>(
        "data.limit",
        "Limit",
        "Keeps at most `count` items of a list: the first ones, or the last ones.",
        Effect::Pure,
    );
    registry.pure(descriptor, Limit);
}

impl PureAction for Limit {
    fn run(&self, call: &dyn Call) -> Result<Outcome, Failure> {
        let params: LimitParams = params_of(call)?;
        let items = items_of(call, params.items)?;
        let count = usize::try_from(params.count).unwrap_or(usize::MAX);
        if count >= items.len() {
            return Ok(Outcome::output(Value::List(items)));
        }
        let skipped = match params.keep {
            Keep::First => 0,
            Keep::Last => items.len() - count,
        };
        Ok(Outcome::output(items.iter().skip(skipped).take(count).cloned().collect()))
    }
}

#[cfg(test)]
mod tests {
    use prana_template::{Value, value};

    use crate::nodes::tests::Probe;

    fn check(params: Value, expected: Value) {
        Probe::new("data.limit", params).input(value!([1, 2, 3])).gives(expected);
    }

    #[test]
    fn keeps_one_end() {
        check(value!({"count": 2}), value!([1, 2]));
        check(value!({"count": 2, "keep": "last"}), value!([2, 3]));
        check(value!({"count": 0, "keep": "last"}), value!([]));
        check(value!({"count": 9}), value!([1, 2, 3]));
        check(value!({"count": 1, "items": ["a", "b"]}), value!(["a"]));
    }

    #[test]
    fn refuses_what_is_no_count_and_no_list() {
        Probe::new("data.limit", value!({"count": "3"})).refused("");
        Probe::new("data.limit", value!({"count": -1})).refused("");
        Probe::new("data.limit", value!({})).refused("count");
        let null = Probe::new("data.limit", value!({"count": 1, "items": null})).input(value!([1]));
        null.fails("data.not_a_list", "is null");
    }
}
