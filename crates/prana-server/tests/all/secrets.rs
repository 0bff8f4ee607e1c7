//! Secrets over HTTP: values go in, and don't come out of anything.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::kit::{Got, Kit, Stream};

const USER: &str = "planted-user-name";
const TOKEN: &str = "pl4nted/S3cret+\"key\\ 42";
const DIGEST: &str = "{{ $secrets.token | sha256 }}";

/// Everything that would give a secret away.
fn giveaways() -> Vec<String> {
    let json = |text: &str| serde_json::to_string(text).unwrap().trim_matches('"').to_owned();
    let url: String = TOKEN
        .bytes()
        .map(|byte| match byte {
            b if b.is_ascii_alphanumeric() => char::from(b).to_string(),
            b => format!("%{b:02X}"),
        })
        .collect();
    let mut all =
        vec![TOKEN.to_owned(), json(TOKEN), json(&json(TOKEN)), url.clone(), url.replace("%20", "+")];
    // The middle of the secret alone, as what was cut in two would show it.
    all.extend(["pl4nted", "S3cret", "planted-user"].map(str::to_owned));
    for before in ["", "a", "ab"] {
        for text in [TOKEN, USER] {
            let encoded = STANDARD.encode(format!("{before}{text}"));
            all.push(encoded[4..encoded.len() - 4].to_owned());
        }
    }
    use std::fmt::Write;
    let digest = <sha2::Sha256 as sha2::Digest>::digest(TOKEN);
    all.push(digest.iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").unwrap();
        hex
    }));
    all
}

fn holds(text: &[u8], part: &str) -> bool {
    text.windows(part.len()).any(|window| window == part.as_bytes())
}

fn check_clean(what: &str, text: &[u8]) {
    for part in giveaways() {
        assert!(!holds(text, &part), "{what} holds {part}");
    }
}

/// A service that gives back what it was sent, in the form that the path names.
async fn echo_service() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream));
        }
    });
    format!("http://{address}")
}

async fn answer(mut stream: TcpStream) {
    let mut request = Vec::new();
    let mut piece = [0; 4096];
    let text = loop {
        let Ok(count @ 1..) = stream.read(&mut piece).await else { return };
        request.extend_from_slice(&piece[..count]);
        let text = String::from_utf8_lossy(&request).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head
            .lines()
            .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
        if body.len() >= length.unwrap_or(0) {
            break text;
        }
    };
    let path = text.split(['?', ' ']).nth(1).unwrap_or_default().to_owned();
    let escaped: String = text.bytes().map(|byte| format!("%{byte:02x}")).collect();
    let (status, kind, body) = match path.as_str() {
        "/json" => {
            ("200 OK", "application/json", json!({"echo": text, "again": {text.clone(): [text]}}).to_string())
        }
        "/twice" => ("200 OK", "text/plain", json!(json!(text).to_string()).to_string()),
        "/base64" => ("200 OK", "text/plain", STANDARD.encode(format!("x{text}"))),
        "/url" => ("200 OK", "text/plain", escaped),
        "/fail" => ("500 Oh", "text/plain", text),
        "/fail-json" => ("400 No", "application/json", json!({"error": text}).to_string()),
        // What is cut short ends within the secret.
        "/cut" => ("500 Oh", "text/plain", format!("{}{TOKEN}", "x".repeat(4096 - 8))),
        "/broken" => ("200 OK", "application/json", format!("{}{TOKEN}", "x".repeat(80 - 8))),
        _ => ("200 OK", "text/plain", text),
    };
    let length = body.len();
    let response = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nX-Echo: {TOKEN}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    // A client that is gone needs no answer.
    let _ = stream.write_all(response.as_bytes()).await;
}

fn call(url: &str, trigger: Value) -> Value {
    json!({
        "id": format!("w{}", url.rsplit('/').next().unwrap()),
        "nodes": [
            trigger,
            {"key": "call", "type": "http.request",
             "params": {
                "url": url, "method": "POST", "timeout_ms": 5000,
                "headers": {"X-Token": "{{ $secrets.token }}", "X-Digest": DIGEST},
                "auth": {"type": "basic", "username": "{{ $secrets.user }}", "password": "{{ $secrets.token }}"},
                "query": {"q": "{{ $secrets.token }}", "d": "{{ $secrets.user + ':' + $secrets.token | base64 }}"},
                "body": {"t": "{{ $secrets.token }}", "in": ["x{{ $secrets.token }}y", "{{ $input | json }}"]},
             },
             "settings": {"retry_on_failed": true, "max_retries": 1, "retry_delay_ms": 0, "on_error": "continue_error_output"}},
            {"key": "log", "type": "core.log", "params": {"message": "{{ $input | json }}"}},
            {"key": "state", "type": "workflow.set_state", "params": {"kept": "{{ $input }}"}},
            {"key": "again", "type": "http.request", "params": {"url": format!("{}/plain", url.rsplit_once('/').unwrap().0), "method": "POST", "body": "{{ $input }}"}},
            {"key": "end", "type": "core.stop", "params": {"status": "failed", "message": "{{ $nodes.again.output | json }}"}},
        ],
        "connections": ["start -> call -> log -> state -> again -> end", "call.error -> log"],
    })
}

async fn planted() -> (Kit, String) {
    let kit = Kit::with(|options| options.permissions.private_network = true).await;
    for (name, value) in [("token", TOKEN), ("user", USER)] {
        let body = json!({"value": value, "allowed_hosts": ["127.0.0.1"]});
        let set = kit.put(&format!("/api/v1/secrets/{name}"), body).await.is(200);
        assert_eq!(set.body["version"], 1);
        check_clean("the answer to a put", set.text.as_bytes());
    }
    (kit, echo_service().await)
}

#[tokio::test]
async fn planted_secrets_are_found_nowhere() {
    let (kit, service) = planted().await;
    let mut all = Stream::open(&kit, "/api/v1/events", None).await;
    let mut told: Vec<(String, Got)> = Vec::new();
    let mut failed = 0;
    let forms = ["plain", "json", "twice", "base64", "url", "fail", "fail-json", "cut", "broken"];
    for form in forms {
        let workflow = call(&format!("{service}/{form}"), json!({"key": "start", "type": "manual.trigger"}));
        kit.active(workflow).await;
        let ran = kit.run(&format!("w{form}"), json!({"name": "ann"})).await;
        let id = ran.body["id"].as_str().unwrap_or_else(|| panic!("{}", ran.text)).to_owned();
        told.push((format!("the end of {form}"), ran));
        for path in ["", "/node_executions", "/data"] {
            let path = format!("/api/v1/executions/{id}{path}");
            told.push((path.clone(), kit.send(kit.ask(Method::GET, &path)).await));
        }
        let mut stream = Stream::open(&kit, &format!("/api/v1/executions/{id}/events"), None).await;
        while let Some(event) = stream.next().await {
            check_clean("an event", format!("{event:?}").as_bytes());
            failed += usize::from(event.kind == "execution_failed");
            if event.kind == "execution_failed" {
                break;
            }
        }
    }
    assert!(failed > 0, "no stream told an end");
    let hook =
        json!({"key": "start", "type": "webhook.trigger", "params": {"path": "in", "respond": "last_node"}});
    let mut workflow = call(&format!("{service}/hook"), hook);
    workflow["nodes"].as_array_mut().unwrap().retain(|node| node["key"] != "end");
    workflow["connections"] = json!(["start -> call -> log -> state -> again", "call.error -> log"]);
    kit.active(workflow).await;
    let response = kit.client.post(kit.url("/webhook/in")).json(&json!({"a": 1})).send().await.unwrap();
    let hooked = Got::of(response).await;
    assert!(hooked.text.contains("[redacted]"), "{}", hooked.text);
    told.push(("the webhook's answer".into(), hooked));
    for path in
        ["/api/v1/secrets", "/api/v1/secrets/token", "/api/v1/changes", "/api/v1/executions", "/metrics"]
    {
        told.push((path.into(), kit.get(path).await.is(200)));
    }
    for (what, got) in &told {
        check_clean(what, got.text.as_bytes());
        check_clean(what, format!("{:?}", got.headers).as_bytes());
    }
    assert!(told.iter().any(|(_, got)| got.text.contains("[redacted]")));
    while let Ok(Some(event)) = tokio::time::timeout(std::time::Duration::from_millis(200), all.next()).await
    {
        check_clean("the stream of all events", format!("{event:?}").as_bytes());
    }
    let files = || std::fs::read_dir(kit.scratch.path()).unwrap().map(|entry| entry.unwrap().path());
    assert!(files().any(|path| path.to_string_lossy().ends_with("-wal")));
    for file in files() {
        check_clean(&file.to_string_lossy(), &std::fs::read(&file).unwrap());
    }
}

#[tokio::test]
async fn a_secret_goes_to_its_hosts_alone() {
    let (kit, service) = planted().await;
    let port = service.rsplit(':').next().unwrap();
    let body = json!({"value": TOKEN, "allowed_hosts": ["api.example.com", "127.0.0.1:1"]});
    kit.put("/api/v1/secrets/token", body).await.is(200);
    kit.active(call(
        &format!("http://127.0.0.1:{port}/plain"),
        json!({"key": "start", "type": "manual.trigger"}),
    ))
    .await;
    let ran = kit.run("wplain", json!({})).await;
    let id = ran.body["id"].as_str().unwrap().to_owned();
    let runs = kit.get(&format!("/api/v1/executions/{id}/node_executions")).await;
    assert!(runs.text.contains("secret.host_not_allowed"), "{}", runs.text);
    assert!(runs.text.contains("may not be sent to 127.0.0.1"), "{}", runs.text);
}

#[tokio::test]
async fn names_and_facts_are_told_and_values_taken() {
    let kit = Kit::new().await;
    let set = |body: Value| kit.put("/api/v1/secrets/a", body);
    let first =
        set(json!({"value": "swordfish-1", "allowed_hosts": ["A.example"], "based_on": 0})).await.is(200);
    assert_eq!((&first.body["version"], &first.body["allowed_hosts"]), (&json!(1), &json!(["a.example"])));
    set(json!({"value": "x", "allowed_hosts": ["*"], "based_on": 0})).await.refused(409, "secret.outdated");
    set(json!({"value": "x", "allowed_hosts": []})).await.refused(422, "secret.invalid_hosts");
    set(json!({"value": "", "allowed_hosts": ["*"]})).await.refused(422, "secret.invalid_value");
    let refused = set(json!({"value": 1_234_567_890, "allowed_hosts": ["*"]})).await;
    assert!(refused.status >= 400 && !refused.text.contains("1234567890"), "{}", refused.text);
    kit.put("/api/v1/secrets/9a", json!({"value": "x", "allowed_hosts": ["*"]}))
        .await
        .refused(422, "secret.invalid_name");
    kit.put("/api/v1/secrets/b", json!({"value": "swordfish-2", "allowed_hosts": ["*"]})).await.is(200);
    let page = kit.get("/api/v1/secrets?limit=1").await.is(200);
    assert_eq!((&page.body["secrets"][0]["name"], &page.body["next"]), (&json!("a"), &json!("a")));
    let rotated = kit.post("/api/v1/master-keys/rotate", json!({})).await.is(200);
    assert_eq!(rotated.body["locked_anew"], 2);
    let key = kit.get("/api/v1/secrets/a").await.is(200).body["master_key"].clone();
    assert_ne!(key, first.body["master_key"]);
    let kit = kit.restarted().await;
    assert_eq!(
        kit.running.server().engine().secrets().reveal("a").await.unwrap().text.reveal(),
        "swordfish-1"
    );
    kit.delete("/api/v1/secrets/a").await.is(204);
    kit.delete("/api/v1/secrets/a").await.refused(404, "secret.not_found");
    kit.get("/api/v1/secrets/a").await.refused(404, "secret.not_found");
}
