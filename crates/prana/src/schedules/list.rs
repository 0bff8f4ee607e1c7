//! Schedules as people see them: listed, paused, resumed.

use prana_core::Timestamp;
use prana_core::nodes::schedule_trigger::ScheduleTriggerParams;
use prana_store::StoreError;

use super::state::{KIND, LastStart, State, Stored, key};
use super::sync::readable;
use crate::engine::Engine;
use crate::error::EngineError;

/// A schedule: a `schedule.trigger` of an active workflow.
#[derive(Debug, Clone)]
pub struct Schedule {
    /// The workflow.
    pub workflow_id: String,
    /// The version that it starts.
    pub workflow_version: u64,
    /// The trigger node.
    pub node_key: String,
    /// What its parameters say; none if they can't be read by this program.
    pub params: Option<ScheduleTriggerParams>,
    /// Whether it starts anything.
    pub state: ScheduleState,
    /// The newest start.
    pub last: Option<LastStart>,
    /// The next times, in order.
    pub next: Vec<Timestamp>,
    /// How many starts wait for the end of the execution before.
    pub queued: usize,
    /// Why the newest time started nothing, if it should have.
    pub problem: Option<String>,
}

/// Whether a schedule starts anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScheduleState {
    /// It does.
    Active,
    /// Somebody paused it.
    Paused,
    /// Its parameters make no plan.
    Broken,
}

impl ScheduleState {
    /// The word in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            ScheduleState::Active => "active",
            ScheduleState::Paused => "paused",
            ScheduleState::Broken => "broken",
        }
    }
}

/// How often a change is tried again that another one came before.
const ATTEMPTS: usize = 16;

impl Engine {
    /// Up to `limit` schedules behind the one of a workflow and node, by workflow and node, each with its next `times`.
    ///
    /// # Errors
    /// What the store says.
    pub async fn schedules(
        &self,
        after: Option<(&str, &str)>,
        limit: usize,
        times: usize,
    ) -> Result<Vec<Schedule>, EngineError> {
        let after = after.map(|(workflow_id, node_key)| key(workflow_id, node_key));
        let items = self.catalog().items(KIND, after.as_deref(), limit).await?;
        let now = self.inner.clock.now();
        Ok(items.iter().filter_map(readable).map(|stored| shown(stored, now, times)).collect())
    }

    /// One schedule with its next `times`; none if there is none.
    ///
    /// # Errors
    /// What the store says.
    pub async fn schedule(
        &self,
        workflow_id: &str,
        node_key: &str,
        times: usize,
    ) -> Result<Option<Schedule>, EngineError> {
        let Some(item) = self.catalog().item(KIND, &key(workflow_id, node_key)).await? else {
            return Ok(None);
        };
        Ok(Some(shown(Stored::read(&item)?, self.inner.clock.now(), times)))
    }

    /// Pauses a schedule, or lets it go on. A paused one starts nothing, also not what would have been due meanwhile. False if there is none.
    ///
    /// # Errors
    /// What the store says.
    pub async fn pause_schedule(
        &self,
        workflow_id: &str,
        node_key: &str,
        paused: bool,
    ) -> Result<bool, EngineError> {
        for _ in 0..ATTEMPTS {
            let Some(item) = self.catalog().item(KIND, &key(workflow_id, node_key)).await? else {
                return Ok(false);
            };
            let stored = Stored::read(&item)?;
            if stored.state.paused == paused {
                return Ok(true);
            }
            let now = self.inner.clock.now().max(stored.state.after);
            let state = State { paused, after: now, queued: Vec::new(), ..stored.state.clone() };
            let change = stored.change(&state)?;
            match self.catalog().put_item(KIND, &change.key, change.based_on, change.bytes).await {
                Err(StoreError::Outdated { .. }) => {}
                Err(error) => return Err(error.into()),
                Ok(_) => {
                    self.inner.schedules.changed();
                    return Ok(true);
                }
            }
        }
        Err(EngineError::Unavailable("this schedule changes all the time".to_owned()))
    }
}

fn shown(stored: Stored, now: Timestamp, times: usize) -> Schedule {
    let Stored { workflow_id, node_key, state, .. } = stored;
    let plan = state.plan();
    let mut next = Vec::new();
    let mut at = state.after.max(now);
    while let Ok((_, plan)) = &plan
        && next.len() < times
        && let Some(tick) = plan.next_after(at, state.anchor)
    {
        next.push(tick);
        at = tick;
    }
    if state.paused {
        next.clear();
    }
    let word = match (&plan, state.paused) {
        (Err(_), _) => ScheduleState::Broken,
        (Ok(_), true) => ScheduleState::Paused,
        (Ok(_), false) => ScheduleState::Active,
    };
    let problem = state.problem.or(plan.as_ref().err().cloned());
    Schedule {
        workflow_id,
        workflow_version: state.version,
        node_key,
        params: plan.ok().map(|(params, _)| params),
        state: word,
        last: state.last,
        next,
        queued: state.queued.len(),
        problem,
    }
}
