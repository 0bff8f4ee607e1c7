//! What workflows can be made of: actions, and expressions to try.

use axum::Json as Sent;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use prana::Value;
use prana::core::action::Descriptor;
use prana::template::{Budget, FixedNames, Template};
use serde::Deserialize;
use serde_json::json;

use crate::problem::Problem;
use crate::receive::{Json, Named};
use crate::server::Shared;

fn action_json(action: &Descriptor) -> serde_json::Value {
    let aliases: Vec<&str> = action.aliases.iter().map(|alias| &**alias).collect();
    json!({
        "type": &*action.type_name,
        "aliases": aliases,
        "title": action.title,
        "description": action.description,
        "kind": action.kind,
        "effect": action.effect,
        "ports": action.ports,
        "default_port": action.default_port.as_deref(),
        "literal_params": action.literal_fields,
        "item_params": action.item_fields,
        "params_schema": action.params_schema(),
    })
}

/// `GET /actions`: all that nodes can run, with the JSON Schema of their parameters.
pub(super) async fn list(State(shared): State<Shared>) -> Response {
    let actions: Vec<_> =
        shared.engine.registry().actions().map(|action| action_json(&action.descriptor)).collect();
    Sent(json!({"actions": actions})).into_response()
}

/// `GET /actions/{type}`
pub(super) async fn show(
    State(shared): State<Shared>,
    Named(name): Named<String>,
) -> Result<Response, Problem> {
    let registry = shared.engine.registry();
    match registry.action(&name) {
        Some(action) => Ok(Sent(action_json(&action.descriptor)).into_response()),
        None => {
            let meant = registry.nearest(&name).map(|near| format!("; did you mean `{near}`?"));
            let detail = format!("there is no action `{name}`{}", meant.unwrap_or_default());
            Err(Problem::new(StatusCode::NOT_FOUND, "action.not_found", detail))
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Preview {
    /// A template: text with `{{ }}` in it.
    template: String,
    #[serde(default)]
    scope: PreviewScope,
}

/// The values of the names that a preview may use.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct PreviewScope {
    input: Value,
    trigger: Value,
    nodes: Value,
    vars: Value,
    env: Value,
    execution: Value,
    item: Value,
    index: Value,
}

const NAMES: [&str; 9] =
    ["$input", "$trigger", "$nodes", "$vars", "$env", "$execution", "$item", "$index", "$now"];

/// `POST /expressions/preview`: the value of a template over given data, or what is wrong with it.
pub(super) async fn preview(
    State(shared): State<Shared>,
    Json(body): Json<Preview>,
) -> Result<Response, Problem> {
    let filters = shared.engine.registry().filters();
    let refused =
        |detail: String| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "expression.refused", detail);
    let template = Template::parse(&body.template, &FixedNames::new(NAMES), filters).map_err(|errors| {
        let list: Vec<_> = errors
            .iter()
            .map(|error| {
                json!({"code": error.code, "message": error.message, "help": error.help,
                "start": error.span.start, "end": error.span.end})
            })
            .collect();
        let first = errors.first().map_or_else(String::new, ToString::to_string);
        refused(first).with("errors", list)
    })?;
    let scope = body.scope;
    let now = Value::from(shared.clock.now().to_string());
    let values = vec![
        scope.input,
        scope.trigger,
        scope.nodes,
        scope.vars,
        scope.env,
        scope.execution,
        scope.item,
        scope.index,
        now,
    ];
    // It may take as long as its budget allows: not on a thread that answers others.
    let evaluate = move || template.evaluate(&values, &mut Budget::default());
    let evaluated = tokio::task::spawn_blocking(evaluate).await;
    let evaluated = evaluated.map_err(|_| refused("evaluating it failed".to_owned()))?;
    let value = evaluated.map_err(|error| {
        let one = json!({"code": error.code, "message": error.message, "start": error.span.start, "end": error.span.end});
        refused(error.to_string()).with("errors", vec![one])
    })?;
    Ok(Sent(json!({"value": serde_json::Value::from(&value)})).into_response())
}
