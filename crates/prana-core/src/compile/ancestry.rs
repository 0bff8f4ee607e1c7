//! Which nodes are always before a node: those on the straight way to it, on which every node has one source.

use super::topology::{NodeId, Topology};

/// Nodes with a single source hang below it. A node is above another if its visit begins before the other's and ends after it.
pub(super) struct Ancestry {
    begins: Vec<u32>,
    ends: Vec<u32>,
}

impl Ancestry {
    /// Visits every node below each node that has no source or several.
    pub fn new(topology: &Topology) -> Self {
        let has_one_source = |node: &NodeId| topology.incoming(*node).len() == 1;
        let mut ancestry = Ancestry { begins: vec![u32::MAX; topology.len()], ends: vec![0; topology.len()] };
        let mut clock = 0;
        let mut stack: Vec<(NodeId, bool)> =
            topology.nodes().filter(|node| !has_one_source(node)).map(|node| (node, false)).collect();
        while let Some((node, is_visited)) = stack.pop() {
            clock += 1;
            if is_visited {
                ancestry.ends[node.index()] = clock;
                continue;
            }
            ancestry.begins[node.index()] = clock;
            stack.push((node, true));
            let below = topology.outgoing(node).iter().map(|edge| edge.to).filter(has_one_source);
            stack.extend(below.map(|node| (node, false)));
        }
        ancestry
    }

    /// True if the straight way to `node` leads through `other`. False says nothing: other ways may lead from it.
    pub fn is_above(&self, other: NodeId, node: NodeId) -> bool {
        let (other, node) = (other.index(), node.index());
        self.begins[node] != u32::MAX
            && self.begins[other] < self.begins[node]
            && self.ends[other] > self.ends[node]
    }
}
