//! Limits on how many are open at a time.

use super::stage::{Hand, Stage, at, wait};
use crate::{Concurrency, Delta, NewExecution, Release, Slot, Status, Target};

fn limited(new: NewExecution, key: &str, limit: u32) -> NewExecution {
    NewExecution { concurrency: Some(Concurrency { key: key.into(), limit }), ..new }
}

async fn start(stage: &Stage, key: &str, limit: u32) -> (Hand, bool) {
    let new = limited(stage.new_claimed(), key, limit);
    let id = new.id;
    let done = stage.store.commit(Delta::create(new)).await.unwrap();
    assert_eq!(done.kept, !done.queued);
    (Hand { store: stage.store.clone(), id, epoch: done.epoch, next: 0 }, done.queued)
}

pub(super) async fn a_limit_queues_in_order(stage: Stage) {
    let (mut first, queued) = start(&stage, "a", 2).await;
    assert!(!queued);
    let (mut second, queued) = start(&stage, "a", 2).await;
    assert!(!queued);
    let mut waiting = Vec::new();
    for _ in 0..3 {
        let (hand, queued) = start(&stage, "a", 2).await;
        assert!(queued);
        waiting.push(hand.id);
    }
    stage.nothing_ready(at(9)).await;
    assert_eq!(stage.store.next_wake(at(0)).await.unwrap(), None);
    assert!(second.end(Status::Completed).await.unwrap().woke);
    let mut third = stage.claim_one(at(9)).await;
    assert_eq!((third.id, third.epoch), (waiting[0], 1));
    third.end(Status::Failed).await.unwrap();
    first.end(Status::Cancelled).await.unwrap();
    let claimed: Vec<_> = stage.claim(1, at(9), 10).await.into_iter().map(|claimed| claimed.row.id).collect();
    assert_eq!(claimed, waiting[1..]);
    assert_eq!(first.row().await.slot, Slot::None);
}

pub(super) async fn a_wait_keeps_its_slot(stage: Stage) {
    let (mut first, _) = start(&stage, "a", 1).await;
    first.suspend(vec![wait(0, "a")]).await.unwrap();
    let (second, queued) = start(&stage, "a", 1).await;
    assert!(queued);
    stage.nothing_ready(at(9)).await;
    stage.deliver(first.id, Target::Index(0)).await;
    let mut first = stage.claim_one(at(9)).await;
    let child = stage.new_claimed().child_of(first.id, first.id);
    first.commit(Delta { children: vec![child], ..first.step() }).await.unwrap();
    first.commit(Delta { release: Release::Ready { at: at(9) }, ..first.step() }).await.unwrap();
    let mut first = stage.claim_one(at(9)).await;
    stage.nothing_ready(at(9)).await;
    first.end(Status::Completed).await.unwrap();
    assert_eq!(stage.claim_one(at(9)).await.id, second.id);
}

pub(super) async fn keys_are_separate(stage: Stage) {
    assert!(!start(&stage, "a", 1).await.1);
    assert!(!start(&stage, "b", 1).await.1);
    assert!(start(&stage, "a", 1).await.1);
    let (_, queued) = start(&stage, "a", 5).await;
    assert!(queued, "a greater limit does not pass the queue");
    stage.start().await;
}

pub(super) async fn a_cancelled_one_leaves_the_queue(stage: Stage) {
    let (mut first, _) = start(&stage, "a", 1).await;
    let (second, _) = start(&stage, "a", 1).await;
    let (third, _) = start(&stage, "a", 1).await;
    stage.deliver(second.id, Target::Execution).await;
    let mut hand = stage.claim_one(at(9)).await;
    assert_eq!((hand.id, hand.load().await.inbox.len()), (second.id, 1));
    hand.end(Status::Cancelled).await.unwrap();
    stage.nothing_ready(at(9)).await;
    first.end(Status::Completed).await.unwrap();
    assert_eq!(stage.claim_one(at(9)).await.id, third.id);
}

pub(super) async fn racing_starts_keep_the_limit(stage: Stage) {
    let tasks: Vec<_> = (0..40)
        .map(|_| {
            let stage = stage.clone();
            tokio::spawn(async move {
                let (mut hand, queued) = start(&stage, "a", 4).await;
                if !queued {
                    hand.commit(hand.step()).await.unwrap();
                    hand.end(Status::Completed).await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let mut ended = 0;
    loop {
        let claimed = stage.claim(1, at(1), 100).await;
        assert!(claimed.len() <= 4);
        ended += claimed.len();
        if claimed.is_empty() {
            break;
        }
        for claimed in claimed {
            Hand::of(&stage.store, &claimed.row).end(Status::Completed).await.unwrap();
        }
    }
    assert!(ended <= 36);
    assert!(!start(&stage, "a", 1).await.1, "all slots are free");
}
