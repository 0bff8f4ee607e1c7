use serde_json::json;

use crate::kit::{Kit, asks, doubles};

#[tokio::test]
async fn a_restart_keeps_everything() {
    let kit = Kit::new().await;
    kit.active(doubles()).await;
    kit.active(asks()).await;
    let done = kit.run("doubles", json!({"n": 1})).await.is(200).id();
    let open = kit.start("asks", json!({})).await;
    kit.until(&open, "execution_suspended").await;
    let kit = kit.restarted().await;
    assert_eq!(kit.get(&format!("/api/v1/executions/{done}")).await.is(200).body["output"], json!({"n": 2}));
    let list = kit.get("/api/v1/executions").await.is(200);
    assert_eq!(list.body["executions"].as_array().unwrap().len(), 2);
    assert_eq!(kit.get("/api/v1/workflows").await.is(200).body["workflows"].as_array().unwrap().len(), 2);
    kit.post(&format!("/api/v1/executions/{open}/resume"), json!({"node": "approve", "data": {"by": "ann"}}))
        .await
        .is(200);
    kit.until(&open, "execution_completed").await;
    assert_eq!(
        kit.get(&format!("/api/v1/executions/{open}")).await.is(200).body["output"],
        json!({"by": "ann"})
    );
    assert_eq!(kit.run("doubles", json!({"n": 2})).await.is(200).body["output"], json!({"n": 4}));
}

#[tokio::test]
async fn callers_who_wait_are_told_when_the_server_stops() {
    let kit = Kit::new().await;
    kit.active(asks()).await;
    let mut events = crate::kit::Stream::open(&kit, "/api/v1/events", None).await;
    let request =
        kit.ask(reqwest::Method::POST, "/api/v1/executions?mode=sync").json(&json!({"workflow_id": "asks"}));
    let waiting = tokio::spawn(request.send());
    while events.next().await.unwrap().kind != "execution_suspended" {}
    kit.running.shut_down().await;
    let got = crate::kit::Got::of(waiting.await.unwrap().unwrap()).await.is(202);
    assert_eq!(got.body["status"], "suspended");
}
