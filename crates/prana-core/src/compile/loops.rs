//! Loops: strongly connected components, nested.
//!
//! The outermost loops are the components of the graph that hold a cycle. A loop's *head* is the first of its nodes (in the order in
//! which a walk from the trigger meets them) that can be entered from outside; the loops inside of it are the
//! components of what is left when the head's incoming connections are taken away. Components: R. Tarjan, "Depth-first search
//! and linear graph algorithms" (1972), without recursion.
//!
//! Each level looks at its nodes once more, so levels are told apart up to [`MAX_LEVEL`]: a document of two-way connections in a row has as
//! many levels as nodes.

use fixedbitset::FixedBitSet;

use super::topology::{NodeId, Topology};

/// The place of a node in the loop around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Role {
    /// The loop is entered here.
    Start,
    /// In the middle.
    In,
    /// A connection leads from here back to the start.
    End,
    /// In no loop.
    #[default]
    NotInLoop,
}

impl Role {
    /// The word that templates see.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Start => "start_loop",
            Role::In => "in_loop",
            Role::End => "end_loop",
            Role::NotInLoop => "not_in_loop",
        }
    }
}

/// One loop.
#[derive(Debug)]
pub struct Loop {
    /// Where it is entered.
    pub head: NodeId,
    /// Its nodes, in order of number.
    pub nodes: Vec<NodeId>,
    /// How many loops it is in, itself included.
    pub level: u32,
}

/// What a node knows of the loops around it.
#[derive(Debug, Clone, Default)]
pub struct Membership {
    /// Numbers of the loops around it, outermost first.
    pub loops: Vec<u32>,
    /// Its place in the innermost one.
    pub role: Role,
}

/// Loops nested deeper than this are taken as part of the one around them.
pub const MAX_LEVEL: u32 = 64;

/// The loops of a graph, outer ones before those inside of them.
#[derive(Debug, Default)]
pub struct Loops {
    /// All loops.
    pub all: Vec<Loop>,
    /// Per node.
    pub members: Vec<Membership>,
    /// The outermost component of each node: two nodes with the same number lead to each other.
    pub component: Vec<u32>,
}

impl Loops {
    /// Finds them. `order` is the rank of each node on a walk from the trigger.
    pub fn find(topology: &Topology, order: &[u32]) -> Self {
        let count = topology.len();
        let mut loops =
            Loops { all: Vec::new(), members: vec![Membership::default(); count], component: vec![0; count] };
        let everything: Vec<NodeId> = topology.nodes().collect();
        let mut search = Search::new(count);
        let outermost = search.components(topology, &everything, None);
        for (number, component) in outermost.iter().enumerate() {
            component.iter().for_each(|node| loops.component[node.index()] = number as u32);
        }
        let mut pending: Vec<(Vec<NodeId>, u32)> =
            cyclic(topology, outermost, None).into_iter().map(|nodes| (nodes, 1)).collect();
        pending.sort_by_key(|(nodes, _)| std::cmp::Reverse(rank(nodes, order)));
        while let Some((nodes, level)) = pending.pop() {
            let head = loops.add(topology, nodes, level, order);
            if level >= MAX_LEVEL {
                continue;
            }
            let inside = &loops.all[loops.all.len() - 1].nodes;
            let found = search.components(topology, inside, Some(head));
            let mut inner: Vec<(Vec<NodeId>, u32)> =
                cyclic(topology, found, Some(head)).into_iter().map(|nodes| (nodes, level + 1)).collect();
            inner.sort_by_key(|(nodes, _)| std::cmp::Reverse(rank(nodes, order)));
            pending.append(&mut inner);
        }
        loops
    }

    fn add(&mut self, topology: &Topology, mut nodes: Vec<NodeId>, level: u32, order: &[u32]) -> NodeId {
        nodes.sort_unstable();
        let inside = |node: &NodeId| nodes.binary_search(node).is_ok();
        let entered = |node: &NodeId| topology.incoming(*node).iter().any(|source| !inside(source));
        let by_rank = |node: &&NodeId| order[node.index()];
        let head = nodes.iter().filter(|node| entered(node)).min_by_key(by_rank);
        let head = *head.or_else(|| nodes.iter().min_by_key(by_rank)).unwrap_or(&nodes[0]);
        let number = self.all.len() as u32;
        for node in &nodes {
            let leads_back = topology.outgoing(*node).iter().any(|edge| edge.to == head);
            let member = &mut self.members[node.index()];
            member.loops.push(number);
            member.role = match (*node == head, leads_back) {
                (true, _) => Role::Start,
                (false, true) => Role::End,
                (false, false) => Role::In,
            };
        }
        self.all.push(Loop { head, nodes, level });
        head
    }

    /// True if there is a way from each to the other (a node with itself: always).
    pub fn same_component(&self, left: NodeId, right: NodeId) -> bool {
        self.component[left.index()] == self.component[right.index()]
    }
}

fn rank(nodes: &[NodeId], order: &[u32]) -> u32 {
    nodes.iter().map(|node| order[node.index()]).min().unwrap_or(0)
}

/// Keeps the components that hold a cycle, connections into `without` not counted.
fn cyclic(topology: &Topology, components: Vec<Vec<NodeId>>, without: Option<NodeId>) -> Vec<Vec<NodeId>> {
    let loops_to_itself =
        |node: NodeId| Some(node) != without && topology.outgoing(node).iter().any(|edge| edge.to == node);
    components.into_iter().filter(|nodes| nodes.len() > 1 || loops_to_itself(nodes[0])).collect()
}

/// Tarjan's search with its arrays, which are used again for every loop.
struct Search {
    index: Vec<u32>,
    low: Vec<u32>,
    on_stack: FixedBitSet,
    allowed: FixedBitSet,
}

const UNSEEN: u32 = u32::MAX;

impl Search {
    fn new(count: usize) -> Self {
        Search {
            index: vec![UNSEEN; count],
            low: vec![0; count],
            on_stack: FixedBitSet::with_capacity(count),
            allowed: FixedBitSet::with_capacity(count),
        }
    }

    /// The components among `nodes`, connections that lead to `without` taken away.
    fn components(
        &mut self,
        topology: &Topology,
        nodes: &[NodeId],
        without: Option<NodeId>,
    ) -> Vec<Vec<NodeId>> {
        for node in nodes {
            self.index[node.index()] = UNSEEN;
            self.allowed.insert(node.index());
        }
        let mut found = Vec::new();
        let mut next = 0;
        let mut stack = Vec::new();
        for node in nodes {
            if self.index[node.index()] == UNSEEN {
                self.visit(topology, *node, without, &mut next, &mut stack, &mut found);
            }
        }
        nodes.iter().for_each(|node| self.allowed.set(node.index(), false));
        found
    }

    fn visit(
        &mut self,
        topology: &Topology,
        root: NodeId,
        without: Option<NodeId>,
        next: &mut u32,
        stack: &mut Vec<NodeId>,
        found: &mut Vec<Vec<NodeId>>,
    ) {
        let mut path: Vec<(NodeId, usize)> = vec![(root, 0)];
        self.enter(root, next, stack);
        while let Some((node, position)) = path.last_mut() {
            let node = *node;
            if let Some(edge) = topology.outgoing(node).get(*position) {
                *position += 1;
                let to = edge.to;
                if Some(to) == without || !self.allowed.contains(to.index()) {
                    continue;
                }
                if self.index[to.index()] == UNSEEN {
                    self.enter(to, next, stack);
                    path.push((to, 0));
                } else if self.on_stack.contains(to.index()) {
                    self.low[node.index()] = self.low[node.index()].min(self.index[to.index()]);
                }
                continue;
            }
            path.pop();
            if let Some((parent, _)) = path.last() {
                self.low[parent.index()] = self.low[parent.index()].min(self.low[node.index()]);
            }
            if self.low[node.index()] == self.index[node.index()] {
                found.push(self.take(node, stack));
            }
        }
    }

    fn enter(&mut self, node: NodeId, next: &mut u32, stack: &mut Vec<NodeId>) {
        self.index[node.index()] = *next;
        self.low[node.index()] = *next;
        *next += 1;
        stack.push(node);
        self.on_stack.insert(node.index());
    }

    fn take(&mut self, root: NodeId, stack: &mut Vec<NodeId>) -> Vec<NodeId> {
        let mut component = Vec::new();
        while let Some(node) = stack.pop() {
            self.on_stack.set(node.index(), false);
            component.push(node);
            if node == root {
                break;
            }
        }
        component
    }
}
