//! Ctrl-C.

use std::process::Command;

use crate::program::{ASKS, SLEEPS, Scratch, Watched, prana};

fn interrupt(run: &Watched) {
    signal(run, "-INT");
}

fn signal(run: &Watched, signal: &str) {
    let sent = Command::new("kill").args([signal, &run.child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

#[test]
fn without_a_database_it_cancels() {
    let scratch = Scratch::new();
    let file = scratch.file("w.yaml", SLEEPS);
    for name in ["-INT", "-TERM"] {
        let mut run = Watched::start(&["run", &file]);
        run.until("nap waits until");
        signal(&run, name);
        let ran = run.finish().ends(1).says("cancelling").says("cancelled after");
        assert_eq!(ran.stdout, "");
    }
}

#[test]
fn the_json_says_so() {
    let scratch = Scratch::new();
    let file = scratch.file("w.yaml", ASKS);
    let mut run = Watched::start(&["run", &file, "-o", "json"]);
    run.until("nobody can answer here");
    interrupt(&run);
    let all = run.finish().ends(1).json();
    assert_eq!(all["execution"]["status"], "cancelled");
    assert_eq!(all["node_executions"][1]["status"], "skipped");
}

#[test]
fn with_a_database_it_suspends_and_can_go_on() {
    let scratch = Scratch::new();
    let text = SLEEPS.replace("unit: hours", "unit: seconds");
    let (file, db) = (scratch.file("w.yaml", text), scratch.path("prana.db"));
    let mut run = Watched::start(&["run", &file, "--db", &db, "--input", "{\"n\": 7}"]);
    run.until("nap waits until");
    interrupt(&run);
    let ran = run.finish().ends(3).says("suspending").says("prana run --resume ");
    let (_, rest) = ran.stderr.split_once("prana run --resume ").unwrap();
    let id = rest.split_whitespace().next().unwrap();
    let ran = prana(&["run", "--resume", id, "--db", &db]).ends(0).says("nap -> main");
    assert_eq!(ran.json()["n"], 7);
    // It has ended; that is told again.
    let ran = prana(&["run", "--resume", id, "--db", &db]).ends(0).says("ended already");
    assert_eq!(ran.json()["n"], 7);
}

#[test]
fn a_second_one_ends_it_at_once() {
    let scratch = Scratch::new();
    // An effect that doesn't end by itself: a server that never answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", silent.local_addr().unwrap());
    let text = format!(
        "{{id: w, nodes: [{{key: start, type: manual.trigger}}, {{key: ask, type: http.request, params: {{url: '{url}'}}}}], connections: [start -> ask]}}"
    );
    let (file, db) = (scratch.file("w.yaml", text), scratch.path("prana.db"));
    let mut run = Watched::start(&["run", &file, "--db", &db]);
    let connection = silent.accept().unwrap();
    interrupt(&run);
    run.until("suspending");
    interrupt(&run);
    run.finish().ends(130);
    drop(connection);
    // Nothing is lost by it.
    let list = prana(&["executions", "list", "--db", &db, "--format", "json"]).ends(0).json();
    assert_eq!(list["executions"][0]["status"], "running");
}
