//! Large workflows: what grows with the square or the cube of their size would not end here.

use prana_core::compile::{self, Compilation, MAX_LEVEL, Options};
use prana_core::document;
use prana_core::testing::{create_test_graph, run_to_end};
use prana_template::Value;

use crate::generate::registry;

fn compiled(document: &str) -> Compilation {
    let workflow = document::load("w.yaml", document.as_bytes()).unwrap().remove(0).workflow;
    compile::compile(&workflow, &registry(), Options::default())
}

fn lines<T: ToString>(count: usize, line: impl Fn(usize) -> T) -> String {
    (0..count).map(|number| format!("  - {}\n", line(number).to_string())).collect()
}

fn document(nodes: &str, connections: &str) -> String {
    format!("id: w\nnodes:\n  - {{key: start, type: manual.trigger}}\n{nodes}connections:\n{connections}")
}

/// Each join waits for the same late branch, and is deeper than what it waits for.
#[test]
fn many_joins_wait_for_one_branch() {
    const COUNT: usize = 600;
    let nodes = lines(COUNT, |n| format!("{{key: a{n}, type: core.no_op}}"))
        + &lines(COUNT, |n| format!("{{key: m{n}, type: data.merge}}"))
        + "  - {key: late, type: core.no_op}\n";
    let connections = lines(COUNT, |n| format!("start -> a{n} -> m{n}.input_a"))
        + "  - start -> late\n"
        + &lines(COUNT, |n| format!("late -> m{n}.input_b"));
    let run = run_to_end(create_test_graph(&document(&nodes, &connections), Value::Null));
    let order = run.order();
    assert_eq!(order.len(), 2 * COUNT + 2);
    assert_eq!(order[COUNT + 1], "late");
    assert_eq!((order[COUNT + 2], order[2 * COUNT + 1]), ("m0", &*format!("m{}", COUNT - 1)));
}

/// Two-way connections in a row nest as deep as there are nodes.
#[test]
fn levels_of_loops_are_told_apart_up_to_a_limit() {
    const COUNT: usize = 5_000;
    let nodes =
        lines(COUNT, |n| format!("{{key: a{n}, type: logic.if_condition, params: {{condition: true}}}}"));
    let connections = "  - start -> a0\n".to_owned()
        + &lines(COUNT - 1, |n| format!("a{n}.true -> a{}", n + 1))
        + &lines(COUNT - 1, |n| format!("a{}.false -> a{n}", n + 1));
    let graph = compiled(&document(&nodes, &connections)).into_result().unwrap();
    let deepest = graph.loops.all.iter().map(|found| found.level).max();
    assert_eq!(deepest, Some(MAX_LEVEL));
}

#[test]
fn many_loops_in_a_row() {
    const COUNT: usize = 1_000;
    let nodes = lines(COUNT, |n| format!("{{key: f{n}, type: core.for_each, params: {{collection: []}}}}"));
    let connections =
        "  - start -> f0\n".to_owned() + &lines(COUNT - 1, |n| format!("f{n}.done -> f{}", n + 1));
    let graph = compiled(&document(&nodes, &connections)).into_result().unwrap();
    assert!(graph.scopes.iter().all(|scope| scope.enclosing.is_empty()));
}

#[test]
fn many_misspelt_names_are_all_told_and_the_first_get_advice() {
    const COUNT: usize = 1_000;
    let nodes = lines(COUNT, |n| {
        format!(
            "{{key: long_name_{n}, type: data.set_data, params: {{fields: {{a: '{{{{ $nodes.logn_name_{n}.output }}}}'}}}}}}"
        )
    });
    let connections = lines(COUNT, |n| format!("start -> lnog_name_{n}"));
    let told = compiled(&document(&nodes, &connections)).into_result().unwrap_err();
    let of = |code: &str| told.iter().filter(|finding| finding.code == code).collect::<Vec<_>>();
    assert_eq!(of("workflow.unknown_node").len(), COUNT);
    assert_eq!(of("expression.unknown_node").len(), COUNT);
    let meant =
        told.iter().filter(|finding| finding.help.as_ref().is_some_and(|help| help.contains("did you mean")));
    assert_eq!(meant.count(), 100);
    assert!(told.iter().all(|finding| finding.help.is_some()));
}

#[test]
fn a_switch_has_a_limit_of_cases() {
    let check = |count: usize, expected: Option<&str>| {
        let cases: Vec<String> = (0..count).map(|n| format!("{{equals: {n}, port: p{n}}}")).collect();
        let switch = format!(
            "  - {{key: way, type: logic.switch, params: {{value: 1, cases: [{}]}}}}\n",
            cases.join(", ")
        );
        let told = compiled(&document(&switch, "  - start -> way\n")).into_result().err();
        let first = told.as_ref().and_then(|told| told.first()).map(|finding| finding.message.clone());
        assert_eq!(first.is_some(), expected.is_some(), "{first:?}");
        assert!(expected.is_none_or(|part| first.unwrap_or_default().contains(part)));
    };
    check(1_000, None);
    check(1_001, Some("1000 cases"));
    check(70_000, Some("1000 cases"));
}
