//! The tables of the rules over what is known, with the changes kept apart until they are written.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use prana_core::{ExecutionId, Timestamp};

use super::known::{Known, Run, Wanted};
use super::rows::Item;
use crate::rules::{Held, Inbox, Items, Lanes, REPORTS_AT_ONCE, Rows, Trail, Waits};
use crate::{
    Answer, Holder, InboxId, InboxItem, ItemChange, NewItem, Payload, Result, Row, Slot, Snapshot,
    StoreError, StoredEntry, Target, Wait, WorkerId,
};

/// An item that came with this transaction.
#[derive(Debug)]
pub(super) struct Added {
    pub execution: i64,
    pub item: Item,
    pub dedupe: Option<Arc<str>>,
    pub answer: Answer,
}

/// Whose trail is given up, and with it the payloads of which root.
#[derive(Debug)]
pub(super) struct Grave {
    pub execution: i64,
    pub payloads_of: Option<ExecutionId>,
}

/// What the jobs of a batch change. Large things stay in the jobs: here is only which job has them.
#[derive(Debug, Default)]
pub(super) struct Changes {
    pub rows: HashMap<ExecutionId, Row>,
    /// Those of `rows` that are new, and the job that has their header, in order.
    pub inserted: Vec<(ExecutionId, usize)>,
    pub updated: BTreeSet<ExecutionId>,
    /// Ordinal and job.
    pub entries: Vec<(i64, usize)>,
    pub payloads: Vec<(ExecutionId, usize)>,
    /// The newest of each ordinal.
    pub snapshots: BTreeMap<i64, usize>,
    pub waits: BTreeMap<(i64, u32), Wait>,
    pub cleared: BTreeSet<i64>,
    pub added: Vec<Added>,
    pub bound: BTreeMap<InboxId, Option<u32>>,
    pub consumed: BTreeSet<InboxId>,
    pub all_consumed: BTreeSet<i64>,
    pub lanes: BTreeMap<Arc<str>, u32>,
    /// Workers and the lengths of their leases, in microseconds.
    pub met: BTreeMap<WorkerId, i64>,
    pub graves: Vec<Grave>,
    /// Items of the catalogue: what is written, and as which version.
    pub catalog: BTreeMap<(String, String), (u64, Vec<u8>)>,
    born: HashSet<i64>,
}

/// Known tables and changes to them. What is asked for and not known is `missing`; what was decided since is void.
pub(super) struct Draft<'k> {
    known: &'k Known,
    pub changes: Changes,
    pub missing: Wanted,
    numbers: usize,
    /// The job whose rules run, and its time.
    pub job: usize,
    pub at: Timestamp,
}

/// What a rule gets that asked for something unknown; nobody sees it.
fn unknown() -> StoreError {
    StoreError::unavailable("not read yet")
}

impl<'k> Draft<'k> {
    pub fn new(known: &'k Known) -> Self {
        Draft {
            known,
            changes: Changes::default(),
            missing: Wanted::default(),
            numbers: 0,
            job: 0,
            at: Timestamp::from_micros(0),
        }
    }

    fn next_number(&mut self) -> i64 {
        self.numbers += 1;
        match self.known.numbers.get(self.numbers - 1) {
            Some(number) => *number,
            None => {
                self.missing.numbers += 1;
                0
            }
        }
    }

    fn is_new(&self, ordinal: i64) -> bool {
        self.changes.born.contains(&ordinal)
    }

    /// A row as it is now, for a member that some read named.
    fn now(&self, id: ExecutionId) -> Option<&Row> {
        self.changes.rows.get(&id).or_else(|| self.known.rows.get(&id)?.as_ref())
    }

    /// The items of an execution that are not reports, by number.
    fn items(&mut self, ordinal: i64) -> Result<Vec<Item>> {
        let mut items = match self.known.items.get(&ordinal) {
            _ if self.is_new(ordinal) || self.changes.all_consumed.contains(&ordinal) => Vec::new(),
            Some(items) => items.clone(),
            None => {
                self.missing.items.insert(ordinal);
                return Err(unknown());
            }
        };
        let added = self.changes.added.iter().filter(|added| added.execution == ordinal);
        items.extend(added.map(|added| added.item.clone()).filter(|item| !is_report(&item.held)));
        Ok(self.as_changed(items))
    }

    /// The first reports to a wait, by number.
    fn reports(&mut self, ordinal: i64, wait: u32) -> Result<Vec<Item>> {
        let place = (ordinal, wait);
        let is_known_empty = self.is_new(ordinal) || self.changes.all_consumed.contains(&ordinal);
        let (items, is_all) = match self.known.reports.get(&place) {
            _ if is_known_empty => (Vec::new(), true),
            Some(reports) => (reports.first.clone(), reports.is_all),
            None => {
                self.missing.reports.insert(place, 2 * REPORTS_AT_ONCE);
                return Err(unknown());
            }
        };
        let read = items.len();
        let mut items = self.as_changed(items);
        if !is_all && items.len() < REPORTS_AT_ONCE {
            self.missing.reports.insert(place, read + 2 * REPORTS_AT_ONCE);
            return Err(unknown());
        }
        if is_all {
            let added = self.changes.added.iter().filter(|added| added.execution == ordinal);
            let added = added.filter(|added| added.item.held.target == Target::Report(wait));
            let added: Vec<Item> = added.map(|added| added.item.clone()).collect();
            items.extend(self.as_changed(added));
        }
        items.truncate(REPORTS_AT_ONCE);
        Ok(items)
    }

    /// Without those that are consumed, and each bound to what it is bound to now.
    fn as_changed(&self, items: Vec<Item>) -> Vec<Item> {
        let left = items.into_iter().filter(|item| !self.changes.consumed.contains(&item.held.id));
        left.map(|mut item| {
            if let Some(wait) = self.changes.bound.get(&item.held.id) {
                item.held.wait = *wait;
            }
            item
        })
        .collect()
    }

    /// An item with its bytes.
    fn whole(&mut self, item: Item) -> Option<InboxItem> {
        let id = item.held.id;
        let bytes = match item.bytes {
            Some(bytes) => bytes,
            None => match self.known.bodies.get(&id) {
                Some(bytes) => bytes.clone(),
                None => {
                    self.missing.bodies.insert(id);
                    return None;
                }
            },
        };
        Some(InboxItem {
            id,
            target: item.held.target,
            wait: item.held.wait,
            kind: item.kind,
            bytes,
            at: item.at,
        })
    }
}

fn is_report(held: &Held) -> bool {
    matches!(held.target, Target::Report(_))
}

impl Rows for Draft<'_> {
    fn row(&mut self, id: ExecutionId) -> Result<Option<Row>> {
        if let Some(row) = self.changes.rows.get(&id) {
            return Ok(Some(row.clone()));
        }
        match self.known.rows.get(&id) {
            Some(row) => Ok(row.clone()),
            None => {
                self.missing.rows.insert(id);
                Err(unknown())
            }
        }
    }

    fn next_ordinal(&mut self) -> i64 {
        self.next_number()
    }

    fn insert(&mut self, row: &Row, _header: &mut Vec<u8>) -> Result<()> {
        self.changes.inserted.push((row.id, self.job));
        self.changes.born.insert(row.ordinal);
        self.changes.rows.insert(row.id, row.clone());
        Ok(())
    }

    fn update(&mut self, _before: &Row, after: &Row) -> Result<()> {
        if !self.is_new(after.ordinal) {
            self.changes.updated.insert(after.id);
        }
        self.changes.rows.insert(after.id, after.clone());
        Ok(())
    }

    fn started_by(&mut self, workflow_id: &str, start_key: &str) -> Result<Option<ExecutionId>> {
        let is_it =
            |row: &&Row| &*row.workflow_id == workflow_id && row.start_key.as_deref() == Some(start_key);
        if let Some((id, _)) =
            self.changes.inserted.iter().find(|(id, _)| self.changes.rows.get(id).filter(is_it).is_some())
        {
            return Ok(Some(*id));
        }
        let start: (Arc<str>, Arc<str>) = (workflow_id.into(), start_key.into());
        match self.known.started.get(&start) {
            Some(found) => Ok(*found),
            None => {
                self.missing.started.insert(start);
                Err(unknown())
            }
        }
    }

    fn has_open_besides(&mut self, root: ExecutionId, member: ExecutionId) -> Result<bool> {
        let is_open = |row: &&Row| row.root == root && row.id != member && !row.status.is_ended();
        if self.changes.rows.values().any(|row| is_open(&row)) {
            return Ok(true);
        }
        let Some(open) = self.known.open.get(&root) else {
            self.missing.open.insert(root, 8);
            return Err(unknown());
        };
        let still = |id: &&ExecutionId| self.changes.rows.get(*id).is_none_or(|row| !row.status.is_ended());
        if open.first.iter().filter(|id| **id != member).any(|id| still(&id)) {
            return Ok(true);
        }
        if open.is_all {
            return Ok(false);
        }
        self.missing.open.insert(root, open.first.len() * 4);
        Err(unknown())
    }
}

impl Trail for Draft<'_> {
    fn append(&mut self, row: &Row, _entries: &mut Vec<StoredEntry>) -> Result<()> {
        self.changes.entries.push((row.ordinal, self.job));
        Ok(())
    }

    fn put_payloads(&mut self, root: ExecutionId, _payloads: &mut Vec<Payload>) -> Result<()> {
        self.changes.payloads.push((root, self.job));
        Ok(())
    }

    fn put_snapshot(&mut self, row: &Row, _snapshot: &mut Snapshot) -> Result<()> {
        self.changes.snapshots.insert(row.ordinal, self.job);
        Ok(())
    }

    fn drop_trail(&mut self, row: &Row) -> Result<()> {
        let other_new = self.changes.inserted.iter().any(|(id, _)| {
            *id != row.id && self.changes.rows.get(id).is_some_and(|other| other.root == row.root)
        });
        let is_alone = match self.known.members.get(&row.root) {
            _ if other_new => false,
            Some(members) => members.iter().all(|member| *member == row.id),
            None => {
                self.missing.members.insert(row.root);
                return Err(unknown());
            }
        };
        self.changes.graves.push(Grave { execution: row.ordinal, payloads_of: is_alone.then_some(row.root) });
        Ok(())
    }
}

impl Waits for Draft<'_> {
    fn open_waits(&mut self, row: &Row) -> Result<Vec<Wait>> {
        let ordinal = row.ordinal;
        let mut open: BTreeMap<u32, Wait> = match self.known.open_waits.get(&ordinal) {
            _ if self.is_new(ordinal) || self.changes.cleared.contains(&ordinal) => BTreeMap::new(),
            Some(waits) => waits.iter().map(|wait| (wait.wait.execution_index, wait.clone())).collect(),
            None => {
                self.missing.open_waits.insert(ordinal);
                return Err(unknown());
            }
        };
        for ((_, index), wait) in self.changes.waits.range((ordinal, 0)..=(ordinal, u32::MAX)) {
            open.insert(*index, wait.clone());
        }
        Ok(open.into_values().filter(|wait| wait.open).collect())
    }

    fn wait(&mut self, row: &Row, execution_index: u32) -> Result<Option<Wait>> {
        let place = (row.ordinal, execution_index);
        if let Some(wait) = self.changes.waits.get(&place) {
            return Ok(Some(wait.clone()));
        }
        if self.is_new(row.ordinal) || self.changes.cleared.contains(&row.ordinal) {
            return Ok(None);
        }
        if let Some(open) = self.known.open_waits.get(&row.ordinal)
            && let Some(wait) = open.iter().find(|wait| wait.wait.execution_index == execution_index)
        {
            return Ok(Some(wait.clone()));
        }
        match self.known.waits.get(&place) {
            Some(wait) => Ok(wait.clone()),
            None => {
                self.missing.waits.insert(place);
                Err(unknown())
            }
        }
    }

    fn wait_of_run(
        &mut self,
        row: &Row,
        node_key: &str,
        loop_path: &str,
        run_index: u32,
    ) -> Result<Option<Wait>> {
        let ordinal = row.ordinal;
        let is_it = |wait: &&Wait| {
            let wait = &wait.wait;
            *wait.node_key == *node_key && *wait.loop_path == *loop_path && wait.run_index == run_index
        };
        let mut changed = self.changes.waits.range((ordinal, 0)..=(ordinal, u32::MAX)).map(|(_, wait)| wait);
        let changed = changed.rfind(is_it).cloned();
        if self.is_new(ordinal) || self.changes.cleared.contains(&ordinal) {
            return Ok(changed);
        }
        let run =
            Run { execution: ordinal, node_key: node_key.into(), loop_path: loop_path.into(), run_index };
        let Some(stored) = self.known.runs.get(&run) else {
            self.missing.runs.insert(run);
            return Err(unknown());
        };
        let index = |wait: &Option<Wait>| wait.as_ref().map(|wait| wait.wait.execution_index);
        Ok(if index(&changed) >= index(stored) { changed } else { stored.clone() })
    }

    fn put_wait(&mut self, row: &Row, wait: &Wait) -> Result<()> {
        self.changes.waits.insert((row.ordinal, wait.wait.execution_index), wait.clone());
        Ok(())
    }

    fn clear_waits(&mut self, row: &Row) -> Result<()> {
        let ordinal = row.ordinal;
        self.changes.waits.retain(|(execution, _), _| *execution != ordinal);
        self.changes.cleared.insert(ordinal);
        Ok(())
    }
}

impl Inbox for Draft<'_> {
    fn first_answer(&mut self, row: &Row, dedupe: &str) -> Result<Option<Answer>> {
        let is_it =
            |added: &&Added| added.execution == row.ordinal && added.dedupe.as_deref() == Some(dedupe);
        if let Some(added) = self.changes.added.iter().find(is_it) {
            return Ok(Some(added.answer));
        }
        if self.is_new(row.ordinal) {
            return Ok(None);
        }
        let place = (row.ordinal, dedupe.into());
        match self.known.answers.get(&place) {
            Some(answer) => Ok(*answer),
            None => {
                self.missing.answers.insert(place);
                Err(unknown())
            }
        }
    }

    fn add_item(
        &mut self,
        row: &Row,
        item: &mut NewItem,
        answer: Answer,
        wait: Option<u32>,
    ) -> Result<InboxId> {
        let id = InboxId(self.next_number());
        let held = Held { id, target: item.target.clone(), wait };
        self.changes.added.push(Added {
            execution: row.ordinal,
            item: Item { held, kind: item.kind, at: item.at, bytes: Some(item.bytes.clone()) },
            dedupe: item.dedupe.clone(),
            answer,
        });
        Ok(id)
    }

    fn held_item(&mut self, row: &Row, id: InboxId) -> Result<Option<Held>> {
        if self.changes.consumed.contains(&id) {
            return Ok(None);
        }
        if let Some(added) = self.changes.added.iter().find(|added| added.item.held.id == id) {
            return Ok((added.execution == row.ordinal).then(|| added.item.held.clone()));
        }
        if self.is_new(row.ordinal) || self.changes.all_consumed.contains(&row.ordinal) {
            return Ok(None);
        }
        let Some(held) = self.known.held.get(&id) else {
            self.missing.held.insert(id);
            return Err(unknown());
        };
        let held = held.as_ref().filter(|(execution, _)| *execution == row.ordinal);
        Ok(held.and_then(|(_, item)| self.as_changed(vec![item.clone()]).pop()).map(|item| item.held))
    }

    fn kept(&mut self, row: &Row) -> Result<Vec<Held>> {
        let items = self.items(row.ordinal)?.into_iter().map(|item| item.held);
        Ok(items.filter(|held| held.wait.is_none() && held.target != Target::Execution).collect())
    }

    fn bound(&mut self, row: &Row, wait: u32) -> Result<Option<Held>> {
        let mut items = self.items(row.ordinal)?.into_iter().map(|item| item.held);
        Ok(items.find(|held| held.wait == Some(wait)))
    }

    fn bind(&mut self, _row: &Row, id: InboxId, wait: Option<u32>) -> Result<()> {
        self.changes.bound.insert(id, wait);
        Ok(())
    }

    fn consume(&mut self, _row: &Row, id: InboxId) -> Result<()> {
        self.changes.consumed.insert(id);
        Ok(())
    }

    fn consume_all(&mut self, row: &Row) -> Result<()> {
        let added = self.changes.added.iter().filter(|added| added.execution == row.ordinal);
        let added: Vec<InboxId> = added.map(|added| added.item.held.id).collect();
        self.changes.consumed.extend(added);
        self.changes.all_consumed.insert(row.ordinal);
        Ok(())
    }

    fn hand_out(&mut self, row: &Row, reporting: &[u32]) -> Result<Vec<InboxItem>> {
        let mut due = Vec::new();
        if row.answers > 0 {
            due = self.items(row.ordinal)?;
            due.retain(|item| item.held.target == Target::Execution || item.held.wait.is_some());
        }
        if row.reports > 0 {
            for wait in reporting {
                due.extend(self.reports(row.ordinal, *wait)?);
            }
            due.sort_by_key(|item| item.held.id);
        }
        Ok(due.into_iter().filter_map(|item| self.whole(item)).collect())
    }
}

impl Lanes for Draft<'_> {
    fn holders(&mut self, key: &str) -> Result<u32> {
        if let Some(holders) = self.changes.lanes.get(key) {
            return Ok(*holders);
        }
        match self.known.lanes.get(key) {
            Some(holders) => Ok(*holders),
            None => {
                self.missing.lanes.insert(key.into());
                Err(unknown())
            }
        }
    }

    fn set_holders(&mut self, key: &str, holders: u32) -> Result<()> {
        self.changes.lanes.insert(key.into(), holders);
        Ok(())
    }

    fn next_queued(&mut self, key: &str) -> Result<Option<Row>> {
        let Some(queue) = self.known.queues.get(key) else {
            self.missing.queues.insert(key.into(), 8);
            return Err(unknown());
        };
        let queues = |row: &&Row| {
            row.slot == Slot::Queued && row.concurrency.as_ref().is_some_and(|lane| *lane.key == *key)
        };
        let stored = queue.first.iter().filter_map(|id| self.now(*id)).find(queues);
        if stored.is_none() && !queue.is_all {
            self.missing.queues.insert(key.into(), queue.first.len() * 4);
            return Err(unknown());
        }
        let new = self.changes.inserted.iter().filter_map(|(id, _)| self.changes.rows.get(id)).find(queues);
        // Who is stored came before who is not.
        Ok(stored.or(new).cloned())
    }

    fn meet(&mut self, holder: Holder) -> Result<()> {
        // The length of the lease: when it ends is for the clock of the database to say.
        let length = holder.lease_until.as_micros().saturating_sub(self.at.as_micros()).max(0);
        self.changes.met.entry(holder.worker).or_insert(length);
        Ok(())
    }
}

impl Items for Draft<'_> {
    fn item_version(&mut self, kind: &str, key: &str) -> Result<u64> {
        let place = (kind.to_owned(), key.to_owned());
        if let Some((version, _)) = self.changes.catalog.get(&place) {
            return Ok(*version);
        }
        match self.known.catalog.get(&place) {
            Some(version) => Ok(*version),
            None => {
                self.missing.catalog.insert(place);
                Err(unknown())
            }
        }
    }

    fn write_item(&mut self, change: &mut ItemChange, version: u64) -> Result<()> {
        let place = (change.kind.clone(), change.key.clone());
        self.changes.catalog.insert(place, (version, change.bytes.clone()));
        Ok(())
    }
}
