//! The store in memory as the model: the same random operations give the same answers on both.

use std::collections::BTreeMap;
use std::sync::Arc;

use prana_store::postgres::testing::TestDatabase;
use prana_store::suite::{Stage, at, entry, id, wait, worker};
use prana_store::{
    Claim, Concurrency, Delta, Filter, Holder, LoadFrom, MemoryStore, NewExecution, NewItem, NewWait,
    Payload, Release, Remove, Scope, SqliteStore, Start, Status, Store, Takes, Target,
};
use proptest::prelude::*;

use crate::directory::Directory;

/// Something done to a store. Small numbers, so that they meet.
#[derive(Debug, Clone)]
enum Operation {
    Create {
        number: u64,
        kind: u8,
        key: Option<u8>,
        lane: Option<u32>,
    },
    Turn {
        number: u64,
        stale: bool,
        entries: u64,
        closes: Vec<u32>,
        opens: Vec<(u32, u8)>,
        consumes: u8,
        release: u8,
        child: Option<u64>,
    },
    Deliver {
        number: u64,
        target: u8,
        index: u32,
        dedupe: Option<u8>,
    },
    Claim {
        worker: u8,
        seconds: u64,
        limit: usize,
    },
    Heartbeat {
        worker: u8,
        seconds: u64,
    },
    Remove {
        number: Option<u64>,
        seconds: u64,
    },
}

fn operation() -> impl Strategy<Value = Operation> {
    let number = 0..6_u64;
    prop_oneof![
        2 => (number.clone(), 0..4_u8, proptest::option::weighted(0.3, 0..2_u8), proptest::option::weighted(0.3, 1..3_u32))
            .prop_map(|(number, kind, key, lane)| Operation::Create { number, kind, key, lane }),
        8 => (
            number.clone(),
            proptest::bool::weighted(0.05),
            0..3_u64,
            proptest::collection::vec(0..4_u32, 0..2),
            proptest::collection::vec((0..4_u32, 0..4_u8), 0..3),
            0..4_u8,
            0..8_u8,
            proptest::option::weighted(0.2, 6..12_u64),
        )
            .prop_map(|(number, stale, entries, closes, opens, consumes, release, child)| Operation::Turn {
                number, stale, entries, closes, opens, consumes, release, child
            }),
        4 => (0..9_u64, 0..5_u8, 0..4_u32, proptest::option::weighted(0.3, 0..2_u8))
            .prop_map(|(number, target, index, dedupe)| Operation::Deliver { number, target, index, dedupe }),
        4 => (1..4_u8, 0..60_u64, 1..4_usize)
            .prop_map(|(worker, seconds, limit)| Operation::Claim { worker, seconds, limit }),
        1 => (1..4_u8, 0..60_u64).prop_map(|(worker, seconds)| Operation::Heartbeat { worker, seconds }),
        1 => (proptest::option::of(number), 0..60_u64)
            .prop_map(|(number, seconds)| Operation::Remove { number, seconds }),
    ]
}

fn new_execution(number: u64, start: Start) -> NewExecution {
    NewExecution {
        retention_ms: number.is_multiple_of(2).then_some(5_000),
        ..NewExecution::new(id(number), "flow", 1, at(number), start)
    }
}

fn start_of(kind: u8) -> Start {
    match kind {
        0 => Start::Ready { at: at(5) },
        _ => Start::Claimed(Holder { worker: worker(1), lease_until: at(30) }),
    }
}

fn opened((index, kind): (u32, u8)) -> NewWait {
    let takes = [Takes::Answer, Takes::Answer, Takes::Reports, Takes::Nothing][usize::from(kind)];
    let wake_at = (kind % 2 == 1).then(|| at(u64::from(index) * 7));
    NewWait { takes, wake_at, run_index: index % 2, ..wait(index, ["a", "b"][(index / 2) as usize % 2]) }
}

fn release_of(kind: u8) -> Release {
    match kind {
        0..=2 => Release::Keep,
        3..=5 => Release::Suspend,
        6 => Release::Ready { at: at(20) },
        _ => Release::End { status: Status::Failed, keep_trail: true },
    }
}

fn target_of(kind: u8, index: u32) -> Target {
    let node_key = ["a", "b"][(index / 2) as usize % 2].into();
    match kind {
        0 => Target::Execution,
        1 => Target::Node(node_key),
        2 => Target::Index(index),
        3 => Target::Token { node_key, loop_path: "".into(), run_index: index % 2 },
        _ => Target::Report(index),
    }
}

/// Does it, and says in words what came of it.
async fn perform(store: &Arc<dyn Store>, operation: &Operation) -> String {
    match operation.clone() {
        Operation::Create { number, kind, key, lane } => {
            let mut new = new_execution(number, start_of(kind));
            new.start_key = key.map(|key| key.to_string().into());
            new.concurrency = lane.map(|limit| Concurrency { key: "lane".into(), limit });
            format!("{:?}", store.commit(Delta::create(new)).await)
        }
        Operation::Turn { number, stale, entries, closes, opens, consumes, release, child } => {
            let Some(loaded) = store.load(id(number), LoadFrom::Start).await.unwrap() else {
                return String::new();
            };
            let row = loaded.row;
            let next = row.next_sequence;
            let is_open = |index: &u32| loaded.waits.iter().any(|wait| wait.wait.execution_index == *index);
            let (waits_closed, waits_dropped) = match consumes % 2 {
                0 => (closes.into_iter().filter(is_open).collect(), Vec::new()),
                _ => (Vec::new(), closes),
            };
            let children =
                child.map(|child| new_execution(child, start_of(consumes)).child_of(id(number), id(number)));
            let other = (number + 1) % 6;
            let delta = Delta {
                entries: (next..next + entries).map(entry).collect(),
                payloads: vec![Payload { hash: [consumes; 32], bytes: vec![consumes] }],
                waits_closed,
                waits_dropped,
                waits_opened: opens.into_iter().map(opened).collect(),
                inbox_consumed: loaded.inbox.iter().take(usize::from(consumes)).map(|item| item.id).collect(),
                children: children.into_iter().collect(),
                reports: vec![item(other, 4, 1, Some(consumes)), item(other, consumes, 2, None)],
                release: release_of(release),
                at: at(next),
                ..Delta::new(row.id, row.epoch - u64::from(stale).min(row.epoch), next, at(9))
            };
            format!("{:?}", store.commit(delta).await)
        }
        Operation::Deliver { number, target, index, dedupe } => {
            format!("{:?}", store.deliver(item(number, target, index, dedupe)).await)
        }
        Operation::Claim { worker: name, seconds, limit } => {
            let claim = Claim { worker: worker(name.into()), now: at(seconds), lease_ms: 15_000, limit };
            format!("{:?}", store.claim(claim).await)
        }
        Operation::Heartbeat { worker: name, seconds } => {
            format!("{:?}", store.heartbeat(worker(name.into()), at(seconds), 15_000).await)
        }
        Operation::Remove { number, seconds } => {
            let what = number
                .map_or(Remove::Expired { now: at(seconds), limit: 3 }, |number| Remove::Tree(id(number)));
            // Whether there is more to sweep is each store's own affair.
            format!("{:?}", store.remove(what).await.map(|removed| removed.executions))
        }
    }
}

fn item(number: u64, target: u8, index: u32, dedupe: Option<u8>) -> NewItem {
    NewItem {
        execution: id(number),
        target: target_of(target, index),
        kind: target,
        dedupe: dedupe.map(|key| key.to_string().into()),
        bytes: vec![target, index as u8],
        at: at(3),
    }
}

/// All that can be read.
async fn picture(store: &Arc<dyn Store>) -> Vec<String> {
    let mut seen = Vec::new();
    for number in 0..12 {
        seen.push(format!("{:?}", store.load(id(number), LoadFrom::Snapshot).await));
        seen.push(format!("{:?}", store.payloads(id(number), &[[0; 32], [1; 32]]).await));
    }
    for scope in [Scope::All, Scope::Roots, Scope::ChildrenOf(id(1))] {
        let filter = Filter { scope, ..Filter::default() };
        seen.push(format!("{:?}", store.list(&filter, None, 5).await));
    }
    for seconds in [0, 10, 30] {
        seen.push(format!("{:?}", store.next_wake(at(seconds)).await));
    }
    seen
}

/// The numbers that a store gives grow, and what they are is its own affair: here the first one seen is 1, the second 2.
#[derive(Default)]
struct Numbers(BTreeMap<String, BTreeMap<i64, usize>>);

impl Numbers {
    fn rename(&mut self, text: &str) -> String {
        let mut renamed = String::new();
        let mut rest = text;
        while let Some((name, place)) = ["InboxId(", "ordinal: "]
            .iter()
            .filter_map(|name| Some((*name, rest.find(name)?)))
            .min_by_key(|found| found.1)
        {
            let (before, after) = rest.split_at(place + name.len());
            let digits = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
            let seen = self.0.entry(name.to_owned()).or_default();
            let next = seen.len() + 1;
            let number = seen.entry(after[..digits].parse().unwrap()).or_insert(next);
            renamed.push_str(&format!("{before}{number}"));
            rest = &after[digits..];
        }
        renamed + rest
    }

    fn rename_all(&mut self, texts: Vec<String>) -> Vec<String> {
        texts.iter().map(|text| self.rename(text)).collect()
    }
}

async fn compare(other: Arc<dyn Store>, operations: &[Operation]) {
    let memory: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let (mut expecting, mut finding) = (Numbers::default(), Numbers::default());
    for (place, operation) in operations.iter().enumerate() {
        let before = picture(&other).await;
        let (expected, found) = (perform(&memory, operation).await, perform(&other, operation).await);
        let is_refused = found.starts_with("Err");
        let (expected, found) = (expecting.rename(&expected), finding.rename(&found));
        assert_eq!(found, expected, "operation {place}, {operation:?}");
        if is_refused {
            assert_eq!(
                picture(&other).await,
                before,
                "refused, and yet changed: operation {place}, {operation:?}"
            );
        }
    }
    while other.remove(Remove::Expired { now: at(0), limit: 100 }).await.unwrap().more {}
    while memory.remove(Remove::Expired { now: at(0), limit: 100 }).await.unwrap().more {}
    let found = finding.rename_all(picture(&other).await);
    assert_eq!(found, expecting.rename_all(picture(&memory).await));
}

/// Few, so that the tests stay quick; `PROPTEST_CASES` asks for more.
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(24)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn sqlite_does_what_memory_does(operations in proptest::collection::vec(operation(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let directory = Directory::new();
        runtime.block_on(async { compare(Arc::new(SqliteStore::open(directory.file()).unwrap()), &operations).await });
    }

}

proptest! {
    // Each operation is a round trip and a flush: fewer.
    #![proptest_config(ProptestConfig { cases: cases().div_ceil(3), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn postgres_does_what_memory_does(operations in proptest::collection::vec(operation(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async {
            if let Some(database) = TestDatabase::new().await {
                compare(Arc::new(database.clocked().await), &operations).await;
            }
        });
    }
}

/// A dead worker that lost all it had is forgotten in that claim: what it is handed later begins with a lease of its own, until 30 here.
fn handed_to_a_forgotten_worker() -> Vec<Operation> {
    let claim = |worker, seconds| Operation::Claim { worker, seconds, limit: 3 };
    let handing = Operation::Turn {
        number: 1,
        stale: false,
        entries: 0,
        closes: Vec::new(),
        opens: Vec::new(),
        consumes: 3,
        release: 4,
        child: Some(9),
    };
    let create = Operation::Create { number: 1, kind: 1, key: None, lane: None };
    vec![claim(1, 1), create, claim(2, 18), handing, claim(2, 9), claim(3, 17), claim(3, 30), claim(2, 31)]
}

#[tokio::test]
async fn a_forgotten_worker_begins_anew() {
    let directory = Directory::new();
    let operations = handed_to_a_forgotten_worker();
    compare(Arc::new(SqliteStore::open(directory.file()).unwrap()), &operations).await;
    if let Some(database) = TestDatabase::new().await {
        compare(Arc::new(database.clocked().await), &operations).await;
    }
}

#[tokio::test]
async fn an_ephemeral_store_keeps_no_trail() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::ephemeral());
    assert!(!store.retains_trail() && MemoryStore::new().retains_trail());
    let stage = Stage::new(store.clone());
    let mut hand = stage.start().await;
    let payloads = vec![Payload { hash: [1; 32], bytes: vec![1] }];
    hand.commit(Delta { payloads, ..hand.step() }).await.unwrap();
    let loaded = hand.load().await;
    assert_eq!((loaded.entries.len(), loaded.row.next_sequence), (0, 1));
    assert_eq!(store.payloads(hand.id, &[[1; 32]]).await.unwrap(), [None]);
}
