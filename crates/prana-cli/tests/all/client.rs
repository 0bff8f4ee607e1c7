//! The same commands over a database, over the server that has it open, and over a server elsewhere.

use std::process::Command;

use crate::program::{Scratch, Watched, command, prana, prana_with};

const WORKFLOWS: &str = "id: doubles
name: Doubles a number
nodes:
  - {key: start, type: manual.trigger}
  - {key: double, type: data.set_data, params: {fields: {n: '{{ $input.n * 2 }}'}}}
connections: [start -> double]
---
id: asks
nodes:
  - {key: start, type: manual.trigger}
  - {key: approve, type: wait.wait, params: {mode: webhook}}
  - {key: end, type: data.set_data, params: {fields: {by: '{{ $input.by }}'}}}
connections: [start -> approve -> end]
---
id: fails
nodes:
  - {key: start, type: manual.trigger}
  - {key: stop, type: core.stop, params: {status: failed, code: it.broke, message: as told}}
connections: [start -> stop]
";

/// The id of the newest execution of a workflow.
fn newest(workflow: &str, place: &[&str]) -> String {
    let listed =
        prana(&[&["executions", "list", "--workflow", workflow, "--format", "json"], place].concat());
    listed.ends(0).json()["executions"][0]["id"].as_str().unwrap().to_owned()
}

/// What must be the same wherever workflows and executions are.
fn everything(place: &[&str], file: &str) {
    let run = |args: &[&str]| prana(&[args, place].concat());
    run(&["workflows", "save", file, "--activate"]).ends(0).prints("doubles saved as v1, active");
    run(&["workflows", "save", file]).ends(0).prints("doubles unchanged, is v1");
    run(&["workflows", "list"]).ends(0).prints("Doubles a number");
    let listed = run(&["workflows", "list", "--search", "wait.wait", "--format", "json"]).ends(0).json();
    assert_eq!(listed["workflows"][0]["id"], "asks");
    run(&["workflows", "show", "doubles"]).ends(0).prints("id: doubles");
    run(&["workflows", "show", "nobody"]).ends(2).says("workflow.not_found");
    run(&["workflows", "diff", "doubles", "--from", "1"]).ends(0);
    run(&["schedules", "list"]).ends(0).prints("WORKFLOW");
    run(&["schedules", "pause", "doubles", "start"]).ends(2).says("schedule.not_found");
    run(&["workflows", "deactivate", "doubles"]).ends(0);
    run(&["executions", "start", "doubles"]).ends(2).says("workflow.not_found");
    run(&["workflows", "activate", "doubles"]).ends(0).prints("doubles v1 is active");

    let done = run(&["executions", "start", "doubles", "--input", "{\"n\": 21}"]).ends(0);
    assert_eq!(done.json()["n"], 42);
    let id = newest("doubles", place);
    run(&["executions", "show", &id]).ends(0).prints("double").prints("\"n\": 42");
    let whole = run(&["executions", "show", &id, "--format", "json"]).ends(0).json();
    assert_eq!(whole["node_executions"][1]["output"]["n"], 42);

    run(&["executions", "start", "fails"]).ends(1).says("it.broke");
    let failed = newest("fails", place);
    run(&["executions", "list", "--error", "it.broke"]).ends(0).prints(&failed).prints("it.broke");
    run(&["executions", "retry", &failed]).ends(1).says("as told");
    run(&["executions", "retry", &id]).ends(2).says("cannot_continue");

    run(&["executions", "start", "asks"]).ends(3).says("waits for an answer");
    let waiting = newest("asks", place);
    run(&["executions", "show", &waiting]).ends(0).prints("approve waits for an answer");
    run(&["executions", "delete", &waiting]).ends(2).says("execution.not_ended");
    let answered = run(&["executions", "resume", &waiting, "--data", "{\"by\": \"ann\"}"]).ends(0);
    assert_eq!(answered.json()["by"], "ann");
    run(&["executions", "start", "asks"]).ends(3);
    let waiting = newest("asks", place);
    run(&["executions", "cancel", &waiting]).ends(0).prints("cancelled");
    run(&["executions", "cancel", &waiting]).ends(0).prints("has ended already: cancelled");
    run(&["executions", "delete", &waiting]).ends(0).prints("removed 1");
    run(&["executions", "show", &waiting]).ends(2).says("there is no execution");
    run(&["workflows", "delete", "fails"]).ends(0);
}

#[test]
fn a_database_that_nobody_has_open() {
    let scratch = Scratch::new();
    let (db, file) = (scratch.path("prana.db"), scratch.file("w.yaml", WORKFLOWS));
    prana(&["workflows", "list", "--db", &db]).ends(2).says("there is no database");
    everything(&["--db", &db], &file);
}

#[test]
fn a_database_that_a_server_has_open() {
    let scratch = Scratch::new();
    let (db, file) = (scratch.path("prana.db"), scratch.file("w.yaml", WORKFLOWS));
    let mut server = Watched::start(&["serve", "--db", &db, "--listen", "127.0.0.1:0"]);
    server.until("listening on http://");
    everything(&["--db", &db], &file);
    // A run in the foreground goes through the server, too.
    let ran = prana(&["run", &file, "--workflow", "doubles", "--input", "{\"n\": 4}", "--db", &db]).ends(0);
    assert_eq!(ran.json()["n"], 8);
    prana(&["run", &file, "--workflow", "asks", "--db", &db]).ends(3).says("waits for an answer");
    let waiting = newest("asks", &["--db", &db]);
    prana(&["executions", "resume", &waiting, "--data", "{\"by\": \"bob\"}", "--detach", "--db", &db])
        .ends(0);
    let resumed = prana(&["run", "--resume", &waiting, "--db", &db]).ends(0);
    assert_eq!(resumed.json()["by"], "bob");
    // Two servers can't have it: the second says who does.
    let second = prana(&["serve", "--db", &db, "--listen", "127.0.0.1:0"]).ends(2);
    assert!(second.stderr.contains(&server.child.id().to_string()), "{}", second.stderr);
    server.child.kill().unwrap();
}

#[test]
fn a_server_elsewhere_wants_its_token() {
    let scratch = Scratch::new();
    let (db, file) = (scratch.path("prana.db"), scratch.file("w.yaml", WORKFLOWS));
    let mut server = Watched::start(&["serve", "--db", &db, "--listen", "127.0.0.1:0"]);
    server.until("listening on http://");
    let url = format!("http://{}", server.seen.last().unwrap().split("http://").nth(1).unwrap());
    let lock = std::fs::read_to_string(format!("{db}.lock")).unwrap();
    let token = lock.lines().find_map(|line| line.strip_prefix("token ")).unwrap();
    let token_file = scratch.file("token", format!("{token}\n"));
    everything(&["--server", &url, "--token-file", &token_file], &file);
    let with_token = |token: &str| {
        let mut command: Command = command(&["workflows", "list", "--server", &url]);
        command.env("PRANA_TOKEN", token);
        prana_with(command, b"")
    };
    with_token(token).ends(0).prints("doubles");
    with_token("wrong").ends(2).says("auth.invalid_token").says("--token-file");
    let empty = scratch.file("empty", "");
    prana(&["workflows", "list", "--server", &url, "--token-file", &empty]).ends(2).says("holds no token");
    prana(&["workflows", "list", "--server", "flows.example"]).ends(2).says("is no server");
    prana(&["workflows", "list", "--server", &url, "--db", &db]).ends(2).says("name one");
    prana(&["workflows", "list"]).ends(2).says("neither a database nor a server");
    let address = url.trim_start_matches("http://").to_owned();
    server.child.kill().unwrap();
    server.child.wait().unwrap();
    prana(&["workflows", "list", "--server", &format!("http://{address}")]).ends(2).says("does not answer");
}
