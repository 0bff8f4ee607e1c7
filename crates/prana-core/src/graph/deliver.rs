//! What a completed node hands on: tokens, and the activations they make.

use prana_template::Value;
use smallvec::SmallVec;

use super::ExecutionGraph;
use super::state::{Activation, Token};
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

impl ExecutionGraph {
    /// Delivers a token along every connection of the port, in the order in which they are written.
    pub(super) fn deliver(&mut self, delivery: &Delivery<'_>) {
        let compiled = self.compiled.clone();
        let mut made: SmallVec<[Activation; 2]> = SmallVec::new();
        for (order, edge) in compiled.topology.edges(delivery.node, delivery.port).iter().enumerate() {
            if self.draws_a_loop(&compiled, edge.to, delivery) {
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
            let loop_path = path_at(&compiled, delivery.loop_path, edge.to);
            self.activate(&compiled, edge.to, loop_path, token, &mut made);
        }
        self.insert_all(&compiled, made);
    }

    /// A token that comes back to a for_each from its own iteration makes no activation: its data is the iteration's result.
    fn draws_a_loop(&mut self, compiled: &CompiledGraph, target: NodeId, delivery: &Delivery<'_>) -> bool {
        if compiled.node(target).scope.is_none() || delivery.loop_path.is_empty() {
            return false;
        }
        let key = &compiled.node(target).key;
        let Some(own) = delivery.loop_path.inside_out().find(|element| element.key == *key) else {
            return false;
        };
        let own_path = own.outer();
        let mut runs = self.state.loops.iter_mut().rev();
        if let Some(run) = runs.find(|run| run.node == target && run.loop_path == *own_path) {
            run.came_back = delivery.output.clone();
        }
        true
    }

    /// Makes an activation of a token, or adds it to the one that waits at a join.
    fn activate(
        &mut self,
        compiled: &CompiledGraph,
        node: NodeId,
        loop_path: LoopPath,
        token: Token,
        made: &mut SmallVec<[Activation; 2]>,
    ) {
        let (depth, order) = (token.source + 1, token.order);
        if compiled.node(node).join == Join::All {
            let same =
                |other: &Activation| other.node == node && !other.parked && other.loop_path == loop_path;
            if let Some(waiting) = made.iter_mut().find(|other| same(other)) {
                waiting.tokens.push(token);
                (waiting.depth, waiting.order) = (depth, order);
                return;
            }
            if let Some(position) = self.state.ready.iter().rposition(same) {
                let mut waiting = self.state.ready.remove(position);
                waiting.tokens.push(token);
                (waiting.depth, waiting.order) = (depth, order);
                made.push(waiting);
                return;
            }
        }
        let tokens = SmallVec::from_buf([token]);
        made.push(Activation { node, depth, order, parked: false, loop_path, tokens });
    }

    /// Puts new activations where they belong in the order of selection.
    fn insert_all(&mut self, compiled: &CompiledGraph, mut made: SmallVec<[Activation; 2]>) {
        if made.len() > 1 {
            made.sort_by_key(|activation| activation.priority(compiled.node(activation.node).dependencies));
        }
        for activation in made {
            self.insert(compiled, activation);
        }
    }

    pub(super) fn insert(&mut self, compiled: &CompiledGraph, activation: Activation) {
        let priority = |other: &Activation| other.priority(compiled.node(other.node).dependencies);
        let own = priority(&activation);
        let ready = &mut self.state.ready;
        match ready.last() {
            Some(last) if priority(last) > own => {
                let position = ready.partition_point(|other| priority(other) <= own);
                ready.insert(position, activation);
            }
            _ => ready.push(activation),
        }
    }
}

/// The loop path that a token has at a node: from the first for_each on whose scope the node is not in, it is cut.
fn path_at(compiled: &CompiledGraph, path: &LoopPath, node: NodeId) -> LoopPath {
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
