//! Actions of connectors in an engine: with a stored credential, and tried again.

use std::sync::Arc;

use prana::connectors::Connectors;
use prana::core::execution::Status;
use prana::{BuiltIn, Credential, Engine, MasterKeys, Permissions, Value};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const TOKEN: &str = "a-token-of-github";

/// A service that gives these answers, one after the other: its address, and what it was asked.
async fn service(
    answers: &'static [(&'static str, &'static str)],
) -> (String, tokio::task::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let serving = tokio::spawn(async move {
        let mut asked = Vec::new();
        for (status, body) in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut bytes = Vec::new();
            while !bytes.ends_with(b"}") {
                assert_ne!(stream.read_buf(&mut bytes).await.unwrap(), 0);
            }
            asked.push(String::from_utf8(bytes).unwrap());
            let length = body.len();
            let head = format!(
                "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
            );
            stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
        }
        asked
    });
    (url, serving)
}

#[tokio::test]
async fn an_action_has_the_credential_and_the_trail_has_not() {
    let (url, serving) = service(&[
        ("503 X", r#"{"message": "later"}"#),
        ("201 X", r#"{"number": 8, "echo": "a-token-of-github"}"#),
    ])
    .await;
    let document = format!(
        "id: w\nnodes:\n  - {{key: start, type: manual.trigger}}\n  - key: ticket\n    type: github.create_issue\n    params: {{owner: ada, repo: engine, title: '{{{{ $input.title }}}}', \
         base_url: '{url}', auth: {{credential: gh}}}}\n    settings: {{retry_on_failed: true, max_retries: 1, retry_delay_ms: 1}}\nconnections: [start -> ticket]\n"
    );
    let workflow = prana::core::document::load("w.yaml", document.as_bytes()).unwrap().remove(0).workflow;
    let connectors = Connectors::shipped();
    let permissions = Permissions { private_network: true, ..Permissions::default() };
    let engine = Engine::builder()
        .registry(connectors.registry())
        .effects(Arc::new(BuiltIn::with(connectors.actions(), permissions).unwrap()))
        .master_keys(MasterKeys::parse("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=").unwrap())
        .build();
    let credential: Credential = serde_json::from_value(json!({"type": "bearer", "token": TOKEN})).unwrap();
    let hosts = ["127.0.0.1"].try_into().unwrap();
    engine.credentials().put("gh", credential, hosts, None, None).await.unwrap();
    let running = tokio::spawn({
        let engine = engine.clone();
        async move { engine.serve().await }
    });
    let outcome = engine.run(&workflow, Value::from(json!({"title": "It stops"}))).await.unwrap();
    let execution = engine.execution(outcome.id).await.unwrap();
    engine.shut_down();
    running.await.unwrap();
    assert_eq!(outcome.status, Status::Completed, "{outcome:?}");
    assert_eq!(outcome.output.get("number"), Some(&Value::from(8)));
    let told = format!("{outcome:?} {}", serde_json::to_string(&execution).unwrap());
    assert!(!told.contains(TOKEN), "{told}");
    let asked = serving.await.unwrap();
    let key = |one: &String| one.lines().find(|line| line.starts_with("idempotency-key")).map(str::to_owned);
    assert_eq!(key(&asked[0]), key(&asked[1]));
    for one in asked {
        assert!(one.starts_with("POST /repos/ada/engine/issues "), "{one}");
        assert!(
            one.contains(&format!("authorization: Bearer {TOKEN}"))
                && one.ends_with(r#"{"title":"It stops"}"#),
            "{one}"
        );
    }
}
