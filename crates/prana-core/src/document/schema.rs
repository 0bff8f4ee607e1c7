//! The JSON Schema of the workflow document, for editors that complete and check as people write.

use serde_json::{Map, Value, json};

use super::model::{Backoff, Durability, Join, OnCrash, OnError, OnSuspend, Save};
use super::settings::{MAX_RETRIES, MAX_RETRY_DELAY_MS};

/// An action as the schema needs it.
#[derive(Debug, Clone, Copy)]
pub struct ActionSchema<'a> {
    /// Its type, such as `logic.if_condition`.
    pub type_name: &'a str,
    /// What it does, shown beside its type.
    pub description: &'a str,
    /// JSON Schema of its parameters.
    pub params: &'a Value,
}

/// The JSON Schema (draft 2020-12) of a workflow document, parameters of the given actions included.
///
/// Wherever parameters take something else than text, a template is allowed too. With no actions, any type is allowed.
///
/// ```
/// use prana_core::document::{ActionSchema, document_schema};
///
/// let params = serde_json::json!({"type": "object", "properties": {"limit": {"type": "integer"}}});
/// let action = ActionSchema { type_name: "my.action", description: "What it does.", params: &params };
/// let schema = document_schema(&[action]);
/// assert_eq!(schema["$defs"]["node"]["properties"]["type"]["enum"][0], "my.action");
/// ```
pub fn document_schema(actions: &[ActionSchema<'_>]) -> Value {
    let mut defs = Map::new();
    defs.insert("workflow".to_owned(), workflow());
    defs.insert("node".to_owned(), node(actions));
    defs.insert("workflow_settings".to_owned(), workflow_settings());
    defs.insert("node_settings".to_owned(), node_settings());
    defs.insert("connections".to_owned(), connections());
    defs.insert("duration".to_owned(), duration());
    defs.insert("template".to_owned(), template());
    for action in actions {
        add_params(&mut defs, action);
    }
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Prana workflow",
        "if": {"type": "array"},
        "then": {"items": reference("workflow")},
        "else": reference("workflow"),
        "$defs": defs,
    })
}

fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/$defs/{name}")})
}

fn workflow() -> Value {
    object(
        "A workflow: nodes and the connections between them.",
        &["id"],
        json!({
            "id": {"type": "string", "pattern": "^[A-Za-z0-9_.-]{1,128}$", "description": "Identity: letters, digits, _ . and -."},
            "name": text("Shown to people; the id where it is absent."),
            "description": text("What the workflow is for."),
            "version": {"type": ["integer", "null"], "minimum": 0, "description": "A label; a server counts versions itself."},
            "variables": {"type": ["object", "null"], "description": "Available to templates as $vars."},
            "settings": reference("workflow_settings"),
            "nodes": {"type": ["array", "null"], "items": reference("node"), "description": "The steps."},
            "connections": reference("connections"),
        }),
    )
}

fn node(actions: &[ActionSchema<'_>]) -> Value {
    let mut node = object(
        "A step.",
        &["key", "type"],
        json!({
            "key": {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$", "description": "Unique in the workflow; templates name it as $nodes.KEY."},
            "name": text("Shown to people; the key where it is absent."),
            "type": action_type(actions),
            "params": {"type": ["object", "null"], "description": "Parameters of the action; any text in them may hold {{ templates }}."},
            "settings": reference("node_settings"),
            "position": nullable(object("Place on the canvas.", &["x", "y"], json!({"x": {"type": "number"}, "y": {"type": "number"}}))),
            "notes": text("Remarks."),
            "disabled": {"type": ["boolean", "null"], "description": "A disabled node passes its input through."},
            "pinned": {"description": "An output used instead of running the node, in test runs only."},
            "metadata": {"type": ["object", "null"], "description": "Of older documents: {x, y}, the place on the canvas."},
        }),
    );
    let params_of = |action: &ActionSchema<'_>| {
        json!({
            "if": {"properties": {"type": {"const": action.type_name}}, "required": ["type"]},
            "then": {"properties": {"params": reference(&params_name(action))}},
        })
    };
    node["allOf"] = actions.iter().map(params_of).collect();
    node
}

fn action_type(actions: &[ActionSchema<'_>]) -> Value {
    let mut schema = json!({"type": "string", "description": "The action that the node runs."});
    if !actions.is_empty() {
        schema["enum"] = actions.iter().map(|action| action.type_name).collect();
        schema["enumDescriptions"] = actions.iter().map(|action| action.description).collect();
    }
    schema
}

fn workflow_settings() -> Value {
    nullable(object(
        "What holds for the whole workflow.",
        &[],
        json!({
            "timeout": described(reference("duration"), "Bound on the running time of an execution; waits don't count."),
            "max_iterations": integer(1, None, 10_000, "Runs of one node within one iteration of its innermost loop."),
            "max_memory_mb": integer(1, None, 512, "Live data of one execution in megabytes."),
            "on_suspend": words(OnSuspend::WORDS, "What else runs while a node waits."),
            "durability": words(Durability::WORDS, "How often the audit trail is committed."),
            "save": words(Save::WORDS, "Which finished executions keep their audit trail."),
            "retention": described(reference("duration"), "How long finished executions are kept."),
            "error_workflow": text("Id of the workflow that is started when an execution fails."),
            "concurrency": nullable(object(
                "At most `limit` open executions per key; others queue.",
                &["limit"],
                json!({
                    "limit": {"type": "integer", "minimum": 1, "maximum": u32::MAX},
                    "key": text("A template, such as {{ $trigger.tenant }}."),
                }),
            )),
        }),
    ))
}

fn node_settings() -> Value {
    let delay = |description| integer(0, Some(MAX_RETRY_DELAY_MS), 1000, description);
    nullable(object(
        "Retry, errors, timeout, join.",
        &[],
        json!({
            "retry_on_failed": {"type": ["boolean", "null"], "default": false, "description": "Whether a failure of the action is tried again."},
            "max_retries": integer(1, Some(MAX_RETRIES), 1, "Tries after the first."),
            "retry_delay_ms": delay("Milliseconds before the next try."),
            "backoff": words(Backoff::WORDS, "How the delay grows."),
            "max_retry_delay_ms": delay("Upper bound of a growing delay, in milliseconds."),
            "retry_jitter": {"type": ["number", "null"], "minimum": 0, "maximum": 1, "default": 0, "description": "Share of the delay that is random."},
            "on_error": words(OnError::WORDS, "What follows when the node has failed for good."),
            "timeout_ms": integer(1, None, Value::Null, "Bound on one attempt in milliseconds."),
            "join": words(Join::WORDS, "each: the node runs for every token; all: once, when nothing more can come."),
            "on_crash": words(OnCrash::WORDS, "What follows when the process died while the node ran."),
        }),
    ))
}

fn connections() -> Value {
    let target = object(
        "A target.",
        &["to"],
        json!({
            "to": {"type": "string", "description": "Key of the node."},
            "to_port": text("Input port; main where it is absent."),
            "from": text("Repeats the node that it stands under."),
            "from_port": text("Repeats the port that it stands under."),
        }),
    );
    let targets = json!({"type": "array", "items": target});
    json!({
        "description": "Which node follows which: a list of chains such as `a.port -> b -> c`, or node -> output port -> targets.",
        "anyOf": [
            {"type": "array", "items": {"type": "string", "pattern": "->"}},
            {"type": "object", "additionalProperties": {"type": "object", "additionalProperties": targets}},
            {"type": "null"},
        ],
    })
}

fn duration() -> Value {
    json!({
        "description": "500ms, 30s, 5m, 2h, 7d, or a number of milliseconds.",
        "anyOf": [
            {"type": "string", "pattern": "^\\s*[0-9]+\\s*(ms|s|m|h|d)?\\s*$"},
            {"type": "integer", "minimum": 0},
            {"type": "null"},
        ],
    })
}

fn template() -> Value {
    json!({"type": "string", "pattern": "\\{\\{|\\{%", "description": "Text with {{ templates }}."})
}

fn object(description: &str, required: &[&str], properties: Value) -> Value {
    json!({
        "type": "object",
        "description": description,
        "required": required,
        "properties": properties,
        "additionalProperties": false,
    })
}

/// An object that may be null: `required` and the like speak of objects alone.
fn nullable(mut schema: Value) -> Value {
    if schema["type"] == "object" {
        schema["type"] = json!(["object", "null"]);
    }
    schema
}

fn described(mut schema: Value, description: &str) -> Value {
    schema["description"] = description.into();
    schema
}

fn text(description: &str) -> Value {
    json!({"type": ["string", "null"], "description": description})
}

fn integer(minimum: u64, maximum: Option<u64>, default: impl Into<Value>, description: &str) -> Value {
    let mut schema = json!({"type": ["integer", "null"], "minimum": minimum, "description": description});
    if let Some(maximum) = maximum {
        schema["maximum"] = maximum.into();
    }
    match default.into() {
        Value::Null => {}
        default => schema["default"] = default,
    }
    schema
}

fn words(words: &[&str], description: &str) -> Value {
    let all: Vec<Value> = words.iter().map(|word| Value::from(*word)).chain([Value::Null]).collect();
    json!({"enum": all, "description": description})
}

fn params_name(action: &ActionSchema<'_>) -> String {
    format!("params.{}", action.type_name)
}

/// Adds the schema of an action's parameters, and what it defines for itself under names of its own.
fn add_params(defs: &mut Map<String, Value>, action: &ActionSchema<'_>) {
    let name = params_name(action);
    let mut schema = action.params.clone();
    if let Some(map) = schema.as_object_mut() {
        map.remove("$schema");
        for (inner, mut definition) in map.remove("$defs").and_then(into_map).unwrap_or_default() {
            allow_templates(&mut definition, &name);
            defs.insert(format!("{name}.{inner}"), definition);
        }
    }
    allow_templates(&mut schema, &name);
    defs.insert(name, nullable(schema));
}

fn into_map(value: Value) -> Option<Map<String, Value>> {
    match value {
        Value::Object(map) => Some(map),
        _ => None,
    }
}

/// Points references to where the definitions went, and allows a template wherever a value stands inside the parameters.
fn allow_templates(schema: &mut Value, name: &str) {
    let Some(map) = schema.as_object_mut() else { return };
    for (keyword, inner) in map.iter_mut() {
        match (keyword.as_str(), inner) {
            ("$ref", Value::String(target)) => {
                if let Some(definition) = target.strip_prefix("#/$defs/") {
                    *target = format!("#/$defs/{name}.{definition}");
                }
            }
            ("properties" | "patternProperties", Value::Object(properties)) => {
                properties.values_mut().for_each(|property| or_template(property, name));
            }
            ("items" | "additionalProperties", inner) => or_template(inner, name),
            ("prefixItems", Value::Array(items)) => items.iter_mut().for_each(|item| or_template(item, name)),
            ("anyOf" | "oneOf" | "allOf", Value::Array(schemas)) => {
                schemas.iter_mut().for_each(|schema| allow_templates(schema, name));
            }
            ("not" | "if" | "then" | "else", inner) => allow_templates(inner, name),
            _ => {}
        }
    }
}

fn or_template(schema: &mut Value, name: &str) {
    allow_templates(schema, name);
    let Some(map) = schema.as_object_mut() else { return };
    if takes_any_text(map) {
        return;
    }
    let mut wrapper = Map::new();
    for annotation in ["title", "description", "default", "examples", "deprecated"] {
        if let Some(value) = map.remove(annotation) {
            wrapper.insert(annotation.to_owned(), value);
        }
    }
    wrapper.insert("anyOf".to_owned(), json!([std::mem::take(map), reference("template")]));
    *map = wrapper;
}

/// Whether a schema accepts all text already.
fn takes_any_text(map: &Map<String, Value>) -> bool {
    const NARROWING: &[&str] = &[
        "enum",
        "const",
        "$ref",
        "anyOf",
        "oneOf",
        "allOf",
        "not",
        "if",
        "pattern",
        "format",
        "minLength",
        "maxLength",
    ];
    let text_type = match map.get("type") {
        None => true,
        Some(Value::Array(types)) => types.iter().any(|kind| kind == "string"),
        Some(kind) => kind == "string",
    };
    text_type && !NARROWING.iter().any(|keyword| map.contains_key(*keyword))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::{parse, settings};

    #[test]
    fn the_schema_knows_the_fields_that_the_reader_knows() {
        let schema = document_schema(&[]);
        let keys = |pointer: &str| -> Vec<String> {
            let properties =
                schema.pointer(pointer).and_then(Value::as_object).unwrap_or_else(|| panic!("{pointer}"));
            properties.keys().cloned().collect()
        };
        assert_eq!(keys("/$defs/workflow/properties"), parse::WORKFLOW_FIELDS);
        assert_eq!(keys("/$defs/node/properties"), [parse::NODE_FIELDS, &["metadata"]].concat());
        assert_eq!(keys("/$defs/workflow_settings/properties"), settings::WORKFLOW_FIELDS);
        assert_eq!(keys("/$defs/node_settings/properties"), settings::NODE_FIELDS);
    }

    #[test]
    fn params_are_taken_in_with_their_definitions() {
        let params = json!({
            "$schema": "x",
            "type": "object",
            "properties": {
                "text": {"type": "string"},
                "count": {"type": "integer", "description": "How many.", "default": 3},
                "cases": {"type": "array", "items": {"$ref": "#/$defs/Case"}},
            },
            "additionalProperties": false,
            "$defs": {"Case": {"type": "object", "properties": {"port": {"enum": ["a"]}}}},
        });
        let action = ActionSchema { type_name: "my.action", description: "Does.", params: &params };
        let schema = document_schema(&[action]);
        let template = json!({"$ref": "#/$defs/template"});
        assert_eq!(
            schema["$defs"]["params.my.action"],
            json!({
                "type": ["object", "null"],
                "properties": {
                    "text": {"type": "string"},
                    "count": {"description": "How many.", "default": 3, "anyOf": [{"type": "integer"}, template]},
                    "cases": {"anyOf": [
                        {"type": "array", "items": {"anyOf": [{"$ref": "#/$defs/params.my.action.Case"}, template]}},
                        template,
                    ]},
                },
                "additionalProperties": false,
            })
        );
        let case = &schema["$defs"]["params.my.action.Case"]["properties"]["port"];
        assert_eq!(*case, json!({"anyOf": [{"enum": ["a"]}, template]}));
        let choice = &schema["$defs"]["node"]["allOf"][0];
        assert_eq!(choice["if"]["properties"]["type"]["const"], "my.action");
        assert_eq!(choice["then"]["properties"]["params"]["$ref"], "#/$defs/params.my.action");
    }
}
