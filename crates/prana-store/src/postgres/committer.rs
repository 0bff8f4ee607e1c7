//! The committer: what waits is taken together, and committed in one transaction and one flush.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use deadpool_postgres::Pool;
use prana_core::ExecutionId;
use tokio::sync::{mpsc as queue, oneshot};
use tokio::task::JoinHandle;

use super::bell::Bell;
use super::draft::{Changes, Draft};
use super::failure::Failure;
use super::known::{Known, Wanted, readings, split};
use super::transaction::{Tx, patiently};
use super::write::writes;
use crate::rules;
use crate::{Committed, Delivered, Delta, NewItem, Release, Result, Row, StoreError, Target};

/// How many jobs wait at most; past that, callers do.
const QUEUE: usize = 4_096;
/// How many jobs one transaction holds at most, so that the first in it need not wait too long.
const BATCH: usize = 256;
/// And how many bytes, about.
const BATCH_BYTES: usize = 8 << 20;
/// Of how many executions it is remembered whose tree and lane they are in.
const REMEMBERED: usize = 64 * 1_024;

/// What is to be done.
enum Input {
    Commit(Box<Delta>),
    Deliver(Box<NewItem>),
}

/// What came of it.
enum Output {
    Committed(Committed),
    Delivered(Delivered, bool),
}

/// Something to be done, and someone who waits for it.
pub(super) struct Job {
    input: Input,
    reply: oneshot::Sender<Result<Output>>,
}

impl Job {
    /// The delta, if it is one.
    pub fn delta(&self) -> Option<&Delta> {
        match &self.input {
            Input::Commit(delta) => Some(delta),
            Input::Deliver(_) => None,
        }
    }

    fn run(&mut self, draft: &mut Draft<'_>) -> Result<Output> {
        match &mut self.input {
            Input::Commit(delta) => {
                draft.at = delta.at;
                rules::commit(draft, delta).map(Output::Committed)
            }
            Input::Deliver(item) => {
                draft.at = item.at;
                let delivery = rules::deliver(draft, item)?;
                Ok(Output::Delivered(delivery.delivered, delivery.woke))
            }
        }
    }

    fn bytes(&self) -> usize {
        match &self.input {
            Input::Deliver(item) => item.bytes.len(),
            Input::Commit(delta) => {
                delta.entries.iter().map(|entry| entry.bytes.len() + 64).sum::<usize>()
                    + delta.payloads.iter().map(|payload| payload.bytes.len() + 64).sum::<usize>()
                    + delta.children.iter().map(|child| child.header.len() + 256).sum::<usize>()
                    + delta.snapshot.as_ref().map_or(0, |snapshot| snapshot.bytes.len())
            }
        }
    }
}

/// What never changes of an execution and tells which locks its end takes.
#[derive(Debug, Clone)]
struct Fact {
    root: ExecutionId,
    lane: Option<Arc<str>>,
}

/// Facts about executions that passed by lately.
#[derive(Debug, Default)]
pub(super) struct Facts(Mutex<HashMap<ExecutionId, Fact>>);

impl Facts {
    /// Takes note of rows.
    pub fn note<'r>(&self, rows: impl Iterator<Item = &'r Row>) {
        let mut facts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for row in rows {
            if facts.len() >= REMEMBERED {
                facts.clear();
            }
            let lane = row.concurrency.as_ref().map(|lane| lane.key.clone());
            facts.insert(row.id, Fact { root: row.root, lane });
        }
    }

    fn of(&self, id: ExecutionId) -> Option<Fact> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }
}

/// The way to the committer.
#[derive(Debug)]
pub(super) struct Committer {
    queue: queue::Sender<Job>,
    tasks: Vec<JoinHandle<()>>,
}

impl Drop for Committer {
    fn drop(&mut self) {
        // What waits is not acknowledged; what is under way is ended by the server with its connection, or is committed.
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl Committer {
    /// Starts so many tasks, each with a batch of its own.
    pub fn start(pool: &Pool, tasks: usize, facts: &Arc<Facts>, bell: &Bell) -> Committer {
        let (sender, receiver) = queue::channel(QUEUE);
        let receiver = Arc::new(tokio::sync::Mutex::new(receiver));
        let tasks = (0..tasks.max(1)).map(|_| {
            let work = Work { pool: pool.clone(), facts: facts.clone(), bell: bell.clone() };
            tokio::spawn(work.run(receiver.clone()))
        });
        Committer { queue: sender, tasks: tasks.collect() }
    }

    async fn ask(&self, input: Input) -> Result<Output> {
        let gone = || StoreError::unavailable("its committer has stopped");
        let (reply, answer) = oneshot::channel();
        self.queue.send(Job { input, reply }).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }

    pub async fn commit(&self, delta: Delta) -> Result<Committed> {
        match self.ask(Input::Commit(Box::new(delta))).await? {
            Output::Committed(committed) => Ok(committed),
            Output::Delivered(..) => Err(StoreError::unavailable("the answer to another question")),
        }
    }

    pub async fn deliver(&self, item: NewItem) -> Result<Delivered> {
        match self.ask(Input::Deliver(Box::new(item))).await? {
            Output::Delivered(delivered, _) => Ok(delivered),
            Output::Committed(_) => Err(StoreError::unavailable("the answer to another question")),
        }
    }
}

#[derive(Clone)]
struct Work {
    pool: Pool,
    facts: Arc<Facts>,
    bell: Bell,
}

type Queue = Arc<tokio::sync::Mutex<queue::Receiver<Job>>>;

impl Work {
    async fn run(self, queue: Queue) {
        loop {
            let jobs = take(&queue).await;
            if jobs.is_empty() {
                return;
            }
            self.settle(jobs).await;
        }
    }

    /// Commits all together, or, if that fails for the sake of one, each alone.
    async fn settle(&self, mut jobs: Vec<Job>) {
        let is_one = jobs.len() == 1;
        let done = patiently!(self.attempt(&mut jobs));
        match done {
            Ok(outputs) => {
                self.bell.ring(outputs.iter().flatten().map(Ring::of).fold(Ring::Nobody, Ring::and));
                for (job, output) in jobs.into_iter().zip(outputs) {
                    // Nobody waits any more: it is done all the same.
                    let _ = job.reply.send(output);
                }
            }
            Err(Failure::Refused(error)) if !is_one => {
                tracing::warn!(%error, jobs = jobs.len(), "a transaction failed; each of its changes is tried alone");
                for job in jobs {
                    Box::pin(self.settle(vec![job])).await;
                }
            }
            Err(failure) => {
                let error = failure.into_error();
                tracing::warn!(%error, jobs = jobs.len(), "a transaction failed and is undone");
                for job in jobs {
                    let _ = job.reply.send(Err(error.clone()));
                }
            }
        }
    }

    /// One transaction: locks, reads, decides, writes.
    async fn attempt(&self, jobs: &mut [Job]) -> Result<Vec<Result<Output>>, Failure> {
        let wanted = self.first_wanted(jobs);
        let mut known = Known::default();
        let (asks, keeps) = split(readings(&wanted));
        let (tx, given) = Tx::begin(&self.pool, &asks).await?;
        known.keep(keeps, given)?;
        let (changes, outputs) = loop {
            let (changes, outputs, missing) = decide(&known, jobs);
            if missing.is_empty() {
                break (changes, outputs);
            }
            let (asks, keeps) = split(readings(&missing));
            let given = tx.ask_all(&asks).await?;
            known.keep(keeps, given)?;
        };
        self.facts.note(known.rows.values().flatten());
        self.facts.note(changes.inserted.iter().filter_map(|(id, _)| changes.rows.get(id)));
        if changes.is_empty() {
            tx.roll_back().await;
        } else {
            tx.commit(&self.pool, &writes(&changes, jobs)).await?;
        }
        Ok(outputs)
    }

    /// What the jobs need for certain, and what their locks are.
    fn first_wanted(&self, jobs: &[Job]) -> Wanted {
        let mut wanted = Wanted::default();
        for job in jobs {
            match &job.input {
                Input::Commit(delta) => self.want_for(delta, &mut wanted),
                Input::Deliver(item) => self.want_target(item, &mut wanted),
            }
        }
        wanted
    }

    fn want_for(&self, delta: &Delta, wanted: &mut Wanted) {
        wanted.rows.insert(delta.execution);
        wanted.rows.extend(delta.children.iter().map(|child| child.id));
        wanted.numbers += usize::from(delta.create.is_some()) + delta.children.len();
        if let Some(create) = &delta.create {
            wanted.lanes.extend(create.concurrency.iter().map(|lane| lane.key.clone()));
            wanted.queues.extend(create.concurrency.iter().map(|lane| (lane.key.clone(), 1)));
            wanted
                .started
                .extend(create.start_key.iter().map(|key| (create.workflow_id.clone(), key.clone())));
        }
        if let Some(item) = &delta.item {
            wanted.catalog.insert((item.kind.clone(), item.key.clone()));
        }
        delta.reports.iter().for_each(|item| self.want_target(item, wanted));
        if let (Release::End { .. }, Some(fact)) = (delta.release, self.facts.of(delta.execution)) {
            wanted.rows.insert(fact.root);
            // For each end its own place in the queue, and one to see that there are no more.
            if let Some(lane) = fact.lane {
                *wanted.queues.entry(lane.clone()).or_insert(1) += 1;
                wanted.lanes.insert(lane);
            }
            wanted.open.entry(fact.root).and_modify(|limit| *limit += 1).or_insert(2);
        }
    }

    fn want_target(&self, item: &NewItem, wanted: &mut Wanted) {
        wanted.rows.insert(item.execution);
        wanted.numbers += 1;
        if item.target == Target::Execution
            && let Some(lane) = self.facts.of(item.execution).and_then(|fact| fact.lane)
        {
            wanted.lanes.insert(lane);
        }
    }
}

/// Runs the rules of all jobs on what is known.
fn decide(known: &Known, jobs: &mut [Job]) -> (Changes, Vec<Result<Output>>, Wanted) {
    let mut draft = Draft::new(known);
    let mut outputs = Vec::with_capacity(jobs.len());
    for (place, job) in jobs.iter_mut().enumerate() {
        draft.job = place;
        outputs.push(job.run(&mut draft));
    }
    (draft.changes, outputs, draft.missing)
}

/// What waits, up to the size of a batch; empty when nobody can come any more.
async fn take(queue: &Queue) -> Vec<Job> {
    let mut queue = queue.lock().await;
    let mut jobs = Vec::new();
    let Some(first) = queue.recv().await else { return jobs };
    let mut bytes = first.bytes();
    jobs.push(first);
    while jobs.len() < BATCH && bytes < BATCH_BYTES {
        let Ok(job) = queue.try_recv() else { break };
        bytes += job.bytes();
        jobs.push(job);
    }
    jobs
}

/// Who is to be told that there is something to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ring {
    /// Nobody.
    Nobody,
    /// Whoever can claim.
    Anybody,
    /// Those who hold executions: one of them has something in its inbox.
    Holders,
}

impl Ring {
    fn of(output: &Output) -> Ring {
        let goes_to_holder =
            |delivered: &Delivered| matches!(delivered, Delivered::Resumed { owner: Some(_), .. });
        match output {
            Output::Committed(done) if done.delivered.iter().any(goes_to_holder) => Ring::Holders,
            Output::Delivered(delivered, _) if goes_to_holder(delivered) => Ring::Holders,
            Output::Committed(Committed { woke: true, .. }) | Output::Delivered(_, true) => Ring::Anybody,
            _ => Ring::Nobody,
        }
    }

    /// Both; who looks into inboxes also claims.
    fn and(self, other: Ring) -> Ring {
        match (self, other) {
            (Ring::Holders, _) | (_, Ring::Holders) => Ring::Holders,
            (Ring::Anybody, _) | (_, Ring::Anybody) => Ring::Anybody,
            _ => Ring::Nobody,
        }
    }
}
