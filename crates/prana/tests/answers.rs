//! Answers of `webhook.respond` nodes: told once, and never before they are durable.

use std::sync::{Arc, Mutex};

use prana::core::nodes::webhook_respond::{Answer, Content};
use prana::core::{ExecutionId, execution::Status};
use prana::{Begun, CommitPoint, Engine, StartOptions};
use tokio::sync::oneshot::Receiver;

use crate::kit::{Kit, block_on, status, value, workflow};

/// A webhook with these nodes and connections.
async fn begin(kit: &Kit, settings: &str, nodes: &str, connections: &str) -> (Engine, Begun) {
    let engine = kit.engine();
    let document = format!(
        "id: w\nsettings: {settings}\nnodes:\n  - {{key: hook, type: webhook.trigger, params: {{path: a, respond: respond_node}}}}\n{nodes}\nconnections: {connections}"
    );
    engine.activate(&workflow(&document)).await.unwrap();
    let begun = again(&engine, None).await;
    (engine, begun)
}

async fn again(engine: &Engine, start_key: Option<&str>) -> Begun {
    let options = StartOptions { start_key: start_key.map(str::to_owned), ..StartOptions::default() };
    engine.begin_answered("w", value("{\"n\": 1}"), options).await.unwrap()
}

fn text(answer: Answer) -> String {
    match answer.content {
        Content::Text(text) => text,
        other => panic!("{other:?}"),
    }
}

const SAYS: &str = "  - {key: says, type: webhook.respond, params: {respond_with: text, body: first}}";

/// How often it is committed, and after how many commits the answer is there.
fn check(nodes: &str, connections: &str, commits: usize, answered_after: usize) {
    check_with("{}", nodes, connections, commits, answered_after);
}

fn check_with(settings: &str, nodes: &str, connections: &str, commits: usize, answered_after: usize) {
    block_on(async {
        let mut kit = Kit::memory();
        let answered: Arc<Mutex<Option<Receiver<Answer>>>> = Arc::default();
        // At each commit: is the answer there?
        let seen: Arc<Mutex<Vec<(CommitPoint, bool)>>> = Arc::default();
        let (watched, points) = (Arc::clone(&answered), Arc::clone(&seen));
        kit.options.at_commit = Some(Arc::new(move |point| {
            let is_there = watched.lock().unwrap().as_mut().is_some_and(|answer| !answer.is_empty());
            points.lock().unwrap().push((point, is_there));
        }));
        let (engine, begun) = begin(&kit, settings, nodes, connections).await;
        *answered.lock().unwrap() = Some(begun.answered);
        engine.run_until_idle().await.unwrap();
        let points = seen.lock().unwrap().clone();
        let expect: Vec<(CommitPoint, bool)> = (0..commits)
            .flat_map(|number| {
                let is_there = number >= answered_after;
                [(CommitPoint::Before, is_there), (CommitPoint::After, is_there)]
            })
            .collect();
        assert_eq!(points, expect, "{connections}");
        let answered = answered.lock().unwrap().take().unwrap();
        let answer = answered.await.unwrap();
        assert_eq!(text(answer), "first");
        assert_eq!(begun.ended.await.unwrap().status, Status::Completed);
    });
}

#[test]
fn an_answer_is_told_after_its_commit_and_before_what_follows() {
    // The last node: one commit for all.
    check(SAYS, "[hook -> says]", 1, 1);
    let after = format!("{SAYS}\n  - {{key: after, type: core.no_op}}");
    check(&after, "[hook -> says -> after]", 2, 1);
    let effect = format!("{SAYS}\n  - {{key: effect, type: test.effect}}");
    check(&effect, "[hook -> says -> effect]", 3, 1);
    let two = format!(
        "{SAYS}\n  - {{key: later, type: webhook.respond, params: {{respond_with: text, body: second}}}}"
    );
    check(&two, "[hook -> says -> later]", 2, 1);
    // Nothing of it is kept: it is never written, and answered all the same.
    check_with("{save: none}", SAYS, "[hook -> says]", 0, 0);
}

#[test]
fn a_second_caller_with_the_same_key_gets_the_same_answer() {
    block_on(async {
        let kit = Kit::sqlite("answers");
        let nodes = format!("{SAYS}\n  - {{key: nap, type: wait.wait, params: {{mode: webhook}}}}");
        let (engine, _) = begin(&kit, "{}", &nodes, "[hook -> says -> nap]").await;
        let first = again(&engine, Some("k")).await;
        // Before it was answered, after that, after a restart, and after the end.
        let early = again(&engine, Some("k")).await;
        engine.run_until_idle().await.unwrap();
        let late = again(&engine, Some("k")).await;
        let restarted = kit.engine();
        let other = again(&restarted, Some("k")).await;
        engine.resume(first.id, "nap", value("1")).await.unwrap();
        engine.run_until_idle().await.unwrap();
        let ended = again(&restarted, Some("k")).await;
        for begun in [early, late, other, ended] {
            assert_eq!((begun.id, text(begun.answered.await.unwrap())), (first.id, "first".to_owned()));
        }
        assert_eq!(text(first.answered.await.unwrap()), "first");
    });
}

#[test]
fn who_is_not_answered_hears_of_the_end() {
    block_on(async {
        for (nodes, connections) in [
            ("  - {key: a, type: core.no_op}", "[hook -> a]"),
            ("  - {key: a, type: webhook.respond, disabled: true}", "[hook -> a]"),
            (
                "  - {key: a, type: webhook.respond, params: {status: '{{ $input.n }}'}, settings: {on_error: continue}}",
                "[hook -> a]",
            ),
        ] {
            let kit = Kit::memory();
            let (engine, begun) = begin(&kit, "{}", nodes, connections).await;
            engine.run_until_idle().await.unwrap();
            assert!(begun.answered.await.is_err(), "{nodes}");
            assert_eq!(begun.ended.await.unwrap().status, Status::Completed, "{nodes}");
        }
    });
}

#[test]
fn a_respond_node_without_a_caller_changes_nothing() {
    block_on(async {
        let kit = Kit::memory();
        let engine = kit.engine();
        let document = format!(
            "id: w\nnodes:\n  - {{key: hook, type: manual.trigger}}\n{SAYS}\nconnections: [hook -> says]"
        );
        engine.activate(&workflow(&document)).await.unwrap();
        let id: ExecutionId = engine.start("w", value("null")).await.unwrap();
        engine.run_until_idle().await.unwrap();
        assert_eq!(status(&engine, id).await, "completed");
        let output = engine.execution(id).await.unwrap().output();
        assert_eq!(output.get("body"), Some(&value("\"first\"")));
    });
}
