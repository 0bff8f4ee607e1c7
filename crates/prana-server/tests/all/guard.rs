use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::kit::{Kit, doubles};

#[tokio::test]
async fn only_known_names_are_answered() {
    let kit = Kit::with(|options| options.allowed_hosts = vec!["flows.example".to_owned()]).await;
    let under =
        |host: &'static str, path: &'static str| kit.send(kit.ask(Method::GET, path).header("host", host));
    for path in ["/api/v1/workflows", "/healthz", "/metrics", "/resume/x", "/webhook/x", "/nowhere"] {
        under("evil.example", path).await.refused(421, "request.host_refused");
    }
    under("localhost:1", "/healthz").await.is(200);
    under("flows.example", "/healthz").await.is(200);
    under("flows.example.evil", "/healthz").await.refused(421, "request.host_refused");
}

/// What comes back for bytes that no decent client sends.
async fn raw(kit: &Kit, request: &str) -> String {
    let mut stream = TcpStream::connect(kit.running.address()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn a_request_has_one_host() {
    let kit = Kit::new().await;
    for (head, expect) in [
        ("GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n", "400"),
        (
            "GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
            "400",
        ),
        ("GET http://evil.example/healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", "400"),
        ("GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", "200"),
    ] {
        let answer = raw(&kit, head).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {expect}")), "{head}: {answer}");
    }
    let long = format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n", "x".repeat(64 << 10));
    assert!(raw(&kit, &long).await.starts_with("HTTP/1.1 431"));
}

#[tokio::test]
async fn pages_of_other_origins_change_nothing() {
    let kit = Kit::new().await;
    let own = kit.url("");
    let save = |name: &'static str, value: String| {
        kit.send(kit.ask(Method::POST, "/api/v1/workflows").header(name, value).json(&doubles()))
    };
    for (name, value) in [
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("origin", "http://localhost:3000"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        save(name, value.to_owned()).await.refused(403, "request.origin_refused");
    }
    let stream = kit.ask(Method::GET, "/api/v1/events").header("origin", "https://evil.example");
    kit.send(stream).await.refused(403, "request.origin_refused");
    let asks = kit.ask(Method::OPTIONS, "/api/v1/workflows").header("origin", "https://evil.example");
    let got = kit.send(asks).await.refused(403, "request.origin_refused");
    assert!(!got.headers.contains_key("access-control-allow-origin"));
    let reads = kit.ask(Method::GET, "/api/v1/workflows").header("origin", "https://evil.example");
    let got = kit.send(reads).await.is(200);
    assert!(!got.headers.contains_key("access-control-allow-origin"));
    assert_eq!(got.body["workflows"], json!([]));
    save("origin", own).await.is(201);
}

#[tokio::test]
async fn answers_carry_the_headers_of_safety() {
    let kit = Kit::new().await;
    for (path, policy) in [
        ("/api/v1/workflows", "default-src 'none'; frame-ancestors 'none'"),
        ("/resume/x", "sandbox allow-forms; default-src 'none'; frame-ancestors 'none'"),
        ("/webhook/x", "sandbox allow-forms; default-src 'none'; frame-ancestors 'none'"),
        ("/webhook-test/x", "sandbox allow-forms; default-src 'none'; frame-ancestors 'none'"),
    ] {
        let got = kit.get(path).await;
        assert_eq!(got.headers["content-security-policy"], policy);
        assert_eq!(got.headers["x-content-type-options"], "nosniff");
        assert_eq!(got.headers["cache-control"], "no-store");
        assert_eq!(got.headers["referrer-policy"], "no-referrer");
    }
}

#[tokio::test]
async fn it_says_how_it_is() {
    let kit = Kit::new().await;
    kit.active(doubles()).await;
    kit.run("doubles", json!({"n": 1})).await.is(200);
    assert_eq!(kit.get("/healthz").await.is(200).body["status"], "ok");
    assert_eq!(kit.get("/readyz").await.is(200).body, json!({"ready": true, "reasons": []}));
    let metrics = kit.get("/metrics").await.is(200).text;
    assert!(metrics.contains("prana_events_total{kind=\"execution_completed\"} 1\n"), "{metrics}");
    kit.running.server().engine().shut_down();
    let mut reasons = json!([]);
    while reasons == json!([]) {
        reasons = kit.get("/readyz").await.body["reasons"].clone();
    }
    assert_eq!(reasons, json!(["executions are not being advanced"]));
    let refused = kit.run("doubles", json!({"n": 1})).await.refused(503, "engine.unavailable");
    assert_eq!(refused.headers["retry-after"], "1");
}
