//! Paths. What is missing is null, at any depth.

use std::borrow::Cow;

use super::{Cx, Fault, eval, expr::NULL};
use crate::{
    filters::{FilterError, text_slice},
    program::{Code, Step, Walk},
    value::{List, Str, Value},
};

pub(super) fn walk<'e>(walk: &'e Walk, cx: &Cx<'e>) -> Result<Cow<'e, Value>, Fault> {
    let base = match &walk.base {
        Code::Slot(slot) => cx.scope.value(*slot),
        other => eval(other, cx)?,
    };
    match base {
        Cow::Borrowed(value) => {
            let (value, rest) = keys(value, &walk.steps);
            if rest.is_empty() { Ok(Cow::Borrowed(value)) } else { steps(Cow::Borrowed(value), rest, cx) }
        }
        owned => steps(owned, &walk.steps, cx),
    }
}

/// Goes down by the keys that come first: most paths have nothing else.
fn keys<'e>(mut at: &'e Value, mut steps: &'e [Step]) -> (&'e Value, &'e [Step]) {
    while let [Step::Key(key), rest @ ..] = steps {
        at = at.get(key).unwrap_or(&NULL);
        steps = rest;
    }
    (at, steps)
}

fn steps<'e>(mut at: Cow<'e, Value>, steps: &'e [Step], cx: &Cx<'e>) -> Result<Cow<'e, Value>, Fault> {
    for (i, step) in steps.iter().enumerate() {
        at = match step {
            Step::Key(key) => part(at, |value| value.get(key)),
            Step::Index(index) => item(at, *index),
            Step::Dynamic(code, span) => {
                let index = eval(code, cx)?;
                dynamic(at, &index).map_err(|fault| FilterError::placed(fault, *span))?
            }
            Step::Slice(from, to, span) => slice(at, from.as_ref(), to.as_ref(), cx)
                .map_err(|fault| FilterError::placed(fault, *span))?,
            Step::Each(span) => {
                let rest = &steps[i + 1..];
                return each(at, rest, cx).map(Cow::Owned).map_err(|fault| FilterError::placed(fault, *span));
            }
        };
    }
    Ok(at)
}

/// A part of a value, borrowed if the value is.
#[inline]
fn part<'e>(at: Cow<'e, Value>, part: impl FnOnce(&Value) -> Option<&Value>) -> Cow<'e, Value> {
    match at {
        Cow::Borrowed(value) => Cow::Borrowed(part(value).unwrap_or(&NULL)),
        Cow::Owned(value) => Cow::Owned(part(&value).cloned().unwrap_or_default()),
    }
}

/// A place in a list of some length; negative ones count from the end.
fn position(index: i64, length: usize) -> Option<usize> {
    let from_end = length as i64;
    let index = if index < 0 { index.checked_add(from_end)? } else { index };
    usize::try_from(index).ok().filter(|index| *index < length)
}

fn item(at: Cow<'_, Value>, index: i64) -> Cow<'_, Value> {
    match &*at {
        Value::Str(text) => {
            let end = if index == -1 { None } else { Some(index.saturating_add(1)) };
            let character = text_slice(text, index, end);
            Cow::Owned(if character.is_empty() { Value::Null } else { Value::from(character) })
        }
        _ => part(at, |value| value.as_list().and_then(|list| position(index, list.len()).map(|i| &list[i]))),
    }
}

fn dynamic<'e>(at: Cow<'e, Value>, index: &Value) -> Result<Cow<'e, Value>, Fault> {
    match index {
        Value::Str(key) => Ok(part(at, |value| value.get(key))),
        Value::Null => Ok(Cow::Borrowed(&NULL)),
        other => match whole(other) {
            Some(index) => Ok(item(at, index)),
            None => Err(FilterError::type_error(
                format!("an index must be an int or a key, got {}", other.type_name()),
                other,
            )),
        },
    }
}

/// An integer, also one that is written as a float.
fn whole(value: &Value) -> Option<i64> {
    match value {
        Value::Int(n) => Some(*n),
        Value::Float(x) if x.fract() == 0.0 && x.abs() < 9e15 => Some(*x as i64),
        _ => None,
    }
}

fn bound<'e>(code: Option<&'e Code>, cx: &Cx<'e>) -> Result<Option<i64>, Fault> {
    let Some(code) = code else { return Ok(None) };
    let value = eval(code, cx)?;
    match &*value {
        Value::Null => Ok(None),
        other => match whole(other) {
            Some(bound) => Ok(Some(bound)),
            None => {
                let message = format!("the bounds of a slice must be ints, got {}", other.type_name());
                Err(FilterError::type_error(message, other))
            }
        },
    }
}

/// The start and end of a slice in a list of some length.
pub(crate) fn slice_range(from: i64, to: Option<i64>, length: usize) -> std::ops::Range<usize> {
    let place = |bound: i64| {
        let counted = if bound < 0 { bound.saturating_add(length as i64) } else { bound };
        usize::try_from(counted).unwrap_or(0).min(length)
    };
    let (start, end) = (place(from), to.map_or(length, place));
    start..end.max(start)
}

fn slice<'e>(
    at: Cow<'e, Value>,
    from: Option<&'e Code>,
    to: Option<&'e Code>,
    cx: &Cx<'e>,
) -> Result<Cow<'e, Value>, Fault> {
    let (from, to) = (bound(from, cx)?.unwrap_or(0), bound(to, cx)?);
    Ok(Cow::Owned(match &*at {
        Value::List(list) => {
            let range = slice_range(from, to, list.len());
            cx.work.spend(range.len() as u64 / 8)?;
            Value::List(List::from(list[range].to_vec()))
        }
        Value::Str(text) => {
            cx.work.spend_bytes(text.len())?;
            Value::Str(Str::from(text_slice(text, from, to)))
        }
        Value::Null => Value::Null,
        other => {
            let message = format!("a slice needs a list or text, got {}", other.type_name());
            return Err(FilterError::type_error(message, other));
        }
    }))
}

/// Applies the rest of a path to each item of a list or each value of a map.
fn each<'e>(at: Cow<'e, Value>, rest: &'e [Step], cx: &Cx<'e>) -> Result<Value, Fault> {
    let items: Vec<Value> = match &*at {
        Value::List(list) => list.to_vec(),
        Value::Map(map) => map.values().cloned().collect(),
        _ => return Ok(Value::Null),
    };
    cx.work.spend((items.len() as u64).saturating_mul(1 + rest.len() as u64))?;
    let picked = |item: Value| steps(Cow::Owned(item), rest, cx).map(Cow::into_owned);
    cx.list(items.into_iter().map(picked).collect::<Result<_, _>>()?)
}
