//! The connections that are open: which of them wait for a request, and since when.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Instant;

use axum::body::{Body, Bytes};
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::sync::Notify;

/// All connections.
pub struct Open {
    most: usize,
    started: Instant,
    next: AtomicU64,
    all: Mutex<HashMap<u64, Arc<State>>>,
    left: Notify,
}

#[derive(Default)]
struct State {
    /// Requests whose answers are not sent yet.
    busy: AtomicUsize,
    /// When it last became idle, in milliseconds.
    idle_since: AtomicU64,
    is_to_go: AtomicBool,
    told: Notify,
}

impl Open {
    /// None yet, of `most`.
    pub fn new(most: usize) -> Self {
        Open {
            most: most.max(1),
            started: Instant::now(),
            next: AtomicU64::new(0),
            all: Mutex::default(),
            left: Notify::new(),
        }
    }

    fn all(&self) -> MutexGuard<'_, HashMap<u64, Arc<State>>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// A place; none if all are taken.
    pub fn enter(self: &Arc<Self>) -> Option<Connection> {
        let mut all = self.all();
        if all.len() >= self.most {
            return None;
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let state = Arc::new(State { idle_since: AtomicU64::new(self.now()), ..State::default() });
        all.insert(number, Arc::clone(&state));
        Some(Connection(Arc::new(Place { number, state, open: Arc::clone(self) })))
    }

    /// Tells the connection that is idle longest to go.
    pub fn close_idle(&self) {
        let all = self.all();
        let idle = all.iter().filter(|(_, state)| {
            state.busy.load(Ordering::Acquire) == 0 && !state.is_to_go.load(Ordering::Acquire)
        });
        let longest = idle.min_by_key(|(number, state)| (state.idle_since.load(Ordering::Relaxed), **number));
        if let Some((_, state)) = longest {
            state.is_to_go.store(true, Ordering::Release);
            state.told.notify_one();
        }
    }

    /// Waits until one leaves.
    pub async fn left(&self) {
        self.left.notified().await;
    }
}

/// The place of a connection, until the last copy is dropped.
#[derive(Clone)]
pub struct Connection(Arc<Place>);

struct Place {
    number: u64,
    state: Arc<State>,
    open: Arc<Open>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.open.all().remove(&self.number);
        self.open.left.notify_one();
    }
}

impl Connection {
    /// A request came.
    pub fn begin(&self) -> Busy {
        self.0.state.busy.fetch_add(1, Ordering::AcqRel);
        Busy(Connection(Arc::clone(&self.0)))
    }

    /// Waits until it must make room, and does nothing for anybody.
    pub async fn is_to_go(&self) {
        let state = &self.0.state;
        loop {
            state.told.notified().await;
            if state.busy.load(Ordering::Acquire) == 0 {
                return;
            }
            // A request came just now: another must go.
            state.is_to_go.store(false, Ordering::Release);
        }
    }
}

/// A request whose answer is not sent yet.
pub struct Busy(Connection);

impl Drop for Busy {
    fn drop(&mut self) {
        let Place { state, open, .. } = &*self.0.0;
        state.idle_since.store(open.now(), Ordering::Relaxed);
        state.busy.fetch_sub(1, Ordering::AcqRel);
    }
}

/// A body that keeps its connection busy until it is sent.
pub struct Held {
    body: Body,
    _busy: Busy,
}

impl Held {
    /// A body of an answer.
    pub fn new(body: Body, busy: Busy) -> Self {
        Held { body, _busy: busy }
    }
}

impl HttpBody for Held {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn the_longest_idle_makes_room_and_the_busy_stay() {
        let open = Arc::new(Open::new(3));
        let first = open.enter().unwrap();
        let second = open.enter().unwrap();
        let third = open.enter().unwrap();
        assert!(open.enter().is_none());
        let busy = first.begin();
        open.close_idle();
        assert!(first.is_to_go().now_or_never().is_none());
        assert!(second.is_to_go().now_or_never().is_some());
        assert!(third.is_to_go().now_or_never().is_none());
        drop(second);
        assert!(open.enter().is_some());
        drop(busy);
        drop(third);
        open.close_idle();
        assert!(first.is_to_go().now_or_never().is_some());
    }

    #[test]
    fn who_is_told_to_go_and_has_a_request_stays() {
        let open = Arc::new(Open::new(1));
        let only = open.enter().unwrap();
        open.close_idle();
        let busy = only.begin();
        assert!(only.is_to_go().now_or_never().is_none());
        drop(busy);
        open.close_idle();
        assert!(only.is_to_go().now_or_never().is_some());
    }
}
