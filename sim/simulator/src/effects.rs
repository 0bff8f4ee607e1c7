//! What effects do here: they are watched.

use std::sync::Arc;

use async_trait::async_trait;
use prana::core::ErrorValue;
use prana::core::execution::NodeStatus;
use prana::core::executor::EffectOutput;
use prana::core::record::Completed;
use prana::store::{Store, WorkerId};
use prana::{EffectRequest, Effects, Value};

use crate::worker::Life;
use crate::world::World;

/// The effects of one worker.
pub(crate) struct Deeds {
    pub world: Arc<World>,
    pub life: Arc<Life>,
    pub number: usize,
    pub id: WorkerId,
}

impl Deeds {
    /// An effect may run only if it is stored that it began, and not that it ended. A worker that froze right before its effect can't know
    /// that another took over; one that never froze has to.
    async fn check_is_open(&self, request: &EffectRequest) {
        let (id, index) = (request.execution_id, request.call.execution_index);
        let found = self.world.observer.execution(id).await.ok();
        let runs = found.iter().flat_map(|found| &found.node_executions);
        let run = runs.into_iter().find(|run| run.execution_index == index);
        let node = &request.call.node_key;
        let Some(run) = run else {
            return self.world.broken(format_args!("`{node}` of {id} acts, and nothing is stored of it"));
        };
        let ended = matches!(run.status, NodeStatus::Completed | NodeStatus::Failed);
        if ended && (!self.life.has_frozen() || self.holds(request).await) {
            self.world.broken(format_args!("`{node}` of {id} acts again after its end was stored"));
        }
    }

    async fn holds(&self, request: &EffectRequest) -> bool {
        let row = self.world.store.execution(request.execution_id).await.ok().flatten();
        row.is_some_and(|row| row.claimed_by == Some(self.id))
    }

    /// A worker may run an effect again only if another has had the execution in between.
    async fn count(&self, request: &EffectRequest) {
        let call = &request.call;
        let row = self.world.store.execution(request.execution_id).await.ok().flatten();
        let caller = (self.number, row.map_or(0, |row| row.epoch));
        let key = (request.execution_id, call.execution_index, call.attempt);
        let mut record = self.world.record();
        let workers = record.calls.entry(key).or_default();
        let before = workers.clone();
        workers.push(caller);
        drop(record);
        if before.contains(&caller) {
            self.world.broken(format_args!("worker {} runs {key:?} twice", self.number));
        }
        if call.params.get("once").is_some() && !before.is_empty() {
            self.world.broken(format_args!("`{}` is run again, and must be run at most once", call.node_key));
        }
    }
}

#[async_trait]
impl Effects for Deeds {
    async fn run(&self, request: EffectRequest) -> Result<EffectOutput, ErrorValue> {
        self.life.pass().await;
        let call = &request.call;
        let (id, number) = (request.execution_id, self.number);
        self.world.note(format_args!("worker {number}: {id} {} try {}", call.node_key, call.attempt));
        self.check_is_open(&request).await;
        self.count(&request).await;
        tokio::time::sleep(self.world.fate.millis(400)).await;
        if self.world.strikes(self.world.plan.faults.deaths, 60) {
            self.world.note(format_args!("worker {number} dies in an effect"));
            self.life.kill();
        }
        self.life.pass().await;
        let failures = call.params.get("fail").and_then(Value::as_i64).unwrap_or(0);
        if i64::from(call.attempt) <= failures {
            return Err(ErrorValue::new("sim.refused", "as told"));
        }
        let given = call.params.get("give").cloned().unwrap_or(Value::Null);
        Ok(EffectOutput::Complete(Completed::new(given)))
    }
}
