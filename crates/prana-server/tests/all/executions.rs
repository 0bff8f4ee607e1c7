use reqwest::Method;
use serde_json::{Value, json};

use crate::kit::{Kit, asks, doubles, fails};

/// Runs 600 nodes, and waits; each node run is three entries or so, so there are snapshots.
fn long() -> Value {
    json!({
        "id": "long",
        "nodes": [
            {"key": "start", "type": "manual.trigger"},
            {"key": "loop", "type": "core.for_each", "params": {"collection": "{{ range(0, 300) }}"}},
            {"key": "body", "type": "data.set_data", "params": {"fields": {"n": 1}}},
            {"key": "approve", "type": "wait.wait", "params": {"mode": "webhook"}},
        ],
        "connections": ["start -> loop", "loop.loop -> body -> loop", "loop.done -> approve"],
    })
}

#[tokio::test]
async fn an_open_one_is_shown_as_its_whole_trail_tells_it() {
    let kit = Kit::new().await;
    for (workflow, index) in [(asks(), 2), (long(), 602)] {
        kit.active(workflow.clone()).await;
        let id = kit.start(workflow["id"].as_str().unwrap(), json!({"what": "ship"})).await;
        kit.until(&id, "execution_suspended").await;
        let shown = kit.get(&format!("/api/v1/executions/{id}")).await.is(200).body;
        let whole = kit.running.server().engine().execution(id.parse().unwrap()).await.unwrap();
        assert_eq!(shown["execution"], serde_json::to_value(&whole).unwrap());
        assert_eq!(shown["node_execution_count"], whole.node_executions.len());
        let [wait] = &shown["waits"].as_array().unwrap()[..] else { panic!("{shown:#}") };
        assert_eq!((&wait["node_key"], &wait["execution_index"]), (&json!("approve"), &json!(index)));
        assert_eq!(wait["suspension"], json!(whole.suspension_data()));
        assert_eq!((&shown["output"], &shown["error"]), (&Value::Null, &Value::Null));
        assert_eq!(shown["trail_kept"], true);
    }
}

#[tokio::test]
async fn one_is_started_and_looked_at() {
    let kit = Kit::new().await;
    kit.active(doubles()).await;
    let id = kit.start("doubles", json!({"n": 21})).await;
    kit.until(&id, "execution_completed").await;
    let shown = kit.get(&format!("/api/v1/executions/{id}")).await.is(200);
    assert_eq!(
        (&shown.body["execution"]["status"], &shown.body["output"]),
        (&json!("completed"), &json!({"n": 42}))
    );
    assert_eq!(shown.body["node_execution_count"], 2);

    let runs = kit.get(&format!("/api/v1/executions/{id}/node_executions?limit=1")).await.is(200);
    assert_eq!(
        (&runs.body["node_executions"][0]["node_key"], &runs.body["next"]),
        (&json!("start"), &json!(0))
    );
    assert_eq!(runs.body["node_executions"][0].get("output"), None);
    let rest =
        kit.get(&format!("/api/v1/executions/{id}/node_executions?after=0&include=output")).await.is(200);
    assert_eq!(
        (&rest.body["node_executions"][0]["output"], &rest.body["next"]),
        (&json!({"n": 42}), &json!(null))
    );
    let one = kit.get(&format!("/api/v1/executions/{id}/node_executions/1")).await.is(200);
    assert_eq!(
        (&one.body["output"], &one.body["params"]),
        (&json!({"n": 42}), &json!({"fields": {"n": 42}}))
    );
    kit.get(&format!("/api/v1/executions/{id}/node_executions/2"))
        .await
        .refused(404, "node_execution.not_found");
    kit.get(&format!("/api/v1/executions/{id}/node_executions/x")).await.refused(400, "request.invalid_path");
    kit.get(&format!("/api/v1/executions/{id}/node_executions?include=all"))
        .await
        .refused(400, "request.invalid_query");

    assert_eq!(kit.delete(&format!("/api/v1/executions/{id}")).await.is(200).body["removed"], 1);
    kit.delete(&format!("/api/v1/executions/{id}")).await.refused(404, "execution.not_found");
}

#[tokio::test]
async fn bad_starts_are_refused() {
    let kit = Kit::new().await;
    kit.active(doubles()).await;
    let path = "/api/v1/executions";
    kit.post(path, json!({"workflow_id": "nobody"})).await.refused(404, "workflow.not_found");
    kit.post(path, json!({})).await.refused(400, "request.invalid");
    kit.post(path, json!({"workflow_id": "doubles", "inputs": 1})).await.refused(400, "request.invalid");
    kit.post(path, json!({"workflow_id": "doubles", "trigger": "double"})).await.is(422);
    kit.post(&format!("{path}?mode=later"), json!({"workflow_id": "doubles"}))
        .await
        .refused(400, "request.invalid_query");
    let typed = |body: &'static str, media: &'static str| {
        kit.ask(Method::POST, path).header("content-type", media).body(body)
    };
    kit.send(typed("{}", "text/plain")).await.refused(415, "request.not_json");
    kit.send(typed("{}", "application/x-www-form-urlencoded")).await.refused(415, "request.not_json");
    kit.send(typed("{\"workflow_id\": ", "application/json")).await.refused(400, "request.invalid_json");
    let deep = "[".repeat(100_000);
    let request = kit.ask(Method::POST, path).header("content-type", "application/json").body(deep);
    kit.send(request).await.refused(400, "request.invalid_json");
    let large = vec![b' '; 18 << 20];
    let request = kit.ask(Method::POST, path).header("content-type", "application/json").body(large);
    kit.send(request).await.refused(413, "request.too_large");
    let long = json!({"workflow_id": "doubles", "input": "x".repeat((16 << 20) + 1)});
    kit.post(path, long).await.refused(413, "execution.input_too_large");
    let key = "k".repeat(256);
    let request =
        kit.ask(Method::POST, path).header("idempotency-key", key).json(&json!({"workflow_id": "doubles"}));
    kit.send(request).await.refused(400, "request.invalid_idempotency_key");
    kit.get("/api/v1/executions/none").await.refused(404, "execution.not_found");
    kit.get("/api/v1/executions/0190f6f2-7c1a-7b3e-8a51-0d6c2f0e9b7a")
        .await
        .refused(404, "execution.not_found");
    kit.get("/api/v1/nothing").await.refused(404, "request.unknown_route");
    kit.delete("/api/v1/executions").await.refused(405, "request.wrong_method");
}

#[tokio::test]
async fn a_key_starts_one_execution_however_often_it_is_sent() {
    let kit = Kit::new().await;
    kit.active(doubles()).await;
    let send = |mode: &'static str, key: &'static str, n: u32| {
        let path = format!("/api/v1/executions?mode={mode}");
        let body = json!({"workflow_id": "doubles", "input": {"n": n}});
        kit.send(kit.ask(Method::POST, &path).header("Idempotency-Key", key).json(&body))
    };
    let first = send("sync", "a", 1).await.is(200);
    let again = send("sync", "a", 50).await.is(200);
    assert_eq!((&first.body["id"], &again.body["output"]), (&again.body["id"], &json!({"n": 2})));
    assert_eq!(send("async", "a", 50).await.is(202).id(), first.id());
    assert_ne!(send("async", "b", 1).await.is(202).id(), first.id());
}

#[tokio::test]
async fn a_failure_is_an_answer() {
    let kit = Kit::new().await;
    kit.active(fails()).await;
    let got = kit.run("fails", json!({})).await.is(200);
    assert_eq!((&got.body["status"], &got.body["error"]["code"]), (&json!("failed"), &json!("it.broke")));
}

#[tokio::test]
async fn a_caller_waits_no_longer_than_allowed() {
    let kit = Kit::with(|options| options.wait = std::time::Duration::from_millis(50)).await;
    kit.active(asks()).await;
    let got = kit.run("asks", json!({})).await.is(202);
    kit.post(
        &format!("/api/v1/executions/{}/resume", got.id()),
        json!({"node": "approve", "data": {"by": "ann"}}),
    )
    .await
    .is(200);
}

#[tokio::test]
async fn waits_are_answered_once() {
    let kit = Kit::new().await;
    kit.active(asks()).await;
    let id = kit.start("asks", json!({})).await;
    kit.until(&id, "execution_suspended").await;
    let path = format!("/api/v1/executions/{id}");
    let shown = kit.get(&path).await.is(200);
    assert_eq!(shown.body["waits"][0]["node_key"], "approve");
    let index = shown.body["waits"][0]["execution_index"].clone();
    kit.delete(&path).await.refused(409, "execution.not_ended");
    kit.post(&format!("{path}/resume"), json!({"data": 1})).await.refused(400, "request.invalid");
    kit.post(&format!("{path}/resume"), json!({"node": "start"}))
        .await
        .refused(409, "execution.not_suspended");
    let resumed =
        kit.post(&format!("{path}/resume"), json!({"index": index, "data": {"by": "ann"}})).await.is(200);
    assert_eq!(resumed.body["answer"], "resumed");
    kit.post(&format!("{path}/resume"), json!({"index": index, "data": {"by": "bob"}}))
        .await
        .refused(410, "execution.not_suspended");
    kit.until(&id, "execution_completed").await;
    assert_eq!(kit.get(&path).await.is(200).body["output"], json!({"by": "ann"}));
    kit.post(&format!("{path}/resume"), json!({"node": "approve"}))
        .await
        .refused(410, "execution.not_suspended");
    kit.post(&format!("{path}/cancel"), json!({})).await.refused(409, "execution.ended");
    let nobody = "/api/v1/executions/0190f6f2-7c1a-7b3e-8a51-0d6c2f0e9b7a";
    kit.post(&format!("{nobody}/resume"), json!({"node": "a"})).await.refused(404, "execution.not_found");
    kit.post(&format!("{nobody}/cancel"), json!({})).await.refused(404, "execution.not_found");
}

#[tokio::test]
async fn one_that_waits_is_cancelled() {
    let kit = Kit::new().await;
    kit.active(asks()).await;
    let id = kit.start("asks", json!({})).await;
    kit.post(&format!("/api/v1/executions/{id}/cancel"), json!({"reason": "not needed"})).await.is(202);
    kit.until(&id, "execution_cancelled").await;
    let shown = kit.get(&format!("/api/v1/executions/{id}")).await.is(200);
    assert_eq!(shown.body["execution"]["status"], "cancelled");
}

#[tokio::test]
async fn one_that_failed_is_tried_again() {
    let kit = Kit::new().await;
    kit.active(fails()).await;
    let failed = kit.run("fails", json!({})).await.is(200).id();
    let retried = kit.post(&format!("/api/v1/executions/{failed}/retry"), json!({})).await.is(202).id();
    assert_ne!(retried, failed);
    kit.until(&retried, "execution_failed").await;
    kit.active(doubles()).await;
    let done = kit.run("doubles", json!({"n": 1})).await.is(200).id();
    kit.post(&format!("/api/v1/executions/{done}/retry"), json!({}))
        .await
        .refused(409, "execution.cannot_continue");
    let path = format!("/api/v1/executions/{done}/execute_from_node");
    kit.post(&path, json!({})).await.refused(400, "request.invalid");
    kit.post(&path, json!({"index": 99})).await.refused(409, "execution.cannot_continue");
    let again = kit.post(&path, json!({"index": 1, "input": {"n": 5}})).await.is(202).id();
    kit.until(&again, "execution_completed").await;
    assert_eq!(
        kit.get(&format!("/api/v1/executions/{again}")).await.is(200).body["output"],
        json!({"n": 10})
    );
    let alone =
        kit.post(&format!("/api/v1/executions/{done}/execute_node"), json!({"index": 1})).await.is(202).id();
    kit.until(&alone, "execution_completed").await;
}

#[tokio::test]
async fn lists_have_filters_and_cursors() {
    let kit = Kit::new().await;
    kit.active(doubles()).await;
    kit.active(fails()).await;
    let mut ids: Vec<String> = Vec::new();
    for n in 0..3 {
        ids.push(kit.run("doubles", json!({"n": n})).await.is(200).id());
    }
    let failed = kit.run("fails", json!({})).await.is(200).id();
    let listed = |body: &Value| -> Vec<String> {
        body["executions"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["id"].as_str().unwrap().to_owned())
            .collect()
    };
    let all = kit.get("/api/v1/executions").await.is(200);
    assert_eq!(listed(&all.body), [failed.clone(), ids[2].clone(), ids[1].clone(), ids[0].clone()]);
    for query in ["status=failed,timeout", "workflow_id=fails", "scope=roots&status=failed"] {
        let got = kit.get(&format!("/api/v1/executions?{query}")).await.is(200);
        assert_eq!(listed(&got.body), std::slice::from_ref(&failed), "{query}");
    }
    assert!(listed(&kit.get(&format!("/api/v1/executions?parent={failed}")).await.is(200).body).is_empty());
    let mut seen = Vec::new();
    let mut path = "/api/v1/executions?limit=3".to_owned();
    loop {
        let page = kit.get(&path).await.is(200);
        seen.extend(listed(&page.body));
        let Some(next) = page.body["next"].as_str() else { break };
        path = format!("/api/v1/executions?limit=3&cursor={next}");
    }
    assert_eq!(seen, listed(&all.body));
    for query in ["status=done", "cursor=x", "scope=some", "limit=-1", "colour=red"] {
        kit.get(&format!("/api/v1/executions?{query}")).await.refused(400, "request.invalid_query");
    }
}
