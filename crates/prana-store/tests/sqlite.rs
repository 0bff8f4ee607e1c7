//! What only a file can do: be locked, be full, be opened again.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use prana_store::sqlite::Options;
use prana_store::suite::{Stage, at, entry, wait};
use prana_store::{
    Catalog, Delivered, Delta, NewExecution, NewItem, NewVersion, Release, Remove, SqliteStore, Status,
    Store, StoreError, Target, Which,
};

use crate::directory::Directory;

fn open(path: &Path) -> Arc<SqliteStore> {
    Arc::new(SqliteStore::open(path).unwrap())
}

#[tokio::test]
async fn everything_is_there_after_a_crash() {
    let directory = Directory::new();
    let (path, copy) = (directory.file(), directory.file());
    let store = open(&path);
    let stage = Stage::new(store.clone());
    let mut running = stage.start().await;
    running.commit(running.step()).await.unwrap();
    let suspended = stage.suspended(vec![wait(0, "a")]).await;
    let item = NewItem {
        execution: suspended.id,
        target: Target::Node("b".into()),
        kind: 1,
        dedupe: Some("key".into()),
        bytes: vec![1],
        at: at(1),
    };
    store.deliver(item.clone()).await.unwrap();
    let before = (running.load().await, suspended.load().await);
    // What a crash leaves: the file and its log as they are, while the first process still has them open.
    for end in ["", "-wal"] {
        let from = format!("{}{end}", path.display());
        std::fs::copy(from, format!("{}{end}", copy.display())).unwrap();
    }
    let again = open(&copy);
    let reopened = Stage::new(again.clone());
    let load = |id| again.load(id, prana_store::LoadFrom::Snapshot);
    assert_eq!(load(running.id).await.unwrap().unwrap(), before.0);
    assert_eq!(load(suspended.id).await.unwrap().unwrap(), before.1);
    assert!(matches!(again.deliver(item).await.unwrap(), Delivered::Duplicate { .. }));
    // Nobody else can be alive, so the running one is taken over at once, whatever its lease said.
    let claimed = reopened.claim(2, at(1), 10).await;
    assert_eq!(claimed.len(), 1);
    assert_eq!((claimed[0].row.id, claimed[0].row.epoch, claimed[0].recovered), (running.id, 2, true));
    let new = NewExecution {
        id: prana_store::suite::id(77),
        root: prana_store::suite::id(77),
        ..reopened.new_claimed()
    };
    again.commit(Delta { entries: vec![entry(0)], ..Delta::create(new) }).await.unwrap();
}

#[tokio::test]
async fn closing_loses_nothing() {
    let directory = Directory::new();
    let path = directory.file();
    for round in 0..3_u64 {
        let store = open(&path);
        let stage = Stage::new(store.clone());
        let id = prana_store::suite::id(100 + round);
        let mut hand = stage.create(NewExecution { id, root: id, ..stage.new_claimed() }).await;
        hand.end(Status::Completed).await.unwrap();
        let page = store.list(&Default::default(), None, 10).await.unwrap();
        assert_eq!(page.rows.len() as u64, round + 1);
    }
    assert!(!Path::new(&format!("{}-wal", path.display())).exists(), "the log is in the file");
}

#[tokio::test]
async fn a_file_has_one_owner() {
    let directory = Directory::new();
    let path = directory.file();
    let first = open(&path);
    let refusal = SqliteStore::open(&path).unwrap_err().to_string();
    let process = format!("in use by process {}", std::process::id());
    assert!(refusal.contains(&process) && refusal.contains(path.to_str().unwrap()), "{refusal}");
    first.announce("http://127.0.0.1:7700 token-1").unwrap();
    let refusal = SqliteStore::open(&path).unwrap_err().to_string();
    assert!(refusal.contains("http://127.0.0.1:7700"), "{refusal}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let lock = std::fs::metadata(format!("{}.lock", path.display())).unwrap();
        assert_eq!(lock.permissions().mode() & 0o777, 0o600);
    }
    drop(first);
    SqliteStore::open(&path).unwrap();
}

#[tokio::test]
async fn foreign_files_are_refused() {
    let directory = Directory::new();
    let (text, other, newer) = (directory.file(), directory.file(), directory.file());
    std::fs::write(
        &text,
        "this is not a database, and long enough to be seen as none at the first look at it".repeat(20),
    )
    .unwrap();
    assert!(matches!(SqliteStore::open(&text), Err(StoreError::CannotOpen { .. })));
    rusqlite::Connection::open(&other).unwrap().execute_batch("CREATE TABLE notes (text)").unwrap();
    let refusal = SqliteStore::open(&other).unwrap_err().to_string();
    assert!(refusal.contains("another program"), "{refusal}");
    drop(open(&newer));
    let connection = rusqlite::Connection::open(&newer).unwrap();
    connection.execute_batch("PRAGMA user_version = 99").unwrap();
    drop(open(&newer));
    connection.execute_batch("UPDATE schema SET oldest_binary = 98").unwrap();
    let refusal = SqliteStore::open(&newer).unwrap_err().to_string();
    assert!(refusal.contains("use a newer one"), "{refusal}");
    let nowhere = SqliteStore::open("/nowhere/at/all.db");
    assert!(matches!(nowhere, Err(StoreError::CannotOpen { .. })));
}

#[tokio::test]
async fn the_file_is_as_promised() {
    let directory = Directory::new();
    let path = directory.file();
    drop(open(&path));
    let connection = rusqlite::Connection::open(&path).unwrap();
    let number = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(number("auto_vacuum"), 2, "incremental");
    assert_eq!(number("application_id"), 0x5072_616e);
    assert_eq!(number("user_version"), 2);
    let mode: String = connection.pragma_query_value(None, "journal_mode", |row| row.get(0)).unwrap();
    assert_eq!(mode, "wal");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_fails_and_recovers() {
    let directory = Directory::new();
    let options = Options { max_bytes: Some(1_000_000), ..Options::new(directory.file()) };
    let store = Arc::new(SqliteStore::open_with(options).unwrap());
    let stage = Stage::new(store.clone());
    let release = Release::End { status: Status::Completed, keep_trail: true };
    let mut acknowledged = Vec::new();
    let mut refused = None;
    for _ in 0..1_000 {
        let new = NewExecution { retention_ms: Some(0), header: vec![7; 20_000], ..stage.new_claimed() };
        let id = new.id;
        match store.commit(Delta { entries: vec![entry(0)], release, ..Delta::create(new) }).await {
            Ok(_) => acknowledged.push(id),
            Err(error) => {
                refused = Some((id, error));
                break;
            }
        }
    }
    let (refused, error) = refused.unwrap();
    assert!(matches!(&error, StoreError::Unavailable { reason } if reason.contains("full")), "{error}");
    assert!(error.is_transient());
    assert_eq!(store.execution(refused).await.unwrap(), None, "nothing of it is stored");
    for id in &acknowledged {
        assert!(store.execution(*id).await.unwrap().is_some());
    }
    while store.remove(Remove::Expired { now: at(9), limit: 100 }).await.unwrap().more {}
    let mut hand = stage.create(NewExecution { header: vec![7; 20_000], ..stage.new_claimed() }).await;
    hand.end(Status::Completed).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_does_not_fit_hurts_no_other() {
    let directory = Directory::new();
    let options = Options { max_bytes: Some(2_000_000), ..Options::new(directory.file()) };
    let store = Arc::new(SqliteStore::open_with(options).unwrap());
    let stage = Stage::new(store.clone());
    let tasks: Vec<_> = (0..60_usize)
        .map(|number| {
            let size = if number % 10 == 0 { 3_000_000 } else { 100 };
            let new = NewExecution { header: vec![1; size], ..stage.new_claimed() };
            let store = store.clone();
            tokio::spawn(async move { (size, store.commit(Delta::create(new)).await) })
        })
        .collect();
    for task in tasks {
        let (size, done) = task.await.unwrap();
        assert_eq!(done.is_ok(), size == 100, "{done:?}");
    }
}

#[tokio::test]
async fn space_is_given_back() {
    let directory = Directory::new();
    let path = directory.file();
    let store = open(&path);
    let stage = Stage::new(store.clone());
    for _ in 0..20 {
        let new = NewExecution { retention_ms: Some(0), header: vec![7; 200_000], ..stage.new_claimed() };
        stage.create(new).await.end(Status::Completed).await.unwrap();
    }
    while store.remove(Remove::Expired { now: at(9), limit: 1 }).await.unwrap().more {}
    for _ in 0..10 {
        store.remove(Remove::Expired { now: at(9), limit: 1 }).await.unwrap();
    }
    drop((store, stage));
    let size = std::fs::metadata(&path).unwrap().len();
    assert!(size < 1_000_000, "the file has {size} bytes");
}

#[tokio::test]
async fn a_backup_is_whole() {
    let directory = Directory::new();
    let (path, copy) = (directory.file(), directory.file());
    let store = open(&path);
    let stage = Stage::new(store.clone());
    let mut hand = stage.start().await;
    hand.commit(hand.step()).await.unwrap();
    store.backup(&copy).await.unwrap();
    assert!(store.backup(&copy).await.is_err(), "it overwrites nothing");
    let before = hand.load().await;
    let restored = open(&copy).load(hand.id, prana_store::LoadFrom::Start).await.unwrap().unwrap();
    assert_eq!(restored, before);
}

#[tokio::test]
async fn a_file_of_before_goes_on() {
    let directory = Directory::new();
    let path = directory.file();
    let store = open(&path);
    let stage = Stage::new(store.clone());
    let id = stage.create(stage.new_ready(at(5))).await.id;
    drop((store, stage));
    // What the first program made of it.
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.execute_batch("DROP INDEX execution_turns; PRAGMA user_version = 1").unwrap();
    drop(connection);
    let stage = Stage::new(open(&path));
    let claimed = stage.claim(1, at(9), 1).await;
    assert_eq!(claimed[0].row.id, id);
}

/// Whoever activates a version and then asks for the active one gets it, however many ask in between.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_activation_is_seen_at_once() {
    let directory = Directory::new();
    let store = open(&directory.file());
    for text in ["one", "two"] {
        let new = NewVersion {
            workflow_id: "flow".to_owned(),
            bytes: text.as_bytes().to_vec(),
            based_on: None,
            at: at(0),
        };
        store.save_workflow(new).await.unwrap();
    }
    let done = Arc::new(AtomicBool::new(false));
    let asking = tokio::spawn({
        let (store, done) = (store.clone(), done.clone());
        async move {
            while !done.load(Ordering::Relaxed) {
                store.workflow("flow", Which::Active).await.unwrap();
            }
        }
    });
    for number in 0..200 {
        let version = 1 + number % 2;
        store.activate("flow", Some(version), at(number)).await.unwrap();
        let active = store.workflow("flow", Which::Active).await.unwrap().unwrap();
        assert_eq!(active.version, version);
    }
    store.delete_workflow("flow").await.unwrap();
    assert_eq!(store.workflow("flow", Which::Active).await.unwrap(), None);
    done.store(true, Ordering::Relaxed);
    asking.await.unwrap();
}
