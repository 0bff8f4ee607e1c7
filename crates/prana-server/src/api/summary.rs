//! What lists say about workflows, and how they are searched.

use prana::Value;
use prana::core::Registry;
use prana::core::action::Kind;
use prana::store::{Which, Workflow};
use serde::Serialize;
use utoipa::ToSchema;

use super::workflows::WorkflowSummary;
use crate::problem::Problem;
use crate::server::Shared;

/// Workflows read at a time.
const BATCH: usize = 200;

/// Workflows looked at for one page at most: a search goes on with the next page.
const LOOKED_AT: usize = 2_000;

/// What the newest version of a workflow says about itself.
#[derive(Serialize, ToSchema)]
pub(super) struct Brief {
    /// Shown to people; null if it has none.
    #[schema(required = true)]
    name: Option<String>,
    #[schema(required = true)]
    description: Option<String>,
    /// How many nodes it has.
    node_count: usize,
    /// The types of its triggers, each once.
    triggers: Vec<String>,
    /// What is searched besides the above.
    #[serde(skip)]
    types: Vec<String>,
}

impl Brief {
    /// Of a stored document, which may have errors.
    fn of(document: &Value, registry: &Registry) -> Self {
        let text = |name: &str| document.get(name).and_then(Value::as_str).map(str::to_owned);
        let nodes: Vec<&Value> = document
            .get("nodes")
            .and_then(Value::as_list)
            .map_or_else(Vec::new, |nodes| nodes.iter().collect());
        let mut types: Vec<String> =
            nodes.iter().filter_map(|node| Some(node.get("type")?.as_str()?.to_owned())).collect();
        types.sort_unstable();
        types.dedup();
        let is_trigger = |name: &&String| {
            registry.action(name).is_some_and(|action| action.descriptor.kind == Kind::Trigger)
        };
        let triggers = types.iter().filter(is_trigger).cloned().collect();
        Brief {
            name: text("name"),
            description: text("description"),
            node_count: nodes.len(),
            triggers,
            types,
        }
    }
}

/// Which workflows a list shows.
pub(super) struct Wanted {
    /// In lower case.
    pub text: Option<String>,
    pub active: Option<bool>,
}

impl Wanted {
    fn has(&self, one: &WorkflowSummary) -> bool {
        let Some(text) = &self.text else { return true };
        let brief = &one.brief;
        let fields = [Some(&one.id), brief.name.as_ref(), brief.description.as_ref()];
        fields.into_iter().flatten().chain(&brief.types).any(|field| field.to_lowercase().contains(text))
    }
}

/// Up to `limit` workflows that are wanted, and where the next page begins.
pub(super) async fn page(
    shared: &Shared,
    wanted: &Wanted,
    mut after: Option<String>,
    limit: usize,
) -> Result<(Vec<WorkflowSummary>, Option<String>), Problem> {
    let mut found = Vec::new();
    let mut looked_at = 0;
    loop {
        let batch = shared.engine.catalog().workflows(after.as_deref(), BATCH.min(limit + 1)).await?;
        if batch.is_empty() {
            return Ok((found, None));
        }
        for one in batch {
            // A page ends before the row that would be one too many, so there is a next one.
            if found.len() == limit || looked_at == LOOKED_AT {
                return Ok((found, after));
            }
            looked_at += 1;
            after = Some(one.id.clone());
            if wanted.active.is_some_and(|active| active != one.active.is_some()) {
                continue;
            }
            let summary = summary(shared, one).await?;
            found.extend(summary.filter(|summary| wanted.has(summary)));
        }
    }
}

/// None if it was deleted meanwhile.
async fn summary(shared: &Shared, one: Workflow) -> Result<Option<WorkflowSummary>, Problem> {
    let Some(stored) = shared.engine.catalog().workflow(&one.id, Which::Latest).await? else {
        return Ok(None);
    };
    let brief = Brief::of(&super::workflows::document_of(&stored)?, shared.engine.registry());
    Ok(Some(WorkflowSummary {
        id: one.id,
        latest: one.latest,
        active: one.active,
        updated_at: one.updated_at,
        brief,
    }))
}
