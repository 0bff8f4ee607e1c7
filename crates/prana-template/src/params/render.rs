//! Rendering [`Params`].

use std::borrow::Cow;

use super::{Node, Params};
use crate::{
    budget::Budget,
    error::{EvalError, Span},
    eval::{Cx, Fault, Frame, Work},
    names::{PathSegment, Scope},
    value::{Entering, Str, Value},
};

/// Boxed, so that results stay small.
pub(super) type Failed = Box<EvalError>;

impl Params {
    /// Renders the whole tree.
    ///
    /// # Errors
    /// The first template that failed, with the path of its parameter.
    pub fn render(&self, scope: &dyn Scope, budget: &mut Budget) -> Result<Value, EvalError> {
        self.run(scope, None, budget, &[])
    }

    /// Renders all but some top-level fields, which are left out of the result.
    ///
    /// # Errors
    /// As [`render`](Params::render).
    pub fn render_without(
        &self,
        skipped: &[&str],
        scope: &dyn Scope,
        budget: &mut Budget,
    ) -> Result<Value, EvalError> {
        self.run(scope, None, budget, skipped)
    }

    /// Renders for one item, with `$item`, `$index` (from 0) and `$loop`.
    ///
    /// # Errors
    /// As [`render`](Params::render).
    pub fn render_with_item(
        &self,
        scope: &dyn Scope,
        item: &Value,
        index: i64,
        budget: &mut Budget,
    ) -> Result<Value, EvalError> {
        let index = Value::Int(index);
        self.run(scope, Some(&Frame::given(None, &[item, &index])), budget, &[])
    }

    fn run<'e>(
        &'e self,
        scope: &'e dyn Scope,
        frame: Option<&'e Frame<'e>>,
        budget: &mut Budget,
        skipped: &[&str],
    ) -> Result<Value, EvalError> {
        let work = Work::new(budget, &self.slots);
        let cx = Cx { scope, frame, work: &work };
        let result = if skipped.is_empty() { self.render_in(&cx) } else { self.render_some(&cx, skipped) };
        work.settle(budget);
        result.map_err(|failed| *failed)
    }

    fn render_some(&self, cx: &Cx<'_>, skipped: &[&str]) -> Result<Value, Failed> {
        let is_kept = |key: &Str| !skipped.contains(&key.as_str());
        match &self.node {
            Node::Constant(Value::Map(map)) => {
                let kept = map.iter().filter(|(key, _)| is_kept(key));
                Ok(Value::Map(kept.map(|(key, value)| (key.clone(), value.clone())).collect()))
            }
            Node::Map(entries) => render_map(entries.iter().filter(|(key, _)| is_kept(key)), cx),
            _ => self.render_in(cx),
        }
    }

    /// Renders as a part of something larger.
    pub(super) fn render_in(&self, cx: &Cx<'_>) -> Result<Value, Failed> {
        match &self.node {
            Node::Constant(value) => Ok(value.clone()),
            Node::Template(template) => template
                .evaluate_in(cx)
                .map(Cow::into_owned)
                .map_err(|fault| Box::new(template.error(*fault))),
            Node::List(items) => {
                let items = items.iter().enumerate().map(|(index, params)| params.render_at(index, cx));
                cx.list(items.collect::<Result<_, _>>()?).map_err(without_template)
            }
            Node::Map(entries) => render_map(entries.iter(), cx),
            Node::Directive(directive) => directive.render(None, cx),
            Node::PutOff(put_off) => Ok(Value::Str(put_off.source.clone())),
        }
    }

    /// Renders what is at a place; an error says so.
    pub(super) fn render_at(&self, place: impl Into<PathSegment>, cx: &Cx<'_>) -> Result<Value, Failed> {
        self.render_in(cx).map_err(|failed| at_place(failed, place))
    }
}

#[cold]
fn at_place(mut failed: Failed, place: impl Into<PathSegment>) -> Failed {
    failed.path.insert(0, place.into());
    failed
}

fn render_map<'e>(entries: impl Iterator<Item = &'e (Str, Params)>, cx: &Cx<'_>) -> Result<Value, Failed> {
    let mut rendered = Entering::new();
    for (key, params) in entries {
        match params.render_in(cx) {
            Ok(value) => rendered.push(key.clone(), value),
            Err(failed) => return Err(at_place(failed, key.as_str())),
        }
    }
    cx.distinct_map(rendered).map_err(without_template)
}

/// A fault that no single template is to blame for.
#[cold]
#[allow(clippy::boxed_local, reason = "faults come boxed out of results")]
pub(super) fn without_template(fault: Fault) -> Failed {
    let fault = *fault;
    Box::new(EvalError {
        code: fault.code,
        message: fault.message,
        template: String::new(),
        span: Span::default(),
        value_type: fault.value_type,
        path: Vec::new(),
    })
}
