//! Executions end, report to their parents, and start children.

use std::sync::Arc;

use prana_core::document::Save;
use prana_core::execution::{ParentRef, Status};
use prana_core::executor::{ChildStart, Input};
use prana_core::suspension::{ChildEnd, ExecutionMode};
use prana_core::{ErrorValue, ExecutionId};
use prana_store::{NewExecution, NewItem, Release, Start, Target};

use crate::engine::Inner;
use crate::error::EngineError;
use crate::inbox::Message;
use crate::live::{Held, Live};

impl Inner {
    /// The execution is over: its end, its report to a parent and its error workflow are one commit.
    pub(crate) async fn end(self: &Arc<Self>, live: &mut Live, status: Status) -> Result<(), EngineError> {
        if let Some(report) = self.report(live, status)? {
            live.turn.reports.push(report);
        }
        if status == Status::Failed || status == Status::Timeout {
            loop {
                match self.start_error_workflow(live, status).await {
                    Err(EngineError::Store(error)) if self.is_worth_waiting(&error) => self.pause().await,
                    started => break started?,
                }
            }
        }
        let save = live.executor.graph().compiled().settings.save;
        let keep_trail = match save {
            Save::All => true,
            Save::Failed => status != Status::Completed,
            Save::None => false,
        };
        if live.leaves_no_trace(save) {
            // Nobody has heard of it, and nothing is to be kept of it: it is never written.
            self.tell_all(live);
        } else {
            self.commit(live, Release::End { status: stored_status(status), keep_trail }).await?;
        }
        self.ended(live, status);
        Ok(())
    }

    fn report(&self, live: &Live, status: Status) -> Result<Option<NewItem>, EngineError> {
        let header = &live.header;
        let (Some(parent), Some(place)) = (header.parent_execution_id, header.metadata.parent) else {
            return Ok(None);
        };
        if header.execution_mode == ExecutionMode::FireAndForget {
            return Ok(None);
        }
        let graph = live.executor.graph();
        let end = ChildEnd {
            execution_index: place.execution_index,
            item: place.item,
            execution_id: header.id,
            status,
            output: graph.output(),
            error: graph.state().error.clone(),
        };
        let dedupe = Some(Arc::from(header.id.to_string()));
        let target = Target::Report(place.execution_index);
        Ok(Some(Message::ChildEnded(end).to(parent, target, dedupe, self.clock.now())?))
    }

    /// Adds a child to the turn; one that can't be started has ended at once, with the reason.
    pub(crate) async fn start_child(
        self: &Arc<Self>,
        live: &mut Live,
        start: ChildStart,
    ) -> Result<(), EngineError> {
        let id = self.child_id(&start.place);
        let (execution_index, item) = (start.execution_index, start.item);
        let exists = live.restored && self.exists(id).await?;
        if !exists && let Err(error) = self.add_child(live, id, start.clone()).await? {
            let end = ChildEnd {
                execution_index,
                item,
                execution_id: id,
                status: Status::Failed,
                output: prana_template::Value::Null,
                error: Some(error),
            };
            return self.hand(live, Input::ChildEnded(end));
        }
        if start.execution_mode == ExecutionMode::FireAndForget {
            return self.hand(live, Input::ChildStarted { execution_index, item, execution_id: id });
        }
        Ok(())
    }

    /// Asks until the store answers: what the turn holds must not be lost.
    async fn exists(&self, id: ExecutionId) -> Result<bool, EngineError> {
        loop {
            match self.store.execution(id).await {
                Err(error) if self.is_worth_waiting(&error) => self.pause().await,
                answer => return Ok(answer?.is_some()),
            }
        }
    }

    async fn add_child(
        self: &Arc<Self>,
        live: &mut Live,
        id: ExecutionId,
        start: ChildStart,
    ) -> Result<Result<(), ErrorValue>, EngineError> {
        let parent = &live.header;
        let place = ParentRef { execution_index: start.execution_index, item: start.item };
        let mut header = loop {
            match self.child_header(parent, id, &start, place).await {
                Ok(header) => break header,
                Err(EngineError::Store(error)) if self.is_worth_waiting(&error) => self.pause().await,
                Err(error @ (EngineError::Store(_) | EngineError::Damaged(_))) => return Err(error),
                Err(error) => {
                    return Ok(Err(ErrorValue::new(error.code(), error.to_string()).not_retryable()));
                }
            }
        };
        header.metadata.timeout_ms = start.timeout_ms;
        let runs_here = start.execution_mode == ExecutionMode::Sync;
        let now = self.clock.now();
        let begin = match runs_here {
            true => Start::Claimed(self.holder(now)),
            false => Start::Ready { at: now.plus_millis(start.delay_ms) },
        };
        let new = NewExecution {
            mode: start.execution_mode as u8,
            header: live.turn.encoder.bytes(&header)?,
            ..NewExecution::new(id, &*header.workflow_id, header.workflow_version, now, begin)
        };
        let new = match start.execution_mode {
            ExecutionMode::FireAndForget => new,
            _ => new.child_of(parent.id, parent.root_execution_id),
        };
        if runs_here {
            live.turn.born.push(Held::new(id, 1));
        }
        live.add_child_row(new);
        Ok(Ok(()))
    }
}

pub(crate) fn stored_status(status: Status) -> prana_store::Status {
    match status {
        Status::Pending => prana_store::Status::Pending,
        Status::Running => prana_store::Status::Running,
        Status::Suspended => prana_store::Status::Suspended,
        Status::Completed => prana_store::Status::Completed,
        Status::Failed => prana_store::Status::Failed,
        Status::Cancelled => prana_store::Status::Cancelled,
        Status::Timeout => prana_store::Status::Timeout,
    }
}
