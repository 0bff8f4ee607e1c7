//! Spans, taken by a collector of the test's own.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::trace::v1::Span;
use prana::SecretText;
use prana_server::Telemetry;
use prost::Message;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::kit::{Kit, asks, doubles, fails};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";

/// What a listener was sent: the heads and bodies of requests.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<Request>>>);

/// The `Content-Type` and the body.
type Request = (String, Vec<u8>);

/// Answers every request with a status, after a while.
async fn listener(status: &'static str, after: Duration) -> (SocketAddr, Heard) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let heard = Heard::default();
    let all = heard.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream, all.clone(), status, after));
        }
    });
    (address, heard)
}

async fn answer(mut stream: TcpStream, heard: Heard, status: &str, after: Duration) {
    let mut bytes = Vec::new();
    let mut piece = [0; 16_384];
    loop {
        let Ok(count @ 1..) = stream.read(&mut piece).await else { return };
        bytes.extend_from_slice(&piece[..count]);
        let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
        let whole = end + 4 + length.unwrap_or(0usize);
        if bytes.len() < whole {
            continue;
        }
        let body = bytes[end + 4..whole].to_vec();
        bytes.drain(..whole);
        tokio::time::sleep(after).await;
        heard.0.lock().unwrap().push((head, body));
        let answer =
            format!("HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{{}}");
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

impl Heard {
    fn requests(&self) -> Vec<(String, Vec<u8>)> {
        self.0.lock().unwrap().clone()
    }

    fn spans(&self) -> Vec<Span> {
        let requests = self.requests();
        let decoded = requests.iter().map(|(_, body)| ExportTraceServiceRequest::decode(&body[..]).unwrap());
        let resources = decoded.flat_map(|request| request.resource_spans);
        resources.flat_map(|resource| resource.scope_spans).flat_map(|scope| scope.spans).collect()
    }

    /// The spans by name, once there are so many.
    async fn named(&self, count: usize) -> HashMap<String, Span> {
        let begun = Instant::now();
        while self.spans().len() < count {
            assert!(begun.elapsed() < Duration::from_secs(20), "only {:#?}", self.spans());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let spans = self.spans();
        assert_eq!(spans.len(), count, "{spans:#?}");
        spans.into_iter().map(|span| (span.name.clone(), span)).collect()
    }
}

/// An attribute as text.
fn told(span: &Span, name: &str) -> Option<String> {
    let found = span.attributes.iter().find(|attribute| attribute.key == name)?;
    match found.value.clone()?.value? {
        Any::StringValue(text) => Some(text),
        Any::IntValue(number) => Some(number.to_string()),
        other => panic!("{other:?}"),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn telemetry(collector: SocketAddr) -> Telemetry {
    Telemetry {
        endpoint: format!("http://{collector}/v1/traces"),
        service_name: "flows".to_owned(),
        headers: vec![("x-api-key".to_owned(), SecretText::from("pl4nted-key".to_owned()))],
        sample: 1.0,
    }
}

async fn traced(collector: SocketAddr) -> Kit {
    Kit::with(|options| {
        options.telemetry = Some(telemetry(collector));
        options.permissions.private_network = true;
    })
    .await
}

/// What `/metrics` says of spans.
async fn counted(kit: &Kit, outcome: &str) -> u64 {
    let text = kit.get("/metrics").await.is(200).text;
    let name = format!("prana_spans_total{{outcome=\"{outcome}\"}} ");
    let line = text.lines().find_map(|line| line.strip_prefix(&name));
    line.unwrap_or_else(|| panic!("{name} in {text}")).parse().unwrap()
}

async fn until_counted(kit: &Kit, outcome: &str, least: u64) {
    let begun = Instant::now();
    while counted(kit, outcome).await < least {
        assert!(begun.elapsed() < Duration::from_secs(20));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Calls a service, in a loop and after a failed attempt, in a workflow that another one starts.
fn flows(service: SocketAddr) -> [Value; 2] {
    let parent = json!({
        "id": "parent",
        "nodes": [
            {"key": "hook", "type": "webhook.trigger", "params": {"path": "in", "respond": "last_node"}},
            {"key": "sub", "type": "workflow.execute_workflow", "params": {"workflow_id": "child"}},
        ],
        "connections": ["hook -> sub"],
    });
    let child = json!({
        "id": "child",
        "nodes": [
            {"key": "start", "type": "manual.trigger"},
            {"key": "call", "type": "http.request",
             "params": {"url": format!("http://{service}/"), "query": {"q": "data-that-is-nobodys-business"}}},
            {"key": "refused", "type": "http.request", "params": {"url": "ftp://nowhere"},
             "settings": {"on_error": "continue"}},
        ],
        "connections": ["start -> call -> refused"],
    });
    [parent, child]
}

#[tokio::test]
async fn an_execution_is_a_trace_that_the_caller_began_and_services_go_on_with() {
    let (collector, heard) = listener("200 OK", Duration::ZERO).await;
    let (service, called) = listener("200 OK", Duration::ZERO).await;
    let kit = traced(collector).await;
    for flow in flows(service) {
        kit.active(flow).await;
    }
    let hook = kit.ask(Method::POST, "/webhook/in").json(&json!({"secret": "data-that-is-nobodys-business"}));
    hook.header("traceparent", format!("00-{TRACE}-{CALLER}-01"))
        .send()
        .await
        .unwrap()
        .error_for_status()
        .unwrap();
    let spans = heard.named(7).await;
    assert!(spans.values().all(|span| hex(&span.trace_id) == TRACE), "{spans:#?}");
    let parent_of = |name: &str| hex(&spans[name].parent_span_id);
    let id_of = |name: &str| hex(&spans[name].span_id);
    assert_eq!(parent_of("parent"), CALLER);
    assert_eq!(parent_of("hook"), id_of("parent"));
    assert_eq!(parent_of("sub"), id_of("parent"));
    assert_eq!(parent_of("child"), id_of("sub"));
    assert_eq!(parent_of("call"), id_of("child"));
    let call = &spans["call"];
    for (name, expect) in [
        ("prana.node.key", "call"),
        ("prana.node.type", "http.request"),
        ("prana.node.attempt", "1"),
        ("prana.node.run", "0"),
        ("prana.workflow.id", "child"),
        ("prana.workflow.version", "1"),
        ("prana.status", "completed"),
    ] {
        assert_eq!(told(call, name).as_deref(), Some(expect), "{name}");
    }
    assert!(call.start_time_unix_nano > 0 && call.end_time_unix_nano >= call.start_time_unix_nano);
    assert_eq!(told(&spans["refused"], "error.type").as_deref(), Some("http.invalid_url"));
    let [(head, _)] = &called.requests()[..] else { panic!("called once") };
    assert!(head.contains(&format!("traceparent: 00-{TRACE}-{}-01", id_of("call"))), "{head}");
    let requests = heard.requests();
    assert!(requests.iter().all(|(head, _)| head.contains("x-api-key: pl4nted-key")), "{requests:?}");
    for (_, body) in requests {
        let text = String::from_utf8_lossy(&body).into_owned();
        assert!(
            text.contains("flows") && !text.contains("nobodys-business") && !text.contains("ftp://"),
            "{text}"
        );
    }
    assert_eq!(counted(&kit, "sent").await, 7);
}

#[tokio::test]
async fn a_trace_goes_on_after_a_wait_and_a_restart() {
    let (collector, heard) = listener("200 OK", Duration::ZERO).await;
    let kit = traced(collector).await;
    kit.active(asks()).await;
    let body = json!({"workflow_id": "asks", "input": {}});
    let start = kit.ask(Method::POST, "/api/v1/executions").json(&body);
    let id = kit.send(start.header("traceparent", format!("00-{TRACE}-{CALLER}-01"))).await.is(202).id();
    kit.until(&id, "execution_suspended").await;
    let Kit { running, scratch, .. } = kit;
    // What is left is sent before it stops.
    running.shut_down().await;
    assert_eq!(heard.spans().len(), 2);
    let kit = Kit::over(scratch, |options| options.telemetry = Some(telemetry(collector))).await;
    let answer = json!({"node": "approve", "data": {"by": "ann"}});
    kit.post(&format!("/api/v1/executions/{id}/resume"), answer).await.is(200);
    let spans = heard.named(5).await;
    assert!(spans.values().all(|span| hex(&span.trace_id) == TRACE), "{spans:#?}");
    let whole = &spans["asks"];
    assert_eq!(hex(&whole.parent_span_id), CALLER);
    assert!(spans.values().all(|span| span.name == "asks" || span.parent_span_id == whole.span_id));
    let wait = &spans["approve"];
    assert!(wait.start_time_unix_nano < wait.end_time_unix_nano, "it began before the restart");
}

#[tokio::test]
async fn traces_that_nobody_began_are_named_after_the_execution_and_a_share_is_kept() {
    let (collector, heard) = listener("200 OK", Duration::ZERO).await;
    let kit = traced(collector).await;
    kit.active(fails()).await;
    let id = kit.run("fails", json!({})).await.is(200).id();
    let spans = heard.named(3).await;
    assert!(spans.values().all(|span| hex(&span.trace_id) == id.replace('-', "")), "{spans:#?}");
    assert_eq!(spans["fails"].parent_span_id, Vec::<u8>::new());
    assert_eq!(told(&spans["fails"], "error.type").as_deref(), Some("it.broke"));
    assert_eq!(spans["stop"].status.clone().unwrap().code, 2);
    // One who says that he keeps nothing is believed; so is one who sends nonsense not.
    let run = |traceparent: &str| {
        let body = json!({"workflow_id": "fails", "input": {}});
        kit.send(
            kit.ask(Method::POST, "/api/v1/executions?mode=sync")
                .json(&body)
                .header("traceparent", traceparent),
        )
    };
    run(&format!("00-{TRACE}-{CALLER}-00")).await.is(200);
    let nonsense = run("00-nonsense").await.is(200).id();
    let begun = Instant::now();
    while heard.spans().len() < 6 {
        assert!(begun.elapsed() < Duration::from_secs(20));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let later = heard.spans();
    assert!(later[3..].iter().all(|span| hex(&span.trace_id) == nonsense.replace('-', "")), "{later:#?}");
}

#[tokio::test]
async fn a_collector_that_is_away_refuses_or_is_slow_costs_nothing() {
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let (refusing, _) = listener("503 Service Unavailable", Duration::ZERO).await;
    for collector in [gone, refusing] {
        let kit = traced(collector).await;
        kit.active(doubles()).await;
        for n in 0..3 {
            assert_eq!(kit.run("doubles", json!({"n": n})).await.is(200).body["output"], json!({"n": n * 2}));
        }
        until_counted(&kit, "failed", 9).await;
        assert_eq!(counted(&kit, "sent").await, 0);
        kit.running.shut_down().await;
    }
    // One that takes longer than anybody waits.
    let (slow, _) = listener("200 OK", Duration::from_secs(600)).await;
    let kit = traced(slow).await;
    kit.active(doubles()).await;
    let begun = Instant::now();
    for n in 0..50 {
        kit.run("doubles", json!({"n": n})).await.is(200);
    }
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    assert_eq!((counted(&kit, "sent").await, counted(&kit, "failed").await), (0, 0));
    let begun = Instant::now();
    kit.running.shut_down().await;
    assert!(begun.elapsed() < Duration::from_secs(8), "it stops all the same: {:?}", begun.elapsed());
}
