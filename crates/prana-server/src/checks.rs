//! What is wrong with a workflow: all of it, for each of its triggers.

use prana::Value;
use prana::core::Registry;
use prana::core::action::Kind;
use prana::core::compile::{Options, compile};
use prana::core::diagnostic::Diagnostic;
use prana::core::document::{self, Workflow};

/// What compiling a workflow for each trigger says, each finding once.
pub fn findings(workflow: &Workflow, registry: &Registry) -> Vec<Diagnostic> {
    let mut all: Vec<Diagnostic> = Vec::new();
    for trigger in choices(workflow, registry) {
        let options = Options { trigger, ..Options::default() };
        for finding in compile(workflow, registry, options).diagnostics {
            if !all.contains(&finding) {
                all.push(finding);
            }
        }
    }
    all
}

/// What reading and compiling a text says, with places in it.
pub fn findings_of_text(text: &str, registry: &Registry) -> Vec<Diagnostic> {
    let drafts = match document::drafts("workflow", text.as_bytes()) {
        Ok(drafts) => drafts,
        Err(findings) => return findings,
    };
    let mut all = Vec::new();
    for draft in &drafts {
        let locate = draft.loaded.locator();
        let mut compiled: Vec<Diagnostic> = Vec::new();
        for trigger in choices(&draft.loaded.workflow, registry) {
            let options = Options { trigger, locate: Some(&locate), ..Options::default() };
            for finding in compile(&draft.loaded.workflow, registry, options).diagnostics {
                if !compiled.contains(&finding) {
                    compiled.push(finding);
                }
            }
        }
        draft.loaded.place(&mut compiled);
        all.extend(draft.with_compiled(compiled));
    }
    all
}

/// A workflow from its stored or sent form.
///
/// # Errors
/// What is wrong with its form.
pub fn workflow(value: &Value) -> Result<Workflow, Vec<Diagnostic>> {
    document::from_value(value)
}

/// The triggers to compile for: with one or none, the compiler finds it.
fn choices<'w>(workflow: &'w Workflow, registry: &Registry) -> Vec<Option<&'w str>> {
    let is_trigger = |type_name: &str| {
        registry.action(type_name).is_some_and(|action| action.descriptor.kind == Kind::Trigger)
    };
    let triggers = workflow.nodes.iter().filter(|node| is_trigger(&node.type_name));
    let keys: Vec<Option<&str>> = triggers.map(|node| Some(node.key.as_str())).collect();
    if keys.len() < 2 { vec![None] } else { keys }
}
