//! `data.filter`: the items for which a condition holds.

use prana_template::Value;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{invalid_params, items_of, params_of, present};
use crate::action::{Call, Descriptor, Effect, Failure, Outcome, PureAction};
use crate::registry::Registry;

/// The parameters of `data.filter`, as a document has them.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FilterParams {
    /// The list; what came in if absent.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "Option<serde_json::Value>")]
    pub items: Option<Value>,
    /// A template that is evaluated for each item, with `$item` and `$index`, such as `{{ $item.price > 10 }}`.
    #[schemars(with = "serde_json::Value")]
    pub condition: Value,
}

/// Those of the parameters that are rendered before the node runs.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Rendered {
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "Option<serde_json::Value>")]
    items: Option<Value>,
}

/// Keeps the items for which the condition holds.
pub struct Filter;

/// Adds it.
pub fn register(registry: &mut Registry) {
    let descriptor = Descriptor::new::<Rendered>(
        "data.filter",
        "Filter",
        "Keeps the items of a list for which `condition` holds. The condition is evaluated once for each item, as `$item`, with its \
         place as `$index`.",
        Effect::Pure,
    )
    .document_params::<FilterParams>()
    .item_fields(&["condition"]);
    registry.pure(descriptor, Filter);
}

impl PureAction for Filter {
    fn run(&self, call: &dyn Call) -> Result<Outcome, Failure> {
        let params: Rendered = params_of(call)?;
        if !call.has("condition") {
            return Err(invalid_params("`condition` is missing: it says which items to keep"));
        }
        let items = items_of(call, params.items)?;
        let mut kept = Vec::new();
        for (index, item) in items.iter().enumerate() {
            if call.evaluate("condition", item, index)?.is_truthy() {
                kept.push(item.clone());
            }
        }
        Ok(Outcome::output(kept.into()))
    }
}

#[cfg(test)]
mod tests {
    use prana_template::value;

    use crate::nodes::tests::Probe;

    #[test]
    fn keeps_what_the_condition_holds_for() {
        let probe = Probe::new("data.filter", value!({})).input(value!([5, 0, 7, 2]));
        probe.item_field("condition", "{{ $item > 1 and $index > 0 }}").gives(value!([7, 2]));
    }

    #[test]
    fn the_condition_is_needed() {
        let probe = Probe::new("data.filter", value!({})).input(value!([1]));
        probe.fails("workflow.invalid_params", "condition");
    }

    #[test]
    fn the_items_are_a_list() {
        let probe = Probe::new("data.filter", value!({"items": 3})).item_field("condition", "{{ true }}");
        probe.fails("data.not_a_list", "a number");
    }
}
