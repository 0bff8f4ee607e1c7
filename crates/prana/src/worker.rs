//! What this process advances: each execution in a task of its own, or one after the other where a test says when.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use prana_core::ExecutionId;
use prana_store::WorkerId;

use crate::engine::{Engine, Inner};
use crate::error::EngineError;
use crate::live::{Held, Live};
use crate::nudges::locked;

/// Counts an execution as running, also if advancing it panics.
struct Running {
    inner: Arc<Inner>,
    id: ExecutionId,
}

impl Running {
    fn new(inner: &Arc<Inner>, id: ExecutionId) -> Self {
        inner.running.fetch_add(1, Ordering::SeqCst);
        Running { inner: Arc::clone(inner), id }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let inner = Arc::clone(&self.inner);
        if std::thread::panicking() {
            let id = self.id;
            tracing::error!(%id, "advancing the execution panicked");
            tokio::spawn(async move { inner.give_up_for_now(id).await });
        }
        let before = self.inner.running.fetch_sub(1, Ordering::SeqCst);
        self.inner.idle.notify_waiters();
        // Whoever found no room for work looks again; of what becomes ready, or will, it is told by the commit that says so.
        if before >= self.inner.options.max_running {
            self.inner.wake.notify_one();
        }
    }
}

impl Engine {
    /// How many executions this process advances now.
    pub fn running(&self) -> usize {
        self.inner.running.load(Ordering::SeqCst)
    }

    /// What this process is called where it holds executions.
    pub fn worker(&self) -> WorkerId {
        self.inner.worker
    }
}

impl Inner {
    /// Begins to advance an execution that this worker holds.
    pub(crate) fn take_over(self: &Arc<Self>, held: Held) {
        self.take_over_with(held, None);
    }

    pub(crate) fn take_over_with(self: &Arc<Self>, held: Held, live: Option<Live>) {
        let driven = self.nudges.enter(held.id);
        if self.options.stepped {
            locked(&self.queue).push_back((held, live, driven));
            return;
        }
        let running = Running::new(self, held.id);
        tokio::spawn(async move {
            let inner = Arc::clone(&running.inner);
            if let Err(error) = inner.drive(held, live, driven).await {
                tracing::error!(id = %running.id, %error, "the execution can't be advanced now");
                inner.give_up_for_now(running.id).await;
            }
        });
    }

    pub(crate) async fn run_until_idle(self: &Arc<Self>) -> Result<(), EngineError> {
        loop {
            let next = locked(&self.queue).pop_front();
            if let Some((held, live, driven)) = next {
                self.drive(held, live, driven).await?;
            } else if self.claim(1).await? == 0 && !self.take_unknown().await? {
                return Ok(());
            }
        }
    }

    /// How many more executions may be advanced now.
    pub(crate) fn room(&self) -> usize {
        self.options.max_running.saturating_sub(self.running.load(Ordering::SeqCst))
    }

    pub(crate) async fn until_idle(&self) {
        loop {
            let notified = self.idle.notified();
            if self.running.load(Ordering::SeqCst) == 0 {
                return;
            }
            notified.await;
        }
    }

    pub(crate) fn stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
        self.wake.notify_one();
        self.schedules.ring();
    }

    /// A short pause before asking the store again.
    pub(crate) async fn pause(&self) {
        match self.options.stepped {
            true => tokio::task::yield_now().await,
            false => tokio::time::sleep(Duration::from_millis(200)).await,
        }
    }
}
