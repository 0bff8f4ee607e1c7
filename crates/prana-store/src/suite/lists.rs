//! Lists of executions.

use prana_core::ExecutionId;

use super::stage::{Hand, Stage, at, worker};
use crate::{Cursor, Delta, Filter, NewExecution, Release, Remove, Scope, Status};

async fn ids(stage: &Stage, filter: Filter) -> Vec<ExecutionId> {
    let page = stage.store.list(&filter, None, 100).await.unwrap();
    assert_eq!(page.next, None);
    page.rows.iter().map(|row| row.id).collect()
}

/// An execution of a workflow, created at a time and in a status.
async fn make(stage: &Stage, workflow: &str, seconds: u64, status: Status) -> ExecutionId {
    let start = match status {
        Status::Pending => stage.new_ready(at(900)).start,
        _ => stage.new_claimed().start,
    };
    let new = NewExecution::new(stage.next_id(), workflow, 1, at(seconds), start);
    let mut hand = stage.create(new).await;
    match status {
        Status::Pending => {}
        Status::Running => drop(hand.commit(hand.step()).await.unwrap()),
        Status::Suspended => drop(hand.suspend(Vec::new()).await.unwrap()),
        _ => drop(hand.end(status).await.unwrap()),
    }
    hand.id
}

pub(super) async fn filters_combine(stage: Stage) {
    let mut all = Vec::new();
    for (number, status) in Status::ALL.into_iter().enumerate() {
        let workflow = if number % 2 == 0 { "even" } else { "odd" };
        all.push(make(&stage, workflow, 10 + number as u64, status).await);
    }
    let newest_first = |numbers: &[usize]| numbers.iter().map(|number| all[*number]).collect::<Vec<_>>();
    let workflow_id = Some("odd".to_owned());
    assert_eq!(ids(&stage, Filter::default()).await, newest_first(&[6, 5, 4, 3, 2, 1, 0]));
    let odd = Filter { workflow_id: workflow_id.clone(), ..Filter::default() };
    assert_eq!(ids(&stage, odd).await, newest_first(&[5, 3, 1]));
    let open = vec![Status::Pending, Status::Running, Status::Suspended];
    let running = Filter { statuses: open.clone(), ..Filter::default() };
    assert_eq!(ids(&stage, running).await, newest_first(&[2, 1, 0]));
    let both = Filter { statuses: open, workflow_id, ..Filter::default() };
    assert_eq!(ids(&stage, both).await, newest_first(&[1]));
    let between = Filter { since: Some(at(12)), until: Some(at(15)), ..Filter::default() };
    assert_eq!(ids(&stage, between.clone()).await, newest_first(&[4, 3, 2]));
    let after = Cursor { created_at: at(14), id: all[4] };
    let page = stage.store.list(&between, Some(after), 1).await.unwrap();
    assert_eq!((page.rows.len(), page.rows[0].id), (1, all[3]));
    assert!(page.next.is_some());
}

pub(super) async fn pages_are_stable(stage: Stage) {
    let mut expected = Vec::new();
    for number in 0..25_u64 {
        // Several have the same time.
        expected.push((at(number / 4), make(&stage, "flow", number / 4, Status::Completed).await));
    }
    expected.sort_by(|a, b| b.cmp(a));
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let page = stage.store.list(&Filter::default(), after, 4).await.unwrap();
        seen.extend(page.rows.iter().map(|row| (row.created_at, row.id)));
        after = page.next;
        if after.is_none() {
            break;
        }
        // Between two pages newer ones come, and one that was shown goes.
        make(&stage, "flow", 1_000, Status::Running).await;
        let shown = seen[seen.len() - 1].1;
        stage.store.remove(Remove::Tree(shown)).await.unwrap();
    }
    assert_eq!(seen, expected);
    let page = stage.store.list(&Filter::default(), None, 0).await.unwrap();
    assert_eq!((page.rows.len(), page.next), (0, None));
}

pub(super) async fn children_are_listed(stage: Stage) {
    let mut parent = stage.start().await;
    let children = vec![stage.new_claimed(), stage.new_ready(at(0)), stage.new_claimed()];
    let children: Vec<_> = children.into_iter().map(|child| child.child_of(parent.id, parent.id)).collect();
    let mut expected: Vec<_> = children.iter().map(|child| child.id).collect();
    let mut first = Hand { id: expected[0], epoch: 1, next: 0, ..parent.clone() };
    parent.commit(Delta { children, ..parent.step() }).await.unwrap();
    let release = Release::End { status: Status::Failed, keep_trail: true };
    first.commit(Delta { release, ..first.step() }).await.unwrap();
    let of_parent = Filter { scope: Scope::ChildrenOf(parent.id), ..Filter::default() };
    let failed = Filter { statuses: vec![Status::Failed], ..of_parent.clone() };
    assert_eq!(ids(&stage, failed).await, [first.id]);
    let of_another = Filter { workflow_id: Some("another".to_owned()), ..of_parent.clone() };
    assert_eq!(ids(&stage, of_another).await, []);
    expected.reverse();
    assert_eq!(ids(&stage, of_parent).await, expected);
    let roots = Filter { scope: Scope::Roots, ..Filter::default() };
    assert_eq!(ids(&stage, roots).await, [parent.id]);
    assert_eq!(ids(&stage, Filter::default()).await.len(), 4);
}

pub(super) async fn what_a_worker_holds_is_listed(stage: Stage) {
    let held = |number: u128| Filter { scope: Scope::HeldBy(worker(number)), ..Filter::default() };
    let first = stage.start().await;
    let mut second = stage.start().await;
    let third = stage.create(stage.new_ready(at(1))).await;
    stage.claim(2, at(1), 1).await;
    assert_eq!(ids(&stage, held(1)).await, [second.id, first.id]);
    assert_eq!(ids(&stage, held(2)).await, [third.id]);
    second.suspend(Vec::new()).await.unwrap();
    assert_eq!(ids(&stage, held(1)).await, [first.id]);
    let row = stage.store.list(&held(2), None, 1).await.unwrap().rows.remove(0);
    assert_eq!((row.claimed_by, row.epoch), (Some(worker(2)), 1));
}
