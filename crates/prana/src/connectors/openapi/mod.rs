//! A connector out of an OpenAPI document (3.0, 3.1).
//!
//! Each operation becomes an action: its parameters and the fields of its body become parameters, what it is asked with becomes a request. What
//! can't be carried over is told, operation by operation. The document is untrusted: references are followed within it alone, so deep and so
//! often and no more.

mod operation;
mod schema;
mod security;

use std::collections::BTreeSet;

use prana_actions::Connector;
use prana_core::diagnostic::{Diagnostic, DocPath, PathItem};
use prana_core::document;
use prana_template::{Map, Value};

use self::schema::Schemas;

/// The methods that operations have.
const METHODS: [&str; 7] = ["get", "put", "post", "delete", "patch", "head", "options"];

/// Text is cut after so many characters.
const MAX_TEXT: usize = 300;

/// What is to be made.
#[derive(Debug, Clone, Default)]
pub struct OpenApiOptions {
    /// The id of the connector; made of the title if not said.
    pub id: Option<String>,
    /// Where the service is; the first server of the document if not said.
    pub base_url: Option<String>,
    /// Only these operations, by operation id, name of the action, or tag. All if empty.
    pub operations: Vec<String>,
}

/// A connector that was made.
#[derive(Debug)]
pub struct Converted {
    /// Its document.
    pub text: String,
    /// The connector.
    pub connector: Connector,
    /// What became of each operation.
    pub operations: Vec<Operation>,
    /// What is to be known beyond operations.
    pub notes: Vec<String>,
}

/// What became of an operation.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Operation {
    /// The method and the path.
    pub operation: String,
    /// The action that it became.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// In a word.
    pub fate: Fate,
    /// What is different, or why it is not there.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// What became of an operation, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// It is there, whole.
    CarriedOver,
    /// It is there, and something about it is different.
    Changed,
    /// It is not there.
    LeftOut,
}

impl Fate {
    /// For people.
    pub fn as_str(self) -> &'static str {
        match self {
            Fate::CarriedOver => "carried over",
            Fate::Changed => "changed",
            Fate::LeftOut => "left out",
        }
    }
}

/// Makes a connector.
///
/// # Errors
/// A text that is no OpenAPI document of version 3, has no address, or no operation that can be carried over.
///
/// ```
/// use prana::connectors::{OpenApiOptions, from_openapi};
///
/// let text = br#"{"openapi": "3.1.0", "info": {"title": "Pet shop"}, "servers": [{"url": "https://pets.example"}],
///     "paths": {"/pets/{id}": {"get": {"operationId": "getPet", "parameters": [{"name": "id", "in": "path", "schema": {"type": "integer"}}]}}}}"#;
/// let made = from_openapi("pets.json", text, &OpenApiOptions::default()).unwrap();
/// assert!(made.text.starts_with("id: pet_shop\n"));
/// assert_eq!(&*made.connector.actions().next().unwrap().type_name, "pet_shop.get_pet");
/// ```
pub fn from_openapi(name: &str, text: &[u8], options: &OpenApiOptions) -> Result<Converted, Vec<Diagnostic>> {
    let (_, root) = document::read_value(name, text)?;
    let version = root.get("openapi").and_then(Value::as_str).unwrap_or_default();
    if !version.starts_with("3.") {
        return Err(refused("this is no OpenAPI document of version 3.0 or 3.1")
            .map(|finding| {
                finding.with_help(
                    "documents of version 2 (`swagger: \"2.0\"`) can be converted to 3 with other tools",
                )
            })
            .into());
    }
    let mut conversion =
        Conversion { root: &root, schemas: Schemas::new(&root), operations: Vec::new(), notes: Vec::new() };
    let mut document = conversion.head(options)?;
    let id = document.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
    let actions = conversion.actions(options);
    conversion.check_wanted(options);
    let Conversion { operations, notes, .. } = conversion;
    document.insert("actions", actions);
    finish(&id, document, operations, notes)
}

fn refused(message: impl Into<String>) -> [Diagnostic; 1] {
    [Diagnostic::error("connector.not_openapi", message)]
}

/// What is under way.
struct Conversion<'d> {
    root: &'d Value,
    schemas: Schemas<'d>,
    operations: Vec<Operation>,
    notes: Vec<String>,
}

impl Conversion<'_> {
    /// The document, without its actions.
    fn head(&mut self, options: &OpenApiOptions) -> Result<Map, Vec<Diagnostic>> {
        let info = self.root.get("info").cloned().unwrap_or_default();
        let text =
            |key: &str| info.get(key).and_then(Value::as_str).map(short).filter(|text| !text.is_empty());
        let title = text("title").unwrap_or_else(|| "API".to_owned());
        let base_url = match &options.base_url {
            Some(base) => base.trim_end_matches('/').to_owned(),
            None => self.server()?,
        };
        let mut head = Map::new();
        head.insert("id", options.id.clone().unwrap_or_else(|| snake(&title)));
        head.insert("title", title);
        if let Some(description) = text("description") {
            head.insert("description", description);
        }
        let docs = self.root.get("externalDocs").and_then(|docs| docs.get("url")).and_then(Value::as_str);
        if let Some(docs) = docs {
            head.insert("docs", docs);
        }
        let credentials = self.credentials(&base_url);
        head.insert("base_url", base_url);
        if !credentials.is_empty() {
            head.insert("credentials", Value::from(credentials));
        }
        Ok(head)
    }

    /// The address of the first server, its variables as they are by default.
    fn server(&self) -> Result<String, Vec<Diagnostic>> {
        let servers = self.root.get("servers").and_then(Value::as_list);
        let server = servers.and_then(|servers| servers.first());
        let mut url = server
            .and_then(|server| server.get("url"))
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned();
        let variables = server
            .and_then(|server| server.get("variables"))
            .and_then(Value::as_map)
            .cloned()
            .unwrap_or_default();
        for (name, variable) in variables.iter() {
            let default = variable.get("default").map(Value::to_text).unwrap_or_default();
            url = url.replace(&format!("{{{name}}}"), &default);
        }
        match ["https://", "http://"].iter().any(|scheme| url.starts_with(scheme)) {
            true => Ok(url.trim_end_matches('/').to_owned()),
            false => Err(refused(
                "the document doesn't say where the service is: its first server has no https:// address",
            )
            .map(|finding| finding.with_help("say it: --base-url https://api.example.com"))
            .into()),
        }
    }

    fn actions(&mut self, options: &OpenApiOptions) -> Map {
        let mut actions = Map::new();
        let paths = self.root.get("paths").and_then(Value::as_map).cloned().unwrap_or_default();
        for (path, item) in paths.iter() {
            let item = self.schemas.followed(item);
            for method in METHODS {
                let Some(operation) = item.get(method) else { continue };
                let name = self.free_name(&actions, operation, method, path);
                if !is_wanted(options, operation, &name) {
                    continue;
                }
                let named = options
                    .operations
                    .iter()
                    .any(|one| one == &name || Some(one.as_str()) == operation_id(operation));
                let made = self.action(path, method, &item, operation, named);
                let told = Operation {
                    operation: format!("{} {path}", method.to_ascii_uppercase()),
                    action: made.action.is_some().then(|| name.clone()),
                    fate: match (&made.action, made.notes.is_empty()) {
                        (None, _) => Fate::LeftOut,
                        (Some(_), true) => Fate::CarriedOver,
                        (Some(_), false) => Fate::Changed,
                    },
                    notes: made.notes,
                };
                self.operations.push(told);
                if let Some(action) = made.action {
                    actions.insert(name, action);
                }
            }
        }
        actions
    }

    fn free_name(&self, actions: &Map, operation: &Value, method: &str, path: &str) -> String {
        let name = match operation_id(operation) {
            Some(id) => snake(id),
            None => snake(&format!("{method} {path}")),
        };
        let numbered = (2..).map(|number| format!("{name}_{number}"));
        let mut names = std::iter::once(name.clone()).chain(numbered);
        names.find(|name| !actions.contains_key(name)).unwrap_or(name.clone())
    }

    /// Operations that were asked for and aren't there.
    fn check_wanted(&mut self, options: &OpenApiOptions) {
        if self.operations.is_empty() && !options.operations.is_empty() {
            self.notes
                .push(format!("no operation, action or tag is called {}", options.operations.join(" or ")));
        }
    }
}

fn operation_id(operation: &Value) -> Option<&str> {
    operation.get("operationId").and_then(Value::as_str).filter(|id| !id.is_empty())
}

fn is_wanted(options: &OpenApiOptions, operation: &Value, name: &str) -> bool {
    let tags = operation.get("tags").and_then(Value::as_list);
    let tagged =
        |wanted: &String| tags.is_some_and(|tags| tags.iter().any(|tag| tag.as_str() == Some(wanted)));
    let is_it = |wanted: &String| {
        wanted == name || Some(wanted.as_str()) == operation_id(operation) || tagged(wanted)
    };
    options.operations.is_empty() || options.operations.iter().any(is_it)
}

/// Reads what was made. An action that can't be read is left out, and told.
fn finish(
    id: &str,
    mut document: Map,
    mut operations: Vec<Operation>,
    notes: Vec<String>,
) -> Result<Converted, Vec<Diagnostic>> {
    loop {
        let text = document::value_to_yaml(&Value::Map(document.clone()));
        let unreadable = match Connector::read(&format!("{id}.yaml"), text.as_bytes()) {
            Ok(connector) => return Ok(Converted { text, connector, operations, notes }),
            Err(unreadable) => unreadable,
        };
        let mut actions = document.get("actions").and_then(Value::as_map).cloned().unwrap_or_default();
        let wrong: BTreeSet<String> =
            unreadable.findings.iter().filter_map(|one| action_in(&one.path)).collect();
        if wrong.is_empty() || actions.is_empty() {
            let findings = unreadable.findings.into_iter().map(|finding| finding.with_location(None));
            return Err(findings.collect());
        }
        for name in &wrong {
            actions.remove(name);
            let reason = unreadable.findings.iter().find(|one| action_in(&one.path).as_ref() == Some(name));
            let told = operations.iter_mut().filter(|one| one.action.as_ref() == Some(name));
            told.for_each(|one| {
                one.action = None;
                one.fate = Fate::LeftOut;
                one.notes = reason.iter().map(|reason| reason.message.clone()).collect();
            });
        }
        document.insert("actions", actions);
    }
}

fn action_in(path: &DocPath) -> Option<String> {
    match path.items() {
        [PathItem::Key(first), PathItem::Key(name), ..] if first == "actions" => Some(name.clone()),
        _ => None,
    }
}

/// A name of small letters, digits and `_`, up to 64 of them.
fn snake(text: &str) -> String {
    let mut out = String::new();
    let mut before = ' ';
    for c in text.chars() {
        let begins = c.is_ascii_uppercase() && (before.is_ascii_lowercase() || before.is_ascii_digit());
        if (begins || !c.is_ascii_alphanumeric()) && !out.is_empty() && !out.ends_with('_') {
            out.push('_');
        }
        if c.is_ascii_alphanumeric() {
            out.push(c.to_ascii_lowercase());
        }
        before = c;
    }
    let trimmed = out.trim_matches('_');
    let named = match trimmed.chars().next() {
        Some(first) if first.is_ascii_lowercase() => trimmed.to_owned(),
        _ => format!("a_{trimmed}"),
    };
    named.chars().take(56).collect::<String>().trim_end_matches('_').to_owned()
}

/// The first lines of a text, in one.
fn short(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let line = words.join(" ");
    match line.char_indices().nth(MAX_TEXT) {
        Some((end, _)) => format!("{}...", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests;
