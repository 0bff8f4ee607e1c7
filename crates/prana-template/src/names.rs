//! How `$names` get their meaning ([`Names`], when a template is parsed) and their values ([`Scope`], when it is evaluated).

use std::{borrow::Cow, fmt};

use serde::{Deserialize, Serialize};

use crate::value::{Str, Value};

/// One literal step of a path in a template: `.name`, `["name"]`, `[0]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum PathItem {
    /// `.name` or `["name"]`.
    Key(Str),
    /// `[0]`, `[-1]`.
    Index(i64),
}

/// One step from a tree of values to a part of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum PathSegment {
    /// The entry of a map.
    Key(Str),
    /// The item of a list, from 0.
    Index(usize),
}

impl From<&str> for PathSegment {
    fn from(key: &str) -> Self {
        PathSegment::Key(key.into())
    }
}

impl From<usize> for PathSegment {
    fn from(index: usize) -> Self {
        PathSegment::Index(index)
    }
}

/// A path as people write it: `cases[0].port`, and `["odd key"]` for keys that are no plain words.
///
/// ```
/// use prana_template::path_text;
/// assert_eq!(path_text(&["cases".into(), 0.into(), "port".into()]), "cases[0].port");
/// assert_eq!(path_text(&["headers".into(), "X-Id".into()]), r#"headers["X-Id"]"#);
/// ```
pub fn path_text(path: &[PathSegment]) -> String {
    use fmt::Write;
    let mut out = String::new();
    for segment in path {
        // Writing to a string can't fail.
        let _ = match segment {
            PathSegment::Index(index) => write!(out, "[{index}]"),
            PathSegment::Key(key) if !is_plain_word(key) => write!(out, "[{:?}]", key.as_str()),
            PathSegment::Key(key) if out.is_empty() => write!(out, "{key}"),
            PathSegment::Key(key) => write!(out, ".{key}"),
        };
    }
    out
}

/// Whether a key can be written after a dot.
pub(crate) fn is_plain_word(key: &str) -> bool {
    let mut chars = key.chars();
    chars.next().is_some_and(|c| c == '_' || c.is_alphabetic())
        && chars.all(|c| c == '_' || c.is_alphanumeric())
}

/// A place whose value the [`Scope`] gives. Numbered by whoever resolves the names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(pub u32);

/// What a `$name` with a path was resolved to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resolved {
    /// Where the value comes from.
    pub slot: Slot,
    /// How many items of the path the slot stands for; the rest is looked up in its value.
    pub consumed: usize,
}

/// A name that has no meaning here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameError {
    /// Stable code, such as `expression.unknown_name`.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

/// Gives names their meaning while a template is parsed. Local names (`$item`, `$index`, `$loop`, parameters of lambdas, variables)
/// never get here.
pub trait Names {
    /// For names whose keys have a syntax of their own: after `root` and `path`, the length in bytes of the longest existing key that
    /// `rest`, the source after the dot, begins with. `None` where the ordinary rule for words holds.
    fn key_len(&self, root: &str, path: &[PathItem], rest: &str) -> Option<usize> {
        let _ = (root, path, rest);
        None
    }

    /// Resolves `root` (with its `$`), followed by `path` (up to the first item that is not literal).
    ///
    /// # Errors
    /// A name that has no meaning, with what to do about it.
    fn resolve(&self, root: &str, path: &[PathItem]) -> Result<Resolved, NameError>;
}

/// Gives the values of slots while a template is evaluated.
pub trait Scope {
    /// The value of a slot that [`Names::resolve`] gave; borrowed where it exists already.
    fn value(&self, slot: Slot) -> Cow<'_, Value>;
}

/// A fixed list of `$names`, the n-th in slot n: for tests, previews and small embeddings. The matching scope is a list of values.
///
/// ```
/// use prana_template::{FixedNames, Names, Slot};
/// let names = FixedNames::new(["$input", "$vars"]);
/// assert_eq!(names.resolve("$vars", &[]).unwrap().slot, Slot(1));
/// assert_eq!(names.resolve("$var", &[]).unwrap_err().help.unwrap(), "did you mean `$vars`?");
/// ```
#[derive(Debug, Clone, Default)]
pub struct FixedNames(Vec<String>);

impl FixedNames {
    /// Names with their `$`.
    pub fn new<N: Into<String>>(names: impl IntoIterator<Item = N>) -> Self {
        FixedNames(names.into_iter().map(Into::into).collect())
    }
}

impl Names for FixedNames {
    fn resolve(&self, root: &str, _path: &[PathItem]) -> Result<Resolved, NameError> {
        if let Some(at) = self.0.iter().position(|name| name == root) {
            return Ok(Resolved { slot: Slot(at as u32), consumed: 0 });
        }
        let near = crate::nearest::nearest(root, self.0.iter().map(String::as_str));
        Err(NameError {
            code: "expression.unknown_name",
            message: format!("unknown name `{root}`"),
            help: near.map(|name| format!("did you mean `{name}`?")),
        })
    }
}

/// The n-th value is that of slot n; beyond the end is null.
impl Scope for [Value] {
    fn value(&self, slot: Slot) -> Cow<'_, Value> {
        self.get(slot.0 as usize).map_or(Cow::Owned(Value::Null), Cow::Borrowed)
    }
}

impl<const N: usize> Scope for [Value; N] {
    fn value(&self, slot: Slot) -> Cow<'_, Value> {
        self[..].value(slot)
    }
}

impl Scope for Vec<Value> {
    fn value(&self, slot: Slot) -> Cow<'_, Value> {
        self[..].value(slot)
    }
}
