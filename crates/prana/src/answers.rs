//! Answers to callers who wait for a webhook: what the first `webhook.respond` node of an execution said, once that is durable.

use prana_core::ExecutionId;
use prana_core::compile::{CompiledGraph, Run};
use prana_core::nodes::webhook_respond::{self, Answer};
use prana_core::record::{Change, Completed, Entry, NodeOutcome};
use prana_store::LoadFrom;
use prana_template::Value;
use tokio::sync::oneshot;

use crate::engine::{Engine, Outcome, Waiting};
use crate::error::EngineError;
use crate::live::Live;
use crate::start::StartOptions;

/// An execution that was started for a caller who waits.
#[derive(Debug)]
pub struct Begun {
    /// Which.
    pub id: ExecutionId,
    /// Gives its end when it comes.
    pub ended: oneshot::Receiver<Outcome>,
    /// Gives what the first `webhook.respond` node says, once that is durable; closed if it ends without one.
    pub answered: oneshot::Receiver<Answer>,
}

impl Engine {
    /// Starts an execution for a caller who is answered by a `webhook.respond` node, or at the end. It may not be durable before either.
    ///
    /// With a start key that was used before, the answer of that earlier execution is given, also if it was given before.
    ///
    /// # Errors
    /// As [`Engine::run_with`].
    pub async fn begin_answered(
        &self,
        id: &str,
        input: Value,
        options: StartOptions,
    ) -> Result<Begun, EngineError> {
        let has_key = options.start_key.is_some();
        let started = self.inner.start(id, input, options, Waiting::ForAnswer, None).await?;
        let (id, ended) = (started.id, started.ended);
        let mut answered = started.answered.unwrap_or_else(closed);
        if has_key && let Some(answer) = self.answer_of(id).await? {
            let (sender, receiver) = oneshot::channel();
            // The receiver is right here.
            let _ = sender.send(answer);
            answered = receiver;
        }
        Ok(Begun { id, ended, answered })
    }

    /// What the first `webhook.respond` node of an execution said, as its trail has it; none if none has run, or the trail wasn't kept.
    ///
    /// # Errors
    /// [`EngineError::UnknownExecution`], or what the store says.
    pub async fn answer_of(&self, id: ExecutionId) -> Result<Option<Answer>, EngineError> {
        let Some(loaded) = self.inner.store.load(id, LoadFrom::Start).await? else { return Ok(None) };
        let (header, entries) = self.inner.decode(&loaded).await?;
        let compiled = self.inner.compiled_for(&header).await?;
        let output = entries.iter().find_map(|entry| answer_in(&compiled, entry));
        Ok(output.map(Answer::of_output))
    }
}

/// A receiver that nobody sends to.
fn closed() -> oneshot::Receiver<Answer> {
    oneshot::channel().1
}

/// What an entry says to the caller, if it does.
fn answer_in<'e>(compiled: &CompiledGraph, entry: &'e Entry) -> Option<&'e Value> {
    let Change::Node(change) = &entry.change else { return None };
    let Some(NodeOutcome::Completed(Completed { output, is_error: false, .. })) = &change.outcome else {
        return None;
    };
    // It is pure, so it starts and completes in one entry.
    let key = &change.started.as_ref()?.node_key;
    let node = compiled.node(compiled.node_id(key)?);
    let answers =
        *node.descriptor().type_name == *webhook_respond::TYPE && !matches!(node.run, Run::PassThrough);
    answers.then_some(output)
}

impl Live {
    /// Takes note of an entry that answers the caller. Only the first counts.
    pub fn note_answer(&mut self, entry: &Entry) {
        if self.turn.answer.is_none() && &*self.header.trigger_type == "webhook.trigger" {
            let said = answer_in(self.executor.graph().compiled(), entry);
            self.turn.answer = said.map(Answer::of_output);
        }
    }
}
