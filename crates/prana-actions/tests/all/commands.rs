//! Programs: allowed or not, to their end or not, with all that they start.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use prana_actions::{ActionCall, Actions, CallSecrets, Outside, Permissions, Redactor};
use prana_core::ErrorValue;
use prana_template::{Value, value};

use crate::run;

fn allowed() -> Arc<Outside> {
    let permissions = Permissions { shell: true, ..Permissions::default() };
    Arc::new(Outside::new(permissions).expect("a way outside"))
}

async fn command(params: Value) -> Result<Value, ErrorValue> {
    run(ActionCall::detached("shell.command", params, allowed())).await
}

async fn gives(params: Value, stdout: &str) {
    let expected = value!({"exit_code": 0, "stdout": stdout, "stderr": ""});
    assert_eq!(command(params.clone()).await, Ok(expected), "{params:?}");
}

async fn fails(params: Value, code: &str, part: &str) -> ErrorValue {
    let error = command(params.clone()).await.expect_err("it should fail");
    assert_eq!(&*error.code, code, "{params:?} {error}");
    assert!(error.message.contains(part), "{params:?} {error}");
    error
}

#[tokio::test]
async fn nothing_runs_unless_the_operator_allows_it() {
    let call = ActionCall::detached("shell.command", value!({"command": "true"}), crate::outside());
    let error = run(call).await.expect_err("it should fail");
    assert_eq!((&*error.code, error.retryable), ("shell.not_allowed", false));
}

#[tokio::test]
async fn programs_get_what_they_are_given_and_say_what_they_say() {
    gives(value!({"command": "printf", "args": ["%s|", "a b", "$HOME", "; ls"]}), "a b|$HOME|; ls|").await;
    gives(value!({"command": "cat", "stdin": "größe"}), "größe").await;
    gives(value!({"command": "cat", "stdin": {"a": [1]}}), "{\"a\":[1]}").await;
    gives(value!({"command": "true", "stdin": "x".repeat(1 << 20)}), "").await;
    gives(value!({"command": "pwd", "cwd": "/"}), "/\n").await;
    gives(value!({"command": "sh", "args": ["-c", "echo $A $B"], "env": {"A": "1"}}), "1\n").await;
    gives(value!({"command": "printf '%s' \"$1\" && echo \"$A\"", "args": ["a; b"], "env": {"A": "x"}, "shell": true}), "a; bx\n").await;
    let large = "x".repeat(1 << 20);
    gives(value!({"command": "cat", "stdin": large.as_str()}), &large).await;
}

#[tokio::test]
async fn little_of_the_environment_is_inherited() {
    let output = command(value!({"command": "env", "env": {"OWN": "1"}})).await.expect("it should run");
    let names = output.get("stdout").and_then(Value::as_str).unwrap_or_default().lines();
    let mut names: Vec<&str> = names.filter_map(|line| line.split('=').next()).collect();
    names.retain(|name| !["PATH", "HOME", "LANG"].contains(name));
    assert_eq!(names, ["OWN"]);
}

#[tokio::test]
async fn other_exit_codes_are_failures_unless_they_are_listed() {
    let failing = |success: Value| value!({"command": "echo out; echo why >&2; exit 3", "shell": true, "success": success});
    let error = fails(failing(value!([0])), "shell.failed", "exit code 3: why").await;
    assert_eq!(error.details, value!({"exit_code": 3, "signal": null, "stdout": "out\n", "stderr": "why\n"}));
    let output = command(failing(value!([0, 3]))).await;
    assert_eq!(output, Ok(value!({"exit_code": 3, "stdout": "out\n", "stderr": "why\n"})));
    let error = fails(value!({"command": "kill -9 $$", "shell": true}), "shell.failed", "signal 9").await;
    assert_eq!(error.details.get("signal"), Some(&value!(9)));
    fails(value!({"command": "no-such-program-here"}), "shell.not_started", "no-such-program-here").await;
    fails(value!({"command": "true", "cwd": "/no/such/place"}), "shell.not_started", "/no/such/place").await;
    fails(value!({"command": "/etc/passwd"}), "shell.not_started", "/etc/passwd").await;
}

#[tokio::test]
async fn what_makes_no_sense_is_refused() {
    for (params, part) in [
        (value!({"command": ""}), "null characters"),
        (value!({"command": "true", "args": ["a\u{0}b"]}), "null characters"),
        (value!({"command": "true", "env": {"A=B": "1"}}), "`=`"),
        (value!({"command": "true", "timeout_ms": 0}), "timeout_ms"),
        (value!({"command": "true", "args": [1]}), "args"),
        (value!({"command": "true", "user": "root"}), "user"),
    ] {
        fails(params, "workflow.invalid_params", part).await;
    }
}

#[tokio::test]
async fn output_has_a_limit() {
    fails(value!({"command": "yes"}), "shell.output_too_large", "stdout").await;
    fails(value!({"command": "yes >&2", "shell": true}), "shell.output_too_large", "stderr").await;
}

/// A program whose grandchild would write this file, and says the number of its process there.
fn lingering(folder: &Path) -> Value {
    let script = "sh -c 'echo $$ > \"$1\"; exec sleep 600' sh \"$1\" & wait";
    value!({"command": script, "args": [folder.join("pid").display().to_string()], "shell": true, "timeout_ms": 60000})
}

async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !is_so() {
        assert!(Instant::now() < end, "never: {what}");
        tokio::task::yield_now().await;
    }
}

fn process_in(folder: &Path) -> Option<u32> {
    std::fs::read_to_string(folder.join("pid")).ok()?.trim().parse().ok()
}

/// Gone, or dead and not yet collected.
fn is_gone(process: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    stat.rsplit(')').next().is_none_or(|rest| rest.trim().is_empty() || rest.trim_start().starts_with('Z'))
}

fn folder(name: &str) -> std::path::PathBuf {
    let folder = std::env::temp_dir().join(format!("prana-commands-{}-{name}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a directory");
    folder
}

#[tokio::test]
async fn a_run_that_nobody_needs_ends_with_all_that_it_started() {
    let folder = folder("dropped");
    let params = lingering(&folder);
    let running = tokio::spawn(async move { command(params).await });
    until("it has started", || process_in(&folder).is_some()).await;
    let process = process_in(&folder).expect("a number");
    assert!(!is_gone(process));
    running.abort();
    until("it has ended", || is_gone(process)).await;
    let _ = std::fs::remove_dir_all(folder);
}

#[tokio::test]
async fn a_run_that_takes_too_long_ends_with_all_that_it_started() {
    let folder = folder("slow");
    let mut params = lingering(&folder);
    if let Value::Map(map) = &mut params {
        map.insert("timeout_ms", 2_000);
    }
    fails(params, "shell.timeout", "2000 ms").await;
    let process = process_in(&folder).expect("a number");
    until("it has ended", || is_gone(process)).await;
    let _ = std::fs::remove_dir_all(folder);
}

#[tokio::test]
async fn what_is_left_running_in_the_background_does_not_hold_up_the_end() {
    let since = Instant::now();
    gives(value!({"command": "sleep 600 & echo done", "shell": true, "timeout_ms": 60000}), "done\n").await;
    assert!(since.elapsed() < Duration::from_secs(30));
}

#[tokio::test]
async fn a_message_shows_no_secret_that_was_cut() {
    let secret = "s3cret-token-1234567890";
    let redactor = Redactor::default();
    redactor.learn(secret);
    let script = format!("printf '%s%s' {secret} \"$(printf '%1990s' x)\" >&2; exit 1");
    let call = ActionCall {
        secrets: Arc::new(CallSecrets::new(Vec::new(), redactor)),
        ..ActionCall::detached("shell.command", value!({"command": script, "shell": true}), allowed())
    };
    let error = run(call).await.expect_err("it should fail");
    assert!(!format!("{error:?}").contains("1234567890"), "{error:?}");
}

#[test]
fn a_shell_reads_no_templates() {
    let action = Actions::standard().action("shell.command").expect("it is there").descriptor();
    let names = prana_template::FixedNames::new(["$input"]);
    let check = |params: Value| {
        let filters = prana_template::Filters::standard();
        let options = prana_template::ParamsOptions {
            literal: &|_| false,
            allow_item: &|_| false,
            put_off: &|_| false,
        };
        let compiled =
            prana_template::Params::compile(&params, &names, filters, &options).expect("templates");
        action.check(&compiled).is_ok()
    };
    assert!(check(value!({"command": "{{ $input }}"})));
    assert!(check(value!({"command": "echo \"$1\"", "shell": true, "args": ["{{ $input }}"]})));
    assert!(!check(value!({"command": "echo {{ $input }}", "shell": true})));
    assert!(!check(value!({"command": "echo {{ $input }}", "shell": "{{ $input }}"})));
}
