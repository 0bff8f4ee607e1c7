//! [`ParamError`], and how it comes out of serde.

use std::fmt::Display;

use serde::de::{self, Expected, Unexpected};

use crate::{
    names::{PathSegment, path_text},
    nearest::nearest,
};

/// Parameters that don't fit the type they are for. Says types and names, never values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{message}{}", place(path), help.as_ref().map(|help| format!(" ({help})")).unwrap_or_default())]
pub struct ParamError {
    /// The place that is wrong; empty for the whole.
    pub path: Vec<PathSegment>,
    /// What is wrong with it.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

fn place(path: &[PathSegment]) -> String {
    if path.is_empty() { String::new() } else { format!("{}: ", path_text(path)) }
}

/// A [`ParamError`] on its way up; boxed, so that results stay small.
#[derive(Debug)]
pub(super) struct Failure {
    error: Box<ParamError>,
    /// What was refused stands for a value that is not known yet.
    pub in_hole: bool,
}

impl Failure {
    fn new(message: String, help: Option<String>) -> Self {
        Failure { error: Box::new(ParamError { path: Vec::new(), message, help }), in_hole: false }
    }

    pub fn expected(expected: &str, found: &str) -> Self {
        Failure::new(format!("expected {expected}, found {}", with_article(found)), None)
    }

    /// The failure one step further up.
    pub fn inside(mut self, segment: PathSegment) -> Self {
        self.error.path.insert(0, segment);
        self
    }

    pub fn in_hole(mut self) -> Self {
        self.in_hole = true;
        self
    }

    pub fn into_error(self) -> ParamError {
        *self.error
    }
}

fn with_article(type_name: &str) -> String {
    match type_name {
        "null" | "nothing" => type_name.to_owned(),
        "int" => "an int".to_owned(),
        other => format!("a {other}"),
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.error.fmt(f)
    }
}

impl std::error::Error for Failure {}

impl de::Error for Failure {
    fn custom<T: Display>(message: T) -> Self {
        Failure::new(message.to_string(), None)
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Failure::expected(&plain(expected), type_of(&found))
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let found = match found {
            Unexpected::Signed(_) | Unexpected::Unsigned(_) | Unexpected::Float(_) => "a number out of range",
            _ => "another",
        };
        Failure::new(format!("expected {}, found {found}", plain(expected)), None)
    }

    fn invalid_length(length: usize, expected: &dyn Expected) -> Self {
        Failure::new(format!("expected {}, found a list of {length}", plain(expected)), None)
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        Failure::new(format!("unknown variant `{}`", short(variant)), suggestion(variant, expected))
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Failure::new(format!("unknown field `{}`", short(field)), suggestion(field, expected))
    }

    fn missing_field(field: &'static str) -> Self {
        Failure::new(format!("the field `{field}` is missing"), None)
    }

    fn duplicate_field(field: &'static str) -> Self {
        Failure::new(format!("the field `{field}` is there twice, perhaps under another name"), None)
    }
}

fn short(name: &str) -> &str {
    name.char_indices().nth(60).map_or(name, |(end, _)| &name[..end])
}

fn suggestion(name: &str, known: &'static [&'static str]) -> Option<String> {
    if known.is_empty() {
        return Some("there are none".to_owned());
    }
    let near = nearest(name, known.iter().copied());
    Some(
        near.map_or_else(
            || format!("known are {}", known.join(", ")),
            |near| format!("did you mean `{near}`?"),
        ),
    )
}

fn type_of(found: &Unexpected<'_>) -> &'static str {
    match found {
        Unexpected::Bool(_) => "bool",
        Unexpected::Signed(_) | Unexpected::Unsigned(_) => "int",
        Unexpected::Float(_) => "float",
        Unexpected::Unit | Unexpected::Option => "null",
        Unexpected::Seq => "list",
        Unexpected::Map | Unexpected::NewtypeStruct | Unexpected::StructVariant => "map",
        _ => "string",
    }
}

/// What serde says it expected, in the words of the template language.
fn plain(expected: &dyn Expected) -> String {
    let text = expected.to_string();
    let known = match text.as_str() {
        "u8" => "a whole number from 0 to 255",
        "u16" => "a whole number from 0 to 65535",
        "u32" | "u64" | "u128" | "usize" => "a whole number that is not negative",
        "i8" | "i16" | "i32" | "i64" | "i128" | "isize" => "a whole number",
        "f32" | "f64" => "a number",
        "a boolean" => "true or false",
        "a string" | "string" | "str" | "a borrowed string" => "text",
        "a sequence" => "a list",
        "unit" => "null",
        _ if text.starts_with("struct ") || text.contains("tagged enum") => "a map",
        _ => return text,
    };
    known.to_owned()
}
