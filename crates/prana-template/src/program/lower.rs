//! From the syntax tree to a program: resolves names, picks filters, computes what is constant.

use super::{Binary, Code, Local, LoopField, Program, Scopes, Step, Walk, fold};
use crate::{
    error::{Span, TemplateError},
    filters::Filters,
    names::{Names, PathItem, Slot},
    nearest::nearest,
    syntax::{BinaryOp, Document, Expr, ExprKind, PathPart, PathPartKind, UnaryOp},
    value::{Str, Value},
};

/// A program and the slots it refers to.
pub(crate) struct Lowered {
    pub program: Program,
    /// Sorted, each once.
    pub slots: Vec<Slot>,
    /// Steps that one evaluation costs, beside loops.
    pub cost: u64,
}

/// Resolves a whole template. Finds as many errors as can be found.
pub(crate) fn lower(
    document: &Document,
    names: &dyn Names,
    filters: &Filters,
    scopes: Scopes,
) -> Result<Lowered, Vec<TemplateError>> {
    let mut lowering = Lowering { names, filters, scopes, errors: Vec::new(), slots: Vec::new(), cost: 0 };
    let program = lowering.document(document);
    if !lowering.errors.is_empty() {
        return Err(lowering.errors);
    }
    lowering.slots.sort_unstable();
    lowering.slots.dedup();
    Ok(Lowered { program, slots: lowering.slots, cost: lowering.cost })
}

pub(super) struct Lowering<'a> {
    pub names: &'a dyn Names,
    pub filters: &'a Filters,
    pub scopes: Scopes,
    pub errors: Vec<TemplateError>,
    pub slots: Vec<Slot>,
    /// Nodes so far: what one evaluation of them costs.
    pub cost: u64,
}

impl Lowering<'_> {
    pub(super) fn error(
        &mut self,
        code: &'static str,
        span: Span,
        message: String,
        help: Option<String>,
    ) -> Code {
        self.errors.push(TemplateError { code, message, help, span });
        Code::Constant(Value::Null)
    }

    pub(super) fn expr(&mut self, expr: &Expr) -> Code {
        self.cost += 1;
        match &expr.kind {
            ExprKind::Literal(literal) => Code::Constant(literal.0.clone()),
            ExprKind::Name(_) | ExprKind::Root(_) => self.path(expr, &[], expr.span),
            ExprKind::Path(base, parts) => self.path(base, parts, expr.span),
            ExprKind::Unary(op, inner) => self.unary(*op, inner, expr.span),
            ExprKind::Binary(op, pair) => self.binary(*op, &pair.0, &pair.1, expr.span),
            ExprKind::Conditional(parts) => {
                let codes = Box::new([self.expr(&parts[0]), self.expr(&parts[1]), self.expr(&parts[2])]);
                fold::conditional(codes)
            }
            ExprKind::List(items) => {
                let items = items.iter().map(|item| self.expr(item)).collect();
                fold::constant(Code::List(items, expr.span))
            }
            ExprKind::Map(entries) => {
                let entries = entries.iter().map(|(key, value)| (key.clone(), self.expr(value))).collect();
                fold::constant(Code::Map(entries, expr.span))
            }
            ExprKind::Call { name, name_span, args, piped } => {
                self.call(name, name_span.0, args, *piped, expr.span)
            }
            ExprKind::Lambda { .. } => {
                let message = "a lambda can only be the argument of a filter that takes one".to_owned();
                self.error("expression.arguments", expr.span, message, None)
            }
        }
    }

    fn unary(&mut self, op: UnaryOp, inner: &Expr, span: Span) -> Code {
        let inner = Box::new(self.expr(inner));
        fold::constant(match op {
            UnaryOp::Not => Code::Not(inner),
            UnaryOp::Negate => Code::Negate(inner, span),
        })
    }

    fn binary(&mut self, op: BinaryOp, left: &Expr, right: &Expr, span: Span) -> Code {
        let pair = Box::new([self.expr(left), self.expr(right)]);
        let code = match op {
            BinaryOp::And => return fold::decided(Code::And(pair)),
            BinaryOp::Or => return fold::decided(Code::Or(pair)),
            BinaryOp::Coalesce => return fold::decided(Code::Coalesce(pair)),
            _ => {
                let [left, right] = *pair;
                let regex = if op == BinaryOp::Matches { self.constant_regex(&right, span) } else { None };
                Code::Binary(Box::new(Binary { op, left, right, span, regex }))
            }
        };
        fold::constant(code)
    }

    /// A constant pattern is compiled, and checked, once.
    pub(super) fn constant_regex(&mut self, pattern: &Code, span: Span) -> Option<regex::Regex> {
        let pattern = pattern.constant()?.as_str()?;
        match crate::filters::compile_regex(pattern) {
            Ok(regex) => Some(regex),
            Err(fault) => {
                self.error(fault.code, span, fault.message.clone(), None);
                None
            }
        }
    }

    fn path(&mut self, base: &Expr, parts: &[PathPart], span: Span) -> Code {
        let (base, consumed) = match &base.kind {
            ExprKind::Root(name) if matches!(name.as_str(), "$item" | "$index" | "$loop") => {
                self.item_name(name, parts, base.span)
            }
            ExprKind::Root(name) => self.root(name, parts, base.span),
            ExprKind::Name(name) => self.name(name, parts, Span::new(base.span.start, span.end)),
            _ => (self.expr(base), 0),
        };
        let steps: Box<[Step]> =
            parts[consumed.min(parts.len())..].iter().map(|part| self.step(part)).collect();
        if steps.is_empty() { base } else { fold::walk(Walk { base, steps }) }
    }

    fn step(&mut self, part: &PathPart) -> Step {
        self.cost += 1;
        match part.literal() {
            Some(PathItem::Key(key)) => return Step::Key(key),
            Some(PathItem::Index(index)) => return Step::Index(index),
            None => {}
        }
        match &part.kind {
            PathPartKind::Field(name) => Step::Key(name.clone()),
            PathPartKind::Index(index) => Step::Dynamic(self.expr(index), part.span),
            PathPartKind::Slice(from, to) => {
                let from = from.as_ref().map(|from| self.expr(from));
                let to = to.as_ref().map(|to| self.expr(to));
                Step::Slice(from, to, part.span)
            }
            PathPartKind::Each => Step::Each(part.span),
        }
    }

    fn root(&mut self, name: &str, parts: &[PathPart], span: Span) -> (Code, usize) {
        let path: Vec<PathItem> = parts.iter().map_while(PathPart::literal).collect();
        match self.names.resolve(name, &path) {
            Ok(resolved) => {
                self.slots.push(resolved.slot);
                (Code::Slot(resolved.slot), resolved.consumed)
            }
            Err(error) => {
                let end = parts.get(path.len().wrapping_sub(1)).map_or(span.end, |part| part.span.end);
                (self.error(error.code, Span::new(span.start, end), error.message, error.help), 0)
            }
        }
    }

    /// `$item`, `$index`, `$loop`, and how many parts of the path they took with them.
    fn item_name(&mut self, name: &str, parts: &[PathPart], span: Span) -> (Code, usize) {
        let frames = self.scopes.items();
        let Some(&up) = frames.first() else {
            let help = "they exist inside filters and directives that go over items, and in parameters that are \
                        evaluated for each item";
            let message = format!("`{name}` has no meaning here");
            return (self.error("expression.unknown_name", span, message, Some(help.to_owned())), 0);
        };
        match name {
            "$item" => (Code::Local(Local { up, index: 0 }), 0),
            "$index" => (Code::Local(Local { up, index: 1 }), 0),
            _ => self.item_loop(&frames, parts, span),
        }
    }

    fn item_loop(&mut self, frames: &[u16], parts: &[PathPart], span: Span) -> (Code, usize) {
        for (taken, part) in parts.iter().enumerate() {
            let field = match part.literal() {
                Some(PathItem::Key(field)) => field,
                _ => return (Code::ItemLoop(frames[taken.min(frames.len())..].into()), taken),
            };
            let frame = frames.get(taken).copied();
            let local =
                |index| frame.map_or(Code::Constant(Value::Null), |up| Code::Local(Local { up, index }));
            match field.as_str() {
                "item" => return (local(0), taken + 1),
                "index" => return (local(1), taken + 1),
                "parentloop" => {}
                _ => {
                    let message = format!("`$loop` has no `{field}`");
                    let help = "it has `item`, `index` and `parentloop`".to_owned();
                    return (self.error("expression.unknown_name", span, message, Some(help)), 0);
                }
            }
        }
        let rest = frames.get(parts.len()..).unwrap_or_default();
        (if rest.is_empty() { Code::Constant(Value::Null) } else { Code::ItemLoop(rest.into()) }, parts.len())
    }

    /// A variable or parameter; `span` covers its whole path.
    fn name(&mut self, name: &Str, parts: &[PathPart], span: Span) -> (Code, usize) {
        if let Some((up, index)) = self.scopes.find(name) {
            return (Code::Local(Local { up, index }), 0);
        }
        if name == "forloop"
            && let Some((up, loops)) = self.scopes.loops().filter(|(_, loops)| *loops > 0)
        {
            return self.for_loop(up, loops, parts, span);
        }
        let name_span = Span::new(span.start, span.start + name.len());
        let help = self.meaning_of(name, parts);
        (self.error("expression.unknown_name", name_span, format!("unknown name `{name}`"), help), 0)
    }

    fn for_loop(&mut self, up: u16, loops: usize, parts: &[PathPart], span: Span) -> (Code, usize) {
        let mut nest = loops;
        for (taken, part) in parts.iter().enumerate() {
            let Some(PathItem::Key(field)) = part.literal() else { break };
            let field = match field.as_str() {
                "parentloop" => {
                    nest = nest.saturating_sub(1);
                    continue;
                }
                "index" => LoopField::Index,
                "index0" => LoopField::Index0,
                "first" => LoopField::First,
                "last" => LoopField::Last,
                "length" => LoopField::Length,
                _ => {
                    let message = format!("`forloop` has no `{field}`");
                    let help =
                        "it has `index`, `index0`, `first`, `last`, `length` and `parentloop`".to_owned();
                    return (self.error("expression.unknown_name", span, message, Some(help)), 0);
                }
            };
            return (Self::loop_at(up, nest, Some(field)), taken + 1);
        }
        let parents = parts
            .iter()
            .take_while(|part| part.literal() == Some(PathItem::Key("parentloop".into())))
            .count();
        (Self::loop_at(up, nest, None), parents)
    }

    fn loop_at(up: u16, nest: usize, field: Option<LoopField>) -> Code {
        match nest.checked_sub(1) {
            Some(nest) => Code::ForLoop { up, nest: nest as u16, field },
            None => Code::Constant(Value::Null),
        }
    }

    /// What an unknown plain name was probably meant to be.
    fn meaning_of(&self, name: &Str, parts: &[PathPart]) -> Option<String> {
        let with_dollar = format!("${name}");
        let path: Vec<PathItem> = parts.iter().map_while(PathPart::literal).collect();
        if self.names.resolve(&with_dollar, &path).is_ok() {
            return Some(format!("did you mean `{with_dollar}`?"));
        }
        let known = self.scopes.names();
        if let Some(local) = nearest(name, known.iter().map(Str::as_str)) {
            return Some(format!("did you mean `{local}`?"));
        }
        if self.filters.contains(name) {
            return Some(format!("`{name}` is a filter: write `value | {name}`, or `{name}(value)`"));
        }
        if matches!(name.as_str(), "item" | "index" | "loop") && !self.scopes.items().is_empty() {
            return Some(format!("did you mean `${name}`?"));
        }
        let as_field = [PathItem::Key(name.clone())];
        self.names
            .resolve("$input", &as_field)
            .is_ok()
            .then(|| format!("did you mean `$input.{name}`? For text, put it in quotes"))
    }
}
