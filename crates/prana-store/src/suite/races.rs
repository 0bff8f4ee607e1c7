//! Forced interleavings: two things at once, many times.

use std::sync::Arc;

use super::stage::{Hand, Stage, at, item, token, wait, worker};
use crate::{Delivered, Delta, NewItem, NewWait, Release, Status, Store, StoreError, Takes, Target};

const ROUNDS: usize = 200;

/// An answer and the suspension it is for are committed at the same moment: it is handed out once, whichever is first.
pub(super) async fn no_answer_is_lost(stage: Stage) {
    let mut hands = Vec::new();
    for _ in 0..ROUNDS {
        hands.push(stage.start().await);
    }
    let mut tasks = Vec::new();
    for (number, hand) in hands.into_iter().enumerate() {
        let targets = [Target::Node("a".into()), Target::Index(0), token("a")];
        let answer = item(hand.id, targets[number % 3].clone());
        let (mut own, store) = (hand.clone(), stage.store.clone());
        let suspending = tokio::spawn(async move { own.suspend(vec![wait(0, "a")]).await.unwrap() });
        let answering = tokio::spawn(async move { store.deliver(answer).await.unwrap() });
        tasks.push((hand, suspending, answering));
    }
    let mut by_claim = 0;
    for (hand, suspending, answering) in tasks {
        let (suspended, delivered) = (suspending.await.unwrap(), answering.await.unwrap());
        match delivered {
            Delivered::Kept { .. } => assert!(suspended.kept, "the answer was first"),
            Delivered::Resumed { owner: None, .. } => {
                assert!(!suspended.kept, "the suspension was first");
                by_claim += 1;
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(hand.load().await.inbox.len(), 1);
    }
    assert_eq!(stage.claim(2, at(1), ROUNDS).await.len(), by_claim);
}

/// Many children end while their parent is claimed, looks and suspends again: it hears of each once.
pub(super) async fn no_child_is_lost(stage: Stage) {
    const CHILDREN: usize = 100;
    let mut parent = stage.start().await;
    let takes_reports = NewWait { takes: Takes::Reports, ..wait(0, "children") };
    let children: Vec<_> =
        (0..CHILDREN).map(|_| stage.new_claimed().child_of(parent.id, parent.id)).collect();
    let ids: Vec<_> = children.iter().map(|child| child.id).collect();
    let turn =
        Delta { children, waits_opened: vec![takes_reports], release: Release::Suspend, ..parent.step() };
    parent.commit(turn).await.unwrap();
    let root = parent.id;
    for id in ids {
        let mut child = Hand { store: stage.store.clone(), id, epoch: 1, next: 0 };
        tokio::spawn(async move {
            let report = NewItem { dedupe: Some(id.to_string().into()), ..item(root, Target::Report(0)) };
            let release = Release::End { status: Status::Completed, keep_trail: true };
            child.commit(Delta { reports: vec![report], release, ..child.step() }).await.unwrap();
        });
    }
    let mut heard = 0;
    while heard < CHILDREN {
        for claimed in stage.claim(2, at(2), 1).await {
            let mut hand = Hand::of(&stage.store, &claimed.row);
            let mut inbox = hand.load().await.inbox;
            loop {
                heard += inbox.len();
                let inbox_consumed = inbox.iter().map(|item| item.id).collect();
                let turn = Delta { inbox_consumed, release: Release::Suspend, ..hand.step() };
                let done = hand.commit(turn).await.unwrap();
                if !done.kept {
                    break;
                }
                inbox = done.inbox;
            }
        }
        tokio::task::yield_now().await;
    }
    assert_eq!(heard, CHILDREN);
    stage.nothing_ready(at(2)).await;
}

/// A timer and an answer for the same wait: one of the two counts.
pub(super) async fn deadline_and_answer_have_one_winner(stage: Stage) {
    let mut tasks = Vec::new();
    for _ in 0..ROUNDS {
        stage.suspended(vec![NewWait { wake_at: Some(at(5)), ..wait(0, "a") }]).await;
    }
    for claimed in stage.claim(2, at(5), ROUNDS).await {
        let hand = Hand::of(&stage.store, &claimed.row);
        let (store, answer) = (stage.store.clone(), item(hand.id, token("a")));
        let (mut own, id) = (hand, claimed.row.id);
        let deadline =
            tokio::spawn(
                async move { own.commit(Delta { waits_closed: vec![0], ..own.step() }).await.map(drop) },
            );
        let answering = tokio::spawn(async move { store.deliver(answer).await.unwrap() });
        tasks.push((id, deadline, answering));
    }
    assert_eq!(tasks.len(), ROUNDS);
    for (id, deadline, answering) in tasks {
        match (deadline.await.unwrap(), answering.await.unwrap()) {
            (Ok(()), Delivered::Used) => {}
            (
                Err(StoreError::Answered { execution, wait: 0 }),
                Delivered::Resumed { owner: Some(owner), .. },
            ) => {
                assert_eq!((execution, owner), (id, worker(2)));
            }
            both => panic!("{both:?}"),
        }
    }
}

/// The old owner commits while others take over: what it wrote is there for the new owner, or it is fenced.
pub(super) async fn a_takeover_has_one_owner(stage: Stage) {
    for round in 0..20_u64 {
        let hand = stage.start().await;
        let now = at(100 + round * 100);
        let mut own = hand.clone();
        let old = tokio::spawn(async move {
            let mut written = 0;
            while own.commit(own.step()).await.is_ok() {
                written += 1;
                tokio::task::yield_now().await;
            }
            written
        });
        let thieves: Vec<_> = (0..4_u128)
            .map(|number| {
                let stage = stage.clone();
                tokio::spawn(async move { stage.claim(100 + number, now, 5).await })
            })
            .collect();
        let mut claimed = Vec::new();
        for thief in thieves {
            claimed.extend(thief.await.unwrap().into_iter().filter(|claimed| claimed.row.id == hand.id));
        }
        assert_eq!(claimed.len(), 1, "one of them has it");
        let written = old.await.unwrap();
        assert_eq!(claimed[0].row.next_sequence, written);
        assert_eq!(stored(&stage.store, &hand).await, written);
        Hand::of(&stage.store, &claimed[0].row).end(Status::Completed).await.unwrap();
    }
}

async fn stored(store: &Arc<dyn Store>, hand: &Hand) -> u64 {
    store.trail(hand.id, 0, usize::MAX).await.unwrap().len() as u64
}
