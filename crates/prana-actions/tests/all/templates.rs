//! Parameters with templates in them, as documents have them: what isn't known yet may be anything, and what never is a template stays as it is.

use prana_actions::Actions;
use prana_template::{Filters, FixedNames, Params, ParamsOptions, PathSegment, Value, value};

/// Compiles parameters as the compiler of workflows does, and says what it would.
fn check(action: &str, params: &Value) -> Result<(), String> {
    let descriptor = Actions::standard().action(action).expect("an action").descriptor();
    let literal = |path: &[PathSegment]| descriptor.is_literal(path);
    let options = ParamsOptions { literal: &literal, ..ParamsOptions::default() };
    let names = FixedNames::new(["$input", "$secrets"]);
    let compiled = Params::compile(params, &names, Filters::standard(), &options).expect("templates");
    descriptor.check(&compiled).map_err(|error| error.to_string())
}

#[test]
fn every_parameter_may_come_from_elsewhere() {
    for (action, params) in [
        (
            "email.send",
            value!({"connection": "{{ $secrets.smtp }}", "from": "{{ $input.from }}", "to": "{{ $input.to }}", "cc": ["{{ $input.a }}", "b@x.example"],
                "text": "{{ $input.text }}", "attachments": [{"filename": "{{ $input.name }}", "content": "{{ $input }}"}], "timeout_ms": "{{ $input.t }}"}),
        ),
        (
            "email.send",
            value!({"connection": "x", "from": "x", "attachments": "{{ $input.files }}", "headers": "{{ $input.headers }}"}),
        ),
        (
            "sql.query",
            value!({"connection": "{{ $secrets.db }}", "query": "SELECT '{{ not a template }}'", "params": ["{{ $input.a }}", 1], "mode": "{{ $input.mode }}"}),
        ),
        ("sql.query", value!({"connection": "x", "query": "x", "params": "{{ $input.all }}"})),
        (
            "llm.chat",
            value!({"base_url": "{{ $input.url }}", "api_key": "{{ $secrets.key }}", "model": "m", "messages": "{{ $input.messages }}",
                "response_schema": "{{ $input.schema }}", "tools": ["{{ $input.tool }}"], "max_tokens": "{{ $input.max }}"}),
        ),
    ] {
        assert_eq!(check(action, &params), Ok(()), "{action}");
    }
}

#[test]
fn what_is_known_is_checked() {
    for (action, params, place) in [
        ("email.send", value!({"connection": "{{ $secrets.smtp }}", "from": "x", "to": 5}), "to"),
        ("email.send", value!({"connection": "x", "from": "x", "to": ["{{ $input.a }}", 5]}), "to[1]"),
        ("sql.query", value!({"connection": "x", "query": "x", "mode": "all"}), "mode"),
        ("sql.query", value!({"connection": "x", "query": "x", "parameters": []}), "parameters"),
        ("llm.chat", value!({"base_url": "{{ $input.url }}", "model": "m", "messages": "Hi"}), "messages"),
    ] {
        let error = check(action, &params).expect_err(action);
        assert!(error.starts_with(place), "{action}: {error}");
    }
}
