//! `prana schema`: the JSON Schema of workflow files.

use prana::core::Registry;
use prana::core::document::{ActionSchema, document_schema};

use crate::exit::{Exit, Outcome};
use crate::{builtin, output};

/// Prints it.
pub fn run() -> Outcome {
    let schema = schema(&builtin::registry());
    output::print(&serde_json::to_string_pretty(&schema).unwrap_or_default());
    Ok(Exit::Done)
}

fn schema(registry: &Registry) -> serde_json::Value {
    let actions: Vec<_> = registry.actions().collect();
    let params: Vec<serde_json::Value> =
        actions.iter().map(|action| action.descriptor.params_schema()).collect();
    let schemas: Vec<ActionSchema<'_>> = actions
        .iter()
        .zip(&params)
        .map(|(action, params)| ActionSchema {
            type_name: &action.descriptor.type_name,
            description: &action.descriptor.description,
            params,
        })
        .collect();
    document_schema(&schemas)
}
