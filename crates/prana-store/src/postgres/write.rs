//! Changes as statements: one for each table, for all executions of a batch.

use std::collections::HashSet;

use uuid::Uuid;

use super::committer::Job;
use super::draft::Changes;
use super::rows::{micros, signed, target_columns};
use super::statements as sql;
use super::transaction::Ask;
use crate::{Delta, Row, StoredEntry};

/// The statements that write what the jobs changed.
pub(super) fn writes<'a>(changes: &'a Changes, jobs: &'a [Job]) -> Vec<Ask<'a>> {
    let mut asks = Vec::new();
    write_rows(changes, jobs, &mut asks);
    write_trail(changes, jobs, &mut asks);
    write_waits(changes, &mut asks);
    write_inbox(changes, &mut asks);
    write_lanes(changes, &mut asks);
    for ((kind, key), (version, bytes)) in &changes.catalog {
        let ask = Ask::new(sql::PUT_ITEM).with(kind.as_bytes()).with(key.as_bytes());
        asks.push(ask.with(signed(*version)).with(&bytes[..]));
    }
    asks
}

fn write_rows<'a>(changes: &'a Changes, jobs: &'a [Job], asks: &mut Vec<Ask<'a>>) {
    let inserted: Vec<&Row> = changes.inserted.iter().filter_map(|(id, _)| changes.rows.get(id)).collect();
    if !inserted.is_empty() {
        asks.push(insert(&inserted));
        let headers = changes.inserted.iter().filter_map(|(id, job)| {
            let header = header_of(jobs[*job].delta()?, *id);
            let row = changes.rows.get(id)?;
            (!header.is_empty()).then_some((row.ordinal, header))
        });
        let (ordinals, headers): (Vec<i64>, Vec<&[u8]>) = headers.unzip();
        if !ordinals.is_empty() {
            asks.push(Ask::new(sql::INSERT_HEADERS).with(ordinals).with(headers));
        }
    }
    let updated: Vec<&Row> = changes.updated.iter().filter_map(|id| changes.rows.get(id)).collect();
    if !updated.is_empty() {
        asks.push(update(&updated));
    }
}

fn header_of(delta: &Delta, id: prana_core::ExecutionId) -> &[u8] {
    let mut new = delta.create.iter().chain(&delta.children);
    new.find(|new| new.id == id).map_or(&[], |new| &new.header)
}

/// A column of an array.
fn column<'r, T>(rows: &[&'r Row], value: impl Fn(&'r Row) -> T) -> Vec<T> {
    rows.iter().map(|row| value(row)).collect()
}

fn insert<'a>(rows: &[&'a Row]) -> Ask<'a> {
    let bytes = |text: Option<&'a std::sync::Arc<str>>| text.map(|text| text.as_bytes());
    Ask::new(sql::INSERT_ROWS)
        .with(column(rows, |row| row.ordinal))
        .with(column(rows, |row| row.id.0))
        .with(column(rows, |row| row.workflow_id.as_bytes()))
        .with(column(rows, |row| signed(row.workflow_version)))
        .with(column(rows, |row| row.parent.map(|parent| parent.0)))
        .with(column(rows, |row| row.root.0))
        .with(column(rows, |row| i16::from(row.mode)))
        .with(column(rows, |row| row.status as i16))
        .with(column(rows, |row| signed(row.epoch)))
        .with(column(rows, |row| signed(row.next_sequence)))
        .with(column(rows, |row| row.created_at.as_micros()))
        .with(column(rows, |row| micros(row.completed_at)))
        .with(column(rows, move |row| bytes(row.start_key.as_ref())))
        .with(column(rows, |row| micros(row.ready_at)))
        .with(column(rows, |row| row.claimed_by.map(|worker| worker.0)))
        .with(column(rows, |row| i64::from(row.recoveries)))
        .with(column(rows, move |row| bytes(row.concurrency.as_ref().map(|lane| &lane.key))))
        .with(column(rows, |row| row.concurrency.as_ref().map(|lane| i64::from(lane.limit))))
        .with(column(rows, |row| row.slot as i16))
        .with(column(rows, |row| row.retention_ms.map(signed)))
        .with(column(rows, |row| micros(row.expires_at)))
        .with(column(rows, |row| row.summary.as_deref()))
        .with(column(rows, |row| row.trail_kept))
        .with(column(rows, |row| i64::from(row.answers)))
        .with(column(rows, |row| i64::from(row.reports)))
        .with(column(rows, |row| i64::from(row.open_waits)))
        .with(column(rows, |row| row.parent.is_some()))
}

fn update<'a>(rows: &[&'a Row]) -> Ask<'a> {
    Ask::new(sql::CHANGE_ROWS)
        .with(column(rows, |row| row.ordinal))
        .with(column(rows, |row| signed(row.next_sequence)))
        .with(column(rows, |row| i64::from(row.recoveries)))
        .with(column(rows, |row| i64::from(row.answers)))
        .with(column(rows, |row| i64::from(row.reports)))
        .with(column(rows, |row| i64::from(row.open_waits)))
        .with(column(rows, |row| signed(row.epoch)))
        .with(column(rows, |row| micros(row.ready_at)))
        .with(column(rows, |row| row.claimed_by.map(|worker| worker.0)))
        .with(column(rows, |row| row.status as i16))
        .with(column(rows, |row| micros(row.completed_at)))
        .with(column(rows, |row| row.slot as i16))
        .with(column(rows, |row| micros(row.expires_at)))
        .with(column(rows, |row| row.summary.as_deref()))
        .with(column(rows, |row| row.trail_kept))
}

fn write_trail<'a>(changes: &'a Changes, jobs: &'a [Job], asks: &mut Vec<Ask<'a>>) {
    let delta = |job: &usize| jobs[*job].delta();
    let entries = changes.entries.iter().filter_map(|(ordinal, job)| Some((*ordinal, delta(job)?)));
    let entries: Vec<(i64, &StoredEntry)> = entries
        .flat_map(|(ordinal, delta)| delta.entries.iter().map(move |entry| (ordinal, entry)))
        .collect();
    if !entries.is_empty() {
        asks.push(append(&entries));
    }
    let mut seen = HashSet::new();
    let (mut roots, mut hashes, mut bytes): (Vec<Uuid>, Vec<&[u8]>, Vec<&[u8]>) = Default::default();
    for (root, delta) in changes.payloads.iter().filter_map(|(root, job)| Some((root, delta(job)?))) {
        for payload in delta.payloads.iter().filter(|payload| seen.insert((*root, payload.hash))) {
            roots.push(root.0);
            hashes.push(&payload.hash);
            bytes.push(&payload.bytes);
        }
    }
    if !roots.is_empty() {
        asks.push(Ask::new(sql::PUT_PAYLOADS).with(roots).with(hashes).with(bytes));
    }
    let snapshots = changes.snapshots.iter();
    let snapshots: Vec<_> =
        snapshots.filter_map(|(ordinal, job)| Some((*ordinal, delta(job)?.snapshot.as_ref()?))).collect();
    if !snapshots.is_empty() {
        let ordinals: Vec<i64> = snapshots.iter().map(|(ordinal, _)| *ordinal).collect();
        let sequences: Vec<i64> =
            snapshots.iter().map(|(_, snapshot)| signed(snapshot.next_sequence)).collect();
        let bytes: Vec<&[u8]> = snapshots.iter().map(|(_, snapshot)| &snapshot.bytes[..]).collect();
        asks.push(Ask::new(sql::PUT_SNAPSHOTS).with(ordinals).with(sequences).with(bytes));
    }
    if !changes.graves.is_empty() {
        let ordinals: Vec<i64> = changes.graves.iter().map(|grave| grave.execution).collect();
        let roots: Vec<Option<Uuid>> =
            changes.graves.iter().map(|grave| grave.payloads_of.map(|root| root.0)).collect();
        asks.push(Ask::new(sql::DIG).with(ordinals.clone()).with(vec![false; ordinals.len()]).with(roots));
    }
}

fn append<'a>(entries: &[(i64, &'a StoredEntry)]) -> Ask<'a> {
    let all = || entries.iter().map(|(_, entry)| *entry);
    Ask::new(sql::APPEND)
        .with(entries.iter().map(|(ordinal, _)| *ordinal).collect::<Vec<_>>())
        .with(all().map(|entry| signed(entry.sequence)).collect::<Vec<_>>())
        .with(all().map(|entry| entry.execution_index.map(i64::from)).collect::<Vec<_>>())
        .with(all().map(|entry| entry.node_key.as_ref().map(|key| key.as_bytes())).collect::<Vec<_>>())
        .with(all().map(|entry| entry.at.as_micros()).collect::<Vec<_>>())
        .with(all().map(|entry| i16::from(entry.kind)).collect::<Vec<_>>())
        .with(all().map(|entry| &entry.bytes[..]).collect::<Vec<_>>())
}

fn write_waits<'a>(changes: &'a Changes, asks: &mut Vec<Ask<'a>>) {
    if !changes.cleared.is_empty() {
        let cleared: Vec<i64> = changes.cleared.iter().copied().collect();
        asks.push(Ask::new(sql::CLEAR_WAITS).with(cleared));
    }
    if changes.waits.is_empty() {
        return;
    }
    let all = || changes.waits.iter().map(|((execution, _), wait)| (*execution, wait, &wait.wait));
    asks.push(
        Ask::new(sql::PUT_WAITS)
            .with(all().map(|(execution, _, _)| execution).collect::<Vec<_>>())
            .with(all().map(|(_, _, wait)| i64::from(wait.execution_index)).collect::<Vec<_>>())
            .with(all().map(|(_, _, wait)| wait.node_key.as_bytes()).collect::<Vec<_>>())
            .with(all().map(|(_, _, wait)| wait.loop_path.as_bytes()).collect::<Vec<_>>())
            .with(all().map(|(_, _, wait)| i64::from(wait.run_index)).collect::<Vec<_>>())
            .with(all().map(|(_, _, wait)| i16::from(wait.kind)).collect::<Vec<_>>())
            .with(all().map(|(_, _, wait)| wait.takes as i16).collect::<Vec<_>>())
            .with(all().map(|(_, _, wait)| micros(wait.wake_at)).collect::<Vec<_>>())
            .with(all().map(|(_, state, _)| state.open).collect::<Vec<_>>())
            .with(all().map(|(_, state, _)| state.answered).collect::<Vec<_>>()),
    );
}

fn write_inbox<'a>(changes: &'a Changes, asks: &mut Vec<Ask<'a>>) {
    let consumed: Vec<i64> = changes.consumed.iter().map(|id| id.0).collect();
    if !changes.all_consumed.is_empty() {
        let all: Vec<i64> = changes.all_consumed.iter().copied().collect();
        asks.push(Ask::new(sql::FORGET_ALL).with(all.clone()));
        asks.push(Ask::new(sql::CONSUME_ALL).with(all));
    }
    if !consumed.is_empty() {
        asks.push(Ask::new(sql::FORGET_ITEMS).with(consumed.clone()));
        asks.push(Ask::new(sql::CONSUME_ITEMS).with(consumed));
    }
    let stored = changes.bound.iter().filter(|(id, _)| !changes.consumed.contains(id));
    let (ids, waits): (Vec<i64>, Vec<Option<i64>>) =
        stored.map(|(id, wait)| (id.0, wait.map(i64::from))).unzip();
    add_items(changes, asks);
    if !ids.is_empty() {
        asks.push(Ask::new(sql::BIND_ITEMS).with(ids).with(waits));
    }
}

/// What came and was consumed at once is kept only for its dedupe key.
fn add_items<'a>(changes: &'a Changes, asks: &mut Vec<Ask<'a>>) {
    let is_consumed = |id| changes.consumed.contains(id);
    let added = changes.added.iter();
    let added: Vec<_> =
        added.filter(|added| added.dedupe.is_some() || !is_consumed(&added.item.held.id)).collect();
    if added.is_empty() {
        return;
    }
    let all = || added.iter().map(|added| (*added, &added.item, &added.item.held));
    let bytes = |added: &&'a super::draft::Added| match &added.item.bytes {
        Some(bytes) if !is_consumed(&added.item.held.id) => &bytes[..],
        _ => &[],
    };
    asks.push(
        Ask::new(sql::ADD_ITEMS)
            .with(all().map(|(_, _, held)| held.id.0).collect::<Vec<_>>())
            .with(all().map(|(added, _, _)| added.execution).collect::<Vec<_>>())
            .with(all().map(|(_, _, held)| target_columns(&held.target).0).collect::<Vec<_>>())
            .with(all().map(|(_, _, held)| target_columns(&held.target).1).collect::<Vec<_>>())
            .with(all().map(|(_, _, held)| target_columns(&held.target).2).collect::<Vec<_>>())
            .with(all().map(|(_, _, held)| target_columns(&held.target).3).collect::<Vec<_>>())
            .with(all().map(|(_, _, held)| held.wait.map(i64::from)).collect::<Vec<_>>())
            .with(all().map(|(_, item, _)| i16::from(item.kind)).collect::<Vec<_>>())
            .with(
                all()
                    .map(|(added, _, _)| added.dedupe.as_ref().map(|key| key.as_bytes()))
                    .collect::<Vec<_>>(),
            )
            .with(added.iter().map(bytes).collect::<Vec<_>>())
            .with(all().map(|(_, item, _)| item.at.as_micros()).collect::<Vec<_>>())
            .with(all().map(|(added, _, _)| added.answer as i16).collect::<Vec<_>>())
            .with(all().map(|(_, _, held)| is_consumed(&held.id)).collect::<Vec<_>>()),
    );
}

fn write_lanes<'a>(changes: &'a Changes, asks: &mut Vec<Ask<'a>>) {
    let (empty, used): (Vec<_>, Vec<_>) = changes.lanes.iter().partition(|(_, holders)| **holders == 0);
    if !used.is_empty() {
        let keys: Vec<&[u8]> = used.iter().map(|(key, _)| key.as_bytes()).collect();
        let holders: Vec<i64> = used.iter().map(|(_, holders)| i64::from(**holders)).collect();
        asks.push(Ask::new(sql::SET_LANES).with(keys).with(holders));
    }
    if !empty.is_empty() {
        let keys: Vec<&[u8]> = empty.iter().map(|(key, _)| key.as_bytes()).collect();
        asks.push(Ask::new(sql::DROP_LANES).with(keys));
    }
    if !changes.met.is_empty() {
        let ids: Vec<Uuid> = changes.met.keys().map(|worker| worker.0).collect();
        let lengths: Vec<i64> = changes.met.values().copied().collect();
        asks.push(Ask::new(sql::MEET).with(ids).with(lengths));
    }
}

impl Changes {
    /// Whether nothing was changed.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.added.is_empty() && self.lanes.is_empty() && self.catalog.is_empty()
    }
}
