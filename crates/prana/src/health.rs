//! Whether the engine can do its work now.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use prana_core::Timestamp;
use prana_store::StoreError;

use crate::engine::Engine;
use crate::nudges::locked;

/// Whether an engine can do its work now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// What it was asked to store was stored.
    Good,
    /// The store can't be written: executions stand still, and go on by themselves when it is back.
    Unavailable {
        /// What the store said last.
        reason: String,
        /// Since when.
        since: Timestamp,
    },
}

/// What the newest writes to the store came to.
#[derive(Default)]
pub(crate) struct Pulse {
    is_bad: AtomicBool,
    problem: Mutex<Option<(String, Timestamp)>>,
}

impl Pulse {
    /// The store has written something.
    pub fn good(&self) {
        if self.is_bad.load(Ordering::Relaxed) {
            *locked(&self.problem) = None;
            self.is_bad.store(false, Ordering::Relaxed);
            tracing::info!("the store can be written again");
        }
    }

    /// The store could not write.
    pub fn bad(&self, error: &StoreError, now: Timestamp) {
        let mut problem = locked(&self.problem);
        let since = problem.as_ref().map_or(now, |(_, since)| *since);
        *problem = Some((error.to_string(), since));
        self.is_bad.store(true, Ordering::Relaxed);
    }

    pub fn is_bad(&self) -> bool {
        self.is_bad.load(Ordering::Relaxed)
    }
}

impl Engine {
    /// Whether the store takes what this engine writes. It turns bad with the first write that fails, and good again by itself: an engine
    /// that serves tries to write every second while it is bad, also if nothing runs.
    ///
    /// ```
    /// let engine = prana::Engine::builder().build();
    /// assert_eq!(engine.health(), prana::Health::Good);
    /// ```
    pub fn health(&self) -> Health {
        match &*locked(&self.inner.pulse.problem) {
            Some((reason, since)) => Health::Unavailable { reason: reason.clone(), since: *since },
            None => Health::Good,
        }
    }
}
