//! The part of JavaScript that people write in expressions: read into a tree, and no more.

mod lexer;
mod parser;

pub(super) use parser::parse;

/// An expression is at most this long, in bytes.
const MAX_LENGTH: usize = 20_000;
/// The deepest tree that is read.
const MAX_DEPTH: u16 = 60;

/// An expression.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Js {
    pub kind: Kind,
    /// Levels of the tree below and including this one.
    pub depth: u16,
}

/// What an expression is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    /// `null` and `undefined`.
    Null,
    Bool(bool),
    /// As it is written, in decimal.
    Number(String),
    Text(String),
    /// `` `a${b}c` ``: one text more than expressions.
    Template(Vec<String>, Vec<Js>),
    /// Pattern and flags.
    Regex(String, String),
    Name(String),
    Member(Box<Js>, String),
    Index(Box<Js>, Box<Js>),
    Call(Box<Js>, Vec<Js>),
    New(Box<Js>, Vec<Js>),
    /// `!`, `-`, `+`, `typeof`.
    Unary(&'static str, Box<Js>),
    Binary(&'static str, Box<Js>, Box<Js>),
    Conditional(Box<Js>, Box<Js>, Box<Js>),
    List(Vec<Js>),
    Object(Vec<Entry>),
    /// `...x` in a list or a call.
    Spread(Box<Js>),
    /// `(a, b) => c`; a body in braces that only returns is one too.
    Arrow(Vec<String>, Box<Js>),
}

/// A part of `{...}`.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Entry {
    Field(String, Js),
    Spread(Js),
}
