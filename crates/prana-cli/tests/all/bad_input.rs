//! Bad input of every kind ends with exit 2 and a message that says where and what to do.

use crate::program::{Scratch, command, prana, prana_with};

/// A bad file, and what is said about it.
fn check(name: &str, content: impl AsRef<[u8]>, expect: &[&str]) {
    let scratch = Scratch::new();
    let file = scratch.file(name, content);
    for args in [vec!["run", &file], vec!["graph", &file]] {
        let mut ran = prana(&args).ends(2);
        for text in expect {
            ran = ran.says(text);
        }
    }
    let mut ran = prana(&["validate", &file]).ends(2);
    for text in expect {
        ran = ran.prints(text);
    }
    let report = prana(&["validate", &file, "--format", "json"]).ends(2).json();
    assert_eq!(report["files"][0]["valid"], false);
    assert!(report["files"][0]["diagnostics"][0]["code"].is_string());
}

/// A workflow with these nodes and connections after its trigger.
fn workflow(nodes: &str, connections: &str) -> String {
    format!("id: w\nnodes:\n  - {{key: start, type: manual.trigger}}\n{nodes}\nconnections:\n{connections}\n")
}

#[test]
fn broken_documents() {
    check("empty.yaml", "", &["workflow.invalid_document", "empty.yaml:1:1", "help:"]);
    check("broken.yaml", "id: w\nnodes: [{key: a\n", &["workflow.invalid_document", "broken.yaml:"]);
    check("tab.yaml", "id: w\nnodes:\n\t- a\n", &["tab.yaml:3"]);
    check("scalar.yaml", "just text", &["workflow.invalid_document"]);
    check("broken.json", "{\"id\": \"w\",}", &["broken.json:1:"]);
    check("utf8.yaml", b"id: w\nname: \xff\xfe\n", &["UTF-8", "utf8.yaml:2"]);
    check("nul.yaml", b"id: w\0\n", &["nul.yaml:1"]);
    check("huge-number.yaml", "id: w\nvariables: {n: 1e400}\nnodes: []\n", &["huge-number.yaml:2"]);
    check("huge-number.json", "{\"id\": \"w\", \"variables\": {\"n\": 1e400}}", &["huge-number.json:1"]);
}

#[test]
fn bombs() {
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let items = vec![format!("*a{}", level - 1); 9].join(", ");
        bomb.push_str(&format!("a{level}: &a{level} [{items}]\n"));
    }
    check("bomb.yaml", bomb, &["bomb.yaml:"]);
    check(
        "deep.yaml",
        format!("id: w\nvariables: {}1{}", "[".repeat(200_000), "]".repeat(200_000)),
        &["deep.yaml"],
    );
    check(
        "deep.json",
        format!(
            "{{\"id\": \"w\", \"variables\": {{\"a\": {}1{}}}}}",
            "[".repeat(200_000),
            "]".repeat(200_000)
        ),
        &["deep.json"],
    );
    let deep_block: String = (0..5_000).map(|level| format!("{}a:\n", " ".repeat(level % 2_000))).collect();
    check("block.yaml", deep_block, &["block.yaml"]);
    check("large.yaml", vec![b'#'; 17 << 20], &["16 MiB"]);
}

#[test]
fn documents_that_make_no_sense() {
    let node = |text: &str| workflow(&format!("  - {text}"), "  - start -> a");
    check(
        "type.yaml",
        node("{key: a, type: data.set_dat}"),
        &["workflow.unknown_action", "type.yaml:4", "data.set_data"],
    );
    check(
        "key.yaml",
        node("{key: a, type: core.no_op, parms: {}}"),
        &["workflow.unknown_field", "key.yaml:4", "params"],
    );
    check(
        "param.yaml",
        node("{key: a, type: core.log, params: {mesage: x}}"),
        &["workflow.invalid_params", "param.yaml:4"],
    );
    let a = "  - {key: a, type: core.no_op}";
    check("dangling.yaml", workflow(a, "  - start -> b"), &["workflow.unknown_node", "dangling.yaml:6"]);
    check(
        "double.yaml",
        workflow(a, "  - start -> a\n  - start -> a"),
        &["workflow.duplicate_connection", "double.yaml:"],
    );
    check("port.yaml", workflow(a, "  - start.left -> a"), &["workflow.unknown_port", "port.yaml:6"]);
    check("no-trigger.yaml", "id: w\nnodes: [{key: a, type: core.no_op}]\n", &["workflow.no_trigger"]);
}

#[test]
fn templates_beyond_all_bounds() {
    let node = |template: &str| {
        workflow(
            &format!("  - {{key: a, type: core.log, params: {{message: '{template}'}}}}"),
            "  - start -> a",
        )
    };
    check(
        "long.yaml",
        node(&format!("{{{{ {} }}}}", "1 + ".repeat(262_144))),
        &["expression.", "long.yaml:4"],
    );
    let brackets = format!("{{{{ {}1{} }}}}", "[".repeat(5_000), "]".repeat(5_000));
    check("brackets.yaml", node(&brackets), &["expression.", "brackets.yaml:4"]);
    check("parens.yaml", node(&format!("{{{{ {}", "(".repeat(50_000))), &["expression."]);
    check("syntax.yaml", node("{{ $input. }}"), &["expression.syntax", "syntax.yaml:4"]);
    check("filter.yaml", node("{{ $input | uper }}"), &["expression.unknown_filter", "upper"]);
}

#[test]
fn files_that_are_not_there() {
    prana(&["run", "no-such-file.yaml"]).ends(2).says("there is no file \"no-such-file.yaml\"").says("help:");
    prana(&["run", "examples"]).ends(2).says("is a directory").says("help:");
    prana(&["validate", "no-such-file.yaml"]).ends(2).says("there is no file");
    let empty = Scratch::new();
    prana(&["validate", &empty.path("")]).ends(2).says("nothing to read");
    prana(&["test", "no-such-file.test.yaml"]).ends(2).says("there is no file");
    let scratch = Scratch::new();
    prana(&["executions", "list", "--db", &scratch.path("none.db")]).ends(2).says("there is no database");
    let text = scratch
        .file("text.db", "this is not a database, but it is long enough to be taken for one. ".repeat(100));
    prana(&["executions", "list", "--db", &text]).ends(2).says("can't open the store");
    prana(&["executions", "list"]).ends(2).says("--db FILE");
}

#[test]
fn bad_usage() {
    let file = "examples/workflows/purchase-approval.yaml";
    for (args, says) in [
        (vec![], "Usage"),
        (vec!["rum"], "run"),
        (vec!["run"], "FILE"),
        (vec!["run", file, "--input", "{"], "--input is not JSON"),
        (vec!["run", file, "--input", "price"], "--input is not JSON"),
        (vec!["run", file, "--input", "{\"price\": 1e400}"], "beyond the range"),
        (vec!["run", file, "--input", "@no-such-file.json"], "there is no file"),
        (vec!["run", file, "--var", "x"], "NAME=VALUE"),
        (vec!["run", file, "--output", "xml"], "pretty"),
        (vec!["run", "--resume", "abc", "--db", "x.db"], "an execution has an id such as"),
        (vec!["run", "--resume", "01a20127-a23d-7f41-be42-f610768a0056"], "--db"),
        (vec!["actions", "http.requst"], "did you mean `http.request`?"),
        (vec!["eval", "1 +"], "expression.syntax"),
        (vec!["eval", "1 / 0"], "expression.division_by_zero"),
        (vec!["completions", "cmd.exe"], "bash"),
    ] {
        prana(&args).ends(2).says(says);
    }
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    prana_with(command(&["run", file, "--input", "-"]), deep.as_bytes()).ends(2).says("stdin is not JSON");
    prana_with(command(&["run", file, "--input", "-"]), b"\"\xff\"").ends(2).says("not UTF-8");
}

#[test]
fn bad_test_files() {
    let scratch = Scratch::new();
    let file = scratch.file("a.test.yaml", "name: x\nstep: []\n");
    prana(&["test", &file])
        .ends(2)
        .says("test.unknown_field")
        .says("a.test.yaml:2")
        .prints("0 passed, 0 failed");
    prana(&["validate", &file]).ends(2).prints("test.unknown_field");
}
