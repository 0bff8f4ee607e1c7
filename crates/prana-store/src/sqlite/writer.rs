//! The one thread that writes: group commit.

use std::sync::Arc;
use std::thread::{self, JoinHandle};

use rusqlite::Connection;
use tokio::sync::{mpsc as queue, oneshot};

use super::checkpoint::Checkpoints;
use super::db::Db;
use super::known::Known;
use super::open::Files;
use super::sql;
use crate::{Result, StoreError};

/// How many jobs wait at most; past that, callers do.
const QUEUE: usize = 4_096;
/// How many jobs one transaction holds at most, so that the first in it need not wait too long.
const BATCH: usize = 512;

/// The way to the thread.
#[derive(Debug)]
pub(super) struct Writer {
    queue: Option<queue::Sender<Box<dyn Job>>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread on a connection of its own.
    pub(super) fn start(files: &Files, mut connection: Connection, known: Arc<Known>) -> Result<Writer> {
        let checkpoints = Checkpoints::start(files, &mut connection)?;
        let mut db = Db::new(connection);
        db.known = known;
        db.run(sql!("expel_workers"), [])?;
        db.newest = db.one(sql!("ordinals"), [], |row| Ok((row.get(0)?, row.get(1)?)))?.unwrap_or((0, 0));
        let db = db.into_writing();
        let (sender, receiver) = queue::channel(QUEUE);
        let thread = thread::Builder::new().name("prana-writer".to_owned());
        let thread =
            thread.spawn(move || write(db, checkpoints, receiver)).map_err(StoreError::unavailable)?;
        Ok(Writer { queue: Some(sender), thread: Some(thread) })
    }

    /// Runs one job in some transaction and returns what it returned, once that is durable. The job may be run again, on the same input, if
    /// the transaction failed for another's sake.
    pub(super) async fn run<I, O>(&self, input: I, act: fn(&mut Db, &mut I) -> Result<O>) -> Result<O>
    where
        I: Send + 'static,
        O: Send + 'static,
    {
        let gone = || StoreError::unavailable("its writer has stopped");
        let (reply, answer) = oneshot::channel();
        let job = Task { input, act, outcome: None, reply };
        let queue = self.queue.as_ref().ok_or_else(gone)?;
        queue.send(Box::new(job)).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Something to be done inside a transaction, and someone who waits for it.
trait Job: Send {
    fn run(&mut self, db: &mut Db);
    /// Answers with the outcome of the last run.
    fn settle(self: Box<Self>);
    /// Answers that it was not done.
    fn refuse(self: Box<Self>, error: StoreError);
}

struct Task<I, O> {
    input: I,
    act: fn(&mut Db, &mut I) -> Result<O>,
    outcome: Option<Result<O>>,
    reply: oneshot::Sender<Result<O>>,
}

impl<I: Send, O: Send> Job for Task<I, O> {
    fn run(&mut self, db: &mut Db) {
        self.outcome = Some((self.act)(db, &mut self.input));
    }

    fn settle(self: Box<Self>) {
        let outcome = self.outcome.unwrap_or_else(|| Err(StoreError::unavailable("the job was not run")));
        // Nobody waits any more: it is done all the same.
        let _ = self.reply.send(outcome);
    }

    fn refuse(self: Box<Self>, error: StoreError) {
        let own = self.outcome.and_then(Result::err);
        let _ = self.reply.send(Err(own.unwrap_or(error)));
    }
}

fn write(mut db: Db, mut checkpoints: Checkpoints, mut queue: queue::Receiver<Box<dyn Job>>) {
    let mut batch = Vec::with_capacity(BATCH);
    while queue.blocking_recv_many(&mut batch, BATCH) > 0 {
        if !commit_all(&mut db, &mut batch) {
            for job in batch.drain(..) {
                commit_alone(&mut db, job);
            }
        }
        checkpoints.after_batch(db.connection());
    }
}

/// One transaction for all; `false`, with nothing done, if it failed.
fn commit_all(db: &mut Db, batch: &mut Vec<Box<dyn Job>>) -> bool {
    let done = transact(db, |db| {
        for job in batch.iter_mut() {
            job.run(db);
            // A failed statement may have ended the transaction: what came after it would be stored at once and alone.
            if db.has_failed() {
                break;
            }
        }
    });
    if done.is_ok() {
        batch.drain(..).for_each(Job::settle);
    }
    done.is_ok()
}

/// A transaction for one: it alone gets its error.
fn commit_alone(db: &mut Db, mut job: Box<dyn Job>) {
    match transact(db, |db| job.run(db)) {
        Ok(()) => job.settle(),
        Err(error) => job.refuse(error),
    }
}

/// Begins, runs, commits. An error means that nothing is stored.
fn transact(db: &mut Db, act: impl FnOnce(&mut Db)) -> Result<()> {
    let newest = db.newest;
    let done = begin_and_commit(db, act);
    if db.changes_definitions.take() {
        db.known.forget();
    }
    if let Err(error) = &done {
        tracing::warn!(%error, "a transaction failed and is undone");
        db.take_failed();
        if !db.connection().is_autocommit() {
            let _ = db.connection().execute_batch("ROLLBACK");
        }
        db.newest = newest;
        db.forget_rows(None);
    }
    done
}

fn begin_and_commit(db: &mut Db, act: impl FnOnce(&mut Db)) -> Result<()> {
    db.run("BEGIN IMMEDIATE", [])?;
    act(db);
    if db.has_failed() {
        return Err(StoreError::unavailable("a statement failed"));
    }
    db.run("COMMIT", []).map(drop)
}
