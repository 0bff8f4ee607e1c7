//! A filter being called: its arguments, read as the types that it needs.

use std::borrow::Cow;

use smallvec::SmallVec;

use super::FilterError;
use crate::{
    eval::{Cx, Fault, apply},
    program::{ArgCode, Call, Callee, Lambda},
    value::{List, Map, Str, Value},
};

/// A call of a filter. Argument 0 is the value on the left.
pub(crate) struct Invocation<'c, 'e> {
    pub call: &'e Call,
    pub values: SmallVec<[Option<Cow<'e, Value>>; 4]>,
    pub cx: &'c Cx<'e>,
}

impl<'e> Invocation<'_, 'e> {
    /// The value on the left.
    pub fn subject(&self) -> &Value {
        self.given(0).unwrap_or(&Value::Null)
    }

    /// An argument as it was given; `None` when it was not, or is a lambda.
    pub fn given(&self, at: usize) -> Option<&Value> {
        self.values.get(at).and_then(Option::as_deref)
    }

    /// An argument; one that is null counts as not given.
    pub fn value(&self, at: usize) -> Option<&Value> {
        self.given(at).filter(|value| !value.is_null())
    }

    pub fn name(&self) -> &str {
        match &self.call.callee {
            Callee::Builtin(filter) => &filter.signature.name,
            Callee::App(_) => "filter",
        }
    }

    /// The error for an argument of the wrong type.
    pub fn wrong(&self, at: usize, needs: &str) -> Fault {
        let given = self.given(at).unwrap_or(&Value::Null);
        let which = match (&self.call.callee, at) {
            (Callee::Builtin(filter), 1..) => {
                format!(" as `{}`", filter.signature.params.get(at).map_or("", |param| &param.name))
            }
            _ => String::new(),
        };
        let message = format!("`{}` needs {needs}{which}, got {}", self.name(), given.type_name());
        FilterError::type_error(message, given)
    }

    /// The error for a value of the right type that can't be used.
    pub fn invalid(&self, problem: impl std::fmt::Display) -> Fault {
        FilterError::new("expression.value", format!("`{}`: {problem}", self.name()))
    }

    pub fn text(&self, at: usize) -> Result<&str, Fault> {
        self.given(at).and_then(Value::as_str).ok_or_else(|| self.wrong(at, "text"))
    }

    pub fn text_or<'a>(&'a self, at: usize, default: &'a str) -> Result<&'a str, Fault> {
        if self.value(at).is_none() { Ok(default) } else { self.text(at) }
    }

    /// The value on the left as text, where null counts as "".
    pub fn subject_text(&self) -> Result<&str, Fault> {
        match self.subject() {
            Value::Null => Ok(""),
            Value::Str(text) => Ok(text),
            _ => Err(self.wrong(0, "text")),
        }
    }

    /// A whole number, also one written as a float.
    pub fn int(&self, at: usize) -> Result<i64, Fault> {
        match self.given(at) {
            Some(Value::Int(n)) => Ok(*n),
            Some(Value::Float(x)) if x.fract() == 0.0 && x.abs() < 9e15 => Ok(*x as i64),
            _ => Err(self.wrong(at, "an int")),
        }
    }

    pub fn int_or(&self, at: usize, default: i64) -> Result<i64, Fault> {
        if self.value(at).is_none() { Ok(default) } else { self.int(at) }
    }

    /// A count: an int that is not negative.
    pub fn count(&self, at: usize) -> Result<usize, Fault> {
        let n = self.int(at)?;
        usize::try_from(n).map_err(|_| self.invalid("a count can't be negative"))
    }

    pub fn number(&self, at: usize) -> Result<f64, Fault> {
        self.given(at).and_then(Value::as_f64).ok_or_else(|| self.wrong(at, "a number"))
    }

    pub fn flag_or(&self, at: usize, default: bool) -> Result<bool, Fault> {
        match self.value(at) {
            None => Ok(default),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(_) => Err(self.wrong(at, "true or false")),
        }
    }

    pub fn list(&self, at: usize) -> Result<&List, Fault> {
        self.given(at).and_then(Value::as_list).ok_or_else(|| self.wrong(at, "a list"))
    }

    pub fn map(&self, at: usize) -> Result<&Map, Fault> {
        self.given(at).and_then(Value::as_map).ok_or_else(|| self.wrong(at, "a map"))
    }

    /// Before going over that many items.
    pub fn spend(&self, items: usize) -> Result<(), Fault> {
        self.cx.work.spend(items as u64)
    }

    /// Before making text of at least that many bytes.
    pub fn check_text(&self, bytes: usize) -> Result<(), Fault> {
        self.cx.work.check_text(bytes)
    }

    /// Text as the result.
    pub fn made_text(&self, text: impl Into<Str>) -> Result<Value, Fault> {
        let text = text.into();
        self.check_text(text.len())?;
        Ok(Value::Str(text))
    }

    pub fn made_list(&self, items: Vec<Value>) -> Result<Value, Fault> {
        self.cx.list(items)
    }

    pub fn made_map(&self, entries: Vec<(Str, Value)>) -> Result<Value, Fault> {
        self.cx.map(entries)
    }

    pub fn lambda(&self, at: usize) -> Option<&'e Lambda> {
        match self.call.args.get(at) {
            Some(Some(ArgCode::Lambda(lambda))) => Some(lambda),
            _ => None,
        }
    }

    /// Calls a lambda with some values.
    pub fn apply(&self, lambda: &Lambda, values: &[&Value]) -> Result<Value, Fault> {
        apply(lambda, values, self.cx)
    }

    /// How to get something out of each item: a lambda, or the name of a field.
    pub fn by(&self, at: usize) -> Result<By<'_>, Fault> {
        match self.lambda(at) {
            Some(lambda) => Ok(By::Lambda(lambda)),
            None => match self.given(at) {
                Some(Value::Str(field)) => Ok(By::Field(field)),
                _ => Err(self.wrong(at, "a field name or a lambda")),
            },
        }
    }

    /// What a field or lambda says of an item.
    pub fn key(&self, by: &By<'_>, item: &Value, index: usize) -> Result<Value, Fault> {
        match by {
            By::Item => Ok(item.clone()),
            By::Field(name) => Ok(field(item, name).cloned().unwrap_or_default()),
            By::Lambda(lambda) => self.apply(lambda, &[item, &Value::from(index)]),
        }
    }
}

/// How to get something out of each item.
pub(crate) enum By<'a> {
    Item,
    Field(&'a str),
    Lambda(&'a Lambda),
}

/// The field of an item; `a.b` goes into nested maps where there is no key of just that name.
pub(crate) fn field<'v>(item: &'v Value, name: &str) -> Option<&'v Value> {
    item.get(name).or_else(|| {
        let (first, rest) = name.split_once('.')?;
        rest.split('.').try_fold(item.get(first)?, |value, key| value.get(key))
    })
}
