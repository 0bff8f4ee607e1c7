//! What a template becomes once its names are resolved: small trees that [`crate::eval`] walks.

mod calls;
mod fold;
mod lower;
mod nodes;
mod scopes;

pub(crate) use lower::{Lowered, lower};
pub(crate) use scopes::Scopes;

use crate::{
    error::Span,
    filters::{AppFilter, Builtin},
    names::Slot,
    syntax::BinaryOp,
    value::{Str, Value},
};
use std::sync::Arc;

/// A whole template.
#[derive(Debug, Clone)]
pub(crate) enum Program {
    Constant(Value),
    /// One expression, whose result keeps its type.
    Native(Code),
    Text(Body),
}

/// Pieces of text and tags, with the variables that they share.
#[derive(Debug, Clone)]
pub(crate) struct Body {
    pub ops: Box<[Op]>,
    /// How many variables there are.
    pub variables: usize,
    /// Whether a frame for variables and loops is needed at all.
    pub has_frame: bool,
}

/// Values of which one must equal the subject of a `case`.
type Patterns = Box<[Code]>;

/// A piece of a text template.
#[derive(Debug, Clone)]
pub(crate) enum Op {
    Text(Str),
    Output(Code, Span),
    Assign(usize, Code),
    If { branches: Box<[(Code, Box<[Op]>)]>, otherwise: Box<[Op]> },
    Case { subject: Code, branches: Box<[(Patterns, Box<[Op]>)]>, otherwise: Box<[Op]> },
    For(Box<For>),
    Break,
    Continue,
}

/// `{% for %}`.
#[derive(Debug, Clone)]
pub(crate) struct For {
    pub list: Code,
    pub span: Span,
    /// The variable; of a map the key.
    pub first: usize,
    /// The second variable: the value of a map's entry.
    pub second: Option<usize>,
    pub body: Box<[Op]>,
    pub otherwise: Box<[Op]>,
    /// Steps that one turn costs.
    pub cost: u64,
}

/// An expression.
#[derive(Debug, Clone)]
pub(crate) enum Code {
    Constant(Value),
    Slot(Slot),
    Local(Local),
    /// A field of `forloop`, or all of it: frames up, which of the nested loops.
    ForLoop {
        up: u16,
        nest: u16,
        field: Option<LoopField>,
    },
    /// `$loop` as a value: the item frames from the innermost on.
    ItemLoop(Box<[u16]>),
    Walk(Box<Walk>),
    Not(Box<Code>),
    Negate(Box<Code>, Span),
    Binary(Box<Binary>),
    And(Box<[Code; 2]>),
    Or(Box<[Code; 2]>),
    Coalesce(Box<[Code; 2]>),
    Conditional(Box<[Code; 3]>),
    List(Box<[Code]>, Span),
    Map(Box<[(Str, Code)]>, Span),
    Call(Box<Call>),
}

/// A value in a frame: frames up from the innermost, place in it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Local {
    pub up: u16,
    pub index: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LoopField {
    Index,
    Index0,
    First,
    Last,
    Length,
}

/// A path from a value.
#[derive(Debug, Clone)]
pub(crate) struct Walk {
    pub base: Code,
    pub steps: Box<[Step]>,
}

#[derive(Debug, Clone)]
pub(crate) enum Step {
    Key(Str),
    Index(i64),
    Dynamic(Code, Span),
    Slice(Option<Code>, Option<Code>, Span),
    /// The steps after it apply to each item.
    Each(Span),
}

#[derive(Debug, Clone)]
pub(crate) struct Binary {
    pub op: BinaryOp,
    pub left: Code,
    pub right: Code,
    pub span: Span,
    /// The pattern of `matches`, when it is constant.
    pub regex: Option<regex::Regex>,
}

/// The use of a filter.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub callee: Callee,
    /// In the order of the filter's parameters; the first is the value on the left.
    pub args: Box<[Option<ArgCode>]>,
    pub span: Span,
    /// The pattern argument of a regular-expression filter, when it is constant.
    pub regex: Option<regex::Regex>,
}

#[derive(Debug, Clone)]
pub(crate) enum Callee {
    Builtin(&'static Builtin),
    App(Arc<AppFilter>),
}

#[derive(Debug, Clone)]
pub(crate) enum ArgCode {
    Value(Code),
    Lambda(Lambda),
}

/// A function of a few values: those after `params` are not given to it.
#[derive(Debug, Clone)]
pub(crate) struct Lambda {
    pub params: usize,
    pub body: Code,
    /// Steps that one call costs.
    pub cost: u64,
}

impl Code {
    pub(crate) fn constant(&self) -> Option<&Value> {
        match self {
            Code::Constant(value) => Some(value),
            _ => None,
        }
    }
}
