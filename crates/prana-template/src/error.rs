//! The errors: [`TemplateError`] when a template is parsed, [`EvalError`] when it is evaluated.

use std::fmt;

use crate::names::{PathSegment, path_text};

/// A stretch of a template's source, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// Byte after the last one.
    pub end: usize,
}

impl Span {
    /// From `start` up to, not including, `end`.
    pub fn new(start: usize, end: usize) -> Self {
        Span { start, end }
    }
}

/// A template that can't be used as it is written.
///
/// Codes: `expression.syntax`, `expression.unknown_name`, `expression.unknown_filter`, `expression.arguments`,
/// `expression.regex`, `expression.invalid_directive`, `expression.limit_exceeded`, and those of the caller's
/// [`Names`](crate::Names).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}{}", help.as_ref().map(|help| format!(" ({help})")).unwrap_or_default())]
pub struct TemplateError {
    /// Stable code, such as `expression.syntax`.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
    /// Where, in the template's source.
    pub span: Span,
}

/// A [`TemplateError`] in a tree of parameters.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {error}", path_text(path))]
pub struct ParamsError {
    /// The parameter whose template is wrong.
    pub path: Vec<PathSegment>,
    /// What is wrong with it.
    pub error: TemplateError,
}

/// An evaluation that failed. Holds no values, only their types: what failed may be secret.
///
/// Codes: `expression.type`, `expression.division_by_zero`, `expression.overflow`, `expression.value` (a value of the right
/// type that can't be used), `expression.required`, `expression.regex`, `expression.limit_exceeded`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EvalError {
    /// Stable code, such as `expression.type`.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
    /// The template's source, shortened to 200 characters; empty when no single template is to blame.
    pub template: String,
    /// Where in the whole source of the template.
    pub span: Span,
    /// The type of the value that could not be used.
    pub value_type: Option<&'static str>,
    /// Where in the parameters; empty for a template that stands alone.
    pub path: Vec<PathSegment>,
}

impl fmt::Display for EvalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "{}: ", path_text(&self.path))?;
        }
        f.write_str(&self.message)?;
        if !self.template.is_empty() {
            write!(f, " (at {}..{} of `{}`)", self.span.start, self.span.end, self.template)?;
        }
        Ok(())
    }
}

impl std::error::Error for EvalError {}
