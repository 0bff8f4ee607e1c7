//! What is due is started, queued, left out or forgotten, as the schedule says.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use prana_core::Timestamp;
use prana_core::nodes::schedule_trigger::{Missed, Overlap};
use prana_store::{StoreError, Which};
use prana_template::{Map, Value};

use super::state::{LastStart, State};
use super::table::Entry;
use crate::clock::new_id;
use crate::engine::{Inner, Waiting};
use crate::error::EngineError;
use crate::start::{Birth, StartOptions};

/// A start that is made within this time is on time, in milliseconds; later it was missed.
const GRACE_MS: u64 = 60_000;

/// How many missed times are made up for, and how many wait for the end of another execution, at most.
const MOST: usize = 100;

/// A start this much after its time counts as late, in milliseconds.
const LATE_MS: u64 = 1_000;

/// What became of an attempt to change a schedule.
enum Changed {
    /// It is stored.
    Yes(Box<Entry>),
    /// Somebody else was first: what is stored is read again.
    Outdated,
}

impl Inner {
    /// Does what is due, and gives the schedule as it is then.
    pub(super) async fn run_schedule(
        self: &Arc<Self>,
        entry: Entry,
        now: Timestamp,
    ) -> Result<Entry, EngineError> {
        if !self.is_current(&entry).await? {
            self.sync_schedules(&entry.stored.workflow_id).await?;
            self.schedules.changed();
            return Ok(Entry { wake: None, ..entry });
        }
        let mut current = entry;
        while let Some(Next { step, missed }) = self.next_step(&current, now).await? {
            match self.take_step(current.clone(), step, now).await? {
                Changed::Yes(entry) => {
                    count(&self.schedules.counters.missed, missed);
                    current = *entry;
                }
                Changed::Outdated => {
                    self.schedules.changed();
                    return Ok(Entry { wake: None, ..current });
                }
            }
        }
        current.set_wake(now);
        Ok(current)
    }

    /// Whether it belongs to the version that is active now.
    async fn is_current(&self, entry: &Entry) -> Result<bool, EngineError> {
        let active = self.workflows.catalog().workflow(&entry.stored.workflow_id, Which::Active).await?;
        Ok(active.is_some_and(|active| active.version == entry.stored.state.version))
    }

    async fn next_step(&self, entry: &Entry, now: Timestamp) -> Result<Option<Next>, EngineError> {
        let state = &entry.stored.state;
        if state.paused {
            return Ok(None);
        }
        if let Some(tick) = state.queued.first()
            && !self.is_running(state.last).await?
        {
            return Ok(Some(Next { step: Step::StartQueued(*tick), missed: 0 }));
        }
        let Some(wanted) = wanted(entry, now) else { return Ok(None) };
        let Wanted { missed, start } = wanted;
        let Some(tick) = start else { return Ok(Some(Next { step: Step::Forget, missed })) };
        let must_wait = match entry.plan.overlap {
            Overlap::Allow => false,
            Overlap::Skip => self.is_running(state.last).await?,
            Overlap::Queue => !state.queued.is_empty() || self.is_running(state.last).await?,
        };
        let step = match (must_wait, entry.plan.overlap) {
            (false, _) => Step::Start(tick),
            (true, Overlap::Queue) if state.queued.len() < MOST => Step::Queue(tick),
            (true, _) => Step::LeaveOut(tick),
        };
        Ok(Some(Next { step, missed }))
    }

    async fn is_running(&self, last: Option<LastStart>) -> Result<bool, EngineError> {
        let Some(last) = last else { return Ok(false) };
        let row = self.store.execution(last.execution_id).await?;
        Ok(row.is_some_and(|row| !row.status.is_ended()))
    }

    async fn take_step(
        self: &Arc<Self>,
        entry: Entry,
        step: Step,
        now: Timestamp,
    ) -> Result<Changed, EngineError> {
        let mut state = State { problem: None, ..entry.stored.state.clone() };
        match step {
            Step::Forget => state.after = forgotten(&entry, now),
            Step::LeaveOut(tick) => {
                count(&self.schedules.counters.skipped, 1);
                state.after = tick;
                state.problem = Some("the execution before had not ended".to_owned());
            }
            Step::Queue(tick) => {
                state.after = tick;
                state.queued.push(tick);
            }
            Step::Start(tick) => {
                state.after = tick;
                return self.fire(entry, state, tick, now).await;
            }
            Step::StartQueued(tick) => {
                state.queued.remove(0);
                return self.fire(entry, state, tick, now).await;
            }
        }
        self.store_schedule(entry, state).await
    }

    /// Starts the execution of one time, in one commit with the state that says so.
    async fn fire(
        self: &Arc<Self>,
        entry: Entry,
        state: State,
        tick: Timestamp,
        now: Timestamp,
    ) -> Result<Changed, EngineError> {
        let stored = &entry.stored;
        let id = new_id(&*self.clock);
        let last = LastStart { scheduled_for: tick, fired_at: now, execution_id: id };
        let next = State { last: Some(last), ..state.clone() };
        let options = StartOptions {
            trigger: Some(stored.node_key.clone()),
            version: Some(state.version),
            start_key: Some(format!("schedule:{}:{tick}", stored.node_key)),
            ..StartOptions::default()
        };
        let mut input = Map::new();
        input.insert("scheduled_for", tick.to_string());
        input.insert("fired_at", now.to_string());
        let birth = Birth { id, item: Box::new(stored.change(&next)?) };
        let workflow = stored.workflow_id.clone();
        let started = self.start(&workflow, Value::Map(input), options, Waiting::No, Some(birth)).await;
        match started {
            Ok(started) if started.is_new => {
                count(&self.schedules.counters.started, 1);
                count(&self.schedules.counters.late, u64::from(now.millis_since(tick) > LATE_MS));
                Ok(Changed::Yes(Box::new(moved(entry, next))))
            }
            // The schedule was set up anew within the same second, and had started this before.
            Ok(started) => {
                let last = LastStart { execution_id: started.id, ..last };
                self.store_schedule(entry, State { last: Some(last), ..state }).await
            }
            Err(EngineError::Store(StoreError::Outdated { .. })) => Ok(Changed::Outdated),
            Err(error @ (EngineError::Store(_) | EngineError::Unavailable(_))) => Err(error),
            Err(error) => {
                count(&self.schedules.counters.failed, 1);
                tracing::error!(schedule = stored.key(), %tick, %error, "it started nothing");
                let problem = error.to_string().chars().take(1_000).collect();
                self.store_schedule(entry, State { problem: Some(problem), ..state }).await
            }
        }
    }

    async fn store_schedule(&self, entry: Entry, state: State) -> Result<Changed, EngineError> {
        let change = entry.stored.change(&state)?;
        let put = self.workflows.catalog().put_item(&change.kind, &change.key, change.based_on, change.bytes);
        match put.await {
            Ok(_) => Ok(Changed::Yes(Box::new(moved(entry, state)))),
            Err(StoreError::Outdated { .. }) => Ok(Changed::Outdated),
            Err(error) => Err(error.into()),
        }
    }
}

/// The same schedule after a change.
fn moved(mut entry: Entry, state: State) -> Entry {
    entry.stored.item += 1;
    entry.stored.state = state;
    entry
}

fn count(counter: &AtomicU64, by: u64) {
    counter.fetch_add(by, Ordering::Relaxed);
}

/// What is to be done next with a schedule, and how many times are given up by it.
struct Next {
    step: Step,
    missed: u64,
}

/// What is to be done with a schedule.
enum Step {
    Start(Timestamp),
    StartQueued(Timestamp),
    Queue(Timestamp),
    LeaveOut(Timestamp),
    /// What is due was missed, and starts nothing.
    Forget,
}

/// What is due.
struct Wanted {
    /// How many times are given up.
    missed: u64,
    /// The time to start for; none if all that are due are given up.
    start: Option<Timestamp>,
}

/// What is due now and not dealt with; none if nothing is.
fn wanted(entry: &Entry, now: Timestamp) -> Option<Wanted> {
    let due = due_ticks(entry, now);
    let newest = *due.last()?;
    let seed = entry.stored.seed();
    let on_time = |tick: &&Timestamp| now.millis_since(entry.plan.due(**tick, seed)) <= GRACE_MS;
    let first_on_time = due.iter().find(on_time).copied();
    let start = match entry.plan.missed {
        Missed::Skip => first_on_time,
        // One for all that were missed: the newest, or the first that is on time.
        Missed::Once => Some(first_on_time.unwrap_or(newest)),
        Missed::All => due.first().copied(),
    };
    let missed = start.map_or(due.len(), |start| due.iter().filter(|tick| **tick < start).count());
    Some(Wanted { missed: missed as u64, start })
}

/// Times that are due, the oldest first: the newest of them, if there are many.
fn due_ticks(entry: &Entry, now: Timestamp) -> Vec<Timestamp> {
    let (state, seed) = (&entry.stored.state, entry.stored.seed());
    let found = entry.plan.newest(state.after, now, state.anchor, MOST);
    found.ticks.into_iter().take_while(|tick| entry.plan.due(*tick, seed) <= now).collect()
}

/// Up to where all is dealt with, if nothing of what is due is started.
fn forgotten(entry: &Entry, now: Timestamp) -> Timestamp {
    due_ticks(entry, now).last().copied().unwrap_or(entry.stored.state.after)
}
