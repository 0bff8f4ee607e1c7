//! Executions and workflows in a database file.

use crate::program::{ASKS, Scratch, prana};

struct Database {
    scratch: Scratch,
    db: String,
}

impl Database {
    fn new() -> Self {
        let scratch = Scratch::new();
        let db = scratch.path("prana.db");
        Database { scratch, db }
    }

    /// An execution that waits; its id.
    fn waiting(&self) -> String {
        let file = self.scratch.file("asks.yaml", ASKS);
        let ran =
            prana(&["run", &file, "--db", &self.db, "--input", "{\"what\": \"tea\"}", "-o", "json"]).ends(3);
        ran.json()["execution"]["id"].as_str().unwrap().to_owned()
    }

    fn list(&self, more: &[&str]) -> Vec<String> {
        let args = [&["executions", "list", "--db", &self.db, "--format", "json"], more].concat();
        let list = prana(&args).ends(0).json();
        let ids = list["executions"].as_array().unwrap().iter();
        ids.map(|one| one["id"].as_str().unwrap().to_owned()).collect()
    }
}

#[test]
fn an_answer_lets_it_go_on() {
    let base = Database::new();
    let id = base.waiting();
    let ran = prana(&["executions", "resume", &id, "--data", "{\"by\": \"ann\"}", "--db", &base.db]).ends(0);
    assert_eq!(ran.json(), serde_json::json!({"by": "ann", "for": "tea"}));
    prana(&["executions", "resume", &id, "--node", "approve", "--db", &base.db])
        .ends(2)
        .says("execution.not_suspended");
    prana(&["executions", "resume", &id, "--db", &base.db]).ends(2).says("waits for an answer");
}

#[test]
fn an_answer_can_be_left_for_later() {
    let base = Database::new();
    let id = base.waiting();
    let args = [
        "executions",
        "resume",
        &id,
        "--node",
        "approve",
        "--data",
        "{\"by\": \"bob\"}",
        "--db",
        &base.db,
        "--detach",
    ];
    prana(&args).ends(0).says("prana run --resume");
    let ran = prana(&["run", "--resume", &id, "--db", &base.db]).ends(0);
    assert_eq!(ran.json()["by"], "bob");
}

#[test]
fn going_on_without_an_answer_waits_on() {
    let base = Database::new();
    let id = base.waiting();
    prana(&["run", "--resume", &id, "--db", &base.db]).ends(3).says("approve waits for an answer");
    let unknown = "01a20127-a23d-7f41-be42-f610768a0056";
    prana(&["run", "--resume", unknown, "--db", &base.db])
        .ends(2)
        .says("there is no execution")
        .says("help:");
}

#[test]
fn lists_shows_cancels_and_deletes() {
    let base = Database::new();
    let first = base.waiting();
    let second = base.waiting();
    assert_eq!(base.list(&[]), [second.clone(), first.clone()]);
    assert_eq!(base.list(&["--limit", "1"]), [second.as_str()]);
    let page = prana(&["executions", "list", "--db", &base.db, "--format", "json", "--limit", "1"]).ends(0);
    assert_eq!(base.list(&["--after", page.json()["next"].as_str().unwrap()]), [first.as_str()]);
    prana(&["executions", "list", "--db", &base.db, "--after", &second]).ends(2).says("`next`");
    assert_eq!(base.list(&["--status", "completed"]), [""; 0]);
    assert_eq!(base.list(&["--workflow", "asks"]).len(), 2);
    prana(&["executions", "list", "--db", &base.db])
        .ends(0)
        .prints("EXECUTION")
        .prints(&first)
        .prints("suspended");
    let shown = prana(&["executions", "show", &first, "--db", &base.db]).ends(0);
    shown.prints("asks v1: suspended").prints("approve waits for an answer").prints("\"tea\"");
    let json = prana(&["executions", "show", &first, "--db", &base.db, "--format", "json"]).ends(0).json();
    assert_eq!(json["node_executions"][1]["status"], "suspended");
    prana(&["executions", "delete", &first, "--db", &base.db]).ends(2).says("have not ended").says("cancel");
    prana(&["executions", "cancel", &first, "--db", &base.db]).ends(0).prints("cancelled");
    prana(&["executions", "cancel", &first, "--db", &base.db]).ends(0).prints("ended already: cancelled");
    prana(&["executions", "delete", &first, "--db", &base.db]).ends(0).prints("removed 1");
    prana(&["executions", "show", &first, "--db", &base.db]).ends(2).says("there is no execution");
    assert_eq!(base.list(&[]), [second]);
}

#[test]
fn the_graph_marks_what_ran() {
    let base = Database::new();
    let id = base.waiting();
    let graph =
        |format: &str| prana(&["graph", "--execution", &id, "--db", &base.db, "--format", format]).ends(0);
    graph("text").prints("start  manual.trigger  [completed]").prints("[suspended]");
    graph("mermaid").prints("class n1 suspended").prints("n0 ==> n1").prints("n1 --> n2");
    graph("dot").prints("n0 -> n1 [penwidth=2.5]");
    graph("svg").prints("#fff3bf");
}

#[test]
fn workflows_are_saved_and_switched() {
    let base = Database::new();
    let file = base.scratch.file("asks.yaml", ASKS);
    let workflows = |args: &[&str]| prana(&[&["workflows", "--db", &base.db], args].concat());
    workflows(&["save", &file]).ends(0).prints("asks saved as v1");
    workflows(&["save", &file]).ends(0).prints("asks unchanged, is v1");
    workflows(&["list"]).ends(0).prints("asks            -       v1");
    workflows(&["activate", "asks"]).ends(0).prints("asks v1 is active");
    let other =
        base.scratch.file("other.yaml", ASKS.replace("mode: webhook", "mode: webhook, timeout_hours: 1"));
    workflows(&["save", &other, "--activate"]).ends(0).prints("asks saved as v2, active");
    let list = workflows(&["list", "--format", "json"]).ends(0).json();
    assert_eq!((&list["workflows"][0]["latest"], &list["workflows"][0]["active"]), (&2.into(), &2.into()));
    workflows(&["show", "asks", "--version", "1"]).ends(0).prints("mode: webhook");
    workflows(&["show", "asks", "--versions"]).ends(0).prints("v2").prints("v1");
    workflows(&["activate", "asks", "--version", "1"]).ends(0);
    workflows(&["activate", "asks", "--version", "9"]).ends(2).says("there is no workflow");
    workflows(&["deactivate", "asks"]).ends(0).prints("not active");
    workflows(&["delete", "asks"]).ends(0);
    workflows(&["delete", "asks"]).ends(2).says("there is no workflow");
    let bad = base.scratch.file("bad.yaml", "id: w\nnodes: [{key: a, type: nope}]\n");
    workflows(&["save", &bad]).ends(2).says("workflow.unknown_action");
}

#[test]
fn what_was_shown_can_be_read_again() {
    let base = Database::new();
    let file = base.scratch.file("asks.yaml", ASKS);
    prana(&["workflows", "--db", &base.db, "save", &file, "--activate"]).ends(0);
    for format in ["table", "json"] {
        let shown =
            prana(&["workflows", "show", "asks", "--db", &base.db, "--format", format]).ends(0).stdout;
        let again = base.scratch.file("again.yaml", shown);
        prana(&["validate", &again]).ends(0).prints("0 errors");
    }
}

#[test]
fn a_failed_execution_goes_on_from_where_it_failed() {
    let base = Database::new();
    let text = "{id: t, nodes: [{key: start, type: manual.trigger}, {key: s, type: core.stop, params: {status: '{{ $vars.how }}', message: 'n is {{ $input.n }}'}}], connections: [start -> s]}";
    let file = base.scratch.file("w.yaml", text);
    let args = ["run", &file, "--db", &base.db, "--var", "how=failed", "--input", "{\"n\": 5}"];
    prana(&args).ends(1).says("n is 5");
    let first = base.list(&[]).remove(0);
    prana(&["executions", "retry", &first, "--db", &base.db]).ends(1).says("n is 5");
    assert_eq!(base.list(&["--status", "failed"]).len(), 2);
    let from_start = ["executions", "retry", &first, "--from", "0", "--db", &base.db];
    prana(&from_start).ends(1).says("start").says("n is 5");
    prana(&["executions", "retry", &first, "--from", "9", "--db", &base.db]).ends(2).says("has no run 9");
    let waiting = base.waiting();
    prana(&["executions", "retry", &waiting, "--db", &base.db])
        .ends(2)
        .says("has not ended")
        .says("--resume");
}
