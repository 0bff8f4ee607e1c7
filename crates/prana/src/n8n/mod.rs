//! Workflows of n8n, taken over: nodes, connections, expressions.
//!
//! [`import`] makes a workflow document of an export, and a [`Report`] that says node by node what was carried over, what is different, and what is
//! to do by hand. The document always compiles: what has no counterpart becomes a node that fails when it runs, and says why. Nothing is guessed.
//!
//! ```
//! use prana::core::Registry;
//! use prana::elixir::Fate;
//!
//! let export = r#"{"name": "Hello", "nodes": [
//!     {"name": "Start", "type": "n8n-nodes-base.manualTrigger"},
//!     {"name": "Greet", "type": "n8n-nodes-base.set", "typeVersion": 3.4, "parameters": {"assignments": {"assignments": [
//!         {"name": "text", "type": "string", "value": "=Hello {{ $json.name.toUpperCase() }}"}]}}}],
//!     "connections": {"Start": {"main": [[{"node": "Greet", "type": "main", "index": 0}]]}}}"#;
//! let value = prana::Value::parse_json(export).unwrap();
//! let imported = prana::n8n::import(&value, &Registry::standard()).unwrap();
//! let greet = imported.workflow.node("greet").unwrap();
//! assert_eq!(greet.params.get("fields").unwrap().to_json_string(), r#"{"text":"Hello {{ $input.name | upper }}"}"#);
//! assert_eq!(imported.report.count(Fate::Carried), 2);
//! ```
//!
//! `export` reads, `plan` finds how many items flow where, `expr` translates expressions (which `js` reads), `convert` translates nodes, `build` joins
//! them, and `mend` replaces what the compiler refuses.

mod build;
mod convert;
mod export;
mod expr;
mod js;
mod keys;
mod mend;
mod plan;
mod report;

use prana_core::Registry;
use prana_core::document::Workflow;
use prana_template::Value;

pub use self::report::{NodeReport, Report};

/// A workflow that was taken over.
#[derive(Debug, Clone, PartialEq)]
pub struct Imported {
    /// The document. It compiles, for each of its triggers.
    pub workflow: Workflow,
    /// What became of each node.
    pub report: Report,
}

/// Why nothing was taken over.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// It is no workflow of n8n.
    #[error("there is no workflow of n8n in it: an export has `nodes` and `connections`")]
    NotAWorkflow,
    /// It has more than is read.
    #[error("the workflow is too large: {0}")]
    TooLarge(String),
}

/// Takes over one exported workflow.
///
/// # Errors
/// What is no workflow, or is too large. What can't be taken over of it is no error: the report says so.
pub fn import(export: &Value, registry: &Registry) -> Result<Imported, ImportError> {
    let export = export::Export::read(export)?;
    Ok(mend::mended(build::built(&export, registry), registry))
}

/// Takes over all workflows of an export: one, a list of them, or what the API gives.
///
/// # Errors
/// As [`import`], of the first that is none.
pub fn import_all(export: &Value, registry: &Registry) -> Result<Vec<Imported>, ImportError> {
    let list = match export {
        Value::List(list) => Some(list),
        other if other.get("nodes").is_none() => {
            other.get("data").or_else(|| other.get("workflows")).and_then(Value::as_list)
        }
        _ => None,
    };
    let mut all = match list {
        Some(list) => list.iter().map(|one| import(one, registry)).collect::<Result<Vec<_>, _>>()?,
        None => vec![import(export, registry)?],
    };
    if all.is_empty() {
        return Err(ImportError::NotAWorkflow);
    }
    apart(&mut all);
    Ok(all)
}

/// No two workflows have the same id.
fn apart(all: &mut [Imported]) {
    let mut taken = std::collections::HashSet::new();
    for imported in all {
        let id = imported.workflow.id.clone();
        let numbered = (2..).map(|number| format!("{id}-{number}"));
        let free =
            std::iter::once(id.clone()).chain(numbered).find(|id| !taken.contains(id)).unwrap_or_default();
        taken.insert(free.clone());
        imported.workflow.id.clone_from(&free);
        imported.report.id = free;
    }
}
