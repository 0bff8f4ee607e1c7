//! There, here, and back: every field that isn't dropped by design is the same.

use prana::Value;
use prana::core::Timestamp;
use prana::template::{Map, value};

use super::fixtures::{triggered, workflow};
use super::{World, block_on, id_of};

/// Dropped by design; they are derived, or belong to a running process.
const DROPPED: &[&str] = &["__runtime"];

fn compare(there: &Value, back: &Value, place: &str) {
    match (there, back) {
        (Value::Map(there), Value::Map(back)) => {
            let keys = |map: &Map| -> Vec<String> {
                let mut keys: Vec<String> = map
                    .keys()
                    .map(ToString::to_string)
                    .filter(|key| !DROPPED.contains(&key.as_str()))
                    .collect();
                keys.sort();
                keys
            };
            assert_eq!(keys(there), keys(back), "{place}");
            for key in keys(there) {
                compare(
                    &there.get(&key).unwrap().clone(),
                    &back.get(&key).unwrap().clone(),
                    &format!("{place}.{key}"),
                );
            }
        }
        (Value::List(there), Value::List(back)) => {
            assert_eq!(there.len(), back.len(), "{place}");
            for (position, (there, back)) in there.iter().zip(back.iter()).enumerate() {
                compare(there, back, &format!("{place}[{position}]"));
            }
        }
        _ => assert!(there == back || same_time(there, back), "{place}: {there:?} there, {back:?} back"),
    }
}

fn same_time(there: &Value, back: &Value) -> bool {
    let time = |value: &Value| value.as_str().and_then(|text| text.parse::<Timestamp>().ok());
    time(there).is_some() && time(there) == time(back)
}

pub fn check(workflow: &Value, execution: &Value) {
    for world in [World::memory(), World::sqlite()] {
        block_on(async {
            let id = id_of(&world.import(workflow, execution).await);
            let back = world.engine.export_elixir_execution(id).await.unwrap();
            compare(execution, &back, "execution");
            let id = workflow.get("id").unwrap().as_str().unwrap();
            let (back, findings) = world.engine.export_elixir_workflow(id).await.unwrap();
            assert_eq!(findings, []);
            compare(workflow, &back, "workflow");
        });
    }
}

fn line() -> Value {
    workflow(
        "line",
        &[
            ("start", "manual.trigger", value!({})),
            ("note", "workflow.set_state", value!({"step": 1})),
            ("pause", "wait.wait", value!({"mode": "webhook", "timeout_hours": 24})),
            ("last", "prana_core.log", value!({"message": "done"})),
        ],
        &["start -> note", "note -> pause", "pause -> last"],
    )
}

fn noted(id: &str) -> super::fixtures::Stored {
    triggered(id, "line")
        .ran("note", (1, 0), value!({"step": 1}), value!({}), "main")
        .state(value!({"step": 1}))
        .context("start", value!({"seen": 1}))
        .field("preparation_data", value!({"pause": {"webhook_url": "x"}}))
        .field("metadata", value!({"tenant": "t1", "tags": ["a"]}))
}

fn pause() -> Value {
    value!({"mode": "webhook", "timeout_hours": 24})
}

#[test]
fn a_completed_one() {
    let stored = noted("6b4a6d5e-0c0e-4a3c-8f57-2a1f61d3c001")
        .ran("pause", (2, 0), pause(), value!({"ok": true}), "main")
        .ran(
            "last",
            (3, 0),
            value!({"message": "done", "level": "info", "data": null}),
            value!({"ok": true}),
            "main",
        )
        .paths(&[("start", 0), ("note", 1), ("pause", 2), ("last", 3)])
        .ended("completed", 4);
    check(&line(), &stored.build());
}

#[test]
fn a_failed_one_with_an_id_that_is_no_uuid() {
    let error = value!({"code": "action.exception", "message": "boom", "details": {"node": "pause", "action": "wait.wait"}});
    let stored = noted("run-17").failed("pause", (2, 0), pause(), error).paths(&[("start", 0), ("note", 1)]);
    check(&line(), &stored.build());
}

#[test]
fn one_whose_error_is_of_another_form() {
    let error = value!({"type": "no_ready_nodes", "message": "none", "current_status": "running", "completed_nodes": ["start"]});
    let stored = noted("run-18")
        .field("error", error)
        .active("pause", 2)
        .paths(&[("start", 0), ("note", 1)])
        .ended("failed", 3);
    let mut stored = stored;
    stored.active = Map::new();
    check(&line(), &stored.build());
}

#[test]
fn a_suspended_one() {
    let data =
        value!({"mode": "webhook", "expires_at": "2026-03-02T08:00:02Z", "timeout_hours": 24, "more": [1]});
    let stored = noted("6b4a6d5e-0c0e-4a3c-8f57-2a1f61d3c002")
        .suspended("pause", (2, 0), pause(), "webhook", data)
        .paths(&[("start", 0), ("note", 1)]);
    check(&line(), &stored.build());
}

fn looped() -> Value {
    workflow(
        "looped",
        &[
            ("start", "manual.trigger", value!({})),
            (
                "each",
                "prana_core.for_each",
                value!({"collection": "{{ $nodes.start.output.items }}", "mode": "single"}),
            ),
            ("hold", "wait.wait", pause()),
        ],
        &["start -> each", "each.loop -> hold", "hold -> each"],
    )
}

/// The first iterations are not on record.
#[test]
fn one_in_a_loop_with_gaps() {
    let each = || value!({"collection": ["a", "b", "c", "d", "e"], "mode": "single", "batch_size": null});
    let data = value!({"mode": "webhook", "expires_at": "2026-03-02T08:00:02Z", "timeout_hours": 24});
    let stored = triggered("6b4a6d5e-0c0e-4a3c-8f57-2a1f61d3c003", "looped")
        .ran("each", (5, 2), each(), value!("c"), "loop")
        .ran("hold", (6, 2), pause(), value!("ok"), "main")
        .ran("each", (7, 3), each(), value!("d"), "loop")
        .suspended("hold", (8, 3), pause(), "webhook", data)
        .context("each", value!({"item_count": 5, "remaining_items": ["e"], "current_loop_index": 3, "has_more_item": true}))
        .field("metadata", value!({"iteration_count": 3}))
        .paths(&[("start", 0), ("each", 7)]);
    check(&looped(), &stored.build());
}
