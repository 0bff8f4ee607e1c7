//! `Code`, `Function` and `Function Item`.

use prana::elixir::Fate;
use serde_json::{Value as Json, json};

use super::{chain, fails, gather, gives, imported, node, set, split, with};

fn code(source: &str) -> Json {
    node("Code", "code", 2.0, json!({"jsCode": source}))
}

fn each(source: &str) -> Json {
    node("Code", "code", 2.0, json!({"mode": "runOnceForEachItem", "jsCode": source}))
}

/// What code makes of a list.
#[track_caller]
fn makes(node: Json, expect: Json) {
    gives(
        &chain(vec![split(), node, gather()]),
        json!({"list": [{"n": 1}, {"n": 2}]}),
        json!({"data": expect}),
    );
}

#[test]
fn once_for_all_items() {
    makes(code("return $input.all();"), json!([{"n": 1}, {"n": 2}]));
    makes(code("return items.map(item => ({json: {m: item.json.n * 2}}));"), json!([{"m": 2}, {"m": 4}]));
    makes(
        code("const items = $input.all();\nreturn [{sum: items[0].json.n + items[1].json.n}];"),
        json!([{"sum": 3}]),
    );
    makes(
        code("return {first: $input.first().json.n, last: $input.last().json.n};"),
        json!([{"first": 1, "last": 2}]),
    );
    makes(
        code("for (const item of $input.all()) {\n  item.json.seen = true;\n}\nreturn $input.all();"),
        json!([{"n": 1, "seen": true}, {"n": 2, "seen": true}]),
    );
}

#[test]
fn once_for_each_item() {
    makes(each("return {json: {m: $json.n + $itemIndex}};"), json!([{"m": 1}, {"m": 3}]));
    makes(each("$input.item.json.x = 1;\nreturn $input.item;"), json!([{"n": 1, "x": 1}, {"n": 2, "x": 1}]));
    gives(&chain(vec![each("return {m: $json.n};")]), json!({"n": 5}), json!({"m": 5}));
}

#[test]
fn the_forerunners() {
    makes(
        node("Code", "function", 1.0, json!({"functionCode": "items[0].json.m = 3;\nreturn items;"})),
        json!([{"n": 1, "m": 3}, {"n": 2}]),
    );
    makes(
        node("Code", "functionItem", 1.0, json!({"functionCode": "item.m = item.n;\nreturn item;"})),
        json!([{"n": 1, "m": 1}, {"n": 2, "m": 2}]),
    );
}

#[test]
fn items_of_other_nodes() {
    let source = "return [{a: $('Start').first().json.list.length, b: $('Edit').all().length, c: $node[\"Start\"].json.list[0].n}];";
    makes_after(source, json!([{"a": 2, "b": 2, "c": 1}]));
    makes_after("return $items('Edit').map(item => item.json);", json!([{"k": 1}, {"k": 2}]));
}

#[track_caller]
fn makes_after(source: &str, expect: Json) {
    let export = chain(vec![split(), set("Edit", &[("k", "={{ $json.n }}")]), code(source), gather()]);
    gives(&export, json!({"list": [{"n": 1}, {"n": 2}]}), json!({"data": expect}));
}

#[test]
fn what_goes_wrong() {
    fails(&chain(vec![code("throw new Error('so not');")]), json!({}), "so not");
    fails(&chain(vec![code("return $('Nobody').first();")]), json!({}), "the items of Nobody are not here");
    let go_on = with(code("throw new Error('so not');"), json!({"onError": "continueRegularOutput"}));
    let export = chain(vec![go_on, set("After", &[("e", "={{ $json.error }}")]), gather()]);
    let output = super::executed(&export, json!({})).1.output();
    assert!(output.to_json_string().contains("so not"), "{output:?}");
}

#[test]
fn what_code_can_not_have_is_said() {
    let report = imported(&chain(vec![code(
        "const x = await this.helpers.httpRequest({});\nreturn [{t: Date.now()}];",
    )]))
    .report;
    let text = report.lines().join("\n");
    assert_eq!(report.nodes[1].fate, Fate::NotPossible);
    assert!(text.contains("put an `http.request` before it") && text.contains("no clock"), "{text}");
}
