//! What workflows can be made of: actions, filters, the form of documents, and expressions to try.

use axum::Json as Sent;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use prana::core::action::{Descriptor, Effect, Kind, Ports};
use prana::core::document::{ActionSchema, document_schema};
use prana::template::{FilterReference, Filters};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use utoipa::{IntoParams, ToSchema};

use super::shapes;
use crate::problem::Problem;
use crate::receive::Named;
use crate::server::Shared;

/// What a node can run.
#[derive(Serialize, ToSchema)]
pub(super) struct Action {
    /// The type name, such as `http.request`.
    r#type: String,
    /// Other names that it answers to.
    aliases: Vec<String>,
    title: String,
    /// What it does, in Markdown.
    description: String,
    #[schema(value_type = shapes::ActionKind)]
    kind: Kind,
    #[schema(value_type = shapes::ActionEffect)]
    effect: Effect,
    #[schema(value_type = shapes::Ports)]
    ports: Ports,
    /// The port that it leaves by if it names none; null for logic and loop nodes.
    #[schema(required = true)]
    default_port: Option<String>,
    /// Parameters that are never templates.
    literal_params: Vec<String>,
    /// Parameters in which `$item` and `$index` are known.
    item_params: Vec<String>,
    /// The parameter that makes many calls of one; null if there is none.
    #[schema(required = true)]
    batch_param: Option<String>,
    /// JSON Schema of the parameters.
    #[schema(value_type = Object)]
    params_schema: Json,
}

impl Action {
    fn of(action: &Descriptor) -> Self {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Action {
            r#type: action.type_name.to_string(),
            aliases: action.aliases.iter().map(ToString::to_string).collect(),
            title: action.title.to_string(),
            description: action.description.to_string(),
            kind: action.kind,
            effect: action.effect,
            ports: action.ports.clone(),
            default_port: action.default_port.as_ref().map(ToString::to_string),
            literal_params: owned(action.literal_fields),
            item_params: owned(action.item_fields),
            batch_param: action.batch_field.map(str::to_owned),
            params_schema: action.params_schema(),
        }
    }
}

/// All actions.
#[derive(Serialize, ToSchema)]
pub(super) struct Actions {
    actions: Vec<Action>,
}

/// Lists all that nodes can run, with the JSON Schemas of their parameters.
#[utoipa::path(get, path = "/actions", operation_id = "list_actions", tag = "catalogue",
    responses((status = 200, description = "All actions.", body = Actions)))]
pub(super) async fn list(State(shared): State<Shared>) -> Response {
    let actions = shared.engine.registry().actions().map(|action| Action::of(&action.descriptor)).collect();
    Sent(Actions { actions }).into_response()
}

/// The action that a path names.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct ActionPath {
    /// Its type name, such as `http.request`.
    r#type: String,
}

/// Shows an action.
#[utoipa::path(get, path = "/actions/{type}", operation_id = "show_action", tag = "catalogue", params(ActionPath),
    responses((status = 200, description = "The action.", body = Action)))]
pub(super) async fn show(
    State(shared): State<Shared>,
    Named(ActionPath { r#type: name }): Named<ActionPath>,
) -> Result<Response, Problem> {
    let registry = shared.engine.registry();
    match registry.action(&name) {
        Some(action) => Ok(Sent(Action::of(&action.descriptor)).into_response()),
        None => {
            let meant = registry.nearest(&name).map(|near| format!("; did you mean `{near}`?"));
            let detail = format!("there is no action `{name}`{}", meant.unwrap_or_default());
            Err(Problem::new(StatusCode::NOT_FOUND, "action.not_found", detail))
        }
    }
}

/// A filter: what may stand after `|` in a template.
#[derive(Serialize, ToSchema)]
pub(super) struct Filter {
    name: String,
    /// Other names of it.
    aliases: Vec<String>,
    /// `text`, `list`, `selection`, `map`, `number`, `conversion`, `time` or `encoding`.
    family: String,
    /// How it is written: `truncate(n, suffix="...")`.
    usage: String,
    /// What it does.
    summary: String,
    examples: Vec<FilterExample>,
}

/// A template, and what it gives.
#[derive(Serialize, ToSchema)]
pub(super) struct FilterExample {
    template: String,
    /// Its value as JSON, or `error CODE`.
    result: String,
}

/// All filters.
#[derive(Serialize, ToSchema)]
pub(super) struct FilterList {
    filters: Vec<Filter>,
}

/// Lists the filters of templates, with how they are written and examples.
#[utoipa::path(get, path = "/filters", operation_id = "list_filters", tag = "catalogue",
    responses((status = 200, description = "All filters.", body = FilterList)))]
pub(super) async fn filters() -> Response {
    let one = |filter: &FilterReference| Filter {
        name: filter.name.to_owned(),
        aliases: filter.aliases.iter().map(|name| (*name).to_owned()).collect(),
        family: filter.family.to_owned(),
        usage: filter.usage.clone(),
        summary: filter.summary.clone(),
        examples: filter
            .examples
            .iter()
            .map(|example| FilterExample {
                template: example.template.to_owned(),
                result: example.result.to_owned(),
            })
            .collect(),
    };
    Sent(FilterList { filters: Filters::reference().iter().map(one).collect() }).into_response()
}

/// Gives the JSON Schema of workflow documents, with the parameters of every action.
#[utoipa::path(get, path = "/schema", operation_id = "document_schema", tag = "catalogue",
    responses((status = 200, description = "A JSON Schema (2020-12).", body = Object)))]
pub(super) async fn schema(State(shared): State<Shared>) -> Response {
    let actions: Vec<_> = shared.engine.registry().actions().collect();
    let params: Vec<Json> = actions.iter().map(|action| action.descriptor.params_schema()).collect();
    let schemas: Vec<ActionSchema<'_>> = actions
        .iter()
        .zip(&params)
        .map(|(action, params)| ActionSchema {
            type_name: &action.descriptor.type_name,
            description: &action.descriptor.description,
            params,
        })
        .collect();
    Sent(document_schema(&schemas)).into_response()
}
