//! The workflow document: what people write, how it is read, and how it is written back.
//!
//! A document is JSON or YAML, and may hold several workflows. [`load`] reads all of it and tells everything that is
//! wrong at once; what it accepts is well-formed, and no more: whether action types and ports exist, the compiler says.
//!
//! Bytes become a tree whose values know their places (`read`, `yaml`, `json`, `tree`), the tree becomes a [`Workflow`]
//! (`parse`, `settings`, `connections`), and a workflow becomes a document again (`save`).

mod connections;
mod elixir;
mod fields;
mod json;
mod loaded;
mod matching;
mod model;
mod parse;
mod read;
mod save;
mod scalar;
mod scalar_offsets;
mod schema;
mod settings;
mod short_form;
mod source;
mod test_document;
mod test_steps;
mod tree;
mod write_yaml;
mod yaml;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

pub use elixir::to_elixir;
pub use loaded::{Draft, Loaded, drafts, from_value, load, read_value};
pub use matching::{Mismatch, matches};
pub use model::{
    Backoff, Concurrency, Connection, Durability, Join, Node, NodeSettings, OnCrash, OnError, OnSuspend,
    Position, Save, Workflow, WorkflowSettings,
};
pub use read::MAX_BYTES;
pub use save::{to_json, to_value, to_yaml, value_to_yaml};
pub use schema::{ActionSchema, document_schema};
pub use source::Source;
pub use test_document::{
    DEFAULT_CLOCK, Expect, ExpectFinding, ExpectNode, Mock, MockError, Step, TestFile, TestWorkflow,
    WaitName, load_test,
};

const ID_RULE: &str = "ids have letters, digits, _ . and -, up to 128 of them";
const KEY_RULE: &str = "keys have letters, digits, _ and -, up to 64 of them";

/// Whether a text may be the id of a workflow.
pub fn is_id(text: &str) -> bool {
    (1..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
}

/// Whether a text may be the key of a node.
pub fn is_key(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b))
}
