//! What is sent, and what comes back.

use prana_template::{Value, value};

use crate::request;
use crate::server::{Asked, Reply, Server};

/// The request that the server sees.
async fn sent(params: impl FnOnce(String) -> Value) -> Asked {
    let server = Server::start(|_| Reply::text(204, &[], "")).await;
    let output = request(params(server.url("/in?a=1"))).await.expect("it is answered");
    assert_eq!(output.get("status"), Some(&value!(204)));
    server.asked().remove(0)
}

#[tokio::test]
async fn a_plain_get() {
    let asked = sent(|url| value!({"url": url})).await;
    assert_eq!((asked.method.as_str(), asked.target.as_str(), asked.body.as_str()), ("GET", "/in?a=1", ""));
    assert_eq!(asked.header("idempotency-key"), "test/0");
    assert!(asked.header("user-agent").starts_with("prana/"));
}

#[tokio::test]
async fn method_query_headers_and_json() {
    let asked = sent(|url| {
        value!({"url": url, "method": "post", "query": {"b": "x y"}, "headers": {"X-Test": 5}, "body": {"n": null},
            "auth": {"type": "basic", "username": "ada", "password": "pw"}})
    })
    .await;
    assert_eq!((asked.method.as_str(), asked.target.as_str()), ("POST", "/in?a=1&b=x+y"));
    assert_eq!((asked.header("x-test"), asked.header("content-type")), ("5", "application/json"));
    assert_eq!((asked.header("authorization"), asked.body.as_str()), ("Basic YWRhOnB3", "{\"n\":null}"));
}

#[tokio::test]
async fn a_form() {
    let asked =
        sent(|url| value!({"url": url, "method": "PUT", "body": {"a": "1&2"}, "body_type": "form"})).await;
    assert_eq!(
        (asked.body.as_str(), asked.header("content-type")),
        ("a=1%262", "application/x-www-form-urlencoded")
    );
}

#[tokio::test]
async fn the_answer_is_status_headers_and_body() {
    let server = Server::start(|_| {
        let headers =
            [("Content-Type", "application/json"), ("X-A", "1"), ("X-A", "2"), ("Set-Cookie", "c=1")];
        Reply::text(201, &headers, "{\"ok\":true}")
    })
    .await;
    let output = request(value!({"url": server.url("/")})).await.expect("it is answered");
    assert_eq!(output.get("status"), Some(&value!(201)));
    assert_eq!(output.get("body"), Some(&value!({"ok": true})));
    let headers = output.get("headers").expect("headers");
    assert_eq!(headers.get("x-a"), Some(&value!("1, 2")));
    assert_eq!(headers.get("set-cookie"), Some(&value!(["c=1"])));
}

#[tokio::test]
async fn a_status_that_is_no_success_is_an_error() {
    let server =
        Server::start(|_| Reply::text(404, &[("Content-Type", "application/json")], "{\"why\":\"gone\"}"))
            .await;
    let error = request(value!({"url": server.url("/x?token=secret")})).await.expect_err("404");
    assert_eq!(error.code, *"http.status");
    assert!(error.message.ends_with("/x was answered with 404 Not Found"), "{error}");
    assert_eq!(error.details.get("status"), Some(&value!(404)));
    assert_eq!(error.details.get("body"), Some(&value!({"why": "gone"})));
    assert!(!error.retryable);
    let output =
        request(value!({"url": server.url("/x"), "success": [200, 404]})).await.expect("404 is fine");
    assert_eq!(output.get("body"), Some(&value!({"why": "gone"})));
}

#[tokio::test]
async fn retry_after_is_kept() {
    for status in [429, 503] {
        let server = Server::start(move |_| Reply::text(status, &[("Retry-After", "7")], "")).await;
        let error = request(value!({"url": server.url("/")})).await.expect_err("no success");
        assert_eq!((error.retry_after_ms, error.retryable), (Some(7000), true));
    }
}
