//! Templates that are put off.

use prana_template::{
    Budget, Deferred, EvalError, Evaluated, Filters, FixedNames, Names, Params, ParamsOptions, PathItem,
    Resolved, Slot, Value, path_text, value,
};

/// `$input`, `$other` and `$nodes.KEY` are known at once, `$secret` later.
struct AtOnce;

impl Names for AtOnce {
    fn key_len(&self, root: &str, path: &[PathItem], rest: &str) -> Option<usize> {
        (root == "$nodes" && path.is_empty() && rest.starts_with("a-b")).then_some(3)
    }

    fn resolve(&self, root: &str, path: &[PathItem]) -> Result<Resolved, prana_template::NameError> {
        let resolved = FixedNames::new(["$input", "$other", "$nodes", "$secret"]).resolve(root, path)?;
        Ok(Resolved { consumed: usize::from(root == "$nodes" && !path.is_empty()), ..resolved })
    }
}

const PUT_OFF: &dyn Fn(Slot) -> bool = &|slot| slot == Slot(3);

fn compile(source: &Value) -> Result<Params, Vec<prana_template::ParamsError>> {
    let options = ParamsOptions { put_off: PUT_OFF, allow_item: &|_| true, ..ParamsOptions::default() };
    Params::compile(source, &AtOnce, Filters::standard(), &options)
}

/// The rendered parameters and what was put off, stored and read back in between.
fn defer(source: &Value) -> Result<(Value, Vec<Deferred>), EvalError> {
    let scope = [value!({"user": "ada", "list": [1, 2]}), value!("other"), value!({"x": "of a-b"})];
    let params = compile(source).unwrap();
    let mut budget = Budget::default();
    let item = value!({"id": 7});
    let rendered = params.render_with_item(&scope, &item, 4, &mut budget)?;
    let deferred = params.deferred_with_item(&scope, &item, 4, &mut budget)?;
    let stored = serde_json::to_string(&deferred).unwrap();
    let read: Vec<Deferred> = serde_json::from_str(&stored).unwrap();
    assert_eq!(read, deferred, "{stored}");
    Ok((rendered, deferred))
}

fn later(rendered: &Value, deferred: &Deferred) -> Evaluated {
    let names = FixedNames::new(["$secret"]);
    deferred.evaluate(rendered, &names, &[value!("s3cret")], Filters::standard()).unwrap()
}

#[test]
fn what_is_put_off_stays_as_it_is_written_and_is_evaluated_later() {
    let check = |source: &str, expected: Value, derived: &[Value]| {
        let (rendered, deferred) = defer(&value!({ "field": source })).unwrap();
        assert_eq!(rendered, value!({ "field": source }));
        let now = later(&rendered, &deferred[0]);
        assert_eq!((now.value, now.derived), (expected, derived.to_vec()), "{source}");
    };
    check("{{ $secret }}", value!("s3cret"), &[]);
    check("Bearer {{ $secret }}", value!("Bearer s3cret"), &[]);
    check(
        "{{ $input.user + ':' + $secret | base64 }}",
        value!("YWRhOnMzY3JldA=="),
        &[value!("YWRhOnMzY3JldA==")],
    );
    check("{{ $secret | upper | hex }}", value!("533343524554"), &[value!("S3CRET"), value!("533343524554")]);
    check("{{ $input.user | upper }} {{ $secret }}", value!("ADA s3cret"), &[]);
    check("{{ $secret }} {{ $input.user | upper }}", value!("s3cret ADA"), &[]);
    check("{% assign s = $secret %}{{ s | upper }}", value!("S3CRET"), &[value!("S3CRET")]);
    check(
        "{{ [$secret] | map(x => x + '!') | join }}",
        value!("s3cret!"),
        &[value!(["s3cret!"]), value!("s3cret!")],
    );
    check("{{ $item.id }}/{{ $index }}/{{ $loop.item.id }} {{ $secret }}", value!("7/4/7 s3cret"), &[]);
    check("{{ $nodes.a-b.x }} {{ $secret }}", value!("of a-b s3cret"), &[]);
    check("{{ $input[\"list\"][-1] + 1 }} {{ $secret }}", value!("3 s3cret"), &[]);
    check("{{ $input.missing?.deep ?? $secret }}", value!("s3cret"), &[]);
}

#[test]
fn only_what_it_names_is_captured() {
    let source = value!({"list": ["{{ $other }}", "{{ $input.user }} {{ $input.user }} {{ $secret }}"], "plain": "{{ $other }}"});
    let (rendered, deferred) = defer(&source).unwrap();
    assert_eq!(rendered.get("plain"), Some(&value!("other")));
    assert_eq!(deferred.len(), 1);
    assert_eq!(path_text(&deferred[0].path), "list[1]");
    let stored = serde_json::to_string(&deferred[0]).unwrap();
    assert_eq!(stored, r#"{"path":["list",1],"captures":[{"name":"$input","path":["user"],"value":"ada"}]}"#);
}

#[test]
fn data_that_looks_like_a_template_stays_data() {
    let params = compile(&value!({"a": "{{ $input }}", "b": "{{ $secret }}"})).unwrap();
    let forged = [value!("{{ $secret }}"), Value::Null, Value::Null];
    let rendered = params.render(&forged, &mut Budget::default()).unwrap();
    let deferred = params.deferred(&forged, &mut Budget::default()).unwrap();
    assert_eq!(rendered.get("a"), Some(&value!("{{ $secret }}")));
    assert_eq!(deferred.iter().map(|d| path_text(&d.path)).collect::<Vec<_>>(), ["b"]);
    let captured = compile(&value!("{{ $input }} {{ $secret }}")).unwrap();
    let rendered = captured.render(&forged, &mut Budget::default()).unwrap();
    let deferred = captured.deferred(&forged, &mut Budget::default()).unwrap();
    assert_eq!(later(&rendered, &deferred[0]).value, value!("{{ $secret }} s3cret"));
}

#[test]
fn an_error_says_nothing_of_values() {
    let (rendered, deferred) = defer(&value!({"n": "{{ $secret | to_int }}"})).unwrap();
    let names = FixedNames::new(["$secret"]);
    let error =
        deferred[0].evaluate(&rendered, &names, &[value!("s3cret")], Filters::standard()).err().unwrap();
    assert_eq!(error.code, "expression.value");
    assert!(!format!("{error} {error:?}").contains("s3cret"), "{error:?}");
}

#[test]
fn directives_are_not_put_off() {
    for source in
        [value!({"#if": [true, "{{ $secret }}"]}), value!({"a": [{"#merge": [{"k": "{{ $secret }}"}]}]})]
    {
        let errors = compile(&source).unwrap_err();
        assert_eq!(errors[0].error.code, "expression.secret_not_allowed", "{source:?}");
    }
}
