//! A worker: an engine that may die or freeze, with a clock that may be wrong.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use prana::core::action::{Descriptor, Effect};
use prana::core::{Registry, Timestamp};
use prana::store::WorkerId;
use prana::{Clock, Engine, EngineOptions, Value};
use tokio::time::Instant;

use crate::chance::Chance;
use crate::effects::Deeds;
use crate::gate::Gate;
use crate::world::{LEASE_MS, World};

/// A clock of a worker is wrong by less than this, in milliseconds.
pub(crate) const SKEW_MS: u64 = 1_000;

/// How alive it is.
#[derive(Debug, Clone, Copy)]
enum State {
    Alive,
    Frozen { until: Instant },
    Dead,
}

/// The life of a worker. Everything that it does passes here, and stands still when it is frozen or dead.
#[derive(Debug)]
pub(crate) struct Life {
    state: Mutex<State>,
    has_frozen: AtomicBool,
}

impl Life {
    fn begin() -> Arc<Life> {
        Arc::new(Life { state: Mutex::new(State::Alive), has_frozen: AtomicBool::new(false) })
    }

    fn state(&self) -> State {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, state: State) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }

    pub fn kill(&self) {
        self.set(State::Dead);
    }

    pub fn freeze(&self, time: Duration) {
        self.has_frozen.store(true, Ordering::SeqCst);
        self.set(State::Frozen { until: Instant::now() + time });
    }

    pub fn has_frozen(&self) -> bool {
        self.has_frozen.load(Ordering::SeqCst)
    }

    pub fn is_dead(&self) -> bool {
        matches!(self.state(), State::Dead)
    }

    /// Returns while it is alive; after a freeze when that is over, and never after its death.
    pub async fn pass(&self) {
        loop {
            match self.state() {
                State::Alive => return,
                State::Dead => std::future::pending::<()>().await,
                State::Frozen { until } if until <= Instant::now() => self.set(State::Alive),
                State::Frozen { until } => tokio::time::sleep_until(until).await,
            }
        }
    }
}

/// The clock of a worker.
struct WorkerClock {
    world: Arc<World>,
    life: Arc<Life>,
    /// How much it is ahead, in milliseconds, less [`SKEW_MS`].
    ahead_ms: u64,
    chance: Chance,
}

impl WorkerClock {
    fn wrong(&self, right: Timestamp) -> Timestamp {
        Timestamp::from_micros(right.as_micros() - SKEW_MS as i64 * 1_000).plus_millis(self.ahead_ms)
    }
}

#[async_trait]
impl Clock for WorkerClock {
    fn now(&self) -> Timestamp {
        self.wrong(self.world.now())
    }

    fn random(&self) -> u64 {
        self.chance.bits()
    }

    async fn sleep_until(&self, time: Timestamp) {
        let left = time.as_micros().saturating_sub(self.now().as_micros());
        if left > 0 {
            // A timer of the runtime counts in milliseconds.
            let micros = left.unsigned_abs().div_ceil(1_000).saturating_mul(1_000);
            tokio::time::sleep(Duration::from_micros(micros)).await;
        }
        self.life.pass().await;
    }
}

/// One worker, from its start to its death.
pub(crate) struct Worker {
    pub engine: Engine,
    pub life: Arc<Life>,
}

impl Worker {
    /// The worker of this number begins to serve.
    pub fn start(world: &Arc<World>, number: usize) -> Worker {
        let life = Life::begin();
        let ahead_ms = if world.plan.faults.skew { world.fate.below(2 * SKEW_MS) } else { SKEW_MS };
        let clock = WorkerClock {
            world: Arc::clone(world),
            life: Arc::clone(&life),
            ahead_ms,
            chance: Chance::new(world.fate.bits()),
        };
        // A UUID of the number alone, so that workers have an order.
        let id = WorkerId(uuid::Uuid::from_u128(number as u128));
        let gate = Gate { world: Arc::clone(world), life: Arc::clone(&life), number, id };
        let deeds = Deeds { world: Arc::clone(world), life: Arc::clone(&life), number, id };
        let options =
            EngineOptions { lease_ms: LEASE_MS, poll_ms: 1_000, max_running: 16, ..EngineOptions::default() };
        let engine = Engine::builder()
            .store(Arc::new(gate))
            .registry(registry())
            .effects(Arc::new(deeds))
            .clock(Arc::new(clock))
            .worker(id)
            .options(options)
            .build();
        world.note(format_args!("worker {number} starts, its clock {ahead_ms} - {SKEW_MS} ms ahead"));
        let serving = engine.clone();
        tokio::spawn(async move { serving.serve().await });
        Worker { engine, life }
    }
}

/// The pure actions, and one effect that is watched.
pub(crate) fn registry() -> Registry {
    let mut registry = Registry::standard();
    registry.effect(Descriptor::new::<Value>("sim.effect", "Effect", "Is watched.", Effect::Effect));
    registry
}
