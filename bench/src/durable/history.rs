//! Pages of a long list of executions.

use std::time::Instant;

use prana::store::{Cursor, Filter, Scope, Status};
use prana_core::ExecutionId;
use prana_template::value;

use super::database::{Database, quick_engine, runtime};
use super::timers::multiply;
use crate::arguments::Arguments;
use crate::measure::{Target, quantile, tell};
use crate::workflows::chain;

/// Executions on one page.
const PAGE: usize = 50;

/// The slowest kind of page.
pub fn measure(arguments: &Arguments<'_>) {
    let executions = arguments.number("executions", 1_000_000);
    let database = Database::new(arguments, "history");
    fill(&database, executions);
    let runtime = runtime();
    let slowest = runtime.block_on(pages(&database));
    for (what, seconds) in &slowest {
        let what = format!("a page of {executions} executions, {what}, p99");
        tell("history", &what, seconds * 1e3, "ms", Target::AtMost(20.0));
    }
}

fn fill(database: &Database, executions: usize) {
    let runtime = runtime();
    runtime.block_on(async {
        let engine = quick_engine(database.store());
        engine.run(&chain(3), value!({"n": 1})).await.unwrap();
    });
    drop(runtime);
    let connection = database.connection();
    multiply(&connection, executions);
    // One in a hundred failed, and there are ten workflows.
    let sql = "UPDATE execution SET status = 4 WHERE ordinal % 100 = 0;
        UPDATE execution SET workflow_id = 'chain' || (ordinal % 10);
        PRAGMA wal_checkpoint(TRUNCATE)";
    connection.execute_batch(sql).unwrap();
}

async fn pages(database: &Database) -> Vec<(&'static str, f64)> {
    let engine = quick_engine(database.store());
    let failed = || Filter { statuses: vec![Status::Failed], ..Filter::default() };
    let of_one = || Filter { workflow_id: Some("chain3".to_owned()), ..Filter::default() };
    let both = Filter { statuses: vec![Status::Failed], ..of_one() };
    let roots = Filter { scope: Scope::Roots, ..Filter::default() };
    let filters = [
        ("all", Filter::default()),
        ("failed", failed()),
        ("of a workflow", of_one()),
        ("failed ones of a workflow", both),
        ("roots", roots),
    ];
    let mut slowest = Vec::new();
    for (what, filter) in filters {
        let mut times = Vec::new();
        for after in places(&engine).await {
            for _ in 0..20 {
                let begin = Instant::now();
                let page = engine.store().list(&filter, after, PAGE).await.unwrap();
                times.push(begin.elapsed());
                assert!(page.rows.len() <= PAGE);
            }
        }
        slowest.push((what, quantile(&mut times, 0.99)));
    }
    slowest
}

/// The first page, and places further and further down.
async fn places(engine: &prana::Engine) -> Vec<Option<Cursor>> {
    let first = engine.store().list(&Filter::default(), None, 1).await.unwrap();
    let newest = first.rows[0].created_at;
    let place = |below: i64| {
        let created_at = prana_core::Timestamp::from_micros(newest.as_micros() - below * 1_000);
        Some(Cursor { created_at, id: ExecutionId::NIL })
    };
    vec![None, place(1_000), place(100_000), place(500_000), place(900_000)]
}
