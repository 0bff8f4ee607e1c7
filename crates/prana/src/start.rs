//! Executions begin: from outside, as children, after failures, from earlier ones.

use std::sync::Arc;

use prana_core::compile::{CONCURRENCY_NAMES, CompiledGraph};
use prana_core::execution::{Header, Metadata, ParentRef, Status};
use prana_core::executor::{ChildPlace, ChildStart, Input};
use prana_core::graph::{MAX_OUTPUT_BYTES, MAX_OUTPUT_DEPTH};
use prana_core::nodes::webhook_respond::Answer;
use prana_core::suspension::ExecutionMode;
use prana_core::{ExecutionGraph, ExecutionId, GraphExecutor};
use prana_store::{Concurrency, Delta, ItemChange, NewExecution, Release, Start, Which};
use prana_template::{Budget, FixedNames, Map, Str, Template, Value};
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::clock::new_id;
use crate::engine::{Inner, Outcome, Waiting};
use crate::error::EngineError;
use crate::live::{Held, Live};
use crate::traces::{TraceParent, inherited};

/// What may be said about a start.
#[derive(Debug, Clone, Default)]
pub struct StartOptions {
    /// The trigger node; needed where a workflow has several.
    pub trigger: Option<String>,
    /// Put over the workflow's variables.
    pub variables: Map,
    /// `$env`.
    pub environment: Map,
    /// A second start of the workflow with the same key gives the first execution.
    pub start_key: Option<String>,
    /// The version to run; the active one, if not said.
    pub version: Option<u64>,
    /// True to use pinned data.
    pub test_run: bool,
    /// The last node to run: those that don't lead to it are left out.
    pub until: Option<String>,
    /// Where the caller is in a trace: the execution goes on with it, if this engine makes spans ([`Builder::spans`](crate::Builder::spans)).
    pub traceparent: Option<TraceParent>,
}

/// What a new execution brings along.
pub(crate) struct Birth {
    /// Its identity.
    pub id: ExecutionId,
    /// An item of the catalogue that changes in the commit that creates it; not if its start key was used before.
    pub item: Box<ItemChange>,
}

/// An execution that was started.
pub(crate) struct Started {
    pub id: ExecutionId,
    pub ended: oneshot::Receiver<Outcome>,
    pub answered: Option<oneshot::Receiver<Answer>>,
    /// False if a start with the same key was first.
    pub is_new: bool,
}

impl Inner {
    /// Starts an execution. For a caller who waits, its creation may ride along with its first commit.
    pub(crate) async fn start(
        self: &Arc<Self>,
        id: &str,
        input: Value,
        options: StartOptions,
        waiting: Waiting,
        birth: Option<Birth>,
    ) -> Result<Started, EngineError> {
        if self.stopping() {
            return Err(EngineError::Unavailable("the engine is shutting down".into()));
        }
        check_size(&input)?;
        let which = options.version.map_or(Which::Active, Which::Version);
        let compiled = self
            .workflows
            .compiled(id, which, options.trigger.as_deref(), options.test_run, options.until.as_deref())
            .await?;
        let execution_id = birth.as_ref().map_or_else(|| new_id(&*self.clock), |birth| birth.id);
        let mut header = self.header(&compiled, execution_id, input);
        let waits = waiting != Waiting::No;
        header.execution_mode = if waits { ExecutionMode::Sync } else { ExecutionMode::Async };
        header.metadata.variables.extend(options.variables.iter().map(|(k, v)| (k.clone(), v.clone())));
        header.metadata.environment = options.environment.clone();
        header.metadata.test_run = options.test_run;
        header.metadata.until = options.until.as_deref().map(Str::from);
        let traceparent = options.traceparent.filter(|_| self.tracing.is_some());
        header.metadata.traceparent = traceparent.map(|place| place.to_string().into());
        let concurrency = self.slot(&compiled, &header)?;
        let bare = !waits
            || !self.options.roles.worker
            || concurrency.is_some()
            || options.start_key.is_some()
            || birth.is_some();
        let mut encoder = crate::codec::Encoder::default();
        let now = self.clock.now();
        let new = NewExecution {
            mode: header.execution_mode as u8,
            start_key: options.start_key.as_deref().map(Arc::from),
            header: encoder.bytes(&header)?,
            concurrency,
            retention_ms: compiled.settings.retention,
            ..NewExecution::new(
                execution_id,
                id,
                header.workflow_version,
                now,
                Start::Claimed(self.holder(now)),
            )
        };
        let payloads = encoder.take_payloads();
        let ended = self.wait_for(execution_id);
        let answered = (waiting == Waiting::ForAnswer).then(|| self.wait_for_answer(execution_id));
        let context = Arc::new(self.context(&header));
        let graph = ExecutionGraph::new(compiled, context);
        let mut executor = GraphExecutor::new(graph, now);
        executor.handle(Input::Start, now).map_err(EngineError::damaged)?;
        let trace = self.trace_of(&header, executor.graph());
        let mut live = Live { trace, ..Live::new(Arc::new(header), executor, 1, 0) };
        if bare || !payloads.is_empty() {
            // From the moment it is stored, it counts as advanced by this process. If the answer is lost, it is looked for.
            let _driven = self.nudges.enter(execution_id);
            let item = birth.map(|birth| birth.item);
            let goes_at_once = self.options.roles.worker || new.concurrency.is_some();
            let release = if goes_at_once { Release::Keep } else { Release::Ready { at: now } };
            let created = self.store.commit(Delta { payloads, item, release, ..Delta::create(new) }).await;
            let committed = created.inspect_err(|error| {
                self.nobody_waits_for(execution_id);
                self.doubt(error);
            })?;
            self.pulse.good();
            if let Some(existing) = committed.existing {
                self.nobody_waits_for(execution_id);
                return self.started_before(existing, waiting).await;
            }
            if committed.kept && !self.options.roles.worker {
                // Who works here is another process; it held a slot first.
                let release = Release::Ready { at: now };
                self.commit_patiently(Delta { release, ..Delta::new(execution_id, 1, 0, now) }).await?;
            }
            if committed.queued || !self.options.roles.worker {
                return Ok(Started { id: execution_id, ended, answered, is_new: true });
            }
        } else {
            live.create = Some(new);
        }
        self.take_over_with(Held::new(execution_id, 1), Some(live));
        Ok(Started { id: execution_id, ended, answered, is_new: true })
    }

    /// The execution that an earlier start with the same key made; it may have ended.
    async fn started_before(&self, id: ExecutionId, waiting: Waiting) -> Result<Started, EngineError> {
        let ended = self.wait_for(id);
        let answered = (waiting == Waiting::ForAnswer).then(|| self.wait_for_answer(id));
        let row = self.store.execution(id).await?.ok_or(EngineError::UnknownExecution(id))?;
        if !row.status.is_ended() {
            return Ok(Started { id, ended, answered, is_new: false });
        }
        self.tell_end(self.outcome(id).await?);
        Ok(Started { id, ended, answered: None, is_new: false })
    }

    fn header(&self, compiled: &CompiledGraph, id: ExecutionId, input: Value) -> Header {
        let trigger = compiled.node(compiled.trigger);
        Header {
            id,
            workflow_id: compiled.workflow_id.clone(),
            workflow_version: compiled.workflow_version,
            execution_mode: ExecutionMode::Async,
            trigger: trigger.key.clone(),
            trigger_type: trigger.descriptor().type_name.clone(),
            trigger_data: input,
            created_at: self.clock.now(),
            parent_execution_id: None,
            root_execution_id: id,
            depth: 0,
            metadata: Metadata { variables: compiled.variables.clone(), ..Metadata::default() },
        }
    }

    /// The slot that an execution needs: its workflow, and the rendered key.
    fn slot(&self, compiled: &CompiledGraph, header: &Header) -> Result<Option<Concurrency>, EngineError> {
        let Some(limit) = &compiled.settings.concurrency else { return Ok(None) };
        let key = match &limit.key {
            None => Str::default(),
            Some(template) => render_key(template, header)?,
        };
        let key = Arc::from(format!("{}\u{0}{key}", compiled.workflow_id));
        Ok(Some(Concurrency { key, limit: limit.limit }))
    }

    /// The identity of a child: made of its place, so that asking twice makes one.
    pub(crate) fn child_id(&self, place: &ChildPlace) -> ExecutionId {
        let hash = Uuid::new_v5(&Uuid::NAMESPACE_OID, place.key.as_bytes()).as_u128();
        ExecutionId(crate::clock::uuid_v7(place.asked_at, (hash >> 64) as u64, hash as u64))
    }

    /// What a child is started with.
    pub(crate) async fn child_header(
        &self,
        parent: &Header,
        id: ExecutionId,
        start: &ChildStart,
        place: ParentRef,
    ) -> Result<Header, EngineError> {
        let version = self.workflows.version(&start.workflow_id, Which::Active).await?;
        let trigger = self.workflows.default_trigger(&version.workflow, "manual.trigger");
        let which = Which::Version(version.number);
        let test_run = parent.metadata.test_run;
        let compiled =
            self.workflows.compiled(&start.workflow_id, which, trigger.as_deref(), test_run, None).await?;
        let mut header = self.header(&compiled, id, start.input.clone());
        header.execution_mode = start.execution_mode;
        header.depth = start.depth;
        header.metadata.environment = parent.metadata.environment.clone();
        header.metadata.test_run = test_run;
        if start.execution_mode != ExecutionMode::FireAndForget {
            header.parent_execution_id = Some(parent.id);
            header.root_execution_id = parent.root_execution_id;
            header.metadata.parent = Some(place);
            header.metadata.traceparent = inherited(parent, place.execution_index);
        }
        Ok(header)
    }

    /// An execution failed: the workflow that its own names for that is started, in the same commit.
    pub(crate) async fn start_error_workflow(
        self: &Arc<Self>,
        live: &mut Live,
        status: Status,
    ) -> Result<(), EngineError> {
        let settings = &live.executor.graph().compiled().settings;
        let Some(id) = settings.error_workflow.clone() else { return Ok(()) };
        if &*live.header.trigger_type == "workflow.error_trigger" {
            return Ok(());
        }
        let version = match self.workflows.version(&id, Which::Active).await {
            Ok(version) => version,
            Err(error @ EngineError::Store(_)) => return Err(error),
            Err(error) => {
                tracing::error!(execution = %live.header.id, %error, "the error workflow can't be started");
                return Ok(());
            }
        };
        let Some(trigger) = self.workflows.default_trigger(&version.workflow, "workflow.error_trigger")
        else {
            tracing::error!(workflow = id, "the error workflow has no single `workflow.error_trigger`");
            return Ok(());
        };
        let which = Which::Version(version.number);
        let compiled = match self.workflows.compiled(&id, which, Some(&trigger), false, None).await {
            Ok(compiled) => compiled,
            Err(error @ EngineError::Store(_)) => return Err(error),
            Err(error) => {
                tracing::error!(workflow = id, %error, "the error workflow can't be started");
                return Ok(());
            }
        };
        let input = failure_input(live, status);
        let header = self.header(&compiled, new_id(&*self.clock), input);
        let now = self.clock.now();
        let new = NewExecution {
            mode: header.execution_mode as u8,
            retention_ms: compiled.settings.retention,
            header: serde_json::to_vec(&header).map_err(EngineError::encoding)?,
            ..NewExecution::new(
                header.id,
                &*header.workflow_id,
                header.workflow_version,
                now,
                Start::Ready { at: now },
            )
        };
        live.add_child_row(new);
        Ok(())
    }
}

/// Data from outside may be as large and as deep as a node's output, and no more.
pub(crate) fn check_size(data: &Value) -> Result<(), EngineError> {
    if data.depth() > MAX_OUTPUT_DEPTH {
        return Err(EngineError::TooLarge(format!(
            "the data is nested deeper than {MAX_OUTPUT_DEPTH} levels"
        )));
    }
    if data.weight() > MAX_OUTPUT_BYTES && data.to_json_string().len() > MAX_OUTPUT_BYTES {
        return Err(EngineError::TooLarge(format!("the data is larger than {MAX_OUTPUT_BYTES} bytes")));
    }
    Ok(())
}

/// `{execution, error}`: what an error workflow is started with.
fn failure_input(live: &Live, status: Status) -> Value {
    let header = &live.header;
    let error = live.executor.graph().state().error.as_ref();
    let mut execution = Map::new();
    execution.insert("id", Value::from(header.id.to_string()));
    execution.insert("workflow_id", Value::Str(header.workflow_id.clone()));
    execution.insert("workflow_version", Value::Int(header.workflow_version as i64));
    execution.insert("status", Value::from(status.as_str()));
    execution.insert("trigger_type", Value::Str(header.trigger_type.clone()));
    let mut input = Map::new();
    input.insert("execution", Value::Map(execution));
    input.insert("error", error.map_or(Value::Null, prana_core::ErrorValue::to_value));
    Value::Map(input)
}

/// The key of a concurrency limit: a template over `$trigger`, `$vars` and `$env`.
fn render_key(template: &str, header: &Header) -> Result<Str, EngineError> {
    let names = FixedNames::new(CONCURRENCY_NAMES);
    let refuse = |problem: String| {
        let finding = prana_core::diagnostic::Diagnostic::error("expression.syntax", problem);
        EngineError::InvalidWorkflow(vec![finding])
    };
    let template = Template::parse(template, &names, prana_template::Filters::standard())
        .map_err(|errors| refuse(errors.first().map_or_else(String::new, ToString::to_string)))?;
    let scope = [
        header.trigger_data.clone(),
        Value::Map(header.metadata.variables.clone()),
        Value::Map(header.metadata.environment.clone()),
    ];
    let key = template.evaluate(&scope, &mut Budget::default()).map_err(|error| refuse(error.to_string()))?;
    Ok(key.to_text())
}
