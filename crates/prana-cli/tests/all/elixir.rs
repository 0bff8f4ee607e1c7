//! From the Elixir engine and back, by the program.

use crate::program::{Scratch, prana};

const ID: &str = "3f0c2f6e-6f6b-4a67-9f9f-0d4f0c0a1b11";

fn bundle() -> String {
    let node = |key: &str, kind: &str, params: &str| {
        format!(
            r#"{{"key":"{key}","name":"{key}","type":"{kind}","params":{params},"settings":{{"retry_on_failed":false,"max_retries":1,
            "retry_delay_ms":1000,"on_error":"stop_workflow"}},"metadata":{{"color":"red"}}}}"#
        )
    };
    let line = |from: &str, to: &str| {
        format!(
            r#""{from}":{{"main":[{{"from":"{from}","from_port":"main","to":"{to}","to_port":"main"}}]}}"#
        )
    };
    let wait = r#"{"mode":"webhook","timeout_hours":48}"#;
    let data = r#"{"mode":"webhook","expires_at":"2099-03-03T08:00:00Z","timeout_hours":48}"#;
    let nodes = [
        node("start", "manual.trigger", "{}"),
        node("approve", "wait.wait", wait),
        node(
            "ship",
            "prana_core.log",
            r#"{"message":"Shipped {{ $nodes.start.output.total }} of {{ $env.region }}"}"#,
        ),
    ];
    let workflow = format!(
        r#"{{"id":"order","name":"Order","version":4,"variables":{{}},"nodes":[{}],"connections":{{{},{}}}}}"#,
        nodes.join(","),
        line("start", "approve"),
        line("approve", "ship")
    );
    let execution = format!(
        r#"{{"id":"{ID}","workflow_id":"order","status":"suspended","vars":{{}},"node_executions":{{
        "start":[{{"node_key":"start","status":"completed","params":{{}},"output_data":{{"total":250}},"output_port":"main",
            "started_at":"2026-03-01T08:00:00Z","completed_at":"2026-03-01T08:00:00Z","execution_index":0,"run_index":0}}],
        "approve":[{{"node_key":"approve","status":"suspended","params":{wait},"suspension_type":"webhook","suspension_data":{data},
            "started_at":"2026-03-01T08:00:00Z","execution_index":1,"run_index":0}}]}},
        "execution_data":{{"active_nodes":{{"approve":1}}}},"metadata":{{"tenant":"t1"}},"suspended_at":"2026-03-01T08:00:00Z"}}"#
    );
    let running = r#"{"id":"still","workflow_id":"order","status":"running","node_executions":{}}"#;
    format!(r#"{{"workflows":[{workflow}],"executions":[{execution},{running}]}}"#)
}

#[test]
fn import_go_on_and_export() {
    let scratch = Scratch::new();
    let (file, db) = (scratch.file("bundle.json", bundle()), scratch.path("prana.db"));
    let import = ["import", "prana-elixir", &file, "--db", &db, "--env", "region=eu"];
    prana(&[&import[..], &["--dry-run"]].concat()).ends(0).prints("nothing was stored");
    assert!(!std::path::Path::new(&db).exists());
    prana(&import)
        .ends(0)
        .prints("workflow order v1: imported")
        .prints("dropped       start: metadata: color")
        .prints("changed       ship: `prana_core.log` is `core.log` here")
        .prints("carried over  approve: its wait `webhook` is `webhook` here")
        .prints("not possible  execution: its status is `running`")
        .says("--as-failed");
    let again = prana(&[&import[..], &["--format", "json"]].concat()).ends(0).json();
    assert_eq!(again["executions"][0]["outcome"], "exists");
    let back = prana(&["export", "prana-elixir", "--db", &db, "--execution", ID]).ends(0).json();
    assert_eq!((&back["suspended_node_id"], &back["metadata"]["tenant"]), (&"approve".into(), &"t1".into()));
    prana(&["executions", "resume", ID, "--data", "{}", "--db", &db]).ends(0).says("Shipped 250 of eu");
    let written = scratch.path("order.json");
    prana(&["export", "prana-elixir", "--db", &db, "--workflow", "order", "--output", &written]).ends(0);
    prana(&["validate", &written]).ends(0);
}

#[test]
fn what_can_not_be_read_is_refused() {
    let scratch = Scratch::new();
    let db = scratch.path("prana.db");
    let check = |text: &str, says: &str| {
        let file = scratch.file("bad.json", text);
        prana(&["import", "prana-elixir", &file, "--db", &db]).ends(2).says(says);
        assert!(!std::path::Path::new(&db).exists());
    };
    check("{", "is not JSON");
    check("{\"a\": 1}", "neither a workflow");
    let bad_time = r#"[{"id":"e","workflow_id":"w","status":"completed","started_at":"soon"}]"#;
    check(bad_time, "`file[0].started_at` is no time");
    prana(&["import", "prana-elixir", "/nowhere.json", "--db", &db]).ends(2).says("there is no file");
    prana(&["export", "prana-elixir", "--db", &db, "--workflow", "w"]).ends(2).says("there is no database");
    prana(&["export", "prana-elixir", "--db", &db]).ends(2);
}
