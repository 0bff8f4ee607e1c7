//! JSON text: the parser straight into [`Value`], and the compact writer.

use std::fmt::Write;

use super::{List, MAX_DEPTH, Map, Str, Value};

/// JSON text that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} at line {line}, column {column}")]
pub struct JsonError {
    /// What is wrong.
    pub message: String,
    /// Bytes from the start of the text.
    pub offset: usize,
    /// Line, from 1.
    pub line: usize,
    /// Column in bytes, from 1.
    pub column: usize,
}

impl Value {
    /// Reads one JSON document: text or bytes.
    ///
    /// Integers beyond `i64` become floats. Of a repeated key the last value stays.
    ///
    /// # Errors
    /// Text that is not JSON or not UTF-8, numbers beyond a float (`1e400`), and nesting deeper than [`MAX_DEPTH`];
    /// the error says where.
    pub fn parse_json(json: impl AsRef<[u8]>) -> Result<Value, JsonError> {
        let bytes = json.as_ref();
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => return Err(error_at(bytes, error.valid_up_to(), "not UTF-8")),
        };
        let mut reader = Reader { text, at: 0, depth: 0 };
        reader.document().map_err(|message| error_at(bytes, reader.at, message))
    }

    /// Compact JSON. Floats keep a fraction or an exponent (`2.0` stays `2.0`) and read back as the same number.
    pub fn to_json_string(&self) -> String {
        let mut out = String::new();
        write_value(&mut out, self);
        out
    }
}

fn error_at(bytes: &[u8], offset: usize, message: impl Into<String>) -> JsonError {
    let before = &bytes[..offset.min(bytes.len())];
    let line = before.iter().filter(|&&b| b == b'\n').count() + 1;
    let column = before.iter().rev().take_while(|&&b| b != b'\n').count() + 1;
    JsonError { message: message.into(), offset, line, column }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: u32,
}

type Read<T> = Result<T, &'static str>;

impl Reader<'_> {
    fn document(&mut self) -> Read<Value> {
        let value = self.value()?;
        self.space();
        if self.at < self.text.len() { Err("unexpected text after the JSON document") } else { Ok(value) }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    fn value(&mut self) -> Read<Value> {
        self.space();
        match self.peek() {
            Some(b'"') => Ok(Value::Str(self.string()?)),
            Some(b'{') => self.nested(Self::map),
            Some(b'[') => self.nested(Self::list),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true", Value::Bool(true)),
            Some(b'f') => self.word("false", Value::Bool(false)),
            Some(b'n') => self.word("null", Value::Null),
            Some(_) => Err("expected a JSON value"),
            None => Err("the JSON text ends where a value should be"),
        }
    }

    fn word(&mut self, word: &str, value: Value) -> Read<Value> {
        if !self.text[self.at..].starts_with(word) {
            return Err("expected a JSON value");
        }
        self.at += word.len();
        Ok(value)
    }

    fn nested(&mut self, read: fn(&mut Self) -> Read<Value>) -> Read<Value> {
        if self.depth == MAX_DEPTH {
            return Err("nested deeper than 128 levels");
        }
        self.depth += 1;
        self.at += 1;
        let value = read(self)?;
        self.depth -= 1;
        Ok(value)
    }

    /// After an item: true when another one follows.
    fn more(&mut self, close: u8) -> Read<bool> {
        self.space();
        let next = self.peek();
        if next == Some(b',') || next == Some(close) {
            self.at += 1;
            return Ok(next == Some(b','));
        }
        Err(if close == b']' { "expected `,` or `]`" } else { "expected `,` or `}`" })
    }

    fn closes(&mut self, close: u8) -> bool {
        self.space();
        let closes = self.peek() == Some(close);
        self.at += usize::from(closes);
        closes
    }

    fn list(&mut self) -> Read<Value> {
        let mut items = Vec::new();
        if self.closes(b']') {
            return Ok(Value::List(List::new()));
        }
        loop {
            items.push(self.value()?);
            if !self.more(b']')? {
                return Ok(Value::List(items.into()));
            }
        }
    }

    fn map(&mut self) -> Read<Value> {
        let mut entries = Vec::new();
        if self.closes(b'}') {
            return Ok(Value::Map(Map::new()));
        }
        loop {
            self.space();
            if self.peek() != Some(b'"') {
                return Err("expected a key in double quotes");
            }
            let key = self.string()?;
            self.space();
            if self.peek() != Some(b':') {
                return Err("expected `:` after the key");
            }
            self.at += 1;
            entries.push((key, self.value()?));
            if !self.more(b'}')? {
                return Ok(Value::Map(entries.into()));
            }
        }
    }

    /// Text in quotes; most needs no unescaping and is taken straight from the source.
    fn string(&mut self) -> Read<Str> {
        self.at += 1;
        let start = self.at;
        self.plain()?;
        if self.peek() == Some(b'"') {
            let text = &self.text[start..self.at];
            self.at += 1;
            return Ok(text.into());
        }
        let mut out = String::from(&self.text[start..self.at]);
        loop {
            if self.peek() == Some(b'"') {
                self.at += 1;
                return Ok(out.into());
            }
            out.push(self.escape()?);
            let start = self.at;
            self.plain()?;
            out.push_str(&self.text[start..self.at]);
        }
    }

    /// Goes to the next quote or backslash.
    fn plain(&mut self) -> Read<()> {
        let rest = &self.text.as_bytes()[self.at..];
        let Some(length) = rest.iter().position(|&b| b == b'"' || b == b'\\' || b < 0x20) else {
            self.at = self.text.len();
            return Err("the text is not closed");
        };
        self.at += length;
        if rest[length] < 0x20 { Err("a control character inside text must be escaped") } else { Ok(()) }
    }

    fn escape(&mut self) -> Read<char> {
        let kind = self.text.as_bytes().get(self.at + 1).copied().ok_or("the text is not closed")?;
        let plain = match kind {
            b'"' | b'\\' | b'/' => kind as char,
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.unicode(),
            _ => return Err("unknown escape in text"),
        };
        self.at += 2;
        Ok(plain)
    }

    fn unicode(&mut self) -> Read<char> {
        let (unit, length) =
            unicode_escape(&self.text.as_bytes()[self.at..]).ok_or("bad \\u escape in text")?;
        self.at += length;
        Ok(unit)
    }

    fn number(&mut self) -> Read<Value> {
        let rest = &self.text[self.at..];
        let length = number_length(rest.as_bytes()).ok_or("bad number")?;
        let number = &rest[..length];
        let value = match number.parse::<i64>() {
            Ok(int) if number != "-0" => Value::Int(int),
            _ => finite(number)?,
        };
        self.at += length;
        Ok(value)
    }
}

fn finite(number: &str) -> Read<Value> {
    let float: f64 = number.parse().map_err(|_| "bad number")?;
    if float.is_finite() { Ok(Value::Float(float)) } else { Err("the number is beyond the range of a float") }
}

/// Length of the JSON number that the text begins with.
pub(crate) fn number_length(text: &[u8]) -> Option<usize> {
    let digits = |from: usize| text[from..].iter().take_while(|b| b.is_ascii_digit()).count();
    let sign = usize::from(text.first() == Some(&b'-'));
    let whole = digits(sign);
    if whole == 0 || whole > 1 && text[sign] == b'0' {
        return None;
    }
    let mut at = sign + whole;
    if text.get(at) == Some(&b'.') {
        let fraction = digits(at + 1);
        if fraction == 0 {
            return None;
        }
        at += 1 + fraction;
    }
    if let Some(b'e' | b'E') = text.get(at) {
        let sign = usize::from(matches!(text.get(at + 1), Some(b'+' | b'-')));
        let exponent = digits(at + 1 + sign);
        if exponent == 0 {
            return None;
        }
        at += 1 + sign + exponent;
    }
    Some(at)
}

/// Reads `\uXXXX`, or two of them that make one character, at the start of the text: the character and the length.
pub(crate) fn unicode_escape(text: &[u8]) -> Option<(char, usize)> {
    let unit = |at: usize| {
        let hex = text.get(at..at + 6)?.strip_prefix(b"\\u")?;
        if !hex.iter().all(u8::is_ascii_hexdigit) {
            return None;
        }
        u32::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok()
    };
    let first = unit(0)?;
    if let Some(c) = char::from_u32(first) {
        return Some((c, 6));
    }
    let second = unit(6).filter(|low| (0xDC00..0xE000).contains(low))?;
    let joined = 0x10000 + ((first.checked_sub(0xD800)? & 0x3FF) << 10) + (second - 0xDC00);
    if first >= 0xDC00 {
        return None;
    }
    char::from_u32(joined).map(|c| (c, 12))
}

/// Writes compact JSON.
pub(crate) fn write_value(out: &mut String, value: &Value) {
    write_value_within(out, value, usize::MAX);
}

/// Writes compact JSON and stops early, with false, when it is clear that `out` gets longer than `limit`.
pub(crate) fn write_value_within(out: &mut String, value: &Value, limit: usize) -> bool {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Int(n) => write_int(out, *n),
        Value::Float(x) => write_float(out, *x),
        Value::Str(text) if text.len() > limit => return false,
        Value::Str(text) => write_json_text(out, text),
        Value::List(list) => {
            for (i, item) in list.iter().enumerate() {
                out.push(if i == 0 { '[' } else { ',' });
                if !write_value_within(out, item, limit) {
                    return false;
                }
            }
            out.push_str(if list.is_empty() { "[]" } else { "]" });
        }
        Value::Map(map) => {
            for (i, (key, value)) in map.iter().enumerate() {
                out.push(if i == 0 { '{' } else { ',' });
                write_json_text(out, key);
                out.push(':');
                if !write_value_within(out, value, limit) {
                    return false;
                }
            }
            out.push_str(if map.is_empty() { "{}" } else { "}" });
        }
    }
    out.len() <= limit
}

/// Writes an integer.
pub(crate) fn write_int(out: &mut String, n: i64) {
    let mut digits = [0u8; 20];
    let mut at = digits.len();
    let mut rest = n.unsigned_abs();
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if n < 0 {
        out.push('-');
    }
    out.extend(digits[at..].iter().map(|&d| d as char));
}

/// Writes the shortest text that reads back as the same float, always with a fraction or an exponent.
pub(crate) fn write_float(out: &mut String, x: f64) {
    if let Some(number) = serde_json::Number::from_f64(x) {
        // Writing to a string can't fail.
        let _ = write!(out, "{number}");
    }
}

/// Writes text in quotes, escaped as JSON wants it.
pub(crate) fn write_json_text(out: &mut String, text: &str) {
    out.reserve(text.len() + 2);
    out.push('"');
    let mut start = 0;
    for (at, byte) in text.bytes().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.push_str(&text[start..at]);
        start = at + 1;
        match byte {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            0x08 => out.push_str("\\b"),
            0x0C => out.push_str("\\f"),
            _ => {
                let _ = write!(out, "\\u{byte:04x}");
            }
        }
    }
    out.push_str(&text[start..]);
    out.push('"');
}
