//! The tables of the store in memory: ordered maps, and sets that stand for indexes.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

use prana_core::{ExecutionId, Timestamp};

use crate::rules::{Graves, Held, Inbox, Items, Lanes, Leases, REPORTS_AT_ONCE, Rows, Trail, Turns, Waits};
use crate::{
    Answer, Cursor, Hash, Holder, InboxId, InboxItem, ItemChange, NewItem, Payload, Result, Row, Slot,
    Snapshot, StoredEntry, Target, Wait, WorkerId,
};

/// All tables.
#[derive(Debug, Default)]
pub(super) struct State {
    ordinal: i64,
    item: i64,
    pub(super) keeps_entries: bool,
    pub(super) rows: BTreeMap<ExecutionId, Row>,
    pub(super) files: BTreeMap<ExecutionId, File>,
    pub(super) payloads: BTreeMap<ExecutionId, BTreeMap<Hash, Vec<u8>>>,
    pub(super) ready: BTreeSet<(Timestamp, i64, ExecutionId)>,
    /// The same by workflow.
    lines: BTreeMap<Arc<str>, BTreeSet<(Timestamp, i64, ExecutionId)>>,
    last_turn: Option<Arc<str>>,
    pub(super) created: BTreeSet<Cursor>,
    start_keys: BTreeMap<(Arc<str>, Arc<str>), ExecutionId>,
    queues: BTreeMap<Arc<str>, BTreeMap<i64, ExecutionId>>,
    holders: BTreeMap<String, u32>,
    workers: BTreeMap<WorkerId, Timestamp>,
    held: BTreeMap<WorkerId, BTreeMap<i64, ExecutionId>>,
    trees: BTreeMap<ExecutionId, BTreeSet<ExecutionId>>,
    open: BTreeMap<ExecutionId, BTreeSet<ExecutionId>>,
    expiring: BTreeSet<(Timestamp, ExecutionId)>,
    /// By kind and key: the version and the bytes.
    pub(super) items: BTreeMap<(String, String), (u64, Vec<u8>)>,
}

/// What belongs to one execution, its row aside.
#[derive(Debug, Default)]
pub(super) struct File {
    pub(super) header: Vec<u8>,
    pub(super) entries: BTreeMap<u64, StoredEntry>,
    pub(super) snapshot: Option<Snapshot>,
    waits: BTreeMap<u32, Wait>,
    open: BTreeSet<u32>,
    runs: BTreeMap<(Arc<str>, Arc<str>, u32), u32>,
    inbox: BTreeMap<InboxId, InboxItem>,
    answers: BTreeMap<Arc<str>, Answer>,
}

impl State {
    pub(super) fn file(&mut self, id: ExecutionId) -> &mut File {
        self.files.entry(id).or_default()
    }

    /// Enters a row into the sets that its state calls for.
    fn index(&mut self, row: &Row) {
        if let (Some(at), true) = (row.ready_at, row.slot != Slot::Queued) {
            self.ready.insert((at, row.ordinal, row.id));
            self.lines.entry(row.workflow_id.clone()).or_default().insert((at, row.ordinal, row.id));
        }
        if let (Some(concurrency), Slot::Queued) = (&row.concurrency, row.slot) {
            self.queues.entry(concurrency.key.clone()).or_default().insert(row.ordinal, row.id);
        }
        if let Some(worker) = row.claimed_by {
            self.held.entry(worker).or_default().insert(row.ordinal, row.id);
        }
        if !row.status.is_ended() {
            self.open.entry(row.root).or_default().insert(row.id);
        }
        if let Some(at) = row.expires_at {
            self.expiring.insert((at, row.id));
        }
    }

    fn unindex(&mut self, row: &Row) {
        if let Some(at) = row.ready_at {
            self.ready.remove(&(at, row.ordinal, row.id));
            if let Some(line) = self.lines.get_mut(&row.workflow_id) {
                line.remove(&(at, row.ordinal, row.id));
                if line.is_empty() {
                    self.lines.remove(&row.workflow_id);
                }
            }
        }
        if let Some(concurrency) = &row.concurrency
            && let Some(queue) = self.queues.get_mut(&concurrency.key)
        {
            queue.remove(&row.ordinal);
        }
        if let Some(worker) = row.claimed_by
            && let Some(held) = self.held.get_mut(&worker)
        {
            held.remove(&row.ordinal);
        }
        if let Some(open) = self.open.get_mut(&row.root) {
            open.remove(&row.id);
            if open.is_empty() {
                self.open.remove(&row.root);
            }
        }
        if let Some(at) = row.expires_at {
            self.expiring.remove(&(at, row.id));
        }
    }

    fn rows_of<'a>(&'a self, ids: impl Iterator<Item = &'a ExecutionId>) -> Vec<Row> {
        ids.filter_map(|id| self.rows.get(id)).cloned().collect()
    }
}

/// Whether any set that `index` fills tells the two apart.
fn moves(before: &Row, after: &Row) -> bool {
    before.ready_at != after.ready_at
        || before.slot != after.slot
        || before.claimed_by != after.claimed_by
        || before.status != after.status
        || before.expires_at != after.expires_at
}

impl Rows for State {
    fn row(&mut self, id: ExecutionId) -> Result<Option<Row>> {
        Ok(self.rows.get(&id).cloned())
    }

    fn next_ordinal(&mut self) -> i64 {
        self.ordinal += 1;
        self.ordinal
    }

    fn insert(&mut self, row: &Row, header: &mut Vec<u8>) -> Result<()> {
        self.index(row);
        self.created.insert(Cursor { created_at: row.created_at, id: row.id });
        self.trees.entry(row.root).or_default().insert(row.id);
        if let Some(key) = &row.start_key {
            self.start_keys.insert((row.workflow_id.clone(), key.clone()), row.id);
        }
        self.file(row.id).header = std::mem::take(header);
        self.rows.insert(row.id, row.clone());
        Ok(())
    }

    fn update(&mut self, before: &Row, after: &Row) -> Result<()> {
        if moves(before, after) {
            self.unindex(before);
            self.index(after);
        }
        self.rows.insert(after.id, after.clone());
        Ok(())
    }

    fn started_by(&mut self, workflow_id: &str, start_key: &str) -> Result<Option<ExecutionId>> {
        Ok(self.start_keys.get(&(workflow_id.into(), start_key.into())).copied())
    }

    fn has_open_besides(&mut self, root: ExecutionId, member: ExecutionId) -> Result<bool> {
        Ok(self.open.get(&root).is_some_and(|open| open.iter().any(|other| *other != member)))
    }
}

impl Trail for State {
    fn append(&mut self, row: &Row, entries: &mut Vec<StoredEntry>) -> Result<()> {
        if self.keeps_entries {
            let named = std::mem::take(entries).into_iter().map(|entry| (entry.sequence, entry));
            self.file(row.id).entries.extend(named);
        }
        Ok(())
    }

    fn put_payloads(&mut self, root: ExecutionId, payloads: &mut Vec<Payload>) -> Result<()> {
        let stored = self.payloads.entry(root).or_default();
        for payload in std::mem::take(payloads) {
            stored.entry(payload.hash).or_insert(payload.bytes);
        }
        Ok(())
    }

    fn put_snapshot(&mut self, row: &Row, snapshot: &mut Snapshot) -> Result<()> {
        self.file(row.id).snapshot = Some(snapshot.clone());
        Ok(())
    }

    fn drop_trail(&mut self, row: &Row) -> Result<()> {
        let file = self.file(row.id);
        file.entries.clear();
        file.snapshot = None;
        let is_alone =
            self.trees.get(&row.root).is_none_or(|tree| tree.iter().all(|member| *member == row.id));
        if is_alone {
            self.payloads.remove(&row.root);
        }
        Ok(())
    }
}

impl Waits for State {
    fn open_waits(&mut self, row: &Row) -> Result<Vec<Wait>> {
        let file = self.file(row.id);
        Ok(file.open.iter().filter_map(|index| file.waits.get(index)).cloned().collect())
    }

    fn wait(&mut self, row: &Row, execution_index: u32) -> Result<Option<Wait>> {
        Ok(self.file(row.id).waits.get(&execution_index).cloned())
    }

    fn wait_of_run(
        &mut self,
        row: &Row,
        node_key: &str,
        loop_path: &str,
        run_index: u32,
    ) -> Result<Option<Wait>> {
        let file = self.file(row.id);
        let index = file.runs.get(&(node_key.into(), loop_path.into(), run_index));
        Ok(index.and_then(|index| file.waits.get(index)).cloned())
    }

    fn put_wait(&mut self, row: &Row, wait: &Wait) -> Result<()> {
        let file = self.file(row.id);
        let index = wait.wait.execution_index;
        if wait.open {
            file.open.insert(index);
        } else {
            file.open.remove(&index);
        }
        let run = (wait.wait.node_key.clone(), wait.wait.loop_path.clone(), wait.wait.run_index);
        file.runs.insert(run, index);
        file.waits.insert(index, wait.clone());
        Ok(())
    }

    fn clear_waits(&mut self, row: &Row) -> Result<()> {
        let file = self.file(row.id);
        file.waits.clear();
        file.open.clear();
        file.runs.clear();
        Ok(())
    }
}

fn held(item: &InboxItem) -> Held {
    Held { id: item.id, target: item.target.clone(), wait: item.wait }
}

fn is_report(item: &InboxItem) -> bool {
    matches!(item.target, Target::Report(_))
}

impl Inbox for State {
    fn first_answer(&mut self, row: &Row, dedupe: &str) -> Result<Option<Answer>> {
        Ok(self.file(row.id).answers.get(dedupe).copied())
    }

    fn add_item(
        &mut self,
        row: &Row,
        item: &mut NewItem,
        answer: Answer,
        wait: Option<u32>,
    ) -> Result<InboxId> {
        self.item += 1;
        let id = InboxId(self.item);
        let file = self.file(row.id);
        if let Some(key) = &item.dedupe {
            file.answers.insert(key.clone(), answer);
        }
        let (target, bytes) = (item.target.clone(), std::mem::take(&mut item.bytes));
        let (kind, at) = (item.kind, item.at);
        file.inbox.insert(id, InboxItem { id, target, wait, kind, bytes, at });
        Ok(id)
    }

    fn held_item(&mut self, row: &Row, id: InboxId) -> Result<Option<Held>> {
        Ok(self.file(row.id).inbox.get(&id).map(held))
    }

    fn kept(&mut self, row: &Row) -> Result<Vec<Held>> {
        let items = self.file(row.id).inbox.values();
        Ok(items.filter(|item| item.wait.is_none() && item.target != Target::Execution).map(held).collect())
    }

    fn bound(&mut self, row: &Row, wait: u32) -> Result<Option<Held>> {
        let mut items = self.file(row.id).inbox.values();
        Ok(items.find(|item| item.wait == Some(wait) && !is_report(item)).map(held))
    }

    fn bind(&mut self, row: &Row, id: InboxId, wait: Option<u32>) -> Result<()> {
        if let Some(item) = self.file(row.id).inbox.get_mut(&id) {
            item.wait = wait;
        }
        Ok(())
    }

    fn consume(&mut self, row: &Row, id: InboxId) -> Result<()> {
        self.file(row.id).inbox.remove(&id);
        Ok(())
    }

    fn consume_all(&mut self, row: &Row) -> Result<()> {
        self.file(row.id).inbox.clear();
        Ok(())
    }

    fn hand_out(&mut self, row: &Row, reporting: &[u32]) -> Result<Vec<InboxItem>> {
        let mut handed: BTreeMap<u32, usize> = reporting.iter().map(|index| (*index, 0)).collect();
        let items = self.file(row.id).inbox.values();
        let due = items.filter(|item| match (&item.target, item.wait) {
            (Target::Execution, _) => true,
            (Target::Report(index), _) => handed.get_mut(index).is_some_and(|count| {
                *count += 1;
                *count <= REPORTS_AT_ONCE
            }),
            (_, wait) => wait.is_some(),
        });
        Ok(due.cloned().collect())
    }
}

impl Lanes for State {
    fn holders(&mut self, key: &str) -> Result<u32> {
        Ok(self.holders.get(key).copied().unwrap_or(0))
    }

    fn set_holders(&mut self, key: &str, holders: u32) -> Result<()> {
        match holders {
            0 => self.holders.remove(key),
            _ => self.holders.insert(key.to_owned(), holders),
        };
        Ok(())
    }

    fn next_queued(&mut self, key: &str) -> Result<Option<Row>> {
        let first = self.queues.get(key).and_then(|queue| queue.values().next());
        Ok(first.and_then(|id| self.rows.get(id)).cloned())
    }

    fn meet(&mut self, holder: Holder) -> Result<()> {
        self.workers.entry(holder.worker).or_insert(holder.lease_until);
        Ok(())
    }
}

impl Leases for State {
    fn lease(&mut self, worker: WorkerId) -> Result<Option<Timestamp>> {
        Ok(self.workers.get(&worker).copied())
    }

    fn renew(&mut self, worker: WorkerId, lease_until: Timestamp) -> Result<()> {
        let lease = self.workers.entry(worker).or_insert(lease_until);
        *lease = (*lease).max(lease_until);
        Ok(())
    }

    fn lapsed(&mut self, now: Timestamp) -> Result<Vec<WorkerId>> {
        Ok(self.workers.iter().filter(|(_, until)| **until <= now).map(|(worker, _)| *worker).collect())
    }

    fn forget(&mut self, worker: WorkerId) -> Result<()> {
        self.workers.remove(&worker);
        self.held.remove(&worker);
        Ok(())
    }

    fn held_by(&mut self, worker: WorkerId, limit: usize) -> Result<Vec<Row>> {
        Ok(self.held.get(&worker).map_or_else(Vec::new, |held| self.rows_of(held.values().take(limit))))
    }

    fn held_with_items(&mut self, worker: WorkerId) -> Result<Vec<Row>> {
        let mut rows = self.held_by(worker, usize::MAX)?;
        rows.retain(|row| row.answers + row.reports > 0);
        Ok(rows)
    }

    fn ready(&mut self, now: Timestamp, limit: usize) -> Result<Vec<Row>> {
        let due = self.ready.iter().take_while(|(at, _, _)| *at <= now).take(limit);
        Ok(self.rows_of(due.map(|(_, _, id)| id)))
    }
}

impl Turns for State {
    fn next_workflow(&mut self, after: Option<&str>) -> Result<Option<(Arc<str>, Timestamp)>> {
        let after = after.map_or(Bound::Unbounded, Bound::Excluded);
        let next = self.lines.range::<str, _>((after, Bound::Unbounded)).next();
        Ok(next.and_then(|(workflow, line)| Some((workflow.clone(), line.first()?.0))))
    }

    fn ready_of(&mut self, workflow: &str, now: Timestamp, limit: usize) -> Result<Vec<Row>> {
        let Some(line) = self.lines.get(workflow) else { return Ok(Vec::new()) };
        let due = line.iter().take_while(|(at, _, _)| *at <= now).take(limit);
        Ok(self.rows_of(due.map(|(_, _, id)| id)))
    }

    fn last_turn(&mut self) -> &mut Option<Arc<str>> {
        &mut self.last_turn
    }
}

impl Graves for State {
    fn tree(&mut self, root: ExecutionId) -> Result<Vec<Row>> {
        Ok(self.trees.get(&root).map_or_else(Vec::new, |tree| self.rows_of(tree.iter())))
    }

    fn expired(&mut self, now: Timestamp, limit: usize) -> Result<Vec<ExecutionId>> {
        let due = self.expiring.iter().take_while(|(at, _)| *at <= now).take(limit);
        Ok(due.map(|(_, id)| *id).collect())
    }

    fn bury(&mut self, row: &Row) -> Result<()> {
        self.unindex(row);
        self.rows.remove(&row.id);
        self.files.remove(&row.id);
        self.payloads.remove(&row.id);
        self.created.remove(&Cursor { created_at: row.created_at, id: row.id });
        if let Some(key) = &row.start_key {
            self.start_keys.remove(&(row.workflow_id.clone(), key.clone()));
        }
        if let Some(tree) = self.trees.get_mut(&row.root) {
            tree.remove(&row.id);
            if tree.is_empty() {
                self.trees.remove(&row.root);
            }
        }
        Ok(())
    }

    fn sweep(&mut self, _limit: usize) -> Result<bool> {
        Ok(false)
    }
}

impl Items for State {
    fn item_version(&mut self, kind: &str, key: &str) -> Result<u64> {
        let stored = self.items.get(&(kind.to_owned(), key.to_owned()));
        Ok(stored.map_or(0, |(version, _)| *version))
    }

    fn write_item(&mut self, change: &mut ItemChange, version: u64) -> Result<()> {
        let place = (std::mem::take(&mut change.kind), std::mem::take(&mut change.key));
        self.items.insert(place, (version, std::mem::take(&mut change.bytes)));
        Ok(())
    }
}
