use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::kit::{Kit, Stream, doubles};

async fn connect(kit: &Kit) -> TcpStream {
    TcpStream::connect(kit.running.address()).await.unwrap()
}

#[tokio::test]
async fn idle_connections_make_room() {
    let kit = Kit::with(|options| options.connections = Some(100)).await;
    kit.active(doubles()).await;
    let mut events = Stream::open(&kit, "/api/v1/events", None).await;
    let mut idle = Vec::new();
    for number in 0..1_000 {
        let mut stream = connect(&kit).await;
        // Some say nothing, some begin and don't go on.
        if number % 2 == 0 {
            stream.write_all(b"POST /api/v1/workflows HTTP/1.1\r\nHost: loc").await.unwrap();
        }
        idle.push(stream);
    }
    let fresh = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(20)).build().unwrap();
    let got = fresh.get(kit.url("/healthz")).send().await.unwrap();
    assert_eq!(got.status().as_u16(), 200);
    // Whoever listens has not made room.
    let run = json!({"workflow_id": "doubles", "input": {"n": 1}});
    let started = fresh.post(kit.url("/api/v1/executions?mode=sync")).json(&run).send().await.unwrap();
    assert_eq!(started.status().as_u16(), 200);
    while events.next().await.unwrap().kind != "execution_completed" {}
    assert!(idle.len() == 1_000);
}

#[tokio::test]
async fn slow_bodies_hold_nobody_up() {
    let kit = Kit::new().await;
    let mut slow = Vec::new();
    for _ in 0..300 {
        let mut stream = connect(&kit).await;
        let head = "POST /api/v1/workflows HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n{";
        stream.write_all(head.as_bytes()).await.unwrap();
        slow.push(stream);
    }
    kit.active(doubles()).await;
    assert_eq!(kit.run("doubles", json!({"n": 2})).await.is(200).body["output"], json!({"n": 4}));
    drop(slow);
}

#[tokio::test]
async fn what_is_too_long_is_refused_unread() {
    let kit = Kit::new().await;
    let mut stream = connect(&kit).await;
    let head = format!(
        "POST /api/v1/workflows HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        100 << 20
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413");
    // One that doesn't say how long it is.
    let chunk = vec![b' '; 1 << 20];
    let chunks = futures_util::stream::iter((0..20).map(move |_| Ok::<_, std::io::Error>(chunk.clone())));
    let request = kit.ask(Method::POST, "/api/v1/workflows").header("content-type", "application/json");
    let sent = request.body(reqwest::Body::wrap_stream(chunks)).send().await;
    // The server may close before all of it was taken.
    if let Ok(response) = sent {
        assert_eq!(response.status().as_u16(), 413);
    }
    kit.get("/healthz").await.is(200);
}

#[tokio::test]
async fn each_address_has_its_share() {
    let kit = Kit::with(|options| {
        options.trusted_proxies = vec![[127, 0, 0, 1].into()];
        options.requests_per_second = 1;
    })
    .await;
    kit.user_for_load().await;
    let from = |address: &'static str, path: &'static str| {
        kit.send(kit.ask(Method::GET, path).header("x-forwarded-for", address))
    };
    let mut refused = None;
    for _ in 0..7 {
        let got = from("192.0.2.1", "/api/v1/workflows").await;
        if got.status == 429 {
            refused = Some(got);
        } else {
            got.refused(401, "auth.required");
        }
    }
    let refused = refused.unwrap().refused(429, "request.too_many");
    assert!(refused.headers["retry-after"].to_str().unwrap().parse::<u64>().unwrap() >= 1);
    from("192.0.2.1", "/webhook/any").await.refused(429, "request.too_many");
    from("192.0.2.1", "/healthz").await.is(200);
    from("192.0.2.2", "/api/v1/workflows").await.refused(401, "auth.required");
    from("192.0.2.2, 192.0.2.1", "/webhook/any").await.refused(429, "request.too_many");
}

impl Kit {
    async fn user_for_load(&self) {
        let body = json!({"password": "correct horse battery"});
        self.put("/api/v1/users/admin", body).await.is(200);
    }
}

#[tokio::test]
async fn numbers_tell_what_happened() {
    let kit = Kit::new().await;
    kit.active(doubles()).await;
    for _ in 0..3 {
        kit.run("doubles", json!({"n": 1})).await.is(200);
    }
    let text = kit.get("/metrics").await.is(200).text;
    let number = |name: &str| -> f64 {
        let line =
            text.lines().find(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(' ')));
        line.unwrap_or_else(|| panic!("{name} in {text}")).rsplit(' ').next().unwrap().parse().unwrap()
    };
    assert_eq!(number("prana_executions_ended_total{end=\"completed\"}"), 3.0);
    assert!(number("prana_commit_seconds_count") >= 3.0);
    assert!(number("prana_records_total") >= 3.0);
    assert_eq!(number("prana_commit_seconds_bucket{le=\"+Inf\"}"), number("prana_commit_seconds_count"));
    assert_eq!(number("prana_http_in_flight"), 0.0);
    assert_eq!(number("prana_fenced_writes_total"), 0.0);
    assert_eq!(number("prana_overdue_seconds"), 0.0);
    assert!(number("prana_http_seconds_count") >= 5.0);
    let got = kit.get("/healthz").await.is(200);
    assert_eq!(got.headers["x-request-id"].len(), 16);
}
