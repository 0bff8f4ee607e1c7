use super::*;
use crate::value;

fn json(text: &str) -> Value {
    Value::parse_json(text).expect(text)
}

#[test]
fn value_fits_in_24_bytes() {
    assert_eq!(size_of::<Value>(), 24);
}

#[test]
fn json_reads_and_writes() {
    for text in [
        "null",
        "true",
        "false",
        "0",
        "-1",
        "9223372036854775807",
        "-9223372036854775808",
        "1.5",
        "2.0",
        "1e+300",
        "-0.0",
        r#""""#,
        r#""a\"b\\c\n""#,
        r#""\u0001é😀""#,
        "[]",
        "[1,[2,[3]]]",
        "{}",
        r#"{"b":1,"a":{"c":[{}]}}"#,
    ] {
        assert_eq!(json(text).to_json_string(), text);
    }
}

#[test]
fn json_is_normalised() {
    for (text, expect) in [
        (" [ 1 , 2 ] ", "[1,2]"),
        (r#"{"a":1,"b":2,"a":3}"#, r#"{"a":3,"b":2}"#),
        ("9223372036854775808", "9.223372036854776e+18"),
        ("1E2", "100.0"),
        ("-0", "-0.0"),
        (r#""\ud83d\ude00\/""#, r#""😀/""#),
    ] {
        assert_eq!(json(text).to_json_string(), expect);
    }
}

#[test]
fn floats_are_written_as_serde_json_writes_them() {
    for x in [0.1, 1e-5, 1e-7, 0.0001, 123456789.125, 1e15, 1e16, 1e21, 1.7976931348623157e308, 5e-324, 100.0]
    {
        assert_eq!(Value::Float(x).to_json_string(), serde_json::to_string(&x).unwrap(), "{x}");
    }
}

#[test]
fn bad_json_says_where() {
    for (text, message, line, column) in [
        ("", "the JSON text ends where a value should be", 1, 1),
        ("[1,\n 2", "expected `,` or `]`", 2, 3),
        ("[1,]", "expected a JSON value", 1, 4),
        (r#"{"a" 1}"#, "expected `:` after the key", 1, 6),
        ("{a: 1}", "expected a key in double quotes", 1, 2),
        ("1 2", "unexpected text after the JSON document", 1, 3),
        ("01", "bad number", 1, 1),
        ("1e400", "the number is beyond the range of a float", 1, 1),
        ("\"a\nb\"", "a control character inside text must be escaped", 1, 3),
        (r#""\ud800""#, "bad \\u escape in text", 1, 2),
        (r#""\ud800\ud800""#, "bad \\u escape in text", 1, 2),
        (r#""\udc00\udc00""#, "bad \\u escape in text", 1, 2),
        (r#""abc"#, "the text is not closed", 1, 5),
        ("NaN", "expected a JSON value", 1, 1),
    ] {
        let error = Value::parse_json(text).expect_err(text);
        assert_eq!((error.message.as_str(), error.line, error.column), (message, line, column), "{text}");
    }
    assert!(Value::parse_json([b'"', 0xff, b'"']).is_err());
}

#[test]
fn nesting_is_limited() {
    let nested = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
    assert_eq!(json(&nested(128)).depth(), 128);
    assert!(Value::parse_json(nested(129)).is_err());
    assert!(Value::parse_json(nested(1_000_000)).is_err());
    assert!(serde_json::from_str::<Value>(&nested(100_000)).is_err());
}

#[test]
fn equality_is_by_number_and_without_order() {
    assert_eq!(value!(1), value!(1.0));
    assert_ne!(value!(1), value!("1"));
    assert_ne!(value!(i64::MAX), Value::Float(i64::MAX as f64));
    assert_eq!(value!({"a": 1, "b": [2]}), value!({"b": [2.0], "a": 1}));
    assert_ne!(value!({"a": null}), value!({"b": null}));
}

#[test]
fn truth_has_one_meaning() {
    for falsy in [value!(null), value!(false), value!(0), value!(0.0), value!(""), value!([]), value!({})] {
        assert!(!falsy.is_truthy(), "{falsy:?}");
    }
    for truthy in [value!(true), value!(-1), value!(0.5), value!("0"), value!([null]), value!({"a": null})] {
        assert!(truthy.is_truthy(), "{truthy:?}");
    }
}

#[test]
fn text_form() {
    for (value, text) in [
        (value!(null), ""),
        (value!("a\"b"), "a\"b"),
        (value!(1), "1"),
        (value!(2.0), "2.0"),
        (value!(true), "true"),
        (value!(["a", null]), r#"["a",null]"#),
    ] {
        assert_eq!(value.to_text(), text);
    }
}

#[test]
fn maps_keep_order_small_and_large() {
    for n in [0usize, 1, 7, 8, 9, 10, 100] {
        let mut map = Map::new();
        for i in 0..n {
            map.insert(format!("k{}", (i * 37) % 101), i);
        }
        let same: Map = map.iter().map(|(k, v)| (k.clone(), v.clone())).collect();
        assert_eq!(map, same);
        assert_eq!((map.len(), map.depth(), map.weight()), (n, 1, same.weight()));
        for i in 0..n {
            let key = format!("k{}", (i * 37) % 101);
            assert_eq!(map.get(&key), Some(&Value::from(i)), "{n} {key}");
            assert_eq!(map.entry_at(i).map(|(k, _)| k.as_str()), Some(key.as_str()));
        }
        assert!(map.get("k101").is_none());
        if n > 2 {
            let third = map.entry_at(2).map(|(k, _)| k.clone()).unwrap();
            assert_eq!(map.remove(&third), Some(Value::from(2)));
            assert_eq!((map.get(&third), map.len()), (None, n - 1));
            assert_eq!(map.get(map.entry_at(n - 2).unwrap().0), Some(&Value::from(n - 1)));
            assert_eq!(same.len(), n, "a clone is not changed");
        }
    }
}

#[test]
fn repeated_keys_keep_the_first_place_and_the_last_value() {
    for n in [3usize, 30] {
        let twice = (0..2 * n).map(|i| (Str::from(format!("k{:02}", (n - 1) - i % n)), Value::from(i)));
        let map: Map = twice.collect();
        assert_eq!(map.len(), n);
        assert_eq!(map.entry_at(0), Some((&Str::from(format!("k{:02}", n - 1)), &Value::from(n))));
        let keys: Vec<_> = map.keys().cloned().collect();
        for key in &keys {
            assert!(map.contains_key(key));
        }
    }
}

#[test]
fn depth_and_weight_follow_changes() {
    let mut map = Map::new();
    map.insert("a", value!([[1]]));
    assert_eq!(map.depth(), 3);
    map.insert("a", 1);
    assert_eq!(map.depth(), 1);
    let fresh: Map = [(Str::from("a"), value!(1))].into_iter().collect();
    assert_eq!(map.weight(), fresh.weight());
    let mut list = List::new();
    list.push(value!({"a": []}));
    assert_eq!((list.depth(), List::from(vec![value!({"a": []})]).weight()), (3, list.weight()));
}

#[test]
fn weight_saturates() {
    let mut value = value!("some text that is shared");
    for _ in 0..100 {
        value = Value::List(vec![value.clone(), value].into());
    }
    assert_eq!(value.weight(), usize::MAX);
    let mut map = Map::new();
    map.insert("a", value);
    map.insert("a", 1);
    assert!(map.weight() < 1000);
}

#[test]
fn serde_json_both_ways() {
    let text = r#"{"a":[1,-2,1.5,"x",null,true],"n":18446744073709551615}"#;
    let ours = json(text);
    assert_eq!(serde_json::from_str::<Value>(text).unwrap(), ours);
    assert_eq!(Value::from(serde_json::from_str::<serde_json::Value>(text).unwrap()), ours);
    assert_eq!(serde_json::to_string(&ours).unwrap(), ours.to_json_string());
    assert_eq!(Value::from(serde_json::Value::from(&ours)), ours);
    assert_eq!(Value::from(f64::NAN), Value::Null);
}
