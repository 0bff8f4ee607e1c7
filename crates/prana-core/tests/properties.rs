//! What holds for every workflow and every script.

use std::collections::BTreeMap;

use prana_core::document::{self, Workflow};
use prana_core::execution::{Execution, NodeExecution};
use prana_core::graph::ExecutionGraph;
use prana_core::record::Entry;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::generate::{self, Plan};
use crate::machine::Machine;
use crate::model::Model;

#[allow(clippy::disallowed_methods, reason = "how many cases a test makes is asked of the environment")]
pub fn config() -> Config {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok());
    Config {
        cases: cases.unwrap_or(200),
        failure_persistence: None,
        max_shrink_iters: 4_000,
        ..Config::default()
    }
}

fn run(plan: &Plan) -> (Workflow, Machine) {
    let workflow = plan.workflow();
    let machine = Machine::new(generate::compiled(&workflow), &plan.script).run();
    (workflow, machine)
}

fn json(log: &[Entry]) -> String {
    serde_json::to_string(log).unwrap()
}

/// What stands in a test's message: the workflow and what happened.
fn story(workflow: &Workflow, log: &[Entry]) -> String {
    let lines: Vec<String> = log.iter().map(|entry| serde_json::to_string(entry).unwrap()).collect();
    format!("{}\n{}", document::to_yaml(workflow), lines.join("\n"))
}

/// Runs a check, and shows the workflow where it fails.
fn told<T>(workflow: &Workflow, log: &[Entry], check: impl FnOnce() -> T) -> T {
    let story = story(workflow, log);
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(check));
    result.unwrap_or_else(|_| panic!("it doesn't hold for this workflow:\n{story}"))
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn every_run_is_the_one_that_has_to_come(plan in generate::plan()) {
        let (workflow, machine) = run(&plan);
        told(&workflow, &machine.log, || Model::new(&workflow).check(&machine.log));
    }

    #[test]
    fn the_same_input_gives_the_same_bytes(plan in generate::plan()) {
        let (workflow, first) = run(&plan);
        let (_, second) = run(&plan);
        prop_assert_eq!(json(&first.log), json(&second.log));
        let restarted = Machine::new(generate::compiled(&workflow), &plan.script).with_restarts().run();
        prop_assert_eq!(lines(&first.log), lines(&restarted.log));
    }

    #[test]
    fn a_rebuild_equals_what_was_live(plan in generate::plan()) {
        let (workflow, machine) = run(&plan);
        let log: Vec<Entry> = serde_json::from_str(&json(&machine.log)).unwrap();
        prop_assert_eq!(&log, &machine.log);
        let mut rebuilt = ExecutionGraph::new(generate::compiled(&workflow), machine.context.clone());
        let mut seen = machine.seen.iter().peekable();
        for length in 0..=log.len() {
            if length > 0 {
                rebuilt.apply(&log[length - 1]).unwrap();
            }
            while let Some((_, live)) = seen.next_if(|(entries, _)| *entries == length) {
                prop_assert_eq!(rebuilt.state(), live, "after {} entries", length);
            }
        }
        prop_assert!(seen.next().is_none());
    }

    #[test]
    fn a_snapshot_is_as_good_as_a_rebuild(plan in generate::plan(), place in any::<prop::sample::Index>()) {
        let (_, machine) = run(&plan);
        let length = place.index(machine.log.len() + 1);
        let (compiled, context) = (machine.compiled.clone(), machine.context.clone());
        let rebuilt = ExecutionGraph::rebuild(compiled.clone(), context.clone(), &machine.log[..length]).unwrap();
        let text = serde_json::to_string(&rebuilt.snapshot()).unwrap();
        let snapshot = serde_json::from_str(&text).unwrap();
        let mut restored = ExecutionGraph::from_snapshot(compiled, context, snapshot).unwrap();
        prop_assert_eq!(restored.state(), rebuilt.state());
        machine.log[length..].iter().for_each(|entry| restored.apply(entry).unwrap());
        prop_assert_eq!(restored.state(), machine.executor.graph().state());
    }

    #[test]
    fn what_is_recorded_stays(plan in generate::plan()) {
        let (_, machine) = run(&plan);
        let header = &machine.context.header;
        let log: Vec<Entry> = serde_json::from_str(&json(&machine.log)).unwrap();
        let whole = Execution::from_log(header, &log);
        let mut growing = Execution::new(header);
        let mut ended: BTreeMap<u32, NodeExecution> = BTreeMap::new();
        for entry in &machine.log {
            growing.fold(entry);
            for (index, before) in &ended {
                prop_assert_eq!(&growing.node_executions[*index as usize], before, "an ended run changed");
            }
            let runs = growing.node_executions.iter().filter(|run| run.completed_at.is_some());
            ended.extend(runs.map(|run| (run.execution_index, run.clone())));
        }
        prop_assert_eq!(&growing, &whole);
        for (place, run) in whole.node_executions.iter().enumerate() {
            prop_assert_eq!(run.execution_index as usize, place);
            prop_assert!(run.completed_at.is_some(), "run {} is open at the end", place);
        }
        prop_assert_eq!(whole.status, machine.executor.status());
        prop_assert_eq!(whole.output(), machine.executor.graph().output());
        prop_assert_eq!(whole.error(), machine.executor.graph().state().error.as_ref());
    }

    #[test]
    fn documents_read_back(plan in generate::plan()) {
        let workflow = plan.workflow();
        for text in [document::to_yaml(&workflow), document::to_json(&workflow)] {
            let loaded = document::load("random.yaml", text.as_bytes()).unwrap();
            prop_assert_eq!(&loaded[0].workflow, &workflow, "{}", text);
        }
    }
}

/// The random workflows do reach what they are meant to prove something about.
#[test]
fn random_workflows_reach_all_of_it() {
    let mut runner = TestRunner::new_with_rng(config(), TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let mut seen: BTreeMap<&str, u32> = BTreeMap::new();
    for _ in 0..300 {
        let plan = generate::plan().new_tree(&mut runner).unwrap().current();
        let (workflow, machine) = run(&plan);
        let mut model = Model::new(&workflow);
        model.check(&machine.log);
        *seen.entry("joins that waited for each other").or_default() += model.knots as u32;
        let text = json(&machine.log);
        for (what, sign) in [
            ("iterations", "\"loop_path\":\""),
            ("nested iterations", ":1/"),
            ("joins of several branches", "\"input_b\":["),
            ("limits", "loop.limit_exceeded"),
            ("retries", "attempt_failed"),
            ("answers", "\"by\":\"call\""),
            ("timers", "\"by\":\"timer\""),
            ("children", "child_ended"),
            ("decisions", "\"decision\":"),
            ("errors that went on", "\"is_error\":true"),
            ("ends", "\"status\":\"completed\"}"),
            ("dropped waits", "a break ended the iteration"),
        ] {
            *seen.entry(what).or_default() += u32::from(text.contains(sign));
        }
    }
    assert!(seen.values().all(|count| *count > 0), "{seen:#?}");
}

fn lines(log: &[Entry]) -> Vec<String> {
    log.iter().map(|entry| serde_json::to_string(entry).unwrap()).collect()
}
