//! The only place where decisions meet the world: drain the core, commit once, then act.

use std::sync::Arc;

use prana_core::document::Durability;
use prana_core::execution::Status;
use prana_core::executor::{EffectCall, HandleError, Input, Step};
use prana_core::record::{Change, Entry, NodeOutcome};
use prana_core::suspension::Suspension;
use prana_core::{ExecutionId, Timestamp};
use prana_store::{InboxItem, Release, StoreError, Target};
use tokio_util::sync::CancellationToken;

use crate::effects::{EffectRequest, attempt};
use crate::engine::Inner;
use crate::error::EngineError;
use crate::inbox::Message;
use crate::live::{Held, Live};
use crate::nudges::Driven;

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
        driven: Driven,
    ) -> Result<Stopped, EngineError> {
        let id = held.id;
        let mut live = fresh.or_else(|| self.parked.take(id)).map(Ok);
        loop {
            let next = match live.take() {
                Some(live) => live,
                None => self.restore(&held).await,
            };
            let error = match next {
                Ok(mut current) => {
                    current.epoch = current.epoch.max(held.epoch);
                    (held.is_fresh, held.recoveries) = (false, None);
                    match self.advance(&mut current, &driven).await {
                        Ok(Some(stopped)) => {
                            if matches!(stopped, Stopped::Suspended) && !self.store.retains_trail() {
                                self.parked.put(id, current);
                            }
                            return Ok(stopped);
                        }
                        // Asked to start over from what is stored.
                        Ok(None) => continue,
                        Err(error) => error,
                    }
                }
                Err(error) => error,
            };
            if let Some(stopped) = self.start_over(id, error).await? {
                return Ok(stopped);
            }
        }
    }

    /// What an error means for an execution: none if it starts over from what is stored.
    async fn start_over(&self, id: ExecutionId, error: EngineError) -> Result<Option<Stopped>, EngineError> {
        let stored = self.store.retains_trail();
        match error {
            EngineError::Store(StoreError::Conflict { .. } | StoreError::Answered { .. }) if stored => {
                Ok(None)
            }
            EngineError::Store(
                StoreError::Fenced { .. } | StoreError::Ended { .. } | StoreError::Unknown(_),
            )
            | EngineError::UnknownExecution(_) => Ok(Some(Stopped::Lost)),
            // Given up as it is: whoever comes next goes on from what is stored.
            EngineError::Store(error) if error.is_transient() && self.stopping() => {
                tracing::warn!(%id, %error, "the store is unavailable, and the process is shutting down");
                Ok(Some(Stopped::Lost))
            }
            EngineError::Store(error) if stored && self.is_worth_waiting(&error) => {
                tracing::warn!(%id, %error, "the store is unavailable; the execution goes on when it is back");
                self.pause().await;
                Ok(None)
            }
            error => Err(error),
        }
    }

    /// Drains, commits and acts, until the execution waits or ends. None: start over from the store.
    async fn advance(
        self: &Arc<Self>,
        live: &mut Live,
        driven: &Driven,
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
                    let may_wait = call.is_pure || live.durability() == Durability::OnSuspend;
                    if !may_wait || !self.store.retains_trail() {
                        self.commit(live, Release::Keep).await?;
                    }
                    self.hold_on(live).await?;
                    if live.executor.graph().open_run(call.execution_index).is_some() {
                        self.run_effect(live, *call, driven).await?;
                    }
                }
                Next::Suspended => {
                    let committed = self.commit(live, Release::Suspend).await?;
                    if !committed {
                        live.turn.handed_in.clear();
                        // Its timer may be due before anybody would look again.
                        if live.executor.graph().next_wake().is_some() {
                            self.wake.notify_one();
                        }
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
            self.hand_time(live).await?;
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
                        self.hand_time(live).await?;
                    }
                }
                Step::Run(call) => effect = Some(call),
                Step::StartChild(start) => {
                    self.start_child(live, *start).await?;
                    // A large family comes in several commits: those that are there already are not started again.
                    if live.is_full() && live.is_whole() && effect.is_none() && self.store.retains_trail() {
                        return Ok(Next::Turn);
                    }
                }
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

    /// A caller waits for what this turn says, and should not wait for all that follows.
    fn answers_with_more_to_do(&self, live: &Live) -> bool {
        live.turn.answer.is_some()
            && !live.executor.graph().state().ready.is_empty()
            && self.is_awaited(live.header.id)
    }

    fn has_due_wait(&self, live: &Live) -> bool {
        self.due_waits(live).next().is_some()
    }

    /// The runs whose wait is over by now.
    pub(crate) fn due_waits<'l>(&self, live: &'l Live) -> impl Iterator<Item = u32> + use<'l> {
        let now = self.clock.now();
        let open = live.executor.graph().open_runs().iter();
        let due = open.filter(move |run| {
            let due = run.suspension().and_then(Suspension::wait_till);
            due.is_some_and(|due| due <= now)
        });
        due.map(|run| run.execution_index)
    }

    /// Says what time it is: waits that are due end.
    async fn hand_time(self: &Arc<Self>, live: &mut Live) -> Result<(), EngineError> {
        if !self.store.retains_trail() {
            self.settle_timers(live).await?;
        }
        self.hand(live, Input::Time)
    }

    pub(crate) fn hand(&self, live: &mut Live, input: Input) -> Result<(), EngineError> {
        self.takes(live, input).map(drop)
    }

    /// Hands something in; false if there was nothing that it answers.
    fn takes(&self, live: &mut Live, input: Input) -> Result<bool, EngineError> {
        match live.executor.handle(input, self.clock.now()) {
            Ok(()) => Ok(true),
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
        driven: &Driven,
    ) -> Result<(), EngineError> {
        let execution_index = call.execution_index;
        let cancelled = CancellationToken::new();
        let request = EffectRequest {
            call,
            execution_id: live.header.id,
            workflow_id: live.header.workflow_id.to_string(),
            traceparent: self.traceparent(&live.header, execution_index),
            secrets: Arc::default(),
            cancelled: cancelled.clone(),
        };
        let graph = Arc::clone(live.executor.graph().compiled());
        let effect = attempt(Arc::clone(self), graph, request);
        tokio::pin!(effect);
        loop {
            let deadline = live.executor.deadline().unwrap_or(Timestamp::MAX);
            // In this order, so that one seed of a simulation is one history.
            tokio::select! {
                biased;
                result = &mut effect => {
                    let random = (self.clock.random() >> 11) as f64 / (1u64 << 53) as f64;
                    live.turn.has_result = true;
                    return self.hand(live, Input::Result { execution_index, result, random });
                }
                () = driven.heard() => match self.take_inbox(live).await {
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
