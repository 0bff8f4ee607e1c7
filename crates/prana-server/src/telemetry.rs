//! Spans go to a collector (OpenTelemetry, OTLP over HTTP): in batches, beside the work, and never at its cost. What can't be sent is dropped and counted.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use opentelemetry::trace::{Event, SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_otlp::{Protocol, RetryPolicy, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanExporter as _, SpanLinks};
use prana::core::Timestamp;
use prana::{SecretText, Span, Spans};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

/// So many spans wait to be sent; those that come then are dropped.
const QUEUE: usize = 8_192;

/// So many are sent at a time.
const BATCH: usize = 512;

/// So long the first of a batch waits for others.
const LINGER: Duration = Duration::from_millis(500);

/// A collector must answer within this time.
const SEND_TIME: Duration = Duration::from_secs(10);

/// When the server stops, what is left must be sent within this time.
const LAST_TIME: Duration = Duration::from_secs(3);

/// Where spans go.
#[derive(Debug, Clone)]
pub struct Telemetry {
    /// The URL that batches are sent to: `http://127.0.0.1:4318/v1/traces`.
    pub endpoint: String,
    /// What the collector calls this program.
    pub service_name: String,
    /// Headers to send along, such as who sends.
    pub headers: Vec<(String, SecretText)>,
    /// The share of traces that is kept, from 0 to 1, where no caller has decided.
    pub sample: f64,
}

/// What became of spans.
#[derive(Debug, Default)]
pub struct SpanCounts {
    /// A collector took them.
    pub sent: AtomicU64,
    /// There were more than could be sent.
    pub overflowed: AtomicU64,
    /// The collector was away, too slow, or refused them.
    pub failed: AtomicU64,
}

/// Takes spans from the engine.
struct Queue {
    sender: mpsc::Sender<Span>,
    counts: Arc<SpanCounts>,
}

impl Spans for Queue {
    fn ended(&self, span: Span) {
        if self.sender.try_send(span).is_err() {
            self.counts.overflowed.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The way to a collector that isn't gone yet: its queue, and who sends.
pub struct Outlet {
    /// For the engine.
    pub spans: Arc<dyn Spans>,
    /// What became of spans.
    pub counts: Arc<SpanCounts>,
    receiver: mpsc::Receiver<Span>,
    exporter: SpanExporter,
}

impl Outlet {
    /// The way to a collector, which need not be there.
    ///
    /// # Errors
    /// What is wrong with the settings, without the headers.
    pub fn new(telemetry: &Telemetry) -> Result<Self, String> {
        let client = reqwest::Client::builder()
            .user_agent(concat!("prana/", env!("CARGO_PKG_VERSION")))
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(SEND_TIME)
            .build()
            .map_err(|error| error.to_string())?;
        let headers = telemetry.headers.iter().map(|(name, text)| (name.clone(), text.reveal().to_owned()));
        let exporter = SpanExporter::builder()
            .with_http()
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(&telemetry.endpoint)
            .with_timeout(SEND_TIME)
            // What fails is dropped: the next batch is the next try.
            .with_retry_policy(RetryPolicy::disabled())
            .with_headers(headers.collect::<HashMap<_, _>>())
            .with_http_client(client)
            .build();
        let mut exporter = exporter.map_err(|error| error.to_string())?;
        let resource = Resource::builder().with_service_name(telemetry.service_name.clone());
        let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
        exporter.set_resource(&resource.with_attribute(version).build());
        let (sender, receiver) = mpsc::channel(QUEUE);
        let counts = Arc::<SpanCounts>::default();
        let queue = Queue { sender, counts: Arc::clone(&counts) };
        Ok(Outlet { spans: Arc::new(queue), counts, receiver, exporter })
    }

    /// Begins to send.
    pub fn start(self) -> Exporting {
        let (stop, stopped) = watch::channel(false);
        Exporting { stop, task: tokio::spawn(self.run(stopped)) }
    }

    async fn run(mut self, mut stopped: watch::Receiver<bool>) {
        let mut is_well = true;
        loop {
            let mut batch = Vec::with_capacity(BATCH);
            tokio::select! {
                taken = self.receiver.recv_many(&mut batch, BATCH) => if taken == 0 { return },
                // Whoever is gone stopped it, too.
                _ = stopped.wait_for(|stop| *stop) => break,
            }
            self.fill(&mut batch, &mut stopped).await;
            self.send(batch, &mut is_well).await;
        }
        self.receiver.close();
        let mut rest = Vec::new();
        while self.receiver.recv_many(&mut rest, BATCH).await > 0 {
            self.send(std::mem::take(&mut rest), &mut is_well).await;
        }
    }

    /// Waits for more, but not for long.
    async fn fill(&mut self, batch: &mut Vec<Span>, stopped: &mut watch::Receiver<bool>) {
        let until = tokio::time::Instant::now() + LINGER;
        while batch.len() < BATCH {
            let room = BATCH - batch.len();
            tokio::select! {
                taken = self.receiver.recv_many(batch, room) => if taken == 0 { return },
                _ = stopped.wait_for(|stop| *stop) => return,
                () = tokio::time::sleep_until(until) => return,
            }
        }
    }

    async fn send(&self, batch: Vec<Span>, is_well: &mut bool) {
        let count = batch.len() as u64;
        let sent = self.exporter.export(batch.into_iter().map(span_data).collect()).await;
        let counted = if sent.is_ok() { &self.counts.sent } else { &self.counts.failed };
        counted.fetch_add(count, Ordering::Relaxed);
        match (sent, *is_well) {
            (Ok(()), false) => tracing::info!("the collector takes spans again"),
            (Err(error), true) => {
                tracing::warn!(%error, "the collector doesn't take spans; they are dropped until it does");
            }
            _ => return,
        }
        *is_well = !*is_well;
    }
}

/// A task that sends spans.
pub struct Exporting {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Exporting {
    /// Sends what is left, if that doesn't take long.
    pub async fn finish(self) {
        let abort = self.task.abort_handle();
        self.stop.send_replace(true);
        if tokio::time::timeout(LAST_TIME, self.task).await.is_err() {
            abort.abort();
        }
    }
}

/// A span in the words of OpenTelemetry.
fn span_data(span: Span) -> SpanData {
    let name = span.node.as_ref().map_or(&span.workflow_id, |node| &node.key).to_string();
    let flags = if span.place.sampled { TraceFlags::SAMPLED } else { TraceFlags::NOT_SAMPLED };
    let (trace_id, span_id) = (TraceId::from(span.place.trace_id), SpanId::from(span.place.span_id));
    SpanData {
        span_context: SpanContext::new(trace_id, span_id, flags, false, TraceState::NONE),
        parent_span_id: span.parent.map_or(SpanId::INVALID, SpanId::from),
        parent_span_is_remote: span.parent_is_remote,
        span_kind: if span.parent_is_remote { SpanKind::Server } else { SpanKind::Internal },
        name: name.into(),
        start_time: system_time(span.started_at),
        end_time: system_time(span.ended_at),
        attributes: attributes(&span),
        dropped_attributes_count: 0,
        events: retries(&span),
        links: SpanLinks::default(),
        status: match span.status {
            "failed" | "timeout" => {
                Status::error(span.error_code.as_ref().map_or("", |code| code).to_owned())
            }
            _ => Status::Unset,
        },
        instrumentation_scope: InstrumentationScope::builder("prana")
            .with_version(env!("CARGO_PKG_VERSION"))
            .build(),
    }
}

fn attributes(span: &Span) -> Vec<KeyValue> {
    let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let mut all = vec![
        KeyValue::new("prana.workflow.id", span.workflow_id.to_string()),
        KeyValue::new("prana.workflow.version", number(span.workflow_version)),
        KeyValue::new("prana.execution.id", span.execution_id.to_string()),
        KeyValue::new("prana.status", span.status),
    ];
    if let Some(code) = &span.error_code {
        all.push(KeyValue::new("error.type", code.to_string()));
    }
    if let Some(node) = &span.node {
        all.extend([
            KeyValue::new("prana.node.key", node.key.to_string()),
            KeyValue::new("prana.node.type", node.type_name.to_string()),
            KeyValue::new("prana.node.index", i64::from(node.execution_index)),
            KeyValue::new("prana.node.run", i64::from(node.run_index)),
            KeyValue::new("prana.node.attempt", i64::from(node.attempt)),
        ]);
        if !node.loop_path.is_empty() {
            all.push(KeyValue::new("prana.node.iteration", node.loop_path.clone()));
        }
    }
    all
}

/// The attempts that failed, as events of the span.
fn retries(span: &Span) -> SpanEvents {
    let retries = span.node.iter().flat_map(|node| &node.retries);
    let mut events = SpanEvents::default();
    events.events = retries
        .map(|(at, code)| {
            Event::new("retry", system_time(*at), vec![KeyValue::new("error.type", code.to_string())], 0)
        })
        .collect();
    events
}

fn system_time(at: Timestamp) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_micros(u64::try_from(at.as_micros()).unwrap_or_default())
}
