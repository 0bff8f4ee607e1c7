//! From a place inside a text value to the place in the source that it was written at.
//!
//! The way a value is written (plain, quoted, block) is told by its first character; the source is then decoded once
//! more, each decoded character with its place. Where that does not give the value back, there is no answer: the
//! caller then points at the whole value.

use std::iter::Peekable;
use std::ops::Range;
use std::str::CharIndices;

/// The bytes of `source` that gave the bytes `range` of `value`.
pub(crate) fn source_range(source: &str, value: &str, range: Range<usize>) -> Option<Range<usize>> {
    let decoded = decode(source)?;
    if decoded.text.get(..range.end)? != value.get(..range.end)? {
        return None;
    }
    decoded.range(range)
}

/// The bytes of `source` that gave the bytes `range` of the value that it decodes to.
pub(crate) fn decoded_range(source: &str, range: Range<usize>) -> Option<Range<usize>> {
    decode(source)?.range(range)
}

fn decode(source: &str) -> Option<Decoded> {
    match source.chars().next()? {
        '"' => flow(source, Quotes::Double),
        '\'' => flow(source, Quotes::Single),
        '|' => block(source, false),
        '>' => block(source, true),
        _ => flow(source, Quotes::None),
    }
}

/// Decoded characters, each with the place in the source where it starts and ends.
#[derive(Default)]
struct Decoded {
    text: String,
    /// For each byte of `text`, the source bytes of its character.
    places: Vec<Range<usize>>,
}

impl Decoded {
    fn push(&mut self, decoded: char, place: Range<usize>) {
        self.text.push(decoded);
        self.places.extend(std::iter::repeat_n(place, decoded.len_utf8()));
    }

    fn trim_blanks(&mut self) {
        let kept = self.text.trim_end_matches([' ', '\t']).len();
        self.text.truncate(kept);
        self.places.truncate(kept);
    }

    fn range(&self, range: Range<usize>) -> Option<Range<usize>> {
        let after = self.places.last().map_or(0, |place| place.end);
        let start = self.places.get(range.start).map_or(after, |place| place.start);
        let end = if range.is_empty() { start } else { self.places.get(range.end - 1)?.end };
        Some(start..end.max(start))
    }
}

#[derive(PartialEq, Clone, Copy)]
enum Quotes {
    None,
    Single,
    Double,
}

/// Plain and quoted scalars: escapes, and line breaks that fold into blanks.
fn flow(source: &str, quotes: Quotes) -> Option<Decoded> {
    let mut decoded = Decoded::default();
    let mut chars = source.char_indices().peekable();
    if quotes != Quotes::None {
        chars.next();
    }
    while let Some((at, char)) = chars.next() {
        match char {
            '"' if quotes == Quotes::Double => break,
            '\\' if quotes == Quotes::Double => escape(at, &mut chars, &mut decoded)?,
            '\'' if quotes == Quotes::Single => match chars.next_if(|(_, next)| *next == '\'') {
                Some(_) => decoded.push('\'', at..at + 2),
                None => break,
            },
            '\r' if chars.peek().is_some_and(|(_, next)| *next == '\n') => {}
            '\n' => fold(at, &mut chars, &mut decoded),
            _ => decoded.push(char, at..at + char.len_utf8()),
        }
    }
    Some(decoded)
}

/// A line break in a flow scalar: one break is a blank, each further one a line feed.
fn fold(at: usize, chars: &mut Peekable<CharIndices<'_>>, decoded: &mut Decoded) {
    decoded.trim_blanks();
    let mut breaks = 0;
    while let Some((_, char)) = chars.next_if(|(_, next)| matches!(next, ' ' | '\t' | '\r' | '\n')) {
        breaks += usize::from(char == '\n');
    }
    match breaks {
        0 => decoded.push(' ', at..at + 1),
        _ => (0..breaks).for_each(|_| decoded.push('\n', at..at + 1)),
    }
}

/// What follows a backslash in double quotes.
fn escape(at: usize, chars: &mut Peekable<CharIndices<'_>>, decoded: &mut Decoded) -> Option<()> {
    let (next_at, next) = chars.next()?;
    let simple = match next {
        'n' => '\n',
        't' | '\t' => '\t',
        'r' => '\r',
        '0' => '\0',
        'a' => '\u{7}',
        'b' => '\u{8}',
        'v' => '\u{b}',
        'f' => '\u{c}',
        'e' => '\u{1b}',
        '"' | '\\' | '/' | ' ' => next,
        'N' => '\u{85}',
        '_' => '\u{a0}',
        'x' | 'u' | 'U' => return coded(at, next, chars, decoded),
        _ => return None,
    };
    decoded.push(simple, at..next_at + next.len_utf8());
    Some(())
}

/// A character given by its number, as `\x41`, `\u0041`, `\U00000041`, or a pair of surrogates.
fn coded(at: usize, kind: char, chars: &mut Peekable<CharIndices<'_>>, decoded: &mut Decoded) -> Option<()> {
    let digits = match kind {
        'x' => 2,
        'u' => 4,
        _ => 8,
    };
    let (mut code, mut end) = hex(digits, chars)?;
    if (0xd800..0xdc00).contains(&code) {
        let pair = chars.next().zip(chars.next());
        pair.filter(|((_, slash), (_, u))| (*slash, *u) == ('\\', 'u'))?;
        let (low, low_end) = hex(4, chars)?;
        code = 0x10000 + ((code - 0xd800) << 10) + low.checked_sub(0xdc00)?;
        end = low_end;
    }
    decoded.push(char::from_u32(code)?, at..end);
    Some(())
}

fn hex(digits: usize, chars: &mut Peekable<CharIndices<'_>>) -> Option<(u32, usize)> {
    let (mut code, mut end) = (0, 0);
    for _ in 0..digits {
        let (at, char) = chars.next()?;
        code = code * 16 + char.to_digit(16)?;
        end = at + 1;
    }
    Some((code, end))
}

/// Block scalars: `|` keeps lines, `>` folds them.
fn block(source: &str, folded: bool) -> Option<Decoded> {
    let header = source.lines().next()?;
    let body_start = source.find('\n')? + 1;
    let indent = block_indent(header, &source[body_start..])?;
    let mut decoded = Decoded::default();
    let mut at = body_start;
    for line in source[body_start..].split_inclusive('\n') {
        let content = line.trim_end_matches(['\n', '\r']);
        let skip = indent.min(content.len() - content.trim_start_matches(' ').len());
        if folded {
            fold_block_line(&mut decoded, &content[skip..], at + skip);
        } else {
            push_all(&mut decoded, &content[skip..], at + skip);
        }
        if content.len() < line.len() {
            decoded.push('\n', at + content.len()..at + line.len());
        }
        at += line.len();
    }
    Some(decoded)
}

/// How far the lines of a block scalar are indented: by its first line that is not empty. A scalar that gives the
/// number itself is rare, and the number is relative to what surrounds it: no answer.
fn block_indent(header: &str, body: &str) -> Option<usize> {
    let said = header.split('#').next()?.bytes().any(|byte| byte.is_ascii_digit());
    let first = body.lines().find(|line| !line.trim_matches(' ').is_empty());
    (!said).then_some(first.map_or(0, |line| line.len() - line.trim_start_matches(' ').len()))
}

fn push_all(decoded: &mut Decoded, content: &str, at: usize) {
    for (offset, char) in content.char_indices() {
        decoded.push(char, at + offset..at + offset + char.len_utf8());
    }
}

/// A line of a folded scalar: the break before it becomes a blank, or goes where empty lines stand between, unless
/// one of the two lines is indented further.
fn fold_block_line(decoded: &mut Decoded, content: &str, at: usize) {
    let breaks = decoded.text.len() - decoded.text.trim_end_matches('\n').len();
    let before = decoded.text.trim_end_matches('\n').rsplit('\n').next().unwrap_or("");
    let deeper = |line: &str| line.starts_with([' ', '\t']);
    let first = decoded.text.len() == breaks;
    if breaks > 0 && !first && !content.is_empty() && !deeper(content) && !deeper(before) {
        let place = decoded.places[decoded.text.len() - breaks].clone();
        decoded.text.remove(decoded.text.len() - breaks);
        decoded.places.remove(decoded.text.len() - breaks + 1);
        if breaks == 1 {
            decoded.push(' ', place);
        }
    }
    push_all(decoded, content, at);
}
