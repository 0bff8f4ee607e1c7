//! What lies inside a `core.for_each`, and what can still reach a join: told once, at compile time.

use fixedbitset::FixedBitSet;

use super::topology::{NodeId, PortId, Topology};

/// The output port on which a for_each emits its items.
pub const LOOP: PortId = 0;
/// The output port on which a for_each ends.
pub const DONE: PortId = 1;

/// The scope of one for_each.
#[derive(Debug)]
pub struct Scope {
    /// The for_each.
    pub node: NodeId,
    /// The nodes inside: reachable from its `loop` port, less those reachable from its `done` port, on ways that pass through
    /// neither it nor a for_each that encloses it. The for_each itself is not among them.
    pub inside: FixedBitSet,
    /// The for_each nodes that enclose it: every way from the trigger to it passes them, and it is in their scope.
    pub enclosing: Vec<NodeId>,
}

/// The scopes of all for_each nodes, outer ones before those inside of them.
pub fn scopes(topology: &Topology, trigger: NodeId, for_each: &[NodeId]) -> Vec<Scope> {
    if for_each.is_empty() {
        return Vec::new();
    }
    let dominating = dominators_among(topology, trigger, for_each);
    let mut order: Vec<usize> = (0..for_each.len()).collect();
    order.sort_by_key(|position| dominating[*position].count_ones(..));
    let mut scopes: Vec<Scope> = Vec::with_capacity(for_each.len());
    for position in order {
        let node = for_each[position];
        let encloses = |scope: &&Scope| {
            dominating[position].contains(scope.node.index()) && scope.inside.contains(node.index())
        };
        let enclosing: Vec<NodeId> = scopes.iter().filter(encloses).map(|scope| scope.node).collect();
        let inside = inside(topology, node, &enclosing);
        scopes.push(Scope { node, inside, enclosing });
    }
    scopes
}

fn inside(topology: &Topology, node: NodeId, enclosing: &[NodeId]) -> FixedBitSet {
    let through = |reached: NodeId| reached != node && !enclosing.contains(&reached);
    let from =
        |port: PortId| topology.reachable(topology.edges(node, port).iter().map(|edge| edge.to), through);
    let mut inside = from(LOOP);
    inside.difference_with(&from(DONE));
    inside
}

/// For each of `nodes`, which others of them every way from the trigger passes: those without which it can't be reached.
fn dominators_among(topology: &Topology, trigger: NodeId, nodes: &[NodeId]) -> Vec<FixedBitSet> {
    let mut dominating = vec![FixedBitSet::with_capacity(topology.len()); nodes.len()];
    for candidate in nodes {
        let reached = topology.reachable([trigger], |node| node != *candidate);
        for (position, node) in nodes.iter().enumerate() {
            if node != candidate && !reached.contains(node.index()) {
                dominating[position].insert(candidate.index());
            }
        }
    }
    dominating
}

/// Which nodes can still bring something to a join.
#[derive(Debug)]
pub struct JoinReach {
    /// Outside loops: all nodes with a way to it.
    pub anywhere: FixedBitSet,
    /// By the number of the innermost for_each's scope: nodes with a way to it that stays inside that scope.
    pub within: Vec<(u32, FixedBitSet)>,
}

impl JoinReach {
    /// Works it out for one join.
    pub fn new(topology: &Topology, join: NodeId, scopes: &[Scope]) -> Self {
        let around = scopes.iter().enumerate().filter(|(_, scope)| scope.inside.contains(join.index()));
        JoinReach {
            anywhere: topology.leading_to(join, |_| true),
            within: around
                .map(|(number, scope)| {
                    (number as u32, topology.leading_to(join, |node| scope.inside.contains(node.index())))
                })
                .collect(),
        }
    }

    /// The nodes that can still bring something to it, where its loop path ends in the for_each of scope `innermost`. None: nothing can.
    pub fn row(&self, innermost: Option<u32>) -> Option<&FixedBitSet> {
        match innermost {
            None => Some(&self.anywhere),
            Some(scope) => {
                let row = self.within.iter().find(|(number, _)| *number == scope);
                row.map(|(_, row)| row)
            }
        }
    }
}
