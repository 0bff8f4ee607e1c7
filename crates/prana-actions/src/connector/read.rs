//! From the text of a connector to a [`Connector`], or to all that is wrong with it.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use prana_core::action::{Descriptor, Effect};
use prana_core::diagnostic::{Diagnostic, DocPath, PathItem};
use prana_core::document::Source;
use prana_template::{
    Filters, FixedNames, List, Map, ParamError, Params, ParamsOptions, PathSegment, Template, TemplateError,
    Value, from_value,
};
use serde::de::DeserializeOwned;

use super::Connector;
use super::action::{Recipe, Rule, Signing};
use super::document::{
    ActionDocument, Credential, CredentialKind, Document, ErrorDocument, PageKind, Pagination, RateLimit,
};
use super::pace::Pace;
use super::paging::{Place, Turn, Turning};
use super::params::{COMMON, ParamsCheck, schema};
use super::route::Route;
use super::shape::{Additional, Shape};
use crate::http_request::HttpRequestParams;

const MALFORMED: &str = "connector.malformed";

/// A connector may have so many actions.
const MAX_ACTIONS: usize = 2_000;

/// What a request may say: parameters of `http.request`, less those that the connector fills in.
const REQUEST_FIELDS: [&str; 9] =
    ["method", "path", "query", "headers", "body", "body_type", "response", "success", "follow_redirects"];

const OF_PARAMS: &[&str] = &["$params"];
const OF_RESPONSE: &[&str] = &["$params", "$response"];
const OF_OUTPUT: &[&str] = &["$params", "$response", "$items"];

/// A connector that can't be used: the text, and all that is wrong with it.
#[derive(Debug, Clone)]
pub struct Unreadable {
    /// The text.
    pub source: Arc<Source>,
    /// In the order of the text.
    pub findings: Vec<Diagnostic>,
}

impl std::fmt::Display for Unreadable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the connector {} can't be used", self.source.name())?;
        self.findings.iter().try_for_each(|finding| write!(f, "; {finding}"))
    }
}

impl std::error::Error for Unreadable {}

/// Reads a connector.
pub(super) fn read(name: &str, text: &[u8]) -> Result<Connector, Box<Unreadable>> {
    let (source, value) = match prana_core::document::read_value(name, text) {
        Ok(read) => read,
        Err(findings) => {
            let coded = |finding: Diagnostic| Diagnostic { code: MALFORMED.into(), help: None, ..finding };
            let findings = findings.into_iter().map(coded).collect();
            return Err(Box::new(Unreadable { source: Arc::new(Source::new(name, text)), findings }));
        }
    };
    let mut reader = Reader { source: &source, findings: Vec::new(), path: DocPath::root() };
    let connector = reader.connector(&value);
    let mut findings = reader.findings;
    match connector {
        Some(connector) if findings.is_empty() => Ok(connector),
        _ => {
            findings.sort_by_key(|finding| finding.location.map_or(0, |place| place.start));
            Err(Box::new(Unreadable { source, findings }))
        }
    }
}

/// Reads parts, and notes what is wrong with them.
struct Reader<'s> {
    source: &'s Source,
    findings: Vec<Diagnostic>,
    path: DocPath,
}

/// What the actions of a connector share.
struct Shared<'d> {
    document: &'d Document,
    params: Declared,
    base: Route,
    signing: Option<Signing>,
    rules: Vec<Rule>,
    pace: Option<Arc<Pace>>,
}

/// Parameters that were declared: as they are written, and as they are checked.
#[derive(Default)]
struct Declared {
    written: Map,
    shape: Shape,
}

impl Reader<'_> {
    fn connector(&mut self, value: &Value) -> Option<Connector> {
        let document: Document = self.typed(value)?;
        if !is_name(&document.id) {
            self.wrong("id", "an id begins with a small letter; small letters, digits and _ may follow");
        }
        if !["https://", "http://"].iter().any(|scheme| document.base_url.starts_with(scheme)) {
            self.wrong("base_url", "it must begin with https:// or http://");
        }
        let shared = Shared {
            params: self.declared(document.params.as_ref()),
            base: self.route("base_url", &document.base_url),
            signing: self.signing(&document.credentials),
            rules: self.at("errors", |here| here.rules(&document.id, &document.errors)),
            pace: self.pace(document.rate_limit),
            document: &document,
        };
        self.params("headers", &Value::Map(document.headers.clone()), OF_PARAMS);
        self.surely("base_url", &shared.base, &shared.params.shape);
        if let Some(signing) = &shared.signing {
            self.surely("credentials", &signing.region, &shared.params.shape);
        }
        let recipes = self.at("actions", |here| here.actions(&shared));
        Some(Connector {
            recipes,
            id: document.id,
            title: document.title,
            description: document.description,
            docs: document.docs,
            credentials: document.credentials,
        })
    }

    fn signing(&mut self, credentials: &[Credential]) -> Option<Signing> {
        let index = credentials.iter().position(|one| one.kind == CredentialKind::AwsSigv4)?;
        let credential = &credentials[index];
        self.at("credentials", |here| {
            here.at(index, |here| match (&credential.service, &credential.region) {
                (Some(service), Some(region)) => Some(Signing {
                    service: here.route("service", service),
                    region: here.route("region", region),
                }),
                _ => {
                    here.wrong("kind", "aws_sigv4 needs `service` and `region`");
                    None
                }
            })
        })
    }

    fn pace(&mut self, limit: Option<RateLimit>) -> Option<Arc<Pace>> {
        let RateLimit { requests, per } = limit?;
        if requests == 0 || !(1..=86_400_000).contains(&per) {
            self.wrong("rate_limit", "it must be one request or more, per 1ms to 1d");
            return None;
        }
        Some(Arc::new(Pace::new(requests, Duration::from_millis(per))))
    }

    fn actions(&mut self, shared: &Shared<'_>) -> Vec<Arc<Recipe>> {
        let actions = &shared.document.actions;
        if actions.is_empty() || actions.len() > MAX_ACTIONS {
            let message = format!("a connector has 1 to {MAX_ACTIONS} actions");
            self.finding(MALFORMED, self.path.clone(), None, message);
        }
        let mut recipes = Vec::new();
        for (name, value) in actions.iter() {
            let recipe = self.at(name.as_str(), |here| here.action(shared, name, value));
            recipes.extend(recipe.map(Arc::new));
        }
        recipes
    }

    fn action(&mut self, shared: &Shared<'_>, name: &str, value: &Value) -> Option<Recipe> {
        if !is_name(name) {
            let message = "a name begins with a small letter; small letters, digits and _ may follow";
            self.finding(MALFORMED, self.path.clone(), None, message.to_owned());
        }
        let action: ActionDocument = self.typed(value)?;
        let Document { id, title, credentials, .. } = shared.document;
        let declared = self.declared(action.params.as_ref());
        let declared = self.joined(&shared.params, declared);
        let path = self.at("request", |here| here.path(&action.request, &declared.shape));
        let request = self.at("request", |here| here.request(&shared.document.headers, &action.request));
        let turning =
            action.pagination.as_ref().map(|pages| self.at("pagination", |here| here.turning(pages)));
        let whole = if turning.is_some() { "{{ $items }}" } else { "{{ $response.body }}" };
        let output = self.params("output", &action.output.unwrap_or_else(|| whole.into()), OF_OUTPUT);
        let mut rules = self.at("errors", |here| here.rules(id, &action.errors));
        rules.extend(shared.rules.iter().cloned());
        let check = Arc::new(ParamsCheck {
            shape: declared.shape,
            connector: title.clone(),
            kinds: credentials.iter().map(|credential| credential.kind).collect(),
        });
        let type_name = format!("{id}.{name}");
        let title = format!("{title}: {}", action.title);
        let description = action.description.unwrap_or(action.title);
        let schema = schema(&declared.written, credentials);
        Some(Recipe {
            descriptor: descriptor(&type_name, title, description, schema, &check, credentials),
            check,
            base: shared.base.clone(),
            signing: shared.signing.clone(),
            path: path?,
            request: request?,
            turning: turning.flatten(),
            output: output?,
            rules,
            pace: shared.pace.clone(),
        })
    }

    /// Parameters as JSON Schema describes them.
    fn declared(&mut self, schema: Option<&Value>) -> Declared {
        let Some(schema) = schema else { return Declared::default() };
        let shape = self.at("params", |here| {
            let shape: Shape = here.typed(schema)?;
            if let Some(problem) = shape.problem() {
                here.finding(MALFORMED, here.path.clone(), None, problem);
            }
            for common in shape.properties.keys().filter(|name| COMMON.contains(&name.as_str())) {
                let message = format!("every action has a parameter `{common}` already");
                here.finding(MALFORMED, here.path.join("properties").join(common.as_str()), None, message);
            }
            Some(shape)
        });
        let written = schema.as_map().cloned().unwrap_or_default();
        Declared { written, shape: shape.unwrap_or_default() }
    }

    /// Those of the connector, and after them those of the action; all others are refused.
    fn joined(&mut self, common: &Declared, own: Declared) -> Declared {
        let mut joined = Declared { written: common.written.clone(), shape: common.shape.clone() };
        for name in own.shape.properties.keys().filter(|name| common.shape.properties.contains_key(*name)) {
            let message = format!("the connector has a parameter `{name}` already");
            let path = self.path.join("params").join("properties").join(name.as_str());
            self.finding(MALFORMED, path, None, message);
        }
        let properties = |written: &Map| written.get("properties").and_then(Value::as_map).cloned();
        let mut all = properties(&joined.written).unwrap_or_default();
        all.extend(properties(&own.written).unwrap_or_default().iter().map(|(k, v)| (k.clone(), v.clone())));
        joined.shape.properties.extend(own.shape.properties);
        joined.shape.required.extend(own.shape.required);
        joined.shape.additional_properties = Additional::Nothing;
        let required: Value = joined.shape.required.iter().map(|name| Value::from(name.as_str())).collect();
        joined.written = Map::from_iter([("properties".into(), all.into()), ("required".into(), required)]);
        joined
    }

    fn path(&mut self, request: &Map, shape: &Shape) -> Option<Route> {
        let Some(path) = request.get("path").and_then(Value::as_str) else {
            self.finding(
                MALFORMED,
                self.path.clone(),
                None,
                "a request needs `path`, which is text".to_owned(),
            );
            return None;
        };
        if !(path.is_empty() || path.starts_with('/')) {
            self.wrong("path", "it must begin with /");
        }
        let route = self.route("path", path);
        self.surely("path", &route, shape);
        Some(route)
    }

    fn route(&mut self, key: &str, text: &str) -> Route {
        Route::parse(text).unwrap_or_else(|problem| {
            self.wrong(key, &problem);
            Route::default()
        })
    }

    /// Whatever an address needs is sure to be there.
    fn surely(&mut self, key: &str, route: &Route, shape: &Shape) {
        for name in route.names().filter(|name| !shape.is_sure(name)) {
            self.wrong(key, &format!("`{name}` must be a parameter that is required, or has a default"));
        }
    }

    /// The rest of a request, as parameters of `http.request`.
    fn request(&mut self, headers: &Map, request: &Map) -> Option<Params> {
        for name in request.keys().filter(|name| !REQUEST_FIELDS.contains(&name.as_str())) {
            let message = format!("unknown field `{name}`");
            let finding = self.finding(MALFORMED, self.path.join(name.as_str()), None, message);
            finding.help = Some(format!("known are {}", REQUEST_FIELDS.join(", ")));
        }
        let mut fields = request.clone();
        let mut all = headers.clone();
        match request.get("headers") {
            Some(Value::Map(own)) => {
                all.extend(own.iter().map(|(name, value)| (name.clone(), value.clone())))
            }
            Some(_) if !all.is_empty() => {
                self.wrong("headers", "it must be a map, since the connector has headers too");
            }
            _ => {}
        }
        if !all.is_empty() {
            fields.insert("headers", all);
        }
        let mut own = Map::from_iter([("url".into(), Value::from("https://connector.invalid"))]);
        own.extend(fields.iter().filter(|(name, _)| *name != "path").map(|(k, v)| (k.clone(), v.clone())));
        let params = self.compiled(self.path.clone(), &Value::Map(own), OF_PARAMS)?;
        if let Err(error) = params.check::<HttpRequestParams>() {
            self.param_error(&error);
            return None;
        }
        Some(params)
    }

    fn turning(&mut self, pages: &Pagination) -> Option<Turning> {
        let given = [
            ("next", pages.next.is_some()),
            ("into", pages.into.is_some()),
            ("first", pages.first.is_some()),
            ("more", pages.more.is_some()),
        ];
        let (needed, other) = pages.kind.fields();
        for (field, is_given) in given {
            match (is_given, needed.contains(&field), other.contains(&field)) {
                (false, true, _) => self.wrong("kind", &format!("this kind needs `{field}`")),
                (true, false, false) => self.wrong(field, "pages of this kind have no such field"),
                _ => {}
            }
        }
        let items = self.template("items", &pages.items, OF_RESPONSE);
        let limit = pages.limit.as_ref().map(|limit| self.template("limit", limit, OF_RESPONSE));
        let next = pages.next.as_ref().and_then(|next| self.template("next", next, OF_RESPONSE));
        let more = pages.more.as_ref().map(|more| self.template("more", more, OF_RESPONSE));
        let into = pages.into.as_ref().and_then(|into| {
            let place = Place::parse(into);
            if place.is_none() {
                self.wrong("into", "it must be query.NAME or body.NAME");
            }
            place
        });
        let (limit, more) =
            (limit.map_or(Some(None), |limit| limit.map(Some))?, more.map_or(Some(None), |m| m.map(Some))?);
        let turn = match pages.kind {
            PageKind::Link => Turn::Link,
            PageKind::Url => Turn::Url(next?),
            PageKind::Cursor => Turn::Cursor { next: next?, into: into? },
            kind => {
                let by_items = kind == PageKind::Offset;
                let first = pages.first.unwrap_or(i64::from(!by_items));
                Turn::Count { first, by_items, more, into: into? }
            }
        };
        Some(Turning { turn, items: items?, limit })
    }

    fn rules(&mut self, id: &str, errors: &List) -> Vec<Rule> {
        let mut rules = Vec::new();
        for (index, value) in errors.iter().enumerate() {
            rules.extend(self.at(index, |here| here.rule(id, value)));
        }
        rules
    }

    fn rule(&mut self, id: &str, value: &Value) -> Option<Rule> {
        let rule: ErrorDocument = self.typed(value)?;
        let own = rule.code.strip_prefix(id).and_then(|rest| rest.strip_prefix('.'));
        if !own.is_some_and(|own| own.split('.').all(is_name)) {
            self.wrong("code", &format!("it must be `{id}.` and a name, such as `{id}.not_found`"));
        }
        Some(Rule {
            when: rule.when.as_ref().and_then(|when| self.template("when", when, OF_RESPONSE)),
            message: rule.message.as_ref().and_then(|message| self.template("message", message, OF_RESPONSE)),
            retry_after: rule
                .retry_after
                .as_ref()
                .and_then(|after| self.template("retry_after", after, OF_RESPONSE)),
            status: rule.status,
            code: rule.code.into(),
            retryable: rule.retryable,
        })
    }
}

fn descriptor(
    type_name: &str,
    title: String,
    description: String,
    schema: serde_json::Value,
    check: &Arc<ParamsCheck>,
    credentials: &[Credential],
) -> Descriptor {
    let check = Arc::clone(check);
    let validate =
        move |params: &Value, is_hole: &dyn Fn(&[PathSegment]) -> bool| check.check(params, is_hole);
    let descriptor = Descriptor::of_schema(type_name, title, description, Effect::Effect, schema, validate);
    match credentials.is_empty() {
        true => descriptor,
        false => descriptor.credential_paths(&[&["auth", "credential"]]),
    }
}

/// How parts are read, and findings made.
impl Reader<'_> {
    /// Reads something one step further in.
    fn at<T>(&mut self, item: impl Into<PathItem>, read: impl FnOnce(&mut Self) -> T) -> T {
        self.path.push(item);
        let result = read(self);
        self.path.pop();
        result
    }

    fn typed<T: DeserializeOwned>(&mut self, value: &Value) -> Option<T> {
        from_value(value).map_err(|error| self.param_error(&error)).ok()
    }

    fn param_error(&mut self, error: &ParamError) {
        let path = self.path.join_path(&document_path(&error.path));
        self.finding(MALFORMED, path, None, error.message.clone()).help.clone_from(&error.help);
    }

    fn params(&mut self, key: &str, value: &Value, names: &[&str]) -> Option<Params> {
        self.compiled(self.path.join(key), value, names)
    }

    fn compiled(&mut self, base: DocPath, value: &Value, names: &[&str]) -> Option<Params> {
        let names = FixedNames::new(names.iter().copied());
        match Params::compile(value, &names, Filters::standard(), &ParamsOptions::default()) {
            Ok(params) => Some(params),
            Err(errors) => {
                for error in errors {
                    self.template_error(base.join_path(&document_path(&error.path)), error.error);
                }
                None
            }
        }
    }

    fn template(&mut self, key: &str, source: &str, names: &[&str]) -> Option<Template> {
        let names = FixedNames::new(names.iter().copied());
        let parsed = Template::parse(source, &names, Filters::standard());
        let path = self.path.join(key);
        let tell = |errors: Vec<TemplateError>| {
            errors.into_iter().for_each(|error| self.template_error(path.clone(), error));
        };
        parsed.map_err(tell).ok()
    }

    fn template_error(&mut self, path: DocPath, error: TemplateError) {
        let part = error.span.start..error.span.end;
        self.finding(error.code, path, Some(part), error.message).help = error.help;
    }

    fn wrong(&mut self, key: &str, message: &str) {
        self.finding(MALFORMED, self.path.join(key), None, message.to_owned());
    }

    fn finding(
        &mut self,
        code: &'static str,
        path: DocPath,
        part: Option<Range<usize>>,
        message: String,
    ) -> &mut Diagnostic {
        let location = match part {
            Some(part) => self.source.locate_in(&path, part),
            None => self.source.locate(&path),
        };
        self.findings.push(Diagnostic::error(code, message).with_path(path).with_location(location));
        let last = self.findings.len() - 1;
        &mut self.findings[last]
    }
}

fn document_path(path: &[PathSegment]) -> DocPath {
    let item = |segment: &PathSegment| match segment {
        PathSegment::Key(key) => PathItem::Key(key.to_string()),
        PathSegment::Index(index) => PathItem::Index(*index),
    };
    path.iter().map(item).collect()
}

/// A small letter, then small letters, digits and _; 64 at most.
pub(super) fn is_name(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    text.len() <= 64 && text.starts_with(|c: char| c.is_ascii_lowercase()) && text.chars().all(inner)
}
