//! `data.merge`: joins what several branches bring.

use indexmap::IndexMap;
use prana_template::{List, Map, ParamError, Params, PathSegment, Value};
use schemars::JsonSchema;
use serde::Deserialize;

use super::record_key::key_of;
use super::{described, fields, params_of, present};
use crate::action::{Call, Descriptor, Effect, Failure, InputPort, Outcome, Ports, PureAction};
use crate::error::ErrorValue;
use crate::registry::Registry;

/// The parameters of `data.merge`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MergeParams {
    /// How many input ports it has, 2 to 26: `input_a`, `input_b` and so on. A number, never a template.
    #[serde(default = "two")]
    pub inputs: u32,
    /// What becomes of the data.
    #[serde(default)]
    pub strategy: Strategy,
    /// Which data wins where several have the same key (merge, deep_merge, join_by_key).
    #[serde(default)]
    pub prefer: Prefer,
    /// join_by_key: the field by which records belong together.
    #[serde(default)]
    pub key: Option<String>,
    /// join_by_key: which records stay that have no partner.
    #[serde(default)]
    pub kind: JoinKind,
    /// Data to use in the place of what came on the ports; null is left out (the older form, `{{ $input.input_a }}`).
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "Option<serde_json::Value>")]
    pub input_a: Option<Value>,
    /// As `input_a`.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "Option<serde_json::Value>")]
    pub input_b: Option<Value>,
}

fn two() -> u32 {
    MIN_INPUTS
}

const MIN_INPUTS: u32 = 2;
const MAX_INPUTS: u32 = 26;

/// A join may give this many records.
const MAX_JOINED: usize = 1_000_000;

/// What becomes of the data that arrived, in order of the ports, and on a port in order of arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// A list with one item for each arrival.
    #[default]
    Append,
    /// One map with the keys of all maps.
    Merge,
    /// As `merge`, and maps within maps are merged too. Lists are values like any other.
    DeepMerge,
    /// One list with the items of all lists.
    Concat,
    /// A list of lists: the first items of all lists, then the second ones, until the shortest list ends.
    Zip,
    /// Records that have the same value in the field `key` become one, as in a database join: each port is a side, lists on one port
    /// are one after the other. A record whose key is null has no partner.
    JoinByKey,
}

/// Which data wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Prefer {
    /// What comes later in the order.
    #[default]
    Last,
    /// What comes earlier.
    First,
}

/// Which records without a partner stay in a join.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum JoinKind {
    /// None.
    #[default]
    Inner,
    /// Those of the first port.
    Left,
    /// All: the records of the first port, then those of later ports that found no partner.
    Outer,
}

/// Joins what several branches bring.
pub struct Merge;

/// Adds it.
pub fn register(registry: &mut Registry) {
    let descriptor = Descriptor::new::<MergeParams>(
        "data.merge",
        "Merge",
        "Waits for the branches that lead to its ports, and joins what they bring: as a list, as one map, as one list, or record by \
         record. A branch that was not taken is not waited for.",
        Effect::Pure,
    )
    .inputs(&["input_a", "input_b"])
    .ports_from(ports)
    .check_with(check);
    registry.pure(descriptor, Merge);
}

fn ports(descriptor: &Descriptor, params: &Value) -> Ports {
    let count = params.get("inputs").and_then(Value::as_i64).and_then(|count| u32::try_from(count).ok());
    let count = count.unwrap_or(MIN_INPUTS).clamp(MIN_INPUTS, MAX_INPUTS);
    let letters = ('a'..='z').take(count as usize);
    let inputs =
        letters.map(|letter| InputPort { name: format!("input_{letter}").into(), required: false }).collect();
    Ports { inputs, ..descriptor.ports.clone() }
}

fn check(params: &Params) -> Result<(), ParamError> {
    let skeleton = params.skeleton();
    let wrong = |name: &str, message: &str, help: &str| {
        let path = vec![PathSegment::Key(name.into())];
        Err(ParamError { path, message: message.to_owned(), help: Some(help.to_owned()) })
    };
    if params.is_hole(&[PathSegment::Key("inputs".into())]) {
        return wrong(
            "inputs",
            "it can't be a template: ports are known before anything runs",
            "write a number",
        );
    }
    let count = skeleton.get("inputs").and_then(Value::as_i64);
    if count.is_some_and(|count| !(i64::from(MIN_INPUTS)..=i64::from(MAX_INPUTS)).contains(&count)) {
        return wrong(
            "inputs",
            "a merge has 2 to 26 input ports",
            "merge in several steps if there are more",
        );
    }
    let joins = skeleton.get("strategy").and_then(Value::as_str) == Some("join_by_key");
    if joins && skeleton.get("key").is_none() {
        return wrong("key", "the field to join by is missing", "name it, as in `key: id`");
    }
    Ok(())
}

impl PureAction for Merge {
    fn run(&self, call: &dyn Call) -> Result<Outcome, Failure> {
        let params: MergeParams = params_of(call)?;
        let sides = sides(call, &params);
        let output = match params.strategy {
            Strategy::Append => sides.into_iter().flatten().collect(),
            Strategy::Merge => merged(sides, params.prefer, false)?,
            Strategy::DeepMerge => merged(sides, params.prefer, true)?,
            Strategy::Concat => {
                lists(sides.into_iter().flatten())?.iter().flat_map(|list| list.iter()).cloned().collect()
            }
            Strategy::Zip => zipped(&lists(sides.into_iter().flatten())?),
            Strategy::JoinByKey => joined(sides, &params)?,
        };
        Ok(Outcome::output(output))
    }
}

/// What arrived, port by port.
fn sides(call: &dyn Call, params: &MergeParams) -> Vec<Vec<Value>> {
    if params.input_a.is_none() && params.input_b.is_none() {
        return (0..call.input_ports().len()).map(|port| call.inputs(port)).collect();
    }
    let given =
        [&params.input_a, &params.input_b].map(|given| given.clone().filter(|value| !value.is_null()));
    given.into_iter().map(|given| given.into_iter().collect()).collect()
}

fn merged(sides: Vec<Vec<Value>>, prefer: Prefer, deep: bool) -> Result<Value, Failure> {
    let mut all = Map::new();
    for value in sides.into_iter().flatten() {
        let Value::Map(map) = value else { return Err(wrong_type("merge.not_a_map", "maps", &value)) };
        all = merge_maps(all, &map, prefer, deep);
    }
    Ok(Value::Map(all))
}

/// Puts a later map into an earlier one. The depth of values is bounded, and so is this.
fn merge_maps(mut earlier: Map, later: &Map, prefer: Prefer, deep: bool) -> Map {
    for (key, value) in later.iter() {
        let merged = match (earlier.get(key), value) {
            (Some(Value::Map(a)), Value::Map(b)) if deep => {
                Value::Map(merge_maps(a.clone(), b, prefer, deep))
            }
            (Some(_), _) if prefer == Prefer::First => continue,
            _ => value.clone(),
        };
        earlier.insert(key.clone(), merged);
    }
    earlier
}

fn lists(values: impl Iterator<Item = Value>) -> Result<Vec<List>, Failure> {
    let list = |value: Value| match value {
        Value::List(list) => Ok(list),
        other => Err(wrong_type("merge.not_a_list", "lists", &other)),
    };
    values.map(list).collect()
}

fn wrong_type(code: &str, wanted: &str, found: &Value) -> Failure {
    let message = format!(
        "this strategy joins {wanted}, and one of the inputs is {}; `strategy: append` takes anything",
        described(found)
    );
    ErrorValue::new(code, message).not_retryable().into()
}

fn zipped(lists: &[List]) -> Value {
    let shortest = lists.iter().map(|list| list.len()).min().unwrap_or(0);
    let row = |index: usize| lists.iter().filter_map(|list| list.get(index).cloned()).collect::<Value>();
    (0..shortest).map(row).collect()
}

type Records = Vec<Map>;

fn joined(sides: Vec<Vec<Value>>, params: &MergeParams) -> Result<Value, Failure> {
    let Some(key) = &params.key else {
        return Err(super::invalid_params("`key` is missing: it names the field to join by"));
    };
    let mut sides = sides.into_iter().map(records);
    let mut all = sides.next().transpose()?.unwrap_or_default();
    for side in sides {
        all = join(all, side?, key, params)?;
    }
    Ok(all.into_iter().map(Value::Map).collect())
}

/// The records of one port: all lists that came on it, one after the other.
fn records(arrived: Vec<Value>) -> Result<Records, Failure> {
    let lists = lists(arrived.into_iter())?;
    let record = |value: &Value| match value {
        Value::Map(map) => Ok(map.clone()),
        other => Err(wrong_type("merge.not_a_map", "lists of maps", other)),
    };
    lists.iter().flat_map(|list| list.iter()).map(record).collect()
}

fn join(left: Records, right: Records, key: &str, params: &MergeParams) -> Result<Records, Failure> {
    let mut partners: IndexMap<String, Vec<usize>, rustc_hash::FxBuildHasher> = IndexMap::default();
    for (index, record) in right.iter().enumerate() {
        if let Some(key) = join_key(record, key) {
            partners.entry(key).or_default().push(index);
        }
    }
    let mut found = vec![false; right.len()];
    let mut joined = Vec::new();
    for record in left {
        let matching =
            join_key(&record, key).and_then(|key| partners.get(&key)).map_or(&[][..], Vec::as_slice);
        if joined.len() + matching.len() > MAX_JOINED {
            return Err(too_many());
        }
        for index in matching {
            found[*index] = true;
            joined.push(merge_maps(record.clone(), &right[*index], params.prefer, false));
        }
        if matching.is_empty() && params.kind != JoinKind::Inner {
            joined.push(record);
        }
    }
    if params.kind == JoinKind::Outer {
        let alone = right.into_iter().zip(found).filter(|(_, found)| !found);
        joined.extend(alone.map(|(record, _)| record));
    }
    Ok(joined)
}

fn join_key(record: &Map, field: &str) -> Option<String> {
    let value = fields::read(&Value::Map(record.clone()), field);
    (!value.is_null()).then(|| key_of([&value]))
}

fn too_many() -> Failure {
    let message =
        format!("the join gives more than {MAX_JOINED} records; is the key the same in most of them?");
    ErrorValue::new("merge.too_large", message).not_retryable().into()
}

#[cfg(test)]
mod tests {
    use prana_template::{Value, value};

    use super::*;
    use crate::nodes::tests::Probe;

    fn probe(params: Value, a: &[Value], b: &[Value]) -> Probe {
        Probe::new("data.merge", params).arrive(0, a.to_vec()).arrive(1, b.to_vec())
    }

    fn check(params: Value, a: &[Value], b: &[Value], expected: Value) {
        probe(params, a, b).gives(expected);
    }

    #[test]
    fn append_lists_all_arrivals_port_by_port() {
        check(value!({}), &[], &[], value!([]));
        check(value!({}), &[value!(1), value!(null)], &[value!([2])], value!([1, null, [2]]));
        check(value!({"strategy": "append"}), &[], &[value!(false)], value!([false]));
    }

    #[test]
    fn merge_is_shallow_and_the_last_wins() {
        let (a, b) = (value!({"x": 1, "m": {"p": 1}}), value!({"m": {"q": 2}, "y": 3}));
        check(
            value!({"strategy": "merge"}),
            std::slice::from_ref(&a),
            std::slice::from_ref(&b),
            value!({"x": 1, "m": {"q": 2}, "y": 3}),
        );
        check(
            value!({"strategy": "merge", "prefer": "first"}),
            &[a],
            &[b],
            value!({"x": 1, "m": {"p": 1}, "y": 3}),
        );
        check(value!({"strategy": "merge"}), &[], &[], value!({}));
        probe(value!({"strategy": "merge"}), &[value!({})], &[value!([1])])
            .fails("merge.not_a_map", "is a list");
    }

    #[test]
    fn deep_merge_goes_into_maps_and_not_into_lists() {
        let (a, b) = (value!({"m": {"p": 1, "l": [1], "q": 1}}), value!({"m": {"q": 2, "l": [2]}}));
        let deep = |prefer: &str| value!({"strategy": "deep_merge", "prefer": prefer});
        check(
            deep("last"),
            std::slice::from_ref(&a),
            std::slice::from_ref(&b),
            value!({"m": {"p": 1, "l": [2], "q": 2}}),
        );
        check(deep("first"), &[a], &[b], value!({"m": {"p": 1, "l": [1], "q": 1}}));
    }

    #[test]
    fn concat_and_zip_take_lists() {
        let (a, b) = (value!([1, [2]]), value!([3]));
        check(
            value!({"strategy": "concat"}),
            std::slice::from_ref(&a),
            std::slice::from_ref(&b),
            value!([1, [2], 3]),
        );
        check(value!({"strategy": "zip"}), &[a], &[b], value!([[1, 3]]));
        check(value!({"strategy": "zip"}), &[], &[], value!([]));
        probe(value!({"strategy": "zip"}), &[value!(null)], &[]).fails("merge.not_a_list", "is null");
    }

    fn pupils() -> Value {
        value!([{"id": 1, "name": "Uma"}, {"id": 2, "name": "Vic"}, {"id": null, "name": "Wu"}])
    }

    fn marks() -> Value {
        value!([{"id": 3, "mark": "C"}, {"id": 2.0, "mark": "B"}, {"id": 2, "mark": "A"}, {"mark": "D"}])
    }

    #[test]
    fn join_by_key() {
        let params = |kind: &str| value!({"strategy": "join_by_key", "key": "id", "kind": kind});
        let vic = value!([{"id": 2, "name": "Vic", "mark": "B"}, {"id": 2, "name": "Vic", "mark": "A"}]);
        let (uma, wu) = (value!({"id": 1, "name": "Uma"}), value!({"id": null, "name": "Wu"}));
        let pair = |index: usize| vic.as_list().and_then(|list| list.get(index).cloned()).unwrap_or_default();
        check(params("inner"), &[pupils()], &[marks()], vic.clone());
        check(params("left"), &[pupils()], &[marks()], value!([uma.clone(), pair(0), pair(1), wu.clone()]));
        let outer = value!([uma, pair(0), pair(1), wu, {"id": 3, "mark": "C"}, {"mark": "D"}]);
        check(params("outer"), &[pupils()], &[marks()], outer);
        check(params("left"), &[pupils()], &[], pupils());
        check(params("outer"), &[], &[marks()], marks());
    }

    #[test]
    fn a_join_is_bounded() {
        let many: Value = (0..1100).map(|_| value!({"id": 1})).collect();
        let params = value!({"strategy": "join_by_key", "key": "id"});
        probe(params, std::slice::from_ref(&many), std::slice::from_ref(&many))
            .fails("merge.too_large", "1000000");
    }

    #[test]
    fn the_older_form_reads_its_parameters() {
        let params = value!({"strategy": "append", "input_a": 1, "input_b": null});
        check(params, &[value!("ignored")], &[], value!([1]));
        let params = value!({"strategy": "merge", "input_a": {"a": 1}, "input_b": {"a": 2}});
        check(params, &[], &[], value!({"a": 2}));
    }

    #[test]
    fn its_ports_are_counted() {
        fn check(inputs: Value, count: usize, last: &str) {
            let registry = Registry::standard();
            let merge = registry.action("data.merge").expect("it is there");
            let ports = merge.descriptor.ports_for(&value!({"inputs": inputs})).inputs;
            assert_eq!((ports.len(), ports.last().map(|port| port.name.as_str())), (count, Some(last)));
        }
        check(value!(null), 2, "input_b");
        check(value!(5), 5, "input_e");
        check(value!(99), 26, "input_z");
    }
}
