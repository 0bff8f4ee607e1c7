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

/// How often a store that could not write is tried.
const BAD_EVERY_MS: u64 = 1_000;

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
            let wake = match roles.worker {
                true => inner.tick(inner.clock.now()).await,
                false => Timestamp::MAX,
            };
            tokio::select! {
                biased;
                () = inner.wake.notified() => {}
                () = inner.clock.sleep_until(wake) => {}
            }
        }
        // It ends by itself; it may be about to start something.
        if let Some(schedules) = schedules {
            let _ = schedules.await;
        }
        inner.until_idle().await;
        [heartbeat, hints, retention, Some(ends)].into_iter().flatten().for_each(|task| task.abort());
    }

    /// Stops taking work; what runs is committed and given up at its next step. [`Engine::serve`] returns when that is done.
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
        // Not all workers at the same moment.
        let poll_ms = self.options.poll_ms;
        let poll = now.plus_millis(poll_ms / 4 * 3 + self.clock.random() % (poll_ms / 2).max(1));
        if let Err(error) = self.take_unknown().await {
            tracing::warn!(%error, "what this worker holds can't be told now");
            return poll;
        }
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
        let claimed = self.store.claim(claim).await.inspect_err(|error| self.doubt(error))?;
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

/// Another worker may end what somebody here waits for.
async fn ends_loop(inner: Arc<Inner>) {
    let mut after = prana_core::ExecutionId::NIL;
    loop {
        inner.clock.sleep_until(inner.clock.now().plus_millis(inner.options.poll_ms)).await;
        after = inner.tell_ends_elsewhere(after).await;
    }
}

async fn heartbeat_loop(inner: Arc<Inner>) {
    let often = inner.options.lease_ms / 3;
    loop {
        // It is a write, too: by it the engine learns that the store is back.
        let pause = if inner.pulse.is_bad() { often.min(BAD_EVERY_MS) } else { often };
        inner.clock.sleep_until(inner.clock.now().plus_millis(pause)).await;
        inner.beat().await;
    }
}
