//! Lists, item by item: with a field or a lambda.

use std::collections::BTreeMap;

use super::{Invocation, Outcome, invocation::By, order::Key, table::filters};
use crate::{
    eval::{Fault, same},
    value::{List, Str, Value},
};

filters! { SELECT:
    /// What a lambda or a field says of each item.
    /// `{{ [1, 2] | map(x => x * 10) }}` -> `[10,20]`
    /// `{{ [{n: 1}, {}] | map("n") }}` -> `[1,null]`
    /// `{{ ["a", "b"] | map($item + $index) }}` -> `["a0","b1"]`
    "map (by: field or x => value)" => map;

    /// The items whose field equals a value, or is true when none is given, or of which a lambda is true.
    /// `{{ [1, 2, 3] | filter(x => x > 1) }}` -> `[2,3]`
    /// `{{ [{a: 1}, {a: 2}] | where("a", 2) }}` -> `[{"a":2}]`
    /// `{{ [{on: true}, {on: false}] | filter("on") }}` -> `[{"on":true}]`
    "filter | where (by: field or x => test, v?)" => filter;

    /// The items that `filter` leaves out.
    /// `{{ [1, 2, 3] | reject(x => x > 1) }}` -> `[1]`
    "reject (by: field or x => test, v?)" => reject;

    /// The first item that `filter` would keep; null without one.
    /// `{{ [{id: 1, n: "x"}, {id: 2, n: "y"}] | find("id", 2) }}` -> `{"id":2,"n":"y"}`
    /// `{{ [1, 2] | find(x => x > 2) }}` -> `null`
    "find (by: field or x => test, v?)" => find;

    /// Whether `filter` would keep every item; true of an empty list.
    /// `{{ [2, 4] | every(x => x % 2 == 0) }}` -> `true`
    "every (by: field or x => test, v?)" => every;

    /// Whether `filter` would keep any item.
    /// `{{ [1, 4] | some(x => x % 2 == 0) }}` -> `true`
    /// `{{ [] | some(x => true) }}` -> `false`
    "some (by: field or x => test, v?)" => some;

    /// One value made of all items: the lambda is given what it made of those before, and an item.
    /// `{{ [1, 2, 3] | reduce(10, (acc, x) => acc + x) }}` -> `16`
    "reduce (init, step: (acc, x) => value)" => reduce;

    /// A map from what is said of items to the lists of them, in order of first appearance. Keys are text forms.
    /// `{{ [1, 2, 3] | group_by(x => x % 2 == 0 ? "even" : "odd") }}` -> `{"odd":[1,3],"even":[2]}`
    "group_by (by: field or x => key)" => group_by;

    /// A map from what is said of items to the items; of several the last stays.
    /// `{{ [{id: "a", n: 1}] | index_by("id") }}` -> `{"a":{"id":"a","n":1}}`
    "index_by (by: field or x => key)" => index_by;

    /// A map from what is said of items to how many there are.
    /// `{{ ["a", "b", "a"] | count_by(x => x) }}` -> `{"a":2,"b":1}`
    "count_by (by: field or x => key)" => count_by;
}

/// The list on the left, paid for.
fn items<'a>(call: &'a Invocation<'_, '_>) -> Result<&'a List, Fault> {
    let list = call.list(0)?;
    call.spend(list.len())?;
    Ok(list)
}

fn map(call: &Invocation<'_, '_>) -> Outcome {
    let (list, by) = (items(call)?, call.by(1)?);
    let made = list.iter().enumerate().map(|(index, item)| call.key(&by, item, index));
    call.made_list(made.collect::<Result<_, _>>()?)
}

/// Whether an item passes: its field against the value given, if any; else the truth of what is said of it.
fn passes(call: &Invocation<'_, '_>, by: &By<'_>, item: &Value, index: usize) -> Result<bool, Fault> {
    let said = call.key(by, item, index)?;
    match call.given(2) {
        Some(wanted) => same(&said, wanted, call.cx),
        None => Ok(said.is_truthy()),
    }
}

fn kept(call: &Invocation<'_, '_>, wanted: bool) -> Outcome {
    let (list, by) = (items(call)?, call.by(1)?);
    let mut kept = Vec::new();
    for (index, item) in list.iter().enumerate() {
        if passes(call, &by, item, index)? == wanted {
            kept.push(item.clone());
        }
    }
    call.made_list(kept)
}

fn filter(call: &Invocation<'_, '_>) -> Outcome {
    kept(call, true)
}

fn reject(call: &Invocation<'_, '_>) -> Outcome {
    kept(call, false)
}

/// The first item for which passing is as wanted.
fn first_that<'a>(call: &'a Invocation<'_, '_>, wanted: bool) -> Result<Option<&'a Value>, Fault> {
    let (list, by) = (items(call)?, call.by(1)?);
    for (index, item) in list.iter().enumerate() {
        if passes(call, &by, item, index)? == wanted {
            return Ok(Some(item));
        }
    }
    Ok(None)
}

fn find(call: &Invocation<'_, '_>) -> Outcome {
    Ok(first_that(call, true)?.cloned().unwrap_or_default())
}

fn every(call: &Invocation<'_, '_>) -> Outcome {
    Ok(Value::Bool(first_that(call, false)?.is_none()))
}

fn some(call: &Invocation<'_, '_>) -> Outcome {
    Ok(Value::Bool(first_that(call, true)?.is_some()))
}

fn reduce(call: &Invocation<'_, '_>) -> Outcome {
    let Some(lambda) = call.lambda(2) else { return Err(call.wrong(2, "a lambda `(acc, x) => ...`")) };
    let mut made = call.given(1).cloned().unwrap_or_default();
    for (index, item) in items(call)?.iter().enumerate() {
        made = call.apply(lambda, &[&made, item, &Value::from(index)])?;
    }
    Ok(made)
}

/// Items in groups of the same key, in order of first appearance.
fn groups(call: &Invocation<'_, '_>) -> Result<Vec<(Str, Vec<Value>)>, Fault> {
    let (list, by) = (items(call)?, call.by(1)?);
    let mut places: BTreeMap<Key, usize> = BTreeMap::new();
    let mut groups: Vec<(Str, Vec<Value>)> = Vec::new();
    for (index, item) in list.iter().enumerate() {
        let key = call.key(&by, item, index)?.to_text();
        call.check_text(key.len())?;
        let place = *places.entry(Key(Value::Str(key.clone()))).or_insert(groups.len());
        if place == groups.len() {
            groups.push((key, Vec::new()));
        }
        groups[place].1.push(item.clone());
    }
    Ok(groups)
}

fn made_of_groups(call: &Invocation<'_, '_>, made: impl Fn(Vec<Value>) -> Value) -> Outcome {
    call.made_map(groups(call)?.into_iter().map(|(key, items)| (key, made(items))).collect())
}

fn group_by(call: &Invocation<'_, '_>) -> Outcome {
    made_of_groups(call, |items| Value::List(items.into()))
}

fn index_by(call: &Invocation<'_, '_>) -> Outcome {
    made_of_groups(call, |items| items.into_iter().next_back().unwrap_or_default())
}

fn count_by(call: &Invocation<'_, '_>) -> Outcome {
    made_of_groups(call, |items| Value::from(items.len()))
}
