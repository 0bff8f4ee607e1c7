//! Schedules follow the active workflows: activated, replaced, deactivated.

use std::sync::Arc;

use prana_core::Registry;
use prana_core::document::Workflow;
use prana_store::{Item, StoreError, Which};
use prana_template::Value;

use super::state::{KIND, State, Stored, key};
use crate::engine::{Engine, Inner};
use crate::error::EngineError;

/// How many items and workflows are read at a time.
pub(super) const PAGE: usize = 500;

/// How often a change is tried again that another one came before.
const ATTEMPTS: usize = 16;

impl Engine {
    /// Makes the schedules of a workflow those of its active version: to be called after it was activated, deactivated or deleted. A schedule
    /// that says the same as before goes on where it was.
    ///
    /// # Errors
    /// What the store says.
    pub async fn sync_schedules(&self, workflow_id: &str) -> Result<(), EngineError> {
        self.inner.sync_schedules(workflow_id).await
    }
}

impl Inner {
    pub(crate) async fn sync_schedules(&self, workflow_id: &str) -> Result<(), EngineError> {
        for _ in 0..ATTEMPTS {
            match self.try_to_sync(workflow_id).await {
                Err(EngineError::Store(StoreError::Outdated { .. })) => {}
                Err(error) => return Err(error),
                Ok(changed) => {
                    if changed {
                        self.schedules.changed();
                    }
                    return Ok(());
                }
            }
        }
        Err(EngineError::Unavailable("the schedules of this workflow change all the time".to_owned()))
    }

    /// True if something changed.
    async fn try_to_sync(&self, workflow_id: &str) -> Result<bool, EngineError> {
        let catalog = self.workflows.catalog();
        let wanted = match self.workflows.version(workflow_id, Which::Active).await {
            Ok(version) => triggers(&version.workflow, version.number, self.workflows.registry()),
            Err(EngineError::UnknownWorkflow(_)) => Vec::new(),
            Err(error @ EngineError::Store(_)) => return Err(error),
            Err(error) => {
                tracing::error!(workflow = workflow_id, %error, "its schedules can't be read");
                return Ok(false);
            }
        };
        let stored = self.stored_of(workflow_id).await?;
        let now = self.clock.now();
        let mut changed = false;
        for Trigger { node_key, version, params } in &wanted {
            let known = stored.iter().find(|stored| stored.node_key == *node_key);
            let state = match known {
                None => State::new(*version, params.clone(), now),
                Some(known) => known.state.renewed(*version, params, now),
            };
            if known.is_none_or(|known| known.state != state) {
                let bytes = serde_json::to_vec(&state).map_err(EngineError::encoding)?;
                let based_on = known.map_or(0, |known| known.item);
                catalog.put_item(KIND, &key(workflow_id, node_key), Some(based_on), bytes).await?;
                changed = true;
            }
        }
        for gone in stored.iter().filter(|stored| !wanted.iter().any(|one| one.node_key == stored.node_key)) {
            changed |= catalog.delete_item(KIND, &gone.key(), Some(gone.item)).await?;
        }
        Ok(changed)
    }

    /// The stored schedules of one workflow.
    async fn stored_of(&self, workflow_id: &str) -> Result<Vec<Stored>, EngineError> {
        let start = key(workflow_id, "");
        let mut found = Vec::new();
        let mut after = start.clone();
        loop {
            let items = self.workflows.catalog().items(KIND, Some(&after), PAGE).await?;
            let is_last = items.len() < PAGE;
            for item in items {
                if !item.key.starts_with(&start) {
                    return Ok(found);
                }
                after.clone_from(&item.key);
                found.extend(readable(&item));
            }
            if is_last {
                return Ok(found);
            }
        }
    }

    /// Makes all schedules those of the active workflows: a change may have been cut short, or made by another program.
    pub(super) async fn sync_all_schedules(&self) -> Result<(), EngineError> {
        let catalog = Arc::clone(self.workflows.catalog());
        let mut after: Option<String> = None;
        loop {
            let page = catalog.workflows(after.as_deref(), PAGE).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.id.clone());
            for one in page.iter().filter(|one| one.active.is_some()) {
                self.sync_schedules(&one.id).await?;
            }
        }
        for stored in self.all_stored().await? {
            if catalog.workflow(&stored.workflow_id, Which::Active).await?.is_none() {
                self.sync_schedules(&stored.workflow_id).await?;
            }
        }
        Ok(())
    }

    /// Every stored schedule, by key.
    pub(super) async fn all_stored(&self) -> Result<Vec<Stored>, EngineError> {
        let mut found = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let items = self.workflows.catalog().items(KIND, after.as_deref(), PAGE).await?;
            let Some(last) = items.last() else { return Ok(found) };
            after = Some(last.key.clone());
            found.extend(items.iter().filter_map(readable));
        }
    }
}

/// What can't be read starts nothing, and hurts no other.
pub(super) fn readable(item: &Item) -> Option<Stored> {
    Stored::read(item)
        .inspect_err(|error| tracing::error!(schedule = item.key, %error, "it can't be read"))
        .ok()
}

/// A trigger of an active workflow.
struct Trigger {
    node_key: String,
    version: u64,
    params: Value,
}

fn triggers(workflow: &Workflow, version: u64, registry: &Registry) -> Vec<Trigger> {
    let nodes = workflow.nodes.iter().filter(|node| !node.disabled && is_schedule(&node.type_name, registry));
    nodes.map(|node| Trigger { node_key: node.key.clone(), version, params: node.params.clone() }).collect()
}

fn is_schedule(type_name: &str, registry: &Registry) -> bool {
    registry.action(type_name).is_some_and(|action| &*action.descriptor.type_name == "schedule.trigger")
}

/// Whether a workflow has schedules.
pub(crate) fn has_schedules(workflow: &Workflow, registry: &Registry) -> bool {
    workflow.nodes.iter().any(|node| is_schedule(&node.type_name, registry))
}
