//! The steps of a test document and what each is to bring about.

use indexmap::IndexMap;
use prana_template::Value;

use super::fields::{Fields, Reader};
use super::test_document::{Expect, ExpectFinding, ExpectNode, Step, WaitName};
use super::tree::Tree;

const ACTIONS: &[&str] =
    &["run", "advance", "restart", "resume", "cancel", "compile_error", "compile_warnings"];
const STEP: &str = "a step";

const EXECUTION_STATUSES: &[&str] =
    &["pending", "running", "suspended", "completed", "failed", "cancelled", "timeout"];
const NODE_STATUSES: &[&str] = &["running", "completed", "failed", "suspended", "skipped"];
const EVENTS: &[&str] = &[
    "execution_started",
    "execution_resumed",
    "execution_suspended",
    "execution_completed",
    "execution_failed",
    "execution_cancelled",
    "node_starting",
    "node_completed",
    "node_failed",
    "node_retrying",
    "node_suspended",
    "node_skipped",
];

/// The steps, each with its line.
pub(crate) fn steps(reader: &mut Reader<'_>, tree: &Tree) -> Option<Vec<(Step, u32)>> {
    reader.each(tree, "of steps", |reader, tree| {
        let line = reader.line_of(tree.span).unwrap_or_default();
        step(reader, tree).map(|step| (step, line))
    })
}

fn step(reader: &mut Reader<'_>, tree: &Tree) -> Option<Step> {
    let mut known = ACTIONS.to_vec();
    known.push("expect");
    let fields = reader.fields(tree, STEP, &known)?;
    let mut actions = ACTIONS.iter().filter(|action| fields.given(action).is_some());
    let (Some(action), None) = (actions.next(), actions.next()) else {
        reader.malformed(
            tree.span,
            "a step does exactly one thing",
            format!("name one of {}", ACTIONS.join(", ")),
        );
        return None;
    };
    let takes_expect = matches!(*action, "run" | "advance" | "resume" | "cancel");
    if let Some(expect) = fields.given("expect").filter(|_| !takes_expect) {
        reader.malformed(
            expect.key_span,
            format!("`{action}` has no `expect`"),
            "put it at the step before or after",
        );
    }
    let expect = reader.optional(&fields, "expect", expect);
    read_action(reader, &fields, action, expect.unwrap_or_default())
}

fn read_action(reader: &mut Reader<'_>, fields: &Fields<'_>, action: &str, expect: Expect) -> Option<Step> {
    let value = &fields.given(action)?.value;
    reader.within(action, |reader| match action {
        "run" => run(reader, value, expect),
        "advance" => reader.duration(value).map(|millis| Step::Advance { millis, expect }),
        "restart" => restart(reader, value),
        "resume" => resume(reader, value, expect),
        "cancel" => cancel(reader, value, expect),
        "compile_error" => findings(reader, value).map(Step::CompileError),
        _ => findings(reader, value).map(Step::CompileWarnings),
    })
}

/// A value that is written, null included; null where it is absent.
fn any(fields: &Fields<'_>, key: &str) -> Option<Value> {
    fields.given(key).map(|entry| entry.value.to_value())
}

fn run(reader: &mut Reader<'_>, tree: &Tree, expect: Expect) -> Option<Step> {
    let fields = reader.fields(tree, "`run`", &["input", "trigger"])?;
    let trigger = reader.optional(&fields, "trigger", Reader::name);
    Some(Step::Run { input: any(&fields, "input").unwrap_or_default(), trigger, expect })
}

fn restart(reader: &mut Reader<'_>, tree: &Tree) -> Option<Step> {
    match reader.bool(tree)? {
        true => Some(Step::Restart),
        false => {
            reader.malformed(
                tree.span,
                "a restart that is false does nothing",
                "write `restart: true`, or leave it out",
            );
            None
        }
    }
}

fn resume(reader: &mut Reader<'_>, tree: &Tree, expect: Expect) -> Option<Step> {
    let fields = reader.fields(tree, "`resume`", &["node", "execution_index", "data"])?;
    let node = reader.optional(&fields, "node", Reader::name);
    let index = reader.optional(&fields, "execution_index", |r, tree| r.integer(tree, 0..=u64::MAX));
    let data = any(&fields, "data").unwrap_or_default();
    let wait = match (node, index) {
        (Some(node), None) => WaitName::Node(node),
        (None, Some(index)) => WaitName::ExecutionIndex(index),
        _ => {
            let help = "write `resume: {node: approve, data: ...}`";
            reader.malformed(tree.span, "a resume names a node or an execution_index", help);
            return None;
        }
    };
    Some(Step::Resume { wait, data, expect })
}

fn cancel(reader: &mut Reader<'_>, tree: &Tree, expect: Expect) -> Option<Step> {
    if !tree.is_null() {
        reader.fields(tree, "`cancel`", &[])?;
    }
    Some(Step::Cancel { expect })
}

fn findings(reader: &mut Reader<'_>, tree: &Tree) -> Option<Vec<ExpectFinding>> {
    const WHAT: &str = "a finding";
    reader.each(tree, "of findings such as {code: workflow.unknown_port, node: ask}", |reader, tree| {
        let fields = reader.fields(tree, WHAT, &["code", "node", "line"])?;
        let code = reader.required(&fields, WHAT, "code", Reader::text);
        let node = reader.optional(&fields, "node", Reader::name);
        let line = reader.optional(&fields, "line", |r, tree| r.integer(tree, 1..=u64::from(u32::MAX)));
        Some(ExpectFinding { code: code?, node, line: line.and_then(|line| u32::try_from(line).ok()) })
    })
}

const EXPECT_FIELDS: &[&str] =
    &["status", "order", "output", "nodes", "not_run", "events", "error", "suspended"];

fn expect(reader: &mut Reader<'_>, tree: &Tree) -> Option<Expect> {
    let fields = reader.fields(tree, "`expect`", EXPECT_FIELDS)?;
    Some(Expect {
        status: reader.optional(&fields, "status", |r, tree| one_of(r, tree, EXECUTION_STATUSES)),
        order: reader.optional(&fields, "order", names),
        output: any(&fields, "output"),
        nodes: reader.optional(&fields, "nodes", nodes).unwrap_or_default(),
        not_run: reader.optional(&fields, "not_run", names).unwrap_or_default(),
        events: reader.optional(&fields, "events", |r, tree| r.each(tree, "of events", event)),
        error: any(&fields, "error"),
        suspended: any(&fields, "suspended"),
    })
}

fn one_of(reader: &mut Reader<'_>, tree: &Tree, words: &[&str]) -> Option<String> {
    reader.word(tree, words, |word| words.contains(&word).then(|| word.to_owned()))
}

fn event(reader: &mut Reader<'_>, tree: &Tree) -> Option<String> {
    one_of(reader, tree, EVENTS)
}

fn names(reader: &mut Reader<'_>, tree: &Tree) -> Option<Vec<String>> {
    reader.each(tree, "of node keys", Reader::name)
}

fn nodes(reader: &mut Reader<'_>, tree: &Tree) -> Option<IndexMap<String, ExpectNode>> {
    let fields = reader.open_fields(tree, "node key -> what is to be so of the node")?;
    let each = fields.entries().iter().filter_map(|entry| {
        let node = reader.within(entry.key.as_str(), |reader| node(reader, &entry.value))?;
        Some((entry.key.to_string(), node))
    });
    Some(each.collect())
}

const NODE_FIELDS: &[&str] = &["status", "port", "runs", "output", "outputs", "error", "context"];

fn node(reader: &mut Reader<'_>, tree: &Tree) -> Option<ExpectNode> {
    let fields = reader.fields(tree, "what is expected of a node", NODE_FIELDS)?;
    let outputs =
        |r: &mut Reader<'_>, tree: &Tree| r.each(tree, "of outputs", |_, tree| Some(tree.to_value()));
    Some(ExpectNode {
        status: reader.optional(&fields, "status", |r, tree| one_of(r, tree, NODE_STATUSES)),
        port: reader.optional(&fields, "port", Reader::name),
        runs: reader.optional(&fields, "runs", |r, tree| r.integer(tree, 0..=u64::MAX)),
        output: any(&fields, "output"),
        outputs: reader.optional(&fields, "outputs", outputs),
        error: any(&fields, "error"),
        context: any(&fields, "context"),
    })
}
