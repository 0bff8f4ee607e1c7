use reqwest::Method;
use serde_json::json;

use crate::kit::{Kit, Sse, Stream, asks, doubles};

#[tokio::test]
async fn the_events_of_an_execution_can_be_taken_up_anywhere() {
    let kit = Kit::new().await;
    kit.active(asks()).await;
    let id = kit.start("asks", json!({})).await;
    let path = format!("/api/v1/executions/{id}/events");
    let live = Stream::open(&kit, &path, None).await;
    kit.until(&id, "execution_suspended").await;
    kit.post(&format!("/api/v1/executions/{id}/resume"), json!({"node": "approve", "data": {"by": "ann"}}))
        .await
        .is(200);
    let all = live.rest().await;
    let kinds: Vec<&str> = all.iter().map(|event| event.kind.as_str()).collect();
    assert_eq!(
        kinds,
        [
            "execution_started",
            "node_starting",
            "node_completed",
            "node_starting",
            "node_completed",
            "node_starting",
            "node_suspended",
            "execution_suspended",
            "execution_resumed",
            "node_completed",
            "node_starting",
            "node_completed",
            "execution_completed",
        ]
    );
    assert_eq!((&all[9].data["node_key"], &all[9].data["execution_index"]), (&json!("approve"), &json!(2)));
    let numbers: Vec<u64> = all.iter().map(|event| event.id.parse().unwrap()).collect();
    assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
    // From each of its ids on it goes on without a gap and without a repetition; after the last there is nothing.
    for (place, event) in all.iter().enumerate() {
        if place + 1 == all.len() {
            let request = kit.ask(Method::GET, &path).header("Last-Event-ID", &event.id);
            kit.send(request).await.is(204);
        } else {
            assert_eq!(Stream::open(&kit, &path, Some(&event.id)).await.rest().await, all[place + 1..]);
        }
    }
    kit.send(kit.ask(Method::GET, &path).header("Last-Event-ID", "x"))
        .await
        .refused(400, "request.invalid_event_id");
    kit.get("/api/v1/executions/0190f6f2-7c1a-7b3e-8a51-0d6c2f0e9b7a/events")
        .await
        .refused(404, "execution.not_found");
}

#[tokio::test]
async fn a_long_trail_comes_whole() {
    let kit = Kit::new().await;
    let mut workflow = doubles();
    workflow["nodes"][1] =
        json!({"key": "each", "type": "core.for_each", "params": {"collection": "{{ $input.list }}"}});
    workflow["nodes"].as_array_mut().unwrap().push(json!({"key": "item", "type": "core.no_op"}));
    workflow["connections"] = json!(["start -> each", "each.loop -> item -> each"]);
    kit.active(workflow).await;
    let id = kit.start("doubles", json!({"list": vec![1; 300]})).await;
    let path = format!("/api/v1/executions/{id}/events");
    let all = Stream::open(&kit, &path, None).await.rest().await;
    let of = |kind: &str| all.iter().filter(|event| event.kind == kind).count();
    assert_eq!((of("execution_started"), of("execution_completed")), (1, 1));
    assert!(of("node_completed") > 600, "{}", of("node_completed"));
    assert!(
        all.iter()
            .filter(|event| event.kind.starts_with("node"))
            .all(|event| event.data["node_key"].is_string())
    );
    let middle = all.len() / 2;
    assert_eq!(Stream::open(&kit, &path, Some(&all[middle].id)).await.rest().await, all[middle + 1..]);
}

#[tokio::test]
async fn a_trail_that_was_not_kept_is_said_to_be() {
    let kit = Kit::new().await;
    let mut workflow = asks();
    workflow["settings"] = json!({"save": "none"});
    kit.active(workflow).await;
    let id = kit.start("asks", json!({})).await;
    let path = format!("/api/v1/executions/{id}");
    kit.post(&format!("{path}/resume"), json!({"node": "approve", "data": {"by": "ann"}})).await;
    while kit.get(&path).await.body["execution"]["status"] != "completed" {}
    assert_eq!(kit.get(&path).await.is(200).body["trail_kept"], false);
    let all = Stream::open(&kit, &format!("{path}/events"), None).await.rest().await;
    assert_eq!(
        (all.len(), all[0].kind.as_str(), &all[0].data["status"]),
        (1, "trail_not_kept", &json!("completed"))
    );
    let again = kit.ask(Method::GET, &format!("{path}/events")).header("Last-Event-ID", &all[0].id);
    kit.send(again).await.is(204);
}

async fn ends(stream: &mut Stream, count: usize) -> Vec<Sse> {
    let mut ends = Vec::new();
    while ends.len() < count {
        let event = stream.next().await.unwrap();
        if event.kind == "execution_completed" || event.kind == "reset" {
            ends.push(event);
        }
    }
    ends
}

#[tokio::test]
async fn the_events_of_all_executions_can_be_taken_up() {
    let kit = Kit::new().await;
    kit.active(doubles()).await;
    let mut live = Stream::open(&kit, "/api/v1/events", None).await;
    let mut ids = Vec::new();
    for n in 0..3 {
        ids.push(kit.run("doubles", json!({"n": n})).await.is(200).body["id"].clone());
    }
    let seen = ends(&mut live, 3).await;
    assert_eq!(seen.iter().map(|event| event.data["execution_id"].clone()).collect::<Vec<_>>(), ids);
    let mut again = Stream::open(&kit, "/api/v1/events", Some(&seen[0].id)).await;
    assert_eq!(ends(&mut again, 2).await, seen[1..]);
    let elsewhere = "0000000000000000-1";
    let mut lost = Stream::open(&kit, "/api/v1/events", Some(elsewhere)).await;
    assert_eq!(ends(&mut lost, 1).await[0].kind, "reset");
    for id in ["x", "-", "a-b"] {
        let request = kit.ask(Method::GET, "/api/v1/events").header("Last-Event-ID", id);
        kit.send(request).await.refused(400, "request.invalid_event_id");
    }
}

#[tokio::test]
async fn a_shutdown_ends_streams() {
    let kit = Kit::new().await;
    kit.active(asks()).await;
    let id = kit.start("asks", json!({})).await;
    kit.until(&id, "execution_suspended").await;
    let all = Stream::open(&kit, "/api/v1/events", None).await;
    let one = Stream::open(&kit, &format!("/api/v1/executions/{id}/events"), None).await;
    let stopping = kit.running.shut_down();
    let (_, all, one) = tokio::join!(stopping, all.rest(), one.rest());
    assert_eq!(all, []);
    assert!(!one.is_empty());
}
