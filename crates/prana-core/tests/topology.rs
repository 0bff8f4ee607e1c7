//! The compiler's graph algorithms against another implementation of them, on random graphs.

use std::collections::{BTreeMap, BTreeSet};

use petgraph::algo::{dominators, has_path_connecting, tarjan_scc};
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::NodeFiltered;
use prana_core::compile::{Edge, JoinReach, Link, Loops, NodeId, Topology};
use prana_core::document;
use proptest::prelude::*;

use crate::generate;

/// Nodes with two output ports each, and connections (from, port, to).
fn graphs() -> impl Strategy<Value = (usize, Vec<(usize, u16, usize)>)> {
    (1usize..60).prop_flat_map(|nodes| {
        let link = (0..nodes, 0u16..2, 0..nodes);
        (Just(nodes), prop::collection::vec(link, 0..nodes * 2))
    })
}

fn topology(nodes: usize, links: &[(usize, u16, usize)]) -> Topology {
    let link = |(from, port, to): &(usize, u16, usize)| Link {
        from: NodeId(*from as u32),
        from_port: *port,
        edge: Edge { to: NodeId(*to as u32), to_port: 0 },
    };
    Topology::new(&vec![2; nodes], &links.iter().map(link).collect::<Vec<Link>>())
}

type Plain = DiGraph<(), ()>;

fn plain(nodes: usize, links: &[(usize, u16, usize)]) -> Plain {
    let mut graph = Plain::new();
    for _ in 0..nodes {
        graph.add_node(());
    }
    for (from, _, to) in links {
        graph.add_edge(NodeIndex::new(*from), NodeIndex::new(*to), ());
    }
    graph
}

/// Where one or more connections lead, staying on the nodes for which `through` holds.
fn reached(graph: &Plain, from: usize, through: &dyn Fn(usize) -> bool) -> BTreeSet<usize> {
    let filtered = NodeFiltered::from_fn(graph, |node: NodeIndex| through(node.index()));
    let first = graph.neighbors(NodeIndex::new(from)).filter(|node| through(node.index()));
    let first: Vec<NodeIndex> = first.collect();
    let all = graph.node_indices().filter(|node| through(node.index()));
    all.filter(|node| first.iter().any(|start| has_path_connecting(&filtered, *start, *node, None)))
        .map(NodeIndex::index)
        .collect()
}

proptest! {
    #![proptest_config(crate::properties::config())]

    #[test]
    fn rows_hold_the_connections_as_written((nodes, links) in graphs()) {
        let topology = topology(nodes, &links);
        for from in 0..nodes {
            for port in 0..2 {
                let expected: Vec<u32> =
                    links.iter().filter(|link| link.0 == from && link.1 == port).map(|link| link.2 as u32).collect();
                let found: Vec<u32> =
                    topology.edges(NodeId(from as u32), port).iter().map(|edge| edge.to.0).collect();
                prop_assert_eq!(found, expected);
            }
            let incoming = topology.incoming(NodeId(from as u32)).len();
            prop_assert_eq!(incoming, links.iter().filter(|link| link.2 == from).count());
        }
    }

    #[test]
    fn components_are_tarjans((nodes, links) in graphs()) {
        let (topology, graph) = (topology(nodes, &links), plain(nodes, &links));
        let loops = Loops::find(&topology, &(0..nodes as u32).collect::<Vec<u32>>());
        let mut own: BTreeMap<u32, BTreeSet<usize>> = BTreeMap::new();
        for (node, component) in loops.component.iter().enumerate() {
            own.entry(*component).or_default().insert(node);
        }
        let own: BTreeSet<BTreeSet<usize>> = own.into_values().collect();
        let others = tarjan_scc(&graph).into_iter().map(|all| all.into_iter().map(NodeIndex::index).collect());
        let others: BTreeSet<BTreeSet<usize>> = others.collect();
        prop_assert_eq!(&own, &others);
        let cyclic = others.into_iter().filter(|all| {
            all.len() > 1 || all.iter().any(|node| graph.contains_edge(NodeIndex::new(*node), NodeIndex::new(*node)))
        });
        let outermost = loops.all.iter().filter(|found| found.level == 1);
        let outermost: BTreeSet<BTreeSet<usize>> =
            outermost.map(|found| found.nodes.iter().map(|node| node.index()).collect()).collect();
        prop_assert_eq!(outermost, cyclic.collect::<BTreeSet<_>>());
    }

    /// Each inner loop is a component of the loop around it without the connections into that one's head.
    #[test]
    fn loops_nest((nodes, links) in graphs()) {
        let (topology, graph) = (topology(nodes, &links), plain(nodes, &links));
        let loops = Loops::find(&topology, &(0..nodes as u32).collect::<Vec<u32>>());
        for (number, found) in loops.all.iter().enumerate() {
            let inside: BTreeSet<usize> = found.nodes.iter().map(|node| node.index()).collect();
            prop_assert!(inside.contains(&found.head.index()));
            let kept = graph.filter_map(
                |_, ()| Some(()),
                |edge, ()| {
                    let (from, to) = graph.edge_endpoints(edge).unwrap();
                    let within = inside.contains(&from.index()) && inside.contains(&to.index());
                    (within && to.index() != found.head.index()).then_some(())
                },
            );
            let cyclic = tarjan_scc(&kept).into_iter().filter(|all| all.len() > 1 || kept.contains_edge(all[0], all[0]));
            let expected: BTreeSet<BTreeSet<usize>> =
                cyclic.map(|all| all.into_iter().map(NodeIndex::index).collect()).collect();
            let inner = loops.all.iter().enumerate().filter(|(other, inner)| {
                let around = &loops.members[inner.nodes[0].index()].loops;
                let place = around.iter().position(|loop_number| *loop_number as usize == *other);
                inner.level == found.level + 1 && place.is_some_and(|place| place > 0 && around[place - 1] as usize == number)
            });
            let inner: BTreeSet<BTreeSet<usize>> =
                inner.map(|(_, inner)| inner.nodes.iter().map(|node| node.index()).collect()).collect();
            prop_assert_eq!(inner, expected);
        }
    }

    #[test]
    fn what_can_reach_a_join_is_what_has_a_way((nodes, links) in graphs(), join in any::<prop::sample::Index>()) {
        let (topology, graph) = (topology(nodes, &links), plain(nodes, &links));
        let join = join.index(nodes);
        let reach = JoinReach::new(&topology, NodeId(join as u32), &[]);
        let within = |node: usize| !node.is_multiple_of(3) || node == join;
        let leading = topology.leading_to(NodeId(join as u32), |node| within(node.index()));
        for node in 0..nodes {
            let has_way = reached(&graph, node, &|_| true).contains(&join);
            prop_assert_eq!(reach.row(None).is_some_and(|row| row.contains(node)), has_way);
            let stays = within(node) && reached(&graph, node, &within).contains(&join);
            prop_assert_eq!(leading.contains(node), stays);
        }
    }

    #[test]
    fn scopes_follow_from_dominance((nodes, links) in graphs(), loops in prop::collection::vec(any::<bool>(), 60)) {
        let compiled = generate::compiled(&loops_only(nodes, &links, &loops));
        let topology = &compiled.topology;
        let edges = topology.nodes().flat_map(|node| {
            topology.outgoing(node).iter().map(move |edge| (node.index(), 0u16, edge.to.index()))
        });
        let graph = plain(topology.len(), &edges.collect::<Vec<_>>());
        let dominators = dominators::simple_fast(&graph, NodeIndex::new(compiled.trigger.index()));
        for scope in &compiled.scopes {
            let node = NodeIndex::new(scope.node.index());
            let above = dominators.strict_dominators(node).into_iter().flatten().map(NodeIndex::index);
            let enclosing = above.filter(|other| {
                let other = compiled.scopes.iter().find(|scope| scope.node.index() == *other);
                other.is_some_and(|other| other.inside.contains(node.index()))
            });
            let enclosing: BTreeSet<usize> = enclosing.collect();
            let own: BTreeSet<usize> = scope.enclosing.iter().map(|node| node.index()).collect();
            prop_assert_eq!(&own, &enclosing);
            let through = |other: usize| other != node.index() && !enclosing.contains(&other);
            let from = |port: u16| {
                let first = topology.edges(scope.node, port).iter().map(|edge| edge.to.index());
                let first: Vec<usize> = first.filter(|first| through(*first)).collect();
                let further = first.iter().flat_map(|first| reached(&graph, *first, &through));
                further.chain(first.iter().copied()).collect::<BTreeSet<usize>>()
            };
            let inside: BTreeSet<usize> = scope.inside.ones().collect();
            prop_assert_eq!(inside, from(0).difference(&from(1)).copied().collect::<BTreeSet<usize>>());
        }
    }
}

/// A workflow of for_each nodes and no_ops with these connections; node 0 is the trigger.
fn loops_only(nodes: usize, links: &[(usize, u16, usize)], loops: &[bool]) -> document::Workflow {
    let mut text = "id: w\nnodes:\n  - {key: n0, type: manual.trigger}\n".to_owned();
    let is_loop = |node: usize| node > 0 && loops[node] && node.is_multiple_of(2);
    for node in 1..nodes {
        let kind = if is_loop(node) { "core.for_each, params: {collection: []}" } else { "core.no_op" };
        text.push_str(&format!("  - {{key: n{node}, type: {kind}}}\n"));
    }
    let mut lines: Vec<String> = Vec::new();
    for (from, port, to) in links.iter().filter(|link| link.2 > 0) {
        let port = match (is_loop(*from), port) {
            (true, 0) => ".loop",
            (true, _) => ".done",
            (false, _) => "",
        };
        let line = format!("  - n{from}{port} -> n{to}");
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    if !lines.is_empty() {
        text.push_str(&format!("connections:\n{}\n", lines.join("\n")));
    }
    document::load("loops.yaml", text.as_bytes()).unwrap().remove(0).workflow
}
