//! The document of a connector: what is refused, and what runs.

use prana_actions::{Actions, Connector};
use prana_template::{Params, Value, value};

use super::{answering, at, connector, run};

const SMALL: &str = r#"
id: shop
title: Shop
base_url: https://{region}.shop.example/v1
credentials: [{kind: bearer, description: An API key, hosts: [shop.example]}]
headers: {X-Client: prana}
params: {properties: {region: {type: string, default: eu}}}
errors:
  - {status: 4xx, when: "{{ $response.body.gone }}", code: shop.gone, message: "{{ $response.body.why }}"}
actions:
  get_order:
    title: Get an order
    params:
      required: [id]
      properties:
        id: {type: [integer, string]}
        fields: {type: array, items: {type: string}}
    request:
      path: /orders/{id}
      query: {fields: "{{ $params.fields | join(',') }}"}
      headers: {X-Region: "{{ $params.region }}"}
    output: {id: "{{ $params.id }}", total: "{{ $response.body.total }}", status: "{{ $response.status }}"}
"#;

/// The findings about a text: code, line and message.
fn findings(text: &str) -> Vec<String> {
    let refused = Connector::read("test.yaml", text.as_bytes()).expect_err("it is refused");
    let line = |finding: &prana_core::diagnostic::Diagnostic| finding.location.map_or(0, |place| place.line);
    refused.findings.iter().map(|one| format!("{} {}: {}", one.code, line(one), one.message)).collect()
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    for (from, to, expected) in [
        ("title: Shop\n", "titel: Shop\n", "connector.malformed 3: unknown field `titel`"),
        (
            "id: shop",
            "id: Shop",
            "connector.malformed 2: an id begins with a small letter; small letters, digits and _ may follow",
        ),
        (
            "https://{region}",
            "ftp://{region}",
            "connector.malformed 4: it must begin with https:// or http://",
        ),
        (
            "{region}",
            "{land}",
            "connector.malformed 4: `land` must be a parameter that is required, or has a default",
        ),
        ("kind: bearer", "kind: token", "connector.malformed 5: unknown variant `token`"),
        ("type: string, default", "typ: string, default", "connector.malformed 7: unknown field `typ`"),
        (
            "code: shop.gone",
            "code: gone",
            "connector.malformed 9: it must be `shop.` and a name, such as `shop.not_found`",
        ),
        (
            "status: 4xx",
            "status: 9xx",
            "connector.malformed 9: expected a status such as 404, a class such as 4xx, or any, found another",
        ),
        (
            "get_order:",
            "getOrder:",
            "connector.malformed 12: a name begins with a small letter; small letters, digits and _ may follow",
        ),
        (
            "id: {type: [",
            "base_url: {}\n        id: {type: [",
            "connector.malformed 16: every action has a parameter `base_url` already",
        ),
        (
            "id: {type: [",
            "region: {}\n        id: {type: [",
            "connector.malformed 16: the connector has a parameter `region` already",
        ),
        ("path: /orders", "path: orders", "connector.malformed 19: it must begin with /"),
        (
            "{id}\n",
            "{number}\n",
            "connector.malformed 19: `number` must be a parameter that is required, or has a default",
        ),
        ("query:", "qery:", "connector.malformed 20: unknown field `qery`"),
        ("query: {", "body_type: yaml\n      query: {", "connector.malformed 20: unknown variant `yaml`"),
        ("join(',')", "joyn(',')", "expression.unknown_filter 20: unknown filter `joyn`"),
        ("$params.fields", "$response.body", "expression.unknown_name 20: unknown name `$response`"),
        ("$response.body.total", "$respons.total", "expression.unknown_name 22: unknown name `$respons`"),
        (
            "output:",
            "pagination: {kind: cursor, items: '{{ 1 }}'}\n    output:",
            "connector.malformed 22: this kind needs `next`",
        ),
    ] {
        let text = SMALL.replacen(from, to, 1);
        assert_ne!(text, SMALL, "{from}");
        let found = findings(&text);
        assert!(found.iter().any(|one| one == expected), "{to}: {found:#?}");
    }
    assert_eq!(findings("").len(), 1);
    assert_eq!(findings("- a").len(), 1);
    assert_eq!(findings("id: [").len(), 1);
}

#[test]
fn several_findings_come_at_once() {
    let text = SMALL.replace("path: /orders", "path: orders").replace("code: shop.gone", "code: gone");
    assert_eq!(findings(&text).len(), 2);
}

#[tokio::test]
async fn an_action_sends_and_gives_what_is_written() {
    let server = answering(vec![value!({"body": {"total": 5}})]).await;
    let params = value!({"id": "a b", "fields": ["x", "y"]});
    let auth = value!({"type": "bearer", "token": "t"});
    let output = run(&connector(SMALL), "get_order", at(&server, "/v1", &params, Some(&auth))).await;
    assert_eq!(output, Ok(value!({"id": "a b", "total": 5, "status": 200})));
    let asked = server.asked().remove(0);
    assert_eq!((asked.method.as_str(), asked.target.as_str()), ("GET", "/v1/orders/a%20b?fields=x%2Cy"));
    let headers = ["x-client", "x-region", "authorization"].map(|name| asked.header(name));
    assert_eq!(headers, ["prana", "eu", "Bearer t"]);
}

#[tokio::test]
async fn errors_are_told_apart() {
    for (answer, code, message) in [
        (value!({"status": 404, "body": {"gone": true, "why": "sold"}}), "shop.gone", "sold"),
        (value!({"status": 404, "body": {"why": "sold"}}), "http.status", ""),
        (value!({"status": 500, "body": {"gone": true}}), "http.status", ""),
    ] {
        let server = answering(vec![answer.clone()]).await;
        let error = run(&connector(SMALL), "get_order", at(&server, "", &value!({"id": 1}), None))
            .await
            .expect_err("no success");
        assert_eq!(error.code, *code);
        assert!(error.message.contains(message), "{error}");
        assert_eq!(error.details.get("status"), answer.get("status"));
    }
}

#[test]
fn parameters_are_checked_with_templates_in_them() {
    let mut actions = Actions::empty();
    connector(SMALL).add_to(&mut actions);
    let declared = actions.action("shop.get_order").expect("it is there").descriptor();
    let check = |params: Value| {
        let compiled = Params::compile(
            &params,
            &prana_template::FixedNames::new(["$input"]),
            prana_template::Filters::standard(),
            &prana_template::ParamsOptions::default(),
        );
        match declared.check(&compiled.expect("templates")) {
            Ok(()) => "ok".to_owned(),
            Err(error) => error.to_string(),
        }
    };
    for (params, expected) in [
        (value!({"id": 1}), "ok"),
        (
            value!({"id": "{{ $input.id }}", "auth": {"credential": "shop"}, "timeout_ms": "{{ $input.t }}"}),
            "ok",
        ),
        (value!({}), "the field `id` is missing"),
        (value!({"id": 1, "fields": "x"}), "fields: expected a list, found a string"),
        (value!({"id": 1, "fields": ["{{ $input }}", 5]}), "fields[1]: expected text, found an int"),
        (value!({"id": 1, "number": 2}), "number: unknown field `number` (known are region, id, fields)"),
        (
            value!({"id": 1, "timeout_ms": "soon"}),
            "timeout_ms: expected a whole number that is not negative, found a string",
        ),
        (
            value!({"id": 1, "auth": {"type": "basic", "username": "a"}}),
            "auth.type: Shop takes bearer, not basic",
        ),
        (value!({"id": 1, "auth": {"tokn": "a"}}), "auth.tokn: unknown field `tokn` (did you mean `token`?)"),
    ] {
        assert_eq!(check(params.clone()), expected, "{params:?}");
    }
}

#[test]
fn the_schema_says_all_parameters() {
    let mut actions = Actions::empty();
    connector(SMALL).add_to(&mut actions);
    let schema = actions.action("shop.get_order").expect("it is there").descriptor().params_schema();
    let names: Vec<&String> = schema["properties"].as_object().expect("properties").keys().collect();
    assert_eq!(names, ["region", "id", "fields", "auth", "base_url", "timeout_ms"]);
    assert_eq!(schema["required"], serde_json::json!(["id"]));
    let auth = schema["properties"]["auth"]["description"].as_str().expect("a description");
    assert!(auth.contains("`bearer` (An API key), for shop.example"), "{auth}");
}

#[tokio::test]
async fn secrets_are_kept_to_their_hosts() {
    use prana_actions::{ActionCall, CallSecrets, Redactor, UsedSecret};
    let server = answering(vec![Value::Null]).await;
    let mut actions = Actions::empty();
    connector(SMALL).add_to(&mut actions);
    let auth = value!({"type": "bearer", "token": "a-secret-token"});
    let params = at(&server, "", &value!({"id": 1}), Some(&auth));
    let mut call = ActionCall::detached("shop.get_order", params, crate::outside());
    let allowed_hosts = ["shop.example"].try_into().expect("hosts");
    let used = vec![UsedSecret { name: "shop".to_owned(), allowed_hosts }];
    call.secrets = CallSecrets::new(used, Redactor::default()).into();
    let error = actions.run(call).await.expect_err("it is for another host");
    assert_eq!(error.code, *"secret.host_not_allowed");
    assert!(server.asked().is_empty());
}

#[tokio::test]
async fn requests_keep_to_the_rate_limit() {
    let text = SMALL.replace("errors:", "rate_limit: {requests: 2, per: 1h}\nerrors:");
    let server = answering(vec![value!({"body": {}}), value!({"body": {}})]).await;
    let shop = connector(&text);
    let params = at(&server, "", &value!({"id": 1}), None);
    for _ in 0..2 {
        run(&shop, "get_order", params.clone()).await.expect("there is room for two");
    }
    let error = run(&shop, "get_order", params).await.expect_err("the third would wait for half an hour");
    assert_eq!((&*error.code, error.retryable), ("connector.rate_limited", true));
    assert!(error.retry_after_ms.is_some_and(|wait| (1_700_000..=1_800_000).contains(&wait)), "{error:?}");
    assert_eq!(server.asked().len(), 2);
}
