//! [`Value`] in the serde data model, and its (unconstrained) JSON Schema.

use std::{borrow::Cow, cell::RefCell, fmt};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor},
    ser::{SerializeMap, SerializeSeq},
};

use super::{List, MAX_DEPTH, Map, Str, Value};

/// The name by which our own deserializer knows that a field wants the value as it is.
pub(super) const VALUE_NAME: &str = "$prana_template::Value";
/// As [`VALUE_NAME`], where the value must be a list.
pub(super) const LIST_NAME: &str = "$prana_template::List";
/// As [`VALUE_NAME`], where the value must be a map.
pub(super) const MAP_NAME: &str = "$prana_template::Map";

/// What a field of such a name is given while its value is not known: `None` for names that are not ours.
pub(super) fn stand_in(name: &str) -> Option<Value> {
    match name {
        VALUE_NAME => Some(Value::Null),
        LIST_NAME => Some(Value::List(List::new())),
        MAP_NAME => Some(Value::Map(Map::new())),
        _ => None,
    }
}

thread_local! {
    /// Hands a value from our own deserializer to the visitor below, within one call.
    pub(super) static HANDED_OVER: RefCell<Option<Value>> = const { RefCell::new(None) };
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_json_string())
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Value::Null => serializer.serialize_unit(),
            Value::Bool(b) => serializer.serialize_bool(*b),
            Value::Int(n) => serializer.serialize_i64(*n),
            Value::Float(x) => serializer.serialize_f64(*x),
            Value::Str(text) => serializer.serialize_str(text),
            Value::List(list) => list.serialize(serializer),
            Value::Map(map) => map.serialize(serializer),
        }
    }
}

impl Serialize for Str {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}

impl Serialize for List {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_seq(Some(self.len()))?;
        for item in self {
            out.serialize_element(item)?;
        }
        out.end()
    }
}

impl Serialize for Map {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_map(Some(self.len()))?;
        for (key, value) in self.iter() {
            out.serialize_entry(key, value)?;
        }
        out.end()
    }
}

impl<'de> Deserialize<'de> for Str {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Str;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Str, E> {
                Ok(text.into())
            }
            fn visit_string<E: de::Error>(self, text: String) -> Result<Str, E> {
                Ok(text.into())
            }
        }
        deserializer.deserialize_str(Text)
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(VALUE_NAME, Build { depth: 0 })
    }
}

impl<'de> Deserialize<'de> for List {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match deserializer.deserialize_newtype_struct(LIST_NAME, Build { depth: 0 })? {
            Value::List(list) => Ok(list),
            other => Err(de::Error::custom(format_args!("expected a list, found {}", other.type_name()))),
        }
    }
}

impl<'de> Deserialize<'de> for Map {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match deserializer.deserialize_newtype_struct(MAP_NAME, Build { depth: 0 })? {
            Value::Map(map) => Ok(map),
            other => Err(de::Error::custom(format_args!("expected a map, found {}", other.type_name()))),
        }
    }
}

/// Builds a value at some depth of nesting.
#[derive(Clone, Copy)]
struct Build {
    depth: u32,
}

impl Build {
    fn deeper<E: de::Error>(self) -> Result<Self, E> {
        if self.depth == MAX_DEPTH {
            return Err(E::custom(format_args!("nested deeper than {MAX_DEPTH} levels")));
        }
        Ok(Build { depth: self.depth + 1 })
    }

    fn float<E: de::Error>(x: f64) -> Result<Value, E> {
        if x.is_finite() {
            Ok(Value::Float(x))
        } else {
            Err(E::custom("the number is beyond the range of a float"))
        }
    }
}

impl<'de> DeserializeSeed<'de> for Build {
    type Value = Value;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Build {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        match HANDED_OVER.take() {
            Some(value) => Ok(value),
            None => deserializer.deserialize_any(self),
        }
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bool<E>(self, b: bool) -> Result<Value, E> {
        Ok(Value::Bool(b))
    }

    fn visit_i64<E>(self, n: i64) -> Result<Value, E> {
        Ok(Value::Int(n))
    }

    fn visit_u64<E>(self, n: u64) -> Result<Value, E> {
        Ok(Value::from(n))
    }

    fn visit_i128<E: de::Error>(self, n: i128) -> Result<Value, E> {
        i64::try_from(n).map_or_else(|_| Self::float(n as f64), |n| Ok(Value::Int(n)))
    }

    fn visit_u128<E: de::Error>(self, n: u128) -> Result<Value, E> {
        i64::try_from(n).map_or_else(|_| Self::float(n as f64), |n| Ok(Value::Int(n)))
    }

    fn visit_f64<E: de::Error>(self, x: f64) -> Result<Value, E> {
        Self::float(x)
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::from(text))
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(Value::from(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut items = Vec::with_capacity(seq.size_hint().unwrap_or(0).min(1024));
        while let Some(item) = seq.next_element_seed(inner)? {
            items.push(item);
        }
        Ok(Value::List(items.into()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut entries = Vec::with_capacity(map.size_hint().unwrap_or(0).min(1024));
        while let Some(key) = map.next_key::<Str>()? {
            entries.push((key, map.next_value_seed(inner)?));
        }
        Ok(Value::Map(entries.into()))
    }
}

macro_rules! schema {
    ($type:ty, $name:literal, $schema:tt) => {
        impl schemars::JsonSchema for $type {
            fn inline_schema() -> bool {
                true
            }
            fn schema_name() -> Cow<'static, str> {
                $name.into()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!($schema)
            }
        }
    };
}
schema!(Value, "Value", {});
schema!(Str, "Str", {"type": "string"});
schema!(List, "List", {"type": "array"});
schema!(Map, "Map", {"type": "object"});
