//! Waiting for the end of an execution, on behalf of a caller.

use prana::core::ExecutionId;
use prana::core::execution::Status;
use prana::core::nodes::webhook_respond::Answer;
use prana::{Begun, Outcome, StartOptions, Value};
use tokio::sync::oneshot;

use crate::problem::Problem;
use crate::server::Shared;

/// What a caller who waits is told.
pub enum End {
    /// The execution ended.
    Ended(Outcome),
    /// It goes on, and is durable.
    Open(ExecutionId),
}

/// Starts an execution and waits for its end, but no longer than callers may wait.
pub async fn run(
    shared: &Shared,
    workflow: &str,
    input: Value,
    options: StartOptions,
) -> Result<End, Problem> {
    run_told(shared, workflow, input, options, |_| ()).await
}

/// The same; `begun` is told which execution it is as soon as it is started.
pub async fn run_told(
    shared: &Shared,
    workflow: &str,
    input: Value,
    options: StartOptions,
    begun: impl FnOnce(ExecutionId),
) -> Result<End, Problem> {
    let has_key = options.start_key.is_some();
    let (id, ended) = shared.engine.begin(workflow, input, options).await?;
    begun(id);
    // A key that was used before names an earlier execution, which may have ended before anybody waited.
    if has_key && shared.engine.row(id).await?.status.is_ended() {
        return Ok(End::Ended(shared.engine.outcome(id).await?));
    }
    until_ended(shared, id, ended).await
}

/// What a caller of a webhook is told.
pub enum Told {
    /// What the first `webhook.respond` node said.
    Answered(Answer),
    /// No node has answered.
    Not(End),
}

/// Starts an execution and waits for its answer or its end, but no longer than callers may wait. `begun` is told which it is.
pub async fn run_until_answered(
    shared: &Shared,
    workflow: &str,
    input: Value,
    options: StartOptions,
    begun: impl FnOnce(ExecutionId),
) -> Result<Told, Problem> {
    let Begun { id, ended, mut answered } = shared.engine.begin_answered(workflow, input, options).await?;
    begun(id);
    tokio::select! {
        biased;
        Ok(answer) = &mut answered => Ok(Told::Answered(answer)),
        end = until_ended(shared, id, ended) => {
            let end = end?;
            // The answer comes before the end; of an execution that another process went on with it is in the trail.
            let answer = match answered.try_recv() {
                Ok(answer) => Some(answer),
                Err(_) => shared.engine.answer_of(id).await?,
            };
            Ok(answer.map_or(Told::Not(end), Told::Answered))
        }
    }
}

async fn until_ended(
    shared: &Shared,
    id: ExecutionId,
    ended: oneshot::Receiver<Outcome>,
) -> Result<End, Problem> {
    let mut closing = shared.closing.subscribe();
    tokio::select! {
        Ok(outcome) = ended => return Ok(End::Ended(outcome)),
        () = tokio::time::sleep(shared.wait) => {}
        _ = closing.wait_for(|closing| *closing) => {}
    }
    match shared.engine.store().execution(id).await? {
        Some(row) if row.status.is_ended() => Ok(End::Ended(shared.engine.outcome(id).await?)),
        Some(_) => Ok(End::Open(id)),
        None => {
            let detail = "the execution has neither ended nor been stored yet; nothing is promised about it";
            Err(Problem::unavailable("execution.not_stored", detail))
        }
    }
}

/// The same status, in the words of the core.
pub fn status_of(status: prana::store::Status) -> Status {
    use prana::store::Status as Stored;
    match status {
        Stored::Pending => Status::Pending,
        Stored::Running => Status::Running,
        Stored::Suspended => Status::Suspended,
        Stored::Completed => Status::Completed,
        Stored::Failed => Status::Failed,
        Stored::Cancelled => Status::Cancelled,
        Stored::Timeout => Status::Timeout,
    }
}
