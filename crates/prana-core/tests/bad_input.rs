//! Documents, templates and parameters that are damaged in every way: nothing panics, and what is refused is refused with a
//! message, and with a place where the problem has one.

use std::panic::{AssertUnwindSafe, catch_unwind};

use prana_core::compile::{self, Options};
use prana_core::diagnostic::Diagnostic;
use prana_core::document::{self, Loaded};
use prana_core::execution::Execution;
use prana_template::{Map, Value, value};
use proptest::prelude::*;

use crate::generate::{self, registry};
use crate::machine::Machine;

const DOCUMENTS: &[&str] = &[
    "id: order-intake
name: Order intake
description: |
  What it is for:
  orders
version: 3
variables: {api: \"https://shop.example\", limits: [1, 2.5, null, true], deep: {a: {b: ~}}}
settings: {timeout: 1h, max_iterations: 20, max_memory_mb: 64, on_suspend: continue, durability: effect, save: failed, retention: 30d,
  error_workflow: alert-ops, concurrency: {limit: 10, key: \"{{ $trigger.tenant }}\"}}
nodes:
  - key: start
    name: Order arrives
    type: manual.trigger
    position: {x: 0, y: -1.5}
    notes: 'first'
  - {key: big, type: logic.if_condition, params: {condition: \"{{ $input.total > 100 and not $vars.off }}\"}}
  - {key: review, type: wait.wait, params: {mode: webhook, timeout_hours: 2}, settings: {on_error: continue_error_output}}
  - {key: ship, type: data.set_data, params: {fields: {to: \"{{ $input.name | default: 'x' | upper }}\", 'a.b': [1, {c: 2}]}},
     settings: {retry_on_failed: true, max_retries: 3, backoff: exponential, retry_jitter: 0.5, timeout_ms: 100}}
connections:
  start: {main: [{to: big, to_port: main}]}
  big: {true: [{to: review}], false: [{to: ship}]}
  review: {main: [{to: ship}], timeout: [{to: ship}], error: [{to: ship}]}
",
    "id: loops
nodes:
  - {key: start, type: manual.trigger}
  - {key: rows, type: core.for_each, params: {collection: \"{{ [[1, 2], [3]] }}\", collect: '{{ $input }}', mode: batch, batch_size: 2}}
  - {key: way, type: logic.switch, params: {value: '{{ $index }}', cases: [{equals: 0, port: a}, {condition: true, port: b}]}}
  - {key: stop, type: core.break}
  - {key: both, type: data.merge, params: {inputs: 3, strategy: zip}}
  - {key: sums, type: data.aggregate, params: {by: [kind], fields: {n: {op: sum, field: price}}}}
  - {key: state, type: workflow.set_state, params: {seen: '{{ $nodes.rows.context.index }}'}}
  - {key: ask, type: test.ask, params: {about: {q: '{{ $execution.state.seen }}'}}}
connections:
  - start -> rows
  - rows.loop -> sums -> both.input_a
  - rows.loop -> ask -> both.input_c
  - rows.done -> state
  - both -> state
",
];

const FRAGMENTS: &[&str] = &[
    "{{",
    "}}",
    "{{ $input }}",
    "{{ $nodes.start.output.x.y[0] }}",
    "{{ 1 / 0 }}",
    "{{ 9223372036854775807 + 1 }}",
    "{{ [] | first }}",
    "{{ ((((((((1)))))))) }}",
    "{{ $x }}",
    "{{ 'a' | nope }}",
    "{%",
    "[",
    "]",
    "{",
    "}",
    ":",
    ": ",
    "- ",
    ",",
    "\"",
    "'",
    "|",
    ">",
    "&a",
    "*a",
    "!!str",
    "<<: ",
    "---\n",
    "...\n",
    "\n",
    "\r",
    "\t",
    "  ",
    "#",
    "%",
    "@",
    "`",
    "null",
    "~",
    "true",
    "-0",
    "1e999",
    "0x1F",
    "18446744073709551616",
    "-9223372036854775809",
    ".nan",
    "\u{0}",
    "\u{7f}",
    "\u{feff}",
    "\u{202e}",
    "\u{1F600}",
    "e\u{301}",
    "{{ $secrets.X }}",
    "nodes",
    "connections",
    "key",
    "type",
    "params",
    " -> ",
    ".loop",
    "start",
];

fn odd() -> impl Strategy<Value = Value> {
    let fragment = prop::sample::select(FRAGMENTS).prop_map(Value::from);
    prop_oneof![
        4 => fragment,
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::from),
        2 => prop::sample::select(vec![0, -1, i64::MAX, i64::MIN, 1 << 40]).prop_map(Value::from),
        2 => prop::sample::select(vec![0.5, -0.0, 1e308, -1e-308, 2e19]).prop_map(Value::from),
        1 => Just(value!([])),
        1 => Just(value!({})),
        1 => Just(value!([[1], {"to": "start"}])),
        1 => Just(value!({"": {"": [null]}, "main": 1})),
        1 => (1usize..300).prop_map(deep),
        1 => (1usize..5000).prop_map(|length| Value::from("é".repeat(length))),
        1 => (1usize..200).prop_map(|length| Value::from("{{ (".repeat(length))),
        1 => (1usize..400).prop_map(|length| Value::from(format!("{{{{ {}1 }}}}", "-".repeat(length)))),
    ]
}

/// A list in a list in a list, as text: values themselves are not that deep.
fn deep(levels: usize) -> Value {
    Value::parse_json("[".repeat(levels) + &"]".repeat(levels))
        .unwrap_or_else(|_| Value::from("[".repeat(levels)))
}

/// Loads, compiles and runs whatever comes of this text.
fn survives(text: &[u8]) {
    let shown = || String::from_utf8_lossy(text).into_owned();
    let done = catch_unwind(AssertUnwindSafe(|| match document::load("bad.yaml", text) {
        Ok(all) => all.iter().for_each(compiles_and_runs),
        Err(findings) => {
            assert!(!findings.is_empty());
            findings.iter().for_each(says_what_and_where);
        }
    }));
    if done.is_err() {
        panic!("this text is not survived:\n{}", shown());
    }
}

fn compiles_and_runs(loaded: &Loaded) {
    let locate = loaded.locator();
    let options = Options { locate: Some(&locate), ..Options::default() };
    let compilation = compile::compile(&loaded.workflow, &registry(), options);
    compilation.diagnostics.iter().for_each(says_what_and_where);
    let Some(compiled) = compilation.graph else {
        assert!(compilation.diagnostics.iter().any(Diagnostic::is_error));
        return;
    };
    let machine = Machine::new(compiled, &[3, 14, 15, 92]).run();
    let execution = Execution::from_log(&machine.context.header, &machine.log);
    let errors =
        execution.node_executions.iter().filter_map(|run| run.error.as_ref()).chain(execution.error());
    for error in errors {
        assert!(!error.code.is_empty() && error.code.contains('.'), "{error:?}");
        assert!(!error.message.is_empty() || &*error.code == "core.stopped", "{error:?}");
    }
}

fn says_what_and_where(finding: &Diagnostic) {
    assert!(finding.code.contains('.') && !finding.message.trim().is_empty(), "{finding:?}");
    let has_place = !finding.path.items().is_empty();
    assert!(finding.location.is_some() || !has_place, "no place: {finding:?}");
}

/// A change of a text: where (a share of its length), how long, and what.
#[derive(Debug, Clone)]
enum Damage {
    Cut(u16),
    Remove(u16, u8),
    Insert(u16, usize),
    Twice(u16, u8),
    Swap(u16, u16, u8),
    Byte(u16, u8),
}

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        any::<u16>().prop_map(Damage::Cut),
        any::<(u16, u8)>().prop_map(|(at, length)| Damage::Remove(at, length)),
        (any::<u16>(), 0..FRAGMENTS.len()).prop_map(|(at, which)| Damage::Insert(at, which)),
        any::<(u16, u8)>().prop_map(|(at, length)| Damage::Twice(at, length)),
        any::<(u16, u16, u8)>().prop_map(|(a, b, length)| Damage::Swap(a, b, length)),
        any::<(u16, u8)>().prop_map(|(at, byte)| Damage::Byte(at, byte)),
    ]
}

fn apply(text: &mut Vec<u8>, damage: &Damage) {
    let length = text.len();
    let place = |at: u16| usize::from(at) * length / 65_536;
    let range = |at: u16, size: u8| place(at)..(place(at) + usize::from(size % 40)).min(length);
    match *damage {
        Damage::Cut(at) => text.truncate(place(at)),
        Damage::Remove(at, size) => drop(text.drain(range(at, size))),
        Damage::Insert(at, which) => drop(text.splice(place(at)..place(at), FRAGMENTS[which].bytes())),
        Damage::Twice(at, size) => {
            let part = text[range(at, size)].to_vec();
            text.splice(place(at)..place(at), part);
        }
        Damage::Swap(a, b, size) => {
            let part = text[range(a, size)].to_vec();
            text.splice(range(b, size), part);
        }
        Damage::Byte(at, byte) => {
            if let Some(place) = text.get_mut(place(at)) {
                *place = byte;
            }
        }
    }
}

/// Puts a value into a tree, at a place that numbers lead to.
fn graft(tree: &Value, way: &[u8], odd: &Value) -> Value {
    let Some((step, rest)) = way.split_first() else { return odd.clone() };
    match tree {
        Value::Map(map) if !map.is_empty() => {
            let chosen = usize::from(*step) % map.len();
            let entries = map.iter().enumerate().map(|(place, (key, value))| {
                (key.clone(), if place == chosen { graft(value, rest, odd) } else { value.clone() })
            });
            Value::Map(entries.collect::<Map>())
        }
        Value::List(items) if !items.is_empty() => {
            let chosen = usize::from(*step) % items.len();
            let one = |(place, item): (usize, &Value)| {
                if place == chosen { graft(item, rest, odd) } else { item.clone() }
            };
            items.iter().enumerate().map(one).collect()
        }
        _ => odd.clone(),
    }
}

proptest! {
    #![proptest_config(crate::properties::config())]

    #[test]
    fn damaged_documents(which in 0..DOCUMENTS.len(), damages in prop::collection::vec(damage(), 1..4)) {
        let mut text = DOCUMENTS[which].as_bytes().to_vec();
        damages.iter().for_each(|damage| apply(&mut text, damage));
        survives(&text);
    }

    #[test]
    fn damaged_json(plan in generate::plan(), damages in prop::collection::vec(damage(), 1..3)) {
        let mut text = document::to_json(&plan.workflow()).into_bytes();
        damages.iter().for_each(|damage| apply(&mut text, damage));
        survives(&text);
    }

    #[test]
    fn odd_values_in_odd_places(
        which in 0..DOCUMENTS.len(),
        grafts in prop::collection::vec((prop::collection::vec(any::<u8>(), 1..6), odd()), 1..3),
    ) {
        let loaded = document::load("good.yaml", DOCUMENTS[which].as_bytes()).unwrap();
        let mut tree = document::to_value(&loaded[0].workflow);
        for (way, odd) in &grafts {
            tree = graft(&tree, way, odd);
        }
        survives(tree.to_json_string().as_bytes());
        if let Err(findings) = document::from_value(&tree) {
            prop_assert!(findings.iter().all(|finding| !finding.message.is_empty()));
        }
    }

    #[test]
    fn odd_templates(parts in prop::collection::vec(prop::sample::select(FRAGMENTS), 0..8), raw in any::<bool>()) {
        let inner: String = parts.concat();
        let text = if raw { inner } else { format!("{{{{ {inner} }}}}") };
        let workflow = value!({
            "id": "w",
            "nodes": [
                {"key": "start", "type": "manual.trigger"},
                {"key": "set", "type": "data.set_data", "params": {"fields": {"t": text.clone()}}},
                {"key": "if", "type": "logic.if_condition", "params": {"condition": text.clone()}},
                {"key": "each", "type": "core.for_each", "params": {"collection": text.clone(), "collect": text}},
            ],
            "connections": ["start -> set -> if", "if.true -> each"],
        });
        survives(workflow.to_json_string().as_bytes());
    }

    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        survives(&bytes);
    }
}
