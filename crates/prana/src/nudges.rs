//! Executions in memory: how to make them look at their inbox, and those that stay there because their store keeps no trail.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use prana_core::ExecutionId;
use tokio::sync::Notify;

use crate::live::Live;

/// A lock whose holder can't have left anything half done.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Executions that this process advances, and how to make them look at their inbox.
#[derive(Default, Clone)]
pub(crate) struct Nudges(Arc<Mutex<HashMap<ExecutionId, Driven>>>);

/// One execution, and how many drives of it there are: the next may begin before the last has left.
#[derive(Default)]
struct Driven {
    notify: Arc<Notify>,
    drives: usize,
}

impl Nudges {
    pub fn enter(&self, id: ExecutionId) -> Nudges {
        locked(&self.0).entry(id).or_default().drives += 1;
        self.clone()
    }

    pub fn leave(&self, id: ExecutionId) {
        let mut driven = locked(&self.0);
        let Some(one) = driven.get_mut(&id) else { return };
        one.drives -= 1;
        if one.drives == 0 {
            driven.remove(&id);
        }
    }

    pub fn nudge(&self, id: ExecutionId) {
        if let Some(one) = locked(&self.0).get(&id) {
            one.notify.notify_one();
        }
    }

    pub fn all(&self) {
        locked(&self.0).values().for_each(|one| one.notify.notify_one());
    }

    pub async fn heard(&self, id: ExecutionId) {
        let notify = locked(&self.0).get(&id).map(|one| Arc::clone(&one.notify));
        match notify {
            Some(notify) => notify.notified().await,
            None => std::future::pending().await,
        }
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
