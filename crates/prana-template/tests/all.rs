//! The behaviour of the template language, as data.
#![allow(clippy::unwrap_used)]

#[path = "cases/deferred.rs"]
mod deferred;
#[path = "cases/directives.rs"]
mod directives;
#[path = "cases/errors.rs"]
mod errors;
#[path = "cases/expressions.rs"]
mod expressions;
#[path = "cases/filters.rs"]
mod filters;
#[path = "cases/limits.rs"]
mod limits;
#[path = "cases/tags.rs"]
mod tags;

use prana_template::{Budget, EvalError, Filters, FixedNames, Template, TemplateError, Value, value};

fn names() -> FixedNames {
    FixedNames::new(["$input", "$vars", "$now"])
}

/// What most cases see.
fn scope() -> [Value; 3] {
    [
        value!({
            "n": 7, "x": 2.5, "zero": 0, "text": "Hello", "empty": "", "none": null, "yes": true, "no": false,
            "list": [1, 2, 3], "words": ["b", "a", "c"], "nothing": [], "map": {"a": 1, "b": {"c": [10, 20]}}, "bare": {},
            "users": [
                {"name": "Ada", "age": 36, "tags": ["x", "y"], "address": {"city": "London"}},
                {"name": "Bo", "age": 17, "tags": [], "address": {"city": "Oslo"}},
                {"name": "Cy", "age": 52, "tags": ["y"]},
            ],
            "odd key": 1, "x-id": 9, "key": "a", "i": 1,
        }),
        value!({"shop": "Corner", "rate": 0.25}),
        value!("2024-05-01T12:00:00Z"),
    ]
}

fn parse(template: &str) -> Result<Template, Vec<TemplateError>> {
    Template::parse(template, &names(), Filters::standard())
}

fn evaluate(template: &str) -> Result<Value, EvalError> {
    let parsed = parse(template).unwrap_or_else(|errors| panic!("{template}: {errors:?}"));
    parsed.evaluate(&scope(), &mut Budget::default())
}

/// Checks templates against their values as JSON; `error CODE` for those that fail.
fn check(cases: &[(&str, &str)]) {
    let mut wrong = Vec::new();
    for (template, expect) in cases {
        let given = match parse(template) {
            Err(errors) => format!("refused {}", errors[0].code),
            Ok(parsed) => match parsed.evaluate(&scope(), &mut Budget::default()) {
                Ok(value) => value.to_json_string(),
                Err(error) => format!("error {}", error.code),
            },
        };
        if given != *expect {
            wrong.push(format!("{template}\n    gave   {given}\n    expect {expect}"));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// As [`check`], of expressions without their `{{ }}`.
fn check_expressions(cases: &[(&str, &str)]) {
    let templates: Vec<(String, &str)> =
        cases.iter().map(|(e, expect)| (format!("{{{{ {e} }}}}"), *expect)).collect();
    check(&templates.iter().map(|(template, expect)| (template.as_str(), *expect)).collect::<Vec<_>>());
}
