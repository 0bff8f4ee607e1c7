//! Active workflow versions that were read lately: every start asks for one.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::WorkflowVersion;

/// How many are kept at most.
const KEPT: usize = 1_000;

/// Only the one writer changes the file, and it empties this with every commit that changed a definition, before it answers.
#[derive(Debug, Default)]
pub(super) struct Known(Mutex<Versions>);

#[derive(Debug, Default)]
struct Versions {
    /// How often this was emptied.
    emptied: u64,
    active: HashMap<String, WorkflowVersion>,
}

impl Known {
    fn versions(&self) -> MutexGuard<'_, Versions> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The active version of a workflow; or, if it isn't known, what to hand to `keep` with it.
    pub(super) fn active(&self, id: &str) -> Result<WorkflowVersion, u64> {
        let versions = self.versions();
        versions.active.get(id).cloned().ok_or(versions.emptied)
    }

    /// Keeps a version that was read after `active` said that it isn't known, unless a definition has changed since.
    pub(super) fn keep(&self, emptied: u64, version: &WorkflowVersion) {
        let mut versions = self.versions();
        if versions.emptied != emptied {
            return;
        }
        if versions.active.len() >= KEPT {
            versions.active.clear();
        }
        versions.active.insert(version.workflow_id.clone(), version.clone());
    }

    /// A definition has changed.
    pub(super) fn forget(&self) {
        let mut versions = self.versions();
        versions.emptied += 1;
        versions.active.clear();
    }
}
