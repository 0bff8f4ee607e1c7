//! Runs workflows in a test: no engine, no store, time moved by hand.
//!
//! [`create_test_graph`] makes the graph of a workflow, [`TestRun`] drives it with the [`GraphExecutor`] that the engine uses too, and
//! what happened can be asked for, asserted, or read as text ([`TestRun::trace`]).
//!
//! ```
//! use prana_core::testing::{assert_node_completed, create_test_graph, run_to_end};
//! use prana_template::value;
//!
//! let graph = create_test_graph(
//!     "id: doubling
//! nodes:
//!   - {key: start, type: manual.trigger}
//!   - {key: double, type: data.set_data, params: {fields: {n: '{{ $input.n * 2 }}'}}}
//! connections: [start -> double]",
//!     value!({"n": 21}),
//! );
//! let run = run_to_end(graph);
//! assert_node_completed(&run, "double", &value!({"n": 42}));
//! assert_eq!(run.trace(), "completed\n0 start main {\"n\":21}\n1 double main {\"n\":42}\n");
//! ```
//!
//! Everything here panics where a test should fail: a document with errors, a node that isn't there, a run that isn't what was asserted.

use std::collections::VecDeque;
use std::fmt::Write;
use std::sync::Arc;

use prana_template::{Str, Value};

use crate::compile::{self, Options};
use crate::document;
use crate::error::ErrorValue;
use crate::execution::{Execution, NodeExecution, NodeStatus, Status};
use crate::executor::{ChildStart, EffectCall, EffectOutput, GraphExecutor, Input, Step};
use crate::graph::{Context, ExecutionGraph};
use crate::record::{Completed, Entry};
use crate::registry::Registry;
use crate::suspension::ChildEnd;
use crate::time::Timestamp;

/// When every test run starts: 2026-01-01T00:00:00Z.
pub const START: Timestamp = Timestamp::from_millis(1_767_225_600_000);

/// A run takes at most this many steps, so that a loop without end ends the test.
const MAX_STEPS: usize = 1_000_000;

/// The graph of a workflow document (YAML or JSON, one workflow) with the standard actions, and the input it will start with.
///
/// # Panics
/// If the document has errors; the message lists them all.
pub fn create_test_graph(document: &str, input: Value) -> ExecutionGraph {
    create_test_graph_with(&Registry::standard(), document, input)
}

/// As [`create_test_graph`], with actions of your own.
///
/// # Panics
/// If the document has errors; the message lists them all.
pub fn create_test_graph_with(registry: &Registry, document: &str, input: Value) -> ExecutionGraph {
    let loaded = match document::load("test.yaml", document.as_bytes()) {
        Ok(loaded) => loaded,
        Err(problems) => panic!("the document has errors:\n{problems:#?}"),
    };
    let [workflow] = loaded.as_slice() else {
        panic!("the document has {} workflows, not one", loaded.len())
    };
    match compile::compile(&workflow.workflow, registry, Options::default()).into_result() {
        Ok(compiled) => {
            let context = Arc::new(Context::detached(&compiled, input));
            ExecutionGraph::new(compiled, context)
        }
        Err(problems) => panic!("the workflow has errors:\n{problems:#?}"),
    }
}

/// Starts the graph and runs it until it ends or waits for something outside.
///
/// # Panics
/// If it asks for an effect: [`TestRun::with_effects`] answers those.
pub fn run_to_end(graph: ExecutionGraph) -> TestRun {
    TestRun::new(graph).start()
}

/// What answers for effects.
type Effects = Box<dyn FnMut(&EffectCall) -> Result<Value, ErrorValue>>;

/// One execution under test.
pub struct TestRun {
    executor: GraphExecutor,
    execution: Execution,
    log: Vec<Entry>,
    now: Timestamp,
    effects: Effects,
    children: Vec<ChildStart>,
}

impl TestRun {
    /// A run that hasn't started.
    pub fn new(graph: ExecutionGraph) -> Self {
        let execution = Execution::new(&graph.context().header);
        TestRun {
            executor: GraphExecutor::new(graph, START),
            execution,
            log: Vec::new(),
            now: START,
            effects: Box::new(|call| {
                panic!("`{}` asks for the effect `{}`; see with_effects", call.node_key, call.action)
            }),
            children: Vec::new(),
        }
    }

    /// Answers for every effect: gives its output, which leaves by the default port, or its error.
    #[must_use]
    pub fn with_effects(
        mut self,
        effects: impl FnMut(&EffectCall) -> Result<Value, ErrorValue> + 'static,
    ) -> Self {
        self.effects = Box::new(effects);
        self
    }

    /// Starts it, and runs it until it ends or waits.
    #[must_use]
    pub fn start(mut self) -> Self {
        self.hand_in(Input::Start);
        self
    }

    /// Lets time pass, and runs whatever is due, timer by timer.
    pub fn advance_ms(&mut self, millis: u64) {
        let end = self.now.plus_millis(millis);
        for _ in 0..MAX_STEPS {
            let Some(due) = self.executor.graph().next_wake().filter(|due| *due <= end) else { break };
            self.now = self.now.max(due);
            self.hand_in(Input::Time);
        }
        self.now = end;
    }

    /// Answers the oldest open wait of a node.
    ///
    /// # Panics
    /// If it doesn't wait.
    pub fn resume(&mut self, node: &str, data: Value) {
        let open = self
            .execution
            .node_executions
            .iter()
            .find(|run| run.node_key == *node && run.status == NodeStatus::Suspended);
        let Some(open) = open else { panic!("`{node}` doesn't wait:\n{}", self.trace()) };
        let execution_index = open.execution_index;
        self.hand_in(Input::Resume { execution_index, data });
    }

    /// Hands in the end of the oldest sub-workflow that was asked for.
    ///
    /// # Panics
    /// If none was.
    pub fn end_child(&mut self, result: Result<Value, ErrorValue>) {
        assert!(!self.children.is_empty(), "no sub-workflow was asked for:\n{}", self.trace());
        let child = self.children.remove(0);
        let (status, output, error) = match result {
            Ok(output) => (Status::Completed, output, None),
            Err(error) => (Status::Failed, Value::Null, Some(error)),
        };
        let (execution_index, item) = (child.execution_index, child.item);
        let execution_id = crate::ids::ExecutionId::NIL;
        self.hand_in(Input::ChildEnded(ChildEnd {
            execution_index,
            item,
            execution_id,
            status,
            output,
            error,
        }));
    }

    /// Cancels it.
    pub fn cancel(&mut self, reason: &str) {
        self.hand_in(Input::Cancel { reason: reason.into() });
    }

    /// Throws the graph away and rebuilds it from the log, as another process would.
    ///
    /// # Panics
    /// If the log doesn't lead back to the state that was there: that is a fault of the engine.
    pub fn restart(&mut self) {
        let graph = self.executor.graph();
        let (compiled, context) = (Arc::clone(graph.compiled()), Arc::clone(graph.context()));
        let rebuilt = ExecutionGraph::rebuild(compiled, context, &self.log);
        let rebuilt =
            rebuilt.unwrap_or_else(|mismatch| panic!("the log doesn't fit its workflow: {mismatch}"));
        self.executor = GraphExecutor::new(rebuilt, self.now);
        self.drain();
    }

    /// Hands something in, and runs until there is nothing more to do.
    ///
    /// # Panics
    /// If the executor refuses it.
    pub fn hand_in(&mut self, input: Input) {
        if let Err(refused) = self.executor.handle(input, self.now) {
            panic!("{refused}\n{}", self.trace());
        }
        self.drain();
    }

    fn drain(&mut self) {
        for _ in 0..MAX_STEPS {
            let Some(step) = self.executor.next() else { return };
            self.act(step);
        }
        panic!("the execution doesn't end; its last runs:\n{}", self.last_lines());
    }

    fn act(&mut self, step: Step) {
        match step {
            Step::Record(entry) => {
                self.execution.fold(&entry);
                self.log.push(entry);
            }
            Step::Run(call) => {
                let result =
                    (self.effects)(&call).map(|output| EffectOutput::Complete(Completed::new(output)));
                let input = Input::Result { execution_index: call.execution_index, result, random: 0.0 };
                if let Err(refused) = self.executor.handle(input, self.now) {
                    panic!("{refused}");
                }
            }
            Step::StartChild(child) => self.children.push(*child),
            Step::CancelRun { execution_index, .. } => {
                self.children.retain(|child| child.execution_index != execution_index)
            }
            Step::Suspended | Step::Ended(_) => {}
        }
    }

    /// The graph as it is now.
    pub fn graph(&self) -> &ExecutionGraph {
        self.executor.graph()
    }

    /// The execution with its audit trail.
    pub fn execution(&self) -> &Execution {
        &self.execution
    }

    /// The log, oldest entry first.
    pub fn log(&self) -> &[Entry] {
        &self.log
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Sub-workflows that were asked for and haven't ended.
    pub fn open_children(&self) -> &[ChildStart] {
        &self.children
    }

    /// The keys of the nodes that ran, in order of start.
    pub fn order(&self) -> Vec<&str> {
        self.execution.node_executions.iter().map(|run| run.node_key.as_str()).collect()
    }

    /// The latest run of a node.
    pub fn latest(&self, node: &str) -> Option<&NodeExecution> {
        self.execution.node_executions.iter().rev().find(|run| run.node_key == *node)
    }

    /// What happened, as text: the status, then one line for each run: its number, node, loop path, and what came of it.
    pub fn trace(&self) -> String {
        let mut text = format!("{}\n", self.execution.status.as_str());
        for run in &self.execution.node_executions {
            push_line(&mut text, run);
        }
        text
    }

    fn last_lines(&self) -> String {
        let mut last: VecDeque<&NodeExecution> =
            self.execution.node_executions.iter().rev().take(20).collect();
        let mut text = String::new();
        while let Some(run) = last.pop_back() {
            push_line(&mut text, run);
        }
        text
    }
}

fn push_line(text: &mut String, run: &NodeExecution) {
    let path = match run.loop_path.is_empty() {
        true => String::new(),
        false => format!(" [{}]", run.loop_path),
    };
    let result = match (run.status, &run.error, &run.suspension) {
        (NodeStatus::Completed, ..) => completed(run),
        (NodeStatus::Failed | NodeStatus::Skipped, Some(error), _) => {
            format!("{} {error}", run.status.as_str())
        }
        (NodeStatus::Suspended, _, Some(suspension)) => match suspension.wait_till() {
            Some(till) => format!("waits {} until {till}", suspension.type_name()),
            None => format!("waits {}", suspension.type_name()),
        },
        (status, ..) => status.as_str().to_owned(),
    };
    // Writing to a string can't fail.
    let _ = writeln!(text, "{} {}{path} {result}", run.execution_index, run.node_key);
}

fn completed(run: &NodeExecution) -> String {
    let port = run.output_port.as_ref().map_or("-", Str::as_str);
    format!("{port} {}", run.output.to_json_string())
}

/// The latest run of this node completed with this output.
///
/// # Panics
/// If not; the message has the trace.
#[track_caller]
pub fn assert_node_completed(run: &TestRun, node: &str, output: &Value) {
    let Some(latest) = run.latest(node) else { panic!("`{node}` never ran:\n{}", run.trace()) };
    assert_eq!(latest.status, NodeStatus::Completed, "`{node}`:\n{}", run.trace());
    assert_eq!(&latest.output, output, "`{node}`:\n{}", run.trace());
}

/// These nodes, and no others, could run now, in this order.
///
/// # Panics
/// If not.
#[track_caller]
pub fn assert_nodes_ready(graph: &ExecutionGraph, nodes: &[&str]) {
    assert_eq!(graph.ready_nodes(), nodes);
}

#[cfg(test)]
mod tests {
    use prana_template::value;

    use super::*;

    const TEA: &str = "id: tea
nodes:
  - {key: start, type: manual.trigger}
  - {key: steep, type: wait.wait, params: {mode: interval, duration: 3, unit: minutes}}
  - {key: ask, type: wait.wait, params: {mode: webhook}}
  - {key: cups, type: core.for_each, params: {collection: '{{ $input }}'}}
  - {key: pour, type: core.no_op}
connections:
  - start -> steep -> ask -> cups
  - cups.loop -> pour";

    #[test]
    fn a_run_is_moved_by_hand_and_survives_restarts() {
        let mut run = run_to_end(create_test_graph(TEA, value!({"cups": 2})));
        assert_eq!(
            run.trace(),
            "suspended\n0 start main {\"cups\":2}\n1 steep waits interval until 2026-01-01T00:03:00Z\n"
        );
        run.advance_ms(179_999);
        assert_eq!(run.order(), ["start", "steep"]);
        run.restart();
        run.advance_ms(1);
        assert_node_completed(&run, "steep", &value!({"cups": 2}));
        assert_eq!(run.execution().status, Status::Suspended);
        run.restart();
        run.resume("ask", value!(["a", "b"]));
        assert_eq!(run.execution().status, Status::Completed);
        assert!(run.trace().contains("\n6 pour [cups:1] main \"b\"\n"), "{}", run.trace());
        assert_node_completed(&run, "cups", &value!({"count": 2}));
    }

    #[test]
    fn what_could_run_is_known_before_anything_runs() {
        let graph = create_test_graph(TEA, value!(null));
        assert_nodes_ready(&graph, &[]);
    }

    #[test]
    fn effects_are_answered_by_the_test() {
        use crate::action::{Descriptor, Effect};
        use crate::nodes::no_op::NoOpParams;

        let mut registry = Registry::standard();
        registry.effect(Descriptor::new::<NoOpParams>("mail.send", "Send", "Sends.", Effect::Effect));
        let document = "{id: m, nodes: [{key: start, type: manual.trigger}, {key: mail, type: mail.send}], connections: [start -> mail]}";
        let graph = create_test_graph_with(&registry, document, value!(1));
        let run = TestRun::new(graph).with_effects(|call| Ok(value!([call.input.clone()]))).start();
        assert_node_completed(&run, "mail", &value!([1]));
        let graph = create_test_graph_with(&registry, document, value!(1));
        let run = TestRun::new(graph).with_effects(|_| Err(ErrorValue::new("mail.down", "no"))).start();
        assert_eq!(run.trace(), "failed\n0 start main 1\n1 mail failed mail.down: no\n");
    }

    #[test]
    fn sub_workflows_are_ended_by_the_test() {
        let document = "{id: p, nodes: [{key: start, type: manual.trigger}, {key: child, type: workflow.execute_workflow, \
                        params: {workflow_id: c}}], connections: [start -> child]}";
        let mut run = run_to_end(create_test_graph(document, value!(1)));
        assert_eq!(run.open_children().len(), 1);
        run.end_child(Ok(value!("done")));
        assert_node_completed(&run, "child", &value!("done"));
    }
}
