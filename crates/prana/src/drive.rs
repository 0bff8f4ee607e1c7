//! The only place where decisions meet the world: drain the core, commit once, then act.

use std::collections::HashSet;
use std::sync::Arc;

use prana_core::document::{Durability, Save};
use prana_core::execution::{Header, ParentRef, Status};
use prana_core::executor::{ChildStart, EffectCall, HandleError, Input, Step};
use prana_core::record::{Change, Entry, NodeOutcome};
use prana_core::suspension::{ChildEnd, ExecutionMode, Suspension};
use prana_core::{ErrorValue, ExecutionId, GraphExecutor, Timestamp};
use prana_store::{
    Committed, Delta, InboxItem, NewExecution, NewItem, NewWait, Release, Start, StoreError, Takes, Target,
};
use tokio_util::sync::CancellationToken;

use crate::codec::Encoder;
use crate::effects::{EffectRequest, attempt};
use crate::engine::{Inner, Nudges};
use crate::error::EngineError;
use crate::inbox::Message;
use crate::restore::Restored;

/// After this many entries or bytes a delta is committed as it stands.
const DELTA_ENTRIES: usize = 1_000;
const DELTA_BYTES: usize = 1 << 20;

/// A snapshot is taken after at least this many entries.
const SNAPSHOT_ENTRIES: usize = 200;

/// After this many steps without a commit other executions get a turn.
const STEPS_PER_TURN: usize = 256;

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
    pub turn: Turn,
}

/// An execution that this worker holds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Held {
    pub id: ExecutionId,
    pub epoch: u64,
    /// How often it was taken over from a dead worker since its newest entry, if it was this time.
    pub recoveries: Option<u32>,
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
    encoder: Encoder,
    entries: Vec<Arc<Entry>>,
    stored: Vec<prana_store::StoredEntry>,
    bytes: usize,
    /// It holds what an effect gave: taken back, the effect would run again.
    has_result: bool,
    waits_closed: Vec<u32>,
    waits_dropped: Vec<u32>,
    waits_opened: Vec<NewWait>,
    consumed: Vec<prana_store::InboxId>,
    handed_in: HashSet<prana_store::InboxId>,
    children: Vec<NewExecution>,
    reports: Vec<NewItem>,
    born: Vec<Held>,
}

/// Why the driver stopped.
pub(crate) enum Stopped {
    /// It waits, and was given up.
    Suspended,
    /// It is over.
    Ended,
    /// Another worker has it.
    Lost,
    /// The process is shutting down; it was given up.
    Released,
}

enum Next {
    Effect(Box<EffectCall>),
    Suspended,
    Ended(Status),
    Turn,
    /// The process is shutting down, and nothing is under way.
    Release,
    Idle,
}

impl Inner {
    /// Advances an execution that this worker has claimed until it waits or ends.
    pub(crate) async fn drive(
        self: &Arc<Self>,
        held: Held,
        fresh: Option<Live>,
    ) -> Result<Stopped, EngineError> {
        let id = held.id;
        let nudge = self.nudges.enter(id);
        let mut live = fresh.or_else(|| self.parked.take(id)).map(Ok);
        let result = loop {
            let next = match live.take() {
                Some(live) => live,
                None => self.restore(&held).await,
            };
            let mut current = match next {
                Ok(current) => current,
                Err(error) => break Err(error),
            };
            current.epoch = current.epoch.max(held.epoch);
            match self.advance(&mut current, &nudge).await {
                Ok(Some(stopped)) => {
                    if matches!(stopped, Stopped::Suspended) && !self.store.retains_trail() {
                        self.parked.put(id, current);
                    }
                    break Ok(stopped);
                }
                // Asked to start over from what is stored.
                Ok(None) => {}
                Err(EngineError::Store(StoreError::Conflict { .. } | StoreError::Answered { .. })) => {}
                Err(EngineError::Store(
                    StoreError::Fenced { .. } | StoreError::Ended { .. } | StoreError::Unknown(_),
                )) => break Ok(Stopped::Lost),
                // Given up as it is: whoever comes next goes on from what is stored.
                Err(EngineError::Store(error)) if error.is_transient() && self.stopping() => {
                    tracing::warn!(%id, %error, "the store is unavailable, and the process is shutting down");
                    break Ok(Stopped::Lost);
                }
                Err(EngineError::Store(error)) if error.is_transient() => {
                    tracing::warn!(%id, %error, "the store is unavailable; the execution goes on when it is back");
                    self.pause().await;
                }
                Err(error) => break Err(error),
            }
        };
        self.nudges.leave(id);
        result
    }

    /// Drains, commits and acts, until the execution waits or ends. None: start over from the store.
    async fn advance(
        self: &Arc<Self>,
        live: &mut Live,
        nudge: &Nudges,
    ) -> Result<Option<Stopped>, EngineError> {
        let waiting = std::mem::take(&mut live.inbox);
        self.hand_in(live, waiting)?;
        if !self.store.retains_trail() && live.create.is_none() {
            self.take_inbox(live).await?;
        }
        loop {
            match self.drain(live).await? {
                Next::Turn => {
                    self.commit(live, Release::Keep).await?;
                    if self.options.restart_every_step {
                        return Ok(None);
                    }
                    tokio::task::yield_now().await;
                }
                Next::Effect(call) => {
                    if live.durability() != Durability::OnSuspend || !self.store.retains_trail() {
                        self.commit(live, Release::Keep).await?;
                    }
                    if live.executor.graph().open_run(call.execution_index).is_some() {
                        self.run_effect(live, *call, nudge).await?;
                    }
                }
                Next::Suspended => {
                    let committed = self.commit(live, Release::Suspend).await?;
                    if !committed {
                        self.finish_turn(live).await;
                        return Ok(Some(Stopped::Suspended));
                    }
                }
                Next::Ended(status) => {
                    self.end(live, status).await?;
                    return Ok(Some(Stopped::Ended));
                }
                Next::Release => {
                    let at = self.clock.now();
                    self.commit(live, Release::Ready { at }).await?;
                    return Ok(Some(Stopped::Released));
                }
                Next::Idle => return Err(EngineError::damaged("the execution neither runs, waits nor ends")),
            }
        }
    }

    /// Takes what the core has to say, until something must be committed.
    async fn drain(self: &Arc<Self>, live: &mut Live) -> Result<Next, EngineError> {
        let mut steps = 0;
        // An answer that came before a timer takes the turn back that ends the wait by the timer. So what an effect gave is committed first.
        let result_first = live.turn.has_result && self.has_due_wait(live);
        if !result_first {
            self.hand(live, Input::Time)?;
        }
        loop {
            if result_first && live.executor.is_at_rest() {
                return Ok(Next::Turn);
            }
            if self.stopping() && self.store.retains_trail() && live.executor.is_at_rest() {
                return Ok(Next::Release);
            }
            let Some(step) = live.executor.next() else {
                let waits = live.executor.status() == Status::Suspended;
                return Ok(if waits { Next::Suspended } else { Next::Idle });
            };
            match step {
                Step::Record(entry) => {
                    let node_ended = is_node_end(&entry);
                    self.record(live, entry)?;
                    steps += 1;
                    let each = self.options.restart_every_step || live.durability() == Durability::EveryNode;
                    let full = live.turn.stored.len() >= DELTA_ENTRIES || live.turn.bytes >= DELTA_BYTES;
                    let suspends = live.executor.status() != Status::Running;
                    if !suspends && (full || (each && node_ended) || steps >= STEPS_PER_TURN) {
                        if full || each {
                            return Ok(Next::Turn);
                        }
                        steps = 0;
                        tokio::task::yield_now().await;
                        if !self.store.retains_trail() && live.create.is_none() {
                            // Without commits nobody else brings what others sent, a cancellation for instance.
                            self.take_inbox(live).await?;
                        }
                        self.hand(live, Input::Time)?;
                    }
                }
                Step::Run(call) => return Ok(Next::Effect(call)),
                Step::StartChild(start) => self.start_child(live, *start).await?,
                Step::CancelRun { children, .. } => {
                    for place in children {
                        let child = self.child_id(&place);
                        let reason = "the execution that waited for it needs it no more".into();
                        let item = Message::Cancel { reason }.to(
                            child,
                            Target::Execution,
                            None,
                            self.clock.now(),
                        )?;
                        live.turn.reports.push(item);
                    }
                }
                Step::Suspended => return Ok(Next::Suspended),
                Step::Ended(status) => return Ok(Next::Ended(status)),
            }
        }
    }

    fn has_due_wait(&self, live: &Live) -> bool {
        let now = self.clock.now();
        let mut waits =
            live.executor.graph().open_runs().iter().filter_map(|run| run.suspension()?.wait_till());
        waits.any(|due| due <= now)
    }

    fn hand(&self, live: &mut Live, input: Input) -> Result<(), EngineError> {
        match live.executor.handle(input, self.clock.now()) {
            Ok(()) | Err(HandleError::NotSuspended { .. }) => Ok(()),
            Err(HandleError::Mismatch(mismatch)) => Err(EngineError::damaged(mismatch)),
        }
    }

    /// Hands items of the inbox in, each once.
    fn hand_in(&self, live: &mut Live, items: Vec<InboxItem>) -> Result<bool, EngineError> {
        let mut any = false;
        for item in items {
            if !live.turn.handed_in.insert(item.id) {
                continue;
            }
            any = true;
            live.turn.consumed.push(item.id);
            if let Some(input) = Message::input(&item)? {
                self.hand(live, input)?;
            }
        }
        Ok(any)
    }

    /// Asks the store for what is in the inbox, by a commit that changes nothing.
    async fn take_inbox(self: &Arc<Self>, live: &mut Live) -> Result<(), EngineError> {
        let delta = Delta::new(live.header.id, live.epoch, live.next_sequence, self.clock.now());
        let committed = self.store.commit(delta).await?;
        self.hand_in(live, committed.inbox).map(|_| ())
    }

    /// Takes an entry into the current turn.
    fn record(&self, live: &mut Live, entry: Entry) -> Result<(), EngineError> {
        live.track_wait(&entry);
        if self.store.retains_trail() {
            let stored = live.turn.encoder.entry(&entry)?;
            live.turn.bytes += stored.bytes.len();
            live.turn.stored.push(stored);
        }
        if self.listens() {
            live.turn.entries.push(Arc::new(entry));
        }
        Ok(())
    }

    /// Commits the turn. True if the claim was kept.
    pub(crate) async fn commit(
        self: &Arc<Self>,
        live: &mut Live,
        release: Release,
    ) -> Result<bool, EngineError> {
        let mut delta = live.take_delta(self.clock.now(), release);
        live.add_snapshot(&mut delta)?;
        let changes = !is_empty(&delta);
        if !changes && !self.store.retains_trail() {
            // Nothing is kept, so nothing is to wait for: those who listen hear it now.
            self.tell_all(live);
            return Ok(true);
        }
        let next_sequence = delta.entries.last().map(|entry| entry.sequence + 1);
        let opened: Vec<u32> = delta.waits_opened.iter().map(|wait| wait.execution_index).collect();
        let gone: Vec<u32> = delta.waits_closed.iter().chain(&delta.waits_dropped).copied().collect();
        self.reach(CommitPoint::Before).await;
        let committed = self.commit_patiently(delta).await?;
        self.reach(CommitPoint::After).await;
        live.next_sequence = next_sequence.unwrap_or(live.next_sequence);
        live.epoch = committed.epoch;
        gone.iter().for_each(|index| {
            live.stored_waits.remove(index);
        });
        live.stored_waits.extend(opened);
        self.committed(live, &committed).await;
        let kept = committed.kept;
        self.hand_in(live, committed.inbox)?;
        Ok(kept)
    }

    /// What follows a commit: events go out, children begin, others wake.
    async fn committed(self: &Arc<Self>, live: &mut Live, committed: &Committed) {
        self.tell_all(live);
        for child in std::mem::take(&mut live.turn.born) {
            self.take_over(child);
        }
        for delivered in &committed.delivered {
            if let prana_store::Delivered::Resumed { owner: Some(_), .. } = delivered {
                self.nudges.all();
            }
        }
        if committed.woke {
            self.wake.notify_one();
        }
    }

    fn tell_all(&self, live: &mut Live) {
        for entry in std::mem::take(&mut live.turn.entries) {
            self.tell(&live.header, &entry);
        }
    }

    /// A store that is away for a while comes back: nothing is acknowledged until then.
    async fn commit_patiently(&self, delta: Delta) -> Result<Committed, EngineError> {
        loop {
            match self.store.commit(delta.clone()).await {
                Err(error) if self.is_worth_waiting(&error) => {
                    tracing::warn!(execution = %delta.execution, %error, "the store is unavailable; trying again");
                    self.pause().await;
                }
                other => return Ok(other?),
            }
        }
    }

    async fn finish_turn(self: &Arc<Self>, live: &mut Live) {
        live.turn.handed_in.clear();
    }

    /// Runs an effect, while listening for what makes its result unneeded.
    async fn run_effect(
        self: &Arc<Self>,
        live: &mut Live,
        call: EffectCall,
        nudge: &Nudges,
    ) -> Result<(), EngineError> {
        let execution_index = call.execution_index;
        let cancelled = CancellationToken::new();
        let request = EffectRequest {
            call,
            execution_id: live.header.id,
            workflow_id: live.header.workflow_id.to_string(),
            cancelled: cancelled.clone(),
        };
        let effect = attempt(Arc::clone(&self.effects), request);
        tokio::pin!(effect);
        loop {
            let deadline = live.executor.deadline().unwrap_or(Timestamp::MAX);
            tokio::select! {
                result = &mut effect => {
                    let random = (self.clock.random() >> 11) as f64 / (1u64 << 53) as f64;
                    live.turn.has_result = true;
                    return self.hand(live, Input::Result { execution_index, result, random });
                }
                () = nudge.heard(live.header.id) => match self.take_inbox(live).await {
                    // The effect goes on; the next commit brings what is in the inbox.
                    Err(EngineError::Store(error)) if error.is_transient() => {}
                    taken => taken?,
                },
                () = self.clock.sleep_until(deadline) => self.hand(live, Input::Time)?,
            }
            if live.executor.graph().open_run(execution_index).is_none() {
                cancelled.cancel();
                return Ok(());
            }
        }
    }

    /// The execution is over: its end, its report to a parent and its error workflow are one commit.
    async fn end(self: &Arc<Self>, live: &mut Live, status: Status) -> Result<(), EngineError> {
        if let Some(report) = self.report(live, status)? {
            live.turn.reports.push(report);
        }
        if status == Status::Failed || status == Status::Timeout {
            loop {
                match self.start_error_workflow(live, status).await {
                    Err(EngineError::Store(error)) if self.is_worth_waiting(&error) => self.pause().await,
                    started => break started?,
                }
            }
        }
        let save = live.executor.graph().compiled().settings.save;
        let keep_trail = match save {
            Save::All => true,
            Save::Failed => status != Status::Completed,
            Save::None => false,
        };
        if live.leaves_no_trace(save) {
            self.forget_unwritten(live);
        } else {
            self.commit(live, Release::End { status: stored_status(status), keep_trail }).await?;
        }
        self.ended(live, status);
        Ok(())
    }

    /// An execution that nobody has heard of, and that nothing is to be kept of, is never written: only listeners are told.
    fn forget_unwritten(&self, live: &mut Live) {
        for entry in std::mem::take(&mut live.turn.entries) {
            self.tell(&live.header, &entry);
        }
    }

    fn report(&self, live: &Live, status: Status) -> Result<Option<NewItem>, EngineError> {
        let header = &live.header;
        let (Some(parent), Some(place)) = (header.parent_execution_id, header.metadata.parent) else {
            return Ok(None);
        };
        if header.execution_mode == ExecutionMode::FireAndForget {
            return Ok(None);
        }
        let graph = live.executor.graph();
        let end = ChildEnd {
            execution_index: place.execution_index,
            item: place.item,
            execution_id: header.id,
            status,
            output: graph.output(),
            error: graph.state().error.clone(),
        };
        let dedupe = Some(Arc::from(header.id.to_string()));
        let target = Target::Report(place.execution_index);
        Ok(Some(Message::ChildEnded(end).to(parent, target, dedupe, self.clock.now())?))
    }

    /// Adds a child to the turn; one that can't be started has ended at once, with the reason.
    async fn start_child(self: &Arc<Self>, live: &mut Live, start: ChildStart) -> Result<(), EngineError> {
        let id = self.child_id(&start.place);
        let (execution_index, item) = (start.execution_index, start.item);
        let exists = live.restored && self.exists(id).await?;
        if !exists && let Err(error) = self.add_child(live, id, start.clone()).await? {
            let end = ChildEnd {
                execution_index,
                item,
                execution_id: id,
                status: Status::Failed,
                output: prana_template::Value::Null,
                error: Some(error),
            };
            return self.hand(live, Input::ChildEnded(end));
        }
        if start.execution_mode == ExecutionMode::FireAndForget {
            return self.hand(live, Input::ChildStarted { execution_index, item, execution_id: id });
        }
        Ok(())
    }

    /// Asks until the store answers: what the turn holds must not be lost.
    async fn exists(&self, id: ExecutionId) -> Result<bool, EngineError> {
        loop {
            match self.store.execution(id).await {
                Err(error) if self.is_worth_waiting(&error) => self.pause().await,
                answer => return Ok(answer?.is_some()),
            }
        }
    }

    /// The store is away for a while, and there is time.
    fn is_worth_waiting(&self, error: &StoreError) -> bool {
        error.is_transient() && !self.stopping()
    }

    async fn add_child(
        self: &Arc<Self>,
        live: &mut Live,
        id: ExecutionId,
        start: ChildStart,
    ) -> Result<Result<(), ErrorValue>, EngineError> {
        let parent = &live.header;
        let place = ParentRef { execution_index: start.execution_index, item: start.item };
        let mut header = loop {
            match self.child_header(parent, id, &start, place).await {
                Ok(header) => break header,
                Err(EngineError::Store(error)) if self.is_worth_waiting(&error) => self.pause().await,
                Err(error @ (EngineError::Store(_) | EngineError::Damaged(_))) => return Err(error),
                Err(error) => {
                    return Ok(Err(ErrorValue::new(error.code(), error.to_string()).not_retryable()));
                }
            }
        };
        header.metadata.timeout_ms = start.timeout_ms;
        let runs_here = start.execution_mode == ExecutionMode::Sync;
        let now = self.clock.now();
        let begin = match runs_here {
            true => Start::Claimed(self.holder(now)),
            false => Start::Ready { at: now.plus_millis(start.delay_ms) },
        };
        let new = NewExecution {
            mode: start.execution_mode as u8,
            header: live.turn.encoder.bytes(&header)?,
            ..NewExecution::new(id, &*header.workflow_id, header.workflow_version, now, begin)
        };
        let new = match start.execution_mode {
            ExecutionMode::FireAndForget => new,
            _ => new.child_of(parent.id, parent.root_execution_id),
        };
        if runs_here {
            live.turn.born.push(Held { id, epoch: 1, recoveries: None });
        }
        live.turn.children.push(new);
        Ok(Ok(()))
    }
}

/// Where a test may stop the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommitPoint {
    /// A delta is about to be committed.
    Before,
    /// It is durable, and nothing has followed from it.
    After,
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
            turn: Turn::default(),
        }
    }

    pub fn from_restored(restored: Restored, epoch: u64) -> Self {
        Live {
            stored_waits: restored.open_waits,
            inbox: restored.inbox,
            since_snapshot: restored.since_snapshot,
            restored: true,
            ..Live::new(restored.header, restored.executor, epoch, restored.next_sequence)
        }
    }

    /// True for an execution with `save: none` that ends before anything of it was stored, and that changes nothing else.
    fn leaves_no_trace(&self, save: Save) -> bool {
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
        self.turn.children.push(new);
    }

    fn durability(&self) -> Durability {
        self.executor.graph().compiled().settings.durability
    }

    /// Keeps the waits of the store in step with the records.
    fn track_wait(&mut self, entry: &Entry) {
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
                | Suspension::Decision
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
    fn add_snapshot(&mut self, delta: &mut Delta) -> Result<(), EngineError> {
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

    fn take_delta(&mut self, at: Timestamp, release: Release) -> Delta {
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
        delta.create = self.create.take();
        delta
    }
}

fn is_empty(delta: &Delta) -> bool {
    delta.create.is_none()
        && delta.release == Release::Keep
        && delta.entries.is_empty()
        && delta.waits_closed.is_empty()
        && delta.waits_dropped.is_empty()
        && delta.waits_opened.is_empty()
        && delta.inbox_consumed.is_empty()
        && delta.children.is_empty()
        && delta.reports.is_empty()
}

fn is_node_end(entry: &Entry) -> bool {
    matches!(&entry.change, Change::Node(change) if matches!(change.outcome, Some(NodeOutcome::Completed(_) | NodeOutcome::Failed(_))))
}

pub(crate) fn stored_status(status: Status) -> prana_store::Status {
    match status {
        Status::Pending => prana_store::Status::Pending,
        Status::Running => prana_store::Status::Running,
        Status::Suspended => prana_store::Status::Suspended,
        Status::Completed => prana_store::Status::Completed,
        Status::Failed => prana_store::Status::Failed,
        Status::Cancelled => prana_store::Status::Cancelled,
        Status::Timeout => prana_store::Status::Timeout,
    }
}
