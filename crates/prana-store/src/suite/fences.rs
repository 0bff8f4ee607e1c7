//! Who may write.

use super::stage::{Stage, at, entry, wait};
use crate::{Delta, ItemChange, Payload, Release, Status, StoreError};

pub(super) async fn old_epoch_is_fenced(stage: Stage) {
    let mut old = stage.start().await;
    old.commit(old.step()).await.unwrap();
    let claimed = stage.claim(2, at(100), 1).await;
    assert_eq!(claimed[0].row.epoch, 2);
    let fenced = StoreError::Fenced { execution: old.id, epoch: 1, current: 2 };
    assert_eq!(old.commit(old.step()).await, Err(fenced.clone()));
    assert_eq!(old.end(Status::Completed).await, Err(fenced));
    assert_eq!(old.load().await.entries.len(), 1);
}

pub(super) async fn wrong_sequence_is_a_conflict(stage: Stage) {
    let mut hand = stage.start().await;
    let stale = hand.clone();
    hand.commit(hand.step()).await.unwrap();
    let conflict = StoreError::Conflict { execution: hand.id, expected: 0, current: 1 };
    assert_eq!(stage.store.commit(stale.step()).await, Err(conflict.clone()));
    assert_eq!(stage.store.commit(stale.turn()).await, Err(conflict));
    let ahead = Delta { expected_sequence: 2, entries: vec![entry(2)], ..hand.turn() };
    assert!(matches!(stage.store.commit(ahead).await, Err(StoreError::Conflict { .. })));
}

pub(super) async fn ended_takes_nothing(stage: Stage) {
    for status in [Status::Completed, Status::Failed, Status::Cancelled, Status::Timeout] {
        let mut hand = stage.start().await;
        hand.end(status).await.unwrap();
        let ended = StoreError::Ended { execution: hand.id, status };
        assert_eq!(hand.commit(hand.step()).await, Err(ended.clone()));
        assert_eq!(hand.end(Status::Failed).await, Err(ended));
        assert_eq!(hand.row().await.status, status);
    }
    let nobody = stage.next_id();
    let refused = stage.store.commit(Delta::new(nobody, 1, 0, at(0))).await;
    assert_eq!(refused, Err(StoreError::Unknown(nobody)));
}

pub(super) async fn released_is_fenced(stage: Stage) {
    let mut suspended = stage.suspended(vec![wait(0, "a")]).await;
    let refused = suspended.commit(suspended.step()).await;
    assert!(matches!(refused, Err(StoreError::Fenced { epoch: 1, .. })), "{refused:?}");
    let mut yielded = stage.start().await;
    yielded.commit(Delta { release: Release::Ready { at: at(9) }, ..yielded.step() }).await.unwrap();
    let refused = yielded.commit(yielded.step()).await;
    assert!(matches!(refused, Err(StoreError::Fenced { .. })), "{refused:?}");
}

pub(super) async fn a_refused_delta_leaves_nothing(stage: Stage) {
    let mut hand = stage.start().await;
    hand.commit(hand.step()).await.unwrap();
    let before = hand.load().await;
    let child = stage.new_ready(at(0)).child_of(hand.id, hand.id);
    let refused = Delta {
        epoch: 9,
        payloads: vec![Payload { hash: [1; 32], bytes: vec![1] }],
        waits_opened: vec![wait(1, "a")],
        children: vec![child.clone()],
        release: Release::Suspend,
        ..hand.step()
    };
    assert!(stage.store.commit(refused).await.is_err());
    assert_eq!(hand.load().await, before);
    assert_eq!(stage.store.execution(child.id).await.unwrap(), None);
    assert_eq!(stage.store.payloads(hand.id, &[[1; 32]]).await.unwrap(), [None]);
}

pub(super) async fn a_bad_delta_hurts_no_other(stage: Stage) {
    let mut tasks = Vec::new();
    for number in 0..100_u64 {
        let hand = stage.start().await;
        let epoch = if number % 5 == 0 { 9 } else { 1 };
        let (store, delta) = (stage.store.clone(), Delta { epoch, ..hand.step() });
        tasks.push((hand, epoch, tokio::spawn(async move { store.commit(delta).await })));
    }
    for (hand, epoch, task) in tasks {
        assert_eq!(task.await.unwrap().is_ok(), epoch == 1);
        assert_eq!(hand.load().await.entries.len(), usize::from(epoch == 1));
    }
}

pub(super) async fn one_of_many_writers_wins(stage: Stage) {
    let mut hand = stage.start().await;
    for _ in 0..10 {
        let tasks: Vec<_> = (0..16_u8)
            .map(|number| {
                let (store, mut delta) = (stage.store.clone(), hand.step());
                delta.entries[0].bytes = vec![number];
                tokio::spawn(async move { store.commit(delta).await.is_ok() })
            })
            .collect();
        let mut winners = Vec::new();
        for (number, task) in tasks.into_iter().enumerate() {
            winners.extend(task.await.unwrap().then_some(number as u8));
        }
        assert_eq!(winners.len(), 1);
        let entries = hand.load().await.entries;
        assert_eq!(entries.last().unwrap().bytes, winners);
        hand.next += 1;
        assert_eq!(entries.len() as u64, hand.next);
    }
}

/// An item of the catalogue changes with the turn, or neither does: of many that are based on the same version, one wins.
pub(super) async fn an_item_changes_with_the_turn(stage: Stage) {
    let tick = |based_on: u64| {
        let change = ItemChange {
            kind: "schedule".to_owned(),
            key: "flow/nine".to_owned(),
            based_on: Some(based_on),
            bytes: vec![1],
        };
        Delta { item: Some(Box::new(change)), ..Delta::create(stage.new_claimed()) }
    };
    let outdated =
        |based_on, current| StoreError::Outdated { key: "flow/nine".to_owned(), based_on, current };
    let early = tick(1);
    assert_eq!(stage.store.commit(early.clone()).await, Err(outdated(1, 0)));
    assert_eq!(stage.store.execution(early.execution).await.unwrap(), None);
    let tasks: Vec<_> = (0..16)
        .map(|_| {
            let (store, delta) = (stage.store.clone(), tick(0));
            tokio::spawn(async move { (delta.execution, store.commit(delta).await) })
        })
        .collect();
    let mut started = 0;
    for task in tasks {
        let (id, done) = task.await.unwrap();
        let stored = stage.store.execution(id).await.unwrap().is_some();
        assert_eq!(stored, done.is_ok());
        assert!(done.is_ok() || done == Err(outdated(0, 1)), "{done:?}");
        started += u32::from(stored);
    }
    assert_eq!(started, 1);
    stage.store.commit(tick(1)).await.unwrap();
    assert_eq!(stage.store.commit(tick(1)).await, Err(outdated(1, 2)));
    // A start key that was used before changes nothing.
    let keyed = |based_on| {
        let mut delta = tick(based_on);
        delta.create.as_mut().unwrap().start_key = Some("tick".into());
        delta
    };
    stage.store.commit(keyed(2)).await.unwrap();
    assert!(stage.store.commit(keyed(3)).await.unwrap().existing.is_some());
    assert_eq!(stage.store.commit(tick(9)).await, Err(outdated(9, 3)));
}
