//! The test document (`*.test.yaml`): a workflow, stand-ins for its nodes, and steps with what they are to bring about.

use std::sync::Arc;

use indexmap::IndexMap;
use prana_template::{Map, Value};

use super::fields::{Codes, Fields, Reader};
use super::loaded::{Draft, Loaded};
use super::read;
use super::source::Source;
use super::test_steps;
use super::tree::{Item, Tree};
use crate::diagnostic::{Diagnostic, DocPath};
use crate::suspension::Suspension;
use crate::time::Timestamp;

/// Where the virtual clock of a test starts that does not say so: 2026-01-01T00:00:00Z.
pub const DEFAULT_CLOCK: Timestamp = Timestamp::from_millis(1_767_225_600_000);

const CODES: Codes = Codes { malformed: "test.invalid_document", unknown: "test.unknown_field" };

/// A test of a workflow.
#[derive(Debug, Clone)]
pub struct TestFile {
    /// What the test shows; the name of the source if it does not say.
    pub name: String,
    /// The text that it was read from.
    pub source: Arc<Source>,
    /// What is tested.
    pub workflow: TestWorkflow,
    /// Others that it may call.
    pub workflows: Vec<Loaded>,
    /// Where the virtual clock starts.
    pub clock: Timestamp,
    /// `$env`.
    pub env: Map,
    /// By node key, what stands in for running the node: one entry per attempt, the last repeats. Never an empty list.
    pub mocks: IndexMap<String, Vec<Mock>>,
    /// What is done, in order.
    pub steps: Vec<Step>,
    /// For each step, its line in the source.
    pub step_lines: Vec<u32>,
}

/// The workflow of a test.
#[derive(Debug, Clone)]
pub enum TestWorkflow {
    /// It stands in the test.
    Inline(Box<Loaded>),
    /// It stands in a file: a path as written, relative to the test.
    File(String),
    /// It stands in the test and can't be loaded, which may be what the test is about: compare
    /// [`Draft::with_compiled`] with what is expected.
    Refused(Box<Draft>),
}

/// What stands in for one attempt of a node.
#[derive(Debug, Clone, PartialEq)]
pub enum Mock {
    /// The node completes.
    Complete {
        /// What it puts out.
        output: Value,
        /// By which port; `None`: its default one.
        port: Option<String>,
    },
    /// The action fails.
    Fail(MockError),
    /// The node suspends. Its output is what it is resumed with.
    Suspend(Suspension),
}

/// The error of a mocked failure.
#[derive(Debug, Clone, PartialEq)]
pub struct MockError {
    /// Dotted code.
    pub code: String,
    /// For people; the code where the test has none.
    pub message: String,
    /// For programs.
    pub details: Value,
    /// Whether trying again may help. Default true.
    pub retryable: bool,
}

/// One thing that a test does.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Starts an execution.
    Run {
        /// Its input.
        input: Value,
        /// Key of the trigger; `None`: the only one.
        trigger: Option<String>,
        /// What is to come of it.
        expect: Expect,
    },
    /// Moves the clock; what comes due happens.
    Advance {
        /// By how much.
        millis: u64,
        /// What is to come of it.
        expect: Expect,
    },
    /// Forgets everything that is not stored.
    Restart,
    /// Answers a wait.
    Resume {
        /// Which.
        wait: WaitName,
        /// The answer.
        data: Value,
        /// What is to come of it.
        expect: Expect,
    },
    /// Cancels the execution.
    Cancel {
        /// What is to come of it.
        expect: Expect,
    },
    /// The workflow must be refused, with exactly these errors.
    CompileError(Vec<ExpectFinding>),
    /// The workflow must be accepted, with exactly these warnings, in this order.
    CompileWarnings(Vec<ExpectFinding>),
}

/// Which wait a resume answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WaitName {
    /// The oldest open wait of this node.
    Node(String),
    /// The wait of this record.
    ExecutionIndex(u64),
}

/// A finding that compiling must bring; what it does not name is not compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpectFinding {
    /// Its code.
    pub code: String,
    /// The node it is about.
    pub node: Option<String>,
    /// Its line in the source.
    pub line: Option<u32>,
}

impl ExpectFinding {
    /// Whether a finding is the one meant.
    pub fn matches(&self, finding: &Diagnostic) -> bool {
        let line = finding.location.map(|place| place.line);
        self.code == finding.code
            && (self.node.is_none() || self.node == finding.node)
            && (self.line.is_none() || self.line == line)
    }
}

/// What is to be so after a step; what is absent is not compared.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Expect {
    /// Status of the execution.
    pub status: Option<String>,
    /// Keys of the nodes that ran, in order, repeats included.
    pub order: Option<Vec<String>>,
    /// Output of the execution.
    pub output: Option<Value>,
    /// What is to be so of single nodes, by key.
    pub nodes: IndexMap<String, ExpectNode>,
    /// Keys of nodes that did not run.
    pub not_run: Vec<String>,
    /// Names of all events of the step, in order.
    pub events: Option<Vec<String>>,
    /// Error of the execution, or of the step itself.
    pub error: Option<Value>,
    /// The suspension: a node key in `node`, the fields of the suspension data beside it.
    pub suspended: Option<Value>,
}

/// What is to be so of a node; what is absent is not compared.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ExpectNode {
    /// Status of its last run.
    pub status: Option<String>,
    /// Output port of its last run.
    pub port: Option<String>,
    /// How often it ran.
    pub runs: Option<u64>,
    /// Output of its last run.
    pub output: Option<Value>,
    /// Outputs of all its runs.
    pub outputs: Option<Vec<Value>>,
    /// Error of its last run.
    pub error: Option<Value>,
    /// Its context after the step.
    pub context: Option<Value>,
}

const TEST: &str = "a test";
const FIELDS: &[&str] = &["name", "workflow", "workflow_file", "workflows", "clock", "env", "mocks", "steps"];

/// Reads a test document.
///
/// A workflow in it that can't be loaded does not make the document bad: see [`TestWorkflow::Refused`].
///
/// # Errors
/// Everything that is wrong with the document, in its order.
///
/// ```
/// let text = br#"
/// name: it says hello
/// workflow:
///   id: hello
///   nodes: [{key: start, type: manual.trigger}]
/// steps:
///   - run: {input: {n: 1}}
///     expect: {status: completed, output: {n: 1}}
/// "#;
/// let test = prana_core::document::load_test("hello.test.yaml", text).unwrap();
/// assert_eq!(test.steps.len(), 1);
/// ```
pub fn load_test(name: &str, text: &[u8]) -> Result<TestFile, Vec<Diagnostic>> {
    let read::Read { source, findings: mut read_findings, many_documents } = read::read(name, text);
    let Some(root) = source.root() else { return Err(read_findings) };
    let mut reader = Reader::new(Some(&source), CODES);
    if many_documents {
        reader.malformed(root.span, "a file holds one test", "put each test into a file of its own");
        return Err(reader.findings);
    }
    let file = read_file(&mut reader, &source, root, &mut read_findings);
    let mut findings = reader.findings;
    findings.append(&mut read_findings);
    read::sort(&mut findings);
    match file {
        Some(file) if findings.is_empty() => Ok(file),
        _ => Err(findings),
    }
}

fn read_file(
    reader: &mut Reader<'_>,
    source: &Arc<Source>,
    root: &Tree,
    read_findings: &mut Vec<Diagnostic>,
) -> Option<TestFile> {
    let fields = reader.fields(root, TEST, FIELDS)?;
    let name = reader.optional(&fields, "name", Reader::text);
    let workflow = workflow(reader, &fields, source, read_findings);
    let workflows = reader.optional(&fields, "workflows", |r, tree| others(r, source, tree));
    let clock = reader.optional(&fields, "clock", time);
    let env = reader.optional(&fields, "env", |r, tree| r.map(tree, "of names and values"));
    let mocks = reader.optional(&fields, "mocks", mocks);
    let steps = reader.required(&fields, TEST, "steps", test_steps::steps);
    let (steps, step_lines) = steps?.into_iter().unzip();
    Some(TestFile {
        name: name.unwrap_or_else(|| source.name().to_owned()),
        source: source.clone(),
        workflow: workflow?,
        workflows: workflows.unwrap_or_default(),
        clock: clock.unwrap_or(DEFAULT_CLOCK),
        env: env.unwrap_or_default(),
        mocks: mocks.unwrap_or_default(),
        steps,
        step_lines,
    })
}

fn workflow(
    reader: &mut Reader<'_>,
    fields: &Fields<'_>,
    source: &Arc<Source>,
    read_findings: &mut Vec<Diagnostic>,
) -> Option<TestWorkflow> {
    match (fields.present("workflow"), fields.present("workflow_file")) {
        (Some(inline), None) => Some(inline_workflow(source, &inline.value, read_findings)),
        (None, Some(_)) => reader.optional(fields, "workflow_file", Reader::text).map(TestWorkflow::File),
        (Some(_), Some(file)) => {
            reader.malformed(
                file.key_span,
                "a test has `workflow` or `workflow_file`, not both",
                "leave one out",
            );
            None
        }
        (None, None) => reader.required(fields, TEST, "workflow", |_, _| None),
    }
}

fn inline_workflow(source: &Arc<Source>, tree: &Tree, read_findings: &mut Vec<Diagnostic>) -> TestWorkflow {
    let mut draft = Draft::new(source, DocPath::root().join("workflow"), tree);
    draft.claim(tree, read_findings);
    if draft.findings.is_empty() {
        TestWorkflow::Inline(Box::new(draft.loaded))
    } else {
        TestWorkflow::Refused(Box::new(draft))
    }
}

fn others(reader: &mut Reader<'_>, source: &Arc<Source>, tree: &Tree) -> Option<Vec<Loaded>> {
    reader.each(tree, "of workflows", |reader, tree| {
        let draft = Draft::new(source, reader.path().clone(), tree);
        draft.accept().map_err(|findings| reader.findings.extend(findings)).ok()
    })
}

pub(crate) fn time(reader: &mut Reader<'_>, tree: &Tree) -> Option<Timestamp> {
    let text = reader.text(tree)?;
    text.parse().map_err(|_| reader.mismatch(tree, "a time such as 2026-01-01T00:00:00Z")).ok()
}

fn mocks(reader: &mut Reader<'_>, tree: &Tree) -> Option<IndexMap<String, Vec<Mock>>> {
    let fields = reader.open_fields(tree, "node key -> what stands in for the node")?;
    let each = fields.entries().iter().map(|entry| {
        let mocks = reader.within(entry.key.as_str(), |reader| mocks_of(reader, &entry.value));
        (entry.key.to_string(), mocks)
    });
    Some(each.collect())
}

fn mocks_of(reader: &mut Reader<'_>, tree: &Tree) -> Vec<Mock> {
    let attempts = match &tree.item {
        Item::List(_) => reader.each(tree, "of attempts", mock),
        _ => mock(reader, tree).map(|mock| vec![mock]),
    };
    let attempts = attempts.unwrap_or_default();
    if attempts.is_empty() && matches!(&tree.item, Item::List(list) if list.is_empty()) {
        reader.malformed(
            tree.span,
            "a list of attempts must not be empty",
            "give at least one: [{output: {}}]",
        );
    }
    attempts
}

fn mock(reader: &mut Reader<'_>, tree: &Tree) -> Option<Mock> {
    let fields = reader.fields(tree, "a mock", &["output", "port", "error", "suspend"])?;
    let completes = ["output", "port"].iter().any(|key| fields.given(key).is_some());
    match (completes, fields.present("error"), fields.present("suspend")) {
        (true, None, None) => Some(Mock::Complete {
            output: fields.given("output").map_or(Value::Null, |entry| entry.value.to_value()),
            port: reader.optional(&fields, "port", Reader::name),
        }),
        (false, Some(_), None) => reader.optional(&fields, "error", mock_error).map(Mock::Fail),
        (false, None, Some(_)) => reader.optional(&fields, "suspend", suspension).map(Mock::Suspend),
        _ => {
            let help = "a node completes (`output`, `port`), fails (`error`) or waits (`suspend`)";
            reader.malformed(tree.span, "a mock is one of output, error and suspend", help);
            None
        }
    }
}

fn mock_error(reader: &mut Reader<'_>, tree: &Tree) -> Option<MockError> {
    const WHAT: &str = "an error";
    let fields = reader.fields(tree, WHAT, &["code", "message", "details", "retryable"])?;
    let code = reader.required(&fields, WHAT, "code", Reader::text);
    let message = reader.optional(&fields, "message", Reader::text);
    let retryable = reader.optional(&fields, "retryable", Reader::bool);
    let code = code?;
    Some(MockError {
        message: message.unwrap_or_else(|| code.clone()),
        details: fields.given("details").map_or(Value::Null, |entry| entry.value.to_value()),
        retryable: retryable.unwrap_or(true),
        code,
    })
}

fn suspension(reader: &mut Reader<'_>, tree: &Tree) -> Option<Suspension> {
    const WHAT: &str = "a suspension";
    const TYPES: &[&str] = &["webhook", "interval", "schedule", "sub_workflow", "retry", "decision"];
    let known = ["type", "wait_till", "sub_workflow_id", "execution_mode"];
    let fields = reader.fields(tree, WHAT, &known)?;
    let kind = reader.required(&fields, WHAT, "type", |r, tree| {
        r.word(tree, TYPES, |word| TYPES.iter().find(|known| **known == word).copied())
    })?;
    let deadline = reader.optional(&fields, "wait_till", time);
    let needed = |reader: &mut Reader<'_>| reader.required(&fields, WHAT, "wait_till", |_, _| deadline);
    match kind {
        "webhook" => Some(Suspension::Webhook { wait_till: deadline }),
        "interval" => needed(reader).map(|wait_till| Suspension::Interval { wait_till }),
        "schedule" => needed(reader).map(|wait_till| Suspension::Schedule { wait_till }),
        "retry" => needed(reader).map(|wait_till| Suspension::Retry { wait_till }),
        "sub_workflow" => sub_workflow(reader, tree),
        _ => Some(Suspension::Decision { reason: None }),
    }
}

fn sub_workflow(reader: &mut Reader<'_>, tree: &Tree) -> Option<Suspension> {
    match prana_template::from_value::<Suspension>(&tree.to_value()) {
        Ok(suspension) => Some(suspension),
        Err(error) => {
            let help = "it needs `sub_workflow_id` and `execution_mode`: sync, async or fire_and_forget";
            reader.malformed(tree.span, format!("this is no wait for a sub-workflow: {error}"), help);
            None
        }
    }
}
