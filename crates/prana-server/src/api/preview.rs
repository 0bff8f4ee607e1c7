//! Expressions to try, over given data.

use axum::Json as Sent;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use prana::Value;
use prana::template::{Budget, EvalError, FixedNames, Template, TemplateError};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use crate::problem::Problem;
use crate::receive::Json;
use crate::server::Shared;

/// A template, and the data that it sees.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Preview {
    /// Text with `{{ }}` in it.
    template: String,
    #[serde(default)]
    scope: PreviewScope,
}

/// The values of the names that a preview may use.
#[derive(Deserialize, Default, ToSchema)]
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

impl PreviewScope {
    /// In the order of the names.
    fn values(self, now: Value) -> Vec<Value> {
        let PreviewScope { input, trigger, nodes, vars, env, execution, item, index } = self;
        vec![input, trigger, nodes, vars, env, execution, item, index, now]
    }
}

/// What a template gives.
#[derive(Serialize, ToSchema)]
pub(super) struct Previewed {
    #[schema(value_type = serde_json::Value)]
    value: Value,
}

/// Evaluates a template over given data.
#[utoipa::path(post, path = "/expressions/preview", operation_id = "preview_expression", tag = "catalogue", request_body = Preview,
    responses(
        (status = 200, description = "Its value.", body = Previewed),
        (status = 422, description = "It is wrong, or failed: `expression.refused`, with `errors`."),
    ))]
pub(super) async fn preview(
    State(shared): State<Shared>,
    Json(body): Json<Preview>,
) -> Result<Response, Problem> {
    let filters = shared.engine.registry().filters();
    let template = Template::parse(&body.template, &FixedNames::new(NAMES), filters);
    let template = template.map_err(|errors| syntax(&errors))?;
    let values = body.scope.values(Value::from(shared.clock.now().to_string()));
    // It may take as long as its budget allows: not on a thread that answers others.
    let evaluate = move || template.evaluate(&values, &mut Budget::default());
    let evaluated = tokio::task::spawn_blocking(evaluate).await;
    let evaluated = evaluated.map_err(|_| refused("evaluating it failed".to_owned()))?;
    let value = evaluated.map_err(|error| failure(&error))?;
    Ok(Sent(Previewed { value }).into_response())
}

fn refused(detail: String) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "expression.refused", detail)
}

fn syntax(errors: &[TemplateError]) -> Problem {
    let one = |error: &TemplateError| {
        json!({"code": error.code, "message": error.message, "help": error.help,
            "start": error.span.start, "end": error.span.end})
    };
    let first = errors.first().map_or_else(String::new, ToString::to_string);
    refused(first).with("errors", errors.iter().map(one).collect::<Vec<_>>())
}

fn failure(error: &EvalError) -> Problem {
    let one = json!({"code": error.code, "message": error.message, "start": error.span.start, "end": error.span.end});
    refused(error.to_string()).with("errors", vec![one])
}
