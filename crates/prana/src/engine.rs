//! The engine: what a Rust application holds on to.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::{Arc, Mutex};

use prana_core::document::Workflow;
use prana_core::execution::{Execution, Header, Status};
use prana_core::graph::{SignResumeUrl, State, WaitTarget};
use prana_core::nodes::webhook_respond::Answer;
use prana_core::record::Entry;
use prana_core::{ErrorValue, ExecutionId, Registry, Timestamp};
use prana_store::{Catalog, Delivered, Holder, Row, Store, Target, WorkerId};
use prana_template::Value;
use tokio::sync::{Notify, oneshot};

use crate::builder::Builder;
use crate::clock::Clock;
use crate::commit::CommitPoint;
use crate::credentials::Credentials;
use crate::effects::Effects;
use crate::error::EngineError;
use crate::events::{Event, Middleware, kinds};
use crate::health::Pulse;
use crate::inbox::Message;
use crate::lease::Lease;
use crate::live::{Held, Live};
use crate::nudges::{Driven, Nudges, Parked, locked};
use crate::schedules::{Scheduler, has_schedules};
use crate::secrets::Secrets;
use crate::start::StartOptions;
use crate::traces::Tracing;
use crate::workflows::Workflows;

/// How an engine behaves.
#[derive(Clone)]
pub struct EngineOptions {
    /// How long this worker is presumed alive after each sign of life, in milliseconds.
    pub lease_ms: u64,
    /// How many executions may be advanced at the same time.
    pub max_running: usize,
    /// Look for work at least this often, in milliseconds.
    pub poll_ms: u64,
    /// What this process does besides answering callers.
    pub roles: Roles,
    /// Makes resume URLs.
    pub sign_resume_url: Option<SignResumeUrl>,
    /// Forget an execution after each node and rebuild it from the store: for tests.
    pub restart_every_step: bool,
    /// Advance executions only when told to, one after the other: for tests.
    pub stepped: bool,
    /// Called right before and right after every commit of a turn: where a test stops the world.
    pub at_commit: Option<AtCommit>,
}

/// What a process does in the background, while [`Engine::serve`] runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Roles {
    /// It advances executions. Without this, those that it starts are left to other workers of the same store.
    pub worker: bool,
    /// It starts what is scheduled, and removes what is past its retention. Any number of processes may do so: each tick counts once.
    pub scheduler: bool,
}

impl Default for Roles {
    fn default() -> Self {
        Roles { worker: true, scheduler: true }
    }
}

/// What is called at the boundaries of commits.
pub type AtCommit = Arc<dyn Fn(CommitPoint) + Send + Sync>;

impl Default for EngineOptions {
    fn default() -> Self {
        EngineOptions {
            lease_ms: 15_000,
            max_running: 512,
            poll_ms: 1_000,
            roles: Roles::default(),
            sign_resume_url: None,
            restart_every_step: false,
            stepped: false,
            at_commit: None,
        }
    }
}

/// How an execution ended, or where it stopped.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Which.
    pub id: ExecutionId,
    /// Where it is.
    pub status: Status,
    /// The output of the node that completed last.
    pub output: Value,
    /// Why it failed, if it did.
    pub error: Option<ErrorValue>,
}

/// Who waits for an execution that is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Waiting {
    /// Nobody: the caller only gets its id, so it is durable before.
    No,
    /// Somebody hears of its end, and of nothing before.
    ForEnd,
    /// Somebody hears of the first answer of a `webhook.respond` node, or of its end.
    ForAnswer,
}

/// Those who wait for something of one execution.
#[derive(Default)]
pub(crate) struct Waiters {
    pub ends: Vec<oneshot::Sender<Outcome>>,
    answers: Vec<oneshot::Sender<Answer>>,
}

/// Runs workflows. A clone is another handle to the same engine.
#[derive(Clone)]
pub struct Engine {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub store: Arc<dyn Store>,
    pub workflows: Workflows,
    pub secrets: Arc<Secrets>,
    pub credentials: Credentials,
    pub effects: Arc<dyn Effects>,
    pub clock: Arc<dyn Clock>,
    pub options: EngineOptions,
    pub worker: WorkerId,
    pub nudges: Nudges,
    pub schedules: Scheduler,
    pub parked: Parked,
    /// Something may be ready to be claimed.
    pub wake: Notify,
    /// Whether writes succeed.
    pub pulse: Pulse,
    /// Answers of the store were lost: this worker may hold executions that nobody here knows of.
    pub may_hold_unknown: AtomicBool,
    /// Whether this worker may still count itself alive.
    pub lease: Lease,
    pub middleware: Vec<Arc<dyn Middleware>>,
    /// Who asks for spans.
    pub tracing: Option<Tracing>,
    /// What a stepped engine is to advance.
    pub queue: Mutex<VecDeque<(Held, Option<Live>, Driven)>>,
    pub waiters: Mutex<HashMap<ExecutionId, Waiters>>,
    pub stopping: AtomicBool,
    pub running: AtomicUsize,
    pub idle: Notify,
}

impl Engine {
    /// A builder with everything in memory, the pure actions, and the computer's clock.
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// The actions that workflows may name.
    pub fn registry(&self) -> &Registry {
        self.inner.workflows.registry()
    }

    /// Where definitions are kept.
    pub fn catalog(&self) -> &Arc<dyn Catalog> {
        self.inner.workflows.catalog()
    }

    /// Where executions are kept.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.inner.store
    }

    /// The secrets that effects may use.
    pub fn secrets(&self) -> &Secrets {
        &self.inner.secrets
    }

    /// The credentials that effects may use.
    pub fn credentials(&self) -> &Credentials {
        &self.inner.credentials
    }

    /// Saves a workflow and makes this version the one that new executions run. The same document again makes no new version.
    ///
    /// # Errors
    /// The store's.
    pub async fn activate(&self, workflow: &Workflow) -> Result<u64, EngineError> {
        let version = self.inner.workflows.activate(workflow, &*self.inner.clock).await?;
        if has_schedules(workflow, self.registry()) || self.inner.schedules.knows(&workflow.id) {
            self.sync_schedules(&workflow.id).await?;
        }
        Ok(version)
    }

    /// Saves a workflow, runs it, and waits until it ends. Where it suspends, this waits too.
    ///
    /// # Errors
    /// The workflow's diagnostics, or the store's error. A failed execution is no error: see [`Outcome::status`].
    pub async fn run(&self, workflow: &Workflow, input: Value) -> Result<Outcome, EngineError> {
        self.activate(workflow).await?;
        self.run_with(&workflow.id, input, StartOptions::default()).await
    }

    /// Runs the active version of a workflow, and waits until it ends.
    ///
    /// # Errors
    /// [`EngineError::UnknownWorkflow`], the workflow's diagnostics, or the store's error.
    pub async fn run_with(
        &self,
        id: &str,
        input: Value,
        options: StartOptions,
    ) -> Result<Outcome, EngineError> {
        let started = self.inner.start(id, input, options, Waiting::ForEnd, None).await?;
        let ended = started.ended.await;
        ended.map_err(|_| EngineError::Unavailable("the engine stopped before the execution ended".into()))
    }

    /// Starts an execution whose end the caller waits for: its identity at once, and its end when it comes. It may not be durable before it ends.
    ///
    /// # Errors
    /// As [`Engine::run_with`].
    pub async fn begin(
        &self,
        id: &str,
        input: Value,
        options: StartOptions,
    ) -> Result<(ExecutionId, oneshot::Receiver<Outcome>), EngineError> {
        let started = self.inner.start(id, input, options, Waiting::ForEnd, None).await?;
        Ok((started.id, started.ended))
    }

    /// Starts the active version of a workflow. When this returns, the execution is durable.
    ///
    /// # Errors
    /// [`EngineError::UnknownWorkflow`], the workflow's diagnostics, or the store's error.
    pub async fn start(&self, id: &str, input: Value) -> Result<ExecutionId, EngineError> {
        self.start_with(id, input, StartOptions::default()).await
    }

    /// Starts an execution, with more said about it.
    ///
    /// # Errors
    /// As [`Engine::start`].
    pub async fn start_with(
        &self,
        id: &str,
        input: Value,
        options: StartOptions,
    ) -> Result<ExecutionId, EngineError> {
        Ok(self.inner.start(id, input, options, Waiting::No, None).await?.id)
    }

    /// Waits until an execution ends in this process. Ask before it can have ended.
    pub fn ended(&self, id: ExecutionId) -> oneshot::Receiver<Outcome> {
        self.inner.wait_for(id)
    }

    /// Answers a node's oldest open wait; without one the answer is kept for its next.
    ///
    /// # Errors
    /// [`EngineError::NotSuspended`] for an execution that ended.
    pub async fn resume(&self, id: ExecutionId, node: &str, data: Value) -> Result<Delivered, EngineError> {
        self.answer(id, Target::Node(Arc::from(node)), data).await
    }

    /// An answer by node key needs a node that waits, or may wait later.
    async fn check_can_wait(&self, id: ExecutionId, node: &str) -> Result<(), EngineError> {
        if !self.inner.store.retains_trail() {
            return self.row(id).await.map(drop);
        }
        let (loaded, _, graph) = self.inner.current_graph(id).await?;
        let waits = loaded.waits.iter().any(|wait| wait.open && *wait.wait.node_key == *node);
        if waits || loaded.row.status.is_ended() || graph.state().sequence == 0 || graph.can_still_run(node) {
            return Ok(());
        }
        let reason = format!("`{node}` doesn't wait, and no way leads to it any more");
        Err(EngineError::NotSuspended { status: graph.status().as_str().to_owned(), reason })
    }

    /// Answers one wait: a run, or the wait that a link was made for. Twice the same is once.
    ///
    /// # Errors
    /// [`EngineError::NotSuspended`] for a wait that was used, or an execution that ended.
    pub async fn answer(
        &self,
        id: ExecutionId,
        target: Target,
        data: Value,
    ) -> Result<Delivered, EngineError> {
        crate::start::check_size(&data)?;
        if let Target::Node(node) = &target {
            self.check_can_wait(id, node).await?;
        }
        self.inner.deliver(id, target, &Message::Resume { data }).await
    }

    /// Answers the wait that a link was made for. One link answers one wait, also if it is used before the wait begins.
    ///
    /// # Errors
    /// As [`Engine::answer`].
    pub async fn answer_link(&self, wait: &WaitTarget, data: Value) -> Result<Delivered, EngineError> {
        let target = Target::Token {
            node_key: Arc::from(&*wait.node_key),
            loop_path: Arc::from(wait.loop_path.to_string()),
            run_index: wait.run_index,
        };
        self.answer(wait.execution_id, target, data).await
    }

    /// Ends an execution. It takes effect before its next node starts; one that has ended already stays as it is.
    ///
    /// # Errors
    /// [`EngineError::UnknownExecution`], or what the store says.
    pub async fn cancel(&self, id: ExecutionId, reason: &str) -> Result<(), EngineError> {
        let message = Message::Cancel { reason: reason.into() };
        match self.inner.deliver(id, Target::Execution, &message).await {
            Ok(_) | Err(EngineError::NotSuspended { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// An execution with its audit trail.
    ///
    /// # Errors
    /// [`EngineError::UnknownExecution`], or what the store says.
    pub async fn execution(&self, id: ExecutionId) -> Result<Execution, EngineError> {
        self.inner.execution(id).await
    }

    /// The state that an execution's whole log folds to, and the one that its newest snapshot leads to: tests hold them equal.
    ///
    /// # Errors
    /// [`EngineError::UnknownExecution`], or what the store says.
    #[doc(hidden)]
    pub async fn states_for_test(&self, id: ExecutionId) -> Result<(State, State), EngineError> {
        self.inner.states(id).await
    }

    /// The row of an execution: what lists show.
    ///
    /// # Errors
    /// [`EngineError::UnknownExecution`], or what the store says.
    pub async fn row(&self, id: ExecutionId) -> Result<Row, EngineError> {
        self.inner.store.execution(id).await?.ok_or(EngineError::UnknownExecution(id))
    }

    /// Advances executions until there is nothing more to do without time or outside help: for stepped engines.
    ///
    /// # Errors
    /// What stopped an execution from being advanced.
    pub async fn run_until_idle(&self) -> Result<(), EngineError> {
        self.inner.run_until_idle().await
    }

    /// The earliest time after `after` at which something becomes due.
    ///
    /// # Errors
    /// The store's.
    pub async fn next_wake(&self, after: Timestamp) -> Result<Option<Timestamp>, EngineError> {
        Ok(self.inner.store.next_wake(after).await?)
    }
}

impl Inner {
    pub(crate) fn holder(&self, now: Timestamp) -> Holder {
        Holder { worker: self.worker, lease_until: now.plus_millis(self.options.lease_ms) }
    }

    /// A place for tests to stop the world.
    pub(crate) async fn reach(&self, point: CommitPoint) {
        if let Some(at_commit) = &self.options.at_commit {
            at_commit(point);
        }
    }

    /// True if somebody wants to hear of entries.
    pub(crate) fn listens(&self) -> bool {
        !self.middleware.is_empty() || self.tracing.is_some()
    }

    /// Tells the middleware of an entry. One that panics is logged.
    pub(crate) fn tell(&self, header: &Header, entry: &Arc<Entry>) {
        for (place, kind) in kinds(entry).enumerate() {
            let event = Event {
                kind,
                number: Event::number_of(entry.sequence, place),
                at: entry.at,
                execution_id: header.id,
                workflow_id: header.workflow_id.clone(),
                workflow_version: header.workflow_version,
                entry: Arc::clone(entry),
            };
            for middleware in &self.middleware {
                let call = std::panic::AssertUnwindSafe(|| middleware.on_event(&event));
                if std::panic::catch_unwind(call).is_err() {
                    tracing::error!(event = kind.as_str(), "a middleware panicked; the execution goes on");
                }
            }
        }
    }

    pub(crate) fn wait_for(&self, id: ExecutionId) -> oneshot::Receiver<Outcome> {
        let (sender, receiver) = oneshot::channel();
        locked(&self.waiters).entry(id).or_default().ends.push(sender);
        receiver
    }

    pub(crate) fn wait_for_answer(&self, id: ExecutionId) -> oneshot::Receiver<Answer> {
        let (sender, receiver) = oneshot::channel();
        locked(&self.waiters).entry(id).or_default().answers.push(sender);
        receiver
    }

    /// Whether some caller waits for an answer of this execution.
    pub(crate) fn is_awaited(&self, id: ExecutionId) -> bool {
        locked(&self.waiters).get(&id).is_some_and(|waiters| !waiters.answers.is_empty())
    }

    /// Callers who wait for an answer get it.
    pub(crate) fn answer_callers(&self, id: ExecutionId, answer: &Answer) {
        let callers = locked(&self.waiters).get_mut(&id).map(|waiters| std::mem::take(&mut waiters.answers));
        for caller in callers.unwrap_or_default() {
            // Nobody listens any more: then nobody needs it.
            let _ = caller.send(answer.clone());
        }
    }

    /// Nobody is told of this end.
    pub(crate) fn nobody_waits_for(&self, id: ExecutionId) {
        locked(&self.waiters).remove(&id);
    }

    async fn deliver(
        self: &Arc<Self>,
        id: ExecutionId,
        target: Target,
        message: &Message,
    ) -> Result<Delivered, EngineError> {
        let not_suspended = |status: &str, reason: &str| {
            Err(EngineError::NotSuspended { status: status.to_owned(), reason: reason.to_owned() })
        };
        let item = message.to(id, target, None, self.clock.now())?;
        let delivered = self.store.deliver(item).await.inspect_err(|_| {
            // It may have been done, and only the answer was lost.
            self.nudges.nudge(id);
            self.wake.notify_one();
        });
        match delivered? {
            Delivered::Unknown => Err(EngineError::UnknownExecution(id)),
            Delivered::Ended { status } => not_suspended(&status.to_string(), "the execution has ended"),
            Delivered::Used => not_suspended("used", "that wait has had its answer"),
            delivered => {
                self.nudges.nudge(id);
                self.wake.notify_one();
                Ok(delivered)
            }
        }
    }
}
