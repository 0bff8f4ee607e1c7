//! The background: claims, timers, signs of life. Each job has the shape `tick(now)`, and a thin loop calls it.

use std::sync::Arc;

use prana_core::Timestamp;
use prana_store::{Claim, Remove};

use crate::engine::{Engine, Inner};
use crate::error::EngineError;
use crate::live::Held;

/// How many executions, and about how many rows, one round of retention removes.
const RETENTION_BATCH: usize = 500;

/// How often it is looked for what is past its retention.
const RETENTION_EVERY_MS: u64 = 60_000;

impl Engine {
    /// Advances executions until [`Engine::shut_down`] is called: claims what is ready or due, starts what is scheduled, and shows signs of life.
    pub async fn serve(&self) {
        let roles = self.inner.options.roles;
        let heartbeat = roles.worker.then(|| tokio::spawn(heartbeat_loop(Arc::clone(&self.inner))));
        let hinted = Arc::clone(&self.inner);
        let hints = roles.worker.then(|| tokio::spawn(async move { hinted.hint_loop().await }));
        let retention = roles.scheduler.then(|| tokio::spawn(retention_loop(self.clone())));
        let ends = tokio::spawn(ends_loop(Arc::clone(&self.inner)));
        let schedules = roles.scheduler.then(|| tokio::spawn(Arc::clone(&self.inner).schedule_loop()));
        let inner = &self.inner;
        while !inner.stopping() {
            let wake = inner.tick(inner.clock.now()).await;
            tokio::select! {
                () = inner.wake.notified() => {}
                () = inner.clock.sleep_until(wake) => {}
            }
        }
        inner.until_idle().await;
        retention.abort();
        heartbeat.abort();
    }

    /// Stops taking work; what runs is committed and given up at its next step. [`Engine::serve`] returns when that is done.
        // It ends by itself; it may be about to start something.
        if let Some(schedules) = schedules {
            let _ = schedules.await;
        }
    pub fn shut_down(&self) {
        self.inner.stop();
    }

    /// Removes executions whose retention is over, in one small batch. True if there may be more.
    ///
    /// # Errors
    /// The store's.
    pub async fn retain(&self) -> Result<bool, EngineError> {
        let now = self.inner.clock.now();
        let removed = self.inner.store.remove(Remove::Expired { now, limit: RETENTION_BATCH }).await?;
        Ok(removed.more)
    }
}

impl Inner {
    /// One round: claims what can be advanced. Gives the time of the next round.
    pub(crate) async fn tick(self: &Arc<Self>, now: Timestamp) -> Timestamp {
        let poll = now.plus_millis(self.options.poll_ms);
        loop {
            let room = self.room().min(64);
            if room == 0 {
                return poll;
            }
            match self.claim(room).await {
                Ok(claimed) if claimed == room => {}
                Ok(_) => break,
                Err(error) => {
                    tracing::warn!(%error, "nothing can be claimed now");
                    return poll;
                }
            }
        }
        match self.store.next_wake(now).await {
            Ok(Some(wake)) => wake.min(poll),
            _ => poll,
        }
    }

    /// Claims up to `limit` executions and begins to advance them.
    pub(crate) async fn claim(self: &Arc<Self>, limit: usize) -> Result<usize, EngineError> {
        let claim =
            Claim { worker: self.worker, now: self.clock.now(), lease_ms: self.options.lease_ms, limit };
        let claimed = self.store.claim(claim).await?;
        let count = claimed.len();
        for one in claimed {
            let recoveries = one.recovered.then_some(one.row.recoveries);
            self.take_over(Held { recoveries, ..Held::new(one.row.id, one.row.epoch) });
        }
        Ok(count)
    }
}

/// Removes what is past its retention, batch by batch, and then looks again after a while.
async fn retention_loop(engine: Engine) {
    loop {
        match engine.retain().await {
            Ok(true) => tokio::task::yield_now().await,
            Ok(false) => {
                let clock = &engine.inner.clock;
                clock.sleep_until(clock.now().plus_millis(RETENTION_EVERY_MS)).await;
            }
            Err(error) => {
                tracing::warn!(%error, "nothing can be removed now");
                engine.inner.pause().await;
            }
        }
    }
}

async fn heartbeat_loop(inner: Arc<Inner>) {
    loop {
        inner.clock.sleep_until(inner.clock.now().plus_millis(inner.options.lease_ms / 3)).await;
        match inner.store.heartbeat(inner.worker, inner.clock.now(), inner.options.lease_ms).await {
            Ok(attention) => attention.iter().for_each(|one| inner.nudges.nudge(one.execution)),
            Err(error) => tracing::warn!(%error, "no sign of life could be given"),
        }
    }
}
