//! Whether this worker may still count itself alive: where the store is shared, others take over from one that is silent for too long.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use prana_store::{Hint, StoreError};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::engine::Inner;
use crate::error::EngineError;
use crate::live::Live;

/// A moment on two clocks: one never jumps and stands still while the machine sleeps, the other jumps and doesn't. The later of the two counts, so
/// that a sleep is noticed, and a jump can only make this worker more careful.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    steady: Instant,
    wall: SystemTime,
}

impl Moment {
    pub fn now() -> Moment {
        Moment { steady: Instant::now(), wall: SystemTime::now() }
    }

    fn elapsed(&self) -> Duration {
        self.steady.elapsed().max(self.wall.elapsed().unwrap_or_default())
    }
}

/// From when on the lease of this worker counts: from before its last successful sign of life was sent.
#[derive(Debug)]
pub(crate) struct Lease {
    from: Mutex<Moment>,
    renewed: Notify,
}

impl Default for Lease {
    fn default() -> Self {
        Lease { from: Mutex::new(Moment::now()), renewed: Notify::new() }
    }
}

impl Lease {
    /// A sign of life that was sent at that moment has arrived.
    pub fn renew(&self, sent: Moment) {
        *self.from.lock().unwrap_or_else(PoisonError::into_inner) = sent;
        self.renewed.notify_waiters();
    }

    /// Whether less than two thirds of the lease are over.
    fn is_fresh(&self, lease_ms: u64) -> bool {
        let from = *self.from.lock().unwrap_or_else(PoisonError::into_inner);
        from.elapsed() < Duration::from_millis(lease_ms / 3 * 2)
    }

    async fn until_fresh(&self, lease_ms: u64) {
        loop {
            let renewed = self.renewed.notified();
            if self.is_fresh(lease_ms) {
                return;
            }
            renewed.await;
        }
    }
}

impl Inner {
    /// Before an effect: a worker whose lease is nearly over waits for its next sign of life, and then asks whether the execution is still its own.
    ///
    /// # Errors
    /// `Fenced` if it is not.
    pub(crate) async fn hold_on(self: &std::sync::Arc<Self>, live: &mut Live) -> Result<(), EngineError> {
        let lease_ms = self.options.lease_ms;
        if !self.store.is_shared() || self.options.stepped || self.lease.is_fresh(lease_ms) {
            return Ok(());
        }
        tracing::warn!(execution = %live.header.id, "no sign of life for too long; the next effect waits");
        self.lease.until_fresh(lease_ms).await;
        self.take_inbox(live).await
    }

    /// Gives a sign of life, and looks after those executions that have something in their inbox.
    pub(crate) async fn beat(&self) {
        let sent = Moment::now();
        let lease_ms = self.options.lease_ms;
        let beat = self.store.heartbeat(self.worker, self.clock.now(), lease_ms);
        // One that takes longer is none: the next may fare better.
        let beat = tokio::time::timeout(Duration::from_millis(lease_ms / 2), beat).await;
        let too_long = || StoreError::Unavailable { reason: "it took too long".to_owned() };
        match beat.unwrap_or_else(|_| Err(too_long())) {
            Ok(attention) => {
                self.lease.renew(sent);
                self.pulse.good();
                attention.iter().for_each(|one| self.nudges.nudge(one.execution));
            }
            Err(error) => {
                self.pulse.bad(&error, self.clock.now());
                tracing::warn!(%error, "no sign of life could be given");
            }
        }
    }

    /// Listens for what other processes say.
    pub(crate) async fn hint_loop(&self) {
        loop {
            if self.store.hint().await == Hint::Inbox {
                self.beat().await;
            }
            self.wake.notify_one();
        }
    }
}
