//! `Set`, later called `Edit Fields`.

use prana_template::{Map, Value};

use super::json_text;
use super::{Converter, map};
use crate::n8n::expr::{Out, Shape, Texts, is_expression, literal, quoted};

/// What of the item stays.
enum Kept {
    Nothing,
    All,
    Only(Vec<String>),
    Without(Vec<String>),
}

impl Converter<'_, '_> {
    pub(super) fn set(&mut self) {
        if self.source.text("mode") == Some("raw") {
            return self.set_raw();
        }
        let (view, many) = (self.view(), self.many());
        let mut texts = Self::texts(&view, many);
        let fields =
            if self.source.version < 3.0 { self.older_fields(&mut texts) } else { self.fields(&mut texts) };
        self.said(texts);
        if fields.iter().any(|(name, _)| self.is_deep() && name.contains('[')) {
            return self.impossible("the name of a field has brackets: write what it sets as an expression");
        }
        let params = self.set_params(fields);
        self.only("data.set_data", params);
    }

    fn is_deep(&self) -> bool {
        self.source.at(&["options", "dotNotation"]).and_then(Value::as_bool) != Some(false)
    }

    fn set_params(&mut self, fields: Vec<(String, Value)>) -> Map {
        let kept = self.kept();
        let has_dots = fields.iter().any(|(name, _)| name.contains('.'));
        let is_plain = self.is_deep() || !has_dots;
        match kept {
            Kept::Nothing if !self.many() && is_plain => map([("fields", flat(fields))]),
            Kept::All if !self.many() && is_plain => {
                map([("mode", "merge".into()), ("fields", flat(fields))])
            }
            kept => {
                let fields = if self.is_deep() { deep(fields) } else { flat(fields) };
                let output = self.kept_with(&kept, fields);
                let output = if self.many() { over_items(output) } else { output };
                map([("mapping_map", output)])
            }
        }
    }

    fn kept_with(&self, kept: &Kept, fields: Value) -> Value {
        let item = if self.many() { "$item" } else { "$input" };
        let list = |names: &[String]| names.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(", ");
        let base = match kept {
            Kept::Nothing => return nested(fields, None),
            Kept::All => item.to_owned(),
            Kept::Only(names) => format!("{item} | pick([{}])", list(names)),
            Kept::Without(names) => format!("{item} | omit([{}])", list(names)),
        };
        let fields = nested(fields, Some(item));
        map([("#merge", vec![Value::from(format!("{{{{ {base} }}}}")), fields].into())]).into()
    }

    fn kept(&self) -> Kept {
        let source = self.source;
        if source.version < 3.0 {
            return if source.flag(&["keepOnlySet"]) { Kept::Nothing } else { Kept::All };
        }
        let names = |key: &str| {
            let names = source.text(key).unwrap_or_default().trim_start_matches('=');
            names.split(',').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect()
        };
        if source.version >= 3.3 && !source.flag(&["includeOtherFields"]) {
            return Kept::Nothing;
        }
        match source.text("include").unwrap_or("all") {
            "none" => Kept::Nothing,
            "selected" => Kept::Only(names("includeFields")),
            "except" => Kept::Without(names("excludeFields")),
            _ => Kept::All,
        }
    }

    /// `values: {string: [{name, value}], number: ..., boolean: ...}`
    fn older_fields(&self, texts: &mut Texts<'_>) -> Vec<(String, Value)> {
        let mut fields = Vec::new();
        for kind in ["string", "number", "boolean"] {
            for field in self.source.list(&["values", kind]) {
                let name = field.get("name").and_then(Value::as_str).unwrap_or("propertyName");
                let value = field.get("value").cloned().unwrap_or_else(|| Value::from(""));
                let value = if is_text_expression(&value) {
                    texts.template(&value)
                } else {
                    typed(texts, &value, kind)
                };
                fields.push((name.to_owned(), value));
            }
        }
        fields
    }

    /// `assignments` of 3.3 and later, `fields` before that.
    fn fields(&self, texts: &mut Texts<'_>) -> Vec<(String, Value)> {
        let mut fields = Vec::new();
        for field in self.source.list(&["assignments", "assignments"]) {
            let kind = field.get("type").and_then(Value::as_str).unwrap_or("string");
            fields.push(field_of(texts, field, "value", kind));
        }
        for field in self.source.list(&["fields", "values"]) {
            let kind = field.get("type").and_then(Value::as_str).unwrap_or("stringValue");
            fields.push(field_of(texts, field, kind, kind.trim_end_matches("Value")));
        }
        fields
    }

    fn set_raw(&mut self) {
        let (view, many) = (self.view(), self.many());
        let mut texts = Self::texts(&view, many);
        let json = self.source.text("jsonOutput").unwrap_or("{}").to_owned();
        let fields = json_text::template(&mut texts, &json);
        self.said(texts);
        match fields {
            Err(reason) => self.impossible(&format!("its JSON could not be read ({reason})")),
            Ok(fields) => {
                let output = match (&self.kept(), fields) {
                    (Kept::Nothing, fields) => fields,
                    (kept, fields) => self.kept_with(kept, fields),
                };
                let output = if many { over_items(output) } else { output };
                self.only("data.set_data", map([("mapping_map", output)]));
            }
        }
    }
}

fn field_of(texts: &mut Texts<'_>, field: &Value, key: &str, kind: &str) -> (String, Value) {
    let name =
        field.get("name").and_then(Value::as_str).unwrap_or_default().trim_start_matches('=').to_owned();
    let value = field.get(key).cloned().unwrap_or_else(|| Value::from(""));
    (name, typed(texts, &value, kind))
}

fn is_text_expression(value: &Value) -> bool {
    value.as_str().is_some_and(is_expression)
}

/// A value of a type: converted as n8n does it.
fn typed(texts: &mut Texts<'_>, value: &Value, kind: &str) -> Value {
    if !is_text_expression(value) {
        return constant(value, kind).unwrap_or_else(|| literal(value));
    }
    let is_mixed = |text: &str| !text.trim_start_matches('=').starts_with("{{") || !text.ends_with("}}");
    if kind == "string" && value.as_str().is_some_and(is_mixed) {
        return texts.template(value);
    }
    let out = texts.out(value);
    let converted = match (kind, &out.shape) {
        ("string", Shape::Text)
        | ("number", Shape::Number)
        | ("boolean", Shape::Bool)
        | ("array", Shape::List)
        | ("object", Shape::Map) => out,
        ("string", _) => out.pipe("to_string", Shape::Text),
        ("number", _) => out.pipe("to_string | parse_json", Shape::Number),
        ("boolean", _) => out.pipe("to_bool", Shape::Bool),
        ("array" | "object", _) => json_text::parsed(&out),
        _ => out,
    };
    converted.template().into()
}

fn constant(value: &Value, kind: &str) -> Option<Value> {
    let text = value.as_str();
    match kind {
        "string" => (!matches!(value, Value::Str(_) | Value::Null)).then(|| value.to_text().as_str().into()),
        "number" => text.map(|text| {
            Value::parse_json(text.trim())
                .ok()
                .filter(|number| number.as_f64().is_some())
                .unwrap_or(Value::Null)
        }),
        "boolean" => text.map(|text| Value::from(matches!(text.trim(), "true" | "1"))),
        "array" | "object" => text.and_then(|text| Value::parse_json(text).ok()).map(|value| literal(&value)),
        _ => None,
    }
}

/// The output for each item of a list.
pub(super) fn over_items(output: Value) -> Value {
    map([("#map", vec![Value::from("{{ $input }}"), output].into())]).into()
}

fn flat(fields: Vec<(String, Value)>) -> Value {
    fields.into_iter().map(|(name, value)| (name.as_str().into(), value)).collect::<Map>().into()
}

/// Ways with dots, as maps within maps. A map within is marked, so that it can be told from a value that is one.
fn deep(fields: Vec<(String, Value)>) -> Value {
    let mut all = Map::new();
    for (name, value) in fields {
        let steps: Vec<&str> = name.split('.').collect();
        match steps.len() {
            1..=32 if steps.iter().all(|step| !step.is_empty()) => put(&mut all, &steps, value),
            _ => drop(all.insert(name, value)),
        }
    }
    Value::Map(all)
}

/// The key under which `deep` marks maps that it made.
const MADE: &str = "\u{0}made";

fn put(all: &mut Map, steps: &[&str], value: Value) {
    let [first, rest @ ..] = steps else { return };
    if rest.is_empty() {
        all.insert(*first, value);
        return;
    }
    let mut inner = all
        .get(first)
        .and_then(Value::as_map)
        .filter(|map| map.contains_key(MADE))
        .cloned()
        .unwrap_or_default();
    inner.insert(MADE, true);
    put(&mut inner, rest, value);
    all.insert(*first, inner);
}

/// Takes the marks off; with a base, what is deeper is put into what the base has there.
fn nested(fields: Value, base: Option<&str>) -> Value {
    let Value::Map(fields) = fields else { return fields };
    let entries = fields.into_entries().into_iter().filter(|(name, _)| *name != MADE).map(|(name, value)| {
        let is_made = value.as_map().is_some_and(|map| map.contains_key(MADE));
        match base {
            _ if !is_made => (name, value),
            None => (name, nested(value, None)),
            Some(base) => {
                let at = Out::atom(base, Shape::Any).field(&name).text;
                let inner = nested(value, Some(&at));
                let merged =
                    map([("#merge", vec![Value::from(format!("{{{{ {at} ?? {{}} }}}}")), inner].into())]);
                (name, merged.into())
            }
        }
    });
    entries.collect::<Map>().into()
}
