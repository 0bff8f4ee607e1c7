use prana_template::{Budget, Filters, MAX_DEPTH, Template, Value, value};

use super::{check, names, parse};

fn code_of(template: &str) -> String {
    code_within(template, Budget::default().steps)
}

fn code_within(template: &str, steps: u64) -> String {
    match parse(template) {
        Err(errors) => format!("refused {}", errors[0].code),
        Ok(parsed) => {
            let deep = (0..MAX_DEPTH).fold(value!(1), |inner, _| Value::List(vec![inner].into()));
            let scope = [
                value!({"deep": deep, "text": "x".repeat(1_000_000), "list": (0..1000).map(Value::Int).collect::<Value>()}),
            ];
            parsed
                .evaluate(&scope, &mut Budget { steps, ..Budget::default() })
                .map_or_else(|e| format!("error {}", e.code), |_| "fine".into())
        }
    }
}

#[test]
fn the_source_is_limited() {
    let nested = |n: usize| format!("{{{{ {}1{} }}}}", "(".repeat(n), ")".repeat(n));
    let tags = |n: usize| format!("{}{}", "{% if true %}".repeat(n), "{% endif %}".repeat(n));
    let row = |n: usize, op: &str| format!("{{{{ 1{} }}}}", format!("{op}1").repeat(n));
    for (template, expect) in [
        ("x".repeat(200_000), "fine"),
        (format!("{{{{ 1 }}}}{}", "x".repeat(200_000)), "refused expression.limit_exceeded"),
        (nested(60), "fine"),
        (nested(70), "refused expression.limit_exceeded"),
        (nested(50_000), "refused expression.limit_exceeded"),
        (format!("{{{{ {}1 }}}}", "-".repeat(50_000)), "refused expression.limit_exceeded"),
        (format!("{{{{ {}1 }}}}", "!".repeat(50_000)), "refused expression.limit_exceeded"),
        (
            format!("{{{{ {}1{} }}}}", "[".repeat(50_000), "]".repeat(50_000)),
            "refused expression.limit_exceeded",
        ),
        (format!("{{{{ {}1 }}}}", "1?1:".repeat(20_000)), "refused expression.limit_exceeded"),
        (row(200, "+"), "fine"),
        (row(20_000, "+"), "refused expression.limit_exceeded"),
        (row(10_000, " or "), "refused expression.limit_exceeded"),
        (format!("{{{{ 'a'{} }}}}", "|upper".repeat(10_000)), "refused expression.limit_exceeded"),
        (format!("{{{{ $input{} }}}}", ".a".repeat(40_000)), "fine"),
        (tags(60), "fine"),
        (tags(70), "refused expression.limit_exceeded"),
        (tags(4_000), "refused expression.limit_exceeded"),
    ] {
        assert_eq!(code_of(&template), expect, "{}", &template[..template.len().min(60)]);
    }
}

#[test]
fn what_is_made_is_limited() {
    for (template, expect) in [
        ("{{ $input.text | repeat(100) }}", "error expression.limit_exceeded"),
        ("{{ 'x' | repeat(9223372036854775807) }}", "error expression.limit_exceeded"),
        ("{{ 'x' | pad_left(9223372036854775807) }}", "error expression.limit_exceeded"),
        ("{{ range(0, 9223372036854775807) }}", "error expression.limit_exceeded"),
        ("{{ range(-9223372036854775808, 9223372036854775807) }}", "error expression.limit_exceeded"),
        ("{{ range(0, 600000) | length }}", "fine"),
        ("{{ $input.list | join($input.text) }}", "error expression.limit_exceeded"),
        ("{{ $input.text | replace('x', $input.text) }}", "error expression.limit_exceeded"),
        (
            "{{ $input.text | regex_replace('x', 'yyyyyyyyyyyyyyyyyyyyyyy') }}",
            "error expression.limit_exceeded",
        ),
        ("{{ $input.text | split('') }}", "error expression.limit_exceeded"),
        ("{{ 1 | format_number(2, $input.text) }}", "error expression.limit_exceeded"),
        ("{{ [$input.deep] }}", "error expression.limit_exceeded"),
        ("{{ {a: $input.deep} }}", "error expression.limit_exceeded"),
        ("{{ $input.deep }}", "fine"),
        ("{{ [1] | map($input.deep) }}", "error expression.type"),
        ("{{ [1] | map(x => $input.deep) }}", "error expression.limit_exceeded"),
        (
            "{% assign a = [1] %}{% for i in range(100) %}{% assign a = [a, a] %}{% endfor %}",
            "error expression.limit_exceeded",
        ),
        (
            "{% assign a = 'x' %}{% for i in range(100) %}{% assign a = a + a %}{% endfor %}",
            "error expression.limit_exceeded",
        ),
        ("{% for i in range(1000) %}{{ $input.text }}{% endfor %}", "error expression.limit_exceeded"),
        ("{{ $input.text + $input.text | length }}", "fine"),
        ("{{ [$input.text] | json | json | length }}", "fine"),
    ] {
        assert_eq!(code_of(template), expect, "{template}");
    }
}

#[test]
fn the_steps_are_limited() {
    for template in [
        "{% for a in $input.list %}{% for b in $input.list %}{% for c in $input.list %}{% endfor %}{% endfor %}{% endfor %}",
        "{{ $input.list | map(a => $input.list | map(b => $input.list | some(c => false))) }}",
        "{{ $input.list | map(a => $input.list | map(b => $input.list | sum)) }}",
        "{{ $input.list | map(a => $input.list | map(b => b in $input.text | length)) }}",
        "{{ $input.list | map(a => $input.list | map(b => $input.text == $input.text + a)) }}",
        "{{ $input.list | map(a => $input.list | map(b => 'x' | regex_match('a' + a + b))) }}",
        "{{ $input.text | regex_replace('.*[^A-Za-z]|x', 'y') }}",
    ] {
        assert!(
            ["error expression.limit_exceeded", "error expression.type"]
                .contains(&code_within(template, 200_000).as_str()),
            "{template}"
        );
    }
    let parsed = Template::parse("{{ $input | map(x => x + 1) }}", &names(), Filters::standard()).unwrap();
    let scope = [value!([1, 2, 3])];
    let mut budget = Budget { steps: 1000, ..Budget::default() };
    parsed.evaluate(&scope, &mut budget).unwrap();
    let used = 1000 - budget.steps;
    assert!((5..40).contains(&used), "{used}");
    let mut budget = Budget { steps: used - 1, ..Budget::default() };
    assert_eq!(parsed.evaluate(&scope, &mut budget).unwrap_err().code, "expression.limit_exceeded");
}

#[test]
fn large_inputs_are_passed_on() {
    let big: Value = (0..1_000_000).map(Value::Int).collect();
    let scope = [value!({"big": big})];
    for template in [
        "{{ $input.big }}",
        "{{ {a: $input.big, b: 1} }}",
        "{{ $input.big | filter(x => x > 5) }}",
        "{{ $input.big | length }}",
    ] {
        let parsed = parse(template).unwrap();
        assert!(parsed.evaluate(&scope, &mut Budget::default()).is_ok(), "{template}");
    }
}

#[test]
fn patterns_are_limited() {
    check(&[
        ("{{ 'a' | regex_match('(?:a{1000}){1000}') }}", "refused expression.limit_exceeded"),
        ("{{ 'a' | regex_match('\\\\w{500}' + $input.empty) }}", "error expression.limit_exceeded"),
    ]);
    let deep = format!("{{{{ 'a' | regex_match('{}a{}') }}}}", "(".repeat(2000), ")".repeat(2000));
    assert!(code_of(&deep).starts_with("refused"));
}
