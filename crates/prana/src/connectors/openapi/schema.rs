//! Schemas of an OpenAPI document, with references put in, as connectors have them.

use prana_template::{List, Map, Value};

use super::short;

/// References are followed this deep, and schemas nested so; deeper is anything.
const MAX_DEPTH: usize = 12;

/// One operation may have schemas of so many parts; what comes after is anything.
const MAX_PARTS: usize = 1_000;

/// Keywords that stay as they are.
const KEPT: [&str; 11] = [
    "format",
    "enum",
    "const",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "default",
    "deprecated",
];

/// The schemas of a document.
pub(super) struct Schemas<'d> {
    root: &'d Value,
    parts: usize,
}

impl<'d> Schemas<'d> {
    pub fn new(root: &'d Value) -> Self {
        Schemas { root, parts: 0 }
    }

    /// Begins another operation. True if the one before was cut short.
    pub fn begin(&mut self) {
        self.parts = 0;
    }

    /// Was something cut short since the operation began?
    pub fn is_cut(&self) -> bool {
        self.parts > MAX_PARTS
    }

    /// What stands at the end of references.
    pub fn followed(&self, value: &Value) -> Value {
        let mut value = value.clone();
        for _ in 0..MAX_DEPTH {
            let Some(target) = value.get("$ref").and_then(Value::as_str).map(str::to_owned) else {
                return value;
            };
            match self.target(&target) {
                Some(found) => value = found.clone(),
                None => return Value::Null,
            }
        }
        Value::Null
    }

    /// What a reference within the document leads to.
    fn target(&self, reference: &str) -> Option<&'d Value> {
        let pointer = reference.strip_prefix("#/")?;
        pointer.split('/').try_fold(self.root, |value, step| {
            let step = step.replace("~1", "/").replace("~0", "~");
            match value {
                Value::Map(map) => map.get(&step),
                Value::List(list) => list.get(step.parse::<usize>().ok()?),
                _ => None,
            }
        })
    }

    /// A schema as connectors have it.
    pub fn converted(&mut self, schema: &Value) -> Map {
        self.convert(schema, &mut Vec::new(), 0)
    }

    fn convert(&mut self, schema: &Value, references: &mut Vec<String>, depth: usize) -> Map {
        self.parts += 1;
        if depth > MAX_DEPTH || self.parts > MAX_PARTS {
            return Map::new();
        }
        let Some(schema) = schema.as_map() else { return Map::new() };
        if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
            return match self.target(reference) {
                Some(target) if !references.iter().any(|one| one == reference) => {
                    references.push(reference.to_owned());
                    let converted = self.convert(target, references, depth + 1);
                    references.pop();
                    converted
                }
                _ => Map::new(),
            };
        }
        let mut out = self.own(schema, references, depth);
        for part in schema.get("allOf").and_then(Value::as_list).cloned().unwrap_or_default().iter() {
            let more = self.convert(part, references, depth + 1);
            join(&mut out, more);
        }
        out
    }

    fn own(&mut self, schema: &Map, references: &mut Vec<String>, depth: usize) -> Map {
        let mut out = Map::new();
        if let Some(types) = types(schema) {
            out.insert("type", types);
        }
        for key in ["title", "description"] {
            if let Some(text) =
                schema.get(key).and_then(Value::as_str).map(short).filter(|text| !text.is_empty())
            {
                out.insert(key, text);
            }
        }
        for key in KEPT {
            if let Some(value) = schema.get(key).filter(|value| fits(key, value)) {
                out.insert(key, value.clone());
            }
        }
        self.inner(schema, &mut out, references, depth);
        out
    }

    fn inner(&mut self, schema: &Map, out: &mut Map, references: &mut Vec<String>, depth: usize) {
        if let Some(properties) = schema.get("properties").and_then(Value::as_map) {
            let mut known = Map::new();
            for (name, property) in properties.iter() {
                // What only answers have.
                if self.followed(property).get("readOnly") != Some(&Value::Bool(true)) {
                    known.insert(name.clone(), self.convert(property, references, depth + 1));
                }
            }
            let required = schema.get("required").and_then(Value::as_list).cloned().unwrap_or_default();
            let is_known = |name: &&Value| name.as_str().is_some_and(|name| known.contains_key(name));
            let required: List = required.iter().filter(is_known).cloned().collect();
            if !required.is_empty() {
                out.insert("required", Value::List(required));
            }
            out.insert("properties", known);
        }
        if let Some(items) = schema.get("items").filter(|items| items.as_map().is_some()) {
            out.insert("items", self.convert(items, references, depth + 1));
        }
        match schema.get("additionalProperties") {
            Some(Value::Bool(any)) => drop(out.insert("additionalProperties", *any)),
            Some(Value::Map(map)) if !map.is_empty() => {
                let inner = self.convert(&Value::Map(map.clone()), references, depth + 1);
                out.insert("additionalProperties", inner);
            }
            _ => {}
        }
        let choices = ["anyOf", "oneOf"].iter().find_map(|key| schema.get(key).and_then(Value::as_list));
        // Each level of choices multiplies what a check costs.
        if let Some(choices) = choices.filter(|_| depth <= 2) {
            let choices: List = choices
                .iter()
                .map(|choice| Value::Map(self.convert(choice, references, depth + 1)))
                .collect();
            if !choices.is_empty() {
                out.insert("anyOf", Value::List(choices));
            }
        }
    }
}

/// The type, or types; `nullable` is that of 3.0.
fn types(schema: &Map) -> Option<Value> {
    const KNOWN: [&str; 7] = ["string", "integer", "number", "boolean", "array", "object", "null"];
    let given = match schema.get("type")? {
        Value::List(types) => types.iter().cloned().collect(),
        one => vec![one.clone()],
    };
    let mut types: Vec<Value> =
        given.into_iter().filter(|one| one.as_str().is_some_and(|one| KNOWN.contains(&one))).collect();
    if schema.get("nullable") == Some(&Value::Bool(true)) && !types.is_empty() {
        types.push("null".into());
    }
    match types.len() {
        0 => None,
        1 => types.pop(),
        _ => Some(Value::from(types)),
    }
}

/// Has the value of a keyword the form that it should have?
fn fits(key: &str, value: &Value) -> bool {
    match key {
        "format" => value.as_str().is_some(),
        "enum" => value.as_list().is_some_and(|list| !list.is_empty()),
        "minimum" | "maximum" => value.as_f64().is_some(),
        "minLength" | "maxLength" | "minItems" | "maxItems" => {
            value.as_i64().is_some_and(|number| number >= 0)
        }
        "deprecated" => value.as_bool().is_some(),
        "default" => !value.is_null(),
        _ => true,
    }
}

/// A part of `allOf`, put to what is there: properties of both, and what the first says.
fn join(out: &mut Map, more: Map) {
    for (key, value) in more.iter() {
        let joined = match (key.as_str(), out.get(key), value) {
            (_, None, value) => value.clone(),
            ("properties", Some(Value::Map(first)), Value::Map(second)) => {
                let mut both = second.clone();
                both.extend(first.iter().map(|(name, value)| (name.clone(), value.clone())));
                Value::Map(both)
            }
            ("required", Some(Value::List(first)), Value::List(second)) => {
                let others = second.iter().filter(|name| !first.iter().any(|known| known == *name));
                Value::List(first.iter().chain(others).cloned().collect())
            }
            (_, Some(first), _) => first.clone(),
        };
        out.insert(key.clone(), joined);
    }
}
