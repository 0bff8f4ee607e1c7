//! Each kind of wait, taken in and gone on with to its end, on both stores, with a restart before each node.

use prana::core::execution::{NodeStatus, Status};
use prana::template::value;
use prana::{Value, core::ExecutionId};

use super::fixtures::{Stored, triggered, workflow};
use super::{World, block_on, id_of};

const ID: &str = "0e4d9a52-5b1c-4f0e-9d35-7c1f2a6b8e01";

/// How a wait ends.
enum Ends {
    /// By itself, at this time.
    At(&'static str),
    /// By an answer to this node.
    By(&'static str, Value),
}

/// What the execution is in the end: the nodes that ran after the import, and the output.
fn check(workflow: &Value, execution: &Value, ends: &[Ends], then: &[&str], output: &Value) {
    for world in [World::memory(), World::sqlite()] {
        block_on(async {
            let id = id_of(&world.import(workflow, execution).await);
            world.until("2026-03-01T09:00:01Z").await;
            let before = world.execution(id).await;
            assert_eq!(before.status, Status::Suspended, "{before:#?}");
            let trail = before.node_executions.len();
            for end in ends {
                finish(&world, id, end).await;
            }
            let after = world.execution(id).await;
            assert_eq!(after.status, Status::Completed, "{:?} {after:#?}", after.error());
            let ran: Vec<&str> = after.node_executions[trail..].iter().map(|run| &*run.node_key).collect();
            assert_eq!(ran, then);
            assert_eq!(after.output(), *output);
        });
    }
}

async fn finish(world: &World, id: ExecutionId, end: &Ends) {
    match end {
        Ends::At(time) => world.until(time).await,
        Ends::By(node, data) => {
            world.engine.resume(id, node, data.clone()).await.unwrap();
            world.engine.run_until_idle().await.unwrap();
        }
    }
}

/// start -> pause -> last
fn line(params: Value, type_name: &str) -> Value {
    let last = value!({"mode": "manual", "mapping_map": {"got": "{{ $input.main }}", "said": "{{ $vars.greeting }}"}});
    workflow(
        "line",
        &[
            ("start", "manual.trigger", value!({})),
            ("pause", type_name, params),
            ("last", "data.set_data", last),
        ],
        &["start -> pause", "pause -> last"],
    )
}

fn paused(params: &Value, kind: &str, data: Value) -> Value {
    triggered(ID, "line")
        .suspended("pause", (1, 0), params.clone(), kind, data)
        .paths(&[("start", 0)])
        .build()
}

#[test]
fn an_interval_ends_by_itself() {
    let params = value!({"mode": "interval", "duration": 4, "unit": "hours"});
    let data = value!({"mode": "interval", "resume_at": "2026-03-01T12:00:01Z"});
    let output = value!({"got": super::fixtures::input(), "said": "hello"});
    let ends = [Ends::At("2026-03-01T12:00:01Z")];
    check(&line(params.clone(), "wait.wait"), &paused(&params, "interval", data), &ends, &["last"], &output);
}

#[test]
fn a_time_that_has_passed_ends_at_once() {
    let params = value!({"mode": "schedule", "schedule_at": "2026-03-01T08:30:00Z", "timezone": "UTC"});
    let data = value!({"mode": "schedule", "resume_at": "2026-03-01T08:30:00Z", "timezone": "UTC"});
    let (workflow, execution) = (line(params.clone(), "wait.wait"), paused(&params, "schedule", data));
    block_on(async {
        let world = World::memory();
        let id = id_of(&world.import(&workflow, &execution).await);
        world.until("2026-03-01T09:00:01Z").await;
        assert_eq!(world.execution(id).await.status, Status::Completed);
    });
}

#[test]
fn a_schedule_ends_by_itself() {
    let params = value!({"mode": "schedule", "schedule_at": "2026-03-05T00:00:00Z", "timezone": "UTC"});
    let data = value!({"mode": "schedule", "resume_at": "2026-03-05T00:00:00Z", "timezone": "UTC"});
    let output = value!({"got": super::fixtures::input(), "said": "hello"});
    let ends = [Ends::At("2026-03-05T00:00:00Z")];
    check(&line(params.clone(), "wait.wait"), &paused(&params, "schedule", data), &ends, &["last"], &output);
}

#[test]
fn a_webhook_is_answered() {
    let params = value!({"mode": "webhook", "timeout_hours": 24});
    let data = value!({"mode": "webhook", "expires_at": "2026-03-02T08:00:01Z", "timeout_hours": 24});
    let output = value!({"got": {"ok": true}, "said": "hello"});
    let ends = [Ends::By("pause", value!({"ok": true}))];
    check(&line(params.clone(), "wait.wait"), &paused(&params, "webhook", data), &ends, &["last"], &output);
}

#[test]
fn a_webhook_has_its_deadline_here() {
    let params = value!({"mode": "webhook", "timeout_hours": 24});
    let data = value!({"mode": "webhook", "expires_at": "2026-03-02T08:00:01Z", "timeout_hours": 24});
    let (workflow, execution) = (line(params.clone(), "wait.wait"), paused(&params, "webhook", data));
    block_on(async {
        let world = World::memory();
        let id = id_of(&world.import(&workflow, &execution).await);
        world.until("2026-03-02T08:00:01Z").await;
        let after = world.execution(id).await;
        assert_eq!((after.status, &*after.error().unwrap().code), (Status::Failed, "wait.timeout"));
    });
}

#[test]
fn a_retry_tries_again_and_counts_on() {
    let params = value!({"url": "https://shop.example/order", "method": "GET"});
    let data = value!({"resume_at": "2026-03-01T09:30:00Z", "attempt_number": 2, "max_attempts": 3,
        "original_error": {"code": "http_error", "message": "refused", "details": null}});
    let output = value!({"got": 3, "said": "hello"});
    let ends = [Ends::At("2026-03-01T09:30:00Z")];
    check(&line(params.clone(), "http.request"), &paused(&params, "retry", data), &ends, &["last"], &output);
}

fn child_params() -> Value {
    value!({"workflow_id": "child", "input_data": null, "execution_mode": "sync", "batch_mode": "all", "timeout_ms": 300000,
        "failure_strategy": "fail_parent", "queue": null, "distribution_window_ms": null})
}

fn child_wait(kind: &str) -> (Value, Value) {
    let params = child_params();
    let mut data = params.as_map().unwrap().clone();
    data.insert("input_data", super::fixtures::input());
    data.insert("triggered_at", "2026-03-01T08:00:01Z");
    let written = value!({"workflow_id": "child"});
    (line(written, "workflow.execute_workflow"), paused(&params, kind, Value::Map(data)))
}

#[test]
fn the_result_of_a_sub_workflow_is_handed_in() {
    for kind in ["sub_workflow_sync", "sub_workflow_async", "sub_workflow_fire_forget"] {
        let (workflow, execution) = child_wait(kind);
        let output = value!({"got": {"sum": 3}, "said": "hello"});
        let ends = [Ends::By("pause", value!({"decision": "skip", "output": {"sum": 3}}))];
        check(&workflow, &execution, &ends, &["last"], &output);
    }
}

#[test]
fn a_sub_workflow_is_started_anew_if_somebody_says_so() {
    let (workflow, execution) = child_wait("sub_workflow_sync");
    let child = super::fixtures::workflow(
        "child",
        &[
            ("start", "manual.trigger", value!({})),
            ("double", "data.set_data", value!({"mapping_map": {"n": "{{ $input.main.n * 2 }}"}})),
        ],
        &["start -> double"],
    );
    block_on(async {
        let world = World::memory();
        let id = id_of(&world.import(&workflow, &execution).await);
        world.engine.activate(&prana::core::document::from_value(&child).unwrap()).await.unwrap();
        world.engine.resume(id, "pause", value!({"decision": "retry"})).await.unwrap();
        world.engine.run_until_idle().await.unwrap();
        let after = world.execution(id).await;
        assert_eq!(after.output(), value!({"got": {"n": 14}, "said": "hello"}), "{after:#?}");
    });
}

#[test]
fn a_wait_that_the_host_invented_takes_any_answer() {
    let params = value!({"mode": "webhook", "timeout_hours": 24});
    let (workflow, execution) =
        (line(params.clone(), "wait.wait"), paused(&params, "manual_review", value!({"team": "sales"})));
    let ends = [Ends::By("pause", value!("fine"))];
    check(&workflow, &execution, &ends, &["last"], &value!({"got": "fine", "said": "hello"}));
}

/// A fork: one branch waits, the other is still to run, and both meet.
#[test]
fn other_active_branches_run_after_the_wait() {
    let pause = value!({"mode": "webhook", "timeout_hours": 24});
    let workflow = workflow(
        "fork",
        &[
            ("start", "manual.trigger", value!({})),
            ("pause", "wait.wait", pause.clone()),
            (
                "side",
                "data.set_data",
                value!({"mapping_map": {"state": "{{ $execution.state }}", "n": "{{ $nodes.start.output.n }}"}}),
            ),
            ("note", "workflow.set_state", value!({"step": 1})),
            ("both", "data.merge", value!({"strategy": "append"})),
        ],
        &["start -> note", "note -> pause", "note -> side", "pause -> both.input_a", "side -> both.input_b"],
    );
    let execution = triggered(ID, "fork")
        .ran("note", (1, 0), value!({"step": 1}), value!({}), "main")
        .suspended(
            "pause",
            (2, 0),
            pause,
            "webhook",
            value!({"mode": "webhook", "expires_at": "2026-03-02T08:00:01Z", "timeout_hours": 24}),
        )
        .active("side", 2)
        .state(value!({"step": 1, "seen": ["x"]}))
        .paths(&[("start", 0), ("note", 1)])
        .build();
    let side = value!({"state": {"step": 1, "seen": ["x"]}, "n": 7});
    let ends = [Ends::By("pause", value!({"ok": true}))];
    check(&workflow, &execution, &ends, &["side", "both"], &value!([{"ok": true}, side]));
}

/// start -> each -loop-> step -> hold -> each; each -done-> end
pub fn looped() -> Value {
    workflow(
        "looped",
        &[
            ("start", "manual.trigger", value!({})),
            (
                "each",
                "prana_core.for_each",
                value!({"collection": "{{ $nodes.start.output.items }}", "mode": "single"}),
            ),
            ("step", "data.set_data", value!({"mapping_map": {"item": "{{ $input.main }}"}})),
            ("hold", "wait.wait", value!({"mode": "webhook", "timeout_hours": 24})),
            (
                "end",
                "data.set_data",
                value!({"mapping_map": {"count": "{{ $nodes.each.context.item_count }}", "last": "{{ $nodes.each.context.index }}"}}),
            ),
        ],
        &["start -> each", "each.loop -> step", "step -> hold", "hold -> each", "each.done -> end"],
    )
}

fn hold() -> (Value, Value) {
    let params = value!({"mode": "webhook", "timeout_hours": 24});
    (params, value!({"mode": "webhook", "expires_at": "2026-03-02T08:00:01Z", "timeout_hours": 24}))
}

fn for_each(items: Value) -> Value {
    value!({"collection": items, "mode": "single", "batch_size": null})
}

pub fn in_loop() -> Stored {
    let (params, data) = hold();
    triggered(ID, "looped")
        .ran("each", (1, 0), for_each(value!(["a", "b", "c"])), value!("a"), "loop")
        .ran("step", (2, 0), value!({"mapping_map": {"item": "a"}}), value!({"item": "a"}), "main")
        .ran("hold", (3, 0), params.clone(), value!("ok"), "main")
        .ran("each", (4, 1), for_each(value!(["a", "b", "c"])), value!("b"), "loop")
        .ran("step", (5, 1), value!({"mapping_map": {"item": "b"}}), value!({"item": "b"}), "main")
        .suspended("hold", (6, 1), params, "webhook", data)
        .context("each", value!({"item_count": 3, "remaining_items": ["c"], "current_loop_index": 1, "has_more_item": true}))
        .field("metadata", value!({"iteration_count": 1}))
        .paths(&[("start", 0), ("each", 4), ("step", 5)])
}

#[test]
fn in_the_middle_of_a_loop() {
    let ends = [Ends::By("hold", value!("ok")), Ends::By("hold", value!("ok"))];
    check(
        &looped(),
        &in_loop().build(),
        &ends,
        &["each", "step", "hold", "each", "end"],
        &value!({"count": 3, "last": 2}),
    );
}

/// start -> each -loop-> hold -> step -> each; each -done-> end
fn looped_with_the_wait_first() -> Value {
    workflow(
        "looped",
        &[
            ("start", "manual.trigger", value!({})),
            (
                "each",
                "prana_core.for_each",
                value!({"collection": "{{ $nodes.start.output.items }}", "mode": "single"}),
            ),
            ("hold", "wait.wait", value!({"mode": "webhook", "timeout_hours": 24})),
            (
                "step",
                "data.set_data",
                value!({"mapping_map": {"item": "{{ $nodes.each.output }}", "said": "{{ $input.main }}"}}),
            ),
            (
                "end",
                "data.set_data",
                value!({"mapping_map": {"count": "{{ $nodes.each.context.item_count }}", "step": "{{ $input.main }}"}}),
            ),
        ],
        &["start -> each", "each.loop -> hold", "hold -> step", "step -> each", "each.done -> end"],
    )
}

/// That engine keeps two runs of each node of a loop. Here it waits in iteration 3 of five: iterations 0 and 1 are gone but for one run of `step`,
/// which nothing on record led to.
#[test]
fn in_a_loop_whose_first_iterations_are_not_on_record() {
    let (params, data) = hold();
    let all = || for_each(value!(["a", "b", "c", "d", "e"]));
    let step = |item: &str| value!({"item": item, "said": "ok"});
    let execution = triggered(ID, "looped")
        .ran("step", (6, 1), value!({}), step("b"), "main")
        .ran("each", (7, 2), all(), value!("c"), "loop")
        .ran("hold", (8, 2), params.clone(), value!("ok"), "main")
        .ran("step", (9, 2), value!({}), step("c"), "main")
        .ran("each", (10, 3), all(), value!("d"), "loop")
        .suspended("hold", (11, 3), params, "webhook", data)
        .context("each", value!({"item_count": 5, "remaining_items": ["e"], "current_loop_index": 3, "has_more_item": true}))
        .field("metadata", value!({"iteration_count": 3}))
        .paths(&[("start", 0), ("each", 10)])
        .build();
    let ends = [Ends::By("hold", value!("ok")), Ends::By("hold", value!("ok"))];
    let workflow = looped_with_the_wait_first();
    check(
        &workflow,
        &execution,
        &ends,
        &["step", "each", "hold", "step", "each", "end"],
        &value!({"count": 5, "step": {"count": 5}}),
    );
    super::round_trip::check(&workflow, &execution);
}

/// The collection that is on record is another than the one that was begun with: what remains is what counts.
#[test]
fn in_a_loop_whose_collection_has_changed() {
    let execution = in_loop()
        .context("each", value!({"item_count": 4, "remaining_items": ["x", "y"], "current_loop_index": 1, "has_more_item": true}))
        .build();
    let ends =
        [Ends::By("hold", value!("ok")), Ends::By("hold", value!("ok")), Ends::By("hold", value!("ok"))];
    let then = ["each", "step", "hold", "each", "step", "hold", "each", "end"];
    check(&looped(), &execution, &ends, &then, &value!({"count": 4, "last": 3}));
}

/// outer -> inner -> hold, in the middle of both.
#[test]
fn in_a_loop_in_a_loop() {
    let (params, data) = hold();
    let workflow = workflow(
        "nested",
        &[
            ("start", "manual.trigger", value!({})),
            (
                "outer",
                "prana_core.for_each",
                value!({"collection": "{{ $nodes.start.output.items }}", "mode": "single"}),
            ),
            (
                "inner",
                "prana_core.for_each",
                value!({"collection": "{{ $vars.inner }}", "mode": "batch", "batch_size": 2}),
            ),
            ("hold", "wait.wait", value!({"mode": "webhook", "timeout_hours": 24})),
        ],
        &[
            "start -> outer",
            "outer.loop -> inner",
            "inner.loop -> hold",
            "hold -> inner",
            "inner.done -> outer",
        ],
    );
    let inner = || value!({"collection": [1, 2, 3], "mode": "batch", "batch_size": 2});
    // Each of the three outer iterations has two inner ones: 1 + 5k outer, 2 + 5k inner, 3 + 5k hold, 4 + 5k inner, 5 + 5k hold, 6 + 5k inner (done).
    let execution = triggered(ID, "nested")
        .ran("outer", (7, 1), for_each(value!(["a", "b", "c"])), value!("b"), "loop")
        .ran("inner", (12, 5), inner(), value!({}), "done")
        .ran("hold", (11, 3), params.clone(), value!("ok"), "main")
        .ran("outer", (13, 2), for_each(value!(["a", "b", "c"])), value!("c"), "loop")
        .ran("inner", (14, 6), inner(), value!([1, 2]), "loop")
        .suspended("hold", (15, 4), params, "webhook", data)
        .context(
            "outer",
            value!({"item_count": 3, "remaining_items": [], "current_loop_index": 2, "has_more_item": false}),
        )
        .context(
            "inner",
            value!({"item_count": 3, "remaining_items": [3], "current_loop_index": 0, "has_more_item": true}),
        )
        .build();
    let ends = [Ends::By("hold", value!("ok")), Ends::By("hold", value!("ok"))];
    check(&workflow, &execution, &ends, &["inner", "hold", "inner", "outer"], &value!({"count": 3}));
}

#[test]
fn the_paths_of_a_replayed_loop_name_the_iterations() {
    block_on(async {
        let world = World::memory();
        let id = id_of(&world.import(&looped(), &in_loop().build()).await);
        let execution = world.execution(id).await;
        let paths: Vec<String> = execution
            .node_executions
            .iter()
            .map(|run| format!("{} {}", run.node_key, run.loop_path))
            .collect();
        assert_eq!(
            paths,
            ["start ", "each ", "step each:0", "hold each:0", "each ", "step each:1", "hold each:1"]
        );
        assert_eq!(execution.suspended_node_execution().unwrap().status, NodeStatus::Suspended);
    });
}

/// A loop of conditions of which only the newest two runs of each node are kept.
#[test]
fn in_a_loop_of_conditions() {
    let (params, data) = hold();
    let workflow = workflow(
        "again",
        &[
            ("start", "manual.trigger", value!({})),
            ("ask", "wait.wait", params.clone()),
            ("enough", "logic.if_condition", value!({"condition": "{{ $input.main.enough }}"})),
            ("end", "data.set_data", value!({"mapping_map": "{{ $nodes.ask.output }}"})),
        ],
        &["start -> ask", "ask -> enough", "enough.false -> ask", "enough.true -> end"],
    );
    let no = || value!({"enough": false});
    let execution = triggered(ID, "again")
        .ran("enough", (6, 2), value!({"condition": false}), value!({}), "false")
        .ran("ask", (7, 3), params.clone(), no(), "main")
        .ran("enough", (8, 3), value!({"condition": false}), value!({}), "false")
        .suspended("ask", (9, 4), params, "webhook", data)
        .build();
    let ends = [Ends::By("ask", value!({"enough": true}))];
    check(&workflow, &execution, &ends, &["enough", "end"], &value!({"enough": true}));
}

/// What began here goes on there and comes back: written in the old form while it waits, taken in by another store, it ends as the original does.
#[test]
fn an_execution_that_began_here_survives_the_old_form() {
    let fork = workflow(
        "fork",
        &[
            ("start", "manual.trigger", value!({})),
            ("note", "workflow.set_state", value!({"step": 1})),
            ("hold", "wait.wait", value!({"mode": "webhook", "timeout_hours": 24})),
            ("side", "data.set_data", value!({"mapping_map": {"state": "{{ $execution.state }}"}})),
            ("both", "data.merge", value!({"strategy": "append"})),
        ],
        &["start -> note", "note -> hold", "note -> side", "hold -> both.input_a", "side -> both.input_b"],
    );
    for (workflow, answers) in [(looped(), 3), (looped_with_the_wait_first(), 3), (fork, 1)] {
        for before in 0..answers {
            block_on(there_and_back(&workflow, answers, before));
        }
    }
}

async fn there_and_back(workflow: &Value, answers: usize, before: usize) {
    let (here, there) = (World::memory(), World::sqlite());
    let document = prana::core::document::from_value(workflow).unwrap();
    here.engine.activate(&document).await.unwrap();
    let id = here.engine.start(&document.id, super::fixtures::input()).await.unwrap();
    here.engine.run_until_idle().await.unwrap();
    answer(&here, id, 0..before).await;
    let written = here.engine.export_elixir_execution(id).await.unwrap();
    assert_eq!(id_of(&there.import(workflow, &written).await), id);
    answer(&here, id, before..answers).await;
    answer(&there, id, before..answers).await;
    let (original, copy) = (here.execution(id).await, there.execution(id).await);
    assert_eq!((original.status, original.output()), (Status::Completed, copy.output()), "{copy:#?}");
    let trail = |execution: &prana::core::execution::Execution| -> Vec<String> {
        execution
            .node_executions
            .iter()
            .map(|run| format!("{} {:?} {}", run.node_key, run.output_port, run.loop_path))
            .collect()
    };
    assert_eq!(trail(&original), trail(&copy));
}

async fn answer(world: &World, id: ExecutionId, numbers: std::ops::Range<usize>) {
    for number in numbers {
        world.engine.resume(id, "hold", Value::from(number)).await.unwrap();
        world.engine.run_until_idle().await.unwrap();
    }
}
