//! Every answer of the API is held against its OpenAPI document, in all tests.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Mutex, OnceLock};

use jsonschema::Validator;
use reqwest::Method;
use serde_json::{Value, json};

use crate::kit::{Got, Kit};

fn document() -> &'static Value {
    static DOCUMENT: OnceLock<Value> = OnceLock::new();
    DOCUMENT.get_or_init(prana_server::openapi)
}

/// The template of the document that a path fits, the one with the fewest parameters first.
fn template(path: &str) -> Option<&'static str> {
    let fits = |template: &&String| {
        let parts = || template.split('/').zip(path.split('/'));
        template.split('/').count() == path.split('/').count()
            && parts().all(|(expected, given)| expected == given || expected.starts_with('{'))
    };
    let paths = document()["paths"].as_object().unwrap();
    paths.keys().filter(fits).min_by_key(|template| template.matches('{').count()).map(String::as_str)
}

/// Panics if an answer is not what the document says.
pub fn check(method: &Method, path: &str, got: &Got) {
    let Some(template) = template(path) else {
        assert!(!path.starts_with("/api/v1/") || got.status >= 400, "{path} is not in the document: {got:?}");
        return;
    };
    let operation = &document()["paths"][template][method.as_str().to_lowercase()];
    if operation.is_null() {
        assert!(got.status >= 400, "{method} {template} is not in the document: {got:?}");
        return;
    }
    let response = &operation["responses"][got.status.to_string()];
    assert!(
        !response.is_null(),
        "{method} {template} answered {}, which is not in the document: {}",
        got.status,
        got.text
    );
    let media = got.headers.get("content-type").map(|value| value.to_str().unwrap());
    let Some(content) = response["content"].as_object() else {
        assert!(media.is_none() || got.text.is_empty(), "{method} {template}: {} has a body", got.status);
        return;
    };
    let described = &content[media.unwrap_or_default()];
    assert!(described.is_object(), "{method} {template}: {media:?} is not in the document");
    if media == Some("text/event-stream") {
        return;
    }
    if let Some(code) = got.body["code"].as_str().filter(|_| got.status >= 400) {
        assert!(document()["x-codes"].get(code).is_some(), "`{code}` is not in CODES (src/codes.rs)");
    }
    let pointer = format!("{method} {template} {}", got.status);
    let problems = problems(&pointer, &described["schema"], &got.body);
    assert!(problems.is_empty(), "{pointer}: {problems:#?} in {:#}", got.body);
}

fn problems(pointer: &str, schema: &Value, body: &Value) -> Vec<String> {
    static VALIDATORS: OnceLock<Mutex<HashMap<String, Validator>>> = OnceLock::new();
    let mut validators = VALIDATORS.get_or_init(Mutex::default).lock().unwrap();
    let validator = validators.entry(pointer.to_owned()).or_insert_with(|| {
        let mut whole = schema.clone();
        whole["components"] = document()["components"].clone();
        jsonschema::validator_for(&whole).unwrap()
    });
    validator.iter_errors(body).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

/// Routes that no document describes: pages and files, and paths that workflows make up.
const UNDESCRIBED: &[&str] = &[
    "/webhook/{*path}",
    "/webhook-test/{*path}",
    "/resume/{token}",
    "/healthz",
    "/readyz",
    "/metrics",
    "/api/docs",
    "/api/docs.css",
];

#[tokio::test]
async fn every_route_is_described_and_every_description_has_a_route() {
    let kit = Kit::new().await;
    // The router tells its routes to those who look at it closely.
    let shown = format!("{:?}", prana_server::router(kit.running.server()));
    let routes: Vec<&str> =
        shown.split('"').filter(|text| text.starts_with('/') && !text.contains(' ')).collect();
    let paths = document()["paths"].as_object().unwrap();
    assert!(routes.len() > 20, "{shown:.2000}");
    for route in &routes {
        let is_api = route.starts_with("/api/") && !UNDESCRIBED.contains(route);
        assert!(!is_api || paths.contains_key(*route), "{route} is not in the document");
    }
    for (path, item) in paths {
        assert!(routes.contains(&path.as_str()), "{path} is described, and not there");
        for method in item.as_object().unwrap().keys() {
            let method: Method = method.to_uppercase().parse().unwrap();
            let path = path.replace("{index}", "0").replace("{id}", "x").replace("{type}", "x");
            if path.ends_with("/events") {
                continue;
            }
            let got = kit.send(kit.ask(method.clone(), &path)).await;
            assert_ne!(got.status, 405, "{method} {path}");
            assert_ne!(got.body["code"], "request.unknown_route", "{method} {path}");
        }
    }
}

#[tokio::test]
async fn the_document_is_served_and_readable() {
    let kit = Kit::new().await;
    let got = kit.get("/api/v1/openapi.json").await.is(200);
    assert_eq!(got.body, *document());
    assert_eq!(got.body["openapi"], "3.1.0");
    let page = kit.get("/api/docs").await.is(200);
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'; style-src 'self'"), "{policy}");
    assert!(page.text.contains("execute_from_node") && page.text.contains("/api/docs.css"));
    kit.get("/api/docs.css").await.is(200);
}

#[test]
fn references_lead_somewhere_and_names_are_unique() {
    fn walk(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(map) => {
                if let Some(Value::String(target)) = map.get("$ref") {
                    found.push(target.clone());
                }
                map.values().for_each(|inner| walk(inner, found));
            }
            Value::Array(items) => items.iter().for_each(|inner| walk(inner, found)),
            _ => {}
        }
    }
    let mut references = Vec::new();
    walk(document(), &mut references);
    assert!(references.len() > 50);
    for target in references {
        let pointer = target.strip_prefix('#').unwrap();
        assert!(document().pointer(pointer).is_some(), "{target}");
    }
    let operations =
        document()["paths"].as_object().unwrap().values().flat_map(|item| item.as_object().unwrap().values());
    let mut names: Vec<&str> =
        operations.map(|operation| operation["operationId"].as_str().unwrap()).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
}

#[test]
fn the_committed_document_is_the_one_of_the_code() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
    let text = serde_json::to_string_pretty(document()).unwrap() + "\n";
    if std::env::var_os("PRANA_WRITE_OPENAPI").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    let advice = "docs/openapi.json is not what the code says: PRANA_WRITE_OPENAPI=1 cargo test -p prana-server contract";
    assert!(committed == text, "{advice}");
}

#[test]
fn a_body_that_is_not_described_is_found() {
    let schema = json!({"$ref": "#/components/schemas/WorkflowActive"});
    assert!(problems("right", &schema, &json!({"id": "a", "active": null, "findings": []})).is_empty());
    assert_eq!(problems("wrong", &schema, &json!({"id": 1, "active": null})).len(), 2);
}
