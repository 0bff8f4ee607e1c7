//! Deliveries: an item comes to an inbox.

use super::{Desk, MAX_ANSWERS};
use crate::{Answer, Delivered, InboxId, NewItem, Result, Row, Slot, StoreError, Takes, Target, Wait};

/// What a delivery changed.
pub(crate) struct Delivery {
    pub delivered: Delivered,
    /// Whether an execution became ready to be claimed.
    pub woke: bool,
}

/// Where an item goes.
enum Place {
    /// To an open wait, or to the execution itself.
    Now(Option<Wait>),
    /// To a wait that may open later.
    Later,
    /// Nowhere.
    Used,
}

/// A delivery from outside.
pub(crate) fn deliver<T: Desk>(tables: &mut T, item: &mut NewItem) -> Result<Delivery> {
    deliver_within(tables, item, true)
}

/// A delivery, from outside (then there is a limit of what is kept) or by a delta (which must not fail half-way).
pub(super) fn deliver_within<T: Desk>(tables: &mut T, item: &mut NewItem, limited: bool) -> Result<Delivery> {
    let none = |delivered| Ok(Delivery { delivered, woke: false });
    let Some(row) = tables.row(item.execution)? else { return none(Delivered::Unknown) };
    if let Some(key) = &item.dedupe
        && let Some(first) = tables.first_answer(&row, key)?
    {
        return none(Delivered::Duplicate { first });
    }
    if row.status.is_ended() {
        return none(Delivered::Ended { status: row.status });
    }
    match place(tables, &row, &item.target)? {
        Place::Used => none(Delivered::Used),
        Place::Later => {
            refuse_if_full(&row, item, limited)?;
            let id = store(tables, &row, &mut row.clone(), item, Answer::Kept, None)?;
            none(Delivered::Kept { id })
        }
        Place::Now(wait) => {
            refuse_if_full(&row, item, limited)?;
            resume(tables, row, item, wait)
        }
    }
}

fn refuse_if_full(row: &Row, item: &NewItem, limited: bool) -> Result<()> {
    let limit = match item.target {
        Target::Report(_) => u32::MAX,
        Target::Execution => 2 * MAX_ANSWERS,
        _ => MAX_ANSWERS,
    };
    if limited && row.answers >= limit {
        return Err(StoreError::InboxFull { execution: row.id, limit });
    }
    Ok(())
}

fn place<T: Desk>(tables: &mut T, row: &Row, target: &Target) -> Result<Place> {
    Ok(match target {
        Target::Execution => Place::Now(None),
        Target::Report(index) => match tables.wait(row, *index)? {
            None => Place::Later,
            Some(wait) if !wait.open => Place::Used,
            Some(wait) if wait.wait.takes == Takes::Reports => Place::Now(Some(wait)),
            Some(_) => Place::Later,
        },
        Target::Node(_) => match oldest_that_wants(tables, row, target)? {
            Some(wait) => Place::Now(Some(wait)),
            None => Place::Later,
        },
        Target::Index(index) => {
            let wait = tables.wait(row, *index)?;
            place_single(tables, row, target, wait)?
        }
        Target::Token { node_key, loop_path, run_index } => {
            let wait = tables.wait_of_run(row, node_key, loop_path, *run_index)?;
            place_single(tables, row, target, wait)?
        }
    })
}

fn oldest_that_wants<T: Desk>(tables: &mut T, row: &Row, target: &Target) -> Result<Option<Wait>> {
    if row.open_waits == 0 {
        return Ok(None);
    }
    let waits = tables.open_waits(row)?;
    Ok(waits.into_iter().find(|wait| wait.wants_answer() && target.fits(&wait.wait)))
}

/// One link, or one index, answers one wait.
fn place_single<T: Desk>(tables: &mut T, row: &Row, target: &Target, wait: Option<Wait>) -> Result<Place> {
    match wait {
        Some(wait) if wait.wants_answer() => return Ok(Place::Now(Some(wait))),
        Some(wait) if wait.answered => return Ok(Place::Used),
        _ => {}
    }
    let is_kept = row.answers > 0 && tables.kept(row)?.iter().any(|held| held.target == *target);
    Ok(if is_kept { Place::Used } else { Place::Later })
}

fn store<T: Desk>(
    tables: &mut T,
    before: &Row,
    row: &mut Row,
    item: &mut NewItem,
    answer: Answer,
    wait: Option<u32>,
) -> Result<InboxId> {
    let (wait, count) = match item.target {
        Target::Report(index) => (Some(index), &mut row.reports),
        _ => (wait, &mut row.answers),
    };
    *count += 1;
    let id = tables.add_item(before, item, answer, wait)?;
    tables.update(before, row)?;
    Ok(id)
}

fn resume<T: Desk>(tables: &mut T, before: Row, item: &mut NewItem, wait: Option<Wait>) -> Result<Delivery> {
    let mut row = before.clone();
    if row.slot == Slot::Queued {
        leave_queue(tables, &mut row)?;
    }
    row.wake(item.at);
    let index = wait.as_ref().map(|wait| wait.wait.execution_index);
    if let Some(mut wait) = wait
        && wait.wait.takes == Takes::Answer
    {
        wait.answered = true;
        tables.put_wait(&before, &wait)?;
    }
    let id = store(tables, &before, &mut row, item, Answer::Resumed, index)?;
    let owner = row.claimed_by;
    Ok(Delivery { delivered: Delivered::Resumed { id, owner }, woke: owner.is_none() })
}

/// Something for the execution itself came while it queued: it takes a slot beyond the limit, so that it can be cancelled now.
fn leave_queue<T: Desk>(tables: &mut T, row: &mut Row) -> Result<()> {
    if let Some(concurrency) = row.concurrency.clone() {
        let holders = tables.holders(&concurrency.key)?;
        tables.set_holders(&concurrency.key, holders + 1)?;
    }
    row.slot = Slot::Held;
    Ok(())
}
