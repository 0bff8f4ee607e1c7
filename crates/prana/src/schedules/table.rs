//! The schedules as this process knows them, and when each is to be looked at.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use prana_core::Timestamp;
use prana_core::schedule::Plan;
use tokio::sync::Notify;

use super::RELOAD_MS;
use super::state::Stored;
use crate::nudges::locked;

/// A schedule, and when it is to be looked at.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(super) stored: Stored,
    pub(super) plan: Plan,
    /// None: never, as it is.
    pub(super) wake: Option<Timestamp>,
}

impl Entry {
    /// A stored schedule; none if its parameters make no plan.
    pub(super) fn new(stored: Stored, now: Timestamp) -> Option<Entry> {
        let plan = stored.state.plan();
        let plan =
            plan.inspect_err(|error| tracing::error!(schedule = stored.key(), error, "it has no plan"));
        let (_, plan) = plan.ok()?;
        let mut entry = Entry { stored, plan, wake: None };
        entry.set_wake(now);
        if entry.wake.is_some() && !entry.stored.state.queued.is_empty() {
            // What it waits for may have ended long ago.
            entry.wake = Some(now);
        }
        Some(entry)
    }

    /// When the next start is due; what waits for an execution's end is looked at soon.
    pub(super) fn set_wake(&mut self, now: Timestamp) {
        let state = &self.stored.state;
        let next = self.plan.next_after(state.after, state.anchor);
        let due = next.map(|tick| self.plan.due(tick, self.stored.seed()));
        let soon = (!state.queued.is_empty()).then(|| now.plus_millis(super::RETRY_MS));
        self.wake = due.into_iter().chain(soon).min().filter(|_| !state.paused);
    }
}

/// What the schedules of a process have done since it began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ScheduleCounts {
    /// Executions that were started.
    pub started: u64,
    /// Of those, how many more than a second after their time.
    pub late: u64,
    /// Times that were noticed too late and started nothing.
    pub missed: u64,
    /// Times left out because the execution before had not ended.
    pub skipped: u64,
    /// Times whose start failed for good.
    pub failed: u64,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    pub started: AtomicU64,
    pub late: AtomicU64,
    pub missed: AtomicU64,
    pub skipped: AtomicU64,
    pub failed: AtomicU64,
}

#[derive(Debug, Default)]
struct Known {
    entries: BTreeMap<String, Entry>,
    /// When they were read; none: they must be.
    loaded_at: Option<Timestamp>,
    is_synced: bool,
}

/// The schedules of a process.
#[derive(Debug, Default)]
pub(crate) struct Scheduler {
    known: Mutex<Known>,
    bell: Notify,
    pub(super) counters: Counters,
}

impl Scheduler {
    /// Something stored has changed: it is read again at once.
    pub(super) fn changed(&self) {
        self.unread();
        self.bell.notify_one();
    }

    /// What is stored could not be read: the next round reads it, when its time has come.
    pub(super) fn unread(&self) {
        locked(&self.known).loaded_at = None;
    }

    pub(crate) async fn heard(&self) {
        self.bell.notified().await;
    }

    pub(crate) fn ring(&self) {
        self.bell.notify_one();
    }

    /// Whether what is stored is to be read now. A change that is heard of while it is read is read after.
    pub(super) fn begins_to_load(&self, now: Timestamp) -> bool {
        let mut known = locked(&self.known);
        let is_old = known.loaded_at.is_none_or(|at| now.millis_since(at) >= RELOAD_MS || now < at);
        if is_old {
            known.loaded_at = Some(now);
        }
        is_old
    }

    pub(super) fn is_synced(&self) -> bool {
        locked(&self.known).is_synced
    }

    pub(super) fn synced(&self) {
        locked(&self.known).is_synced = true;
    }

    /// Takes over what is stored. What is known in the same version stays as it is.
    pub(super) fn load(&self, stored: Vec<Stored>, now: Timestamp) {
        let mut known = locked(&self.known);
        let mut earlier = std::mem::take(&mut known.entries);
        for one in stored {
            let key = one.key();
            let same = earlier.remove(&key).filter(|entry| entry.stored.item == one.item);
            if let Some(entry) = same.or_else(|| Entry::new(one, now)) {
                known.entries.insert(key, entry);
            }
        }
    }

    /// The keys of those that are to be looked at.
    pub(super) fn due(&self, now: Timestamp) -> Vec<String> {
        let known = locked(&self.known);
        let due = known.entries.iter().filter(|(_, entry)| entry.wake.is_some_and(|wake| wake <= now));
        due.map(|(key, _)| key.clone()).collect()
    }

    /// Whether it has a schedule of a workflow.
    pub(crate) fn knows(&self, workflow_id: &str) -> bool {
        locked(&self.known).entries.values().any(|entry| entry.stored.workflow_id == workflow_id)
    }

    pub(super) fn next_wake(&self) -> Option<Timestamp> {
        locked(&self.known).entries.values().filter_map(|entry| entry.wake).min()
    }

    pub(super) fn entry(&self, key: &str) -> Option<Entry> {
        locked(&self.known).entries.get(key).cloned()
    }

    pub(super) fn put(&self, entry: Entry) {
        locked(&self.known).entries.insert(entry.stored.key(), entry);
    }

    pub(super) fn put_off(&self, key: &str, until: Timestamp) {
        if let Some(entry) = locked(&self.known).entries.get_mut(key) {
            entry.wake = Some(until);
        }
    }

    pub(super) fn counts(&self) -> ScheduleCounts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let counters = &self.counters;
        ScheduleCounts {
            started: read(&counters.started),
            late: read(&counters.late),
            missed: read(&counters.missed),
            skipped: read(&counters.skipped),
            failed: read(&counters.failed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn is_heard(scheduler: &Scheduler) -> bool {
        tokio::select! {
            biased;
            () = scheduler.heard() => true,
            () = std::future::ready(()) => false,
        }
    }

    #[tokio::test]
    async fn what_cannot_be_read_waits_for_the_next_round() {
        let (scheduler, now) = (Scheduler::default(), Timestamp::from_millis(1));
        assert!(scheduler.begins_to_load(now) && !scheduler.begins_to_load(now));
        scheduler.unread();
        assert!(!is_heard(&scheduler).await, "a failure that rings the bell is tried again without end");
        assert!(scheduler.begins_to_load(now));
        scheduler.changed();
        assert!(is_heard(&scheduler).await && scheduler.begins_to_load(now));
    }
}
