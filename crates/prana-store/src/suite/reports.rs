//! What children tell their parents.

use super::stage::{Hand, Stage, at, item, wait};
use crate::{Answer, Delivered, Delta, NewItem, NewWait, Release, Status, Takes, Target};

fn for_children(execution_index: u32) -> NewWait {
    NewWait { takes: Takes::Reports, ..wait(execution_index, "children") }
}

/// The end of a child, told to its parent in the same commit.
fn report(child: &Hand, parent: &Hand, index: u32) -> NewItem {
    NewItem { dedupe: Some(child.id.to_string().into()), ..item(parent.id, Target::Report(index)) }
}

/// A parent that waits for `count` children, each held by worker 1.
async fn family(stage: &Stage, count: usize) -> (Hand, Vec<Hand>) {
    let mut parent = stage.start().await;
    let children: Vec<_> = (0..count).map(|_| stage.new_claimed().child_of(parent.id, parent.id)).collect();
    let hands =
        children.iter().map(|child| Hand { id: child.id, epoch: 1, next: 0, store: stage.store.clone() });
    let hands = hands.collect();
    let waits_opened = vec![for_children(0)];
    parent
        .commit(Delta { children, waits_opened, release: Release::Suspend, ..parent.step() })
        .await
        .unwrap();
    (parent, hands)
}

async fn end_with_report(child: &mut Hand, parent: &Hand) -> crate::Committed {
    let release = Release::End { status: Status::Completed, keep_trail: true };
    child.commit(Delta { reports: vec![report(child, parent, 0)], release, ..child.step() }).await.unwrap()
}

pub(super) async fn a_childs_end_wakes_its_parent_once(stage: Stage) {
    let (parent, mut children) = family(&stage, 2).await;
    let done = end_with_report(&mut children[0], &parent).await;
    assert!(done.woke);
    assert!(matches!(done.delivered[..], [Delivered::Resumed { owner: None, .. }]));
    let again = stage.store.deliver(report(&children[0], &parent, 0)).await.unwrap();
    assert_eq!(again, Delivered::Duplicate { first: Answer::Resumed });
    let mut parent = stage.claim_one(at(1)).await;
    let inbox = parent.load().await.inbox;
    assert_eq!((inbox.len(), inbox[0].wait), (1, Some(0)));
    let turn = Delta { inbox_consumed: vec![inbox[0].id], release: Release::Suspend, ..parent.step() };
    assert!(!parent.commit(turn).await.unwrap().kept, "one more child to wait for");
    end_with_report(&mut children[1], &parent).await;
    parent = stage.claim_one(at(1)).await;
    let inbox = parent.load().await.inbox;
    assert_eq!(inbox.len(), 1);
    let turn = Delta { inbox_consumed: vec![inbox[0].id], waits_closed: vec![0], ..parent.step() };
    parent.commit(turn).await.unwrap();
    parent.end(Status::Completed).await.unwrap();
}

pub(super) async fn early_reports_wait(stage: Stage) {
    let mut parent = stage.start().await;
    let child = stage.start().await;
    let kept = stage.store.deliver(report(&child, &parent, 3)).await.unwrap();
    assert!(matches!(kept, Delivered::Kept { .. }));
    assert_eq!(parent.commit(parent.step()).await.unwrap().inbox, []);
    let done = parent.suspend(vec![for_children(3)]).await.unwrap();
    assert_eq!((done.kept, done.inbox.len(), done.inbox[0].wait), (true, 1, Some(3)));
}

pub(super) async fn late_reports_are_dropped(stage: Stage) {
    let (parent, mut children) = family(&stage, 1).await;
    stage.deliver(parent.id, Target::Execution).await;
    let mut parent = stage.claim_one(at(1)).await;
    let inbox_consumed = vec![parent.load().await.inbox[0].id];
    parent.commit(Delta { inbox_consumed, waits_dropped: vec![0], ..parent.step() }).await.unwrap();
    assert_eq!(end_with_report(&mut children[0], &parent).await.delivered, [Delivered::Used]);
    assert_eq!(parent.commit(parent.step()).await.unwrap().inbox, []);
    parent.end(Status::Cancelled).await.unwrap();
    let late = stage.deliver(parent.id, Target::Report(0)).await;
    assert_eq!(late, Delivered::Ended { status: Status::Cancelled });
}

pub(super) async fn many_reports_come_in_parts(stage: Stage) {
    let hand = stage.suspended(vec![for_children(0)]).await;
    for number in 0..600_u32 {
        let dedupe = Some(number.to_string().into());
        let bytes = number.to_be_bytes().to_vec();
        let report = NewItem { dedupe, bytes, ..item(hand.id, Target::Report(0)) };
        assert!(matches!(stage.store.deliver(report).await.unwrap(), Delivered::Resumed { .. }));
    }
    let mut hand = stage.claim_one(at(1)).await;
    let mut inbox = hand.load().await.inbox;
    let mut seen = Vec::new();
    while !inbox.is_empty() {
        assert!(inbox.len() <= 256);
        seen.extend(inbox.iter().map(|item| item.bytes.clone()));
        let inbox_consumed = inbox.iter().map(|item| item.id).collect();
        let turn = Delta { inbox_consumed, release: Release::Suspend, ..hand.step() };
        let done = hand.commit(turn).await.unwrap();
        assert_eq!(done.kept, !done.inbox.is_empty());
        inbox = done.inbox;
    }
    let expected: Vec<_> = (0..600_u32).map(|number| number.to_be_bytes().to_vec()).collect();
    assert_eq!(seen, expected);
}
