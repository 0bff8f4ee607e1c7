//! Commits: one delta, checked as a whole and then written as a whole.

use prana_core::{ExecutionId, Timestamp};

use super::deliver::deliver_within;
use super::{Desk, Held, MAX_SUMMARY};
use crate::catalog::refuse_outdated;
use crate::{
    Committed, Delta, InboxItem, NewExecution, NewWait, Release, Result, Row, Slot, Start, StoreError,
    StoredEntry, Takes, Target, Wait,
};

/// Commits one delta. An error of a rule means that nothing was written.
pub(crate) fn commit<T: Desk>(tables: &mut T, delta: &mut Delta) -> Result<Committed> {
    check_shape(delta)?;
    if let Some(create) = &delta.create {
        if let Some(existing) = existing(tables, create)? {
            return Ok(Committed { existing: Some(existing), ..Committed::default() });
        }
        refuse_existing(tables, create.id)?;
    }
    let before = match &delta.create {
        Some(_) => None,
        None => Some(fenced(tables, delta)?),
    };
    for child in &delta.children {
        refuse_existing(tables, child.id)?;
    }
    if let Some(item) = &delta.item {
        refuse_outdated(&item.key, item.based_on, tables.item_version(&item.kind, &item.key)?)?;
    }
    let waits = plan_waits(tables, before.as_ref(), delta)?;
    Turn::begin(tables, before, delta, waits)?.write(tables)
}

/// What can be told from the delta alone.
fn check_shape(delta: &Delta) -> Result<()> {
    let refuse = |reason: &str| Err(StoreError::invalid(reason));
    if !grows(&delta.entries, if delta.create.is_some() { 0 } else { delta.expected_sequence }) {
        return refuse("the sequences of the entries must grow, from the expected sequence on");
    }
    if let Release::End { status, .. } = delta.release
        && !status.is_ended()
    {
        return refuse("an execution can't end as pending, running or suspended");
    }
    if delta.summary.as_ref().is_some_and(|summary| summary.len() > MAX_SUMMARY) {
        return refuse("a summary is at most 4 KiB");
    }
    if delta.reports.iter().any(|item| item.execution == delta.execution) {
        return refuse("a delta can't report to its own execution");
    }
    check_births(delta)
}

fn check_births(delta: &Delta) -> Result<()> {
    let refuse = |reason: &str| Err(StoreError::invalid(reason));
    if let Some(create) = &delta.create {
        if create.id != delta.execution {
            return refuse("a delta creates its own execution and no other");
        }
        if (matches!(create.start, Start::Ready { .. }) || create.concurrency.is_some()) && !is_bare(delta) {
            return refuse("a creation that others claim, or that may queue for a slot, holds nothing else");
        }
        if create.concurrency.as_ref().is_some_and(|concurrency| concurrency.limit == 0) {
            return refuse("a concurrency limit is at least 1");
        }
    }
    let mut ids: Vec<ExecutionId> = delta.children.iter().map(|child| child.id).collect();
    ids.push(delta.execution);
    ids.sort_unstable();
    if ids.windows(2).any(|pair| pair[0] == pair[1]) {
        return refuse("two new executions can't have one identity");
    }
    if delta.children.iter().any(|child| child.start_key.is_some() || child.concurrency.is_some()) {
        return refuse("a child has neither a start key nor a slot of its own");
    }
    Ok(())
}

/// Whether it creates and does nothing else.
fn is_bare(delta: &Delta) -> bool {
    delta.entries.is_empty()
        && delta.payloads.is_empty()
        && delta.snapshot.is_none()
        && delta.waits_opened.is_empty()
        && delta.children.is_empty()
        && delta.reports.is_empty()
        && delta.summary.is_none()
        && delta.release == Release::Keep
}

fn grows(entries: &[StoredEntry], from: u64) -> bool {
    entries.first().is_none_or(|first| first.sequence >= from)
        && entries.windows(2).all(|pair| pair[0].sequence < pair[1].sequence)
        && entries.last().is_none_or(|last| i64::try_from(last.sequence).is_ok_and(|last| last < i64::MAX))
}

fn existing<T: Desk>(tables: &mut T, create: &NewExecution) -> Result<Option<ExecutionId>> {
    match &create.start_key {
        Some(key) => tables.started_by(&create.workflow_id, key),
        None => Ok(None),
    }
}

fn refuse_existing<T: Desk>(tables: &mut T, id: ExecutionId) -> Result<()> {
    match tables.row(id)? {
        Some(_) => Err(StoreError::Exists(id)),
        None => Ok(()),
    }
}

/// The row, if the caller holds it and knows its newest state.
fn fenced<T: Desk>(tables: &mut T, delta: &Delta) -> Result<Row> {
    let execution = delta.execution;
    let row = tables.row(execution)?.ok_or(StoreError::Unknown(execution))?;
    if row.epoch != delta.epoch {
        return Err(StoreError::Fenced { execution, epoch: delta.epoch, current: row.epoch });
    }
    if row.status.is_ended() {
        return Err(StoreError::Ended { execution, status: row.status });
    }
    if row.claimed_by.is_none() {
        return Err(StoreError::Fenced { execution, epoch: delta.epoch, current: row.epoch });
    }
    if row.next_sequence != delta.expected_sequence {
        let (expected, current) = (delta.expected_sequence, row.next_sequence);
        return Err(StoreError::Conflict { execution, expected, current });
    }
    Ok(row)
}

/// The waits and the items that a delta touches, read and checked before anything is written.
#[derive(Default)]
struct WaitPlan {
    /// Open before the delta.
    open: Vec<Wait>,
    consumed: Vec<Held>,
    /// Items bound to waits that are dropped.
    orphans: Vec<Held>,
}

fn plan_waits<T: Desk>(tables: &mut T, before: Option<&Row>, delta: &Delta) -> Result<WaitPlan> {
    let mut plan = WaitPlan::default();
    if let Some(row) = before {
        if row.open_waits > 0 {
            plan.open = tables.open_waits(row)?;
        }
        for id in &delta.inbox_consumed {
            match tables.held_item(row, *id)? {
                Some(held) if plan.consumed.iter().all(|other| other.id != held.id) => {
                    plan.consumed.push(held)
                }
                _ => return Err(StoreError::invalid(format!("item {} is not in the inbox", id.0))),
            }
        }
        find_orphans(tables, row, delta, &mut plan)?;
    } else if !delta.inbox_consumed.is_empty() {
        return Err(StoreError::invalid("a new execution has an empty inbox"));
    }
    check_waits(delta, &plan)?;
    Ok(plan)
}

/// Answers that are bound to waits which this delta ends without consuming them.
fn find_orphans<T: Desk>(tables: &mut T, row: &Row, delta: &Delta, plan: &mut WaitPlan) -> Result<()> {
    let ended = |wait: &&Wait| {
        let index = wait.wait.execution_index;
        wait.answered && (delta.waits_closed.contains(&index) || delta.waits_dropped.contains(&index))
    };
    for wait in plan.open.iter().filter(ended) {
        let index = wait.wait.execution_index;
        let Some(held) = tables.bound(row, index)? else { continue };
        if plan.consumed.iter().any(|consumed| consumed.id == held.id) {
            continue;
        }
        if delta.waits_closed.contains(&index) {
            return Err(StoreError::Answered { execution: row.id, wait: index });
        }
        plan.orphans.push(held);
    }
    Ok(())
}

fn check_waits(delta: &Delta, plan: &WaitPlan) -> Result<()> {
    let mut open: Vec<u32> = plan.open.iter().map(|wait| wait.wait.execution_index).collect();
    for index in delta.waits_closed.iter().chain(&delta.waits_dropped) {
        match open.iter().position(|other| other == index) {
            Some(place) => open.swap_remove(place),
            None => return Err(StoreError::invalid(format!("node execution {index} does not wait"))),
        };
    }
    for wait in &delta.waits_opened {
        if open.contains(&wait.execution_index) {
            let reason = format!("node execution {} waits already", wait.execution_index);
            return Err(StoreError::invalid(reason));
        }
        open.push(wait.execution_index);
    }
    Ok(())
}

/// A checked delta on its way into the tables.
struct Turn<'d> {
    before: Option<Row>,
    row: Row,
    delta: &'d mut Delta,
    plan: WaitPlan,
    done: Committed,
}

impl<'d> Turn<'d> {
    fn begin<T: Desk>(
        tables: &mut T,
        before: Option<Row>,
        delta: &'d mut Delta,
        plan: WaitPlan,
    ) -> Result<Self> {
        let row = match (&before, &delta.create) {
            (Some(row), _) => row.clone(),
            (None, Some(create)) => born(tables, create)?,
            (None, None) => return Err(StoreError::Unknown(delta.execution)),
        };
        Ok(Turn { before, row, delta, plan, done: Committed::default() })
    }

    fn write<T: Desk>(mut self, tables: &mut T) -> Result<Committed> {
        self.consume(tables)?;
        self.end_waits(tables)?;
        self.open_waits(tables)?;
        self.bind(tables)?;
        self.append(tables)?;
        self.release(tables)?;
        self.write_row(tables)?;
        self.bear_children(tables)?;
        self.report(tables)?;
        self.change_item(tables)?;
        Ok(self.done)
    }

    fn consume<T: Desk>(&mut self, tables: &mut T) -> Result<()> {
        for held in &self.plan.consumed {
            tables.consume(&self.row, held.id)?;
            forget_item(&mut self.row, held);
            // A wait that stays open after its answer was used up (a refused decision) takes another.
            if let Some(index) = held.wait
                && let Some(wait) = self.plan.open.iter_mut().find(|wait| wait.wait.execution_index == index)
                && wait.wait.takes == Takes::Answer
                && !self.delta.waits_closed.contains(&index)
            {
                wait.answered = false;
                tables.put_wait(&self.row, wait)?;
            }
        }
        Ok(())
    }

    fn end_waits<T: Desk>(&mut self, tables: &mut T) -> Result<()> {
        for held in &self.plan.orphans {
            if held.target.is_single() {
                tables.consume(&self.row, held.id)?;
                forget_item(&mut self.row, held);
            } else {
                tables.bind(&self.row, held.id, None)?;
            }
        }
        let over: Vec<u32> =
            self.delta.waits_closed.iter().chain(&self.delta.waits_dropped).copied().collect();
        for wait in self.plan.open.iter_mut().filter(|wait| over.contains(&wait.wait.execution_index)) {
            wait.close();
            tables.put_wait(&self.row, wait)?;
        }
        self.plan.open.retain(|wait| wait.open);
        Ok(())
    }

    fn open_waits<T: Desk>(&mut self, tables: &mut T) -> Result<()> {
        for new in &self.delta.waits_opened {
            let earlier = match self.before {
                Some(_) => tables.wait(&self.row, new.execution_index)?,
                None => None,
            };
            let wait = opened(new.clone(), earlier.as_ref());
            tables.put_wait(&self.row, &wait)?;
            self.plan.open.push(wait);
        }
        self.plan.open.sort_by_key(|wait| wait.wait.execution_index);
        self.row.open_waits = u32::try_from(self.plan.open.len()).unwrap_or(u32::MAX);
        Ok(())
    }

    /// Gives kept answers, the oldest first, to open waits that want one, the oldest first.
    fn bind<T: Desk>(&mut self, tables: &mut T) -> Result<()> {
        if self.row.answers == 0 || !self.plan.open.iter().any(Wait::wants_answer) {
            return Ok(());
        }
        let kept = tables.kept(&self.row)?;
        for held in &kept {
            let fitting = self.plan.open.iter_mut().filter(|wait| wait.wait.takes == Takes::Answer);
            let mut fitting = fitting.filter(|wait| held.target.fits(&wait.wait)).peekable();
            if fitting.peek().is_none() {
                continue;
            }
            match fitting.find(|wait| wait.wants_answer()) {
                Some(wait) => {
                    wait.answered = true;
                    tables.put_wait(&self.row, wait)?;
                    tables.bind(&self.row, held.id, Some(wait.wait.execution_index))?;
                }
                // Another link to the same wait was first.
                None if held.target.is_single() => {
                    tables.consume(&self.row, held.id)?;
                    forget_item(&mut self.row, held);
                }
                None => {}
            }
        }
        Ok(())
    }

    fn append<T: Desk>(&mut self, tables: &mut T) -> Result<()> {
        if let Some(last) = self.delta.entries.last() {
            self.row.next_sequence = last.sequence + 1;
            self.row.recoveries = 0;
            tables.append(&self.row, &mut self.delta.entries)?;
        }
        if !self.delta.payloads.is_empty() {
            tables.put_payloads(self.row.root, &mut self.delta.payloads)?;
        }
        if let Some(snapshot) = &mut self.delta.snapshot {
            tables.put_snapshot(&self.row, snapshot)?;
        }
        if self.delta.summary.is_some() {
            self.row.summary.clone_from(&self.delta.summary);
        }
        Ok(())
    }

    fn release<T: Desk>(&mut self, tables: &mut T) -> Result<()> {
        if let Some(create) = &self.delta.create {
            if let Start::Claimed(holder) = create.start {
                tables.meet(holder)?;
            }
            self.done.queued = self.row.slot == Slot::Queued;
            if self.row.claimed_by.is_none() {
                self.done.woke |= !self.done.queued;
                return Ok(());
            }
        }
        if let Release::End { status, keep_trail } = self.delta.release {
            self.row.status = status;
            self.row.trail_kept = keep_trail;
            return self.end(tables);
        }
        self.done.inbox = hand_out(tables, &self.row, &self.plan.open)?;
        match self.delta.release {
            Release::Keep | Release::End { .. } => self.row.status = crate::Status::Running,
            Release::Ready { at } => self.give_up(Some(at)),
            Release::Suspend => {
                self.row.status = crate::Status::Suspended;
                if self.done.inbox.is_empty() {
                    let due = self.plan.open.iter().filter_map(|wait| wait.wait.wake_at).min();
                    self.give_up(due);
                }
            }
        }
        Ok(())
    }

    fn give_up(&mut self, ready_at: Option<Timestamp>) {
        self.row.claimed_by = None;
        self.row.ready_at = ready_at;
        self.done.woke |= ready_at.is_some_and(|at| at <= self.delta.at);
    }

    fn end<T: Desk>(&mut self, tables: &mut T) -> Result<()> {
        let row = &mut self.row;
        row.claimed_by = None;
        row.ready_at = None;
        row.completed_at = Some(self.delta.at);
        if row.answers + row.reports > 0 {
            tables.consume_all(row)?;
            (row.answers, row.reports) = (0, 0);
        }
        tables.clear_waits(row)?;
        row.open_waits = 0;
        if !row.trail_kept {
            tables.drop_trail(row)?;
        }
        if row.slot == Slot::Held {
            row.slot = Slot::None;
            self.done.woke |= free_slot(tables, &self.row)?;
        }
        if self.delta.children.iter().all(|child| child.root != self.row.root)
            && !tables.has_open_besides(self.row.root, self.row.id)?
        {
            self.expire(tables)?;
        }
        Ok(())
    }

    /// The last open member of a tree ends: its time begins to run.
    fn expire<T: Desk>(&mut self, tables: &mut T) -> Result<()> {
        let expiry = |root: &Row| root.retention_ms.map(|length| self.delta.at.plus_millis(length));
        if self.row.root == self.row.id {
            self.row.expires_at = expiry(&self.row);
        } else if let Some(before) = tables.row(self.row.root)? {
            let after = Row { expires_at: expiry(&before), ..before.clone() };
            tables.update(&before, &after)?;
        }
        Ok(())
    }

    fn write_row<T: Desk>(&mut self, tables: &mut T) -> Result<()> {
        match (&self.before, &mut self.delta.create) {
            (Some(before), _) => tables.update(before, &self.row)?,
            (None, Some(create)) => tables.insert(&self.row, &mut create.header)?,
            (None, None) => {}
        }
        self.done.epoch = self.row.epoch;
        self.done.kept = self.row.claimed_by.is_some();
        Ok(())
    }

    fn bear_children<T: Desk>(&mut self, tables: &mut T) -> Result<()> {
        for child in &mut self.delta.children {
            let row = Row::new(child, tables.next_ordinal());
            match child.start {
                Start::Claimed(holder) => tables.meet(holder)?,
                Start::Ready { .. } => self.done.woke = true,
            }
            tables.insert(&row, &mut child.header)?;
        }
        Ok(())
    }

    fn report<T: Desk>(&mut self, tables: &mut T) -> Result<()> {
        for item in &mut self.delta.reports {
            let delivery = deliver_within(tables, item, false)?;
            self.done.woke |= delivery.woke;
            self.done.delivered.push(delivery.delivered);
        }
        Ok(())
    }

    fn change_item<T: Desk>(&mut self, tables: &mut T) -> Result<()> {
        let Some(item) = &mut self.delta.item else { return Ok(()) };
        let version = tables.item_version(&item.kind, &item.key)?;
        tables.write_item(item, version + 1)
    }
}

fn forget_item(row: &mut Row, held: &Held) {
    let count = if matches!(held.target, Target::Report(_)) { &mut row.reports } else { &mut row.answers };
    *count = count.saturating_sub(1);
}

/// A wait that opens; that an earlier answer of the same node execution was used is remembered until it takes answers again.
fn opened(new: NewWait, earlier: Option<&Wait>) -> Wait {
    let answered = new.takes != Takes::Answer && earlier.is_some_and(|earlier| earlier.answered);
    Wait { wait: new, open: true, answered }
}

/// The row of a new execution, with a slot or in the queue for one.
fn born<T: Desk>(tables: &mut T, create: &NewExecution) -> Result<Row> {
    let mut row = Row::new(create, tables.next_ordinal());
    if let Some(concurrency) = &create.concurrency {
        let holders = tables.holders(&concurrency.key)?;
        if holders < concurrency.limit && tables.next_queued(&concurrency.key)?.is_none() {
            tables.set_holders(&concurrency.key, holders + 1)?;
            row.slot = Slot::Held;
        } else {
            row.slot = Slot::Queued;
            row.claimed_by = None;
            row.epoch = 0;
            row.ready_at = row.ready_at.or(Some(create.created_at));
        }
    }
    Ok(row)
}

/// Gives the slot of an execution that ends to the first in the queue; whether there was one.
fn free_slot<T: Desk>(tables: &mut T, ending: &Row) -> Result<bool> {
    let Some(concurrency) = &ending.concurrency else { return Ok(false) };
    let mut holders = tables.holders(&concurrency.key)?.saturating_sub(1);
    let mut woke = false;
    while let Some(before) = tables.next_queued(&concurrency.key)? {
        if before.concurrency.as_ref().is_some_and(|next| holders >= next.limit) {
            break;
        }
        let after = Row { slot: Slot::Held, ..before.clone() };
        tables.update(&before, &after)?;
        holders += 1;
        woke = true;
    }
    tables.set_holders(&concurrency.key, holders)?;
    Ok(woke)
}

/// What the holder of an execution has to look at.
pub(crate) fn hand_out<T: Desk>(tables: &mut T, row: &Row, open: &[Wait]) -> Result<Vec<InboxItem>> {
    if row.answers + row.reports == 0 {
        return Ok(Vec::new());
    }
    let reporting = open.iter().filter(|wait| wait.wait.takes == Takes::Reports);
    let reporting: Vec<u32> = reporting.map(|wait| wait.wait.execution_index).collect();
    tables.hand_out(row, &reporting)
}
