//! Going on from an earlier execution.

use std::sync::Arc;

use prana_core::compile::CompiledGraph;
use prana_core::execution::{Execution, Status};
use prana_core::executor::{ForkError, ForkRequest, Input, failed_run, fork_from, prefix_for};
use prana_core::graph::{Context, ExecutionGraph};
use prana_core::record::Entry;
use prana_core::testing::{START, TestRun, create_test_graph, run_to_end};
use prana_core::{ExecutionId, GraphExecutor};
use prana_template::{Value, value};
use proptest::prelude::*;

use crate::generate;
use crate::machine::Machine;

fn ids(log: &[Entry]) -> Vec<u64> {
    log.iter().map(|entry| entry.sequence).collect()
}

const TRIP: &str = "id: trip
nodes:
  - {key: start, type: manual.trigger}
  - {key: pack, type: data.set_data, params: {fields: {bags: '{{ $input.people * 2 }}'}}}
  - {key: check, type: logic.if_condition, params: {condition: '{{ $input.bags > 3 }}'}}
  - {key: van, type: data.set_data, params: {fields: {van: '{{ $input.bags }}', people: '{{ $trigger.people }}'}}}
  - {key: car, type: data.set_data, params: {fields: {car: '{{ $input.bags }}'}}}
connections: [start -> pack -> check, check.true -> van, check.false -> car]";

/// What a fork of this run gives: its status, the nodes that ran anew, and its output.
fn fork(
    earlier: &TestRun,
    document: &str,
    execution_index: u32,
    input: Option<Value>,
    alone: bool,
) -> Result<(Status, Vec<String>, Value), ForkError> {
    let context = earlier.graph().context().clone();
    let compiled = create_test_graph(document, Value::Null).compiled().clone();
    let log = earlier.log();
    let request = ForkRequest { from: ExecutionId::NIL, log, execution_index, input, alone };
    let (execution, _) = go_on(&request, compiled, context)?;
    let anew = execution.node_executions.iter().skip(execution_index as usize);
    let nodes = anew.map(|run| run.node_key.to_string()).collect();
    Ok((execution.status, nodes, execution.output()))
}

fn go_on(
    request: &ForkRequest<'_>,
    compiled: Arc<CompiledGraph>,
    context: Arc<Context>,
) -> Result<(Execution, Vec<Entry>), ForkError> {
    let header = context.header.clone();
    let forked = fork_from(request, compiled.clone(), context.clone())?;
    let mut log = forked.prefix;
    let mut executor = GraphExecutor::new(forked.graph, START);
    executor.handle(Input::Fork(forked.fork), START).unwrap();
    while let Some(step) = executor.next() {
        if let prana_core::executor::Step::Record(entry) = step {
            log.push(entry);
        }
    }
    let rebuilt = ExecutionGraph::rebuild(compiled, context, &log).unwrap();
    assert_eq!(rebuilt.state(), executor.graph().state(), "a fork rebuilds too");
    Ok((Execution::from_log(&header, &log), log))
}

fn done(nodes: &[&str], output: Value) -> Result<(Status, Vec<String>, Value), ForkError> {
    Ok((Status::Completed, nodes.iter().map(|node| (*node).to_owned()).collect(), output))
}

#[test]
fn a_prefix_is_what_came_before_the_run() {
    let run = run_to_end(create_test_graph(TRIP, value!({"people": 1})));
    assert_eq!(ids(&prefix_for(run.log(), 0).unwrap()), [1]);
    assert_eq!(ids(&prefix_for(run.log(), 2).unwrap()), [1, 2, 3]);
    assert_eq!(prefix_for(run.log(), 4), Err(ForkError::NoSuchRun { execution_index: 4, runs: 4 }));
}

#[test]
fn it_goes_on_with_the_earlier_data_or_with_other_data() {
    let run = run_to_end(create_test_graph(TRIP, value!({"people": 1})));
    assert_eq!(fork(&run, TRIP, 2, None, false), done(&["check", "car"], value!({"car": 2})));
    let other = Some(value!({"bags": 9}));
    assert_eq!(fork(&run, TRIP, 2, other, false), done(&["check", "van"], value!({"van": 9, "people": 1})));
    let other = Some(value!({"people": 5}));
    let all = &["start", "pack", "check", "van"];
    assert_eq!(fork(&run, TRIP, 0, other, false), done(all, value!({"van": 10, "people": 1})));
}

#[test]
fn it_goes_on_with_another_version() {
    let run = run_to_end(create_test_graph(TRIP, value!({"people": 2})));
    let newer = TRIP.replace("> 3", "> 4").replace("{car: ", "{small: ");
    assert_eq!(fork(&run, &newer, 2, None, false), done(&["check", "car"], value!({"small": 4})));
    let lacks = |document: &str, index: u32, expected: &[&str]| match fork(&run, document, index, None, false)
    {
        Err(ForkError::Lacks(lacking)) => assert_eq!(lacking, expected),
        other => panic!("{other:?}"),
    };
    let renamed = TRIP.replace("pack", "stuff").replace("check", "look");
    lacks(&renamed, 3, &["the node `pack`", "the node `check`"]);
    lacks(&renamed, 1, &["the node `pack`"]);
    let switch = TRIP
        .replace(
            "logic.if_condition, params: {condition: '{{ $input.bags > 3 }}'}",
            "logic.switch, params: {value: 1, cases: [{equals: 1, port: high}]}",
        )
        .replace("check.true", "check.high")
        .replace("check.false", "check.default");
    lacks(&switch, 3, &["the output port `true` of `check`"]);
    let merged = TRIP.replace("- {key: van, type: data.set_data, params: {fields: {van: '{{ $input.bags }}', people: '{{ $trigger.people }}'}}}", "- {key: van, type: data.merge}\n  - {key: last, type: core.no_op}").replace("check.true -> van", "check.true -> van.input_a, van -> last");
    let longer = TRIP
        .replace("check.true -> van,", "check.true -> van, van -> last,")
        .replace("- {key: car", "- {key: last, type: core.no_op}\n  - {key: car");
    let long_run = run_to_end(create_test_graph(&longer, value!({"people": 2})));
    let lacking = fork(&long_run, &merged, 4, None, false);
    assert_eq!(lacking, Err(ForkError::Lacks(vec!["the input port `main` of `van`".to_owned()])));
}

#[test]
fn connections_that_lead_elsewhere_are_told() {
    let run = run_to_end(create_test_graph(TRIP, value!({"people": 2})));
    let other = TRIP
        .replace("pack -> check", "check, start -> pack")
        .replace("- {key: pack", "- {key: x, type: core.no_op}\n  - {key: pack");
    let told = fork(&run, &other, 3, None, false).unwrap_err().to_string();
    assert!(told.contains("run 2 of `check`") && told.contains("earlier run"), "{told}");
}

const BEDS: &str = "id: beds
nodes:
  - {key: start, type: manual.trigger}
  - {key: beds, type: core.for_each, params: {collection: '{{ $input }}', collect: '{{ $input.sown }}'}}
  - {key: dig, type: core.no_op}
  - {key: sow, type: data.set_data, params: {fields: {sown: '{{ $input.seed | upper }}'}}}
connections: [start -> beds, beds.loop -> dig -> sow -> beds]";

#[test]
fn a_retry_inside_a_loop_keeps_the_iterations_before() {
    let run = run_to_end(create_test_graph(BEDS, value!([{"seed": "oat"}, {"seed": 7}, {"seed": "rye"}])));
    assert_eq!(run.execution().status, Status::Failed, "{}", run.trace());
    let failed = failed_run(run.log()).unwrap();
    assert_eq!(run.execution().node_executions[failed as usize].loop_path.to_string(), "beds:1");
    let results = value!({"count": 3, "results": ["OAT", "BEET", "RYE"]});
    let rest = &["sow", "beds", "dig", "sow", "beds"];
    assert_eq!(fork(&run, BEDS, failed, Some(value!({"seed": "beet"})), false), done(rest, results));
    let mended = BEDS.replace("{{ $input.seed | upper }}", "x{{ $input.seed }}");
    let results = value!({"count": 3, "results": ["OAT", "x7", "xrye"]});
    assert_eq!(fork(&run, &mended, failed, None, false), done(rest, results));
    let told = fork(&run, BEDS, 4, Some(value!(1)), false).unwrap_err().to_string();
    assert!(told.contains("takes no input"), "{told}");
}

#[test]
fn one_node_runs_alone() {
    let run = run_to_end(create_test_graph(TRIP, value!({"people": 1})));
    assert_eq!(fork(&run, TRIP, 2, None, true), done(&["check"], value!({"bags": 2})));
    assert_eq!(fork(&run, TRIP, 1, Some(value!({"people": 8})), true), done(&["pack"], value!({"bags": 16})));
    let run = run_to_end(create_test_graph(BEDS, value!([{"seed": "oat"}, {"seed": "rye"}])));
    assert_eq!(fork(&run, BEDS, 6, None, true), done(&["sow"], value!({"sown": "RYE"})));
    assert_eq!(fork(&run, BEDS, 1, None, true), done(&["beds"], value!({"seed": "oat"})));
}

#[test]
fn a_join_alone_gets_what_it_had() {
    let document = "id: j
nodes:
  - {key: start, type: manual.trigger}
  - {key: a, type: data.set_data, params: {fields: {a: 1}}}
  - {key: b, type: data.set_data, params: {fields: {b: 2}}}
  - {key: both, type: data.merge}
  - {key: after, type: core.no_op}
connections: [start -> a -> both.input_a, start -> b -> both.input_b, both -> after]";
    let run = run_to_end(create_test_graph(document, value!(null)));
    assert_eq!(fork(&run, document, 3, None, true), done(&["both"], value!([{"a": 1}, {"b": 2}])));
    let edited = done(&["both", "after"], value!([{"a": 1}, "other"]));
    assert_eq!(fork(&run, document, 3, Some(value!("other")), false), edited);
}

#[test]
fn waits_of_the_past_are_closed_where_one_node_runs_alone() {
    let document = "id: w
settings: {on_suspend: continue}
nodes:
  - {key: start, type: manual.trigger}
  - {key: ask, type: wait.wait, params: {mode: webhook}}
  - {key: beside, type: core.no_op}
connections: [start -> ask, start -> beside]";
    let run = run_to_end(create_test_graph(document, value!(1)));
    let context = run.graph().context().clone();
    let compiled = run.graph().compiled().clone();
    let request = |alone| ForkRequest {
        from: ExecutionId::NIL,
        log: run.log(),
        execution_index: 2,
        input: None,
        alone,
    };
    let (alone, _) = go_on(&request(true), compiled.clone(), context.clone()).unwrap();
    assert_eq!(alone.status, Status::Completed);
    assert!(alone.suspended_node_execution().is_none());
    let (both, _) = go_on(&request(false), compiled, context).unwrap();
    assert_eq!(both.status, Status::Suspended);
    assert_eq!(both.suspended_node_execution().unwrap().node_key, *"ask");
}

proptest! {
    #![proptest_config(crate::properties::config())]

    #[test]
    fn every_run_can_be_gone_on_from(plan in generate::plan(), place in any::<prop::sample::Index>()) {
        let workflow = plan.workflow();
        let compiled = generate::compiled(&workflow);
        let machine = Machine::new(compiled.clone(), &plan.script).run();
        let execution = Execution::from_log(&machine.context.header, &machine.log);
        prop_assume!(!execution.node_executions.is_empty());
        let execution_index = place.index(execution.node_executions.len()) as u32;
        for alone in [false, true] {
            let request =
                ForkRequest { from: ExecutionId::NIL, log: &machine.log, execution_index, input: None, alone };
            let forked = fork_from(&request, compiled.clone(), machine.context.clone()).unwrap();
            let mut prefix = forked.prefix;
            let again = Machine::over(forked.graph, &plan.script).run_from(Input::Fork(forked.fork));
            let new = again.log.clone();
            prefix.extend(again.log);
            let whole = Execution::from_log(&machine.context.header, &prefix);
            let next = new.iter().find_map(|entry| match &entry.change {
                prana_core::record::Change::Node(change) => change.started.as_ref(),
                prana_core::record::Change::Execution(_) => None,
            });
            let run = &execution.node_executions[execution_index as usize];
            if let Some(next) = next {
                prop_assert_eq!(&next.node_key, &run.node_key);
                prop_assert_eq!(&next.loop_path, &run.loop_path);
                prop_assert_eq!(&next.input_from, &run.input_from);
            }
            prop_assert!(whole.node_executions.iter().all(|run| run.completed_at.is_some()));
            if alone {
                prop_assert!(whole.node_executions.len() <= execution_index as usize + 1);
            }
            let rebuilt = ExecutionGraph::rebuild(compiled.clone(), machine.context.clone(), &prefix).unwrap();
            prop_assert_eq!(rebuilt.state(), again.executor.graph().state());
        }
    }
}
