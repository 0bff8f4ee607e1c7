//! What a completed node hands on: tokens, and the activations they make.

use prana_template::Value;
use smallvec::SmallVec;

use super::state::{Activation, State, Token};
use crate::compile::{CompiledGraph, NodeId, PortId};
use crate::document::Join;
use crate::loop_path::LoopPath;
use crate::record::ExecutionIndex;

/// A completed run, as seen by what follows.
pub(super) struct Delivery<'a> {
    pub node: NodeId,
    pub port: PortId,
    pub execution_index: ExecutionIndex,
    pub loop_path: &'a LoopPath,
    pub output: &'a Value,
    pub is_error: bool,
}

impl State {
    /// Delivers a token along every connection of the port, in the order in which they are written.
    pub(super) fn deliver(&mut self, compiled: &CompiledGraph, delivery: &Delivery<'_>) {
        let mut made = self.ready.len();
        for (order, edge) in compiled.topology.edges(delivery.node, delivery.port).iter().enumerate() {
            let may_draw_a_loop = compiled.node(edge.to).scope.is_some() && !delivery.loop_path.is_empty();
            if may_draw_a_loop && self.draws_a_loop(compiled, edge.to, delivery) {
                continue;
            }
            let token = Token {
                source: delivery.execution_index,
                from: delivery.node,
                port: edge.to_port,
                order: order as u32,
                is_error: delivery.is_error,
                output: delivery.output.clone(),
            };
            let loop_path = path_at(compiled, delivery.loop_path, edge.to);
            self.activate(compiled, edge.to, loop_path, token, &mut made);
        }
        self.put_in_order(compiled, made);
    }

    /// A token that comes back to a for_each from its own iteration makes no activation: its data is the iteration's result.
    #[inline(never)]
    fn draws_a_loop(&mut self, compiled: &CompiledGraph, target: NodeId, delivery: &Delivery<'_>) -> bool {
        let key = &compiled.node(target).key;
        let Some(own) = delivery.loop_path.inside_out().find(|element| element.key == *key) else {
            return false;
        };
        let own_path = own.outer();
        let mut runs = self.loops.iter_mut().rev();
        if let Some(run) = runs.find(|run| run.node == target && run.loop_path == *own_path) {
            run.came_back = delivery.output.clone();
        }
        true
    }

    /// Makes an activation of a token, or adds it to the one that waits at a join. It goes to the end, where those from `made` on are
    /// put in order when all are there.
    #[inline]
    fn activate(
        &mut self,
        compiled: &CompiledGraph,
        node: NodeId,
        loop_path: LoopPath,
        token: Token,
        made: &mut usize,
    ) {
        if compiled.node(node).join == Join::All
            && let Some(position) = self.waiting_at(node, &loop_path)
        {
            *made -= usize::from(position < *made);
            return self.join(position, token);
        }
        let (depth, order) = (token.source + 1, token.order);
        let tokens = SmallVec::from_buf([token]);
        self.ready.push(Activation { node, depth, order, parked: false, loop_path, tokens });
    }

    #[inline(never)]
    fn waiting_at(&self, node: NodeId, loop_path: &LoopPath) -> Option<usize> {
        let same = |other: &Activation| other.node == node && !other.parked && other.loop_path == *loop_path;
        self.ready.iter().rposition(same)
    }

    /// The waiting activation at this position gets one more token, and goes to the end.
    #[inline(never)]
    fn join(&mut self, position: usize, token: Token) {
        let mut waiting = self.ready.remove(position);
        (waiting.depth, waiting.order) = (token.source + 1, token.order);
        waiting.tokens.push(token);
        self.ready.push(waiting);
    }

    /// Puts the new activations, which stand from `made` on, where they belong in the order of selection: most often there.
    #[inline]
    fn put_in_order(&mut self, compiled: &CompiledGraph, made: usize) {
        if self.ready.len() - made > 1 {
            self.ready[made..].sort_by(|one, other| one.compare(other, compiled));
        }
        let is_early = |pair: &[Activation]| pair[0].compare(&pair[1], compiled).is_gt();
        if made > 0 && self.ready.get(made - 1..=made).is_some_and(is_early) {
            self.put_before(compiled, made);
        }
    }

    #[cold]
    fn put_before(&mut self, compiled: &CompiledGraph, made: usize) {
        for activation in self.ready.split_off(made) {
            self.insert(compiled, activation);
        }
    }

    pub(super) fn insert(&mut self, compiled: &CompiledGraph, activation: Activation) {
        let position = match self.ready.last() {
            Some(last) if last.compare(&activation, compiled).is_gt() => {
                self.ready.partition_point(|other| other.compare(&activation, compiled).is_le())
            }
            _ => self.ready.len(),
        };
        self.ready.insert(position, activation);
    }
}

/// The loop path that a token has at a node: from the first for_each on whose scope the node is not in, it is cut.
fn path_at(compiled: &CompiledGraph, path: &LoopPath, node: NodeId) -> LoopPath {
    if path.is_empty() {
        return LoopPath::EMPTY;
    }
    let mut kept = path.len();
    for element in path.inside_out() {
        let inside =
            compiled.scope_of(&element.key).is_some_and(|(_, scope)| scope.inside.contains(node.index()));
        if !inside {
            kept = element.outer().len();
        }
    }
    path.truncated(kept)
}
