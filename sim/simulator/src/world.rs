//! What all workers share: the store, the time, the chance, the record of what happened.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::hash::{DefaultHasher, Hasher};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use prana::core::{ExecutionId, Registry, Timestamp};
use prana::store::MemoryStore;
use prana::{Clock, Engine, Value};
use tokio::time::Instant;

use crate::chance::Chance;
use crate::plan::{Mutation, Plan};

/// When every history begins: 2026-01-01T00:00:00Z.
const BEGIN_MS: i64 = 1_767_225_600_000;

/// The lines that a failure shows, at most.
const SHOWN: usize = 60;

/// How long a silent worker is presumed alive, in milliseconds.
pub(crate) const LEASE_MS: u64 = 6_000;

/// What a history came to. Two runs of one plan give equal reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Executions that ended.
    pub ended: usize,
    /// Calls of effects.
    pub effects: usize,
    /// Calls of effects that were made again after a crash, a freeze or a lost lease.
    pub repeated: usize,
    /// Workers that died.
    pub deaths: usize,
    /// Writes that were refused because the worker holds the execution no more.
    pub fenced: usize,
    /// Everything that happened, as one number.
    pub digest: u64,
}

/// A promise that did not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What was seen.
    pub seen: String,
    /// The plan that shows it.
    pub plan: Plan,
    /// What happened last.
    pub history: Vec<String>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.history.iter().try_for_each(|line| writeln!(f, "  {line}"))?;
        writeln!(f, "{}", self.seen)?;
        write!(f, "replay: {}", self.plan)
    }
}

impl std::error::Error for Failure {}

/// What is written down while a history runs.
#[derive(Default)]
pub(crate) struct Record {
    /// Everything that happened, as one number.
    digest: DefaultHasher,
    /// What happened last.
    lines: Vec<String>,
    /// The first promise that did not hold.
    pub broken: Option<String>,
    /// Executions whose start was acknowledged: their workflow.
    pub started: BTreeMap<ExecutionId, &'static str>,
    /// Executions that somebody asked to be cancelled.
    pub cancelled: BTreeSet<ExecutionId>,
    /// Answers that were acknowledged as resuming: the execution and what was answered.
    pub answered: Vec<(ExecutionId, Value)>,
    /// Calls of effects: (execution, run, attempt) -> the workers that made them, each with the epoch of that moment.
    pub calls: BTreeMap<(ExecutionId, u32, u32), Vec<(usize, u64)>>,
    /// Workers that died.
    pub deaths: usize,
    /// Writes that were refused because the worker holds the execution no more.
    pub fenced: usize,
}

/// The right time. It moves when nobody has anything to do.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RightTime(Instant);

impl RightTime {
    pub fn begin() -> Self {
        RightTime(Instant::now())
    }
}

#[async_trait]
impl Clock for RightTime {
    fn now(&self) -> Timestamp {
        let since: Duration = self.0.elapsed();
        let micros = i64::try_from(since.as_micros()).unwrap_or(i64::MAX / 2);
        Timestamp::from_micros(BEGIN_MS * 1_000 + micros)
    }

    fn random(&self) -> u64 {
        0
    }

    /// Who looks by this clock waits for nothing.
    async fn sleep_until(&self, _time: Timestamp) {
        std::future::pending::<()>().await;
    }
}

/// Everything that is not a worker.
pub(crate) struct World {
    pub plan: Plan,
    pub store: Arc<MemoryStore>,
    /// Looks at the store without faults, and changes nothing.
    pub observer: Engine,
    /// What the director does.
    pub choice: Chance,
    /// What goes wrong.
    pub fate: Chance,
    calm: AtomicBool,
    time: RightTime,
    record: Mutex<Record>,
}

impl World {
    pub fn new(plan: &Plan, registry: Registry) -> Arc<World> {
        let (store, time) = (Arc::new(MemoryStore::new()), RightTime::begin());
        let observer =
            Engine::builder().store(Arc::clone(&store)).registry(registry).clock(Arc::new(time)).build();
        Arc::new(World {
            plan: plan.clone(),
            store,
            observer,
            choice: Chance::new(plan.seed),
            fate: Chance::new(!plan.seed),
            calm: AtomicBool::new(false),
            time,
            record: Mutex::default(),
        })
    }

    /// The right time.
    pub fn now(&self) -> Timestamp {
        self.time.now()
    }

    pub fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes down what happened.
    pub fn note(&self, what: impl fmt::Display) {
        let line = format!("{} {what}", self.now());
        let mut record = self.record();
        record.digest.write(line.as_bytes());
        if record.lines.len() >= SHOWN * 2 {
            record.lines.drain(..SHOWN);
        }
        record.lines.push(line);
    }

    /// A promise did not hold. The first one counts.
    pub fn broken(&self, what: impl fmt::Display) {
        self.note(format_args!("BROKEN: {what}"));
        self.record().broken.get_or_insert_with(|| what.to_string());
    }

    pub fn is_broken(&self) -> bool {
        self.record().broken.is_some()
    }

    /// From now on nothing goes wrong.
    pub fn calm_down(&self) {
        self.calm.store(true, Ordering::SeqCst);
    }

    pub fn is_calm(&self) -> bool {
        self.calm.load(Ordering::SeqCst)
    }

    /// Whether something goes wrong that does so once in so many times.
    pub fn strikes(&self, may: bool, once_in: u64) -> bool {
        may && !self.is_calm() && self.fate.once_in(once_in)
    }

    /// Whether the planted mistake is made now. It is made in calm times too, and not every time.
    pub fn errs(&self, mutation: Mutation) -> bool {
        self.plan.mutation == Some(mutation) && self.fate.once_in(3)
    }

    /// What the history came to.
    pub fn end(&self, ended: usize) -> Result<Report, Box<Failure>> {
        let record = self.record();
        if let Some(seen) = record.broken.clone() {
            let first = record.lines.len().saturating_sub(SHOWN);
            let history = record.lines[first..].to_vec();
            return Err(Box::new(Failure { seen, plan: self.plan.clone(), history }));
        }
        let calls: usize = record.calls.values().map(Vec::len).sum();
        Ok(Report {
            ended,
            effects: calls,
            repeated: calls - record.calls.len(),
            deaths: record.deaths,
            fenced: record.fenced,
            digest: record.digest.finish(),
        })
    }
}
