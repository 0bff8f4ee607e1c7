//! What the engine promises around the core: starts, crashes, limits, children, links.

use std::sync::Arc;

use prana::core::ExecutionId;
use prana::core::execution::NodeStatus;
use prana::store::{Delivered, Filter, LoadFrom, Scope};
use prana::{Clock, CommitPoint, Engine, ForkOptions, ResumeKey, ResumeTokens, StartOptions, Value};

use crate::kit::{Act, Kit, block_on, status, value, workflow};

const WAITS: &str = "
id: waits
nodes:
  - {key: start, type: manual.trigger}
  - {key: approve, type: wait.wait, params: {mode: webhook, timeout_hours: 48}}
  - {key: done, type: core.no_op}
connections: [start -> approve -> done]
";

const EFFECTS: &str = "
id: effects
nodes:
  - {key: start, type: manual.trigger}
  - {key: first, type: test.effect, params: {n: 1}}
  - {key: second, type: test.effect, params: {n: '{{ $input.n + 1 }}'}}
connections: [start -> first -> second]
";

async fn start(engine: &Engine, text: &str) -> ExecutionId {
    let workflow = workflow(text);
    engine.activate(&workflow).await.unwrap();
    engine.start(&workflow.id, Value::Null).await.unwrap()
}

/// Runs until an effect hangs, and then lets the worker die: it gives no sign of life until its lease is over.
async fn crash(kit: &Kit, engine: &Engine) {
    tokio::select! {
        result = engine.run_until_idle() => panic!("nothing hung: {result:?}"),
        () = async { while kit.script.hanging() == 0 { tokio::task::yield_now().await } } => {}
    }
    kit.script.until_dead().await;
    kit.clock.set(prana::Clock::now(&*kit.clock).plus_millis(kit.options.lease_ms + 1));
}

fn on_both(name: &str, check: impl AsyncFn(Kit)) {
    block_on(check(Kit::memory()));
    block_on(check(Kit::sqlite(name)));
}

#[test]
fn a_start_key_starts_one_execution() {
    on_both("start-key", async |kit| {
        let engine = kit.engine();
        let first = start(&engine, WAITS).await;
        let options = || StartOptions { start_key: Some("order-7".into()), ..StartOptions::default() };
        let second = engine.start_with("waits", Value::Null, options()).await.unwrap();
        let third = engine.start_with("waits", Value::Null, options()).await.unwrap();
        assert_ne!(first, second);
        assert_eq!(second, third);
        engine.run_until_idle().await.unwrap();
        engine.resume(second, "approve", Value::Int(7)).await.unwrap();
        engine.run_until_idle().await.unwrap();
        let done = engine.run_with("waits", Value::Null, options()).await.unwrap();
        assert_eq!((done.id, done.output), (second, Value::Int(7)), "it has ended, and its end is told");
    });
}

#[test]
fn a_crash_repeats_only_what_was_in_doubt() {
    on_both("crash", async |kit| {
        kit.script.then(Act::Give(value(r#"{"n":1}"#))).then(Act::Hang);
        let engine = kit.engine();
        let id = start(&engine, EFFECTS).await;
        crash(&kit, &engine).await;
        assert_eq!(kit.script.calls(), ["first#1", "second#2"]);
        let other = kit.engine();
        other.run_until_idle().await.unwrap();
        assert_eq!(kit.script.calls(), ["first#1", "second#2", "second#2"], "the same key again");
        let execution = other.execution(id).await.unwrap();
        assert_eq!(execution.status.as_str(), "completed");
        assert_eq!(execution.output(), value(r#"{"n":2}"#), "with the same parameters");
        assert_eq!(execution.node_executions.len(), 3);
    });
}

#[test]
fn what_must_not_run_twice_fails_or_asks() {
    on_both("on-crash", async |kit| {
        kit.script.then(Act::Hang).then(Act::Hang);
        let engine = kit.engine();
        let fail = EFFECTS.replace(
            "{key: first, type: test.effect,",
            "{key: first, type: test.effect, settings: {on_crash: fail},",
        );
        let failing = start(&engine, &fail).await;
        crash(&kit, &engine).await;
        let engine = kit.engine();
        engine.run_until_idle().await.unwrap();
        let error = engine.execution(failing).await.unwrap().error().unwrap().code.to_string();
        assert_eq!(error, "node.interrupted");

        let ask = EFFECTS.replace("id: effects", "id: asks").replace(
            "{key: first, type: test.effect,",
            "{key: first, type: test.effect, settings: {on_crash: ask},",
        );
        let asking = start(&engine, &ask).await;
        crash(&kit, &engine).await;
        let engine = kit.engine();
        engine.run_until_idle().await.unwrap();
        let suspension = engine.execution(asking).await.unwrap().suspension_data().unwrap().type_name();
        assert_eq!(suspension, "decision");
        let answer = value(r#"{"decision":"skip","output":{"n":41}}"#);
        engine.resume(asking, "first", answer).await.unwrap();
        engine.run_until_idle().await.unwrap();
        assert_eq!(engine.execution(asking).await.unwrap().output(), value(r#"{"n":42}"#));
        assert_eq!(kit.script.calls(), ["first#1", "first#1", "second#2"], "each was tried once");
    });
}

#[test]
fn an_execution_that_kills_its_workers_is_parked() {
    block_on(async {
        let kit = Kit::memory();
        let id = start(&kit.engine(), EFFECTS).await;
        // The first worker that claims it, and each that takes over, dies while the effect runs.
        let mut deaths = 0;
        loop {
            kit.script.then(Act::Hang);
            let engine = kit.engine();
            let idle = tokio::select! {
                result = engine.run_until_idle() => { result.unwrap(); true },
                () = async { while kit.script.hanging() == 0 { tokio::task::yield_now().await } } => false,
            };
            kit.script.until_dead().await;
            if idle && deaths > 0 {
                break;
            }
            deaths += 1;
            assert!(deaths < 30, "it is never parked");
            kit.clock.set(prana::Clock::now(&*kit.clock).plus_millis(kit.options.lease_ms + 1));
        }
        let execution = kit.engine().execution(id).await.unwrap();
        assert_eq!(execution.suspension_data().unwrap().type_name(), "decision");
        assert!((10..=12).contains(&deaths), "{deaths}");
    });
}

#[test]
fn limits_of_effects() {
    block_on(async {
        let kit = Kit::memory();
        kit.script.then(Act::Panic).then(Act::Hang);
        let engine = kit.engine();
        let text = EFFECTS
            .replace(
                "{key: first, type: test.effect,",
                "{key: first, type: test.effect, settings: {on_error: continue},",
            )
            .replace("{n: '{{ $input.n + 1 }}'}}", "{}, settings: {timeout_ms: 50}}");
        let id = start(&engine, &text).await;
        engine.run_until_idle().await.unwrap();
        let execution = engine.execution(id).await.unwrap();
        let first = &execution.node_executions[1];
        assert_eq!(first.output.get("error").unwrap().get("code").unwrap().as_str(), Some("action.panicked"));
        assert_eq!(execution.error().unwrap().code.to_string(), "action.timeout");
    });
}

#[test]
fn a_link_answers_one_wait_and_may_come_early() {
    on_both("links", async |kit| {
        let tokens = ResumeTokens::new(vec![ResumeKey { id: 1, secret: [7; 32] }]).unwrap();
        let mut options = kit.options.clone();
        options.sign_resume_url = Some(tokens.signer("https://prana.example/"));
        let engine = kit.builder().options(options).build();
        let text = "
id: letters
nodes:
  - {key: start, type: manual.trigger}
  - {key: letter, type: test.effect, params: {link: '{{ $execution.resume_urls.approve }}'}}
  - {key: approve, type: wait.wait, params: {mode: webhook}}
connections: [start -> letter -> approve]
";
        kit.script.then(Act::Hang);
        let id = start(&engine, text).await;
        // The letter is on its way when the process dies; the answer comes before the wait begins.
        crash(&kit, &engine).await;
        let params = engine.execution(id).await.unwrap().node_executions[1].params.clone();
        let link = params.get("link").unwrap().as_str().unwrap().to_owned();
        let token = link.strip_prefix("https://prana.example/resume/").unwrap();
        let wait = tokens.verify(token).unwrap();
        let early = engine.answer_link(&wait, value(r#"{"yes":true}"#)).await.unwrap();
        assert!(matches!(early, Delivered::Kept { .. }));
        assert!(engine.answer_link(&wait, Value::Null).await.is_err(), "one link, one answer");
        let engine = kit.engine();
        engine.run_until_idle().await.unwrap();
        let execution = engine.execution(id).await.unwrap();
        assert_eq!(execution.status.as_str(), "completed");
        assert_eq!(execution.output(), value(r#"{"yes":true}"#));
        assert!(engine.answer_link(&wait, Value::Null).await.is_err(), "used");
    });
}

#[test]
fn a_limit_of_open_executions_queues_the_others() {
    on_both("concurrency", async |kit| {
        let engine = kit.engine();
        let text =
            format!("{WAITS}settings: {{concurrency: {{limit: 1, key: '{{{{ $trigger.tenant }}}}'}}}}\n");
        engine.activate(&workflow(&text)).await.unwrap();
        let mut ids = Vec::new();
        for tenant in ["a", "a", "b"] {
            let input = value(&format!(r#"{{"tenant":"{tenant}"}}"#));
            ids.push(engine.start("waits", input).await.unwrap());
        }
        engine.run_until_idle().await.unwrap();
        assert_eq!(status(&engine, ids[0]).await, "suspended");
        assert_eq!(status(&engine, ids[1]).await, "pending", "a wait keeps its slot");
        assert_eq!(status(&engine, ids[2]).await, "suspended", "another key");
        engine.resume(ids[0], "approve", Value::Null).await.unwrap();
        engine.run_until_idle().await.unwrap();
        assert_eq!(status(&engine, ids[0]).await, "completed");
        assert_eq!(status(&engine, ids[1]).await, "suspended", "the slot was freed by the end");
    });
}

#[test]
fn a_failure_starts_the_error_workflow() {
    on_both("error-workflow", async |kit| {
        let engine = kit.engine();
        let alert = "
id: alert
nodes:
  - {key: failed, type: workflow.error_trigger}
  - {key: note, type: data.set_data, params: {fields: {text: '{{ $input.error.code }} in {{ $input.execution.workflow_id }}'}}}
connections: [failed -> note]
";
        engine.activate(&workflow(alert)).await.unwrap();
        kit.script.then(Act::Fail("pump.broken"));
        let text = format!("{EFFECTS}settings: {{error_workflow: alert}}\n");
        start(&engine, &text).await;
        engine.run_until_idle().await.unwrap();
        let filter = Filter { workflow_id: Some("alert".into()), ..Filter::default() };
        let rows = engine.store().list(&filter, None, 10).await.unwrap().rows;
        assert_eq!(rows.len(), 1);
        let execution = engine.execution(rows[0].id).await.unwrap();
        assert_eq!(execution.output(), value(r#"{"text":"pump.broken in effects"}"#));
    });
}

#[test]
fn cancelling_a_parent_cancels_its_children() {
    on_both("cancel", async |kit| {
        let engine = kit.engine();
        engine.activate(&workflow(WAITS)).await.unwrap();
        let parent = "
id: parent
nodes:
  - {key: start, type: manual.trigger}
  - {key: call, type: workflow.execute_workflow, params: {workflow_id: waits, execution_mode: async, batch_mode: single}}
connections: [start -> call]
";
        engine.activate(&workflow(parent)).await.unwrap();
        let id = engine.start("parent", value("[1,2,3]")).await.unwrap();
        engine.run_until_idle().await.unwrap();
        let children = async || {
            let filter = Filter { scope: Scope::ChildrenOf(id), ..Filter::default() };
            let rows = engine.store().list(&filter, None, 10).await.unwrap().rows;
            rows.iter().map(|row| row.status.to_string()).collect::<Vec<String>>()
        };
        assert_eq!(children().await, ["suspended"; 3]);
        engine.cancel(id, "enough").await.unwrap();
        engine.run_until_idle().await.unwrap();
        assert_eq!(children().await, ["cancelled"; 3]);
        let execution = engine.execution(id).await.unwrap();
        assert_eq!(execution.status.as_str(), "cancelled");
        assert_eq!(execution.node_executions[1].status, NodeStatus::Skipped);
        assert_eq!(execution.error().unwrap().code.to_string(), "execution.cancelled");
    });
}

#[test]
fn many_children_report_once_each_across_restarts() {
    on_both("children", async |kit| {
        let child = "
id: child
nodes:
  - {key: start, type: manual.trigger}
  - {key: nap, type: wait.wait, params: {mode: interval, duration: 5, unit: seconds}}
  - {key: double, type: data.set_data, params: {fields: {n: '{{ $input * 2 }}'}}}
connections: [start -> nap -> double]
";
        let parent = "
id: parent
nodes:
  - {key: start, type: manual.trigger}
  - {key: call, type: workflow.execute_workflow, params: {workflow_id: child, execution_mode: async, batch_mode: single, concurrency: 50}}
  - {key: total, type: data.set_data, params: {fields: {sum: '{{ $input | map(x => x.n) | sum }}', count: '{{ $input | length }}'}}}
connections: [start -> call -> total]
";
        let engine = kit.engine();
        engine.activate(&workflow(child)).await.unwrap();
        engine.activate(&workflow(parent)).await.unwrap();
        let items: Vec<Value> = (0..300).map(Value::Int).collect();
        let id = engine.start("parent", Value::from(items)).await.unwrap();
        engine.run_until_idle().await.unwrap();
        for _ in 0..8 {
            // A new worker each time: nothing is known but what is stored.
            kit.advance(&kit.engine(), 5_000).await;
        }
        let execution = kit.engine().execution(id).await.unwrap();
        assert_eq!(execution.output(), value(r#"{"sum":89700,"count":300}"#));
    });
}

#[test]
fn what_is_saved_is_what_was_asked_for() {
    on_both("save", async |kit| {
        let engine = kit.engine();
        let text = format!("{EFFECTS}settings: {{save: failed}}\n");
        let good = start(&engine, &text).await;
        engine.run_until_idle().await.unwrap();
        kit.script.then(Act::Fail("x.y"));
        let bad = engine.start("effects", Value::Null).await.unwrap();
        engine.run_until_idle().await.unwrap();
        assert_eq!(engine.store().trail(good, 0, 100).await.unwrap().len(), 0);
        assert!(engine.store().trail(bad, 0, 100).await.unwrap().len() > 2);
        assert_eq!(engine.row(good).await.unwrap().status.to_string(), "completed");
    });
}

#[test]
fn what_nobody_keeps_is_never_written() {
    on_both("save-none", async |kit| {
        let engine = kit.engine();
        let text = "{id: quick, settings: {save: none}, nodes: [{key: start, type: manual.trigger}], connections: []}";
        engine.activate(&workflow(text)).await.unwrap();
        let (id, ended) = engine.begin("quick", Value::Int(7), StartOptions::default()).await.unwrap();
        engine.run_until_idle().await.unwrap();
        assert_eq!(ended.await.unwrap().output, Value::Int(7));
        assert!(engine.row(id).await.is_err(), "there is no row of it");
        let acknowledged = engine.start("quick", Value::Int(8)).await.unwrap();
        engine.run_until_idle().await.unwrap();
        assert_eq!(
            engine.row(acknowledged).await.unwrap().status.to_string(),
            "completed",
            "this one was promised"
        );
    });
}

#[test]
fn retention_removes_what_is_old() {
    on_both("retention", async |kit| {
        let engine = kit.engine();
        let text = "{id: short, settings: {retention: 1h}, nodes: [{key: start, type: manual.trigger}], connections: []}";
        engine.activate(&workflow(text)).await.unwrap();
        let id = engine.start("short", Value::Null).await.unwrap();
        engine.run_until_idle().await.unwrap();
        engine.retain().await.unwrap();
        assert!(engine.row(id).await.is_ok());
        kit.advance(&engine, 3_601_000).await;
        while engine.retain().await.unwrap() {}
        assert!(engine.row(id).await.is_err());
    });
}

#[test]
fn a_snapshot_is_what_the_log_folds_to() {
    on_both("snapshot", async |kit| {
        let text = "
id: rounds
nodes:
  - {key: start, type: manual.trigger}
  - {key: each, type: core.for_each, params: {collection: '{{ range(0, 200) }}', collect: '{{ $input.n }}'}}
  - {key: work, type: test.effect, params: {n: '{{ $input }}', state: '{{ $execution.state }}'}}
  - {key: note, type: workflow.set_state, params: {last: '{{ $input.n }}'}}
  - {key: nap, type: wait.wait, params: {mode: webhook}}
connections: [start -> each, each.loop -> work -> note -> each, each.done -> nap]
";
        let engine = kit.engine();
        let id = start(&engine, text).await;
        engine.run_until_idle().await.unwrap();
        let loaded = engine.store().load(id, LoadFrom::Snapshot).await.unwrap().unwrap();
        let snapshot = loaded.snapshot.expect("a snapshot after more than 200 entries");
        assert!(snapshot.next_sequence > 200);
        assert!(loaded.entries.len() < 500, "a resume reads {} entries", loaded.entries.len());
        let (folded, cached) = engine.states_for_test(id).await.unwrap();
        assert_eq!(folded, cached);
        engine.resume(id, "nap", Value::Null).await.unwrap();
        kit.engine().run_until_idle().await.unwrap();
        assert_eq!(status(&engine, id).await, "completed");
    });
}

#[test]
fn a_large_document_is_stored_once() {
    on_both("payloads", async |kit| {
        let engine = kit.engine();
        let steps: Vec<String> = (0..100).map(|n| format!("  - {{key: n{n}, type: core.no_op}}\n")).collect();
        let chain: Vec<String> = (0..100).map(|n| format!("n{n}")).collect();
        let text = format!(
            "id: long\nnodes:\n  - {{key: start, type: manual.trigger}}\n{}connections: [start -> {}]\n",
            steps.concat(),
            chain.join(" -> ")
        );
        engine.activate(&workflow(&text)).await.unwrap();
        let document = Value::from("x".repeat(1 << 20));
        let input = Value::from(vec![document.clone()]);
        let id = engine.start("long", input.clone()).await.unwrap();
        engine.run_until_idle().await.unwrap();
        let entries = engine.store().trail(id, 0, 1_000).await.unwrap();
        let bytes: usize = entries.iter().map(|entry| entry.bytes.len()).sum();
        assert!(bytes < 100_000, "{bytes} bytes of entries");
        assert_eq!(engine.execution(id).await.unwrap().output(), input);
    });
}

#[test]
fn running_time_is_limited_and_waits_do_not_count() {
    on_both("timeout", async |kit| {
        let engine = kit.engine();
        let id = start(&engine, &format!("{WAITS}settings: {{timeout: 10s}}\n")).await;
        engine.run_until_idle().await.unwrap();
        kit.advance(&engine, 3_600_000).await;
        engine.resume(id, "approve", Value::Null).await.unwrap();
        engine.run_until_idle().await.unwrap();
        assert_eq!(status(&engine, id).await, "completed", "an hour of waiting is no running time");

        kit.script.then(Act::Hang);
        let busy = start(&engine, &format!("{EFFECTS}settings: {{timeout: 10s}}\n")).await;
        crash(&kit, &engine).await;
        let engine = kit.engine();
        engine.run_until_idle().await.unwrap();
        assert_eq!(status(&engine, busy).await, "completed", "nor is the time in which nobody ran it");

        // Each commit takes 6 s.
        let (clock, mut options) = (kit.clock.clone(), kit.options.clone());
        options.at_commit = Some(Arc::new(move |point| {
            if point == CommitPoint::After {
                clock.set(clock.now().plus_millis(6_000));
            }
        }));
        let engine = kit.builder().options(options).build();
        let slow = engine.start("effects", Value::Null).await.unwrap();
        engine.run_until_idle().await.unwrap();
        let execution = engine.execution(slow).await.unwrap();
        assert_eq!(execution.status.as_str(), "timeout");
        assert_eq!(execution.error().unwrap().code.to_string(), "execution.timeout");
    });
}

#[test]
fn served_executions_run_and_shut_down_safely() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let mut kit = Kit::sqlite("serve");
        kit.options.stepped = false;
        let registry = kit.engine().registry().clone();
        let build = || {
            Engine::builder()
                .shared_store(kit.store.clone())
                .registry(registry.clone())
                .effects(kit.script.clone())
                .options(kit.options.clone())
                .build()
        };
        let engine = build();
        engine.activate(&workflow(EFFECTS)).await.unwrap();
        let serving = tokio::spawn({
            let engine = engine.clone();
            async move { engine.serve().await }
        });
        let done = engine.run_with("effects", Value::Null, StartOptions::default()).await.unwrap();
        assert_eq!(done.output, value(r#"{"n":2}"#));
        let mut ended = Vec::new();
        for _ in 0..50 {
            ended.push(engine.start("effects", Value::Null).await.unwrap());
        }
        engine.shut_down();
        serving.await.unwrap();
        let other = build();
        let serving = tokio::spawn({
            let engine = other.clone();
            async move { engine.serve().await }
        });
        for id in ended {
            while !other.row(id).await.unwrap().status.is_ended() {
                tokio::task::yield_now().await;
            }
        }
        other.shut_down();
        serving.await.unwrap();
        assert_eq!(kit.script.calls().len(), 2 * 51, "nothing ran twice");
    });
}

#[test]
fn the_library_runs_a_workflow_in_three_lines() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let done = runtime.block_on(async {
        let engine = Engine::builder().store(Arc::new(prana::store::MemoryStore::new())).build();
        let greet = workflow(
            "{id: greet, nodes: [{key: start, type: manual.trigger}, {key: say, type: data.set_data, params: {fields: {text: 'Hello {{ $input.name }}'}}}], connections: [start -> say]}",
        );
        engine.run(&greet, value(r#"{"name":"Ann"}"#)).await.unwrap()
    });
    assert_eq!(done.output, value(r#"{"text":"Hello Ann"}"#));
}

#[test]
fn fix_then_run_from_here() {
    on_both("fork", async |kit| {
        let engine = kit.engine();
        kit.script.then(Act::Give(value(r#"{"n":5}"#))).then(Act::Fail("pump.broken"));
        let id = start(&engine, EFFECTS).await;
        engine.run_until_idle().await.unwrap();
        assert_eq!(status(&engine, id).await, "failed");

        let again = engine.retry(id, ForkOptions::default()).await.unwrap();
        engine.run_until_idle().await.unwrap();
        let execution = engine.execution(again).await.unwrap();
        assert_eq!(execution.status.as_str(), "completed");
        assert_eq!(execution.output(), value(r#"{"n":6}"#));
        assert_eq!(
            kit.script.calls(),
            ["first#1", "second#2", "second#2"],
            "the first result was used again"
        );

        let fixed = EFFECTS.replace("$input.n + 1", "$input.n * 10");
        let version = engine.activate(&workflow(&fixed)).await.unwrap();
        let options = ForkOptions { version: Some(version), input: Some(value(r#"{"n":7}"#)) };
        let other = engine.execute_from_node(id, 2, options).await.unwrap();
        engine.run_until_idle().await.unwrap();
        assert_eq!(engine.execution(other).await.unwrap().output(), value(r#"{"n":70}"#));

        let alone = engine.execute_node(id, 1, ForkOptions::default()).await.unwrap();
        engine.run_until_idle().await.unwrap();
        let execution = engine.execution(alone).await.unwrap();
        assert_eq!(execution.status.as_str(), "completed");
        assert_eq!(kit.script.calls().last().unwrap(), "first#1", "and nothing after it");

        let without = EFFECTS.replace("first", "other");
        let version = engine.activate(&workflow(&without)).await.unwrap();
        let options = ForkOptions { version: Some(version), ..ForkOptions::default() };
        let refused = engine.execute_from_node(id, 2, options).await.unwrap_err().to_string();
        assert!(refused.contains("first"), "{refused}");
        assert!(engine.retry(again, ForkOptions::default()).await.is_err(), "nothing failed there");
    });
}

/// A pure action of an application that panics.
struct Panics;

impl prana::core::action::PureAction for Panics {
    fn run(
        &self,
        _: &dyn prana::core::action::Call,
    ) -> Result<prana::core::action::Outcome, prana::core::action::Failure> {
        panic!("as told")
    }
}

#[test]
fn a_panic_in_a_pure_action_is_its_error() {
    use prana::core::action::{Descriptor, Effect};
    block_on(async {
        let kit = Kit::memory();
        let mut registry = kit.engine().registry().clone();
        registry.pure(Descriptor::new::<Value>("test.panics", "Panics", "Panics.", Effect::Pure), Panics);
        let engine = kit.builder().registry(registry).build();
        let text = "{id: p, nodes: [{key: start, type: manual.trigger}, {key: p, type: test.panics}], connections: [start -> p]}";
        let id = start(&engine, text).await;
        engine.run_until_idle().await.unwrap();
        let execution = engine.execution(id).await.unwrap();
        assert_eq!(execution.error().unwrap().code.to_string(), "action.panicked");
    });
}
