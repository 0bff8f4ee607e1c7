//! Walks programs over borrowed values.

mod expr;
mod ops;
mod path;
mod tags;
mod work;

pub(crate) use expr::{apply, eval};
pub(crate) use ops::{compare_numbers, holds, same};
pub(crate) use path::slice_range;
pub(crate) use tags::evaluate;
pub(crate) use work::Work;

use std::borrow::Cow;

use crate::{
    budget::Budget,
    filters::FilterError,
    names::Scope,
    program::Code,
    value::{List, MAX_DEPTH, Map, Value},
};

/// Why an evaluation stopped. Boxed, so that results stay small.
pub(crate) type Fault = Box<FilterError>;

/// What an expression sees.
#[derive(Clone, Copy)]
pub(crate) struct Cx<'e> {
    pub scope: &'e dyn Scope,
    pub frame: Option<&'e Frame<'e>>,
    pub work: &'e Work<'e>,
}

/// Local values, innermost first.
pub(crate) struct Frame<'e> {
    pub parent: Option<&'e Frame<'e>>,
    pub values: Values<'e>,
}

pub(crate) enum Values<'e> {
    /// Items and indices; arguments of a lambda.
    Given(&'e [&'e Value]),
    /// Variables of tags, and the loops around, outermost first.
    Variables(&'e [Value], &'e [Turn]),
}

/// Where a `for` loop is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Turn {
    pub index: usize,
    pub length: usize,
}

impl<'e> Frame<'e> {
    pub(crate) fn given(parent: Option<&'e Frame<'e>>, values: &'e [&'e Value]) -> Self {
        Frame { parent, values: Values::Given(values) }
    }
}

impl<'e> Cx<'e> {
    /// The same with a frame more.
    pub(crate) fn inside<'f>(&self, frame: &'f Frame<'f>) -> Cx<'f>
    where
        'e: 'f,
    {
        Cx { scope: self.scope, frame: Some(frame), work: self.work }
    }

    pub(crate) fn frame_up(&self, up: u16) -> Option<&'e Frame<'e>> {
        let mut frame = self.frame?;
        for _ in 0..up {
            frame = frame.parent?;
        }
        Some(frame)
    }

    /// A list that may be as deep and large as a template may make it.
    pub(crate) fn list(&self, items: Vec<Value>) -> Result<Value, Fault> {
        self.checked(Value::List(List::from(items)))
    }

    /// As [`Cx::list`], of entries in which no key need be new.
    pub(crate) fn map(&self, entries: Vec<(crate::value::Str, Value)>) -> Result<Value, Fault> {
        self.checked(Value::Map(Map::from(entries)))
    }

    /// As [`Cx::map`], of entries whose keys are all different.
    #[inline]
    pub(crate) fn distinct_map(&self, entries: crate::value::Entering) -> Result<Value, Fault> {
        self.checked(Value::Map(entries.finish()))
    }

    /// Refuses a value that is too deep or too large to be made.
    #[inline]
    pub(crate) fn checked(&self, value: Value) -> Result<Value, Fault> {
        if value.depth() > MAX_DEPTH {
            return Err(too_deep());
        }
        self.work.check_size(value.weight(), self.scope)?;
        Ok(value)
    }
}

#[cold]
fn too_deep() -> Fault {
    FilterError::limit(format!("the result would be nested deeper than {MAX_DEPTH} levels"))
}

/// Evaluates a constant expression when a template is compiled.
pub(crate) fn constant(code: &Code, scope: &dyn Scope, budget: &mut Budget) -> Result<Value, Fault> {
    let work = Work::new(budget, &[]);
    let cx = Cx { scope, frame: None, work: &work };
    eval(code, &cx).map(Cow::into_owned)
}
