//! Nodes that are parked before they begin, in the place of every kind of node, with every answer that a person can give.

use prana_core::ExecutionGraph;
use prana_core::action::{Descriptor, Effect};
use prana_core::execution::{Execution, Status};
use prana_core::executor::{EffectOutput, GraphExecutor, Input, Step};
use prana_core::record::{Completed, Entry};
use prana_core::registry::Registry;
use prana_core::suspension::{ChildEnd, Suspension};
use prana_core::testing::{START, create_test_graph_with};
use prana_core::{ExecutionId, Timestamp};
use prana_template::{Value, value};

/// One node of each kind that is parked, named `it`.
const DOCUMENTS: [(&str, &str); 8] = [
    ("pure", "{key: it, type: data.set_data, params: {fields: {n: '{{ $input.n + 1 }}'}}}"),
    ("effect", "{key: it, type: test.effect, params: {n: '{{ $input.n + 1 }}'}}"),
    ("wait", "{key: it, type: wait.wait, params: {mode: interval, duration: '{{ $input.n }}'}}"),
    (
        "child",
        "{key: it, type: workflow.execute_workflow, params: {workflow_id: child, input_data: '{{ $input }}'}}",
    ),
    ("no_op", "{key: it, type: core.no_op}"),
    ("if", "{key: it, type: logic.if_condition, params: {condition: '{{ $input.n > 0 }}'}}"),
    ("for_each", "{key: it, type: core.for_each, params: {collection: '{{ [$input.n, 2] }}'}}"),
    ("disabled", "{key: it, type: data.set_data, disabled: true, params: {fields: {n: 1}}}"),
];

struct Run {
    fresh: ExecutionGraph,
    executor: GraphExecutor,
    log: Vec<Entry>,
    now: Timestamp,
}

impl Run {
    fn new(node: &str) -> Run {
        let mut registry = Registry::standard();
        registry.effect(Descriptor::new::<Value>(
            "test.effect",
            "Effect",
            "Gives its params.",
            Effect::Effect,
        ));
        let out = if node.contains("for_each") {
            "it.loop -> body, it.done -> after"
        } else if node.contains("if_condition") {
            "it.true -> after, it.false -> body"
        } else {
            "it -> after, it -> body"
        };
        let text = format!(
            "{{id: w, nodes: [{{key: start, type: manual.trigger}}, {node}, {{key: body, type: core.no_op}}, \
             {{key: after, type: core.no_op}}], connections: [start -> it, {out}]}}"
        );
        let fresh = create_test_graph_with(&registry, &text, value!({"n": 4}));
        let executor = GraphExecutor::new(fresh.clone(), START);
        let mut run = Run { fresh, executor, log: Vec::new(), now: START };
        run.hand_in(Input::Start);
        run
    }

    fn hand_in(&mut self, input: Input) {
        self.now = self.now.plus_millis(1_000);
        self.executor.handle(input, self.now).unwrap();
    }

    /// Runs until nothing more can run by itself, or until `it` is next.
    fn drain(&mut self, stop_at_it: bool) {
        loop {
            let at_rest = self.executor.is_at_rest();
            if stop_at_it
                && at_rest
                && self.executor.graph().ready_nodes().first().is_some_and(|next| **next == *"it")
            {
                return;
            }
            let Some(step) = self.executor.next() else { return };
            match step {
                Step::Record(entry) => self.log.push(entry),
                Step::Run(call) => {
                    let result = Ok(EffectOutput::Complete(Completed::new(call.params.clone())));
                    self.hand_in(Input::Result {
                        execution_index: call.execution_index,
                        result,
                        random: 0.0,
                    });
                }
                Step::StartChild(start) => self.hand_in(Input::ChildEnded(ChildEnd {
                    execution_index: start.execution_index,
                    item: start.item,
                    execution_id: ExecutionId::NIL,
                    status: Status::Completed,
                    output: start.input.clone(),
                    error: None,
                })),
                Step::Suspended if self.executor.graph().next_wake().is_some() => {
                    self.now = self.executor.graph().next_wake().unwrap();
                    self.hand_in(Input::Time);
                }
                _ => {}
            }
        }
    }

    /// The process dies: what is left is the log.
    fn restart(&mut self) {
        let (compiled, context) = (self.fresh.compiled().clone(), self.fresh.context().clone());
        let graph = ExecutionGraph::rebuild(compiled, context, &self.log).unwrap();
        assert_eq!(graph.state(), self.executor.graph().state(), "a rebuild is exact");
        self.executor = GraphExecutor::new(graph, self.now);
        self.executor.restore_children();
        self.hand_in(Input::Interrupted);
        self.hand_in(Input::Recover);
    }

    fn park(&mut self) -> u32 {
        self.drain(true);
        self.hand_in(Input::Park { reason: "it kills".into() });
        self.drain(false);
        let open = self.executor.graph().open_runs();
        assert_eq!(open.len(), 1);
        assert_eq!(open[0].suspension(), Some(&Suspension::Decision { reason: Some("it kills".into()) }));
        assert!(open[0].parked && open[0].params.is_null());
        let execution_index = open[0].execution_index;
        assert_eq!(self.execution().node_executions[execution_index as usize].node_key, "it");
        execution_index
    }

    fn decide(&mut self, execution_index: u32, decision: &str) {
        self.restart();
        let data = value!({"decision": decision, "output": {"n": 7}});
        self.hand_in(Input::Resume { execution_index, data });
    }

    fn execution(&self) -> Execution {
        Execution::from_log(&self.fresh.context().header, &self.log)
    }

    fn order(&self) -> String {
        let execution = self.execution();
        let keys: Vec<&str> = execution.node_executions.iter().map(|run| run.node_key.as_str()).collect();
        keys.join(" ")
    }
}

/// What runs, in order, if nothing is parked.
fn undisturbed(node: &str) -> (String, Value) {
    let mut run = Run::new(node);
    run.drain(false);
    (run.order(), run.execution().output())
}

#[test]
fn a_retry_renders_what_was_not_rendered() {
    for (name, node) in DOCUMENTS {
        let mut run = Run::new(node);
        let index = run.park();
        run.decide(index, "retry");
        run.drain(false);
        let execution = run.execution();
        assert_eq!(execution.status, Status::Completed, "{name}: {:?}", execution.error());
        assert_eq!((run.order(), execution.output()), undisturbed(node), "{name}");
        let other = undisturbed_params(node, index);
        assert_eq!(execution.node_executions[index as usize].params, other, "{name}");
    }
}

fn undisturbed_params(node: &str, index: u32) -> Value {
    let mut run = Run::new(node);
    run.drain(false);
    run.execution().node_executions[index as usize].params.clone()
}

#[test]
fn a_crash_after_the_word_retry_changes_nothing() {
    for (name, node) in DOCUMENTS {
        let mut run = Run::new(node);
        let index = run.park();
        run.decide(index, "retry");
        // What was decided is durable, and nothing after it.
        for _ in 0..2 {
            if let Some(Step::Record(entry)) = run.executor.next() {
                run.log.push(entry);
            }
        }
        let (compiled, context) = (run.fresh.compiled().clone(), run.fresh.context().clone());
        let graph = ExecutionGraph::rebuild(compiled, context, &run.log).unwrap();
        run.executor = GraphExecutor::new(graph, run.now);
        run.executor.restore_children();
        run.hand_in(Input::Recover);
        run.drain(false);
        assert_eq!((run.order(), run.execution().output()), undisturbed(node), "{name}");
    }
}

#[test]
fn a_skip_gives_what_the_person_gives() {
    for (name, node) in DOCUMENTS {
        let mut run = Run::new(node);
        let index = run.park();
        run.decide(index, "skip");
        run.drain(false);
        let execution = run.execution();
        assert_eq!(execution.status, Status::Completed, "{name}");
        assert_eq!(execution.node_executions[index as usize].output, value!({"n": 7}), "{name}");
        let followers = match name {
            "if" => "start it",
            "for_each" => "start it after",
            _ => "start it after body",
        };
        assert_eq!(run.order(), followers, "{name}");
    }
}

#[test]
fn a_person_can_end_it() {
    for (name, node) in DOCUMENTS {
        for (decision, status, code) in [
            ("fail", Status::Failed, "node.interrupted"),
            ("cancel", Status::Cancelled, "execution.cancelled"),
        ] {
            let mut run = Run::new(node);
            let index = run.park();
            run.decide(index, decision);
            run.drain(false);
            let execution = run.execution();
            assert_eq!(execution.status, status, "{name}");
            assert_eq!(&*execution.error().unwrap().code, code, "{name}");
        }
    }
}

#[test]
fn what_is_no_decision_is_asked_again() {
    let mut run = Run::new(DOCUMENTS[0].1);
    let index = run.park();
    run.decide(index, "perhaps");
    run.drain(false);
    let open = run.executor.graph().open_run(index).unwrap();
    assert!(open.parked);
    assert_eq!(open.suspension(), Some(&Suspension::Decision { reason: Some("it kills".into()) }));
}

/// The second turn of a for_each is parked: its iteration is kept, and the rest of the collection.
#[test]
fn a_loop_that_goes_on_can_be_parked() {
    let node = DOCUMENTS[6].1;
    for (decision, order) in [("retry", "start it body it body it after"), ("skip", "start it body it after")]
    {
        let mut run = Run::new(node);
        run.drain(true);
        // The first turn and its body.
        while run.order() != "start it body" {
            let Some(Step::Record(entry)) = run.executor.next() else { panic!("{}", run.order()) };
            run.log.push(entry);
        }
        let index = run.park();
        run.decide(index, decision);
        run.drain(false);
        assert_eq!(run.order(), order, "{decision}");
        assert_eq!(run.execution().status, Status::Completed);
    }
}

/// While nobody runs it, its time stands still.
#[test]
fn time_in_which_nobody_ran_it_is_no_running_time() {
    let mut registry = Registry::standard();
    registry.effect(Descriptor::new::<Value>("test.effect", "Effect", "Hangs.", Effect::Effect));
    let text = "{id: w, settings: {timeout: 60000}, nodes: [{key: start, type: manual.trigger}, {key: it, type: test.effect, \
                params: {}}], connections: [start -> it]}";
    let fresh = create_test_graph_with(&registry, text, Value::Null);
    let mut executor = GraphExecutor::new(fresh.clone(), START);
    executor.handle(Input::Start, START).unwrap();
    let mut log = Vec::new();
    while let Some(step) = executor.next() {
        executor.handle(Input::Time, START.plus_millis(10_000)).unwrap();
        if let Step::Record(entry) = step {
            log.push(entry);
        }
    }
    let last = log.last().unwrap().at;
    // An hour later it is taken over, three times; only the third time something is recorded.
    let again = |at: Timestamp| {
        let graph = ExecutionGraph::rebuild(fresh.compiled().clone(), fresh.context().clone(), &log).unwrap();
        let mut executor = GraphExecutor::new(graph, at);
        executor.handle(Input::Interrupted, at).unwrap();
        executor.handle(Input::Recover, at).unwrap();
        executor
    };
    let used = last.millis_since(START);
    for hours in 1..3 {
        let at = START.plus_millis(hours * 3_600_000);
        let mut executor = again(at);
        assert!(matches!(executor.next(), Some(Step::Run(_))), "going on alone leaves no record");
        assert_eq!(executor.deadline(), Some(at.plus_millis(60_000 - used)));
    }
    let at = START.plus_millis(3 * 3_600_000);
    let mut executor = again(at);
    executor.next().unwrap();
    let result = Ok(EffectOutput::Complete(Completed::new(value!(1))));
    executor
        .handle(Input::Result { execution_index: 1, result, random: 0.0 }, at.plus_millis(30_000))
        .unwrap();
    while let Some(step) = executor.next() {
        if let Step::Record(entry) = step {
            log.push(entry);
        }
    }
    assert_eq!(executor.status(), Status::Completed);
    let rebuilt = ExecutionGraph::rebuild(fresh.compiled().clone(), fresh.context().clone(), &log).unwrap();
    assert_eq!(rebuilt.state(), executor.graph().state());
    assert_eq!(rebuilt.state().ran_ms, used + 30_000);
}
