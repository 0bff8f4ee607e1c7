//! Reading the parts of a tree as what they must be, and saying what is wrong with all of them.

use std::ops::{Range, RangeInclusive};

use prana_template::Map;

use super::source::{Source, entry};
use super::tree::{Entry, Item, Span, Tree, map_of};
use crate::diagnostic::{Diagnostic, DocPath, PathItem};
use crate::duration;
use crate::nearest::nearest;

/// The codes of findings in one part of a document.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Codes {
    pub malformed: &'static str,
    pub unknown: &'static str,
}

/// Collects findings while a tree is read, and knows where in the document it is.
pub(crate) struct Reader<'s> {
    source: Option<&'s Source>,
    pub findings: Vec<Diagnostic>,
    path: DocPath,
    node: Option<String>,
    codes: Codes,
}

/// A map whose keys were checked against those that are known.
#[derive(Clone, Copy)]
pub(crate) struct Fields<'t> {
    entries: &'t [Entry],
    span: Span,
}

impl<'t> Fields<'t> {
    /// The entry with this key, unless its value is null: an optional field that is null is absent.
    pub fn present(&self, key: &str) -> Option<&'t Entry> {
        self.given(key).filter(|entry| !entry.value.is_null())
    }

    /// The entry with this key, null included.
    pub fn given(&self, key: &str) -> Option<&'t Entry> {
        entry(self.entries, key)
    }

    pub fn entries(&self) -> &'t [Entry] {
        self.entries
    }

    pub fn span(&self) -> Span {
        self.span
    }
}

impl<'s> Reader<'s> {
    pub fn new(source: Option<&'s Source>, codes: Codes) -> Self {
        Reader { source, findings: Vec::new(), path: DocPath::root(), node: None, codes }
    }

    pub fn path(&self) -> &DocPath {
        &self.path
    }

    /// The line that a span starts in, from 1.
    pub fn line_of(&self, span: Span) -> Option<u32> {
        self.source.and_then(|source| source.location_of(span)).map(|place| place.line)
    }

    /// The text that a value was written as; empty where there is no source.
    pub fn written(&self, tree: &Tree) -> &'s str {
        self.source.map_or("", |source| source.slice(tree.span))
    }

    /// Reads something one step further in.
    pub fn within<T>(&mut self, item: impl Into<PathItem>, read: impl FnOnce(&mut Self) -> T) -> T {
        self.path.push(item);
        let result = read(self);
        self.path.pop();
        result
    }

    /// Reads something with other codes.
    pub fn with_codes<T>(&mut self, codes: Codes, read: impl FnOnce(&mut Self) -> T) -> T {
        let outer = std::mem::replace(&mut self.codes, codes);
        let result = read(self);
        self.codes = outer;
        result
    }

    /// Reads something that belongs to a node.
    pub fn about_node<T>(&mut self, key: Option<String>, read: impl FnOnce(&mut Self) -> T) -> T {
        let outer = std::mem::replace(&mut self.node, key);
        let result = read(self);
        self.node = outer;
        result
    }

    /// Adds a finding about this place.
    pub fn error(&mut self, code: &'static str, span: Span, message: impl Into<String>) -> &mut Diagnostic {
        let location = self.source.and_then(|source| source.location_of(span));
        let mut finding =
            Diagnostic::error(code, message).with_path(self.path.clone()).with_location(location);
        finding.node.clone_from(&self.node);
        let at = self.findings.len();
        self.findings.push(finding);
        &mut self.findings[at]
    }

    /// Adds the finding that something is malformed.
    pub fn malformed(&mut self, span: Span, message: impl Into<String>, help: impl Into<String>) {
        self.error(self.codes.malformed, span, message).help = Some(help.into());
    }

    /// Adds the finding that a part of a text is malformed.
    pub fn malformed_part(
        &mut self,
        tree: &Tree,
        part: Range<usize>,
        message: impl Into<String>,
        help: &str,
    ) {
        let exact = self.source.and_then(|source| source.part_of(tree, part));
        let finding = self.error(self.codes.malformed, tree.span, message);
        finding.help = Some(help.to_owned());
        finding.location = exact.or(finding.location);
    }

    /// What this place is called in messages.
    pub fn label(&self) -> String {
        match self.path.items() {
            [] => "the document".to_owned(),
            [.., PathItem::Key(list), PathItem::Index(index)] => format!("entry {} of `{list}`", index + 1),
            [.., PathItem::Key(key)] => format!("`{key}`"),
            [.., PathItem::Index(index)] => format!("entry {}", index + 1),
        }
    }

    /// Adds the finding that a value is something else than it must be.
    pub fn mismatch(&mut self, tree: &Tree, must: &str) {
        let message = format!("{} must be {must}, not {}", self.label(), tree.kind());
        let help = match tree.item {
            Item::Bool(_) | Item::Int(_) | Item::Float(_) if must.starts_with("text") => {
                Some(format!("put it in quotes: \"{}\"", self.written(tree)))
            }
            Item::Text(_) if must == "true or false" => {
                Some("write true or false, without quotes".to_owned())
            }
            _ => None,
        };
        self.error(self.codes.malformed, tree.span, message).help = help;
    }

    /// The fields of a map, all of whose keys must be known.
    pub fn fields<'t>(&mut self, tree: &'t Tree, what: &str, known: &[&str]) -> Option<Fields<'t>> {
        let fields = self.open_fields(tree, what)?;
        for entry in fields.entries.iter().filter(|entry| !known.contains(&entry.key.as_str())) {
            self.unknown_field(entry, what, known);
        }
        Some(fields)
    }

    /// The fields of a map that may have any keys.
    pub fn open_fields<'t>(&mut self, tree: &'t Tree, what: &str) -> Option<Fields<'t>> {
        match &tree.item {
            Item::Map(entries) => Some(Fields { entries, span: tree.span }),
            _ => {
                self.mismatch(tree, &format!("a map ({what})"));
                None
            }
        }
    }

    fn unknown_field(&mut self, entry: &Entry, what: &str, known: &[&str]) {
        let message = format!("{what} has no field `{}`", entry.key);
        let help = match nearest(&entry.key, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("its fields are {}", known.join(", ")),
        };
        let code = self.codes.unknown;
        self.within(entry.key.as_str(), |reader| {
            reader.error(code, entry.key_span, message).help = Some(help)
        });
    }

    /// A field that must be there, and not null.
    pub fn required<'t, T>(
        &mut self,
        fields: &Fields<'t>,
        what: &str,
        key: &str,
        read: impl FnOnce(&mut Self, &'t Tree) -> Option<T>,
    ) -> Option<T> {
        if fields.present(key).is_none() {
            let span = fields.given(key).map_or(fields.span, |entry| entry.key_span);
            let span = Span { end: span.end.min(self.line_end(span)), ..span };
            self.malformed(span, format!("{what} needs `{key}`"), format!("add `{key}: ...`"));
            return None;
        }
        self.optional(fields, key, read)
    }

    /// The end of the line that a span starts in, so that a long map is not underlined whole.
    fn line_end(&self, span: Span) -> u32 {
        let text = self.source.map_or("", |source| source.slice(span));
        let first = text.split(['\r', '\n']).next().unwrap_or("");
        span.start.saturating_add(u32::try_from(first.len()).unwrap_or(0))
    }

    /// A field that may be absent or null.
    pub fn optional<'t, T>(
        &mut self,
        fields: &Fields<'t>,
        key: &str,
        read: impl FnOnce(&mut Self, &'t Tree) -> Option<T>,
    ) -> Option<T> {
        let entry = fields.present(key)?;
        self.within(key, |reader| read(reader, &entry.value))
    }

    pub fn text(&mut self, tree: &Tree) -> Option<String> {
        match &tree.item {
            Item::Text(text) => Some(text.to_string()),
            _ => {
                self.mismatch(tree, "text");
                None
            }
        }
    }

    /// Text, where a bare `true` or `7` means the text as written: names of ports.
    pub fn name(&mut self, tree: &Tree) -> Option<String> {
        match &tree.item {
            Item::Bool(bool) => Some(bool.to_string()),
            Item::Int(_) | Item::Float(_) if !self.written(tree).is_empty() => {
                Some(self.written(tree).to_owned())
            }
            Item::Int(int) => Some(int.to_string()),
            _ => self.text(tree),
        }
    }

    pub fn bool(&mut self, tree: &Tree) -> Option<bool> {
        match tree.item {
            Item::Bool(bool) => Some(bool),
            _ => {
                self.mismatch(tree, "true or false");
                None
            }
        }
    }

    pub fn integer(&mut self, tree: &Tree, range: RangeInclusive<u64>) -> Option<u64> {
        let must = match *range.end() {
            u64::MAX => format!("a whole number, {} or more", range.start()),
            end => format!("a whole number from {} to {end}", range.start()),
        };
        let whole = match tree.item {
            Item::Int(int) => u64::try_from(int).ok(),
            Item::Float(_) => None,
            _ => {
                self.mismatch(tree, &must);
                return None;
            }
        };
        whole.filter(|number| range.contains(number)).or_else(|| self.out_of_range(tree, &must))
    }

    pub fn float(&mut self, tree: &Tree, range: RangeInclusive<f64>) -> Option<f64> {
        let float = match tree.item {
            #[allow(clippy::cast_precision_loss)]
            Item::Int(int) => int as f64,
            Item::Float(float) => float,
            _ => {
                self.mismatch(tree, "a number");
                return None;
            }
        };
        let must = format!("a number from {} to {}", range.start(), range.end());
        if range.contains(&float) { Some(float) } else { self.out_of_range(tree, &must) }
    }

    fn out_of_range<T>(&mut self, tree: &Tree, must: &str) -> Option<T> {
        let found = match tree.item {
            Item::Int(int) => int.to_string(),
            Item::Float(float) => float.to_string(),
            _ => tree.kind().to_owned(),
        };
        let message = format!("{} must be {must}, not {found}", self.label());
        self.error(self.codes.malformed, tree.span, message);
        None
    }

    /// One of a few words.
    pub fn word<T>(
        &mut self,
        tree: &Tree,
        words: &[&str],
        from_word: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let must = format!("one of {}", words.join(", "));
        let Item::Text(text) = &tree.item else {
            self.mismatch(tree, &must);
            return None;
        };
        from_word(text).or_else(|| {
            let message = format!("{} must be {must}, not `{text}`", self.label());
            let near = nearest(text, words.iter().copied()).map(|near| format!("did you mean `{near}`?"));
            self.error(self.codes.malformed, tree.span, message).help = near;
            None
        })
    }

    /// Milliseconds, given as `30s` or as a number.
    pub fn duration(&mut self, tree: &Tree) -> Option<u64> {
        let parsed = match &tree.item {
            Item::Int(int) if *int >= 0 => duration::from_millis(int.unsigned_abs()),
            Item::Text(text) => duration::parse(text),
            _ => Err(duration::DurationError::Malformed),
        };
        let said = parsed.map_err(|error| format!("{} is not a duration: {error}", self.label()));
        said.map_err(|message| self.error(self.codes.malformed, tree.span, message)).ok()
    }

    pub fn map(&mut self, tree: &Tree, what: &str) -> Option<Map> {
        self.open_fields(tree, what).map(|fields| map_of(fields.entries))
    }

    pub fn list<'t>(&mut self, tree: &'t Tree, what: &str) -> Option<&'t [Tree]> {
        match &tree.item {
            Item::List(list) => Some(list),
            _ => {
                self.mismatch(tree, &format!("a list ({what})"));
                None
            }
        }
    }

    /// Each entry of a list; entries that can't be read are left out.
    pub fn each<'t, T>(
        &mut self,
        tree: &'t Tree,
        what: &str,
        mut read: impl FnMut(&mut Self, &'t Tree) -> Option<T>,
    ) -> Option<Vec<T>> {
        let list = self.list(tree, what)?;
        let each = list.iter().enumerate();
        Some(each.filter_map(|(index, item)| self.within(index, |reader| read(reader, item))).collect())
    }
}
