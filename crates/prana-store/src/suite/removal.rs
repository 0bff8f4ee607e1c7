//! Deletion and retention.

use super::stage::{Hand, Stage, at, entry, item, wait};
use crate::{
    Delivered, Delta, LoadFrom, NewExecution, Payload, Release, Remove, Removed, Status, StoreError, Target,
};

fn payload() -> Payload {
    Payload { hash: [1; 32], bytes: vec![1; 100] }
}

/// A root that has ended, with a payload, and its child, which has not.
async fn with_child(stage: &Stage, retention_ms: Option<u64>) -> (Hand, Hand) {
    let mut root = stage.create(NewExecution { retention_ms, ..stage.new_claimed() }).await;
    let child = stage.new_claimed().child_of(root.id, root.id);
    let hand = Hand { id: child.id, epoch: 1, ..root.clone() };
    root.commit(Delta { children: vec![child], payloads: vec![payload()], ..root.step() }).await.unwrap();
    root.end(Status::Completed).await.unwrap();
    (root, hand)
}

async fn sweep(stage: &Stage, seconds: u64) -> usize {
    let mut executions = 0;
    for _ in 0..1_000 {
        let removed = stage.store.remove(Remove::Expired { now: at(seconds), limit: 10 }).await.unwrap();
        executions += removed.executions;
        if !removed.more {
            return executions;
        }
    }
    panic!("removal does not end");
}

pub(super) async fn a_tree_goes_as_one(stage: Stage) {
    let (root, mut child) = with_child(&stage, None).await;
    child.end(Status::Failed).await.unwrap();
    let of_child = stage.store.remove(Remove::Tree(child.id)).await;
    assert!(matches!(of_child, Err(StoreError::Invalid { .. })));
    let removed = stage.store.remove(Remove::Tree(root.id)).await.unwrap();
    assert_eq!(removed.executions, 2);
    for hand in [&root, &child] {
        assert_eq!(stage.store.execution(hand.id).await.unwrap(), None);
        assert_eq!(stage.store.load(hand.id, LoadFrom::Start).await.unwrap(), None);
        assert_eq!(stage.store.trail(hand.id, 0, 9).await.unwrap(), []);
        assert_eq!(stage.deliver(hand.id, Target::Execution).await, Delivered::Unknown);
    }
    assert_eq!(sweep(&stage, 0).await, 0);
    assert_eq!(stage.store.payloads(root.id, &[[1; 32]]).await.unwrap(), [None]);
    let again = stage.store.remove(Remove::Tree(root.id)).await;
    assert_eq!(again, Err(StoreError::Unknown(root.id)));
}

pub(super) async fn an_open_tree_stays(stage: Stage) {
    let (root, _) = with_child(&stage, None).await;
    let refused = stage.store.remove(Remove::Tree(root.id)).await;
    assert_eq!(refused, Err(StoreError::Open(root.id)));
    assert_eq!(stage.store.payloads(root.id, &[[1; 32]]).await.unwrap(), [Some(vec![1; 100])]);
}

pub(super) async fn retention_counts_from_the_last_end(stage: Stage) {
    let (root, mut child) = with_child(&stage, Some(10_000)).await;
    assert_eq!(sweep(&stage, 500).await, 0);
    let release = Release::End { status: Status::Completed, keep_trail: true };
    child.commit(Delta { at: at(600), release, ..child.step() }).await.unwrap();
    assert_eq!(root.row().await.expires_at, Some(at(610)));
    assert_eq!(sweep(&stage, 609).await, 0);
    assert_eq!(sweep(&stage, 610).await, 2);
    assert_eq!(stage.store.execution(root.id).await.unwrap(), None);
    let mut kept = stage.start().await;
    kept.end(Status::Completed).await.unwrap();
    assert_eq!(sweep(&stage, 10_000_000).await, 0, "without retention it stays");
}

pub(super) async fn a_trail_can_be_given_up(stage: Stage) {
    let mut hand = stage.create(stage.new_claimed()).await;
    let turn = Delta { payloads: vec![payload()], waits_opened: vec![wait(0, "a")], ..hand.step() };
    hand.commit(turn).await.unwrap();
    let release = Release::End { status: Status::Completed, keep_trail: false };
    let summary = Some(b"ended".to_vec());
    hand.commit(Delta { release, summary, ..hand.step() }).await.unwrap();
    let loaded = stage.store.load(hand.id, LoadFrom::Start).await.unwrap().unwrap();
    assert_eq!(
        (loaded.row.status, loaded.row.trail_kept, loaded.entries.len()),
        (Status::Completed, false, 0)
    );
    assert_eq!(stage.store.trail(hand.id, 0, 9).await.unwrap(), []);
    sweep(&stage, 0).await;
    assert_eq!(stage.store.payloads(hand.id, &[[1; 32]]).await.unwrap(), [None]);
    assert_eq!(hand.row().await.summary, Some(b"ended".to_vec()));
}

pub(super) async fn a_start_key_is_free_again(stage: Stage) {
    let keyed = || NewExecution { start_key: Some("key".into()), ..stage.new_claimed() };
    let mut first = stage.create(keyed()).await;
    first.end(Status::Completed).await.unwrap();
    let done = stage.store.commit(Delta::create(keyed())).await.unwrap();
    assert_eq!(done.existing, Some(first.id), "also after its end");
    stage.store.remove(Remove::Tree(first.id)).await.unwrap();
    stage.create(keyed()).await;
}

pub(super) async fn removal_goes_in_batches(stage: Stage) {
    for _ in 0..25 {
        let mut hand = stage.create(NewExecution { retention_ms: Some(0), ..stage.new_claimed() }).await;
        stage.store.deliver(item(hand.id, Target::Node("a".into()))).await.unwrap();
        let entries = (0..30).map(entry).collect();
        hand.commit(Delta { entries, waits_opened: vec![wait(0, "b")], ..hand.turn() }).await.unwrap();
        hand.end(Status::Completed).await.unwrap();
    }
    let removed = stage.store.remove(Remove::Expired { now: at(1), limit: 10 }).await.unwrap();
    assert_eq!(removed, Removed { executions: 10, more: true });
    assert_eq!(sweep(&stage, 1).await, 15);
    let nothing = stage.store.remove(Remove::Expired { now: at(1), limit: 10 }).await.unwrap();
    assert_eq!(nothing, Removed { executions: 0, more: false });
}
