//! Lists, and what text and maps have in common with them.

use std::collections::BTreeSet;

use unicode_segmentation::UnicodeSegmentation;

use super::{
    Invocation, Outcome,
    invocation::By,
    order::{self, Key},
    table::filters,
    text::{length_of, text_slice},
};
use crate::{
    eval::{Fault, compare_numbers, holds, slice_range},
    value::{List, Value, write_value_within},
};

filters! { LIST:
    /// Number of characters of a text, items of a list, or keys of a map; null has 0.
    /// `{{ [1, 2] | length }}` -> `2`
    /// `{{ "né🇫🇷" | length }}` -> `3`
    /// `{{ null | length }}` -> `0`
    "length ()" on null => length;

    /// The first item of a list, or character of a text; null when it is empty.
    /// `{{ [3, 4] | first }}` -> `3`
    /// `{{ [] | first }}` -> `null`
    "first ()" => first;

    /// The last item of a list, or character of a text; null when it is empty.
    /// `{{ [3, 4] | last }}` -> `4`
    /// `{{ "abc" | last }}` -> `"c"`
    "last ()" => last;

    /// The items of a list as one text, with a separator between them.
    /// `{{ ["a", 1, null] | join }}` -> `"a, 1, "`
    /// `{{ ["a", "b"] | join("-") }}` -> `"a-b"`
    "join (sep=\", \")" => join;

    /// Whether an item is in a list, a text in a text, or a key in a map.
    /// `{{ [1, 2] | contains(2.0) }}` -> `true`
    /// `{{ "abc" | contains("bc") }}` -> `true`
    /// `{{ {a: 1} | contains("b") }}` -> `false`
    "contains (v)" => contains;

    /// A list in order, or a list of maps in order of a field: numbers, then text, then others, null last. Equal items keep their order.
    /// `{{ [3, 1, 2] | sort }}` -> `[1,2,3]`
    /// `{{ [null, "b", 2, "a", 1] | sort(desc=true) }}` -> `[2,1,"b","a",null]`
    /// `{{ [{n: 2}, {n: 1}] | sort("n") }}` -> `[{"n":1},{"n":2}]`
    "sort (field?, desc=false)" => sort;

    /// A list in order of what a lambda says of each item, or of a field; as `sort` otherwise.
    /// `{{ ["ccc", "a", "bb"] | sort_by(x => x | length) }}` -> `["a","bb","ccc"]`
    /// `{{ [1, 2, 3] | sort_by($item % 2, desc=true) }}` -> `[1,3,2]`
    "sort_by (key: field or x => key, desc=false)" => sort_by;

    /// The items of a list, or characters of a text, from last to first.
    /// `{{ [1, 2, 3] | reverse }}` -> `[3,2,1]`
    "reverse ()" => reverse;

    /// A list without repeated items, of which the first stays.
    /// `{{ [1, 2, 1.0, "1"] | uniq }}` -> `[1,2,"1"]`
    "uniq ()" => uniq;

    /// A list without items that say the same as one before; what is said is a field or a lambda's result.
    /// `{{ [{k: 1, n: 1}, {k: 1, n: 2}] | uniq_by("k") }}` -> `[{"k":1,"n":1}]`
    "uniq_by (key: field or x => key)" => uniq_by;

    /// A list without nulls.
    /// `{{ [1, null, 0, ""] | compact }}` -> `[1,0,""]`
    "compact ()" => compact;

    /// Lists in a list taken apart, at all levels or as many as given.
    /// `{{ [1, [2, [3, []]]] | flatten }}` -> `[1,2,3]`
    /// `{{ [1, [2, [3]]] | flatten(1) }}` -> `[1,2,[3]]`
    "flatten (depth?)" => flatten;

    /// Part of a list or text, from a place on, of some length; a negative place counts from the end.
    /// `{{ [1, 2, 3, 4] | slice(1, 2) }}` -> `[2,3]`
    /// `{{ "hello" | slice(-3) }}` -> `"llo"`
    "slice (start, len?)" => slice;

    /// The first n items of a list or characters of a text.
    /// `{{ [1, 2, 3] | take(2) }}` -> `[1,2]`
    "take (n)" => take;

    /// All but the first n items of a list or characters of a text.
    /// `{{ [1, 2, 3] | skip(2) }}` -> `[3]`
    "skip (n)" => skip;

    /// A list in lists of n items; the last one may be shorter.
    /// `{{ [1, 2, 3] | chunk(2) }}` -> `[[1,2],[3]]`
    "chunk (n)" => chunk;

    /// Pairs of the items of two lists, as many as the shorter one has.
    /// `{{ [1, 2, 3] | zip(["a", "b"]) }}` -> `[[1,"a"],[2,"b"]]`
    "zip (list)" => zip;

    /// Whole numbers from one up to, not including, another; with one number, from 0.
    /// `{{ range(2, 5) }}` -> `[2,3,4]`
    /// `{{ range(3) }}` -> `[0,1,2]`
    /// `{{ range(5, 2) }}` -> `[]`
    "range (to?)" => range;

    /// The sum of a list of numbers; 0 of none.
    /// `{{ [1, 2.5] | sum }}` -> `3.5`
    /// `{{ [] | sum }}` -> `0`
    "sum ()" => sum;

    /// The mean of a list of numbers; null of none.
    /// `{{ [1, 2] | avg }}` -> `1.5`
    /// `{{ [2, 4] | avg }}` -> `3`
    "avg ()" => avg;

    /// The smallest of a list of numbers (null of none), or the smaller of two.
    /// `{{ [3, 1, 2] | min }}` -> `1`
    /// `{{ 5 | min(3) }}` -> `3`
    "min (b?)" => min;

    /// The largest of a list of numbers (null of none), or the larger of two.
    /// `{{ [3, 1, 2] | max }}` -> `3`
    /// `{{ [] | max }}` -> `null`
    "max (b?)" => max;
}

fn length(call: &Invocation<'_, '_>) -> Outcome {
    let length = match call.subject() {
        Value::Null => 0,
        Value::Str(text) => {
            call.cx.work.spend_bytes(text.len())?;
            length_of(text)
        }
        Value::List(list) => list.len(),
        Value::Map(map) => map.len(),
        _ => return Err(call.wrong(0, "text, a list or a map")),
    };
    Ok(Value::from(length))
}

fn at_end(
    call: &Invocation<'_, '_>,
    item: fn(&List) -> Option<&Value>,
    character: (i64, Option<i64>),
) -> Outcome {
    match call.subject() {
        Value::List(list) => Ok(item(list).cloned().unwrap_or_default()),
        Value::Str(text) => {
            call.cx.work.spend_bytes(text.len())?;
            let found = text_slice(text, character.0, character.1);
            Ok(if found.is_empty() { Value::Null } else { Value::from(found) })
        }
        _ => Err(call.wrong(0, "a list or text")),
    }
}

fn first(call: &Invocation<'_, '_>) -> Outcome {
    at_end(call, |list| list.first(), (0, Some(1)))
}

fn last(call: &Invocation<'_, '_>) -> Outcome {
    at_end(call, |list| list.last(), (-1, None))
}

fn join(call: &Invocation<'_, '_>) -> Outcome {
    let (list, sep) = (call.list(0)?, call.text_or(1, ", ")?);
    call.check_text(sep.len().saturating_mul(list.len().saturating_sub(1)))?;
    call.spend(list.len())?;
    let limit = call.cx.work.output_bytes;
    let mut out = String::new();
    for (i, item) in list.iter().enumerate() {
        if i > 0 {
            out.push_str(sep);
        }
        let fits = match item {
            Value::Null => true,
            Value::Str(text) if out.len().saturating_add(text.len()) <= limit => {
                out.push_str(text);
                true
            }
            Value::Str(_) => false,
            other => write_value_within(&mut out, other, limit),
        };
        if !fits {
            return Err(call.cx.work.too_large());
        }
    }
    call.made_text(out)
}

fn contains(call: &Invocation<'_, '_>) -> Outcome {
    let (whole, part) = (call.subject(), call.given(1).unwrap_or(&Value::Null));
    match (holds(whole, part, call.cx)?, whole) {
        (Some(found), _) => Ok(Value::Bool(found)),
        (None, Value::Str(_) | Value::Map(_)) => Err(call.wrong(1, "text")),
        (None, _) => Err(call.wrong(0, "a list, text or a map")),
    }
}

/// A list in order of its keys.
fn sorted(call: &Invocation<'_, '_>, by: &By<'_>, desc: bool) -> Outcome {
    let list = call.list(0)?;
    call.spend(list.len().saturating_mul(4).saturating_add(list.weight() / 64))?;
    let mut keyed = Vec::with_capacity(list.len());
    for (index, item) in list.iter().enumerate() {
        keyed.push((call.key(by, item, index)?, item));
    }
    keyed.sort_by(|(a, _), (b, _)| {
        let kind = |value: &Value| order::rank(value).min(2) + u8::from(value.is_null());
        let within = order::compare(a, b);
        kind(a).cmp(&kind(b)).then(if desc { within.reverse() } else { within })
    });
    call.made_list(keyed.into_iter().map(|(_, item)| item.clone()).collect())
}

fn sort(call: &Invocation<'_, '_>) -> Outcome {
    let by = if call.value(1).is_some() { By::Field(call.text(1)?) } else { By::Item };
    sorted(call, &by, call.flag_or(2, false)?)
}

fn sort_by(call: &Invocation<'_, '_>) -> Outcome {
    sorted(call, &call.by(1)?, call.flag_or(2, false)?)
}

fn reverse(call: &Invocation<'_, '_>) -> Outcome {
    match call.subject() {
        Value::List(list) => {
            call.spend(list.len() / 8)?;
            call.made_list(list.iter().rev().cloned().collect())
        }
        Value::Str(text) => {
            call.check_text(text.len())?;
            call.made_text(text.graphemes(true).rev().collect::<String>())
        }
        _ => Err(call.wrong(0, "a list or text")),
    }
}

fn distinct(call: &Invocation<'_, '_>, by: &By<'_>) -> Outcome {
    let list = call.list(0)?;
    call.spend(list.len().saturating_mul(2).saturating_add(list.weight() / 16))?;
    let mut seen = BTreeSet::new();
    let mut kept = Vec::new();
    for (index, item) in list.iter().enumerate() {
        if seen.insert(Key(call.key(by, item, index)?)) {
            kept.push(item.clone());
        }
    }
    call.made_list(kept)
}

fn uniq(call: &Invocation<'_, '_>) -> Outcome {
    distinct(call, &By::Item)
}

fn uniq_by(call: &Invocation<'_, '_>) -> Outcome {
    distinct(call, &call.by(1)?)
}

fn compact(call: &Invocation<'_, '_>) -> Outcome {
    let list = call.list(0)?;
    call.spend(list.len() / 4)?;
    call.made_list(list.iter().filter(|item| !item.is_null()).cloned().collect())
}

fn flatten(call: &Invocation<'_, '_>) -> Outcome {
    let depth = match call.value(1) {
        Some(_) => call.count(1)?,
        None => usize::MAX,
    };
    let mut items = Vec::new();
    flatten_into(call, call.list(0)?, depth, &mut items)?;
    call.made_list(items)
}

fn flatten_into(
    call: &Invocation<'_, '_>,
    list: &List,
    depth: usize,
    items: &mut Vec<Value>,
) -> Result<(), Fault> {
    call.spend(list.len() + 1)?;
    for item in list {
        match item {
            Value::List(inner) if depth > 0 => flatten_into(call, inner, depth - 1, items)?,
            other => items.push(other.clone()),
        }
    }
    Ok(())
}

/// Part of a list or text.
fn part(call: &Invocation<'_, '_>, from: i64, to: Option<i64>) -> Outcome {
    match call.subject() {
        Value::List(list) => {
            let range = slice_range(from, to, list.len());
            call.spend(range.len() / 8)?;
            call.made_list(list[range].to_vec())
        }
        Value::Str(text) => {
            call.cx.work.spend_bytes(text.len())?;
            call.made_text(text_slice(text, from, to))
        }
        _ => Err(call.wrong(0, "a list or text")),
    }
}

fn slice(call: &Invocation<'_, '_>) -> Outcome {
    let start = call.int(1)?;
    let Some(_) = call.value(2) else { return part(call, start, None) };
    let length = i64::try_from(call.count(2)?).unwrap_or(i64::MAX);
    if start >= 0 {
        return part(call, start, Some(start.saturating_add(length)));
    }
    let whole = length_of_subject(call)?;
    let first = start.saturating_add(whole).max(0);
    part(call, first, Some(first.saturating_add(length)))
}

fn length_of_subject(call: &Invocation<'_, '_>) -> Result<i64, Fault> {
    Ok(length(call)?.as_i64().unwrap_or(0))
}

fn take(call: &Invocation<'_, '_>) -> Outcome {
    part(call, 0, Some(i64::try_from(call.count(1)?).unwrap_or(i64::MAX)))
}

fn skip(call: &Invocation<'_, '_>) -> Outcome {
    part(call, i64::try_from(call.count(1)?).unwrap_or(i64::MAX), None)
}

fn chunk(call: &Invocation<'_, '_>) -> Outcome {
    let (list, n) = (call.list(0)?, call.count(1)?);
    if n == 0 {
        return Err(call.invalid("chunks can't have 0 items"));
    }
    call.spend(list.len())?;
    call.made_list(list.chunks(n).map(|items| Value::List(items.iter().cloned().collect())).collect())
}

fn zip(call: &Invocation<'_, '_>) -> Outcome {
    let (left, right) = (call.list(0)?, call.list(1)?);
    call.spend(left.len().min(right.len()).saturating_mul(2))?;
    let pair = |(a, b): (&Value, &Value)| Value::List(vec![a.clone(), b.clone()].into());
    call.made_list(left.iter().zip(right.iter()).map(pair).collect())
}

fn range(call: &Invocation<'_, '_>) -> Outcome {
    let (from, to) = if call.value(1).is_some() { (call.int(0)?, call.int(1)?) } else { (0, call.int(0)?) };
    let length = usize::try_from(to.saturating_sub(from)).unwrap_or(0);
    call.spend(length)?;
    if length.saturating_mul(size_of::<Value>()) > call.cx.work.output_bytes {
        return Err(call.cx.work.too_large());
    }
    call.made_list((from..to.max(from)).map(Value::Int).collect())
}

fn numbers<'a>(call: &'a Invocation<'_, '_>) -> Result<&'a List, Fault> {
    let list = call.list(0)?;
    call.spend(list.len())?;
    match list.iter().find(|item| item.as_f64().is_none()) {
        Some(culprit) => {
            let message =
                format!("`{}` needs a list of numbers, found {} in it", call.name(), culprit.type_name());
            Err(super::FilterError::type_error(message, culprit))
        }
        None => Ok(list),
    }
}

fn total(call: &Invocation<'_, '_>, list: &List) -> Outcome {
    let ints = list.iter().try_fold(Some(0i64), |sum: Option<i64>, item| {
        let n = item.as_i64()?;
        Some(sum.and_then(|sum| sum.checked_add(n)))
    });
    let sum = match ints {
        Some(Some(sum)) => return Ok(Value::Int(sum)),
        Some(None) => f64::INFINITY,
        None => list.iter().filter_map(Value::as_f64).sum(),
    };
    finite(call, sum)
}

/// A float as the result.
pub(super) fn finite(call: &Invocation<'_, '_>, x: f64) -> Outcome {
    if x.is_finite() {
        return Ok(Value::Float(x));
    }
    let message = format!("the result of `{}` is too large for a number", call.name());
    Err(super::FilterError::new("expression.overflow", message))
}

fn sum(call: &Invocation<'_, '_>) -> Outcome {
    total(call, numbers(call)?)
}

fn avg(call: &Invocation<'_, '_>) -> Outcome {
    let list = numbers(call)?;
    if list.is_empty() {
        return Ok(Value::Null);
    }
    let n = list.len() as i64;
    match total(call, list)? {
        Value::Int(sum) if sum % n == 0 => Ok(Value::Int(sum / n)),
        sum => finite(call, sum.as_f64().unwrap_or(0.0) / n as f64),
    }
}

/// The one of a list, or of two numbers, that is on one side of all others.
fn extreme(call: &Invocation<'_, '_>, side: std::cmp::Ordering) -> Outcome {
    let better = |a: &Value, b: &Value| compare_numbers(a, b) == Some(side);
    if call.value(1).is_some() {
        call.number(0)?;
        call.number(1)?;
        let (a, b) = (call.subject(), call.given(1).unwrap_or(&Value::Null));
        return Ok(if better(b, a) { b.clone() } else { a.clone() });
    }
    let best = numbers(call)?.iter().reduce(|best, item| if better(item, best) { item } else { best });
    Ok(best.cloned().unwrap_or_default())
}

fn min(call: &Invocation<'_, '_>) -> Outcome {
    extreme(call, std::cmp::Ordering::Less)
}

fn max(call: &Invocation<'_, '_>) -> Outcome {
    extreme(call, std::cmp::Ordering::Greater)
}
