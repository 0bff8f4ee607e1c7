//! What makes two values the same, and which of them comes first.

use std::cmp::Ordering;
use std::fmt::Write;

use prana_template::{Map, Value};

/// A text that two values have in common exactly if they are equal: `1` and `1.0` are, and maps in any order of keys.
pub fn key_of<'a>(values: impl IntoIterator<Item = &'a Value>) -> String {
    let mut key = String::new();
    for value in values {
        write_key(value, &mut key);
    }
    key
}

fn write_key(value: &Value, key: &mut String) {
    match value {
        Value::Null => key.push('n'),
        Value::Bool(true) => key.push('t'),
        Value::Bool(false) => key.push('f'),
        Value::Int(int) => push(key, format_args!("i{int};")),
        Value::Float(float) => write_float(*float, key),
        Value::Str(text) => push(key, format_args!("s{}:{text}", text.len())),
        Value::List(items) => {
            key.push('[');
            items.iter().for_each(|item| write_key(item, key));
            key.push(']');
        }
        Value::Map(map) => write_map(map, key),
    }
}

/// A whole number that an integer can hold exactly is written as one.
fn write_float(float: f64, key: &mut String) {
    const BEYOND: f64 = 9_223_372_036_854_775_808.0;
    match float.fract() == 0.0 && (-BEYOND..BEYOND).contains(&float) {
        true => push(key, format_args!("i{};", float as i64)),
        false => push(key, format_args!("d{};", float.to_bits())),
    }
}

fn write_map(map: &Map, key: &mut String) {
    let mut entries: Vec<_> = map.iter().collect();
    entries.sort_unstable_by(|(a, _), (b, _)| a.as_str().cmp(b.as_str()));
    key.push('{');
    for (name, value) in entries {
        push(key, format_args!("{}:{name}", name.len()));
        write_key(value, key);
    }
    key.push('}');
}

fn push(key: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a string can't fail.
    let _ = key.write_fmt(text);
}

/// Numbers before text before all others, null last; numbers by size, text by code points, false before true. Lists and maps are
/// alike, so a stable sort leaves them as they were.
pub fn compare(a: &Value, b: &Value, descending: bool) -> Ordering {
    let ranks = rank(a).cmp(&rank(b));
    if ranks != Ordering::Equal || rank(a) == NULL_RANK {
        return if rank(a) == NULL_RANK || rank(b) == NULL_RANK { ranks } else { turn(ranks, descending) };
    }
    let order = match (a, b) {
        (Value::Str(a), Value::Str(b)) => a.as_str().cmp(b.as_str()),
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        (Value::Int(a), Value::Int(b)) => a.cmp(b),
        _ => compare_numbers(a, b),
    };
    turn(order, descending)
}

const NULL_RANK: u8 = 5;

fn rank(value: &Value) -> u8 {
    match value {
        Value::Int(_) | Value::Float(_) => 0,
        Value::Str(_) => 1,
        Value::Bool(_) => 2,
        Value::List(_) => 3,
        Value::Map(_) => 4,
        Value::Null => NULL_RANK,
    }
}

fn turn(order: Ordering, descending: bool) -> Ordering {
    if descending { order.reverse() } else { order }
}

fn compare_numbers(a: &Value, b: &Value) -> Ordering {
    match (a.as_f64(), b.as_f64()) {
        (Some(x), Some(y)) => x.total_cmp(&y).then_with(|| exact(a, b)),
        _ => Ordering::Equal,
    }
}

/// Two large integers may be the same as floats; and `-0.0` is `0`.
fn exact(a: &Value, b: &Value) -> Ordering {
    match (a.as_i64(), b.as_i64()) {
        (Some(a), Some(b)) => a.cmp(&b),
        _ => Ordering::Equal,
    }
}

#[cfg(test)]
mod tests {
    use prana_template::value;

    use super::*;

    #[test]
    fn equal_values_have_equal_keys() {
        for (a, b) in [
            (value!(1), value!(1.0)),
            (value!(0), value!(-0.0)),
            (value!({"a": 1, "b": [2]}), value!({"b": [2.0], "a": 1})),
        ] {
            assert_eq!(key_of([&a]), key_of([&b]));
        }
    }

    #[test]
    fn different_values_have_different_keys() {
        let values = [
            value!(null),
            value!(false),
            value!(true),
            value!(1),
            value!("1"),
            value!(1.5),
            value!(""),
            value!([]),
            value!({}),
            value!([1, 2]),
            value!([[1], 2]),
            value!(["n"]),
            value!([null]),
            value!({"a": null}),
            value!(1e300),
            value!(i64::MAX),
            value!(9_223_372_036_854_775_807.0),
        ];
        for (i, a) in values.iter().enumerate() {
            for (j, b) in values.iter().enumerate() {
                assert_eq!(key_of([a]) == key_of([b]), i == j, "{a:?} {b:?}");
            }
        }
        let (ab, c, a, bc) = (value!("ab"), value!("c"), value!("a"), value!("bc"));
        assert_ne!(key_of([&ab, &c]), key_of([&a, &bc]));
    }

    #[test]
    fn numbers_then_text_then_others_and_null_last() {
        let mut values =
            vec![value!(null), value!(true), value!("b"), value!(2), value!("a"), value!(1.5), value!(false)];
        values.sort_by(|a, b| compare(a, b, false));
        assert_eq!(Value::from(values.clone()), value!([1.5, 2, "a", "b", false, true, null]));
        values.sort_by(|a, b| compare(a, b, true));
        assert_eq!(Value::from(values), value!([true, false, "b", "a", 2, 1.5, null]));
    }
}
