//! Executions that go on from earlier ones: fix, then run from here.

use std::sync::Arc;

use prana_core::execution::Header;
use prana_core::executor::{ForkRequest, Forked, Input, failed_run, fork_from};
use prana_core::suspension::ExecutionMode;
use prana_core::{ExecutionId, GraphExecutor};
use prana_store::{LoadFrom, NewExecution, Release, Start, Which};
use prana_template::Value;

use crate::clock::new_id;
use crate::engine::{Engine, Inner};
use crate::error::EngineError;
use crate::live::{Held, Live};
use crate::start::check_size;

/// How a new execution goes on from an earlier one.
#[derive(Debug, Clone, Default)]
pub struct ForkOptions {
    /// The version of the workflow to go on with; the earlier execution's, if not said.
    pub version: Option<u64>,
    /// The data that the first node gets in the place of its newest input; what it got then, if not said.
    pub input: Option<Value>,
}

impl Engine {
    /// Starts a new execution that has an earlier one's past up to a run, and runs on from that node. Earlier results are used again, and
    /// their nodes not run again.
    ///
    /// # Errors
    /// [`EngineError::CannotContinue`] if there is no such run, or the version lacks nodes or ports that ran before; it names them.
    pub async fn execute_from_node(
        &self,
        id: ExecutionId,
        execution_index: u32,
        options: ForkOptions,
    ) -> Result<ExecutionId, EngineError> {
        self.inner.fork(id, Some(execution_index), options, false).await
    }

    /// Starts a new execution in which one node runs alone, with the data of an earlier run or with other data.
    ///
    /// # Errors
    /// As [`Engine::execute_from_node`].
    pub async fn execute_node(
        &self,
        id: ExecutionId,
        execution_index: u32,
        options: ForkOptions,
    ) -> Result<ExecutionId, EngineError> {
        self.inner.fork(id, Some(execution_index), options, true).await
    }

    /// Starts a new execution that goes on from the node that failed an earlier one.
    ///
    /// # Errors
    /// As [`Engine::execute_from_node`]; also if no node failed it.
    pub async fn retry(&self, id: ExecutionId, options: ForkOptions) -> Result<ExecutionId, EngineError> {
        self.inner.fork(id, None, options, false).await
    }
}

impl Inner {
    /// Without a run: from the one that failed.
    async fn fork(
        self: &Arc<Self>,
        id: ExecutionId,
        execution_index: Option<u32>,
        options: ForkOptions,
        alone: bool,
    ) -> Result<ExecutionId, EngineError> {
        options.input.iter().try_for_each(check_size)?;
        let loaded = self.store.load(id, LoadFrom::Start).await?;
        let loaded = loaded.ok_or(EngineError::UnknownExecution(id))?;
        let (earlier, log) = self.decode(&loaded).await?;
        if log.is_empty() {
            let reason = "its trail wasn't kept, or it hasn't begun: start it anew instead";
            return Err(EngineError::CannotContinue(reason.to_owned()));
        }
        let no_failure =
            || EngineError::CannotContinue("no node failed it: say from which run to go on".to_owned());
        let execution_index = execution_index.or_else(|| failed_run(&log)).ok_or_else(no_failure)?;
        let header = self.forked_header(&earlier, options.version);
        let which = Which::Version(header.workflow_version);
        let test_run = header.metadata.test_run;
        let compiled = self
            .workflows
            .compiled(&header.workflow_id, which, Some(&header.trigger), test_run, None)
            .await?;
        let retention_ms = compiled.settings.retention;
        let request = ForkRequest { from: id, log: &log, execution_index, input: options.input, alone };
        let forked = fork_from(&request, compiled, Arc::new(self.context(&header)))
            .map_err(|error| EngineError::CannotContinue(error.to_string()))?;
        self.begin_fork(header, forked, retention_ms).await
    }

    fn forked_header(&self, earlier: &Header, version: Option<u64>) -> Header {
        let id = new_id(&*self.clock);
        let mut header = earlier.clone();
        header.id = id;
        header.root_execution_id = id;
        header.parent_execution_id = None;
        header.metadata.parent = None;
        header.execution_mode = ExecutionMode::Async;
        header.created_at = self.clock.now();
        header.metadata.until = None;
        header.metadata.traceparent = None;
        header.workflow_version = version.unwrap_or(earlier.workflow_version);
        header
    }

    /// The past is one commit with the creation; only then it goes on.
    async fn begin_fork(
        self: &Arc<Self>,
        header: Header,
        forked: Forked,
        retention_ms: Option<u64>,
    ) -> Result<ExecutionId, EngineError> {
        let (id, now) = (header.id, self.clock.now());
        let executor = GraphExecutor::new(forked.graph, now);
        let trace = self.trace_of(&header, executor.graph());
        let mut live = Live { trace, ..Live::new(Arc::new(header), executor, 1, 0) };
        let new = NewExecution {
            mode: live.header.execution_mode as u8,
            header: live.encode_header()?,
            retention_ms,
            ..NewExecution::new(
                id,
                &*live.header.workflow_id,
                live.header.workflow_version,
                now,
                Start::Claimed(self.holder(now)),
            )
        };
        live.create = Some(new);
        live.restored = true;
        live.take_past(&forked.prefix)?;
        self.commit(&mut live, Release::Keep).await?;
        live.executor.handle(Input::Fork(forked.fork), now).map_err(EngineError::damaged)?;
        self.take_over_with(Held::new(id, live.epoch), Some(live));
        Ok(id)
    }
}
