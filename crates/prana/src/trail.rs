//! The trail of an execution as events: what middleware heard, read from the store.

use std::sync::Arc;

use prana_core::ExecutionId;
use prana_core::record::Entry;
use prana_store::Row;

use crate::codec::Decoder;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::events::{Event, kinds};

/// A part of a trail.
#[derive(Debug, Clone)]
pub struct TrailPage {
    /// The row, read before the trail: if it says that the execution ended, the trail doesn't grow any more.
    pub row: Row,
    /// What happened, in order. An entry may tell of no event, or of two.
    pub events: Vec<Event>,
    /// The sequence with which the next page begins.
    pub next_sequence: u64,
    /// True if this page was full, so that there may be more already.
    pub is_full: bool,
}

impl Engine {
    /// The events of up to `limit` entries of a trail, from a sequence on: the same events, with the same numbers, that middleware
    /// heard after each commit. So a listener that missed some can go on from the last it has.
    ///
    /// # Errors
    /// [`EngineError::UnknownExecution`], or what the store says.
    pub async fn trail(
        &self,
        id: ExecutionId,
        from_sequence: u64,
        limit: usize,
    ) -> Result<TrailPage, EngineError> {
        let row = self.row(id).await?;
        let stored = self.inner.store.trail(id, from_sequence, limit).await?;
        let mut decoder = Decoder::default();
        let bytes = stored.iter().map(|entry| entry.bytes.as_slice());
        self.inner.fetch_payloads(&mut decoder, row.root, bytes).await?;
        let mut events = Vec::new();
        for entry in &stored {
            let entry: Arc<Entry> = Arc::new(decoder.read(&entry.bytes)?);
            events.extend(events_of(&row, &entry));
        }
        let next_sequence = stored.last().map_or(from_sequence, |last| last.sequence + 1);
        Ok(TrailPage { is_full: stored.len() == limit, row, events, next_sequence })
    }
}

fn events_of<'e>(row: &'e Row, entry: &'e Arc<Entry>) -> impl Iterator<Item = Event> + 'e {
    kinds(entry).enumerate().map(|(place, kind)| Event {
        kind,
        number: Event::number_of(entry.sequence, place),
        at: entry.at,
        execution_id: row.id,
        workflow_id: (&*row.workflow_id).into(),
        workflow_version: row.workflow_version,
        entry: Arc::clone(entry),
    })
}
