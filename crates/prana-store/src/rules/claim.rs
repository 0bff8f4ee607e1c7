//! Claims and heartbeats.

use std::collections::BTreeSet;
use std::sync::Arc;

use prana_core::Timestamp;

use super::{Tables, Turns, commit::hand_out};
use crate::{Attention, Claim, Claimed, Result, Row, WorkerId};

/// Takes executions of dead workers, then ready ones.
pub(crate) fn claim<T: Tables + Turns>(tables: &mut T, ask: Claim) -> Result<Vec<Claimed>> {
    renew_if_worn(tables, &ask)?;
    let mut taken = Vec::new();
    for dead in tables.lapsed(ask.now)? {
        take_from(tables, &ask, dead, &mut taken)?;
    }
    let rest = ask.limit - taken.len();
    if rest > 0 {
        for row in fairly(tables, ask.now, rest)? {
            taken.push(take(tables, row, ask.worker, false)?);
        }
    }
    Ok(taken)
}

/// How many workflows are looked at in one claim.
const LOOKED_AT: usize = 256;

/// Ready executions, the oldest first. Where more are ready than asked for, their workflows take turns.
fn fairly<T: Tables + Turns>(tables: &mut T, now: Timestamp, limit: usize) -> Result<Vec<Row>> {
    let mut oldest = tables.ready(now, limit.saturating_add(1))?;
    if oldest.len() <= limit {
        return Ok(oldest);
    }
    let workflows = in_turn(tables, now, limit)?;
    let share = limit.div_ceil(workflows.len().max(1));
    let mut lines = Vec::with_capacity(workflows.len());
    for workflow in &workflows {
        lines.push(tables.ready_of(workflow, now, share)?.into_iter());
    }
    let mut fair: Vec<Row> = Vec::with_capacity(limit);
    for _ in 0..share {
        fair.extend(lines.iter_mut().filter_map(Iterator::next));
    }
    fair.truncate(limit);
    if let Some(last) = fair.last() {
        *tables.last_turn() = Some(last.workflow_id.clone());
    }
    let taken: BTreeSet<_> = fair.iter().map(|row| row.id).collect();
    oldest.retain(|row| !taken.contains(&row.id));
    oldest.truncate(limit - fair.len());
    fair.extend(oldest);
    Ok(fair)
}

/// Workflows with ready executions, from the one after that which had the last turn.
fn in_turn<T: Turns>(tables: &mut T, now: Timestamp, limit: usize) -> Result<Vec<Arc<str>>> {
    let first = tables.last_turn().clone();
    let (mut after, mut has_wrapped) = (first.clone(), first.is_none());
    let mut workflows = Vec::new();
    for _ in 0..LOOKED_AT {
        let Some((workflow, earliest)) = tables.next_workflow(after.as_deref())? else {
            if std::mem::replace(&mut has_wrapped, true) {
                break;
            }
            after = None;
            continue;
        };
        if has_wrapped && first.as_ref().is_some_and(|first| workflow > *first) || workflows.len() == limit {
            break;
        }
        if earliest <= now {
            workflows.push(workflow.clone());
        }
        after = Some(workflow);
    }
    Ok(workflows)
}

/// Renews the asker's lease once a third of it is gone, so that asking often for nothing writes nothing.
fn renew_if_worn<T: Tables>(tables: &mut T, ask: &Claim) -> Result<()> {
    let fresh = ask.now.plus_millis(ask.lease_ms / 3 * 2);
    if tables.lease(ask.worker)?.is_none_or(|until| until < fresh) {
        tables.renew(ask.worker, ask.now.plus_millis(ask.lease_ms))?;
    }
    Ok(())
}

fn take_from<T: Tables>(tables: &mut T, ask: &Claim, dead: WorkerId, taken: &mut Vec<Claimed>) -> Result<()> {
    let rest = ask.limit - taken.len();
    let rows = tables.held_by(dead, rest.saturating_add(1))?;
    let is_all = rows.len() <= rest;
    for row in rows.into_iter().take(rest) {
        taken.push(take(tables, row, ask.worker, true)?);
    }
    if is_all {
        tables.forget(dead)?;
    }
    Ok(())
}

fn take<T: Tables>(tables: &mut T, before: Row, worker: WorkerId, recovered: bool) -> Result<Claimed> {
    let mut row = before.clone();
    row.epoch += 1;
    row.claimed_by = Some(worker);
    row.ready_at = None;
    row.recoveries = row.recoveries.saturating_add(u32::from(recovered));
    tables.update(&before, &row)?;
    Ok(Claimed { row, recovered })
}

/// Renews a lease and says which executions of the worker have something in their inbox.
pub(crate) fn heartbeat<T: Tables>(
    tables: &mut T,
    worker: WorkerId,
    now: Timestamp,
    lease_ms: u64,
) -> Result<Vec<Attention>> {
    tables.renew(worker, now.plus_millis(lease_ms))?;
    let mut attention = Vec::new();
    for row in tables.held_with_items(worker)? {
        let waits = tables.open_waits(&row)?;
        let inbox = hand_out(tables, &row, &waits)?;
        if !inbox.is_empty() {
            attention.push(Attention { execution: row.id, inbox });
        }
    }
    Ok(attention)
}
