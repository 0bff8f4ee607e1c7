//! JSON that is written as text with expressions in it.

use prana_template::{Map, Value};

use crate::n8n::expr::{Out, Piece, Shape, Texts, is_expression, level, literal, pieces, plain};

/// Stands for an expression within a text of the JSON; the number of it is in between.
const INSIDE: char = '\u{e000}';
/// Stands for an expression that is a value of the JSON.
const BARE: char = '\u{e001}';
const END: char = '\u{e002}';

/// The template of such a text.
///
/// # Errors
/// Why it is no JSON.
pub(super) fn template(texts: &mut Texts<'_>, text: &str) -> Result<Value, String> {
    if !is_expression(text) {
        let value = Value::parse_json(text).map_err(|error| error.to_string())?;
        return Ok(literal(&value));
    }
    let text = text[1..].trim();
    let pieces = pieces(text);
    if let [Piece::Expression(source)] = &pieces[..] {
        let out = texts.expression(source);
        return Ok(parsed(&out).template().into());
    }
    let (mut json, mut outs, mut quoted) = (String::new(), Vec::new(), false);
    for piece in &pieces {
        match piece {
            Piece::Plain(text) => {
                quoted = quoted_after(text, quoted);
                json.extend(text.chars().filter(|c| !matches!(*c, INSIDE | BARE | END)));
            }
            Piece::Expression(source) => {
                let number = outs.len();
                outs.push(texts.expression(source));
                json.push_str(&if quoted {
                    format!("{INSIDE}{number}{END}")
                } else {
                    format!("\"{BARE}{number}{END}\"")
                });
            }
        }
    }
    let value = Value::parse_json(&json).map_err(|error| error.to_string())?;
    filled(&value, &outs)
}

/// What a text that may be JSON gives; other values are what they are.
pub(super) fn parsed(out: &Out) -> Out {
    match out.shape {
        Shape::Map | Shape::List => out.clone(),
        Shape::Text => out.pipe("parse_json", Shape::Any),
        _ => {
            let is_text = out.pipe("type", Shape::Text).compare("==", &Out::literal("string"));
            is_text.choose(&out.pipe("parse_json", Shape::Any), out, Shape::Any)
        }
    }
}

/// Whether a text of the JSON is open after this.
fn quoted_after(text: &str, mut quoted: bool) -> bool {
    let mut escaped = false;
    for c in text.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ => {}
        }
    }
    quoted
}

fn filled(value: &Value, outs: &[Out]) -> Result<Value, String> {
    match value {
        Value::Str(text) => Ok(filled_text(text, outs).into()),
        Value::List(items) => items.iter().map(|item| filled(item, outs)).collect::<Result<Value, String>>(),
        Value::Map(entries) => {
            if entries.keys().any(|key| key.contains([INSIDE, BARE]) || key.starts_with('#')) {
                return Err("a key is an expression, or begins with #".to_owned());
            }
            let entries = entries.iter().map(|(key, value)| Ok((key.clone(), filled(value, outs)?)));
            entries.collect::<Result<Vec<_>, String>>().map(|entries| Value::Map(Map::from(entries)))
        }
        other => Ok(other.clone()),
    }
}

fn filled_text(text: &str, outs: &[Out]) -> String {
    let out_of = |number: &str| number.parse::<usize>().ok().and_then(|number| outs.get(number));
    let whole = |mark: char| text.strip_prefix(mark)?.strip_suffix(END);
    if let Some(out) = whole(BARE).and_then(out_of) {
        return out.template();
    }
    if let Some(out) = whole(INSIDE).and_then(out_of) {
        // It stands in quotes: it is text, whatever comes.
        let empty = Out::literal("");
        let text = if out.shape == Shape::Text {
            out.clone()
        } else {
            empty.binary("+", out, level::ADD, Shape::Text)
        };
        return text.template();
    }
    let mut result = String::new();
    for part in text.split(INSIDE) {
        match part.split_once(END).and_then(|(number, rest)| Some((out_of(number)?, rest))) {
            Some((out, rest)) => {
                result.push_str(&out.template());
                result.push_str(&plain(rest));
            }
            None => result.push_str(&plain(part)),
        }
    }
    result
}
