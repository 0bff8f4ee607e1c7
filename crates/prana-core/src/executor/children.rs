//! Sub-workflows: a parent that waits for its children, or sends them off.
//!
//! Each child's end is recorded in the parent's trail when it is handed in. Which children were started is not recorded: after a restart
//! they are asked for again, and starting a child twice does nothing, since its start key names its place in the parent.

use prana_template::{Map, Str, Value};

use super::{GraphExecutor, Step};
use crate::error::ErrorValue;
use crate::execution::Status;
use crate::graph::OpenRun;
use crate::ids::ExecutionId;
use crate::nodes::execute_workflow::{BatchMode, ExecuteWorkflowParams, FailureStrategy};
use crate::record::{Completed, ExecutionIndex, NodeOutcome, ResumedBy};
use crate::suspension::{ChildEnd, ExecutionMode, Suspension};

/// A sub-workflow to start.
#[derive(Debug, Clone, PartialEq)]
pub struct ChildStart {
    /// The run that asks for it.
    pub execution_index: ExecutionIndex,
    /// The item of its batch, 0 without one.
    pub item: u32,
    /// Where it stands: the same whenever the same child is asked for, so that starting it twice starts one.
    pub place: ChildPlace,
    /// The workflow; the version that is active when it starts.
    pub workflow_id: Str,
    /// Its input.
    pub input: Value,
    /// Whether the parent waits.
    pub execution_mode: ExecutionMode,
    /// Its limit of running time, in milliseconds.
    pub timeout_ms: Option<u64>,
    /// How many parents are above it.
    pub depth: u32,
    /// The queue it asks for.
    pub queue: Option<Str>,
    /// Starts of a batch are spread over this many milliseconds; its own share of them.
    pub delay_ms: u64,
}

/// What tells a child from all others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChildPlace {
    /// Parent, run, attempt and item.
    pub key: String,
    /// When the run that asks for it started.
    pub asked_at: crate::time::Timestamp,
}

/// The families under way.
#[derive(Default)]
pub(super) struct Children {
    families: Vec<Family>,
}

struct Family {
    execution_index: ExecutionIndex,
    /// What the keys of its children begin with.
    prefix: String,
    asked_at: crate::time::Timestamp,
    params: ExecuteWorkflowParams,
    inputs: Vec<Value>,
    /// Starts so far.
    started: usize,
    /// How many had been started when this family's last recorded child ended; all of them, after a restart, are asked for again.
    under_way: usize,
    ended: Vec<Option<ChildEnd>>,
    sent_off: Vec<Option<ExecutionId>>,
}

impl Children {
    pub fn forget(&mut self, execution_index: ExecutionIndex) {
        self.families.retain(|family| family.execution_index != execution_index);
    }

    /// The children of this run that are waited for and have not ended.
    pub fn open_places(&self, execution_index: ExecutionIndex) -> Vec<ChildPlace> {
        let family = self.families.iter().find(|family| family.execution_index == execution_index);
        let Some(family) = family.filter(|family| family.waits()) else { return Vec::new() };
        let open = (0..family.started).filter(|item| family.ended[*item].is_none());
        open.map(|item| family.place(item)).collect()
    }

    fn find(&mut self, execution_index: ExecutionIndex) -> Option<&mut Family> {
        self.families.iter_mut().find(|family| family.execution_index == execution_index)
    }
}

impl Family {
    fn new(parent: ExecutionId, run: &OpenRun) -> Result<Self, prana_template::ParamError> {
        let params: ExecuteWorkflowParams = prana_template::from_value(&run.params)?;
        let input = params.input_data.clone().unwrap_or_else(|| super::run_node::newest_on(run, 0));
        let inputs = match (params.batch_mode, input) {
            (BatchMode::All, input) => vec![input],
            (BatchMode::Single, Value::List(items)) => items.to_vec(),
            (BatchMode::Single, Value::Null) => Vec::new(),
            (BatchMode::Single, other) => vec![other],
        };
        let count = inputs.len();
        let (mut ended, sent_off) = (vec![None; count], vec![None; count]);
        for end in &run.ended_children {
            if let Some(slot) = ended.get_mut(end.item as usize) {
                *slot = Some(end.clone());
            }
        }
        let prefix = format!("{parent}/{}/{}", run.execution_index, run.attempts);
        let asked_at = run.started_at;
        let mut family = Family {
            execution_index: run.execution_index,
            prefix,
            asked_at,
            params,
            inputs,
            started: 0,
            under_way: 0,
            ended,
            sent_off,
        };
        // Each end makes room for one more start, up to the first failure that the parent will not survive.
        let made_room = run.ended_children.iter().take_while(|end| !family.fails_parent(end)).count();
        family.under_way = family.width().saturating_add(made_room).min(count);
        Ok(family)
    }

    fn place(&self, item: usize) -> ChildPlace {
        ChildPlace { key: format!("{}/{item}", self.prefix), asked_at: self.asked_at }
    }

    fn waits(&self) -> bool {
        self.params.execution_mode != ExecutionMode::FireAndForget
    }

    /// How many may be open at once.
    fn width(&self) -> usize {
        match self.params.execution_mode {
            ExecutionMode::Sync => 1,
            ExecutionMode::Async => self.params.concurrency.max(1) as usize,
            ExecutionMode::FireAndForget => usize::MAX,
        }
    }

    fn open(&self) -> usize {
        self.ended[..self.started].iter().filter(|end| end.is_none()).count()
    }

    fn fails_parent(&self, end: &ChildEnd) -> bool {
        self.params.failure_strategy == FailureStrategy::FailParent && end.status != Status::Completed
    }

    fn has_failed(&self) -> bool {
        self.ended.iter().flatten().any(|end| self.fails_parent(end))
    }

    fn has_room(&self) -> bool {
        self.started < self.under_way || (self.open() < self.width() && !self.has_failed())
    }

    /// Nobody waits for these: each is on its way, or can't be started.
    fn is_sent_off(&self) -> bool {
        let mut places = self.sent_off.iter().zip(&self.ended);
        self.has_failed() || places.all(|(sent, ended)| sent.is_some() || ended.is_some())
    }

    fn is_over(&self) -> bool {
        let all_started = self.started == self.inputs.len() || self.has_failed();
        all_started && self.open() == 0
    }
}

impl GraphExecutor {
    /// A run of `workflow.execute_workflow` begins, or goes on after a restart.
    pub(super) fn begin_children(&mut self, execution_index: ExecutionIndex) {
        let compiled = self.compiled();
        let Some(run) = self.graph.open_run(execution_index) else { return };
        let node = compiled.node(run.node);
        let family = match self.check_depth().and_then(|()| {
            Family::new(self.graph.context().header.id, run)
                .map_err(|error| ErrorValue::new("workflow.invalid_params", error.to_string()))
        }) {
            Ok(family) => family,
            Err(error) => return self.action_failed(execution_index, node, None, error.not_retryable(), 0.5),
        };
        if family.waits() && !family.inputs.is_empty() {
            let suspension = Suspension::SubWorkflow {
                sub_workflow_id: family.params.workflow_id.as_str().into(),
                execution_mode: family.params.execution_mode,
            };
            self.node_entry(execution_index, None, Some(NodeOutcome::Suspended(suspension)));
        }
        self.children.forget(execution_index);
        self.children.families.push(family);
        self.start_children(execution_index);
    }

    fn check_depth(&self) -> Result<(), ErrorValue> {
        let context = self.graph.context();
        if context.header.depth < context.max_depth {
            return Ok(());
        }
        let message =
            format!("sub-workflows are nested {} deep; is this a recursion without end?", context.max_depth);
        Err(ErrorValue::new("workflow.depth_exceeded", message).not_retryable())
    }

    /// After a restart: families that were under way are asked for again; what has ended is handed in again by the driver.
    pub fn restore_children(&mut self) {
        let id = self.graph.context().header.id;
        let is_parent = |run: &&OpenRun| matches!(run.suspension(), Some(Suspension::SubWorkflow { .. }));
        let parents = self.graph.open_runs().iter().filter(is_parent);
        let families: Vec<Family> = parents.filter_map(|run| Family::new(id, run).ok()).collect();
        let indexes: Vec<ExecutionIndex> = families.iter().map(|family| family.execution_index).collect();
        self.children.families = families;
        indexes.into_iter().for_each(|index| self.start_children(index));
    }

    fn start_children(&mut self, execution_index: ExecutionIndex) {
        let header = &self.graph.context().header;
        let Some(family) = self.children.find(execution_index) else { return };
        while family.started < family.inputs.len() && family.has_room() {
            let item = family.started;
            family.started += 1;
            if family.ended[item].is_some() {
                continue;
            }
            self.out.push_back(Step::StartChild(Box::new(ChildStart {
                execution_index,
                item: item as u32,
                place: family.place(item),
                workflow_id: family.params.workflow_id.as_str().into(),
                input: family.inputs[item].clone(),
                execution_mode: family.params.execution_mode,
                timeout_ms: Some(family.params.timeout_ms),
                depth: header.depth + 1,
                queue: family.params.queue.as_deref().map(Str::from),
                delay_ms: share(family.params.distribution_window_ms, item, family.inputs.len()),
            })));
        }
        self.finish_family(execution_index);
    }

    /// A child that nobody waits for is on its way.
    pub(super) fn child_started(&mut self, execution_index: ExecutionIndex, item: u32, id: ExecutionId) {
        let Some(family) = self.children.find(execution_index) else { return };
        if let Some(slot) = family.sent_off.get_mut(item as usize) {
            *slot = Some(id);
        }
        self.finish_family(execution_index);
    }

    /// A child ended.
    pub(super) fn child_ended(&mut self, end: ChildEnd) {
        let execution_index = end.execution_index;
        let Some(family) = self.children.find(execution_index) else { return };
        match family.ended.get_mut(end.item as usize) {
            Some(slot) if slot.is_none() => *slot = Some(end.clone()),
            _ => return,
        }
        self.node_entry(execution_index, None, Some(NodeOutcome::ChildEnded(Box::new(end))));
        self.start_children(execution_index);
    }

    /// Completes the parent's run when all its children ended (or, if it doesn't wait, started).
    fn finish_family(&mut self, execution_index: ExecutionIndex) {
        let Some(family) = self.children.find(execution_index) else { return };
        let result = match family.waits() {
            true if family.is_over() => joined(family),
            false if family.is_sent_off() => sent_off(family),
            _ => return,
        };
        self.children.forget(execution_index);
        let compiled = self.compiled();
        let Some(run) = self.graph.open_run(execution_index) else { return };
        let node = compiled.node(run.node);
        if run.suspension().is_some() {
            self.resumed(execution_index, ResumedBy::Child, Value::Null);
        }
        match result {
            Ok(output) => {
                let outcome = crate::action::Outcome::Complete(Completed::new(output));
                self.settle(execution_index, node, None, Ok(outcome));
            }
            Err(error) => self.action_failed(execution_index, node, None, error, 0.5),
        }
    }
}

/// The part of a window, in milliseconds, after which an item of so many has its turn.
fn share(window_ms: Option<u64>, item: usize, count: usize) -> u64 {
    let share = u128::from(window_ms.unwrap_or(0)) * item as u128 / count.max(1) as u128;
    u64::try_from(share).unwrap_or(u64::MAX)
}

/// The outputs in input order, or the first failure.
fn joined(family: &Family) -> Result<Value, ErrorValue> {
    let outputs: Result<Vec<Value>, ErrorValue> =
        family.ended.iter().flatten().map(|end| output_of(family, end)).collect();
    Ok(by_mode(family, outputs?))
}

/// What one child gave, or its failure.
fn output_of(family: &Family, end: &ChildEnd) -> Result<Value, ErrorValue> {
    if end.error.is_none() && end.status == Status::Completed {
        return Ok(end.output.clone());
    }
    let error = child_error(end);
    if family.params.failure_strategy == FailureStrategy::FailParent {
        return Err(error);
    }
    let mut output = Map::new();
    output.insert("error", error.to_value());
    output.insert("status", Value::from(end.status.as_str()));
    Ok(Value::Map(output))
}

fn by_mode(family: &Family, mut outputs: Vec<Value>) -> Value {
    match family.params.batch_mode {
        BatchMode::All => outputs.pop().unwrap_or_default(),
        BatchMode::Single => Value::from(outputs),
    }
}

/// The child's error with its code, and where to look.
fn child_error(end: &ChildEnd) -> ErrorValue {
    let unknown = || {
        ErrorValue::new("workflow.child_failed", format!("the sub-workflow ended as {}", end.status.as_str()))
    };
    let mut error = end.error.clone().unwrap_or_else(unknown);
    let mut details = match &error.details {
        Value::Map(details) => details.clone(),
        Value::Null => Map::new(),
        other => Map::from_iter([(Str::from("details"), other.clone())]),
    };
    details.insert("execution_id", Value::from(end.execution_id.to_string()));
    error.details = Value::Map(details);
    error
}

/// Where each child is, or the failure of one that can't be started.
fn sent_off(family: &Family) -> Result<Value, ErrorValue> {
    let one = |(id, end): (&Option<ExecutionId>, &Option<ChildEnd>)| match end {
        Some(end) => output_of(family, end),
        None => {
            let id = id.map_or(Value::Null, |id| Value::from(id.to_string()));
            Ok(Value::Map(Map::from_iter([(Str::from("execution_id"), id)])))
        }
    };
    let outputs: Result<Vec<Value>, ErrorValue> =
        family.sent_off.iter().zip(&family.ended).map(one).collect();
    Ok(by_mode(family, outputs?))
}
