use std::borrow::Cow;

use prana_template::{
    Budget, Filters, NameError, Names, PathItem, Resolved, Scope, Slot, Span, Template, Value, value,
};

use super::{evaluate, parse};

/// Code, the text that the span covers, message, help.
fn refusals(template: &str) -> Vec<(String, String, String)> {
    let errors = parse(template).expect_err(template);
    errors
        .iter()
        .map(|e| {
            (
                template[e.span.start..e.span.end].to_owned(),
                e.message.clone(),
                e.help.clone().unwrap_or_default(),
            )
        })
        .collect()
}

#[test]
fn refusals_say_where_and_what_to_do() {
    for (template, span, message, help) in [
        ("a {{ $inptu.x }}", "$inptu.x", "unknown name `$inptu`", "did you mean `$input`?"),
        ("{{ age }}", "age", "unknown name `age`", "did you mean `$input.age`? For text, put it in quotes"),
        ("{{ input.age }}", "input", "unknown name `input`", "did you mean `$input`?"),
        ("{{ 'a' | uper }}", "uper", "unknown filter `uper`", "did you mean `upper`?"),
        (
            "{{ upper }}",
            "upper",
            "unknown name `upper`",
            "`upper` is a filter: write `value | upper`, or `upper(value)`",
        ),
        (
            "{{ $input.l | length + 1 }}",
            "+",
            "`+` can't follow a filter: a pipe binds looser",
            "write `($input.l | length) +`",
        ),
        (
            "{{ 'x' | truncate }}",
            "'x' | truncate",
            "`truncate` needs the argument `n`",
            "write `value | truncate(n, suffix=\"...\")`",
        ),
        ("{{ $input.a = 1 }}", "=", "expected `}}`, found `=`", "to compare, write `==`"),
        ("{{ 'abc }}", "'", "the text is not closed", "add a `'` where it ends"),
        ("{{ $input.a", "{{", "`{{` is not closed", ""),
        ("x{% if a %}", "{%", "`{% if %}` is not closed", "add `{% endif %}`"),
        (
            "{{ $input.9 }}",
            "9",
            "expected a field name after `.`, found `9`",
            "a key that is no plain word is written `[\"any key\"]`",
        ),
        (
            "{{ [1] | map($loop.x) }}",
            "$loop",
            "`$loop` has no `x`",
            "it has `item`, `index` and `parentloop`",
        ),
        ("é{{ 'é' | uper }}", "uper", "unknown filter `uper`", "did you mean `upper`?"),
        ("{% asign x = 1 %}", "asign", "unknown tag `asign`", "did you mean `assign`?"),
    ] {
        let found = refusals(template);
        let first =
            found.iter().find(|found| found.1 == message).unwrap_or_else(|| panic!("{template}: {found:?}"));
        assert_eq!((first.0.as_str(), first.2.as_str()), (span, help), "{template}");
    }
}

#[test]
fn all_refusals_are_found_at_once() {
    assert_eq!(refusals("{{ a }} {{ 1 + }} {{ 'x' | nope }} {% foo %}").len(), 2, "syntax first");
    assert_eq!(refusals("{{ a }} {{ 'x' | nope }} {% if b %}{{ c }}{% endif %}").len(), 4);
}

#[test]
fn failures_say_where_and_the_type_and_no_value() {
    for (template, span, code, message, value_type) in [
        (
            "a {{ $input.list - 1 }}",
            "$input.list - 1",
            "expression.type",
            "`-` needs numbers, got list and int",
            Some("list"),
        ),
        (
            "{{ 1 + $input.none }}",
            "1 + $input.none",
            "expression.type",
            "`+` needs numbers, text or two lists, got int and null",
            Some("null"),
        ),
        (
            "{{ $input.n / $input.zero }}",
            "$input.n / $input.zero",
            "expression.division_by_zero",
            "division by zero",
            None,
        ),
        (
            "{{ $input.n | upper }}",
            "$input.n | upper",
            "expression.type",
            "`upper` needs text, got int",
            Some("int"),
        ),
        (
            "{{ $input.text | truncate($input.list) }}",
            "$input.text | truncate($input.list)",
            "expression.type",
            "`truncate` needs an int as `n`, got list",
            Some("list"),
        ),
        (
            "{{ $input.empty | required('no name') }}",
            "$input.empty | required('no name')",
            "expression.required",
            "no name",
            Some("string"),
        ),
        (
            "é {{ [1] | map(x => x - $input.text) }}",
            "x - $input.text",
            "expression.type",
            "`-` needs numbers, got int and string",
            Some("string"),
        ),
        (
            "{% for x in $input.n %}{% endfor %}",
            "$input.n",
            "expression.type",
            "`for` goes over a list or a map, got int",
            Some("int"),
        ),
        (
            "{{ $input.list[$input.yes] }}",
            "[$input.yes]",
            "expression.type",
            "an index must be an int or a key, got bool",
            Some("bool"),
        ),
    ] {
        let error = evaluate(template).expect_err(template);
        assert_eq!(
            (error.code, error.message.as_str(), error.value_type),
            (code, message, value_type),
            "{template}"
        );
        assert_eq!(&template[error.span.start..error.span.end], span, "{template}");
        assert_eq!(error.template, template);
    }
    let long = format!("{{{{ $input.n / 0 }}}}{}", "é".repeat(300));
    assert_eq!(evaluate(&long).unwrap_err().template.chars().count(), 200);
}

/// Names with keys of their own, as the nodes of a workflow have.
struct Nodes;

impl Names for Nodes {
    fn key_len(&self, root: &str, path: &[PathItem], rest: &str) -> Option<usize> {
        let keys = ["get-user", "get", "get-user-2"];
        let fits = |key: &&&str| rest.starts_with(**key);
        (root == "$nodes" && path.is_empty()).then(|| keys.iter().filter(fits).map(|key| key.len()).max())?
    }

    fn resolve(&self, root: &str, path: &[PathItem]) -> Result<Resolved, NameError> {
        match (root, path) {
            ("$nodes", [PathItem::Key(key), ..]) if *key == "get-user" => {
                Ok(Resolved { slot: Slot(3), consumed: 1 })
            }
            ("$nodes", [PathItem::Key(key), ..]) if *key == "get" => {
                Ok(Resolved { slot: Slot(4), consumed: 1 })
            }
            _ => Err(NameError { code: "test.unknown", message: "no such node".into(), help: None }),
        }
    }
}

struct Slots;

impl Scope for Slots {
    fn value(&self, slot: Slot) -> Cow<'_, Value> {
        Cow::Owned(value!({"output": {"n": slot.0}}))
    }
}

#[test]
fn names_may_have_keys_of_their_own() {
    for (template, expect) in [
        ("{{ $nodes.get-user.output.n }}", value!(3)),
        ("{{ $nodes.get.output.n - 1 }}", value!(3)),
        ("{{ $nodes['get-user'].output.n }}", value!(3)),
        ("{{ $nodes.get-user.output.n-1 }}", value!(2)),
    ] {
        let parsed = Template::parse(template, &Nodes, Filters::standard()).expect(template);
        assert_eq!(parsed.evaluate(&Slots, &mut Budget::default()).expect(template), expect);
    }
    let errors = Template::parse("{{ $nodes.nope.output }}", &Nodes, Filters::standard()).unwrap_err();
    assert_eq!((errors[0].code, errors[0].span), ("test.unknown", Span::new(3, 21)));
    let parsed =
        Template::parse("{{ $nodes.get.x + $nodes.get-user.y + $nodes.get.z }}", &Nodes, Filters::standard());
    assert_eq!(parsed.unwrap().slots(), [Slot(3), Slot(4)]);
}
