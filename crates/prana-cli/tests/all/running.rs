//! `prana run`: outputs, exit codes, options.

use crate::program::{ASKS, Scratch, command, prana, prana_with};

const DOUBLE: &str = "
id: double
variables: {times: 2}
nodes:
  - {key: start, type: manual.trigger}
  - {key: calc, type: data.set_data, params: {fields: {n: '{{ $input.n * $vars.times }}', region: '{{ $env.region }}'}}}
  - {key: say, type: core.log, params: {message: 'n is {{ $input.n }}'}}
connections: [start -> calc -> say]
";

#[test]
fn prints_the_output_and_tells_of_each_node() {
    let scratch = Scratch::new();
    let file = scratch.file("w.yaml", DOUBLE);
    let ran = prana(&["run", &file, "--input", "{\"n\": 21}"]).ends(0);
    assert_eq!(ran.json(), serde_json::json!({"n": 42, "region": null}));
    let ran = ran.says("start -> main").says("calc -> main").says("info: n is 42").says("completed in");
    assert!(!ran.stderr.contains('\u{1b}'), "no colours in a pipe");
    assert_eq!(ran.stderr.matches("calc ->").count(), 1, "{}", ran.stderr);
}

#[test]
fn options_reach_the_workflow() {
    let scratch = Scratch::new();
    let file = scratch.file("w.yaml", DOUBLE);
    let input = scratch.file("in.json", "{\"n\": 5}");
    let ran =
        prana(&["run", &file, "--input", &format!("@{input}"), "--var", "times=3", "--env", "region=eu"]);
    assert_eq!(ran.ends(0).json(), serde_json::json!({"n": 15, "region": "eu"}));
    let ran = prana_with(command(&["run", &file, "--input", "-", "-q"]), b"{\"n\": 4}").ends(0);
    assert_eq!(ran.json()["n"], 8);
    assert_eq!(ran.stderr, "");
    let ran = prana_with(command(&["run", "-", "--input", "{\"n\": 1}"]), DOUBLE.as_bytes()).ends(0);
    assert_eq!(ran.json()["n"], 2);
}

#[test]
fn follow_shows_what_each_node_put_out() {
    let scratch = Scratch::new();
    let file = scratch.file("w.yaml", DOUBLE);
    prana(&["run", &file, "--input", "{\"n\": 2}", "--follow"]).ends(0).says("{\"n\":4,\"region\":null}");
}

#[test]
fn forms_of_output() {
    let scratch = Scratch::new();
    let text = "{id: t, nodes: [{key: start, type: manual.trigger}, {key: s, type: core.stop, params: {output: 'two\nlines'}}], connections: [start -> s]}";
    let file = scratch.file("w.yaml", text);
    assert_eq!(prana(&["run", &file, "-o", "none"]).ends(0).stdout, "");
    assert_eq!(prana(&["run", &file, "-o", "text"]).ends(0).stdout, "two lines\n");
    assert_eq!(prana(&["run", &file]).ends(0).stdout, "\"two lines\"\n");
    let all = prana(&["run", &file, "-o", "json"]).ends(0).json();
    assert_eq!(all["execution"]["status"], "completed");
    assert_eq!(all["output"], "two lines");
    assert_eq!(all["error"], serde_json::Value::Null);
    assert_eq!(all["node_executions"][1]["node_key"], "s");
    assert_eq!(all["node_executions"][1]["execution_index"], 1);
}

#[test]
fn a_failure_ends_with_1_and_says_why() {
    let scratch = Scratch::new();
    let text = "{id: t, nodes: [{key: start, type: manual.trigger}, {key: s, type: core.stop, params: {status: failed, code: my.code, message: no luck}}], connections: [start -> s]}";
    let file = scratch.file("w.yaml", text);
    let ran = prana(&["run", &file]).ends(1).says("my.code: no luck");
    assert_eq!(ran.stdout, "");
    let all = prana(&["run", &file, "-o", "json"]).ends(1).json();
    assert_eq!(all["error"]["code"], "my.code");
    assert_eq!(all["execution"]["status"], "failed");
}

#[test]
fn retries_wait_in_real_time_and_are_told() {
    let scratch = Scratch::new();
    let text = "{id: t, nodes: [{key: start, type: manual.trigger}, {key: f, type: file.read, params: {path: not-there.txt}, settings: {on_error: continue_error_output}}, {key: n, type: core.no_op}], connections: [start -> f, f.error -> n]}";
    let file = scratch.file("w.yaml", text);
    let ran = prana(&["run", &file]).ends(0).says("f -> error");
    assert_eq!(ran.json()["port"], "error");
}

#[test]
fn which_trigger() {
    let scratch = Scratch::new();
    let two = "{id: t, nodes: [{key: a, type: manual.trigger}, {key: b, type: manual.trigger}, {key: x, type: core.no_op}], connections: [a -> x]}";
    let file = scratch.file("two.yaml", two);
    prana(&["run", &file]).ends(2).says("several triggers").says("--trigger KEY; its triggers: a, b");
    prana(&["run", &file, "--trigger", "a"]).ends(0).says("x -> main");
    prana(&["run", &file, "--trigger", "x"]).ends(2).says("no trigger `x`");
    let one = "{id: t, nodes: [{key: at, type: schedule.trigger, params: {cron: '@daily'}}, {key: m, type: manual.trigger}, {key: x, type: core.no_op}], connections: [at -> x, m -> x]}";
    let file = scratch.file("one.yaml", one);
    prana(&["run", &file]).ends(0).says("m -> main");
}

const FAMILY: &str = "
id: parent
nodes:
  - {key: start, type: manual.trigger}
  - {key: call, type: workflow.execute_workflow, params: {workflow_id: child, execution_mode: MODE, batch_mode: BATCH}}
connections: [start -> call]
---
id: child
nodes:
  - {key: start, type: manual.trigger}
  - {key: nap, type: wait.wait, params: {mode: interval, duration: 1, unit: ms}}
  - {key: twice, type: data.set_data, params: {fields: {n: '{{ $input.n * 2 }}'}}}
connections: [start -> nap -> twice]
";

#[test]
fn sub_workflows_of_the_same_file() {
    let scratch = Scratch::new();
    let run = |mode: &str, batch: &str, input: &str| {
        let text = FAMILY.replace("MODE", mode).replace("BATCH", batch);
        let file = scratch.file(&format!("{mode}-{batch}.yaml"), text);
        prana(&["run", &file, "--input", input]).ends(0).says("child/twice -> main")
    };
    for mode in ["sync", "async"] {
        assert_eq!(run(mode, "all", "{\"n\": 4}").json(), serde_json::json!({"n": 8}));
        let many = run(mode, "single", "[{\"n\": 1}, {\"n\": 2}]").json();
        assert_eq!(many, serde_json::json!([{"n": 2}, {"n": 4}]));
    }
    let ran = run("fire_and_forget", "all", "{\"n\": 4}");
    assert!(ran.json()["execution_id"].is_string());
}

#[test]
fn one_of_several_workflows() {
    let scratch = Scratch::new();
    let text = FAMILY.replace("MODE", "sync").replace("BATCH", "all");
    let file = scratch.file("w.yaml", text);
    let ran = prana(&["run", &file, "--workflow", "child", "--input", "{\"n\": 3}"]).ends(0);
    assert_eq!(ran.json()["n"], 6);
    prana(&["run", &file, "--workflow", "aunt"]).ends(2).says("no workflow `aunt`").says("parent, child");
}

#[test]
fn a_wait_with_a_database_ends_the_command_and_says_how_to_go_on() {
    let scratch = Scratch::new();
    let (file, db) = (scratch.file("w.yaml", ASKS), scratch.path("prana.db"));
    let ran = prana(&["run", &file, "--db", &db]).ends(3).says("approve waits for an answer");
    assert_eq!(ran.stdout, "");
    ran.says("prana executions resume ")
        .says(" --node approve --data JSON --db ")
        .says("prana run --resume ");
    let ran = prana(&["run", &file, "--db", &db, "-o", "json"]).ends(3).json();
    assert_eq!(ran["execution"]["status"], "suspended");
    assert_eq!(ran["node_executions"][1]["suspension"]["type"], "webhook");
}

#[test]
fn a_reader_that_goes_away_is_no_trouble() {
    use std::process::Stdio;
    let scratch = Scratch::new();
    let file = scratch.file("w.yaml", DOUBLE);
    let mut child = command(&["run", &file, "--input", "{\"n\": 21}"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    drop(child.stderr.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

/// On a terminal there are colours and marks, and a node that takes its time is shown while it runs.
#[cfg(target_os = "linux")]
#[test]
fn on_a_terminal() {
    let scratch = Scratch::new();
    let text = "{id: t, nodes: [{key: start, type: manual.trigger}, {key: f, type: file.read, params: {path: not-there.txt}, settings: {on_error: continue_error_output}}, {key: n, type: core.no_op}], connections: [start -> f, f.error -> n]}";
    let file = scratch.file("w.yaml", text);
    let on_terminal = |variables: &str| {
        let program = env!("CARGO_BIN_EXE_prana");
        let line = format!("{variables} {program} run {file}");
        let mut script = std::process::Command::new("script");
        script.args(["-qec", &line, "/dev/null"]).env("TERM", "xterm").env_remove("NO_COLOR");
        prana_with(script, b"").ends(0).stdout
    };
    let colored = on_terminal("");
    assert!(colored.contains("\u{1b}[32m✓\u{1b}[0m start -> main"), "{colored}");
    assert!(colored.contains("f ...") && colored.contains("\r\u{1b}[K"), "{colored}");
    let plain = on_terminal("NO_COLOR=1");
    assert!(plain.contains("✓ start -> main") && !plain.contains("\u{1b}[32m"), "{plain}");
}
