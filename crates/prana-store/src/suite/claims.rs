//! Leases, timers and who gets what.

use std::collections::BTreeMap;

use super::stage::{Hand, Stage, at, wait, worker};
use crate::{Delta, NewExecution, NewWait, Release, Status, StoreError, Takes};

fn timer(execution_index: u32, seconds: u64) -> NewWait {
    NewWait { takes: Takes::Nothing, wake_at: Some(at(seconds)), ..wait(execution_index, "timer") }
}

pub(super) async fn ready_in_order_of_time(stage: Stage) {
    let mut expected = Vec::new();
    for seconds in [7, 3, 5, 3] {
        expected.push((seconds, stage.create(stage.new_ready(at(seconds))).await.id));
    }
    expected.sort_by_key(|(seconds, _)| *seconds);
    let first = stage.claim(2, at(9), 3).await;
    let rest = stage.claim(3, at(9), 3).await;
    let claimed: Vec<_> = first.iter().chain(&rest).map(|claimed| claimed.row.id).collect();
    assert_eq!(claimed, expected.into_iter().map(|(_, id)| id).collect::<Vec<_>>());
    assert!(first.iter().all(|claimed| claimed.row.claimed_by == Some(worker(2)) && !claimed.recovered));
    assert!(first.iter().all(|claimed| claimed.row.epoch == 1 && claimed.row.ready_at.is_none()));
}

/// However many of one workflow wait longer, the others have their turn.
pub(super) async fn workflows_take_turns(stage: Stage) {
    let mut flows = BTreeMap::new();
    for (workflow, seconds, count) in [("busy", 1, 40), ("calm", 2, 3), ("late", 3, 2)] {
        for _ in 0..count {
            let new = NewExecution { workflow_id: workflow.into(), ..stage.new_ready(at(seconds)) };
            flows.insert(stage.create(new).await.id, workflow);
        }
    }
    let mut turns = Vec::new();
    for limit in [1, 2, 1, 4, 3] {
        let claimed = stage.claim(1, at(9), limit).await;
        assert_eq!(claimed.len(), limit);
        turns.extend(claimed.iter().map(|claimed| flows[&claimed.row.id]));
    }
    let count = |workflow: &str| turns.iter().filter(|turn| **turn == workflow).count();
    assert_eq!((count("calm"), count("late")), (3, 2), "{turns:?}");
    // Nobody else waits: the busy one gets all, and each execution is claimed once.
    let rest = stage.claim(1, at(9), 100).await;
    assert_eq!(rest.len(), 45 - turns.len());
    assert!(rest.iter().all(|claimed| flows[&claimed.row.id] == "busy"));
}

pub(super) async fn not_before_its_time(stage: Stage) {
    stage.create(stage.new_ready(at(5))).await;
    stage.nothing_ready(at(4)).await;
    assert_eq!(stage.store.next_wake(at(4)).await.unwrap(), Some(at(5)));
    assert_eq!(stage.store.next_wake(at(5)).await.unwrap(), None);
    stage.claim_one(at(5)).await;
    assert_eq!(stage.store.next_wake(at(0)).await.unwrap(), None);
    stage.nothing_ready(at(5)).await;
}

pub(super) async fn timers_wake(stage: Stage) {
    stage.suspended(vec![timer(0, 5)]).await;
    assert_eq!(stage.store.next_wake(at(0)).await.unwrap(), Some(at(5)));
    stage.nothing_ready(at(4)).await;
    let mut hand = stage.claim_one(at(6)).await;
    assert_eq!(hand.row().await.status, Status::Suspended);
    hand.commit(Delta { waits_closed: vec![0], ..hand.step() }).await.unwrap();
    assert_eq!(hand.row().await.status, Status::Running);
    let mut over = stage.start().await;
    let done = over.suspend(vec![timer(0, 0)]).await.unwrap();
    assert!(done.woke, "a timer that is due already is told");
    assert_eq!(stage.claim_one(at(1)).await.id, over.id);
}

pub(super) async fn the_earliest_timer_counts(stage: Stage) {
    stage.suspended(vec![timer(0, 9), timer(1, 5), timer(2, 7), wait(3, "a")]).await;
    let mut due = Vec::new();
    for seconds in [5, 7, 9] {
        stage.nothing_ready(at(seconds - 1)).await;
        let mut hand = stage.claim_one(at(seconds)).await;
        let waits = hand.load().await.waits;
        let over = waits.iter().find(|wait| wait.wait.wake_at.is_some_and(|time| time <= at(seconds)));
        due.push(over.unwrap().wait.execution_index);
        let waits_closed = vec![*due.last().unwrap()];
        hand.commit(Delta { waits_closed, release: Release::Suspend, ..hand.step() }).await.unwrap();
    }
    assert_eq!(due, [1, 2, 0]);
    assert_eq!(stage.store.next_wake(at(0)).await.unwrap(), None);
}

pub(super) async fn a_dead_worker_is_replaced(stage: Stage) {
    let mut old = stage.start().await;
    old.commit(old.step()).await.unwrap();
    assert_eq!(stage.claim(2, at(14), 10).await, []);
    let claimed = stage.claim(2, at(15), 10).await;
    assert_eq!(claimed.len(), 1);
    assert!(claimed[0].recovered);
    assert_eq!((claimed[0].row.id, claimed[0].row.epoch, claimed[0].row.recoveries), (old.id, 2, 1));
    let mut new = Hand::of(&stage.store, &claimed[0].row);
    assert!(matches!(old.commit(old.step()).await, Err(StoreError::Fenced { .. })));
    new.commit(new.step()).await.unwrap();
    assert_eq!(stage.claim(3, at(16), 10).await, [], "the new one is alive");
}

pub(super) async fn a_heartbeat_keeps_a_lease(stage: Stage) {
    let mut hand = stage.start().await;
    assert_eq!(stage.store.heartbeat(worker(1), at(10), 15_000).await.unwrap(), []);
    assert_eq!(stage.claim(2, at(24), 10).await, []);
    hand.commit(hand.step()).await.unwrap();
    // An earlier renewal that comes late does not shorten it, and a claim of its own renews it.
    stage.store.heartbeat(worker(1), at(1), 15_000).await.unwrap();
    assert_eq!(stage.claim(1, at(24), 10).await, []);
    assert_eq!(stage.claim(2, at(38), 10).await, []);
    assert_eq!(stage.claim(2, at(39), 10).await.len(), 1);
}

pub(super) async fn recoveries_count_until_an_entry(stage: Stage) {
    let hand = stage.start().await;
    for count in 1..=4_u32 {
        let claimed = stage.claim(u128::from(count) + 1, at(u64::from(count) * 100), 10).await;
        assert_eq!((claimed[0].row.recoveries, claimed[0].recovered), (count, true));
    }
    let mut last = Hand::of(&stage.store, &hand.row().await);
    last.commit(last.turn()).await.unwrap();
    assert_eq!(last.row().await.recoveries, 4, "a turn without an entry is no progress");
    last.commit(last.step()).await.unwrap();
    assert_eq!(last.row().await.recoveries, 0);
    assert_eq!(stage.claim(9, at(900), 10).await[0].row.recoveries, 1);
}

pub(super) async fn giving_up_makes_ready(stage: Stage) {
    let mut hand = stage.start().await;
    let turn = Delta { release: Release::Ready { at: at(3) }, ..hand.step() };
    let done = hand.commit(turn).await.unwrap();
    assert!(!done.kept);
    stage.nothing_ready(at(2)).await;
    let claimed = stage.claim(2, at(3), 10).await;
    assert_eq!((claimed[0].recovered, claimed[0].row.epoch, claimed[0].row.recoveries), (false, 2, 0));
}

pub(super) async fn racing_claims_are_exclusive(stage: Stage) {
    for _ in 0..100 {
        stage.create(stage.new_ready(at(0))).await;
    }
    let tasks: Vec<_> = (0..8_u128)
        .map(|number| {
            let stage = stage.clone();
            tokio::spawn(async move {
                let mut mine = Vec::new();
                loop {
                    let claimed = stage.claim(number + 10, at(1), 3).await;
                    if claimed.is_empty() {
                        return mine;
                    }
                    mine.extend(claimed.into_iter().map(|claimed| (claimed.row.id, claimed.row.epoch)));
                }
            })
        })
        .collect();
    let mut epochs = BTreeMap::new();
    for task in tasks {
        for (id, epoch) in task.await.unwrap() {
            assert_eq!(epochs.insert(id, epoch), None, "claimed twice");
        }
    }
    assert_eq!(epochs.len(), 100);
    assert!(epochs.values().all(|epoch| *epoch == 1));
}
