//! What the server has done and does, as numbers: `/metrics`, in the text form of Prometheus.

use std::fmt::{Display, Write};
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use prana::EventKind;
use prana::core::Timestamp;

use crate::measure::Times;
use crate::server::{IN_FLIGHT, Shared};

/// The store must tell what is overdue within this time.
const STORE_TIME: Duration = Duration::from_secs(2);

/// The events that end an execution.
const ENDS: [(EventKind, &str); 3] = [
    (EventKind::ExecutionCompleted, "completed"),
    (EventKind::ExecutionFailed, "failed"),
    (EventKind::ExecutionCancelled, "cancelled"),
];

/// `GET /metrics`
pub async fn show(State(shared): State<Shared>) -> Response {
    let mut text = Text(String::new());
    work(&shared, &mut text);
    http(&shared, &mut text);
    store(&shared, &mut text);
    spans(&shared, &mut text);
    if let Some(seconds) = overdue(&shared).await {
        text.one(
            "prana_overdue_seconds",
            "gauge",
            "How long the execution that is due longest waits to go on.",
            seconds,
        );
    }
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text.0).into_response()
}

/// Families of numbers, one after the other.
struct Text(String);

impl Text {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a string doesn't fail.
        let _ = write!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    }

    fn line(&mut self, name: &str, label: Option<(&str, &dyn Display)>, value: impl Display) {
        let _ = match label {
            Some((label, of)) => writeln!(self.0, "{name}{{{label}=\"{of}\"}} {value}"),
            None => writeln!(self.0, "{name} {value}"),
        };
    }

    fn one(&mut self, name: &str, kind: &str, help: &str, value: impl Display) {
        self.family(name, kind, help);
        self.line(name, None, value);
    }

    fn times(&mut self, name: &str, help: &str, times: &Times) {
        self.family(name, "histogram", help);
        let bucket = format!("{name}_bucket");
        for (micros, count) in times.up_to() {
            self.line(&bucket, Some(("le", &(micros as f64 / 1e6))), count);
        }
        self.line(&bucket, Some(("le", &"+Inf")), times.count());
        self.line(&format!("{name}_sum"), None, times.micros() as f64 / 1e6);
        self.line(&format!("{name}_count"), None, times.count());
    }
}

fn work(shared: &Shared, text: &mut Text) {
    let counts = &shared.feed.counts;
    text.family("prana_events_total", "counter", "Durable events of executions and nodes.");
    for (kind, count) in counts.events() {
        text.line("prana_events_total", Some(("kind", &kind)), count);
    }
    text.family("prana_executions_ended_total", "counter", "Executions by how they ended.");
    for (kind, end) in ENDS {
        let count = counts.events().find(|(name, _)| *name == kind.as_str()).map_or(0, |(_, count)| count);
        text.line("prana_executions_ended_total", Some(("end", &end)), count);
    }
    text.one("prana_webhooks", "gauge", "Paths that start executions.", shared.hooks.len());
    let schedules = shared.engine.schedule_counts();
    text.family("prana_schedule_times_total", "counter", "Times of schedules by what became of them.");
    let outcomes = [
        ("started", schedules.started),
        ("missed", schedules.missed),
        ("skipped", schedules.skipped),
        ("failed", schedules.failed),
    ];
    for (outcome, count) in outcomes {
        text.line("prana_schedule_times_total", Some(("outcome", &outcome)), count);
    }
    let late = "Starts by schedules that were made more than a second after their time.";
    text.one("prana_schedule_late_total", "counter", late, schedules.late);
}

fn http(shared: &Shared, text: &mut Text) {
    let counts = &shared.feed.counts;
    text.family("prana_http_responses_total", "counter", "Answered requests by class of status.");
    for (class, count) in counts.requests() {
        text.line("prana_http_responses_total", Some(("class", &format!("{class}xx"))), count);
    }
    text.times("prana_http_seconds", "Time from a request to the head of its answer.", &shared.http_times);
    let in_flight = IN_FLIGHT.saturating_sub(shared.limits.in_flight.available_permits());
    text.one("prana_http_in_flight", "gauge", "Requests that are being answered.", in_flight);
    let listeners = counts.listeners.load(Ordering::Relaxed);
    text.one("prana_event_listeners", "gauge", "Open event streams.", listeners);
}

fn store(shared: &Shared, text: &mut Text) {
    let measures = &shared.measures;
    text.times("prana_commit_seconds", "Time until a delta is durable.", &measures.commits);
    let count = |count: &std::sync::atomic::AtomicU64| count.load(Ordering::Relaxed);
    text.one("prana_records_total", "counter", "Records in durable deltas.", count(&measures.records));
    let waiting = measures.waiting.load(Ordering::Relaxed);
    text.one("prana_commits_waiting", "gauge", "Deltas that wait to become durable.", waiting);
    text.one(
        "prana_fenced_writes_total",
        "counter",
        "Writes that were refused because another worker holds the execution.",
        count(&measures.fenced),
    );
    text.one(
        "prana_unavailable_writes_total",
        "counter",
        "Writes that failed because the store was away.",
        count(&measures.unavailable),
    );
}

fn spans(shared: &Shared, text: &mut Text) {
    let Some(counts) = &shared.spans else { return };
    let name = "prana_spans_total";
    text.family(name, "counter", "Spans for the collector by what became of them.");
    let outcomes = [("sent", &counts.sent), ("overflowed", &counts.overflowed), ("failed", &counts.failed)];
    for (outcome, count) in outcomes {
        text.line(name, Some(("outcome", &outcome)), count.load(Ordering::Relaxed));
    }
}

/// How late the execution is that is due longest, in seconds; none if the store doesn't tell.
async fn overdue(shared: &Shared) -> Option<f64> {
    let asked = shared.engine.store().next_wake(Timestamp::from_micros(0));
    let due = tokio::time::timeout(STORE_TIME, asked).await.ok()?.ok()?;
    let late = due.map_or(0, |due| shared.clock.now().millis_since(due));
    Some(late as f64 / 1e3)
}
