//! How much live data an execution holds.
//!
//! Counting everything after every node would cost too much, and data is shared: an upper bound is kept, and only when that passes the
//! budget is the real amount counted, each shared part once.

use prana_template::{Deferred, Value};
use rustc_hash::FxHashSet;

use super::state::State;

/// Values under this weight are counted wherever they stand; larger ones once.
const SHARED_FROM: usize = 16 << 10;

/// The upper bound.
#[derive(Debug, Clone, Copy, PartialEq, Default, serde::Serialize, serde::Deserialize)]
pub struct Budget {
    at_most: usize,
}

impl State {
    /// Takes note of new live data.
    pub(super) fn add_weight(&mut self, value: &Value) {
        self.budget.at_most = self.budget.at_most.saturating_add(value.weight());
    }

    /// Takes note of what templates hold that are evaluated later.
    #[inline(never)]
    pub(super) fn add_captures(&mut self, deferred: &[Deferred]) {
        captured(deferred).for_each(|value| self.add_weight(value));
    }

    /// Where the upper bound has passed the limit, it becomes the real amount. A part of applying an entry, so that a rebuild counts
    /// at the same places.
    pub(super) fn settle_weight(&mut self, limit: usize) {
        if self.budget.at_most > limit {
            self.budget.at_most = self.live_weight();
        }
    }

    /// True if the live data is more than `limit` bytes.
    pub(super) fn is_over(&self, limit: usize) -> bool {
        self.budget.at_most > limit
    }

    /// The live data in bytes, shared parts counted once.
    #[inline(never)]
    pub fn live_weight(&self) -> usize {
        let mut count = Count { total: 0, seen: FxHashSet::default() };
        for activation in &self.ready {
            activation.tokens.iter().for_each(|token| count.add(&token.output));
        }
        for run in &self.open {
            run.tokens.iter().for_each(|token| count.add(&token.output));
            count.add(&run.params);
            captured(&run.deferred).for_each(|value| count.add(value));
            run.ended_children.iter().for_each(|end| count.add(&end.output));
        }
        for run in &self.loops {
            count.add(&run.params);
            count.add(&run.came_back);
            run.results.iter().for_each(|result| count.add(result));
        }
        for node in &self.nodes {
            node.latest.iter().for_each(|latest| count.add(&latest.output));
            count.add(&Value::Map(node.context.clone()));
        }
        count.add(&Value::Map(self.shared.clone()));
        count.add(&self.last_output);
        count.total
    }
}

fn captured(deferred: &[Deferred]) -> impl Iterator<Item = &Value> {
    let items = deferred.iter().flat_map(|later| &later.item).map(|of| &of.item);
    deferred.iter().flat_map(|later| &later.captures).map(|capture| &capture.value).chain(items)
}

struct Count {
    total: usize,
    seen: FxHashSet<usize>,
}

impl Count {
    fn add(&mut self, value: &Value) {
        if value.weight() < SHARED_FROM {
            self.total = self.total.saturating_add(value.weight());
            return;
        }
        if address(value).is_some_and(|address| !self.seen.insert(address)) {
            return;
        }
        match value {
            Value::List(items) => items.iter().for_each(|item| self.add(item)),
            Value::Map(map) => map.values().for_each(|item| self.add(item)),
            _ => self.total = self.total.saturating_add(value.weight()),
        }
    }
}

/// What two clones of a container share.
fn address(value: &Value) -> Option<usize> {
    match value {
        Value::List(items) => Some(items.as_ptr() as usize),
        Value::Map(map) => map.entry_at(0).map(|(_, first)| std::ptr::from_ref(first) as usize),
        Value::Str(text) => Some(text.as_ptr() as usize),
        _ => None,
    }
}
