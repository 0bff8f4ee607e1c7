//! Bytes into a [`Source`] whose values have places, with all that is wrong at this level.

use std::collections::BTreeSet;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::json::{self, JsonError};
use super::scalar::BadNumber;
use super::source::Source;
use super::tree::{Entry, Item, Span, Tree};
use super::yaml;
use crate::diagnostic::{Diagnostic, DocPath, Location};

/// The largest document: 16 MiB.
pub const MAX_BYTES: usize = 16 << 20;

pub(crate) const INVALID_DOCUMENT: &str = "workflow.invalid_document";

/// What was read: the source, with a tree if there is one, and the findings.
pub(crate) struct Read {
    pub source: Arc<Source>,
    pub findings: Vec<Diagnostic>,
    /// Whether the root of the tree is a list of YAML documents, which the text does not show.
    pub many_documents: bool,
}

/// Reads JSON or YAML. Without an error among the findings there is a tree.
pub(crate) fn read(name: &str, bytes: &[u8]) -> Read {
    if bytes.len() > MAX_BYTES {
        let message = format!("the document has {} bytes; {MAX_BYTES} (16 MiB) are allowed", bytes.len());
        let finding = Diagnostic::error(INVALID_DOCUMENT, message)
            .with_help("keep data out of the workflow: read it in a node, or pass it as input");
        return Read {
            source: Arc::new(Source::new(name, b"")),
            findings: vec![finding],
            many_documents: false,
        };
    }
    let mut reading =
        Reading { source: Source::new(name, bytes), findings: Vec::new(), many_documents: false };
    let root = match std::str::from_utf8(bytes) {
        Err(error) => reading.not_utf8(bytes, error.valid_up_to()),
        Ok(_) => reading.tree(),
    };
    if let Some(root) = &root {
        reading.find_duplicates(root, &mut DocPath::root());
    }
    sort(&mut reading.findings);
    let source = Arc::new(reading.source.with_root(root));
    Read { source, findings: reading.findings, many_documents: reading.many_documents }
}

/// Into the order of the document. What an alias repeats is said once.
pub(crate) fn sort(findings: &mut Vec<Diagnostic>) {
    findings.sort_by_key(|finding| finding.location.map_or(0, |place| place.start));
    findings.dedup_by(|a, b| a.location.is_some() && a.location == b.location && a.message == b.message);
}

/// Adds what is wrong with values, unless the same stretch of text could not even be read.
pub(crate) fn add(findings: &mut Vec<Diagnostic>, more: Vec<Diagnostic>) {
    let told: BTreeSet<Option<Location>> = findings.iter().map(|finding| finding.location).collect();
    let is_new = |finding: &Diagnostic| finding.location.is_none() || !told.contains(&finding.location);
    findings.extend(more.into_iter().filter(is_new));
}

struct Reading {
    source: Source,
    findings: Vec<Diagnostic>,
    many_documents: bool,
}

impl Reading {
    fn error(&mut self, span: Span, message: impl Into<String>, help: Option<String>) {
        let mut finding =
            Diagnostic::error(INVALID_DOCUMENT, message).with_location(self.source.location_of(span));
        finding.help = help;
        self.findings.push(finding);
    }

    fn not_utf8(&mut self, bytes: &[u8], offset: usize) -> Option<Tree> {
        let wide = bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]);
        let kind = if wide { " (it looks like UTF-16)" } else { "" };
        let message = format!("the text is not UTF-8: the byte at offset {offset} is wrong{kind}");
        let marked = if bytes.starts_with(&[0xef, 0xbb, 0xbf]) { offset.saturating_sub(3) } else { offset };
        self.error(Span::new(marked, marked), message, Some("save the file as UTF-8".to_owned()));
        None
    }

    fn tree(&mut self) -> Option<Tree> {
        let text = self.source.text().clone();
        let is_json = self.source.name().ends_with(".json");
        if is_json || text.trim_start().starts_with(['{', '[']) {
            match json::read(&text) {
                Ok(read) => {
                    self.bad_numbers(read.bad_numbers);
                    return Some(read.tree);
                }
                Err(error) if !text.trim().is_empty() && (error.limit || is_json) => {
                    return self.not_json(error);
                }
                Err(error) if looks_like_json(&text) => return self.yaml(&text, Some(error)),
                Err(_) => {}
            }
        }
        self.yaml(&text, None)
    }

    fn not_json(&mut self, error: JsonError) -> Option<Tree> {
        self.error(
            Span::new(error.offset, error.offset),
            format!("this is not JSON: {}", error.message),
            None,
        );
        None
    }

    /// Reads YAML. Where the text looked like JSON, the error that JSON had is the one worth telling.
    fn yaml(&mut self, text: &str, json_error: Option<JsonError>) -> Option<Tree> {
        let stream = yaml::read(text);
        let broken = stream.errors.last().is_some_and(|error| !error.survivable);
        match json_error {
            Some(error) if broken => return self.not_json(error),
            _ => {}
        }
        for error in stream.errors {
            self.error(error.span, error.message, error.help);
        }
        self.bad_numbers(stream.bad_numbers);
        if broken { None } else { self.documents(stream.documents) }
    }

    fn documents(&mut self, mut documents: Vec<Tree>) -> Option<Tree> {
        documents.retain(|document| !document.is_null());
        match documents.len() {
            0 => {
                let help = "a workflow begins with `id: my-workflow`, then `nodes:` and `connections:`";
                self.error(Span::new(0, 0), "the document is empty", Some(help.to_owned()));
                None
            }
            1 => documents.pop(),
            _ => {
                self.many_documents = true;
                let end = self.source.text().len();
                Some(Tree::new(Span::new(0, end), Item::List(documents)))
            }
        }
    }

    fn bad_numbers(&mut self, numbers: Vec<(Span, BadNumber)>) {
        for (span, bad) in numbers {
            let (message, help) = match bad {
                BadNumber::TooLarge => (
                    "this number is too large",
                    "numbers go up to about 1.8e308; put it in quotes to keep it as text",
                ),
                BadNumber::NotFinite => {
                    ("infinity and not-a-number are no values here", "put it in quotes to keep it as text")
                }
            };
            self.error(span, message, Some(help.to_owned()));
        }
    }

    fn find_duplicates(&mut self, tree: &Tree, path: &mut DocPath) {
        match &tree.item {
            Item::List(list) => {
                for (index, item) in list.iter().enumerate().filter(|(_, item)| is_collection(item)) {
                    path.push(index);
                    self.find_duplicates(item, path);
                    path.pop();
                }
            }
            Item::Map(entries) => {
                self.duplicates_in(entries, path);
                for entry in entries.iter().filter(|entry| is_collection(&entry.value)) {
                    path.push(entry.key.as_str());
                    self.find_duplicates(&entry.value, path);
                    path.pop();
                }
            }
            _ => {}
        }
    }

    fn duplicates_in(&mut self, entries: &[Entry], path: &DocPath) {
        let mut first: FxHashMap<&str, Span> = FxHashMap::default();
        for entry in entries {
            let Some(earlier) = first.insert(&entry.key, entry.key_span) else { continue };
            first.insert(&entry.key, earlier);
            let place = self.source.location_of(earlier);
            let place = place.map_or(String::new(), |place| {
                format!(": first at line {}, column {}", place.line, place.column)
            });
            self.error(
                entry.key_span,
                format!("the key `{}` is given twice{place}", entry.key),
                Some("keep one of the two, or rename one".to_owned()),
            );
            if let Some(finding) = self.findings.last_mut() {
                finding.path = path.join(entry.key.as_str());
            }
        }
    }
}

fn is_collection(tree: &Tree) -> bool {
    matches!(tree.item, Item::List(_) | Item::Map(_))
}

/// Whether somebody meant JSON: a bracket followed by what JSON has there, and YAML's short notation mostly has not.
fn looks_like_json(text: &str) -> bool {
    let inner = text.trim_start().get(1..).unwrap_or("").trim_start();
    text.trim_start().starts_with('{') && (inner.is_empty() || inner.starts_with(['"', '}']))
        || text.trim_start().starts_with('[') && inner.starts_with('{') && looks_like_json(inner)
}
