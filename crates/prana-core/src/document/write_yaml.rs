//! A value as YAML that reads back to the same value.

use prana_template::{Map, Value};

use super::scalar;
use super::tree::Item;

/// Columns by which each level is indented.
const INDENT: usize = 2;
/// Longer keys are written in the form that has no limit.
const LONG_KEY: usize = 256;

/// The YAML text of a value, with a final line break.
pub(crate) fn write(value: &Value) -> String {
    let mut out = String::new();
    match value {
        Value::Map(map) if !map.is_empty() => write_map(&mut out, map, 0),
        Value::List(list) if !list.is_empty() => write_list(&mut out, list, 0),
        _ => {
            write_inline(&mut out, value, INDENT);
            out.push('\n');
        }
    }
    out
}

fn write_map(out: &mut String, map: &Map, indent: usize) {
    for (place, (key, value)) in map.iter().enumerate() {
        if place > 0 || out.ends_with('\n') {
            pad(out, indent);
        }
        if key.len() > LONG_KEY {
            out.push_str("? ");
            write_text(out, key);
            out.push('\n');
            pad(out, indent);
        } else {
            write_text(out, key);
        }
        out.push(':');
        write_after_key(out, value, indent);
    }
}

fn write_after_key(out: &mut String, value: &Value, indent: usize) {
    match value {
        Value::Map(map) if !map.is_empty() => {
            out.push('\n');
            write_map(out, map, indent + INDENT);
        }
        Value::List(list) if !list.is_empty() => {
            out.push('\n');
            write_list(out, list, indent + INDENT);
        }
        _ => {
            out.push(' ');
            write_inline(out, value, indent + INDENT);
            out.push('\n');
        }
    }
}

fn write_list(out: &mut String, list: &[Value], indent: usize) {
    for (place, value) in list.iter().enumerate() {
        if place > 0 || out.ends_with('\n') {
            pad(out, indent);
        }
        out.push_str("- ");
        match value {
            Value::Map(map) if !map.is_empty() => write_map(out, map, indent + INDENT),
            Value::List(list) if !list.is_empty() => write_list(out, list, indent + INDENT),
            _ => {
                write_inline(out, value, indent + INDENT);
                out.push('\n');
            }
        }
    }
}

fn pad(out: &mut String, indent: usize) {
    out.extend(std::iter::repeat_n(' ', indent));
}

/// A value that needs no lines of its own, or a block of text.
fn write_inline(out: &mut String, value: &Value, indent: usize) {
    match value {
        Value::Str(text) if is_block(text) => write_block(out, text, indent),
        Value::Str(text) => write_text(out, text),
        Value::Map(_) => out.push_str("{}"),
        Value::List(_) => out.push_str("[]"),
        _ => out.push_str(&value.to_json_string()),
    }
}

/// Whether text reads well as lines: several of them, the first not indented, nothing that needs an escape.
fn is_block(text: &str) -> bool {
    let lines = text.trim_end_matches('\n');
    lines.contains('\n')
        && text.len() - lines.len() <= 1
        && !text.starts_with([' ', '\n', '\t'])
        && !text.lines().any(|line| line.ends_with([' ', '\t']) || line.starts_with('\t'))
        && text.chars().all(|char| char == '\n' || !needs_escape(char))
}

fn write_block(out: &mut String, text: &str, indent: usize) {
    out.push_str(if text.ends_with('\n') { "|" } else { "|-" });
    for line in text.lines() {
        out.push('\n');
        if !line.is_empty() {
            pad(out, indent);
            out.push_str(line);
        }
    }
}

fn write_text(out: &mut String, text: &str) {
    if is_plain(text) {
        out.push_str(text);
    } else {
        write_quoted(out, text);
    }
}

/// Whether text without quotes reads back as this text, wherever it stands.
fn is_plain(text: &str) -> bool {
    let begins_well =
        text.starts_with(|char: char| char.is_alphanumeric() || matches!(char, '_' | '/' | '.' | '$'));
    let inner = text.chars().all(|char| {
        char.is_alphanumeric()
            || matches!(
                char,
                ' ' | '_' | '-' | '.' | '/' | '$' | '(' | ')' | '+' | '=' | '<' | '>' | ';' | '@' | '\''
            )
    });
    begins_well
        && inner
        && !text.ends_with(' ')
        && !text.starts_with("...")
        && !matches!(text.to_ascii_lowercase().as_str(), "yes" | "no" | "on" | "off" | "true" | "false")
        && matches!(scalar::plain(text), Ok(Item::Text(_)))
        && !text.starts_with(|char: char| {
            char.is_ascii_digit() && text.contains(['-', ':']) && !text.contains(' ')
        })
}

fn needs_escape(char: char) -> bool {
    char.is_control()
        || matches!(char, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}' | '\u{85}')
}

fn write_quoted(out: &mut String, text: &str) {
    use std::fmt::Write as _;
    out.push('"');
    for char in text.chars() {
        match char {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            char if needs_escape(char) => {
                let _ = write!(out, "\\u{:04x}", u32::from(char));
            }
            char => out.push(char),
        }
    }
    out.push('"');
}
