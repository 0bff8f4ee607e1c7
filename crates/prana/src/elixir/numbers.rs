//! Which run here is which run there, and what of it the trail here can't say: kept in the header's metadata.

use prana_core::execution::NodeExecution;
use prana_template::{Map, Str, Value};

use super::legacy::{self, Legacy, LegacyRun};

/// The name under `metadata.imported.from`.
pub(super) const FROM: &str = "prana-elixir";

/// What is made of a legacy trail besides entries.
#[derive(Debug, Clone, Default)]
pub(super) struct Numbers {
    /// For each run here its place in the legacy runs; none for one that has no record there.
    pub places: Vec<Option<usize>>,
    /// Legacy runs that have no place in the log here.
    pub apart: Vec<usize>,
}

impl Numbers {
    /// How many runs here have no record there.
    pub fn filled(&self) -> usize {
        self.places.iter().filter(|place| place.is_none()).count()
    }
}

/// The map for `metadata.imported`.
pub(super) fn imported(legacy: &Legacy, numbers: &Numbers, run_index: impl Fn(usize) -> u32) -> Value {
    let mut map = Map::new();
    map.insert("from", FROM);
    if legacy.id.to_string() != *legacy.id_text {
        map.insert("id", &legacy.id_text);
    }
    map.insert("workflow_version", legacy.workflow_version.clone());
    map.insert("execution_mode", &legacy.execution_mode);
    map.insert("trigger_type", &legacy.trigger_type);
    map.insert("trigger_data", legacy.trigger_data.clone());
    put(&mut map, "parent_execution_id", legacy.parent.clone().map(Value::Str));
    put(&mut map, "metadata", filled(legacy.metadata.clone()));
    put(&mut map, "error", unsayable(&legacy.error));
    put(&mut map, "suspended_at", legacy.suspended_at.map(|at| Value::from(at.to_string())));
    put(&mut map, "runs", filled(differing(legacy, numbers, run_index)));
    let apart: Vec<Value> = numbers.apart.iter().map(|place| run_to_map(&legacy.runs[*place])).collect();
    put(&mut map, "apart", (!apart.is_empty()).then(|| Value::from(apart)));
    Value::Map(map)
}

fn put(map: &mut Map, key: &'static str, value: Option<Value>) {
    if let Some(value) = value {
        map.insert(key, value);
    }
}

fn filled(map: Map) -> Option<Value> {
    (!map.is_empty()).then_some(Value::Map(map))
}

/// An error that `{code, message, details}` doesn't say in full.
fn unsayable(error: &Value) -> Option<Value> {
    let same = error.is_null() || legacy::error(error).to_value() == *error;
    (!same).then(|| error.clone())
}

/// Per run here what it was there, where it can't be computed.
fn differing(legacy: &Legacy, numbers: &Numbers, run_index: impl Fn(usize) -> u32) -> Map {
    let mut runs = Map::new();
    for (index, place) in numbers.places.iter().enumerate() {
        let entry = match place {
            None => Map::from_iter([(Str::from("not_recorded"), Value::Bool(true))]),
            Some(place) => of_run(legacy, &legacy.runs[*place], index, run_index(index)),
        };
        if !entry.is_empty() {
            runs.insert(index.to_string(), entry);
        }
    }
    runs
}

fn of_run(legacy: &Legacy, run: &LegacyRun, index: usize, run_index: u32) -> Map {
    let mut map = Map::new();
    if run.execution_index != index as i64 {
        map.insert("execution_index", run.execution_index);
    }
    if run.run_index != i64::from(run_index) {
        map.insert("run_index", run.run_index);
    }
    let duration = duration(run.started_at, run.completed_at);
    if run.duration_ms != duration {
        map.insert("duration_ms", run.duration_ms.map(Value::from));
    }
    put(&mut map, "error_data", unsayable(&run.error));
    if run.is("suspended")
        && let Some((kind, data)) = legacy.suspension_of(run)
    {
        map.insert("suspension_type", kind);
        map.insert("suspension_data", data);
    }
    map
}

/// Milliseconds between the two, if both are there.
pub(super) fn duration(
    started_at: Option<prana_core::Timestamp>,
    completed_at: Option<prana_core::Timestamp>,
) -> Option<i64> {
    i64::try_from(completed_at?.millis_since(started_at?)).ok()
}

/// A legacy run in its own form.
pub(super) fn run_to_map(run: &LegacyRun) -> Value {
    let mut map = Map::new();
    map.insert("node_key", &run.node_key);
    map.insert("status", &run.status);
    map.insert("params", run.params.clone());
    map.insert("output_data", run.output.clone());
    map.insert("output_port", run.port.clone());
    map.insert("error_data", run.error.clone());
    map.insert("started_at", run.started_at.map(|at| at.to_string()));
    map.insert("completed_at", run.completed_at.map(|at| at.to_string()));
    map.insert("duration_ms", run.duration_ms);
    map.insert("suspension_type", run.suspension.as_ref().map(|(kind, _)| kind.clone()));
    map.insert("suspension_data", run.suspension.as_ref().map(|(_, data)| data.clone()));
    map.insert("execution_index", run.execution_index);
    map.insert("run_index", run.run_index);
    Value::Map(map)
}

/// What was kept of a run here.
pub(super) fn kept_of<'a>(imported: &'a Value, run: &NodeExecution) -> Option<&'a Value> {
    imported.get("runs")?.get(&run.execution_index.to_string())
}
