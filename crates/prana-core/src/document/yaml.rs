//! YAML text into [`Tree`]s, one per document of the stream.
//!
//! Built on parser events rather than on a deserialiser, because keys must stay text as written, every key and value
//! needs its place, and nesting and aliases must be bounded before anything recurses.

use granit_parser::{ErrorKind, Event, Parser, ScalarStyle, ScanError, Tag};
use prana_template::Str;
use rustc_hash::FxHashMap;

use super::scalar::{self, BadNumber};
use super::tree::{Entry, Item, MAX_DEPTH, Span, Tree};

/// Values that aliases may add to a document.
const MAX_ALIASED_VALUES: usize = 100_000;
/// Bytes of text that aliases may add to a document.
const MAX_ALIASED_BYTES: usize = 16 << 20;

/// Why a text is not YAML that can be taken.
#[derive(Debug)]
pub(crate) struct YamlError {
    pub span: Span,
    pub message: String,
    pub help: Option<String>,
    /// Whether the rest of the text was still read.
    pub survivable: bool,
}

/// The documents of a stream, and what is wrong inside them.
#[derive(Default)]
pub(crate) struct YamlStream {
    pub documents: Vec<Tree>,
    pub bad_numbers: Vec<(Span, BadNumber)>,
    pub errors: Vec<YamlError>,
}

/// Reads all documents. An error that is not survivable is the last one.
pub(crate) fn read(text: &str) -> YamlStream {
    let mut options = granit_parser::Options::default();
    options.set_emit_comments(false);
    options.flow_nesting_limit = MAX_DEPTH;
    options.block_nesting_limit = MAX_DEPTH;
    let mut builder = Builder::default();
    for next in Parser::new_from_str_with_options(text, options) {
        let taken = match next {
            Ok((event, span)) => builder.take(event, span_of(&span)),
            Err(error) => Err(syntax_error(&error)),
        };
        if let Err(error) = taken {
            builder.stream.errors.push(error);
            break;
        }
    }
    builder.stream
}

fn span_of(span: &granit_parser::Span) -> Span {
    span.byte_range().map_or(Span::NONE, |bytes| Span::new(bytes.start, bytes.end))
}

/// A list or map whose end has not come yet.
struct Frame {
    span: Span,
    anchor: usize,
    open: Open,
}

enum Open {
    List(Vec<Tree>),
    Map(Vec<Entry>, Option<(Str, Span)>),
}

/// A value that aliases refer to, with what each alias costs.
struct Anchored {
    tree: Tree,
    values: usize,
    bytes: usize,
    depth: usize,
}

#[derive(Default)]
struct Builder {
    stream: YamlStream,
    stack: Vec<Frame>,
    anchors: FxHashMap<usize, Anchored>,
    aliased_values: usize,
    aliased_bytes: usize,
}

impl Builder {
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), YamlError> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.scalar(&text, style, anchor, tag.as_deref(), span)
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.check_tag(tag.as_deref(), "seq", span);
                self.open(Open::List(Vec::new()), anchor, span)
            }
            Event::MappingStart(_, anchor, tag) => {
                self.check_tag(tag.as_deref(), "map", span);
                self.open(Open::Map(Vec::new(), None), anchor, span)
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(span),
            Event::Alias(anchor) => self.alias(anchor, span),
            Event::DocumentStart(..) => {
                self.anchors.clear();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Whether the next value is the key of a map.
    fn at_key(&self) -> bool {
        matches!(self.stack.last(), Some(Frame { open: Open::Map(_, None), .. }))
    }

    fn scalar(
        &mut self,
        text: &str,
        style: ScalarStyle,
        anchor: usize,
        tag: Option<&Tag>,
        span: Span,
    ) -> Result<(), YamlError> {
        if self.at_key() {
            if text == "<<" && style == ScalarStyle::Plain {
                self.complain(
                    span,
                    "`<<` does not merge maps here",
                    "write the keys out; a key that is called << goes in quotes",
                );
            }
            let text: Str = text.into();
            self.anchor(anchor, || Tree::new(span, Item::Text(text.clone())));
            return self.key(text, span);
        }
        let item = self.resolve(text, style, tag, span);
        let tree = Tree::new(span, item);
        self.anchor(anchor, || tree.clone());
        self.push(tree);
        Ok(())
    }

    fn resolve(&mut self, text: &str, style: ScalarStyle, tag: Option<&Tag>, span: Span) -> Item {
        let plain = style == ScalarStyle::Plain;
        let item = match tag.map(|tag| (tag, tag.core_suffix())) {
            None if plain => scalar::plain(text),
            None | Some((_, Some("str"))) => Ok(Item::Text(text.into())),
            Some((_, Some("int" | "float" | "bool" | "null"))) => scalar::plain(text),
            Some((tag, _)) => {
                self.unknown_tag(tag, span);
                Ok(Item::Null)
            }
        };
        item.unwrap_or_else(|bad| {
            self.stream.bad_numbers.push((span, bad));
            Item::Null
        })
    }

    fn check_tag(&mut self, tag: Option<&Tag>, core: &str, span: Span) {
        if let Some(tag) = tag.filter(|tag| tag.core_suffix() != Some(core)) {
            self.unknown_tag(tag, span);
        }
    }

    fn unknown_tag(&mut self, tag: &Tag, span: Span) {
        let message = format!("the tag `{}` has no meaning here", tag.original());
        self.complain(span, &message, "leave it out; text that begins with ! goes in quotes");
    }

    fn complain(&mut self, span: Span, message: &str, help: &str) {
        let (message, help) = (message.to_owned(), Some(help.to_owned()));
        self.stream.errors.push(YamlError { span, message, help, survivable: true });
    }

    fn key(&mut self, key: Str, span: Span) -> Result<(), YamlError> {
        if let Some(Frame { open: Open::Map(_, pending), .. }) = self.stack.last_mut() {
            *pending = Some((key, span));
        }
        Ok(())
    }

    fn push(&mut self, tree: Tree) {
        match self.stack.last_mut().map(|frame| &mut frame.open) {
            None => self.stream.documents.push(tree),
            Some(Open::List(list)) => list.push(tree),
            Some(Open::Map(entries, pending)) => {
                if let Some((key, key_span)) = pending.take() {
                    entries.push(Entry { key, key_span, value: tree });
                }
            }
        }
    }

    fn open(&mut self, open: Open, anchor: usize, span: Span) -> Result<(), YamlError> {
        if self.at_key() {
            return Err(fatal(span, "a key of a map is text, not a list or a map")
                .advise("a value that begins with { or [ goes in quotes, as in \"{{ $input.x }}\""));
        }
        if self.stack.len() >= MAX_DEPTH {
            return Err(too_deep(span));
        }
        self.stack.push(Frame { span, anchor, open });
        Ok(())
    }

    fn close(&mut self, span: Span) -> Result<(), YamlError> {
        let Some(frame) = self.stack.pop() else { return Ok(()) };
        let (item, end) = match frame.open {
            Open::List(list) => (list.last().map(|tree| tree.span), Item::List(list)),
            Open::Map(entries, _) => (entries.last().map(|entry| entry.value.span), Item::Map(entries)),
        };
        let (last, item) = (item, end);
        let tree = Tree::new(closed_span(frame.span, last, span), item);
        self.anchor(frame.anchor, || tree.clone());
        self.push(tree);
        Ok(())
    }

    fn anchor(&mut self, anchor: usize, tree: impl FnOnce() -> Tree) {
        if anchor != 0 {
            let mut anchored = Anchored { tree: tree(), values: 0, bytes: 0, depth: 0 };
            anchored.depth = measure(&anchored.tree, &mut anchored.values, &mut anchored.bytes);
            self.anchors.insert(anchor, anchored);
        }
    }

    fn alias(&mut self, anchor: usize, span: Span) -> Result<(), YamlError> {
        let Some(anchored) = self.anchors.get(&anchor) else {
            return Err(fatal(span, "this alias stands inside the value that it refers to"));
        };
        self.aliased_values += anchored.values;
        self.aliased_bytes += anchored.bytes;
        if self.aliased_values > MAX_ALIASED_VALUES || self.aliased_bytes > MAX_ALIASED_BYTES {
            return Err(fatal(span, "the aliases of this document repeat too much")
                .advise(format!("they may add {MAX_ALIASED_VALUES} values and 16 MiB of text")));
        }
        if self.stack.len() + anchored.depth > MAX_DEPTH {
            return Err(too_deep(span));
        }
        let tree = anchored.tree.clone();
        match (self.at_key(), tree.item) {
            (true, Item::Text(text)) => self.key(text, span),
            (true, _) => Err(fatal(span, "a key of a map is text")),
            (false, item) => {
                self.push(Tree::new(tree.span, item));
                Ok(())
            }
        }
    }
}

/// A collection in brackets ends with its bracket. One without ends with its last value: the parser sees the end only
/// at the next line that is indented less.
fn closed_span(start: Span, last: Option<Span>, end: Span) -> Span {
    let end = if end.start == end.end { last.map_or(start.end, |last| last.end) } else { end.end };
    Span { start: start.start, end: end.max(start.end) }
}

/// Counts values and bytes of text; returns how deep lists and maps are nested. Trees are at most [`MAX_DEPTH`] deep.
fn measure(tree: &Tree, values: &mut usize, bytes: &mut usize) -> usize {
    *values += 1;
    match &tree.item {
        Item::Text(text) => {
            *bytes += text.len();
            0
        }
        Item::List(list) => 1 + list.iter().map(|tree| measure(tree, values, bytes)).max().unwrap_or(0),
        Item::Map(entries) => {
            *bytes += entries.iter().map(|entry| entry.key.len()).sum::<usize>();
            1 + entries.iter().map(|entry| measure(&entry.value, values, bytes)).max().unwrap_or(0)
        }
        _ => 0,
    }
}

impl YamlError {
    fn advise(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

fn fatal(span: Span, message: &str) -> YamlError {
    YamlError { span, message: message.to_owned(), help: None, survivable: false }
}

fn too_deep(span: Span) -> YamlError {
    fatal(span, &format!("lists and maps are nested more than {MAX_DEPTH} deep"))
}

fn syntax_error(error: &ScanError) -> YamlError {
    let at = error.marker().byte_offset().unwrap_or_default();
    let span = Span::new(at, at);
    match explain(error.kind()) {
        Some((message, help)) => fatal(span, message).advise(help),
        None if *error.kind() == ErrorKind::RecursionLimitExceeded => too_deep(span),
        None => fatal(span, &format!("this is not YAML: {}", error.info())),
    }
}

/// The mistakes that people make most, in words that say what to do.
fn explain(kind: &ErrorKind) -> Option<(&'static str, &'static str)> {
    Some(match kind {
        ErrorKind::TabNotAllowed | ErrorKind::TabInBlockIndentation | ErrorKind::TabInIndentation => {
            ("a tab indents this line", "YAML is indented with blanks: replace the tab by blanks")
        }
        ErrorKind::TabAtBlockScalarStart => {
            ("a tab begins this block of text", "indent the block with blanks")
        }
        ErrorKind::UnclosedQuotedScalar => {
            ("this text has no closing quote", "add the quote that is missing")
        }
        ErrorKind::UnknownAnchor => (
            "this alias names an anchor that is not there",
            "an anchor is set before it is used: &name at the value, then *name; text that begins with * goes in quotes",
        ),
        ErrorKind::UnexpectedCharacter { .. } => {
            ("text cannot begin with this character", "put the text in quotes")
        }
        ErrorKind::MappingValueNotAllowed | ErrorKind::InvalidColonPlacement => (
            "a `:` is in the way",
            "text that holds `: ` goes in quotes; check that the lines above are indented alike",
        ),
        ErrorKind::ExpectedFlowMappingSeparator | ErrorKind::ExpectedFlowSequenceSeparator => (
            "a `,` or the closing bracket is missing",
            "text that begins with { or [ goes in quotes, as in \"{{ $input.x }}\"",
        ),
        ErrorKind::ExpectedBlockMappingKey => {
            ("this line is not indented like the keys before it", "keys of one map begin in the same column")
        }
        ErrorKind::ExpectedBlockSequenceEntry => (
            "this line is not indented like the list before it",
            "entries of one list begin with `- ` in the same column",
        ),
        ErrorKind::UnknownQuotedScalarEscape => {
            ("unknown escape in double quotes", "write a backslash as \\\\, or use single quotes")
        }
        _ => return None,
    })
}
