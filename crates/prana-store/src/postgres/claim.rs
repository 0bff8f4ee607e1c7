//! Claims and signs of life, as sets. Leases are on the clock of the database; what is ready is on the clock of who asks.

use std::sync::{Mutex, PoisonError};

use deadpool_postgres::{Client, Pool};
use prana_core::ExecutionId;
use uuid::Uuid;

use super::draft::Draft;
use super::failure::Failure;
use super::known::{Known, readings, split};
use super::rows::{self, get, limit_of, signed};
use super::statements as sql;
use super::transaction::{Ask, Identity, Tx, ask_all, connection, patiently};
use crate::rules::{self, Waits};
use crate::{Attention, Claim, Claimed, Result, Row, WorkerId};

/// Where the columns of an execution end.
const COLUMNS: usize = 26;

/// How many workflows are looked at in one claim.
const LOOKED_AT: usize = 256;

/// The workflow that had the last turn.
pub(super) type LastTurn = Mutex<Option<Vec<u8>>>;

/// Takes executions of dead workers, then ready ones.
pub(super) async fn claim(pool: &Pool, claim: Claim, last: &LastTurn) -> Result<Vec<Claimed>> {
    patiently!(attempt(pool, &claim, last)).map_err(Failure::into_error)
}

async fn attempt(pool: &Pool, claim: &Claim, last: &LastTurn) -> Result<Vec<Claimed>, Failure> {
    let dead = renew_and_look(pool, claim).await?;
    let mut tx = Tx::begin_quietly(pool, sql::BEGIN).await?;
    let mut taken = Vec::new();
    if !dead.is_empty() {
        taken = match take_from(&mut tx, claim, &dead).await {
            Err(Failure::Locked) => {
                tx.roll_back().await;
                tx = Tx::begin_quietly(pool, sql::BEGIN).await?;
                Vec::new()
            }
            taken => taken?,
        };
    }
    let rest = claim.limit.saturating_sub(taken.len());
    if rest > 0 {
        taken.extend(take_fairly(&mut tx, claim, rest, last).await?);
    }
    if taken.is_empty() && dead.is_empty() {
        tx.roll_back().await;
    } else {
        tx.commit(pool, &[]).await?;
    }
    Ok(taken)
}

/// Renews the asker's lease once a third of it is gone; the workers that hold executions and have no lease.
async fn renew_and_look(pool: &Pool, claim: &Claim) -> Result<Vec<Uuid>, Failure> {
    let client = connection(pool).await?;
    let renew = Ask::new(sql::RENEW_IF_WORN).with(claim.worker.0).with(signed(claim.lease_ms));
    let given = ask_all(&client, &[renew, Ask::new(sql::FORGET_WORKERS), Ask::new(sql::DEAD)]).await?;
    given.last().into_iter().flatten().map(|row| get(row, 0)).collect()
}

async fn take_from(tx: &mut Tx, claim: &Claim, dead: &[Uuid]) -> Result<Vec<Claimed>, Failure> {
    let take = Ask::new(sql::TAKE_FROM).with(dead).with(limit_of(claim.limit)).with(claim.worker.0);
    // Whoever has nothing left is forgotten at once: what it is handed later begins with a lease of its own.
    let asks = [Ask::new(sql::SHORT_OF_TIME), take, Ask::new(sql::FORGET_WORKERS), Ask::new(sql::AT_LEISURE)];
    let given = tx.ask_all(&asks).await?;
    let mut taken = Vec::with_capacity(given[1].len());
    for row in &given[1] {
        tx.is_called(Identity::read(row, COLUMNS)?);
        let from: Uuid = get(row, COLUMNS + 2)?;
        taken.push((from, rows::execution(row)?));
    }
    taken.sort_by_key(|(from, row)| (*from, row.ordinal));
    Ok(taken.into_iter().map(|(_, row)| Claimed { row, recovered: true }).collect())
}

/// Ready executions, the oldest first. Where more are ready than asked for, their workflows take turns.
async fn take_fairly(
    tx: &mut Tx,
    claim: &Claim,
    limit: usize,
    last: &LastTurn,
) -> Result<Vec<Claimed>, Failure> {
    let look = Ask::new(sql::READY_FLOWS).with(claim.now.as_micros()).with(limit_of(limit.saturating_add(1)));
    let oldest = tx.ask(look).await?;
    if oldest.len() <= limit {
        return if oldest.is_empty() { Ok(Vec::new()) } else { take_ready(tx, claim, limit).await };
    }
    let flows = in_turn(tx, claim, limit, last).await?;
    let share = limit_of(limit.div_ceil(flows.len().max(1)));
    let take = Ask::new(sql::TAKE_FAIRLY).with(flows).with(claim.now.as_micros()).with(share);
    let given = tx.ask(take.with(limit_of(limit)).with(claim.worker.0)).await?;
    let mut fair = Vec::with_capacity(given.len());
    for row in &given {
        tx.is_called(Identity::read(row, COLUMNS)?);
        let turn: (i64, i64) = (get(row, COLUMNS + 2)?, get(row, COLUMNS + 3)?);
        fair.push((turn, rows::execution(row)?));
    }
    fair.sort_by_key(|(turn, _)| *turn);
    if let Some((_, row)) = fair.last() {
        *last.lock().unwrap_or_else(PoisonError::into_inner) = Some(row.workflow_id.as_bytes().to_vec());
    }
    let mut taken: Vec<Claimed> =
        fair.into_iter().map(|(_, row)| Claimed { row, recovered: false }).collect();
    if taken.len() < limit {
        taken.extend(take_ready(tx, claim, limit - taken.len()).await?);
    }
    Ok(taken)
}

/// Workflows with ready executions, from the one after that which had the last turn.
async fn in_turn(tx: &Tx, claim: &Claim, limit: usize, last: &LastTurn) -> Result<Vec<Vec<u8>>, Failure> {
    let last = last.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let after = |flow: Vec<u8>| Ask::new(sql::NEXT_FLOWS).with(flow).with(limit_of(LOOKED_AT));
    let given = tx.ask_all(&[after(last.clone().unwrap_or_default()), after(Vec::new())]).await?;
    let mut flows = Vec::new();
    for (turn, row) in
        given.iter().enumerate().flat_map(|(turn, rows)| rows.iter().map(move |row| (turn, row)))
    {
        let (flow, ready_at): (Vec<u8>, i64) = (get(row, 0)?, get(row, 1)?);
        // The second time round ends with the one that had the last turn.
        let is_new = turn == 0 || last.as_ref().is_some_and(|last| flow <= *last);
        if is_new && ready_at <= claim.now.as_micros() {
            flows.push(flow);
        }
    }
    flows.truncate(limit);
    Ok(flows)
}

async fn take_ready(tx: &mut Tx, claim: &Claim, limit: usize) -> Result<Vec<Claimed>, Failure> {
    let take =
        Ask::new(sql::TAKE_READY).with(claim.now.as_micros()).with(limit_of(limit)).with(claim.worker.0);
    let given = tx.ask(take).await?;
    let mut taken: Vec<(i64, Row)> = Vec::with_capacity(given.len());
    for row in &given {
        tx.is_called(Identity::read(row, COLUMNS)?);
        taken.push((get(row, COLUMNS + 2)?, rows::execution(row)?));
    }
    taken.sort_by_key(|(ready_at, row)| (*ready_at, row.ordinal));
    Ok(taken.into_iter().map(|(_, row)| Claimed { row, recovered: false }).collect())
}

/// Renews a lease and says which executions of the worker have something in their inbox.
pub(super) async fn heartbeat(pool: &Pool, worker: WorkerId, lease_ms: u64) -> Result<Vec<Attention>> {
    let beat = patiently!(async {
        let client = connection(pool).await?;
        let renew = Ask::new(sql::RENEW).with(worker.0).with(signed(lease_ms));
        let held = Ask::new(sql::HELD_WITH_ITEMS).with(worker.0);
        let given = ask_all(&client, &[renew, held]).await?;
        let rows: Result<Vec<Row>, Failure> = given[1].iter().map(rows::execution).collect();
        let mut attention = Vec::new();
        for (execution, _, inbox) in inboxes(&client, rows?).await? {
            if !inbox.is_empty() {
                attention.push(Attention { execution, inbox });
            }
        }
        Ok(attention)
    });
    beat.map_err(Failure::into_error)
}

/// The open waits of executions, and what their holders have to look at.
type Inboxes = Vec<(ExecutionId, Vec<crate::Wait>, Vec<crate::InboxItem>)>;

/// Reads what the rules need to say it.
pub(super) async fn inboxes(client: &Client, rows: Vec<Row>) -> Result<Inboxes, Failure> {
    let mut known = Known::default();
    let none = rows.iter().filter(|row| row.open_waits == 0).map(|row| (row.ordinal, Vec::new()));
    known.open_waits.extend(none);
    loop {
        let mut draft = Draft::new(&known);
        let found: Result<Inboxes> = rows
            .iter()
            .map(|row| {
                let waits = draft.open_waits(row);
                let inbox = rules::hand_out(&mut draft, row, waits.as_deref().unwrap_or_default());
                Ok((row.id, waits?, inbox?))
            })
            .collect();
        let missing = draft.missing;
        if missing.is_empty() {
            return Ok(found?);
        }
        let (asks, keeps) = split(readings(&missing));
        let given = ask_all(client, &asks).await?;
        known.keep(keeps, given)?;
    }
}
