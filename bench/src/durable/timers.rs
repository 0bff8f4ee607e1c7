//! Many pending timers, and a few that fire.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use prana_core::document::Workflow;
use prana_template::{Value, value};
use rusqlite::{Connection, params};
use tokio::sync::mpsc;

use super::database::{Database, engine, quick_engine, resident, runtime};
use crate::arguments::Arguments;
use crate::measure::{Target, quantile, tell};
use crate::workflows::line;

/// Waits as long as it is told, and then runs an effect that knows when it was due.
fn workflow() -> Workflow {
    let wait = value!({"mode": "interval", "duration": "{{ $input.ms }}", "unit": "ms"});
    line(
        "timers",
        vec![
            value!({"key": "wait", "type": "wait.wait", "params": wait}),
            value!({"key": "after", "type": "bench.effect", "params": {"due": "{{ $trigger.due }}"}}),
        ],
    )
}

/// Lateness of timers while many others wait, and the memory that those cost.
pub fn measure(arguments: &Arguments<'_>) {
    let pending = arguments.number("pending", 1_000_000);
    let seconds = arguments.number("seconds", 20);
    let database = Database::new(arguments, "timers");
    suspend(&database, pending);
    let before = resident();
    let runtime = runtime();
    let (mut late, memory) = runtime.block_on(fire(&database, seconds, before));
    runtime.shutdown_timeout(Duration::from_secs(10));
    let (p50, p99) = (quantile(&mut late, 0.5) * 1e3, quantile(&mut late, 0.99) * 1e3);
    tell("timers", "timers that fired, 10,000 a minute", late.len() as f64, "timers", Target::None);
    tell("timers", &format!("lateness, {pending} pending, p50"), p50, "ms", Target::None);
    tell("timers", &format!("lateness, {pending} pending, p99"), p99, "ms", Target::AtMost(50.0));
    tell(
        "timers",
        &format!("memory with {pending} pending"),
        memory as f64 / 1e6,
        "MB",
        Target::AtMost(50.0),
    );
}

fn micros() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros() as i64
}

async fn fire(database: &Database, seconds: usize, before: usize) -> (Vec<Duration>, usize) {
    let (sender, mut fired) = mpsc::unbounded_channel();
    let told = move |call: &prana_core::executor::EffectCall| {
        let due = call.params.get("due").and_then(Value::as_i64).unwrap();
        sender.send(micros().saturating_sub(due)).is_ok()
    };
    let engine = engine(database.store(), Arc::new(told));
    let serving = tokio::spawn({
        let engine = engine.clone();
        async move { engine.serve().await }
    });
    let count = seconds * 10_000 / 60;
    for n in 0..count {
        // The first is due when all are started; from then on one every six milliseconds.
        let due = micros() + 5_000_000 + (n * 6_000) as i64;
        let millis = ((due - micros()) as f64 / 1e3).max(0.0);
        engine.start("timers", value!({"ms": millis, "due": due})).await.unwrap();
    }
    let (mut late, mut memory) = (Vec::new(), 0);
    while late.len() < count {
        late.push(Duration::from_micros(fired.recv().await.unwrap().max(0) as u64));
        memory = memory.max(resident().saturating_sub(before));
    }
    engine.shut_down();
    serving.await.unwrap();
    (late, memory)
}

/// Suspends executions until tomorrow: one by the engine, the others as copies of its rows.
pub fn suspend(database: &Database, executions: usize) {
    let runtime = runtime();
    runtime.block_on(async {
        let engine = quick_engine(database.store());
        engine.activate(&workflow()).await.unwrap();
        let id = engine.start("timers", value!({"ms": 86_400_000, "due": 0})).await.unwrap();
        while engine.row(id).await.unwrap().status != prana::store::Status::Suspended {
            tokio::task::yield_now().await;
        }
    });
    runtime.shutdown_timeout(Duration::from_secs(10));
    multiply(&database.connection(), executions);
}

/// Copies the one execution that is there, each copy under an identity and a time of creation of its own.
pub fn multiply(connection: &Connection, executions: usize) {
    let columns = |table: &str| {
        let sql = format!("SELECT group_concat(name) FROM (SELECT name FROM pragma_table_info('{table}'))");
        connection.query_row(&sql, [], |row| row.get::<_, String>(0)).unwrap()
    };
    connection.execute_batch("PRAGMA synchronous = OFF; PRAGMA cache_size = -400000; BEGIN").unwrap();
    connection
        .execute_batch("CREATE TEMP TABLE n (n INTEGER PRIMARY KEY, id BLOB)")
        .and_then(|()| {
            let sql = "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ?1)
                INSERT INTO n SELECT n, unhex(printf('%032x', n)) FROM n";
            connection.execute(sql, params![executions as i64 - 1]).map(drop)
        })
        .unwrap();
    for table in ["execution", "header", "entry", "snapshot", "wait"] {
        let key = if table == "execution" { "ordinal" } else { "execution" };
        let own = |column: &str| match column {
            "id" | "root" if table == "execution" => "n.id".to_owned(),
            "created_at" if table == "execution" => "one.created_at - n.n * 1000".to_owned(),
            column if column == key => format!("one.{column} + n.n"),
            column => format!("one.{column}"),
        };
        let columns = columns(table);
        let values: Vec<String> = columns.split(',').map(own).collect();
        let sql = format!(
            "INSERT INTO {table} ({columns}) SELECT {} FROM n CROSS JOIN {table} AS one WHERE one.{key} = (SELECT min(ordinal) FROM execution)",
            values.join(", ")
        );
        connection.execute(&sql, []).unwrap();
    }
    connection.execute_batch("COMMIT; PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
}
