//! The tables of the rules, as statements on the writer's connection.

use std::sync::Arc;

use prana_core::{ExecutionId, Timestamp};
use rusqlite::params;

use super::db::Db;
use super::rows::{self, TO_EXECUTION, TO_INDEX, TO_NODE, TO_REPORT, TO_TOKEN, limit_of, signed};
use super::sql;
use crate::rules::{Graves, Held, Inbox, Lanes, Leases, REPORTS_AT_ONCE, Rows, Trail, Turns, Waits};
use crate::{
    Answer, Holder, InboxId, InboxItem, NewItem, Payload, Result, Row, Snapshot, StoreError, StoredEntry,
    Target, Wait, WorkerId,
};

/// The columns that a step changes, in the order of `advance.sql`; the other two statements go on from there.
macro_rules! advance {
    ($row:expr $(, $more:expr)*) => {
        params![
            $row.ordinal, signed($row.next_sequence), $row.recoveries, $row.answers, $row.reports, $row.open_waits
            $(, $more)*
        ]
    };
}

fn micros(time: Option<Timestamp>) -> Option<i64> {
    time.map(Timestamp::as_micros)
}

fn worker_bytes(worker: &Option<WorkerId>) -> Option<&[u8; 16]> {
    worker.as_ref().map(|worker| worker.0.as_bytes())
}

impl Rows for Db {
    fn row(&mut self, id: ExecutionId) -> Result<Option<Row>> {
        if let Some(row) = self.recall(id) {
            return Ok(Some(row));
        }
        self.one(sql!("row"), [id.0.as_bytes()], rows::execution)
    }

    fn next_ordinal(&mut self) -> i64 {
        self.newest.0 += 1;
        self.newest.0
    }

    fn insert(&mut self, row: &Row, header: &mut Vec<u8>) -> Result<()> {
        let (lane, limit) = row.concurrency.as_ref().map(|lane| (&lane.key, lane.limit)).unzip();
        let values = params![
            row.ordinal,
            row.id.0.as_bytes(),
            row.workflow_id,
            signed(row.workflow_version),
            row.parent.as_ref().map(|parent| parent.0.as_bytes()),
            row.root.0.as_bytes(),
            row.mode,
            row.status as u8,
            signed(row.epoch),
            signed(row.next_sequence),
            row.created_at.as_micros(),
            micros(row.completed_at),
            row.start_key,
            micros(row.ready_at),
            worker_bytes(&row.claimed_by),
            row.recoveries,
            lane,
            limit,
            row.slot as u8,
            row.retention_ms.map(signed),
            micros(row.expires_at),
            row.summary,
            row.trail_kept,
            row.answers,
            row.reports,
            row.open_waits,
            row.parent.is_some(),
        ];
        self.run(sql!("insert"), values)?;
        if !header.is_empty() {
            self.run(sql!("insert_header"), params![row.ordinal, *header])?;
        }
        self.remember(row);
        Ok(())
    }

    fn update(&mut self, before: &Row, after: &Row) -> Result<()> {
        let epoch = signed(after.epoch);
        let (ready_at, claimed_by) = (micros(after.ready_at), worker_bytes(&after.claimed_by));
        if !is_held_anew(before, after) && !is_changed(before, after) {
            self.run(sql!("advance"), advance!(after))?;
        } else if !is_changed(before, after) {
            self.run(sql!("hold"), advance!(after, epoch, ready_at, claimed_by))?;
        } else {
            let (completed_at, expires_at) = (micros(after.completed_at), micros(after.expires_at));
            let values = advance!(
                after,
                epoch,
                ready_at,
                claimed_by,
                after.status as u8,
                completed_at,
                after.slot as u8,
                expires_at,
                after.summary,
                after.trail_kept
            );
            self.run(sql!("change"), values)?;
        }
        self.remember(after);
        Ok(())
    }

    fn started_by(&mut self, workflow_id: &str, start_key: &str) -> Result<Option<ExecutionId>> {
        self.one(sql!("started_by"), [workflow_id, start_key], |row| rows::id(row, 0))
    }

    fn has_open_besides(&mut self, root: ExecutionId, member: ExecutionId) -> Result<bool> {
        let found: Option<i64> = self.value(sql!("has_open"), [root.0.as_bytes(), member.0.as_bytes()])?;
        Ok(found.is_some())
    }
}

/// Whether anything differs that `advance.sql` leaves and `hold.sql` writes.
fn is_held_anew(before: &Row, after: &Row) -> bool {
    before.epoch != after.epoch || before.ready_at != after.ready_at || before.claimed_by != after.claimed_by
}

/// Whether anything differs that only `change.sql` writes.
fn is_changed(before: &Row, after: &Row) -> bool {
    before.status != after.status
        || before.completed_at != after.completed_at
        || before.slot != after.slot
        || before.expires_at != after.expires_at
        || before.summary != after.summary
        || before.trail_kept != after.trail_kept
}

impl Trail for Db {
    fn append(&mut self, row: &Row, entries: &mut Vec<StoredEntry>) -> Result<()> {
        self.run_rows(sql!("append"), entries, |statement, entry| {
            statement.execute(params![
                row.ordinal,
                signed(entry.sequence),
                entry.execution_index,
                entry.node_key,
                entry.at.as_micros(),
                entry.kind,
                entry.bytes,
            ])
        })
    }

    fn put_payloads(&mut self, root: ExecutionId, payloads: &mut Vec<Payload>) -> Result<()> {
        for payload in payloads {
            self.run(sql!("put_payload"), params![root.0.as_bytes(), payload.hash, payload.bytes])?;
        }
        Ok(())
    }

    fn put_snapshot(&mut self, row: &Row, snapshot: &mut Snapshot) -> Result<()> {
        let values = params![row.ordinal, signed(snapshot.next_sequence), snapshot.bytes];
        self.run(sql!("put_snapshot"), values).map(drop)
    }

    fn drop_trail(&mut self, row: &Row) -> Result<()> {
        let is_alone = self.value(sql!("is_alone"), [row.root.0.as_bytes(), row.id.0.as_bytes()])?;
        let payloads_of = is_alone.unwrap_or(false).then_some(row.root.0.as_bytes());
        self.run(sql!("dig"), params![row.ordinal, false, payloads_of]).map(drop)
    }
}

impl Waits for Db {
    fn open_waits(&mut self, row: &Row) -> Result<Vec<Wait>> {
        self.all(sql!("open_waits"), [row.ordinal], rows::wait)
    }

    fn wait(&mut self, row: &Row, execution_index: u32) -> Result<Option<Wait>> {
        self.one(sql!("wait"), params![row.ordinal, execution_index], rows::wait)
    }

    fn wait_of_run(
        &mut self,
        row: &Row,
        node_key: &str,
        loop_path: &str,
        run_index: u32,
    ) -> Result<Option<Wait>> {
        self.one(sql!("wait_of_run"), params![row.ordinal, node_key, run_index, loop_path], rows::wait)
    }

    fn put_wait(&mut self, row: &Row, state: &Wait) -> Result<()> {
        let wait = &state.wait;
        let values = params![
            row.ordinal,
            wait.execution_index,
            wait.node_key,
            wait.loop_path,
            wait.run_index,
            wait.kind,
            wait.takes as u8,
            micros(wait.wake_at),
            state.open,
            state.answered,
        ];
        self.run(sql!("put_wait"), values).map(drop)
    }

    fn clear_waits(&mut self, row: &Row) -> Result<()> {
        self.run(sql!("clear_waits"), [row.ordinal]).map(drop)
    }
}

impl Inbox for Db {
    fn first_answer(&mut self, row: &Row, dedupe: &str) -> Result<Option<Answer>> {
        let number: Option<i64> = self.value(sql!("first_answer"), params![row.ordinal, dedupe])?;
        Ok(number.map(|number| if number == Answer::Resumed as i64 { Answer::Resumed } else { Answer::Kept }))
    }

    fn add_item(
        &mut self,
        row: &Row,
        item: &mut NewItem,
        answer: Answer,
        wait: Option<u32>,
    ) -> Result<InboxId> {
        self.newest.1 += 1;
        let id = self.newest.1;
        let (target, node_key, loop_path, number) = match &item.target {
            Target::Execution => (TO_EXECUTION, None, None, None),
            Target::Node(key) => (TO_NODE, Some(key), None, None),
            Target::Index(index) => (TO_INDEX, None, None, Some(*index)),
            Target::Token { node_key, loop_path, run_index } => {
                (TO_TOKEN, Some(node_key), Some(loop_path), Some(*run_index))
            }
            Target::Report(index) => (TO_REPORT, None, None, Some(*index)),
        };
        let values = params![
            id,
            row.ordinal,
            target,
            node_key,
            loop_path,
            number,
            wait,
            item.kind,
            item.dedupe,
            item.bytes,
            item.at.as_micros(),
            answer as u8,
        ];
        self.run(sql!("add_item"), values)?;
        Ok(InboxId(id))
    }

    fn held_item(&mut self, row: &Row, id: InboxId) -> Result<Option<Held>> {
        self.one(sql!("held_item"), params![row.ordinal, id.0], rows::held)
    }

    fn kept(&mut self, row: &Row) -> Result<Vec<Held>> {
        self.all(sql!("kept"), [row.ordinal], rows::held)
    }

    fn bound(&mut self, row: &Row, wait: u32) -> Result<Option<Held>> {
        self.one(sql!("bound"), params![row.ordinal, wait], rows::held)
    }

    fn bind(&mut self, _row: &Row, id: InboxId, wait: Option<u32>) -> Result<()> {
        self.run(sql!("bind"), params![id.0, wait]).map(drop)
    }

    fn consume(&mut self, _row: &Row, id: InboxId) -> Result<()> {
        if self.run(sql!("forget_item"), [id.0])? == 0 {
            self.run(sql!("consume"), [id.0])?;
        }
        Ok(())
    }

    fn consume_all(&mut self, row: &Row) -> Result<()> {
        self.run(sql!("forget_items"), [row.ordinal])?;
        self.run(sql!("consume_all"), [row.ordinal]).map(drop)
    }

    fn hand_out(&mut self, row: &Row, reporting: &[u32]) -> Result<Vec<InboxItem>> {
        let mut items = Vec::new();
        if row.answers > 0 {
            items = self.all(sql!("hand_out"), [row.ordinal], rows::inbox_item)?;
        }
        if row.reports > 0 {
            for wait in reporting {
                let values = params![row.ordinal, wait, limit_of(REPORTS_AT_ONCE)];
                items.extend(self.all(sql!("hand_out_reports"), values, rows::inbox_item)?);
            }
            items.sort_by_key(|item| item.id);
        }
        Ok(items)
    }
}

impl Lanes for Db {
    fn holders(&mut self, key: &str) -> Result<u32> {
        Ok(self.value(sql!("holders"), [key])?.unwrap_or(0))
    }

    fn set_holders(&mut self, key: &str, holders: u32) -> Result<()> {
        match holders {
            0 => self.run(sql!("drop_lane"), [key]).map(drop),
            _ => self.run(sql!("set_holders"), params![key, holders]).map(drop),
        }
    }

    fn next_queued(&mut self, key: &str) -> Result<Option<Row>> {
        self.one(sql!("next_queued"), [key], rows::execution)
    }

    fn meet(&mut self, holder: Holder) -> Result<()> {
        self.run(sql!("meet"), params![holder.worker.0.as_bytes(), holder.lease_until.as_micros()]).map(drop)
    }
}

impl Leases for Db {
    fn lease(&mut self, worker: WorkerId) -> Result<Option<Timestamp>> {
        self.one(sql!("lease"), [worker.0.as_bytes()], |row| rows::time(row, 0))
    }

    fn renew(&mut self, worker: WorkerId, lease_until: Timestamp) -> Result<()> {
        self.run(sql!("renew"), params![worker.0.as_bytes(), lease_until.as_micros()]).map(drop)
    }

    fn lapsed(&mut self, now: Timestamp) -> Result<Vec<WorkerId>> {
        self.all(sql!("lapsed"), [now.as_micros()], |row| rows::worker(row, 0))
    }

    fn forget(&mut self, worker: WorkerId) -> Result<()> {
        self.run(sql!("forget"), [worker.0.as_bytes()]).map(drop)
    }

    fn held_by(&mut self, worker: WorkerId, limit: usize) -> Result<Vec<Row>> {
        self.all(sql!("held_by"), params![worker.0.as_bytes(), limit_of(limit)], rows::execution)
    }

    fn held_with_items(&mut self, worker: WorkerId) -> Result<Vec<Row>> {
        self.all(sql!("held_with_items"), [worker.0.as_bytes()], rows::execution)
    }

    fn ready(&mut self, now: Timestamp, limit: usize) -> Result<Vec<Row>> {
        self.all(sql!("ready"), [now.as_micros(), limit_of(limit)], rows::execution)
    }
}

impl Turns for Db {
    fn next_workflow(&mut self, after: Option<&str>) -> Result<Option<(Arc<str>, Timestamp)>> {
        self.one(sql!("next_workflow"), [after.unwrap_or("")], |row| Ok((row.get(0)?, rows::time(row, 1)?)))
    }

    fn ready_of(&mut self, workflow: &str, now: Timestamp, limit: usize) -> Result<Vec<Row>> {
        let values = params![workflow, now.as_micros(), limit_of(limit)];
        self.all(sql!("ready_of"), values, rows::execution)
    }

    fn last_turn(&mut self) -> &mut Option<Arc<str>> {
        &mut self.last_turn
    }
}

impl Graves for Db {
    fn tree(&mut self, root: ExecutionId) -> Result<Vec<Row>> {
        self.all(sql!("tree"), [root.0.as_bytes()], rows::execution)
    }

    fn expired(&mut self, now: Timestamp, limit: usize) -> Result<Vec<ExecutionId>> {
        self.all(sql!("expired"), [now.as_micros(), limit_of(limit)], |row| rows::id(row, 0))
    }

    fn bury(&mut self, row: &Row) -> Result<()> {
        let payloads_of = (row.root == row.id).then_some(row.root.0.as_bytes());
        self.run(sql!("dig"), params![row.ordinal, true, payloads_of])?;
        self.forget_rows(Some(row.id));
        self.run(sql!("bury"), [row.ordinal]).map(drop)
    }

    fn sweep(&mut self, limit: usize) -> Result<bool> {
        let mut left = limit;
        while let Some(grave) = self.grave()? {
            if left == 0 {
                return Ok(true);
            }
            let swept = self.empty(&grave, left)?;
            if swept < left {
                self.run(sql!("fill"), [grave.execution])?;
            }
            left = left.saturating_sub(swept.max(1));
        }
        Ok(false)
    }
}

/// One execution whose bytes are to go.
struct Grave {
    execution: i64,
    everything: bool,
    payloads_of: Option<[u8; 16]>,
}

impl Db {
    /// Gives some of the free pages back to the file system (1 MiB at a time, so that nobody waits for it).
    pub(super) fn give_back(&self) -> Result<()> {
        self.all("PRAGMA incremental_vacuum(256)", [], |_| Ok(())).map(drop)
    }

    fn grave(&mut self) -> Result<Option<Grave>, StoreError> {
        self.one(sql!("grave"), [], |row| {
            Ok(Grave { execution: row.get(0)?, everything: row.get(1)?, payloads_of: row.get(2)? })
        })
    }

    /// Deletes up to `limit` rows that grow in number (and the two that don't); how many of them there were.
    fn empty(&mut self, grave: &Grave, limit: usize) -> Result<usize> {
        let execution = grave.execution;
        let mut swept = self.run(sql!("sweep_entries"), params![execution, limit_of(limit)])?;
        self.run(sql!("sweep_snapshot"), [execution])?;
        if let Some(root) = grave.payloads_of {
            swept +=
                self.run(sql!("sweep_payloads"), params![root, limit_of(limit.saturating_sub(swept))])?;
        }
        if grave.everything {
            self.run(sql!("sweep_header"), [execution])?;
            swept +=
                self.run(sql!("sweep_waits"), params![execution, limit_of(limit.saturating_sub(swept))])?;
            swept +=
                self.run(sql!("sweep_inbox"), params![execution, limit_of(limit.saturating_sub(swept))])?;
        }
        Ok(swept)
    }
}
