//! One node, many requests.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use prana_actions::{ActionCall, Actions};
use prana_core::Registry;
use prana_core::testing::{TestRun, create_test_graph_with};
use prana_template::{Value, value};

use crate::server::{Reply, Server};
use crate::{outside, run};

async fn batch(requests: Vec<Value>, concurrency: u32) -> Result<Value, prana_core::ErrorValue> {
    let params = value!({"requests": Value::from(requests), "concurrency": concurrency});
    run(ActionCall::detached("http.request", params, outside())).await
}

#[tokio::test]
async fn answers_come_in_order_of_the_items_each_with_its_own_key() {
    let server =
        Server::start(|asked| Reply::json(&format!("\"{}\"", asked.header("idempotency-key")))).await;
    let requests = (0..25).map(|_| value!({"url": server.url("/")})).collect();
    let answers = batch(requests, 4).await.expect("all are answered");
    let keys: Vec<&Value> =
        answers.as_list().expect("a list").iter().filter_map(|answer| answer.get("body")).collect();
    let expected: Vec<Value> = (0..25).map(|index| Value::from(format!("test/0/{index}"))).collect();
    assert_eq!(keys, expected.iter().collect::<Vec<_>>());
    assert_eq!(batch(vec![], 1).await, Ok(value!([])));
}

#[tokio::test]
async fn the_first_failure_ends_it_and_says_the_item() {
    let count = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&count);
    let server = Server::start(move |asked| {
        seen.fetch_add(1, Ordering::SeqCst);
        if asked.target == "/2" { Reply::text(500, &[], "") } else { Reply::json("1") }
    })
    .await;
    let requests = (0..50).map(|index| value!({"url": server.url(&format!("/{index}"))})).collect();
    let error = batch(requests, 1).await.expect_err("one fails");
    assert_eq!((&*error.code, error.details.get("item")), ("http.status", Some(&value!(2))));
    assert_eq!(count.load(Ordering::SeqCst), 3);
}

#[test]
fn a_workflow_makes_the_requests_out_of_templates() {
    let mut registry = Registry::standard();
    Actions::standard().register(&mut registry);
    let document = "id: pages
nodes:
  - {key: start, type: manual.trigger}
  - key: get
    type: http.request
    params:
      url: 'https://example.com/{{ $item.id }}'
      query: {n: '{{ $index }}', all: '{{ $input | length }}'}
      batch: {items: '{{ $input }}', concurrency: 2}
connections: [start -> get]";
    let graph = create_test_graph_with(&registry, document, value!([{"id": "a"}, {"id": "b"}]));
    let run = TestRun::new(graph).with_effects(|call| Ok(call.params.clone())).start();
    let requests = value!([
        {"url": "https://example.com/a", "query": {"n": 0, "all": 2}},
        {"url": "https://example.com/b", "query": {"n": 1, "all": 2}}
    ]);
    assert_eq!(run.execution().output(), value!({"requests": requests, "concurrency": 2}), "{}", run.trace());
}
