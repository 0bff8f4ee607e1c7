//! Test webhooks: an editor listens for one request, which starts a test execution of its document.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use prana::core::ExecutionId;
use prana::template::Map;
use tokio::sync::oneshot;

use super::table::{Hook, best_first};

/// How many may listen at a time.
const MOST: usize = 100;

/// Those who listen, the newest last.
#[derive(Default)]
pub struct Listeners {
    all: Mutex<Vec<Listener>>,
    number: AtomicU64,
}

struct Listener {
    number: u64,
    hook: Arc<Hook>,
    heard: oneshot::Sender<ExecutionId>,
}

/// Somebody listens, as long as this lives.
pub struct Listening<'l> {
    listeners: &'l Listeners,
    number: u64,
    /// Gives the execution that a request started; closed if its start failed.
    pub heard: oneshot::Receiver<ExecutionId>,
}

impl Drop for Listening<'_> {
    fn drop(&mut self) {
        drop(self.listeners.take(self.number));
    }
}

impl Listeners {
    fn all(&self) -> std::sync::MutexGuard<'_, Vec<Listener>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Listens with a hook; none if too many do already.
    pub fn add(&self, mut hook: Hook) -> Option<Listening<'_>> {
        let number = self.number.fetch_add(1, Ordering::Relaxed) + 1;
        let (sender, heard) = oneshot::channel();
        let mut all = self.all();
        if all.len() >= MOST {
            return None;
        }
        hook.listener = Some(number);
        all.push(Listener { number, hook: Arc::new(hook), heard: sender });
        Some(Listening { listeners: self, number, heard })
    }

    /// Those whose path fits, the best first, and of equals the newest.
    pub fn find(&self, path: &str) -> Vec<(Arc<Hook>, Map)> {
        let all = self.all();
        let newest_first: Vec<Arc<Hook>> = all.iter().rev().map(|one| Arc::clone(&one.hook)).collect();
        drop(all);
        best_first(newest_first.into_iter(), path)
    }

    /// The one who is told; none if another request was first, or nobody listens any more.
    pub fn take(&self, number: u64) -> Option<oneshot::Sender<ExecutionId>> {
        let mut all = self.all();
        let place = all.iter().position(|one| one.number == number)?;
        Some(all.remove(place).heard)
    }
}
