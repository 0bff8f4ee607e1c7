//! Answers of the store that were lost: whether what was asked for was done, and who goes on with it.
//!
//! A connection can break after the commit and before its answer. Under an epoch only its holder writes, so what the row says under that
//! epoch tells whether the commit was done.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use prana_core::ExecutionId;
use prana_store::{Committed, Delta, Filter, Release, Row, Scope, Slot, StoreError};

use crate::engine::Inner;
use crate::error::EngineError;
use crate::live::Held;

/// How many executions are looked through at a time.
const PAGE: usize = 1_000;

/// An execution that this process can't advance (another version may) is tried again after this many milliseconds.
const AGAIN_AFTER_MS: u64 = 60_000;

impl Inner {
    /// Commits, however long the store is away: nothing is acknowledged until then. What was done and not answered counts as done.
    pub(crate) async fn commit_patiently(&self, delta: Delta) -> Result<Committed, EngineError> {
        let mut in_doubt = false;
        loop {
            let error = match self.store.commit(delta.clone()).await {
                Ok(committed) => {
                    self.pulse.good();
                    return Ok(committed);
                }
                Err(error) => error,
            };
            if self.is_worth_waiting(&error) {
                in_doubt = true;
                tracing::warn!(execution = %delta.execution, %error, "the store is unavailable; trying again");
                self.pause().await;
            } else if in_doubt && !error.is_transient() {
                return self.done_before(&delta).await?.ok_or_else(|| error.into());
            } else {
                return Err(error.into());
            }
        }
    }

    /// What a commit would have answered whose answer was lost; none if it was not done.
    async fn done_before(&self, delta: &Delta) -> Result<Option<Committed>, EngineError> {
        loop {
            match self.look_for(delta).await {
                Err(error) if self.is_worth_waiting(&error) => self.pause().await,
                found => return Ok(found?),
            }
        }
    }

    async fn look_for(&self, delta: &Delta) -> Result<Option<Committed>, StoreError> {
        let Some(row) = self.store.execution(delta.execution).await? else { return Ok(None) };
        let was_done = match delta.entries.last() {
            // What another wrote has other bytes: at least its time.
            Some(last) if row.trail_kept => {
                self.store.trail(row.id, last.sequence, 1).await?.first() == Some(last)
            }
            _ => is_as_left_by(&row, delta),
        };
        // Whom it woke isn't known any more.
        self.nudges.all();
        let epoch = epoch_after(&row, delta);
        if was_done && delta.release == Release::Keep && row.epoch != epoch {
            // It was done, and then another took over: whoever goes on now would do so under the other's epoch.
            return Err(StoreError::Fenced { execution: row.id, epoch, current: row.epoch });
        }
        Ok(was_done.then(|| Committed {
            epoch,
            queued: row.slot == Slot::Queued,
            kept: row.claimed_by == Some(self.worker) && row.epoch == epoch && !row.status.is_ended(),
            woke: true,
            ..Committed::default()
        }))
    }

    /// The store failed while it did something that may have made this worker the holder of executions that it doesn't know of.
    pub(crate) fn doubt(&self, error: &StoreError) {
        if error.is_transient() {
            self.pulse.bad(error, self.clock.now());
            self.may_hold_unknown.store(true, Ordering::SeqCst);
            self.wake.notify_one();
        }
    }

    /// Goes on with what this worker holds and nobody in this process knows of. True if there was something.
    pub(crate) async fn take_unknown(self: &Arc<Self>) -> Result<bool, EngineError> {
        if !self.may_hold_unknown.swap(false, Ordering::SeqCst) {
            return Ok(false);
        }
        let found = self.find_unknown().await;
        if let Err(EngineError::Store(error)) = &found
            && error.is_transient()
        {
            // Looked for again with the next round, and not at once: the store is away.
            self.pulse.bad(error, self.clock.now());
            self.may_hold_unknown.store(true, Ordering::SeqCst);
        }
        let unknown = found?;
        let any = !unknown.is_empty();
        unknown.into_iter().for_each(|held| self.take_over(held));
        Ok(any)
    }

    async fn find_unknown(&self) -> Result<Vec<Held>, EngineError> {
        let filter = Filter { scope: Scope::HeldBy(self.worker), ..Filter::default() };
        let (mut unknown, mut after) = (Vec::new(), None);
        loop {
            let page = self.store.list(&filter, after, PAGE).await?;
            let rows = page.rows.iter().filter(|row| !self.nudges.has(row.id));
            unknown.extend(rows.map(|row| Held::new(row.id, row.epoch)));
            after = page.next;
            if after.is_none() {
                return Ok(unknown);
            }
        }
    }

    /// An execution that can't be advanced here is given up for a while: another worker, or this one later, may have what it needs.
    pub(crate) async fn give_up_for_now(&self, id: ExecutionId) {
        let given_up = async {
            let Some(row) = self.store.execution(id).await? else { return Ok(()) };
            if row.claimed_by != Some(self.worker) || !self.store.retains_trail() {
                return Ok(());
            }
            let now = self.clock.now();
            let release = Release::Ready { at: now.plus_millis(AGAIN_AFTER_MS) };
            let delta = Delta { release, ..Delta::new(id, row.epoch, row.next_sequence, now) };
            self.commit_patiently(delta).await.map(drop)
        };
        if let Err(error) = given_up.await {
            tracing::warn!(%id, %error, "the execution can't be given up; it is when this worker ends");
        }
    }
}

/// The epoch under which this delta leaves its execution.
fn epoch_after(row: &Row, delta: &Delta) -> u64 {
    if delta.create.is_some() { row.epoch.min(1) } else { delta.epoch }
}

/// Whether a row is as this delta leaves it, under the epoch of its holder: nobody else writes then.
fn is_as_left_by(row: &Row, delta: &Delta) -> bool {
    if row.epoch != epoch_after(row, delta) {
        return false;
    }
    match (delta.release, delta.entries.last()) {
        (Release::End { .. }, _) => row.status.is_ended(),
        (_, Some(last)) => row.next_sequence == last.sequence + 1,
        (Release::Suspend | Release::Ready { .. }, None) => row.claimed_by.is_none(),
        (Release::Keep, None) => delta.create.is_some(),
    }
}
