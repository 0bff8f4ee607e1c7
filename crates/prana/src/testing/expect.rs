//! Compares what happened with what a test expects.

use prana_core::diagnostic::Diagnostic;
use prana_core::document::{Expect, ExpectFinding, ExpectNode, matches};
use prana_core::execution::{Execution, NodeExecution};
use prana_template::{Map, Str, Value};

use super::Observed;

pub(super) fn compare(observed: &Observed<'_>, expect: &Expect) -> Vec<String> {
    let mut problems = Vec::new();
    match (observed.refused, &expect.error) {
        (Some(error), Some(expected)) => {
            let mut actual = Map::new();
            actual.insert("code", Value::from(error.code()));
            actual.insert("message", Value::from(error.to_string()));
            check(&mut problems, "error", expected, &Value::Map(actual));
        }
        (Some(error), None) => problems.push(format!("refused: {error}")),
        (None, _) => {}
    }
    let Some(execution) = &observed.execution else {
        if observed.refused.is_none() {
            problems.push("there is no execution yet".to_owned());
        }
        return problems;
    };
    if observed.refused.is_none()
        && let Some(expected) = &expect.error
    {
        let actual = execution.error().map_or(Value::Null, prana_core::ErrorValue::to_value);
        check(&mut problems, "error", expected, &actual);
    }
    compare_execution(execution, expect, &mut problems);
    if let Some(expected) = &expect.events {
        let same = expected.iter().map(String::as_str).eq(observed.events.iter().copied());
        if !same {
            let difference = format!(
                "events:\n    expected {}\n    happened {}",
                expected.join(", "),
                observed.events.join(", ")
            );
            problems.push(difference);
        }
    }
    problems
}

fn compare_execution(execution: &Execution, expect: &Expect, problems: &mut Vec<String>) {
    if let Some(expected) = &expect.status
        && *expected != execution.status.as_str()
    {
        let why = execution.error().map_or_else(String::new, |error| format!(" ({error})"));
        problems.push(format!("status: expected {expected}, is {}{why}", execution.status.as_str()));
    }
    if let Some(expected) = &expect.order {
        let order: Vec<&str> = execution.node_executions.iter().map(|run| &*run.node_key).collect();
        if !expected.iter().map(String::as_str).eq(order.iter().copied()) {
            problems.push(format!(
                "order:\n    expected {}\n    happened {}",
                expected.join(", "),
                order.join(", ")
            ));
        }
    }
    if let Some(expected) = &expect.output {
        check(problems, "output", expected, &execution.output());
    }
    for key in &expect.not_run {
        if execution.node_executions.iter().any(|run| *run.node_key == **key) {
            problems.push(format!("not_run: `{key}` ran"));
        }
    }
    if let Some(expected) = &expect.suspended {
        check(problems, "suspended", expected, &suspended(execution));
    }
    for (key, expected) in &expect.nodes {
        compare_node(execution, key, expected, problems);
    }
}

fn suspended(execution: &Execution) -> Value {
    let Some(run) = execution.suspended_node_execution() else { return Value::Null };
    let data = serde_json::to_value(&run.suspension).map(Value::from).unwrap_or_default();
    let mut map = match data {
        Value::Map(map) => map,
        _ => Map::new(),
    };
    map.insert("node", Value::Str(run.node_key.clone()));
    Value::Map(map)
}

fn compare_node(execution: &Execution, key: &str, expect: &ExpectNode, problems: &mut Vec<String>) {
    let runs: Vec<&NodeExecution> =
        execution.node_executions.iter().filter(|run| *run.node_key == *key).collect();
    if let Some(expected) = expect.runs
        && expected != runs.len() as u64
    {
        problems.push(format!("nodes.{key}.runs: expected {expected}, ran {} times", runs.len()));
    }
    let name = |field: &str| format!("nodes.{key}.{field}");
    if let Some(expected) = &expect.outputs {
        let outputs = Value::from(runs.iter().map(|run| run.output.clone()).collect::<Vec<Value>>());
        check(problems, &name("outputs"), Value::from(expected.clone()), &outputs);
    }
    let Some(last) = runs.last() else {
        if expect.status.is_some()
            || expect.output.is_some()
            || expect.port.is_some()
            || expect.error.is_some()
        {
            problems.push(format!("nodes.{key}: it did not run"));
        }
        return;
    };
    if let Some(expected) = &expect.status
        && *expected != last.status.as_str()
    {
        problems.push(format!("nodes.{key}.status: expected {expected}, is {}", last.status.as_str()));
    }
    if let Some(expected) = &expect.port
        && last.output_port.as_deref() != Some(expected)
    {
        problems.push(format!(
            "nodes.{key}.port: expected {expected}, left by {}",
            last.output_port.as_deref().unwrap_or("none")
        ));
    }
    if let Some(expected) = &expect.output {
        check(problems, &name("output"), expected, &last.output);
    }
    if let Some(expected) = &expect.error {
        check(
            problems,
            &name("error"),
            expected,
            &last.error.as_ref().map_or(Value::Null, prana_core::ErrorValue::to_value),
        );
    }
    if let Some(expected) = &expect.context {
        check(problems, &name("context"), expected, &context(&runs));
    }
}

/// The context of a node after all its runs.
fn context(runs: &[&NodeExecution]) -> Value {
    let updates = runs.iter().flat_map(|run| run.context_updates.iter());
    let entries = updates.filter(|(key, _)| &***key != "collected");
    Value::Map(entries.map(|(key, value): (&Str, &Value)| (key.clone(), value.clone())).collect())
}

fn check(problems: &mut Vec<String>, what: &str, expected: impl std::borrow::Borrow<Value>, actual: &Value) {
    if let Err(mismatch) = matches(expected.borrow(), actual) {
        problems.push(format!("{what}: {mismatch}"));
    }
}

/// Exactly these findings, in this order.
pub(super) fn compare_findings(found: &[&Diagnostic], expected: &[ExpectFinding]) -> Vec<String> {
    let same = found.len() == expected.len()
        && found.iter().zip(expected).all(|(found, expected)| expected.matches(found));
    if same {
        return Vec::new();
    }
    let named = |code: &str, node: Option<&str>| match node {
        Some(node) => format!("{code} at {node}"),
        None => code.to_owned(),
    };
    let wanted: Vec<String> =
        expected.iter().map(|finding| named(&finding.code, finding.node.as_deref())).collect();
    let told: Vec<String> = found
        .iter()
        .map(|finding| format!("{} ({})", named(&finding.code, finding.node.as_deref()), finding.message))
        .collect();
    vec![format!("findings:\n    expected {}\n    told     {}", wanted.join(", "), told.join(", "))]
}
