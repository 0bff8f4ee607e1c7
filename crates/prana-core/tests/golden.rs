//! The record format, held by files: each is read with today's types and must be written back as it is.
//!
//! A file is added for everything new that is recorded, and never edited: logs of old executions are read for ever.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::path::PathBuf;

use prana_core::execution::Header;
use prana_core::record::{
    Change, Completed, Entry, ExecutionChange, Fork, NodeChange, NodeOutcome, Resumed, ResumedBy, Started,
};
use prana_core::suspension::Suspension;
use prana_template::{Capture, Deferred};
use serde::Serialize;
use serde::de::DeserializeOwned;

fn files() -> Vec<(String, String)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut files: Vec<(String, String)> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, std::fs::read_to_string(path).unwrap())
        })
        .collect();
    files.sort();
    files
}

/// Reads the text, and compares what is written back.
fn read_back<T: DeserializeOwned + Serialize + PartialEq + Debug>(name: &str, text: &str) -> T {
    let read: T = serde_json::from_str(text).unwrap_or_else(|error| {
        panic!("{name}: {error}. Files in tests/golden are added to and never edited: mend the types")
    });
    let written = serde_json::to_string_pretty(&read).unwrap() + "\n";
    assert_eq!(
        written, text,
        "{name} is written back otherwise than it was recorded: mend the types, not the file"
    );
    read
}

#[test]
fn what_was_recorded_is_read_and_written_back() {
    for (name, text) in files() {
        match name.split_once('.').map_or(name.as_str(), |(kind, _)| kind) {
            "header" => drop(read_back::<Header>(&name, &text)),
            "entry" => drop(read_back::<Entry>(&name, &text)),
            other => panic!("{name}: what is a `{other}`?"),
        }
    }
}

/// The name of what an entry says. Without a wildcard: a new kind must be named here, and then needs files.
fn kind(entry: &Entry) -> String {
    let change = match &entry.change {
        Change::Execution(change) => match change {
            ExecutionChange::Started => "started",
            ExecutionChange::Suspended => "suspended",
            ExecutionChange::Resumed => "resumed",
            ExecutionChange::Ended { .. } => "ended",
            ExecutionChange::Forked(_) => "forked",
            ExecutionChange::Interrupted => "interrupted",
        },
        Change::Node(change) => return format!("node-{}", outcome(change)),
    };
    change.to_owned()
}

fn outcome(change: &NodeChange) -> String {
    let Some(outcome) = &change.outcome else { return "started".to_owned() };
    match outcome {
        NodeOutcome::Completed(_) => "completed".to_owned(),
        NodeOutcome::Failed(_) => "failed".to_owned(),
        NodeOutcome::AttemptFailed { .. } => "attempt-failed".to_owned(),
        NodeOutcome::Suspended(suspension) => match suspension {
            Suspension::Webhook { .. } => "suspended-webhook".to_owned(),
            Suspension::Interval { .. } => "suspended-interval".to_owned(),
            Suspension::Schedule { .. } => "suspended-schedule".to_owned(),
            Suspension::SubWorkflow { .. } => "suspended-sub-workflow".to_owned(),
            Suspension::Retry { .. } => "suspended-retry".to_owned(),
            Suspension::Decision { .. } => "suspended-decision".to_owned(),
        },
        NodeOutcome::Resumed(resumed) => match resumed.by {
            ResumedBy::Call => "resumed-call".to_owned(),
            ResumedBy::Timer => "resumed-timer".to_owned(),
            ResumedBy::Child => "resumed-child".to_owned(),
            ResumedBy::Recovery => "resumed-recovery".to_owned(),
        },
        NodeOutcome::ChildEnded(_) => "child-ended".to_owned(),
        NodeOutcome::Skipped { .. } => "skipped".to_owned(),
        NodeOutcome::Began { .. } => "began".to_owned(),
    }
}

const KINDS: &[&str] = &[
    "started",
    "suspended",
    "resumed",
    "ended",
    "forked",
    "interrupted",
    "node-started",
    "node-completed",
    "node-failed",
    "node-attempt-failed",
    "node-suspended-webhook",
    "node-suspended-interval",
    "node-suspended-schedule",
    "node-suspended-sub-workflow",
    "node-suspended-retry",
    "node-suspended-decision",
    "node-resumed-call",
    "node-resumed-timer",
    "node-resumed-child",
    "node-resumed-recovery",
    "node-child-ended",
    "node-skipped",
    "node-began",
];

#[test]
fn there_is_a_file_for_every_kind() {
    let entries = files().into_iter().filter(|(name, _)| name.starts_with("entry."));
    let found: BTreeSet<String> =
        entries.map(|(name, text)| kind(&read_back::<Entry>(&name, &text))).collect();
    let known: BTreeSet<String> = KINDS.iter().map(|kind| (*kind).to_owned()).collect();
    assert_eq!(found, known);
    let headers = files().into_iter().filter(|(name, _)| name.starts_with("header.")).count();
    assert!(headers >= 2, "the header, complete and minimal");
}

/// Complete records name every field: a new one doesn't compile here until it is put into a new file.
#[test]
fn complete_files_have_every_field() {
    let file = |wanted: &str| files().into_iter().find(|(name, _)| name == wanted).unwrap().1;
    let entry = |name: &str| read_back::<Entry>(name, &file(name));
    let node = |name: &str| match entry(name).change {
        Change::Node(change) => *change,
        Change::Execution(_) => panic!("{name}"),
    };
    let NodeChange { started, outcome, execution_index: _ } = node("entry.node-completed.complete");
    let Started { node_key, run_index, input_from, loop_path, params, deferred: _, parked: _ } =
        started.unwrap();
    assert!(!node_key.is_empty() && run_index > 0 && !input_from.is_empty());
    assert!(!loop_path.is_empty() && !params.is_null());
    let Some(NodeOutcome::Completed(completed)) = outcome else { panic!() };
    let Completed { output, port, state_updates, context_updates, is_error } = completed;
    assert!(!output.is_null() && port.is_some() && is_error);
    assert!(!state_updates.is_empty() && !context_updates.is_empty());
    let deferred = node("entry.node-started.deferred").started.unwrap().deferred;
    let Deferred { path, captures, item } = &deferred[0];
    assert!(path.len() == 2 && captures.is_empty() && item.is_some());
    let Capture { name, path, value } = &deferred[1].captures[0];
    assert!(!name.is_empty() && !path.is_empty() && !value.is_null());
    let Some(NodeOutcome::Began { params, deferred }) = node("entry.node-began.deferred").outcome else {
        panic!()
    };
    assert!(!params.is_null() && !deferred.is_empty());
    let Some(NodeOutcome::Failed(error)) = node("entry.node-failed.complete").outcome else { panic!() };
    let prana_core::ErrorValue { code, message, details, retryable, retry_after_ms } = *error;
    assert!(!code.is_empty() && !message.is_empty() && !details.is_null());
    assert!(!retryable && retry_after_ms.is_some());
    let Some(NodeOutcome::Resumed(resumed)) = node("entry.node-resumed-call.complete").outcome else {
        panic!()
    };
    let Resumed { by: _, data } = resumed;
    assert!(!data.is_null());
    let Change::Execution(ExecutionChange::Forked(fork)) = entry("entry.forked.complete").change else {
        panic!()
    };
    let Fork { from: _, node, input, alone } = *fork;
    assert!(!node.is_empty() && input.is_some() && alone);
    let header = read_back::<Header>("header.complete", &file("header.complete"));
    assert!(header.parent_execution_id.is_some() && header.depth > 0 && !header.trigger_data.is_null());
    let metadata = header.metadata;
    assert!(metadata.parent.is_some() && metadata.timeout_ms.is_some() && metadata.test_run);
    assert!(
        !metadata.variables.is_empty()
            && !metadata.environment.is_empty()
            && !metadata.preparation.is_empty()
    );
}
