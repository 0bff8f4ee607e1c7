//! What a transaction has read: the ground on which the rules run.
//!
//! The rules are written once, over tables that answer at once. Here they run on what is known; where they ask for something that is not, that is
//! noted, read for all at once, and they run again. What a batch usually needs is read with its first step, so that they usually run once.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use prana_core::ExecutionId;
use uuid::Uuid;

use super::failure::Failure;
use super::rows::{self, Given, Item, get, limit_of};
use super::statements as sql;
use super::transaction::Ask;
use crate::{Answer, InboxId, Row, Wait};

/// A run of a node, as a link names it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Run {
    pub execution: i64,
    pub node_key: Arc<str>,
    pub loop_path: Arc<str>,
    pub run_index: u32,
}

/// What is to be read.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    /// Kinds and keys of items of the catalogue.
    pub catalog: BTreeSet<(String, String)>,
    pub lanes: BTreeSet<Arc<str>>,
    pub rows: BTreeSet<ExecutionId>,
    pub queues: BTreeMap<Arc<str>, usize>,
    pub started: BTreeSet<(Arc<str>, Arc<str>)>,
    /// Open members of a tree, and how many at most.
    pub open: BTreeMap<ExecutionId, usize>,
    pub members: BTreeSet<ExecutionId>,
    pub open_waits: BTreeSet<i64>,
    pub waits: BTreeSet<(i64, u32)>,
    pub runs: BTreeSet<Run>,
    pub items: BTreeSet<i64>,
    /// Reports to a wait, and how many at most.
    pub reports: BTreeMap<(i64, u32), usize>,
    pub held: BTreeSet<InboxId>,
    pub bodies: BTreeSet<InboxId>,
    pub answers: BTreeSet<(i64, Arc<str>)>,
    pub numbers: usize,
}

impl Wanted {
    pub fn is_empty(&self) -> bool {
        self.numbers == 0
            && self.catalog.is_empty()
            && self.lanes.is_empty()
            && self.rows.is_empty()
            && self.queues.is_empty()
            && self.started.is_empty()
            && self.open.is_empty()
            && self.members.is_empty()
            && self.open_waits.is_empty()
            && self.waits.is_empty()
            && self.runs.is_empty()
            && self.items.is_empty()
            && self.reports.is_empty()
            && self.held.is_empty()
            && self.bodies.is_empty()
            && self.answers.is_empty()
    }
}

/// The first so many of something.
#[derive(Debug, Default)]
pub(super) struct First<T> {
    pub first: Vec<T>,
    /// Whether that is all.
    pub is_all: bool,
}

/// What was read.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// Versions of items of the catalogue.
    pub catalog: HashMap<(String, String), u64>,
    pub rows: HashMap<ExecutionId, Option<Row>>,
    pub lanes: HashMap<Arc<str>, u32>,
    pub queues: HashMap<Arc<str>, First<ExecutionId>>,
    pub started: HashMap<(Arc<str>, Arc<str>), Option<ExecutionId>>,
    pub open: HashMap<ExecutionId, First<ExecutionId>>,
    pub members: HashMap<ExecutionId, Vec<ExecutionId>>,
    pub open_waits: HashMap<i64, Vec<Wait>>,
    pub waits: HashMap<(i64, u32), Option<Wait>>,
    pub runs: HashMap<Run, Option<Wait>>,
    pub items: HashMap<i64, Vec<Item>>,
    pub reports: HashMap<(i64, u32), First<Item>>,
    pub held: HashMap<InboxId, Option<(i64, Item)>>,
    pub bodies: HashMap<InboxId, Vec<u8>>,
    pub answers: HashMap<(i64, Arc<str>), Option<Answer>>,
    pub numbers: Vec<i64>,
}

/// One statement that reads, and what its rows become.
pub(super) struct Reading<'w> {
    ask: Ask<'w>,
    keep: Keep<'w>,
}

type Keep<'w> = Box<dyn FnOnce(&mut Known, Vec<Given>) -> Result<(), Failure> + Send + 'w>;

/// The number of a lane's lock. Two lanes with one number lock each other, which does no harm.
fn lock_of(lane: &str) -> i32 {
    use sha2::Digest;
    let hash: [u8; 32] = sha2::Sha256::digest(lane.as_bytes()).into();
    i32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]])
}

/// The statements that read what is wanted, in the order in which they must run: locks first, then what is read under them.
pub(super) fn readings(wanted: &Wanted) -> Vec<Reading<'_>> {
    let mut plan = Vec::new();
    lock(wanted, &mut plan);
    read_executions(wanted, &mut plan);
    read_waits(wanted, &mut plan);
    read_inbox(wanted, &mut plan);
    if wanted.numbers > 0 {
        add(&mut plan, Ask::new(sql::NUMBERS).with(limit_of(wanted.numbers)), |known, given| {
            for row in &given {
                known.numbers.push(get(row, 0)?);
            }
            Ok(())
        });
    }
    plan
}

fn add<'w>(
    plan: &mut Vec<Reading<'w>>,
    ask: Ask<'w>,
    keep: impl FnOnce(&mut Known, Vec<Given>) -> Result<(), Failure> + Send + 'w,
) {
    plan.push(Reading { ask, keep: Box::new(keep) });
}

/// The number of the lock of something in the catalogue.
pub(super) fn catalog_lock(kind: &str, key: &str) -> i32 {
    lock_of(&format!("{kind}\0{key}"))
}

fn lock<'w>(wanted: &'w Wanted, plan: &mut Vec<Reading<'w>>) {
    let locks: BTreeSet<i32> = wanted.catalog.iter().map(|(kind, key)| catalog_lock(kind, key)).collect();
    for lock in locks {
        add(plan, Ask::new(sql::LOCK_CATALOG).with(lock), |_, _| Ok(()));
    }
    for place in &wanted.catalog {
        let ask = Ask::new(sql::ITEM).with(place.0.as_bytes()).with(place.1.as_bytes());
        add(plan, ask, |known, given| {
            let version = given.first().map(|row| rows::unsigned(row, 1)).transpose()?;
            known.catalog.insert(place.clone(), version.unwrap_or(0));
            Ok(())
        });
    }
    if !wanted.lanes.is_empty() {
        let locks: BTreeSet<i32> = wanted.lanes.iter().map(|lane| lock_of(lane)).collect();
        add(plan, Ask::new(sql::LOCK_LANES).with(locks.into_iter().collect::<Vec<_>>()), |_, _| Ok(()));
        let keys: Vec<&[u8]> = wanted.lanes.iter().map(|lane| lane.as_bytes()).collect();
        add(plan, Ask::new(sql::LANES).with(keys), |known, given| {
            known.lanes.extend(wanted.lanes.iter().map(|lane| (lane.clone(), 0)));
            for row in &given {
                known.lanes.insert(rows::text(row, 0)?.into(), rows::small(row, 1)?);
            }
            Ok(())
        });
    }
    if !wanted.rows.is_empty() {
        let ids: Vec<Uuid> = wanted.rows.iter().map(|id| id.0).collect();
        add(plan, Ask::new(sql::LOCK_ROWS).with(ids), |known, given| {
            known.rows.extend(wanted.rows.iter().map(|id| (*id, None)));
            given.iter().try_for_each(|row| known.keep_row(rows::execution(row)?))
        });
    }
    for (lane, limit) in &wanted.queues {
        let ask = Ask::new(sql::LOCK_QUEUE).with(lane.as_bytes()).with(limit_of(*limit));
        add(plan, ask, |known, given| {
            let mut first = Vec::with_capacity(given.len());
            for row in &given {
                let row = rows::execution(row)?;
                first.push(row.id);
                known.keep_row(row)?;
            }
            let is_all = first.len() < *limit;
            known.queues.insert(lane.clone(), First { first, is_all });
            Ok(())
        });
    }
}

fn read_executions<'w>(wanted: &'w Wanted, plan: &mut Vec<Reading<'w>>) {
    if !wanted.started.is_empty() {
        let (workflows, keys): (Vec<&[u8]>, Vec<&[u8]>) =
            wanted.started.iter().map(|(workflow, key)| (workflow.as_bytes(), key.as_bytes())).unzip();
        add(plan, Ask::new(sql::STARTED).with(workflows).with(keys), |known, given| {
            known.started.extend(wanted.started.iter().map(|start| (start.clone(), None)));
            for row in &given {
                let start = (rows::text(row, 0)?.into(), rows::text(row, 1)?.into());
                known.started.insert(start, Some(rows::id(row, 2)?));
            }
            Ok(())
        });
    }
    for (root, limit) in &wanted.open {
        add(plan, Ask::new(sql::OPEN_MEMBERS).with(root.0).with(limit_of(*limit)), |known, given| {
            let first: Result<Vec<_>, Failure> = given.iter().map(|row| rows::id(row, 0)).collect();
            let is_all = given.len() < *limit;
            known.open.insert(*root, First { first: first?, is_all });
            Ok(())
        });
    }
    for root in &wanted.members {
        add(plan, Ask::new(sql::MEMBERS).with(root.0), |known, given| {
            let members: Result<Vec<_>, Failure> = given.iter().map(|row| rows::id(row, 0)).collect();
            known.members.insert(*root, members?);
            Ok(())
        });
    }
}

fn read_waits<'w>(wanted: &'w Wanted, plan: &mut Vec<Reading<'w>>) {
    if !wanted.open_waits.is_empty() {
        let executions: Vec<i64> = wanted.open_waits.iter().copied().collect();
        add(plan, Ask::new(sql::OPEN_WAITS).with(executions), |known, given| {
            known.open_waits.extend(wanted.open_waits.iter().map(|execution| (*execution, Vec::new())));
            for row in &given {
                let (execution, wait) = rows::wait(row)?;
                known.open_waits.entry(execution).or_default().push(wait);
            }
            Ok(())
        });
    }
    if !wanted.waits.is_empty() {
        let (executions, indexes): (Vec<i64>, Vec<i64>) =
            wanted.waits.iter().map(|(execution, index)| (*execution, i64::from(*index))).unzip();
        add(plan, Ask::new(sql::WAITS).with(executions).with(indexes), |known, given| {
            known.waits.extend(wanted.waits.iter().map(|place| (*place, None)));
            for row in &given {
                let (execution, wait) = rows::wait(row)?;
                known.waits.insert((execution, wait.wait.execution_index), Some(wait));
            }
            Ok(())
        });
    }
    for run in &wanted.runs {
        let ask = Ask::new(sql::WAIT_OF_RUN).with(run.execution).with(run.node_key.as_bytes());
        let ask = ask.with(i64::from(run.run_index)).with(run.loop_path.as_bytes());
        add(plan, ask, |known, given| {
            let wait = given.first().map(rows::wait).transpose()?.map(|(_, wait)| wait);
            known.runs.insert(run.clone(), wait);
            Ok(())
        });
    }
}

fn read_inbox<'w>(wanted: &'w Wanted, plan: &mut Vec<Reading<'w>>) {
    if !wanted.items.is_empty() {
        let executions: Vec<i64> = wanted.items.iter().copied().collect();
        add(plan, Ask::new(sql::ITEMS).with(executions), |known, given| {
            known.items.extend(wanted.items.iter().map(|execution| (*execution, Vec::new())));
            for row in &given {
                let (execution, item) = rows::item(row)?;
                known.items.entry(execution).or_default().push(item);
            }
            Ok(())
        });
    }
    for ((execution, wait), limit) in &wanted.reports {
        let ask = Ask::new(sql::REPORTS).with(*execution).with(i64::from(*wait)).with(limit_of(*limit));
        add(plan, ask, |known, given| {
            let first: Result<Vec<Item>, Failure> = given.iter().map(|row| Ok(rows::item(row)?.1)).collect();
            let is_all = given.len() < *limit;
            known.reports.insert((*execution, *wait), First { first: first?, is_all });
            Ok(())
        });
    }
    if !wanted.held.is_empty() {
        let ids: Vec<i64> = wanted.held.iter().map(|id| id.0).collect();
        add(plan, Ask::new(sql::HELD).with(ids), |known, given| {
            known.held.extend(wanted.held.iter().map(|id| (*id, None)));
            for row in &given {
                let (execution, item) = rows::item(row)?;
                known.held.insert(item.held.id, Some((execution, item)));
            }
            Ok(())
        });
    }
    if !wanted.bodies.is_empty() {
        let ids: Vec<i64> = wanted.bodies.iter().map(|id| id.0).collect();
        add(plan, Ask::new(sql::BODIES).with(ids), |known, given| {
            for row in &given {
                known.bodies.insert(InboxId(get(row, 0)?), get(row, 1)?);
            }
            Ok(())
        });
    }
    if !wanted.answers.is_empty() {
        let (executions, keys): (Vec<i64>, Vec<&[u8]>) =
            wanted.answers.iter().map(|(execution, key)| (*execution, key.as_bytes())).unzip();
        add(plan, Ask::new(sql::FIRST_ANSWERS).with(executions).with(keys), |known, given| {
            known.answers.extend(wanted.answers.iter().map(|place| (place.clone(), None)));
            for row in &given {
                let place = (get(row, 0)?, rows::text(row, 1)?.into());
                known.answers.insert(place, Some(rows::answer(row, 2)?));
            }
            Ok(())
        });
    }
}

/// The statements of readings, and who keeps what they give.
pub(super) fn split(plan: Vec<Reading<'_>>) -> (Vec<Ask<'_>>, Vec<Keep<'_>>) {
    plan.into_iter().map(|reading| (reading.ask, reading.keep)).unzip()
}

impl Known {
    /// Takes note of a row that is locked now.
    fn keep_row(&mut self, row: Row) -> Result<(), Failure> {
        self.rows.insert(row.id, Some(row));
        Ok(())
    }

    /// Keeps what the statements gave.
    pub fn keep(&mut self, keeps: Vec<Keep<'_>>, given: Vec<Vec<Given>>) -> Result<(), Failure> {
        keeps.into_iter().zip(given).try_for_each(|(keep, given)| keep(self, given))
    }
}
