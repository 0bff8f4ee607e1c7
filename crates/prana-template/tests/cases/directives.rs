use prana_template::{Budget, Filters, Params, ParamsOptions, PathSegment, Value, path_text, value};

use super::{names, scope};

fn compile(params: &Value) -> Result<Params, String> {
    Params::compile(params, &names(), Filters::standard(), &ParamsOptions::default())
        .map_err(|errors| format!("{}: {}", path_text(&errors[0].path), errors[0].error.code))
}

fn render(params: &Value) -> String {
    match compile(params) {
        Err(error) => format!("refused {error}"),
        Ok(compiled) => match compiled.render(&scope(), &mut Budget::default()) {
            Ok(value) => value.to_json_string(),
            Err(error) => format!("error {}: {}", path_text(&error.path), error.code),
        },
    }
}

fn check(cases: &[(&str, &str)]) {
    for (params, expect) in cases {
        let params = Value::parse_json(params).expect(params);
        assert_eq!(render(&params), *expect, "{params:?}");
    }
}

#[test]
fn trees() {
    check(&[
        (
            r#"{"a": "{{ $input.n }}", "b": ["{{ $input.text }}!", 1], "{{ k }}": null}"#,
            r#"{"a":7,"b":["Hello!",1],"{{ k }}":null}"#,
        ),
        (r#""{{ $input.map }}""#, r#"{"a":1,"b":{"c":[10,20]}}"#),
        (r#"{"a": {"b": [0, "{{ $input.n / 0 }}"]}}"#, "error a.b[1]: expression.division_by_zero"),
        (r#"{"a": [{"b": "{{ nope }}"}]}"#, "refused a[0].b: expression.unknown_name"),
        (r##"{"#other": 1, "x": 2}"##, r##"{"#other":1,"x":2}"##),
    ]);
}

#[test]
fn directives() {
    check(&[
        (
            r##"{"#map": ["{{ $input.list }}", {"v": "{{ $item * 2 }}", "i": "{{ $index }}"}]}"##,
            r#"[{"v":2,"i":0},{"v":4,"i":1},{"v":6,"i":2}]"#,
        ),
        (r##"{"#map": ["{{ $input.list }}", "{{ $loop.item + $loop.index }}"]}"##, "[1,3,5]"),
        (
            r##"{"#map": ["{{ [[1, 2], [3]] }}", {"#map": ["{{ $item }}", "{{ $loop.parentloop.index }}.{{ $loop.index }}"]}]}"##,
            r#"[["0.0","0.1"],["1.0"]]"#,
        ),
        (
            r##"{"#map": ["{{ $input.list }}", "{{ [10] | map($item + $loop.parentloop.item) }}"]}"##,
            "[[11],[12],[13]]",
        ),
        (r##"{"#map": ["{{ $input.none }}", 1]}"##, "[]"),
        (r##"{"#map": ["{{ $input.n }}", 1]}"##, "error : expression.type"),
        (
            r##"{"x": {"#map": ["{{ $input.list }}", "{{ $item / 0 }}"]}}"##,
            "error x[1]: expression.division_by_zero",
        ),
        (r##"{"#flat_map": [[1, 2], ["{{ $item }}", "{{ $item * 10 }}"]]}"##, "[1,10,2,20]"),
        (r##"{"#flat_map": [[[1], [2, 3], 4], "{{ $item }}"]}"##, "[1,2,3]"),
        (
            r##"{"#filter": ["{{ $input.users }}", "{{ $item.age > 18 }}"]}"##,
            r#"[{"name":"Ada","age":36,"tags":["x","y"],"address":{"city":"London"}},{"name":"Cy","age":52,"tags":["y"]}]"#,
        ),
        (r##"{"#merge": [{"a": 1, "b": 1}, "{{ {b: 2} }}", "{{ null }}"]}"##, r#"{"a":1,"b":2}"#),
        (r##"{"#merge": [[{"a": 1}, {"c": 3}]]}"##, r#"{"a":1,"c":3}"#),
        (r##"{"#merge": [1]}"##, "error : expression.type"),
        (r##"{"#if": ["{{ $input.yes }}", "{{ $input.n }}", "no"]}"##, "7"),
        (r##"{"#if": ["{{ {} }}", 1]}"##, "null"),
        (r##"{"#if": [true, 1, "{{ $input.n / 0 }}"]}"##, "1"),
        (r##"{"#case": ["{{ $input.n }}", [[1, "one"], [7.0, "seven"]], "many"]}"##, r#""seven""#),
        (r##"{"#case": [5, [[1, "one"]], "many"]}"##, r#""many""#),
        (r##"{"#case": [5, [[1, "one"]]]}"##, "null"),
        (r##"{"#cond": [["{{ $input.no }}", 1], ["{{ $input.yes }}", null], [true, 3]]}"##, "null"),
        (r##"{"#cond": [[[false, 1], [true, 2]]]}"##, "2"),
        (r##"{"#pick": ["{{ $input.map }}", ["b", "zz"]]}"##, r#"{"b":{"c":[10,20]}}"#),
        (r##"{"#pick": [null, ["b"]]}"##, "{}"),
        (
            r##"{"#pipe": ["{{ $input.list }}", [{"#filter": ["{{ $item > 1 }}"]}, {"#map": ["{{ $item * 10 }}"]}]]}"##,
            "[20,30]",
        ),
        (r##"{"#pipe": [{"a": 1}, [{"#merge": [{"b": 2}]}, {"#pick": [["b"]]}]]}"##, r#"{"b":2}"#),
        (
            r##"{"#pipe": [["{% raw %}{{ $vars.shop }}{% endraw %}"], [{"#map": ["{{ $item }}"]}]]}"##,
            r#"["{{ $vars.shop }}"]"#,
        ),
        (r##"{"#map": ["{{ $input.list }}", 1], "other": 2}"##, "refused : expression.invalid_directive"),
        (r##"{"#map": ["{{ $input.list }}"]}"##, r##"refused ["#map"]: expression.invalid_directive"##),
        (r##"{"#map": "x"}"##, r##"refused ["#map"]: expression.invalid_directive"##),
        (r##"{"#cond": [1]}"##, r##"refused ["#cond"]: expression.invalid_directive"##),
        (r##"{"#pipe": [1, [{"x": 1}]]}"##, r##"refused ["#pipe"][1][0]: expression.invalid_directive"##),
        (r##"{"#map": ["{{ $item }}", 1]}"##, r##"refused ["#map"][0]: expression.unknown_name"##),
    ]);
}

#[test]
fn constants_are_built_once() {
    let source = value!({"a": [1, {"b": "text"}], "c": "{{ 1 + 1 }}"});
    let compiled = compile(&source).unwrap();
    assert_eq!(compiled.constant(), Some(&value!({"a": [1, {"b": "text"}], "c": 2})));
    assert!(compiled.slots().is_empty());
    assert_eq!(compiled.field("c").unwrap().constant(), Some(&value!(2)));
}

#[test]
fn fields_can_be_left_for_later() {
    let source = value!({"items": "{{ $input.list }}", "condition": "{{ $item > $input.i }}", "k": 1});
    let allow = |path: &[PathSegment]| path == ["condition".into()];
    let options = ParamsOptions { allow_item: &allow, ..ParamsOptions::default() };
    let compiled = Params::compile(&source, &names(), Filters::standard(), &options).unwrap();
    let mut budget = Budget::default();
    let rest = compiled.render_without(&["condition"], &scope(), &mut budget).unwrap();
    assert_eq!(rest, value!({"items": [1, 2, 3], "k": 1}));
    let condition = compiled.field("condition").unwrap();
    for (item, expect) in [(1, false), (2, true)] {
        let passed = condition.render_with_item(&scope(), &value!(item), 0, &mut budget).unwrap();
        assert_eq!(passed, value!(expect));
    }
    assert!(Params::compile(&source, &names(), Filters::standard(), &ParamsOptions::default()).is_err());
    assert!(budget.steps < Budget::default().steps);
}

#[test]
fn literal_subtrees_are_left_alone() {
    let source = value!({"code": "{{ not a template }}", "deep": {"#map": 1}, "n": "{{ $input.n }}"});
    let literal = |path: &[PathSegment]| path == ["code".into()] || path == ["deep".into()];
    let options = ParamsOptions { literal: &literal, ..ParamsOptions::default() };
    let compiled = Params::compile(&source, &names(), Filters::standard(), &options).unwrap();
    let rendered = compiled.render(&scope(), &mut Budget::default()).unwrap();
    assert_eq!(rendered, value!({"code": "{{ not a template }}", "deep": {"#map": 1}, "n": 7}));
}

#[test]
fn what_is_known_is_checked_before_rendering() {
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code)]
    struct Request {
        url: String,
        #[serde(default)]
        retries: u32,
        #[serde(default)]
        tags: Vec<String>,
    }
    let check = |params: Value| compile(&params).unwrap().check::<Request>().map_err(|e| e.to_string());
    assert_eq!(
        check(
            value!({"url": "{{ $input.text }}", "retries": "{{ $input.n }}", "tags": ["a", "{{ $input.key }}"]})
        ),
        Ok(())
    );
    assert_eq!(
        check(value!({"url": "{{ $input.text }}", "retries": "3"})),
        Err("retries: expected a whole number that is not negative, found a string".into())
    );
    assert_eq!(
        check(value!({"url": "{{ $input.text }}", "retires": 3})),
        Err("retires: unknown field `retires` (did you mean `retries`?)".into())
    );
}
