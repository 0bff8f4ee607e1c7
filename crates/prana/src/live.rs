//! An execution that this process advances, and what its current turn has changed so far.

use std::collections::HashSet;
use std::sync::Arc;

use prana_core::document::{Durability, Save};
use prana_core::execution::Header;
use prana_core::nodes::webhook_respond::Answer;
use prana_core::record::{Change, Entry, NodeOutcome};
use prana_core::suspension::Suspension;
use prana_core::{ExecutionId, GraphExecutor, Timestamp};
use prana_store::{Delta, InboxItem, NewExecution, NewItem, NewWait, Release, Takes};

use crate::codec::Encoder;
use crate::error::EngineError;
use crate::restore::Restored;
use crate::traces::Trace;

/// After this many entries and children, or bytes, a delta is committed as it stands.
const DELTA_ENTRIES: usize = 1_000;
const DELTA_BYTES: usize = 1 << 20;

/// A snapshot is taken after at least this many entries.
const SNAPSHOT_ENTRIES: usize = 200;

/// An execution that this process advances.
pub(crate) struct Live {
    pub header: Arc<Header>,
    pub executor: GraphExecutor,
    pub epoch: u64,
    /// The row's `next_sequence`.
    pub next_sequence: u64,
    /// The waits that the store knows to be open, by run.
    pub stored_waits: HashSet<u32>,
    /// It is not stored yet: its creation goes into the first commit.
    pub create: Option<NewExecution>,
    /// Entries and bytes since the newest snapshot, and the size of that.
    pub since_snapshot: SinceSnapshot,
    /// Items to hand in before anything else.
    pub inbox: Vec<InboxItem>,
    /// True if it was rebuilt: children that it asks for may exist.
    pub restored: bool,
    /// True if workers died with it: each node is committed, so that it shows which one kills them.
    pub careful: bool,
    /// The spans that are to be told of it.
    pub trace: Option<Box<Trace>>,
    pub turn: Turn,
}

/// An execution that this worker holds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Held {
    pub id: ExecutionId,
    pub epoch: u64,
    /// How often it was taken over from a dead worker since its newest entry, if it was this time.
    pub recoveries: Option<u32>,
    /// True until it was read for the first time: nobody has run it since its newest entry.
    pub is_fresh: bool,
}

impl Held {
    /// One that was claimed or born just now.
    pub fn new(id: ExecutionId, epoch: u64) -> Self {
        Held { id, epoch, recoveries: None, is_fresh: true }
    }
}

/// What a resume would have to read besides the newest snapshot.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct SinceSnapshot {
    pub entries: usize,
    pub bytes: usize,
    /// The size of that snapshot.
    pub size: usize,
}

/// What the current turn has changed so far.
#[derive(Default)]
pub(crate) struct Turn {
    pub encoder: Encoder,
    pub entries: Vec<Arc<Entry>>,
    pub stored: Vec<prana_store::StoredEntry>,
    pub bytes: usize,
    /// The newest entry that was taken in.
    pub recorded: u64,
    /// It holds what an effect gave: taken back, the effect would run again.
    pub has_result: bool,
    pub waits_closed: Vec<u32>,
    pub waits_dropped: Vec<u32>,
    pub waits_opened: Vec<NewWait>,
    pub consumed: Vec<prana_store::InboxId>,
    pub handed_in: HashSet<prana_store::InboxId>,
    pub children: Vec<NewExecution>,
    pub reports: Vec<NewItem>,
    pub born: Vec<Held>,
    /// What is told to the caller who waits for a webhook.
    pub answer: Option<Answer>,
}

impl Live {
    pub fn new(header: Arc<Header>, executor: GraphExecutor, epoch: u64, next_sequence: u64) -> Self {
        Live {
            header,
            executor,
            epoch,
            next_sequence,
            stored_waits: HashSet::new(),
            create: None,
            since_snapshot: SinceSnapshot::default(),
            inbox: Vec::new(),
            restored: false,
            careful: false,
            trace: None,
            turn: Turn { recorded: next_sequence.saturating_sub(1), ..Turn::default() },
        }
    }

    pub fn from_restored(restored: Restored, epoch: u64) -> Self {
        Live {
            stored_waits: restored.open_waits,
            inbox: restored.inbox,
            since_snapshot: restored.since_snapshot,
            restored: true,
            careful: restored.careful,
            trace: restored.trace,
            ..Live::new(restored.header, restored.executor, epoch, restored.next_sequence)
        }
    }

    /// True for an execution with `save: none` that ends before anything of it was stored, and that changes nothing else.
    pub fn leaves_no_trace(&self, save: Save) -> bool {
        save == Save::None
            && self.create.is_some()
            && self.turn.children.is_empty()
            && self.turn.reports.is_empty()
    }

    /// The header as bytes; what is large in it goes with the next commit.
    pub fn encode_header(&mut self) -> Result<Vec<u8>, EngineError> {
        self.turn.encoder.bytes(&*self.header)
    }

    /// Takes over entries that an earlier execution made, and the waits that they leave open.
    pub fn take_past(&mut self, entries: &[Entry]) -> Result<(), EngineError> {
        for entry in entries {
            let stored = self.turn.encoder.entry(entry)?;
            self.turn.stored.push(stored);
        }
        let open = self.executor.graph().open_runs().iter();
        let waits: Vec<(u32, Suspension)> =
            open.filter_map(|run| Some((run.execution_index, run.suspension()?.clone()))).collect();
        waits.iter().for_each(|(index, suspension)| self.open_wait(*index, suspension));
        Ok(())
    }

    /// Adds an execution to be created with the next commit.
    pub fn add_child_row(&mut self, new: NewExecution) {
        self.turn.bytes += new.header.len();
        self.turn.children.push(new);
    }

    /// True if the turn holds as much as one commit should.
    pub fn is_full(&self) -> bool {
        self.turn.stored.len() + self.turn.children.len() >= DELTA_ENTRIES || self.turn.bytes >= DELTA_BYTES
    }

    /// True if everything that the inputs so far changed was taken in.
    pub fn is_whole(&self) -> bool {
        self.turn.recorded == self.executor.graph().state().sequence
    }

    pub fn durability(&self) -> Durability {
        self.executor.graph().compiled().settings.durability
    }

    /// Keeps the waits of the store in step with the records.
    pub fn track_wait(&mut self, entry: &Entry) {
        let Change::Node(change) = &entry.change else { return };
        let index = change.execution_index;
        match &change.outcome {
            Some(NodeOutcome::Suspended(suspension)) => self.open_wait(index, suspension),
            Some(NodeOutcome::AttemptFailed { wait_till: Some(wait_till), .. }) => {
                self.open_wait(index, &Suspension::Retry { wait_till: *wait_till });
            }
            Some(NodeOutcome::Resumed(_)) => self.close_wait(index, false),
            Some(NodeOutcome::Skipped { .. }) => self.close_wait(index, true),
            _ => {}
        }
    }

    fn open_wait(&mut self, index: u32, suspension: &Suspension) {
        // The run may have ended again within the same step; then its place in the graph is gone and nothing waits.
        let graph = self.executor.graph();
        let Some(run) = graph.open_run(index) else { return };
        self.turn.waits_opened.push(NewWait {
            execution_index: index,
            node_key: Arc::from(&*graph.compiled().node(run.node).key),
            loop_path: Arc::from(run.loop_path.to_string()),
            run_index: run.run_index,
            kind: 0,
            takes: match suspension {
                Suspension::Webhook { .. }
                | Suspension::Decision { .. }
                | Suspension::Interval { .. }
                | Suspension::Schedule { .. } => Takes::Answer,
                Suspension::SubWorkflow { .. } => Takes::Reports,
                Suspension::Retry { .. } => Takes::Nothing,
            },
            wake_at: suspension.wait_till(),
        });
    }

    fn close_wait(&mut self, index: u32, dropped: bool) {
        let opened = &mut self.turn.waits_opened;
        if let Some(position) = opened.iter().position(|wait| wait.execution_index == index) {
            opened.remove(position);
        } else if self.stored_waits.contains(&index) && !self.turn.waits_closed.contains(&index) {
            match dropped {
                true => self.turn.waits_dropped.push(index),
                false => self.turn.waits_closed.push(index),
            }
        }
    }

    /// Now and then the state is kept, so that a resume reads little. Rarely enough that it costs less than the entries themselves.
    pub fn add_snapshot(&mut self, delta: &mut Delta) -> Result<(), EngineError> {
        let since = &mut self.since_snapshot;
        since.entries += delta.entries.len();
        since.bytes += delta.entries.iter().map(|entry| entry.bytes.len()).sum::<usize>();
        let graph = self.executor.graph();
        let current = delta.entries.last().is_some_and(|entry| entry.sequence == graph.state().sequence);
        let ended = matches!(delta.release, Release::End { .. });
        if since.entries < SNAPSHOT_ENTRIES || since.bytes < since.size || !current || ended {
            return Ok(());
        }
        let bytes = self.turn.encoder.bytes(&graph.snapshot())?;
        delta.payloads.extend(self.turn.encoder.take_payloads());
        *since = SinceSnapshot { size: bytes.len(), ..SinceSnapshot::default() };
        delta.snapshot = Some(prana_store::Snapshot { next_sequence: graph.state().sequence + 1, bytes });
        Ok(())
    }

    pub fn take_delta(&mut self, at: Timestamp, release: Release) -> Delta {
        let turn = &mut self.turn;
        turn.bytes = 0;
        turn.has_result = false;
        let mut delta = Delta::new(self.header.id, self.epoch, self.next_sequence, at);
        delta.entries = std::mem::take(&mut turn.stored);
        delta.payloads = turn.encoder.take_payloads();
        delta.waits_closed = std::mem::take(&mut turn.waits_closed);
        delta.waits_dropped = std::mem::take(&mut turn.waits_dropped);
        delta.waits_opened = std::mem::take(&mut turn.waits_opened);
        delta.inbox_consumed = std::mem::take(&mut turn.consumed);
        delta.children = std::mem::take(&mut turn.children);
        delta.reports = std::mem::take(&mut turn.reports);
        delta.release = release;
        delta.summary = self.end_reason(release);
        delta.create = self.create.take();
        delta
    }
}
