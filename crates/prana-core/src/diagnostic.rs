//! What is said to the author of a document: many findings at once, each with a code, a place and advice.

mod render;

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

pub use render::render;

/// How serious a [`Diagnostic`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The document is refused.
    Error,
    /// The document is accepted, and probably does not do what was meant.
    Warning,
    /// The document is accepted; there is something to know.
    Hint,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Hint => "hint",
        })
    }
}

/// One step into a document: a key of a map, or a place in a list counted from 0.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum PathItem {
    /// A place in a list.
    Index(usize),
    /// A key of a map.
    Key(String),
}

impl From<&str> for PathItem {
    fn from(key: &str) -> Self {
        PathItem::Key(key.to_owned())
    }
}

impl From<String> for PathItem {
    fn from(key: String) -> Self {
        PathItem::Key(key)
    }
}

impl From<usize> for PathItem {
    fn from(index: usize) -> Self {
        PathItem::Index(index)
    }
}

/// A place in a document, such as `nodes[3].params.condition`; empty for the whole document.
///
/// ```
/// use prana_core::diagnostic::DocPath;
///
/// let path = DocPath::root().join("nodes").join(3).join("params").join("condition");
/// assert_eq!(path.to_string(), "nodes[3].params.condition");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DocPath(pub Vec<PathItem>);

impl DocPath {
    /// The whole document.
    pub fn root() -> Self {
        DocPath::default()
    }

    /// The place one step further in.
    #[must_use]
    pub fn join(&self, item: impl Into<PathItem>) -> Self {
        let mut items = Vec::with_capacity(self.0.len() + 1);
        items.extend_from_slice(&self.0);
        items.push(item.into());
        DocPath(items)
    }

    /// The place that `inner` names, seen from this one.
    #[must_use]
    pub fn join_path(&self, inner: &DocPath) -> Self {
        DocPath(self.0.iter().chain(&inner.0).cloned().collect())
    }

    /// Takes one step further in.
    pub fn push(&mut self, item: impl Into<PathItem>) {
        self.0.push(item.into());
    }

    /// Takes one step back.
    pub fn pop(&mut self) -> Option<PathItem> {
        self.0.pop()
    }

    /// The steps, from the outside in.
    pub fn items(&self) -> &[PathItem] {
        &self.0
    }
}

impl FromIterator<PathItem> for DocPath {
    fn from_iter<I: IntoIterator<Item = PathItem>>(items: I) -> Self {
        DocPath(items.into_iter().collect())
    }
}

impl fmt::Display for DocPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, item) in self.0.iter().enumerate() {
            match item {
                PathItem::Index(index) => write!(f, "[{index}]")?,
                PathItem::Key(key) if place == 0 => f.write_str(key)?,
                PathItem::Key(key) => write!(f, ".{key}")?,
            }
        }
        Ok(())
    }
}

/// A stretch of a source text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Location {
    /// Line of the first character, from 1.
    pub line: u32,
    /// Column of the first character, in characters, from 1.
    pub column: u32,
    /// Offset of the first byte.
    pub start: usize,
    /// Offset after the last byte.
    pub end: usize,
}

/// One finding about a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnostic {
    /// Whether it refuses the document.
    pub severity: Severity,
    /// Stable dotted name, such as `workflow.unknown_port`.
    pub code: Cow<'static, str>,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// Key of the node it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// Place in the workflow (not in the file, which may hold several).
    #[serde(default)]
    pub path: DocPath,
    /// Place in the source text, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
}

impl Diagnostic {
    /// A finding that refuses the document.
    pub fn error(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Diagnostic::new(Severity::Error, code, message)
    }

    /// A finding that something probably does not do what was meant.
    pub fn warning(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Diagnostic::new(Severity::Warning, code, message)
    }

    /// Something to know.
    pub fn hint(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Diagnostic::new(Severity::Hint, code, message)
    }

    /// A finding with no place, node or advice yet.
    pub fn new(severity: Severity, code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Diagnostic {
            severity,
            code: code.into(),
            message: message.into(),
            help: None,
            node: None,
            path: DocPath::root(),
            location: None,
        }
    }

    /// The same with advice.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The same about a node.
    #[must_use]
    pub fn with_node(mut self, key: impl Into<String>) -> Self {
        self.node = Some(key.into());
        self
    }

    /// The same about a place in the workflow.
    #[must_use]
    pub fn with_path(mut self, path: DocPath) -> Self {
        self.path = path;
        self
    }

    /// The same with a place in the source text.
    #[must_use]
    pub fn with_location(mut self, location: Option<Location>) -> Self {
        self.location = location;
        self
    }

    /// Whether it refuses the document.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)?;
        if let Some(place) = self.location {
            write!(f, " (line {}, column {})", place.line, place.column)?;
        }
        Ok(())
    }
}
