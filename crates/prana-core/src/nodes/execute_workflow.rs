//! `workflow.execute_workflow`: the declaration. The executor itself runs it.

use prana_template::Value;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::action::{Descriptor, Effect};
use crate::registry::{Behaviour, Registered, Registry};
use crate::suspension::ExecutionMode;

/// The parameters of `workflow.execute_workflow`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExecuteWorkflowParams {
    /// The workflow to run.
    pub workflow_id: String,
    /// Its input; this node's input if absent.
    #[serde(default)]
    #[schemars(with = "Option<serde_json::Value>")]
    pub input_data: Option<Value>,
    /// Whether this node waits for it.
    #[serde(default)]
    pub execution_mode: ExecutionMode,
    /// One run with everything, or one per item of a list.
    #[serde(default)]
    pub batch_mode: BatchMode,
    /// The limit of a child's running time, in milliseconds.
    #[serde(default = "five_minutes")]
    pub timeout_ms: u64,
    /// What a child's failure means here.
    #[serde(default)]
    pub failure_strategy: FailureStrategy,
    /// How many children of a batch may be open at once (async).
    #[serde(default = "ten")]
    pub concurrency: u32,
    /// The queue that async children wait in.
    #[serde(default)]
    pub queue: Option<String>,
    /// The starts of a batch are spread over this many milliseconds.
    #[serde(default)]
    pub distribution_window_ms: Option<u64>,
}

fn five_minutes() -> u64 {
    300_000
}

fn ten() -> u32 {
    10
}

/// How a list becomes children.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BatchMode {
    /// One child gets everything.
    #[default]
    All,
    /// One child per item.
    Single,
}

/// What a child's failure means for its parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FailureStrategy {
    /// The node fails with the child's error.
    #[default]
    FailParent,
    /// The failure is the item's output.
    Continue,
}

/// Adds it.
pub fn register(registry: &mut Registry) {
    let descriptor = Descriptor::new::<ExecuteWorkflowParams>(
        "workflow.execute_workflow",
        "Execute workflow",
        "Runs another workflow, once or once per item of a list, and waits for it or not.",
        Effect::Pure,
    );
    registry.add(Registered { descriptor, behaviour: Behaviour::ExecuteWorkflow });
}
