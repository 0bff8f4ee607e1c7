//! The for_each there and here: there a node that is run anew for each item and keeps what remains, here one collection and a position.

use prana_core::compile::NodeId;
use prana_core::record::Completed;
use prana_template::{List, Map, Value};

use super::legacy::{Legacy, LegacyError};
use super::replay::{NOT_RECORDED, Replay};

/// Iterations without a record are put into the trail one by one, up to this many.
const MAX_FILLED: usize = 200_000;

/// What is known of a for_each.
#[derive(Debug, Clone)]
pub(super) struct LoopFacts {
    /// Its parameters, with the collection as a list.
    params: Value,
    items: List,
    batch: Option<usize>,
    /// Per recorded run (by its place): the iteration that it began.
    iterations: Vec<(usize, Option<usize>)>,
    /// True if the collection was put together of what was left of it.
    rebuilt: bool,
}

impl LoopFacts {
    fn new(legacy: &Legacy, key: &str) -> Self {
        let runs: Vec<usize> =
            (0..legacy.runs.len()).filter(|place| &*legacy.runs[*place].node_key == key).collect();
        let context = legacy.contexts.get(key).and_then(Value::as_map).cloned().unwrap_or_default();
        let iterations = iterations(legacy, &runs, &context);
        let params = runs.last().map(|place| legacy.runs[*place].params.clone()).unwrap_or_default();
        let batch = match (
            params.get("mode").and_then(Value::as_str),
            params.get("batch_size").and_then(Value::as_i64),
        ) {
            (Some("batch"), Some(size)) if size >= 1 => usize::try_from(size).ok(),
            _ => None,
        };
        let recorded = params.get("collection").and_then(Value::as_list).cloned();
        let mut facts =
            LoopFacts { params, items: recorded.unwrap_or_default(), batch, iterations, rebuilt: false };
        facts.check(legacy, &context);
        facts
    }

    fn iteration(&self, place: usize) -> Option<usize> {
        self.iterations.iter().find(|(other, _)| *other == place).and_then(|(_, iteration)| *iteration)
    }

    /// The parameters of the newest run are rendered anew each time there; what remains is what counts.
    fn check(&mut self, legacy: &Legacy, context: &Map) {
        let Some(Value::List(remaining)) = context.get("remaining_items") else { return };
        let newest =
            self.iterations.iter().rev().find_map(|(place, iteration)| Some((*place, (*iteration)?)));
        let Some((place, iteration)) = newest else { return };
        let emitted = &legacy.runs[place].output;
        let begun = iteration.saturating_mul(self.batch.unwrap_or(1));
        if begun > MAX_FILLED && begun > self.items.len() {
            return;
        }
        let current: Vec<Value> = match (self.batch, emitted) {
            (Some(_), Value::List(batch)) => batch.to_vec(),
            (_, item) => vec![item.clone()],
        };
        let tail: Vec<Value> = current.into_iter().chain(remaining.iter().cloned()).collect();
        if self.items.get(begun..).is_some_and(|items| items == tail.as_slice()) {
            return;
        }
        let earlier = self.items.iter().cloned().chain(std::iter::repeat(Value::Null)).take(begun);
        self.items = earlier.chain(tail).collect::<Vec<Value>>().into();
        self.rebuilt = true;
        let mut params = self.params.as_map().cloned().unwrap_or_default();
        params.insert("collection", Value::List(self.items.clone()));
        self.params = Value::Map(params);
    }

    fn item(&self, iteration: usize) -> Value {
        match self.batch {
            None => self.items.get(iteration).cloned().unwrap_or_default(),
            Some(size) => {
                let from = iteration.saturating_mul(size).min(self.items.len());
                let to = from.saturating_add(size).min(self.items.len());
                Value::from(self.items[from..to].to_vec())
            }
        }
    }

    fn count(&self) -> usize {
        self.items.len().div_ceil(self.batch.unwrap_or(1))
    }

    /// What a for_each keeps here.
    fn context(&self, iteration: usize) -> Map {
        let mut context = Map::new();
        context.insert("index", iteration);
        context.insert("item_count", self.items.len());
        context.insert("has_more_item", iteration + 1 < self.count());
        context
    }
}

/// Which iteration each recorded run began: counted from the first if that is on record, else back from the newest.
fn iterations(legacy: &Legacy, runs: &[usize], context: &Map) -> Vec<(usize, Option<usize>)> {
    let on_loop = |place: usize| legacy.runs[place].port.as_deref() == Some("loop");
    if runs.first().is_some_and(|place| legacy.runs[*place].run_index == 0) {
        let mut next = 0;
        let forward = |place: &usize| {
            let iteration = on_loop(*place).then_some(next);
            next = if on_loop(*place) { next + 1 } else { 0 };
            (*place, iteration)
        };
        return runs.iter().map(forward).collect();
    }
    let current = context.get("current_loop_index").and_then(Value::as_i64);
    let mut known = current.and_then(|index| usize::try_from(index).ok());
    let mut backward = Vec::with_capacity(runs.len());
    for (distance, place) in runs.iter().rev().enumerate() {
        if on_loop(*place) {
            backward.push((*place, known));
            known = known.and_then(|index| index.checked_sub(1));
        } else {
            backward.push((*place, None));
            known = known.filter(|_| distance == 0);
        }
    }
    backward.reverse();
    backward
}

impl Replay<'_> {
    fn facts(&mut self, node: NodeId) -> LoopFacts {
        let (legacy, key) = (self.legacy, self.graph.compiled().node(node).key.clone());
        let facts = self.loops.entry(node).or_insert_with(|| LoopFacts::new(legacy, &key)).clone();
        if facts.rebuilt {
            self.changed(&key, "its collection was put together of what was left of it; items that it had done with may be null");
        }
        facts
    }

    /// Before a recorded run of a for_each: the iterations that are not on record.
    pub(super) fn catch_up(&mut self, node: NodeId, place: usize) -> Result<(), LegacyError> {
        let Some(position) = self.newest(node) else { return Ok(()) };
        if self.legacy.runs[place].port.as_deref() != Some("loop") {
            return Ok(());
        }
        let facts = self.facts(node);
        let key = self.graph.compiled().node(node).key.clone();
        let Some(target) = facts.iteration(place) else {
            let reason = format!(
                "which iteration of `{key}` its run {} began can't be told",
                self.legacy.runs[place].run_index
            );
            return Err(LegacyError::not_possible(reason));
        };
        let next = self.next_iteration(position);
        if next > target {
            return Err(LegacyError::not_possible(format!(
                "`{key}` began iteration {target} there after iteration {}",
                next - 1
            )));
        }
        if target - next > MAX_FILLED {
            let reason = format!(
                "{} iterations of `{key}` are not on record, and at most {MAX_FILLED} are put in",
                target - next
            );
            return Err(LegacyError::not_possible(reason));
        }
        if next < target {
            self.changed(
                &key,
                format!(
                    "iterations {next} to {} are in the trail without records: {NOT_RECORDED}",
                    target - 1
                ),
            );
        }
        (next..target).try_for_each(|iteration| self.fill_iteration(node, &facts, iteration))
    }

    fn next_iteration(&self, position: usize) -> usize {
        let activation = &self.graph.state().ready[position];
        let run = self.graph.state().for_each_run(activation.node, &activation.loop_path);
        run.filter(|_| activation.parked).map_or(0, |run| run.iteration as usize + 1)
    }

    fn fill_iteration(
        &mut self,
        node: NodeId,
        facts: &LoopFacts,
        iteration: usize,
    ) -> Result<(), LegacyError> {
        let gone = || LegacyError::not_possible("a loop ended before its recorded iterations");
        let position = self.newest(node).ok_or_else(gone)?;
        let own_path = self.graph.state().ready[position].loop_path.clone();
        let params =
            if self.graph.state().ready[position].parked { Value::Null } else { facts.params.clone() };
        let completed = Completed {
            port: Some("loop".into()),
            context_updates: facts.context(iteration),
            ..Completed::new(facts.item(iteration))
        };
        self.fill(position, params, completed)?;
        let key = self.graph.compiled().node(node).key.clone();
        let path = own_path.enter(key, iteration as u32);
        while let Some(position) = self
            .graph
            .state()
            .ready
            .iter()
            .position(|other| !other.parked && other.loop_path.starts_with(&path))
        {
            self.skip(position, NOT_RECORDED)?;
        }
        Ok(())
    }

    /// The parameters that the first record of a run has: of a for_each that begins, with the collection that it will go over.
    pub(super) fn params_of(&mut self, node: NodeId, place: usize, position: usize) -> Value {
        let recorded = self.legacy.runs[place].params.clone();
        let begins = !self.graph.state().ready[position].parked;
        if !self.graph.compiled().node(node).is_for_each() || !begins {
            return recorded;
        }
        let facts = self.facts(node);
        if facts.params.get("collection").is_some_and(|list| list.as_list().is_some()) {
            facts.params
        } else {
            recorded
        }
    }

    /// What a for_each keeps with a recorded run.
    pub(super) fn loop_context(&mut self, node: NodeId, place: usize) -> Map {
        let facts = self.facts(node);
        facts.iteration(place).map(|iteration| facts.context(iteration)).unwrap_or_default()
    }
}
