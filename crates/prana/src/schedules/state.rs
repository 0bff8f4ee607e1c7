//! What is stored of a schedule: an item of the catalogue, changed in the commit that creates an execution for it.

use prana_core::nodes::schedule_trigger::ScheduleTriggerParams;
use prana_core::schedule::Plan;
use prana_core::{ExecutionId, Timestamp};
use prana_store::{Item, ItemChange};
use prana_template::Value;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::error::EngineError;

/// The kind of the items.
pub(super) const KIND: &str = "schedule";

/// The stored form of a schedule. Fields may be added, never given another meaning.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct State {
    /// The version of the workflow that is started.
    pub version: u64,
    /// The parameters of the trigger, as its document has them.
    pub params: Value,
    /// From when on intervals are counted.
    pub anchor: Timestamp,
    /// Times up to this one are dealt with.
    pub after: Timestamp,
    /// True if nothing is to be started.
    #[serde(default)]
    pub paused: bool,
    /// The newest start.
    #[serde(default)]
    pub last: Option<LastStart>,
    /// Times whose start waits for the end of the execution before.
    #[serde(default)]
    pub queued: Vec<Timestamp>,
    /// Why the newest time started nothing, if it should have.
    #[serde(default)]
    pub problem: Option<String>,
}

/// A start that was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastStart {
    /// The time it was planned for.
    pub scheduled_for: Timestamp,
    /// When it was made.
    pub fired_at: Timestamp,
    /// The execution that was started.
    pub execution_id: ExecutionId,
}

impl State {
    /// A schedule that begins now.
    pub fn new(version: u64, params: Value, now: Timestamp) -> State {
        State {
            version,
            params,
            anchor: now,
            after: now,
            paused: false,
            last: None,
            queued: Vec::new(),
            problem: None,
        }
    }

    /// The same schedule in another version of its workflow. If it says the same, it goes on; else it begins anew, so that no time comes twice.
    pub fn renewed(&self, version: u64, params: &Value, now: Timestamp) -> State {
        if self.params == *params {
            return State { version, ..self.clone() };
        }
        let (paused, last) = (self.paused, self.last);
        State { paused, last, ..State::new(version, params.clone(), now) }
    }

    /// What it plans.
    pub fn plan(&self) -> Result<(ScheduleTriggerParams, Plan), String> {
        let params: ScheduleTriggerParams =
            prana_template::from_value(&self.params).map_err(|error| error.to_string())?;
        let plan = Plan::new(&params).map_err(|error| error.to_string())?;
        Ok((params, plan))
    }
}

/// A stored schedule.
#[derive(Debug, Clone)]
pub(super) struct Stored {
    pub workflow_id: String,
    pub node_key: String,
    /// The version of the item.
    pub item: u64,
    pub state: State,
}

impl Stored {
    /// Reads an item.
    pub fn read(item: &Item) -> Result<Stored, EngineError> {
        let (workflow_id, node_key) =
            item.key.split_once('/').ok_or_else(|| EngineError::damaged("the key of a schedule"))?;
        let state = serde_json::from_slice(&item.bytes).map_err(EngineError::damaged)?;
        Ok(Stored {
            workflow_id: workflow_id.to_owned(),
            node_key: node_key.to_owned(),
            item: item.version,
            state,
        })
    }

    pub fn key(&self) -> String {
        key(&self.workflow_id, &self.node_key)
    }

    /// The change that puts another state in the place of this one.
    pub fn change(&self, state: &State) -> Result<ItemChange, EngineError> {
        Ok(ItemChange {
            kind: KIND.to_owned(),
            key: self.key(),
            based_on: Some(self.item),
            bytes: serde_json::to_vec(state).map_err(EngineError::encoding)?,
        })
    }

    /// What spreads the jitter: the same for a schedule whenever and wherever it is asked.
    pub fn seed(&self) -> u64 {
        Uuid::new_v5(&Uuid::NAMESPACE_OID, self.key().as_bytes()).as_u128() as u64
    }
}

/// The key of the item of a trigger. Neither ids nor keys hold a slash.
pub(super) fn key(workflow_id: &str, node_key: &str) -> String {
    format!("{workflow_id}/{node_key}")
}
