//! The only place where decisions meet the world: drain the core, commit once, then act.

use std::sync::Arc;

use prana_core::Timestamp;
use prana_core::document::Durability;
use prana_core::execution::Status;
use prana_core::executor::{EffectCall, HandleError, Input, Step};
use prana_core::record::{Change, Entry, NodeOutcome};
use prana_store::{InboxItem, Release, StoreError, Target};
use tokio_util::sync::CancellationToken;

use crate::effects::{EffectRequest, attempt};
use crate::engine::Inner;
use crate::error::EngineError;
use crate::inbox::Message;
use crate::live::{Held, Live};
use crate::nudges::Nudges;

/// After this many entries or bytes a delta is committed as it stands.
const DELTA_ENTRIES: usize = 1_000;
const DELTA_BYTES: usize = 1 << 20;

/// After this many steps without a commit other executions get a turn.
const STEPS_PER_TURN: usize = 256;

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
        mut held: Held,
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
            (held.is_fresh, held.recoveries) = (false, None);
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
                        live.turn.handed_in.clear();
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
        // What was recorded behind it goes into the same commit.
        let mut effect = None;
        loop {
            if result_first && live.executor.is_at_rest() {
                return Ok(Next::Turn);
            }
            if self.stopping() && self.store.retains_trail() && live.executor.is_at_rest() {
                return Ok(Next::Release);
            }
            let Some(step) = live.executor.next() else {
                if let Some(call) = effect {
                    return Ok(Next::Effect(call));
                }
                let waits = live.executor.status() == Status::Suspended;
                return Ok(if waits { Next::Suspended } else { Next::Idle });
            };
            match step {
                Step::Record(entry) => {
                    let node_ended = is_node_end(&entry);
                    // What one input changed is never torn apart: an answer that was taken and not yet used would be lost in a crash.
                    let whole = entry.sequence == live.executor.graph().state().sequence;
                    self.record(live, entry)?;
                    steps += 1;
                    let each = self.options.restart_every_step
                        || live.careful
                        || live.durability() == Durability::EveryNode;
                    let full = live.is_full();
                    // What one input changed is never torn apart: an answer that was taken and not yet used would be lost in a crash.
                    let goes_on =
                        live.is_whole() && effect.is_none() && live.executor.status() == Status::Running;
                    let answers = goes_on && self.answers_with_more_to_do(live);
                    if goes_on && (full || answers || (each && node_ended) || steps >= STEPS_PER_TURN) {
                        if full || answers || each {
                            return Ok(Next::Turn);
                        }
                        steps = 0;
                        tokio::task::yield_now().await;
                        if !self.store.retains_trail() {
                            self.turn_without_commit(live).await?;
                        }
                        self.hand(live, Input::Time)?;
                    }
                }
                Step::Run(call) => effect = Some(call),
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

    /// Where nothing is kept, a long stretch has no commits: what they bring along happens here.
    async fn turn_without_commit(self: &Arc<Self>, live: &mut Live) -> Result<(), EngineError> {
        self.tell_all(live);
        match live.create {
            Some(_) => Ok(()),
            None => self.take_inbox(live).await,
        }
    }

    fn has_due_wait(&self, live: &Live) -> bool {
        let now = self.clock.now();
        let mut waits =
            live.executor.graph().open_runs().iter().filter_map(|run| run.suspension()?.wait_till());
        waits.any(|due| due <= now)
    }

    pub(crate) fn hand(&self, live: &mut Live, input: Input) -> Result<(), EngineError> {
        self.takes(live, input).map(drop)
    }

    /// Hands something in; false if there was nothing that it answers.
    fn takes(&self, live: &mut Live, input: Input) -> Result<bool, EngineError> {
        match live.executor.handle(input, self.clock.now()) {
            Ok(()) => Ok(true),
    /// A caller waits for what this turn says, and should not wait for all that follows.
    fn answers_with_more_to_do(&self, live: &Live) -> bool {
        live.turn.answer.is_some()
            && !live.executor.graph().state().ready.is_empty()
            && self.is_awaited(live.header.id)
    }

            Err(HandleError::NotSuspended { .. }) => Ok(false),
            Err(HandleError::Mismatch(mismatch)) => Err(EngineError::damaged(mismatch)),
        }
    }

    /// Hands items of the inbox in, each once.
    pub(crate) fn hand_in(&self, live: &mut Live, items: Vec<InboxItem>) -> Result<bool, EngineError> {
        let mut any = false;
        for item in items {
            if !live.turn.handed_in.insert(item.id) {
                continue;
            }
            any = true;
            let input = Message::input(&item)?;
            // An answer that the core takes no more, because a timer was first here, stays: the store says which was first.
            let refused = match input {
                Some(input @ Input::Resume { .. }) => !self.takes(live, input)?,
                Some(input) => {
                    self.hand(live, input)?;
                    false
                }
                None => false,
            };
            if !refused {
                live.turn.consumed.push(item.id);
            }
        }
        Ok(any)
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
            secrets: Arc::default(),
            cancelled: cancelled.clone(),
        };
        let mentioned = live.executor.graph().compiled().secrets.clone();
        let effect = attempt(Arc::clone(self), mentioned, request);
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
}

fn is_node_end(entry: &Entry) -> bool {
    matches!(&entry.change, Change::Node(change) if matches!(change.outcome, Some(NodeOutcome::Completed(_) | NodeOutcome::Failed(_))))
}
