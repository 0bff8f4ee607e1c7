//! `prana mcp`, spoken to over pipes.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use serde_json::{Value, json};

use crate::program::{Scratch, Watched, command, finish, prana};

const WORKFLOW: &str = "id: asks
nodes:
  - {key: start, type: manual.trigger}
  - {key: approve, type: wait.wait, params: {mode: webhook}}
  - {key: end, type: data.set_data, params: {fields: {by: '{{ $input.by }}'}}}
connections: [start -> approve -> end]
---
id: doubles
nodes:
  - {key: start, type: manual.trigger}
  - {key: double, type: data.set_data, params: {fields: {n: '{{ $input.n * 2 }}'}}}
connections: [start -> double]
";

/// A session over the pipes of the program.
struct Talk {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    number: u64,
}

impl Talk {
    fn start(args: &[&str]) -> Talk {
        let mut child = command(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (input, output) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        let mut talk = Talk { child, input, output, number: 0 };
        let hello = json!({"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}});
        let info = talk.ask("initialize", hello);
        assert_eq!(info["result"]["serverInfo"]["name"], "prana", "{info:#}");
        talk.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
        talk
    }

    fn send(&mut self, message: &Value) {
        writeln!(self.input, "{message}").unwrap();
    }

    fn ask(&mut self, method: &str, params: Value) -> Value {
        self.number += 1;
        let id = self.number;
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
        loop {
            let mut line = String::new();
            assert_ne!(self.output.read_line(&mut line).unwrap(), 0, "it ended");
            let answer: Value = serde_json::from_str(&line).unwrap();
            if answer["id"] == id {
                return answer;
            }
        }
    }

    /// What a tool gives, and whether it went well.
    fn call(&mut self, name: &str, arguments: Value) -> (bool, Value) {
        let answer = self.ask("tools/call", json!({"name": name, "arguments": arguments}));
        let result = &answer["result"];
        assert!(result.is_object(), "{answer:#}");
        (result["isError"] != true, result["structuredContent"].clone())
    }

    fn end(self) {
        drop(self.input);
        let mut child = self.child;
        child.stdout = Some(self.output.into_inner());
        finish(child).ends(0);
    }
}

fn all_tools(talk: &mut Talk) {
    let tools = talk.ask("tools/list", json!({}));
    let names: Vec<&str> = tools["result"]["tools"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tool| tool["name"].as_str().unwrap())
        .collect();
    for name in [
        "list_workflows",
        "describe_workflow",
        "validate_workflow",
        "run_workflow",
        "inspect_execution",
        "resume_execution",
    ] {
        assert!(names.contains(&name), "{names:?}");
    }
    let (good, listed) = talk.call("list_workflows", json!({"search": "doub"}));
    assert!(good && listed["workflows"][0]["id"] == "doubles", "{listed:#}");
    let (good, shown) = talk.call("describe_workflow", json!({"id": "doubles"}));
    assert!(good && shown["workflow"]["nodes"][1]["key"] == "double");
    let (good, problem) = talk.call("describe_workflow", json!({"id": "nobody"}));
    assert!(!good && problem["code"] == "workflow.not_found");
    let (_, checked) =
        talk.call("validate_workflow", json!({"source": "id: x\nnodes: [{key: a, type: manual.triger}]"}));
    assert_eq!(checked["valid"], false);
    let (_, action) = talk.call("describe_action", json!({"type": "http.request"}));
    assert!(action["params_schema"]["properties"]["url"].is_object());
    assert!(talk.call("list_actions", json!({})).1["actions"][0]["params_schema"].is_null());
    let (good, ran) = talk.call("run_workflow", json!({"workflow_id": "doubles", "input": {"n": 21}}));
    assert!(good && ran["output"] == json!({"n": 42}), "{ran:#}");
    let (_, seen) = talk.call("inspect_execution", json!({"id": ran["id"], "outputs": true}));
    assert_eq!(seen["runs"]["node_executions"][1]["output"], json!({"n": 42}));
    let (_, list) = talk.call("list_executions", json!({"workflow_id": "doubles", "limit": 1}));
    assert_eq!(list["executions"][0]["id"], ran["id"]);
    let refused = talk.ask("tools/call", json!({"name": "run_workflow", "arguments": {"workflow": "x"}}));
    assert!(refused["error"]["message"].as_str().unwrap().contains("takes no `workflow`"), "{refused:#}");
    let unknown = talk.ask("tools/call", json!({"name": "burn", "arguments": {}}));
    assert!(unknown["error"].is_object());
}

#[test]
fn a_database_is_used_by_its_tools() {
    let scratch = Scratch::new();
    let (db, file) = (scratch.path("prana.db"), scratch.file("w.yaml", WORKFLOW));
    prana(&["workflows", "save", &file, "--activate", "--db", &db]).ends(0);
    let mut talk = Talk::start(&["mcp", "--db", &db]);
    all_tools(&mut talk);
    talk.end();
}

#[test]
fn a_server_is_used_by_its_tools() {
    let scratch = Scratch::new();
    let (db, file) = (scratch.path("prana.db"), scratch.file("w.yaml", WORKFLOW));
    prana(&["workflows", "save", &file, "--activate", "--db", &db]).ends(0);
    let mut server = Watched::start(&["serve", "--db", &db, "--listen", "127.0.0.1:0"]);
    server.until("listening on http://");
    let mut talk = Talk::start(&["mcp", "--db", &db]);
    all_tools(&mut talk);
    // One that waits is started beside, and answered by a tool.
    let id =
        prana(&["executions", "start", "asks", "--detach", "--db", &db]).ends(0).stdout.trim().to_owned();
    let (good, answered) =
        talk.call("resume_execution", json!({"id": id, "node": "approve", "data": {"by": "ann"}}));
    assert!(good, "{answered:#}");
    let (good, problem) = talk.call("resume_execution", json!({"id": id}));
    assert!(!good && problem["code"] == "request.invalid");
    let seen = prana(&["executions", "show", &id, "--db", &db]);
    seen.ends(0);
    talk.end();
    server.child.kill().unwrap();
}
