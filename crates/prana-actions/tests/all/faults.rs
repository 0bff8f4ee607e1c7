//! Servers that misbehave.

use prana_actions::{ActionCall, Actions, Outside, Permissions};
use prana_template::{Value, value};
use tokio::net::TcpListener;

use crate::server::{Reply, Server};
use crate::{outside, request, run};

async fn error_of(reply: impl Fn() -> Reply + Send + Sync + 'static, more: Value) -> prana_core::ErrorValue {
    let server = Server::start(move |_| reply()).await;
    let mut params = more.as_map().cloned().unwrap_or_default();
    params.insert("url", server.url("/path"));
    request(Value::Map(params)).await.expect_err("it should fail")
}

#[tokio::test]
async fn no_answer_in_time() {
    let error = error_of(|| Reply::Hang(Vec::new()), value!({"timeout_ms": 60})).await;
    assert_eq!((&*error.code, error.retryable), ("http.timeout", true));
    assert!(error.message.ends_with("/path: no answer within 60 ms"), "{error}");
}

#[tokio::test]
async fn an_answer_that_stops_half_way() {
    let half = || Reply::Hang(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf".to_vec());
    assert_eq!(error_of(half, value!({"timeout_ms": 60})).await.code, *"http.timeout");
}

#[tokio::test]
async fn a_body_that_is_too_large() {
    let announced = || Reply::Hang(b"HTTP/1.1 200 OK\r\nContent-Length: 100001\r\n\r\n".to_vec());
    assert_eq!(error_of(announced, value!({})).await.code, *"http.body_too_large");
    let server = Server::start(|asked| match asked.target.as_str() {
        "/" => Reply::Endless(b"HTTP/1.1 200 OK\r\n\r\nmore and more and more of it".to_vec()),
        _ => Reply::Close,
    })
    .await;
    let error = request(value!({"url": server.url("/")})).await.expect_err("it never ends");
    assert_eq!((&*error.code, error.retryable), ("http.body_too_large", false));
}

#[tokio::test]
async fn a_connection_that_breaks() {
    let error = error_of(|| Reply::Close, value!({})).await;
    assert_eq!((&*error.code, error.retryable), ("http.connection", true));
    let short = || Reply::Bytes(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf".to_vec());
    assert_eq!(error_of(short, value!({})).await.code, *"http.connection");
    let garbage = || Reply::Bytes(b"what is this\r\n\r\n".to_vec());
    assert_eq!(error_of(garbage, value!({})).await.code, *"http.connection");
}

#[tokio::test]
async fn nobody_listens() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    drop(listener);
    let error =
        request(value!({"url": format!("http://127.0.0.1:{port}/")})).await.expect_err("nobody is there");
    assert_eq!((&*error.code, error.retryable), ("http.connect", true));
}

#[tokio::test]
async fn json_that_is_none() {
    let error = error_of(|| Reply::json("<html>"), value!({})).await;
    assert_eq!(error.code, *"http.invalid_json");
    let deep = "[".repeat(100_000 - 200);
    let error = error_of(move || Reply::json(&deep), value!({})).await;
    assert_eq!(error.code, *"http.invalid_json");
}

#[tokio::test]
async fn addresses_that_are_not_public_are_refused() {
    let server = Server::start(|_| Reply::json("{}")).await;
    let public = std::sync::Arc::new(Outside::new(Permissions::default()).expect("a way outside"));
    for url in [
        server.url("/"),
        format!("http://localhost:{}/", server.port),
        format!("http://[::1]:{}/", server.port),
    ] {
        let call = ActionCall::detached(
            "http.request",
            value!({"url": url.clone()}),
            std::sync::Arc::clone(&public),
        );
        let error = run(call).await.expect_err("it is forbidden");
        assert_eq!((&*error.code, error.retryable), ("http.forbidden_address", false), "{url} {error}");
    }
    assert!(server.asked().is_empty());
}

#[tokio::test]
async fn a_cancelled_request_is_dropped() {
    let server = Server::start(|_| Reply::Hang(Vec::new())).await;
    let call = ActionCall::detached("http.request", value!({"url": server.url("/")}), outside());
    let cancel = call.cancelled.clone();
    let running = tokio::spawn(async move { Actions::standard().run(call).await });
    cancel.cancel();
    let error = running.await.expect("it ends").expect_err("it was cancelled");
    assert_eq!(error.code, *"action.cancelled");
}

#[tokio::test]
async fn parameters_that_make_no_sense() {
    for params in
        [value!({}), value!({"url": "x", "timeout_ms": 0}), value!({"url": "http://x", "body": 1, "json": 2})]
    {
        assert_eq!(request(params).await.expect_err("it is refused").code, *"workflow.invalid_params");
    }
}
