//! What only a server can do: be shared, be far away, be cut off. Without `PRANA_TEST_POSTGRES` (see `tests/postgres/with`) there is none, and these
//! tests pass over it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use prana_store::postgres::testing::{Clocked, TestDatabase};
use prana_store::suite::{self, Hand, Stage, at, entry, id, wait, worker};
use prana_store::{
    Claim, Delivered, Delta, Hint, NewExecution, NewItem, PostgresStore, Release, Start, Store, StoreError,
    StoredEntry, Target,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Runs something to its end from within the runtime.
fn blocking<T>(future: impl Future<Output = T>) -> T {
    tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(future))
}

fn clocked() -> Arc<Clocked> {
    Arc::new(blocking(async { TestDatabase::new().await.unwrap().clocked().await }))
}

fn is_there() -> bool {
    std::env::var_os("PRANA_TEST_POSTGRES").is_some()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn postgres_passes_the_suite() {
    if is_there() {
        suite::exercise(|| clocked()).await;
        suite::exercise_catalog(|| clocked()).await;
    }
}

fn with_bytes(hand: &Hand, bytes: &[u8]) -> Delta {
    let entry = StoredEntry { bytes: bytes.to_vec(), ..entry(hand.next) };
    Delta { entries: vec![entry], ..hand.turn() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_poisoned_delta_hurts_no_other() {
    let Some(database) = TestDatabase::new().await else { return };
    let store = Arc::new(database.store().await);
    let poison = "CREATE FUNCTION prana.poison() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN IF new.bytes = 'poison' THEN RAISE EXCEPTION 'poisoned'; END IF; RETURN new; END $$;
      CREATE TRIGGER poison BEFORE INSERT ON prana.entry FOR EACH ROW EXECUTE FUNCTION prana.poison()";
    database.client().await.batch_execute(poison).await.unwrap();
    let stage = Stage::new(store.clone());
    let mut tasks = Vec::new();
    for number in 0..40 {
        let mut hand = stage.start().await;
        let bytes: &[u8] = if number % 10 == 3 { b"poison" } else { b"a \0 byte" };
        let delta = with_bytes(&hand, bytes);
        tasks.push((number, tokio::spawn(async move { (hand.commit(delta).await, hand) })));
    }
    for (number, task) in tasks {
        let (done, hand) = task.await.unwrap();
        let stored = store.trail(hand.id, 0, 9).await.unwrap();
        if number % 10 == 3 {
            assert!(matches!(done, Err(StoreError::Invalid { .. })), "{done:?}");
            assert_eq!(stored, []);
        } else {
            done.unwrap();
            assert_eq!(stored[0].bytes, b"a \0 byte");
        }
    }
}

#[tokio::test]
async fn zero_bytes_are_legal_in_all_text() {
    let Some(database) = TestDatabase::new().await else { return };
    let store: Arc<dyn Store> = Arc::new(database.store().await);
    let stage = Stage::new(store.clone());
    let keyed = || NewExecution { start_key: Some("a\0key".into()), ..stage.new_claimed() };
    let mut hand = stage.create(keyed()).await;
    let again = store.commit(Delta::create(keyed())).await.unwrap();
    assert_eq!(again.existing, Some(hand.id));
    hand.suspend(vec![wait(0, "a\0node")]).await.unwrap();
    let item = NewItem {
        execution: hand.id,
        target: Target::Node("a\0node".into()),
        kind: 1,
        dedupe: Some("once\0".into()),
        bytes: b"\0".to_vec(),
        at: at(1),
    };
    assert!(matches!(store.deliver(item.clone()).await.unwrap(), Delivered::Resumed { .. }));
    assert!(matches!(store.deliver(item).await.unwrap(), Delivered::Duplicate { .. }));
    assert_eq!(hand.load().await.inbox[0].bytes, b"\0");
}

/// A proxy that can cut connections, and swallow the answers to commits.
struct Proxy {
    port: u16,
    /// Cuts all connections when it grows.
    cuts: Arc<tokio::sync::watch::Sender<u64>>,
    /// The next commit reaches the server, and its answer is lost.
    swallows: Arc<AtomicBool>,
    swallowed: Arc<AtomicU64>,
}

impl Proxy {
    async fn start(server: String) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let cuts = Arc::new(tokio::sync::watch::Sender::new(0));
        let (swallows, swallowed) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let proxy =
            Proxy { port, cuts: cuts.clone(), swallows: swallows.clone(), swallowed: swallowed.clone() };
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (server, mut cut) = (server.clone(), cuts.subscribe());
                let (swallows, swallowed) = (swallows.clone(), swallowed.clone());
                tokio::spawn(async move {
                    let Ok(server) = TcpStream::connect(server).await else { return };
                    tokio::select! {
                        () = forward(client, server, &swallows, &swallowed) => {}
                        _ = cut.changed() => {}
                    }
                });
            }
        });
        proxy
    }

    /// The address of a database through it.
    fn url(&self, direct: &str) -> String {
        let (before, server) = direct.rsplit_once('@').unwrap();
        let (_, name) = server.split_once('/').unwrap();
        format!("{before}@127.0.0.1:{}/{name}", self.port)
    }
}

/// Both ways, until one side ends or an answer is swallowed.
async fn forward(mut client: TcpStream, mut server: TcpStream, swallows: &AtomicBool, swallowed: &AtomicU64) {
    let (mut asked, mut answered) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    loop {
        tokio::select! {
            Ok(length) = client.read(&mut asked) => {
                if length == 0 || server.write_all(&asked[..length]).await.is_err() {
                    return;
                }
                let commits = asked[..length].windows(7).any(|part| part == b"COMMIT\0");
                if commits && swallows.swap(false, Ordering::SeqCst) {
                    // The answer is waited for, so that it was really done, and thrown away.
                    let _ = server.read(&mut answered).await;
                    swallowed.fetch_add(1, Ordering::SeqCst);
                    return;
                }
            }
            Ok(length) = server.read(&mut answered) => {
                if length == 0 || client.write_all(&answered[..length]).await.is_err() {
                    return;
                }
            }
            else => return,
        }
    }
}

fn address(url: &str) -> String {
    let (_, server) = url.rsplit_once('@').unwrap();
    server.split_once('/').unwrap().0.to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_lost_answer_is_found_out() {
    let Some(database) = TestDatabase::new().await else { return };
    let proxy = Proxy::start(address(&database.url())).await;
    let store = Arc::new(PostgresStore::open(proxy.url(&database.url())).await.unwrap());
    let stage = Stage::new(store.clone());
    let mut hand = stage.start().await;
    for _ in 0..10 {
        proxy.swallows.store(true, Ordering::SeqCst);
        hand.commit(hand.step()).await.expect("it is stored, and that is known");
    }
    let ready = stage.create(stage.new_ready(at(0))).await;
    proxy.swallows.store(true, Ordering::SeqCst);
    let claimed = stage.claim(2, at(1), 10).await;
    assert_eq!(claimed.iter().map(|one| (one.row.id, one.row.epoch)).collect::<Vec<_>>(), [(ready.id, 1)]);
    assert!(proxy.swallowed.load(Ordering::SeqCst) >= 11);
    assert_eq!(store.trail(hand.id, 0, 99).await.unwrap().len(), 10);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn cut_connections_lose_and_repeat_nothing() {
    let Some(database) = TestDatabase::new().await else { return };
    let proxy = Proxy::start(address(&database.url())).await;
    let store = Arc::new(PostgresStore::open(proxy.url(&database.url())).await.unwrap());
    let stage = Stage::new(store.clone());
    let mut tasks = Vec::new();
    for _ in 0..8 {
        let mut hand = stage.start().await;
        tasks.push(tokio::spawn(async move {
            for _ in 0..40 {
                // Cut off while it connects, it is told that nothing was stored; anything else would be known.
                while let Err(error) = hand.commit(hand.step()).await {
                    assert!(error.is_transient(), "{error}");
                }
            }
            hand
        }));
    }
    let is_done = Arc::new(AtomicBool::new(false));
    let (done, cuts) = (is_done.clone(), proxy.cuts.clone());
    let cutting = tokio::spawn(async move {
        while !done.load(Ordering::SeqCst) {
            tokio::time::sleep(Duration::from_millis(500)).await;
            cuts.send_modify(|cuts| *cuts += 1);
        }
    });
    for task in tasks {
        let hand = task.await.unwrap();
        assert_eq!(store.trail(hand.id, 0, 99).await.unwrap().len(), 40);
    }
    is_done.store(true, Ordering::SeqCst);
    cutting.await.unwrap();
}

/// A suspension and an answer that both find the row locked: whichever goes on first, the answer is handed out once.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn resume_meets_suspend() {
    let Some(database) = TestDatabase::new().await else { return };
    let (here, there) = (Arc::new(database.store().await), Arc::new(database.store().await));
    let stage = Stage::new(here.clone());
    let (mut gate, looking) = (database.client().await, database.client().await);
    for round in 0..6_u32 {
        let hand = stage.start().await;
        let locking = gate.transaction().await.unwrap();
        let lock = "SELECT 1 FROM prana.execution WHERE id = $1 FOR UPDATE";
        locking.query_one(lock, &[&hand.id.0]).await.unwrap();
        let (mut own, store, execution) = (hand.clone(), there.clone(), hand.id);
        let item =
            NewItem { execution, target: Target::Index(0), kind: 1, dedupe: None, bytes: vec![1], at: at(1) };
        let suspend = async move { own.suspend(vec![wait(0, "a")]).await.unwrap() };
        let answer = async move { store.deliver(item).await.unwrap() };
        // Both wait for the row, one after the other, in both orders.
        let (suspending, answering);
        if round % 2 == 0 {
            suspending = tokio::spawn(suspend);
            until_blocked(&looking, 1).await;
            answering = tokio::spawn(answer);
        } else {
            answering = tokio::spawn(answer);
            until_blocked(&looking, 1).await;
            suspending = tokio::spawn(suspend);
        }
        until_blocked(&looking, 2).await;
        locking.commit().await.unwrap();
        match (suspending.await.unwrap(), answering.await.unwrap()) {
            (suspended, Delivered::Kept { .. }) => assert!(suspended.kept && suspended.inbox.len() == 1),
            (suspended, Delivered::Resumed { owner: None, .. }) => {
                assert!(!suspended.kept);
                let claimed = stage.claim(2, at(2), 1).await;
                assert_eq!(claimed[0].row.id, hand.id);
            }
            both => panic!("{both:?}"),
        }
        assert_eq!(hand.load().await.inbox.len(), 1);
    }
}

async fn until_blocked(client: &tokio_postgres::Client, count: i64) {
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    for _ in 0..2_000 {
        if client.query_one(sql, &[]).await.unwrap().get::<_, i64>(0) >= count {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("nobody waits for the lock");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_wrong_clock_takes_nothing_over() {
    let Some(database) = TestDatabase::new().await else { return };
    let store = Arc::new(database.store().await);
    let stage = Stage::new(store.clone());
    let hand = stage.start().await;
    for seconds in [0, 100_000_000] {
        let claim = Claim { worker: worker(2), now: at(seconds), lease_ms: 15_000, limit: 10 };
        assert_eq!(store.claim(claim).await.unwrap(), [], "its holder is alive, whatever this clock says");
    }
    let sql = "UPDATE prana.worker SET lease_until = clock_timestamp() - interval '1 second'";
    database.client().await.batch_execute(sql).await.unwrap();
    let claim = Claim { worker: worker(2), now: at(0), lease_ms: 15_000, limit: 10 };
    let claimed = store.claim(claim).await.unwrap();
    assert_eq!((claimed[0].row.id, claimed[0].recovered), (hand.id, true));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn who_sleeps_through_its_lease_writes_nothing_more() {
    let Some(database) = TestDatabase::new().await else { return };
    let store = Arc::new(database.store().await);
    let stage = Stage::new(store.clone());
    let mut frozen = stage.start().await;
    // Frozen in the middle of a transaction of its own, too: the row is locked, and it says nothing any more.
    let mut client = database.client().await;
    let transaction = client.transaction().await.unwrap();
    let lock =
        "SET LOCAL idle_in_transaction_session_timeout = '2s'; SELECT 1 FROM prana.execution FOR UPDATE";
    transaction.batch_execute(lock).await.unwrap();
    let sql = "UPDATE prana.worker SET lease_until = clock_timestamp() - interval '1 second'";
    database.client().await.batch_execute(sql).await.unwrap();
    let other = stage.create(stage.new_ready(at(0))).await;
    // Meanwhile others go on with what is not locked, and with that as soon as the server has lost its patience.
    let (mut taken, begun) = (Vec::new(), std::time::Instant::now());
    while taken.len() < 2 && begun.elapsed() < Duration::from_secs(20) {
        taken.extend(stage.claim(2, at(1), 10).await.into_iter().map(|claimed| claimed.row.id));
    }
    assert!(taken.contains(&frozen.id) && taken.contains(&other.id));
    assert!(matches!(
        frozen.commit(frozen.step()).await,
        Err(StoreError::Fenced { epoch: 1, current: 2, .. })
    ));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn promises_need_their_settings() {
    let Some(database) = TestDatabase::new().await else { return };
    drop(database.store().await);
    let client = database.client().await;
    let name: String = client.query_one("SELECT current_database()::text", &[]).await.unwrap().get(0);
    client.batch_execute(&format!("ALTER DATABASE {name} SET synchronous_commit = off")).await.unwrap();
    let refused = PostgresStore::open(database.url()).await.unwrap_err().to_string();
    assert!(refused.contains("synchronous_commit is off"), "{refused}");
    assert!(
        !refused.contains(database.url().split(':').nth(2).unwrap().split('@').next().unwrap()),
        "{refused}"
    );
    client.batch_execute(&format!("ALTER DATABASE {name} RESET synchronous_commit")).await.unwrap();
    // A newer schema that this program can use, and one that it can't.
    client.batch_execute("UPDATE prana.schema SET version = 99").await.unwrap();
    drop(database.store().await);
    client.batch_execute("UPDATE prana.schema SET oldest_binary = 99").await.unwrap();
    let refused = PostgresStore::open(database.url()).await.unwrap_err().to_string();
    assert!(refused.contains("use a newer one"), "{refused}");
    client.batch_execute("UPDATE prana.schema SET version = 1, oldest_binary = 1").await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_open_an_empty_database_at_once() {
    let Some(database) = TestDatabase::new().await else { return };
    let client = database.client().await;
    client.batch_execute("DROP SCHEMA IF EXISTS prana CASCADE").await.unwrap();
    let opening: Vec<_> = (0..8).map(|_| tokio::spawn(PostgresStore::open(database.url()))).collect();
    for opened in opening {
        opened.await.unwrap().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn other_machines_hear_the_bell() {
    let Some(database) = TestDatabase::new().await else { return };
    let (here, there) = (Arc::new(database.store().await), Arc::new(database.store().await));
    let client = database.client().await;
    let listening =
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'";
    while client.query_one(listening, &[]).await.unwrap().get::<_, i64>(0) < 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let new = NewExecution::new(id(1), "flow", 1, at(0), Start::Ready { at: at(0) });
    here.commit(Delta::create(new)).await.unwrap();
    let heard = tokio::time::timeout(Duration::from_secs(10), there.hint()).await;
    assert_eq!(heard.unwrap(), Hint::Ready);
    let stage = Stage::new(here.clone());
    let mut hand = Hand::of(&stage.store, &stage.claim(1, at(1), 1).await[0].row);
    hand.commit(hand.step()).await.unwrap();
    stage.deliver(hand.id, Target::Execution).await;
    let heard = tokio::time::timeout(Duration::from_secs(10), there.hint()).await;
    assert_eq!(heard.unwrap(), Hint::Inbox);
    hand.commit(Delta { release: Release::Ready { at: at(1) }, ..hand.turn() }).await.unwrap();
}

/// A PgBouncer in front of the server. It ends with this.
struct Bouncer {
    child: std::process::Child,
    folder: std::path::PathBuf,
    url: String,
}

impl Drop for Bouncer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// `None` if there is no PgBouncer on this machine.
async fn bouncer(database: &TestDatabase) -> Option<Bouncer> {
    let program = ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer"]
        .into_iter()
        .find(|path| std::path::Path::new(path).exists())?;
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let direct = database.url();
    let (credentials, rest) = direct.strip_prefix("postgres://").unwrap().split_once('@').unwrap();
    let (user, password) = credentials.split_once(':').unwrap();
    let (server, name) = rest.split_once('/').unwrap();
    let (host, server_port) = server.split_once(':').unwrap();
    let folder = std::env::temp_dir().join(format!("prana-bouncer-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("users"), format!("\"{user}\" \"{password}\"\n")).unwrap();
    let settings = format!(
        "[databases]\n* = host={host} port={server_port}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n\
         auth_type = plain\nauth_file = {folder}/users\npool_mode = session\nmax_client_conn = 100\ndefault_pool_size = 50\n\
         ignore_startup_parameters = extra_float_digits\n",
        folder = folder.display()
    );
    std::fs::write(folder.join("pgbouncer.ini"), settings).unwrap();
    let mut command = std::process::Command::new(program);
    command.arg("-q").args(["-u", "nobody"]).arg(folder.join("pgbouncer.ini"));
    let child =
        command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn().unwrap();
    let url = format!("postgres://{user}:{password}@127.0.0.1:{port}/{name}");
    let bouncer = Bouncer { child, folder, url };
    for _ in 0..500 {
        if TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
            return Some(bouncer);
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("PgBouncer does not start");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_bouncer_may_stand_in_front() {
    let Some(database) = TestDatabase::new().await else { return };
    let Some(bouncer) = bouncer(&database).await else { return };
    let store = Arc::new(PostgresStore::open(bouncer.url.clone()).await.unwrap());
    let stage = Stage::new(store.clone());
    let mut tasks = Vec::new();
    for _ in 0..16 {
        let mut hand = stage.start().await;
        tasks.push(tokio::spawn(async move {
            for _ in 0..10 {
                hand.commit(hand.step()).await.unwrap();
            }
            hand.suspend(vec![wait(99, "a")]).await.unwrap();
            hand
        }));
    }
    for task in tasks {
        let hand = task.await.unwrap();
        assert!(matches!(
            stage.deliver(hand.id, Target::Index(99)).await,
            Delivered::Resumed { owner: None, .. }
        ));
    }
    assert_eq!(stage.claim(2, at(1), 100).await.len(), 16);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn everything_is_copied_and_comes_back() {
    let Some(database) = TestDatabase::new().await else { return };
    let folder = crate::directory::Directory::new();
    let first = Arc::new(prana_store::SqliteStore::open(folder.file()).unwrap());
    let stage = Stage::new(first.clone());
    let mut hands = vec![stage.start().await, stage.suspended(vec![wait(0, "a\0b")]).await];
    for _ in 0..700 {
        let delta = with_bytes(&hands[0], b"\0\xff");
        hands[0].commit(delta).await.unwrap();
    }
    stage.deliver(hands[1].id, Target::Node("later".into())).await;
    let limited = prana_store::Concurrency { key: "lane".into(), limit: 1 };
    for _ in 0..3 {
        let new = NewExecution {
            concurrency: Some(limited.clone()),
            start_key: Some(stage.next_id().to_string().into()),
            ..stage.new_claimed()
        };
        let new = NewExecution { root: new.id, ..new };
        hands.push(stage.create(new).await);
    }
    use prana_store::Catalog;
    first.put_item("kind", "key", None, vec![0, 1]).await.unwrap();
    let second = Arc::new(database.store().await);
    let third = Arc::new(prana_store::SqliteStore::open(folder.file()).unwrap());
    assert!(prana_store::copy(&*first, &*second).await.unwrap() > 700);
    prana_store::copy(&*second, &*third).await.unwrap();
    for hand in &hands {
        let load = |store: Arc<dyn Store>| async move {
            store.load(hand.id, prana_store::LoadFrom::Snapshot).await.unwrap().unwrap()
        };
        let expected = load(first.clone()).await;
        assert_eq!(load(second.clone()).await, expected);
        assert_eq!(load(third.clone()).await, expected);
    }
    assert_eq!(second.item("kind", "key").await.unwrap(), first.item("kind", "key").await.unwrap());
    let again = prana_store::copy(&*first, &*second).await;
    assert!(matches!(again, Err(StoreError::Invalid { .. })), "{again:?}");
    // It goes on there: what a worker held is taken over, numbers go on, the queue is a queue.
    for store in [second.clone() as Arc<dyn Store>, third.clone()] {
        let copied = Stage::new(store.clone());
        let claimed = copied.claim(7, at(1), 10).await;
        assert_eq!(claimed.iter().filter(|one| one.recovered).count(), 2);
        let new = NewExecution::new(id(900), "flow", 1, at(0), Start::Ready { at: at(0) });
        store.commit(Delta::create(new)).await.unwrap();
        let mut holder =
            Hand::of(&store, &claimed.iter().find(|one| one.row.concurrency.is_some()).unwrap().row);
        assert!(holder.end(prana_store::Status::Completed).await.unwrap().woke);
    }
}
