//! What is saved loads to what it was.

use proptest::prelude::*;

use crate::document::*;
use prana_template::{Map, Str, Value};

/// Through a value, JSON and YAML.
pub(crate) fn check(workflow: &Workflow) {
    let value = to_value(workflow);
    assert_eq!(from_value(&value).as_ref(), Ok(workflow));
    for text in [to_json(workflow), to_yaml(workflow)] {
        let loaded =
            load("saved.yaml", text.as_bytes()).unwrap_or_else(|findings| panic!("{text}\n{findings:#?}"));
        assert_eq!(&loaded[0].workflow, workflow, "{text}");
        assert_eq!(to_value(&loaded[0].workflow).to_json_string(), value.to_json_string(), "{text}");
    }
}

#[test]
fn the_canonical_form() {
    let text = "\
id: w
settings: {timeout: 60s}
nodes:
  - {key: a, type: t, params: {text: \"one\\ntwo\\n\", when: 'true', n: 1.0}}
  - {type: t, key: b, disabled: false, settings: {max_retries: 1}, position: {y: 2, x: 1}}
connections:
  - a -> b
  - a.no -> b.in
";
    let yaml = "\
id: w
settings:
  timeout: 1m
nodes:
  - key: a
    type: t
    params:
      text: |
        one
        two
      when: \"true\"
      n: 1.0
  - key: b
    type: t
    position:
      x: 1
      y: 2
connections:
  a:
    main:
      - to: b
    \"no\":
      - to: b
        to_port: in
";
    assert_eq!(to_yaml(&super::workflow(text)), yaml);
    assert_eq!(
        to_json(&super::workflow("id: w\nnodes: [{key: a, type: t}]\n")),
        "{\n  \"id\": \"w\",\n  \"nodes\": [\n    {\n      \"key\": \"a\",\n      \"type\": \"t\"\n    }\n  ]\n}\n"
    );
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{0,8}",
        "\\PC{0,20}",
        any::<String>(),
        "[ \\t\\n\\r#:\\-\\[\\]{},&*!|>'\"%@`?\\\\]{0,12}",
        "[a-z \\n]{0,40}",
        "[-+0-9.exo_:]{1,8}",
        prop::sample::select(vec![
            "true",
            "False",
            "null",
            "~",
            "yes",
            "on",
            "007",
            ".inf",
            "1e400",
            "---",
            "...",
            "<<",
            "- a",
            "a: b",
            "\u{feff}",
            "\u{2028}",
            "\u{85}x",
            "{{ $input.x }}"
        ])
        .prop_map(str::to_owned),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_filter("finite", |float| float.is_finite()).prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    scalar.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((text(), inner), 0..5).prop_map(|entries| Value::Map(map(entries))),
        ]
    })
}

fn map(entries: Vec<(String, Value)>) -> Map {
    entries.into_iter().map(|(key, value)| (Str::from(key), value)).collect()
}

fn variables() -> impl Strategy<Value = Map> {
    prop::collection::vec((text(), value()), 0..4).prop_map(map)
}

fn port() -> impl Strategy<Value = Option<String>> {
    let named = prop_oneof!["[a-z]{1,3}", Just("true".to_owned()), "\\PC{1,6}", text()];
    prop::option::of(named.prop_filter("main is the default", |name| name != "main"))
}

fn word<T: std::fmt::Debug + Clone + 'static>(
    words: &'static [&'static str],
    from: fn(&str) -> Option<T>,
) -> impl Strategy<Value = T> {
    prop::sample::select(words).prop_map(move |word| from(word).unwrap())
}

fn workflow_settings() -> impl Strategy<Value = WorkflowSettings> {
    let durations = (prop::option::of(0..10_000_000u64), prop::option::of(0..10_000_000u64));
    let words = (
        word(OnSuspend::WORDS, OnSuspend::from_word),
        word(Durability::WORDS, Durability::from_word),
        word(Save::WORDS, Save::from_word),
    );
    let concurrency = prop::option::of((1..u32::MAX, prop::option::of(text())));
    let rest = (1..20_000u64, 1..1000u64, prop::option::of("[a-z.]{1,9}"), concurrency);
    (durations, words, rest).prop_map(
        |(durations, words, (iterations, memory, error_workflow, concurrency))| WorkflowSettings {
            timeout: durations.0,
            retention: durations.1,
            on_suspend: words.0,
            durability: words.1,
            save: words.2,
            max_iterations: iterations,
            max_memory_mb: memory,
            error_workflow,
            concurrency: concurrency.map(|(limit, key)| Concurrency { limit, key }),
        },
    )
}

fn node_settings() -> impl Strategy<Value = NodeSettings> {
    let retry =
        (any::<bool>(), 1..=10u32, 0..=3_600_000u64, prop::option::of(0..=3_600_000u64), 0.0..=1.0f64);
    let words = (
        word(Backoff::WORDS, Backoff::from_word),
        word(OnError::WORDS, OnError::from_word),
        prop::option::of(word(Join::WORDS, Join::from_word)),
        word(OnCrash::WORDS, OnCrash::from_word),
    );
    (retry, words, prop::option::of(1..u64::from(u32::MAX))).prop_map(|(retry, words, timeout_ms)| {
        NodeSettings {
            retry_on_failed: retry.0,
            max_retries: retry.1,
            retry_delay_ms: retry.2,
            max_retry_delay_ms: retry.3,
            retry_jitter: retry.4,
            backoff: words.0,
            on_error: words.1,
            join: words.2,
            on_crash: words.3,
            timeout_ms,
        }
    })
}

fn node(place: usize) -> impl Strategy<Value = Node> {
    let texts = (prop::option::of(text()), text(), prop::option::of(text()));
    let position = prop::option::of((-1e6..1e6f64, any::<i32>()));
    let pinned = prop::option::of(value().prop_filter("null is absent", |value| !value.is_null()));
    (texts, variables(), node_settings(), position, any::<bool>(), pinned).prop_map(
        move |((name, type_name, notes), params, settings, position, disabled, pinned)| Node {
            key: format!("node-{place}"),
            name,
            type_name,
            params: Value::Map(params),
            settings,
            position: position.map(|(x, y)| Position { x, y: f64::from(y) }),
            notes,
            disabled,
            pinned,
        },
    )
}

/// Connections in the order in which the canonical form has them: grouped by node and port.
fn connections() -> impl Strategy<Value = Vec<Connection>> {
    let targets = prop::collection::vec(("[a-z_-]{1,5}", port()), 1..4);
    let ports = prop::collection::vec((port(), targets), 0..3);
    prop::collection::vec(("[a-z0-9_-]{1,6}", ports), 0..5).prop_map(|nodes| {
        let mut seen = std::collections::BTreeSet::new();
        let mut all = Vec::new();
        for (from, ports) in nodes {
            if !seen.insert((from.clone(), None)) {
                continue;
            }
            for (from_port, targets) in ports {
                if !seen.insert((from.clone(), Some(from_port.clone()))) {
                    continue;
                }
                for (to, to_port) in targets {
                    all.push(Connection { from: from.clone(), from_port: from_port.clone(), to, to_port });
                }
            }
        }
        all
    })
}

prop_compose! {
    fn workflow()(
        id in "[A-Za-z0-9_.-]{1,12}",
        texts in (prop::option::of(text()), prop::option::of(text())),
        version in prop::option::of(0..i64::MAX.unsigned_abs()),
        variables in variables(),
        settings in workflow_settings(),
        nodes in (0..4usize).prop_flat_map(|count| (0..count).map(node).collect::<Vec<_>>()),
        connections in connections(),
    ) -> Workflow {
        Workflow { id, name: texts.0, description: texts.1, version, variables, settings, nodes, connections }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn saved_workflows_load_to_what_they_were(workflow in workflow()) {
        check(&workflow);
    }

    #[test]
    fn values_survive_yaml(value in value()) {
        let variables = Map::from(vec![(Str::from("v"), value)]);
        let text = crate::document::write_yaml::write(&Value::Map(variables.clone()));
        let read = crate::document::yaml::read(&text);
        prop_assert!(read.errors.is_empty() && read.bad_numbers.is_empty(), "{text} {:?}", read.errors);
        prop_assert_eq!(read.documents[0].to_value().to_json_string(), Value::Map(variables).to_json_string(), "{}", text);
    }

    #[test]
    fn no_text_does_harm(text in any::<String>()) {
        let _ = load("any", text.as_bytes());
        let _ = load("any.json", text.as_bytes());
        let _ = load_test("any", text.as_bytes());
    }

    #[test]
    fn no_text_of_marks_does_harm(text in "[a-c:\\-\\[\\]{},&*!|>'\"%#?~ \\n\\t\\r01.<]{0,60}") {
        match load("any", text.as_bytes()) {
            Ok(loaded) => prop_assert!(loaded.iter().all(|one| one.locate(&Default::default()).is_some())),
            Err(findings) => {
                let source = Source::new("any", text.as_bytes());
                prop_assert!(!crate::diagnostic::render(&findings, &source, true).is_empty());
            }
        }
    }
}
