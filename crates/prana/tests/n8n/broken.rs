//! Whatever is handed in: nothing panics, nothing hangs, and what is taken over compiles.

use prana::Value;
use prana::core::compile::{Options, compile};
use prana::core::document;
use prana::n8n::{ImportError, import, import_all};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::{chain, gather, imported, node, registry, set, split, start, workflow};

#[test]
fn what_is_no_workflow() {
    for other in [json!(null), json!([]), json!({}), json!({"nodes": 3}), json!("text")] {
        assert_eq!(import(&Value::from(other), &registry()).unwrap_err(), ImportError::NotAWorkflow);
    }
    assert!(import_all(&Value::from(json!([])), &registry()).is_err());
    let many: Vec<Json> = (0..3_000).map(|_| json!({})).collect();
    assert!(matches!(
        import(&Value::from(json!({"nodes": many})), &registry()),
        Err(ImportError::TooLarge(_))
    ));
}

#[test]
fn several_workflows() {
    let export = chain(vec![]);
    let all = import_all(&Value::from(json!({"data": [export, export]})), &registry()).unwrap();
    let ids: Vec<&str> = all.iter().map(|imported| imported.workflow.id.as_str()).collect();
    assert_eq!(ids, ["Test", "Test-2"]);
}

#[test]
fn names_twice_and_connections_to_nowhere() {
    let mut export =
        workflow(vec![start(), set("A", &[("n", "1")]), set("A", &[("n", "2")])], &[("Start", 0, "A", 0)]);
    export["connections"]["Ghost"] = json!({"main": [[{"node": "A"}]]});
    export["connections"]["A"] = json!({"main": [[{"node": "Nobody"}], null, [{"node": "A", "index": 900}]], "ai_tool": [[{"node": "A"}]]});
    let text = imported(&export).report.lines().join("\n");
    for says in
        ["two nodes have the name `A`", "leave a node `Ghost`", "leads nowhere", "connected as `ai_tool`"]
    {
        assert!(text.contains(says), "{says}: {text}");
    }
}

#[test]
fn a_circle_of_everything() {
    let nodes = vec![
        split(),
        gather(),
        node("Merge", "merge", 3.0, json!({})),
        node("Loop", "splitInBatches", 3.0, json!({})),
    ];
    let links = [
        ("Split", 0, "Gather", 0),
        ("Gather", 0, "Merge", 0),
        ("Merge", 0, "Loop", 0),
        ("Loop", 0, "Split", 0),
        ("Loop", 1, "Merge", 1),
        ("Loop", 1, "Loop", 0),
    ];
    imported(&workflow(nodes, &links));
}

/// One of everything, to be broken.
fn everything() -> Json {
    let kinds = [
        ("manualTrigger", 1.0),
        ("webhook", 2.0),
        ("scheduleTrigger", 1.2),
        ("cron", 1.0),
        ("errorTrigger", 1.0),
        ("executeWorkflowTrigger", 1.0),
        ("set", 2.0),
        ("set", 3.4),
        ("if", 1.0),
        ("if", 2.2),
        ("switch", 1.0),
        ("switch", 3.2),
        ("filter", 2.0),
        ("merge", 3.0),
        ("splitInBatches", 3.0),
        ("wait", 1.1),
        ("executeWorkflow", 1.2),
        ("httpRequest", 4.2),
        ("httpRequest", 1.0),
        ("code", 2.0),
        ("respondToWebhook", 1.1),
        ("noOp", 1.0),
        ("sort", 1.0),
        ("limit", 1.0),
        ("aggregate", 1.0),
        ("splitOut", 1.0),
        ("removeDuplicates", 2.0),
        ("stopAndError", 1.0),
        ("stickyNote", 1.0),
        ("slack", 1.0),
    ];
    let parameters = json!({
        "path": "x", "values": {"string": [{"name": "a.b", "value": "={{ $json.a }}"}]}, "assignments": {"assignments": [{"name": "x", "type": "string", "value": "={{ $('N3').item.json.a }}"}]},
        "conditions": {"conditions": [{"leftValue": "={{ $json.a }}", "rightValue": 1, "operator": {"type": "number", "operation": "gt"}}], "combinator": "and"},
        "rules": {"values": [{"conditions": {"conditions": []}, "outputKey": "x"}], "rules": [{"value2": 1}]}, "mode": "combine", "fieldsToMatchString": "id", "url": "=http://x/{{ $json.a }}",
        "workflowId": "w", "jsCode": "return $input.all()", "fieldToSplitOut": "list", "sortFieldsUi": {"sortField": [{"fieldName": "a"}]}, "amount": 1, "unit": "seconds",
        "fieldsToAggregate": {"fieldToAggregate": [{"fieldToAggregate": "a"}]}, "errorMessage": "=bad {{ $json.a }}", "content": "note", "rule": {"interval": [{"field": "days"}]}
    });
    let nodes: Vec<Json> = kinds
        .iter()
        .enumerate()
        .map(|(index, (kind, version))| {
            let mut node = node(&format!("N{index}"), kind, *version, parameters.clone());
            node["onError"] =
                json!(["stopWorkflow", "continueRegularOutput", "continueErrorOutput"][index % 3]);
            node
        })
        .collect();
    let mut connections = json!({});
    for index in 0..kinds.len() {
        let to = |step: usize, input: usize| json!({"node": format!("N{}", (index * step + 7) % kinds.len()), "type": "main", "index": input});
        connections[format!("N{index}")] = json!({"main": [[to(3, 0), to(5, 1)], [to(2, 0)], [to(11, 0)]]});
    }
    json!({"name": "All", "nodes": nodes, "connections": connections, "pinData": {"N6": [{"json": {"a": 1}}]}, "settings": {"timezone": "Europe/Berlin"}})
}

/// Something else in the place of something in it.
fn broken(value: &mut Json, path: &[prop::sample::Index], other: &Json) {
    let Some((first, rest)) = path.split_first() else {
        *value = other.clone();
        return;
    };
    match value {
        Json::Array(items) if !items.is_empty() => {
            let at = first.index(items.len());
            broken(&mut items[at], rest, other);
        }
        Json::Object(map) if !map.is_empty() => {
            let at = first.index(map.len());
            if let Some(inner) = map.values_mut().nth(at) {
                broken(inner, rest, other);
            }
        }
        leaf => *leaf = other.clone(),
    }
}

fn anything() -> impl Strategy<Value = Json> {
    prop_oneof![
        Just(json!(null)),
        Just(json!(-1)),
        Just(json!(1e300)),
        Just(json!([])),
        Just(json!({})),
        Just(json!([[[]]])),
        Just(json!(true)),
        Just(json!("={{ $json['#'].map(x => x.y) }}")),
        Just(json!("={{ $('N14').item.json.x }}{{")),
        Just(json!("={{ `${`${1}`}` }} {{ $node.N8.json }}")),
        Just(json!("{{ $input }}{% if %}{#")),
        Just(json!("n8n-nodes-base.merge")),
        Just(json!("n8n-nodes-base.switch")),
        Just(json!("N3")),
        Just(json!({"#map": [1]})),
        Just(json!("append")),
        Just(json!("expression")),
        Just(json!("=")),
        Just(json!("={{ }}")),
        "\\PC{0,24}".prop_map(Json::from),
        "=\\{\\{[ $a-z().'\"\\[\\]{}+?:!|&=>0-9`/\\\\]{0,40}\\}\\}".prop_map(Json::from),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_broken_export_compiles_or_is_refused(
        wounds in prop::collection::vec((prop::collection::vec(any::<prop::sample::Index>(), 1..7), anything()), 0..6)
    ) {
        let mut export = everything();
        for (path, other) in &wounds {
            broken(&mut export, path, other);
        }
        let registry = registry();
        let Ok(imported) = import(&Value::from(export), &registry) else { return Ok(()) };
        let yaml = document::to_yaml(&imported.workflow);
        let read = document::load("x.yaml", yaml.as_bytes());
        prop_assert!(read.is_ok(), "{:?}\n{yaml}", read.err());
        for trigger in imported.workflow.nodes.iter().filter(|node| node.type_name.ends_with("trigger")) {
            let options = Options { trigger: Some(&trigger.key), ..Options::default() };
            let errors: Vec<_> = compile(&imported.workflow, &registry, options).diagnostics.into_iter().filter(|d| d.is_error()).collect();
            prop_assert!(errors.is_empty(), "{errors:?}\n{yaml}");
        }
    }
}
