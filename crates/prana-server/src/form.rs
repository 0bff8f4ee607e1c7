//! Fields written as `a=1&b=2`: query strings and forms.

use prana::Value;
use prana::template::{Map, Str};

/// More fields than this are left out.
const MAX_FIELDS: usize = 1_000;

/// The fields, in order. One that comes again becomes a list.
pub fn parse(text: &[u8]) -> Map {
    let mut fields: Vec<(String, Vec<Value>)> = Vec::new();
    let parts = text.split(|byte| *byte == b'&').filter(|part| !part.is_empty());
    for part in parts.take(MAX_FIELDS) {
        let at = part.iter().position(|byte| *byte == b'=');
        let (name, value) = at.map_or((part, &b""[..]), |at| (&part[..at], &part[at + 1..]));
        let (name, value) = (decode(name), Value::from(decode(value)));
        match fields.iter_mut().find(|(known, _)| *known == name) {
            Some((_, values)) => values.push(value),
            None => fields.push((name, vec![value])),
        }
    }
    let joined = fields.into_iter().map(|(name, mut values)| {
        let value = if values.len() == 1 { values.remove(0) } else { Value::from(values) };
        (Str::from(name), value)
    });
    joined.collect()
}

/// `+` is a space, `%41` a byte; what is not UTF-8 is replaced.
pub fn decode(text: &[u8]) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, tail @ ..] = rest {
        rest = tail;
        match (first, tail) {
            (b'+', _) => bytes.push(b' '),
            (b'%', [high, low, after @ ..]) => match (digit(*high), digit(*low)) {
                (Some(high), Some(low)) => {
                    bytes.push(high << 4 | low);
                    rest = after;
                }
                _ => bytes.push(b'%'),
            },
            _ => bytes.push(*first),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A part of a path: `%41` is a byte, and `+` is itself.
pub fn decode_path(text: &str) -> String {
    decode(text.replace('+', "%2B").as_bytes())
}

/// The value of a hexadecimal digit.
pub fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).map(|digit| digit as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read() {
        for (text, expect) in [
            ("", "{}"),
            ("&&", "{}"),
            ("a=1&b=two+words&c", r#"{"a":"1","b":"two words","c":""}"#),
            ("a=1&a=2&a=3", r#"{"a":["1","2","3"]}"#),
            ("%61=%C3%BC&x=%zz%4", r#"{"a":"ü","x":"%zz%4"}"#),
            ("a=b=c&=d", r#"{"a":"b=c","":"d"}"#),
            ("a=%ff", "{\"a\":\"\u{fffd}\"}"),
        ] {
            assert_eq!(Value::Map(parse(text.as_bytes())).to_json_string(), expect, "{text}");
        }
    }
}
