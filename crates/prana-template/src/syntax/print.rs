//! The syntax tree as source text, so that `parse(print(tree)) == tree`.

use std::fmt::{Display, Formatter, Result, Write};

use super::{
    RESERVED,
    ast::{Branch, Document, Expr, ExprKind, Node, PathPart, PathPartKind, UnaryOp, level},
};
use crate::{
    names::is_plain_word,
    value::{Value, write_json_text},
};

impl Display for Document {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        nodes(f, &self.nodes)?;
        let looks_native = matches!(self.nodes.as_slice(), [Node::Output(_)]);
        if looks_native && !self.native { f.write_str("{##}") } else { Ok(()) }
    }
}

fn nodes(f: &mut Formatter<'_>, nodes: &[Node]) -> Result {
    nodes.iter().try_for_each(|node| self::node(f, node))
}

fn node(f: &mut Formatter<'_>, node: &Node) -> Result {
    match node {
        Node::Text(text) => self::text(f, text),
        Node::Output(expr) => write!(f, "{{{{ {expr} }}}}"),
        Node::Assign { name, expr } => write!(f, "{{% assign {name} = {expr} %}}"),
        Node::Break => f.write_str("{% break %}"),
        Node::Continue => f.write_str("{% continue %}"),
        Node::If { branches, otherwise } => {
            for (i, Branch { test, body }) in branches.iter().enumerate() {
                write!(f, "{{% {} {test} %}}", if i == 0 { "if" } else { "elsif" })?;
                nodes(f, body)?;
            }
            end(f, otherwise, "endif")
        }
        Node::Case { subject, branches, otherwise } => {
            write!(f, "{{% case {subject} %}}")?;
            for Branch { test, body } in branches {
                f.write_str("{% when ")?;
                list(f, test)?;
                f.write_str(" %}")?;
                nodes(f, body)?;
            }
            end(f, otherwise, "endcase")
        }
        Node::For { name, second, list, body, otherwise } => {
            write!(f, "{{% for {name}")?;
            if let Some(second) = second {
                write!(f, ", {second}")?;
            }
            write!(f, " in {list} %}}")?;
            nodes(f, body)?;
            end(f, otherwise, "endfor")
        }
    }
}

fn end(f: &mut Formatter<'_>, otherwise: &Option<Vec<Node>>, word: &str) -> Result {
    if let Some(otherwise) = otherwise {
        f.write_str("{% else %}")?;
        nodes(f, otherwise)?;
    }
    write!(f, "{{% {word} %}}")
}

/// Text, with each brace that would open a mark in a `raw` of its own.
fn text(f: &mut Formatter<'_>, text: &str) -> Result {
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '{' && matches!(chars.peek(), None | Some('{' | '%' | '#')) {
            f.write_str("{% raw %}{{% endraw %}")?;
        } else {
            f.write_char(c)?;
        }
    }
    Ok(())
}

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        expr(f, self, level::CONDITIONAL)
    }
}

/// How tightly the outermost operation of an expression binds.
fn level_of(expr: &Expr) -> u8 {
    match &expr.kind {
        ExprKind::Conditional(_) | ExprKind::Lambda { .. } => level::CONDITIONAL,
        ExprKind::Binary(op, _) => op.level(),
        ExprKind::Unary(UnaryOp::Not, _) => level::NOT,
        ExprKind::Unary(UnaryOp::Negate, _) => level::NEGATE,
        ExprKind::Call { piped: true, .. } => level::PIPE,
        ExprKind::Path(..) => level::PATH,
        _ => level::PATH + 1,
    }
}

/// The expression in parentheses if it binds looser than `min`.
fn expr(f: &mut Formatter<'_>, expr: &Expr, min: u8) -> Result {
    if level_of(expr) >= min {
        return bare(f, expr);
    }
    f.write_char('(')?;
    bare(f, expr)?;
    f.write_char(')')
}

fn bare(f: &mut Formatter<'_>, expr: &Expr) -> Result {
    match &expr.kind {
        ExprKind::Literal(literal) => self::literal(f, &literal.0),
        ExprKind::Name(name) | ExprKind::Root(name) => write!(f, "{name}"),
        ExprKind::Path(base, parts) => path(f, base, parts),
        ExprKind::Unary(UnaryOp::Not, inner) => {
            f.write_str("not ")?;
            self::expr(f, inner, level::NOT)
        }
        ExprKind::Unary(UnaryOp::Negate, inner) => {
            f.write_char('-')?;
            let number =
                is_number(inner) || matches!(&inner.kind, ExprKind::Path(base, _) if is_number(base));
            self::expr(f, inner, if number { u8::MAX } else { level::NEGATE })
        }
        ExprKind::Binary(op, pair) => {
            self::expr(f, &pair.0, op.level())?;
            write!(f, " {} ", op.symbol())?;
            self::expr(f, &pair.1, op.level() + 1)
        }
        ExprKind::Conditional(parts) => {
            self::expr(f, &parts[0], level::COALESCE)?;
            write!(f, " ? {} : {}", parts[1], parts[2])
        }
        ExprKind::List(items) => {
            f.write_char('[')?;
            list(f, items)?;
            f.write_char(']')
        }
        ExprKind::Map(entries) => map(f, entries),
        ExprKind::Call { .. } => call(f, expr),
        ExprKind::Lambda { params, body } => match params.as_slice() {
            [param] => write!(f, "{param} => {body}"),
            _ => write!(f, "({}) => {body}", params.join(", ")),
        },
    }
}

fn is_number(expr: &Expr) -> bool {
    matches!(&expr.kind, ExprKind::Literal(literal) if literal.0.as_f64().is_some())
}

fn literal(f: &mut Formatter<'_>, value: &Value) -> Result {
    match value {
        Value::Str(text) => quoted(f, text),
        other => f.write_str(&other.to_json_string()),
    }
}

fn quoted(f: &mut Formatter<'_>, text: &str) -> Result {
    let mut out = String::new();
    write_json_text(&mut out, text);
    f.write_str(&out)
}

fn list(f: &mut Formatter<'_>, items: &[Expr]) -> Result {
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            f.write_str(", ")?;
        }
        write!(f, "{item}")?;
    }
    Ok(())
}

fn map(f: &mut Formatter<'_>, entries: &[(crate::value::Str, Expr)]) -> Result {
    f.write_char('{')?;
    for (i, (key, value)) in entries.iter().enumerate() {
        if i > 0 {
            f.write_str(", ")?;
        }
        if is_plain_word(key) {
            f.write_str(key)?
        } else {
            quoted(f, key)?
        }
        write!(f, ": {value}")?;
    }
    f.write_char('}')
}

fn path(f: &mut Formatter<'_>, base: &Expr, parts: &[PathPart]) -> Result {
    let nested = matches!(base.kind, ExprKind::Path(..)) || is_number(base);
    expr(f, base, if nested { u8::MAX } else { level::PATH })?;
    for part in parts {
        match &part.kind {
            PathPartKind::Each => f.write_str(".*")?,
            // A key that is no plain word was written in the syntax that its root allows.
            PathPartKind::Field(name) => write!(f, ".{name}")?,
            PathPartKind::Index(index) => write!(f, "[{index}]")?,
            PathPartKind::Slice(from, to) => {
                f.write_char('[')?;
                if let Some(from) = from {
                    write!(f, "{from}")?;
                }
                f.write_char(':')?;
                if let Some(to) = to {
                    write!(f, "{to}")?;
                }
                f.write_char(']')?;
            }
        }
    }
    Ok(())
}

fn call(f: &mut Formatter<'_>, call: &Expr) -> Result {
    let ExprKind::Call { name, args, piped, .. } = &call.kind else { return Ok(()) };
    let mut rest = args.as_slice();
    if let (true, [subject, others @ ..]) = (*piped, rest) {
        // The pipe takes all that is on its left and binds at least as tightly.
        expr(f, &subject.expr, level::PIPE)?;
        write!(f, " | {name}")?;
        if others.is_empty() {
            return Ok(());
        }
        rest = others;
    } else {
        debug_assert!(!RESERVED[..4].contains(&name.as_str()));
        write!(f, "{name}")?;
    }
    f.write_char('(')?;
    for (i, arg) in rest.iter().enumerate() {
        if i > 0 {
            f.write_str(", ")?;
        }
        if let Some(name) = &arg.name {
            write!(f, "{name}=")?;
        }
        write!(f, "{}", arg.expr)?;
    }
    f.write_char(')')
}
