//! Executions in memory: how to make them look at their inbox, and those that stay there because their store keeps no trail.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use prana_core::ExecutionId;
use tokio::sync::Notify;

use crate::live::Live;

/// A lock whose holder can't have left anything half done.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Executions that this process advances or is about to, and how to make them look at their inbox.
#[derive(Default, Clone)]
pub(crate) struct Nudges(Arc<Mutex<BTreeMap<ExecutionId, Entered>>>);

/// One execution, and how many hold on to it: the next drive may begin before the last has left.
#[derive(Default)]
struct Entered {
    notify: Arc<Notify>,
    holds: usize,
}

/// As long as this is there, the execution counts as advanced by this process.
pub(crate) struct Driven {
    nudges: Nudges,
    id: ExecutionId,
    notify: Arc<Notify>,
}

impl Driven {
    /// Waits until somebody says that there is something in the inbox.
    pub async fn heard(&self) {
        self.notify.notified().await;
    }
}

impl Drop for Driven {
    fn drop(&mut self) {
        let mut entered = locked(&self.nudges.0);
        let Some(one) = entered.get_mut(&self.id) else { return };
        one.holds -= 1;
        if one.holds == 0 {
            entered.remove(&self.id);
        }
    }
}

impl Nudges {
    pub fn enter(&self, id: ExecutionId) -> Driven {
        let mut entered = locked(&self.0);
        let one = entered.entry(id).or_default();
        one.holds += 1;
        Driven { nudges: self.clone(), id, notify: Arc::clone(&one.notify) }
    }

    /// True for an execution that this process advances, or is about to.
    pub fn has(&self, id: ExecutionId) -> bool {
        locked(&self.0).contains_key(&id)
    }

    pub fn nudge(&self, id: ExecutionId) {
        if let Some(one) = locked(&self.0).get(&id) {
            one.notify.notify_one();
        }
    }

    pub fn all(&self) {
        locked(&self.0).values().for_each(|one| one.notify.notify_one());
    }
}

/// Suspended executions that stay in memory, because their store keeps no trail.
#[derive(Default)]
pub(crate) struct Parked(Mutex<HashMap<ExecutionId, Live>>);

impl Parked {
    pub fn put(&self, id: ExecutionId, live: Live) {
        locked(&self.0).insert(id, live);
    }

    pub fn take(&self, id: ExecutionId) -> Option<Live> {
        locked(&self.0).remove(&id)
    }
}
