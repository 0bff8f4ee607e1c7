//! Templates that mention secrets: the core leaves them for whoever runs the effect, and never knows a value.

use prana_core::action::{Batch, Descriptor, Effect};
use prana_core::compile::{Options, compile};
use prana_core::document::load;
use prana_core::execution::Status;
use prana_core::graph::ExecutionGraph;
use prana_core::record::Entry;
use prana_core::testing::{TestRun, create_test_graph_with};
use prana_core::{ErrorValue, Registry};
use prana_template::{Deferred, Value, path_text, value};

#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "it is only read into")]
struct Send {
    to: String,
    #[serde(default)]
    count: Option<u32>,
    #[serde(default)]
    batch: Option<Batch>,
}

fn registry() -> Registry {
    let mut registry = Registry::standard();
    registry.effect(Descriptor::new::<Send>("mail.send", "Send", "Sends.", Effect::Effect).batch("batch"));
    registry
}

fn graph(params: &str, settings: &str, input: Value) -> ExecutionGraph {
    let document = format!(
        "id: m\nnodes:\n  - {{key: start, type: manual.trigger}}\n  - {{key: mail, type: mail.send, settings: {settings}, params: {params}}}\n\
         connections: [start -> mail]"
    );
    create_test_graph_with(&registry(), &document, input)
}

/// What an effect was called with: its parameters, and what is left to be rendered in them.
type Called = (Value, Vec<Deferred>);

/// The calls of all attempts, of which the last alone succeeds, and the log.
fn calls(params: &str, attempts: u32, input: Value) -> (Vec<Called>, Vec<Entry>, Status) {
    let seen = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
    let all = std::rc::Rc::clone(&seen);
    let settings = "{retry_on_failed: true, max_retries: 5, retry_delay_ms: 1000}";
    let mut run = TestRun::new(graph(params, settings, input))
        .with_effects(move |call| {
            all.borrow_mut().push((call.params.clone(), call.deferred.clone()));
            match call.attempt == attempts {
                true => Ok(value!("sent")),
                false => Err(ErrorValue::new("mail.down", "no")),
            }
        })
        .start();
    run.advance_ms(60_000);
    let status = run.execution().status;
    (seen.take(), run.log().to_vec(), status)
}

#[test]
fn what_mentions_a_secret_is_recorded_as_it_is_written_and_the_same_in_every_attempt() {
    let params = "{to: '{{ $input.user }}:{{ $secrets.pw }}', count: '{{ $secrets.n | to_int }}'}";
    let (calls, log, status) = calls(params, 3, value!({"user": "ada"}));
    assert_eq!((status, calls.len()), (Status::Completed, 3));
    assert!(calls.windows(2).all(|pair| pair[0] == pair[1]));
    let (params, deferred) = &calls[0];
    assert_eq!(
        *params,
        value!({"to": "{{ $input.user }}:{{ $secrets.pw }}", "count": "{{ $secrets.n | to_int }}"})
    );
    assert_eq!(deferred.iter().map(|later| path_text(&later.path)).collect::<Vec<_>>(), ["to", "count"]);
    assert_eq!(deferred[0].captures[0].value, value!("ada"));
    let stored = serde_json::to_string(&log).unwrap();
    let read: Vec<Entry> = serde_json::from_str(&stored).unwrap();
    assert_eq!(read, log);
}

#[test]
fn data_that_looks_like_a_reference_is_data() {
    let (calls, _, _) = calls("{to: '{{ $input }}'}", 1, value!("{{ $secrets.pw }}"));
    assert_eq!(calls, [(value!({"to": "{{ $secrets.pw }}"}), Vec::new())]);
}

#[test]
fn each_call_of_a_batch_has_its_own() {
    let params =
        "{to: '{{ $item.name }}{{ $secrets.pw }}', count: '{{ $index }}', batch: {items: '{{ $input }}'}}";
    let (calls, _, status) = calls(params, 1, value!([{"name": "ada"}, {"name": "bob"}]));
    assert_eq!(status, Status::Completed);
    let (_, deferred) = &calls[0];
    let places: Vec<String> = deferred.iter().map(|later| path_text(&later.path)).collect();
    assert_eq!(places, ["requests[0].to", "requests[1].to"]);
    let names = deferred.iter().map(|later| later.item.as_ref().unwrap().item.get("name").unwrap().clone());
    assert_eq!(names.collect::<Vec<_>>(), [value!("ada"), value!("bob")]);
}

#[test]
fn what_is_known_is_checked_before_the_call() {
    let (calls, log, status) = calls("{to: '{{ $secrets.pw }}', count: '{{ $input }}'}", 1, value!("many"));
    assert_eq!((calls.len(), status), (0, Status::Failed));
    assert!(serde_json::to_string(&log).unwrap().contains("workflow.invalid_params"));
}

/// The codes of what is wrong with a node of these parameters.
fn codes(action: &str, params: &str) -> Vec<String> {
    let document = format!(
        "id: m\nnodes:\n  - {{key: start, type: manual.trigger}}\n  - {{key: n, type: {action}, params: {params}}}\n\
         connections: [start -> n]"
    );
    let loaded = load("m.yaml", document.as_bytes()).unwrap();
    let compiled = compile(&loaded[0].workflow, &registry(), Options::default());
    let errors = compiled.diagnostics.iter().filter(|finding| finding.is_error());
    errors.map(|finding| finding.code.to_string()).collect()
}

#[test]
fn nothing_pure_may_mention_a_secret() {
    for (action, params) in [
        ("logic.if_condition", "{condition: '{{ $secrets.x }}'}"),
        ("data.set_data", "{fields: {a: '{{ $secrets.x }}'}}"),
        ("workflow.set_state", "{a: '{{ $secrets.x }}'}"),
        ("core.log", "{message: '{{ $secrets.x }}'}"),
        ("data.filter", "{condition: '{{ $secrets.x }}'}"),
        ("core.for_each", "{collection: '{{ [$secrets.x] }}'}"),
        ("core.stop", "{message: '{{ $secrets.x }}'}"),
        ("workflow.execute_workflow", "{workflow_id: w, input_data: '{{ $secrets.x }}'}"),
        ("mail.send", "{to: {'#if': [true, '{{ $secrets.x }}', b]}}"),
    ] {
        assert_eq!(codes(action, params), ["expression.secret_not_allowed"], "{action}");
    }
    assert_eq!(codes("mail.send", "{to: '{{ $secrets.x }}'}"), Vec::<String>::new());
    assert_eq!(codes("mail.send", "{to: '{{ $secrets }}'}"), ["expression.unknown_name"]);
}
