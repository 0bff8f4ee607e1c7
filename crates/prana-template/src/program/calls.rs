//! Filters with their arguments: matched to the filter's parameters when the template is compiled.

use super::{ArgCode, Call, Code, Lambda, fold, lower::Lowering, scopes::ScopeKind};
use crate::{
    error::Span,
    filters::{Filters, Param, Signature},
    syntax::{Arg, Expr, ExprKind, PathPart, PathPartKind},
    value::{Str, Value},
};

impl Lowering<'_> {
    pub(super) fn call(
        &mut self,
        name: &Str,
        name_span: Span,
        args: &[Arg],
        piped: bool,
        span: Span,
    ) -> Code {
        let filters = self.filters;
        let Some((callee, signature)) = filters.find(name) else {
            let help = filters.nearest(name).map(|near| format!("did you mean `{near}`?"));
            return self.error(
                "expression.unknown_filter",
                name_span,
                format!("unknown filter `{name}`"),
                help,
            );
        };
        let Some(places) = self.places(signature, args, piped, span) else {
            return Code::Constant(Value::Null);
        };
        let codes: Box<[Option<ArgCode>]> = signature
            .params
            .iter()
            .zip(&places)
            .map(|(param, arg)| arg.map(|arg| self.argument(param, &arg.expr)))
            .collect();
        let regex = match (callee.takes_pattern(), codes.get(1)) {
            (true, Some(Some(ArgCode::Value(pattern)))) => self.constant_regex(pattern, span),
            _ => None,
        };
        fold::constant(Code::Call(Box::new(Call { callee, args: codes, span, regex })))
    }

    /// The argument for each parameter, by position and by name.
    fn places<'e>(
        &mut self,
        signature: &Signature,
        args: &'e [Arg],
        piped: bool,
        span: Span,
    ) -> Option<Vec<Option<&'e Arg>>> {
        let mut places: Vec<Option<&Arg>> = vec![None; signature.params.len()];
        let mut position = 0;
        for arg in args {
            let place = match &arg.name {
                Some(name) => signature.params.iter().position(|param| param.name == name.as_str()),
                None => Some(position).filter(|&p| p < places.len()),
            };
            position += usize::from(arg.name.is_none());
            let problem = match place {
                Some(place) if places[place].is_none() => {
                    places[place] = Some(arg);
                    continue;
                }
                Some(place) => format!("`{}` is given twice", signature.params[place].name),
                None => match &arg.name {
                    Some(name) => format!("`{}` has no argument `{name}`", signature.name),
                    None => format!("`{}` is given too many arguments", signature.name),
                },
            };
            self.error("expression.arguments", arg.expr.span, problem, Some(signature.usage(piped)));
            return None;
        }
        let missing =
            signature.params.iter().zip(&places).find(|(param, arg)| param.required && arg.is_none());
        if let Some((param, _)) = missing {
            let problem = format!("`{}` needs the argument `{}`", signature.name, param.name);
            self.error("expression.arguments", span, problem, Some(signature.usage(piped)));
            return None;
        }
        Some(places)
    }

    fn argument(&mut self, param: &Param, expr: &Expr) -> ArgCode {
        match (&expr.kind, param.lambda) {
            (ExprKind::Lambda { params, body }, arity @ 1..) => self.lambda(params, body, arity, expr.span),
            (_, 1) if mentions_item(expr, self.filters) => self.implicit_lambda(expr),
            _ => ArgCode::Value(self.expr(expr)),
        }
    }

    /// A lambda may take one parameter more than are needed: the index of the item.
    fn lambda(&mut self, params: &[Str], body: &Expr, arity: usize, span: Span) -> ArgCode {
        if params.len() < arity || params.len() > arity + 1 {
            let needs = if arity == 1 { "`x => ...` or `(x, index) => ...`" } else { "`(acc, x) => ...`" };
            let message = format!("the lambda has {} parameters", params.len());
            return ArgCode::Value(self.error(
                "expression.arguments",
                span,
                message,
                Some(format!("write {needs}")),
            ));
        }
        self.body(ScopeKind::Params(params.to_vec()), params.len(), body)
    }

    /// An argument that says `$item` or `$index` is a lambda without saying so.
    fn implicit_lambda(&mut self, body: &Expr) -> ArgCode {
        self.body(ScopeKind::Item, 2, body)
    }

    fn body(&mut self, scope: ScopeKind, params: usize, body: &Expr) -> ArgCode {
        let before = std::mem::take(&mut self.cost);
        self.scopes.push(scope);
        let body = self.expr(body);
        self.scopes.pop();
        let cost = std::mem::replace(&mut self.cost, before);
        self.cost += cost;
        ArgCode::Lambda(Lambda { params, body, cost })
    }
}

/// Whether `$item`, `$index` or `$loop` is said, other than inside an argument that is such a lambda itself.
fn mentions_item(expr: &Expr, filters: &Filters) -> bool {
    let mentions = |expr: &Expr| mentions_item(expr, filters);
    match &expr.kind {
        ExprKind::Root(name) => matches!(name.as_str(), "$item" | "$index" | "$loop"),
        ExprKind::Literal(_) | ExprKind::Name(_) => false,
        ExprKind::Path(base, parts) => {
            mentions(base) || parts.iter().any(|part| part_mentions(part, filters))
        }
        ExprKind::Unary(_, inner) | ExprKind::Lambda { body: inner, .. } => mentions(inner),
        ExprKind::Binary(_, pair) => mentions(&pair.0) || mentions(&pair.1),
        ExprKind::Conditional(parts) => parts.iter().any(mentions),
        ExprKind::List(items) => items.iter().any(mentions),
        ExprKind::Map(entries) => entries.iter().any(|(_, value)| mentions(value)),
        ExprKind::Call { name, args, .. } => {
            let params =
                filters.find(name).map(|(_, signature)| signature.params.as_slice()).unwrap_or_default();
            args.iter().enumerate().any(|(i, arg)| {
                let param = match &arg.name {
                    Some(name) => params.iter().find(|param| param.name == name.as_str()),
                    None => params.get(i),
                };
                let is_lambda = matches!(arg.expr.kind, ExprKind::Lambda { .. });
                let binds_itself = param.is_some_and(|param| param.lambda == 1) && !is_lambda;
                !binds_itself && mentions(&arg.expr)
            })
        }
    }
}

fn part_mentions(part: &PathPart, filters: &Filters) -> bool {
    match &part.kind {
        PathPartKind::Field(_) | PathPartKind::Each => false,
        PathPartKind::Index(index) => mentions_item(index, filters),
        PathPartKind::Slice(from, to) => [from, to].into_iter().flatten().any(|e| mentions_item(e, filters)),
    }
}
