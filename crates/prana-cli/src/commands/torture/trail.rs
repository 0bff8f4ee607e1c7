//! What the trail of an execution must be in the end.

use std::collections::{BTreeMap, HashSet};

use prana::Value;
use prana::core::execution::{Execution, NodeStatus, Status};
use prana::core::record::{Change, Entry, NodeOutcome, ResumedBy};
use prana::core::suspension::Suspension;
use serde_json::Value as Json;

use super::workload;

/// What the changes of one node run add up to.
#[derive(Debug, Default)]
struct Changes {
    ends: usize,
    waits: usize,
    resumes: usize,
    timers: usize,
    wait_till: Option<prana::core::Timestamp>,
    children: Vec<u32>,
}

/// How many waits were counted, and what is wrong.
#[derive(Debug, Default)]
pub struct Found {
    /// Timers that fired.
    pub timers: usize,
    /// Ends of children that were taken.
    pub reports: usize,
    /// Timers, answers and reports that took effect other than once.
    pub not_once: Vec<String>,
    /// Anything else.
    pub wrong: Vec<String>,
}

/// Holds the entries themselves against what each run may do: wait, wake and end once.
pub fn check_entries(execution: &Execution, entries: &[Entry]) -> Found {
    let mut found = Found::default();
    let name = format!("execution {} ({})", execution.id, execution.workflow_id);
    let mut runs: BTreeMap<u32, Changes> = BTreeMap::new();
    for (place, entry) in entries.iter().enumerate() {
        if entry.sequence != place as u64 + 1 {
            found.wrong.push(format!("{name}: entry {} has the sequence {}", place + 1, entry.sequence));
        }
        let Change::Node(change) = &entry.change else { continue };
        let run = runs.entry(change.execution_index).or_default();
        let early = note(run, entry, change.outcome.as_ref());
        if early {
            found.wrong.push(format!("{name}: the timer of run {} fired early", change.execution_index));
        }
    }
    let ends = entries.iter().filter(|entry| is_end(entry)).count();
    if ends != 1 {
        found.wrong.push(format!("{name}: it ended {ends} times"));
    }
    for (index, run) in runs {
        found.timers += run.timers;
        found.reports += run.children.len();
        judge(&name, index, &run, &mut found);
    }
    found
}

fn is_end(entry: &Entry) -> bool {
    matches!(&entry.change, Change::Execution(prana::core::record::ExecutionChange::Ended { .. }))
}

/// Adds a change up; true if it is a timer that fired before its time.
fn note(run: &mut Changes, entry: &Entry, outcome: Option<&NodeOutcome>) -> bool {
    match outcome {
        Some(NodeOutcome::Completed(_) | NodeOutcome::Failed(_) | NodeOutcome::Skipped { .. }) => {
            run.ends += 1
        }
        Some(NodeOutcome::Suspended(suspension)) => {
            run.waits += 1;
            run.wait_till = suspension.wait_till();
        }
        Some(NodeOutcome::AttemptFailed { wait_till: Some(wait_till), .. }) => {
            run.waits += 1;
            run.wait_till = Some(*wait_till);
        }
        Some(NodeOutcome::Resumed(resumed)) => {
            run.resumes += 1;
            run.timers += usize::from(resumed.by == ResumedBy::Timer);
            return resumed.by == ResumedBy::Timer && run.wait_till.is_some_and(|due| entry.at < due);
        }
        Some(NodeOutcome::ChildEnded(end)) => run.children.push(end.item),
        _ => {}
    }
    false
}

fn judge(name: &str, index: u32, run: &Changes, found: &mut Found) {
    if run.ends != 1 {
        found.wrong.push(format!("{name}: run {index} ended {} times", run.ends));
    }
    // A wait ends once: by what it waited for, or because the execution ended (then it is skipped).
    if run.resumes > run.waits || run.resumes + 1 < run.waits {
        let (waits, resumes) = (run.waits, run.resumes);
        found
            .not_once
            .push(format!("{name}: run {index} waited {waits} times and was woken {resumes} times"));
    }
    let distinct: HashSet<u32> = run.children.iter().copied().collect();
    if distinct.len() != run.children.len() {
        found.not_once.push(format!("{name}: a child of run {index} reported twice"));
    }
}

/// Holds an execution against what its workflow does.
pub fn check_shape(execution: &Execution, children: usize) -> Vec<String> {
    let name = format!("execution {} ({})", execution.id, execution.workflow_id);
    let mut wrong = Vec::new();
    let wanted = match &*execution.workflow_id {
        "torture-cancel" => Status::Cancelled,
        _ => Status::Completed,
    };
    if execution.status != wanted {
        let error = execution.error().map_or_else(String::new, ToString::to_string);
        wrong.push(format!("{name}: it ended as {} {error}", execution.status.as_str()));
        return wrong;
    }
    let input = Json::from(&execution.trigger_data);
    for (keys, times) in workload::expected(&execution.workflow_id, &input) {
        let of_these = execution.node_executions.iter().filter(|run| {
            run.status == NodeStatus::Completed && keys.iter().any(|key| **key == *run.node_key)
        });
        let found = of_these.count();
        if found != times {
            wrong.push(format!("{name}: {} completed {found} times, not {times}", keys.join("/")));
        }
    }
    let wanted = workload::children(&execution.workflow_id, &input);
    if children != wanted {
        wrong.push(format!("{name}: it has {children} children, not {wanted}"));
    }
    wrong.extend(check_sums(execution).map(|run| format!("{name}: run {run} has another sum")));
    wrong
}

/// A pure node after an effect has its receipt plus one.
fn check_sums(execution: &Execution) -> impl Iterator<Item = u32> {
    execution.node_executions.windows(2).filter_map(|pair| {
        let sum = pair[1].output.get("sum").and_then(Value::as_i64)?;
        let receipt = pair[0].output.get("receipt").and_then(Value::as_i64);
        (receipt != Some(sum - 1)).then_some(pair[1].execution_index)
    })
}

/// The number of the answer that the node `ask` took, if it took one.
pub fn answer_taken(execution: &Execution) -> Option<i64> {
    let ask = execution.node_executions.iter().find(|run| &*run.node_key == "ask")?;
    let resumed = ask.resumed.as_ref().filter(|resumed| resumed.resumed.by == ResumedBy::Call)?;
    resumed.resumed.data.get("answer").and_then(Value::as_i64)
}

/// Whether a run was parked or asked about.
pub fn was_decided(execution: &Execution) -> bool {
    execution.node_executions.iter().any(|run| matches!(run.suspension, Some(Suspension::Decision { .. })))
}
