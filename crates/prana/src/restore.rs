//! An execution comes back into memory: its log is read and folded.

use std::collections::HashSet;
use std::sync::Arc;

use prana_core::compile::CompiledGraph;
use prana_core::execution::{Execution, Header};
use prana_core::executor::Input;
use prana_core::graph::{Context, State};
use prana_core::record::{Entry, ExecutionIndex};
use prana_core::suspension::Suspension;
use prana_core::{ExecutionGraph, ExecutionId, GraphExecutor};
use prana_store::{Hash, InboxItem, LoadFrom, Loaded, StoreError, Which};
use prana_template::Str;

use crate::codec::{Decoder, unpacked};
use crate::engine::{Engine, Inner};
use crate::error::EngineError;
use crate::live::{Held, Live, SinceSnapshot};
use crate::traces::Trace;

/// An execution that is taken over this often without getting any further is parked for a person to look at.
const POISON_AFTER: u32 = 10;

/// One that is taken over this often without getting any further is committed node by node.
const CAREFUL_AFTER: u32 = 2;

/// What was read.
pub(crate) struct Restored {
    pub header: Arc<Header>,
    pub executor: GraphExecutor,
    pub next_sequence: u64,
    pub since_snapshot: SinceSnapshot,
    pub open_waits: HashSet<u32>,
    pub inbox: Vec<InboxItem>,
    pub careful: bool,
    pub trace: Option<Box<Trace>>,
}

impl Inner {
    /// Reads an execution that this worker has claimed, and settles what a crash left in doubt.
    pub(crate) async fn restore(&self, held: &Held) -> Result<Live, EngineError> {
        let (loaded, header, graph) = self.current_graph(held.id).await?;
        let row = &loaded.row;
        if row.claimed_by != Some(self.worker) || row.epoch != held.epoch {
            let (execution, epoch, current) = (row.id, held.epoch, row.epoch);
            return Err(StoreError::Fenced { execution, epoch, current }.into());
        }
        let trace = self.trace_of(&header, &graph);
        let mut executor = GraphExecutor::new(graph, self.clock.now());
        let recoveries = held.recoveries.unwrap_or_default();
        let mut first = Vec::new();
        if executor.graph().state().sequence == 0 {
            first.push(Input::Start);
        } else {
            executor.restore_children();
            first.extend(held.is_fresh.then_some(Input::Interrupted));
        }
        match recoveries >= POISON_AFTER {
            true => first.push(park(recoveries)),
            false => first.push(Input::Recover),
        }
        for input in first {
            executor.handle(input, self.clock.now()).map_err(EngineError::damaged)?;
        }
        let open = loaded.waits.iter().filter(|wait| wait.open).map(|wait| wait.wait.execution_index);
        let restored = Restored {
            header,
            executor,
            next_sequence: loaded.row.next_sequence,
            since_snapshot: SinceSnapshot {
                entries: loaded.entries.len(),
                bytes: loaded.entries.iter().map(|entry| entry.bytes.len()).sum(),
                size: loaded.snapshot.as_ref().map_or(0, |snapshot| snapshot.bytes.len()),
            },
            open_waits: open.collect(),
            inbox: loaded.inbox,
            careful: recoveries >= CAREFUL_AFTER,
            trace,
        };
        Ok(Live::from_restored(restored, held.epoch))
    }

    /// The graph of a stored execution, as it is now. What is read is bounded by the newest snapshot.
    pub(crate) async fn current_graph(
        &self,
        id: ExecutionId,
    ) -> Result<(Loaded, Arc<Header>, ExecutionGraph), EngineError> {
        match self.restore_graph(id, LoadFrom::Snapshot).await? {
            Some(restored) => Ok(restored),
            // The snapshot is of another compiled form: fold the whole log.
            None => self.restore_graph(id, LoadFrom::Start).await?.ok_or(EngineError::UnknownExecution(id)),
        }
    }

    /// The graph of a stored execution. None if there is a snapshot that doesn't fit.
    async fn restore_graph(
        &self,
        id: ExecutionId,
        from: LoadFrom,
    ) -> Result<Option<(Loaded, Arc<Header>, ExecutionGraph)>, EngineError> {
        let loaded = self.store.load(id, from).await?;
        let loaded = loaded.ok_or(EngineError::UnknownExecution(id))?;
        let (header, entries, decoder) = self.decode_with(&loaded).await?;
        let header = Arc::new(header);
        let Some(snapshot) = &loaded.snapshot else {
            let graph = self.graph(&header, &entries).await?;
            return Ok(Some((loaded, header, graph)));
        };
        let Ok(snapshot) = decoder.read(&snapshot.bytes) else { return Ok(None) };
        let compiled = self.compiled_for(&header).await?;
        let Some(mut graph) =
            ExecutionGraph::from_snapshot(compiled, Arc::new(self.context(&header)), snapshot)
        else {
            return Ok(None);
        };
        entries.iter().try_for_each(|entry| graph.apply(entry)).map_err(EngineError::damaged)?;
        Ok(Some((loaded, header, graph)))
    }

    pub(crate) async fn compiled_for(&self, header: &Header) -> Result<Arc<CompiledGraph>, EngineError> {
        let which = Which::Version(header.workflow_version);
        let test_run = header.metadata.test_run;
        let until = header.metadata.until.as_deref();
        self.workflows.compiled(&header.workflow_id, which, Some(&header.trigger), test_run, until).await
    }

    /// The graph that a log leads to.
    pub(crate) async fn graph(
        &self,
        header: &Arc<Header>,
        log: &[Entry],
    ) -> Result<ExecutionGraph, EngineError> {
        let compiled = self.compiled_for(header).await?;
        let context = Arc::new(self.context(header));
        ExecutionGraph::rebuild(compiled, context, log).map_err(EngineError::damaged)
    }

    pub(crate) fn context(&self, header: &Header) -> Context {
        Context { sign_resume_url: self.options.sign_resume_url.clone(), ..Context::new(header.clone()) }
    }

    /// The header and the log as they were before they became bytes.
    pub(crate) async fn decode(&self, loaded: &Loaded) -> Result<(Header, Vec<Entry>), EngineError> {
        self.decode_with(loaded).await.map(|(header, entries, _)| (header, entries))
    }

    async fn decode_with(&self, loaded: &Loaded) -> Result<(Header, Vec<Entry>, Decoder), EngineError> {
        let entries = loaded.entries.iter().map(|entry| entry.bytes.as_slice());
        let snapshot = loaded.snapshot.iter().map(|snapshot| snapshot.bytes.as_slice());
        let all = std::iter::once(loaded.header.as_slice()).chain(entries).chain(snapshot);
        let mut decoder = Decoder::default();
        self.fetch_payloads(&mut decoder, loaded.row.root, all).await?;
        let header = decoder.read(&loaded.header)?;
        let entries: Result<Vec<Entry>, EngineError> =
            loaded.entries.iter().map(|entry| decoder.read(&entry.bytes)).collect();
        Ok((header, entries?, decoder))
    }

    /// Fetches payloads, and those that they refer to.
    pub(crate) async fn fetch_payloads<'a>(
        &self,
        decoder: &mut Decoder,
        root: ExecutionId,
        all: impl Iterator<Item = &'a [u8]>,
    ) -> Result<(), EngineError> {
        let mut missing = decoder.missing(all);
        let mut fetched: Vec<(Hash, Vec<u8>)> = Vec::new();
        while !missing.is_empty() {
            let found = self.store.payloads(root, &missing).await?;
            let mut next = Vec::new();
            for (hash, bytes) in missing.into_iter().zip(found) {
                let bytes = bytes.ok_or_else(|| EngineError::damaged("a payload is missing"))?;
                let bytes = unpacked(&bytes)?.into_owned();
                next.extend(decoder.missing([bytes.as_slice()]));
                fetched.push((hash, bytes));
            }
            next.retain(|hash| !fetched.iter().any(|(known, _)| known == hash));
            missing = next;
        }
        // What is referred to was fetched after what refers to it.
        for (hash, bytes) in fetched.into_iter().rev() {
            decoder.add(hash, &bytes)?;
        }
        Ok(())
    }

    /// The state that the whole log folds to, and the one that the newest snapshot leads to.
    pub(crate) async fn states(&self, id: ExecutionId) -> Result<(State, State), EngineError> {
        let missing = || EngineError::UnknownExecution(id);
        let (_, _, folded) = self.restore_graph(id, LoadFrom::Start).await?.ok_or_else(missing)?;
        let (_, _, cached) = self.restore_graph(id, LoadFrom::Snapshot).await?.ok_or_else(missing)?;
        Ok((folded.state().clone(), cached.state().clone()))
    }

    /// An execution with its whole audit trail.
    pub(crate) async fn execution(&self, id: ExecutionId) -> Result<Execution, EngineError> {
        let loaded = self.store.load(id, LoadFrom::Start).await?;
        let loaded = loaded.ok_or(EngineError::UnknownExecution(id))?;
        let (header, entries) = self.decode(&loaded).await?;
        Ok(Execution::from_log(&header, &entries))
    }
}

/// Where an open execution is, without its node runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Glance {
    /// The execution.
    pub execution: Execution,
    /// What waits: the node, the number of its run, and what it waits for.
    pub waits: Vec<(Str, ExecutionIndex, Suspension)>,
}

impl Engine {
    /// Where an execution is. Of its trail only what follows the newest snapshot is read, so this costs about the same for a long one.
    ///
    /// # Errors
    /// [`EngineError::UnknownExecution`], a workflow that can't be compiled any more, or what the store says.
    pub async fn glance(&self, id: ExecutionId) -> Result<Glance, EngineError> {
        let (_, header, graph) = self.inner.current_graph(id).await?;
        let waiting = graph.open_runs().iter().filter_map(|run| Some((run, run.suspension()?.clone())));
        let waits = waiting.map(|(run, suspension)| {
            (graph.compiled().node(run.node).key.clone(), run.execution_index, suspension)
        });
        Ok(Glance { execution: Execution::at(&header, graph.state()), waits: waits.collect() })
    }
}

fn park(recoveries: u32) -> Input {
    let reason = format!("it was recovered {recoveries} times in a row without getting any further");
    Input::Park { reason: reason.into() }
}
