//! Reading workflow files, and showing what is wrong with them.

use std::sync::Arc;

use prana::core::Registry;
use prana::core::action::Kind;
use prana::core::compile::{self, Options};
use prana::core::diagnostic::{Diagnostic, render};
use prana::core::document::{self, Draft, Loaded, Source, Workflow};

use crate::exit::{Failure, Outcome};
use crate::{input, output};

/// A file that was read, with everything that there is to say about it.
pub struct Checked {
    /// The text.
    pub source: Arc<Source>,
    /// Its workflows, as far as they can be read.
    pub workflows: Vec<Loaded>,
    /// In the order of the document, workflow by workflow.
    pub findings: Vec<Diagnostic>,
}

impl Checked {
    /// Whether something refuses the file.
    pub fn is_refused(&self) -> bool {
        self.findings.iter().any(Diagnostic::is_error)
    }
}

/// Reads a file, or stdin for `-`.
pub fn bytes(path: &str) -> Outcome<Vec<u8>> {
    input::read(path, document::MAX_BYTES as u64)
}

/// What a file is called in messages.
pub fn name(path: &str) -> &str {
    if path == "-" { "<stdin>" } else { path }
}

/// Reads a file, and compiles each of its workflows for each of its triggers.
pub fn check(path: &str, registry: &Registry) -> Outcome<Checked> {
    let bytes = bytes(path)?;
    let checked = match document::drafts(name(path), &bytes) {
        Err(findings) => {
            let source = Arc::new(Source::new(name(path), &bytes));
            Checked { source, workflows: Vec::new(), findings }
        }
        Ok(drafts) => {
            let findings = drafts.iter().flat_map(|draft| findings(draft, registry)).collect();
            let source = match drafts.first() {
                Some(first) => Arc::clone(&first.loaded.source),
                None => Arc::new(Source::new(name(path), &bytes)),
            };
            Checked { source, workflows: drafts.into_iter().map(|draft| draft.loaded).collect(), findings }
        }
    };
    Ok(checked)
}

/// Reads a file whose workflows are to be used. What is wrong with it is shown, warnings too.
///
/// # Errors
/// A file that can't be read or is refused.
pub fn load(path: &str, registry: &Registry) -> Outcome<Vec<Loaded>> {
    let checked = check(path, registry)?;
    let refused = checked.is_refused();
    let findings: Vec<Diagnostic> = checked
        .findings
        .into_iter()
        .filter(|finding| finding.severity <= prana::core::diagnostic::Severity::Warning)
        .collect();
    if !findings.is_empty() {
        output::say(render(&findings, &checked.source, output::colors_on_stderr()).trim_end());
        output::say("");
    }
    if refused {
        output::say(&summary(&findings));
        return Err(Failure::already_shown());
    }
    Ok(checked.workflows)
}

/// `2 errors, 1 warning`.
pub fn summary(findings: &[Diagnostic]) -> String {
    use prana::core::diagnostic::Severity;
    let count = |severity: Severity| findings.iter().filter(|finding| finding.severity == severity).count();
    let of = |count: usize, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
    format!("{}, {}", of(count(Severity::Error), "error"), of(count(Severity::Warning), "warning"))
}

/// What reading and compiling say.
fn findings(draft: &Draft, registry: &Registry) -> Vec<Diagnostic> {
    draft.with_compiled(compile_all(&draft.loaded, registry))
}

/// What compiling for each trigger says, each finding once.
fn compile_all(loaded: &Loaded, registry: &Registry) -> Vec<Diagnostic> {
    let triggers = triggers(&loaded.workflow, registry);
    let chosen: Vec<Option<&str>> = match triggers.len() {
        0 | 1 => vec![None],
        _ => triggers.iter().map(|key| Some(*key)).collect(),
    };
    let locate = loaded.locator();
    let mut findings: Vec<Diagnostic> = Vec::new();
    for trigger in chosen {
        let options = Options { trigger, locate: Some(&locate), ..Options::default() };
        for finding in compile::compile(&loaded.workflow, registry, options).diagnostics {
            if !findings.contains(&finding) {
                findings.push(finding);
            }
        }
    }
    loaded.place(&mut findings);
    findings
}

/// The keys of the nodes that start executions.
pub fn triggers<'w>(workflow: &'w Workflow, registry: &Registry) -> Vec<&'w str> {
    let is_trigger = |type_name: &str| {
        registry.action(type_name).is_some_and(|action| action.descriptor.kind == Kind::Trigger)
    };
    workflow.nodes.iter().filter(|node| is_trigger(&node.type_name)).map(|node| node.key.as_str()).collect()
}

/// The workflow that a person means: the one of this id, or the first.
///
/// # Errors
/// An id that no workflow has.
pub fn choose<'l>(workflows: &'l [Loaded], id: Option<&str>, path: &str) -> Outcome<&'l Loaded> {
    let chosen = match id {
        None => workflows.first(),
        Some(id) => workflows.iter().find(|one| one.workflow.id == id),
    };
    chosen.ok_or_else(|| {
        let known: Vec<&str> = workflows.iter().map(|one| one.workflow.id.as_str()).collect();
        Failure::new(format!("{path:?} has no workflow `{}`", id.unwrap_or_default()))
            .help(format!("it has: {}", known.join(", ")))
    })
}
