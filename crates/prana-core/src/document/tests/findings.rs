//! What is said about documents that can be read and are not right.

/// All findings, as `line:column code [node]: message`.
fn check(text: &str, expect: &[&str]) {
    let findings = super::findings(text);
    let shown: Vec<String> = findings
        .iter()
        .map(|finding| {
            let place = finding.location.map(|at| format!("{}:{}", at.line, at.column)).unwrap_or_default();
            let node = finding.node.as_ref().map(|node| format!(" [{node}]")).unwrap_or_default();
            let help = finding.help.as_ref().map(|help| format!(" ({help})")).unwrap_or_default();
            format!("{place} {}{node}: {}{help}", finding.code, finding.message)
        })
        .collect();
    assert_eq!(shown, expect, "{text}");
}

#[test]
fn all_at_once_in_the_order_of_the_document() {
    check(
        "\
id: a b
nmae: x
version: soon
variables: [1]
settings: {timeout: 1 year, max_iteratons: 5, max_memory_mb: 0, on_suspend: wait, save: al}
nodes:
  - {key: a.b, type: x}
  - {type: y}
  - {key: c, type: 5, params: [], disabled: yes}
  - {key: d, type: x, settings: {max_retries: 11, retry_jitter: 2, on_error: continue_error, joim: all}}
  - {key: c, type: z}
  - 7
connections:
  - a -> b
  - a
  - a -> b, c
  - {a: b}
",
        &[
            "1:5 workflow.invalid_key: `a b` is no valid id (ids have letters, digits, _ . and -, up to 128 of them)",
            "2:1 workflow.unknown_field: a workflow has no field `nmae` (did you mean `name`?)",
            "3:10 workflow.invalid_document: `version` must be a whole number, 0 or more, not text",
            "4:12 workflow.invalid_document: `variables` must be a map (of names and values), not a list",
            "5:21 workflow.invalid_settings: `timeout` is not a duration: the unit of a duration is ms, s, m, h or d, as in 500ms, 30s, 5m, 2h or 7d",
            "5:29 workflow.invalid_settings: the settings of a workflow has no field `max_iteratons` (did you mean `max_iterations`?)",
            "5:62 workflow.invalid_settings: `max_memory_mb` must be a whole number, 1 or more, not 0",
            "5:77 workflow.invalid_settings: `on_suspend` must be one of hold, continue, not `wait`",
            "5:89 workflow.invalid_settings: `save` must be one of all, failed, none, not `al` (did you mean `all`?)",
            "7:11 workflow.invalid_key [a.b]: `a.b` is no valid key of a node (keys have letters, digits, _ and -, up to 64 of them)",
            "8:5 workflow.invalid_document: a node needs `key` (add `key: ...`)",
            "9:20 workflow.invalid_document [c]: `type` must be text, not a number (put it in quotes: \"5\")",
            "9:31 workflow.invalid_document [c]: `params` must be a map (of parameters), not a list",
            "9:45 workflow.invalid_document [c]: `disabled` must be true or false, not text (write true or false, without quotes)",
            "10:47 workflow.invalid_settings [d]: `max_retries` must be a whole number from 1 to 10, not 11",
            "10:65 workflow.invalid_settings [d]: `retry_jitter` must be a number from 0 to 1, not 2",
            "10:78 workflow.invalid_settings [d]: `on_error` must be one of stop_workflow, continue, continue_error_output, not `continue_error`",
            "10:94 workflow.invalid_settings [d]: the settings of a node has no field `joim` (did you mean `join`?)",
            "11:11 workflow.duplicate_key [c]: two nodes have the key `c`: the other is at line 9 (give one of them another key, and name it in the connections)",
            "12:5 workflow.invalid_document: entry 6 of `nodes` must be a map (a node), not a number",
            "15:5 workflow.invalid_document: `a` is not a connection: there is no arrow in it (write `from -> to`, with ports after a dot where they are needed: `from.port -> to.port`)",
            "16:10 workflow.invalid_document: `b, c` is no key of a node (write one chain per entry of the list; several targets are several entries)",
            "17:5 workflow.invalid_document: entry 4 of `connections` must be a chain such as `a -> b`, not a map",
        ],
    );
}

#[test]
fn required_fields() {
    check("name: x\nnodes: []\n", &["1:1 workflow.invalid_document: a workflow needs `id` (add `id: ...`)"]);
    check("id:\nnodes: []\n", &["1:1 workflow.invalid_document: a workflow needs `id` (add `id: ...`)"]);
    check(
        "id: a\nnodes: [{key: x}]\n",
        &["2:9 workflow.invalid_document [x]: a node needs `type` (add `type: ...`)"],
    );
}

#[test]
fn duplicate_keys_of_nodes() {
    check(
        "id: a\nnodes:\n  - {key: x, type: t}\n  - {key: y, type: t}\n  - {key: x, type: t}\n",
        &[
            "5:11 workflow.duplicate_key [x]: two nodes have the key `x`: the other is at line 3 (give one of them another key, and name it in the connections)",
        ],
    );
}

#[test]
fn codes_that_look_like_numbers() {
    check(
        "id: 12\nnodes: [{key: 7, type: t}]\n",
        &[
            "1:5 workflow.invalid_document: `id` must be text, not a number (put it in quotes: \"12\")",
            "2:15 workflow.invalid_document: `key` must be text, not a number (put it in quotes: \"7\")",
        ],
    );
    assert_eq!(super::workflow("id: 007\nnodes: [{key: 01, type: t}]\n").nodes[0].key, "01");
}

#[test]
fn canonical_connections() {
    check(
        "\
id: a
connections:
  a: b
  c: {x: d}
  e: {x: [f, {to_port: y}, {to: g, port: y}, {to: h, from: other, from_port: x}]}
",
        &[
            "3:6 workflow.invalid_document: `a` must be a map (output port -> list of targets), not text",
            "4:10 workflow.invalid_document: `x` must be a list (of targets such as {to: b}), not text",
            "5:11 workflow.invalid_document: entry 1 of `x` must be a map (a connection), not text",
            "5:14 workflow.invalid_document: a connection needs `to` (add `to: ...`)",
            "5:36 workflow.unknown_field: a connection has no field `port` (its fields are to, to_port, from, from_port)",
            "5:60 workflow.invalid_document: `from` says `other`, but this connection stands under `e` (make the two agree, or leave the inner one out)",
        ],
    );
    check(
        "id: a\nconnections: a -> b\n",
        &[
            "2:14 workflow.invalid_document: `connections` must be a list of chains or a map, not text (put each chain into an entry of a list: `- a -> b`)",
        ],
    );
}

#[test]
fn several_workflows_with_one_id() {
    check(
        "id: a\n---\nid: b\n---\nid: a\n",
        &["5:5 workflow.duplicate_key: two workflows here have the id `a` (give one of them another id)"],
    );
}

#[test]
fn values_without_a_text_have_findings_without_places() {
    let value =
        prana_template::Value::parse_json(r#"{"id": "a", "nodes": [{"key": "x"}], "foo": 1}"#).unwrap();
    let findings = crate::document::from_value(&value).unwrap_err();
    let shown: Vec<String> = findings.iter().map(|f| format!("{} {}", f.code, f.path)).collect();
    assert_eq!(shown, ["workflow.unknown_field foo", "workflow.invalid_document nodes[0]"]);
    assert!(findings.iter().all(|finding| finding.location.is_none()));
}
