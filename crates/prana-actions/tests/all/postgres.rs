//! Queries in PostgreSQL. The server is the one that `PRANA_TEST_POSTGRES` names (see `tests/postgres/with`); without it, what needs one is passed over.

use std::sync::Arc;
use std::time::Duration;

use prana_actions::{
    ActionCall, Actions, AllowedHosts, CallSecrets, Outside, Permissions, Redactor, UsedSecret,
};
use prana_core::ErrorValue;
use prana_template::{Map, Value, value};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::{outside, run};

fn server() -> Option<String> {
    std::env::var("PRANA_TEST_POSTGRES").ok()
}

fn call(connection: &str, query: &str, more: Value) -> ActionCall {
    let mut params = Map::new();
    params.insert("connection", connection);
    params.insert("query", query);
    params.extend(more.as_map().cloned().unwrap_or_default().into_entries());
    ActionCall::detached("sql.query", Value::Map(params), outside())
}

async fn query(connection: &str, query: &str, more: Value) -> Result<Value, ErrorValue> {
    run(call(connection, query, more)).await
}

/// The only value of the only row.
async fn single(connection: &str, expression: &str, params: Value) -> Result<Value, ErrorValue> {
    let record =
        query(connection, &format!("SELECT {expression} AS v"), value!({"params": params, "mode": "one"}))
            .await?;
    Ok(record.get("v").cloned().expect("a column v"))
}

#[tokio::test]
async fn values_come_out() {
    let Some(server) = server() else { return };
    for (expression, expected) in [
        ("true", value!(true)),
        ("NULL::int", value!(null)),
        ("1::int2", value!(1)),
        ("-2147483648", value!(-2147483648i64)),
        ("9223372036854775807", value!(9223372036854775807i64)),
        ("4294967295::oid", value!(4294967295i64)),
        ("0.1::float4", value!(0.1)),
        ("0.1::float8", value!(0.1)),
        ("'NaN'::float8", value!("NaN")),
        ("12345678901234567890.12345678901234567890", value!("12345678901234567890.12345678901234567890")),
        ("-0.00001::numeric", value!("-0.00001")),
        ("1e20::numeric", value!("100000000000000000000")),
        ("10000.00::numeric", value!("10000.00")),
        ("'Infinity'::numeric", value!("Infinity")),
        ("'ä'", value!("ä")),
        ("'x'::char(3)", value!("x  ")),
        ("'n'::name", value!("n")),
        ("'\\xff00'::bytea", value!("/wA=")),
        ("'{\"a\":[1,null]}'::jsonb", value!({"a": [1, null]})),
        ("'[1.5]'::json", value!([1.5])),
        ("'00000000-0000-4000-8000-0000000000ff'::uuid", value!("00000000-0000-4000-8000-0000000000ff")),
        ("'2026-02-28'::date", value!("2026-02-28")),
        ("'1999-12-31'::date", value!("1999-12-31")),
        ("'infinity'::date", value!("infinity")),
        ("'23:59:59.5'::time", value!("23:59:59.5")),
        ("'23:59:59+05:30'::timetz", value!("23:59:59+05:30")),
        ("'2026-02-28 12:00:00.000001'::timestamp", value!("2026-02-28T12:00:00.000001")),
        ("'2026-02-28 12:00:00+02'::timestamptz", value!("2026-02-28T10:00:00Z")),
        ("'-infinity'::timestamptz", value!("-infinity")),
        ("'1 year 2 months 3 days 4:05:06.5'::interval", value!("P1Y2M3DT4H5M6.5S")),
        ("'10.0.0.0/8'::cidr", value!("10.0.0.0/8")),
        ("'::1'::inet", value!("::1")),
        ("'08:00:2b:01:02:03'::macaddr", value!("08:00:2b:01:02:03")),
        ("B'101'", value!("101")),
        ("ARRAY[1,NULL,3]", value!([1, null, 3])),
        ("ARRAY[['a'],['b']]", value!([["a"], ["b"]])),
        ("'{}'::text[]", value!([])),
        ("ARRAY[1.50]", value!(["1.50"])),
        ("ARRAY['{\"a\":1}'::jsonb]", value!([{"a": 1}])),
    ] {
        assert_eq!(single(&server, expression, value!([])).await, Ok(expected), "{expression}");
    }
    let error = single(&server, "'(1,2)'::point", value!([])).await.expect_err("no form");
    assert_eq!((&*error.code, error.retryable), ("sql.unsupported_type", false));
}

#[tokio::test]
async fn values_go_in() {
    let Some(server) = server() else { return };
    for (expression, given, expected) in [
        ("$1::text", value!("a'; DROP TABLE x --"), value!("a'; DROP TABLE x --")),
        ("$1", value!("untyped"), value!("untyped")),
        ("$1::text", value!(5), value!("5")),
        ("$1::int", value!(5), value!(5)),
        ("$1::int8", value!("9007199254740993"), value!(9007199254740993i64)),
        ("$1::float8", value!(1), value!(1.0)),
        ("$1::numeric", value!("0.10"), value!("0.10")),
        ("$1::numeric", value!(0.1), value!("0.1")),
        ("$1::bool", value!(false), value!(false)),
        ("$1::int", value!(null), value!(null)),
        ("$1::jsonb", value!({"a": [1, "x"]}), value!({"a": [1, "x"]})),
        ("$1::jsonb", value!("text"), value!("text")),
        ("$1::jsonb", value!([1]), value!([1])),
        ("$1::bytea", value!("/wA="), value!("/wA=")),
        ("$1::timestamptz", value!("2026-01-01T00:00:00+01:00"), value!("2025-12-31T23:00:00Z")),
        (
            "$1::uuid",
            value!("00000000-0000-4000-8000-000000000001"),
            value!("00000000-0000-4000-8000-000000000001"),
        ),
        (
            "$1::text[]",
            value!(["a\"b\\", null, "", "{}", "NULL"]),
            value!(["a\"b\\", null, "", "{}", "NULL"]),
        ),
        ("$1::int[]", value!([[1], [2]]), value!([[1], [2]])),
        ("$1::jsonb[]", value!([[1], "x"]), value!([[1], "x"])),
        ("5 = ANY($1::int[])", value!([4, 5]), value!(true)),
    ] {
        assert_eq!(single(&server, expression, value!([given])).await, Ok(expected), "{expression}");
    }
    for (expression, given) in [
        ("$1::int", value!("x")),
        ("$1::int2", value!(70000)),
        ("$1::bytea", value!("?")),
        ("$1::text", value!("\0")),
    ] {
        let error = single(&server, expression, value!([given])).await.expect_err("it doesn't fit");
        assert_eq!((&*error.code, error.retryable), ("sql.invalid_data", false), "{expression}: {error}");
    }
}

/// A table of a test's own, gone with it.
struct Table {
    server: String,
    name: String,
}

impl Table {
    async fn new(server: &str, test: &str) -> Self {
        let name = format!("sql_query_{test}_{}", std::process::id());
        let columns =
            "id serial PRIMARY KEY, customer text NOT NULL UNIQUE, total numeric CHECK (total >= 0)";
        query(server, &format!("CREATE TABLE {name} ({columns})"), value!({"mode": "exec"}))
            .await
            .expect("a table");
        Table { server: server.to_owned(), name }
    }

    async fn query(&self, text: &str, more: Value) -> Result<Value, ErrorValue> {
        query(&self.server, &text.replace("TABLE", &self.name), more).await
    }

    async fn gone(self) {
        let dropped =
            query(&self.server, &format!("DROP TABLE {}", self.name), value!({"mode": "exec"})).await;
        assert_eq!(dropped, Ok(value!({"rows_affected": 0})));
    }
}

#[tokio::test]
async fn rows_one_exec_and_what_the_database_says() {
    let Some(server) = server() else { return };
    let table = Table::new(&server, "modes").await;
    let insert = "INSERT INTO TABLE (customer, total) SELECT * FROM unnest($1::text[], $2::numeric[])";
    let more = value!({"params": [["ann", "bo"], ["1.50", 2]], "mode": "exec"});
    assert_eq!(table.query(insert, more.clone()).await, Ok(value!({"rows_affected": 2})));
    let all = table.query("SELECT id, customer, total FROM TABLE ORDER BY id", value!({})).await;
    assert_eq!(
        all,
        Ok(
            value!([{"id": 1, "customer": "ann", "total": "1.50"}, {"id": 2, "customer": "bo", "total": "2"}])
        )
    );
    let none = table
        .query("SELECT id FROM TABLE WHERE customer = $1", value!({"params": ["cy"], "mode": "one"}))
        .await;
    assert_eq!(none, Ok(value!(null)));
    let error = table.query(insert, more).await.expect_err("they are there");
    assert_eq!((&*error.code, error.retryable), ("sql.constraint", false));
    assert!(error.message.contains("Key (customer)=(ann) already exists"), "{error}");
    assert_eq!(error.details.get("sqlstate"), Some(&value!("23505")));
    for (text, code) in [
        ("SELEC 1", "sql.invalid_query"),
        ("SELECT * FROM nowhere", "sql.invalid_query"),
        ("SELECT 1; SELECT 2", "sql.invalid_query"),
        ("SELECT 1/0", "sql.invalid_data"),
        ("INSERT INTO TABLE (customer, total) VALUES ('x', -1)", "sql.constraint"),
        ("SELECT 1 AS a, 2 AS a", "sql.duplicate_column"),
        ("SELECT $1", "workflow.invalid_params"),
    ] {
        let error = table.query(text, value!({})).await.expect_err(text);
        assert_eq!((&*error.code, error.retryable), (code, false), "{text}: {error}");
    }
    table.gone().await;
}

#[tokio::test]
async fn results_have_limits() {
    let Some(server) = server() else { return };
    let endless = "SELECT generate_series(1, 1000000000) AS n";
    assert_eq!(
        query(&server, endless, value!({"max_rows": 10})).await.expect_err("too many").code,
        *"sql.too_many_rows"
    );
    let error = query(&server, endless, value!({"mode": "one"})).await.expect_err("too many");
    assert_eq!(error.code, *"sql.more_than_one_row");
    for wide in [
        "SELECT repeat('x', 1000) AS x FROM generate_series(1, 100000)",
        "SELECT repeat('x', 100000000) AS x",
    ] {
        let error = query(&server, wide, value!({})).await.expect_err("too much");
        assert_eq!((&*error.code, error.retryable), ("sql.result_too_large", false), "{error}");
    }
    let error =
        query(&server, "SELECT pg_sleep(600)", value!({"timeout_ms": 200})).await.expect_err("it sleeps");
    assert_eq!((&*error.code, error.retryable), ("sql.timeout", true));
}

#[tokio::test]
async fn a_query_that_nobody_waits_for_is_called_off() {
    let Some(server) = server() else { return };
    let mark = format!("called off {}", std::process::id());
    let running = "SELECT count(*) AS n FROM pg_stat_activity WHERE state = 'active' AND query LIKE $1 AND pid <> pg_backend_pid()";
    let count = || query(&server, running, value!({"params": [format!("%/* {mark} */%")], "mode": "one"}));
    let slow = call(&server, &format!("SELECT pg_sleep(600) /* {mark} */"), value!({"timeout_ms": 600_000}));
    let cancel = slow.cancelled.clone();
    let task = tokio::spawn(async move { Actions::standard().run(slow).await });
    let reached = |wanted: i64| async move {
        let waited = async { while count().await != Ok(value!({"n": wanted})) {} };
        tokio::time::timeout(Duration::from_secs(60), waited).await.is_ok()
    };
    assert!(reached(1).await, "it never began");
    cancel.cancel();
    assert_eq!(task.await.expect("it ends").expect_err("it was cancelled").code, *"action.cancelled");
    assert!(reached(0).await, "it goes on");
}

#[tokio::test]
async fn who_may_not() {
    let Some(server) = server() else { return };
    let (rest, place) = server.rsplit_once('@').expect("a password");
    let user = rest.rsplit_once(':').expect("a password").0;
    let error = query(&format!("{user}:wrong-password@{place}"), "SELECT 1", value!({}))
        .await
        .expect_err("it is wrong");
    assert_eq!((&*error.code, error.retryable), ("sql.access_refused", false), "{error}");
    let nowhere = format!("{}/no_such_database", server.rsplit_once('/').expect("a database").0);
    let error = query(&nowhere, "SELECT 1", value!({})).await.expect_err("it isn't there");
    assert_eq!((&*error.code, error.retryable), ("sql.access_refused", false), "{error}");
    let error =
        query(&format!("{server}?sslmode=require"), "SELECT 1", value!({})).await.expect_err("it has no TLS");
    assert!(["sql.connection", "sql.failed"].contains(&error.code.as_str()), "{error}");
}

#[tokio::test]
async fn nobody_listens() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    drop(listener);
    let error =
        query(&format!("postgres://u:hunter2hunter2@127.0.0.1:{port}/db"), "SELECT 1", value!({})).await;
    let error = error.expect_err("nobody is there");
    assert_eq!((&*error.code, error.retryable), ("sql.connect", true));
    assert!(!error.message.contains("hunter2"), "{error}");
}

/// A server that reads what comes and says this, again and again or once.
async fn stub(said: &'static [u8], endless: bool) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let _ = stream.read(&mut [0; 1024]).await;
                while stream.write_all(said).await.is_ok() && endless {}
            });
        }
    });
    format!("postgres://u:p@127.0.0.1:{port}/db")
}

#[tokio::test]
async fn servers_that_misbehave() {
    for (said, endless) in [
        (&b""[..], false),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", false),
        (b"R\0\0\0\x08\0\0\0\0", false),
        (b"D\x7f\xff\xff\xffendless", true),
    ] {
        let error = query(&stub(said, endless).await, "SELECT 1", value!({"timeout_ms": 20_000})).await;
        let error = error.expect_err("it is no server");
        assert!(
            error.retryable && ["sql.connection", "sql.timeout"].contains(&error.code.as_str()),
            "{error}"
        );
    }
    let quiet = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let port = quiet.local_addr().expect("an address").port();
    let error =
        query(&format!("postgres://u:p@127.0.0.1:{port}/db"), "SELECT 1", value!({"timeout_ms": 100})).await;
    assert_eq!(error.expect_err("it is quiet").code, *"sql.timeout");
}

#[tokio::test]
async fn addresses_and_hosts_that_are_not_allowed() {
    let public = Arc::new(Outside::new(Permissions::default()).expect("a way outside"));
    for host in ["127.0.0.1", "localhost", "[::1]", "169.254.169.254", "2130706433"] {
        let call = ActionCall {
            outside: Arc::clone(&public),
            ..call(&format!("postgres://u:p@{host}:1/db"), "SELECT 1", value!({}))
        };
        let error = run(call).await.expect_err("it is forbidden");
        assert_eq!((&*error.code, error.retryable), ("sql.forbidden_address", false), "{host}: {error}");
    }
    let secret = UsedSecret {
        name: "db".into(),
        allowed_hosts: AllowedHosts::try_from(["db.example:5432"]).expect("a host"),
    };
    let secrets = Arc::new(CallSecrets::new(vec![secret], Redactor::default()));
    let call = ActionCall { secrets, ..call("postgres://u:p@other.example/db", "SELECT 1", value!({})) };
    assert_eq!(run(call).await.expect_err("another host").code, *"secret.host_not_allowed");
    for connection in [
        "postgres:///db",
        "postgres://u@%2Ftmp/db",
        "postgres://u@a,b/db",
        "postgres://u@h/db?hostaddr=127.0.0.1",
    ] {
        let error = query(connection, "SELECT 1", value!({})).await.expect_err("no host");
        assert_eq!(error.code, *"sql.invalid_connection", "{connection}: {error}");
    }
}
