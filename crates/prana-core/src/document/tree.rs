//! A document as a tree whose every value and key knows its place in the source text.
//!
//! JSON and YAML are both read into it, and so is a map that has no source. What the tree means is for others to say.

use std::ops::Range;

use prana_template::{List, Map, Str, Value};

/// Collections may be nested this deep. Deeper documents are refused before anything recurses into them.
pub(crate) const MAX_DEPTH: usize = 128;

/// A stretch of the source text in bytes. Sources are at most 16 MiB, so 32 bits are enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub start: u32,
    pub end: u32,
}

impl Span {
    /// For values that came from no text.
    pub const NONE: Span = Span { start: u32::MAX, end: u32::MAX };

    pub fn new(start: usize, end: usize) -> Self {
        let narrow = |offset: usize| u32::try_from(offset).unwrap_or(u32::MAX);
        Span { start: narrow(start), end: narrow(end.max(start)) }
    }

    /// The bytes it covers, if it came from a text.
    pub fn range(self) -> Option<Range<usize>> {
        (self != Span::NONE).then_some(self.start as usize..self.end as usize)
    }
}

/// A value and its place.
#[derive(Debug, Clone)]
pub(crate) struct Tree {
    pub span: Span,
    pub item: Item,
}

/// A value whose parts know their places.
#[derive(Debug, Clone)]
pub(crate) enum Item {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(Str),
    List(Vec<Tree>),
    Map(Vec<Entry>),
}

/// A key of a map, its place, and its value.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub key: Str,
    pub key_span: Span,
    pub value: Tree,
}

impl Tree {
    pub fn new(span: Span, item: Item) -> Self {
        Tree { span, item }
    }

    /// The tree of a value that came from no text.
    ///
    /// Recurses; values are never nested deeper than their own type allows.
    pub fn from_value(value: &Value) -> Self {
        let item = match value {
            Value::Null => Item::Null,
            Value::Bool(bool) => Item::Bool(*bool),
            Value::Int(int) => Item::Int(*int),
            Value::Float(float) => Item::Float(*float),
            Value::Str(text) => Item::Text(text.clone()),
            Value::List(list) => Item::List(list.iter().map(Tree::from_value).collect()),
            Value::Map(map) => {
                Item::Map(map.iter().map(|(key, value)| Entry::from_value(key, value)).collect())
            }
        };
        Tree::new(Span::NONE, item)
    }

    /// The value without places.
    pub fn to_value(&self) -> Value {
        match &self.item {
            Item::Null => Value::Null,
            Item::Bool(bool) => Value::Bool(*bool),
            Item::Int(int) => Value::Int(*int),
            Item::Float(float) => Value::Float(*float),
            Item::Text(text) => Value::Str(text.clone()),
            Item::List(list) => Value::List(list.iter().map(Tree::to_value).collect::<List>()),
            Item::Map(entries) => Value::Map(map_of(entries)),
        }
    }

    pub fn is_null(&self) -> bool {
        matches!(self.item, Item::Null)
    }

    /// What the value is, in the words of messages.
    pub fn kind(&self) -> &'static str {
        match self.item {
            Item::Null => "nothing",
            Item::Bool(_) => "true or false",
            Item::Int(_) | Item::Float(_) => "a number",
            Item::Text(_) => "text",
            Item::List(_) => "a list",
            Item::Map(_) => "a map",
        }
    }
}

impl Entry {
    fn from_value(key: &Str, value: &Value) -> Self {
        Entry { key: key.clone(), key_span: Span::NONE, value: Tree::from_value(value) }
    }
}

/// The map of some entries. A key that is given twice has been refused before.
pub(crate) fn map_of(entries: &[Entry]) -> Map {
    entries.iter().map(|entry| (entry.key.clone(), entry.value.to_value())).collect()
}
