//! `data.sort`: a list in order.

use std::cmp::Ordering;
use std::fmt;

use prana_template::Value;
use schemars::JsonSchema;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use super::record_key::compare;
use super::{fields, items_of, params_of, present};
use crate::action::{Call, Descriptor, Effect, Failure, Outcome, PureAction};
use crate::registry::Registry;

/// The parameters of `data.sort`.
#[derive(Debug, Clone, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SortParams {
    /// The list; what came in if absent.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "Option<serde_json::Value>")]
    pub items: Option<Value>,
    /// A field, or a list of fields and `{field, desc}`, the most important first. Without it, the items themselves are compared.
    #[serde(default)]
    pub by: SortKeys,
}

/// What a list is sorted by, the most important first.
#[derive(Debug, Clone, Default, PartialEq, Eq, JsonSchema)]
#[schemars(with = "SortKeysSchema")]
pub struct SortKeys(pub Vec<SortKey>);

/// One field to sort by.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema)]
#[schemars(with = "SortKeySchema")]
pub struct SortKey {
    /// The field.
    pub field: String,
    /// True for the largest first.
    pub desc: bool,
}

#[derive(JsonSchema)]
#[serde(untagged)]
#[allow(dead_code, reason = "it only describes the forms to the schema")]
enum SortKeysSchema {
    One(SortKey),
    Several(Vec<SortKey>),
}

#[derive(JsonSchema)]
#[serde(untagged)]
#[allow(dead_code, reason = "it only describes the forms to the schema")]
enum SortKeySchema {
    Name(String),
    Full(FullKey),
}

#[derive(serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct FullKey {
    /// The field.
    field: String,
    /// True for the largest first.
    #[serde(default)]
    desc: bool,
}

impl From<FullKey> for SortKey {
    fn from(key: FullKey) -> Self {
        SortKey { field: key.field, desc: key.desc }
    }
}

impl<'de> Deserialize<'de> for SortKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameOrFull;
        impl<'de> Visitor<'de> for NameOrFull {
            type Value = SortKey;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a field, or {field, desc}")
            }
            fn visit_str<E: de::Error>(self, name: &str) -> Result<SortKey, E> {
                Ok(SortKey { field: name.to_owned(), desc: false })
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<SortKey, A::Error> {
                FullKey::deserialize(MapAccessDeserializer::new(map)).map(SortKey::from)
            }
        }
        deserializer.deserialize_any(NameOrFull)
    }
}

impl<'de> Deserialize<'de> for SortKeys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrSeveral;
        impl<'de> Visitor<'de> for OneOrSeveral {
            type Value = SortKeys;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a field, or a list of names and {field, desc}")
            }
            fn visit_unit<E: de::Error>(self) -> Result<SortKeys, E> {
                Ok(SortKeys::default())
            }
            fn visit_str<E: de::Error>(self, name: &str) -> Result<SortKeys, E> {
                Ok(SortKeys(vec![SortKey { field: name.to_owned(), desc: false }]))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<SortKeys, A::Error> {
                let key = FullKey::deserialize(MapAccessDeserializer::new(map))?;
                Ok(SortKeys(vec![key.into()]))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<SortKeys, A::Error> {
                let mut keys = Vec::new();
                while let Some(key) = items.next_element()? {
                    keys.push(key);
                }
                Ok(SortKeys(keys))
            }
        }
        deserializer.deserialize_any(OneOrSeveral)
    }
}

/// Sorts a list.
pub struct Sort;

/// Adds it.
pub fn register(registry: &mut Registry) {
    let descriptor = Descriptor::new::<SortParams>(
        "data.sort",
        "Sort",
        "Sorts a list by one or more fields. Numbers come before text, text before other values, and null last whichever the \
         direction; items that are alike stay in their order.",
        Effect::Pure,
    );
    registry.pure(descriptor, Sort);
}

impl PureAction for Sort {
    fn run(&self, call: &dyn Call) -> Result<Outcome, Failure> {
        let params: SortParams = params_of(call)?;
        let SortKeys(keys) = params.by;
        let keyed = |item: &Value| match keys.is_empty() {
            true => vec![item.clone()],
            false => keys.iter().map(|key| fields::read(item, &key.field)).collect(),
        };
        let items = items_of(call, params.items)?;
        let mut items: Vec<(Vec<Value>, Value)> =
            items.iter().map(|item| (keyed(item), item.clone())).collect();
        items.sort_by(|(a, _), (b, _)| {
            let one = |number: usize| {
                let desc = keys.get(number).is_some_and(|key| key.desc);
                compare(&a[number], &b[number], desc)
            };
            (0..a.len()).map(one).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
        });
        Ok(Outcome::output(items.into_iter().map(|(_, item)| item).collect()))
    }
}

#[cfg(test)]
mod tests {
    use prana_template::{Value, value};

    use crate::nodes::tests::Probe;

    fn check(input: Value, by: Value, expected: Value) {
        Probe::new("data.sort", value!({"by": by})).input(input).gives(expected);
    }

    #[test]
    fn by_one_field_by_several_and_by_itself() {
        let a = value!({"n": 2, "s": "x"});
        let b = value!({"n": 1, "s": "x"});
        let c = value!({"n": 3, "s": "w"});
        let all = value!([a.clone(), b.clone(), c.clone()]);
        check(all.clone(), value!("n"), value!([b.clone(), a.clone(), c.clone()]));
        check(all.clone(), value!({"field": "n", "desc": true}), value!([c.clone(), a.clone(), b.clone()]));
        check(
            all.clone(),
            value!(["s", {"field": "n", "desc": true}]),
            value!([c.clone(), a.clone(), b.clone()]),
        );
        check(all, value!(["s", "n"]), value!([c, b, a]));
        check(value!([3, 1, 2]), value!(null), value!([1, 2, 3]));
    }

    #[test]
    fn null_is_last_in_both_directions_and_alike_stays() {
        let items = value!([{"n": null}, {"n": 1, "i": 0}, {}, {"n": 1, "i": 1}, {"n": 2}]);
        let one = value!({"n": 1, "i": 0});
        let two = value!({"n": 1, "i": 1});
        check(items.clone(), value!("n"), value!([one.clone(), two.clone(), {"n": 2}, {"n": null}, {}]));
        check(items, value!([{"field": "n", "desc": true}]), value!([{"n": 2}, one, two, {"n": null}, {}]));
    }

    #[test]
    fn refuses_keys_of_another_form() {
        for by in [value!(1), value!([1]), value!({"field": "a", "down": true}), value!([{"desc": true}])] {
            Probe::new("data.sort", value!({"by": by})).refused("");
        }
    }
}
