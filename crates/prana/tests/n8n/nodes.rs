//! `Set`, `Stop and Error`, `No Operation` and what has no counterpart.

use prana::elixir::Fate;
use serde_json::{Value as Json, json};

use super::{chain, executed, fails, gather, gives, imported, node, split, start, with, workflow};

#[track_caller]
fn edited(version: f64, parameters: Json, input: Json, expect: Json) {
    let edit = || node("Edit", "set", version, parameters.clone());
    gives(&chain(vec![edit()]), input.clone(), expect.clone());
    // The same, of a list.
    gives(&chain(vec![split(), edit(), gather()]), json!({"list": [input]}), json!({"data": [expect]}));
}

fn assigned(fields: Json, more: Json) -> Json {
    let mut all = json!({"assignments": {"assignments": fields}});
    all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    all
}

#[test]
fn the_first_versions() {
    let values = json!({"values": {"string": [{"name": "s", "value": "={{ $json.a }}"}], "number": [{"name": "n", "value": 3}], "boolean": [{"name": "b", "value": true}]}});
    edited(1.0, values.clone(), json!({"a": "x"}), json!({"a": "x", "s": "x", "n": 3, "b": true}));
    let mut only = values;
    only["keepOnlySet"] = json!(true);
    edited(2.0, only, json!({"a": "x"}), json!({"s": "x", "n": 3, "b": true}));
    let deep = json!({"values": {"string": [{"name": "a.b", "value": "y"}]}});
    edited(2.0, deep.clone(), json!({"a": {"c": 1}}), json!({"a": {"c": 1, "b": "y"}}));
    let mut flat = deep;
    flat["options"] = json!({"dotNotation": false});
    edited(2.0, flat, json!({"a": {"c": 1}}), json!({"a": {"c": 1}, "a.b": "y"}));
}

#[test]
fn version_3() {
    let fields = json!({"fields": {"values": [{"name": "s", "stringValue": "={{ $json.n }}"}, {"name": "m", "type": "numberValue", "numberValue": "={{ $json.t }}"}]}, "include": "none"});
    edited(3.0, fields.clone(), json!({"n": 5, "t": "6"}), json!({"s": "5", "m": 6}));
    let mut all = fields;
    all["include"] = json!("all");
    edited(3.2, all, json!({"n": 5, "t": "6"}), json!({"n": 5, "t": "6", "s": "5", "m": 6}));
}

#[test]
fn assignments() {
    let fields = json!([
        {"name": "s", "type": "string", "value": "={{ $json.n }}"},
        {"name": "z", "type": "string", "value": "={{ $json.missing }}"},
        {"name": "k", "type": "number", "value": "7"},
        {"name": "b", "type": "boolean", "value": "={{ $json.yes }}"},
        {"name": "l", "type": "array", "value": "[1, {\"a\": 2}]"},
        {"name": "o", "type": "object", "value": "={{ $json.text }}"},
        {"name": "deep.er.x", "type": "number", "value": 1},
        {"name": "deep.er.y", "type": "number", "value": 2},
    ]);
    let input = json!({"n": 5, "yes": "true", "text": "{\"p\": 1}", "deep": {"q": 0}});
    let set = json!({"s": "5", "z": null, "k": 7, "b": true, "l": [1, {"a": 2}], "o": {"p": 1}, "deep": {"er": {"x": 1, "y": 2}}});
    edited(3.4, assigned(fields.clone(), json!({})), input.clone(), set);
    let fields = json!([{"name": "deep.x", "type": "number", "value": 1}]);
    edited(
        3.4,
        assigned(fields.clone(), json!({"includeOtherFields": true})),
        json!({"a": 1, "deep": {"q": 0}}),
        json!({"a": 1, "deep": {"q": 0, "x": 1}}),
    );
    let some = |include: &str, list: &str| {
        assigned(
            json!([{"name": "x", "type": "number", "value": 1}]),
            json!({"includeOtherFields": true, "include": include, list: "a, b"}),
        )
    };
    edited(
        3.4,
        some("selected", "includeFields"),
        json!({"a": 1, "b": 2, "c": 3}),
        json!({"a": 1, "b": 2, "x": 1}),
    );
    edited(3.4, some("except", "excludeFields"), json!({"a": 1, "b": 2, "c": 3}), json!({"c": 3, "x": 1}));
}

#[test]
fn json_with_expressions() {
    let raw = |text: &str| json!({"mode": "raw", "jsonOutput": text});
    edited(3.4, raw("{\"a\": [1, \"{{ x }}\"]}"), json!({}), json!({"a": [1, "{{ x }}"]}));
    edited(
        3.4,
        raw("={\"a\": {{ $json.n }}, \"b\": \"{{ $json.n }}\", \"c\": \"n: {{ $json.n }}!\"}"),
        json!({"n": 5}),
        json!({"a": 5, "b": "5", "c": "n: 5!"}),
    );
    edited(3.4, raw("={\"q\": \"{{ $json.t }}\"}"), json!({"t": "a \"quote\""}), json!({"q": "a \"quote\""}));
    edited(3.4, raw("={{ {a: $json.n, b: [$json.n]} }}"), json!({"n": 5}), json!({"a": 5, "b": [5]}));
    edited(3.4, raw("={{ JSON.stringify($json) }}"), json!({"n": 5}), json!({"n": 5}));
    fails(&chain(vec![node("Edit", "set", 3.4, raw("={\"a\": }"))]), json!({}), "its JSON could not be read");
}

#[test]
fn data_that_looks_like_a_directive_is_data() {
    edited(
        3.4,
        json!({"mode": "raw", "jsonOutput": "{\"#map\": [1, 2]}"}),
        json!({}),
        json!({"#map": [1, 2]}),
    );
}

#[test]
fn stop_and_error() {
    let stop = |parameters: Json| node("Stop", "stopAndError", 1.0, parameters);
    fails(&chain(vec![stop(json!({"errorMessage": "=bad {{ $json.n }}"}))]), json!({"n": 5}), "bad 5");
    fails(
        &chain(vec![split(), stop(json!({"errorMessage": "=bad {{ $json.n }}"}))]),
        json!({"list": [{"n": 6}, {"n": 7}]}),
        "bad 6",
    );
    let (_, execution) =
        executed(&chain(vec![split(), stop(json!({"errorMessage": "x"}))]), json!({"list": []}));
    assert!(execution.error().is_none());
}

/// What has no counterpart fails when it runs, and the rest of the workflow is there.
#[test]
fn unknown_nodes_fail_with_the_reason() {
    let export = chain(vec![node("Post", "slack", 2.0, json!({})), node("After", "noOp", 1.0, json!({}))]);
    let imported = fails(&export, json!({}), "Post (n8n-nodes-base.slack) was not imported");
    assert_eq!(imported.report.nodes[1].fate, Fate::NotPossible);
    assert_eq!(imported.workflow.connections.len(), 2);
    fails(
        &chain(vec![node("Py", "code", 2.0, json!({"language": "python", "pythonCode": "return []"}))]),
        json!({}),
        "Python",
    );
}

#[test]
fn settings_notes_and_pinned_data() {
    let kept = with(node("Keep", "noOp", 1.0, json!({})), json!({"notes": "why", "position": [120, -40.5]}));
    let sticky = node("Sticky", "stickyNote", 1.0, json!({"content": "## Read me"}));
    let mut export = workflow(vec![start(), kept, sticky], &[("Start", 0, "Keep", 0)]);
    export["id"] = json!("abc 1");
    export["pinData"] = json!({"Keep": [{"json": {"n": 1}}]});
    export["settings"] =
        json!({"executionTimeout": 60, "errorWorkflow": "err", "saveDataSuccessExecution": "none"});
    let workflow = imported(&export).workflow;
    let node = workflow.node("keep").unwrap();
    assert_eq!((node.notes.as_deref(), node.position.unwrap().y), (Some("why"), -40.5));
    assert_eq!(node.pinned, Some(prana::Value::from(json!({"n": 1}))));
    assert_eq!(
        (workflow.id.as_str(), workflow.name.as_deref(), workflow.description.as_deref()),
        ("abc-1", Some("Test"), Some("## Read me"))
    );
    let settings = workflow.settings;
    assert_eq!(
        (settings.timeout, settings.error_workflow.as_deref(), settings.save),
        (Some(60_000), Some("err"), prana::core::document::Save::Failed)
    );
}

#[test]
fn branches_run_in_the_order_they_are_drawn() {
    let at = |name: &str, y: i64| with(node(name, "noOp", 1.0, json!({})), json!({"position": [200, y]}));
    let nodes = vec![start(), at("Low", 300), at("High", 100), at("Mid", 200)];
    let export = workflow(nodes, &[("Start", 0, "Low", 0), ("Start", 0, "High", 0), ("Start", 0, "Mid", 0)]);
    let (_, execution) = executed(&export, json!({}));
    assert_eq!(super::ran(&execution), ["start", "high", "mid", "low"]);
}
