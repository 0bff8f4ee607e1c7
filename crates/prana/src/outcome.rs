//! How executions ended, and who is told.

use std::collections::BTreeSet;

use prana_core::execution::Status;
use prana_core::record::{Change, Entry, ExecutionChange, NodeOutcome};
use prana_core::{ErrorValue, ExecutionId};
use prana_store::Row;
use prana_template::Value;

use crate::codec::Decoder;
use crate::engine::{Engine, Inner, Outcome};
use crate::error::EngineError;
use crate::live::Live;
use crate::nudges::locked;

/// How many entries are read at first, from the end of the trail; then twice as many, and so on.
const FIRST_LOOK: u64 = 32;

/// How many executions that others may have ended are asked after in one round.
const ASKED_AT_ONCE: usize = 256;

impl Engine {
    /// Where an execution is, with the output of the node that completed last and the error that ended it. Only the end of its trail is
    /// read, however long it is.
    ///
    /// # Errors
    /// [`EngineError::UnknownExecution`], or what the store says.
    pub async fn outcome(&self, id: ExecutionId) -> Result<Outcome, EngineError> {
        self.inner.outcome(id).await
    }
}

/// What is found, from the end of the trail on.
#[derive(Default)]
struct Found {
    output: Option<Value>,
    error: Option<ErrorValue>,
}

impl Found {
    fn look_at(&mut self, entry: &Entry) {
        match &entry.change {
            Change::Execution(ExecutionChange::Ended { reason: Some(reason), .. }) => {
                self.error.get_or_insert_with(|| ErrorValue::clone(reason));
            }
            Change::Execution(_) => {}
            Change::Node(change) => match &change.outcome {
                Some(NodeOutcome::Completed(completed)) => {
                    self.output.get_or_insert_with(|| completed.output.clone());
                }
                Some(NodeOutcome::Failed(error)) => {
                    self.error.get_or_insert_with(|| ErrorValue::clone(error));
                }
                _ => {}
            },
        }
    }
}

impl Inner {
    pub(crate) async fn outcome(&self, id: ExecutionId) -> Result<Outcome, EngineError> {
        let row = self.store.execution(id).await?.ok_or(EngineError::UnknownExecution(id))?;
        let status = status_of(row.status);
        let has_error = status.is_ended() && status != Status::Completed;
        let (mut found, mut decoder) = (Found::default(), Decoder::default());
        let (mut end, mut width) = (row.next_sequence, FIRST_LOOK);
        while end > 0 && (found.output.is_none() || (has_error && found.error.is_none())) {
            let from = end.saturating_sub(width);
            let entries = self.entries_between(&row, from, end, &mut decoder).await?;
            if entries.is_empty() {
                break;
            }
            entries.iter().rev().for_each(|entry| found.look_at(entry));
            (end, width) = (from, width * 2);
        }
        let error = found.error.filter(|_| has_error);
        Ok(Outcome { id, status, output: found.output.unwrap_or_default(), error })
    }

    async fn entries_between(
        &self,
        row: &Row,
        from: u64,
        end: u64,
        decoder: &mut Decoder,
    ) -> Result<Vec<Entry>, EngineError> {
        let limit = usize::try_from(end - from).unwrap_or(usize::MAX);
        let mut stored = self.store.trail(row.id, from, limit).await?;
        stored.retain(|entry| entry.sequence < end);
        let bytes = stored.iter().map(|entry| entry.bytes.as_slice());
        self.fetch_payloads(decoder, row.root, bytes).await?;
        stored.iter().map(|entry| decoder.read(&entry.bytes)).collect()
    }

    /// Somebody may wait for this end.
    pub(crate) fn ended(&self, live: &Live, status: Status) {
        let graph = live.executor.graph();
        let error = graph.state().error.clone().filter(|_| status != Status::Completed);
        self.tell_end(Outcome { id: live.header.id, status, output: graph.output(), error });
    }

    /// Tells everybody who waits for an end.
    pub(crate) fn tell_end(&self, outcome: Outcome) {
        let Some(waiters) = locked(&self.waiters).remove(&outcome.id) else { return };
        for waiter in waiters.ends {
            // Nobody listens any more: then nobody needs it.
            let _ = waiter.send(outcome.clone());
        }
    }

    /// Tells those who wait for executions that this process doesn't advance and another has ended. `after` is the last that was asked
    /// after; gives the one of this round.
    pub(crate) async fn tell_ends_elsewhere(&self, after: ExecutionId) -> ExecutionId {
        let waited: BTreeSet<ExecutionId> = locked(&self.waiters).keys().copied().collect();
        let later = waited.range(after..).skip_while(|id| **id == after).take(ASKED_AT_ONCE);
        let mut last = ExecutionId::NIL;
        for id in later.copied() {
            last = id;
            if self.nudges.has(id) {
                continue;
            }
            if let Ok(Some(row)) = self.store.execution(id).await
                && row.status.is_ended()
                && let Ok(outcome) = self.outcome(id).await
            {
                self.tell_end(outcome);
            }
        }
        last
    }
}

/// The same status, in the words of the core.
fn status_of(status: prana_store::Status) -> Status {
    use prana_store::Status as Stored;
    match status {
        Stored::Pending => Status::Pending,
        Stored::Running => Status::Running,
        Stored::Suspended => Status::Suspended,
        Stored::Completed => Status::Completed,
        Stored::Failed => Status::Failed,
        Stored::Cancelled => Status::Cancelled,
        Stored::Timeout => Status::Timeout,
    }
}
