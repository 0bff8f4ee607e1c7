//! Executions that were read lately: whoever looks at one asks for many parts of it.

use std::sync::{Arc, Mutex, PoisonError};

use prana::core::ExecutionId;
use prana::core::execution::Execution;
use prana::store::Row;

use crate::problem::Problem;
use crate::receive::execution_id;
use crate::server::Shared;
use crate::wait;

/// How many are kept.
const KEPT: usize = 4;

/// One with more node runs isn't kept.
const LONGEST: usize = 50_000;

/// The execution as it was when its row was this.
struct Read {
    id: ExecutionId,
    next_sequence: u64,
    execution: Arc<Execution>,
}

/// Executions that were read lately, the newest last.
#[derive(Default)]
pub(crate) struct Trails(Mutex<Vec<Read>>);

impl Trails {
    fn find(&self, row: &Row) -> Option<Arc<Execution>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = kept.iter().find(|read| read.id == row.id && read.next_sequence == row.next_sequence);
        found.map(|read| Arc::clone(&read.execution))
    }

    fn keep(&self, row: &Row, execution: &Arc<Execution>) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|read| read.id != row.id);
        if kept.len() == KEPT {
            kept.remove(0);
        }
        if execution.node_executions.len() <= LONGEST {
            let execution = Arc::clone(execution);
            kept.push(Read { id: row.id, next_sequence: row.next_sequence, execution });
        }
    }
}

/// An execution with its trail; a trail that was given up at the end leaves what the row says.
pub(super) async fn load(shared: &Shared, id: &str) -> Result<(Arc<Execution>, Row), Problem> {
    let id = execution_id(id)?;
    let row = shared.engine.row(id).await?;
    if row.status.is_ended()
        && row.trail_kept
        && let Some(execution) = shared.trails.find(&row)
    {
        return Ok((execution, row));
    }
    let mut execution = shared.engine.execution(id).await?;
    if !row.trail_kept {
        execution.status = wait::status_of(row.status);
        execution.completed_at = row.completed_at;
    }
    let execution = Arc::new(execution);
    if row.status.is_ended() && row.trail_kept {
        shared.trails.keep(&row, &execution);
    }
    Ok((execution, row))
}
