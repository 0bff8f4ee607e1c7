//! [`Params`]: a whole tree of parameters.

mod compile;
mod deferred;
mod directive;
mod render;

use crate::{
    error::ParamsError,
    filters::Filters,
    names::{Names, PathSegment, Slot},
    template::Template,
    value::{Map, ParamError, Str, Value},
};
use deferred::PutOff;
pub(crate) use deferred::Trace;
pub use deferred::{Capture, Deferred, DeferredError, DeferredItem, Evaluated};
use directive::Directive;

/// What is special about some parameters.
pub struct ParamsOptions<'a> {
    /// Subtrees (by path from the root) whose strings are never templates, and whose maps are never directives.
    pub literal: &'a dyn Fn(&[PathSegment]) -> bool,
    /// Subtrees in which `$item`, `$index` and `$loop` may be said, since the action renders them for each item.
    pub allow_item: &'a dyn Fn(&[PathSegment]) -> bool,
    /// What isn't known yet when the parameters are rendered: a template that names it is left as it is, see [`Deferred`].
    pub put_off: &'a dyn Fn(Slot) -> bool,
}

impl Default for ParamsOptions<'_> {
    fn default() -> Self {
        ParamsOptions { literal: &|_| false, allow_item: &|_| false, put_off: &|_| false }
    }
}

/// A tree of parameters: what is constant is built once, templates are parsed once, directives compiled.
///
/// ```
/// use prana_template::{value, Budget, Filters, FixedNames, Params, ParamsOptions};
/// let source = value!({"to": "{{ $input.mail }}", "retries": 3, "lines": {"#map": ["{{ $input.lines }}", "- {{ $item }}"]}});
/// let names = FixedNames::new(["$input"]);
/// let params = Params::compile(&source, &names, Filters::standard(), &ParamsOptions::default()).unwrap();
/// let scope = [value!({"mail": "a@b.c", "lines": ["x", "y"]})];
/// let rendered = params.render(&scope, &mut Budget::default()).unwrap();
/// assert_eq!(rendered, value!({"to": "a@b.c", "retries": 3, "lines": ["- x", "- y"]}));
/// ```
#[derive(Debug, Clone)]
pub struct Params {
    node: Node,
    /// Sorted, each once.
    slots: Box<[Slot]>,
    /// The fields of a whole tree that is constant, so that they can be had one by one as well.
    fields: Box<[(Str, Params)]>,
    /// True if some template in the tree is put off.
    puts_off: bool,
}

#[derive(Debug, Clone)]
enum Node {
    Constant(Value),
    Template(Template),
    List(Vec<Params>),
    Map(Vec<(Str, Params)>),
    Directive(Box<Directive>),
    /// Left as it is by rendering.
    PutOff(Box<PutOff>),
}

impl Params {
    /// Compiles a tree of parameters: templates, at any depth, and directives.
    ///
    /// # Errors
    /// All that is wrong, each with the path of the parameter.
    pub fn compile(
        params: &Value,
        names: &dyn Names,
        filters: &Filters,
        options: &ParamsOptions<'_>,
    ) -> Result<Params, Vec<ParamsError>> {
        compile::compile(params, names, filters, options)
    }

    /// The value, when nothing in the tree is a template.
    pub fn constant(&self) -> Option<&Value> {
        match &self.node {
            Node::Constant(value) => Some(value),
            _ => None,
        }
    }

    /// The parameters of one top-level field, to be rendered by themselves; for fields of fields, of a tree that is not constant
    /// there.
    pub fn field(&self, name: &str) -> Option<&Params> {
        let entries = match &self.node {
            Node::Map(entries) => entries.as_slice(),
            _ => &self.fields,
        };
        entries.iter().find(|(key, _)| key.as_str() == name).map(|(_, params)| params)
    }

    /// As [`field`](Params::field), to keep.
    pub fn take_field(&self, name: &str) -> Option<Params> {
        self.field(name).cloned()
    }

    /// Parameters that are a value without templates.
    ///
    /// ```
    /// use prana_template::{value, Params};
    /// let params = Params::constant_of(value!({"retries": 3}));
    /// assert_eq!(params.field("retries").and_then(|retries| retries.constant()), Some(&value!(3)));
    /// ```
    pub fn constant_of(value: Value) -> Params {
        let field = |(key, value): (&Str, &Value)| (key.clone(), Params::scalar(value.clone()));
        let fields = value.as_map().map(|map| map.iter().map(field).collect()).unwrap_or_default();
        Params { node: Node::Constant(value), slots: Box::default(), fields, puts_off: false }
    }

    /// A constant whose fields need not be had one by one.
    fn scalar(value: Value) -> Params {
        Params { node: Node::Constant(value), slots: Box::default(), fields: Box::default(), puts_off: false }
    }

    /// The slots that the templates refer to, sorted, each once.
    pub fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// The tree with null in the place of each template and directive.
    pub fn skeleton(&self) -> Value {
        match &self.node {
            Node::Constant(value) => value.clone(),
            Node::Template(_) | Node::Directive(_) | Node::PutOff(_) => Value::Null,
            Node::List(items) => items.iter().map(Params::skeleton).collect(),
            Node::Map(entries) => Value::Map(
                entries.iter().map(|(key, params)| (key.clone(), params.skeleton())).collect::<Map>(),
            ),
        }
    }

    /// Whether the value at a path is not known before rendering.
    pub fn is_hole(&self, path: &[PathSegment]) -> bool {
        match (&self.node, path) {
            (Node::Template(_) | Node::Directive(_) | Node::PutOff(_), _) => true,
            (Node::List(items), [PathSegment::Index(index), rest @ ..]) => {
                items.get(*index).is_some_and(|params| params.is_hole(rest))
            }
            (Node::Map(_), [PathSegment::Key(key), rest @ ..]) => {
                self.field(key).is_some_and(|params| params.is_hole(rest))
            }
            _ => false,
        }
    }

    /// Checks all that is known before rendering against the type that the rendered parameters are for.
    ///
    /// # Errors
    /// The first thing that doesn't fit, and where.
    pub fn check<T: serde::de::DeserializeOwned>(&self) -> Result<(), ParamError> {
        crate::check_with_holes::<T>(&self.skeleton(), &|path| self.is_hole(path))
    }
}
