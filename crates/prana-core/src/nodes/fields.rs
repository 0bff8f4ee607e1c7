//! Fields of records: how parameters name them, and how they are read.

use std::fmt;

use prana_template::Value;
use schemars::JsonSchema;
use serde::de::{self, Deserialize, Deserializer, SeqAccess, Visitor};

/// One field name, or a list of them. Absent and null mean none.
#[derive(Debug, Clone, Default, PartialEq, Eq, JsonSchema)]
#[schemars(with = "FieldsSchema")]
pub struct Fields(pub Vec<String>);

#[derive(JsonSchema)]
#[serde(untagged)]
#[allow(dead_code, reason = "it only describes the two forms to the schema")]
enum FieldsSchema {
    One(String),
    Several(Vec<String>),
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrSeveral;
        impl<'de> Visitor<'de> for OneOrSeveral {
            type Value = Fields;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a field, or a list of names")
            }
            fn visit_str<E: de::Error>(self, name: &str) -> Result<Fields, E> {
                Ok(Fields(vec![name.to_owned()]))
            }
            fn visit_unit<E: de::Error>(self) -> Result<Fields, E> {
                Ok(Fields::default())
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut names: A) -> Result<Fields, A::Error> {
                let mut fields = Vec::new();
                while let Some(name) = names.next_element()? {
                    fields.push(name);
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_any(OneOrSeveral)
    }
}

/// The value of a field: a key of the record as it is written, or a way down with dots (`customer.city`, `lines.0.price`). Null
/// if it isn't there.
pub fn read(record: &Value, field: &str) -> Value {
    if let Some(value) = record.get(field) {
        return value.clone();
    }
    let mut place = record;
    for step in field.split('.') {
        let next = match place {
            Value::List(items) => step.parse::<usize>().ok().and_then(|index| items.get(index)),
            other => other.get(step),
        };
        let Some(next) = next else { return Value::Null };
        place = next;
    }
    place.clone()
}

#[cfg(test)]
mod tests {
    use prana_template::value;

    use super::*;

    #[test]
    fn a_field_is_a_key_or_a_way_down() {
        let record = value!({"a": {"b": [10, {"c": 3}]}, "a.b": "flat", "n": null});
        for (field, expected) in [
            ("a.b", value!("flat")),
            ("a.b.1.c", value!(3)),
            ("a", value!({"b": [10, {"c": 3}]})),
            ("n", value!(null)),
            ("a.x.y", value!(null)),
            ("", value!(null)),
        ] {
            assert_eq!(read(&record, field), expected, "{field}");
        }
        assert_eq!(read(&value!(5), "a"), value!(null));
    }
}
