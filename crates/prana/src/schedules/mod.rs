//! Executions that start by the clock. What is due is told by stored states, each changed in the commit that creates its execution: so a time
//! starts one execution, whoever else runs and whenever the process dies.

mod fire;
mod list;
mod state;
mod sync;
mod table;

pub use list::{Schedule, ScheduleState};
pub use state::LastStart;
pub(crate) use sync::has_schedules;
pub use table::ScheduleCounts;
pub(crate) use table::Scheduler;

use std::sync::Arc;

use prana_core::Timestamp;

use crate::engine::{Engine, Inner};

/// Stored schedules are read again at least this often, in milliseconds: another worker may have changed them.
const RELOAD_MS: u64 = 10_000;

/// After a failure it is tried again this soon, in milliseconds.
const RETRY_MS: u64 = 1_000;

impl Engine {
    /// Starts what is due. Gives the time of the next round. [`Engine::serve`] calls it all the time; in virtual time a test does.
    pub async fn tick_schedules(&self) -> Timestamp {
        self.inner.tick_schedules(self.inner.clock.now()).await
    }

    /// What the schedules of this process have done.
    pub fn schedule_counts(&self) -> ScheduleCounts {
        self.inner.schedules.counts()
    }
}

impl Inner {
    /// One round: starts what is due. Gives the time of the next.
    pub(crate) async fn tick_schedules(self: &Arc<Self>, now: Timestamp) -> Timestamp {
        if let Err(error) = self.load_schedules(now).await {
            tracing::warn!(%error, "schedules can't be read now");
            return now.plus_millis(RETRY_MS);
        }
        for key in self.schedules.due(now) {
            let Some(entry) = self.schedules.entry(&key) else { continue };
            match self.run_schedule(entry, now).await {
                Ok(entry) => self.schedules.put(entry),
                Err(error) => {
                    tracing::warn!(schedule = key, %error, "it can't start anything now");
                    self.schedules.put_off(&key, now.plus_millis(RETRY_MS));
                }
            }
        }
        let latest = now.plus_millis(RELOAD_MS);
        self.schedules.next_wake().map_or(latest, |wake| wake.min(latest))
    }

    async fn load_schedules(&self, now: Timestamp) -> Result<(), crate::EngineError> {
        if !self.schedules.begins_to_load(now) {
            return Ok(());
        }
        if !self.schedules.is_synced() {
            self.sync_all_schedules().await.inspect_err(|_| self.schedules.unread())?;
            self.schedules.synced();
        }
        let stored = self.all_stored().await.inspect_err(|_| self.schedules.unread())?;
        self.schedules.load(stored, now);
        Ok(())
    }

    /// Starts what is due until the engine stops.
    pub(crate) async fn schedule_loop(self: Arc<Self>) {
        while !self.stopping() {
            let wake = self.tick_schedules(self.clock.now()).await;
            tokio::select! {
                biased;
                () = self.schedules.heard() => {}
                () = self.clock.sleep_until(wake) => {}
            }
        }
    }
}
