//! Expressions to try, over given data or over what a run of an execution saw.

use axum::Json as Sent;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use prana::Value;
use prana::core::execution::{Execution, NodeExecution};
use prana::template::{Budget, EvalError, FixedNames, Template, TemplateError};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::runs::unknown_run;
use super::scope::RunScope;
use super::trails::load;
use crate::problem::Problem;
use crate::receive::Json;
use crate::server::Shared;

/// A template, and the data that it sees.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Preview {
    /// Text with `{{ }}` in it.
    template: String,
    /// The data, name by name. What is named here comes before what a `run` saw.
    #[serde(default)]
    scope: PreviewScope,
    /// A run of an execution whose data it sees.
    #[serde(default)]
    run: Option<PreviewRun>,
}

/// The values of the names that a preview may use. Secrets are not among them.
#[derive(Deserialize, Default, ToSchema)]
#[serde(deny_unknown_fields, default)]
struct PreviewScope {
    input: Option<Value>,
    trigger: Option<Value>,
    nodes: Option<Value>,
    vars: Option<Value>,
    env: Option<Value>,
    execution: Option<Value>,
    workflow: Option<Value>,
    error: Option<Value>,
    item: Option<Value>,
    index: Option<Value>,
}

/// A run of an execution: the one of that number, or else the newest of that node, or else what a node after the last would see.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PreviewRun {
    #[schema(format = Uuid)]
    execution_id: String,
    /// Its `execution_index`.
    #[serde(default)]
    index: Option<u32>,
    /// A node's key.
    #[serde(default)]
    node: Option<String>,
}

impl PreviewRun {
    fn find<'e>(&self, execution: &'e Execution) -> Result<Option<&'e NodeExecution>, Problem> {
        let runs = &execution.node_executions;
        match (self.index, &self.node) {
            (Some(index), _) => {
                let run = runs.get(index as usize);
                run.map(Some).ok_or_else(|| unknown_run(&self.execution_id, index))
            }
            (None, Some(node)) => Ok(runs.iter().rev().find(|run| *run.node_key == **node)),
            (None, None) => Ok(None),
        }
    }
}

const NAMES: [&str; 11] = [
    "$input",
    "$trigger",
    "$nodes",
    "$vars",
    "$env",
    "$execution",
    "$workflow",
    "$error",
    "$item",
    "$index",
    "$now",
];

impl PreviewScope {
    /// What isn't named is as a run saw it.
    fn fill(&mut self, seen: &RunScope<'_>) {
        self.input.get_or_insert_with(|| seen.input());
        self.trigger.get_or_insert_with(|| seen.trigger());
        self.nodes.get_or_insert_with(|| seen.nodes());
        self.vars.get_or_insert_with(|| seen.vars());
        self.env.get_or_insert_with(|| seen.env());
        self.execution.get_or_insert_with(|| seen.execution());
        self.workflow.get_or_insert_with(|| seen.workflow());
        self.error.get_or_insert_with(|| seen.error());
    }

    /// In the order of the names.
    fn values(self, now: Value) -> Vec<Value> {
        let PreviewScope { input, trigger, nodes, vars, env, execution, workflow, error, item, index } = self;
        let all = [input, trigger, nodes, vars, env, execution, workflow, error, item, index, Some(now)];
        all.into_iter().map(Option::unwrap_or_default).collect()
    }
}

/// What a template gives.
#[derive(Serialize, ToSchema)]
pub(super) struct Previewed {
    #[schema(value_type = serde_json::Value)]
    value: Value,
}

/// Evaluates a template over given data, or over what a run of an execution saw.
#[utoipa::path(post, path = "/expressions/preview", operation_id = "preview_expression", tag = "catalogue", request_body = Preview,
    responses(
        (status = 200, description = "Its value.", body = Previewed),
        (status = 404, description = "There is no such execution or run."),
        (status = 422, description = "It is wrong, or failed: `expression.refused`, with `errors`."),
    ))]
pub(super) async fn preview(
    State(shared): State<Shared>,
    Json(body): Json<Preview>,
) -> Result<Response, Problem> {
    let filters = shared.engine.registry().filters();
    let template = Template::parse(&body.template, &FixedNames::new(NAMES), filters);
    let template = template.map_err(|errors| syntax(&errors))?;
    let mut scope = body.scope;
    if let Some(run) = &body.run {
        let (execution, _) = load(&shared, &run.execution_id).await?;
        scope.fill(&RunScope::of(&execution, run.find(&execution)?));
    }
    let values = scope.values(Value::from(shared.clock.now().to_string()));
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
