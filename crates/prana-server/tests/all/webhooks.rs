use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::Sha256;

use crate::kit::{Kit, Stream, fails};

/// A workflow that gives back the request.
fn echo(id: &str, params: Value) -> Value {
    json!({
        "id": id,
        "nodes": [{"key": "hook", "type": "webhook.trigger", "params": params}, {"key": "end", "type": "core.no_op"}],
        "connections": ["hook -> end"],
    })
}

#[tokio::test]
async fn a_request_is_the_data_of_an_execution() {
    let kit = Kit::new().await;
    kit.active(echo("orders", json!({"path": "orders/:id/lines", "methods": ["POST", "PUT"], "respond": "last_node", "raw_body": true}))).await;
    let request = kit.ask(Method::POST, "/webhook/orders/a%20b/lines?x=1&x=2&y=z").header("x-shop", "north");
    let got = kit.send(request.header("authorization", "Bearer secret").json(&json!({"n": 1}))).await.is(200);
    assert_eq!(got.headers["content-type"], "application/json");
    let data = got.body;
    assert_eq!((&data["method"], &data["params"]), (&json!("POST"), &json!({"id": "a b"})));
    assert_eq!((&data["query"], &data["body"]), (&json!({"x": ["1", "2"], "y": "z"}), &json!({"n": 1})));
    assert_eq!(
        (&data["headers"]["x-shop"], &data["raw"]),
        (&json!("north"), &json!(STANDARD.encode("{\"n\":1}")))
    );
    assert_eq!(data["headers"].get("authorization"), None);
    let form = kit
        .ask(Method::PUT, "/webhook/orders/1/lines")
        .header("content-type", "application/x-www-form-urlencoded");
    assert_eq!(kit.send(form.body("a=1&b=x+y")).await.is(200).body["body"], json!({"a": "1", "b": "x y"}));
    let text = kit.ask(Method::PUT, "/webhook/orders/1/lines").header("content-type", "text/plain");
    assert_eq!(kit.send(text.body("hello")).await.is(200).body["body"], "hello");
    let bytes = kit.ask(Method::PUT, "/webhook/orders/1/lines").header("content-type", "image/png");
    let got = kit.send(bytes.body(vec![255, 0])).await.is(200);
    assert_eq!((&got.body["body"], &got.body["raw"]), (&json!(null), &json!("/wA=")));
    let bad = kit.ask(Method::PUT, "/webhook/orders/1/lines").header("content-type", "application/json");
    kit.send(bad.body("{")).await.refused(400, "webhook.invalid_json");
    kit.post("/webhook/orders/1", json!({})).await.refused(404, "webhook.not_found");
    let got = kit.get("/webhook/orders/1/lines").await.refused(405, "request.wrong_method");
    assert_eq!(got.headers["allow"], "POST, PUT");
}

#[tokio::test]
async fn an_immediate_answer_names_a_stored_execution() {
    let kit = Kit::new().await;
    kit.active(echo("now", json!({"path": "now", "headers": {"X-Shop": "north"}}))).await;
    let got = kit.post("/webhook/now", json!({"n": 1})).await.is(202);
    assert_eq!(got.headers["x-shop"], "north");
    let id = got.body["execution_id"].as_str().unwrap();
    kit.until(id, "execution_completed").await;
    assert_eq!(
        kit.get(&format!("/api/v1/executions/{id}")).await.is(200).body["output"]["body"],
        json!({"n": 1})
    );
}

#[tokio::test]
async fn a_failure_and_a_long_wait_are_told() {
    let kit = Kit::with(|options| options.wait = std::time::Duration::from_millis(50)).await;
    let mut workflow = fails();
    workflow["nodes"][0] = json!({"key": "start", "type": "webhook.trigger", "params": {"path": "fails", "respond": "last_node"}});
    kit.active(workflow).await;
    let got = kit.post("/webhook/fails", json!({})).await.refused(500, "webhook.execution_failed");
    let id = got.body["execution_id"].as_str().unwrap();
    assert_eq!(kit.get(&format!("/api/v1/executions/{id}")).await.is(200).body["error"]["code"], "it.broke");
    assert!(!got.text.contains("it.broke"), "{}", got.text);

    let mut workflow = echo("long", json!({"path": "long", "respond": "last_node"}));
    workflow["nodes"][1] = json!({"key": "end", "type": "wait.wait", "params": {"mode": "webhook"}});
    kit.active(workflow).await;
    let got = kit.post("/webhook/long", json!({})).await.refused(504, "webhook.timeout");
    let id = got.body["execution_id"].as_str().unwrap();
    assert_eq!(
        kit.get(&format!("/api/v1/executions/{id}")).await.is(200).body["execution"]["status"],
        "suspended"
    );
}

#[tokio::test]
async fn only_those_who_prove_it_may_call() {
    let kit = Kit::new().await;
    kit.active(echo(
        "basic",
        json!({"path": "basic", "auth": {"type": "basic", "username": "ann", "password": "p"}}),
    ))
    .await;
    kit.active(echo(
        "header",
        json!({"path": "header", "auth": {"type": "header", "header_name": "X-Key", "header_value": "k"}}),
    ))
    .await;
    kit.active(echo(
        "signed",
        json!({"path": "signed", "respond": "last_node",
        "auth": {"type": "hmac", "header_name": "X-Sig", "secret": "k", "prefix": "sha256="}}),
    ))
    .await;
    let got = kit.post("/webhook/basic", json!({})).await.refused(401, "webhook.unauthorized");
    assert!(got.headers["www-authenticate"].to_str().unwrap().starts_with("Basic"));
    kit.send(kit.ask(Method::POST, "/webhook/basic").basic_auth("ann", Some("p"))).await.is(202);
    kit.send(kit.ask(Method::POST, "/webhook/basic").basic_auth("ann", Some("q")))
        .await
        .refused(401, "webhook.unauthorized");
    kit.send(kit.ask(Method::POST, "/webhook/header").header("x-key", "k")).await.is(202);
    kit.post("/webhook/header", json!({})).await.refused(401, "webhook.unauthorized");
    let mut mac = Hmac::<Sha256>::new_from_slice(b"k").unwrap();
    mac.update(b"{\"n\": 1}");
    let hex: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    let signed = |body: &'static str| {
        let request = kit.ask(Method::POST, "/webhook/signed").header("content-type", "application/json");
        kit.send(request.header("x-sig", format!("sha256={hex}")).body(body))
    };
    let got = signed("{\"n\": 1}").await.is(200);
    assert_eq!((&got.body["body"], got.body["headers"].get("x-sig")), (&json!({"n": 1}), None));
    signed("{\"n\": 2}").await.refused(401, "webhook.unauthorized");
    let executions = kit.get("/api/v1/executions").await.is(200);
    assert_eq!(executions.body["executions"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn what_comes_twice_starts_one_execution() {
    let kit = Kit::new().await;
    for (id, respond) in [("later", "immediately"), ("done", "last_node")] {
        let params =
            json!({"path": id, "respond": respond, "deduplicate_by": "{{ $input.headers['x-event'] }}"});
        kit.active(echo(id, params)).await;
    }
    let send = |path: &'static str, event: &'static str, n: u32| {
        kit.send(kit.ask(Method::POST, path).header("x-event", event).json(&json!({"n": n})))
    };
    let first = send("/webhook/later", "a", 1).await.is(202);
    assert_eq!(send("/webhook/later", "a", 2).await.is(202).body, first.body);
    assert_ne!(send("/webhook/later", "b", 1).await.is(202).body, first.body);
    send("/webhook/done", "a", 1).await.is(200);
    assert_eq!(send("/webhook/done", "a", 2).await.is(200).body["body"], json!({"n": 1}));
}

#[tokio::test]
async fn bodies_and_pages_have_bounds() {
    let kit = Kit::new().await;
    kit.active(echo(
        "small",
        json!({"path": "small", "max_body_bytes": 10, "allowed_origins": ["https://shop.example"]}),
    ))
    .await;
    let text = |body: String| kit.ask(Method::POST, "/webhook/small").body(body);
    kit.send(text("x".repeat(10))).await.is(202);
    kit.send(text("x".repeat(11))).await.refused(413, "request.too_large");
    let chunked =
        reqwest::Body::wrap_stream(futures_util::stream::iter(["123456"; 2].map(Ok::<_, std::io::Error>)));
    kit.send(kit.ask(Method::POST, "/webhook/small").body(chunked)).await.refused(413, "request.too_large");
    kit.send(text("x".into()).header("origin", "https://evil.example"))
        .await
        .refused(403, "request.origin_refused");
    let got = kit.send(text("x".into()).header("origin", "https://shop.example")).await.is(202);
    assert_eq!(got.headers["access-control-allow-origin"], "https://shop.example");
    let asks = |origin: &'static str| {
        let request = kit.ask(Method::OPTIONS, "/webhook/small").header("origin", origin);
        request
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "x-a")
    };
    let got = kit.send(asks("https://shop.example")).await.is(204);
    assert_eq!(
        (&got.headers["access-control-allow-methods"], &got.headers["access-control-allow-headers"]),
        (&"POST".parse().unwrap(), &"x-a".parse().unwrap())
    );
    kit.send(asks("https://evil.example")).await.refused(403, "request.origin_refused");
}

#[tokio::test]
async fn what_can_not_be_served_is_not_activated() {
    let kit = Kit::new().await;
    kit.active(echo("first", json!({"path": "/taken/:x"}))).await;
    for (params, code) in [
        (json!({"path": "a", "respond": "respond_node"}), "webhook.refused"),
        (json!({"path": "a", "auth": {"type": "jwt"}}), "webhook.refused"),
        (
            json!({"path": "a", "auth": {"type": "jwt", "secret": "k", "algorithms": ["RS256"]}}),
            "webhook.refused",
        ),
        (
            json!({"path": "a", "auth": {"type": "jwt", "public_key": "k", "algorithms": ["RS256"]}}),
            "webhook.refused",
        ),
        (
            json!({"path": "a", "auth": {"type": "jwt", "secret": "k", "algorithms": ["HS256", "RS256"]}}),
            "webhook.refused",
        ),
        (json!({"path": "a", "auth": {"type": "hmac", "secret": "{{ $secrets.a }}b"}}), "webhook.refused"),
        (json!({"path": "a", "headers": {"Content-Type": "text/html"}}), "webhook.refused"),
        (json!({"path": "a", "auth": {"type": "hmac"}}), "webhook.refused"),
        (json!({"path": "a", "auth": {"type": "header", "header_value": ""}}), "webhook.refused"),
        (
            json!({"path": "a", "auth": {"type": "header", "header_value": "{{ $vars.k }}"}}),
            "webhook.refused",
        ),
        (json!({"path": "a", "secret": "k"}), "webhook.refused"),
        (json!({"path": "/"}), "webhook.refused"),
        (json!({"path": "a", "response_status": 99}), "webhook.refused"),
        (json!({"path": "a", "headers": {"Set-Cookie": "a=b"}}), "webhook.refused"),
        (json!({"path": "a", "headers": {"Content-Security-Policy": "*"}}), "webhook.refused"),
        (json!({"path": "taken/:y"}), "webhook.path_taken"),
    ] {
        let workflow = echo("second", params.clone());
        let known = kit.get("/api/v1/workflows/second").await;
        match known.body["version"].as_u64() {
            None => kit.post("/api/v1/workflows", workflow).await.is(201),
            Some(version) => {
                kit.put(&format!("/api/v1/workflows/second?based_on={version}"), workflow).await.is(201)
            }
        };
        let refused = kit.post("/api/v1/workflows/second/activate", json!({})).await;
        assert_eq!(refused.body["code"], code, "{params} {refused:?}");
    }
    // More exact paths, other methods and one's own older version are no obstacle.
    kit.active(echo("third", json!({"path": "taken/exact"}))).await;
    kit.active(echo("fourth", json!({"path": "taken/:x", "methods": ["GET"]}))).await;
    kit.post("/api/v1/workflows/first/activate", json!({"version": 1})).await.is(200);
}

#[tokio::test]
async fn only_active_workflows_are_called() {
    let kit = Kit::new().await;
    kit.active(echo("orders", json!({"path": "orders"}))).await;
    kit.post("/webhook/orders", json!({})).await.is(202);
    kit.post("/api/v1/workflows/orders/deactivate", json!({})).await.is(200);
    kit.post("/webhook/orders", json!({})).await.refused(404, "webhook.not_found");
    kit.post("/api/v1/workflows/orders/activate", json!({})).await.is(200);
    let kit = kit.restarted().await;
    kit.post("/webhook/orders", json!({})).await.is(202);
    kit.delete("/api/v1/workflows/orders").await.is(204);
    kit.post("/webhook/orders", json!({})).await.refused(404, "webhook.not_found");
}

#[tokio::test]
async fn a_shutdown_says_come_back() {
    let kit = Kit::new().await;
    kit.active(echo("orders", json!({"path": "orders"}))).await;
    let mut stream = Stream::open(&kit, "/api/v1/events", None).await;
    kit.running.server().engine().shut_down();
    let got = kit.post("/webhook/orders", json!({})).await.refused(503, "engine.unavailable");
    assert_eq!(got.headers["retry-after"], "1");
    kit.running.shut_down().await;
    assert_eq!(stream.next().await, None);
}

#[tokio::test]
async fn too_many_at_once_are_told_to_come_back() {
    use tokio::io::AsyncWriteExt;
    let kit = Kit::new().await;
    kit.active(echo("orders", json!({"path": "orders"}))).await;
    // Bodies that don't end fill the room for all bodies.
    let (mut slow, body) = (Vec::new(), vec![b'x'; (16 << 20) - 1]);
    for _ in 0..16 {
        let mut stream = tokio::net::TcpStream::connect(kit.running.address()).await.unwrap();
        let head = format!(
            "POST /webhook/orders HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n",
            16 << 20
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(&body).await.unwrap();
        slow.push(stream);
    }
    let mut got = kit.post("/webhook/orders", json!({})).await;
    while got.status == 202 {
        got = kit.post("/webhook/orders", json!({})).await;
    }
    assert_eq!(got.refused(503, "server.busy").headers["retry-after"], "1");
    drop(slow);
    while kit.post("/webhook/orders", json!({})).await.status != 202 {}
}

#[tokio::test]
async fn signed_tokens_prove_who_calls() {
    use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
    let kit = Kit::new().await;
    let auth =
        json!({"type": "jwt", "secret": "k", "audience": "orders", "issuer": "shop", "tolerance_seconds": 5});
    kit.active(echo("jwt", json!({"path": "jwt", "respond": "last_node", "auth": auth}))).await;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let good = json!({"exp": now + 60, "aud": "orders", "iss": "shop", "nbf": now - 1});
    let with = |key: &'static str, value: Value| {
        let mut claims = good.clone();
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(key)),
            value => claims[key] = value,
        }
        claims
    };
    let token = |algorithm: Algorithm, key: &[u8], claims: &Value| {
        encode(&Header::new(algorithm), claims, &EncodingKey::from_secret(key)).unwrap()
    };
    let call = |token: String| {
        kit.send(
            kit.ask(Method::POST, "/webhook/jwt")
                .header("authorization", format!("Bearer {token}"))
                .json(&json!({})),
        )
    };
    let got = call(token(Algorithm::HS256, b"k", &good)).await.is(200);
    assert_eq!(got.body["headers"].get("authorization"), None, "the proof is not passed on");
    for claims in [
        with("aud", json!(["x", "orders"])),
        with("exp", json!(now - 3)),
        with("nbf", json!(now + 3)),
        with("nbf", Value::Null),
    ] {
        call(token(Algorithm::HS256, b"k", &claims)).await.is(200);
    }
    let mut refused = vec![
        token(Algorithm::HS256, b"other", &good),
        token(Algorithm::HS512, b"k", &good),
        String::new(),
        "a.b.c".to_owned(),
    ];
    for claims in [
        with("exp", json!(now - 60)),
        with("exp", Value::Null),
        with("exp", json!("soon")),
        with("nbf", json!(now + 60)),
        with("aud", json!("others")),
        with("aud", Value::Null),
        with("iss", json!("thief")),
        with("iss", Value::Null),
    ] {
        refused.push(token(Algorithm::HS256, b"k", &claims));
    }
    // Unsigned, with the header that says so.
    let signed = token(Algorithm::HS256, b"k", &good);
    let payload = signed.split('.').nth(1).unwrap();
    let none = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT"}"#);
    refused.push(format!("{none}.{payload}."));
    for token in refused {
        let got = call(token).await.refused(401, "webhook.unauthorized");
        assert_eq!(got.headers["www-authenticate"], "Bearer");
    }
    kit.post("/webhook/jwt", json!({})).await.refused(401, "webhook.unauthorized");
}

const PUBLIC: &str = "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE9Nl0SyyKXRxZatXmbXP2JAlt9RhN\nMOs0OBjVWPgP9ATRs96daHb9L+Gl0pfma04/YwxakTKUUd7qKLUSqg6IPA==\n-----END PUBLIC KEY-----\n";
const PRIVATE: &str = "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgyWiRTcreniEuLGwV\nAhJipWPkqT2kxfH+W+huKyn5YqmhRANCAAT02XRLLIpdHFlq1eZtc/YkCW31GE0w\n6zQ4GNVY+A/0BNGz3p1odv0v4aXSl+ZrTj9jDFqRMpRR3uootRKqDog8\n-----END PRIVATE KEY-----\n";

#[tokio::test]
async fn a_public_key_is_no_shared_secret() {
    use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
    let kit = Kit::new().await;
    kit.active(echo(
        "two",
        json!({"path": "two", "auth": {"type": "jwt", "public_key": PUBLIC, "algorithms": ["ES256"]}}),
    ))
    .await;
    let claims = json!({"exp": 4_000_000_000_u64});
    let call =
        |token: String| kit.send(kit.ask(Method::POST, "/webhook/two").bearer_auth(token).json(&json!({})));
    let key = EncodingKey::from_ec_pem(PRIVATE.as_bytes()).unwrap();
    call(encode(&Header::new(Algorithm::ES256), &claims, &key).unwrap()).await.is(202);
    let forged = EncodingKey::from_secret(PUBLIC.as_bytes());
    call(encode(&Header::new(Algorithm::HS256), &claims, &forged).unwrap())
        .await
        .refused(401, "webhook.unauthorized");
}

#[tokio::test]
async fn credentials_can_be_stored_secrets() {
    let kit = Kit::new().await;
    let auth = json!({"type": "header", "header_name": "X-Key", "header_value": "{{ $secrets.hook_key }}"});
    kit.active(echo("secret", json!({"path": "secret", "respond": "last_node", "auth": auth}))).await;
    let call = |key: &'static str| {
        kit.send(kit.ask(Method::POST, "/webhook/secret").header("x-key", key).json(&json!({"n": 1})))
    };
    call("k-of-the-hook").await.refused(500, "webhook.no_secret");
    let secrets = kit.running.server().engine().secrets();
    let set = |text: &str| prana::SecretText::from(text.to_owned());
    secrets.put("hook_key", &set("k-of-the-hook"), prana::AllowedHosts::any(), None).await.unwrap();
    call("{{ $secrets.hook_key }}").await.refused(401, "webhook.unauthorized");
    let got = call("k-of-the-hook").await.is(200);
    assert!(!got.text.contains("k-of-the-hook"), "{}", got.text);
    // A changed one counts at once.
    secrets.put("hook_key", &set("another-hook-key"), prana::AllowedHosts::any(), None).await.unwrap();
    call("k-of-the-hook").await.refused(401, "webhook.unauthorized");
    call("another-hook-key").await.is(200);
}

#[tokio::test]
async fn files_come_with_forms() {
    use reqwest::multipart::{Form, Part};
    let kit = Kit::new().await;
    kit.active(echo(
        "files",
        json!({"path": "files", "respond": "last_node", "max_body_bytes": 2_000, "raw_body": true}),
    ))
    .await;
    let send = |form: Form| kit.send(kit.ask(Method::POST, "/webhook/files").multipart(form));
    let csv = Part::text("a;b").file_name("list.csv").mime_str("text/csv").unwrap();
    let png = Part::bytes(vec![0x89, 0x50]).file_name("dot.png").mime_str("image/png").unwrap();
    let got = send(
        Form::new().text("name", "ann").text("tag", "x").text("tag", "y").part("list", csv).part("dot", png),
    )
    .await
    .is(200);
    assert_eq!(
        got.body["body"],
        json!({
            "name": "ann",
            "tag": ["x", "y"],
            "list": {"filename": "list.csv", "content_type": "text/csv", "size": 3, "text": "a;b"},
            "dot": {"filename": "dot.png", "content_type": "image/png", "size": 2, "base64": "iVA="},
        })
    );
    assert!(got.body["raw"].is_string());
    send(Form::new().text("long", "x".repeat(3_000))).await.refused(413, "request.too_large");
    let broken =
        kit.ask(Method::POST, "/webhook/files").header("content-type", "multipart/form-data; boundary=x");
    kit.send(broken.body("--x\r\n")).await.refused(400, "webhook.invalid_form");
    let unbound = kit.ask(Method::POST, "/webhook/files").header("content-type", "multipart/form-data");
    kit.send(unbound.body("--x--")).await.refused(400, "webhook.invalid_form");
}

#[tokio::test]
async fn a_failed_execution_starts_its_error_workflow_once() {
    let kit = Kit::new().await;
    kit.active(json!({
        "id": "alarm",
        "settings": {"error_workflow": "alarm"},
        "nodes": [
            {"key": "failed", "type": "workflow.error_trigger"},
            {"key": "stop", "type": "core.stop", "params": {"status": "failed", "code": "alarm.broke", "message": "{{ $input.execution.workflow_id }}"}},
        ],
        "connections": ["failed -> stop"],
    }))
    .await;
    let mut workflow = fails();
    workflow["nodes"][0] = json!({"key": "start", "type": "webhook.trigger", "params": {"path": "fails", "respond": "last_node"}});
    workflow["settings"] = json!({"error_workflow": "alarm"});
    kit.active(workflow).await;
    let mut events = Stream::open(&kit, "/api/v1/events", None).await;
    kit.post("/webhook/fails", json!({})).await.refused(500, "webhook.execution_failed");
    let mut failed = Vec::new();
    while failed.len() < 2 {
        let event = events.next().await.unwrap();
        if event.kind == "execution_failed" {
            failed.push(event.data["workflow_id"].as_str().unwrap().to_owned());
        }
    }
    assert_eq!(failed, ["fails", "alarm"]);
    // The alarm names itself, and doesn't go on for ever.
    kit.post("/webhook/fails", json!({})).await.refused(500, "webhook.execution_failed");
    while failed.len() < 4 {
        let event = events.next().await.unwrap();
        if event.kind == "execution_failed" {
            failed.push(event.data["workflow_id"].as_str().unwrap().to_owned());
        }
    }
    let list = kit.get("/api/v1/executions?workflow_id=alarm").await.is(200);
    let alarms = list.body["executions"].as_array().unwrap();
    assert_eq!(alarms.len(), 2);
    let id = alarms[0]["id"].as_str().unwrap();
    let error = kit.get(&format!("/api/v1/executions/{id}")).await.is(200).body["error"].clone();
    assert_eq!((&error["code"], &error["message"]), (&json!("alarm.broke"), &json!("fails")));
}
