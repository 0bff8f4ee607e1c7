//! Queries in SQLite, in directories that are open and out of them.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use prana_actions::{
    ActionCall, Actions, AllowedHosts, CallSecrets, Outside, Permissions, Redactor, UsedSecret,
};
use prana_core::ErrorValue;
use prana_template::{Map, Value, value};

use crate::run;

/// An open directory of a test's own, gone with it.
struct Open {
    directory: PathBuf,
    outside: Arc<Outside>,
}

impl Open {
    fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("prana-sqlite-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let directory = std::env::temp_dir().join(name);
        std::fs::create_dir(&directory).expect("a directory");
        let permissions = Permissions {
            file_roots: vec![directory.clone()],
            max_response_bytes: 100_000,
            ..Permissions::default()
        };
        Open { outside: Arc::new(Outside::new(permissions).expect("a way outside")), directory }
    }

    fn call(&self, query: &str, more: Value) -> ActionCall {
        let mut params = Map::new();
        params.insert("connection", "sqlite:test.db");
        params.insert("query", query);
        params.extend(more.as_map().cloned().unwrap_or_default().into_entries());
        ActionCall::detached("sql.query", Value::Map(params), Arc::clone(&self.outside))
    }

    async fn query(&self, query: &str, more: Value) -> Result<Value, ErrorValue> {
        run(self.call(query, more)).await
    }

    async fn error(&self, query: &str, more: Value) -> ErrorValue {
        self.query(query, more).await.expect_err(query)
    }

    /// With a table.
    async fn with_orders() -> Self {
        let open = Open::new();
        for query in [
            "CREATE TABLE orders (id INTEGER PRIMARY KEY, customer TEXT NOT NULL UNIQUE, total REAL)",
            "INSERT INTO orders (customer, total) VALUES ('ann', 1.5), ('bo', 2.5)",
        ] {
            open.query(query, value!({"mode": "exec"})).await.expect(query);
        }
        open
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

#[tokio::test]
async fn rows_one_and_exec() {
    let open = Open::with_orders().await;
    let ask = |query: &'static str, more: Value| open.query(query, more);
    let all = "SELECT id, customer, total FROM orders WHERE total > ?1 ORDER BY id";
    assert_eq!(
        ask(all, value!({"params": [0]})).await,
        Ok(value!([{"id": 1, "customer": "ann", "total": 1.5}, {"id": 2, "customer": "bo", "total": 2.5}]))
    );
    assert_eq!(ask(all, value!({"params": [9]})).await, Ok(value!([])));
    let one = value!({"params": [2], "mode": "one"});
    assert_eq!(ask(all, one).await, Ok(value!({"id": 2, "customer": "bo", "total": 2.5})));
    assert_eq!(ask(all, value!({"params": [9], "mode": "one"})).await, Ok(value!(null)));
    let update = ask("UPDATE orders SET total = total + ?1", value!({"params": [1], "mode": "exec"})).await;
    assert_eq!(update, Ok(value!({"rows_affected": 2})));
    let returned =
        ask("INSERT INTO orders (customer) VALUES (?1) RETURNING id, total", value!({"params": ["cy"]}))
            .await;
    assert_eq!(returned, Ok(value!([{"id": 3, "total": null}])));
    assert_eq!(ask("SELECT count(*) AS n FROM orders", value!({})).await, Ok(value!([{"n": 3}])));
}

#[tokio::test]
async fn values_go_in_and_out() {
    let open = Open::new();
    for (given, back) in [
        (value!(null), value!(null)),
        (value!(true), value!(1)),
        (value!(-9007199254740993i64), value!(-9007199254740993i64)),
        (value!(0.1), value!(0.1)),
        (value!("ä'; DROP TABLE x"), value!("ä'; DROP TABLE x")),
        (value!("{{ $input }}"), value!("{{ $input }}")),
        (value!([1, {"a": null}]), value!("[1,{\"a\":null}]")),
    ] {
        let more = value!({"params": [given], "mode": "one"});
        assert_eq!(open.query("SELECT ?1 AS v", more).await, Ok(value!({"v": back})));
    }
    let made = open.query("SELECT x'ff00' AS blob, 9e999 AS inf, 'x' AS text", value!({"mode": "one"})).await;
    assert_eq!(made, Ok(value!({"blob": "/wA=", "inf": "Infinity", "text": "x"})));
}

#[tokio::test]
async fn what_the_database_says() {
    let open = Open::with_orders().await;
    for (query, code, said) in [
        ("SELEC 1", "sql.invalid_query", "near \"SELEC\": syntax error"),
        ("SELECT * FROM nowhere", "sql.invalid_query", "no such table: nowhere"),
        ("SELECT 1; SELECT 2", "sql.invalid_query", "ultiple statements"),
        (
            "INSERT INTO orders (customer) VALUES ('ann')",
            "sql.constraint",
            "UNIQUE constraint failed: orders.customer",
        ),
        (
            "INSERT INTO orders (customer) VALUES (NULL)",
            "sql.constraint",
            "NOT NULL constraint failed: orders.customer",
        ),
    ] {
        let error = open.error(query, value!({})).await;
        assert_eq!((&*error.code, error.retryable), (code, false), "{query}: {error}");
        assert!(error.message.contains(said), "{query}: {error}");
    }
    for (query, given) in
        [("SELECT ?1", value!([])), ("SELECT 1", value!([1])), ("SELECT ?1, ?2", value!([1]))]
    {
        let error = open.error(query, value!({"params": given})).await;
        assert_eq!(error.code, *"workflow.invalid_params");
    }
    assert_eq!(open.error("SELECT 1 AS a, 2 AS a", value!({})).await.code, *"sql.duplicate_column");
    assert_eq!(
        open.error("SELECT * FROM orders", value!({"mode": "one"})).await.code,
        *"sql.more_than_one_row"
    );
}

#[tokio::test]
async fn results_have_limits() {
    let open = Open::with_orders().await;
    let error = open.error("SELECT * FROM orders", value!({"max_rows": 1})).await;
    assert_eq!((&*error.code, error.retryable), ("sql.too_many_rows", false));
    let endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n";
    assert_eq!(open.error(endless, value!({})).await.code, *"sql.too_many_rows");
    let wide = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i, hex(zeroblob(5000)) AS h FROM n";
    assert_eq!(open.error(wide, value!({})).await.code, *"sql.result_too_large");
    assert_eq!(open.error("SELECT zeroblob(2000000000)", value!({})).await.code, *"sql.result_too_large");
    let forever = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT sum(i) FROM n";
    let error = open.error(forever, value!({"timeout_ms": 100})).await;
    assert_eq!((&*error.code, error.retryable), ("sql.timeout", true));
}

#[tokio::test]
async fn a_query_that_nobody_waits_for_ends() {
    let open = Open::with_orders().await;
    // It holds the write lock for as long as it runs: another write can only be made when it is over.
    let slow = "INSERT INTO orders (customer) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT 'x' FROM n WHERE i < 0";
    let call = open.call(slow, value!({"timeout_ms": 600_000}));
    let cancel = call.cancelled.clone();
    let running = tokio::spawn(async move { Actions::standard().run(call).await });
    let insert = value!({"mode": "exec", "timeout_ms": 50});
    while open
        .query("INSERT INTO orders (customer) VALUES (hex(randomblob(8)))", insert.clone())
        .await
        .is_ok()
    {}
    cancel.cancel();
    let error = running.await.expect("it ends").expect_err("it was cancelled");
    assert_eq!(error.code, *"action.cancelled");
    let after = open.query("INSERT INTO orders (customer) VALUES ('cy')", value!({"mode": "exec"})).await;
    assert_eq!(after, Ok(value!({"rows_affected": 1})));
}

#[tokio::test]
async fn other_files_are_out_of_reach() {
    let open = Open::with_orders().await;
    let other = open.directory.join("other.db");
    for query in [
        format!("ATTACH '{}' AS other", other.display()),
        format!("VACUUM INTO '{}'", other.display()),
        "VACUUM".to_owned(),
        "SELECT load_extension('x')".to_owned(),
        "PRAGMA journal_mode = wal".to_owned(),
        "PRAGMA writable_schema = on".to_owned(),
        format!("PRAGMA temp_store_directory = '{}'", open.directory.display()),
    ] {
        let error = open.error(&query, value!({})).await;
        assert!(["sql.not_allowed", "sql.invalid_query"].contains(&error.code.as_str()), "{query}: {error}");
        assert!(!other.exists(), "{query}");
    }
    let columns = open.query("PRAGMA table_info(orders)", value!({})).await.expect("columns");
    assert_eq!(columns.as_list().map(|columns| columns.len()), Some(3));
}

#[tokio::test]
async fn databases_are_where_the_operator_allows() {
    let open = Open::with_orders().await;
    let outside = std::env::temp_dir().join("prana-elsewhere.db");
    for connection in [
        format!("sqlite:{}", outside.display()),
        "sqlite:../elsewhere.db".to_owned(),
        "sqlite:".to_owned(),
        "sqlite:a\0b".to_owned(),
        format!("sqlite:file:{}?mode=rwc", outside.display()),
        "sqlite:missing/test.db".to_owned(),
    ] {
        let error = open.error("SELECT 1", value!({"connection": connection.as_str()})).await;
        assert!(error.code.starts_with("file."), "{connection}: {error}");
    }
    let closed = Arc::new(Outside::new(Permissions::default()).expect("a way outside"));
    let call = ActionCall { outside: closed, ..open.call("SELECT 1", value!({})) };
    assert_eq!(run(call).await.expect_err("nothing is open").code, *"file.not_allowed");
    assert!(!outside.exists());
}

#[cfg(unix)]
#[tokio::test]
async fn links_lead_nowhere_else() {
    let (open, other) = (Open::with_orders().await, Open::with_orders().await);
    let link =
        |name: &str, to: &Path| std::os::unix::fs::symlink(to, open.directory.join(name)).expect("a link");
    link("there.db", &other.directory.join("test.db"));
    link("not_yet.db", &other.directory.join("new.db"));
    for connection in ["sqlite:there.db", "sqlite:not_yet.db"] {
        let error = open.error("SELECT 1", value!({"connection": connection})).await;
        assert_eq!(error.code, *"file.not_allowed", "{connection}");
    }
    assert!(!other.directory.join("new.db").exists());
}

#[tokio::test]
async fn a_file_that_is_no_database() {
    let open = Open::new();
    std::fs::write(open.directory.join("test.db"), "x".repeat(5000)).expect("a file");
    let error = open.error("SELECT * FROM sqlite_schema", value!({})).await;
    assert_eq!((&*error.code, error.retryable), ("sql.access_refused", false));
}

#[tokio::test]
async fn a_lock_that_is_held() {
    let open = Open::with_orders().await;
    let holder = rusqlite::Connection::open(open.directory.join("test.db")).expect("a connection");
    holder.execute_batch("BEGIN IMMEDIATE").expect("the lock");
    let error = open.error("DELETE FROM orders", value!({"mode": "exec", "timeout_ms": 100})).await;
    assert!(error.retryable && ["sql.conflict", "sql.timeout"].contains(&error.code.as_str()), "{error}");
    holder.execute_batch("ROLLBACK").expect("the lock is free");
    assert!(open.query("DELETE FROM orders", value!({"mode": "exec"})).await.is_ok());
}

#[tokio::test]
async fn a_secret_that_is_bound_to_hosts_is_not_taken() {
    let open = Open::with_orders().await;
    let secret = UsedSecret {
        name: "db".into(),
        allowed_hosts: AllowedHosts::try_from(["db.example"]).expect("a host"),
    };
    let secrets = Arc::new(CallSecrets::new(vec![secret], Redactor::default()));
    let error =
        run(ActionCall { secrets, ..open.call("SELECT 1", value!({})) }).await.expect_err("it is refused");
    assert_eq!(error.code, *"secret.host_not_allowed");
}
