//! What the routes don't say of themselves: refusals that any of them may give, the form of workflows, the codes.

use prana::core::document::document_schema;
use serde_json::{Map, Value, json};
use utoipa::openapi::OpenApi;

use super::shapes;
use crate::codes::CODES;

const ABOUT: &str = "Workflows, their executions, and what happens in them.

Lists come in pages: `next` of one page is what to send for the next, and null on the last. A cursor stays valid whatever is added or removed.

Every refusal is a problem document (RFC 9457) with a stable `code`. 429 and 503 say in `Retry-After` when to come back.

Bodies are JSON and say so. Fields and parameters that are not described here are refused.";

/// Refusals that every operation may give.
const ALWAYS: &[(&str, &str)] = &[
    ("400", "The request is not what the route takes."),
    ("401", "The caller did not prove who calls."),
    ("403", "The caller may not do this, or a page of another origin asks."),
    ("421", "The server does not answer to the name in the Host header."),
    ("429", "Too many requests, or answers that are kept. Try again later."),
    ("500", "Something went wrong in the server, or what is stored can't be read."),
    ("503", "The server, its engine or its store can't do it now. Try again."),
];

/// Refusals that every operation with a body may give.
const WITH_BODY: &[(&str, &str)] = &[
    ("408", "The body did not come in time."),
    ("413", "The body is too long."),
    ("415", "The body is not sent as application/json."),
];

/// Refusals of operations whose path names something.
const WITH_PATH: &[(&str, &str)] = &[("404", "There is nothing of that name.")];

/// The whole document.
pub fn complete(routes: OpenApi) -> Value {
    let mut document = serde_json::to_value(routes).unwrap_or_default();
    document["info"] = json!({
        "title": "Prana",
        "version": env!("CARGO_PKG_VERSION"),
        "description": ABOUT,
        "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
    });
    document["tags"] = json!([
        {"name": "workflows", "description": "Saved as versions, of which one may be active."},
        {"name": "executions", "description": "Runs of workflows."},
        {"name": "events", "description": "What happens, live."},
        {"name": "catalogue", "description": "What workflows can be made of."},
        {"name": "schedules", "description": "What starts by the clock."},
        {"name": "secrets", "description": "What effects may use and nobody may read."},
        {"name": "credentials", "description": "What says who asks: put into requests at the last moment, tokens included."},
        {"name": "access", "description": "Who is in, and who may come in: sessions, tokens, users."},
        {"name": "operations", "description": "For who runs the server."},
        {"name": "about", "description": "The API itself."},
    ]);
    let codes = CODES.iter().map(|(code, meaning)| ((*code).to_owned(), Value::from(*meaning)));
    document["x-codes"] = codes.collect::<Map<_, _>>().into();
    if let Some(paths) = document["paths"].as_object_mut() {
        paths.iter_mut().for_each(|(path, item)| add_refusals(path, item));
    }
    if let Some(schemas) = document.pointer_mut("/components/schemas").and_then(Value::as_object_mut) {
        add_schema::<shapes::Problem>(schemas);
        add_schema::<shapes::Finding>(schemas);
        add_workflow(schemas);
        schemas.sort_keys();
    }
    document
}

fn add_refusals(path: &str, item: &mut Value) {
    let Some(operations) = item.as_object_mut() else { return };
    for operation in operations.values_mut() {
        let has_body = operation.get("requestBody").is_some();
        let Some(responses) = operation["responses"].as_object_mut() else { continue };
        let with_body = WITH_BODY.iter().filter(|_| has_body);
        let with_path = WITH_PATH.iter().filter(|_| path.contains('{'));
        for (status, description) in ALWAYS.iter().chain(with_body).chain(with_path) {
            responses.entry(*status).or_insert_with(|| json!({"description": description}));
        }
        let refusals = responses.iter_mut().filter(|(status, _)| status.starts_with(['4', '5']));
        for (_, response) in refusals {
            let problem = json!({"schema": {"$ref": "#/components/schemas/Problem"}});
            response["content"] = json!({"application/problem+json": problem});
        }
        responses.sort_keys();
    }
}

fn add_schema<T: utoipa::ToSchema>(schemas: &mut Map<String, Value>) {
    let mut all = Vec::new();
    T::schemas(&mut all);
    all.push((T::name().into_owned(), T::schema()));
    for (name, schema) in all {
        schemas.insert(name, serde_json::to_value(schema).unwrap_or_default());
    }
}

/// The form of workflow documents, without the parameters of actions: `/api/v1/schema` has those.
fn add_workflow(schemas: &mut Map<String, Value>) {
    let mut form = document_schema(&[]);
    let Some(parts) = form["$defs"].as_object_mut() else { return };
    for (name, mut part) in std::mem::take(parts) {
        point_to_components(&mut part);
        schemas.insert(component(&name), part);
    }
}

/// `node_settings` is the component `NodeSettings`.
fn component(name: &str) -> String {
    name.split('_').map(|word| word[..1].to_ascii_uppercase() + &word[1..]).collect()
}

fn point_to_components(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            for (keyword, inner) in map.iter_mut() {
                match inner {
                    Value::String(target) if keyword == "$ref" => {
                        if let Some(name) = target.strip_prefix("#/$defs/") {
                            *target = format!("#/components/schemas/{}", component(name));
                        }
                    }
                    inner => point_to_components(inner),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(point_to_components),
        _ => {}
    }
}
