//! Where things are in the source.

use crate::diagnostic::{Diagnostic, DocPath, PathItem};

fn path(text: &str) -> DocPath {
    text.split('.').map(|item| item.parse().map_or_else(|_| PathItem::from(item), PathItem::Index)).collect()
}

/// The text at a place is `expect`.
fn check(text: &str, at: &str, expect: &str) {
    let loaded = super::loaded(text);
    let place = loaded.locate(&path(at)).unwrap();
    assert_eq!(&loaded.source.text()[place.start..place.end], expect, "{at}");
}

const TEXT: &str = "\
id: w
variables:
  plain: some words
  list: [1, 'two', \"three\"]
  empty:
  block: |
    one
    two
  after: x
nodes:
  - key: a
    type: t
    params: {x: {y: 'z'}}
connections:
  - a.x -> a -> a.main
  - a -> a
";

#[test]
fn values_keys_and_what_is_not_there() {
    check(TEXT, "id", "w");
    check(TEXT, "variables.plain", "some words");
    check(TEXT, "variables.list", "[1, 'two', \"three\"]");
    check(TEXT, "variables.list.1", "'two'");
    check(TEXT, "variables.list.7", "[1, 'two', \"three\"]");
    check(TEXT, "variables.empty", "empty");
    check(TEXT, "nodes.0.params.x.y", "'z'");
    check(TEXT, "nodes.0.params.x.absent.deeper", "{y: 'z'}");
    check(TEXT, "nodes.0", "key: a\n    type: t\n    params: {x: {y: 'z'}}");
    let loaded = super::loaded(TEXT);
    let place = loaded.locate_key(&path("variables.list")).unwrap();
    assert_eq!((place.line, place.column, &loaded.source.text()[place.start..place.end]), (4, 3, "list"));
    let block = loaded.locate(&path("variables.block")).unwrap();
    assert!(loaded.source.text()[block.start..block.end].starts_with('|'));
}

#[test]
fn connections_by_their_place_in_the_workflow() {
    check(TEXT, "connections.0", "a.x -> a");
    check(TEXT, "connections.1", "a -> a.main");
    check(TEXT, "connections.2", "a -> a");
    check("id: w\nconnections: {a: {x: [{to: b}, {to: c}]}}\n", "connections.1", "{to: c}");
    check("id: w\nconnections: [\"a -> b\"]\n", "connections.0", "a -> b");
    check("id: w\nconnections:\n  - \"a.\\u00f6 -> b -> c\"\n", "connections.1", "b -> c");
    check("id: w\nconnections:\n  - >-\n    a.x\n    -> b\n    -> c\n", "connections.1", "b\n    -> c");
}

/// The part of the value that says `HERE` is at the `HERE` of the source.
fn check_part(yaml: &str) {
    let loaded = super::loaded(&format!("id: w\nvariables:\n  before: x\n  v: {yaml}\n  after: x\n"));
    let value = loaded.workflow.variables.get("v").unwrap().as_str().unwrap().to_owned();
    let start = value.find("HERE").unwrap();
    let place = loaded.locate_in(&path("variables.v"), start..start + 4).unwrap();
    assert_eq!(&loaded.source.text()[place.start..place.end], "HERE", "{yaml}");
}

#[test]
fn parts_of_text() {
    for yaml in [
        "some HERE words",
        "öäü HERE",
        "'it''s HERE'",
        "\"tab\\t quote\\\" uni\\u00e9 pair\\ud83d\\ude00 HERE\"",
        "\"\\x41\\U0001F600 HERE\"",
        "one\n    two HERE",
        "one\n\n\n    two HERE",
        "'one\n\n    two HERE'",
        "\"one  \n    two HERE\"",
        "|\n    one\n    two HERE\n    three",
        "|-\n    one\n\n      indented\n    two HERE",
        "|+\n\n    one\n    HERE\n\n",
        ">\n    one\n    two\n    HERE three",
        ">-\n    one\n\n    two\n    HERE",
        ">\n    one\n      deeper\n    HERE",
        "&anchor some HERE words",
        "!!str 'HERE'",
        "HERE",
    ] {
        check_part(yaml);
        check_part(&yaml.replace('\n', "\r\n"));
    }
    let loaded = super::loaded("{\"id\": \"w\", \"variables\": {\"v\": \"a\\n\\\"HERE\\\"\"}}");
    let place = loaded.locate_in(&path("variables.v"), 3..7).unwrap();
    assert_eq!(&loaded.source.text()[place.start..place.end], "HERE");
}

#[test]
fn parts_that_cannot_be_told_are_the_whole_value() {
    let loaded = super::loaded("id: w\nvariables:\n  v: |1\n   HERE\n");
    let whole = loaded.locate(&path("variables.v")).unwrap();
    assert_eq!(loaded.locate_in(&path("variables.v"), 2..6), Some(whole));
    let loaded = super::loaded("id: w\nvariables: {v: short}\n");
    let place = loaded.locate_in(&path("variables.v"), 0..99).unwrap();
    assert_eq!(&loaded.source.text()[place.start..place.end], "short");
}

#[test]
fn workflows_within_a_file_know_their_base() {
    let all = crate::document::load("w.yaml", b"- id: a\n- id: b\n---\nid: c\n").unwrap();
    let lines: Vec<u32> = all.iter().map(|one| one.locate(&path("id")).unwrap().line).collect();
    assert_eq!(lines, [1, 2, 4]);
    let mut findings = vec![Diagnostic::error("x.y", "z").with_path(path("id"))];
    all[2].place(&mut findings);
    assert_eq!(findings[0].location.map(|place| (place.line, place.column)), Some((4, 5)));
}
