//! Workflows of n8n, by the program.

use crate::program::{Scratch, prana};

const EXPORT: &str = r#"{"name": "Hello", "settings": {"executionOrder": "v1"}, "nodes": [
    {"name": "Start", "type": "n8n-nodes-base.manualTrigger", "typeVersion": 1, "position": [0, 0], "parameters": {}},
    {"name": "Split", "type": "n8n-nodes-base.splitOut", "typeVersion": 1, "position": [200, 0], "parameters": {"fieldToSplitOut": "people"}},
    {"name": "Greet", "type": "n8n-nodes-base.set", "typeVersion": 3.4, "position": [400, 0], "parameters": {"assignments": {"assignments": [
        {"name": "text", "type": "string", "value": "=Hello {{ $json.name.toUpperCase() }}"}]}}},
    {"name": "Code", "type": "n8n-nodes-base.code", "typeVersion": 2, "position": [600, 0], "parameters": {
        "jsCode": "const items = $input.all();\nreturn items.map((item, i) => ({json: {line: `${i}: ${item.json.text} ${$('Start').first().json.mark}`}}));"}},
    {"name": "Each", "type": "n8n-nodes-base.code", "typeVersion": 2, "position": [800, 0], "parameters": {"mode": "runOnceForEachItem",
        "jsCode": "return {json: {line: $json.line + $itemIndex, again: $input.item.json.line}};"}},
    {"name": "All", "type": "n8n-nodes-base.aggregate", "typeVersion": 1, "position": [1000, 0], "parameters": {"aggregate": "aggregateAllItemData"}}],
    "connections": {"Start": {"main": [[{"node": "Split", "type": "main", "index": 0}]]}, "Split": {"main": [[{"node": "Greet", "type": "main", "index": 0}]]},
        "Greet": {"main": [[{"node": "Code", "type": "main", "index": 0}]]}, "Code": {"main": [[{"node": "Each", "type": "main", "index": 0}]]},
        "Each": {"main": [[{"node": "All", "type": "main", "index": 0}]]}}}"#;

#[test]
fn import_check_and_run() {
    let scratch = Scratch::new();
    let (file, written) = (scratch.file("hello.json", EXPORT), scratch.path("hello.yaml"));
    prana(&["import", "n8n", &file, "--output", &written])
        .ends(0)
        .prints("workflow Hello (Hello): 6 carried over, 0 changed, 0 not possible")
        .prints("carried over  Greet (n8n-nodes-base.set) -> greet");
    prana(&["validate", &written]).ends(0);
    let input = r#"{"people": [{"name": "ada"}, {"name": "bo"}], "mark": "!"}"#;
    let output = prana(&["run", &written, "--input", input]).ends(0).json();
    let expect = serde_json::json!({"data": [{"line": "0: Hello ADA !0", "again": "0: Hello ADA !"}, {"line": "1: Hello BO !1", "again": "1: Hello BO !"}]});
    assert_eq!(output, expect);
    let json = prana(&["import", "n8n", &file, "--format", "json"]).ends(0).json();
    assert_eq!(json["workflows"][0]["report"]["nodes"][2]["keys"], serde_json::json!(["greet"]));
    prana(&["import", "n8n", &file]).ends(0).prints("id: Hello").says("6 carried over");
}

#[test]
fn what_is_no_export_is_refused() {
    let scratch = Scratch::new();
    for (text, says) in [
        ("{", "is not JSON"),
        ("{\"a\": 1}", "there is no workflow of n8n in it"),
        ("[]", "there is no workflow of n8n in it"),
    ] {
        let file = scratch.file("bad.json", text);
        prana(&["import", "n8n", &file]).ends(2).says(says);
    }
    prana(&["import", "n8n", "/nowhere.json"]).ends(2).says("there is no file");
}
