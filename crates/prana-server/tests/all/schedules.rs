//! Schedules through the API. What they start, and when, is tested in virtual time where they are made.

use serde_json::{Value, json};

use crate::kit::Kit;

fn every(id: &str, params: Value) -> Value {
    json!({
        "id": id,
        "nodes": [{"key": "clock", "type": "schedule.trigger", "params": params}, {"key": "end", "type": "core.no_op"}],
        "connections": ["clock -> end"],
    })
}

async fn schedules(kit: &Kit) -> Vec<Value> {
    kit.get("/api/v1/schedules").await.is(200).body["schedules"].as_array().unwrap().clone()
}

#[tokio::test]
async fn schedules_come_and_go_with_their_workflow() {
    let kit = Kit::new().await;
    kit.active(every(
        "nightly",
        json!({"cron": "30 2 * * *", "timezone": "Europe/Berlin", "missed": "once"}),
    ))
    .await;
    kit.active(every("often", json!({"every": "15m", "jitter": "10s", "overlap": "queue"}))).await;
    let all = schedules(&kit).await;
    let ids: Vec<&str> = all.iter().map(|one| one["workflow_id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["nightly", "often"]);
    let nightly = &all[0];
    assert_eq!(
        (&nightly["cron"], &nightly["timezone"], &nightly["missed"], &nightly["state"], &nightly["last"]),
        (&json!("30 2 * * *"), &json!("Europe/Berlin"), &json!("once"), &json!("active"), &Value::Null)
    );
    assert_eq!(nightly["next"].as_array().unwrap().len(), 5);
    assert_eq!(
        (&all[1]["every_ms"], &all[1]["jitter_ms"], &all[1]["overlap"]),
        (&json!(900_000), &json!(10_000), &json!("queue"))
    );
    let page = kit.get("/api/v1/schedules?limit=1").await.is(200).body;
    assert_eq!(page["next"], "nightly/clock");
    let rest = kit.get("/api/v1/schedules?limit=1&after=nightly/clock").await.is(200).body;
    assert_eq!((&rest["schedules"][0]["workflow_id"], &rest["next"]), (&json!("often"), &Value::Null));
    kit.get("/api/v1/schedules?after=x").await.refused(400, "request.invalid_query");
    // Saving changes nothing live; activating does.
    kit.put("/api/v1/workflows/often?based_on=1", every("often", json!({"every": "1h"}))).await.is(201);
    assert_eq!(schedules(&kit).await[1]["every_ms"], 900_000);
    kit.post("/api/v1/workflows/often/activate", json!({})).await.is(200);
    assert_eq!(schedules(&kit).await[1]["every_ms"], 3_600_000);
    kit.post("/api/v1/workflows/often/deactivate", json!({})).await.is(200);
    kit.delete("/api/v1/workflows/nightly").await.is(204);
    assert_eq!(schedules(&kit).await.len(), 0);
}

#[tokio::test]
async fn a_schedule_is_paused_and_goes_on() {
    let kit = Kit::new().await;
    kit.active(every("w", json!({"cron": "@daily"}))).await;
    let path = "/api/v1/schedules/w/clock";
    let paused = kit.post(&format!("{path}/pause"), json!({})).await.is(200).body;
    assert_eq!((&paused["state"], &paused["next"]), (&json!("paused"), &json!([])));
    let kit = kit.restarted().await;
    assert_eq!(kit.get(path).await.is(200).body["state"], "paused");
    assert_eq!(kit.post(&format!("{path}/resume"), json!({})).await.is(200).body["state"], "active");
    for other in ["/api/v1/schedules/w/other", "/api/v1/schedules/v/clock"] {
        kit.get(other).await.refused(404, "schedule.not_found");
        kit.post(&format!("{other}/pause"), json!({})).await.refused(404, "schedule.not_found");
    }
}

#[tokio::test]
async fn a_schedule_starts_executions() {
    let kit = Kit::new().await;
    let mut events = crate::kit::Stream::open(&kit, "/api/v1/events", None).await;
    let workflow = every("w", json!({"every": "1s"}));
    kit.post("/api/v1/workflows", workflow).await.is(201);
    let active = kit.post("/api/v1/workflows/w/activate", json!({})).await.is(200);
    assert_eq!(active.body["findings"], json!([]));
    let done = loop {
        let event = events.next().await.unwrap();
        if event.kind == "execution_completed" {
            break event;
        }
    };
    let id = done.data["execution_id"].as_str().unwrap();
    let output = kit.get(&format!("/api/v1/executions/{id}")).await.is(200).body["output"].clone();
    assert!(output["scheduled_for"].is_string() && output["fired_at"].is_string(), "{output}");
    assert!(schedules(&kit).await[0]["last"]["execution_id"].is_string());
}

#[tokio::test]
async fn a_schedule_that_makes_no_sense_is_not_activated() {
    let kit = Kit::new().await;
    kit.post("/api/v1/workflows", every("w", json!({"cron": "0 25 * * *"}))).await.is(201);
    let refused = kit.post("/api/v1/workflows/w/activate", json!({})).await.refused(422, "workflow.invalid");
    assert!(refused.text.contains("`25` can't be the hours"), "{}", refused.text);
}
