//! Actions that run outside the core and touch nothing there: what they get, and what a crash means for them.

use prana_core::ExecutionGraph;
use prana_core::GraphExecutor;
use prana_core::action::{Descriptor, Effect};
use prana_core::compile::{Options, compile};
use prana_core::executor::{EffectCall, EffectOutput, Input, Step};
use prana_core::record::{Completed, Entry};
use prana_core::registry::Registry;
use prana_core::testing::{START, create_test_graph_with};
use prana_template::{Value, value};

#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "it is only read into")]
struct Params {
    code: String,
    #[serde(default)]
    limit: Option<u64>,
}

fn registry() -> Registry {
    let mut registry = Registry::standard();
    registry.computation(
        Descriptor::new::<Params>("test.code", "Code", "Computes.", Effect::Pure).code_fields(&["code"]),
    );
    registry.effect(Descriptor::new::<Params>("test.effect", "Effect", "Acts.", Effect::Effect));
    registry
}

/// What is recorded until the first action is asked for, and the call.
fn until_asked(executor: &mut GraphExecutor) -> (Vec<Entry>, Option<EffectCall>) {
    let mut log = Vec::new();
    while let Some(step) = executor.next() {
        match step {
            Step::Record(entry) => log.push(entry),
            Step::Run(call) => return (log, Some(*call)),
            _ => {}
        }
    }
    (log, None)
}

fn workflow(action: &str, code: &str) -> ExecutionGraph {
    let text = format!(
        "{{id: w, variables: {{rate: 2}}, nodes: [{{key: start, type: manual.trigger}}, {{key: a, type: core.no_op}}, \
         {{key: it, type: {action}, params: {{code: \"{code}\"}}, settings: {{on_crash: fail}}}}], connections: [start -> a -> it]}}"
    );
    create_test_graph_with(&registry(), &text, value!({"n": 4}))
}

fn asked(action: &str, code: &str) -> (ExecutionGraph, Vec<Entry>, EffectCall) {
    let graph = workflow(action, code);
    let mut executor = GraphExecutor::new(graph.clone(), START);
    executor.handle(Input::Start, START).unwrap();
    let (log, call) = until_asked(&mut executor);
    (graph, log, call.expect("it should be asked for"))
}

#[test]
fn code_gets_the_names_that_stand_in_it_and_no_others() {
    let (_, _, call) = asked("test.code", "return $input.n * $vars.rate + $nodes.a.output.n");
    let names: Vec<&str> = call.scope.keys().map(|name| &**name).collect();
    assert_eq!(names, ["$input", "$nodes", "$vars"]);
    assert_eq!(call.scope.get("$input"), Some(&value!({"n": 4})));
    assert_eq!(call.scope.get("$vars"), Some(&value!({"rate": 2})));
    let nodes = call.scope.get("$nodes").expect("it is mentioned");
    assert_eq!(nodes.get("a").and_then(|a| a.get("output")), Some(&value!({"n": 4})));
    assert_eq!(nodes.get("it"), Some(&Value::Null), "it has not run yet");
    assert!(call.is_pure);
    assert_eq!(call.params, value!({"code": "return $input.n * $vars.rate + $nodes.a.output.n"}));
    let (_, _, call) = asked("test.code", "return 1 // {{ not a template }}");
    assert!(call.scope.is_empty());
    let (_, _, call) = asked("test.effect", "{{ $input.n }}x");
    assert!(call.scope.is_empty() && !call.is_pure);
}

/// Nobody can tell that it ran twice, so it does not matter how far it came.
#[test]
fn after_a_crash_it_runs_again_whatever_is_said_of_effects() {
    let again = |action: &str| {
        let (graph, log, first) = asked(action, "$input");
        let context = graph.context().clone();
        let rebuilt = ExecutionGraph::rebuild(graph.compiled().clone(), context, &log).unwrap();
        let mut executor = GraphExecutor::new(rebuilt, START);
        executor.handle(Input::Recover, START).unwrap();
        let (_, call) = until_asked(&mut executor);
        assert!(call.as_ref().is_none_or(|call| *call == first), "it gets the same again");
        let call = call?;
        let execution_index = call.execution_index;
        let result = Ok(EffectOutput::Complete(Completed::new(value!(8))));
        executor.handle(Input::Result { execution_index, result, random: 0.5 }, START).unwrap();
        until_asked(&mut executor);
        Some(executor.status())
    };
    assert_eq!(again("test.code"), Some(prana_core::execution::Status::Completed));
    assert_eq!(again("test.effect"), None);
}

#[test]
fn it_gets_no_secrets() {
    let text = "{id: w, nodes: [{key: start, type: manual.trigger}, {key: it, type: test.code, params: {code: a, limit: '{{ $secrets.x }}'}}], \
                connections: [start -> it]}";
    let loaded = prana_core::document::load("w.yaml", text.as_bytes()).expect("a document").remove(0);
    let diagnostics = compile(&loaded.workflow, &registry(), Options::default()).diagnostics;
    let codes: Vec<&str> = diagnostics.iter().map(|diagnostic| &*diagnostic.code).collect();
    assert_eq!(codes, ["expression.secret_not_allowed"]);
}
