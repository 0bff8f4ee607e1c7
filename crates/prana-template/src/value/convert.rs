//! Conversions to [`Value`] from Rust and `serde_json`, and the [`value!`](crate::value!) macro.

use super::{List, Map, Str, Value};

impl From<bool> for Value {
    fn from(b: bool) -> Self {
        Value::Bool(b)
    }
}

macro_rules! from_int {
    ($($int:ty),*) => {$(
        impl From<$int> for Value {
            fn from(n: $int) -> Self {
                Value::Int(n.into())
            }
        }
    )*};
}
from_int!(i8, i16, i32, i64, u8, u16, u32);

/// Beyond `i64::MAX` the number becomes a float.
impl From<u64> for Value {
    fn from(n: u64) -> Self {
        i64::try_from(n).map_or(Value::Float(n as f64), Value::Int)
    }
}

/// Beyond `i64::MAX` the number becomes a float.
impl From<usize> for Value {
    fn from(n: usize) -> Self {
        Value::from(n as u64)
    }
}

/// NaN and the infinities, which JSON can't say, become null.
impl From<f64> for Value {
    fn from(x: f64) -> Self {
        if x.is_finite() { Value::Float(x) } else { Value::Null }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::Str(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Value::Str(text.into())
    }
}

impl From<&String> for Value {
    fn from(text: &String) -> Self {
        Value::Str(text.into())
    }
}

impl From<Str> for Value {
    fn from(text: Str) -> Self {
        Value::Str(text)
    }
}

impl From<&Str> for Value {
    fn from(text: &Str) -> Self {
        Value::Str(text.clone())
    }
}

impl From<List> for Value {
    fn from(list: List) -> Self {
        Value::List(list)
    }
}

impl From<Map> for Value {
    fn from(map: Map) -> Self {
        Value::Map(map)
    }
}

impl From<&Value> for Value {
    fn from(value: &Value) -> Self {
        value.clone()
    }
}

impl From<()> for Value {
    fn from((): ()) -> Self {
        Value::Null
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Value::Null, Into::into)
    }
}

impl<T: Into<Value>> From<Vec<T>> for Value {
    fn from(items: Vec<T>) -> Self {
        Value::List(items.into_iter().map(Into::into).collect())
    }
}

impl<T: Into<Value>, const N: usize> From<[T; N]> for Value {
    fn from(items: [T; N]) -> Self {
        Value::List(items.into_iter().map(Into::into).collect())
    }
}

impl FromIterator<Value> for Value {
    fn from_iter<I: IntoIterator<Item = Value>>(items: I) -> Self {
        Value::List(items.into_iter().collect())
    }
}

impl FromIterator<(Str, Value)> for Value {
    fn from_iter<I: IntoIterator<Item = (Str, Value)>>(entries: I) -> Self {
        Value::Map(entries.into_iter().collect())
    }
}

/// Integers beyond `i64` become floats. The nesting of `json` is taken as it is.
impl From<serde_json::Value> for Value {
    fn from(json: serde_json::Value) -> Self {
        match json {
            serde_json::Value::Null => Value::Null,
            serde_json::Value::Bool(b) => Value::Bool(b),
            serde_json::Value::Number(n) => match n.as_i64() {
                Some(int) => Value::Int(int),
                None => Value::from(n.as_f64().unwrap_or(f64::NAN)),
            },
            serde_json::Value::String(text) => Value::from(text),
            serde_json::Value::Array(items) => items.into_iter().map(Value::from).collect(),
            serde_json::Value::Object(entries) => {
                entries.into_iter().map(|(key, value)| (Str::from(key), Value::from(value))).collect()
            }
        }
    }
}

impl From<&serde_json::Value> for Value {
    fn from(json: &serde_json::Value) -> Self {
        Value::from(json.clone())
    }
}

impl From<&Value> for serde_json::Value {
    fn from(value: &Value) -> Self {
        match value {
            Value::Null => serde_json::Value::Null,
            Value::Bool(b) => (*b).into(),
            Value::Int(n) => (*n).into(),
            Value::Float(x) => (*x).into(),
            Value::Str(text) => text.as_str().into(),
            Value::List(list) => list.iter().map(serde_json::Value::from).collect(),
            Value::Map(map) => {
                map.iter().map(|(key, value)| (key.to_string(), serde_json::Value::from(value))).collect()
            }
        }
    }
}

impl From<Value> for serde_json::Value {
    fn from(value: Value) -> Self {
        serde_json::Value::from(&value)
    }
}

/// Builds a [`Value`] in the notation of JSON, with expressions in it.
///
/// ```
/// use prana_template::value;
/// let n = 2;
/// let order = value!({"id": 7, "lines": [{"n": n}, null, true], "note": format!("x{n}")});
/// assert_eq!(order.to_json_string(), r#"{"id":7,"lines":[{"n":2},null,true],"note":"x2"}"#);
/// ```
#[macro_export]
macro_rules! value {
    (null) => { $crate::Value::Null };
    ([$($items:tt)*]) => { $crate::Value::List($crate::List::from($crate::value_items!([] $($items)*))) };
    ({$($entries:tt)*}) => { $crate::Value::Map($crate::Map::from($crate::value_entries!([] $($entries)*))) };
    ($other:expr) => { $crate::Value::from($other) };
}

/// Items of a list in [`value!`]: `[done] rest`.
#[doc(hidden)]
#[macro_export]
macro_rules! value_items {
    ([$($done:expr,)*]) => { <[$crate::Value]>::into_vec(::std::boxed::Box::new([$($done,)*])) };
    ([$($done:expr,)*] null $(, $($rest:tt)*)?) => { $crate::value_items!([$($done,)* $crate::Value::Null,] $($($rest)*)?) };
    ([$($done:expr,)*] [$($list:tt)*] $(, $($rest:tt)*)?) => { $crate::value_items!([$($done,)* $crate::value!([$($list)*]),] $($($rest)*)?) };
    ([$($done:expr,)*] {$($map:tt)*} $(, $($rest:tt)*)?) => { $crate::value_items!([$($done,)* $crate::value!({$($map)*}),] $($($rest)*)?) };
    ([$($done:expr,)*] $item:expr $(, $($rest:tt)*)?) => { $crate::value_items!([$($done,)* $crate::Value::from($item),] $($($rest)*)?) };
}

/// Entries of a map in [`value!`]: `[done] rest`.
#[doc(hidden)]
#[macro_export]
macro_rules! value_entries {
    ([$($done:expr,)*]) => { <[($crate::Str, $crate::Value)]>::into_vec(::std::boxed::Box::new([$($done,)*])) };
    ([$($done:expr,)*] $key:tt : null $(, $($rest:tt)*)?) => { $crate::value_entries!([$($done,)* ($crate::Str::from($key), $crate::Value::Null),] $($($rest)*)?) };
    ([$($done:expr,)*] $key:tt : [$($list:tt)*] $(, $($rest:tt)*)?) => { $crate::value_entries!([$($done,)* ($crate::Str::from($key), $crate::value!([$($list)*])),] $($($rest)*)?) };
    ([$($done:expr,)*] $key:tt : {$($map:tt)*} $(, $($rest:tt)*)?) => { $crate::value_entries!([$($done,)* ($crate::Str::from($key), $crate::value!({$($map)*})),] $($($rest)*)?) };
    ([$($done:expr,)*] $key:tt : $item:expr $(, $($rest:tt)*)?) => { $crate::value_entries!([$($done,)* ($crate::Str::from($key), $crate::Value::from($item)),] $($($rest)*)?) };
}
