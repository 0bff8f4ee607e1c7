//! Which path starts what. Kept in memory, made of the active workflows.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use prana::core::document::{self, Workflow};
use prana::core::nodes::webhook_respond::{self, header_problem};
use prana::core::nodes::webhook_trigger::{Respond, WebhookTriggerParams};
use prana::store::{StoreError, Which, WorkflowVersion};
use prana::template::{FixedNames, Map, Template};
use prana::{EngineError, Value};
use tokio::sync::{Mutex, MutexGuard};

use super::auth;
use crate::problem::Problem;
use crate::server::Shared;

/// The longest body that a webhook may take: data that starts an execution can't be larger.
const MAX_BODY: u64 = 16 << 20;

/// A part of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Fixed(String),
    /// `:name`: anything.
    Any(String),
}

/// A trigger node of an active workflow.
pub struct Hook {
    pub workflow_id: String,
    pub version: u64,
    pub node_key: String,
    pub params: WebhookTriggerParams,
    /// What tells two requests of the same event.
    pub deduplicate_by: Option<Template>,
    /// Headers of every answer.
    pub headers: HeaderMap,
    /// Who is told of the execution, if this is a test.
    pub listener: Option<u64>,
    path: Vec<Part>,
}

impl Hook {
    /// The parts of the path that may be anything, if it fits.
    fn fits(&self, path: &[&str]) -> Option<Map> {
        if self.path.len() != path.len() {
            return None;
        }
        let mut named = Map::new();
        for (part, text) in self.path.iter().zip(path) {
            match part {
                Part::Fixed(fixed) if fixed == text => {}
                Part::Fixed(_) => return None,
                Part::Any(name) => {
                    named.insert(name.as_str(), Value::from(*text));
                }
            }
        }
        Some(named)
    }

    /// Whether some path would fit both.
    fn overlaps(&self, other: &Hook) -> bool {
        let same = |(a, b): (&Part, &Part)| match (a, b) {
            (Part::Fixed(a), Part::Fixed(b)) => a == b,
            _ => true,
        };
        self.path.len() == other.path.len() && self.path.iter().zip(&other.path).all(same)
    }

    /// How many parts are fixed, from the left: the more, the better it fits.
    fn precision(&self) -> Vec<bool> {
        self.path.iter().map(|part| matches!(part, Part::Fixed(_))).collect()
    }

    fn methods_meet(&self, other: &Hook) -> bool {
        self.params.methods.iter().any(|method| other.params.methods.contains(method))
    }
}

/// The webhooks of all active workflows.
#[derive(Default)]
pub struct Table {
    hooks: RwLock<BTreeMap<String, Vec<Arc<Hook>>>>,
    change: Mutex<()>,
}

impl Table {
    /// Reads the active workflows. One whose webhooks can't be served is left out, and logged.
    pub async fn load(&self, shared: &Shared) -> Result<(), StoreError> {
        let catalog = shared.engine.catalog();
        let mut after: Option<String> = None;
        loop {
            let page = catalog.workflows(after.as_deref(), 500).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some(last.id.clone());
            for one in page.iter().filter(|one| one.active.is_some()) {
                let Some(stored) = catalog.workflow(&one.id, Which::Active).await? else { continue };
                let hooks = read(&stored).and_then(|workflow| self.check(shared, &workflow, stored.version));
                match hooks {
                    Ok(hooks) => self.put(&one.id, hooks),
                    Err(problem) => {
                        tracing::error!(
                            workflow = one.id,
                            reason = problem.detail(),
                            "its webhooks are not served"
                        );
                    }
                }
            }
        }
    }

    /// One change at a time: what is checked must still be so when it is stored.
    pub async fn changing(&self) -> MutexGuard<'_, ()> {
        self.change.lock().await
    }

    /// The webhooks of a workflow that is to become active.
    pub fn check(
        &self,
        shared: &Shared,
        workflow: &Workflow,
        version: u64,
    ) -> Result<Vec<Arc<Hook>>, Problem> {
        let mut hooks: Vec<Arc<Hook>> = Vec::new();
        for node in webhooks(shared, workflow) {
            let hook = hook(shared, workflow, version, node)?;
            let others = self.hooks.read().unwrap_or_else(PoisonError::into_inner);
            let foreign = others.iter().filter(|(id, _)| **id != workflow.id).flat_map(|(_, hooks)| hooks);
            let taken = foreign.chain(&hooks).find(|other| {
                other.overlaps(&hook) && other.precision() == hook.precision() && other.methods_meet(&hook)
            });
            if let Some(other) = taken {
                let detail = format!(
                    "the path `{}` of node `{}` is taken by node `{}` of workflow `{}`",
                    hook.params.path, hook.node_key, other.node_key, other.workflow_id
                );
                return Err(Problem::new(StatusCode::CONFLICT, "webhook.path_taken", detail));
            }
            drop(others);
            hooks.push(Arc::new(hook));
        }
        Ok(hooks)
    }

    /// From now on, a workflow has these webhooks.
    pub fn put(&self, workflow_id: &str, hooks: Vec<Arc<Hook>>) {
        self.hooks.write().unwrap_or_else(PoisonError::into_inner).insert(workflow_id.to_owned(), hooks);
    }

    /// From now on, a workflow has none.
    pub fn forget(&self, workflow_id: &str) {
        self.hooks.write().unwrap_or_else(PoisonError::into_inner).remove(workflow_id);
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.hooks.read().unwrap_or_else(PoisonError::into_inner).values().map(Vec::len).sum()
    }

    /// Those whose path fits, the best first, each with the parts that may be anything.
    pub fn find(&self, path: &str) -> Vec<(Arc<Hook>, Map)> {
        let hooks = self.hooks.read().unwrap_or_else(PoisonError::into_inner);
        best_first(hooks.values().flatten().cloned(), path)
    }
}

/// Those whose path fits, the best first, each with the parts that may be anything.
pub fn best_first(hooks: impl Iterator<Item = Arc<Hook>>, path: &str) -> Vec<(Arc<Hook>, Map)> {
    let parts: Vec<&str> = split(path).collect();
    let fitting = hooks.filter_map(|hook| {
        let named = hook.fits(&parts)?;
        Some((hook, named))
    });
    let mut found: Vec<(Arc<Hook>, Map)> = fitting.collect();
    found.sort_by_key(|(hook, _)| std::cmp::Reverse(hook.precision()));
    found
}

/// The webhooks of a document.
fn webhooks<'w>(shared: &Shared, workflow: &'w Workflow) -> impl Iterator<Item = &'w document::Node> {
    let registry = Arc::clone(shared);
    let is_webhook = move |type_name: &str| {
        let action = registry.engine.registry().action(type_name);
        action.is_some_and(|action| &*action.descriptor.type_name == "webhook.trigger")
    };
    workflow.nodes.iter().filter(move |node| !node.disabled && is_webhook(&node.type_name))
}

/// The webhook of a document that has this key; without one the only one.
///
/// # Errors
/// There is none, or there are several.
pub fn trigger<'w>(
    shared: &Shared,
    workflow: &'w Workflow,
    key: Option<&str>,
) -> Result<&'w document::Node, Problem> {
    let mut found = webhooks(shared, workflow).filter(|node| key.is_none_or(|key| node.key == key));
    match (found.next(), found.next()) {
        (Some(only), None) => Ok(only),
        (None, _) => {
            let detail = "the workflow has no such `webhook.trigger`";
            Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "webhook.refused", detail))
        }
        (Some(_), Some(_)) => {
            let detail = "the workflow has several webhooks: say which in `trigger`";
            Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "webhook.refused", detail))
        }
    }
}

fn split(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|part| !part.is_empty())
}

/// The document of a stored version.
pub fn read(stored: &WorkflowVersion) -> Result<Workflow, Problem> {
    let value = Value::parse_json(&stored.bytes).map_err(|error| EngineError::Damaged(error.to_string()))?;
    document::from_value(&value).map_err(|findings| Problem::findings(&findings))
}

fn refused(node: &str, detail: &str) -> Problem {
    let detail = format!("node `{node}`: {detail}");
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "webhook.refused", detail)
}

/// What a `webhook.trigger` of a stored version serves.
///
/// # Errors
/// What can't be served.
pub fn hook(
    shared: &Shared,
    workflow: &Workflow,
    version: u64,
    node: &document::Node,
) -> Result<Hook, Problem> {
    let refuse = |detail: &str| refused(&node.key, detail);
    let mut fixed = node.params.clone();
    if let Value::Map(map) = &mut fixed {
        map.remove("deduplicate_by");
        map.remove("auth");
    }
    let text = fixed.to_json_string();
    if text.contains("{{") || text.contains("{%") {
        // Read as they stand: a secret must not be the text of a template.
        return Err(refuse(
            "only `deduplicate_by` and the credentials in `auth` may be templates; the server reads the others when it is activated",
        ));
    }
    let mut params: WebhookTriggerParams =
        prana::template::from_value(&node.params).map_err(|error| refuse(&error.to_string()))?;
    if params.respond == Respond::RespondNode && !has_respond_node(shared, workflow) {
        return Err(refuse("`respond: respond_node` needs a `webhook.respond` node, and there is none"));
    }
    params.max_body_bytes = params.max_body_bytes.min(MAX_BODY);
    auth::check(&mut params).map_err(|detail| refuse(&detail))?;
    let status = params.response_status.unwrap_or(200);
    if !(200..=599).contains(&status) {
        return Err(refuse("`response_status` is a number from 200 to 599"));
    }
    let deduplicate_by = match &params.deduplicate_by {
        None | Some(Value::Null) => None,
        Some(Value::Str(text)) => Some(template(shared, text).map_err(|detail| refuse(&detail))?),
        Some(_) => return Err(refuse("`deduplicate_by` is a template of the request, in `$input`")),
    };
    Ok(Hook {
        workflow_id: workflow.id.clone(),
        version,
        node_key: node.key.clone(),
        path: parts(&params.path).map_err(|detail| refuse(&detail))?,
        headers: headers(&params.headers).map_err(|detail| refuse(&detail))?,
        deduplicate_by,
        listener: None,
        params,
    })
}

fn has_respond_node(shared: &Shared, workflow: &Workflow) -> bool {
    let registry = shared.engine.registry();
    let answers = |type_name: &str| {
        registry
            .action(type_name)
            .is_some_and(|action| *action.descriptor.type_name == *webhook_respond::TYPE)
    };
    workflow.nodes.iter().any(|node| !node.disabled && answers(&node.type_name))
}

fn template(shared: &Shared, text: &str) -> Result<Template, String> {
    let parsed = Template::parse(text, &FixedNames::new(["$input"]), shared.engine.registry().filters());
    parsed.map_err(|errors| errors.first().map_or_else(String::new, ToString::to_string))
}

fn parts(path: &str) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    for part in split(path) {
        match part.strip_prefix(':') {
            Some("") => return Err("a part of `path` after `:` needs a name".to_owned()),
            Some(name) => parts.push(Part::Any(name.to_owned())),
            None => parts.push(Part::Fixed(part.to_owned())),
        }
    }
    if parts.is_empty() { Err("`path` is empty".to_owned()) } else { Ok(parts) }
}

fn headers(fields: &Map) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    for (name, value) in fields.iter() {
        let value = value.to_text();
        // What an answer is, the node or the output says.
        if name.eq_ignore_ascii_case("content-type") {
            return Err(format!("the header `{name}` is not for triggers to set"));
        }
        if let Some(problem) = header_problem(name, &value) {
            return Err(problem);
        }
        let name = HeaderName::try_from(&**name).map_err(|_| format!("`{name}` is no header"))?;
        let value =
            HeaderValue::from_str(&value).map_err(|_| format!("the value of `{name}` can't be sent"))?;
        headers.insert(name, value);
    }
    Ok(headers)
}
