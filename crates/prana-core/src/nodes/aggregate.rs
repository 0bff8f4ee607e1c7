//! `data.aggregate`: counts, sums and the like, group by group.

use indexmap::IndexMap;
use prana_template::{Map, Str, Value};
use schemars::JsonSchema;
use serde::Deserialize;

use super::fields::{self, Fields};
use super::record_key::{compare, key_of};
use super::{described, items_of, params_of, present};
use crate::action::{Call, Descriptor, Effect, Failure, Outcome, PureAction};
use crate::error::ErrorValue;
use crate::registry::Registry;

/// The parameters of `data.aggregate`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AggregateParams {
    /// The list; what came in if absent.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "Option<serde_json::Value>")]
    pub items: Option<Value>,
    /// The field or fields that make a group. Without it, all items are one group.
    #[serde(default)]
    pub by: Fields,
    /// What to compute of each group, by the name that it gets.
    #[schemars(with = "std::collections::BTreeMap<String, Aggregate>")]
    pub fields: IndexMap<String, Aggregate>,
}

/// One thing to compute.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Aggregate {
    /// What to compute.
    pub op: Operation,
    /// Of which field; of the items themselves if absent.
    #[serde(default)]
    pub field: Option<String>,
}

/// What can be computed of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// How many items there are; with a field, in how many it is not null.
    Count,
    /// The sum of the numbers; null counts as nothing.
    Sum,
    /// The mean of the numbers; null if there are none.
    Avg,
    /// The smallest value that is not null.
    Min,
    /// The largest value that is not null.
    Max,
    /// The value in the first item.
    First,
    /// The value in the last item.
    Last,
    /// All values, in order.
    List,
}

/// Makes one record of each group.
pub struct DataAggregate;

/// Adds it.
pub fn register(registry: &mut Registry) {
    let descriptor = Descriptor::new::<AggregateParams>(
        "data.aggregate",
        "Aggregate",
        "Makes one record of each group of items: the fields that make the group, and what is computed of it (count, sum, avg, min, \
         max, first, last, list). Groups come in order of their first item. Without `by` there is one record, even of no items.",
        Effect::Pure,
    );
    registry.pure(descriptor, DataAggregate);
}

impl PureAction for DataAggregate {
    fn run(&self, call: &dyn Call) -> Result<Outcome, Failure> {
        let params: AggregateParams = params_of(call)?;
        let items = items_of(call, params.items)?;
        let Fields(by) = &params.by;
        let groups = groups(items.iter(), by);
        let mut records = Vec::with_capacity(groups.len());
        for group in groups {
            let named = by.iter().map(|field| Str::from(field.as_str())).zip(group.values);
            let mut record: Map = named.collect();
            for (name, aggregate) in &params.fields {
                record.insert(name.as_str(), compute(aggregate, &group.items)?);
            }
            records.push(Value::Map(record));
        }
        Ok(Outcome::output(records.into()))
    }
}

/// Items that have the same values in the fields of `by`.
struct Group<'a> {
    values: Vec<Value>,
    items: Vec<&'a Value>,
}

fn groups<'a>(items: impl Iterator<Item = &'a Value>, by: &[String]) -> Vec<Group<'a>> {
    if by.is_empty() {
        return vec![Group { values: Vec::new(), items: items.collect() }];
    }
    let mut groups: IndexMap<String, Group<'a>, rustc_hash::FxBuildHasher> = IndexMap::default();
    for item in items {
        let values: Vec<Value> = by.iter().map(|field| fields::read(item, field)).collect();
        let key = key_of(&values);
        groups.entry(key).or_insert_with(|| Group { values, items: Vec::new() }).items.push(item);
    }
    groups.into_values().collect()
}

fn compute(aggregate: &Aggregate, items: &[&Value]) -> Result<Value, Failure> {
    let value = |item: &&Value| match &aggregate.field {
        Some(field) => fields::read(item, field),
        None => (*item).clone(),
    };
    let values = || items.iter().map(value);
    let present = || values().filter(|value| !value.is_null());
    Ok(match aggregate.op {
        Operation::Count if aggregate.field.is_none() => Value::from(items.len()),
        Operation::Count => Value::from(present().count()),
        Operation::Sum => sum(present(), aggregate)?.0,
        Operation::Avg => mean(sum(present(), aggregate)?),
        Operation::Min => {
            present().reduce(|a, b| if compare(&b, &a, false).is_lt() { b } else { a }).unwrap_or_default()
        }
        Operation::Max => {
            present().reduce(|a, b| if compare(&b, &a, false).is_gt() { b } else { a }).unwrap_or_default()
        }
        Operation::First => values().next().unwrap_or_default(),
        Operation::Last => values().next_back().unwrap_or_default(),
        Operation::List => values().collect(),
    })
}

/// The sum, and how many numbers it is of. It stays a whole number as long as all of them are and it fits.
fn sum(values: impl Iterator<Item = Value>, aggregate: &Aggregate) -> Result<(Value, usize), Failure> {
    let (mut total, mut count) = (Value::Int(0), 0);
    for value in values {
        total = match (&total, &value) {
            (Value::Int(a), Value::Int(b)) => {
                a.checked_add(*b).map_or_else(|| Value::from(*a as f64 + *b as f64), Value::Int)
            }
            (a, b) => match (a.as_f64(), b.as_f64()) {
                (Some(a), Some(b)) => Value::from(a + b),
                _ if a.is_null() => Value::Null,
                _ => return Err(not_a_number(&value, aggregate)),
            },
        };
        count += 1;
    }
    Ok((total, count))
}

fn mean((total, count): (Value, usize)) -> Value {
    match total.as_f64() {
        Some(total) if count > 0 => Value::from(total / count as f64),
        _ => Value::Null,
    }
}

fn not_a_number(value: &Value, aggregate: &Aggregate) -> Failure {
    let of = aggregate.field.as_ref().map_or("an item".to_owned(), |field| format!("`{field}` of an item"));
    let message = format!(
        "only numbers can be added up, and {of} is {}; convert it first, for instance with the filter `to_number`",
        described(value)
    );
    ErrorValue::new("data.not_a_number", message).not_retryable().into()
}

#[cfg(test)]
mod tests {
    use prana_template::{Value, value};

    use crate::nodes::tests::Probe;

    fn check(params: Value, input: Value, expected: Value) {
        Probe::new("data.aggregate", params).input(input).gives(expected);
    }

    fn orders() -> Value {
        value!([{"city": "Rome", "eur": 2}, {"city": "Oslo", "eur": 5.5}, {"city": "Rome", "eur": null}, {"city": "Rome", "eur": 4}])
    }

    #[test]
    fn one_record_per_group_in_order_of_appearance() {
        let fields = value!({
            "n": {"op": "count"}, "known": {"op": "count", "field": "eur"}, "sum": {"op": "sum", "field": "eur"},
            "avg": {"op": "avg", "field": "eur"}, "min": {"op": "min", "field": "eur"}, "max": {"op": "max", "field": "eur"},
            "first": {"op": "first", "field": "eur"}, "last": {"op": "last", "field": "eur"}, "all": {"op": "list", "field": "eur"}
        });
        let rome = value!({"city": "Rome", "n": 3, "known": 2, "sum": 6, "avg": 3.0, "min": 2, "max": 4, "first": 2, "last": 4,
            "all": [2, null, 4]});
        let oslo = value!({"city": "Oslo", "n": 1, "known": 1, "sum": 5.5, "avg": 5.5, "min": 5.5, "max": 5.5, "first": 5.5,
            "last": 5.5, "all": [5.5]});
        check(value!({"by": "city", "fields": fields}), orders(), value!([rome, oslo]));
    }

    #[test]
    fn without_by_there_is_one_record_even_of_nothing() {
        let fields = value!({"n": {"op": "count"}, "sum": {"op": "sum"}, "avg": {"op": "avg"}, "min": {"op": "min"}, "l": {"op": "list"}});
        let params = value!({"fields": fields});
        check(params.clone(), value!([]), value!([{"n": 0, "sum": 0, "avg": null, "min": null, "l": []}]));
        check(
            params.clone(),
            value!([3, 1]),
            value!([{"n": 2, "sum": 4, "avg": 2.0, "min": 1, "l": [3, 1]}]),
        );
        check(value!({"by": ["x"], "fields": {}}), value!([]), value!([]));
    }

    #[test]
    fn a_sum_that_is_too_large_becomes_a_float() {
        let fields = value!({"sum": {"op": "sum"}});
        check(
            value!({"fields": fields}),
            value!([i64::MAX, 1]),
            value!([{"sum": 9_223_372_036_854_775_808.0}]),
        );
    }

    #[test]
    fn text_is_not_added_up() {
        let params = value!({"fields": {"sum": {"op": "sum", "field": "p"}}});
        Probe::new("data.aggregate", params)
            .input(value!([{"p": "1"}]))
            .fails("data.not_a_number", "`p` of an item is text");
    }

    #[test]
    fn refuses_unknown_operations() {
        Probe::new("data.aggregate", value!({"fields": {"x": {"op": "median"}}})).refused("median");
        Probe::new("data.aggregate", value!({})).refused("fields");
    }
}
