//! Whatever code does, it ends: by its limits, or when nobody needs its result any more.

use std::time::{Duration, Instant};

use prana_actions::{ActionCall, Actions};
use prana_template::{Map, Value, value};
use tokio_util::sync::CancellationToken;

use super::completed;
use crate::outside;

/// How each ends with so much time and little memory.
async fn ends_in(timeout_ms: u64, expected: &[&str], codes: &[&str]) {
    let actions = Actions::standard();
    for code in codes {
        let params = value!({"code": *code, "timeout_ms": timeout_ms, "memory_limit_mb": 16});
        let since = Instant::now();
        let error = completed(&actions, params, Map::new()).await.expect_err(code);
        let most = Duration::from_millis(timeout_ms) + Duration::from_secs(20);
        assert!(since.elapsed() < most, "{code} took {:?}", since.elapsed());
        assert!(expected.contains(&&*error.code), "{code}: {error}");
        // The thread that ran it is as good as before.
        let after = completed(&actions, value!({"code": "return 1", "timeout_ms": 10000}), Map::new()).await;
        assert_eq!(after.expect("it should run").output, value!(1), "after {code}");
    }
}

async fn ends_as(expected: &[&str], codes: &[&str]) {
    ends_in(200, expected, codes).await;
}

#[tokio::test]
async fn endless_loops_end_at_their_time() {
    ends_as(
        &["code.timeout"],
        &[
            "while (true) {}",
            "for (;;) { try { while (true) {} } catch {} }",
            "try { while (true) {} } finally { return 1 }",
            "return {get a() { while (true) {} }}",
            "return {toJSON() { while (true) {} }}",
            "return new Proxy({}, {ownKeys() { while (true) {} }})",
            "return {then() { while (true) {} }}",
            "throw {toString() { while (true) {} }}",
            "const e = new Error(); Object.defineProperty(e, 'stack', {get() { while (true) {} }}); throw e",
            "const f = async () => { while (true) await null }; await f()",
            "queueMicrotask(function f() { queueMicrotask(f) }); await new Promise(() => {})",
            "function* f() { while (true) yield 1 }; for (const x of f()) {}",
            "[1].sort.call([3, 1, 2], () => { while (true) {} })",
            "console.log({toJSON() { while (true) {} }})",
            "label: while (true) { continue label }",
            "for (const x of {[Symbol.iterator]: () => ({next: () => ({value: 1, done: false})})}) {}",
        ],
    )
    .await;
}

/// Each promise waits for the next: what is first, the time or the memory, depends on the machine.
#[tokio::test]
async fn an_endless_chain_of_promises_ends() {
    let either = &["code.timeout", "code.out_of_memory"];
    ends_as(either, &["function again() { return Promise.resolve().then(again) }; await again()"]).await;
}

#[tokio::test]
async fn expressions_that_try_everything_end_at_their_time() {
    ends_as(
        &["code.timeout"],
        &[
            "return /^(a+)+$/.test('a'.repeat(40) + 'b')",
            "return /(x+x+)+y/.exec('x'.repeat(60))",
            "return 'a'.repeat(50).replace(/(a|aa)+$/g, '') + 'b'.match(/^(.*)*$/) + /^(a|a)*$/.test('a'.repeat(60) + 'b')",
            "return ('a'.repeat(45) + '!').split(/^(([a-z])+.)+[A-Z]([a-z])+$/)",
        ],
    )
    .await;
}

#[tokio::test]
async fn built_in_loops_end() {
    let any = &["code.timeout", "code.failed", "code.out_of_memory", "code.result_too_large"];
    ends_as(
        any,
        &[
            "Array.prototype.indexOf.call({length: 2 ** 53 - 1}, 1)",
            "Array.prototype.includes.call({length: 2 ** 53 - 1}, 1)",
            "Array.prototype.reverse.call({length: 2 ** 53 - 1})",
            "Array.prototype.fill.call({length: 2 ** 53 - 1}, 0)",
            "const t = new Uint8Array(1); Object.defineProperty(t, 'length', {value: 2 ** 53 - 1}); Array.prototype.fill.call(t, 0)",
            "Array.prototype.join.call({length: 2 ** 53 - 1}, '')",
            "Array.prototype.shift.call({length: 2 ** 53 - 1})",
            "Array.prototype.copyWithin.call({length: 2 ** 53 - 1}, 1, 5)",
            "[].concat({length: 2 ** 52, [Symbol.isConcatSpreadable]: true}); while (true) {}",
            "const a = []; a.length = 4294967295; a.sort()",
            "const a = []; a.length = 4294967295; a.slice(); a.reverse()",
            "const n = 'a'.repeat(4e6); n.indexOf('a'.repeat(2e6) + 'b')",
            "const n = 'a'.repeat(4e6); n.split({toString: () => 'a'.repeat(2e6) + 'b'})",
            "'\\u0300\\u0323'.repeat(1e6).normalize()",
            "'\\u0300\\u0323'.repeat(1e6).localeCompare('a')",
            "Array.from({length: 2 ** 53 - 1})",
            "String.raw({raw: {length: 2 ** 53 - 1}})",
            "new Set({length: 2 ** 53 - 1, [Symbol.iterator]: Array.prototype.values})",
            "return {length: 1, a: new Array(4294967295)}",
            "Array.prototype.forEach.call({length: 2 ** 53 - 1}, () => {})",
            "Array.prototype.reduce.call({length: 2 ** 53 - 1}, (a, b) => b, 0)",
            "const a = []; a.length = 4294967295; a.map(x => x)",
            "for (let i = 0; i < 50; i++) 2n ** 1000000n; while (true) {}",
            "Array.prototype.values.call({length: 2 ** 53 - 1}).drop(2 ** 52).next()",
            "for (let i = 0; i < 10; i++) (1n << 1000000n).toString(); while (true) {}",
            "for (let i = 0; i < 10; i++) 'x'.repeat(2e6).replace(/x/g, '$&$&'); while (true) {}",
        ],
    )
    .await;
}

#[tokio::test]
async fn memory_bombs_end_at_their_limit() {
    ends_in(
        30_000,
        &["code.out_of_memory"],
        &[
            "const a = []; while (true) a.push(new Array(1000).fill(0))",
            "const a = []; while (true) a.push({})",
            "let o = {}; while (true) o = {o}",
            "let f = () => 1; while (true) { const g = f; f = () => g }",
            "return 'x'.repeat(1e9).length",
            "const a = []; while (true) a.push(new Uint8Array(1e6))",
            "return new Uint8Array(1e8)",
            "return new Array(1e7).fill('x')",
            "const m = new Map(); for (let i = 0; ; i++) m.set(i, i)",
            "const o = {}; for (let i = 0; ; i++) o['k' + i] = i",
            "const a = []; while (true) a.push(Symbol())",
            "const a = []; while (true) a.push(async () => { await 1 })",
            "const all = []; while (true) all.push(new Promise(() => {}))",
            "const f = async () => { const a = []; while (true) a.push([]) }; await f()",
            "const f = async (x) => { await 1; const a = []; while (true) a.push([]) }; await Promise.all([f(), f()])",
            "async function* g() { const a = []; while (true) { a.push([]); yield 1 } }; for await (const x of g()) {}",
            "try { const a = []; while (true) a.push({}) } catch { const a = []; while (true) a.push({}) }",
        ],
    )
    .await;
    let often = &["code.out_of_memory", "code.failed", "code.never_settles", "code.timeout"];
    ends_as(
        often,
        &[
            "let s = 'ab'; while (true) s += s + s.length",
            "const a = []; while (true) a.push(/(a{1,1000}){1,1000}/)",
            "const a = []; for (;;) { try { a.push(new Array(100)) } catch (e) { a.push(e) } }",
            "let s = '('; while (s.length < 1e6) s += s; return new RegExp(s)",
            "return JSON.parse('['.repeat(1e6))",
            "return JSON.stringify('x'.repeat(4e6).split('').map(x => ({x})))",
            "while (true) Promise.resolve().then(() => {})",
            "queueMicrotask(() => { const a = []; while (true) a.push({}) }); await new Promise(() => {})",
            "let o = 1; for (let i = 0; i < 1e5; i++) o = [o]; return JSON.stringify(o)",
        ],
    )
    .await;
}

#[tokio::test]
async fn what_is_too_much_to_give_is_refused() {
    ends_as(
        &["code.result_too_large", "code.out_of_memory", "code.timeout"],
        &[
            "let a = ['x']; for (let i = 0; i < 40; i++) a = [a, a]; return a",
            "const s = 'x'.repeat(1e6); return new Array(100).fill(s)",
            "const a = []; a.length = 4294967295; return a",
        ],
    )
    .await;
}

#[tokio::test]
async fn recursion_ends_at_the_stack() {
    ends_as(
        &["code.failed", "code.out_of_memory"],
        &[
            "const f = () => f() + 1; f()",
            "const f = async () => { await f() }; await f()",
            "const o = {get a() { return this.a }}; return o",
            "const o = {toString() { return `${o}` }}; return `${o}`",
            "const p = new Proxy({}, {get: (t, k, r) => r[k]}); return p.x",
            "let r = []; r.toString = () => r.map(String).join(); for (let i = 0; i < 9; i++) r.push(r); return String(r)",
            "return JSON.stringify(1, function f() { return [f()] })",
            "'a'.replace(/a/, function f() { return 'a'.replace(/a/, f) })",
            "class A { constructor() { new A() } }; new A()",
        ],
    )
    .await;
}

#[tokio::test]
async fn a_promise_that_nothing_settles_is_an_error_at_once() {
    let actions = Actions::standard();
    for code in [
        "await new Promise(() => {})",
        "return new Promise(() => {})",
        "for await (const x of [new Promise(() => {})]) {}",
    ] {
        let since = Instant::now();
        let params = value!({"code": code, "timeout_ms": 60000});
        let error = completed(&actions, params, Map::new()).await.expect_err(code);
        assert_eq!(&*error.code, "code.never_settles", "{code}");
        assert!(since.elapsed() < Duration::from_secs(30), "it should not wait");
    }
}

#[tokio::test]
async fn what_one_run_does_another_does_not_see() {
    let actions = Actions::standard();
    let run = async |code: &str| completed(&actions, value!({"code": code}), Map::new()).await;
    run("globalThis.left = 1; Array.prototype.left = 2; Promise.resolve().then(() => { globalThis.late = 1 }); return 0")
        .await
        .expect("it should run");
    for _ in 0..16 {
        let seen = run("return [typeof left, typeof late, typeof [].left]").await.expect("it should run");
        assert_eq!(seen.output, value!(["undefined", "undefined", "undefined"]));
    }
}

/// Runs that nobody needs any more make room for others: here for more than there are threads.
#[tokio::test]
async fn cancelled_runs_end() {
    let actions = Actions::standard();
    for round in 0..20 {
        let cancelled = CancellationToken::new();
        let params = value!({"code": "while (true) {}", "timeout_ms": 60000});
        let call = ActionCall {
            cancelled: cancelled.clone(),
            ..ActionCall::detached("code.javascript", params, outside())
        };
        let running = actions.run(call);
        let (ended, ()) = tokio::join!(tokio::time::timeout(Duration::from_millis(5), running), async {
            if round % 2 == 0 {
                cancelled.cancel();
            }
        });
        if round % 2 == 0 {
            assert_eq!(&*ended.expect("it should end").expect_err("it should fail").code, "action.cancelled");
        }
    }
    let after = completed(&actions, value!({"code": "return 1", "timeout_ms": 10000}), Map::new());
    let after = tokio::time::timeout(Duration::from_secs(20), after).await.expect("there is room");
    assert_eq!(after.expect("it should run").output, value!(1));
}

#[tokio::test]
async fn the_runtime_is_never_held_up() {
    let actions = Actions::standard();
    let params = || value!({"code": "while (true) {}", "timeout_ms": 300});
    let busy = (0..12).map(|_| completed(&actions, params(), Map::new()));
    let busy = futures(busy.collect());
    let beats = async {
        let mut beats = 0;
        let end = Instant::now() + Duration::from_millis(200);
        while Instant::now() < end {
            tokio::task::yield_now().await;
            beats += 1;
        }
        beats
    };
    let (ended, beats) = tokio::join!(busy, beats);
    assert!(beats > 100, "{beats}");
    assert!(
        ended.iter().all(|ended| ended.as_ref().is_err_and(|error| &*error.code == "code.timeout")),
        "{ended:?}"
    );
}

async fn futures<F: Future>(all: Vec<F>) -> Vec<F::Output> {
    let mut pinned: Vec<_> = all.into_iter().map(Box::pin).collect();
    let mut outputs: Vec<Option<F::Output>> = pinned.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        for (future, output) in pinned.iter_mut().zip(&mut outputs) {
            if output.is_none()
                && let std::task::Poll::Ready(ready) = future.as_mut().poll(context)
            {
                *output = Some(ready);
            }
        }
        match outputs.iter().all(Option::is_some) {
            true => std::task::Poll::Ready(()),
            false => std::task::Poll::Pending,
        }
    })
    .await;
    outputs.into_iter().flatten().collect()
}

#[tokio::test]
async fn a_large_input_counts() {
    let text = "x".repeat(1 << 20);
    let items: Value = (0..20).map(|index| Value::from(format!("{index}{text}"))).collect();
    let mut scope = Map::new();
    scope.insert("$input", items);
    let params = value!({"code": "return $input.length", "memory_limit_mb": 16});
    let error = completed(&Actions::standard(), params, scope.clone()).await.expect_err("too much");
    assert_eq!(&*error.code, "code.out_of_memory");
    let params = value!({"code": "return $input.length", "timeout_ms": 10000});
    assert_eq!(completed(&Actions::standard(), params, scope).await.expect("enough").output, value!(20));
}
