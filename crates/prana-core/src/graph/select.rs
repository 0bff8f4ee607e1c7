//! Which activation runs next: branch following.
//!
//! `ready` is kept sorted by priority, the greatest last, so a chain takes one look. What is not ready yet (a join that can still be
//! fed, a for_each whose iteration is not over) is passed over.

use fixedbitset::FixedBitSet;

use super::ExecutionGraph;
use super::state::Activation;
use crate::document::Join;
use crate::loop_path::LoopPath;

/// After so many joins in one selection it pays to gather what is alive.
const JOINS_ONE_BY_ONE: usize = 4;

impl ExecutionGraph {
    /// The position in `ready` of what runs next. None if nothing can.
    ///
    /// If nothing is ready and nothing waits for the outside, joins that wait for each other are served in the same order.
    pub(crate) fn select(&self) -> Option<usize> {
        let ready = &self.state().ready;
        let mut alive = Alive::default();
        let found = (0..ready.len()).rev().find(|position| self.is_ready_beside(*position, &mut alive));
        found.or_else(|| {
            if !self.state().open.is_empty() {
                return None;
            }
            (0..ready.len()).rev().find(|position| self.is_waiting_join(&ready[*position]))
        })
    }

    /// Can the activation at this position run now?
    pub(crate) fn is_ready(&self, position: usize) -> bool {
        self.is_ready_beside(position, &mut Alive::default())
    }

    fn is_ready_beside(&self, position: usize, alive: &mut Alive) -> bool {
        let activation = &self.state().ready[position];
        let node = self.node(activation.node);
        if activation.parked {
            return self.iteration_is_over(position);
        }
        if node.is_for_each() && self.state().for_each_run(activation.node, &activation.loop_path).is_some() {
            return false;
        }
        node.join == Join::Each || self.nothing_more_can_come(position, alive)
    }

    fn is_waiting_join(&self, activation: &Activation) -> bool {
        !activation.parked && self.node(activation.node).join == Join::All
    }

    /// The iteration of a parked for_each is over when nothing else carries its path.
    fn iteration_is_over(&self, position: usize) -> bool {
        let state = self.state();
        let activation = &state.ready[position];
        let Some(run) = state.for_each_run(activation.node, &activation.loop_path) else { return true };
        // What descends from the for_each's latest run is deeper than it, so it stands behind it in `ready`.
        let deeper = state.ready[position + 1..].iter().map(|other| &other.loop_path);
        let open = state.open.iter().map(|other| &other.loop_path);
        !deeper.chain(open).any(|path| path.starts_with(&run.iteration_path))
    }

    /// A join is ready when there is nothing else, with a loop path that begins with its own, from whose node a way leads to it.
    fn nothing_more_can_come(&self, position: usize, alive: &mut Alive) -> bool {
        let activation = &self.state().ready[position];
        let Some(reach) = &self.node(activation.node).reach else { return true };
        let innermost = activation.loop_path.innermost();
        let scope =
            innermost.and_then(|element| self.compiled().scope_of(&element.key)).map(|(number, _)| number);
        let Some(row) = reach.row(scope) else { return true };
        alive.joins += 1;
        if alive.joins > JOINS_ONE_BY_ONE {
            return !alive.below(self, &activation.loop_path).reaches(row, activation.node.index());
        }
        let mut others = self.state().live(position);
        !others.any(|(node, path)| path.starts_with(&activation.loop_path) && row.contains(node.index()))
    }
}

/// The nodes that are alive, gathered once where many joins wait: else each of them would look at all of it.
#[derive(Default)]
struct Alive {
    joins: usize,
    groups: Vec<(LoopPath, Nodes)>,
}

/// Nodes with something alive in the iteration of one loop path.
struct Nodes {
    once: FixedBitSet,
    more_than_once: FixedBitSet,
    /// What the last join waited for: the next one often waits for the same.
    waited_for: Option<usize>,
}

impl Alive {
    fn below(&mut self, graph: &ExecutionGraph, loop_path: &LoopPath) -> &mut Nodes {
        let known = self.groups.iter().position(|(path, _)| path == loop_path);
        let place = known.unwrap_or_else(|| {
            self.groups.push((loop_path.clone(), Nodes::below(graph, loop_path)));
            self.groups.len() - 1
        });
        &mut self.groups[place].1
    }
}

impl Nodes {
    fn below(graph: &ExecutionGraph, loop_path: &LoopPath) -> Self {
        let count = graph.compiled().nodes.len();
        let (mut once, mut more_than_once) =
            (FixedBitSet::with_capacity(count), FixedBitSet::with_capacity(count));
        let all = graph.state().live(usize::MAX);
        for (node, _) in all.filter(|(_, path)| path.starts_with(loop_path)) {
            if once.put(node.index()) {
                more_than_once.insert(node.index());
            }
        }
        Nodes { once, more_than_once, waited_for: None }
    }

    /// Is there anything alive, besides one activation of `own`, at a node of this row?
    fn reaches(&mut self, row: &FixedBitSet, own: usize) -> bool {
        let (once, more_than_once) = (&self.once, &self.more_than_once);
        let counts = |node: &usize| *node != own || more_than_once.contains(*node);
        let same = self.waited_for.filter(|node| row.contains(*node)).filter(counts);
        self.waited_for = same.or_else(|| once.intersection(row).find(counts));
        self.waited_for.is_some()
    }
}
