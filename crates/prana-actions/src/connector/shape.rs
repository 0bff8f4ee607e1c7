//! The part of JSON Schema that parameters of connectors are described with.

use indexmap::IndexMap;
use prana_template::{List, Map, ParamError, PathSegment, Value};
use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};

/// Choices within choices may be nested this deep: each level multiplies the work.
const MAX_NESTED_CHOICES: usize = 4;

/// What a value must look like. Keywords that are not here are refused when a connector is read.
#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Shape {
    #[serde(rename = "type", default)]
    types: Types,
    #[serde(rename = "title", default)]
    _title: Option<String>,
    #[serde(rename = "description", default)]
    _description: Option<String>,
    #[serde(rename = "format", default)]
    _format: Option<String>,
    #[serde(rename = "examples", default)]
    _examples: Option<List>,
    #[serde(rename = "deprecated", default)]
    _deprecated: bool,
    #[serde(default)]
    default: Option<Value>,
    #[serde(rename = "enum", default)]
    choices: Option<List>,
    #[serde(rename = "const", default)]
    constant: Option<Value>,
    #[serde(default)]
    pub properties: IndexMap<String, Shape>,
    #[serde(default)]
    pub required: Vec<String>,
    #[serde(default)]
    pub additional_properties: Additional,
    #[serde(default)]
    items: Option<Box<Shape>>,
    #[serde(default)]
    any_of: Vec<Shape>,
    #[serde(default)]
    minimum: Option<f64>,
    #[serde(default)]
    maximum: Option<f64>,
    #[serde(default)]
    min_length: Option<u64>,
    #[serde(default)]
    max_length: Option<u64>,
    #[serde(default)]
    min_items: Option<u64>,
    #[serde(default)]
    max_items: Option<u64>,
}

/// What a map may hold beside its properties.
#[derive(Debug, Clone, Default)]
pub(super) enum Additional {
    #[default]
    Any,
    Nothing,
    Of(Box<Shape>),
}

impl<'de> Deserialize<'de> for Additional {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Said;
        impl<'de> Visitor<'de> for Said {
            type Value = Additional;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("true, false or a schema")
            }
            fn visit_bool<E: de::Error>(self, any: bool) -> Result<Additional, E> {
                Ok(if any { Additional::Any } else { Additional::Nothing })
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Additional, A::Error> {
                let shape = Shape::deserialize(de::value::MapAccessDeserializer::new(map))?;
                Ok(Additional::Of(Box::new(shape)))
            }
        }
        deserializer.deserialize_any(Said)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
enum Type {
    String,
    Integer,
    Number,
    Boolean,
    Array,
    Object,
    Null,
}

impl Type {
    fn holds(self, value: &Value) -> bool {
        match value {
            Value::Null => self == Type::Null,
            Value::Bool(_) => self == Type::Boolean,
            Value::Int(_) => matches!(self, Type::Integer | Type::Number),
            Value::Float(number) => self == Type::Number || (self == Type::Integer && number.fract() == 0.0),
            Value::Str(_) => self == Type::String,
            Value::List(_) => self == Type::Array,
            Value::Map(_) => self == Type::Object,
        }
    }

    fn in_words(self) -> &'static str {
        match self {
            Type::String => "text",
            Type::Integer => "a whole number",
            Type::Number => "a number",
            Type::Boolean => "true or false",
            Type::Array => "a list",
            Type::Object => "a map",
            Type::Null => "null",
        }
    }
}

/// One type, or several; none for any.
#[derive(Debug, Clone, Default)]
struct Types(Vec<Type>);

impl<'de> Deserialize<'de> for Types {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrSeveral;
        impl<'de> Visitor<'de> for OneOrSeveral {
            type Value = Types;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("string, integer, number, boolean, array, object or null, or a list of them")
            }
            fn visit_str<E: de::Error>(self, name: &str) -> Result<Types, E> {
                let deserializer = de::value::StrDeserializer::<E>::new(name);
                Type::deserialize(deserializer).map(|one| Types(vec![one]))
            }
            fn visit_seq<A: de::SeqAccess<'de>>(self, seq: A) -> Result<Types, A::Error> {
                Vec::deserialize(de::value::SeqAccessDeserializer::new(seq)).map(Types)
            }
        }
        deserializer.deserialize_any(OneOrSeveral)
    }
}

/// Says of a path whether the value there is not known yet.
pub(super) type IsHole<'a> = &'a dyn Fn(&[PathSegment]) -> bool;

impl Shape {
    /// What is wrong with the schema itself, beyond its form.
    pub fn problem(&self) -> Option<String> {
        if self.nested_choices() > MAX_NESTED_CHOICES {
            return Some(format!("`anyOf` may be nested {MAX_NESTED_CHOICES} deep, and no deeper"));
        }
        self.missing_property()
    }

    fn missing_property(&self) -> Option<String> {
        let missing = self
            .required
            .iter()
            .find(|name| !self.properties.is_empty() && !self.properties.contains_key(name.as_str()));
        let own = missing.map(|name| format!("`required` names `{name}`, which is no property"));
        own.or_else(|| self.children().find_map(Shape::missing_property))
    }

    fn nested_choices(&self) -> usize {
        let below = self.children().map(Shape::nested_choices).max().unwrap_or(0);
        below + usize::from(!self.any_of.is_empty())
    }

    fn children(&self) -> impl Iterator<Item = &Shape> {
        let additional = match &self.additional_properties {
            Additional::Of(shape) => Some(shape.as_ref()),
            _ => None,
        };
        self.properties.values().chain(additional).chain(self.items.as_deref()).chain(&self.any_of)
    }

    /// True if a value is sure to be there: it must be given, or has a default.
    pub fn is_sure(&self, property: &str) -> bool {
        let has_default = || self.properties.get(property).is_some_and(|shape| shape.default.is_some());
        self.required.iter().any(|name| name == property) || has_default()
    }

    /// The value with defaults put in, and without properties that are null.
    pub fn completed(&self, given: &Map) -> Map {
        let mut complete: Map = self
            .properties
            .iter()
            .filter_map(|(name, shape)| {
                let value = given.get(name).filter(|value| !value.is_null()).or(shape.default.as_ref())?;
                Some((name.as_str().into(), value.clone()))
            })
            .collect();
        let others = given
            .iter()
            .filter(|(name, value)| !self.properties.contains_key(name.as_str()) && !value.is_null());
        others.for_each(|(name, value)| drop(complete.insert(name.clone(), value.clone())));
        complete
    }

    /// Does the value fit? What isn't known yet does.
    pub fn check(&self, value: &Value, is_hole: IsHole<'_>) -> Result<(), ParamError> {
        Checking { is_hole, path: Vec::new() }.check(self, value)
    }
}

struct Checking<'a> {
    is_hole: IsHole<'a>,
    path: Vec<PathSegment>,
}

impl Checking<'_> {
    fn wrong<T>(&self, message: String, help: Option<String>) -> Result<T, ParamError> {
        Err(ParamError { path: self.path.clone(), message, help })
    }

    fn within(
        &mut self,
        segment: PathSegment,
        check: impl FnOnce(&mut Self) -> Result<(), ParamError>,
    ) -> Result<(), ParamError> {
        self.path.push(segment);
        let result = check(self);
        self.path.pop();
        result
    }

    fn check(&mut self, shape: &Shape, value: &Value) -> Result<(), ParamError> {
        if (self.is_hole)(&self.path) {
            return Ok(());
        }
        let types = &shape.types.0;
        if !types.is_empty() && !types.iter().any(|one| one.holds(value)) {
            let words: Vec<_> = types.iter().map(|one| one.in_words()).collect();
            return self.wrong(format!("expected {}, found {}", words.join(" or "), found(value)), None);
        }
        self.choices(shape, value)?;
        match value {
            Value::Map(map) => self.map(shape, map)?,
            Value::List(list) => self.list(shape, list)?,
            Value::Str(text) => {
                let length = text.chars().count() as u64;
                self.size(length, shape.min_length, shape.max_length, "characters")?;
            }
            Value::Int(_) | Value::Float(_) => self.number(shape, value.as_f64().unwrap_or_default())?,
            Value::Null | Value::Bool(_) => {}
        }
        self.any_of(shape, value)
    }

    fn choices(&self, shape: &Shape, value: &Value) -> Result<(), ParamError> {
        let words = |list: &List| list.iter().map(Value::to_json_string).collect::<Vec<_>>().join(", ");
        match (&shape.choices, &shape.constant) {
            (Some(choices), _) if !choices.iter().any(|choice| choice == value) => {
                self.wrong(format!("it must be one of {}", words(choices)), None)
            }
            (_, Some(constant)) if constant != value => {
                self.wrong(format!("it must be {}", constant.to_json_string()), None)
            }
            _ => Ok(()),
        }
    }

    fn map(&mut self, shape: &Shape, map: &Map) -> Result<(), ParamError> {
        for name in &shape.required {
            let mut path = self.path.clone();
            path.push(name.as_str().into());
            let missing = map.get(name).is_none_or(Value::is_null) && !(self.is_hole)(&path);
            if missing && !shape.properties.get(name).is_some_and(Shape::takes_null) {
                return self.wrong(format!("the field `{name}` is missing"), None);
            }
        }
        for (name, value) in map.iter() {
            let segment = || PathSegment::Key(name.clone());
            match (shape.properties.get(name.as_str()), &shape.additional_properties) {
                (Some(inner), _) if value.is_null() && !inner.takes_null() => {}
                (Some(inner), _) => self.within(segment(), |here| here.check(inner, value))?,
                (None, Additional::Any) => {}
                (None, Additional::Of(inner)) => self.within(segment(), |here| here.check(inner, value))?,
                (None, Additional::Nothing) => {
                    self.within(segment(), |here| here.unknown(name, shape))?;
                }
            }
        }
        Ok(())
    }

    fn unknown(&self, name: &str, shape: &Shape) -> Result<(), ParamError> {
        let known: Vec<&str> = shape.properties.keys().map(String::as_str).collect();
        self.wrong(format!("unknown field `{name}`"), Some(format!("known are {}", known.join(", "))))
    }

    fn list(&mut self, shape: &Shape, list: &List) -> Result<(), ParamError> {
        self.size(list.len() as u64, shape.min_items, shape.max_items, "items")?;
        let Some(inner) = &shape.items else { return Ok(()) };
        let mut each = list.iter().enumerate();
        each.try_for_each(|(index, item)| self.within(index.into(), |here| here.check(inner, item)))
    }

    fn size(&self, size: u64, least: Option<u64>, most: Option<u64>, what: &str) -> Result<(), ParamError> {
        match (least, most) {
            (Some(least), _) if size < least => {
                self.wrong(format!("it must have at least {least} {what}"), None)
            }
            (_, Some(most)) if size > most => self.wrong(format!("it may have {most} {what} at most"), None),
            _ => Ok(()),
        }
    }

    fn number(&self, shape: &Shape, number: f64) -> Result<(), ParamError> {
        match (shape.minimum, shape.maximum) {
            (Some(least), _) if number < least => self.wrong(format!("it must be {least} or more"), None),
            (_, Some(most)) if number > most => self.wrong(format!("it must be {most} or less"), None),
            _ => Ok(()),
        }
    }

    fn any_of(&mut self, shape: &Shape, value: &Value) -> Result<(), ParamError> {
        let mut first = None;
        for choice in &shape.any_of {
            match self.check(choice, value) {
                Ok(()) => return Ok(()),
                Err(error) => drop(first.get_or_insert(error)),
            }
        }
        match (first, shape.any_of.len()) {
            (None, _) => Ok(()),
            (Some(only), 1) => Err(only),
            (Some(first), many) => {
                self.wrong(format!("it fits none of the {many} forms that it may have"), Some(first.message))
            }
        }
    }
}

impl Shape {
    fn takes_null(&self) -> bool {
        self.types.0.contains(&Type::Null) || self.any_of.iter().any(Shape::takes_null)
    }
}

fn found(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a bool",
        Value::Int(_) => "an int",
        Value::Float(_) => "a float",
        Value::Str(_) => "a string",
        Value::List(_) => "a list",
        Value::Map(_) => "a map",
    }
}

#[cfg(test)]
mod tests {
    use prana_template::{from_value, value};

    use super::*;

    fn shape(schema: Value) -> Shape {
        from_value(&schema).unwrap()
    }

    fn check(schema: &Value, value: &Value) -> String {
        match shape(schema.clone()).check(value, &|_| false) {
            Ok(()) => "ok".to_owned(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn what_fits_and_what_does_not() {
        let text = value!({"type": "string", "minLength": 2, "maxLength": 3});
        let number = value!({"type": ["integer", "null"], "minimum": 1, "maximum": 9});
        let list = value!({"type": "array", "items": {"type": "string"}, "maxItems": 2});
        let color = value!({"enum": ["red", "green"]});
        let either = value!({"anyOf": [{"type": "string"}, {"type": "object", "required": ["id"]}]});
        for (schema, value, expected) in [
            (&text, value!("äöü"), "ok"),
            (&text, value!("a"), "it must have at least 2 characters"),
            (&text, value!("abcd"), "it may have 3 characters at most"),
            (&text, value!(7), "expected text, found an int"),
            (&number, value!(null), "ok"),
            (&number, value!(2.0), "ok"),
            (&number, value!(2.5), "expected a whole number or null, found a float"),
            (&number, value!(0), "it must be 1 or more"),
            (&number, value!(10), "it must be 9 or less"),
            (&list, value!(["a", "b"]), "ok"),
            (&list, value!(["a", 1]), "[1]: expected text, found an int"),
            (&list, value!(["a", "b", "c"]), "it may have 2 items at most"),
            (&color, value!("green"), "ok"),
            (&color, value!("blue"), "it must be one of \"red\", \"green\""),
            (&either, value!({"id": 1}), "ok"),
            (
                &either,
                value!({}),
                "it fits none of the 2 forms that it may have (expected text, found a map)",
            ),
        ] {
            assert_eq!(check(schema, &value), expected, "{value:?}");
        }
    }

    #[test]
    fn maps_have_what_is_required_and_nothing_unknown() {
        let schema = value!({"type": "object", "required": ["a"], "additionalProperties": false,
            "properties": {"a": {"type": "string"}, "b": {"type": "object", "additionalProperties": {"type": "integer"}}}});
        for (value, expected) in [
            (value!({"a": "x"}), "ok"),
            (value!({"a": "x", "b": null}), "ok"),
            (value!({"a": "x", "b": {"n": 1}}), "ok"),
            (value!({"a": "x", "b": {"n": "1"}}), "b.n: expected a whole number, found a string"),
            (value!({}), "the field `a` is missing"),
            (value!({"a": null}), "the field `a` is missing"),
            (value!({"a": "x", "c": 1}), "c: unknown field `c` (known are a, b)"),
        ] {
            assert_eq!(check(&schema, &value), expected, "{value:?}");
        }
    }

    #[test]
    fn what_is_not_known_yet_fits() {
        let schema = shape(
            value!({"required": ["a"], "properties": {"a": {"type": "string"}, "n": {"type": "integer"}}}),
        );
        let is_hole = |path: &[PathSegment]| path.first() == Some(&"a".into());
        assert!(schema.check(&value!({"a": null, "n": 1}), &is_hole).is_ok());
        assert!(schema.check(&value!({"a": null, "n": "1"}), &is_hole).is_err());
    }

    #[test]
    fn defaults_come_in_and_nulls_go_out() {
        let schema = shape(value!({"properties": {"a": {"default": 1}, "b": {}, "c": {"default": 2}}}));
        let given =
            Map::from_iter([("c".into(), value!(3)), ("b".into(), Value::Null), ("d".into(), value!(4))]);
        let complete = Value::Map(schema.completed(&given));
        assert_eq!(complete, value!({"a": 1, "c": 3, "d": 4}));
        assert!(schema.is_sure("a") && !schema.is_sure("b"));
    }

    #[test]
    fn schemas_that_are_refused() {
        for schema in [
            value!({"type": "text"}),
            value!({"pattern": "a"}),
            value!({"properties": {"a": {"type": 7}}}),
            value!({"additionalProperties": "no"}),
        ] {
            assert!(from_value::<Shape>(&schema).is_err(), "{schema:?}");
        }
        let mut deep = value!({"type": "string"});
        for _ in 0..=MAX_NESTED_CHOICES {
            deep = value!({"anyOf": [deep]});
        }
        assert!(shape(deep).problem().is_some());
        assert!(shape(value!({"properties": {"a": {}}, "required": ["b"]})).problem().is_some());
    }
}
