//! Drives one execution as an engine would, with a script in the place of the world, and keeps what happened.

use std::sync::Arc;

use prana_core::compile::CompiledGraph;
use prana_core::execution::Status;
use prana_core::executor::{ChildStart, EffectCall, EffectOutput, GraphExecutor, HandleError, Input, Step};
use prana_core::graph::{Context, ExecutionGraph, State};
use prana_core::record::{Completed, Entry};
use prana_core::suspension::{ChildEnd, ExecutionMode, Suspension};
use prana_core::testing::START;
use prana_core::{ErrorValue, ExecutionId, Timestamp};
use prana_template::{Map, Value, value};

/// After this many entries the execution is cancelled, so that no case takes long.
const MAX_ENTRIES: usize = 500;
/// After this many inputs too.
const MAX_INPUTS: usize = 200;

pub struct Machine {
    pub compiled: Arc<CompiledGraph>,
    pub context: Arc<Context>,
    pub executor: GraphExecutor,
    pub log: Vec<Entry>,
    /// The state after so many entries, wherever it can be seen.
    pub seen: Vec<(usize, State)>,
    script: Vec<u8>,
    now: Timestamp,
    restarts: bool,
    last_restart: usize,
    asked: Vec<EffectCall>,
    children: Vec<ChildStart>,
    ended_children: Vec<String>,
    inputs: usize,
    cancelled: bool,
}

/// The context of a random workflow's execution: outputs are kept small.
pub fn context(compiled: &CompiledGraph) -> Arc<Context> {
    let mut context = Context::detached(compiled, value!([1, 2]));
    context.max_output_bytes = 2_000;
    context.max_depth = 2;
    Arc::new(context)
}

impl Machine {
    pub fn new(compiled: Arc<CompiledGraph>, script: &[u8]) -> Self {
        let context = context(&compiled);
        Machine::over(ExecutionGraph::new(compiled, context), script)
    }

    /// Takes over a graph that may have a past.
    pub fn over(graph: ExecutionGraph, script: &[u8]) -> Self {
        Machine {
            compiled: graph.compiled().clone(),
            context: graph.context().clone(),
            executor: GraphExecutor::new(graph, START),
            log: Vec::new(),
            seen: Vec::new(),
            script: script.to_vec(),
            now: START,
            restarts: false,
            last_restart: 0,
            asked: Vec::new(),
            children: Vec::new(),
            ended_children: Vec::new(),
            inputs: 0,
            cancelled: false,
        }
    }

    /// Throws the graph away before every step, and rebuilds it from the log.
    #[must_use]
    pub fn with_restarts(mut self) -> Self {
        self.restarts = true;
        self
    }

    /// Runs it to its end.
    #[must_use]
    pub fn run(self) -> Self {
        self.run_from(Input::Start)
    }

    #[must_use]
    pub fn run_from(mut self, input: Input) -> Self {
        self.hand_in(input).unwrap();
        while !self.executor.status().is_ended() {
            self.outside();
        }
        self.ended()
    }

    /// An execution that ended takes nothing any more.
    fn ended(mut self) -> Self {
        let length = self.log.len();
        for input in [Input::Time, Input::Recover, Input::Cancel { reason: "late".into() }] {
            self.hand_in(input).unwrap();
        }
        let late = self.hand_in(Input::Resume { execution_index: 0, data: Value::Null });
        assert!(matches!(late, Err(HandleError::NotSuspended { .. })), "{late:?}");
        assert_eq!(self.log.len(), length, "an ended execution changed");
        assert!(self.executor.next().is_none());
        self
    }

    fn hand_in(&mut self, input: Input) -> Result<(), HandleError> {
        let handled = self.executor.handle(input, self.now);
        self.drain();
        handled
    }

    fn drain(&mut self) {
        for _ in 0..100_000 {
            self.look();
            if self.log.len() > MAX_ENTRIES && !self.cancelled && !self.executor.status().is_ended() {
                self.cancelled = true;
                let reason = "long enough".into();
                self.executor.handle(Input::Cancel { reason }, self.now).unwrap();
            }
            let Some(step) = self.executor.next() else { return };
            self.act(step);
        }
        panic!("this doesn't end");
    }

    /// Keeps the state, and restarts, wherever the log has all that was applied.
    fn look(&mut self) {
        let sequence = self.executor.graph().state().sequence as usize;
        if self.log.last().map_or(0, |entry| entry.sequence as usize) != sequence {
            return;
        }
        if !self.restarts {
            self.seen.push((self.log.len(), self.executor.graph().state().clone()));
        } else if self.last_restart != self.log.len() {
            self.last_restart = self.log.len();
            self.restart();
        }
    }

    fn restart(&mut self) {
        let (compiled, context) = (self.compiled.clone(), self.context.clone());
        let graph = ExecutionGraph::rebuild(compiled, context, &self.log).unwrap();
        self.executor = GraphExecutor::new(graph, self.now);
        self.asked.clear();
        self.children.clear();
        self.executor.restore_children();
        self.executor.handle(Input::Recover, self.now).unwrap();
    }

    fn act(&mut self, step: Step) {
        match step {
            Step::Record(entry) => self.log.push(entry),
            Step::Run(call) => self.asked.push(*call),
            Step::StartChild(child) if !self.ended_children.contains(&child.place.key) => {
                self.children.push(*child);
            }
            Step::CancelRun { execution_index, .. } => {
                self.asked.retain(|call| call.execution_index != execution_index);
                self.children.retain(|child| child.execution_index != execution_index);
            }
            Step::StartChild(_) | Step::Suspended | Step::Ended(_) => {}
        }
    }

    /// A number from the script. What it depends on is the same with and without restarts.
    fn pick(&self, salt: usize) -> usize {
        usize::from(self.script[(self.log.len() * 7 + salt * 3) % self.script.len()])
    }

    /// One thing happens outside.
    fn outside(&mut self) {
        self.inputs += 1;
        if self.inputs > MAX_INPUTS || self.pick(0) == 251 {
            self.hand_in(Input::Cancel { reason: "enough".into() }).unwrap();
            return;
        }
        // The same with and without restarts, after which more may have to be said again.
        let now = START.plus_millis((self.log.len() * 40 + self.pick(1) % 40) as u64);
        self.now = self.now.max(now);
        let graph = self.executor.graph();
        let status = graph.status();
        let waits = graph
            .open_runs()
            .iter()
            .any(|run| !matches!(run.suspension(), None | Some(Suspension::SubWorkflow { .. })));
        let choice = self.pick(2) % 4;
        match (self.asked.is_empty(), self.children.is_empty(), waits) {
            (false, _, true) if choice == 0 => self.end_wait(),
            (false, ..) => self.answer_effect(),
            (true, false, true) if choice == 0 => self.end_wait(),
            (true, false, _) => self.end_child(),
            (true, true, true) => self.end_wait(),
            (true, true, false) => panic!("{status:?}, and there is nothing that could go on"),
        }
        self.bogus();
    }

    /// Answers that nothing waits for change nothing.
    fn bogus(&mut self) {
        let length = self.log.len();
        let unknown = self.hand_in(Input::Resume { execution_index: 9_999, data: Value::Null });
        assert!(matches!(unknown, Err(HandleError::NotSuspended { .. })));
        let result = Ok(EffectOutput::Complete(Completed::new(Value::Null)));
        self.hand_in(Input::Result { execution_index: 9_999, result, random: 0.0 }).unwrap();
        assert_eq!(self.log.len(), length);
    }

    fn end_wait(&mut self) {
        let graph = self.executor.graph();
        let due = graph.next_wake();
        let open: Vec<(u32, Suspension)> = graph
            .open_runs()
            .iter()
            .filter_map(|run| Some((run.execution_index, run.suspension()?.clone())))
            .filter(|(_, suspension)| !matches!(suspension, Suspension::SubWorkflow { .. }))
            .collect();
        let (execution_index, suspension) = open[self.pick(3) % open.len()].clone();
        match (self.pick(4) % 3, due) {
            (0, Some(due)) => {
                self.now = self.now.max(due);
                self.hand_in(Input::Time).unwrap();
            }
            _ => {
                let data = match suspension {
                    Suspension::Decision { .. } => self.decision(),
                    _ => value!({"answer": i64::from(execution_index)}),
                };
                self.hand_in(Input::Resume { execution_index, data }).unwrap();
            }
        }
    }

    fn decision(&self) -> Value {
        match self.pick(5) % 8 {
            0 | 1 => value!({"decision": "retry"}),
            2 => value!({"decision": "fail"}),
            3 => value!({"decision": "cancel"}),
            4 => value!("what?"),
            _ => value!({"decision": "skip", "output": {"skipped": true}}),
        }
    }

    fn answer_effect(&mut self) {
        self.asked.sort_by_key(|call| call.execution_index);
        let call = self.asked.remove(self.pick(6) % self.asked.len());
        let key = call.execution_index as usize * 5 + call.attempt as usize * 3;
        let choice = self.script[key % self.script.len()];
        let result = effect(&call, choice, self.now);
        let random = f64::from(choice) / 255.0;
        self.hand_in(Input::Result { execution_index: call.execution_index, result, random }).unwrap();
    }

    fn end_child(&mut self) {
        self.children.sort_by_key(|child| (child.execution_index, child.item));
        let child = self.children.remove(self.pick(7) % self.children.len());
        self.ended_children.push(child.place.key.clone());
        let (execution_index, item) = (child.execution_index, child.item);
        let execution_id = ExecutionId::NIL;
        if child.execution_mode == ExecutionMode::FireAndForget {
            self.ended_children.pop();
            self.hand_in(Input::ChildStarted { execution_index, item, execution_id }).unwrap();
            return;
        }
        let fails = self.pick(8).is_multiple_of(4);
        let end = ChildEnd {
            execution_index,
            item,
            execution_id,
            status: if fails { Status::Failed } else { Status::Completed },
            output: if fails { Value::Null } else { value!({"child": i64::from(item)}) },
            error: fails.then(|| ErrorValue::new("child.failed", "it failed")),
        };
        self.hand_in(Input::ChildEnded(end)).unwrap();
    }
}

fn effect(call: &EffectCall, choice: u8, now: Timestamp) -> Result<EffectOutput, ErrorValue> {
    let done = Completed::new(value!({"n": i64::from(call.execution_index)}));
    match choice % 16 {
        0 | 1 => Err(ErrorValue::new("test.down", "it is down")),
        2 => Err(ErrorValue::new("test.wrong", "it is wrong").not_retryable()),
        3 => Err(ErrorValue { retry_after_ms: Some(700), ..ErrorValue::new("test.busy", "later") }),
        4 => Ok(EffectOutput::Suspend(Suspension::Webhook { wait_till: None })),
        5 => Ok(EffectOutput::Suspend(Suspension::Webhook { wait_till: Some(now.plus_millis(500)) })),
        6 => Ok(EffectOutput::Suspend(Suspension::Interval { wait_till: now })),
        7 => Ok(EffectOutput::Suspend(Suspension::Decision { reason: None })),
        8 => Ok(EffectOutput::Complete(Completed { port: Some("nowhere".into()), ..done })),
        9 => {
            let state_updates: Map = [("asked".into(), Value::from(1))].into_iter().collect();
            Ok(EffectOutput::Complete(Completed { state_updates, ..done }))
        }
        _ => Ok(EffectOutput::Complete(done)),
    }
}
