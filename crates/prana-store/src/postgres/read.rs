//! Reading, beside the committer.

use deadpool_postgres::Pool;
use prana_core::{ExecutionId, Timestamp};
use uuid::Uuid;

use super::claim::inboxes;
use super::failure::Failure;
use super::rows::{self, get, limit_of, signed};
use super::statements as sql;
use super::transaction::{Ask, Tx, ask, ask_all, connection, patiently};
use crate::memory::cut;
use crate::{
    Cursor, Filter, Hash, LoadFrom, Loaded, Page, Result, Row, Scope, Snapshot, Status, StoredEntry,
};

/// The row of an execution.
pub(super) async fn execution(pool: &Pool, id: ExecutionId) -> Result<Option<Row>> {
    let read = patiently!(async {
        let given = ask(pool, Ask::new(sql::ROW).with(id.0)).await?;
        given.first().map(rows::execution).transpose()
    });
    read.map_err(Failure::into_error)
}

/// Everything about one execution, of one moment.
pub(super) async fn load(pool: &Pool, id: ExecutionId, from: LoadFrom) -> Result<Option<Loaded>> {
    let read = patiently!(async {
        let tx = Tx::begin_quietly(pool, sql::BEGIN_READING).await?;
        let loaded = load_within(&tx, id, from).await;
        tx.roll_back().await;
        loaded
    });
    read.map_err(Failure::into_error)
}

async fn load_within(tx: &Tx, id: ExecutionId, from: LoadFrom) -> Result<Option<Loaded>, Failure> {
    let given = tx.ask(Ask::new(sql::ROW).with(id.0)).await?;
    let Some(row) = given.first().map(rows::execution).transpose()? else { return Ok(None) };
    let entries = match from {
        LoadFrom::Snapshot => Ask::new(sql::ENTRIES_AFTER_SNAPSHOT).with(row.ordinal),
        LoadFrom::Start => Ask::new(sql::ENTRIES).with(row.ordinal).with(0_i64).with(i64::MAX),
    };
    let header = Ask::new(sql::HEADER).with(row.ordinal);
    let snapshot = Ask::new(sql::SNAPSHOT).with(row.ordinal);
    let given = tx.ask_all(&[header, snapshot, entries]).await?;
    let header = given[0].first().map(|given| get(given, 0)).transpose()?.unwrap_or_default();
    let mut snapshot = None;
    let mut entries = Vec::new();
    if row.trail_kept {
        if let (LoadFrom::Snapshot, Some(given)) = (from, given[1].first()) {
            snapshot = Some(Snapshot { next_sequence: rows::unsigned(given, 0)?, bytes: get(given, 1)? });
        }
        entries = given[2].iter().map(rows::entry).collect::<Result<Vec<_>, _>>()?;
    }
    let mut found = inboxes(tx.client()?, vec![row.clone()]).await?;
    let (_, waits, inbox) = found.pop().unwrap_or((id, Vec::new(), Vec::new()));
    Ok(Some(Loaded { row, header, snapshot, entries, waits, inbox }))
}

pub(super) async fn trail(
    pool: &Pool,
    id: ExecutionId,
    from_sequence: u64,
    limit: usize,
) -> Result<Vec<StoredEntry>> {
    let Some(row) = execution(pool, id).await?.filter(|row| row.trail_kept) else { return Ok(Vec::new()) };
    let read = patiently!(async {
        let entries =
            Ask::new(sql::ENTRIES).with(row.ordinal).with(signed(from_sequence)).with(limit_of(limit));
        ask(pool, entries).await?.iter().map(rows::entry).collect()
    });
    read.map_err(Failure::into_error)
}

pub(super) async fn payloads(
    pool: &Pool,
    root: ExecutionId,
    hashes: &[Hash],
) -> Result<Vec<Option<Vec<u8>>>> {
    let read = patiently!(async {
        let names: Vec<&[u8]> = hashes.iter().map(|hash| &hash[..]).collect();
        let given = ask(pool, Ask::new(sql::PAYLOADS).with(root.0).with(names)).await?;
        let mut found = std::collections::HashMap::new();
        for row in &given {
            found.insert(get::<Vec<u8>>(row, 0)?, get::<Vec<u8>>(row, 1)?);
        }
        Ok(hashes.iter().map(|hash| found.get(&hash[..]).cloned()).collect())
    });
    read.map_err(Failure::into_error)
}

pub(super) async fn next_wake(pool: &Pool, after: Timestamp) -> Result<Option<Timestamp>> {
    let read = patiently!(async {
        let given = ask(pool, Ask::new(sql::NEXT_WAKE).with(after.as_micros())).await?;
        given.first().map(|row| rows::time(row, 0)).transpose()
    });
    read.map_err(Failure::into_error)
}

/// One ordered read of the index for each status, and of each what the page may need, merged.
pub(super) async fn list(pool: &Pool, filter: &Filter, after: Option<Cursor>, limit: usize) -> Result<Page> {
    let read = patiently!(async {
        let client = connection(pool).await?;
        let asks = lists(filter, below(filter, after), limit);
        let given = ask_all(&client, &asks).await?;
        given.iter().flatten().map(rows::execution).collect::<Result<Vec<Row>, Failure>>()
    });
    let mut found = read.map_err(Failure::into_error)?;
    found.sort_unstable_by_key(|row| std::cmp::Reverse((row.created_at, row.id)));
    Ok(cut(&mut found, limit))
}

fn lists(filter: &Filter, (time, id): (i64, Uuid), limit: usize) -> Vec<Ask<'_>> {
    let since = filter.since.map_or(i64::MIN, Timestamp::as_micros);
    let limit = limit_of(limit.saturating_add(1));
    let wanted = Status::ALL.into_iter();
    let wanted = wanted.filter(|status| filter.statuses.is_empty() || filter.statuses.contains(status));
    let workflow = filter.workflow_id.as_ref().map(|workflow| workflow.as_bytes());
    let place = |ask: Ask<'static>| ask.with(since).with(time).with(id).with(limit);
    let among = |statement, of: Uuid, wanted: &mut dyn Iterator<Item = Status>| {
        let statuses: Vec<i16> = wanted.map(|status| status as i16).collect();
        vec![place(Ask::new(statement).with(of).with(statuses)).with(workflow)]
    };
    let mut wanted = wanted;
    match filter.scope {
        Scope::ChildrenOf(parent) => among(sql::LIST_CHILDREN, parent.0, &mut wanted),
        Scope::HeldBy(worker) => among(sql::LIST_HELD, worker.0, &mut wanted),
        Scope::All | Scope::Roots => {
            let kinds: &[bool] = if filter.scope == Scope::All { &[false, true] } else { &[false] };
            let each = wanted.flat_map(|status| kinds.iter().map(move |is_child| (status as i16, *is_child)));
            let list = |(status, is_child)| match workflow {
                None => place(Ask::new(sql::LIST_BY_STATUS).with(status).with(is_child)),
                Some(workflow) => {
                    place(Ask::new(sql::LIST_BY_WORKFLOW).with(status).with(is_child)).with(workflow)
                }
            };
            each.map(list).collect()
        }
    }
}

/// Everything shown comes before this, in the order of `(created_at, id)`.
fn below(filter: &Filter, after: Option<Cursor>) -> (i64, Uuid) {
    let until = filter.until.map(|until| (until.as_micros(), Uuid::nil()));
    let after = after.map(|after| (after.created_at.as_micros(), after.id.0));
    let end = (i64::MAX, Uuid::max());
    until.unwrap_or(end).min(after.unwrap_or(end))
}
