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
    let mut builder = Builder { text, ..Builder::default() };
    for next in Parser::new_from_str_with_options(text, options) {
        let taken = match next {
            Ok((event, span)) => {
                builder.tag_span = span.tag_span().map(|tag| span_of(&tag));
                builder.take(event, span_of(&span))
            }
            Err(error) => Err(syntax_error(&error, text)),
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
struct Builder<'a> {
    text: &'a str,
    /// Where the tag of the value at hand is.
    tag_span: Option<Span>,
    stream: YamlStream,
    stack: Vec<Frame>,
    anchors: FxHashMap<usize, Anchored>,
    aliased_values: usize,
    aliased_bytes: usize,
}

impl Builder<'_> {
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
        let span = match style {
            ScalarStyle::Literal | ScalarStyle::Folded => block_span(self.text, span),
            _ => span,
        };
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
                Ok(Item::Text(text.into()))
            }
        };
        item.unwrap_or_else(|bad| {
            self.stream.bad_numbers.push((span, bad));
            Item::Text(text.into())
        })
    }

    fn check_tag(&mut self, tag: Option<&Tag>, core: &str, span: Span) {
        if let Some(tag) = tag.filter(|tag| tag.core_suffix() != Some(core)) {
            self.unknown_tag(tag, span);
        }
    }

    fn unknown_tag(&mut self, tag: &Tag, span: Span) {
        let message = format!("the tag `{}` has no meaning here", tag.original());
        self.complain(
            self.tag_span.unwrap_or(span),
            &message,
            "leave it out; text that begins with ! goes in quotes",
        );
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

/// The span of a block scalar from its `|` or `>` to its last line; the parser begins at the first line of content.
fn block_span(text: &str, span: Span) -> Span {
    let Some(bytes) = span.range() else { return span };
    let before = text.get(..bytes.start).unwrap_or("").trim_end();
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let line = &before[line_start..];
    let is_header = |at: &usize| {
        let rest =
            line[at + 1..].trim_start_matches(|char: char| char.is_ascii_digit() || "+-".contains(char));
        rest.trim_start().is_empty() || rest.starts_with([' ', '\t']) && rest.trim_start().starts_with('#')
    };
    match line.match_indices(['|', '>']).map(|(at, _)| at).find(is_header) {
        Some(at) => {
            let start = line_start + at;
            let content = text.get(start..bytes.end).unwrap_or("").trim_end();
            Span::new(start, start + content.len())
        }
        None => span,
    }
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

fn syntax_error(error: &ScanError, text: &str) -> YamlError {
    let at = error.marker().byte_offset().unwrap_or_default().min(text.len());
    let tab = is_about_tabs(error.kind()).then(|| indenting_tab(text, at)).flatten();
    let span = tab.map_or(Span::new(at, at), |tab| Span::new(tab, tab + 1));
    match explain(error.kind()) {
        _ if *error.kind() == ErrorKind::RecursionLimitExceeded => too_deep(span),
        Some((message, help)) => fatal(span, message).advise(help),
        None => fatal(span, &format!("this is not YAML: {}", error.info())),
    }
}

fn is_about_tabs(kind: &ErrorKind) -> bool {
    use ErrorKind::*;
    matches!(
        kind,
        TabNotAllowed | TabInBlockIndentation | TabInIndentation | TabInPlainScalar | TabAtBlockScalarStart
    )
}

/// The first tab that indents a line, from the line of an offset on. Parsers tell of it at what came before.
fn indenting_tab(text: &str, at: usize) -> Option<usize> {
    let mut line_start = text.get(..at)?.rfind('\n').map_or(0, |end| end + 1);
    for line in text.get(line_start..)?.split_inclusive('\n').take(1000) {
        let indent = line.len() - line.trim_start_matches(' ').len();
        if line[indent..].starts_with('\t') {
            return Some(line_start + indent);
        }
        line_start += line.len();
    }
    None
}

/// The mistakes that people make most, in words that say what to do.
fn explain(kind: &ErrorKind) -> Option<(&'static str, &'static str)> {
    const BRACKETS: &str = "close it, or put the text in quotes: what begins with { or [ goes in quotes, as in \"{{ $input.x }}\"";
    Some(match kind {
        _ if is_about_tabs(kind) => {
            ("a tab indents this line", "YAML is indented with blanks: replace the tab by blanks")
        }
        ErrorKind::UnclosedQuotedScalar => {
            ("this text has no closing quote", "add the quote that is missing")
        }
        ErrorKind::InvalidQuotedScalarIndent => (
            "text in quotes goes on here",
            "a closing quote is missing above; text of several lines is indented",
        ),
        ErrorKind::InvalidTrailingSingleQuotedScalar => {
            ("there is more after the closing quote", "in single quotes a quote is written twice: 'it''s'")
        }
        ErrorKind::InvalidTrailingDoubleQuotedScalar => (
            "there is more after the closing quote",
            "put all of the text in quotes; within them a quote is written \\\"",
        ),
        ErrorKind::UnknownQuotedScalarEscape => {
            ("unknown escape in double quotes", "write a backslash as \\\\, or use single quotes")
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
            "keys of one map begin in the same column, a blank follows the `:`, and text that holds `: ` goes in quotes",
        ),
        ErrorKind::SimpleKeyExpected => {
            ("here a key and a `:` are expected", "write `key: value`, with a blank after the `:`")
        }
        ErrorKind::ExpectedFlowMappingSeparator | ErrorKind::ExpectedFlowSequenceSeparator => {
            ("a `,` or the closing bracket is missing", BRACKETS)
        }
        ErrorKind::UnclosedFlowCollection { .. } => ("this bracket is never closed", BRACKETS),
        ErrorKind::MismatchedFlowCollectionEnd { .. } => {
            ("this bracket is closed by one of another kind", BRACKETS)
        }
        ErrorKind::MisplacedFlowCollectionEnd => {
            ("this bracket closes nothing", "text that begins with } or ] goes in quotes")
        }
        ErrorKind::ExpectedBlockMappingKey | ErrorKind::ExpectedBlockSequenceEntry => (
            "this line is not indented like the lines that it belongs to",
            "keys of one map begin in the same column, and so do the `- ` of one list",
        ),
        ErrorKind::BlockSequenceEntryNotAllowed => {
            ("a list cannot begin here", "put the `- ` on a line of its own")
        }
        _ => return None,
    })
}
