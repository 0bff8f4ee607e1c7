//! Text and tags of a template.

use super::{Body, Code, For, Op, Program, lower::Lowering, scopes::ScopeKind};
use crate::{
    syntax::{Branch, Document, Expr, Node},
    value::{Str, Value},
};

impl Lowering<'_> {
    pub(super) fn document(&mut self, document: &Document) -> Program {
        if let ([Node::Output(expr)], true) = (document.nodes.as_slice(), document.native) {
            return match self.expr(expr) {
                Code::Constant(value) => Program::Constant(value),
                code => Program::Native(code),
            };
        }
        let has_frame = has_variables(&document.nodes);
        if has_frame {
            self.scopes.push(ScopeKind::Variables { names: Vec::new(), count: 0, loops: 0 });
        }
        let ops = self.nodes(&document.nodes);
        let variables = self.scopes.variable_count();
        if has_frame {
            self.scopes.pop();
        }
        match &*ops {
            [] => Program::Constant(Value::from("")),
            [Op::Text(text)] => Program::Constant(Value::Str(text.clone())),
            _ => Program::Text(Body { ops, variables, has_frame }),
        }
    }

    fn nodes(&mut self, nodes: &[Node]) -> Box<[Op]> {
        let mut ops: Vec<Op> = Vec::with_capacity(nodes.len());
        for node in nodes {
            self.cost += 1;
            let op = self.node(node);
            match (ops.last_mut(), op) {
                (Some(Op::Text(before)), Op::Text(text)) => *before = format!("{before}{text}").into(),
                (_, op) => ops.push(op),
            }
        }
        ops.into()
    }

    fn node(&mut self, node: &Node) -> Op {
        match node {
            Node::Text(text) => Op::Text(text.into()),
            Node::Output(expr) => match self.expr(expr) {
                Code::Constant(value) => Op::Text(value.to_text()),
                code => Op::Output(code, expr.span),
            },
            Node::Assign { name, expr } => {
                let code = self.expr(expr);
                Op::Assign(self.scopes.assign(name), code)
            }
            Node::If { branches, otherwise } => {
                let branches = branches.iter().map(|b| (self.expr(&b.test), self.nodes(&b.body))).collect();
                Op::If { branches, otherwise: self.otherwise(otherwise) }
            }
            Node::Case { subject, branches, otherwise } => self.case(subject, branches, otherwise),
            Node::For { name, second, list, body, otherwise } => {
                let names: Vec<&Str> = std::iter::once(name).chain(second).collect();
                self.for_loop_op(&names, list, body, otherwise)
            }
            Node::Break => Op::Break,
            Node::Continue => Op::Continue,
        }
    }

    fn otherwise(&mut self, nodes: &Option<Vec<Node>>) -> Box<[Op]> {
        nodes.as_ref().map(|nodes| self.nodes(nodes)).unwrap_or_default()
    }

    fn case(&mut self, subject: &Expr, branches: &[Branch<Vec<Expr>>], otherwise: &Option<Vec<Node>>) -> Op {
        let subject = self.expr(subject);
        let branches = branches
            .iter()
            .map(|branch| {
                (branch.test.iter().map(|test| self.expr(test)).collect(), self.nodes(&branch.body))
            })
            .collect();
        Op::Case { subject, branches, otherwise: self.otherwise(otherwise) }
    }

    fn for_loop_op(
        &mut self,
        names: &[&Str],
        list: &Expr,
        body: &[Node],
        otherwise: &Option<Vec<Node>>,
    ) -> Op {
        let code = self.expr(list);
        let before = std::mem::take(&mut self.cost);
        let places = self.scopes.enter_loop(names);
        let body = self.nodes(body);
        self.scopes.leave_loop(&places);
        let cost = std::mem::replace(&mut self.cost, before) + 1;
        self.cost += cost;
        let otherwise = self.otherwise(otherwise);
        let (first, second) = (places.first().copied().unwrap_or(0), places.get(1).copied());
        Op::For(Box::new(For { list: code, span: list.span, first, second, body, otherwise, cost }))
    }
}

/// Whether there is any tag that sets a variable.
fn has_variables(nodes: &[Node]) -> bool {
    let in_branches =
        |otherwise: &Option<Vec<Node>>| otherwise.as_ref().is_some_and(|nodes| has_variables(nodes));
    nodes.iter().any(|node| match node {
        Node::Assign { .. } | Node::For { .. } => true,
        Node::If { branches, otherwise } => {
            branches.iter().any(|b| has_variables(&b.body)) || in_branches(otherwise)
        }
        Node::Case { branches, otherwise, .. } => {
            branches.iter().any(|b| has_variables(&b.body)) || in_branches(otherwise)
        }
        Node::Text(_) | Node::Output(_) | Node::Break | Node::Continue => false,
    })
}
