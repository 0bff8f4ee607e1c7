//! From a tree of parameters to [`Params`].

use super::{Node, Params, ParamsOptions, deferred::PutOff, directive};
use crate::{
    error::{ParamsError, Span, TemplateError},
    filters::Filters,
    names::{Names, PathSegment, Slot},
    template::Template,
    value::{MAX_DEPTH, Map, Value},
};

pub(super) fn compile(
    params: &Value,
    names: &dyn Names,
    filters: &Filters,
    options: &ParamsOptions<'_>,
) -> Result<Params, Vec<ParamsError>> {
    let mut compiler =
        Compiler { names, filters, options, path: Vec::new(), errors: Vec::new(), directives: 0 };
    if params.depth() > MAX_DEPTH {
        compiler.error("expression.limit_exceeded", format!("nested deeper than {MAX_DEPTH} levels"));
        return Err(compiler.errors);
    }
    let compiled = compiler.params(params, 0);
    if !compiler.errors.is_empty() {
        return Err(compiler.errors);
    }
    // The fields of the whole can be had one by one, also when all is constant.
    Ok(match compiled.node {
        Node::Constant(value) => Params::constant_of(value),
        _ => compiled,
    })
}

pub(super) struct Compiler<'a> {
    names: &'a dyn Names,
    filters: &'a Filters,
    options: &'a ParamsOptions<'a>,
    path: Vec<PathSegment>,
    errors: Vec<ParamsError>,
    /// Inside of so many directives.
    directives: usize,
}

impl Compiler<'_> {
    pub(super) fn error(&mut self, code: &'static str, message: String) {
        let error = TemplateError { code, message, help: None, span: Span::default() };
        self.errors.push(ParamsError { path: self.path.clone(), error });
    }

    /// Compiles what is one step further down.
    pub(super) fn at<T>(&mut self, segment: PathSegment, compile: impl FnOnce(&mut Self) -> T) -> T {
        self.path.push(segment);
        let compiled = compile(self);
        self.path.pop();
        compiled
    }

    /// Compiles a subtree inside of as many levels of items.
    pub(super) fn params(&mut self, value: &Value, items: usize) -> Params {
        if (self.options.literal)(&self.path) {
            return Params::scalar(value.clone());
        }
        let items = if items == 0 && (self.options.allow_item)(&self.path) { 1 } else { items };
        match value {
            Value::Str(source) => self.template(source, value, items),
            Value::List(list) => {
                let compiled: Vec<Params> = list
                    .iter()
                    .enumerate()
                    .map(|(i, item)| self.at(i.into(), |c| c.params(item, items)))
                    .collect();
                if compiled.iter().all(|params| params.constant().is_some()) {
                    return Params::scalar(compiled.iter().filter_map(Params::constant).cloned().collect());
                }
                Params::of(Node::List(compiled))
            }
            Value::Map(map) => self.map(map, items),
            scalar => Params::scalar(scalar.clone()),
        }
    }

    fn template(&mut self, source: &str, value: &Value, items: usize) -> Params {
        match Template::parse_within(source, self.names, self.filters, items) {
            // A string without marks keeps its allocation.
            Ok(template) if template.constant() == Some(value) => Params::scalar(value.clone()),
            Ok(template) => match template.constant() {
                Some(constant) => Params::scalar(constant.clone()),
                None => self.evaluated(template, items),
            },
            Err(errors) => {
                let path = &self.path;
                self.errors.extend(errors.into_iter().map(|error| ParamsError { path: path.clone(), error }));
                Params::scalar(Value::Null)
            }
        }
    }

    /// A template that isn't constant: rendered, or put off.
    fn evaluated(&mut self, template: Template, items: usize) -> Params {
        match PutOff::of(&template, self.names, self.filters, items, self.options.put_off) {
            None => Params::of(Node::Template(template)),
            Some(_) if self.directives > 0 => {
                let message =
                    "a directive (`#map`, `#if`...) can't compute with what is known only when the node runs";
                self.error("expression.secret_not_allowed", message.to_owned());
                Params::scalar(Value::Null)
            }
            Some(put_off) => Params::of(Node::PutOff(Box::new(put_off))),
        }
    }

    fn map(&mut self, map: &Map, items: usize) -> Params {
        if let Some(name) = map.keys().find(|key| directive::is_directive(key)) {
            if map.len() > 1 {
                let message = format!("`{name}` must be the only key of its map");
                self.error("expression.invalid_directive", message);
                return Params::scalar(Value::Null);
            }
            let args = map.get(name).unwrap_or(&Value::Null);
            self.directives += 1;
            let directive = self.at(name.as_str().into(), |c| c.directive(name, args, items, false));
            self.directives -= 1;
            return match directive {
                Some(directive) => Params::of(Node::Directive(Box::new(directive))),
                None => Params::scalar(Value::Null),
            };
        }
        let entries: Vec<_> = map
            .iter()
            .map(|(key, value)| {
                (key.clone(), self.at(PathSegment::Key(key.clone()), |c| c.params(value, items)))
            })
            .collect();
        if entries.iter().all(|(_, params)| params.constant().is_some()) {
            let constants = entries
                .into_iter()
                .map(|(key, params)| (key, params.constant().cloned().unwrap_or_default()));
            return Params::scalar(Value::Map(constants.collect()));
        }
        Params::of(Node::Map(entries))
    }
}

impl Params {
    fn of(node: Node) -> Params {
        let mut slots: Vec<Slot> = match &node {
            Node::Constant(_) => Vec::new(),
            Node::Template(template) => template.slots().to_vec(),
            Node::List(items) => items.iter().flat_map(|params| params.slots.iter().copied()).collect(),
            Node::Map(entries) => {
                entries.iter().flat_map(|(_, params)| params.slots.iter().copied()).collect()
            }
            Node::Directive(directive) => directive.slots(),
            Node::PutOff(put_off) => put_off.slots.to_vec(),
        };
        let puts_off = match &node {
            Node::PutOff(_) => true,
            Node::List(items) => items.iter().any(|params| params.puts_off),
            Node::Map(entries) => entries.iter().any(|(_, params)| params.puts_off),
            _ => false,
        };
        slots.sort_unstable();
        slots.dedup();
        Params { node, slots: slots.into(), fields: Box::default(), puts_off }
    }
}
