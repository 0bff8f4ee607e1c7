//! The commands that run nothing, and `prana test`.

use crate::program::{Scratch, command, prana, prana_with, root};

#[test]
fn help_and_version() {
    prana(&["--help"]).ends(0).prints("validate").prints("completions");
    prana(&["--version"]).ends(0).prints("prana ");
    for command in ["run", "validate", "test", "graph", "eval", "actions", "executions", "workflows"] {
        prana(&[command, "--help"]).ends(0).prints("Usage");
    }
}

#[test]
fn actions_and_schema() {
    prana(&["actions"]).ends(0).prints("logic.if_condition").prints("http.request").prints("ACTION");
    let page = prana(&["actions", "wait.wait"]).ends(0);
    page.prints("ports:   main -> main, timeout")
        .prints("\"interval\" | \"schedule\" | \"webhook\", required");
    let json = prana(&["actions", "--format", "json"]).ends(0).json();
    let names: Vec<_> = json.as_array().unwrap().iter().map(|action| action["type"].clone()).collect();
    for action in &names {
        prana(&["actions", action.as_str().unwrap()]).ends(0);
    }
    let schema = prana(&["schema"]).ends(0).json();
    assert_eq!(schema["$defs"]["node"]["properties"]["type"]["enum"].as_array().unwrap(), &names);
}

#[test]
fn completions_for_each_shell() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        prana(&["completions", shell]).ends(0).prints("prana");
    }
}

#[test]
fn expressions() {
    let check = |args: &[&str], expect: &str| {
        let ran = prana(&[&["eval"], args].concat()).ends(0);
        assert_eq!(ran.stdout.trim_end(), expect);
    };
    check(&["1 + 2 * 3"], "7");
    check(&["$input.a | map(x => x * 2) | sum", "--input", "{\"a\": [1, 2]}"], "6");
    check(&["Hello {{ $vars.name | upper }}", "--var", "name=ada"], "\"Hello ADA\"");
    check(&["$env.n", "--env", "n=5"], "5");
    prana(&["eval", "1 + $inptu"]).ends(2).says("did you mean `$input`?").says("      ^^^^^^");
    let lines = b"1 + 1\n\n$input.n\nnope(\n\"x\" | upper\n";
    let ran = prana_with(command(&["eval", "--input", "{\"n\": 4}"]), lines).ends(2);
    assert_eq!(ran.stdout, "2\n4\n\"X\"\n");
    prana_with(command(&["eval"]), b"\xff\n").ends(2).says("not UTF-8");
}

#[test]
fn pictures() {
    let graph = |format: &str| {
        prana(&["graph", "examples/workflows/expense-report.yaml", "--format", format]).ends(0)
    };
    graph("text").prints("start  manual.trigger").prints("├─ loop → claim").prints("claims (above)");
    graph("mermaid").prints("flowchart TD").prints("|\"too_much\"|");
    graph("dot").prints("digraph \"Expense report\"");
    graph("svg").prints("<svg").prints("</svg>");
    let scratch = Scratch::new();
    let evil = "{id: w, name: \"\\\"]; x\\n<script>\", nodes: [{key: a, name: \"<b>\\\"|\\e[2J\", type: manual.trigger}, {key: b, type: core.no_op}], connections: [a -> b -> b]}";
    let file = scratch.file("evil.yaml", evil);
    for format in ["text", "mermaid", "dot", "svg"] {
        let ran = prana(&["graph", &file, "--format", format]).ends(0);
        assert!(
            !ran.stdout.contains('\u{1b}')
                && (["text", "dot"].contains(&format) || !ran.stdout.contains("<b>")),
            "{ran:?}"
        );
    }
}

#[test]
fn long_chains_and_wide_fans_are_drawn() {
    let scratch = Scratch::new();
    let nodes: String = (0..3_000).map(|n| format!("  - {{key: n{n}, type: core.no_op}}\n")).collect();
    let chain: String = (0..2_999).map(|n| format!("  - n{n} -> n{}\n", n + 1)).collect();
    let fan: String = (0..3_000).map(|n| format!("  - start -> n{n}\n")).collect();
    for (name, more) in [("chain", format!("  - start -> n0\n{chain}")), ("fan", fan)] {
        let text =
            format!("id: w\nnodes:\n  - {{key: start, type: manual.trigger}}\n{nodes}connections:\n{more}");
        let file = scratch.file(&format!("{name}.yaml"), text);
        for format in ["text", "mermaid", "dot", "svg"] {
            prana(&["graph", &file, "--format", format]).ends(0).prints("n2999");
        }
    }
}

#[test]
fn validation_of_many_files() {
    prana(&["validate", "examples/workflows"]).ends(0).prints("12 files: 0 errors, 0 warnings");
    let scratch = Scratch::new();
    let good = scratch.file(
        "good.yaml",
        "{id: w, nodes: [{key: a, type: manual.trigger}, {key: alone, type: core.no_op}]}",
    );
    prana(&["validate", &good]).ends(0).prints("workflow.unreachable_node").prints("0 errors, 1 warning");
    prana(&["run", &good]).ends(0).says("workflow.unreachable_node");
    let bad = scratch.file("bad.yaml", "{id: w, nodes: [{key: a, type: nope}, {key: a, type: core.log}]}");
    prana(&["validate", &good, &bad])
        .ends(2)
        .prints("workflow.duplicate_key")
        .prints("workflow.unknown_action");
}

const PASSES: &str = "
name: it passes
workflow: {id: w, nodes: [{key: start, type: manual.trigger}]}
steps:
  - run: {input: {n: 1}}
    expect: {status: completed, output: {n: EXPECTED}}
";

#[test]
fn tests_pass_and_fail() {
    let scratch = Scratch::new();
    scratch.file("a.test.yaml", PASSES.replace("EXPECTED", "1"));
    scratch.file("b.test.yaml", PASSES.replace("EXPECTED", "2").replace("it passes", "it <fails>"));
    scratch.file("not-a-test.yaml", "id: [");
    let directory = scratch.path("");
    let ran = prana(&["test", &directory]).ends(1).prints("ok it passes").prints("FAILED it <fails>");
    assert_eq!(ran.stdout.lines().last(), Some("1 passed, 1 failed"));
    let ran = ran.prints("step 1 (line 5)");
    assert!(ran.stdout.contains("expected 2, found 1"), "{}", ran.stdout);
    let xml = scratch.path("junit.xml");
    let ran = prana(&["test", &directory, "--filter", "it passes", "--junit", &xml]).ends(0);
    assert_eq!(ran.stdout.lines().last(), Some("1 passed, 0 failed"));
    prana(&["test", &directory, "--junit", &xml]).ends(1);
    let xml = std::fs::read_to_string(&xml).unwrap();
    assert!(xml.contains("tests=\"2\" failures=\"1\"") && xml.contains("it &lt;fails&gt;"), "{xml}");
    scratch.file("c.test.yaml", "name: [");
    prana(&["test", &directory]).ends(2).prints("1 passed, 1 failed");
    prana(&["test", &directory, "--filter", "nothing like it"]).ends(2).says("no test fits");
}

#[test]
fn a_part_of_the_behaviour_suite_in_every_way() {
    let directory = root().join("conformance/order");
    let directory = directory.to_str().unwrap();
    for more in [vec![], vec!["--restart-every-step"], vec!["--store", "sqlite"]] {
        let ran = prana(&[vec!["test", directory], more].concat()).ends(0);
        assert!(ran.stdout.lines().last().is_some_and(|line| line.ends_with(" passed, 0 failed")), "{ran:?}");
    }
}
