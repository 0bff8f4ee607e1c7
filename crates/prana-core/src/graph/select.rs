//! Which activation runs next: branch following.
//!
//! `ready` is kept sorted by priority, the greatest last, so a chain takes one look. What is not ready yet (a join that can still be
//! fed, a for_each whose iteration is not over) is passed over.

use super::ExecutionGraph;
use super::state::Activation;
use crate::document::Join;

impl ExecutionGraph {
    /// The position in `ready` of what runs next. None if nothing can.
    ///
    /// If nothing is ready and nothing waits for the outside, joins that wait for each other are served in the same order.
    pub(crate) fn select(&self) -> Option<usize> {
        let ready = &self.state().ready;
        let found = (0..ready.len()).rev().find(|position| self.is_ready(*position));
        found.or_else(|| {
            if !self.state().open.is_empty() {
                return None;
            }
            (0..ready.len()).rev().find(|position| self.is_waiting_join(&ready[*position]))
        })
    }

    /// Can the activation at this position run now?
    pub(crate) fn is_ready(&self, position: usize) -> bool {
        let activation = &self.state().ready[position];
        let node = self.node(activation.node);
        if activation.parked {
            return self.iteration_is_over(position);
        }
        if node.is_for_each() && self.state().for_each_run(activation.node, &activation.loop_path).is_some() {
            return false;
        }
        node.join == Join::Each || self.nothing_more_can_come(position)
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
    fn nothing_more_can_come(&self, position: usize) -> bool {
        let activation = &self.state().ready[position];
        let Some(reach) = &self.node(activation.node).reach else { return true };
        let innermost = activation.loop_path.innermost();
        let scope =
            innermost.and_then(|element| self.compiled().scope_of(&element.key)).map(|(number, _)| number);
        !self
            .state()
            .live(position)
            .any(|(node, path)| path.starts_with(&activation.loop_path) && reach.contains(node, scope))
    }
}
