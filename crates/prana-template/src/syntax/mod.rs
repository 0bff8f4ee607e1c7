//! From source text to a syntax tree with spans, and back.

mod ast;
mod document;
mod lexer;
mod parser;
mod print;

pub(crate) use ast::{
    Arg, BinaryOp, Branch, Document, Expr, ExprKind, Node, PathPart, PathPartKind, UnaryOp,
};
pub(crate) use document::parse_document;

use crate::error::{Span, TemplateError};

/// Longest template, in bytes.
pub(crate) const MAX_SOURCE: usize = 100 * 1024;
/// Deepest nesting of brackets, tags and arguments.
pub(crate) const MAX_NESTING: u32 = 64;
/// Deepest syntax tree: nesting, and operators in a row.
const MAX_TREE: u16 = 256;

type Parsed<T> = Result<T, Box<TemplateError>>;

fn syntax_error(span: Span, message: impl Into<String>) -> Box<TemplateError> {
    Box::new(TemplateError { code: "expression.syntax", message: message.into(), help: None, span })
}

fn with_help(mut error: Box<TemplateError>, help: impl Into<String>) -> Box<TemplateError> {
    error.help = Some(help.into());
    error
}

fn limit_error(span: Span, message: String) -> Box<TemplateError> {
    Box::new(TemplateError { code: "expression.limit_exceeded", message, help: None, span })
}

/// Words that are operators or values and can't name anything.
const RESERVED: [&str; 9] = ["and", "or", "not", "in", "contains", "matches", "true", "false", "null"];

#[cfg(test)]
mod tests;
