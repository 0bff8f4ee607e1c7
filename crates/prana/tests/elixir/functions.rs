//! The functions of the plan, on single executions.

use prana::Value;
use prana::core::execution::{Execution, NodeStatus, Status};
use prana::core::{Registry, document};
use prana::elixir::{
    Bundle, Fate, ImportOptions, LegacyError, Outcome, extract_graph_context, from_legacy, migrate_to_v2,
};
use prana::template::value;

use super::fixtures::{input, triggered, workflow};
use super::{World, block_on};

fn plain() -> Value {
    workflow(
        "plain",
        &[
            ("start", "manual.trigger", value!({})),
            ("big", "logic.if_condition", value!({"condition": "{{ $input.main.n > 5 }}"})),
            ("yes", "data.set_data", value!({"mapping_map": {"big": true}})),
            ("no", "data.set_data", value!({"mapping_map": {"big": false}})),
        ],
        &["start -> big", "big.true -> yes", "big.false -> no"],
    )
}

fn completed() -> Value {
    triggered("an id of its own", "plain")
        .ran("big", (1, 0), value!({"condition": true}), value!({}), "true")
        .ran("yes", (2, 0), value!({"mapping_map": {"big": true}}), value!({"big": true}), "main")
        .ended("completed", 3)
        .build()
}

fn failed() -> Value {
    let error = value!({"code": "json_error", "message": "bad JSON", "details": {"node": "big"}});
    triggered("4f8a1c7e-1111-4222-8333-944455556666", "plain")
        .failed("big", (1, 0), value!({}), error)
        .build()
}

fn read(execution: &Value) -> Execution {
    let workflow = document::from_value(&plain()).unwrap();
    let imported = from_legacy(execution, &workflow, &Registry::standard()).unwrap();
    Execution::from_log(&imported.header, &imported.log)
}

#[test]
fn a_completed_execution_keeps_its_trail() {
    let execution = read(&completed());
    assert_eq!((execution.status, execution.output()), (Status::Completed, value!({"big": true})));
    assert_eq!(execution.trigger_data, input());
    let runs = &execution.node_executions;
    assert_eq!(runs.len(), 3);
    assert_eq!((&*runs[2].node_key, runs[2].output_port.as_deref()), ("yes", Some("main")));
    let fed: Vec<_> = runs[2].input_from.iter().map(|(port, sources)| (port, sources.to_vec())).collect();
    assert_eq!(fed, [("main", vec![1])]);
}

#[test]
fn a_failed_execution_keeps_its_error() {
    let execution = read(&failed());
    assert_eq!(execution.status, Status::Failed);
    assert_eq!(&*execution.error().unwrap().code, "json_error");
    assert_eq!(execution.node_executions[1].status, NodeStatus::Failed);
}

#[test]
fn a_failure_of_no_node_is_a_reason() {
    let error = value!({"type": "no_ready_nodes", "message": "none", "completed_nodes": ["start"]});
    let stored = triggered("4f8a1c7e-1111-4222-8333-944455556666", "plain")
        .field("error", error)
        .ended("failed", 2)
        .build();
    let execution = read(&stored);
    assert_eq!(&*execution.error().unwrap().code, "no_ready_nodes");
    assert_eq!(execution.error().unwrap().details, value!({"completed_nodes": ["start"]}));
}

#[test]
fn clean_result_data_needs_no_workflow() {
    let execution = migrate_to_v2(&completed()).unwrap();
    assert_eq!((execution.status, execution.node_executions.len()), (Status::Completed, 3));
    let shown = serde_json::to_string(&execution).unwrap();
    for gone in ["__runtime", "output_data", "error_data", "suspended_node_id", "resume_token"] {
        assert!(!shown.contains(gone), "{gone}");
    }
}

#[test]
fn what_was_given_from_outside() {
    let stored = triggered("e", "plain").field("preparation_data", value!({"big": {"ready": true}})).build();
    let context = extract_graph_context(&stored).unwrap();
    assert_eq!(Value::Map(context.variables), value!({"greeting": "hello"}));
    assert_eq!(Value::Map(context.preparation), value!({"big": {"ready": true}}));
    assert!(context.environment.is_empty());
}

/// An ended execution that could not have run so by the rules here is history all the same.
#[test]
fn what_the_rules_here_would_not_do_is_history() {
    let stored = triggered("e", "plain")
        .ran("no", (1, 0), value!({}), value!({"big": false}), "main")
        .ran("gone", (2, 0), value!({}), value!(1), "main")
        .ended("completed", 3)
        .build();
    let execution = read(&stored);
    let keys: Vec<&str> = execution.node_executions.iter().map(|run| &*run.node_key).collect();
    assert_eq!((keys, execution.output()), (vec!["start", "no", "gone"], value!(1)));
}

#[test]
fn what_cannot_be_is_refused_and_says_why() {
    let wait = || value!({"mode": "webhook", "expires_at": "2026-03-02T08:00:01Z", "timeout_hours": 24});
    let suspended = |key: &str| triggered("e", "plain").suspended(key, (1, 0), value!({}), "webhook", wait());
    let check = |stored: Value, expected: &str| {
        let workflow = document::from_value(&plain()).unwrap();
        match from_legacy(&stored, &workflow, &Registry::standard()) {
            Err(LegacyError::NotPossible(reason)) => assert!(reason.contains(expected), "{reason}"),
            other => panic!("{expected}: {other:?}"),
        }
    };
    check(suspended("yes").build(), "nothing had come for it");
    check(suspended("gone").build(), "no node `gone`");
    check(suspended("big").active("no", 1).build(), "`no` was about to run there");
    check(triggered("e", "plain").build(), "`running`");
    check(triggered("e", "plain").field("status", value!("suspended")).build(), "should be one");
}

#[test]
fn what_is_malformed_says_where() {
    let check = |field: &str, value: Value, place: &str| {
        let stored = triggered("e", "plain").field(field, value).build();
        match migrate_to_v2(&stored) {
            Err(LegacyError::Malformed { place: found, .. }) => assert_eq!(found, place),
            other => panic!("{place}: {other:?}"),
        }
    };
    check("started_at", value!("yesterday"), "started_at");
    check("vars", value!([1]), "vars");
    check(
        "node_executions",
        value!({"a": [{"status": "completed"}]}),
        "node_executions.a[0].execution_index",
    );
    check("node_executions", value!({"a": 5}), "node_executions.a");
    assert!(Bundle::read(b"{").is_err());
    assert!(Bundle::read(br#"{"workflows": [5]}"#).is_err());
    assert!(Bundle::read(br#"{"executions": [], "more": []}"#).is_err());
}

#[test]
fn a_dry_run_stores_nothing_and_a_second_import_changes_nothing() {
    block_on(async {
        let world = World::memory();
        let options = ImportOptions { dry_run: true, ..ImportOptions::default() };
        let report = world.import_with(&plain(), &completed(), &options).await;
        let id = report.executions[0].execution_id.unwrap();
        assert_eq!(report.executions[0].outcome, Outcome::Imported);
        assert!(world.engine.execution(id).await.is_err());
        world.import(&plain(), &completed()).await;
        assert_eq!(world.execution(id).await.status, Status::Completed);
        let report = world.import(&plain(), &completed()).await;
        assert_eq!(report.executions[0].outcome, Outcome::Exists);
    });
}

#[test]
fn what_cannot_go_on_is_stored_as_failed_if_asked_for() {
    block_on(async {
        let world = World::memory();
        let wait = value!({"mode": "webhook", "expires_at": "2026-03-02T08:00:01Z", "timeout_hours": 24});
        let stored = triggered("e", "plain").suspended("yes", (1, 0), value!({}), "webhook", wait).build();
        let report = world.import(&plain(), &stored).await;
        assert_eq!(report.executions[0].outcome, Outcome::NotPossible);
        let options = ImportOptions { as_failed: true, ..ImportOptions::default() };
        let report = world.import_with(&plain(), &stored, &options).await;
        let execution = world.execution(report.executions[0].execution_id.unwrap()).await;
        assert_eq!(
            (execution.status, &*execution.error().unwrap().code),
            (Status::Failed, "import.not_resumable")
        );
        assert_eq!(execution.node_executions[1].status, NodeStatus::Skipped);
    });
}

#[test]
fn the_report_of_a_workflow_speaks_of_each_node() {
    let workflow = workflow(
        "mixed",
        &[
            ("start", "manual.trigger", value!({})),
            (
                "each",
                "prana_core.for_each",
                value!({"collection": "{{ $nodes.start.output.items }}", "mode": "single"}),
            ),
            ("code", "code.elixir", value!({"code": "def run(i, _), do: i"})),
        ],
        &["start -> each", "each.loop -> code"],
    );
    block_on(async {
        let world = World::memory();
        let report = world.import(&workflow, &triggered("e", "mixed").ended("completed", 1).build()).await;
        let of = |key: &str| -> Vec<Fate> {
            report.workflows[0]
                .findings
                .iter()
                .filter(|finding| finding.about == key)
                .map(|finding| finding.fate)
                .collect()
        };
        assert_eq!(report.workflows[0].outcome, Outcome::Incomplete);
        assert_eq!(of("start"), [Fate::Carried]);
        assert_eq!(of("each"), [Fate::Changed, Fate::Changed]);
        assert_eq!(of("code"), [Fate::NotPossible]);
        assert_eq!(report.executions[0].outcome, Outcome::Imported);
    });
}

#[test]
fn children_come_after_their_parents_and_belong_to_them() {
    block_on(async {
        let world = World::memory();
        let parent = "4f8a1c7e-1111-4222-8333-944455556666";
        let child = triggered("c", "plain")
            .field("parent_execution_id", value!(parent))
            .ended("completed", 1)
            .build();
        let bundle = Bundle { workflows: vec![plain()], executions: vec![child, failed()] };
        let report = world.engine.import_elixir(&bundle, &ImportOptions::default()).await.unwrap();
        assert_eq!(report.executions[0].id, parent);
        let child = world.execution(report.executions[1].execution_id.unwrap()).await;
        assert_eq!(child.parent_execution_id, report.executions[0].execution_id);
    });
}

/// Whatever a file says: an answer, and no panic.
#[test]
fn mutilated_executions_are_survived() {
    let strange = [
        value!(null),
        value!(-1),
        value!(1e300),
        value!("x"),
        value!([]),
        value!({}),
        value!(4_000_000_000_u64),
        value!("loop"),
        value!("suspended"),
        value!("start"),
        value!(["a", {"b": []}]),
        value!(i64::MAX),
    ];
    let sources = [super::resume::in_loop().build(), failed(), completed()];
    let workflows = [super::resume::looped(), plain(), plain()];
    for (source, workflow) in sources.iter().zip(&workflows) {
        let workflow = document::from_value(workflow).unwrap();
        for place in 0..places(source) {
            for turn in 0..3 {
                let value = &strange[(place * 3 + turn) % strange.len()];
                let changed = replaced(source, &mut { place }, value);
                let read = migrate_to_v2(&changed);
                let imported = from_legacy(&changed, &workflow, &Registry::standard());
                if let (Ok(_), Ok(imported)) = (read, imported) {
                    let execution = Execution::from_log(&imported.header, &imported.log);
                    prana::elixir::to_legacy(
                        &execution,
                        imported.graph.as_ref().map(|graph| &**graph.compiled()),
                    );
                }
            }
        }
    }
}

fn places(value: &Value) -> usize {
    1 + match value {
        Value::Map(map) => map.values().map(places).sum(),
        Value::List(list) => list.iter().map(places).sum(),
        _ => 0,
    }
}

/// The value with another one at a place, counted from the outside in.
fn replaced(value: &Value, place: &mut usize, with: &Value) -> Value {
    if *place == 0 {
        *place = usize::MAX;
        return with.clone();
    }
    if *place == usize::MAX {
        return value.clone();
    }
    *place -= 1;
    match value {
        Value::Map(map) => {
            map.iter().map(|(key, inner)| (key.clone(), replaced(inner, place, with))).collect()
        }
        Value::List(list) => {
            list.iter().map(|inner| replaced(inner, place, with)).collect::<Vec<Value>>().into()
        }
        other => other.clone(),
    }
}
