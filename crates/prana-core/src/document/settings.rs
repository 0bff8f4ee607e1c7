//! Settings of a workflow and of a node: which there are, and what each may be.

use super::fields::{Codes, Reader};
use super::model::{
    Backoff, Concurrency, Durability, Join, NodeSettings, OnCrash, OnError, OnSuspend, Save, WorkflowSettings,
};
use super::tree::Tree;

const CODES: Codes = Codes { malformed: "workflow.invalid_settings", unknown: "workflow.invalid_settings" };

pub(crate) const WORKFLOW_FIELDS: &[&str] = &[
    "timeout",
    "max_iterations",
    "max_memory_mb",
    "on_suspend",
    "durability",
    "save",
    "retention",
    "error_workflow",
    "concurrency",
];

pub(crate) const NODE_FIELDS: &[&str] = &[
    "retry_on_failed",
    "max_retries",
    "retry_delay_ms",
    "backoff",
    "max_retry_delay_ms",
    "retry_jitter",
    "on_error",
    "timeout_ms",
    "join",
    "on_crash",
];

/// The longest pause between two tries: an hour.
pub(crate) const MAX_RETRY_DELAY_MS: u64 = 3_600_000;
/// The most tries after the first.
pub(crate) const MAX_RETRIES: u64 = 10;

/// Settings of a workflow; what can't be read keeps its default.
pub(crate) fn workflow(reader: &mut Reader<'_>, tree: &Tree) -> WorkflowSettings {
    reader.with_codes(CODES, |reader| {
        let mut settings = WorkflowSettings::default();
        let Some(fields) = reader.fields(tree, "the settings of a workflow", WORKFLOW_FIELDS) else {
            return settings;
        };
        settings.timeout = reader.optional(&fields, "timeout", Reader::duration);
        set(&mut settings.max_iterations, reader.optional(&fields, "max_iterations", at_least_one));
        set(&mut settings.max_memory_mb, reader.optional(&fields, "max_memory_mb", at_least_one));
        let word = |r: &mut Reader<'_>, t: &Tree| r.word(t, OnSuspend::WORDS, OnSuspend::from_word);
        set(&mut settings.on_suspend, reader.optional(&fields, "on_suspend", word));
        let word = |r: &mut Reader<'_>, t: &Tree| r.word(t, Durability::WORDS, Durability::from_word);
        set(&mut settings.durability, reader.optional(&fields, "durability", word));
        let word = |r: &mut Reader<'_>, t: &Tree| r.word(t, Save::WORDS, Save::from_word);
        set(&mut settings.save, reader.optional(&fields, "save", word));
        settings.retention = reader.optional(&fields, "retention", Reader::duration);
        settings.error_workflow = reader.optional(&fields, "error_workflow", error_workflow);
        settings.concurrency = reader.optional(&fields, "concurrency", concurrency);
        settings
    })
}

fn error_workflow(reader: &mut Reader<'_>, tree: &Tree) -> Option<String> {
    let id = reader.text(tree)?;
    if !super::is_id(&id) {
        reader.malformed(
            tree.span,
            format!("`{}` is no id of a workflow", id.escape_debug()),
            super::ID_RULE,
        );
    }
    Some(id)
}

fn concurrency(reader: &mut Reader<'_>, tree: &Tree) -> Option<Concurrency> {
    const WHAT: &str = "`concurrency`";
    let fields = reader.fields(tree, WHAT, &["limit", "key"])?;
    let up_to_max = |r: &mut Reader<'_>, t: &Tree| r.integer(t, 1..=u64::from(u32::MAX));
    let limit = reader.required(&fields, WHAT, "limit", up_to_max);
    let key = reader.optional(&fields, "key", Reader::text);
    Some(Concurrency { limit: u32::try_from(limit?).ok()?, key })
}

/// Settings of a node; what can't be read keeps its default.
pub(crate) fn node(reader: &mut Reader<'_>, tree: &Tree) -> NodeSettings {
    reader.with_codes(CODES, |reader| {
        let mut settings = NodeSettings::default();
        let Some(fields) = reader.fields(tree, "the settings of a node", NODE_FIELDS) else {
            return settings;
        };
        set(&mut settings.retry_on_failed, reader.optional(&fields, "retry_on_failed", Reader::bool));
        let retries = reader.optional(&fields, "max_retries", |r, t| r.integer(t, 1..=MAX_RETRIES));
        set(&mut settings.max_retries, retries.and_then(|retries| u32::try_from(retries).ok()));
        set(&mut settings.retry_delay_ms, reader.optional(&fields, "retry_delay_ms", delay));
        let word = |r: &mut Reader<'_>, t: &Tree| r.word(t, Backoff::WORDS, Backoff::from_word);
        set(&mut settings.backoff, reader.optional(&fields, "backoff", word));
        settings.max_retry_delay_ms = reader.optional(&fields, "max_retry_delay_ms", delay);
        set(
            &mut settings.retry_jitter,
            reader.optional(&fields, "retry_jitter", |r, t| r.float(t, 0.0..=1.0)),
        );
        let word = |r: &mut Reader<'_>, t: &Tree| r.word(t, OnError::WORDS, OnError::from_word);
        set(&mut settings.on_error, reader.optional(&fields, "on_error", word));
        settings.timeout_ms = reader.optional(&fields, "timeout_ms", at_least_one);
        settings.join = reader.optional(&fields, "join", |r, t| r.word(t, Join::WORDS, Join::from_word));
        let word = |r: &mut Reader<'_>, t: &Tree| r.word(t, OnCrash::WORDS, OnCrash::from_word);
        set(&mut settings.on_crash, reader.optional(&fields, "on_crash", word));
        settings
    })
}

fn set<T>(setting: &mut T, given: Option<T>) {
    if let Some(given) = given {
        *setting = given;
    }
}

fn at_least_one(reader: &mut Reader<'_>, tree: &Tree) -> Option<u64> {
    reader.integer(tree, 1..=u64::MAX)
}

fn delay(reader: &mut Reader<'_>, tree: &Tree) -> Option<u64> {
    reader.integer(tree, 0..=MAX_RETRY_DELAY_MS)
}
