//! [`Template`]: one string, parsed once.

use std::{borrow::Cow, sync::Arc};

use crate::{
    budget::Budget,
    error::{EvalError, TemplateError},
    eval::{self, Cx, Fault, Frame, Work},
    filters::{FilterError, Filters},
    names::{Names, Scope, Slot},
    params::Trace,
    program::{Lowered, Program, Scopes, lower},
    syntax::parse_document,
    value::{Str, Value},
};

/// A parsed template. Cloning it is one reference count.
///
/// A source that is exactly one `{{ expression }}` gives the expression's own value; anything else gives text.
///
/// ```
/// use prana_template::{value, Budget, Filters, FixedNames, Template};
/// let names = FixedNames::new(["$input"]);
/// let parse = |source| Template::parse(source, &names, Filters::standard());
/// let scope = [value!({"n": 2, "tags": ["a", "b"]})];
///
/// let sum = parse("{{ $input.n + 1 }}").unwrap();
/// assert_eq!(sum.evaluate(&scope, &mut Budget::default()).unwrap(), value!(3));
/// let list = parse("{% for t in $input.tags %}<{{ t }}>{% endfor %}").unwrap();
/// assert_eq!(list.evaluate(&scope, &mut Budget::default()).unwrap(), value!("<a><b>"));
///
/// let errors = parse("{{ $inptu.n | uper }}").unwrap_err();
/// assert_eq!(errors[0].to_string(), "unknown filter `uper` (did you mean `upper`?)");
/// ```
#[derive(Debug, Clone)]
pub struct Template(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    source: Str,
    program: Program,
    slots: Box<[Slot]>,
    /// Steps that one evaluation costs, beside loops.
    cost: u64,
}

impl Template {
    /// Parses a template and resolves its names.
    ///
    /// # Errors
    /// All that is wrong with it, as far as it can be told at once.
    pub fn parse(source: &str, names: &dyn Names, filters: &Filters) -> Result<Template, Vec<TemplateError>> {
        Self::parse_within(source, names, filters, 0)
    }

    /// As [`parse`](Template::parse), of a template that may say `$item`, `$index` and `$loop`; see
    /// [`evaluate_with_item`](Template::evaluate_with_item).
    ///
    /// # Errors
    /// As [`parse`](Template::parse).
    pub fn parse_for_items(
        source: &str,
        names: &dyn Names,
        filters: &Filters,
    ) -> Result<Template, Vec<TemplateError>> {
        Self::parse_within(source, names, filters, 1)
    }

    /// Parses a template inside of as many levels of items.
    pub(crate) fn parse_within(
        source: &str,
        names: &dyn Names,
        filters: &Filters,
        items: usize,
    ) -> Result<Template, Vec<TemplateError>> {
        let lowered = if has_marks(source) {
            let document = parse_document(source, names)?;
            lower(&document, names, filters, Scopes::with_items(items))?
        } else {
            Lowered { program: Program::Constant(Value::from(source)), slots: Vec::new(), cost: 0 }
        };
        let Lowered { program, slots, cost } = lowered;
        Ok(Template(Arc::new(Inner { source: source.into(), program, slots: slots.into(), cost })))
    }

    /// Evaluates the template.
    ///
    /// # Errors
    /// What went wrong, where, and the type of the value that could not be used.
    pub fn evaluate(&self, scope: &dyn Scope, budget: &mut Budget) -> Result<Value, EvalError> {
        self.run(scope, None, budget)
    }

    /// Evaluates the template for one item: `$item`, `$index` (from 0) and `$loop` in it.
    ///
    /// # Errors
    /// As [`evaluate`](Template::evaluate).
    pub fn evaluate_with_item(
        &self,
        scope: &dyn Scope,
        item: &Value,
        index: i64,
        budget: &mut Budget,
    ) -> Result<Value, EvalError> {
        let index = Value::Int(index);
        self.run(scope, Some(&Frame::given(None, &[item, &index])), budget)
    }

    /// Evaluates the template with a budget of its own, and tells of what filters make.
    pub(crate) fn evaluate_traced<'e>(
        &'e self,
        scope: &'e dyn Scope,
        frame: Option<&'e Frame<'e>>,
        trace: &'e Trace,
    ) -> Result<Value, EvalError> {
        let work = Work::new(&Budget::default(), &self.0.slots).traced(trace);
        let cx = Cx { scope, frame, work: &work };
        self.evaluate_in(&cx).map(Cow::into_owned).map_err(|fault| self.error(*fault))
    }

    fn run<'e>(
        &'e self,
        scope: &'e dyn Scope,
        frame: Option<&'e Frame<'e>>,
        budget: &mut Budget,
    ) -> Result<Value, EvalError> {
        let work = Work::new(budget, &self.0.slots);
        let cx = Cx { scope, frame, work: &work };
        let result = self.evaluate_in(&cx).map(Cow::into_owned);
        work.settle(budget);
        result.map_err(|fault| self.error(*fault))
    }

    /// Evaluates as a part of something larger.
    #[inline]
    pub(crate) fn evaluate_in<'e>(&'e self, cx: &Cx<'e>) -> Result<Cow<'e, Value>, Fault> {
        cx.work.spend(self.0.cost)?;
        eval::evaluate(&self.0.program, cx)
    }

    /// The fault as an error of this template.
    pub(crate) fn error(&self, fault: FilterError) -> EvalError {
        let source = self.source();
        EvalError {
            code: fault.code,
            message: fault.message,
            template: source.char_indices().nth(200).map_or(source, |(end, _)| &source[..end]).to_owned(),
            span: fault.span.unwrap_or(crate::Span::new(0, source.len())),
            value_type: fault.value_type,
            path: Vec::new(),
        }
    }

    /// The value, when it is the same whatever the scope.
    pub fn constant(&self) -> Option<&Value> {
        match &self.0.program {
            Program::Constant(value) => Some(value),
            _ => None,
        }
    }

    /// Whether the value is the same whatever the scope.
    pub fn is_constant(&self) -> bool {
        self.constant().is_some()
    }

    /// The source that was parsed.
    pub fn source(&self) -> &str {
        &self.0.source
    }

    /// The slots that it refers to, sorted, each once.
    pub fn slots(&self) -> &[Slot] {
        &self.0.slots
    }
}

/// Whether a string is a template at all.
fn has_marks(source: &str) -> bool {
    source.as_bytes().windows(2).any(|pair| pair[0] == b'{' && matches!(pair[1], b'{' | b'%' | b'#'))
}
