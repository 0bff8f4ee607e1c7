//! One turn becomes one delta; what follows from it follows after it is durable.

use std::sync::Arc;

use prana_core::record::Entry;
use prana_store::{Committed, Delta, Release, StoreError};

use crate::engine::Inner;
use crate::error::EngineError;
use crate::live::Live;
use crate::nudges::Driven;

impl Inner {
    /// Asks the store for what is in the inbox, by a commit that changes nothing.
    pub(crate) async fn take_inbox(self: &Arc<Self>, live: &mut Live) -> Result<(), EngineError> {
        let delta = Delta::new(live.header.id, live.epoch, live.next_sequence, self.clock.now());
        let committed = self.store.commit(delta).await?;
        self.hand_in(live, committed.inbox).map(|_| ())
    }

    /// Where no trail is kept, a turn can't be taken back: so the store is asked before a timer ends a wait. An answer that was first is
    /// handed in instead.
    pub(crate) async fn settle_timers(self: &Arc<Self>, live: &mut Live) -> Result<(), EngineError> {
        loop {
            let due: Vec<u32> =
                self.due_waits(live).filter(|index| live.stored_waits.contains(index)).collect();
            if due.is_empty() {
                return Ok(());
            }
            let now = self.clock.now();
            let empty = Delta::new(live.header.id, live.epoch, live.next_sequence, now);
            match self.commit_patiently(Delta { waits_closed: due.clone(), ..empty }).await {
                Ok(committed) => {
                    live.stored_waits.retain(|index| !due.contains(index));
                    self.hand_in(live, committed.inbox)?;
                }
                Err(EngineError::Store(StoreError::Answered { .. })) => self.take_inbox(live).await?,
                Err(error) => return Err(error),
            }
        }
    }

    /// Takes an entry into the current turn.
    pub(crate) fn record(&self, live: &mut Live, entry: Entry) -> Result<(), EngineError> {
        live.turn.recorded = entry.sequence;
        live.track_wait(&entry);
        live.note_answer(&entry);
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
        // From the moment they are stored as held by this worker, they count as advanced by it.
        let newborn = live.turn.born.iter().map(|held| held.id);
        let newborn = newborn.chain(delta.create.as_ref().map(|create| create.id));
        let _newborn: Vec<Driven> = newborn.map(|id| self.nudges.enter(id)).collect();
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

    pub(crate) fn tell_all(&self, live: &mut Live) {
        for entry in std::mem::take(&mut live.turn.entries) {
            self.tell(&live.header, &entry);
            self.trace(live.trace.as_deref_mut(), &live.header, live.executor.graph(), &entry);
        }
        if let Some(answer) = live.turn.answer.take() {
            self.answer_callers(live.header.id, &answer);
        }
    }

    /// The store is away for a while, and there is time.
    pub(crate) fn is_worth_waiting(&self, error: &StoreError) -> bool {
        if error.is_transient() {
            self.pulse.bad(error, self.clock.now());
        }
        error.is_transient() && !self.stopping()
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
