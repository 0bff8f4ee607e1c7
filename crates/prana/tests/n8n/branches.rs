//! `If`, `Filter`, `Switch`, `Merge`: of one item, and of a list.

use serde_json::{Value as Json, json};

use super::{chain, executed, fails, gather, gives, node, ran, set, split, start, workflow};

fn test(left: &str, kind: &str, operation: &str, right: Json) -> Json {
    json!({"leftValue": left, "rightValue": right, "operator": {"type": kind, "operation": operation}})
}

fn conditions(tests: Vec<Json>, combinator: &str) -> Json {
    json!({"conditions": {"options": {"caseSensitive": true, "typeValidation": "strict"}, "combinator": combinator, "conditions": tests}})
}

/// The word that is set behind the output that is taken.
#[track_caller]
fn taken(version: f64, parameters: Json, input: Json, expect: bool) {
    let nodes = vec![
        start(),
        node("If", "if", version, parameters),
        set("Yes", &[("r", "yes")]),
        set("No", &[("r", "no")]),
    ];
    let export = workflow(nodes, &[("Start", 0, "If", 0), ("If", 0, "Yes", 0), ("If", 1, "No", 0)]);
    gives(&export, input, json!({"r": if expect { "yes" } else { "no" }}));
}

#[test]
fn newer_conditions() {
    let data = json!({"s": "Hello", "n": 5, "t": true, "l": [1, 2], "m": {}, "d": "2026-01-02T00:00:00Z", "z": null});
    for (left, kind, operation, right, expect) in [
        ("={{ $json.s }}", "string", "equals", json!("Hello"), true),
        ("={{ $json.s }}", "string", "notEquals", json!("Hello"), false),
        ("={{ $json.s }}", "string", "contains", json!("ell"), true),
        ("={{ $json.s }}", "string", "notContains", json!("ell"), false),
        ("={{ $json.s }}", "string", "startsWith", json!("He"), true),
        ("={{ $json.s }}", "string", "notEndsWith", json!("lo"), false),
        ("={{ $json.s }}", "string", "regex", json!("^h.*o$"), false),
        ("={{ $json.s }}", "string", "regex", json!("/^h.*o$/i"), true),
        ("={{ $json.z }}", "string", "exists", json!(null), false),
        ("={{ $json.q }}", "string", "empty", json!(null), true),
        ("={{ $json.s }}", "string", "notEmpty", json!(null), true),
        ("={{ $json.n }}", "number", "gt", json!(4), true),
        ("={{ $json.n }}", "number", "lte", json!("4"), false),
        ("={{ $json.z }}", "number", "gt", json!(4), false),
        ("={{ $json.n }}", "number", "equals", json!("=5"), false),
        ("={{ $json.n }}", "number", "equals", json!("={{ 5 }}"), true),
        ("={{ $json.t }}", "boolean", "true", json!(null), true),
        ("={{ $json.z }}", "boolean", "false", json!(null), true),
        ("={{ $json.d }}", "dateTime", "after", json!("2026-01-01"), true),
        ("={{ $json.d }}", "dateTime", "before", json!("={{ $now }}"), true),
        ("={{ $json.z }}", "dateTime", "after", json!("2026-01-01"), false),
        ("={{ $json.l }}", "array", "contains", json!("={{ 2 }}"), true),
        ("={{ $json.l }}", "array", "lengthGt", json!(2), false),
        ("={{ $json.m }}", "object", "empty", json!(null), true),
    ] {
        taken(2.2, conditions(vec![test(left, kind, operation, right)], "and"), data.clone(), expect);
    }
}

#[test]
fn several_conditions() {
    let tests = || {
        vec![
            test("={{ $json.a }}", "number", "gt", json!(1)),
            test("={{ $json.b }}", "number", "gt", json!(1)),
        ]
    };
    taken(2.2, conditions(tests(), "and"), json!({"a": 2, "b": 0}), false);
    taken(2.2, conditions(tests(), "or"), json!({"a": 2, "b": 0}), true);
    taken(2.2, conditions(vec![], "and"), json!({}), true);
}

#[test]
fn loose_types_and_case() {
    let mut loose = conditions(vec![test("={{ $json.n }}", "number", "gt", json!(4))], "and");
    loose["looseTypeValidation"] = json!(true);
    taken(2.2, loose.clone(), json!({"n": "5"}), true);
    let text = vec![test("={{ $json.n }}", "string", "equals", json!("5"))];
    let mut loose = conditions(text.clone(), "and");
    taken(2.2, loose.clone(), json!({"n": 5}), false);
    loose["conditions"]["options"]["typeValidation"] = json!("loose");
    taken(2.2, loose, json!({"n": 5}), true);
    let mut any_case = conditions(vec![test("={{ $json.s }}", "string", "equals", json!("HELLO"))], "and");
    any_case["options"] = json!({"ignoreCase": true});
    taken(2.2, any_case, json!({"s": "hello"}), true);
}

#[test]
fn older_conditions() {
    let number =
        json!({"conditions": {"number": [{"value1": "={{ $json.n }}", "operation": "larger", "value2": 3}]}});
    taken(1.0, number.clone(), json!({"n": 4}), true);
    taken(1.0, number, json!({"n": "3"}), false);
    let text = json!({"conditions": {"string": [{"value1": "={{ $json.s }}", "value2": "a"}], "boolean": [{"value1": true, "value2": true}]}, "combineOperation": "any"});
    taken(1.0, text, json!({"s": "b"}), true);
    taken(
        1.0,
        json!({"conditions": {"string": [{"value1": "={{ $json.s }}", "operation": "isEmpty"}]}}),
        json!({}),
        true,
    );
}

#[test]
fn a_condition_without_a_counterpart_fails() {
    let parameters = conditions(vec![test("={{ $json.s }}", "string", "soundsLike", json!("x"))], "and");
    let export = chain(vec![node("If", "if", 2.2, parameters)]);
    fails(&export, json!({}), "this comparison has no counterpart");
}

/// Of a list each branch gets its part; a branch without items does not run.
#[test]
fn a_list_goes_both_ways() {
    let parameters = conditions(vec![test("={{ $json.n }}", "number", "gt", json!(1))], "and");
    let nodes =
        vec![start(), split(), node("If", "if", 2.2, parameters), gather(), with_name(gather(), "Rest")];
    let export = workflow(
        nodes,
        &[("Start", 0, "Split", 0), ("Split", 0, "If", 0), ("If", 0, "Gather", 0), ("If", 1, "Rest", 0)],
    );
    let (_, execution) = executed(&export, json!({"list": [{"n": 1}, {"n": 2}, {"n": 3}]}));
    let output = |key: &str| {
        execution.node_executions.iter().find(|run| *run.node_key == *key).map(|run| Json::from(&run.output))
    };
    assert_eq!(output("gather"), Some(json!({"data": [{"n": 2}, {"n": 3}]})));
    assert_eq!(output("rest"), Some(json!({"data": [{"n": 1}]})));
    let (_, execution) = executed(&export, json!({"list": [{"n": 5}]}));
    let ran = ran(&execution);
    assert!(ran.contains(&"gather".to_owned()) && !ran.contains(&"rest".to_owned()), "{ran:?}");
}

fn with_name(mut node: Json, name: &str) -> Json {
    node["name"] = json!(name);
    node
}

#[test]
fn filters() {
    let filter = || {
        node(
            "Filter",
            "filter",
            2.0,
            conditions(vec![test("={{ $json.n }}", "number", "gt", json!(1))], "and"),
        )
    };
    gives(
        &chain(vec![split(), filter(), gather()]),
        json!({"list": [{"n": 1}, {"n": 2}]}),
        json!({"data": [{"n": 2}]}),
    );
    gives(&chain(vec![filter(), set("After", &[("r", "={{ $json.n }}")])]), json!({"n": 2}), json!({"r": 2}));
    let (_, execution) = executed(&chain(vec![filter(), set("After", &[("r", "x")])]), json!({"n": 1}));
    assert_eq!(ran(&execution), ["start", "filter"]);
}

fn rules(values: &[&str], options: Json) -> Json {
    let rule = |value: &&str| {
        let mut rule = conditions(vec![test("={{ $json.k }}", "string", "contains", json!(value))], "and");
        rule["outputKey"] = json!(format!("Has {value}"));
        rule
    };
    json!({"rules": {"values": values.iter().map(rule).collect::<Vec<_>>()}, "options": options})
}

/// Which of the outputs have run for a value.
#[track_caller]
fn switched(version: f64, parameters: Json, value: Json, expect: &[&str]) {
    let nodes = vec![
        start(),
        node("Switch", "switch", version, parameters),
        set("A", &[("r", "a")]),
        set("B", &[("r", "b")]),
        set("C", &[("r", "c")]),
    ];
    let export = workflow(
        nodes,
        &[("Start", 0, "Switch", 0), ("Switch", 0, "A", 0), ("Switch", 1, "B", 0), ("Switch", 2, "C", 0)],
    );
    let (_, execution) = executed(&export, json!({"k": value}));
    assert!(execution.error().is_none(), "{:?}", execution.error());
    let ran: Vec<String> =
        ran(&execution).into_iter().filter(|key| ["a", "b", "c"].contains(&key.as_str())).collect();
    assert_eq!(ran, expect, "{value}");
}

#[test]
fn switches() {
    switched(3.2, rules(&["x", "y"], json!({})), json!("xy"), &["a"]);
    switched(3.2, rules(&["x", "y"], json!({})), json!("y"), &["b"]);
    switched(3.2, rules(&["x", "y"], json!({})), json!("z"), &[]);
    switched(3.2, rules(&["x", "y"], json!({"fallbackOutput": "extra"})), json!("z"), &["c"]);
    switched(3.2, rules(&["x", "y"], json!({"fallbackOutput": 0})), json!("z"), &["a"]);
    switched(3.2, rules(&["x", "y"], json!({"allMatchingOutputs": true})), json!("xy"), &["a", "b"]);
    switched(
        3.2,
        rules(&["x", "y"], json!({"allMatchingOutputs": true, "fallbackOutput": "extra"})),
        json!("z"),
        &["c"],
    );
    let by_number = json!({"mode": "expression", "numberOutputs": 3, "output": "={{ $json.k }}"});
    switched(3.2, by_number, json!(2), &["c"]);
    let older = json!({"dataType": "string", "value1": "={{ $json.k }}", "rules": {"rules": [{"value2": "x"}, {"value2": "y", "output": 1}]}, "fallbackOutput": 2});
    switched(1.0, older.clone(), json!("y"), &["b"]);
    switched(1.0, older, json!("z"), &["c"]);
}

#[test]
fn a_list_is_switched() {
    let nodes = vec![
        start(),
        split(),
        node("Switch", "switch", 3.2, rules(&["x", "y"], json!({"fallbackOutput": "extra"}))),
        gather(),
        with_name(gather(), "Two"),
        with_name(gather(), "Three"),
    ];
    let links = [
        ("Start", 0, "Split", 0),
        ("Split", 0, "Switch", 0),
        ("Switch", 0, "Gather", 0),
        ("Switch", 1, "Two", 0),
        ("Switch", 2, "Three", 0),
    ];
    let (_, execution) =
        executed(&workflow(nodes, &links), json!({"list": [{"k": "xy"}, {"k": "y"}, {"k": "z"}]}));
    let output = |key: &str| {
        execution.node_executions.iter().find(|run| *run.node_key == *key).map(|run| Json::from(&run.output))
    };
    assert_eq!(output("gather"), Some(json!({"data": [{"k": "xy"}]})));
    assert_eq!(output("two"), Some(json!({"data": [{"k": "y"}]})));
    assert_eq!(output("three"), Some(json!({"data": [{"k": "z"}]})));
}

/// Two lists into a merge, and all that comes out.
#[track_caller]
fn merged(parameters: Json, left: Json, right: Json, expect: Json) {
    let side = |name: &str| node(name, "splitOut", 1.0, json!({"fieldToSplitOut": name.to_lowercase()}));
    let nodes = vec![start(), side("Left"), side("Right"), node("Merge", "merge", 3.0, parameters), gather()];
    let links = [
        ("Start", 0, "Left", 0),
        ("Start", 0, "Right", 0),
        ("Left", 0, "Merge", 0),
        ("Right", 0, "Merge", 1),
        ("Merge", 0, "Gather", 0),
    ];
    gives(&workflow(nodes, &links), json!({"left": left, "right": right}), json!({"data": expect}));
}

#[test]
fn merges() {
    let (a, b) = (
        json!([{"id": 1, "a": "x"}, {"id": 2, "a": "y"}]),
        json!([{"id": 2, "b": "q"}, {"id": 3, "b": "r"}, {"id": 2, "b": "s"}]),
    );
    let both = |parameters: Json, expect: Json| merged(parameters, a.clone(), b.clone(), expect);
    both(
        json!({}),
        json!([{"id": 1, "a": "x"}, {"id": 2, "a": "y"}, {"id": 2, "b": "q"}, {"id": 3, "b": "r"}, {"id": 2, "b": "s"}]),
    );
    both(
        json!({"mode": "combine", "combineBy": "combineByPosition"}),
        json!([{"id": 2, "a": "x", "b": "q"}, {"id": 3, "a": "y", "b": "r"}]),
    );
    both(
        json!({"mode": "combine", "combineBy": "combineByPosition", "options": {"includeUnpaired": true}}),
        json!([{"id": 2, "a": "x", "b": "q"}, {"id": 3, "a": "y", "b": "r"}, {"id": 2, "b": "s"}]),
    );
    let by = |join: &str| json!({"mode": "combine", "combineBy": "combineByFields", "fieldsToMatchString": "id", "joinMode": join});
    both(by("keepMatches"), json!([{"id": 2, "a": "y", "b": "q"}, {"id": 2, "a": "y", "b": "s"}]));
    both(by("keepNonMatches"), json!([{"id": 1, "a": "x"}, {"id": 3, "b": "r"}]));
    both(
        by("enrichInput1"),
        json!([{"id": 1, "a": "x"}, {"id": 2, "a": "y", "b": "q"}, {"id": 2, "a": "y", "b": "s"}]),
    );
    both(
        by("keepEverything"),
        json!([{"id": 2, "a": "y", "b": "q"}, {"id": 2, "a": "y", "b": "s"}, {"id": 1, "a": "x"}, {"id": 3, "b": "r"}]),
    );
    let first = json!({"mode": "combine", "combineBy": "combineByFields", "fieldsToMatchString": "id", "options": {"multipleMatches": "first"}});
    both(first, json!([{"id": 2, "a": "y", "b": "q"}]));
    merged(
        json!({"mode": "combine", "combineBy": "combineAll"}),
        json!([{"a": 1}, {"a": 2}]),
        json!([{"b": 1}]),
        json!([{"a": 1, "b": 1}, {"a": 2, "b": 1}]),
    );
    both(json!({"mode": "chooseBranch"}), a.clone());
    both(json!({"mode": "chooseBranch", "useDataOfInput": "2"}), b.clone());
}

/// Single items are merged as lists of one.
#[test]
fn merges_of_single_items() {
    let nodes = vec![
        start(),
        set("A", &[("a", "={{ $json.n }}")]),
        set("B", &[("b", "={{ $json.n }}")]),
        node("Merge", "merge", 3.0, json!({})),
        gather(),
    ];
    let links = [
        ("Start", 0, "A", 0),
        ("Start", 0, "B", 0),
        ("A", 0, "Merge", 0),
        ("B", 0, "Merge", 1),
        ("Merge", 0, "Gather", 0),
    ];
    gives(&workflow(nodes, &links), json!({"n": 1}), json!({"data": [{"a": 1}, {"b": 1}]}));
}

/// A merge behind an `If` does not wait for the way that was not taken.
#[test]
fn a_merge_behind_two_ways() {
    let parameters = conditions(vec![test("={{ $json.n }}", "number", "gt", json!(1))], "and");
    let nodes = vec![
        start(),
        node("If", "if", 2.2, parameters),
        set("A", &[("r", "a")]),
        set("B", &[("r", "b")]),
        node("Merge", "merge", 3.0, json!({})),
        gather(),
    ];
    let links = [
        ("Start", 0, "If", 0),
        ("If", 0, "A", 0),
        ("If", 1, "B", 0),
        ("A", 0, "Merge", 0),
        ("B", 0, "Merge", 1),
        ("Merge", 0, "Gather", 0),
    ];
    gives(&workflow(nodes, &links), json!({"n": 1}), json!({"data": [{"r": "b"}]}));
}
