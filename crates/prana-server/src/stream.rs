//! Live events (server-sent events). Each has an id; a listener that comes back with `Last-Event-ID` misses none.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event as Message, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::Stream;
use prana::Event;
use prana::core::ExecutionId;
use prana::core::record::Change;
use serde_json::json;
use tokio::sync::watch;

use crate::api::{EventData, ExecutionPath};
use crate::feed::{Feed, json_of};
use crate::problem::Problem;
use crate::receive::{Named, execution_id};
use crate::server::Shared;

/// Entries read from the trail at a time, and events handed out at a time.
const PAGE: usize = 200;

/// How long a stream is silent before it shows that it lives, and looks at the trail unasked.
const SILENCE: Duration = Duration::from_secs(15);

/// Counts an open stream.
struct Listener(Arc<Feed>);

impl Listener {
    fn new(feed: &Arc<Feed>) -> Self {
        feed.counts.listeners.fetch_add(1, Ordering::Relaxed);
        Listener(Arc::clone(feed))
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.0.counts.listeners.fetch_sub(1, Ordering::Relaxed);
    }
}

fn last_event_id(headers: &HeaderMap) -> Option<&str> {
    headers.get("last-event-id").and_then(|value| value.to_str().ok()).filter(|id| !id.is_empty())
}

fn respond(stream: impl Stream<Item = Result<Message, Infallible>> + Send + 'static) -> Response {
    Sse::new(stream).keep_alive(KeepAlive::new().interval(SILENCE)).into_response()
}

/// Streams all events of an execution from its beginning, or after `Last-Event-ID`; ends with it.
///
/// Server-sent events, each told after it is durable, and none skipped: `id` is its number, `event` its kind, `data` an `Event`. Where the
/// workflow keeps no trail, the stream ends with `trail_not_kept`.
#[utoipa::path(get, path = "/executions/{id}/events", operation_id = "stream_execution", tag = "events",
    params(ExecutionPath, ("Last-Event-ID" = Option<String>, Header, description = "The last id that was seen.", pattern = "^[0-9]{0,19}$")),
    responses(
        (status = 200, description = "The events.", body = EventData, content_type = "text/event-stream"),
        (status = 204, description = "There are no events after that one, and there will be none."),
    ))]
pub async fn of_execution(
    State(shared): State<Shared>,
    Named(ExecutionPath { id }): Named<ExecutionPath>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let id = execution_id(&id)?;
    let after = match last_event_id(&headers) {
        None => 0,
        Some(text) => text.parse().map_err(|_| wrong_id("a number"))?,
    };
    let row = shared.engine.row(id).await?;
    let seen = Event::sequence_of(after).saturating_add(1) >= row.next_sequence;
    if after > 0 && seen && row.status.is_ended() {
        // There is no more: a browser that gets this doesn't ask again.
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let state = Following {
        bell: shared.feed.bell(id),
        closing: shared.closing.subscribe(),
        _listener: Listener::new(&shared.feed),
        shared,
        id,
        after,
        next_sequence: 0,
        keys: Vec::new(),
        ready: VecDeque::new(),
        over: false,
    };
    Ok(respond(futures_util::stream::unfold(state, |mut state| async {
        let message = state.next().await?;
        Some((Ok(message), state))
    })))
}

fn wrong_id(what: &str) -> Problem {
    Problem::bad_request(
        "request.invalid_event_id",
        format!("Last-Event-ID must be {what} that a stream gave"),
    )
}

/// A listener of one execution. The trail is the truth; the bell only says when to look.
struct Following {
    shared: Shared,
    id: ExecutionId,
    /// Events up to this number were seen before.
    after: u64,
    next_sequence: u64,
    /// The nodes of the runs, by `execution_index`.
    keys: Vec<String>,
    ready: VecDeque<Message>,
    bell: watch::Receiver<()>,
    closing: watch::Receiver<bool>,
    over: bool,
    _listener: Listener,
}

impl Following {
    async fn next(&mut self) -> Option<Message> {
        loop {
            if let Some(message) = self.ready.pop_front() {
                return Some(message);
            }
            if self.over || *self.closing.borrow() {
                return None;
            }
            // Heard from here on: what comes while the trail is read rings again.
            self.bell.borrow_and_update();
            let more = match self.read().await {
                Ok(more) => more,
                Err(problem) => {
                    tracing::warn!(id = %self.id, reason = problem.detail(), "a stream ends: its trail can't be read");
                    return None;
                }
            };
            if !more && self.ready.is_empty() && !self.over {
                self.wait().await;
            }
        }
    }

    async fn wait(&mut self) {
        tokio::select! {
            _ = self.bell.changed() => {}
            _ = self.closing.changed() => {}
            () = tokio::time::sleep(SILENCE) => {}
        }
    }

    /// Reads a page. True if there may be more at once.
    async fn read(&mut self) -> Result<bool, Problem> {
        let page = self.shared.engine.trail(self.id, self.next_sequence, PAGE).await?;
        self.next_sequence = page.next_sequence;
        for event in &page.events {
            self.learn_key(event);
            if event.number > self.after {
                let data = json_of(event, self.key(event)).to_string();
                let message = Message::default().id(event.number.to_string());
                self.ready.push_back(message.event(event.kind.as_str()).data(data));
            }
        }
        self.over = !page.is_full && page.row.status.is_ended();
        if self.over && !page.row.trail_kept {
            let number = (page.row.next_sequence + 1) * 2;
            let data = json!({"execution_id": self.id, "status": page.row.status.to_string()});
            let message = Message::default().id(number.to_string()).event("trail_not_kept");
            self.ready.push_back(message.data(data.to_string()));
        }
        Ok(page.is_full)
    }

    fn learn_key(&mut self, event: &Event) {
        if let Change::Node(change) = &event.entry.change
            && let Some(started) = &change.started
        {
            self.keys.truncate(change.execution_index as usize);
            self.keys.push(started.node_key.to_string());
        }
    }

    fn key(&self, event: &Event) -> Option<&str> {
        let Change::Node(change) = &event.entry.change else { return None };
        self.keys.get(change.execution_index as usize).map(String::as_str)
    }
}

/// Streams the events of all executions from now on, or after `Last-Event-ID`.
///
/// The newest 8192 events can be taken up. Whoever comes back later, or after a restart of the server, gets a `reset` event first: list the
/// executions again.
#[utoipa::path(get, path = "/events", operation_id = "stream_events", tag = "events",
    params(("Last-Event-ID" = Option<String>, Header, description = "The last id that was seen.", pattern = "^([0-9a-f]{16}-[0-9]{1,19})?$")),
    responses((status = 200, description = "The events.", body = EventData, content_type = "text/event-stream")))]
pub async fn of_all(State(shared): State<Shared>, headers: HeaderMap) -> Result<Response, Problem> {
    let news = shared.feed.newest();
    let newest = *news.borrow();
    let (after, lost) = match last_event_id(&headers) {
        None => (newest, false),
        Some(text) => {
            let (run, number) = text.rsplit_once('-').ok_or_else(|| wrong_id("an id"))?;
            let number: u64 = number.parse().map_err(|_| wrong_id("an id"))?;
            // Numbers of another run of the server can't be continued.
            if run == shared.feed.run && number <= newest { (number, false) } else { (newest, true) }
        }
    };
    let closing = shared.closing.subscribe();
    let listener = Listener::new(&shared.feed);
    let state = Watching {
        feed: Arc::clone(&shared.feed),
        news,
        closing,
        after,
        ready: VecDeque::new(),
        _listener: listener,
    };
    let state = if lost { state.resetting(newest) } else { state };
    Ok(respond(futures_util::stream::unfold(state, |mut state| async {
        let message = state.next().await?;
        Some((Ok(message), state))
    })))
}

/// A listener of all executions.
struct Watching {
    feed: Arc<Feed>,
    news: watch::Receiver<u64>,
    closing: watch::Receiver<bool>,
    after: u64,
    ready: VecDeque<Message>,
    _listener: Listener,
}

impl Watching {
    /// Says that events were lost, so that the listener asks for the lists again: nothing is skipped in silence.
    fn resetting(mut self, after: u64) -> Self {
        self.reset(after);
        self
    }

    fn reset(&mut self, after: u64) {
        let message = Message::default().id(format!("{}-{after}", self.feed.run)).event("reset");
        self.ready.push_back(
            message.data(r#"{"reason":"what happened meanwhile is not kept: list executions again"}"#),
        );
    }

    async fn next(&mut self) -> Option<Message> {
        loop {
            if let Some(message) = self.ready.pop_front() {
                return Some(message);
            }
            if *self.closing.borrow() {
                return None;
            }
            self.news.borrow_and_update();
            let news = self.feed.after(self.after, PAGE);
            if news.lost
                && let Some(first) = news.lines.first()
            {
                self.reset(first.number - 1);
            }
            for line in &news.lines {
                let message = Message::default().id(format!("{}-{}", self.feed.run, line.number));
                self.ready.push_back(message.event(line.kind.as_str()).data(&*line.data));
                self.after = line.number;
            }
            if self.ready.is_empty() {
                tokio::select! {
                    _ = self.news.changed() => {}
                    _ = self.closing.changed() => {}
                }
            }
        }
    }
}
