//! What the engine tells, kept for those who listen: the newest events of all executions, a bell per execution, and counts.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::http::StatusCode;
use prana::core::record::{Change, NodeOutcome};
use prana::core::{ExecutionId, Timestamp};
use prana::store::Status;
use prana::{Event, EventKind, Middleware};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::tally::Tally;

/// How many events of all executions are kept for listeners that come back or lag behind.
pub const KEPT: usize = 8_192;

/// Every kind, in the order of their numbers.
pub const KINDS: [EventKind; 12] = [
    EventKind::ExecutionStarted,
    EventKind::ExecutionResumed,
    EventKind::ExecutionSuspended,
    EventKind::ExecutionCompleted,
    EventKind::ExecutionFailed,
    EventKind::ExecutionCancelled,
    EventKind::NodeStarting,
    EventKind::NodeCompleted,
    EventKind::NodeFailed,
    EventKind::NodeRetrying,
    EventKind::NodeSuspended,
    EventKind::NodeSkipped,
];

/// One event of the stream of all executions.
#[derive(Debug, Clone)]
pub struct Line {
    /// Its number in this run of the server.
    pub number: u64,
    /// Its kind.
    pub kind: EventKind,
    /// Its JSON.
    pub data: Arc<str>,
}

/// What a listener that has all up to a number gets next.
#[derive(Debug, Clone)]
pub struct News {
    /// Events that followed are not kept any more.
    pub lost: bool,
    /// The events, in order.
    pub lines: Vec<Line>,
}

/// Numbers for `/metrics`.
#[derive(Debug, Default)]
pub struct Counts {
    events: [AtomicU64; KINDS.len()],
    /// By the first digit of the status, 1 to 5.
    requests: [AtomicU64; 6],
    /// Open streams.
    pub listeners: AtomicU64,
}

impl Counts {
    /// A request was answered.
    pub fn request(&self, status: StatusCode) {
        let class = usize::from(status.as_u16() / 100).min(5);
        self.requests[class].fetch_add(1, Ordering::Relaxed);
    }

    /// How many events of each kind there were.
    pub fn events(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        KINDS.iter().zip(&self.events).map(|(kind, count)| (kind.as_str(), count.load(Ordering::Relaxed)))
    }

    /// How many requests were answered with a status that begins with each digit.
    pub fn requests(&self) -> impl Iterator<Item = (usize, u64)> + '_ {
        self.requests.iter().map(|count| count.load(Ordering::Relaxed)).enumerate().skip(1)
    }
}

/// Hears of events after they are durable.
pub struct Feed {
    /// Names this run of the server: numbers of another run mean nothing here.
    pub run: String,
    /// Counts.
    pub counts: Counts,
    /// Executions that began and ended lately.
    pub tally: Tally,
    /// When this run of the server began.
    pub began: Timestamp,
    lines: Mutex<VecDeque<Line>>,
    newest: watch::Sender<u64>,
    bells: Mutex<HashMap<ExecutionId, watch::Sender<()>>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Feed {
    /// One that has heard nothing.
    pub fn new(run: u64, began: Timestamp) -> Self {
        Feed {
            run: format!("{run:016x}"),
            counts: Counts::default(),
            tally: Tally::default(),
            began,
            lines: Mutex::default(),
            newest: watch::Sender::new(0),
            bells: Mutex::default(),
        }
    }

    /// The number of the newest event, and word of each new one.
    pub fn newest(&self) -> watch::Receiver<u64> {
        self.newest.subscribe()
    }

    /// Up to `limit` events after a number.
    pub fn after(&self, number: u64, limit: usize) -> News {
        let lines = locked(&self.lines);
        let Some(first) = lines.front().map(|line| line.number) else {
            return News { lost: false, lines: Vec::new() };
        };
        let skip = usize::try_from((number + 1).saturating_sub(first)).unwrap_or(usize::MAX);
        let next = lines.iter().skip(skip).take(limit).cloned().collect();
        News { lost: number + 1 < first, lines: next }
    }

    /// Rings whenever something happened to an execution.
    pub fn bell(&self, id: ExecutionId) -> watch::Receiver<()> {
        let mut bells = locked(&self.bells);
        bells.retain(|_, bell| bell.receiver_count() > 0);
        bells.entry(id).or_insert_with(|| watch::Sender::new(())).subscribe()
    }

    fn count(&self, event: &Event) {
        let status = match event.kind {
            EventKind::ExecutionStarted => return self.tally.started(event.at),
            EventKind::ExecutionCompleted => Status::Completed,
            EventKind::ExecutionFailed => Status::Failed,
            EventKind::ExecutionCancelled => Status::Cancelled,
            _ => return,
        };
        self.tally.ended(event.execution_id, status, event.at);
    }

    fn keep(&self, event: &Event) {
        let data = json_of(event, None).to_string();
        let mut lines = locked(&self.lines);
        let number = lines.back().map_or(0, |line| line.number) + 1;
        if lines.len() == KEPT {
            lines.pop_front();
        }
        lines.push_back(Line { number, kind: event.kind, data: data.into() });
        // Told under the lock, so that numbers never go back.
        self.newest.send_replace(number);
    }
}

impl Middleware for Feed {
    fn on_event(&self, event: &Event) {
        self.keep(event);
        self.count(event);
        if let Some(place) = KINDS.iter().position(|kind| *kind == event.kind) {
            self.counts.events[place].fetch_add(1, Ordering::Relaxed);
        }
        if let Some(bell) = locked(&self.bells).get(&event.execution_id) {
            bell.send_replace(());
        }
    }
}

/// An event as JSON: what happened, and no payloads. `node_key` is for runs whose start was told before.
pub fn json_of(event: &Event, node_key: Option<&str>) -> Value {
    let mut json = json!({
        "kind": event.kind.as_str(),
        "number": event.number,
        "at": event.at,
        "execution_id": event.execution_id,
        "workflow_id": &*event.workflow_id,
        "workflow_version": event.workflow_version,
    });
    if let Change::Node(change) = &event.entry.change {
        let key = change.started.as_ref().map(|started| &*started.node_key).or(node_key);
        json["execution_index"] = change.execution_index.into();
        if let Some(key) = key {
            json["node_key"] = key.into();
        }
        if let Some(started) = &change.started {
            json["run_index"] = started.run_index.into();
            json["loop_path"] = started.loop_path.to_string().into();
        }
        if event.kind != EventKind::NodeStarting
            && let Some(outcome) = &change.outcome
        {
            add_outcome(&mut json, outcome);
        }
    }
    json
}

fn add_outcome(json: &mut Value, outcome: &NodeOutcome) {
    match outcome {
        NodeOutcome::Completed(completed) => json["port"] = completed.port.as_deref().into(),
        NodeOutcome::Failed(error) | NodeOutcome::AttemptFailed { error, .. } => {
            let message: String = error.message.chars().take(1_000).collect();
            json["error"] = json!({"code": &*error.code, "message": message});
        }
        NodeOutcome::Suspended(suspension) => {
            json["waits_for"] = suspension.type_name().into();
            json["wait_till"] = json!(suspension.wait_till());
        }
        NodeOutcome::Skipped { reason } => json["reason"] = (&**reason).into(),
        NodeOutcome::Resumed(_) | NodeOutcome::ChildEnded(_) | NodeOutcome::Began { .. } => {}
    }
}
