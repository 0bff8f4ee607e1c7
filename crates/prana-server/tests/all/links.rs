use reqwest::Method;
use serde_json::json;

use crate::kit::{Kit, Scratch, asks};

/// A suspended execution, and the path of its link.
async fn suspended(kit: &Kit) -> (String, String) {
    kit.active(asks()).await;
    let id = kit.start("asks", json!({})).await;
    kit.until(&id, "execution_suspended").await;
    (id.clone(), link(kit, &id).await)
}

async fn link(kit: &Kit, id: &str) -> String {
    let run = kit.get(&format!("/api/v1/executions/{id}/node_executions/1")).await.is(200);
    let link = run.body["state_updates"]["link"].as_str().unwrap().to_owned();
    let at = link.find("/resume/").unwrap();
    link[at..].to_owned()
}

#[tokio::test]
async fn opening_a_link_changes_nothing_and_posting_answers_once() {
    let kit = Kit::new().await;
    let (id, link) = suspended(&kit).await;
    for method in [Method::GET, Method::HEAD, Method::GET] {
        let got = kit.send(kit.ask(method, &link)).await.is(200);
        assert_eq!(got.headers["content-type"], "text/html; charset=utf-8");
    }
    assert_eq!(kit.get(&format!("/api/v1/executions/{id}")).await.body["execution"]["status"], "suspended");
    assert_eq!(kit.post(&link, json!({"by": "ann"})).await.is(200).body["answer"], "resumed");
    kit.post(&link, json!({"by": "bob"})).await.refused(410, "execution.not_suspended");
    kit.until(&id, "execution_completed").await;
    assert_eq!(kit.get(&format!("/api/v1/executions/{id}")).await.body["output"], json!({"by": "ann"}));
    kit.post(&link, json!({"by": "bob"})).await.refused(410, "execution.not_suspended");
}

#[tokio::test]
async fn people_answer_by_the_button_of_the_page() {
    let kit = Kit::new().await;
    let (id, link) = suspended(&kit).await;
    // The page has no origin of its own: its forms say so.
    let press = || {
        let request = kit.ask(Method::POST, &format!("{link}?by=ann")).header("accept", "text/html,*/*");
        request.header("origin", "null").header("content-type", "application/x-www-form-urlencoded")
    };
    assert!(kit.send(press()).await.is(200).text.contains("Thank you"));
    assert!(kit.send(press()).await.is(410).text.contains("used before"));
    kit.until(&id, "execution_completed").await;
    assert_eq!(kit.get(&format!("/api/v1/executions/{id}")).await.body["output"], json!({"by": "ann"}));
}

#[tokio::test]
async fn an_answer_that_comes_early_is_kept() {
    let kit = Kit::new().await;
    let mut workflow = asks();
    workflow["nodes"]
        .as_array_mut()
        .unwrap()
        .insert(2, json!({"key": "first", "type": "wait.wait", "params": {"mode": "webhook"}}));
    workflow["connections"] = json!(["start -> links -> first -> approve -> end"]);
    kit.active(workflow).await;
    let id = kit.start("asks", json!({})).await;
    kit.until(&id, "execution_suspended").await;
    let link = link(&kit, &id).await;
    assert_eq!(kit.post(&link, json!({"by": "ann"})).await.is(202).body["answer"], "kept");
    kit.post(&link, json!({"by": "bob"})).await.refused(410, "execution.not_suspended");
    kit.post(&format!("/api/v1/executions/{id}/resume"), json!({"node": "first"})).await.is(200);
    kit.until(&id, "execution_completed").await;
    assert_eq!(kit.get(&format!("/api/v1/executions/{id}")).await.body["output"], json!({"by": "ann"}));
}

#[tokio::test]
async fn made_up_links_and_odd_answers_are_refused() {
    let kit = Kit::new().await;
    let (_, link) = suspended(&kit).await;
    let forged = format!("{}{}", &link[..link.len() - 2], if link.ends_with("AA") { "BB" } else { "AA" });
    for path in ["/resume/x", &forged] {
        kit.get(path).await.is(404);
        kit.post(path, json!({})).await.refused(404, "resume.invalid_token");
    }
    let sent = |media: &'static str, body: Vec<u8>| {
        kit.ask(Method::POST, &link).header("content-type", media).body(body)
    };
    kit.send(sent("application/json", b"{".to_vec())).await.refused(400, "request.invalid_json");
    kit.send(sent("text/plain", b"yes".to_vec())).await.refused(415, "request.not_json");
    kit.send(sent("application/json", vec![b' '; 2 << 20])).await.refused(413, "request.too_large");
    kit.send(kit.ask(Method::PUT, &link)).await.refused(405, "request.wrong_method");
}

#[tokio::test]
async fn links_outlive_a_restart_and_a_new_key() {
    let kit = Kit::new().await;
    let (id, link) = suspended(&kit).await;
    let keys = kit.scratch.path().join("prana.db.keys");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&keys).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let old = std::fs::read_to_string(&keys).unwrap();
    let secret = "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=";
    std::fs::write(&keys, format!("2 {secret}\n{old}")).unwrap();
    let kit = kit.restarted().await;
    kit.post(&link, json!({"by": "ann"})).await.is(200);
    kit.until(&id, "execution_completed").await;
    // Without the old key its links are void.
    std::fs::write(kit.scratch.path().join("prana.db.keys"), format!("2 {secret}\n")).unwrap();
    let kit = kit.restarted().await;
    kit.post(&link, json!({})).await.refused(404, "resume.invalid_token");
}

#[cfg(unix)]
#[tokio::test]
async fn a_key_file_that_others_may_read_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let scratch = Scratch::new();
    let keys = scratch.path().join("prana.db.keys");
    std::fs::write(&keys, "1 QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=\n").unwrap();
    std::fs::set_permissions(&keys, std::fs::Permissions::from_mode(0o644)).unwrap();
    let mut options = prana_server::Options::new(scratch.database());
    options.listen = ([127, 0, 0, 1], 0).into();
    let refused = prana_server::Server::start(options).await.map(|_| ()).unwrap_err();
    assert!(refused.to_string().contains("others may read"), "{refused}");
}
