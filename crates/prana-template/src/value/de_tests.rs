use serde::Deserialize;

use super::*;
use crate::{names::PathSegment, value};

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Inner {
    port: String,
    #[serde(default)]
    weight: Option<u8>,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Plain,
    Sized(u32),
    Named { name: String },
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
struct Outer {
    cases: Vec<Inner>,
    kind: Kind,
    data: Value,
    ratio: f64,
    on: bool,
    pair: (i64, String),
    limits: std::collections::BTreeMap<String, i32>,
    list: List,
    map: Map,
}

impl Default for Outer {
    fn default() -> Self {
        Outer {
            cases: Vec::new(),
            kind: Kind::Plain,
            data: Value::Null,
            ratio: 0.0,
            on: false,
            pair: (0, String::new()),
            limits: Default::default(),
            list: List::new(),
            map: Map::new(),
        }
    }
}

#[test]
fn reads_what_fits() {
    let read: Outer = from_value(&value!({
        "cases": [{"port": "a", "weight": 3}, {"port": "b", "weight": null}], "kind": {"sized": 4}, "ratio": 2, "on": true,
        "pair": [-1, "x"], "limits": {"a": 1}, "list": [1], "map": {"k": [null]},
    }))
    .unwrap();
    assert_eq!(read.cases[0], Inner { port: "a".into(), weight: Some(3) });
    assert_eq!((&read.kind, read.ratio, read.pair.0, read.limits["a"]), (&Kind::Sized(4), 2.0, -1, 1));
    assert_eq!((read.list.len(), read.map.len()), (1, 1));
    let named: Outer = from_value(&value!({"kind": {"named": {"name": "n"}}})).unwrap();
    assert_eq!(named.kind, Kind::Named { name: "n".into() });
}

#[test]
fn says_where_and_what_is_wrong() {
    for (value, message) in [
        (value!(1), "expected a map, found an int"),
        (value!([1]), "expected a map, found a list"),
        (value!({"cases": {}}), "cases: expected a list, found a map"),
        (value!({"cases": [{"port": "a"}, {"port": 1}]}), "cases[1].port: expected text, found an int"),
        (value!({"cases": [{}]}), "cases[0]: the field `port` is missing"),
        (value!({"cases": [{"prot": "a"}]}), "cases[0].prot: unknown field `prot` (did you mean `port`?)"),
        (
            value!({"cases": [{"zzzzzz": "a"}]}),
            "cases[0].zzzzzz: unknown field `zzzzzz` (known are port, weight)",
        ),
        (
            value!({"cases": [{"port": "a", "weight": 300}]}),
            "cases[0].weight: expected a whole number from 0 to 255, found a number out of range",
        ),
        (
            value!({"cases": [{"port": "a", "weight": -1}]}),
            "cases[0].weight: expected a whole number from 0 to 255, found a number out of range",
        ),
        (
            value!({"cases": [{"port": "a", "weight": 1.0}]}),
            "cases[0].weight: expected a whole number from 0 to 255, found a float",
        ),
        (value!({"on": "true"}), "on: expected true or false, found a string"),
        (value!({"on": null}), "on: expected true or false, found null"),
        (value!({"ratio": "1"}), "ratio: expected a number, found a string"),
        (value!({"kind": "plian"}), "kind: unknown variant `plian` (did you mean `plain`?)"),
        (value!({"kind": 1}), "kind: expected one of plain, sized, named, found an int"),
        (
            value!({"kind": {"sized": "x"}}),
            "kind.sized: expected a whole number that is not negative, found a string",
        ),
        (value!({"kind": {"named": {}}}), "kind.named: the field `name` is missing"),
        (value!({"pair": [1, "x", 2]}), "pair: expected a tuple of size 2, found a list of 3"),
        (
            value!({"limits": {"odd key": "x"}}),
            "limits[\"odd key\"]: expected a whole number, found a string",
        ),
        (value!({"list": 1}), "list: expected a list, found int"),
    ] {
        let error = from_value::<Outer>(&value).expect_err(message);
        assert_eq!(error.to_string(), message);
    }
}

#[test]
fn a_value_is_shared_and_not_copied() {
    let value = value!({"data": {"big": [1, 2, 3]}});
    let read: Outer = from_value(&value).unwrap();
    let (Some(Value::Map(before)), Value::Map(after)) = (value.get("data"), &read.data) else {
        panic!("not maps")
    };
    assert!(before.ptr_eq(after));
    // Other deserializers build it.
    let built: Outer = serde_json::from_str(r#"{"data": {"big": [1, 2, 3]}}"#).unwrap();
    assert_eq!(built.data, read.data);
    let wrapped: Vec<Option<Value>> = from_value(&value!([1, null, {"a": []}])).unwrap();
    assert_eq!(wrapped, vec![Some(value!(1)), None, Some(value!({"a": []}))]);
}

#[test]
fn holes_fit_anything_and_the_rest_is_checked() {
    let at = |path: &[PathSegment]| path.to_vec();
    let check = |value: Value, holes: &[Vec<PathSegment>]| {
        check_with_holes::<Outer>(&value, &|path| holes.iter().any(|hole| hole == path))
            .map_err(|e| e.to_string())
    };
    for field in ["cases", "kind", "data", "ratio", "on", "pair", "limits", "list", "map"] {
        let mut map = Map::new();
        map.insert(field, Value::Null);
        assert_eq!(check(map.into(), &[at(&[field.into()])]), Ok(()), "{field}");
    }
    assert_eq!(check(Value::Null, &[vec![]]), Ok(()));
    let inside = at(&["cases".into(), 0.into(), "port".into()]);
    assert_eq!(check(value!({"cases": [{"port": null}]}), std::slice::from_ref(&inside)), Ok(()));
    assert_eq!(
        check(value!({"cases": [{"port": null}], "on": 1}), std::slice::from_ref(&inside)),
        Err("on: expected true or false, found an int".into())
    );
    assert_eq!(
        check(value!({"cases": [{"port": null, "extra": null}]}), &[inside]),
        Err("cases[0].extra: unknown field `extra` (known are port, weight)".into())
    );
}

#[test]
fn a_hole_that_is_refused_is_no_error() {
    #[derive(Deserialize)]
    #[allow(dead_code)]
    struct Strict {
        id: std::net::IpAddr,
        tree: Tree,
    }
    #[derive(Deserialize)]
    #[allow(dead_code)]
    struct Tree {
        left: Option<Box<Tree>>,
    }
    assert!(check_with_holes::<Strict>(&value!({"id": null}), &|path| path == ["id".into()]).is_ok());
    assert!(check_with_holes::<Tree>(&value!(null), &|_| true).is_ok());
}
