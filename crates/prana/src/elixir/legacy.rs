//! A stored execution of the Elixir engine, read.

use prana_core::{ErrorValue, ExecutionId, Timestamp};
use prana_template::{Map, Str, Value};
use uuid::Uuid;

/// Why something of the Elixir engine can't be taken in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LegacyError {
    /// It doesn't have the form of that engine.
    #[error("elixir.malformed: `{place}` {problem}")]
    Malformed {
        /// The field, such as `node_executions.fetch[0].started_at`.
        place: String,
        /// What is wrong.
        problem: String,
    },
    /// It has the form, and can't go on here.
    #[error("elixir.not_possible: {0}")]
    NotPossible(String),
}

impl LegacyError {
    fn malformed(place: impl Into<String>, problem: impl Into<String>) -> Self {
        LegacyError::Malformed { place: place.into(), problem: problem.into() }
    }

    /// The same, with the place of the document in its file.
    pub(super) fn within(self, outer: &str) -> Self {
        match self {
            LegacyError::Malformed { place, problem } if outer != "file" => {
                LegacyError::Malformed { place: format!("{outer}.{place}"), problem }
            }
            other => other,
        }
    }

    pub(super) fn not_possible(reason: impl Into<String>) -> Self {
        LegacyError::NotPossible(reason.into())
    }
}

/// A `WorkflowExecution`.
pub(super) struct Legacy {
    /// Its id as it is written there.
    pub id_text: Str,
    pub id: ExecutionId,
    pub workflow_id: Str,
    pub workflow_version: Value,
    pub status: Str,
    pub error: Value,
    pub execution_mode: Str,
    pub trigger_type: Str,
    pub trigger_data: Value,
    pub vars: Map,
    pub environment: Map,
    pub preparation: Map,
    pub metadata: Map,
    pub parent: Option<Str>,
    pub started_at: Option<Timestamp>,
    pub completed_at: Option<Timestamp>,
    pub suspended_node: Option<Str>,
    pub suspended_at: Option<Timestamp>,
    pub suspension: Option<(Str, Value)>,
    /// Absent in executions that were stored before that engine kept it.
    pub active_nodes: Option<Map>,
    /// `$execution.state`.
    pub state: Map,
    /// `$nodes.KEY.context`.
    pub contexts: Map,
    /// In the order of their start.
    pub runs: Vec<LegacyRun>,
    /// The fields of the document that have no place here.
    pub unknown: Vec<Str>,
}

/// A `NodeExecution`.
pub(super) struct LegacyRun {
    pub node_key: Str,
    pub status: Str,
    pub params: Value,
    pub output: Value,
    pub port: Option<Str>,
    pub error: Value,
    pub started_at: Option<Timestamp>,
    pub completed_at: Option<Timestamp>,
    pub duration_ms: Option<i64>,
    pub suspension: Option<(Str, Value)>,
    pub execution_index: i64,
    pub run_index: i64,
}

const KNOWN: &[&str] = &[
    "id",
    "workflow_id",
    "workflow_version",
    "execution_graph",
    "parent_execution_id",
    "root_execution_id",
    "execution_mode",
    "status",
    "error",
    "trigger_type",
    "trigger_data",
    "vars",
    "node_executions",
    "current_execution_index",
    "suspended_node_id",
    "suspension_type",
    "suspension_data",
    "suspended_at",
    "started_at",
    "completed_at",
    "__runtime",
    "execution_data",
    "preparation_data",
    "metadata",
    "output_data",
    "error_data",
    "resume_token",
    "context_data",
];

/// A namespace of its own, so that an id that is no UUID always gets the same one.
const NAMESPACE: Uuid = Uuid::from_u128(0x5e1c_2b7a_90d4_5f3c_8a61_70c2_9d3e_4b15);

/// The identity here of an id there.
pub(super) fn execution_id(text: &str) -> ExecutionId {
    text.parse().unwrap_or_else(|_| ExecutionId(Uuid::new_v5(&NAMESPACE, text.as_bytes())))
}

impl Legacy {
    pub fn read(value: &Value) -> Result<Self, LegacyError> {
        let fields = Fields::new(value, "execution")?;
        let id_text = fields.required_text("id")?;
        let data = fields.map("execution_data")?;
        let data = Fields { map: data.clone(), place: "execution_data".into() };
        let contexts = Fields { map: data.map("context_data")?, place: "execution_data.context_data".into() };
        let unknown = fields.map.keys().filter(|key| !KNOWN.contains(&&***key)).cloned().collect();
        Ok(Legacy {
            id: execution_id(&id_text),
            id_text,
            workflow_id: fields.required_text("workflow_id")?,
            workflow_version: fields.value("workflow_version"),
            status: fields.required_text("status")?,
            error: fields.value("error"),
            execution_mode: fields.text("execution_mode")?.unwrap_or_else(|| "async".into()),
            trigger_type: fields.text("trigger_type")?.unwrap_or_else(|| "graph_executor".into()),
            trigger_data: fields.value("trigger_data"),
            vars: fields.map("vars")?,
            environment: fields.map("context_data")?,
            preparation: fields.map("preparation_data")?,
            metadata: fields.map("metadata")?,
            parent: fields.text("parent_execution_id")?,
            started_at: fields.time("started_at")?,
            completed_at: fields.time("completed_at")?,
            suspended_node: fields.text("suspended_node_id")?,
            suspended_at: fields.time("suspended_at")?,
            suspension: fields.suspension()?,
            active_nodes: match data.value("active_nodes") {
                Value::Null => None,
                _ => Some(data.map("active_nodes")?),
            },
            state: contexts.map("workflow")?,
            contexts: contexts.map("node")?,
            runs: runs(&fields.value("node_executions"))?,
            unknown,
        })
    }

    pub fn is_ended(&self) -> bool {
        matches!(&*self.status, "completed" | "failed" | "cancelled" | "timeout")
    }

    /// When it began, as well as it can be told.
    pub fn began_at(&self) -> Timestamp {
        let first = self.runs.iter().find_map(|run| run.started_at);
        self.started_at.or(first).or(self.completed_at).unwrap_or_default()
    }

    /// The newest time that it names.
    pub fn latest_at(&self) -> Timestamp {
        let runs = self.runs.iter().flat_map(|run| [run.started_at, run.completed_at]);
        let own = [self.started_at, self.suspended_at, self.completed_at];
        runs.chain(own).flatten().max().unwrap_or_default()
    }

    /// The suspension of a run: its own, or else the one that the execution names.
    pub fn suspension_of(&self, run: &LegacyRun) -> Option<(Str, Value)> {
        run.suspension.clone().or_else(|| self.suspension.clone())
    }
}

/// The node runs: by key, newest first; or, as the engine once kept them, one list.
fn runs(value: &Value) -> Result<Vec<LegacyRun>, LegacyError> {
    let mut runs = Vec::new();
    match value {
        Value::Null => {}
        Value::List(list) => {
            for (position, item) in list.iter().enumerate() {
                runs.push(LegacyRun::read(item, &format!("node_executions[{position}]"), None)?);
            }
        }
        Value::Map(map) => {
            for (key, list) in map.iter() {
                let place = format!("node_executions.{key}");
                let wrong = || LegacyError::malformed(&place, "should be a list of node executions");
                for (position, item) in list.as_list().ok_or_else(wrong)?.iter().enumerate() {
                    runs.push(LegacyRun::read(item, &format!("{place}[{position}]"), Some(key))?);
                }
            }
        }
        _ => return Err(LegacyError::malformed("node_executions", "should be a map of lists")),
    }
    runs.sort_by_key(|run| (run.execution_index, run.run_index));
    Ok(runs)
}

impl LegacyRun {
    fn read(value: &Value, place: &str, key: Option<&Str>) -> Result<Self, LegacyError> {
        let fields = Fields::new(value, place)?;
        let own_key = fields.text("node_key")?.or_else(|| key.cloned());
        Ok(LegacyRun {
            node_key: own_key
                .ok_or_else(|| LegacyError::malformed(format!("{place}.node_key"), "is missing"))?,
            status: fields.required_text("status")?,
            params: fields.value("params"),
            output: fields.value("output_data"),
            port: fields.text("output_port")?,
            error: fields.value("error_data"),
            started_at: fields.time("started_at")?,
            completed_at: fields.time("completed_at")?,
            duration_ms: fields.value("duration_ms").as_i64(),
            suspension: fields.suspension()?,
            execution_index: fields.number("execution_index")?,
            run_index: fields.number("run_index")?,
        })
    }

    pub fn is(&self, status: &str) -> bool {
        &*self.status == status
    }

    /// True if its output is an error that `on_error` let through.
    pub fn is_redirected_error(&self) -> bool {
        let details = self.output.get("details");
        self.output.get("code").and_then(Value::as_str) == Some("action_error")
            && details.is_some_and(|details| details.get("on_error_behavior").is_some())
    }
}

/// The fields of a map, with the place for messages.
struct Fields {
    map: Map,
    place: String,
}

impl Fields {
    fn new(value: &Value, place: &str) -> Result<Self, LegacyError> {
        let map = value.as_map().cloned().ok_or_else(|| LegacyError::malformed(place, "should be a map"))?;
        Ok(Fields { map, place: place.to_owned() })
    }

    fn at(&self, key: &str) -> String {
        if self.place == "execution" { key.to_owned() } else { format!("{}.{key}", self.place) }
    }

    fn value(&self, key: &str) -> Value {
        self.map.get(key).cloned().unwrap_or_default()
    }

    fn text(&self, key: &str) -> Result<Option<Str>, LegacyError> {
        match self.value(key) {
            Value::Null => Ok(None),
            Value::Str(text) => Ok(Some(text)),
            other => Err(LegacyError::malformed(
                self.at(key),
                format!("should be text, and is {}", other.type_name()),
            )),
        }
    }

    fn required_text(&self, key: &str) -> Result<Str, LegacyError> {
        self.text(key)?.ok_or_else(|| LegacyError::malformed(self.at(key), "is missing"))
    }

    fn map(&self, key: &str) -> Result<Map, LegacyError> {
        match self.value(key) {
            Value::Null => Ok(Map::new()),
            Value::Map(map) => Ok(map),
            other => Err(LegacyError::malformed(
                self.at(key),
                format!("should be a map, and is {}", other.type_name()),
            )),
        }
    }

    fn number(&self, key: &str) -> Result<i64, LegacyError> {
        match self.value(key) {
            Value::Int(number) if (0..=i64::from(u32::MAX)).contains(&number) => Ok(number),
            _ => Err(LegacyError::malformed(self.at(key), "should be an integer from 0")),
        }
    }

    fn time(&self, key: &str) -> Result<Option<Timestamp>, LegacyError> {
        let Some(text) = self.text(key)? else { return Ok(None) };
        let wrong = |_| {
            LegacyError::malformed(
                self.at(key),
                format!("is no time: {text:?} (it should be as 2026-01-31T08:00:00Z)"),
            )
        };
        text.parse().map(Some).map_err(wrong)
    }

    fn suspension(&self) -> Result<Option<(Str, Value)>, LegacyError> {
        Ok(self.text("suspension_type")?.map(|kind| (kind, self.value("suspension_data"))))
    }
}

/// An error as that engine writes it: `code` or `type`, a message, and more.
pub(super) fn error(value: &Value) -> ErrorValue {
    let Value::Map(map) = value else {
        return ErrorValue::from_value(value, "elixir.error");
    };
    let text = |key: &str| map.get(key).and_then(Value::as_str).map(str::to_owned);
    let code = text("code").or_else(|| text("type")).unwrap_or_else(|| "elixir.error".to_owned());
    let message = text("message").unwrap_or_else(|| value.to_json_string());
    let details = map.get("details").cloned().unwrap_or_else(|| {
        let rest = map.iter().filter(|(key, _)| !matches!(&***key, "code" | "type" | "message"));
        let rest: Map = rest.map(|(key, value)| (key.clone(), value.clone())).collect();
        if rest.is_empty() { Value::Null } else { Value::Map(rest) }
    });
    ErrorValue::new(code, message).with_details(details)
}

/// A time in suspension data, under the first of these names that is there.
pub(super) fn time_in(data: &Value, names: &[&str]) -> Option<Timestamp> {
    names.iter().find_map(|name| data.get(name)?.as_str()?.parse().ok())
}
