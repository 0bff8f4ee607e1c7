//! The static graph: nodes numbered, connections in flat arrays sorted by (node, port).

/// Number of a node in a compiled workflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct NodeId(pub u32);

impl NodeId {
    /// As an index into per-node arrays.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// Number of a port of a node, in order of declaration.
pub type PortId = u16;

/// One connection, seen from its source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edge {
    /// The node it leads to.
    pub to: NodeId,
    /// The input port it leads to.
    pub to_port: PortId,
}

/// One connection with both ends, as the compiler collects them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// The node it leaves.
    pub from: NodeId,
    /// The output port it leaves by.
    pub from_port: PortId,
    /// Where it leads.
    pub edge: Edge,
}

/// Connections as compressed rows. A lookup by (node, port) is two array reads.
#[derive(Debug, Default)]
pub struct Topology {
    first_port: Vec<u32>,
    first_edge: Vec<u32>,
    edges: Vec<Edge>,
    first_source: Vec<u32>,
    sources: Vec<NodeId>,
}

impl Topology {
    /// Sorts links into rows; the order of links within one output port is kept. `output_counts` is the number of output ports
    /// of each node.
    pub fn new(output_counts: &[usize], links: &[Link]) -> Self {
        let mut first_port = Vec::with_capacity(output_counts.len() + 1);
        let mut ports = 0u32;
        for count in output_counts {
            first_port.push(ports);
            ports += *count as u32;
        }
        first_port.push(ports);
        let row_of = |link: &Link| first_port[link.from.index()] as usize + usize::from(link.from_port);
        let (first_edge, edges) = rows(ports as usize, links, row_of, |link| link.edge);
        let (first_source, sources) =
            rows(output_counts.len(), links, |link| link.edge.to.index(), |link| link.from);
        Topology { first_port, first_edge, edges, first_source, sources }
    }

    /// The number of nodes.
    pub fn len(&self) -> usize {
        self.first_port.len().saturating_sub(1)
    }

    /// True without nodes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The connections of one output port, as written.
    pub fn edges(&self, node: NodeId, port: PortId) -> &[Edge] {
        let row = self.first_port[node.index()] as usize + usize::from(port);
        &self.edges[self.first_edge[row] as usize..self.first_edge[row + 1] as usize]
    }

    /// All connections that leave a node, port by port.
    pub fn outgoing(&self, node: NodeId) -> &[Edge] {
        let (first, last) =
            (self.first_port[node.index()] as usize, self.first_port[node.index() + 1] as usize);
        &self.edges[self.first_edge[first] as usize..self.first_edge[last] as usize]
    }

    /// The nodes from which connections lead to a node, one per connection.
    pub fn incoming(&self, node: NodeId) -> &[NodeId] {
        &self.sources[self.first_source[node.index()] as usize..self.first_source[node.index() + 1] as usize]
    }

    /// The number of output ports of a node.
    pub fn port_count(&self, node: NodeId) -> PortId {
        (self.first_port[node.index() + 1] - self.first_port[node.index()]) as PortId
    }

    /// All nodes.
    pub fn nodes(&self) -> impl Iterator<Item = NodeId> + use<> {
        (0..self.len() as u32).map(NodeId)
    }

    /// The nodes that a way of one or more connections leads to from `starts`, going through nodes for which `through` holds.
    /// Nodes for which it doesn't hold are not reached at all.
    pub fn reachable(
        &self,
        starts: impl IntoIterator<Item = NodeId>,
        through: impl Fn(NodeId) -> bool,
    ) -> fixedbitset::FixedBitSet {
        walk(self.len(), starts, through, |node, visit| {
            self.outgoing(node).iter().for_each(|edge| visit(edge.to));
        })
    }

    /// The nodes from which a way of one or more connections leads to `target`, through nodes for which `through` holds.
    pub fn leading_to(&self, target: NodeId, through: impl Fn(NodeId) -> bool) -> fixedbitset::FixedBitSet {
        walk(self.len(), self.incoming(target).iter().copied(), through, |node, visit| {
            self.incoming(node).iter().for_each(|source| visit(*source));
        })
    }
}

/// Counting sort of links into rows.
fn rows<T: Copy>(
    count: usize,
    links: &[Link],
    row_of: impl Fn(&Link) -> usize,
    item: impl Fn(&Link) -> T,
) -> (Vec<u32>, Vec<T>) {
    let mut first = vec![0u32; count + 1];
    for link in links {
        first[row_of(link) + 1] += 1;
    }
    for row in 0..count {
        first[row + 1] += first[row];
    }
    let mut order: Vec<usize> = (0..links.len()).collect();
    order.sort_by_key(|position| row_of(&links[*position]));
    (first, order.into_iter().map(|position| item(&links[position])).collect())
}

fn walk(
    count: usize,
    starts: impl IntoIterator<Item = NodeId>,
    through: impl Fn(NodeId) -> bool,
    next: impl Fn(NodeId, &mut dyn FnMut(NodeId)),
) -> fixedbitset::FixedBitSet {
    let mut seen = fixedbitset::FixedBitSet::with_capacity(count);
    let mut stack: Vec<NodeId> = Vec::new();
    let mut visit = |node: NodeId, stack: &mut Vec<NodeId>| {
        if through(node) && !seen.put(node.index()) {
            stack.push(node);
        }
    };
    starts.into_iter().for_each(|node| visit(node, &mut stack));
    while let Some(node) = stack.pop() {
        next(node, &mut |reached| visit(reached, &mut stack));
    }
    seen
}
