//! The one data type between nodes: JSON-like, immutable, and cheap to clone.

mod convert;
mod de;
mod holes;
mod json;
mod list;
mod map;
mod param_error;
mod serde_impl;
mod str;

pub use de::{check_with_holes, from_value};
pub use json::JsonError;
pub use list::List;
pub(crate) use map::Entering;
pub use map::Map;
pub use param_error::ParamError;
pub use str::Str;

pub(crate) use json::{
    number_length, unicode_escape, write_float, write_int, write_json_text, write_value_within,
};

/// Deepest nesting of lists and maps that is accepted from outside or built by a template.
pub const MAX_DEPTH: u32 = 128;

/// A value: what flows between nodes, and what expressions give.
///
/// Cloning is O(1). Maps keep the order of insertion, and compare equal in any order; `1 == 1.0`. A float is always
/// finite: `From<f64>` turns NaN and the infinities into `Null`, as JSON writers do.
///
/// ```
/// use prana_template::{value, Value};
/// let user = value!({"name": "Ada", "tags": ["x", "y"]});
/// assert_eq!(user.get("tags").and_then(|t| t.as_list()).map(|t| t.len()), Some(2));
/// assert_eq!(user.to_json_string(), r#"{"name":"Ada","tags":["x","y"]}"#);
/// assert_eq!(Value::parse_json("[1, 1.0]").unwrap().to_json_string(), "[1,1.0]");
/// ```
#[derive(Clone, Default)]
pub enum Value {
    /// Nothing: JSON's null.
    #[default]
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A finite number with a fraction or an exponent.
    Float(f64),
    /// Text.
    Str(Str),
    /// A list.
    List(List),
    /// A map from text to values.
    Map(Map),
}

impl Value {
    /// The name of the type, as the `type` filter gives it: null, bool, int, float, string, list, map.
    pub fn type_name(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Bool(_) => "bool",
            Value::Int(_) => "int",
            Value::Float(_) => "float",
            Value::Str(_) => "string",
            Value::List(_) => "list",
            Value::Map(_) => "map",
        }
    }

    /// The one meaning of truth: false for null, false, 0, 0.0, "", [] and {}, true for all else.
    pub fn is_truthy(&self) -> bool {
        match self {
            Value::Null => false,
            Value::Bool(b) => *b,
            Value::Int(n) => *n != 0,
            Value::Float(x) => *x != 0.0,
            Value::Str(text) => !text.is_empty(),
            Value::List(list) => !list.is_empty(),
            Value::Map(map) => !map.is_empty(),
        }
    }

    /// True for null.
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// The text of a `Str`.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::Str(text) => Some(text),
            _ => None,
        }
    }

    /// An `Int`. A float that happens to be whole is not one.
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Value::Int(n) => Some(*n),
            _ => None,
        }
    }

    /// Any number, as a float.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Value::Int(n) => Some(*n as f64),
            Value::Float(x) => Some(*x),
            _ => None,
        }
    }

    /// A `Bool`.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Value::Bool(b) => Some(*b),
            _ => None,
        }
    }

    /// A `List`.
    pub fn as_list(&self) -> Option<&List> {
        match self {
            Value::List(list) => Some(list),
            _ => None,
        }
    }

    /// A `Map`.
    pub fn as_map(&self) -> Option<&Map> {
        match self {
            Value::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The value of a key; `None` for a missing key and for anything that is not a map.
    #[inline]
    pub fn get(&self, key: &str) -> Option<&Value> {
        match self {
            Value::Map(map) => map.get(key),
            _ => None,
        }
    }

    /// Levels of nesting: 0 for a scalar, 1 for a list or map of scalars. O(1).
    #[inline]
    pub fn depth(&self) -> u32 {
        match self {
            Value::List(list) => list.depth(),
            Value::Map(map) => map.depth(),
            _ => 0,
        }
    }

    /// Approximate bytes in memory, children included (shared ones each time they appear); saturating. O(1).
    #[inline]
    pub fn weight(&self) -> usize {
        let held = match self {
            Value::Str(text) => text.len() + 16,
            Value::List(list) => list.weight(),
            Value::Map(map) => map.weight(),
            _ => 0,
        };
        held.saturating_add(size_of::<Value>())
    }

    /// The form that the value takes inside text: null is nothing, text is itself, all else is compact JSON.
    pub fn to_text(&self) -> Str {
        match self {
            Value::Str(text) => text.clone(),
            Value::Null => Str::default(),
            other => other.to_json_string().into(),
        }
    }
}

/// Whether an integer and a float are the same number, without rounding the integer.
pub(crate) fn int_equals_float(int: i64, float: f64) -> bool {
    (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&float)
        && float.fract() == 0.0
        && float as i64 == int
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Value::Null, Value::Null) => true,
            (Value::Bool(a), Value::Bool(b)) => a == b,
            (Value::Int(a), Value::Int(b)) => a == b,
            (Value::Float(a), Value::Float(b)) => a == b,
            (Value::Int(a), Value::Float(b)) | (Value::Float(b), Value::Int(a)) => int_equals_float(*a, *b),
            (Value::Str(a), Value::Str(b)) => a == b,
            (Value::List(a), Value::List(b)) => a == b,
            (Value::Map(a), Value::Map(b)) => a == b,
            _ => false,
        }
    }
}

#[cfg(test)]
mod de_tests;
#[cfg(test)]
mod tests;
