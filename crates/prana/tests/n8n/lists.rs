//! One item or many: what each node makes of them.

use serde_json::{Value as Json, json};

use super::{chain, executed, fails, gather, gives, node, ran, set, split, with};

/// What all items of a list become.
#[track_caller]
fn becomes(nodes: Vec<Json>, list: Json, expect: Json) {
    let nodes = std::iter::once(split()).chain(nodes).chain([gather()]).collect();
    gives(&chain(nodes), json!({"list": list}), json!({"data": expect}));
}

#[test]
fn fields_of_every_item() {
    becomes(
        vec![set(
            "Edit",
            &[("m", "={{ $json.n * 2 }}"), ("i", "={{ $itemIndex }}"), ("t", "=n is {{ $json.n }}")],
        )],
        json!([{"n": 1}, {"n": 2}]),
        json!([
            {"m": 2, "i": 0, "t": "n is 1"}, {"m": 4, "i": 1, "t": "n is 2"}
        ]),
    );
    let sum = set("Edit", &[("s", "={{ $input.all().map(i => i.json.n).sum() + $json.n }}")]);
    becomes(vec![sum], json!([{"n": 1}, {"n": 2}]), json!([{"s": 4}, {"s": 5}]));
    let nested = set("Edit", &[("s", "={{ $json.l.map(x => x + $json.n) }}")]);
    becomes(vec![nested], json!([{"n": 1, "l": [1, 2]}]), json!([{"s": [2, 3]}]));
}

/// An earlier node's item is told by its place, as long as each step keeps the places.
#[test]
fn items_of_earlier_nodes() {
    let nodes = vec![
        set("A", &[("a", "={{ $json.n }}")]),
        set("B", &[("b", "={{ $('Split').item.json.n + $json.a }}"), ("f", "={{ $('A').first().json.a }}")]),
    ];
    becomes(nodes, json!([{"n": 1}, {"n": 2}]), json!([{"b": 2, "f": 1}, {"b": 4, "f": 1}]));
    let filter = node(
        "Filter",
        "filter",
        1.0,
        json!({"conditions": {"number": [{"value1": "={{ $json.n }}", "operation": "larger", "value2": 1}]}}),
    );
    let export = chain(vec![split(), filter, set("B", &[("b", "={{ $('Split').item.json.n }}")]), gather()]);
    fails(
        &export,
        json!({"list": [{"n": 1}, {"n": 2}]}),
        "which item of `Split` belongs to this one can't be told",
    );
}

#[test]
fn sorting() {
    let by = |fields: Json| node("Sort", "sort", 1.0, json!({"sortFieldsUi": {"sortField": fields}}));
    becomes(vec![by(json!([{"fieldName": "n"}]))], json!([{"n": 2}, {"n": 1}]), json!([{"n": 1}, {"n": 2}]));
    becomes(
        vec![by(json!([{"fieldName": "s", "order": "descending"}]))],
        json!([{"s": "a"}, {"s": "C"}, {"s": "B"}]),
        json!([{"s": "C"}, {"s": "B"}, {"s": "a"}]),
    );
    becomes(
        vec![by(json!([{"fieldName": "a.k"}, {"fieldName": "n", "order": "descending"}]))],
        json!([{"a": {"k": 2}, "n": 1}, {"a": {"k": 1}, "n": 1}, {"a": {"k": 1}, "n": 2}]),
        json!([{"a": {"k": 1}, "n": 2}, {"a": {"k": 1}, "n": 1}, {"a": {"k": 2}, "n": 1}]),
    );
}

#[test]
fn limits_and_duplicates() {
    let list = json!([{"n": 1, "k": "a"}, {"n": 2, "k": "a"}, {"n": 1, "k": "a"}]);
    becomes(
        vec![node("Limit", "limit", 1.0, json!({"maxItems": 2}))],
        list.clone(),
        json!([{"n": 1, "k": "a"}, {"n": 2, "k": "a"}]),
    );
    becomes(
        vec![node("Limit", "limit", 1.0, json!({"keep": "lastItems"}))],
        list.clone(),
        json!([{"n": 1, "k": "a"}]),
    );
    becomes(
        vec![node("Once", "removeDuplicates", 2.0, json!({}))],
        list.clone(),
        json!([{"n": 1, "k": "a"}, {"n": 2, "k": "a"}]),
    );
    let selected = json!({"compare": "selectedFields", "fieldsToCompare": "k"});
    becomes(vec![node("Once", "removeDuplicates", 1.0, selected)], list.clone(), json!([{"n": 1, "k": "a"}]));
    let except = json!({"compare": "allFieldsExcept", "fieldsToExclude": "n"});
    becomes(vec![node("Once", "removeDuplicates", 1.0, except)], list, json!([{"n": 1, "k": "a"}]));
}

#[test]
fn aggregates() {
    let of = |fields: Json, options: Json| {
        node(
            "All",
            "aggregate",
            1.0,
            json!({"fieldsToAggregate": {"fieldToAggregate": fields}, "options": options}),
        )
    };
    let list = json!({"list": [{"n": 1, "t": ["a"]}, {"t": ["b", "c"]}]});
    gives(
        &chain(vec![split(), of(json!([{"fieldToAggregate": "n"}]), json!({}))]),
        list.clone(),
        json!({"n": [1]}),
    );
    gives(
        &chain(vec![split(), of(json!([{"fieldToAggregate": "n"}]), json!({"keepMissing": true}))]),
        list.clone(),
        json!({"n": [1, null]}),
    );
    let renamed = of(
        json!([{"fieldToAggregate": "t", "renameField": true, "outputFieldName": "tags"}]),
        json!({"mergeLists": true}),
    );
    gives(&chain(vec![split(), renamed]), list.clone(), json!({"tags": ["a", "b", "c"]}));
    let some = node(
        "All",
        "aggregate",
        1.0,
        json!({"aggregate": "aggregateAllItemData", "destinationFieldName": "out", "include": "specifiedFields", "fieldsToInclude": "n"}),
    );
    gives(&chain(vec![split(), some]), list, json!({"out": [{"n": 1}, {}]}));
    gives(&chain(vec![gather()]), json!({"n": 1}), json!({"data": [{"n": 1}]}));
}

#[test]
fn split_out() {
    let out = |parameters: Json| chain(vec![node("Split", "splitOut", 1.0, parameters), gather()]);
    let input = json!({"k": 1, "o": 2, "deep": {"list": [1, 2]}, "list": [{"a": 1}, {"a": 2}]});
    gives(&out(json!({"fieldToSplitOut": "list"})), input.clone(), json!({"data": [{"a": 1}, {"a": 2}]}));
    gives(
        &out(json!({"fieldToSplitOut": "deep.list"})),
        input.clone(),
        json!({"data": [{"deep.list": 1}, {"deep.list": 2}]}),
    );
    gives(
        &out(json!({"fieldToSplitOut": "list", "options": {"destinationFieldName": "x"}})),
        input.clone(),
        json!({"data": [{"x": {"a": 1}}, {"x": {"a": 2}}]}),
    );
    gives(
        &out(json!({"fieldToSplitOut": "list", "include": "selectedOtherFields", "fieldsToInclude": "k"})),
        input.clone(),
        json!({"data": [{"k": 1, "list": {"a": 1}}, {"k": 1, "list": {"a": 2}}]}),
    );
    gives(
        &out(json!({"fieldToSplitOut": "list", "include": "allOtherFields"})),
        json!({"k": 1, "list": [3]}),
        json!({"data": [{"k": 1, "list": 3}]}),
    );
    let older = chain(vec![
        node("Lists", "itemLists", 3.0, json!({"operation": "splitOutItems", "fieldToSplitOut": "list"})),
        gather(),
    ]);
    gives(&older, input, json!({"data": [{"a": 1}, {"a": 2}]}));
}

/// A node that is to run once gets the first item; without items nothing runs.
#[test]
fn once_and_never() {
    let once = with(set("Edit", &[("m", "={{ $json.n }}")]), json!({"executeOnce": true}));
    let export = chain(vec![split(), once]);
    gives(&export, json!({"list": [{"n": 1}, {"n": 2}]}), json!({"m": 1}));
    let (_, execution) = executed(&export, json!({"list": []}));
    assert!(!ran(&execution).contains(&"edit".to_owned()), "{:?}", ran(&execution));
    let (_, execution) = executed(&chain(vec![split(), gather()]), json!({"list": []}));
    assert!(!ran(&execution).contains(&"gather".to_owned()), "{:?}", ran(&execution));
}
