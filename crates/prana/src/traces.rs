//! Traces: an execution is a trace, each of its node runs a span. They are made of records that are durable already, outside the core, and hold neither parameters nor data.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use prana_core::execution::{Header, Status};
use prana_core::graph::{ExecutionGraph, OpenRun};
use prana_core::record::{Change, Entry, ExecutionChange, NodeChange, NodeOutcome, Started};
use prana_core::{ExecutionId, Timestamp};
use prana_template::{Str, Value};

use crate::builder::Builder;
use crate::engine::Inner;

/// So many failed attempts are told of a node run.
const MAX_RETRIES_TOLD: usize = 32;

/// A place in a trace, as the header `traceparent` says it (W3C Trace Context).
///
/// ```
/// use prana::TraceParent;
///
/// let text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
/// let place = TraceParent::parse(text).unwrap();
/// assert!(place.sampled);
/// assert_eq!(place.to_string(), text);
/// assert_eq!(TraceParent::parse("00-00000000000000000000000000000000-00f067aa0ba902b7-01"), None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceParent {
    /// The trace; never 0.
    pub trace_id: u128,
    /// The span in it; never 0.
    pub span_id: u64,
    /// True if whoever began the trace keeps it.
    pub sampled: bool,
}

impl TraceParent {
    /// What a header says; none if it is no such header. Versions to come may say more behind what is known.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(5, '-');
        let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let version = hex(version, 2)?;
        if version == 0xff || (version == 0 && parts.next().is_some()) {
            return None;
        }
        let place = TraceParent {
            trace_id: hex(trace, 32)?,
            span_id: u64::try_from(hex(span, 16)?).ok()?,
            sampled: hex(flags, 2)? & 1 == 1,
        };
        (place.trace_id != 0 && place.span_id != 0).then_some(place)
    }
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.trace_id, self.span_id, u8::from(self.sampled))
    }
}

/// A number of so many digits, all in lower case.
fn hex(text: &str, digits: usize) -> Option<u128> {
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let fits = text.len() == digits && text.bytes().all(is_digit);
    fits.then(|| u128::from_str_radix(text, 16).ok())?
}

/// A span that is over: of an execution, or of one of its node runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    /// Where it is.
    pub place: TraceParent,
    /// The span around it.
    pub parent: Option<u64>,
    /// True if that one is somebody else's: whoever started the execution.
    pub parent_is_remote: bool,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Timestamp,
    /// The execution.
    pub execution_id: ExecutionId,
    /// Its workflow.
    pub workflow_id: Str,
    /// The version that it runs.
    pub workflow_version: u64,
    /// How it ended.
    pub status: &'static str,
    /// The stable code of the error that ended it, or that `on_error` let through.
    pub error_code: Option<Str>,
    /// The node run; none for the execution as a whole.
    pub node: Option<NodeSpan>,
}

/// What a span says of a node run.
#[derive(Debug, Clone, PartialEq)]
pub struct NodeSpan {
    /// The node.
    pub key: Str,
    /// The type of its action.
    pub type_name: Str,
    /// Its number in the execution.
    pub execution_index: u32,
    /// Its number among the runs of its node.
    pub run_index: u32,
    /// Which iteration of which loops; empty outside of them.
    pub loop_path: String,
    /// How many attempts it took.
    pub attempt: u32,
    /// The attempts that failed, the first of them: when, and with which code.
    pub retries: Vec<(Timestamp, Str)>,
}

/// Takes spans. It is called where executions are advanced, so it must not wait for anything.
pub trait Spans: Send + Sync {
    /// A span is over, and what it tells is durable.
    fn ended(&self, span: Span);
}

/// What traces are made with.
#[derive(Clone)]
pub(crate) struct Tracing {
    pub spans: Arc<dyn Spans>,
    /// The share of traces that is kept, from 0 to 1, where nobody before has decided.
    pub sample: f64,
}

impl Builder {
    /// Makes spans of this share of all traces, from 0 to 1, and gives them to somebody; where a caller is in a trace already, whoever began
    /// that has decided. Actions send along where they are.
    #[must_use]
    pub fn spans(mut self, spans: Arc<dyn Spans>, sample: f64) -> Self {
        self.tracing = Some(Tracing { spans, sample });
        self
    }
}

/// Where an execution stands in its trace.
struct Origin {
    trace_id: u128,
    parent: Option<u64>,
    parent_is_remote: bool,
    sampled: bool,
}

impl Origin {
    /// Made of what is stored with the execution alone: so every process that goes on with it finds the same.
    fn of(header: &Header, sample: f64) -> Self {
        let is_child = header.parent_execution_id.is_some();
        if let Some(given) = header.metadata.traceparent.as_deref().and_then(TraceParent::parse) {
            let TraceParent { trace_id, span_id, sampled } = given;
            return Origin { trace_id, parent: Some(span_id), parent_is_remote: !is_child, sampled };
        }
        let trace_id = header.root_execution_id.0.as_u128();
        let run = header.metadata.parent.map(|place| place.execution_index);
        let parent = header.parent_execution_id.zip(run).map(|(parent, run)| span_of_run(parent, run));
        Origin { trace_id, parent, parent_is_remote: false, sampled: is_kept(trace_id, sample) }
    }

    fn at(&self, span_id: u64) -> TraceParent {
        TraceParent { trace_id: self.trace_id, span_id, sampled: self.sampled }
    }
}

/// By the random part of the trace's number, as other tracers decide it.
fn is_kept(trace_id: u128, sample: f64) -> bool {
    const RANDOM: u128 = 1 << 56;
    let left_out = ((1.0 - sample.clamp(0.0, 1.0)) * RANDOM as f64) as u128;
    trace_id % RANDOM >= left_out
}

/// The span of an execution as a whole.
fn span_of(id: ExecutionId) -> u64 {
    mixed(id, 0)
}

/// The span of one of its node runs.
fn span_of_run(id: ExecutionId, execution_index: u32) -> u64 {
    mixed(id, u64::from(execution_index) + 1)
}

/// A number that looks random, and is another for each place of an execution (splitmix64).
fn mixed(id: ExecutionId, place: u64) -> u64 {
    let (high, low) = id.0.as_u64_pair();
    let mut bits = (low ^ high.rotate_left(32)).wrapping_add(place.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (bits ^ (bits >> 31)).max(1)
}

/// A node run that has begun and not ended.
struct Begun {
    started_at: Timestamp,
    node: NodeSpan,
}

/// The trace of an execution that this process advances: it must be looked at from the moment the execution is in memory, so that no beginning is missed.
pub(crate) struct Trace {
    origin: Origin,
    open: HashMap<u32, Begun>,
    /// The code of the error that ended the newest node run that failed.
    failed: Option<Str>,
}

impl Trace {
    fn new(header: &Header, graph: &ExecutionGraph, sample: f64) -> Option<Box<Self>> {
        let origin = Origin::of(header, sample);
        if !origin.sampled {
            return None;
        }
        let open = graph.open_runs().iter().map(|run| (run.execution_index, begun_before(graph, run)));
        Some(Box::new(Trace { origin, open: open.collect(), failed: None }))
    }

    /// Takes in what an entry tells, and gives the spans that are over by it.
    fn tell(&mut self, header: &Header, graph: &ExecutionGraph, entry: &Entry, take: &mut dyn FnMut(Span)) {
        match &entry.change {
            Change::Node(change) => self.tell_run(header, graph, entry.at, change).into_iter().for_each(take),
            Change::Execution(ExecutionChange::Ended { status, reason }) => {
                let code = reason.as_ref().map(|reason| reason.code.clone()).or_else(|| self.failed.take());
                let code = code.filter(|_| *status != Status::Completed);
                self.left_open()
                    .for_each(|begun| take(self.of_run(header, begun, entry.at, status.as_str(), None)));
                take(self.of_execution(header, entry.at, *status, code));
            }
            Change::Execution(_) => {}
        }
    }

    /// Node runs that the end of the execution cuts off, in order of start.
    fn left_open(&mut self) -> std::vec::IntoIter<Begun> {
        let mut left: Vec<Begun> = self.open.drain().map(|(_, begun)| begun).collect();
        left.sort_by_key(|begun| begun.node.execution_index);
        left.into_iter()
    }

    fn tell_run(
        &mut self,
        header: &Header,
        graph: &ExecutionGraph,
        at: Timestamp,
        change: &NodeChange,
    ) -> Option<Span> {
        let index = change.execution_index;
        if let Some(started) = &change.started {
            self.open.insert(index, begun_now(graph, index, started, at));
        }
        let (status, code) = match change.outcome.as_ref()? {
            NodeOutcome::Completed(completed) => {
                ("completed", completed.is_error.then(|| code_in(&completed.output)).flatten())
            }
            NodeOutcome::Failed(error) => {
                self.failed = Some(error.code.clone());
                ("failed", self.failed.clone())
            }
            NodeOutcome::Skipped { .. } => ("skipped", None),
            NodeOutcome::AttemptFailed { error, .. } => {
                let begun = self.open.get_mut(&index)?;
                begun.node.attempt += 1;
                if begun.node.retries.len() < MAX_RETRIES_TOLD {
                    begun.node.retries.push((at, error.code.clone()));
                }
                return None;
            }
            _ => return None,
        };
        let begun = self.open.remove(&index)?;
        Some(self.of_run(header, begun, at, status, code))
    }

    fn of_run(
        &self,
        header: &Header,
        begun: Begun,
        ended_at: Timestamp,
        status: &'static str,
        error_code: Option<Str>,
    ) -> Span {
        let place = self.origin.at(span_of_run(header.id, begun.node.execution_index));
        Span {
            parent: Some(span_of(header.id)),
            parent_is_remote: false,
            error_code: error_code.filter(is_code),
            node: Some(begun.node),
            ..span(header, place, begun.started_at, ended_at, status)
        }
    }

    fn of_execution(&self, header: &Header, ended_at: Timestamp, status: Status, code: Option<Str>) -> Span {
        let place = self.origin.at(span_of(header.id));
        Span {
            parent: self.origin.parent,
            parent_is_remote: self.origin.parent_is_remote,
            error_code: code.filter(is_code),
            ..span(header, place, header.created_at, ended_at, status.as_str())
        }
    }
}

fn span(
    header: &Header,
    place: TraceParent,
    started_at: Timestamp,
    ended_at: Timestamp,
    status: &'static str,
) -> Span {
    Span {
        place,
        parent: None,
        parent_is_remote: false,
        started_at,
        // Clocks of several machines may disagree.
        ended_at: ended_at.max(started_at),
        execution_id: header.id,
        workflow_id: header.workflow_id.clone(),
        workflow_version: header.workflow_version,
        status,
        error_code: None,
        node: None,
    }
}

/// A text that a workflow made up may be anything.
fn is_code(code: &Str) -> bool {
    code.len() <= 100
        && code.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}

/// The code of an error that `on_error` let through.
fn code_in(output: &Value) -> Option<Str> {
    output.get("error")?.get("code")?.as_str().map(Str::from)
}

fn begun_now(graph: &ExecutionGraph, execution_index: u32, started: &Started, at: Timestamp) -> Begun {
    let node = NodeSpan {
        key: started.node_key.clone(),
        type_name: type_of(graph, &started.node_key),
        execution_index,
        run_index: started.run_index,
        loop_path: started.loop_path.to_string(),
        attempt: 1,
        retries: Vec::new(),
    };
    Begun { started_at: at, node }
}

fn begun_before(graph: &ExecutionGraph, run: &OpenRun) -> Begun {
    let node = graph.compiled().node(run.node);
    let node = NodeSpan {
        key: node.key.clone(),
        type_name: node.descriptor().type_name.clone(),
        execution_index: run.execution_index,
        run_index: run.run_index,
        loop_path: run.loop_path.to_string(),
        attempt: run.attempts + 1,
        retries: Vec::new(),
    };
    Begun { started_at: run.started_at, node }
}

fn type_of(graph: &ExecutionGraph, key: &str) -> Str {
    let compiled = graph.compiled();
    compiled.node_id(key).map(|id| compiled.node(id).descriptor().type_name.clone()).unwrap_or_default()
}

impl Inner {
    /// The trace of an execution that comes into memory; none if nobody asks for it.
    pub(crate) fn trace_of(&self, header: &Header, graph: &ExecutionGraph) -> Option<Box<Trace>> {
        let tracing = self.tracing.as_ref()?;
        Trace::new(header, graph, tracing.sample)
    }

    /// Gives the spans that are over by an entry to who asks for them. One who panics is logged.
    pub(crate) fn trace(
        &self,
        trace: Option<&mut Trace>,
        header: &Header,
        graph: &ExecutionGraph,
        entry: &Entry,
    ) {
        let (Some(tracing), Some(trace)) = (&self.tracing, trace) else { return };
        let mut take = |span| tracing.spans.ended(span);
        let call = std::panic::AssertUnwindSafe(|| trace.tell(header, graph, entry, &mut take));
        if std::panic::catch_unwind(call).is_err() {
            tracing::error!("telling of a span panicked; the execution goes on");
        }
    }

    /// What a request says that a node run sends outside: that it belongs to that span.
    pub(crate) fn traceparent(&self, header: &Header, execution_index: u32) -> Option<String> {
        let tracing = self.tracing.as_ref()?;
        let origin = Origin::of(header, tracing.sample);
        Some(origin.at(span_of_run(header.id, execution_index)).to_string())
    }
}

/// What a child says of where it comes from: needed only where the trace isn't named after the family.
pub(crate) fn inherited(parent: &Header, execution_index: u32) -> Option<Str> {
    let given = parent.metadata.traceparent.as_deref().and_then(TraceParent::parse)?;
    let place = TraceParent { span_id: span_of_run(parent.id, execution_index), ..given };
    Some(place.to_string().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_standard_allows_is_a_place() {
        let (trace, span) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
        for (text, sampled) in [
            (format!("00-{trace}-{span}-01"), Some(true)),
            (format!("00-{trace}-{span}-00"), Some(false)),
            (format!("00-{trace}-{span}-ff"), Some(true)),
            (format!("cc-{trace}-{span}-01-what-comes"), Some(true)),
            (format!("00-{trace}-{span}-01-more"), None),
            (format!("ff-{trace}-{span}-01"), None),
            (format!("00-{}-{span}-01", trace.to_uppercase()), None),
            (format!("00-{trace}-{}-01", "0".repeat(16)), None),
            (format!("00-{}-{span}-01", "0".repeat(32)), None),
            (format!("00-{trace}-{span}-1"), None),
            (format!("00-{trace}-{span}"), None),
            (format!("00-{trace}-+0f067aa0ba902b7-01"), None),
            (String::new(), None),
            ("é".repeat(20), None),
        ] {
            assert_eq!(TraceParent::parse(&text).map(|place| place.sampled), sampled, "{text}");
        }
    }

    #[test]
    fn a_share_of_traces_is_kept() {
        let ids = (0..10_000u64).map(|place| u128::from(mixed(ExecutionId::NIL, place)));
        let kept = |sample: f64| ids.clone().filter(|id| is_kept(*id, sample)).count();
        assert_eq!((kept(0.0), kept(1.0), kept(7.0), kept(-1.0)), (0, 10_000, 10_000, 0));
        assert!((900..1_100).contains(&kept(0.1)), "{}", kept(0.1));
        // What is kept of few is kept of more.
        assert!(ids.clone().all(|id| !is_kept(id, 0.1) || is_kept(id, 0.5)));
    }

    #[test]
    fn each_place_has_a_span_of_its_own() {
        let id = ExecutionId(uuid::Uuid::from_u128(0x0198_0000_0000_7000_8000_0000_0000_0001));
        let mut all: Vec<u64> = (0..10_000).map(|index| span_of_run(id, index)).collect();
        all.push(span_of(id));
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 10_001);
    }
}
