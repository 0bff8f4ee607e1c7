use reqwest::Method;
use serde_json::{Value, json};

use crate::kit::{Kit, asks, doubles, fails};

async fn log(kit: &Kit) -> Vec<Value> {
    let owner = prana_server::Owner::of(&kit.scratch.database()).unwrap().token;
    let got = kit.send(kit.ask(Method::GET, "/api/v1/changes").bearer_auth(owner)).await.is(200);
    got.body["changes"].as_array().unwrap().clone()
}

#[tokio::test]
async fn who_did_what_is_written_down() {
    let kit = Kit::new().await;
    kit.active(asks()).await;
    kit.active(fails()).await;
    let waiting = kit.start("asks", json!({})).await;
    kit.until(&waiting, "execution_suspended").await;
    let failed = kit.run("fails", json!({})).await.is(200).id();
    let made = kit.post("/api/v1/tokens", json!({"name": "ops", "scope": "edit"})).await.is(201).body;
    let token = made["token"].as_str().unwrap();
    let send = |method: Method, path: String, body: Value| {
        kit.send(kit.ask(method, &path).bearer_auth(token).json(&body))
    };
    let resume = format!("/api/v1/executions/{waiting}/resume");
    send(Method::POST, resume, json!({"node": "approve", "data": {"secret": "not for the log"}}))
        .await
        .is(200);
    send(Method::POST, format!("/api/v1/executions/{failed}/retry"), json!({})).await.is(202);
    send(Method::POST, "/api/v1/workflows/fails/deactivate".to_owned(), json!({})).await.is(200);
    send(Method::DELETE, "/api/v1/workflows/fails".to_owned(), json!({})).await.is(204);
    // What was refused changed nothing.
    send(Method::DELETE, "/api/v1/workflows/fails".to_owned(), json!({})).await.is(404);
    let all = log(&kit).await;
    let told: Vec<(String, String, String)> = all
        .iter()
        .map(|one| {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let who = format!("{} {}", text(&one["who"]["kind"]), text(&one["who"]["name"]));
            (text(&one["action"]), text(&one["target"]), who.trim().to_owned())
        })
        .collect();
    let expect = [
        ("workflow.deleted", "fails", "token ops"),
        ("workflow.deactivated", "fails", "token ops"),
        ("execution.retried", failed.as_str(), "token ops"),
        ("execution.answered", waiting.as_str(), "token ops"),
        ("token.created", made["id"].as_str().unwrap(), "anyone"),
        ("workflow.activated", "fails", "anyone"),
        ("workflow.saved", "fails", "anyone"),
        ("workflow.activated", "asks", "anyone"),
        ("workflow.saved", "asks", "anyone"),
    ];
    let expect: Vec<_> = expect
        .iter()
        .map(|(action, target, who)| (action.to_string(), target.to_string(), who.to_string()))
        .collect();
    assert_eq!(told, expect);
    assert!(all.iter().all(|one| one["from"] == "127.0.0.1" && one["at"].is_string()));
    let text = Value::from(all).to_string();
    assert!(!text.contains("not for the log") && !text.contains(token));
}

#[tokio::test]
async fn a_link_is_written_down_without_its_secret() {
    let kit = Kit::new().await;
    kit.active(asks()).await;
    let id = kit.start("asks", json!({})).await;
    kit.until(&id, "execution_suspended").await;
    let shown = kit.get(&format!("/api/v1/executions/{id}/node_executions/1")).await.is(200).text;
    let token = shown.split("/resume/").nth(1).unwrap().split('"').next().unwrap();
    kit.post(&format!("/resume/{token}"), json!({"by": "ann"})).await.is(200);
    let all = log(&kit).await;
    assert_eq!(all[0]["who"]["kind"], "link");
    assert_eq!(all[0]["target"], id.as_str());
    assert!(!Value::from(all).to_string().contains(token));
}

#[tokio::test]
async fn a_change_is_written_down_for_those_who_left_too() {
    let kit = Kit::new().await;
    let save = kit.ask(Method::POST, "/api/v1/workflows").json(&doubles());
    // Sent, and not waited for: whatever was saved is in the log, or nothing was saved.
    let _ = tokio::time::timeout(std::time::Duration::from_micros(1), save.send()).await;
    let saved = || async { kit.get("/api/v1/workflows/doubles").await.status == 200 };
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(5);
    while std::time::Instant::now() < deadline && !(saved().await && log(&kit).await.len() == 1) {
        let again = kit.ask(Method::POST, "/api/v1/workflows").json(&doubles());
        let _ = tokio::time::timeout(std::time::Duration::from_millis(2), again.send()).await;
    }
    assert!(saved().await);
    let told = log(&kit).await;
    assert_eq!(told.len(), 1, "{told:#?}");
    assert_eq!(told[0]["action"], "workflow.saved");
}

#[tokio::test]
async fn it_comes_in_pages() {
    let kit = Kit::new().await;
    for number in 0..5 {
        let mut workflow = doubles();
        workflow["id"] = json!(format!("w{number}"));
        kit.post("/api/v1/workflows", workflow).await.is(201);
    }
    let mut seen = Vec::new();
    let mut path = "/api/v1/changes?limit=2".to_owned();
    loop {
        let page = kit.get(&path).await.is(200).body;
        seen.extend(
            page["changes"].as_array().unwrap().iter().map(|one| one["target"].as_str().unwrap().to_owned()),
        );
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/api/v1/changes?limit=2&cursor={next}");
    }
    assert_eq!(seen, ["w4", "w3", "w2", "w1", "w0"]);
}

#[tokio::test]
async fn a_backup_is_whole_and_for_this_machine() {
    let kit = Kit::new().await;
    kit.active(doubles()).await;
    let to = kit.scratch.path().join("copy.db");
    let body = json!({"path": to.to_str().unwrap()});
    kit.post("/api/v1/backup", body.clone()).await.refused(403, "backup.only_local");
    let owner = prana_server::Owner::of(&kit.scratch.database()).unwrap().token;
    let ask = |body: &Value| kit.send(kit.ask(Method::POST, "/api/v1/backup").bearer_auth(&owner).json(body));
    ask(&json!({"path": "copy.db"})).await.refused(409, "backup.refused");
    assert!(ask(&body).await.is(200).body["bytes"].as_u64().unwrap() > 0);
    ask(&body).await.refused(409, "backup.refused");
    let copy = prana::store::SqliteStore::open(&to).unwrap();
    let found = prana::store::Catalog::workflows(&copy, None, 10).await.unwrap();
    assert_eq!(found[0].id, "doubles");
}
