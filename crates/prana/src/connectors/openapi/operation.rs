//! An operation as an action.

use prana_template::{Map, Value};

use super::{Conversion, short};

/// Names that every action has already.
const TAKEN: [&str; 3] = ["auth", "base_url", "timeout_ms"];

/// What became of an operation: an action, and what is different about it.
#[derive(Default)]
pub(super) struct Made {
    pub action: Option<Map>,
    pub notes: Vec<String>,
}

/// An action under way.
#[derive(Default)]
struct Draft {
    properties: Map,
    required: Vec<Value>,
    path: String,
    query: Map,
    headers: Map,
    body: Option<Value>,
    body_type: Option<&'static str>,
    notes: Vec<String>,
}

impl Conversion<'_> {
    /// An operation as an action. One that is deprecated only if it was named.
    pub(super) fn action(
        &mut self,
        path: &str,
        method: &str,
        item: &Value,
        operation: &Value,
        named: bool,
    ) -> Made {
        if operation.get("deprecated") == Some(&Value::Bool(true)) && !named {
            return Made {
                action: None,
                notes: vec!["it is deprecated; name it to have it all the same".to_owned()],
            };
        }
        self.schemas.begin();
        let mut draft = Draft { path: path.to_owned(), ..Draft::default() };
        let made =
            self.parameters(item, operation, &mut draft).and_then(|()| self.body(operation, &mut draft));
        if let Err(why) = made {
            return Made { action: None, notes: vec![why] };
        }
        self.answers(operation, &mut draft);
        if self.schemas.is_cut() {
            draft.notes.push("its schemas are large: their inner parts take anything".to_owned());
        }
        let notes = std::mem::take(&mut draft.notes);
        Made { action: Some(draft.action(method, operation)), notes }
    }

    /// Parameters of the path's item, and of the operation, which count more.
    fn parameters(&mut self, item: &Value, operation: &Value, draft: &mut Draft) -> Result<(), String> {
        let mut all: Vec<Value> = Vec::new();
        for from in [item, operation] {
            for parameter in
                from.get("parameters").and_then(Value::as_list).cloned().unwrap_or_default().iter()
            {
                let parameter = self.schemas.followed(parameter);
                let same = |one: &Value| ["name", "in"].iter().all(|key| one.get(key) == parameter.get(key));
                all.retain(|one| !same(one));
                all.push(parameter);
            }
        }
        all.iter().try_for_each(|parameter| self.parameter(parameter, draft))
    }

    fn parameter(&mut self, parameter: &Value, draft: &mut Draft) -> Result<(), String> {
        let text = |key: &str| parameter.get(key).and_then(Value::as_str).unwrap_or_default();
        let (name, place) = (text("name"), text("in"));
        let is_required = parameter.get("required") == Some(&Value::Bool(true)) || place == "path";
        let content = parameter.get("content").and_then(Value::as_map);
        if content.is_some() || place == "cookie" || (place == "query" && text("style") == "deepObject") {
            let what = if place == "cookie" { "a cookie" } else { "in a form of its own" };
            return match is_required {
                true => Err(format!("its parameter `{name}` is {what}")),
                false => {
                    draft.notes.push(format!("the parameter `{name}` is left out: it is {what}"));
                    Ok(())
                }
            };
        }
        if name.is_empty() || (place == "header" && is_own_header(name)) {
            return Ok(());
        }
        let mut schema = self.schemas.converted(parameter.get("schema").unwrap_or(&Value::Null));
        let description = short(text("description"));
        if !description.is_empty() {
            schema.insert("description", description);
        }
        let is_list = schema.get("type").and_then(Value::as_str) == Some("array");
        let own = draft.declare(name, place, schema, is_required);
        let value = match is_list && (place == "header" || joins(parameter)) {
            true => format!("{{{{ {own} ? ({own} | join(',')) : null }}}}", own = variable(&own)),
            false => format!("{{{{ {} }}}}", variable(&own)),
        };
        match place {
            "path" => draft.path = draft.path.replace(&format!("{{{name}}}"), &format!("{{{own}}}")),
            "query" => drop(draft.query.insert(name, value)),
            "header" => drop(draft.headers.insert(name, value)),
            other => return Err(format!("its parameter `{name}` is in `{other}`, which isn't known")),
        }
        Ok(())
    }

    fn body(&mut self, operation: &Value, draft: &mut Draft) -> Result<(), String> {
        let Some(body) = operation.get("requestBody") else { return Ok(()) };
        let body = self.schemas.followed(body);
        let is_required = body.get("required") == Some(&Value::Bool(true));
        let content = body.get("content").and_then(Value::as_map).cloned().unwrap_or_default();
        let Some((body_type, media)) = chosen(&content) else {
            let kinds: Vec<&str> = content.keys().map(|kind| kind.as_str()).collect();
            return match kinds.is_empty() {
                true => Ok(()),
                false => Err(format!("its body is {}, which can't be sent", kinds.join(" or "))),
            };
        };
        draft.body_type = (body_type != "json").then_some(body_type);
        let schema = self.schemas.converted(media.get("schema").unwrap_or(&Value::Null));
        match fields(&schema) {
            Some(properties) if matches!(body_type, "json" | "form") => {
                draft.fields(&properties, &schema, is_required);
            }
            _ => {
                let own = draft.declare("body", "body", schema, is_required);
                draft.body = Some(format!("{{{{ {} }}}}", variable(&own)).into());
            }
        }
        Ok(())
    }

    /// Answers that are no JSON come as text, or in base64.
    fn answers(&mut self, operation: &Value, draft: &mut Draft) {
        let responses = operation.get("responses").and_then(Value::as_map).cloned().unwrap_or_default();
        for (_, response) in responses.iter().filter(|(status, _)| status.starts_with('2')) {
            let response = self.schemas.followed(response);
            let content = response.get("content").and_then(Value::as_map).cloned().unwrap_or_default();
            if !content.is_empty() && !content.keys().any(|kind| is_json(kind)) {
                let kinds: Vec<&str> = content.keys().map(|kind| kind.as_str()).collect();
                draft.notes.push(format!(
                    "it answers with {}: text as it is, other bytes in base64",
                    kinds.join(" or ")
                ));
            }
        }
    }
}

impl Draft {
    /// Adds a parameter under a name that is free: the name that it got.
    fn declare(&mut self, name: &str, place: &str, schema: Map, is_required: bool) -> String {
        let plain: String =
            name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' }).collect();
        let is_free = |name: &String| !self.properties.contains_key(name) && !TAKEN.contains(&name.as_str());
        let placed = format!("{place}_{plain}");
        let numbered = (2..).map(|number| format!("{placed}_{number}"));
        let mut names = [plain, placed.clone()].into_iter().chain(numbered);
        let own = names.find(is_free).unwrap_or(placed.clone());
        self.properties.insert(own.as_str(), schema);
        if is_required {
            self.required.push(own.as_str().into());
        }
        own
    }

    /// The fields of a body, each as a parameter.
    fn fields(&mut self, properties: &Map, schema: &Map, is_required: bool) {
        let needed = schema.get("required").and_then(Value::as_list).cloned().unwrap_or_default();
        let mut same = Vec::new();
        let mut renamed = String::new();
        for (name, property) in properties.iter() {
            let property = property.as_map().cloned().unwrap_or_default();
            let is_needed = is_required && needed.iter().any(|one| one.as_str() == Some(name));
            let own = self.declare(name, "body", property, is_needed);
            match own == name.as_str() {
                true => same.push(Value::from(own)),
                false => {
                    let (own, key) = (variable(&own), quoted(name));
                    renamed.push_str(&format!(" | merge({own} != null ? {{{key}: {own}}} : {{}})"));
                }
            }
        }
        let names = Value::from(same).to_json_string();
        self.body = Some(format!("{{{{ $params | pick({names}){renamed} }}}}").into());
    }

    fn action(self, method: &str, operation: &Value) -> Map {
        let text =
            |key: &str| operation.get(key).and_then(Value::as_str).map(short).filter(|text| !text.is_empty());
        let method = method.to_ascii_uppercase();
        let mut action = Map::new();
        let title = text("summary").or_else(|| text("operationId"));
        action.insert("title", title.unwrap_or_else(|| format!("{method} {}", self.path)));
        if let Some(description) = text("description") {
            action.insert("description", description);
        }
        if !self.properties.is_empty() {
            let mut params = Map::new();
            if !self.required.is_empty() {
                params.insert("required", Value::from(self.required));
            }
            params.insert("properties", self.properties);
            action.insert("params", params);
        }
        let mut request =
            Map::from_iter([("method".into(), method.into()), ("path".into(), self.path.into())]);
        for (key, fields) in [("query", self.query), ("headers", self.headers)] {
            if !fields.is_empty() {
                request.insert(key, fields);
            }
        }
        if let Some(body_type) = self.body_type {
            request.insert("body_type", body_type);
        }
        if let Some(body) = self.body {
            request.insert("body", body);
        }
        action.insert("request", request);
        action
    }
}

/// Headers that OpenAPI says elsewhere.
fn is_own_header(name: &str) -> bool {
    ["accept", "content-type", "authorization"].iter().any(|own| own.eq_ignore_ascii_case(name))
}

/// Is a list written with commas, and not one by one?
fn joins(parameter: &Value) -> bool {
    parameter.get("explode") == Some(&Value::Bool(false))
}

fn is_json(kind: &str) -> bool {
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind == "application/json" || kind.ends_with("+json") || kind == "*/*"
}

/// The form in which a body is sent, the first of these that the operation takes.
fn chosen(content: &Map) -> Option<(&'static str, &Value)> {
    let find =
        |fits: &dyn Fn(&str) -> bool| content.iter().find(|(kind, _)| fits(kind)).map(|(_, media)| media);
    let of =
        |name: &'static str| move |kind: &str| kind.split(';').next().is_some_and(|kind| kind.trim() == name);
    find(&is_json)
        .map(|media| ("json", media))
        .or_else(|| find(&of("application/x-www-form-urlencoded")).map(|media| ("form", media)))
        .or_else(|| find(&of("multipart/form-data")).map(|media| ("multipart", media)))
        .or_else(|| find(&of("text/plain")).map(|media| ("raw", media)))
}

/// The properties of a body that is a map of known fields and nothing else.
fn fields(schema: &Map) -> Option<Map> {
    let open = matches!(schema.get("additionalProperties"), Some(Value::Map(_)));
    let has_choices = schema.contains_key("anyOf");
    let properties = schema.get("properties").and_then(Value::as_map)?;
    (!open && !has_choices && !properties.is_empty() && properties.len() <= 100).then(|| properties.clone())
}

/// A parameter as templates name it.
fn variable(name: &str) -> String {
    match name.starts_with(|c: char| c.is_ascii_digit()) {
        true => format!("$params[{}]", quoted(name)),
        false => format!("$params.{name}"),
    }
}

fn quoted(text: &str) -> String {
    Value::from(text).to_json_string()
}
