//! `code.javascript`: what it gives, what it can't do, and where it ends.

mod ends;
mod flat;

use prana_actions::{ActionCall, Actions};
use prana_core::ErrorValue;
use prana_core::executor::EffectOutput;
use prana_core::record::Completed;
use prana_template::{Map, Value, value};

use crate::outside;

async fn completed(actions: &Actions, params: Value, scope: Map) -> Result<Completed, ErrorValue> {
    let call = ActionCall { scope, ..ActionCall::detached("code.javascript", params, outside()) };
    match actions.run(call).await? {
        EffectOutput::Complete(completed) => Ok(completed),
        EffectOutput::Suspend(suspension) => panic!("it waits: {suspension:?}"),
    }
}

fn scope(input: Value) -> Map {
    let mut scope = Map::new();
    scope.insert("$input", input);
    scope
}

/// What the code gives for this input.
async fn code(code: &str, input: Value) -> Result<Completed, ErrorValue> {
    completed(&Actions::standard(), value!({"code": code, "timeout_ms": 10000}), scope(input)).await
}

#[track_caller]
fn output(result: &Result<Completed, ErrorValue>) -> Value {
    result.as_ref().expect("it should run").output.clone()
}

async fn gives(source: &str, input: Value, expected: Value) {
    let result = code(source, input).await;
    let output = output(&result);
    assert_eq!(output, expected, "{source}");
    assert_eq!(output.to_json_string(), expected.to_json_string(), "{source}");
}

async fn fails(source: &str, expected: &str, part: &str) -> ErrorValue {
    let error = code(source, Value::Null).await.expect_err("it should fail");
    assert_eq!(&*error.code, expected, "{source} {error}");
    assert!(error.message.contains(part), "{source} {error}");
    error
}

#[tokio::test]
async fn data_comes_in_and_goes_out() {
    for data in [
        value!(null),
        value!(true),
        value!(5),
        value!(-2.5),
        value!("größe 🦀"),
        value!([1, [2, {"a": null}]]),
        value!({"b": 1, "a": {"__proto__": 2, "constructor": 3}, "10": "x"}),
        Value::Int(9_007_199_254_740_991),
        Value::Int(9_007_199_254_740_993),
        Value::Int(i64::MIN),
        Value::Int(i64::MAX),
        Value::Float(1e300),
    ] {
        let result = code("return $input", data.clone()).await;
        assert_eq!(output(&result), data);
    }
    gives("return $input.map(n => n * 2)", value!([1, 2]), value!([2, 4])).await;
    gives("return {total: $input.reduce((a, b) => a + b, 0)}", value!([1.5, 2.5]), value!({"total": 4}))
        .await;
    gives("const {a, ...rest} = $input; return rest", value!({"a": 1, "b": 2}), value!({"b": 2})).await;
    gives("return await Promise.resolve(7)", value!(null), value!(7)).await;
    gives("return $input + 1n", Value::Int(i64::MAX - 1), Value::Int(i64::MAX)).await;
}

#[tokio::test]
async fn results_are_what_json_makes_of_them() {
    for (source, expected) in [
        ("", value!(null)),
        ("return undefined", value!(null)),
        ("return [undefined, () => 1, Symbol.iterator, , 2]", value!([null, null, null, null, 2])),
        ("return {a: undefined, b: () => 1, c: 1, [Symbol.iterator]: 2}", value!({"c": 1})),
        ("return new Date(0)", value!("1970-01-01T00:00:00.000Z")),
        (
            "return {toJSON: () => ({toJSON: () => 1, a: [new Date(0)]})}",
            value!({"a": ["1970-01-01T00:00:00.000Z"]}),
        ),
        ("class P { x = 1; get y() { return 2 } }; return new P()", value!({"x": 1})),
        ("return 1e21", value!(1e21)),
        ("return -0", value!(0)),
        ("return 'a\\ud800b'", value!("a\u{fffd}b")),
        ("return {'a\\udfff': 1}", value!({"a\u{fffd}": 1})),
        ("return Object.create(null, {a: {value: 1, enumerable: true}})", value!({"a": 1})),
        ("return new Proxy({a: 1}, {})", value!({"a": 1})),
        ("return 'x'.repeat(1000).length", value!(1000)),
    ] {
        gives(source, value!(null), expected).await;
    }
}

#[tokio::test]
async fn what_is_no_data_is_told_with_its_place() {
    for (source, part) in [
        ("return NaN", "the result is NaN"),
        ("return {a: [1, 1 / 0]}", "`a[1]` in the result is inf"),
        ("return {when: new Date(NaN), m: new Map()}", "`m` in the result is a Map"),
        ("return new Set([1])", "a Set"),
        ("return [new Uint8Array(2)]", "bytes"),
        ("return {p: Promise.resolve(1)}", "a promise"),
        ("return {e: new TypeError('x')}", "an error"),
        ("return {r: /a/}", "a regular expression"),
        ("return [port('a', 1)]", "a port"),
        ("return () => 1", "a function"),
        ("return Symbol.iterator", "a symbol"),
        ("return 2n ** 63n", "more than 64 bits"),
        ("const a = {}; a.a = a; return a", "contains itself"),
        ("let a = []; for (let i = 0; i < 200; i++) a = [a]; return a", "deeper than 100"),
    ] {
        fails(source, "code.invalid_result", part).await;
    }
}

#[tokio::test]
async fn errors_say_where_in_the_code() {
    for (source, code, part, line) in [
        ("throw new Error('no stock')", "code.failed", "Error: no stock (line 1, column 11)", 1),
        ("const a = 1\n\n  null.x", "code.failed", "TypeError: cannot read property 'x' of null (line 3", 3),
        ("const f = () => {\n  throw new RangeError('far')\n}\nf()", "code.failed", "RangeError: far", 2),
        ("await Promise.reject(new Error('later'))", "code.failed", "later", 1),
        ("const a = 1\nconst = 2", "code.syntax", "SyntaxError", 2),
        ("undeclared = 1", "code.failed", "undeclared", 1),
        ("JSON.parse('{')", "code.failed", "SyntaxError", 1),
        ("\n[1].map(() => missing)", "code.failed", "missing", 2),
        ("return [3].sort(() => 1)[5].x", "code.failed", "TypeError", 1),
    ] {
        let error = fails(source, code, part).await;
        let at = |name: &str| error.details.get(name).and_then(Value::as_i64);
        assert_eq!(at("line"), Some(line), "{source} {error:?}");
        assert!(at("column").is_some_and(|column| column > 0), "{source} {error:?}");
        assert!(!error.retryable, "{source}");
    }
    fails("return 1 +", "code.syntax", "SyntaxError").await;
    fails("throw 'just text'", "code.failed", "just text").await;
    fails("throw null", "code.failed", "null").await;
    fails("throw {a: 1}", "code.failed", "object").await;
    fails("throw Object.create(null)", "code.failed", "no error").await;
    fails(
        "const e = new Error('x'); Object.defineProperty(e, 'message', {get() { throw 1 }}); throw e",
        "code.failed",
        "Error",
    )
    .await;
}

#[tokio::test]
async fn the_port_is_chosen_by_the_code() {
    let result = code("return port('large', {n: 1})", Value::Null).await.expect("it should run");
    assert_eq!((result.port.as_deref(), result.output), (Some("large"), value!({"n": 1})));
    let result = code("return 1", Value::Null).await.expect("it should run");
    assert_eq!((result.port, result.output), (None, value!(1)));
    fails("return port('')", "code.failed", "name of an output port").await;
    gives("const port = 8080; return port", value!(null), value!(8080)).await;
}

#[tokio::test]
async fn a_name_holds_what_templates_know_by_it() {
    let mut scope = Map::new();
    scope.insert("$nodes", value!({"a-b": {"output": {"x": 1}}, "later": null}));
    scope.insert("$now", value!("2026-02-03T04:05:06Z"));
    let source = "$nodes['a-b'].output.x = 5; return [$nodes['a-b'].output.x, $nodes.later, $nodes.none === undefined, Object.keys($nodes), \
                  new Date($now).getFullYear()]";
    let result = completed(&Actions::standard(), value!({"code": source}), scope).await;
    assert_eq!(output(&result), value!([5, null, true, ["a-b", "later"], 2026]));
    fails("return $vars", "code.failed", "$vars is not defined").await;
}

#[tokio::test]
async fn there_is_nothing_that_differs_between_two_runs() {
    for (source, part) in [
        ("return Date.now()", "no clock"),
        ("return new Date()", "no clock"),
        ("return Date()", "no clock"),
        ("return new (new Date(0).constructor)()", "no clock"),
        ("class D extends Date {}; return new D()", "no clock"),
        ("return Math.random()", "no randomness"),
        ("return eval('1')", "eval"),
        ("return Function('return 1')()", "from text"),
        ("return (() => {}).constructor('return 1')()", "from text"),
        ("return (async () => {}).constructor('return 1')()", "from text"),
        ("return fetch('http://localhost')", "fetch"),
        ("return setTimeout(() => {}, 1)", "setTimeout"),
        ("return performance.now()", "performance"),
        ("return new WeakRef({})", "WeakRef"),
        ("return Atomics.wait", "Atomics"),
        ("return require('fs')", "require"),
        ("return process.env", "process"),
    ] {
        fails(source, "code.failed", part).await;
    }
    fails("return await import('fs')", "code.failed", "").await;
}

#[tokio::test]
async fn dates_are_in_utc() {
    for (source, expected) in [
        ("return new Date(2026, 0, 2, 3, 4).toISOString()", value!("2026-01-02T03:04:00.000Z")),
        ("return new Date('2026-01-02T03:04').toISOString()", value!("2026-01-02T03:04:00.000Z")),
        ("return new Date('2026-01-02T03:04+02:00').getHours()", value!(1)),
        ("return new Date('2026-01-02').getTime() === Date.parse('2026-01-02T00:00:00Z')", value!(true)),
        (
            "const d = new Date(0); d.setHours(5); return [d.getTimezoneOffset(), d.toISOString()]",
            value!([0, "1970-01-01T05:00:00.000Z"]),
        ),
        ("return new Date(new Date(5)).getTime()", value!(5)),
        ("return new Date(0) instanceof Date", value!(true)),
        ("return `${new Date(0)}`", value!("Thu, 01 Jan 1970 00:00:00 GMT")),
        (
            "class D extends Date { twice() { return this.getTime() * 2 } }; return new D(4).twice()",
            value!(8),
        ),
    ] {
        gives(source, value!(null), expected).await;
    }
}

#[tokio::test]
async fn built_ins_work_as_they_should() {
    for (source, expected) in [
        ("return [3, 1, 2].sort().concat([4], 5, [[6]]).slice(1)", value!([2, 3, 4, 5, [6]])),
        ("return [1, 2, 3].sort((a, b) => b - a)", value!([3, 2, 1])),
        ("return 'a-b-c'.split('-', 2).join('+')", value!("a+b")),
        ("return 'aXbX'.replace(/x/i, '$&y').replaceAll('X', m => m + '!')", value!("aX!ybX!")),
        (
            "return ['abc'.includes('bc'), 'abc'.indexOf('c', 1), 'x'.localeCompare('y')]",
            value!([true, 2, -1]),
        ),
        ("return (function () { return Array.prototype.slice.call(arguments, 1) })(1, 2, 3)", value!([2, 3])),
        ("const a = [1, 2, 3]; a.shift(); a.unshift(9); a.splice(1, 1); return a.reverse()", value!([3, 9])),
        ("return 'e\\u0301'.normalize().length", value!(1)),
        ("return new Array(3).fill(0).flat()", value!([0, 0, 0])),
        (
            "return Object.entries(Object.groupBy([1, 2, 3], n => n % 2 ? 'odd' : 'even'))",
            value!([["odd", [1, 3]], ["even", [2]]]),
        ),
        ("function f() {}; return [f instanceof Function, /b+/.exec('abb')[0]]", value!([true, "bb"])),
    ] {
        gives(source, value!(null), expected).await;
    }
}

#[tokio::test]
async fn what_is_written_to_the_console_is_kept() {
    let source = "console.log('a', {b: 1n}, [2]); console.warn(); console.error(new Error('x')); console.debug(null, undefined); return 1";
    let completed = code(source, Value::Null).await.expect("it should run");
    let expected = value!([
        {"level": "info", "message": "a {\"b\":\"1\"} [2]"},
        {"level": "warn", "message": ""},
        {"level": "error", "message": "Error: x"},
        {"level": "debug", "message": "null undefined"}
    ]);
    assert_eq!(completed.context_updates.get("console"), Some(&expected));
    let error = fails("console.info('before'); throw new Error('x')", "code.failed", "x").await;
    assert_eq!(error.details.get("console"), Some(&value!([{"level": "info", "message": "before"}])));
    let quiet = code("return 1", Value::Null).await.expect("it should run");
    assert!(quiet.context_updates.is_empty());
}

#[tokio::test]
async fn the_console_has_limits() {
    let lines = async |source: &str| {
        let completed = code(source, Value::Null).await.expect("it should run");
        completed.context_updates.get("console").and_then(Value::as_list).cloned().expect("lines")
    };
    let many = lines("for (let i = 0; i < 1000; i++) console.log(i)").await;
    assert_eq!(many.len(), 101);
    assert_eq!(many[100].get("message"), Some(&value!("900 more lines are not kept")));
    let long = lines("console.log('x'.repeat(1e6))").await;
    assert_eq!(long[0].get("message").and_then(Value::as_str).map(str::len), Some(2000));
    let wide = lines("for (let i = 0; i < 50; i++) console.log('é'.repeat(5000))").await;
    assert!(wide.len() < 10, "{}", wide.len());
}

#[tokio::test]
async fn parameters_have_ranges() {
    for (params, part) in [
        (value!({"code": "", "timeout_ms": 0}), "timeout_ms"),
        (value!({"code": "", "timeout_ms": 60001}), "timeout_ms"),
        (value!({"code": "", "memory_limit_mb": 3}), "memory_limit_mb"),
        (value!({"code": " ".repeat(262_145)}), "longer"),
        (value!({"code": 5}), "code"),
        (value!({"source": ""}), "source"),
    ] {
        let error = completed(&Actions::standard(), params, Map::new()).await.expect_err("it should fail");
        assert_eq!(&*error.code, "workflow.invalid_params");
        assert!(error.message.contains(part), "{error}");
    }
}
