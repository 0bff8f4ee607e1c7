//! JSON text into a [`Tree`].

use super::scalar::{self, BadNumber};
use super::tree::{Entry, Item, MAX_DEPTH, Span, Tree};

/// Why a text is not JSON.
#[derive(Debug)]
pub(crate) struct JsonError {
    pub offset: usize,
    pub message: String,
    /// Whether the text breaks a limit, so that reading it in another way is no use either.
    pub limit: bool,
}

/// A tree, and the numbers in it that can't be kept.
pub(crate) struct JsonTree {
    pub tree: Tree,
    pub bad_numbers: Vec<(Span, BadNumber)>,
}

/// Reads one JSON value that fills the text.
pub(crate) fn read(text: &str) -> Result<JsonTree, JsonError> {
    let mut reader = Reader { text, at: 0, bad_numbers: Vec::new() };
    let tree = reader.value(0)?;
    reader.skip_blanks();
    match reader.peek() {
        None => Ok(JsonTree { tree, bad_numbers: reader.bad_numbers }),
        Some(_) => Err(reader.error("there is more text after the end of the document")),
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    bad_numbers: Vec<(Span, BadNumber)>,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    fn error(&self, message: impl Into<String>) -> JsonError {
        JsonError { offset: self.at, message: message.into(), limit: false }
    }

    fn expected(&self, what: &str) -> JsonError {
        match self.text[self.at..].chars().next() {
            Some(found) if found.is_control() => self.error(format!("expected {what}, found {found:?}")),
            Some(found) => self.error(format!("expected {what}, found `{found}`")),
            None => self.error(format!("expected {what}, but the text ends here")),
        }
    }

    fn value(&mut self, depth: usize) -> Result<Tree, JsonError> {
        self.skip_blanks();
        let start = self.at;
        let item = match self.peek() {
            Some(b'{') => self.map(depth + 1)?,
            Some(b'[') => self.list(depth + 1)?,
            Some(b'"') => Item::Text(self.string()?.into()),
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(b't') => self.word("true", Item::Bool(true))?,
            Some(b'f') => self.word("false", Item::Bool(false))?,
            Some(b'n') => self.word("null", Item::Null)?,
            _ => return Err(self.expected("a value")),
        };
        Ok(Tree::new(Span::new(start, self.at), item))
    }

    fn open(&mut self, depth: usize) -> Result<(), JsonError> {
        if depth > MAX_DEPTH {
            let message = format!("lists and maps are nested more than {MAX_DEPTH} deep");
            return Err(JsonError { limit: true, ..self.error(message) });
        }
        self.at += 1;
        self.skip_blanks();
        Ok(())
    }

    fn map(&mut self, depth: usize) -> Result<Item, JsonError> {
        self.open(depth)?;
        let mut entries = Vec::new();
        if self.closes(b'}') {
            return Ok(Item::Map(entries));
        }
        loop {
            entries.push(self.entry(depth)?);
            if !self.goes_on(b'}', "`,` or `}`")? {
                return Ok(Item::Map(entries));
            }
        }
    }

    fn entry(&mut self, depth: usize) -> Result<Entry, JsonError> {
        self.skip_blanks();
        let start = self.at;
        if self.peek() != Some(b'"') {
            return Err(self.expected("a key in double quotes"));
        }
        let key = self.string()?;
        let key_span = Span::new(start, self.at);
        self.skip_blanks();
        if self.peek() != Some(b':') {
            return Err(self.expected("`:` after the key"));
        }
        self.at += 1;
        Ok(Entry { key: key.into(), key_span, value: self.value(depth)? })
    }

    fn list(&mut self, depth: usize) -> Result<Item, JsonError> {
        self.open(depth)?;
        let mut items = Vec::new();
        if self.closes(b']') {
            return Ok(Item::List(items));
        }
        loop {
            items.push(self.value(depth)?);
            if !self.goes_on(b']', "`,` or `]`")? {
                return Ok(Item::List(items));
            }
        }
    }

    fn closes(&mut self, close: u8) -> bool {
        let closes = self.peek() == Some(close);
        self.at += usize::from(closes);
        closes
    }

    fn goes_on(&mut self, close: u8, what: &str) -> Result<bool, JsonError> {
        self.skip_blanks();
        match self.peek() {
            Some(b',') => {
                self.at += 1;
                Ok(true)
            }
            Some(byte) if byte == close => {
                self.at += 1;
                Ok(false)
            }
            _ => Err(self.expected(what)),
        }
    }

    fn word(&mut self, word: &str, item: Item) -> Result<Item, JsonError> {
        if !self.text[self.at..].starts_with(word) {
            return Err(self.expected("a value"));
        }
        self.at += word.len();
        Ok(item)
    }

    fn number(&mut self) -> Result<Item, JsonError> {
        let start = self.at;
        self.at += usize::from(self.peek() == Some(b'-'));
        match self.digits()? {
            (b'0', more) if more > 1 => {
                return Err(self.error("a number must not begin with a superfluous 0"));
            }
            _ => {}
        }
        if self.closes(b'.') {
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            self.at += usize::from(matches!(self.peek(), Some(b'+' | b'-')));
            self.digits()?;
        }
        Ok(scalar::number(&self.text[start..self.at]).unwrap_or_else(|bad| {
            self.bad_numbers.push((Span::new(start, self.at), bad));
            Item::Text(self.text[start..self.at].into())
        }))
    }

    /// The first digit and how many there are.
    fn digits(&mut self) -> Result<(u8, usize), JsonError> {
        let Some(first @ b'0'..=b'9') = self.peek() else { return Err(self.expected("a digit")) };
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        Ok((first, self.at - start))
    }

    fn string(&mut self) -> Result<String, JsonError> {
        let opening = self.at;
        self.at += 1;
        let mut text = String::new();
        loop {
            let rest = &self.text[self.at..];
            let plain =
                rest.bytes().position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f)).unwrap_or(rest.len());
            text.push_str(&rest[..plain]);
            self.at += plain;
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => text.push(self.escape()?),
                Some(_) => {
                    return Err(self.error(
                        "line breaks and control characters in text are written as \\n, \\t, \\u0001",
                    ));
                }
                None => {
                    self.at = opening;
                    return Err(self.error("this text has no closing quote"));
                }
            }
        }
        self.at += 1;
        Ok(text)
    }

    fn escape(&mut self) -> Result<char, JsonError> {
        let escaped = match self.text.as_bytes().get(self.at + 1) {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.coded(),
            _ => return Err(self.error("unknown escape: after a backslash comes one of \" \\ / b f n r t u")),
        };
        self.at += 2;
        Ok(escaped)
    }

    fn coded(&mut self) -> Result<char, JsonError> {
        let high = self.hex(self.at)?;
        let (code, length) = match high {
            0xd800..=0xdbff if self.text[self.at + 6..].starts_with("\\u") => {
                let low = self.hex(self.at + 6)?;
                (
                    0x10000 + ((high - 0xd800) << 10) + low.wrapping_sub(0xdc00) % 0x400,
                    if low >> 10 == 0x37 { 12 } else { 0 },
                )
            }
            _ => (high, 6),
        };
        match char::from_u32(code) {
            Some(char) if length > 0 => {
                self.at += length;
                Ok(char)
            }
            _ => Err(self.error("half of a pair of \\u escapes: both halves are needed")),
        }
    }

    /// The four digits of the `\u` escape that starts at an offset.
    fn hex(&self, at: usize) -> Result<u32, JsonError> {
        let digits = self
            .text
            .get(at + 2..at + 6)
            .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        digits
            .and_then(|digits| u32::from_str_radix(digits, 16).ok())
            .ok_or_else(|| self.error("after \\u come four hexadecimal digits"))
    }
}
