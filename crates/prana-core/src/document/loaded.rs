//! Documents read whole: several workflows in one text, each with its places.

use std::ops::Range;
use std::sync::Arc;

use prana_template::Value;
use rustc_hash::FxHashMap;

use super::connections::ConnectionPlace;
use super::model::Workflow;
use super::parse;
use super::read::{self, INVALID_DOCUMENT};
use super::source::Source;
use super::tree::{Item, Tree};
use crate::diagnostic::{Diagnostic, DocPath, Location, PathItem};

/// A workflow and the text that it was read from.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The workflow.
    pub workflow: Workflow,
    /// The text, which may hold other workflows too.
    pub source: Arc<Source>,
    base: DocPath,
    connection_places: Vec<ConnectionPlace>,
}

impl Loaded {
    pub(crate) fn new(parsed: parse::Parsed, source: Arc<Source>, base: DocPath) -> Self {
        let parse::Parsed { workflow, connection_places } = parsed;
        Loaded { workflow, source, base, connection_places }
    }

    /// Where the workflow is in the source: empty if it is all of it.
    pub fn base(&self) -> &DocPath {
        &self.base
    }

    /// The place of a value, by its path in the workflow. `connections[i]` means the i-th of
    /// [`Workflow::connections`], however it is written.
    pub fn locate(&self, path: &DocPath) -> Option<Location> {
        match path.items() {
            [PathItem::Key(key), PathItem::Index(index), ..] if key == "connections" => {
                self.locate_connection(*index)
            }
            _ => self.source.locate(&self.base.join_path(path)),
        }
    }

    /// The place of a key, by the path of its value in the workflow.
    pub fn locate_key(&self, path: &DocPath) -> Option<Location> {
        self.source.locate_key(&self.base.join_path(path))
    }

    /// The place of a part of a text value: bytes within the value. See [`Source::locate_in`].
    pub fn locate_in(&self, path: &DocPath, range: Range<usize>) -> Option<Location> {
        self.source.locate_in(&self.base.join_path(path), range)
    }

    /// The place of the i-th of [`Workflow::connections`]: one arrow of a chain, or one target of the canonical form.
    pub fn locate_connection(&self, index: usize) -> Option<Location> {
        let place = self.connection_places.get(index)?;
        let bytes = place.span.range()?;
        let whole = self.source.location(bytes.clone());
        let Some(part) = &place.part else { return Some(whole) };
        self.source.locate_part(bytes, part.start as usize..part.end as usize).or(Some(whole))
    }

    /// The two ways of locating as one function: of a value, or of a part of a text value.
    pub fn locator(&self) -> impl Fn(&DocPath, Option<Range<usize>>) -> Option<Location> + '_ {
        |path, range| match range {
            Some(range) => self.locate_in(path, range),
            None => self.locate(path),
        }
    }

    /// Gives a place to each finding that has a path and no place.
    pub fn place(&self, findings: &mut [Diagnostic]) {
        for finding in findings.iter_mut().filter(|finding| finding.location.is_none()) {
            finding.location = self.locate(&finding.path);
        }
    }
}

/// Reads the workflows in a JSON or YAML text: one, a list, or several YAML documents.
///
/// The name is shown with places. A name that ends in `.json` makes JSON obligatory; otherwise the text decides.
///
/// # Errors
/// Everything that is wrong, in the order of the text. Paths are those within each workflow.
///
/// ```
/// let text = b"
/// id: greeting
/// nodes:
///   - {key: start, type: manual.trigger}
///   - {key: greet, type: core.no_op}
/// connections: [start -> greet]
/// ";
/// let loaded = prana_core::document::load("greeting.yaml", text).unwrap();
/// assert_eq!(loaded[0].workflow.connections[0].to, "greet");
///
/// let findings = prana_core::document::load("empty.yaml", b"").unwrap_err();
/// assert_eq!(findings[0].code, "workflow.invalid_document");
/// ```
pub fn load(name: &str, text: &[u8]) -> Result<Vec<Loaded>, Vec<Diagnostic>> {
    let read::Read { source, mut findings, many_documents } = read::read(name, text);
    let Some(root) = source.root() else { return Err(findings) };
    let mut loaded = Vec::new();
    for (base, tree) in workflows(root, many_documents) {
        match parse::workflow(Some(&source), tree) {
            Ok(parsed) => loaded.push(Loaded::new(parsed, source.clone(), base)),
            Err(more) => read::add(&mut findings, more),
        }
    }
    if findings.is_empty() {
        findings.extend(repeated_ids(&loaded));
        if loaded.is_empty() {
            findings.push(Diagnostic::error(INVALID_DOCUMENT, "the list holds no workflow"));
        }
    }
    read::sort(&mut findings);
    if findings.is_empty() { Ok(loaded) } else { Err(findings) }
}

/// Reads a workflow from its document as a value, such as the body of a request.
///
/// # Errors
/// Everything that is wrong, in the order of the document, without places in a text.
pub fn from_value(value: &Value) -> Result<Workflow, Vec<Diagnostic>> {
    parse::workflow(None, &Tree::from_value(value)).map(|parsed| parsed.workflow)
}

/// The trees of the workflows in a document, with their paths.
fn workflows(root: &Tree, many_documents: bool) -> Vec<(DocPath, &Tree)> {
    let mut found = Vec::new();
    match &root.item {
        Item::List(documents) if many_documents => {
            for (index, document) in documents.iter().enumerate() {
                flatten(DocPath::root().join(index), document, &mut found);
            }
        }
        _ => flatten(DocPath::root(), root, &mut found),
    }
    found
}

fn flatten<'t>(base: DocPath, tree: &'t Tree, found: &mut Vec<(DocPath, &'t Tree)>) {
    match &tree.item {
        Item::List(list) => {
            found.extend(list.iter().enumerate().map(|(index, item)| (base.join(index), item)))
        }
        _ => found.push((base, tree)),
    }
}

fn repeated_ids(loaded: &[Loaded]) -> Vec<Diagnostic> {
    let mut seen: FxHashMap<&str, ()> = FxHashMap::default();
    let path = DocPath::root().join("id");
    let repeated = loaded.iter().filter(|one| seen.insert(&one.workflow.id, ()).is_some());
    let finding = |one: &Loaded| {
        let message = format!("two workflows here have the id `{}`", one.workflow.id);
        Diagnostic::error("workflow.duplicate_key", message)
            .with_help("give one of them another id")
            .with_path(path.clone())
            .with_location(one.locate(&path))
    };
    repeated.map(finding).collect()
}
