//! Values as YAML text.

use crate::value::{Value, write_json_text, write_value_within};

/// YAML in block style; `None` when it gets longer than the limit.
pub(super) fn written(value: &Value, limit: usize) -> Option<String> {
    let mut out = String::new();
    block(&mut out, value, 0, limit)?;
    Some(out)
}

/// Whether a value is written on the line of its key.
fn is_inline(value: &Value) -> bool {
    match value {
        Value::List(list) => list.is_empty(),
        Value::Map(map) => map.is_empty(),
        _ => true,
    }
}

fn indent(out: &mut String, level: usize) {
    out.extend(std::iter::repeat_n("  ", level));
}

/// A value on lines of its own; the first line is indented already.
fn block(out: &mut String, value: &Value, level: usize, limit: usize) -> Option<()> {
    match value {
        Value::Map(map) if !map.is_empty() => {
            for (i, (key, item)) in map.iter().enumerate() {
                if i > 0 {
                    indent(out, level);
                }
                text(out, key);
                out.push(':');
                if is_inline(item) {
                    out.push(' ');
                    scalar(out, item, limit)?;
                    continue;
                }
                out.push('\n');
                // Items of a list stand below their key, entries of a map further in.
                let inner = if matches!(item, Value::List(_)) { level } else { level + 1 };
                indent(out, inner);
                block(out, item, inner, limit)?;
            }
        }
        Value::List(list) if !list.is_empty() => {
            for (i, item) in list.iter().enumerate() {
                if i > 0 {
                    indent(out, level);
                }
                out.push_str("- ");
                if is_inline(item) { scalar(out, item, limit)? } else { block(out, item, level + 1, limit)? }
            }
        }
        other => scalar(out, other, limit)?,
    }
    (out.len() <= limit).then_some(())
}

fn scalar(out: &mut String, value: &Value, limit: usize) -> Option<()> {
    match value {
        Value::Str(content) if content.len() > limit => return None,
        Value::Str(content) => text(out, content),
        other => {
            write_value_within(out, other, limit);
        }
    }
    out.push('\n');
    (out.len() <= limit).then_some(())
}

/// Text, in quotes unless it can't be taken for anything else.
fn text(out: &mut String, content: &str) {
    let begins_well = content.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_' || c == '/');
    let is_plain = |c: char| {
        c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | ' ' | '@' | '+' | '(' | ')' | ';')
    };
    let words = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    let means_else = words.iter().any(|word| content.eq_ignore_ascii_case(word));
    if begins_well && content.chars().all(is_plain) && !content.ends_with(' ') && !means_else {
        out.push_str(content);
    } else {
        write_json_text(out, content);
    }
}
