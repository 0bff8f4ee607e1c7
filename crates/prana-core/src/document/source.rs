//! A source text and the places in it.

use std::ops::Range;
use std::sync::Arc;

use super::scalar_offsets;
use super::tree::{Entry, Item, Span, Tree};
use crate::diagnostic::{DocPath, Location, PathItem};

/// The text that a document was read from, and where in it each value is.
///
/// Offsets are those of [`Source::text`], which lacks a leading byte order mark and has every invalid byte replaced.
#[derive(Debug)]
pub struct Source {
    name: String,
    text: Arc<str>,
    line_starts: Vec<u32>,
    root: Option<Tree>,
}

impl Source {
    /// A source that knows lines and columns, but no places of values: for showing why a text could not be read.
    ///
    /// ```
    /// use prana_core::document::Source;
    ///
    /// let source = Source::new("a.yaml", b"one\ntwo\n");
    /// assert_eq!(source.line(2), Some("two"));
    /// ```
    pub fn new(name: &str, bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let text: Arc<str> = Arc::from(text.strip_prefix('\u{feff}').unwrap_or(&text));
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let starts = breaks.map(|(offset, _)| u32::try_from(offset + 1).unwrap_or(u32::MAX));
        let line_starts = std::iter::once(0).chain(starts).collect();
        Source { name: name.to_owned(), text, line_starts, root: None }
    }

    pub(crate) fn with_root(mut self, root: Option<Tree>) -> Self {
        self.root = root;
        self
    }

    pub(crate) fn root(&self) -> Option<&Tree> {
        self.root.as_ref()
    }

    /// What the source is called: a path, or `<text>` and the like.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The text itself.
    pub fn text(&self) -> &Arc<str> {
        &self.text
    }

    /// A line without its end; lines are counted from 1.
    pub fn line(&self, number: u32) -> Option<&str> {
        let index = (number as usize).checked_sub(1)?;
        let start = *self.line_starts.get(index)? as usize;
        let end = self.line_starts.get(index + 1).map_or(self.text.len(), |next| *next as usize);
        Some(self.text.get(start..end)?.trim_end_matches(['\n', '\r']))
    }

    /// Where the line of a location starts, in bytes.
    pub(crate) fn line_start(&self, number: u32) -> usize {
        let index = (number as usize).saturating_sub(1);
        self.line_starts.get(index).map_or(0, |start| *start as usize)
    }

    /// Line and column of a stretch of bytes. Offsets beyond the text mean its end.
    pub fn location(&self, bytes: Range<usize>) -> Location {
        let start = self.char_start(bytes.start);
        let end = self.char_start(bytes.end).max(start);
        let index = self.line_starts.partition_point(|line| *line as usize <= start) - 1;
        let before = &self.text[self.line_starts[index] as usize..start];
        let narrow = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        Location { line: narrow(index + 1), column: narrow(before.chars().count() + 1), start, end }
    }

    /// The nearest character boundary at or before an offset.
    fn char_start(&self, offset: usize) -> usize {
        let mut offset = offset.min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        offset
    }

    pub(crate) fn location_of(&self, span: Span) -> Option<Location> {
        span.range().map(|bytes| self.location(bytes))
    }

    /// The text of a span; empty if it has none.
    pub(crate) fn slice(&self, span: Span) -> &str {
        span.range().and_then(|bytes| self.text.get(bytes)).unwrap_or("")
    }

    /// The place of a value. Where the path leads to nothing, the place of the innermost value that it passes;
    /// for an empty value, the place of its key. `None` if the source was never read as a document.
    pub fn locate(&self, path: &DocPath) -> Option<Location> {
        self.location_of(self.find(path)?.place())
    }

    /// The place of the key at the end of a path; the place of the value where there is no key.
    pub fn locate_key(&self, path: &DocPath) -> Option<Location> {
        let found = self.find(path)?;
        self.location_of(found.key.filter(|_| found.exact).unwrap_or_else(|| found.place()))
    }

    /// The place of a part of a text value, as a range of bytes in the value. It is exact where the value is written
    /// in one of the usual ways, and the place of the whole value otherwise.
    pub fn locate_in(&self, path: &DocPath, range: Range<usize>) -> Option<Location> {
        let found = self.find(path)?;
        let exact = found.exact.then(|| self.part_of(found.tree, range)).flatten();
        exact.or_else(|| self.location_of(found.place()))
    }

    /// The place of a part of a text value, told by the value itself.
    pub(crate) fn part_of(&self, tree: &Tree, range: Range<usize>) -> Option<Location> {
        let Item::Text(text) = &tree.item else { return None };
        let bytes = tree.span.range()?;
        let inner = scalar_offsets::source_range(self.text.get(bytes.clone())?, text.as_str(), range)?;
        Some(self.location(bytes.start + inner.start..bytes.start + inner.end))
    }

    /// The place of a part of a text value, told by the bytes that the value is written in. The value is what its
    /// own text decodes to.
    pub(crate) fn locate_part(&self, bytes: Range<usize>, range: Range<usize>) -> Option<Location> {
        let inner = scalar_offsets::decoded_range(self.text.get(bytes.clone())?, range)?;
        Some(self.location(bytes.start + inner.start..bytes.start + inner.end))
    }

    fn find(&self, path: &DocPath) -> Option<Found<'_>> {
        let mut found = Found { tree: self.root.as_ref()?, key: None, exact: true };
        for item in path.items() {
            match (item, &found.tree.item) {
                (PathItem::Key(key), Item::Map(entries)) => match entry(entries, key) {
                    Some(entry) => {
                        found = Found { tree: &entry.value, key: Some(entry.key_span), exact: true }
                    }
                    None => return Some(found.inexact()),
                },
                (PathItem::Index(index), Item::List(list)) => match list.get(*index) {
                    Some(tree) => found = Found { tree, key: None, exact: true },
                    None => return Some(found.inexact()),
                },
                _ => return Some(found.inexact()),
            }
        }
        Some(found)
    }
}

/// The entry with this key.
pub(crate) fn entry<'t>(entries: &'t [Entry], key: &str) -> Option<&'t Entry> {
    entries.iter().find(|entry| entry.key.as_str() == key)
}

struct Found<'t> {
    tree: &'t Tree,
    key: Option<Span>,
    exact: bool,
}

impl Found<'_> {
    fn inexact(self) -> Self {
        Found { exact: false, ..self }
    }

    fn place(&self) -> Span {
        let span = self.tree.span;
        if span.start == span.end { self.key.unwrap_or(span) } else { span }
    }
}
