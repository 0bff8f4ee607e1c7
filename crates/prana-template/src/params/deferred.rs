//! Templates that are put off: some of what they name isn't known when the rest is rendered.
//!
//! What stands in the rendered parameters is the template as it was written; where it stands, and the values of all else that it names, is a
//! [`Deferred`] beside them. So nothing in the data itself can pass for a template that was put off.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};

use serde::{Deserialize, Serialize};

use super::{Node, Params};
use crate::{
    budget::Budget,
    error::EvalError,
    eval::{Cx, Frame, Work, eval},
    filters::Filters,
    names::{NameError, Names, PathItem, PathSegment, Resolved, Scope, Slot},
    program::{Code, Step, Walk},
    template::Template,
    value::{Str, Value},
};

/// A template that is put off, with how to get at the rest of what it names.
#[derive(Debug, Clone)]
pub(super) struct PutOff {
    pub source: Str,
    /// Of all that it names, sorted, each once.
    pub slots: Box<[Slot]>,
    mentions: Vec<Mention>,
    /// It says `$item` or `$loop`, or could.
    says_item: bool,
}

#[derive(Debug, Clone)]
struct Mention {
    name: Str,
    path: Vec<PathItem>,
    code: Code,
}

/// Something that a [`Deferred`] names, with the value that it had.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Capture {
    /// The name, with its `$`.
    pub name: Str,
    /// The literal path after it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub path: Vec<PathItem>,
    /// The value there.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub value: Value,
}

/// The item that a template was rendered for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeferredItem {
    /// `$item`.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub item: Value,
    /// `$index`.
    pub index: i64,
}

/// A place in rendered parameters where a template stands that is still to be evaluated, with all that it needs beside what was put off.
///
/// ```
/// use prana_template::{value, Budget, Filters, FixedNames, Params, ParamsOptions, Slot};
/// let options = ParamsOptions { put_off: &|slot| slot == Slot(1), ..ParamsOptions::default() };
/// let names = FixedNames::new(["$input", "$secret"]);
/// let source = value!({"auth": "{{ $input.user + ':' + $secret | base64 }}"});
/// let params = Params::compile(&source, &names, Filters::standard(), &options).unwrap();
///
/// // Only what isn't put off need be known now.
/// let scope = [value!({"user": "ada"})];
/// let rendered = params.render(&scope, &mut Budget::default()).unwrap();
/// assert_eq!(rendered, source);
/// let deferred = params.deferred(&scope, &mut Budget::default()).unwrap();
///
/// // Later.
/// let names = FixedNames::new(["$secret"]);
/// let now = deferred[0].evaluate(&rendered, &names, &[value!("pw")], Filters::standard()).unwrap();
/// assert_eq!(now.value, value!("YWRhOnB3"));
/// assert_eq!(now.derived, [value!("YWRhOnB3")]);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Deferred {
    /// The place.
    pub path: Vec<PathSegment>,
    /// What it names and was known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub captures: Vec<Capture>,
    /// The item that it was rendered for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<DeferredItem>,
}

/// What became of a template that was put off.
#[derive(Clone)]
pub struct Evaluated {
    /// Its value.
    pub value: Value,
    /// What filters made on the way of what was put off.
    pub derived: Vec<Value>,
}

/// Why a template that was put off can't be evaluated. The values that it met are not told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{}: a template that was put off failed ({code}); what it computes with isn't shown",
    crate::names::path_text(path)
)]
pub struct DeferredError {
    /// Where it stands.
    pub path: Vec<PathSegment>,
    /// Stable code, such as `expression.type`.
    pub code: &'static str,
    /// The template, shortened to 200 characters.
    pub template: String,
    /// The type of the value that could not be used.
    pub value_type: Option<&'static str>,
}

/// Notes which names a template mentions, and which of them can be known at once.
struct Noting<'a> {
    names: &'a dyn Names,
    is_put_off: &'a dyn Fn(Slot) -> bool,
    mentions: RefCell<Vec<Mention>>,
}

impl Names for Noting<'_> {
    fn key_len(&self, root: &str, path: &[PathItem], rest: &str) -> Option<usize> {
        self.names.key_len(root, path, rest)
    }

    fn resolve(&self, root: &str, path: &[PathItem]) -> Result<Resolved, NameError> {
        let resolved = self.names.resolve(root, path)?;
        let mut mentions = self.mentions.borrow_mut();
        let known = mentions.iter().any(|mention| mention.name.as_str() == root && mention.path == path);
        if !(known || (self.is_put_off)(resolved.slot)) {
            let code = code_of(resolved, path);
            mentions.push(Mention { name: root.into(), path: path.to_vec(), code });
        }
        Ok(resolved)
    }
}

fn code_of(resolved: Resolved, path: &[PathItem]) -> Code {
    let base = Code::Slot(resolved.slot);
    let step = |item: &PathItem| match item {
        PathItem::Key(key) => Step::Key(key.clone()),
        PathItem::Index(index) => Step::Index(*index),
    };
    let steps: Box<[Step]> = path[resolved.consumed.min(path.len())..].iter().map(step).collect();
    if steps.is_empty() { base } else { Code::Walk(Box::new(Walk { base, steps })) }
}

impl PutOff {
    /// The template in a form to be put off, if it names something that is.
    pub fn of(
        template: &Template,
        names: &dyn Names,
        filters: &Filters,
        items: usize,
        is_put_off: &dyn Fn(Slot) -> bool,
    ) -> Option<PutOff> {
        if !template.slots().iter().any(|slot| is_put_off(*slot)) {
            return None;
        }
        let source = template.source();
        let noting = Noting { names, is_put_off, mentions: RefCell::default() };
        // It was parsed before; this time for what it mentions.
        Template::parse_within(source, &noting, filters, items).ok()?;
        let says_item = items > 0 && ["$item", "$index", "$loop"].iter().any(|name| source.contains(name));
        let mentions = noting.mentions.into_inner();
        Some(PutOff { source: source.into(), slots: template.slots().into(), mentions, says_item })
    }

    fn defer(
        &self,
        path: Vec<PathSegment>,
        cx: &Cx<'_>,
        item: Option<(&Value, i64)>,
    ) -> Result<Deferred, EvalError> {
        let capture = |mention: &Mention| {
            let value = eval(&mention.code, cx).map(Cow::into_owned)?;
            Ok(Capture { name: mention.name.clone(), path: mention.path.clone(), value })
        };
        let captures = self.mentions.iter().map(capture).collect::<Result<_, crate::eval::Fault>>();
        let captures = captures.map_err(|fault| {
            let mut error = *super::render::without_template(fault);
            error.path.clone_from(&path);
            error
        })?;
        let item = item.filter(|_| self.says_item);
        let item = item.map(|(item, index)| DeferredItem { item: item.clone(), index });
        Ok(Deferred { path, captures, item })
    }
}

impl Params {
    /// The templates that rendering leaves as they are, each with the values of what it names and is known.
    ///
    /// # Errors
    /// The first name whose value can't be had.
    pub fn deferred(&self, scope: &dyn Scope, budget: &mut Budget) -> Result<Vec<Deferred>, EvalError> {
        self.all_deferred(scope, None, budget)
    }

    /// As [`deferred`](Params::deferred), with `$item`, `$index` (from 0) and `$loop`.
    ///
    /// # Errors
    /// As [`deferred`](Params::deferred).
    pub fn deferred_with_item(
        &self,
        scope: &dyn Scope,
        item: &Value,
        index: i64,
        budget: &mut Budget,
    ) -> Result<Vec<Deferred>, EvalError> {
        self.all_deferred(scope, Some((item, index)), budget)
    }

    fn all_deferred(
        &self,
        scope: &dyn Scope,
        item: Option<(&Value, i64)>,
        budget: &mut Budget,
    ) -> Result<Vec<Deferred>, EvalError> {
        let mut found = Vec::new();
        if self.puts_off {
            let work = Work::new(budget, &self.slots);
            let cx = Cx { scope, frame: None, work: &work };
            let result = self.collect_deferred(&mut Vec::new(), &cx, item, &mut found);
            work.settle(budget);
            result?;
        }
        Ok(found)
    }

    fn collect_deferred(
        &self,
        path: &mut Vec<PathSegment>,
        cx: &Cx<'_>,
        item: Option<(&Value, i64)>,
        found: &mut Vec<Deferred>,
    ) -> Result<(), EvalError> {
        let mut below = |segment: PathSegment, params: &Params| {
            path.push(segment);
            let result = params.collect_deferred(path, cx, item, found);
            path.pop();
            result
        };
        match &self.node {
            _ if !self.puts_off => Ok(()),
            Node::PutOff(put_off) => {
                found.push(put_off.defer(path.clone(), cx, item)?);
                Ok(())
            }
            Node::List(items) => {
                items.iter().enumerate().try_for_each(|(at, params)| below(at.into(), params))
            }
            Node::Map(entries) => {
                entries.iter().try_for_each(|(key, params)| below(PathSegment::Key(key.clone()), params))
            }
            _ => Ok(()),
        }
    }
}

/// Slots of what was captured have this bit.
const CAPTURED: u32 = 1 << 31;

/// What a template that was put off sees: what was captured, and what is known by now.
struct Later<'a> {
    captures: &'a [Capture],
    names: &'a dyn Names,
    scope: &'a dyn Scope,
    trace: &'a Trace,
}

impl Names for Later<'_> {
    /// As it was when it was captured: the longest key that continues a captured path.
    fn key_len(&self, root: &str, path: &[PathItem], rest: &str) -> Option<usize> {
        let continues = |capture: &&Capture| capture.name.as_str() == root && capture.path.starts_with(path);
        let keys =
            self.captures.iter().filter(continues).filter_map(|capture| match capture.path.get(path.len()) {
                Some(PathItem::Key(key)) if rest.starts_with(key.as_str()) => Some(key.len()),
                _ => None,
            });
        keys.max()
    }

    fn resolve(&self, root: &str, path: &[PathItem]) -> Result<Resolved, NameError> {
        let same = |capture: &Capture| capture.name.as_str() == root && capture.path == path;
        match self.captures.iter().position(same) {
            Some(at) => Ok(Resolved { slot: Slot(CAPTURED | at as u32), consumed: path.len() }),
            None => self.names.resolve(root, path),
        }
    }
}

impl Scope for Later<'_> {
    fn value(&self, slot: Slot) -> Cow<'_, Value> {
        if slot.0 & CAPTURED == 0 {
            self.trace.reads.set(self.trace.reads.get() + 1);
            return self.scope.value(slot);
        }
        let captured = self.captures.get((slot.0 ^ CAPTURED) as usize);
        captured.map_or(Cow::Owned(Value::Null), |capture| Cow::Borrowed(&capture.value))
    }
}

/// What filters make of what was put off.
#[derive(Default)]
pub(crate) struct Trace {
    reads: Cell<u64>,
    made: RefCell<Vec<Value>>,
}

impl Trace {
    /// So much was read that was put off, up to now.
    pub fn reads(&self) -> u64 {
        self.reads.get()
    }

    /// A variable may hold what was put off, once something of it was read.
    pub fn local_was_read(&self) {
        let reads = self.reads.get();
        self.reads.set(reads + u64::from(reads > 0));
    }

    /// A filter made this, after so much had been read before it began.
    pub fn made(&self, value: &Value, reads_before: u64) {
        if self.reads.get() != reads_before {
            self.made.borrow_mut().push(value.clone());
        }
    }
}

impl Deferred {
    /// Evaluates the template that stands at its place in the parameters. `names` resolves what was put off (into slots below 2³¹), and `scope` has its values.
    ///
    /// # Errors
    /// What is wrong, without what it was computed of.
    pub fn evaluate(
        &self,
        params: &Value,
        names: &dyn Names,
        scope: &dyn Scope,
        filters: &Filters,
    ) -> Result<Evaluated, DeferredError> {
        let source = at(params, &self.path).and_then(Value::as_str).unwrap_or_default();
        let failed = |code, value_type| DeferredError {
            path: self.path.clone(),
            code,
            template: source.chars().take(200).collect(),
            value_type,
        };
        let trace = Trace::default();
        let later = Later { captures: &self.captures, names, scope, trace: &trace };
        let template = Template::parse_within(source, &later, filters, usize::from(self.item.is_some()));
        let template = template
            .map_err(|errors| failed(errors.first().map_or("expression.syntax", |error| error.code), None))?;
        let index = self.item.as_ref().map(|item| Value::Int(item.index)).unwrap_or_default();
        let values = self.item.as_ref().map(|item| [&item.item, &index]);
        let frame = values.as_ref().map(|values| Frame::given(None, values));
        let value = template.evaluate_traced(&later, frame.as_ref(), &trace);
        let value = value.map_err(|error| failed(error.code, error.value_type))?;
        Ok(Evaluated { value, derived: trace.made.into_inner() })
    }
}

/// What is at a path.
fn at<'v>(value: &'v Value, path: &[PathSegment]) -> Option<&'v Value> {
    path.iter().try_fold(value, |value, segment| match segment {
        PathSegment::Key(key) => value.get(key),
        PathSegment::Index(index) => value.as_list()?.get(*index),
    })
}
