//! Maps. Their order is kept.

use super::{Invocation, Outcome, table::filters};
use crate::{
    eval::Fault,
    value::{Map, Str, Value},
};

filters! { MAP:
    /// The keys of a map.
    /// `{{ {b: 1, a: 2} | keys }}` -> `["b","a"]`
    "keys ()" => keys;

    /// The values of a map.
    /// `{{ {b: 1, a: 2} | values }}` -> `[1,2]`
    "values ()" => values;

    /// The entries of a map as a list of `{key, value}`.
    /// `{{ {a: 1} | entries }}` -> `[{"key":"a","value":1}]`
    "entries ()" => entries;

    /// A map from a list of `{key, value}`, or of `[key, value]`.
    /// `{{ [{key: "a", value: 1}] | from_entries }}` -> `{"a":1}`
    /// `{{ [["a", 1], ["b", 2]] | from_entries }}` -> `{"a":1,"b":2}`
    "from_entries ()" => from_entries;

    /// Whether a map has a key, also one whose value is null.
    /// `{{ {a: null} | has("a") }}` -> `true`
    "has (k)" => has;

    /// Two maps in one; of a key that both have, the right one's value stays.
    /// `{{ {a: 1, b: 1} | merge({b: 2, c: 3}) }}` -> `{"a":1,"b":2,"c":3}`
    "merge (m)" => merge;

    /// A map with only some keys, in the map's order.
    /// `{{ {a: 1, b: 2, c: 3} | pick(["c", "a", "x"]) }}` -> `{"a":1,"c":3}`
    "pick (list)" => pick;

    /// A map without some keys.
    /// `{{ {a: 1, b: 2} | omit(["b"]) }}` -> `{"a":1}`
    "omit (list)" => omit;
}

/// The map on the left, paid for.
fn subject<'a>(call: &'a Invocation<'_, '_>) -> Result<&'a Map, Fault> {
    let map = call.map(0)?;
    call.spend(map.len() / 4)?;
    Ok(map)
}

fn keys(call: &Invocation<'_, '_>) -> Outcome {
    call.made_list(subject(call)?.keys().map(Value::from).collect())
}

fn values(call: &Invocation<'_, '_>) -> Outcome {
    call.made_list(subject(call)?.values().cloned().collect())
}

fn entries(call: &Invocation<'_, '_>) -> Outcome {
    let map = subject(call)?;
    call.spend(map.len())?;
    let (key_name, value_name) = (Str::from("key"), Str::from("value"));
    let entry = |(key, value): (&Str, &Value)| {
        Value::Map(Map::from(vec![(key_name.clone(), Value::from(key)), (value_name.clone(), value.clone())]))
    };
    call.made_list(map.iter().map(entry).collect())
}

fn from_entries(call: &Invocation<'_, '_>) -> Outcome {
    let list = call.list(0)?;
    call.spend(list.len().saturating_mul(2))?;
    let mut entries = Vec::with_capacity(list.len());
    for item in list {
        let (key, value) = match item {
            Value::Map(map) => (map.get("key"), map.get("value")),
            Value::List(pair) if pair.len() == 2 => (pair.first(), pair.get(1)),
            _ => (None, None),
        };
        let Some(Value::Str(key)) = key else {
            return Err(call.invalid("every item must be {key, value} or [key, value], with text as its key"));
        };
        entries.push((key.clone(), value.cloned().unwrap_or_default()));
    }
    call.made_map(entries)
}

fn has(call: &Invocation<'_, '_>) -> Outcome {
    Ok(Value::Bool(call.map(0)?.contains_key(call.text(1)?)))
}

fn merge(call: &Invocation<'_, '_>) -> Outcome {
    let left = subject(call)?;
    let Some(_) = call.value(1) else { return Ok(Value::Map(left.clone())) };
    let right = call.map(1)?;
    call.spend(right.len() + left.len())?;
    let mut merged = left.clone();
    merged.extend(right.iter().map(|(key, value)| (key.clone(), value.clone())));
    call.cx.checked(Value::Map(merged))
}

/// The entries whose keys are, or are not, in the list of argument 1.
fn chosen(call: &Invocation<'_, '_>, wanted: bool) -> Outcome {
    let (map, list) = (subject(call)?, call.list(1)?);
    let mut names: Vec<&str> = Vec::with_capacity(list.len());
    for name in list {
        names.push(name.as_str().ok_or_else(|| call.invalid("the keys must be text"))?);
    }
    names.sort_unstable();
    call.spend(map.len().saturating_add(list.len()).saturating_mul(2))?;
    let chosen = map.iter().filter(|(key, _)| names.binary_search(&key.as_str()).is_ok() == wanted);
    call.made_map(chosen.map(|(key, value)| (key.clone(), value.clone())).collect())
}

fn pick(call: &Invocation<'_, '_>) -> Outcome {
    chosen(call, true)
}

fn omit(call: &Invocation<'_, '_>) -> Outcome {
    chosen(call, false)
}
