//! Test documents.

use crate::diagnostic::{Diagnostic, PathItem};
use crate::document::*;
use crate::duration;
use prana_template::Value;

fn test(text: &str) -> TestFile {
    load_test("a.test.yaml", text.as_bytes()).unwrap_or_else(|findings| panic!("{findings:#?}"))
}

fn json(value: &Value) -> String {
    value.to_json_string()
}

const WHOLE: &str = r#"
name: a large order is reviewed first
workflow:
  id: w
  nodes:
    - {key: start, type: manual.trigger}
    - {key: big, type: logic.if_condition}
  connections: [start -> big]
workflows:
  - {id: other}
clock: 2026-02-01T00:00:00Z
env: {region: eu}
mocks:
  review: {output: {ok: true}}
  fetch: [{error: {code: http.timeout, message: slow}}, {output: {n: 1}, port: true}]
  approve: {suspend: {type: webhook, wait_till: 2026-01-02T00:00:00Z}}
  quiet: {port: main}
steps:
  - run: {input: {total: 250}, trigger: start}
    expect:
      status: completed
      order: [start, big]
      output: null
      nodes:
        big: {status: completed, port: "true", runs: 1}
        review: {output: {ok: true}, outputs: [{ok: true}]}
      not_run: [refund]
      events: [execution_started, node_starting]
      error: {code: action.timeout}
      suspended: {node: approve, type: webhook}
  - advance: 36h
    expect: {status: suspended}
  - restart: true
  - resume: {node: approve, data: {by: ann}}
    expect: {error: {code: execution.not_suspended}}
  - resume: {execution_index: 3}
  - cancel: {}
  - compile_error: [{code: workflow.unknown_action, node: x}]
  - compile_warnings: [{code: loop.no_exit, line: 3}]
"#;

#[test]
fn everything_that_can_be_said() {
    let test = test(WHOLE);
    assert_eq!(test.name, "a large order is reviewed first");
    let TestWorkflow::Inline(loaded) = &test.workflow else { panic!("{:?}", test.workflow) };
    assert_eq!(loaded.locate_connection(0).map(|place| (place.line, place.column)), Some((8, 17)));
    assert_eq!(test.workflows[0].workflow.id, "other");
    assert_eq!(test.clock.to_string(), "2026-02-01T00:00:00Z");
    assert_eq!(test.env.len(), 1);
    assert_eq!(test.mocks["fetch"].len(), 2);
    assert!(
        matches!(&test.mocks["fetch"][0], Mock::Fail(error) if error.code == "http.timeout" && error.retryable)
    );
    assert!(matches!(&test.mocks["fetch"][1], Mock::Complete { port: Some(port), .. } if port == "true"));
    assert!(matches!(&test.mocks["quiet"][0], Mock::Complete { output: Value::Null, .. }));
    assert!(matches!(&test.mocks["approve"][0], Mock::Suspend(_)));
    assert_eq!(test.step_lines, [19, 31, 33, 34, 36, 37, 38, 39]);
    let Step::Run { input, trigger, expect } = &test.steps[0] else { panic!() };
    assert_eq!((json(input).as_str(), trigger.as_deref()), (r#"{"total":250}"#, Some("start")));
    assert_eq!(expect.order.as_deref().unwrap(), ["start", "big"]);
    assert_eq!(expect.output, Some(Value::Null));
    assert_eq!(expect.nodes["big"].port.as_deref(), Some("true"));
    assert_eq!(expect.nodes["review"].outputs.as_ref().map(Vec::len), Some(1));
    assert!(matches!(&test.steps[1], Step::Advance { millis, .. } if Ok(*millis) == duration::parse("36h")));
    assert!(matches!(&test.steps[3], Step::Resume { wait: WaitName::Node(node), .. } if node == "approve"));
    assert!(matches!(&test.steps[4], Step::Resume { wait: WaitName::ExecutionIndex(3), .. }));
    let Step::CompileWarnings(warnings) = &test.steps[7] else { panic!() };
    assert_eq!(warnings[0].line, Some(3));
}

#[test]
fn what_is_absent_has_its_default() {
    let test = test("workflow_file: ../w.yaml\nsteps: []\n");
    assert_eq!(test.name, "a.test.yaml");
    assert_eq!(test.clock.to_string(), "2026-01-01T00:00:00Z");
    assert!(matches!(test.workflow, TestWorkflow::File(path) if path == "../w.yaml"));
}

#[test]
fn a_workflow_that_cannot_be_loaded_is_kept_with_its_findings() {
    let test = test(
        "workflow:\n  id: w\n  id: x\n  nodes: [{key: a, tpye: t}]\nsteps:\n  - compile_error: [{code: workflow.unknown_field}]\n",
    );
    let TestWorkflow::Refused(draft) = test.workflow else { panic!("{:?}", test.workflow) };
    let findings = &draft.findings;
    let codes: Vec<(&str, u32)> =
        findings.iter().map(|f| (f.code.as_ref(), f.location.unwrap().line)).collect();
    assert_eq!(
        codes,
        [("workflow.invalid_document", 3), ("workflow.invalid_document", 4), ("workflow.unknown_field", 4)]
    );
    let expect = ExpectFinding {
        code: "workflow.unknown_field".to_owned(),
        node: Some("a".to_owned()),
        line: Some(4),
    };
    assert!(expect.matches(&findings[2]) && !expect.matches(&findings[1]));
}

fn refuse(text: &str, place: &str, message: &str) {
    let findings = load_test("a.test.yaml", text.as_bytes()).expect_err(text);
    let at = findings[0].location.map(|at| format!("{}:{}", at.line, at.column)).unwrap_or_default();
    assert_eq!(at, place, "{text}: {:?}", findings[0]);
    assert!(findings[0].message.contains(message), "{text}: {}", findings[0].message);
}

#[test]
fn bad_test_documents() {
    let step = |step: &str| format!("workflow: {{id: w}}\nsteps:\n  - {step}\n");
    refuse("", "1:1", "empty");
    refuse("steps: []\n", "1:1", "needs `workflow`");
    refuse("workflow: {id: w}\n", "1:1", "needs `steps`");
    refuse("workflow: {id: w}\nworkflow_file: x\nsteps: []\n", "2:1", "not both");
    refuse("workflow: {id: w}\nstep: []\nsteps: []\n", "2:1", "no field `step`");
    refuse("workflow: {id: w}\nsteps: []\n---\nid: x\n", "1:1", "one test");
    refuse("workflow: {id: w}\nclock: noon\nsteps: []\n", "2:8", "a time such as");
    refuse("workflow: {id: w}\nmocks: {a: {}}\nsteps: []\n", "2:12", "one of output, error and suspend");
    refuse("workflow: {id: w}\nmocks: {a: []}\nsteps: []\n", "2:12", "must not be empty");
    refuse("workflow: {id: w}\nmocks: {a: {error: {message: x}}}\nsteps: []\n", "2:20", "needs `code`");
    refuse(
        "workflow: {id: w}\nmocks: {a: {suspend: {type: interval}}}\nsteps: []\n",
        "2:22",
        "needs `wait_till`",
    );
    refuse("workflow: {id: w}\nmocks: {a: {suspend: {type: nap}}}\nsteps: []\n", "2:29", "must be one of");
    refuse("workflow: {id: w}\nworkflows: [{name: x}]\nsteps: []\n", "2:13", "needs `id`");
    refuse(&step("expect: {}"), "3:5", "exactly one thing");
    refuse(&step("{run: {}, cancel: {}}"), "3:5", "exactly one thing");
    refuse(&step("run: {inputs: {}}"), "3:11", "no field `inputs`");
    refuse(&step("{run: {}, expect: {state: x}}"), "3:24", "no field `state`");
    refuse(&step("{run: {}, expect: {status: complete}}"), "3:32", "must be one of");
    refuse(&step("{run: {}, expect: {events: [node_done]}}"), "3:33", "must be one of");
    refuse(&step("{run: {}, expect: {nodes: {a: {run: 1}}}}"), "3:36", "no field `run`");
    refuse(&step("restart: false"), "3:14", "does nothing");
    refuse(&step("{restart: true, expect: {}}"), "3:21", "no `expect`");
    refuse(&step("resume: {data: 1}"), "3:13", "names a node");
    refuse(&step("advance: soon"), "3:14", "not a duration");
    refuse(&step("compile_error: {}"), "3:20", "must be a list");
}

#[test]
fn what_compiling_finds_joins_what_loading_found() {
    let text = "id: w\nnodes:\n  - {key: a, type: nope}\n  - {key: b, type: t, settings: {max_retries: 11}}\n  - {key: c}\nconnections: [a -> x]\n";
    let draft = drafts("w.yaml", text.as_bytes()).unwrap().remove(0);
    assert_eq!(draft.loaded.workflow.nodes.len(), 3);
    let finding = |code: &'static str, node: &str, path: &str| {
        let path =
            path.split('.').map(|item| item.parse().map_or_else(|_| item.into(), PathItem::Index)).collect();
        let place = draft.loaded.locate(&path);
        Diagnostic::error(code, "x").with_node(node).with_path(path).with_location(place)
    };
    let all = draft.with_compiled(vec![
        finding("workflow.unknown_action", "a", "nodes.0.type"),
        finding("workflow.unknown_action", "c", "nodes.2"),
        finding("workflow.unknown_node", "x", "connections.0"),
        finding("workflow.unknown_port", "a", "connections.0"),
        Diagnostic::warning("loop.no_exit", "x").with_node("a"),
    ]);
    let shown: Vec<String> =
        all.iter().map(|f| format!("{} {}", f.code, f.node.as_deref().unwrap_or(""))).collect();
    assert_eq!(
        shown,
        [
            "workflow.unknown_action a",
            "workflow.invalid_settings b",
            "workflow.invalid_document c",
            "workflow.unknown_port a"
        ]
    );
}
