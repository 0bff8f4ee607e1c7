//! What was done and never answered, what nobody dares to run, and turns that grow large.

use std::sync::atomic::Ordering;

use prana::core::ExecutionId;
use prana::core::execution::{NodeStatus, Status};
use prana::core::suspension::Suspension;
use prana::store::{Filter, MemoryStore, Scope, Target};
use prana::{Clock, Engine, Health, StartOptions, Value};

use crate::faults::{Bench, block_on};
use crate::kit::value;

const LEASE_MS: u64 = 15_000;

const FLOWS: &str = "
id: chain
nodes:
  - {key: start, type: manual.trigger}
  - {key: a, type: data.set_data, params: {fields: {n: '{{ $input.n + 1 }}'}}}
  - {key: b, type: data.set_data, params: {fields: {n: '{{ $input.n * 10 }}'}}}
  - {key: c, type: test.effect}
connections: [start -> a -> b -> c]
---
id: child
nodes:
  - {key: begin, type: manual.trigger}
  - {key: a, type: test.effect}
connections: [begin -> a]
---
id: parent
nodes:
  - {key: start, type: manual.trigger}
  - {key: one, type: workflow.execute_workflow, params: {workflow_id: child}}
connections: [start -> one]
---
id: many
nodes:
  - {key: start, type: manual.trigger}
  - {key: off, type: workflow.execute_workflow, params: {workflow_id: child, input_data: '{{ $input }}', batch_mode: single, execution_mode: fire_and_forget}}
connections: [start -> off]
---
id: asks
settings: {on_suspend: continue}
nodes:
  - {key: start, type: manual.trigger}
  - {key: ask, type: wait.wait, params: {mode: webhook, timeout_hours: 1}}
  - {key: late, type: core.no_op}
connections: [start -> ask, ask.timeout -> late]
";

async fn bench(seed: u64) -> Bench {
    let bench = Bench::new(seed);
    bench.activate(FLOWS).await;
    bench
}

/// Starts an execution whose answers are lost now and then, and waits for its end as `run` does.
async fn run_to_the_end(bench: &Bench, workflow: &str) -> Status {
    let engine = bench.engine();
    let (_, mut ended) = loop {
        // Refused where the answer to the creation was lost: then it is there and goes on all the same.
        if let Ok(begun) = engine.begin(workflow, value(r#"{"n":1}"#), StartOptions::default()).await {
            break begun;
        }
    };
    for _ in 0..200 {
        let _ = engine.run_until_idle().await;
        if let Ok(outcome) = ended.try_recv() {
            return outcome.status;
        }
    }
    panic!("nobody is told of the end");
}

#[test]
fn who_waits_for_an_end_is_told_when_its_answer_was_lost() {
    block_on(async {
        for seed in 0..60 {
            for workflow in ["chain", "parent"] {
                let bench = bench(seed).await;
                bench.store.after.store(3, Ordering::SeqCst);
                assert_eq!(run_to_the_end(&bench, workflow).await, Status::Completed, "seed {seed}");
                let calls = bench.effects.calls.lock().unwrap();
                assert!(calls.values().all(|workers| workers.len() == 1), "seed {seed}: {calls:?}");
            }
        }
    });
}

/// No lease has to end, and no other worker has to come.
#[test]
fn what_was_made_without_an_answer_goes_on_in_the_same_worker() {
    block_on(async {
        for seed in 0..60 {
            let bench = bench(seed).await;
            let engine = bench.engine();
            bench.store.after.store(2, Ordering::SeqCst);
            for workflow in ["chain", "parent", "chain"] {
                let _ = engine.start(workflow, value(r#"{"n":1}"#)).await;
                let _ = engine.run_until_idle().await;
            }
            bench.store.after.store(0, Ordering::SeqCst);
            engine.run_until_idle().await.unwrap();
            let page = engine.store().list(&Filter::default(), None, 100).await.unwrap();
            for row in &page.rows {
                assert!(row.status.is_ended(), "seed {seed}: {row:?}");
            }
            assert!(page.rows.len() >= 3, "all were created");
        }
    });
}

/// Lets workers die until nothing is left to do; how many did.
async fn deaths_until_idle(bench: &Bench) -> usize {
    for deaths in 0..100 {
        let engine = bench.engine();
        let died = tokio::select! {
            done = engine.run_until_idle() => { done.unwrap(); false }
            () = async { while !bench.store.dead.load(Ordering::SeqCst) { tokio::task::yield_now().await } } => true,
        };
        bench.store.dead.store(false, Ordering::SeqCst);
        if !died {
            return deaths;
        }
        bench.pass(LEASE_MS + 1);
    }
    panic!("it is never parked");
}

/// An execution of pure nodes that is parked before `node`, and how many workers it took.
async fn parked_before(bench: &Bench, node: &str) -> (Engine, ExecutionId, u32) {
    *bench.store.poison.lock().unwrap() = Some(node.to_owned());
    let id = bench.engine().start("chain", value(r#"{"n":1}"#)).await.unwrap();
    bench.pass(LEASE_MS + 1);
    let deaths = deaths_until_idle(bench).await;
    assert!((9..=14).contains(&deaths), "{deaths}");
    let engine = bench.engine();
    let execution = engine.execution(id).await.unwrap();
    let run = execution.suspended_node_execution().unwrap();
    assert_eq!(run.node_key, node);
    let Some(Suspension::Decision { reason: Some(reason) }) = &run.suspension else { panic!("{run:?}") };
    assert!(reason.contains("recovered 10 times"), "{reason}");
    (engine, id, run.execution_index)
}

#[test]
fn a_pure_node_that_kills_its_workers_is_parked() {
    block_on(async {
        for (decision, status, output) in [
            ("retry", Status::Completed, r#"{"n":20}"#),
            ("skip", Status::Completed, r#"{"n":7}"#),
            ("fail", Status::Failed, r#"{"n":2}"#),
            ("cancel", Status::Cancelled, r#"{"n":2}"#),
        ] {
            let bench = bench(1).await;
            let (engine, id, index) = parked_before(&bench, "b").await;
            // Somebody has looked after it.
            bench.store.poison.lock().unwrap().take();
            let answer = value(&format!(r#"{{"decision":"{decision}","output":{{"n":7}}}}"#));
            engine.answer(id, Target::Index(index), answer).await.unwrap();
            engine.run_until_idle().await.unwrap();
            let execution = engine.execution(id).await.unwrap();
            assert_eq!(execution.status, status, "{decision}");
            let last = execution
                .node_executions
                .iter()
                .rfind(|run| run.status == NodeStatus::Completed && run.node_key != "c");
            assert_eq!(last.unwrap().output, value(output), "{decision}");
        }
    });
}

/// Nothing at all is stored before the first node.
#[test]
fn a_trigger_that_kills_its_workers_is_parked() {
    block_on(async {
        let bench = bench(1).await;
        let (engine, id, index) = parked_before(&bench, "start").await;
        bench.store.poison.lock().unwrap().take();
        engine.answer(id, Target::Index(index), value(r#"{"decision":"retry"}"#)).await.unwrap();
        engine.run_until_idle().await.unwrap();
        assert_eq!(engine.execution(id).await.unwrap().status, Status::Completed);
    });
}

#[test]
fn a_retry_that_kills_again_is_parked_again() {
    block_on(async {
        let bench = bench(1).await;
        let (engine, id, index) = parked_before(&bench, "b").await;
        // The node still kills: now by what is recorded of it without its key.
        *bench.store.poison.lock().unwrap() = Some("c".to_owned());
        engine.answer(id, Target::Index(index), value(r#"{"decision":"retry"}"#)).await.unwrap();
        drop(engine);
        let deaths = deaths_until_idle(&bench).await;
        assert!((9..=14).contains(&deaths), "{deaths}");
        let execution = bench.engine().execution(id).await.unwrap();
        assert_eq!(execution.suspended_node_execution().unwrap().node_key, "c");
        assert_eq!(execution.node_executions[2].status, NodeStatus::Completed, "what went well is kept");
    });
}

#[test]
fn a_long_list_is_sent_off_in_several_commits() {
    block_on(async {
        let bench = bench(1).await;
        let engine = bench.engine();
        let items: Value = (0..5_000).map(Value::from).collect();
        let id = engine.start("many", items).await.unwrap();
        engine.run_until_idle().await.unwrap();
        let execution = engine.execution(id).await.unwrap();
        assert_eq!(execution.status, Status::Completed);
        assert_eq!(execution.output().as_list().unwrap().len(), 5_000);
        let largest = bench.store.largest.load(Ordering::SeqCst);
        assert!((1_000..=1_002).contains(&largest), "{largest}");
        assert_eq!(bench.effects.total(), 5_000, "each ran once");
    });
}

#[test]
fn a_crash_between_two_parts_of_a_list_starts_nobody_twice() {
    block_on(async {
        let bench = bench(1).await;
        let items: Value = (0..2_500).map(Value::from).collect();
        let id = bench.engine().start("many", items).await.unwrap();
        bench.pass(LEASE_MS + 1);
        // The first part is stored; the second commit is the worker's last.
        *bench.store.poison.lock().unwrap() = Some("off".to_owned());
        let (store, engine) = (bench.store.clone(), bench.engine());
        tokio::select! {
            _ = engine.run_until_idle() => panic!("it did not die"),
            () = async { while !store.dead.load(Ordering::SeqCst) { tokio::task::yield_now().await } } => {}
        }
        bench.store.dead.store(false, Ordering::SeqCst);
        bench.store.poison.lock().unwrap().take();
        bench.pass(LEASE_MS + 1);
        let engine = bench.engine();
        engine.run_until_idle().await.unwrap();
        assert_eq!(engine.execution(id).await.unwrap().status, Status::Completed);
        assert_eq!(bench.effects.total(), 2_500);
    });
}

/// Where no trail is kept, nothing can be read again: an answer that was first is taken all the same.
#[test]
fn an_answer_beats_a_timer_where_nothing_is_kept() {
    block_on(async {
        let bench = Bench::on(1, MemoryStore::ephemeral());
        bench.activate(FLOWS).await;
        let engine = bench.engine();
        let (id, mut ended) = engine.begin("asks", Value::Null, StartOptions::default()).await.unwrap();
        engine.run_until_idle().await.unwrap();
        engine.resume(id, "ask", Value::Int(7)).await.unwrap();
        bench.pass(3_600_001);
        engine.run_until_idle().await.unwrap();
        let outcome = ended.try_recv().unwrap();
        assert_eq!((outcome.status, outcome.output), (Status::Completed, Value::Int(7)));
        // And where nobody answers, the timer ends the wait.
        let (_, mut ended) = engine.begin("asks", Value::Null, StartOptions::default()).await.unwrap();
        engine.run_until_idle().await.unwrap();
        bench.pass(3_600_001);
        engine.run_until_idle().await.unwrap();
        assert_eq!(ended.try_recv().unwrap().status, Status::Completed);
    });
}

#[test]
fn health_follows_the_store() {
    block_on(async {
        let bench = bench(1).await;
        let engine = bench.engine();
        assert_eq!(engine.health(), Health::Good);
        bench.store.after.store(1, Ordering::SeqCst);
        assert!(engine.start("chain", value(r#"{"n":1}"#)).await.is_err());
        let since = bench.clock.now();
        let Health::Unavailable { reason, since: told } = engine.health() else { panic!("it is told") };
        assert!(reason.contains("the answer was lost"), "{reason}");
        assert_eq!(told, since);
        bench.store.after.store(0, Ordering::SeqCst);
        engine.start("chain", value(r#"{"n":1}"#)).await.unwrap();
        assert_eq!(engine.health(), Health::Good);
    });
}

/// An execution that another worker ends is told to who waits here.
#[test]
fn an_outcome_is_read_from_the_end_of_the_trail() {
    block_on(async {
        let bench = bench(1).await;
        let engine = bench.engine();
        let id = engine.start("parent", value(r#"{"n":1}"#)).await.unwrap();
        engine.run_until_idle().await.unwrap();
        let children = Filter { scope: Scope::ChildrenOf(id), ..Filter::default() };
        let child = engine.store().list(&children, None, 2).await.unwrap().rows[0].id;
        for id in [id, child] {
            let (outcome, execution) =
                (engine.outcome(id).await.unwrap(), engine.execution(id).await.unwrap());
            assert_eq!(outcome.status, execution.status);
            assert_eq!(outcome.output, execution.output());
            assert_eq!(outcome.error.as_ref(), execution.error());
        }
        assert!(engine.outcome(ExecutionId::NIL).await.is_err());
    });
}
