//! `webhook.respond`: what callers get, and when.

use reqwest::Method;
use serde_json::{Value, json};

use crate::kit::{Got, Kit};

/// A webhook that is answered by a node.
fn answering(id: &str, nodes: &Value, connections: Value) -> Value {
    let hook = json!({"key": "hook", "type": "webhook.trigger", "params": {"path": id, "respond": "respond_node", "headers": {"X-From": "trigger", "X-Also": "trigger"}}});
    let mut all = vec![hook];
    all.extend(nodes.as_array().unwrap().iter().cloned());
    json!({"id": id, "nodes": all, "connections": connections})
}

async fn answer(kit: &Kit, id: &str, params: Value) -> Got {
    let node = json!([{"key": "says", "type": "webhook.respond", "params": params}]);
    kit.active(answering(id, &node, json!(["hook -> says"]))).await;
    kit.post(&format!("/webhook/{id}"), json!({"n": 1})).await
}

#[tokio::test]
async fn the_node_says_what_the_caller_gets() {
    let kit = Kit::new().await;
    let got = answer(
        &kit,
        "json",
        json!({"status": 201, "headers": {"X-From": "node"}, "body": {"got": "{{ $input.body.n }}"}}),
    )
    .await
    .is(201);
    assert_eq!(
        (&got.body, &got.headers["content-type"]),
        (&json!({"got": 1}), &"application/json".parse().unwrap())
    );
    assert_eq!(
        (got.headers["x-from"].to_str().unwrap(), got.headers["x-also"].to_str().unwrap()),
        ("node", "trigger")
    );
    assert!(got.headers["content-security-policy"].to_str().unwrap().starts_with("sandbox"));
    let got = answer(
        &kit,
        "text",
        json!({"respond_with": "text", "body": "<p>hi</p>", "headers": {"Content-Type": "text/html"}}),
    )
    .await
    .is(200);
    assert_eq!(
        (got.text.as_str(), got.headers["content-type"].to_str().unwrap()),
        ("<p>hi</p>", "text/html")
    );
    let got = answer(&kit, "bytes", json!({"respond_with": "binary", "body": "aGk="})).await.is(200);
    assert_eq!(
        (got.text.as_str(), got.headers["content-type"].to_str().unwrap()),
        ("hi", "application/octet-stream")
    );
    let got = answer(&kit, "nothing", json!({"respond_with": "no_content"})).await.is(204);
    assert!(got.text.is_empty() && !got.headers.contains_key("content-type"));
    let got = answer(&kit, "list", json!({"headers": {"Link": ["<a>", "<b>"]}, "body": null})).await.is(200);
    assert_eq!(got.headers.get_all("link").iter().count(), 2);
    assert_eq!(got.text, "null");
    let node = json!([{"key": "says", "type": "webhook.respond", "params": {"respond_with": "redirect", "location": "/thanks?n={{ $input.body.n }}"}}]);
    kit.active(answering("away", &node, json!(["hook -> says"]))).await;
    let client =
        reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let got = Got::of(client.post(kit.url("/webhook/away")).json(&json!({"n": 1})).send().await.unwrap())
        .await
        .is(302);
    assert_eq!((got.headers["location"].to_str().unwrap(), got.text.as_str()), ("/thanks?n=1", ""));
}

#[tokio::test]
async fn the_execution_goes_on_and_the_first_answer_counts() {
    let kit = Kit::new().await;
    let nodes = json!([
        {"key": "says", "type": "webhook.respond", "params": {"body": "first"}},
        {"key": "nap", "type": "wait.wait", "params": {"mode": "webhook"}},
        {"key": "later", "type": "webhook.respond", "params": {"body": "second"}},
    ]);
    kit.active(answering("goes_on", &nodes, json!(["hook -> says -> nap -> later"]))).await;
    // The answer comes although the execution waits.
    assert_eq!(kit.post("/webhook/goes_on", json!({})).await.is(200).body, "first");
    let list = kit.get("/api/v1/executions").await.is(200);
    let id = list.body["executions"][0]["id"].as_str().unwrap().to_owned();
    kit.until(&id, "execution_suspended").await;
    kit.post(&format!("/api/v1/executions/{id}/resume"), json!({"node": "nap", "data": 1})).await.is(200);
    kit.until(&id, "execution_completed").await;
    let shown = kit.get(&format!("/api/v1/executions/{id}")).await.is(200);
    assert_eq!(shown.body["output"]["body"], "second");
}

#[tokio::test]
async fn without_an_answer_the_end_is_told() {
    let kit = Kit::with(|options| options.wait = std::time::Duration::from_millis(200)).await;
    let choice = json!([
        {"key": "asks", "type": "logic.if_condition", "params": {"condition": "{{ $input.body.answer }}"}},
        {"key": "says", "type": "webhook.respond", "params": {"status": 299, "body": "said"}},
    ]);
    kit.active(answering("maybe", &choice, json!(["hook -> asks", "asks.true -> says"]))).await;
    kit.post("/webhook/maybe", json!({"answer": true})).await.is(299);
    let got = kit.post("/webhook/maybe", json!({"answer": false})).await.is(200);
    assert_eq!(got.body.as_object().unwrap().keys().collect::<Vec<_>>(), ["execution_id"]);
    assert_eq!(got.headers["x-from"], "trigger");

    let fails = json!([
        {"key": "stop", "type": "core.stop", "params": {"status": "failed", "code": "it.broke"}},
        {"key": "says", "type": "webhook.respond"},
    ]);
    kit.active(answering("breaks", &fails, json!(["hook -> stop", "hook -> says"]))).await;
    let got = kit.post("/webhook/breaks", json!({})).await.refused(500, "webhook.execution_failed");
    assert!(got.body["execution_id"].is_string() && !got.text.contains("it.broke"));

    let late = json!([
        {"key": "nap", "type": "wait.wait", "params": {"mode": "webhook"}},
        {"key": "says", "type": "webhook.respond", "params": {"body": "late"}},
    ]);
    kit.active(answering("late", &late, json!(["hook -> nap -> says"]))).await;
    let got = kit.post("/webhook/late", json!({})).await.refused(504, "webhook.timeout");
    let id = got.body["execution_id"].as_str().unwrap().to_owned();
    kit.post(&format!("/api/v1/executions/{id}/resume"), json!({"node": "nap", "data": 1})).await.is(200);
    kit.until(&id, "execution_completed").await;
}

#[tokio::test]
async fn two_requests_of_one_event_get_one_answer() {
    let kit = Kit::new().await;
    let mut workflow = answering(
        "once",
        &json!([{"key": "says", "type": "webhook.respond", "params": {"body": "{{ $input.body.n }}"}}]),
        json!(["hook -> says"]),
    );
    workflow["nodes"][0]["params"]["deduplicate_by"] = json!("{{ $input.headers['x-event'] }}");
    kit.active(workflow).await;
    let send = |event: &'static str, n: u32| {
        kit.send(kit.ask(Method::POST, "/webhook/once").header("x-event", event).json(&json!({"n": n})))
    };
    assert_eq!(send("a", 1).await.is(200).body, 1);
    assert_eq!(send("a", 2).await.is(200).body, 1);
    assert_eq!(send("b", 3).await.is(200).body, 3);
    assert_eq!(kit.get("/api/v1/executions").await.body["executions"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_test_webhook_listens_once() {
    let kit = Kit::new().await;
    let draft = |n: u32| {
        answering(
            "draft",
            &json!([{"key": "says", "type": "webhook.respond", "params": {"body": n}}]),
            json!(["hook -> says"]),
        )
    };
    kit.post("/webhook-test/draft", json!({})).await.refused(404, "webhook.not_found");
    // The document as it is in the editor, which is neither saved nor active.
    let listen = kit.ask(Method::POST, "/api/v1/workflows/draft/listen").json(&json!({"workflow": draft(7)}));
    let listening = tokio::spawn(listen.send());
    let got = until_somebody_listens(&kit, "/webhook-test/draft").await.is(200);
    assert_eq!(got.body, 7);
    let heard = Got::of(listening.await.unwrap().unwrap()).await.is(200);
    let id = heard.body["execution_id"].as_str().unwrap().to_owned();
    assert_eq!(heard.body["path"], "/webhook-test/draft");
    kit.until(&id, "execution_completed").await;
    kit.post("/webhook-test/draft", json!({})).await.refused(404, "webhook.not_found");
    kit.post("/webhook/draft", json!({})).await.refused(404, "webhook.not_found");
    let listen = |body: Value| kit.post("/api/v1/workflows/draft/listen", body);
    listen(json!({"workflow": draft(1), "seconds": 0})).await.refused(400, "request.invalid_query");
    listen(json!({"workflow": draft(1), "trigger": "other"})).await.refused(422, "webhook.refused");
    assert_eq!(
        listen(json!({"workflow": draft(1), "seconds": 1})).await.is(200).body["execution_id"],
        Value::Null
    );
    kit.post("/api/v1/workflows/other/listen", json!({"workflow": draft(1)}))
        .await
        .refused(400, "workflow.other_id");
    kit.post("/api/v1/workflows/none/listen", json!({})).await.refused(404, "workflow.not_found");
}

/// Sends a request again and again until it isn't refused as unknown.
async fn until_somebody_listens(kit: &Kit, path: &str) -> Got {
    loop {
        let got = kit.post(path, json!({})).await;
        if got.status != 404 {
            return got;
        }
    }
}

#[tokio::test]
async fn a_test_webhook_asks_for_the_same_proof_and_who_hangs_up_listens_no_more() {
    let kit = Kit::new().await;
    let mut workflow =
        answering("proof", &json!([{"key": "says", "type": "webhook.respond"}]), json!(["hook -> says"]));
    workflow["nodes"][0]["params"]["auth"] =
        json!({"type": "header", "header_name": "X-Key", "header_value": "k"});
    kit.post("/api/v1/workflows", workflow).await.is(201);
    let listen = || {
        tokio::spawn(
            kit.ask(Method::POST, "/api/v1/workflows/proof/listen").json(&json!({"version": 1})).send(),
        )
    };
    let listening = listen();
    until_somebody_listens(&kit, "/webhook-test/proof").await.refused(401, "webhook.unauthorized");
    kit.send(kit.ask(Method::POST, "/webhook-test/proof").header("x-key", "k").json(&json!({})))
        .await
        .is(200);
    assert!(Got::of(listening.await.unwrap().unwrap()).await.is(200).body["execution_id"].is_string());
    let listening = listen();
    until_somebody_listens(&kit, "/webhook-test/proof").await.refused(401, "webhook.unauthorized");
    listening.abort();
    let _ = listening.await;
    while kit.post("/webhook-test/proof", json!({})).await.status != 404 {}
}
