//! Answers, early, late and in time.

use super::stage::{Stage, at, item, token, wait, worker};
use crate::{Answer, Delivered, Delta, NewItem, NewWait, Release, Status, StoreError, Takes, Target};

fn is_kept(delivered: Delivered) -> bool {
    matches!(delivered, Delivered::Kept { .. })
}

fn is_resumed(delivered: Delivered) -> bool {
    matches!(delivered, Delivered::Resumed { .. })
}

pub(super) async fn an_early_answer_is_kept(stage: Stage) {
    for target in [Target::Node("a".into()), Target::Index(4), token("a")] {
        let mut hand = stage.start().await;
        assert!(is_kept(stage.deliver(hand.id, target.clone()).await));
        assert!(is_kept(stage.deliver(hand.id, Target::Node("other".into())).await));
        let done = hand.commit(hand.step()).await.unwrap();
        assert_eq!(done.inbox, [], "no wait is open");
        let done = hand.suspend(vec![wait(4, "a")]).await.unwrap();
        assert!(done.kept, "the claim stays, since the answer is there");
        assert_eq!((done.inbox.len(), done.inbox[0].wait), (1, Some(4)));
        assert_eq!((&done.inbox[0].target, done.inbox[0].bytes.as_slice()), (&target, b"answer".as_slice()));
        let inbox_consumed = vec![done.inbox[0].id];
        let turn = Delta { inbox_consumed, waits_closed: vec![4], release: Release::Suspend, ..hand.step() };
        let done = hand.commit(turn).await.unwrap();
        assert!(!done.kept && done.inbox.is_empty());
    }
}

pub(super) async fn an_answer_wakes(stage: Stage) {
    for target in [Target::Node("a".into()), Target::Index(4), token("a")] {
        let hand = stage.suspended(vec![wait(4, "a")]).await;
        stage.nothing_ready(at(1)).await;
        let delivered = stage.deliver(hand.id, target).await;
        let Delivered::Resumed { id, owner: None } = delivered else { panic!("{delivered:?}") };
        let mut hand = stage.claim_one(at(1)).await;
        let loaded = hand.load().await;
        assert_eq!((loaded.inbox.len(), loaded.inbox[0].id, loaded.inbox[0].wait), (1, id, Some(4)));
        assert_eq!((loaded.waits.len(), loaded.waits[0].answered), (1, true));
        let turn = Delta { inbox_consumed: vec![id], waits_closed: vec![4], ..hand.step() };
        assert_eq!(hand.commit(turn).await.unwrap().inbox, []);
        assert_eq!(hand.load().await.waits, []);
        hand.end(Status::Completed).await.unwrap();
    }
}

pub(super) async fn a_dedupe_key_answers_once(stage: Stage) {
    let mut hand = stage.start().await;
    let id = hand.id;
    let keyed = |key: &str| NewItem { dedupe: Some(key.into()), ..item(id, Target::Node("a".into())) };
    assert!(is_kept(stage.store.deliver(keyed("x")).await.unwrap()));
    let again = stage.store.deliver(keyed("x")).await.unwrap();
    assert_eq!(again, Delivered::Duplicate { first: Answer::Kept });
    let done = hand.suspend(vec![wait(0, "a"), wait(1, "a")]).await.unwrap();
    assert_eq!(done.inbox.len(), 1);
    assert!(is_resumed(stage.store.deliver(keyed("y")).await.unwrap()));
    let turn = Delta { inbox_consumed: vec![done.inbox[0].id], waits_closed: vec![0], ..hand.step() };
    assert_eq!(hand.commit(turn).await.unwrap().inbox.len(), 1);
    for (key, first) in [("x", Answer::Kept), ("y", Answer::Resumed)] {
        assert_eq!(stage.store.deliver(keyed(key)).await.unwrap(), Delivered::Duplicate { first });
    }
    hand.end(Status::Completed).await.unwrap();
    let again = stage.store.deliver(keyed("y")).await.unwrap();
    assert_eq!(again, Delivered::Duplicate { first: Answer::Resumed }, "also after the end");
    let other = stage.start().await;
    let elsewhere = NewItem { dedupe: Some("x".into()), ..item(other.id, Target::Node("a".into())) };
    assert!(is_kept(stage.store.deliver(elsewhere).await.unwrap()), "a key belongs to one execution");
}

pub(super) async fn one_link_answers_one_wait(stage: Stage) {
    let mut hand = stage.suspended(vec![wait(4, "a")]).await;
    assert!(is_resumed(stage.deliver(hand.id, token("a")).await));
    for target in [token("a"), Target::Index(4)] {
        assert_eq!(stage.deliver(hand.id, target).await, Delivered::Used, "answered and not consumed");
    }
    hand = stage.claim_one(at(1)).await;
    let inbox_consumed = vec![hand.load().await.inbox[0].id];
    hand.commit(Delta { inbox_consumed, waits_closed: vec![4], ..hand.step() }).await.unwrap();
    for target in [token("a"), Target::Index(4)] {
        assert_eq!(stage.deliver(hand.id, target).await, Delivered::Used, "consumed");
    }
    // Two links made before the same wait are one link.
    let mut early = stage.start().await;
    assert!(is_kept(stage.deliver(early.id, token("b")).await));
    assert_eq!(stage.deliver(early.id, token("b")).await, Delivered::Used);
    assert!(is_kept(stage.deliver(early.id, Target::Index(7)).await), "not known to be the same wait yet");
    let done = early.suspend(vec![wait(7, "b")]).await.unwrap();
    assert_eq!((done.inbox.len(), &done.inbox[0].target), (1, &token("b")));
    let other_run = NewWait { execution_index: 8, run_index: 1, ..wait(8, "b") };
    let turn = Delta {
        inbox_consumed: vec![done.inbox[0].id],
        waits_closed: vec![7],
        waits_opened: vec![other_run],
        release: Release::Suspend,
        ..early.step()
    };
    assert!(!early.commit(turn).await.unwrap().kept, "one link can't answer a later wait");
}

pub(super) async fn answers_for_a_node_queue_up(stage: Stage) {
    let mut hand = stage.suspended(vec![wait(4, "a")]).await;
    let to_node = || Target::Node("a".into());
    assert!(is_resumed(stage.deliver(hand.id, to_node()).await));
    assert!(is_kept(stage.deliver(hand.id, to_node()).await), "each is a new answer, for the next wait");
    hand = stage.claim_one(at(1)).await;
    let inbox = hand.load().await.inbox;
    assert_eq!(inbox.len(), 1);
    let turn = Delta {
        inbox_consumed: vec![inbox[0].id],
        waits_closed: vec![4],
        waits_opened: vec![wait(5, "a")],
        release: Release::Suspend,
        ..hand.step()
    };
    let done = hand.commit(turn).await.unwrap();
    assert_eq!((done.kept, done.inbox.len(), done.inbox[0].wait), (true, 1, Some(5)));
}

pub(super) async fn over_is_over(stage: Stage) {
    for status in [Status::Completed, Status::Failed, Status::Cancelled, Status::Timeout] {
        let mut hand = stage.start().await;
        stage.deliver(hand.id, Target::Node("a".into())).await;
        assert_eq!(hand.end(status).await.unwrap().inbox, []);
        for target in [Target::Node("a".into()), Target::Index(0), Target::Execution, Target::Report(0)] {
            assert_eq!(stage.deliver(hand.id, target).await, Delivered::Ended { status });
        }
        assert_eq!(hand.load().await.inbox, []);
    }
    assert_eq!(stage.deliver(stage.next_id(), Target::Execution).await, Delivered::Unknown);
}

pub(super) async fn an_answer_beats_the_deadline(stage: Stage) {
    stage.suspended(vec![NewWait { wake_at: Some(at(5)), ..wait(4, "a") }]).await;
    let mut hand = stage.claim_one(at(5)).await;
    assert!(is_resumed(stage.deliver(hand.id, token("a")).await));
    let timeout = Delta { waits_closed: vec![4], ..hand.step() };
    let refused = stage.store.commit(timeout).await;
    assert_eq!(refused, Err(StoreError::Answered { execution: hand.id, wait: 4 }));
    let inbox_consumed = vec![hand.load().await.inbox[0].id];
    hand.commit(Delta { inbox_consumed, waits_closed: vec![4], ..hand.step() }).await.unwrap();
}

pub(super) async fn a_deadline_beats_the_answer(stage: Stage) {
    stage.suspended(vec![NewWait { wake_at: Some(at(5)), ..wait(4, "a") }]).await;
    let mut hand = stage.claim_one(at(5)).await;
    hand.commit(Delta { waits_closed: vec![4], ..hand.step() }).await.unwrap();
    for target in [token("a"), Target::Index(4)] {
        assert_eq!(stage.deliver(hand.id, target).await, Delivered::Used);
    }
    assert!(is_kept(stage.deliver(hand.id, Target::Node("a".into())).await));
}

pub(super) async fn a_dropped_wait_passes_its_answer_on(stage: Stage) {
    let mut hand = stage.suspended(vec![wait(4, "a"), wait(5, "b")]).await;
    assert!(is_resumed(stage.deliver(hand.id, Target::Node("a".into())).await));
    assert!(is_resumed(stage.deliver(hand.id, token("b")).await));
    hand = stage.claim_one(at(1)).await;
    let done = hand.commit(Delta { waits_dropped: vec![4, 5], ..hand.step() }).await.unwrap();
    assert_eq!(done.inbox, []);
    let run = NewWait { run_index: 1, ..wait(6, "a") };
    let done = hand.suspend(vec![run, NewWait { run_index: 1, ..wait(7, "b") }]).await.unwrap();
    assert_eq!(done.inbox.len(), 1, "the answer for the node goes to its next wait, the link is used");
    assert_eq!(done.inbox[0].wait, Some(6));
    assert_eq!(stage.deliver(hand.id, token("b")).await, Delivered::Used);
}

pub(super) async fn a_refused_answer_leaves_the_wait_open(stage: Stage) {
    let mut hand = stage.suspended(vec![wait(4, "a")]).await;
    stage.deliver(hand.id, Target::Index(4)).await;
    hand = stage.claim_one(at(1)).await;
    let inbox_consumed = vec![hand.load().await.inbox[0].id];
    let done = hand.commit(Delta { inbox_consumed, release: Release::Suspend, ..hand.step() }).await.unwrap();
    assert!(!done.kept);
    assert!(is_resumed(stage.deliver(hand.id, Target::Index(4)).await), "the wait takes another answer");
}

pub(super) async fn a_retry_takes_no_answer(stage: Stage) {
    let retry = NewWait { takes: Takes::Nothing, wake_at: Some(at(5)), ..wait(4, "a") };
    let hand = stage.suspended(vec![retry]).await;
    for target in [token("a"), Target::Node("a".into())] {
        assert!(is_kept(stage.deliver(hand.id, target).await));
    }
    stage.nothing_ready(at(4)).await;
    let mut hand = stage.claim_one(at(5)).await;
    let turn = Delta {
        waits_closed: vec![4],
        waits_opened: vec![wait(4, "a")],
        release: Release::Suspend,
        ..hand.step()
    };
    let done = hand.commit(turn).await.unwrap();
    assert!(done.kept, "the same node execution waits again, for an answer");
    assert_eq!((done.inbox.len(), &done.inbox[0].target), (1, &token("a")));
}

pub(super) async fn a_cancellation_is_seen(stage: Stage) {
    let mut running = stage.start().await;
    let delivered = stage.deliver(running.id, Target::Execution).await;
    assert!(matches!(delivered, Delivered::Resumed { owner: Some(owner), .. } if owner == worker(1)));
    let attention = stage.store.heartbeat(worker(1), at(1), 15_000).await.unwrap();
    assert_eq!((attention.len(), attention[0].execution, attention[0].inbox.len()), (1, running.id, 1));
    let done = running.commit(running.step()).await.unwrap();
    assert_eq!((done.inbox.len(), done.inbox[0].wait), (1, None));
    running.end(Status::Cancelled).await.unwrap();
    assert_eq!(stage.store.heartbeat(worker(1), at(1), 15_000).await.unwrap(), []);

    let suspended = stage.suspended(vec![wait(0, "a")]).await;
    stage.deliver(suspended.id, Target::Execution).await;
    let mut hand = stage.claim_one(at(1)).await;
    assert_eq!(hand.load().await.inbox.len(), 1);
    hand.end(Status::Cancelled).await.unwrap();

    let later = stage.create(stage.new_ready(at(500))).await;
    stage.deliver(later.id, Target::Execution).await;
    assert_eq!(stage.claim_one(at(1)).await.id, later.id);
}

pub(super) async fn an_item_is_consumed_once(stage: Stage) {
    let mut hand = stage.start().await;
    stage.deliver(hand.id, Target::Execution).await;
    let item = hand.commit(hand.step()).await.unwrap().inbox[0].id;
    let twice = Delta { inbox_consumed: vec![item, item], ..hand.step() };
    assert!(matches!(stage.store.commit(twice).await, Err(StoreError::Invalid { .. })));
    let other = stage.start().await;
    let foreign = Delta { inbox_consumed: vec![item], ..other.step() };
    assert!(matches!(stage.store.commit(foreign).await, Err(StoreError::Invalid { .. })));
    let done = hand.commit(Delta { inbox_consumed: vec![item], ..hand.step() }).await.unwrap();
    assert_eq!(done.inbox, []);
    let again = Delta { inbox_consumed: vec![item], ..hand.step() };
    assert!(matches!(stage.store.commit(again).await, Err(StoreError::Invalid { .. })));
}

pub(super) async fn a_flood_is_turned_away(stage: Stage) {
    let hand = stage.start().await;
    for _ in 0..crate::rules::MAX_ANSWERS {
        assert!(is_kept(stage.deliver(hand.id, Target::Node("a".into())).await));
    }
    let full = stage.store.deliver(item(hand.id, Target::Node("a".into()))).await;
    assert!(matches!(full, Err(StoreError::InboxFull { .. })));
    assert!(is_resumed(stage.deliver(hand.id, Target::Execution).await), "it can still be cancelled");
}
