//! From one type to another, and to and from formats of text.

use super::{FilterError, Invocation, Outcome, number::float_to_int, table::filters, yaml};
use crate::{
    eval::Fault,
    value::{Map, Str, Value, write_json_text, write_value_within},
};

filters! { CONVERT:
    /// Another value in place of null and "", but not of 0, false or [].
    /// `{{ null | default("none") }}` -> `"none"`
    /// `{{ 0 | default(5) }}` -> `0`
    "default (v)" on null => default;

    /// The value itself; null and "" are an error.
    /// `{{ "x" | required }}` -> `"x"`
    /// `{{ "" | required("the name is missing") }}` -> `error expression.required`
    "required (message?)" on null => required;

    /// A whole number: of a float without its fraction, of text as written, of true 1. What can't be converted is an error, or the
    /// argument if there is one.
    /// `{{ "42" | to_int }}` -> `42`
    /// `{{ -3.9 | to_int }}` -> `-3`
    /// `{{ "x" | to_int(0) }}` -> `0`
    /// `{{ "x" | to_int }}` -> `error expression.value`
    "to_int (otherwise?)" on null => to_int;

    /// A number with a fraction. What can't be converted is an error, or the argument if there is one.
    /// `{{ "1.50" | to_float }}` -> `1.5`
    /// `{{ 2 | to_float }}` -> `2.0`
    "to_float (otherwise?)" on null => to_float;

    /// The form that a value takes inside text: lists and maps as compact JSON.
    /// `{{ 1.0 | to_string }}` -> `"1.0"`
    /// `{{ [1, "a"] | to_string }}` -> `"[1,\"a\"]"`
    "to_string (otherwise?)" on null => to_string;

    /// True of "true", "1", "yes" and 1; false of "false", "0", "no" and 0. Anything else is an error, or the argument if there is one.
    /// `{{ "Yes" | to_bool }}` -> `true`
    /// `{{ "maybe" | to_bool(false) }}` -> `false`
    "to_bool (otherwise?)" on null => to_bool;

    /// The name of the type: null, bool, int, float, string, list or map.
    /// `{{ 1.5 | type }}` -> `"float"`
    /// `{{ null | type }}` -> `"null"`
    "type ()" on null => type_of;

    /// JSON text: compact, or with lines indented by some spaces. Null gives `null`, so that the text can be put into JSON.
    /// `{{ {a: [1, 2.0]} | json }}` -> `"{\"a\":[1,2.0]}"`
    /// `{{ [1] | json(2) }}` -> `"[\n  1\n]"`
    "json | dump (indent=0)" on null => json;

    /// The value of JSON text.
    /// `{{ "[1, {\"a\": null}]" | parse_json }}` -> `[1,{"a":null}]`
    "parse_json ()" => parse_json;

    /// Lines of comma-separated values: of a list of maps, with their keys as the first line, or of a list of lists.
    /// `{{ [{a: 1, b: "x, y"}, {a: 2}] | csv }}` -> `"a,b\n1,\"x, y\"\n2,\n"`
    /// `{{ [[1, 2], [3]] | csv(sep=";") }}` -> `"1;2\n3\n"`
    "csv (sep=\",\")" => csv;

    /// Comma-separated values as a list of maps, with the first line as their keys, or as a list of lists. All values are text.
    /// `{{ "a,b\n1,\"x\"\"y\"" | parse_csv }}` -> `[{"a":"1","b":"x\"y"}]`
    /// `{{ "1,2\n3,4" | parse_csv(header=false) }}` -> `[["1","2"],["3","4"]]`
    "parse_csv (header=true, sep=\",\")" => parse_csv;

    /// YAML text.
    /// `{{ {a: [1, "two"], b: {}} | yaml }}` -> `"a:\n- 1\n- two\nb: {}\n"`
    "yaml ()" on null => yaml_text;
}

fn is_missing(value: &Value) -> bool {
    matches!(value, Value::Null) || value.as_str() == Some("")
}

fn default(call: &Invocation<'_, '_>) -> Outcome {
    let chosen =
        if is_missing(call.subject()) { call.given(1).unwrap_or(&Value::Null) } else { call.subject() };
    Ok(chosen.clone())
}

fn required(call: &Invocation<'_, '_>) -> Outcome {
    if !is_missing(call.subject()) {
        return Ok(call.subject().clone());
    }
    let message = call.text_or(1, "a required value is missing")?;
    let mut fault = FilterError::new("expression.required", message.chars().take(500).collect());
    fault.value_type = Some(call.subject().type_name());
    Err(fault)
}

/// The converted value, or the argument in its place, or an error. Null stays null unless there is an argument.
fn converted(call: &Invocation<'_, '_>, to: &str, value: Option<Value>) -> Outcome {
    match (value, call.given(1), call.subject()) {
        (Some(value), _, _) => Ok(value),
        (None, Some(otherwise), _) => Ok(otherwise.clone()),
        (None, None, Value::Null) => Ok(Value::Null),
        (None, None, Value::Str(_)) => Err(call.invalid(format_args!("the text is not {to}"))),
        (None, None, other) => {
            let message = format!("`{}` can't make {to} of {}", call.name(), other.type_name());
            Err(FilterError::type_error(message, other))
        }
    }
}

fn parse_float(text: &str) -> Option<f64> {
    let is_number = |c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.' | 'e' | 'E');
    let text = text.trim();
    if !text.chars().all(is_number) {
        return None;
    }
    text.parse().ok().filter(|x: &f64| x.is_finite())
}

fn to_int(call: &Invocation<'_, '_>) -> Outcome {
    let int = match call.subject() {
        Value::Int(n) => Some(*n),
        Value::Float(x) => float_to_int(x.trunc()),
        Value::Bool(b) => Some(i64::from(*b)),
        Value::Str(text) => text.trim().parse().ok().or_else(|| float_to_int(parse_float(text)?.trunc())),
        _ => None,
    };
    converted(call, "an int", int.map(Value::Int))
}

fn to_float(call: &Invocation<'_, '_>) -> Outcome {
    let float = match call.subject() {
        Value::Bool(b) => Some(f64::from(u8::from(*b))),
        Value::Str(text) => parse_float(text),
        other => other.as_f64(),
    };
    converted(call, "a float", float.map(Value::Float))
}

/// The text form of a value, within limits.
fn text_of(call: &Invocation<'_, '_>, value: &Value) -> Outcome {
    if let Value::Str(_) = value {
        return Ok(value.clone());
    }
    let mut out = String::new();
    if !write_value_within(&mut out, value, call.cx.work.output_bytes) {
        return Err(call.cx.work.too_large());
    }
    call.made_text(out)
}

fn to_string(call: &Invocation<'_, '_>) -> Outcome {
    match call.subject() {
        Value::Null => converted(call, "text", None),
        value => text_of(call, value),
    }
}

fn to_bool(call: &Invocation<'_, '_>) -> Outcome {
    let bool = match call.subject() {
        Value::Bool(b) => Some(*b),
        Value::Int(0) => Some(false),
        Value::Int(1) => Some(true),
        Value::Str(text) => match text.trim() {
            t if ["true", "1", "yes"].iter().any(|word| t.eq_ignore_ascii_case(word)) => Some(true),
            t if ["false", "0", "no"].iter().any(|word| t.eq_ignore_ascii_case(word)) => Some(false),
            _ => None,
        },
        _ => None,
    };
    converted(call, "true or false", bool.map(Value::Bool))
}

fn type_of(call: &Invocation<'_, '_>) -> Outcome {
    Ok(Value::from(call.subject().type_name()))
}

fn json(call: &Invocation<'_, '_>) -> Outcome {
    let indent = call.int_or(1, 0)?;
    let limit = call.cx.work.output_bytes;
    let mut out = String::new();
    let fits = match indent {
        0 => write_value_within(&mut out, call.subject(), limit),
        1..=16 => indented(&mut out, call.subject(), indent as usize, 0, limit),
        _ => return Err(call.invalid("indent must be from 0 to 16")),
    };
    if fits { call.made_text(out) } else { Err(call.cx.work.too_large()) }
}

fn new_line(out: &mut String, spaces: usize) {
    out.push('\n');
    out.extend(std::iter::repeat_n(' ', spaces));
}

/// JSON with every item on a line of its own. False when it gets longer than the limit.
fn indented(out: &mut String, value: &Value, indent: usize, level: usize, limit: usize) -> bool {
    let inner = (level + 1) * indent;
    let mut separator = "";
    let close = match value {
        Value::List(list) if !list.is_empty() => {
            out.push('[');
            for item in list {
                out.push_str(separator);
                new_line(out, inner);
                if !indented(out, item, indent, level + 1, limit) {
                    return false;
                }
                separator = ",";
            }
            ']'
        }
        Value::Map(map) if !map.is_empty() => {
            out.push('{');
            for (key, item) in map.iter() {
                out.push_str(separator);
                new_line(out, inner);
                write_json_text(out, key);
                out.push_str(": ");
                if !indented(out, item, indent, level + 1, limit) {
                    return false;
                }
                separator = ",";
            }
            '}'
        }
        scalar => return write_value_within(out, scalar, limit),
    };
    new_line(out, level * indent);
    out.push(close);
    out.len() <= limit
}

fn parse_json(call: &Invocation<'_, '_>) -> Outcome {
    let text = call.text(0)?;
    call.spend(text.len() / 8)?;
    let value = Value::parse_json(text).map_err(|error| call.invalid(error))?;
    call.cx.checked(value)
}

fn separator(call: &Invocation<'_, '_>, at: usize) -> Result<char, Fault> {
    let mut chars = call.text_or(at, ",")?.chars();
    match (chars.next(), chars.next()) {
        (Some(c), None) if !matches!(c, '"' | '\n' | '\r') => Ok(c),
        _ => Err(call.invalid("`sep` must be one character")),
    }
}

fn csv(call: &Invocation<'_, '_>) -> Outcome {
    let (rows, sep) = (call.list(0)?, separator(call, 1)?);
    call.spend(rows.len())?;
    let mut header: Map = Map::new();
    for row in rows {
        match row {
            Value::Map(map) => {
                call.spend(map.len())?;
                for key in map.keys().filter(|key| !header.contains_key(key)).cloned().collect::<Vec<_>>() {
                    header.insert(key, Value::Null);
                }
            }
            Value::List(_) => {}
            other => {
                let message =
                    format!("`csv` needs a list of maps or of lists, found {} in it", other.type_name());
                return Err(FilterError::type_error(message, other));
            }
        }
    }
    let mut out = String::new();
    if !header.is_empty() {
        let names: Vec<Value> = header.keys().map(Value::from).collect();
        csv_line(call, &mut out, names.iter(), sep)?;
    }
    for row in rows {
        match row {
            Value::Map(map) => {
                call.spend(header.len())?;
                let cells = header.keys().map(|key| map.get(key).unwrap_or(&Value::Null));
                csv_line(call, &mut out, cells, sep)?;
            }
            Value::List(cells) => csv_line(call, &mut out, cells.iter(), sep)?,
            _ => {}
        }
    }
    call.made_text(out)
}

fn csv_line<'v>(
    call: &Invocation<'_, '_>,
    out: &mut String,
    cells: impl Iterator<Item = &'v Value>,
    sep: char,
) -> Result<(), Fault> {
    for (i, cell) in cells.enumerate() {
        if i > 0 {
            out.push(sep);
        }
        let text = match cell {
            Value::Null => Str::default(),
            cell => text_of(call, cell)?.to_text(),
        };
        if text.contains([sep, '"', '\n', '\r']) {
            out.push('"');
            out.push_str(&text.replace('"', "\"\""));
            out.push('"');
        } else {
            out.push_str(&text);
        }
        if out.len() > call.cx.work.output_bytes {
            return Err(call.cx.work.too_large());
        }
    }
    out.push('\n');
    Ok(())
}

fn parse_csv(call: &Invocation<'_, '_>) -> Outcome {
    let (text, header, sep) = (call.text(0)?, call.flag_or(1, true)?, separator(call, 2)?);
    call.spend(text.len() / 4)?;
    let mut rows = csv_rows(text.trim_start_matches('\u{feff}'), sep)
        .ok_or_else(|| call.invalid("a quoted value is not closed, or goes on after its quote"))?
        .into_iter();
    if !header {
        return call.made_list(rows.map(|row| row.into_iter().map(Value::from).collect()).collect());
    }
    let Some(names) = rows.next() else { return call.made_list(Vec::new()) };
    let names: Vec<Str> = names.into_iter().map(Str::from).collect();
    let mut made = Vec::new();
    for (i, row) in rows.enumerate() {
        if row.len() > names.len() {
            return Err(call.invalid(format_args!("row {} has more values than the first line", i + 2)));
        }
        call.spend(names.len())?;
        let cells = row.into_iter().map(Value::from).chain(std::iter::repeat(Value::Null));
        made.push(Value::Map(names.iter().cloned().zip(cells).collect()));
    }
    call.made_list(made)
}

/// Rows of comma-separated values, without empty lines. `None` when the quotes are wrong.
fn csv_rows(text: &str, sep: char) -> Option<Vec<Vec<String>>> {
    let (mut rows, mut row, mut rest) = (Vec::new(), Vec::new(), text);
    while !rest.is_empty() || !row.is_empty() {
        let (cell, after) = csv_cell(rest, sep)?;
        row.push(cell);
        if let Some(next) = after.strip_prefix(sep) {
            rest = next;
            if rest.is_empty() {
                row.push(String::new());
                rows.push(std::mem::take(&mut row));
            }
            continue;
        }
        rest = after.strip_prefix("\r\n").or_else(|| after.strip_prefix(['\n', '\r'])).unwrap_or(after);
        let row = std::mem::take(&mut row);
        if row.len() > 1 || !row[0].is_empty() {
            rows.push(row);
        }
    }
    Some(rows)
}

/// One value and what comes after it: a separator, the end of a line, or nothing.
fn csv_cell(text: &str, sep: char) -> Option<(String, &str)> {
    let Some(mut rest) = text.strip_prefix('"') else {
        let end = text.find([sep, '\n', '\r']).unwrap_or(text.len());
        return Some((text[..end].to_owned(), &text[end..]));
    };
    let mut cell = String::new();
    loop {
        let quote = rest.find('"')?;
        cell.push_str(&rest[..quote]);
        rest = &rest[quote + 1..];
        match rest.strip_prefix('"') {
            Some(after) => {
                cell.push('"');
                rest = after;
            }
            None if rest.is_empty() || rest.starts_with([sep, '\n', '\r']) => return Some((cell, rest)),
            None => return None,
        }
    }
}

fn yaml_text(call: &Invocation<'_, '_>) -> Outcome {
    let limit = call.cx.work.output_bytes;
    match yaml::written(call.subject(), limit) {
        Some(text) => call.made_text(text),
        None => Err(call.cx.work.too_large()),
    }
}
