//! Removal of trees of executions: rows go at once, their bytes later, in small batches.

use deadpool_postgres::Pool;
use prana_core::{ExecutionId, Timestamp};
use uuid::Uuid;

use super::failure::Failure;
use super::rows::{self, get, limit_of};
use super::statements as sql;
use super::transaction::{Ask, Tx, transact};
use crate::{Remove, Removed, Result, Row, StoreError};

/// How many graves are emptied together.
const GRAVES: i64 = 200;

pub(super) async fn remove(pool: &Pool, what: Remove) -> Result<Removed> {
    match what {
        Remove::Tree(root) => transact(pool, move |tx| Box::pin(remove_tree(tx, root))).await,
        Remove::Expired { now, limit } => {
            let trees = transact(pool, move |tx| Box::pin(remove_expired(tx, now, limit))).await?;
            let is_left = transact(pool, move |tx| Box::pin(sweep(tx, limit))).await?;
            Ok(Removed { more: trees.more || is_left, ..trees })
        }
    }
}

async fn remove_tree(tx: &Tx, root: ExecutionId) -> Result<Removed, Failure> {
    let given = tx.ask(Ask::new(sql::ROW).with(root.0)).await?;
    let row = given.first().map(rows::execution).transpose()?.ok_or(StoreError::Unknown(root))?;
    if row.root != root {
        let reason = format!("execution {root} belongs to the tree of {}: delete that", row.root);
        return Err(StoreError::invalid(reason).into());
    }
    let members = tx.ask(Ask::new(sql::TREE).with(root.0)).await?;
    let members: Vec<Row> = members.iter().map(rows::execution).collect::<Result<_, _>>()?;
    if members.is_empty() {
        return Err(StoreError::Unknown(root).into());
    }
    if members.iter().any(|member| !member.status.is_ended()) {
        return Err(StoreError::Open(root).into());
    }
    Ok(Removed { executions: bury(tx, vec![root.0]).await?, more: true })
}

/// Moves trees out of sight; how many executions.
async fn bury(tx: &Tx, roots: Vec<Uuid>) -> Result<usize, Failure> {
    tx.ask(Ask::new(sql::DIG_TREES).with(roots.clone())).await?;
    let counted = tx.ask(Ask::new(sql::BURY_TREES).with(roots)).await?;
    counted.first().map_or(Ok(0), |row| get::<i64>(row, 0).map(|count| usize::try_from(count).unwrap_or(0)))
}

async fn remove_expired(tx: &Tx, now: Timestamp, limit: usize) -> Result<Removed, Failure> {
    let given = tx.ask(Ask::new(sql::EXPIRED).with(now.as_micros()).with(limit_of(limit))).await?;
    let roots: Vec<Uuid> = given.iter().map(|row| get(row, 0)).collect::<Result<_, _>>()?;
    let more = roots.len() >= limit.max(1);
    let executions = if roots.is_empty() { 0 } else { bury(tx, roots).await? };
    Ok(Removed { executions, more })
}

/// Deletes up to about `limit` rows of what was buried; whether some is left.
async fn sweep(tx: &Tx, limit: usize) -> Result<bool, Failure> {
    let given = tx.ask(Ask::new(sql::GRAVES).with(GRAVES)).await?;
    if given.is_empty() || limit == 0 {
        return Ok(!given.is_empty());
    }
    let (mut all, mut whole, mut roots): (Vec<i64>, Vec<i64>, Vec<Uuid>) = Default::default();
    for row in &given {
        let execution = get(row, 0)?;
        all.push(execution);
        if get::<bool>(row, 1)? {
            whole.push(execution);
        }
        roots.extend(get::<Option<Uuid>>(row, 2)?);
    }
    let mut left = limit_of(limit);
    let sweeps = [(sql::SWEEP_ENTRIES, &all), (sql::SWEEP_WAITS, &whole), (sql::SWEEP_INBOX, &whole)];
    for (statement, executions) in sweeps {
        left -= count(tx, Ask::new(statement).with(executions.as_slice()).with(left)).await?;
    }
    left -= count(tx, Ask::new(sql::SWEEP_PAYLOADS).with(roots).with(left)).await?;
    if left <= 0 {
        return Ok(true);
    }
    let empty = [(sql::SWEEP_SNAPSHOTS, &all), (sql::SWEEP_HEADERS, &whole), (sql::FILL, &all)];
    for (statement, executions) in empty {
        tx.ask(Ask::new(statement).with(executions.as_slice())).await?;
    }
    Ok(all.len() as i64 >= GRAVES)
}

/// How many rows a statement deleted.
async fn count(tx: &Tx, ask: Ask<'_>) -> Result<i64, Failure> {
    let given = tx.ask(ask).await?;
    given.first().map_or(Ok(0), |row| get(row, 0))
}
