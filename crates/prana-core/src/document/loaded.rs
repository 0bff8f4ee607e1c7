//! Documents read whole: several workflows in one text, each with its places.

use std::ops::Range;
use std::sync::Arc;

use prana_template::Value;
use rustc_hash::FxHashSet;

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

/// A workflow as far as it could be read, with what is wrong with it: for telling all problems at once, those that only
/// a compiler sees included. Without findings it is as good as loaded.
#[derive(Debug, Clone)]
pub struct Draft {
    /// What could be read; the rest has its default. Nodes keep their places, with an empty key or type if they have none.
    pub loaded: Loaded,
    /// What is wrong, in the order of the document.
    pub findings: Vec<Diagnostic>,
    has_gaps: bool,
}

impl Draft {
    pub(crate) fn new(source: &Arc<Source>, base: DocPath, tree: &Tree) -> Self {
        let parse::Parsed { workflow, connection_places, findings, has_gaps } =
            parse::workflow(Some(source), tree);
        Draft {
            loaded: Loaded { workflow, source: source.clone(), base, connection_places },
            findings,
            has_gaps,
        }
    }

    /// Takes the findings of the reader that are about this workflow.
    pub(crate) fn claim(&mut self, tree: &Tree, read_findings: &mut Vec<Diagnostic>) {
        let within = |finding: &Diagnostic| match (finding.location, tree.span.range()) {
            (Some(place), Some(bytes)) => bytes.contains(&place.start),
            _ => false,
        };
        let (mut mine, others) = std::mem::take(read_findings).into_iter().partition::<Vec<_>, _>(within);
        *read_findings = others;
        if !mine.is_empty() {
            read::add(&mut mine, std::mem::take(&mut self.findings));
            self.findings = mine;
            read::sort(&mut self.findings);
        }
    }

    /// The workflow, if nothing is wrong with it.
    ///
    /// # Errors
    /// The findings.
    pub fn accept(self) -> Result<Loaded, Vec<Diagnostic>> {
        if self.findings.is_empty() { Ok(self.loaded) } else { Err(self.findings) }
    }

    /// These findings and those of compiling what could be read, in the order of the document. A draft that is as good as
    /// loaded takes all of them. Of one that is not it takes the errors, but for those that only follow from what is
    /// missing.
    #[must_use]
    pub fn with_compiled(&self, compiled: Vec<Diagnostic>) -> Vec<Diagnostic> {
        if self.findings.is_empty() {
            return compiled;
        }
        let mut all = self.findings.clone();
        all.extend(compiled.into_iter().filter(|finding| self.is_new(finding)));
        read::sort(&mut all);
        all
    }

    fn is_new(&self, compiled: &Diagnostic) -> bool {
        /// What is said when a node is not there, or not what it should be.
        const FOLLOW: &[&str] = &[
            "workflow.unknown_node",
            "workflow.no_trigger",
            "expression.unknown_node",
            "expression.node_not_before",
            "loop.not_in_loop",
        ];
        let told = |finding: &Diagnostic| finding.code == compiled.code && finding.node == compiled.node;
        let node = compiled.node.as_deref().and_then(|key| self.loaded.workflow.node(key));
        let unreadable =
            compiled.node.as_deref() == Some("") || node.is_some_and(|node| node.type_name.is_empty());
        let follows = self.has_gaps && FOLLOW.contains(&compiled.code.as_ref());
        compiled.is_error() && !unreadable && !follows && !self.findings.iter().any(told)
    }
}

/// Reads the workflows in a text as far as they can be read.
///
/// # Errors
/// The text is no JSON or YAML at all, or holds no workflow.
pub fn drafts(name: &str, text: &[u8]) -> Result<Vec<Draft>, Vec<Diagnostic>> {
    let read::Read { source, mut findings, many_documents } = read::read(name, text);
    let Some(root) = source.root() else { return Err(findings) };
    let trees = workflows(root, many_documents);
    if trees.is_empty() {
        return Err(vec![Diagnostic::error(INVALID_DOCUMENT, "the list holds no workflow")]);
    }
    let draft = |(base, tree): (DocPath, &Tree)| {
        let mut draft = Draft::new(&source, base, tree);
        draft.claim(tree, &mut findings);
        draft
    };
    let mut drafts: Vec<Draft> = trees.into_iter().map(draft).collect();
    repeated_ids(&mut drafts);
    match drafts.first_mut() {
        Some(first) if !findings.is_empty() => {
            first.findings.append(&mut findings);
            read::sort(&mut first.findings);
        }
        _ => {}
    }
    Ok(drafts)
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
    let (mut loaded, mut findings) = (Vec::new(), Vec::new());
    for draft in drafts(name, text)? {
        match draft.accept() {
            Ok(one) => loaded.push(one),
            Err(more) => findings.extend(more),
        }
    }
    if findings.is_empty() { Ok(loaded) } else { Err(findings) }
}

/// Reads a workflow from its document as a value, such as the body of a request.
///
/// # Errors
/// Everything that is wrong, in the order of the document, without places in a text.
pub fn from_value(value: &Value) -> Result<Workflow, Vec<Diagnostic>> {
    let parsed = parse::workflow(None, &Tree::from_value(value));
    if parsed.findings.is_empty() { Ok(parsed.workflow) } else { Err(parsed.findings) }
}

/// Reads one JSON or YAML document of another kind as a value, with the source that knows the places in it.
///
/// # Errors
/// The text is no JSON or YAML, gives a key twice, or holds several documents.
///
/// ```
/// let (source, value) = prana_core::document::read_value("a.yaml", b"port: 80").unwrap();
/// assert_eq!((source.name(), value), ("a.yaml", prana_template::value!({"port": 80})));
/// ```
pub fn read_value(name: &str, text: &[u8]) -> Result<(Arc<Source>, Value), Vec<Diagnostic>> {
    let read::Read { source, mut findings, many_documents } = read::read(name, text);
    if many_documents {
        findings.push(Diagnostic::error(INVALID_DOCUMENT, "one document is expected here, not several"));
    }
    match source.root().filter(|_| findings.is_empty()).map(Tree::to_value) {
        Some(value) => Ok((source, value)),
        None => Err(findings),
    }
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

fn repeated_ids(drafts: &mut [Draft]) {
    let mut seen: FxHashSet<String> = FxHashSet::default();
    let path = DocPath::root().join("id");
    for draft in drafts.iter_mut().filter(|draft| !draft.loaded.workflow.id.is_empty()) {
        let id = &draft.loaded.workflow.id;
        if !seen.insert(id.clone()) {
            let finding =
                Diagnostic::error("workflow.duplicate_key", format!("two workflows here have the id `{id}`"))
                    .with_help("give one of them another id")
                    .with_path(path.clone())
                    .with_location(draft.loaded.locate(&path));
            draft.findings.push(finding);
            read::sort(&mut draft.findings);
        }
    }
}
