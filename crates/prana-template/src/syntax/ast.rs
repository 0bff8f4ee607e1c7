//! The syntax tree of a template, as written: names not yet resolved.

use crate::{
    error::Span,
    value::{Str, Value},
};

/// A whole template.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Document {
    /// Text and tags in order.
    pub nodes: Vec<Node>,
    /// The source is exactly one `{{ expression }}`, so the result keeps its type.
    pub native: bool,
}

/// A piece of a template.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Node {
    Text(String),
    Output(Expr),
    Assign { name: Str, expr: Expr },
    If { branches: Vec<Branch<Expr>>, otherwise: Option<Vec<Node>> },
    Case { subject: Expr, branches: Vec<Branch<Vec<Expr>>>, otherwise: Option<Vec<Node>> },
    For { name: Str, second: Option<Str>, list: Expr, body: Vec<Node>, otherwise: Option<Vec<Node>> },
    Break,
    Continue,
}

/// What to write when a test holds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Branch<T> {
    pub test: T,
    pub body: Vec<Node>,
}

/// An expression. Equality looks at the meaning, not at where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Expr {
    pub kind: ExprKind,
    pub span: Span,
    /// Levels of the tree below and including this one.
    pub depth: u16,
}

impl PartialEq for Expr {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ExprKind {
    Literal(Literal),
    /// `x`: a variable or a parameter of a lambda.
    Name(Str),
    /// `$input`, with its `$`.
    Root(Str),
    Path(Box<Expr>, Vec<PathPart>),
    Unary(UnaryOp, Box<Expr>),
    Binary(BinaryOp, Box<(Expr, Expr)>),
    /// test, then, else
    Conditional(Box<[Expr; 3]>),
    List(Vec<Expr>),
    Map(Vec<(Str, Expr)>),
    /// A filter: `value | name(args)`, or `name(value, args)` when not piped. The value is the first argument.
    Call {
        name: Str,
        name_span: Place,
        args: Vec<Arg>,
        piped: bool,
    },
    /// Only as an argument.
    Lambda {
        params: Vec<Str>,
        body: Box<Expr>,
    },
}

/// Where something stands, which has no part in its meaning.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place(pub Span);

impl PartialEq for Place {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// A scalar value in the source; equal only when the type is equal as well.
#[derive(Debug, Clone)]
pub(crate) struct Literal(pub Value);

impl PartialEq for Literal {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0 && self.0.type_name() == other.0.type_name()
    }
}

#[derive(Debug, Clone)]
pub(crate) struct PathPart {
    pub kind: PathPartKind,
    pub span: Span,
}

impl PartialEq for PathPart {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum PathPartKind {
    /// `.name`, or a key in the syntax of its own that the names allow.
    Field(Str),
    /// `[expr]`
    Index(Expr),
    /// `[from:to]`
    Slice(Option<Expr>, Option<Expr>),
    /// `.*`
    Each,
}

#[derive(Debug, Clone)]
pub(crate) struct Arg {
    pub name: Option<Str>,
    pub expr: Expr,
}

impl PartialEq for Arg {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.expr == other.expr
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UnaryOp {
    Not,
    Negate,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BinaryOp {
    Coalesce,
    Or,
    And,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    In,
    NotIn,
    Contains,
    Matches,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

/// How tightly things bind, loosest first.
pub(crate) mod level {
    pub(crate) const CONDITIONAL: u8 = 0;
    pub(crate) const COALESCE: u8 = 1;
    pub(crate) const OR: u8 = 2;
    pub(crate) const AND: u8 = 3;
    pub(crate) const NOT: u8 = 4;
    pub(crate) const COMPARE: u8 = 5;
    pub(crate) const PIPE: u8 = 6;
    pub(crate) const ADD: u8 = 7;
    pub(crate) const MULTIPLY: u8 = 8;
    pub(crate) const NEGATE: u8 = 9;
    pub(crate) const PATH: u8 = 10;
}

impl BinaryOp {
    pub(crate) fn level(self) -> u8 {
        use BinaryOp::*;
        match self {
            Coalesce => level::COALESCE,
            Or => level::OR,
            And => level::AND,
            Equal | NotEqual | Less | LessEqual | Greater | GreaterEqual | In | NotIn | Contains
            | Matches => level::COMPARE,
            Add | Subtract => level::ADD,
            Multiply | Divide | Remainder => level::MULTIPLY,
        }
    }

    /// As written; the same for both spellings of `and`, `or`.
    pub(crate) fn symbol(self) -> &'static str {
        use BinaryOp::*;
        match self {
            Coalesce => "??",
            Or => "or",
            And => "and",
            Equal => "==",
            NotEqual => "!=",
            Less => "<",
            LessEqual => "<=",
            Greater => ">",
            GreaterEqual => ">=",
            In => "in",
            NotIn => "not in",
            Contains => "contains",
            Matches => "matches",
            Add => "+",
            Subtract => "-",
            Multiply => "*",
            Divide => "/",
            Remainder => "%",
        }
    }
}

impl ExprKind {
    /// Levels of the tree below this one.
    fn inner_depth(&self) -> u16 {
        let deepest = |exprs: &mut dyn Iterator<Item = &Expr>| exprs.map(|e| e.depth).max().unwrap_or(0);
        match self {
            ExprKind::Literal(_) | ExprKind::Name(_) | ExprKind::Root(_) => 0,
            ExprKind::Path(base, parts) => {
                base.depth.max(parts.iter().map(PathPart::depth).max().unwrap_or(0))
            }
            ExprKind::Unary(_, inner) | ExprKind::Lambda { body: inner, .. } => inner.depth,
            ExprKind::Binary(_, pair) => pair.0.depth.max(pair.1.depth),
            ExprKind::Conditional(parts) => deepest(&mut parts.iter()),
            ExprKind::List(items) => deepest(&mut items.iter()),
            ExprKind::Map(entries) => deepest(&mut entries.iter().map(|(_, e)| e)),
            ExprKind::Call { args, .. } => deepest(&mut args.iter().map(|arg| &arg.expr)),
        }
    }
}

impl PathPart {
    fn depth(&self) -> u16 {
        match &self.kind {
            PathPartKind::Field(_) | PathPartKind::Each => 0,
            PathPartKind::Index(index) => index.depth,
            PathPartKind::Slice(from, to) => {
                [from, to].into_iter().flatten().map(|e| e.depth).max().unwrap_or(0)
            }
        }
    }
}

impl Expr {
    pub(crate) fn new(kind: ExprKind, span: Span) -> Self {
        let depth = kind.inner_depth().saturating_add(1);
        Expr { kind, span, depth }
    }

    pub(crate) fn literal(value: impl Into<Value>, span: Span) -> Self {
        Expr::new(ExprKind::Literal(Literal(value.into())), span)
    }
}
