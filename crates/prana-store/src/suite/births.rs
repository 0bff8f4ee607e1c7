//! Creation and reading back.

use super::stage::{Stage, at, entry, wait, worker};
use crate::{
    Delta, Holder, LoadFrom, NewExecution, Payload, Release, Snapshot, Start, Status, StoreError, StoredEntry,
};

pub(super) async fn reads_back(stage: Stage) {
    let mut new = stage.new_claimed();
    new.header = b"header \0 with a zero".to_vec();
    new.mode = 2;
    new.workflow_version = 7;
    let payloads =
        vec![Payload { hash: [7; 32], bytes: vec![1, 2, 3] }, Payload { hash: [8; 32], bytes: Vec::new() }];
    let entries = vec![entry(0), StoredEntry { execution_index: None, node_key: None, ..entry(3) }];
    let delta = Delta { entries: entries.clone(), payloads, ..Delta::create(new.clone()) };
    let done = stage.store.commit(delta).await.unwrap();
    assert!(done.kept && !done.queued && done.inbox.is_empty());
    assert_eq!(done.epoch, 1);
    let loaded = stage.store.load(new.id, LoadFrom::Snapshot).await.unwrap().unwrap();
    assert_eq!(loaded.header, new.header);
    assert_eq!(loaded.entries, entries);
    let row = loaded.row;
    assert_eq!((row.status, row.epoch, row.next_sequence), (Status::Running, 1, 4));
    assert_eq!((row.mode, row.workflow_version, row.root), (2, 7, new.id));
    assert_eq!((row.claimed_by, row.ready_at, row.completed_at), (Some(worker(1)), None, None));
    assert_eq!(row.created_at, at(0));
    let found = stage.store.payloads(new.id, &[[8; 32], [9; 32], [7; 32]]).await.unwrap();
    assert_eq!(found, [Some(Vec::new()), None, Some(vec![1, 2, 3])]);
}

pub(super) async fn unknown_is_none(stage: Stage) {
    let nobody = stage.next_id();
    assert_eq!(stage.store.execution(nobody).await.unwrap(), None);
    assert_eq!(stage.store.load(nobody, LoadFrom::Start).await.unwrap(), None);
    assert_eq!(stage.store.trail(nobody, 0, 10).await.unwrap(), []);
    assert_eq!(stage.store.payloads(nobody, &[[1; 32]]).await.unwrap(), [None]);
    assert_eq!(stage.store.next_wake(at(0)).await.unwrap(), None);
}

pub(super) async fn start_key_starts_once(stage: Stage) {
    let with_key = |workflow: &str| {
        let mut new = stage.new_claimed();
        new.workflow_id = workflow.into();
        new.start_key = Some("order-1".into());
        new
    };
    let first = with_key("flow");
    let (id, second) = (first.id, with_key("flow"));
    let mut tasks = Vec::new();
    stage.store.commit(Delta::create(first)).await.unwrap();
    let done =
        stage.store.commit(Delta { entries: vec![entry(0)], ..Delta::create(second.clone()) }).await.unwrap();
    assert_eq!(done.existing, Some(id));
    assert_eq!(stage.store.execution(second.id).await.unwrap(), None);
    let other = stage.store.commit(Delta::create(with_key("other"))).await.unwrap();
    assert_eq!(other.existing, None);
    for _ in 0..16 {
        let (store, new) = (stage.store.clone(), with_key("third"));
        tasks.push(tokio::spawn(async move { store.commit(Delta::create(new)).await.unwrap().existing }));
    }
    let mut started = 0;
    for task in tasks {
        started += usize::from(task.await.unwrap().is_none());
    }
    assert_eq!(started, 1);
}

pub(super) async fn identity_is_unique(stage: Stage) {
    let hand = stage.start().await;
    let again = NewExecution { id: hand.id, root: hand.id, ..stage.new_claimed() };
    let refused = stage.store.commit(Delta::create(again.clone())).await;
    assert_eq!(refused, Err(StoreError::Exists(hand.id)));
    let mut parent = stage.start().await;
    let refused = parent.commit(Delta { children: vec![again], ..parent.step() }).await;
    assert_eq!(refused, Err(StoreError::Exists(hand.id)));
}

pub(super) async fn children_are_born_with_the_delta(stage: Stage) {
    let mut parent = stage.start().await;
    let here = stage.new_claimed().child_of(parent.id, parent.id);
    let queued = stage.new_ready(at(5)).child_of(parent.id, parent.id);
    let children = vec![here.clone(), queued.clone()];
    let done = parent.commit(Delta { children, ..parent.step() }).await.unwrap();
    assert!(done.woke);
    let row = stage.store.execution(here.id).await.unwrap().unwrap();
    assert_eq!((row.epoch, row.claimed_by, row.parent), (1, Some(worker(1)), Some(parent.id)));
    let claimed = stage.claim(2, at(5), 10).await;
    assert_eq!(claimed.len(), 1);
    assert_eq!((claimed[0].row.id, claimed[0].row.epoch), (queued.id, 1));
}

pub(super) async fn malformed_deltas_are_refused(stage: Stage) {
    let hand = stage.start().await;
    let foreign = stage.new_claimed();
    let end_as = |status| Release::End { status, keep_trail: true };
    let mut keyed = stage.new_claimed().child_of(hand.id, hand.id);
    keyed.start_key = Some("key".into());
    let deltas = [
        Delta { entries: vec![entry(1), entry(0)], ..hand.turn() },
        Delta { entries: vec![entry(0), entry(0)], ..hand.turn() },
        Delta { release: end_as(Status::Running), ..hand.turn() },
        Delta { summary: Some(vec![0; 5_000]), ..hand.turn() },
        Delta { create: Some(foreign.clone()), ..hand.turn() },
        Delta { children: vec![foreign.clone(), foreign], ..hand.turn() },
        Delta { children: vec![keyed], ..hand.turn() },
        Delta { waits_closed: vec![3], ..hand.turn() },
        Delta { waits_dropped: vec![3], ..hand.turn() },
        Delta { waits_opened: vec![wait(1, "a"), wait(1, "a")], ..hand.turn() },
        Delta { inbox_consumed: vec![crate::InboxId(99)], ..hand.turn() },
        Delta { reports: vec![super::stage::item(hand.id, crate::Target::Execution)], ..hand.turn() },
        Delta { entries: vec![entry(0)], ..Delta::create(stage.new_ready(at(0))) },
    ];
    let before = hand.load().await;
    for delta in deltas {
        let refused = stage.store.commit(delta.clone()).await;
        assert!(matches!(refused, Err(StoreError::Invalid { .. })), "{delta:?} gives {refused:?}");
    }
    assert_eq!(hand.load().await, before);
}

pub(super) async fn born_and_ended_at_once(stage: Stage) {
    let new = stage.new_claimed();
    let release = Release::End { status: Status::Completed, keep_trail: true };
    let summary = Some(b"fine".to_vec());
    let delta = Delta { entries: vec![entry(0)], release, summary, at: at(3), ..Delta::create(new.clone()) };
    let done = stage.store.commit(delta).await.unwrap();
    assert!(!done.kept);
    let row = stage.store.execution(new.id).await.unwrap().unwrap();
    assert_eq!((row.status, row.completed_at, row.claimed_by), (Status::Completed, Some(at(3)), None));
    assert_eq!(row.summary.as_deref(), Some(b"fine".as_slice()));
    assert_eq!(stage.claim(2, at(1_000), 10).await, []);
}

pub(super) async fn snapshots_bound_what_is_loaded(stage: Stage) {
    let mut hand = stage.start().await;
    hand.commit(Delta { entries: (0..10).map(entry).collect(), ..hand.turn() }).await.unwrap();
    for next_sequence in [4, 8] {
        let snapshot = Some(Snapshot { next_sequence, bytes: vec![next_sequence as u8] });
        hand.commit(Delta { snapshot, ..hand.turn() }).await.unwrap();
    }
    let loaded = hand.load().await;
    assert_eq!(loaded.snapshot, Some(Snapshot { next_sequence: 8, bytes: vec![8] }));
    assert_eq!(loaded.entries, [entry(8), entry(9)]);
    let loaded = stage.store.load(hand.id, LoadFrom::Start).await.unwrap().unwrap();
    assert_eq!(loaded.snapshot, None);
    assert_eq!(loaded.entries.len(), 10);
}

pub(super) async fn trail_is_paged(stage: Stage) {
    let mut hand = stage.start().await;
    let sequences = [1, 2, 5, 7, 8];
    hand.commit(Delta { entries: sequences.map(entry).to_vec(), ..hand.turn() }).await.unwrap();
    let page = |from, limit| stage.store.trail(hand.id, from, limit);
    assert_eq!(page(0, 2).await.unwrap(), [entry(1), entry(2)]);
    assert_eq!(page(3, 2).await.unwrap(), [entry(5), entry(7)]);
    assert_eq!(page(8, 2).await.unwrap(), [entry(8)]);
    assert_eq!(page(9, 2).await.unwrap(), []);
    let holder = Holder { worker: worker(1), lease_until: at(15) };
    assert_eq!(stage.new_claimed().start, Start::Claimed(holder));
}
