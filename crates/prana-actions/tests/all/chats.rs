//! Conversations with a server that speaks the protocol of language models, or misbehaves.

use std::sync::Arc;

use prana_actions::{ActionCall, AllowedHosts, CallSecrets, Outside, Permissions, Redactor, UsedSecret};
use prana_core::ErrorValue;
use prana_template::{Map, Value, value};

use crate::server::{Asked, Reply, Server};
use crate::{outside, run};

fn params(server: &Server, more: Value) -> Value {
    let mut params = Map::new();
    params.insert("base_url", server.url("/v1"));
    params.insert("model", "small");
    params.insert("messages", value!([{"role": "user", "content": "Hi"}]));
    params.extend(more.as_map().cloned().unwrap_or_default().into_entries());
    Value::Map(params)
}

async fn chat(
    reply: impl Fn(&Asked) -> Reply + Send + Sync + 'static,
    more: Value,
) -> Result<Value, ErrorValue> {
    let server = Server::start(reply).await;
    run(ActionCall::detached("llm.chat", params(&server, more), outside())).await
}

async fn error_of(reply: impl Fn() -> Reply + Send + Sync + 'static, more: Value) -> ErrorValue {
    chat(move |_| reply(), more).await.expect_err("it should fail")
}

fn completion(message: Value) -> Reply {
    let body = value!({
        "id": "1", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": {"total_tokens": 7}
    });
    Reply::json(&body.to_json_string())
}

fn events(data: &[&str]) -> Vec<u8> {
    let events: String = data.iter().map(|data| format!("data: {data}\n\n")).collect();
    format!("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n{events}")
        .into_bytes()
}

const HEL: &str = r#"{"choices":[{"delta":{"role":"assistant","content":"Hel"}}]}"#;
const LO: &str = r#"{"choices":[{"delta":{"content":"lo"},"finish_reason":"stop"}]}"#;
const USAGE: &str = r#"{"choices":[],"usage":{"total_tokens":7}}"#;

#[tokio::test]
async fn a_turn() {
    let server = Server::start(|_| completion(value!({"role": "assistant", "content": "Hello"}))).await;
    let more = value!({"api_key": "key-of-mine", "temperature": 0.5, "extra": {"seed": 1}});
    let output =
        run(ActionCall::detached("llm.chat", params(&server, more), outside())).await.expect("an answer");
    assert_eq!(
        output,
        value!({"message": {"role": "assistant", "content": "Hello"}, "tool_calls": [], "finish_reason": "stop",
            "usage": {"total_tokens": 7}})
    );
    let asked = server.asked().remove(0);
    assert_eq!((asked.method.as_str(), asked.target.as_str()), ("POST", "/v1/chat/completions"));
    assert_eq!(
        (asked.header("authorization"), asked.header("idempotency-key")),
        ("Bearer key-of-mine", "test/0")
    );
    assert_eq!(
        Value::parse_json(&asked.body).expect("JSON"),
        value!({"model": "small", "messages": [{"role": "user", "content": "Hi"}], "temperature": 0.5, "seed": 1})
    );
}

#[tokio::test]
async fn the_same_answer_as_a_stream() {
    let reply = |asked: &Asked| {
        assert!(asked.body.contains("\"stream\":true") && asked.header("accept") == "text/event-stream");
        Reply::Bytes(events(&[HEL, LO, USAGE, "[DONE]"]))
    };
    let output = chat(reply, value!({"stream": true})).await.expect("an answer");
    assert_eq!(
        output,
        value!({"message": {"role": "assistant", "content": "Hello"}, "tool_calls": [], "finish_reason": "stop",
            "usage": {"total_tokens": 7}})
    );
}

#[tokio::test]
async fn a_stream_that_stays_open_after_its_end() {
    let reply = |_: &Asked| Reply::Hang(events(&[HEL, LO, "[DONE]"]));
    let output = chat(reply, value!({"stream": true})).await.expect("an answer");
    assert_eq!(output.get("message").and_then(|message| message.get("content")), Some(&value!("Hello")));
}

#[tokio::test]
async fn an_endpoint_that_does_not_stream() {
    let reply = |_: &Asked| completion(value!({"role": "assistant", "content": "Hello"}));
    assert!(chat(reply, value!({"stream": true})).await.is_ok());
}

#[tokio::test]
async fn tools_and_schemas() {
    let call = value!({"id": "c1", "type": "function", "function": {"name": "weather", "arguments": "{\"city\":\"Oslo\"}"}});
    let reply = move |_: &Asked| {
        completion(value!({"role": "assistant", "content": null, "tool_calls": [call.clone()]}))
    };
    let output = chat(reply, value!({"tools": [{"name": "weather"}]})).await.expect("an answer");
    assert_eq!(
        output.get("tool_calls"),
        Some(&value!([{"id": "c1", "name": "weather", "arguments": {"city": "Oslo"}}]))
    );
    let schema = value!({"type": "object", "required": ["n"]});
    let reply = |_: &Asked| completion(value!({"role": "assistant", "content": "{\"n\":1}"}));
    let output = chat(reply, value!({"response_schema": schema.clone()})).await.expect("an answer");
    assert_eq!(output.get("parsed"), Some(&value!({"n": 1})));
    let wrong = || completion(value!({"role": "assistant", "content": "{}"}));
    let error = error_of(wrong, value!({"response_schema": schema})).await;
    assert_eq!((&*error.code, error.retryable), ("llm.invalid_output", true));
    let violations = error.details.get("violations").and_then(Value::as_list).expect("violations");
    assert_eq!(violations.len(), 1);
}

#[tokio::test]
async fn statuses() {
    let said = r#"{"error":{"message":"Slow down.","type":"rate_limit","code":"rate_limit_exceeded"}}"#;
    for (status, retryable, wait) in [(429, true, Some(7000)), (500, true, Some(7000)), (400, false, None)] {
        let error = error_of(move || Reply::text(status, &[("Retry-After", "7")], said), value!({})).await;
        assert_eq!(
            (&*error.code, error.retryable, error.retry_after_ms),
            ("llm.status", retryable, wait),
            "{status}"
        );
        assert!(error.message.ends_with("Slow down."), "{error}");
        assert_eq!(
            error.details,
            value!({"status": status, "type": "rate_limit", "code": "rate_limit_exceeded"})
        );
    }
    let error = error_of(|| Reply::text(502, &[], "<html>bad gateway"), value!({})).await;
    assert!(error.message.ends_with("502 Bad Gateway: <html>bad gateway"), "{error}");
    let error =
        error_of(|| Reply::redirect(307, "http://127.0.0.1:9/"), value!({"api_key": "key-of-mine"})).await;
    assert_eq!((&*error.code, error.retryable), ("llm.status", false));
}

#[tokio::test]
async fn errors_inside_of_answers() {
    let error = error_of(|| Reply::json(r#"{"error":{"message":"Overloaded."}}"#), value!({})).await;
    assert_eq!((&*error.code, error.retryable), ("llm.failed", true));
    let stream = || Reply::Bytes(events(&[HEL, r#"{"error":"Overloaded."}"#]));
    assert_eq!(error_of(stream, value!({"stream": true})).await.code, *"llm.failed");
}

#[tokio::test]
async fn garbage() {
    for body in ["", "<html>", "{}", r#"{"choices":[]}"#, r#"{"choices":[{"message":"x"}]}"#, "[[[["] {
        let error = error_of(|| Reply::json(body), value!({})).await;
        assert_eq!((&*error.code, error.retryable), ("llm.invalid_answer", true), "{body}");
    }
    let stream = || Reply::Bytes(events(&[HEL, "<html>"]));
    assert_eq!(error_of(stream, value!({"stream": true})).await.code, *"llm.invalid_answer");
}

#[tokio::test]
async fn streams_that_are_cut() {
    let cut = || Reply::Bytes(events(&[HEL]));
    let error = error_of(cut, value!({"stream": true})).await;
    assert_eq!((&*error.code, error.retryable), ("llm.cut_short", true));
    let broken = || {
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 9999\r\n\r\n";
        Reply::Bytes(format!("{head}data: {HEL}\n\n").into_bytes())
    };
    assert_eq!(error_of(broken, value!({"stream": true})).await.code, *"http.connection");
}

#[tokio::test]
async fn streams_without_end() {
    let server = Server::start(|asked| match asked.target.as_str() {
        "/endless/chat/completions" => Reply::Endless(events(&[HEL])),
        _ => Reply::Hang(events(&[HEL])),
    })
    .await;
    let ask = |path: &str, timeout_ms: u64| {
        let params =
            params(&server, value!({"base_url": server.url(path), "stream": true, "timeout_ms": timeout_ms}));
        run(ActionCall::detached("llm.chat", params, outside()))
    };
    let error = ask("/endless", 60_000).await.expect_err("it never ends");
    assert!(["http.body_too_large", "llm.invalid_answer"].contains(&error.code.as_str()), "{error}");
    let error = ask("/silent", 100).await.expect_err("it says no more");
    assert_eq!((&*error.code, error.retryable), ("http.timeout", true));
}

#[tokio::test]
async fn answers_without_end() {
    let endless = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n: nothing yet\r\n".to_vec();
    let error = error_of(move || Reply::Endless(endless.clone()), value!({})).await;
    assert_eq!((&*error.code, error.retryable), ("http.body_too_large", false));
}

#[tokio::test]
async fn keys_stay_where_they_belong() {
    let server = Server::start(|_| Reply::text(401, &[], "no such key: key-of-mine")).await;
    let redactor = Redactor::default();
    redactor.learn("key-of-mine");
    let secret = |host: &str| UsedSecret {
        name: "openai".into(),
        allowed_hosts: AllowedHosts::try_from([host]).expect("a host"),
    };
    let call = |host: &str, secrets: Redactor| ActionCall {
        secrets: Arc::new(CallSecrets::new(vec![secret(host)], secrets)),
        ..ActionCall::detached("llm.chat", params(&server, value!({"api_key": "key-of-mine"})), outside())
    };
    let error = run(call("api.example.com", Redactor::default())).await.expect_err("another host");
    assert_eq!(error.code, *"secret.host_not_allowed");
    assert!(server.asked().is_empty());
    let error = run(call("127.0.0.1", redactor)).await.expect_err("401");
    assert!(error.message.ends_with("no such key: [redacted]"), "{error}");
}

#[tokio::test]
async fn addresses_that_are_not_public_are_refused() {
    let server = Server::start(|_| completion(value!({"content": "x"}))).await;
    let public = Arc::new(Outside::new(Permissions::default()).expect("a way outside"));
    let error = run(ActionCall::detached("llm.chat", params(&server, value!({})), public))
        .await
        .expect_err("it is forbidden");
    assert_eq!(error.code, *"http.forbidden_address");
}
