//! `core.for_each`: the declaration. The executor itself runs it.

use prana_template::Value;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::action::{Descriptor, Effect, Kind};
use crate::registry::{Behaviour, Registered, Registry};

/// The parameters of `core.for_each`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ForEachParams {
    /// The list to go over. Evaluated once, when the loop starts.
    #[schemars(with = "serde_json::Value")]
    pub collection: Value,
    /// One item at a time, or several.
    #[serde(default)]
    pub mode: Mode,
    /// Items per batch, 1 or more; batch mode only.
    #[serde(default)]
    pub batch_size: Option<u64>,
    /// What to keep of each iteration: a template with `$input` (what came back last), `$item` and `$index`.
    #[serde(default)]
    #[schemars(with = "Option<serde_json::Value>")]
    pub collect: Option<Value>,
}

/// How many items an iteration gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// One.
    #[default]
    Single,
    /// A list of `batch_size`.
    Batch,
}

/// Adds it.
pub fn register(registry: &mut Registry) {
    let descriptor = Descriptor::new::<ForEachParams>(
        "core.for_each",
        "For each",
        "Goes over a list, item by item or in batches. What is connected to `loop` runs once for each; `done` follows when all are \
         through, with `{count, results}`.",
        Effect::Pure,
    )
    .kind(Kind::Logic)
    .outputs(&["loop", "done"], None)
    .item_fields(&["collect"])
    .aliases(&["prana_core.for_each"]);
    registry.add(Registered { descriptor, behaviour: Behaviour::ForEach });
}
