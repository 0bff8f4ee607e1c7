//! The worker: the engine on the database, with work for it. It is what gets killed.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use prana::core::execution::{Execution, NodeStatus};
use prana::core::suspension::Suspension;
use prana::core::{ExecutionId, Timestamp};
use prana::store::{Filter, Status, Target};
use prana::{AnyStore, AtCommit, Clock, Engine, EngineError, EngineOptions, SystemClock, Value};
use serde_json::json;

use super::dice::Dice;
use super::effect::{Ledgered, Listener, registry};
use super::ledger::Line;
use super::workload::{self, Job};
use crate::exit::{Exit, Outcome};
use crate::session;

/// How many executions of its own a worker keeps open.
const OPEN: usize = 24;
/// With more than this many open ones in the database it starts nothing.
const BACKLOG: usize = 120;

/// What it takes.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// The database file.
    #[arg(long)]
    db: PathBuf,
    /// Where the ledger listens.
    #[arg(long)]
    ledger: SocketAddr,
    /// What decides about everything random.
    #[arg(long)]
    seed: u64,
    /// The number of this worker.
    #[arg(long)]
    generation: u64,
    /// When it was started, in microseconds since 1970.
    #[arg(long)]
    spawned_at: i64,
    /// Ends by itself at this commit boundary.
    #[arg(long)]
    die_at: Option<i64>,
    /// How far its clock is ahead.
    #[arg(long, default_value_t = 0, allow_hyphen_values = true)]
    skew_ms: i64,
    /// Starts nothing, and stays until everything has ended.
    #[arg(long)]
    calm: bool,
}

/// Works.
pub fn run(args: Args) -> Outcome {
    session::block_on(async move {
        let store = open(&args.db).await?;
        let line = Line::open(args.ledger, args.generation).await?;
        let engine = engine(&args, store, &line);
        if args.generation == 0 {
            for workflow in workload::workflows()? {
                engine.activate(&workflow).await?;
            }
            line.call(json!({"kind": "ready"})).await?;
        }
        let serving = engine.clone();
        tokio::spawn(async move { serving.serve().await });
        let worker = Worker { engine, line, next: Arc::new(AtomicI64::new((args.generation as i64) << 20)) };
        worker.resume_todo().await?;
        match args.calm {
            true => worker.finish().await,
            false => worker.work(Dice::new(args.seed)).await,
        }
    })
}

/// A server may be away for a moment, because somebody restarts it.
async fn open(db: &std::path::Path) -> Outcome<Arc<dyn AnyStore>> {
    let mut tries = 0;
    loop {
        match session::open(db).await {
            Err(_) if prana::is_server(db) && tries < 100 => tries += 1,
            opened => return opened,
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn engine(args: &Args, store: Arc<dyn AnyStore>, line: &Arc<Line>) -> Engine {
    let effects = Ledgered {
        line: Arc::clone(line),
        dice: Mutex::new(Dice::new(args.seed ^ 0x5eed)),
        slow: !args.calm,
    };
    let options = EngineOptions {
        // Several workers on a busy machine must not take each other for dead.
        lease_ms: if prana::is_server(&args.db) { 2_000 } else { 1_000 },
        poll_ms: 200,
        at_commit: args.die_at.map(dies_at),
        ..EngineOptions::default()
    };
    Engine::builder()
        .shared_store(store)
        .registry(registry())
        .clock(Arc::new(Skewed { ahead_micros: args.skew_ms * 1_000 }))
        .effects(Arc::new(effects))
        .middleware(Arc::new(Listener::new(Arc::clone(line), args.spawned_at)))
        .options(options)
        .build()
}

/// The computer's clock, and how wrong it is.
struct Skewed {
    ahead_micros: i64,
}

#[async_trait]
impl Clock for Skewed {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(SystemClock.now().as_micros().saturating_add(self.ahead_micros))
    }

    fn random(&self) -> u64 {
        SystemClock.random()
    }

    async fn sleep_until(&self, time: Timestamp) {
        let time = Timestamp::from_micros(time.as_micros().saturating_sub(self.ahead_micros));
        SystemClock.sleep_until(time).await;
    }
}

/// Ends the process, without anything more, when this many commit boundaries have been passed.
fn dies_at(boundary: i64) -> AtCommit {
    let left = AtomicI64::new(boundary);
    Arc::new(move |_| {
        if left.fetch_sub(1, Ordering::SeqCst) <= 1 {
            std::process::abort();
        }
    })
}

#[derive(Clone)]
struct Worker {
    engine: Engine,
    line: Arc<Line>,
    /// The number of the next answer: no two are the same.
    next: Arc<AtomicI64>,
}

impl Worker {
    /// Starts executions for as long as it lives.
    async fn work(&self, mut dice: Dice) -> Outcome {
        let mut ends = Vec::new();
        loop {
            if ends.len() < OPEN {
                match self.start_if_quiet(&mut dice).await {
                    Ok(end) => ends.extend(end),
                    // Restarted: what was not acknowledged is not counted.
                    Err(_) if self.engine.store().is_shared() => {}
                    Err(failure) => return Err(failure),
                }
            }
            ends.retain_mut(|end: &mut tokio::sync::oneshot::Receiver<_>| {
                matches!(end.try_recv(), Err(tokio::sync::oneshot::error::TryRecvError::Empty))
            });
            tokio::time::sleep(Duration::from_millis(dice.below(6))).await;
        }
    }

    /// Starts one, if there is not too much to do already.
    async fn start_if_quiet(
        &self,
        dice: &mut Dice,
    ) -> Outcome<Option<tokio::sync::oneshot::Receiver<prana::Outcome>>> {
        if self.open().await? >= BACKLOG {
            return Ok(None);
        }
        self.start(&workload::job(dice)).await.map(Some)
    }

    /// Starts one, and only then says so.
    async fn start(&self, job: &Job) -> Outcome<tokio::sync::oneshot::Receiver<prana::Outcome>> {
        let id = self.engine.start(&job.workflow, Value::from(job.input.clone())).await?;
        let end = self.engine.ended(id);
        self.line
            .call(json!({
                "kind": "started",
                "execution": id,
                "workflow": job.workflow,
                "answer": job.answer_after.is_some(),
                "cancel": job.cancel_after.is_some(),
            }))
            .await?;
        if let Some(millis) = job.answer_after {
            self.later(millis, id, Errand::Answer);
        }
        if let Some(millis) = job.cancel_after {
            self.later(millis, id, Errand::Cancel);
        }
        Ok(end)
    }

    /// Answers and cancels what the workers before were killed for.
    async fn resume_todo(&self) -> Outcome<()> {
        let reply = self.line.call(json!({"kind": "todo"})).await?;
        for (place, todo) in reply["todo"].as_array().into_iter().flatten().enumerate() {
            let Some(id) = todo["execution"].as_str().and_then(|id| id.parse().ok()) else { continue };
            let errand = if todo["cancel"] == true { Errand::Cancel } else { Errand::Answer };
            self.later(place as u64 % 20, id, errand);
        }
        Ok(())
    }

    fn later(&self, millis: u64, id: ExecutionId, errand: Errand) {
        let worker = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(millis)).await;
            let done = match errand {
                Errand::Answer => worker.answer(id).await,
                Errand::Cancel => worker.cancel(id).await,
            };
            if let Err(failure) = done {
                failure.show();
            }
        });
    }

    /// Answers the wait of the node `ask`, which may not have begun.
    async fn answer(&self, id: ExecutionId) -> Outcome<()> {
        let number = self.next.fetch_add(1, Ordering::SeqCst);
        let mut message = json!({"kind": "answering", "execution": id, "answer": number});
        self.line.call(message.clone()).await?;
        let target = Target::Token { node_key: "ask".into(), loop_path: "".into(), run_index: 0 };
        let data = Value::from(json!({"answer": number}));
        message["kind"] = match self.engine.answer(id, target, data).await {
            Ok(_) => json!("answered"),
            Err(EngineError::NotSuspended { .. }) => json!("used"),
            Err(error) => return Err(error.into()),
        };
        self.line.call(message).await.map(drop)
    }

    async fn cancel(&self, id: ExecutionId) -> Outcome<()> {
        self.engine.cancel(id, "it was to be cancelled").await?;
        self.line.call(json!({"kind": "cancelled", "execution": id})).await.map(drop)
    }

    async fn unended(&self) -> Outcome<Vec<prana::store::Row>> {
        let statuses = vec![Status::Pending, Status::Running, Status::Suspended];
        let filter = Filter { statuses, ..Filter::default() };
        Ok(self.engine.store().list(&filter, None, 1_000).await?.rows)
    }

    async fn open(&self) -> Outcome<usize> {
        Ok(self.unended().await?.len())
    }

    /// Does what is to be done from outside until everything has ended.
    async fn finish(&self) -> Outcome {
        loop {
            let rows = self.unended().await?;
            if rows.is_empty() {
                self.engine.shut_down();
                return Ok(Exit::Done);
            }
            for row in rows {
                if &*row.workflow_id == "torture-cancel" {
                    self.cancel(row.id).await?;
                } else if row.status == Status::Suspended && row.claimed_by.is_none() {
                    self.attend(row.id).await?;
                }
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Decides what a person must decide, and answers what nobody was told of.
    async fn attend(&self, id: ExecutionId) -> Outcome<()> {
        let execution = match self.engine.execution(id).await {
            Ok(execution) => execution,
            Err(EngineError::UnknownExecution(_)) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        for (index, word) in decisions(&execution) {
            let decided = json!({"decision": word, "output": {"skipped": true}});
            match self.engine.answer(id, Target::Index(index), Value::from(decided)).await {
                Ok(_) | Err(EngineError::NotSuspended { .. }) => {}
                Err(error) => return Err(error.into()),
            }
            self.line.tell(json!({"kind": "decided", "execution": id, "index": index, "decision": word}));
        }
        let asks = waiting(&execution).any(|(_, wait)| matches!(wait, Suspension::Webhook { .. }));
        if asks { self.answer(id).await } else { Ok(()) }
    }
}

#[derive(Debug, Clone, Copy)]
enum Errand {
    Answer,
    Cancel,
}

fn waiting(execution: &Execution) -> impl Iterator<Item = (u32, &Suspension)> {
    let runs = execution.node_executions.iter().filter(|run| run.status == NodeStatus::Suspended);
    runs.filter_map(|run| Some((run.execution_index, run.suspension.as_ref()?)))
}

/// The open decisions: a node that may run once is skipped, any other was parked and is tried again.
fn decisions(execution: &Execution) -> Vec<(u32, &'static str)> {
    let open = waiting(execution).filter(|(_, wait)| matches!(wait, Suspension::Decision { .. }));
    let word = |index: u32| match execution.node_executions.get(index as usize) {
        Some(run) if &*run.node_key == "once" => "skip",
        _ => "retry",
    };
    open.map(|(index, _)| (index, word(index))).collect()
}

/// The time, in microseconds since 1970.
pub fn now() -> i64 {
    SystemClock.now().as_micros()
}
