//! The effect: it asks the ledger to write it down. And what the ledger hears of the engine besides.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use prana::core::action::{Descriptor, Effect};
use prana::core::executor::EffectOutput;
use prana::core::record::{Change, Completed, NodeOutcome};
use prana::core::{ErrorValue, ExecutionId, Registry};
use prana::{EffectRequest, Effects, Event, Middleware, Value};
use serde_json::{Value as Json, json};

use super::dice::Dice;
use super::ledger::Line;

/// The actions that the workload names.
pub fn registry() -> Registry {
    let mut registry = Registry::standard();
    registry.effect(Descriptor::new::<Json>(
        "torture.effect",
        "Effect",
        "Has the ledger write it down.",
        Effect::Effect,
    ));
    registry
}

/// Runs effects.
pub struct Ledgered {
    pub line: Arc<Line>,
    pub dice: Mutex<Dice>,
    /// False in the end, when nothing is slow any more.
    pub slow: bool,
}

impl Ledgered {
    /// Now and then it takes its time, before or after it is done: that is when a crash leaves it in doubt.
    async fn dawdle(&self) {
        let millis = {
            let mut dice = self.dice.lock().unwrap_or_else(PoisonError::into_inner);
            if self.slow && dice.one_in(6) { dice.below(15) } else { 0 }
        };
        if millis > 0 {
            tokio::time::sleep(Duration::from_millis(millis)).await;
        }
    }
}

#[async_trait]
impl Effects for Ledgered {
    async fn run(&self, request: EffectRequest) -> Result<EffectOutput, ErrorValue> {
        let call = request.call;
        self.dawdle().await;
        let written = self.line.call(json!({
            "kind": "effect",
            "execution": request.execution_id,
            "index": call.execution_index,
            "node": &*call.node_key,
            "key": call.idempotency_key,
            "attempt": call.attempt,
            "params": Json::from(&call.params),
        }));
        let written =
            written.await.map_err(|_| ErrorValue::new("torture.no_ledger", "the ledger is gone"))?;
        self.dawdle().await;
        let failures = call.params.get("fail").and_then(Value::as_i64).unwrap_or(0);
        if i64::from(call.attempt) <= failures {
            return Err(ErrorValue::new("torture.refused", "this attempt was to fail"));
        }
        let output = json!({"receipt": written["receipt"], "key": call.idempotency_key});
        Ok(EffectOutput::Complete(Completed::new(Value::from(output))))
    }
}

/// Tells the ledger which effects are durable, and when the first step was made in an execution from before.
pub struct Listener {
    line: Arc<Line>,
    /// When the process was started, in microseconds since 1970.
    spawned_at: i64,
    own: Mutex<HashSet<ExecutionId>>,
    stepped: AtomicBool,
}

impl Listener {
    /// Hears nothing yet.
    pub fn new(line: Arc<Line>, spawned_at: i64) -> Self {
        Listener { line, spawned_at, own: Mutex::default(), stepped: AtomicBool::new(false) }
    }

    fn is_from_before(&self, event: &Event) -> bool {
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        let begins = event.kind == prana::EventKind::ExecutionStarted;
        if begins {
            own.insert(event.execution_id);
        }
        !begins && !own.contains(&event.execution_id)
    }
}

impl Middleware for Listener {
    fn on_event(&self, event: &Event) {
        if !self.stepped.load(Ordering::Relaxed) && self.is_from_before(event) {
            self.stepped.store(true, Ordering::Relaxed);
            let micros = event.at.as_micros().saturating_sub(self.spawned_at);
            self.line.tell(json!({"kind": "first_step", "micros": micros}));
        }
        let Change::Node(change) = &event.entry.change else { return };
        let ended = matches!(change.outcome, Some(NodeOutcome::Completed(_) | NodeOutcome::Failed(_)));
        if change.started.is_none() && ended {
            self.line.tell(json!({
                "kind": "durable",
                "execution": event.execution_id,
                "index": change.execution_index,
            }));
        }
    }
}
