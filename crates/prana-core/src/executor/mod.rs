//! Pure orchestration: which node next, with which input, what its result changes. No I/O, no clock, no async.
//!
//! Things that happened go in by [`GraphExecutor::handle`], with the time; things to do come out of [`GraphExecutor::next`]. Whoever drives it
//! makes what `next` gave durable before acting on a [`Step::Run`], and hands results back in.

mod batch;
mod children;
mod finish;
mod for_each;
mod fork;
mod run_node;
mod scope;
mod wake;

use std::collections::VecDeque;
use std::sync::Arc;

use prana_template::{Deferred, Map, Str, Value};

use self::batch::Rendered;
use self::children::Children;
pub use self::children::{ChildPlace, ChildStart};
pub use self::fork::{ForkError, ForkRequest, Forked, failed_run, fork_from, prefix_for};
use crate::error::ErrorValue;
use crate::execution::Status;
use crate::graph::{ExecutionGraph, OpenRun, OpenStatus};
use crate::loop_path::LoopPath;
use crate::record::{Change, Entry, ExecutionChange, ExecutionIndex, NodeChange, NodeOutcome};
use crate::suspension::{ChildEnd, Suspension};
use crate::time::Timestamp;

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// The execution begins.
    Start,
    /// It goes on from an earlier one, whose entries this graph was built of.
    Fork(crate::record::Fork),
    /// An effect that was asked for ended.
    Result {
        /// Which run.
        execution_index: ExecutionIndex,
        /// What came of it.
        result: Result<EffectOutput, ErrorValue>,
        /// A random number from 0 to 1, for the jitter of a retry.
        random: f64,
    },
    /// Somebody answers a wait.
    Resume {
        /// Which run.
        execution_index: ExecutionIndex,
        /// The answer.
        data: Value,
    },
    /// Time has passed: waits that are due end.
    Time,
    /// A sub-workflow that doesn't wait for anybody was started.
    ChildStarted {
        /// The run that asked for it.
        execution_index: ExecutionIndex,
        /// The item of its batch.
        item: u32,
        /// The child.
        execution_id: crate::ids::ExecutionId,
    },
    /// A sub-workflow ended.
    ChildEnded(ChildEnd),
    /// Somebody ends the execution.
    Cancel {
        /// Why, for people.
        reason: Str,
    },
    /// The process that ran it was gone for a while: from its newest entry until now it did not run.
    Interrupted,
    /// A crash left runs in doubt: each is settled as its `on_crash` says.
    Recover,
    /// Nobody knows why this execution crashes again and again: a person must decide about the open run, or the next.
    Park {
        /// Why, for people.
        reason: Str,
    },
}

/// What an effect gives back.
#[derive(Debug, Clone, PartialEq)]
pub enum EffectOutput {
    /// It is done.
    Complete(crate::record::Completed),
    /// It waits.
    Suspend(Suspension),
}

/// Something to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Keep this.
    Record(Entry),
    /// Run this effect, once everything recorded before is durable, and hand in its result.
    Run(Box<EffectCall>),
    /// Start this sub-workflow, in the same commit as what was recorded before.
    StartChild(Box<ChildStart>),
    /// Cancel the effect of this run, if it is under way, and these sub-workflows of it.
    CancelRun {
        /// The run.
        execution_index: ExecutionIndex,
        /// Its sub-workflows that have not ended.
        children: Vec<ChildPlace>,
    },
    /// Nothing can run before something outside happens.
    Suspended,
    /// It is over.
    Ended(Status),
}

/// An effect to run.
#[derive(Debug, Clone, PartialEq)]
pub struct EffectCall {
    /// Which run.
    pub execution_index: ExecutionIndex,
    /// Which run of the node.
    pub run_index: u32,
    /// The node.
    pub node_key: Str,
    /// The action's type.
    pub action: Str,
    /// The rendered parameters; templates that mention secrets as they are written.
    pub params: Value,
    /// Where those templates stand, with all that they need beside the secrets: whoever runs the effect evaluates them.
    pub deferred: Vec<Deferred>,
    /// The data on the main input port.
    pub input: Value,
    /// For an action whose parameters are code: the values of the `$` names that stand in it.
    pub scope: Map,
    /// True if it touches nothing: nothing need be durable before it runs.
    pub is_pure: bool,
    /// The same in every attempt.
    pub idempotency_key: String,
    /// The number of this try, from 1.
    pub attempt: u32,
    /// The limit of one try, in milliseconds.
    pub timeout_ms: Option<u64>,
    /// Which iteration of which loops.
    pub loop_path: LoopPath,
    /// True if somebody else answers for the node (a mock).
    pub mocked: bool,
}

/// Why an input changed nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HandleError {
    /// There is no open wait there.
    #[error("execution.not_suspended: the execution is {status}, and nothing waits there")]
    NotSuspended {
        /// The status of the execution.
        status: &'static str,
    },
    /// The execution's log doesn't fit its workflow.
    #[error(transparent)]
    Mismatch(#[from] crate::graph::Mismatch),
}

/// A run that has no record yet: its first entry begins it.
struct Opening {
    /// Where its activation stands among those that are ready.
    position: usize,
    rendered: Rendered,
    /// True if it is parked before anything of it runs.
    parked: bool,
}

impl Opening {
    /// One whose parameters are not rendered.
    fn bare(position: usize) -> Self {
        Opening { position, rendered: Value::Null.into(), parked: false }
    }
}

/// Runs one execution.
pub struct GraphExecutor {
    graph: ExecutionGraph,
    now: Timestamp,
    out: VecDeque<Step>,
    children: Children,
    told_suspended: bool,
    /// Why the next node that would begin is parked.
    parking: Option<Str>,
    /// Since when it runs again, after nobody ran it. Recorded with the next entry, so that going on alone leaves no record.
    interrupted_at: Option<Timestamp>,
    broken: Option<crate::graph::Mismatch>,
}

impl GraphExecutor {
    /// Takes over a graph: a new one, or one that was rebuilt.
    pub fn new(graph: ExecutionGraph, now: Timestamp) -> Self {
        let told_suspended = graph.status() == Status::Suspended;
        let children = Children::default();
        GraphExecutor {
            graph,
            now,
            out: VecDeque::new(),
            children,
            told_suspended,
            parking: None,
            interrupted_at: None,
            broken: None,
        }
    }

    /// The graph as it is now.
    pub fn graph(&self) -> &ExecutionGraph {
        &self.graph
    }

    /// Where the execution is.
    pub fn status(&self) -> Status {
        self.graph.status()
    }

    /// The time at which the execution's running time is used up, if it has a limit and runs.
    pub fn deadline(&self) -> Option<Timestamp> {
        let limit = self.timeout_ms()?;
        let state = self.graph.state();
        let (since, ran_ms) = match self.interrupted_at {
            Some(at) => (at, state.running_ms(state.last_at)),
            None => (state.running_since?, state.ran_ms),
        };
        Some(since.plus_millis(limit.saturating_sub(ran_ms)))
    }

    fn timeout_ms(&self) -> Option<u64> {
        let own = self.graph.compiled().settings.timeout;
        let given = self.graph.context().header.metadata.timeout_ms;
        own.into_iter().chain(given).min()
    }

    /// True between two nodes: it runs, everything it had to say was taken, and nothing is asked for. It can be given up here.
    pub fn is_at_rest(&self) -> bool {
        self.out.is_empty() && self.graph.status() == Status::Running && !self.waits_for_effect()
    }

    /// Takes in something that happened.
    ///
    /// # Errors
    /// [`HandleError::NotSuspended`] if an answer has nothing to answer; nothing has changed then.
    pub fn handle(&mut self, input: Input, now: Timestamp) -> Result<(), HandleError> {
        self.now = self.now.max(now);
        let ended = self.graph.status().is_ended();
        match input {
            Input::Start => self.execution_entry(ExecutionChange::Started),
            Input::Fork(fork) => {
                let alone = fork.alone;
                self.execution_entry(ExecutionChange::Forked(Box::new(fork)));
                if alone {
                    self.close_open("only one node runs here", |_| true);
                }
                // Sub-workflows that the past waits for belong to the earlier execution: this one starts its own.
                self.restore_children();
            }
            Input::Resume { execution_index, data } => self.answer(execution_index, data)?,
            _ if ended => {}
            Input::Result { execution_index, result, random } => {
                self.effect_ended(execution_index, result, random)
            }
            Input::Time if self.is_out_of_time() => self.time_out(),
            Input::Time => self.wake_due(),
            Input::ChildStarted { execution_index, item, execution_id } => {
                self.child_started(execution_index, item, execution_id);
            }
            Input::ChildEnded(end) => self.child_ended(end),
            Input::Cancel { reason } => {
                self.end(Status::Cancelled, Some(ErrorValue::new("execution.cancelled", reason.to_string())));
            }
            Input::Recover => self.recover(),
            Input::Park { reason } => self.park(reason),
            Input::Interrupted => self.interrupted(),
        }
        match self.broken.take() {
            Some(mismatch) => Err(mismatch.into()),
            None => Ok(()),
        }
    }

    /// The next thing to do. None when everything that can be done is done until something is handed in.
    #[allow(
        clippy::should_implement_trait,
        reason = "an executor is driven, not iterated: results are handed in between"
    )]
    pub fn next(&mut self) -> Option<Step> {
        if self.out.is_empty() {
            self.advance();
        }
        self.out.pop_front()
    }

    /// Runs one node, or says that none can run.
    fn advance(&mut self) {
        if !self.may_run() {
            return;
        }
        match self.graph.select() {
            Some(position) => self.run(position),
            None => self.stand_still(),
        }
    }

    /// False if nothing runs now; what ends or suspends the execution is done then.
    fn may_run(&mut self) -> bool {
        if self.graph.status() != Status::Running || self.waits_for_effect() {
            return false;
        }
        if self.is_out_of_time() {
            self.time_out();
            return false;
        }
        if self.holds() {
            self.suspend_execution();
            return false;
        }
        true
    }

    /// No node can run: something is waited for, or all is done.
    fn stand_still(&mut self) {
        match self.graph.has_waits() {
            true => self.suspend_execution(),
            false => self.end(Status::Completed, None),
        }
    }

    fn is_out_of_time(&self) -> bool {
        self.deadline().is_some_and(|deadline| self.now >= deadline)
    }

    /// True if one node waits and the workflow's settings say that then all wait.
    fn holds(&self) -> bool {
        self.graph.compiled().settings.on_suspend == crate::document::OnSuspend::Hold
            && self.graph.has_waits()
    }

    fn waits_for_effect(&self) -> bool {
        self.graph.open_runs().iter().any(|run| run.status == OpenStatus::Running)
    }

    /// The running time is used up.
    fn time_out(&mut self) {
        let limit = self.timeout_ms().unwrap_or_default();
        let message = format!("the execution ran longer than its timeout of {limit} ms");
        self.end(Status::Timeout, Some(ErrorValue::new("execution.timeout", message)));
    }

    fn suspend_execution(&mut self) {
        if !self.told_suspended {
            self.execution_entry(ExecutionChange::Suspended);
            self.told_suspended = true;
            self.out.push_back(Step::Suspended);
        }
    }

    fn resume_execution(&mut self) {
        if self.graph.status() == Status::Suspended {
            self.execution_entry(ExecutionChange::Resumed);
        }
        self.told_suspended = false;
    }

    /// Ends the execution; what is still open is closed first.
    fn end(&mut self, status: Status, reason: Option<ErrorValue>) {
        let why = match status {
            Status::Cancelled => "the execution was cancelled",
            Status::Timeout => "the execution's time was used up",
            _ => "the execution ended",
        };
        self.close_open(why, |_| true);
        self.execution_entry(ExecutionChange::Ended { status, reason: reason.map(Box::new) });
        self.out.push_back(Step::Ended(status));
    }

    /// Closes open runs for which `which` holds, as skipped.
    fn close_open(&mut self, reason: &str, which: impl Fn(&OpenRun) -> bool) {
        let open = self.graph.open_runs().iter().filter(|run| which(run));
        let indexes: Vec<ExecutionIndex> = open.map(|run| run.execution_index).collect();
        for execution_index in indexes {
            let children = self.children.open_places(execution_index);
            self.out.push_back(Step::CancelRun { execution_index, children });
            self.children.forget(execution_index);
            self.node_entry(execution_index, None, Some(NodeOutcome::Skipped { reason: reason.into() }));
        }
    }

    fn execution_entry(&mut self, change: ExecutionChange) {
        self.entry(Change::Execution(change));
    }

    #[inline]
    fn node_entry(
        &mut self,
        execution_index: ExecutionIndex,
        opening: Option<Opening>,
        outcome: Option<NodeOutcome>,
    ) {
        let started = opening.map(|Opening { position, rendered, parked }| {
            let Rendered { params, deferred } = rendered;
            self.graph.started(position, params, deferred, parked)
        });
        self.entry(Change::Node(Box::new(NodeChange { execution_index, started, outcome })));
    }

    /// Time in which nobody ran it is no running time.
    fn interrupted(&mut self) {
        let state = self.graph.state();
        if state.running_since.is_some() && self.now > state.last_at {
            self.interrupted_at = Some(self.now);
        }
    }

    fn entry(&mut self, change: Change) {
        if let Some(at) = self.interrupted_at.take() {
            self.entry_at(at, Change::Execution(ExecutionChange::Interrupted));
        }
        self.entry_at(self.now, change);
    }

    /// Every change goes this way: into the state, and out to be kept.
    #[inline]
    fn entry_at(&mut self, at: Timestamp, change: Change) {
        let entry = Entry { sequence: self.graph.state().sequence + 1, at, change };
        match self.graph.apply(&entry) {
            Ok(()) => self.out.push_back(Step::Record(entry)),
            Err(mismatch) => self.broken = Some(mismatch),
        }
    }

    fn compiled(&self) -> Arc<crate::compile::CompiledGraph> {
        Arc::clone(self.graph.compiled())
    }
}
