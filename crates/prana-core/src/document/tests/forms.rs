//! The forms that a document may have, and what they mean.

use crate::document::*;
use prana_template::Value;

fn connections(text: &str) -> Vec<String> {
    super::workflow(&format!("id: w\nconnections:\n{text}"))
        .connections
        .iter()
        .map(ToString::to_string)
        .collect()
}

#[test]
fn the_two_forms_of_connections_are_one() {
    let short = connections("  - start -> big\n  - big.true -> review -> ship\n  - big.false -> ship.in\n");
    let canonical = connections(
        "  start: {main: [{to: big, to_port: main}]}\n  big: {true: [{to: review}], false: [{to: ship, to_port: in}]}\n  review: {main: [{to: ship}]}\n",
    );
    assert_eq!(short, ["start -> big", "big.true -> review", "big.false -> ship.in", "review -> ship"]);
    assert_eq!(short, canonical);
}

#[test]
fn ports_in_chains_are_input_ports_but_for_the_first() {
    assert_eq!(connections("  - a.x -> b.y -> c.z -> d\n"), ["a.x -> b.y", "b -> c.z", "c -> d"]);
    assert_eq!(connections("  - a.main -> b.main\n"), ["a -> b"]);
    assert_eq!(connections("  - a.two words -> b\n"), ["a.two words -> b"]);
    assert_eq!(connections("  - 'a.x -> b'\n  - \"a.x -> c\"\n"), ["a.x -> b", "a.x -> c"]);
}

#[test]
fn keys_of_maps_are_text_as_written() {
    let text = "  a:\n    true: [{to: b}]\n    007: [{to: b}]\n    on: [{to: b}]\n    1.0: [{to: b}]\n    null: [{to: b}]\n    ~: [{to: b}]\n    0x1F: [{to: b, to_port: true}]\n    2: [{to: b, to_port: 007}]\n";
    let ports = ["true", "007", "on", "1.0", "null", "~", "0x1F", "2"];
    let found = super::workflow(&format!("id: w\nconnections:\n{text}")).connections;
    assert_eq!(found.iter().map(|c| c.from_port.as_deref().unwrap()).collect::<Vec<_>>(), ports);
    assert_eq!(found[6].to_port.as_deref(), Some("true"));
    assert_eq!(found[7].to_port.as_deref(), Some("007"));
}

#[test]
fn scalars() {
    let text = "id: w\nvariables: {a: on, b: yes, c: true, d: 007, e: 0x10, f: 1.0, g: ~, h: 2026-01-01, i: 9223372036854775808, j: !!str 5, k: '5', l: 1_000, m: '', n: }\n";
    let variables = super::workflow(text).variables;
    let expect = r#"{"a":"on","b":"yes","c":true,"d":"007","e":16,"f":1.0,"g":null,"h":"2026-01-01","i":9223372036854775808.0,"j":"5","k":"5","l":"1_000","m":"","n":null}"#;
    assert_eq!(Value::Map(variables).to_json_string(), Value::parse_json(expect).unwrap().to_json_string());
}

#[test]
fn json_and_yaml_are_the_same_document() {
    let json = r#"{"id": "w", "variables": {"a": [1, 2.5, "\u00e4\ud83d\ude00\/", null, true, -0, 1e3]},
        "nodes": [{"key": "a", "type": "t", "params": {"x": "{{ $input.x }}"}}],
        "connections": {"a": {"true": [{"to": "a"}]}}}"#;
    let yaml = "id: w\nvariables:\n  a: [1, 2.5, \"ä\\U0001F600/\", ~, true, -0, 1e3]\nnodes:\n- key: a\n  type: t\n  params:\n    x: '{{ $input.x }}'\nconnections:\n- a.true -> a\n";
    assert_eq!(super::workflow(json), super::workflow(yaml));
    assert_eq!(super::workflow(&json.replace('\n', "\r\n")), super::workflow(&yaml.replace('\n', "\r\n")));
    assert_eq!(super::workflow(&format!("\u{feff}{json}")), super::workflow(&format!("\u{feff}{yaml}")));
    let flow = r#"{id: w, nodes: [{key: a, type: t}]} # a remark"#;
    assert_eq!(super::workflow(flow).nodes.len(), 1);
}

#[test]
fn several_workflows() {
    let ids = |text: &str| -> Vec<String> {
        load("w.yaml", text.as_bytes()).unwrap().into_iter().map(|loaded| loaded.workflow.id).collect()
    };
    assert_eq!(ids("id: a\n---\nid: b\n"), ["a", "b"]);
    assert_eq!(ids("---\nid: a\n---\n"), ["a"]);
    assert_eq!(ids("- id: a\n- id: b\n"), ["a", "b"]);
    assert_eq!(ids("[{\"id\": \"a\"}, {\"id\": \"b\"}]"), ["a", "b"]);
    assert_eq!(ids("- id: a\n- id: b\n---\nid: c\n"), ["a", "b", "c"]);
}

#[test]
fn anchors_and_aliases() {
    let text = "id: w\nnodes:\n  - {key: a, type: t, settings: &retry {retry_on_failed: true, max_retries: 3}}\n  - {key: b, type: &type t, settings: *retry}\n  - {key: c, type: *type}\n";
    let nodes = super::workflow(text).nodes;
    assert_eq!(nodes[1].settings, nodes[0].settings);
    assert_eq!(nodes[1].settings.max_retries, 3);
    assert_eq!(nodes[2].type_name, "t");
}

#[test]
fn everything_that_can_be_said() {
    let workflow = super::workflow(
        "\
id: order-intake
name: Order intake
description: What it is for
version: 3
variables: {api: 'https://shop.example'}
settings:
  timeout: 1h
  max_iterations: 50
  max_memory_mb: 64
  on_suspend: continue
  durability: every_node
  save: failed
  retention: 2500
  error_workflow: alert-ops
  concurrency: {limit: 10, key: '{{ $trigger.tenant }}'}
nodes:
  - key: start
    name: Order arrives
    type: manual.trigger
    params: {a: 1}
    settings:
      retry_on_failed: true
      max_retries: 10
      retry_delay_ms: 0
      backoff: exponential
      max_retry_delay_ms: 3600000
      retry_jitter: 0.5
      on_error: continue_error_output
      timeout_ms: 1
      join: all
      on_crash: ask
    position: {x: 1, y: -2.5}
    notes: ''
    disabled: true
    pinned: {x: [1]}
",
    );
    assert_eq!(workflow.settings.timeout, Some(3_600_000));
    assert_eq!(workflow.settings.retention, Some(2500));
    assert_eq!(workflow.settings.on_suspend, OnSuspend::Continue);
    assert_eq!(workflow.settings.durability, Durability::EveryNode);
    assert_eq!(workflow.settings.save, Save::Failed);
    assert_eq!(workflow.settings.concurrency.as_ref().unwrap().limit, 10);
    let node = &workflow.nodes[0];
    assert_eq!(node.settings.backoff, Backoff::Exponential);
    assert_eq!(node.settings.join, Some(Join::All));
    assert_eq!(node.settings.on_crash, OnCrash::Ask);
    assert_eq!(node.settings.retry_jitter, 0.5);
    assert_eq!(node.position, Some(Position { x: 1.0, y: -2.5 }));
    assert_eq!(node.notes.as_deref(), Some(""));
    assert!(node.disabled);
    assert_eq!(node.pinned.as_ref().unwrap().to_json_string(), r#"{"x":[1]}"#);
    super::round_trip::check(&workflow);
}

#[test]
fn null_is_absent() {
    let text = "id: w\nname:\nvariables:\nsettings:\nconnections:\nnodes:\n  - {key: a, type: t, name: null, params: ~, settings: null, position: null, notes: null, disabled: null, pinned: null}\n";
    assert_eq!(super::workflow(text), super::workflow("{id: w, nodes: [{key: a, type: t}]}"));
}

#[test]
fn workflows_of_the_elixir_engine_load_as_they_are() {
    let json = r#"{"id":"w","name":"w","version":1,"variables":{},
 "nodes":[{"key":"t","name":null,"type":"manual.trigger","params":{},"metadata":{"position":{"x":10,"y":20},"color":"red"},
           "settings":{"retry_on_failed":false,"max_retries":1,"retry_delay_ms":1000,"on_error":"stop_workflow"}},
          {"key":"a","name":"A","type":"data.set_data","params":{"mode":"manual"},"metadata":{"x":1.5,"y":2}},
          {"key":"b","name":"B","type":"core.no_op","params":{},"metadata":{}}],
 "connections":{"t":{"main":[{"from":"t","from_port":"main","to":"a","to_port":"main"}]},
                "a":{"main":[{"from":"a","from_port":"main","to":"b","to_port":"in"}]}}}"#;
    let workflow = super::workflow(json);
    assert_eq!(workflow.nodes[0].name, None);
    assert_eq!(workflow.nodes[0].position, Some(Position { x: 10.0, y: 20.0 }));
    assert_eq!(workflow.nodes[1].position, Some(Position { x: 1.5, y: 2.0 }));
    assert_eq!(workflow.nodes[2].position, None);
    assert_eq!(
        workflow.connections.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["t -> a", "a -> b.in"]
    );
    let back = to_elixir(&workflow);
    assert_eq!(from_value(&back).unwrap().connections, workflow.connections);
    assert_eq!(to_elixir(&from_value(&back).unwrap()), back);
    let source = back.get("connections").unwrap().to_json_string();
    assert!(source.contains(r#"{"from":"a","from_port":"main","to":"b","to_port":"in"}"#), "{source}");
}
