//! Many runs leave the memory of the process as it was: a thousand, or as many as `PRANA_CODE_RUNS` says.

use std::process::Command;

use prana_actions::Actions;
use prana_template::value;

use super::{completed, scope};

/// Bytes that the process has in memory.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("Linux");
    let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok());
    pages.expect("a number") * 4096
}

/// In a process of its own, where nothing else takes memory.
#[test]
#[cfg(target_os = "linux")]
fn many_runs_leave_memory_flat() {
    let this = std::env::current_exe().expect("this program");
    let arguments = ["--exact", "code::flat::runs", "--ignored", "--nocapture", "--test-threads=1"];
    let ended = Command::new(this).args(arguments).output().expect("it should start");
    let said = String::from_utf8_lossy(&ended.stdout);
    assert!(
        ended.status.success() && said.contains("1 passed"),
        "{said}{}",
        String::from_utf8_lossy(&ended.stderr)
    );
}

#[tokio::test]
#[ignore = "run by the test above, alone in its process"]
async fn runs() {
    let actions = Actions::standard();
    let clean = "console.log($input.n); const f = async n => n * 2; return {n: await f($input.n), all: [1, 2, 3].map(String)}";
    let dirty = "Promise.resolve().then(() => {}); const loop = {}; loop.loop = loop; throw new Error('x' + $input.n)";
    let bomb = "const a = []; while (true) a.push({a: 'x' + $input.n + a.length})";
    let run = async |n: usize| {
        let source = match n % 500 {
            0 => bomb,
            tens if tens % 10 == 0 => dirty,
            _ => clean,
        };
        let params = value!({"code": source, "timeout_ms": 60000, "memory_limit_mb": 4});
        let result = completed(&actions, params, scope(value!({"n": n}))).await;
        match result {
            Ok(completed) => assert_eq!(completed.output.get("n"), Some(&value!(n * 2))),
            Err(error) if n.is_multiple_of(500) => assert_eq!(&*error.code, "code.out_of_memory", "{error}"),
            Err(error) => assert_eq!((n % 10, &*error.code), (0, "code.failed"), "{error}"),
        }
    };
    let count = std::env::var("PRANA_CODE_RUNS").ok().and_then(|text| text.parse().ok()).unwrap_or(1_000);
    for n in 0..count / 5 {
        run(n).await;
    }
    let before = resident();
    for n in 0..count {
        run(n).await;
    }
    let grown = resident().saturating_sub(before);
    assert!(grown < 4 << 20, "{grown} bytes more than before");
}
