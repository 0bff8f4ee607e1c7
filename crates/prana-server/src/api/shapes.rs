//! How types of other crates look as JSON: for the OpenAPI document alone. The tests hold every answer against it.

#![allow(dead_code, reason = "they describe what others serialise")]

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// Where an execution is in its life.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExecutionStatus {
    Pending,
    Running,
    Suspended,
    Completed,
    Failed,
    Cancelled,
    Timeout,
}

/// Where a node run is in its life.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NodeStatus {
    Running,
    Completed,
    Failed,
    Suspended,
    Skipped,
}

/// Who waits for an execution.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExecutionMode {
    Sync,
    Async,
    FireAndForget,
}

/// Why a node or an execution failed.
#[derive(Serialize, ToSchema)]
pub struct ExecutionError {
    /// A stable dotted code, such as `http.timeout`.
    code: String,
    /// What happened and what to do, for people.
    message: String,
    /// More, for programs.
    #[schema(required = false)]
    details: Value,
    /// False if trying again can't help; left out if it can.
    #[schema(required = false)]
    retryable: bool,
    /// The delay that the other side asked for, in milliseconds.
    retry_after_ms: Option<u64>,
}

/// What a suspended node waits for.
#[derive(Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Suspension {
    /// Somebody's answer, until a deadline if there is one.
    Webhook {
        #[schema(format = DateTime)]
        wait_till: Option<String>,
    },
    /// A length of time.
    Interval {
        #[schema(format = DateTime)]
        wait_till: String,
    },
    /// A point in time.
    Schedule {
        #[schema(format = DateTime)]
        wait_till: String,
    },
    /// The end of executions of another workflow.
    SubWorkflow { sub_workflow_id: String, execution_mode: ExecutionMode },
    /// The next attempt.
    Retry {
        #[schema(format = DateTime)]
        wait_till: String,
    },
    /// A person's word: `{decision: retry, skip, fail or cancel, output?}`.
    Decision,
}

/// What ends a wait.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ResumedBy {
    Call,
    Timer,
    Child,
    Recovery,
}

/// How a wait ended.
#[derive(Serialize, ToSchema)]
pub struct Resumed {
    #[schema(format = DateTime)]
    at: String,
    by: ResumedBy,
    /// What came with it; left out if that is null.
    #[schema(required = false)]
    data: Value,
}

/// A failed try.
#[derive(Serialize, ToSchema)]
pub struct Attempt {
    #[schema(format = DateTime)]
    at: String,
    error: ExecutionError,
}

/// An execution without its node runs.
#[derive(Serialize, ToSchema)]
pub struct Execution {
    #[schema(format = Uuid)]
    id: String,
    workflow_id: String,
    /// The version that it runs, pinned for its life.
    workflow_version: u64,
    status: ExecutionStatus,
    /// When its trigger ran.
    #[schema(required = true, format = DateTime)]
    started_at: Option<String>,
    #[schema(required = true, format = DateTime)]
    completed_at: Option<String>,
    /// The execution whose node waits for this one.
    #[schema(required = true, format = Uuid)]
    parent_execution_id: Option<String>,
    /// The first of the family; itself, if nobody started it.
    #[schema(format = Uuid)]
    root_execution_id: String,
    execution_mode: ExecutionMode,
    /// The type of its trigger, such as `webhook.trigger`.
    trigger_type: String,
    /// Its input.
    trigger_data: Value,
    /// The number that its next node run will get.
    current_execution_index: u32,
    /// `variables`, `environment`, `preparation`, `semantics`, and others where they say something: `parent`, `test_run`, `end_reason`.
    metadata: BTreeMap<String, Value>,
}

/// One run of a node.
#[derive(Serialize, ToSchema)]
pub struct NodeExecution {
    node_key: String,
    /// Its number in the execution, in order of start.
    execution_index: u32,
    /// Its number among the runs of this node.
    run_index: u32,
    status: NodeStatus,
    #[schema(format = DateTime)]
    started_at: String,
    #[schema(format = DateTime)]
    completed_at: Option<String>,
    /// Which runs fed it, per input port.
    input_from: BTreeMap<String, Vec<u32>>,
    /// The parameters as rendered. In lists only with `include=params`.
    #[schema(required = false)]
    params: Value,
    /// What it made. In lists only with `include=output`.
    #[schema(required = false)]
    output: Value,
    /// The port it left by.
    output_port: Option<String>,
    error: Option<ExecutionError>,
    suspension: Option<Suspension>,
    resumed: Option<Resumed>,
    attempts: Vec<Attempt>,
    /// Which iteration of which loops, outermost first: `pages:0/items:3`.
    loop_path: String,
    /// What it changed in the state that all nodes share. In lists only with `include=state_updates`.
    #[schema(required = false)]
    state_updates: BTreeMap<String, Value>,
    /// What it changed in its own context. In lists only with `include=context_updates`.
    #[schema(required = false)]
    context_updates: BTreeMap<String, Value>,
}

/// How serious a finding is: only an error refuses the document.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    Error,
    Warning,
    Hint,
}

/// A step into a document: a key of a map, or a place in a list.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum PathItem {
    Index(u64),
    Key(String),
}

/// A stretch of a text.
#[derive(Serialize, ToSchema)]
pub struct Location {
    /// Line of the first character, from 1.
    line: u32,
    /// Column of the first character, in characters, from 1.
    column: u32,
    /// Offset of the first byte.
    start: u64,
    /// Offset after the last byte.
    end: u64,
}

/// One finding about a workflow document.
#[derive(Serialize, ToSchema)]
pub struct Finding {
    severity: Severity,
    /// Stable dotted name, such as `workflow.unknown_port`.
    code: String,
    /// What is wrong.
    message: String,
    /// What to do about it.
    help: Option<String>,
    /// Key of the node that it is about.
    node: Option<String>,
    /// Place in the workflow, such as `["nodes", 3, "params", "condition"]`.
    path: Vec<PathItem>,
    /// Place in the text, where a text was sent.
    location: Option<Location>,
}

/// What an action is for.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ActionKind {
    Trigger,
    Action,
    Logic,
    Wait,
    Output,
}

/// Whether an action touches the world.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ActionEffect {
    Pure,
    Effect,
}

/// An input port.
#[derive(Serialize, ToSchema)]
pub struct InputPort {
    name: String,
    /// If nothing came on it, the node is skipped.
    required: bool,
}

/// The ports of a node, before its parameters have a say.
#[derive(Serialize, ToSchema)]
pub struct Ports {
    inputs: Vec<InputPort>,
    outputs: Vec<String>,
    /// True if it may leave by ports that are not listed.
    any_output: bool,
}

/// A workflow document: an object with an `id`, and for the rest as the schema `Workflow` says. One that breaks that schema can be saved, and
/// gets its findings; it can't be activated.
#[derive(Serialize, ToSchema)]
pub struct Document {
    /// Identity: letters, digits, `_`, `.` and `-`.
    #[schema(pattern = "^[A-Za-z0-9_.-]{1,128}$")]
    id: String,
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
}

/// A refusal (RFC 9457).
#[derive(Serialize, ToSchema)]
pub struct Problem {
    /// `urn:prana:problem:` and the code.
    r#type: String,
    /// The status in words.
    title: String,
    status: u16,
    /// Stable dotted name of what is wrong; `x-codes` of this document lists them.
    code: String,
    /// What is wrong and what to do, for people.
    detail: String,
    /// Of a refused workflow (`workflow.invalid`): all that is wrong with it.
    #[schema(nullable = false)]
    findings: Option<Vec<Finding>>,
    /// Of a refused expression (`expression.refused`): all that is wrong with it.
    #[schema(nullable = false)]
    errors: Option<Vec<ExpressionError>>,
    /// With `workflow.outdated`: the version that is stored.
    #[schema(nullable = false)]
    current_version: Option<u64>,
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
}

/// What is wrong with an expression.
#[derive(Serialize, ToSchema)]
pub struct ExpressionError {
    code: String,
    message: String,
    help: Option<String>,
    /// Offset of the first byte in the template.
    start: u64,
    /// Offset after the last byte.
    end: u64,
}

/// What happened. Members that don't belong to its kind are left out.
#[derive(Serialize, ToSchema)]
pub struct Event {
    /// `execution_started`, `node_completed` and so on.
    kind: String,
    /// Its number in the execution: never repeated, never going back.
    number: u64,
    #[schema(format = DateTime)]
    at: String,
    #[schema(format = Uuid)]
    execution_id: String,
    workflow_id: String,
    workflow_version: u64,
    execution_index: Option<u32>,
    /// In the stream of all executions with the start of a run alone.
    node_key: Option<String>,
    run_index: Option<u32>,
    loop_path: Option<String>,
    /// The port that it left by.
    port: Option<String>,
    /// Of a failure: `code` and `message`.
    error: Option<ExecutionError>,
    /// What it waits for: `webhook`, `interval`, `schedule`, `sub_workflow`, `retry`, `decision`.
    waits_for: Option<String>,
    #[schema(format = DateTime)]
    wait_till: Option<String>,
    /// Why it was skipped.
    reason: Option<String>,
}
