//! What the report says.

use serde_json::json;

use super::{imported, node, set, split, start, with, workflow};

#[test]
fn node_by_node() {
    let ask = with(
        node(
            "Ask",
            "httpRequest",
            4.2,
            json!({"url": "http://x", "authentication": "genericCredentialType", "genericAuthType": "httpBearerAuth"}),
        ),
        json!({"credentials": {"httpBearerAuth": {"name": "Shop"}}}),
    );
    let nodes = vec![
        start(),
        split(),
        ask,
        set("Edit", &[("x", "={{ Math.random() }}")]),
        node("Post", "slack", 2.0, json!({})),
    ];
    let links =
        [("Start", 0, "Split", 0), ("Split", 0, "Ask", 0), ("Ask", 0, "Edit", 0), ("Edit", 0, "Post", 0)];
    let report = imported(&workflow(nodes, &links)).report;
    let expect = "\
workflow Test (Test): 2 carried over, 0 changed, 3 not possible
  carried over  Start (n8n-nodes-base.manualTrigger) -> start
  carried over  Split (n8n-nodes-base.splitOut) -> split
  not possible  Ask (n8n-nodes-base.httpRequest) -> ask, ask_call
    not possible  ask: credentials are not in an export: add `shop` (`httpBearerAuth` there) with `prana credentials add shop --host HOST`, of the type bearer
  not possible  Edit (n8n-nodes-base.set) -> edit
    not possible  edit: `Math.random()`: random numbers have no counterpart: an execution can be repeated exactly; the node fails with that message until it is replaced
  not possible  Post (n8n-nodes-base.slack) -> post, post_any
    not possible  post: this type has no counterpart: put another node in its place, `http.request` for instance; the node fails until then";
    assert_eq!(report.lines().join("\n"), expect);
}
