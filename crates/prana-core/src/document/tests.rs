//! Tests of the document as a whole; what belongs to one module alone is tested there.

mod bad_input;
mod findings;
mod forms;
mod places;
mod round_trip;
mod test_files;

use super::{Loaded, Workflow, load};
use crate::diagnostic::Diagnostic;

fn loaded(text: &str) -> Loaded {
    let mut all =
        load("test.yaml", text.as_bytes()).unwrap_or_else(|findings| panic!("{text}\n{findings:#?}"));
    assert_eq!(all.len(), 1, "{text}");
    all.remove(0)
}

fn workflow(text: &str) -> Workflow {
    loaded(text).workflow
}

fn findings(text: &str) -> Vec<Diagnostic> {
    load("test.yaml", text.as_bytes()).expect_err(text)
}
