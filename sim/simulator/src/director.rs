//! Who does what from outside, and when the faults are over.

use std::sync::Arc;
use std::time::Duration;

use prana::core::execution::{NodeStatus, Status};
use prana::core::{ExecutionId, Timestamp, document};
use prana::store::{Delivered, Filter, Row, Store, Target};
use prana::{Engine, EngineError, Value};

use crate::observe::{self, Expected};
use crate::plan::{Faults, Mutation, Plan};
use crate::worker::{Worker, registry};
use crate::workload::{ASKS, STARTED, TICKS, documents};
use crate::world::{Failure, Report, World};

/// After the faults everything ends within this, in seconds.
const PATIENCE_S: u64 = 200;

/// Runs one history, from the first worker to the last end.
pub(crate) async fn direct(plan: &Plan, expected: &Expected) -> Result<Report, Box<Failure>> {
    let world = new_world(plan).await;
    let mut workers = Workers::start(&world);
    for _ in 0..plan.rounds {
        tokio::time::sleep(world.choice.millis(1_500)).await;
        workers.bury_the_dead();
        act(&world, workers.any().engine.clone());
        if world.is_broken() {
            break;
        }
    }
    world.calm_down();
    world.note("nothing goes wrong from now on");
    let ended = until_all_ended(&world, &mut workers).await;
    observe::check(&world, expected).await;
    world.end(ended)
}

async fn new_world(plan: &Plan) -> Arc<World> {
    let text = documents(plan.mutation == Some(Mutation::JoinEarly));
    let world = World::new(plan, registry());
    let loaded = document::load("workload.yaml", text.as_bytes()).unwrap_or_default();
    if loaded.is_empty() {
        world.broken("the workload is no document");
    }
    // The clock's workflow is activated by a worker, whose time it is.
    for one in &loaded {
        if let Err(error) = world.observer.activate(&one.workflow).await {
            world.broken(format_args!("{} can't be activated: {error}", one.workflow.id));
        }
    }
    world
}

/// What each workflow comes to where nothing goes wrong, by one worker in a world of its own.
///
/// # Panics
/// If that is not what the workload says.
pub(crate) async fn undisturbed() -> Expected {
    let world = new_world(&Plan { faults: Faults::NONE, ..Plan::new(0) }).await;
    let found = expect(&world).await;
    match world.end(0) {
        Ok(_) => found,
        Err(failure) => panic!("the workload is wrong: {failure}"),
    }
}

async fn expect(world: &Arc<World>) -> Expected {
    let worker = Worker::start(world, 0);
    let mut expected = Expected::new();
    for (workflow, status) in STARTED {
        match worker.engine.start(workflow, Value::Null).await {
            Ok(id) => {
                wait_for_end(world, id, status).await;
                expected.insert(workflow, observe::trace(world, id).await);
            }
            Err(error) => world.broken(format_args!("{workflow} can't be started: {error}")),
        }
    }
    worker.life.kill();
    expected
}

async fn wait_for_end(world: &World, id: ExecutionId, status: Status) {
    for _ in 0..PATIENCE_S {
        tokio::time::sleep(Duration::from_secs(1)).await;
        match world.observer.execution(id).await {
            Ok(execution) if execution.status == status => return,
            Ok(execution) if execution.status.is_ended() => break,
            _ => {}
        }
    }
    world.broken(format_args!("{id} does not end as {status:?}"));
}

/// The workers that there are.
struct Workers {
    world: Arc<World>,
    all: Vec<Worker>,
    started: usize,
}

impl Workers {
    fn start(world: &Arc<World>) -> Workers {
        let mut workers = Workers { world: Arc::clone(world), all: Vec::new(), started: 0 };
        workers.fill();
        workers
    }

    fn fill(&mut self) {
        while self.all.len() < self.world.plan.workers {
            self.started += 1;
            self.all.push(Worker::start(&self.world, self.started));
        }
    }

    /// The place of one that died is taken by a new one.
    fn bury_the_dead(&mut self) {
        let before = self.all.len();
        self.all.retain(|worker| !worker.life.is_dead());
        self.world.record().deaths += before - self.all.len();
        self.fill();
    }

    fn any(&self) -> &Worker {
        &self.all[self.world.choice.below(self.all.len() as u64) as usize]
    }
}

/// Something is asked of a worker; it may never answer.
fn act(world: &Arc<World>, engine: Engine) {
    let world = Arc::clone(world);
    match world.choice.below(10) {
        0..=5 => drop(tokio::spawn(async move { start(&world, &engine).await })),
        6..=8 => drop(tokio::spawn(async move { answer(&world, &engine).await })),
        _ => drop(tokio::spawn(async move { cancel(&world, &engine).await })),
    }
}

async fn start(world: &World, engine: &Engine) {
    let (workflow, _) = STARTED[world.choice.below(STARTED.len() as u64) as usize];
    match engine.start(workflow, Value::Null).await {
        Ok(id) => {
            world.note(format_args!("{workflow} is started: {id}"));
            world.record().started.insert(id, workflow);
        }
        Err(EngineError::Store(error)) if error.is_transient() => {}
        Err(error) => world.broken(format_args!("{workflow} can't be started: {error}")),
    }
}

/// One of those that were started, if there is one.
fn any_started(world: &World, of: Option<&str>) -> Option<ExecutionId> {
    let record = world.record();
    let fitting = record.started.iter().filter(|(_, workflow)| of.is_none_or(|of| of == **workflow));
    let all: Vec<ExecutionId> = fitting.map(|(id, _)| *id).collect();
    drop(record);
    let chosen = world.choice.below(all.len() as u64) as usize;
    all.get(chosen).copied()
}

async fn answer(world: &World, engine: &Engine) {
    let Some(id) = any_started(world, Some(ASKS)) else { return };
    let data = Value::Int(world.choice.below(1_000_000) as i64);
    if let Ok(Delivered::Resumed { .. }) = engine.resume(id, "ask", data.clone()).await {
        world.note(format_args!("{id} is answered: {}", data.to_json_string()));
        world.record().answered.push((id, data));
    }
}

async fn cancel(world: &World, engine: &Engine) {
    let Some(id) = any_started(world, None) else { return };
    world.record().cancelled.insert(id);
    let _ = engine.cancel(id, "somebody says so").await;
}

/// All executions.
pub(crate) async fn all_rows(world: &World) -> Vec<Row> {
    let page = world.store.list(&Filter::default(), None, usize::MAX / 2).await;
    page.map(|page| page.rows).unwrap_or_default()
}

/// Those that have not ended, but for what the clock goes on to start.
async fn open(world: &World, calm: Timestamp) -> Vec<ExecutionId> {
    let rows = all_rows(world).await;
    let counts =
        |row: &&Row| !row.status.is_ended() && (&*row.workflow_id != TICKS || row.created_at <= calm);
    rows.iter().filter(counts).map(|row| row.id).collect()
}

/// Waits until everything has ended, and decides what was parked. How many there are.
async fn until_all_ended(world: &Arc<World>, workers: &mut Workers) -> usize {
    let calm = world.now();
    for _ in 0..PATIENCE_S {
        tokio::time::sleep(Duration::from_secs(1)).await;
        workers.bury_the_dead();
        let open = open(world, calm).await;
        if open.is_empty() || world.is_broken() {
            return all_rows(world).await.len();
        }
        let engine = workers.any().engine.clone();
        for id in open {
            decide(world, &engine, id).await;
        }
    }
    let open = open(world, calm).await;
    world.broken(format_args!("after {PATIENCE_S} s this has not ended: {open:?}"));
    0
}

/// What was parked because workers died with it is tried again.
async fn decide(world: &World, engine: &Engine, id: ExecutionId) {
    let Ok(execution) = world.observer.execution(id).await else { return };
    let retry = Value::from_iter([("decision".into(), Value::from("retry"))]);
    for run in &execution.node_executions {
        let waits = run.suspension.as_ref().is_some_and(|wait| wait.type_name() == "decision");
        if waits && run.status == NodeStatus::Suspended {
            // Taken, or decided before.
            let _ = engine.answer(id, Target::Index(run.execution_index), retry.clone()).await;
        }
    }
}
