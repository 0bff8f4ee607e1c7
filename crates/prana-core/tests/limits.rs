//! What is at the limits: the deepest data, the most live data.

use prana_core::ErrorValue;
use prana_core::execution::Execution;
use prana_core::executor::{EffectOutput, Input};
use prana_core::graph::{ExecutionGraph, MAX_OUTPUT_DEPTH};
use prana_core::record::{Completed, Entry};
use prana_core::testing::{TestRun, create_test_graph, create_test_graph_with, run_to_end};
use prana_template::{MAX_DEPTH, Map, Value, value};

use crate::generate::registry;

/// A list in a list, so many levels deep.
fn deep(levels: u32) -> Value {
    (0..levels).fold(Value::Null, |inner, _| Value::from(vec![inner]))
}

/// Whatever was recorded can be read again.
fn reads_back(run: &TestRun) {
    for entry in run.log() {
        let text = serde_json::to_string(entry).unwrap();
        let read: Entry =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {}", &text[..120]));
        assert!(read == *entry);
    }
}

fn code(execution: &Execution) -> Option<&str> {
    execution.error().map(|error| &*error.code)
}

#[test]
fn deep_answers_and_parameters_are_refused_or_read_back() {
    let document = "id: w
nodes:
  - {key: start, type: manual.trigger}
  - {key: ask, type: wait.wait, params: {mode: webhook}}
  - {key: wrap, type: data.set_data, params: {fields: {a: {b: {c: '{{ $input }}'}}}}}
  - {key: each, type: core.for_each, params: {collection: ['{{ $input }}'], collect: {x: ['{{ $item }}']}}}
connections: [start -> ask -> wrap -> each]";
    let answered = |levels: u32| {
        let mut run = run_to_end(create_test_graph(document, Value::Null));
        run.resume("ask", deep(levels));
        reads_back(&run);
        run
    };
    for (levels, expected) in [
        (1, None),
        (MAX_OUTPUT_DEPTH - 8, None),
        (MAX_OUTPUT_DEPTH - 6, Some("action.output_too_large")),
        (MAX_OUTPUT_DEPTH - 1, Some("workflow.invalid_params")),
        (MAX_OUTPUT_DEPTH, Some("workflow.invalid_params")),
        (MAX_OUTPUT_DEPTH + 1, Some("wait.invalid_answer")),
        (MAX_DEPTH, Some("wait.invalid_answer")),
    ] {
        let run = answered(levels);
        assert_eq!(code(run.execution()), expected, "{levels} levels");
    }
}

#[test]
fn deep_results_of_effects_are_refused_or_read_back() {
    let document = "{id: w, nodes: [{key: start, type: manual.trigger}, {key: ask, type: test.ask}], connections: [start -> ask]}";
    let check = |result: Result<Completed, ErrorValue>, expected: &str| {
        let graph = create_test_graph_with(&registry(), document, Value::Null);
        let mut executor = prana_core::GraphExecutor::new(graph, prana_core::testing::START);
        executor.handle(Input::Start, prana_core::testing::START).unwrap();
        while executor.next().is_some() {}
        let result = result.map(EffectOutput::Complete);
        let input = Input::Result { execution_index: 1, result, random: 0.0 };
        executor.handle(input, prana_core::testing::START).unwrap();
        assert_eq!(executor.graph().state().error.as_ref().map(|error| &*error.code), Some(expected));
        while let Some(step) = executor.next() {
            if let prana_core::executor::Step::Record(entry) = step {
                let text = serde_json::to_string(&entry).unwrap();
                assert!(serde_json::from_str::<Entry>(&text).unwrap() == entry);
            }
        }
    };
    let updates = || -> Map { [("x".into(), deep(MAX_DEPTH - 2))].into_iter().collect() };
    let done = || Completed::new(Value::Null);
    check(Ok(Completed::new(deep(MAX_DEPTH))), "action.output_too_large");
    check(Ok(Completed { state_updates: updates(), ..done() }), "action.output_too_large");
    check(Ok(Completed { context_updates: updates(), ..done() }), "action.output_too_large");
    check(Err(ErrorValue::new("a.b", "c").with_details(deep(MAX_DEPTH))), "a.b");
}

/// Near the budget, an execution that is rebuilt before every step counts as one that never was.
#[test]
fn live_data_is_counted_alike_after_a_rebuild() {
    let text = "x".repeat(30_000);
    let document = format!(
        "id: w
settings: {{max_memory_mb: 1, max_iterations: 60}}
nodes:
  - {{key: start, type: manual.trigger}}
  - {{key: grow, type: data.set_data, params: {{fields: {{all: '{{{{ $execution.state.all }}}}', more: ['{{{{ $execution.run_index }}}}', '{text}{{{{ $execution.run_index }}}}']}}}}}}
  - {{key: keep, type: workflow.set_state, params: {{all: ['{{{{ $input }}}}']}}}}
  - {{key: wait, type: wait.wait, params: {{mode: webhook}}}}
connections: [start -> grow -> keep -> wait -> grow]"
    );
    let run = |restarts: bool| {
        let mut run = run_to_end(create_test_graph(&document, value!(1)));
        while !run.execution().status.is_ended() {
            if restarts {
                run.restart();
            }
            run.resume("wait", Value::Null);
        }
        run
    };
    let (live, restarted) = (run(false), run(true));
    assert_eq!(code(live.execution()), Some("execution.too_large"), "{}", live.order().len());
    assert_eq!(live.order().len(), restarted.order().len());
    assert!(live.log() == restarted.log());
    let graph = live.graph();
    let rebuilt =
        ExecutionGraph::rebuild(graph.compiled().clone(), graph.context().clone(), live.log()).unwrap();
    assert!(rebuilt.state() == graph.state());
}
