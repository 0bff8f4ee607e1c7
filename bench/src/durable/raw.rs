//! The same rows by SQLite alone: one thread, the store's own tables, one update and two entries a step.

use std::time::{Duration, Instant};

use rusqlite::{Connection, params};

use super::database::Database;
use crate::measure::quantile;

/// What SQLite alone does.
pub struct Raw {
    /// Steps a second.
    pub rate: f64,
    /// The median time of one transaction, in seconds.
    pub p50: f64,
}

/// The rows that one step of an execution leaves: the average size of an entry, as the engine has just written them.
pub fn entry_bytes(written: &Database) -> usize {
    let sql = "SELECT CAST(avg(length(bytes)) AS INTEGER) FROM entry";
    written.connection().query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap() as usize
}

/// Commits steps, so many in a transaction, for a while. The tables are those of `like`.
pub fn commit(like: &Database, raw: &Database, grouped: i64, bytes: usize, time: Duration) -> Raw {
    let connection = raw.connection();
    prepare(&like.connection(), &connection);
    let (begin, mut steps, mut sequence, mut times) = (Instant::now(), 0, 0_i64, Vec::new());
    let entry = vec![b'x'; bytes];
    while begin.elapsed() < time {
        let started = Instant::now();
        connection.execute_batch("BEGIN IMMEDIATE").unwrap();
        for execution in 0..grouped {
            step(&connection, execution, sequence, &entry);
        }
        connection.execute_batch("COMMIT").unwrap();
        times.push(started.elapsed());
        (steps, sequence) = (steps + grouped, sequence + 2);
    }
    Raw { rate: steps as f64 / begin.elapsed().as_secs_f64(), p50: quantile(&mut times, 0.5) }
}

fn step(connection: &Connection, execution: i64, sequence: i64, entry: &[u8]) {
    let sql =
        "UPDATE execution SET next_sequence = ?2 WHERE ordinal = ?1 AND epoch = 1 AND next_sequence = ?3";
    let mut update = connection.prepare_cached(sql).unwrap();
    assert_eq!(update.execute([execution, sequence + 2, sequence]).unwrap(), 1);
    let sql = "INSERT INTO entry (execution, sequence, execution_index, node_key, at, kind, bytes)
        VALUES (?1, ?2, ?3, 'e1', 1767225600000000, 1, ?4)";
    let mut insert = connection.prepare_cached(sql).unwrap();
    for offset in 0..2 {
        insert.execute(params![execution, sequence + offset, sequence / 2, entry]).unwrap();
    }
}

fn prepare(like: &Connection, raw: &Connection) {
    raw.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -32768;")
        .unwrap();
    let mut tables = like.prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL").unwrap();
    let tables = tables.query_map([], |row| row.get::<_, String>(0)).unwrap();
    tables.for_each(|sql| raw.execute_batch(&sql.unwrap()).unwrap());
    raw.execute_batch(
        "WITH RECURSIVE n (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n < 255)
        INSERT INTO execution (ordinal, id, workflow_id, workflow_version, root, mode, status, epoch, next_sequence, created_at,
            recoveries, slot, trail_kept, answers, reports, open_waits, is_child)
        SELECT n, randomblob(16), 'effects', 1, randomblob(16), 0, 1, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0 FROM n",
    )
    .unwrap();
}
