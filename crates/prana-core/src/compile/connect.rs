//! Resolves connections, and builds the compiled graph of the nodes that the trigger reaches.

use fixedbitset::FixedBitSet;
use prana_template::{Params, Str};
use rustc_hash::{FxHashMap, FxHashSet};

use super::check::NodeAction;
use super::loops::Loops;
use super::params::CompiledParams;
use super::scopes::{JoinReach, Scope, scopes};
use super::size;
use super::topology::{Edge, Link, NodeId, PortId, Topology};
use super::{CompiledGraph, CompiledNode, Options, Report, Run, connection_path};
use crate::action::InputPort;
use crate::diagnostic::Diagnostic;
use crate::document::{Connection, Join, Node, OnError, Workflow};
use crate::nearest::nearest;

/// The virtual output port of `on_error: continue_error_output`.
pub const ERROR_PORT: &str = "error";

/// A connection whose ends are known, with its place in the document.
pub(super) struct ResolvedLink {
    pub index: usize,
    pub link: Link,
}

/// The output ports of a node: those of its action, those that connections name where any name will do, and `error`.
pub(super) fn output_ports(node: &Node, action: &NodeAction, connections: &[&Connection]) -> Vec<Str> {
    let mut ports = action.ports.outputs.clone();
    if action.ports.any_output {
        for port in connections.iter().filter_map(|connection| connection.from_port.as_deref()) {
            if ports.len() <= size::MAX_PORTS && !ports.iter().any(|known| **known == *port) {
                ports.push(port.into());
            }
        }
    }
    if node.settings.on_error == OnError::ContinueErrorOutput
        && !ports.iter().any(|port| **port == *ERROR_PORT)
    {
        ports.push(ERROR_PORT.into());
    }
    ports
}

/// Resolves all connections; ends and ports that don't exist, and doubled connections, are told.
pub(super) fn links(
    workflow: &Workflow,
    keys: &FxHashMap<&str, usize>,
    actions: &[Option<NodeAction>],
    report: &mut Report<'_>,
) -> Vec<ResolvedLink> {
    let outputs = all_output_ports(workflow, keys, actions);
    let mut seen = FxHashSet::default();
    let mut links = Vec::with_capacity(workflow.connections.len());
    for (index, connection) in workflow.connections.iter().enumerate() {
        let resolver = Resolver { workflow, keys, actions, outputs: &outputs, connection, index };
        let Some(link) = resolver.resolve(report) else { continue };
        if !seen.insert((link.from, link.from_port, link.edge.to, link.edge.to_port)) {
            report.add(
                Diagnostic::error("workflow.duplicate_connection", format!("`{connection}` is there twice"))
                    .with_help("remove one of them")
                    .with_node(&connection.from)
                    .with_path(connection_path(index)),
            );
            continue;
        }
        links.push(ResolvedLink { index, link });
    }
    links
}

fn all_output_ports(
    workflow: &Workflow,
    keys: &FxHashMap<&str, usize>,
    actions: &[Option<NodeAction>],
) -> Vec<Vec<Str>> {
    let mut leaving: Vec<Vec<&Connection>> = vec![Vec::new(); workflow.nodes.len()];
    for connection in &workflow.connections {
        if let Some(index) = keys.get(connection.from.as_str()) {
            leaving[*index].push(connection);
        }
    }
    let ports = |(index, node): (usize, &Node)| {
        actions[index].as_ref().map_or_else(Vec::new, |action| output_ports(node, action, &leaving[index]))
    };
    workflow.nodes.iter().enumerate().map(ports).collect()
}

struct Resolver<'a> {
    workflow: &'a Workflow,
    keys: &'a FxHashMap<&'a str, usize>,
    actions: &'a [Option<NodeAction>],
    outputs: &'a [Vec<Str>],
    connection: &'a Connection,
    index: usize,
}

impl Resolver<'_> {
    fn resolve(&self, report: &mut Report<'_>) -> Option<Link> {
        let from = self.end(&self.connection.from, report);
        let to = self.end(&self.connection.to, report);
        let from_port = from.and_then(|from| self.leaving_port(from, report));
        let to_port = to.and_then(|to| self.arriving_port(to, report));
        Some(Link {
            from: NodeId(from? as u32),
            from_port: from_port?,
            edge: Edge { to: NodeId(to? as u32), to_port: to_port? },
        })
    }

    fn end(&self, key: &str, report: &mut Report<'_>) -> Option<usize> {
        let known = self.keys.get(key).copied();
        if known.is_none() {
            let keys = self.workflow.nodes.iter().map(|node| node.key.as_str());
            let help = match (report.advice() > 0).then(|| nearest(key, keys)).flatten() {
                Some(known) => format!("did you mean `{known}`?"),
                None => "add the node, or remove the connection".to_owned(),
            };
            report.add(
                Diagnostic::error(
                    "workflow.unknown_node",
                    format!("`{}`: there is no node `{key}`", self.connection),
                )
                .with_help(help)
                .with_node(key)
                .with_path(connection_path(self.index)),
            );
        }
        known
    }

    fn leaving_port(&self, from: usize, report: &mut Report<'_>) -> Option<PortId> {
        let action = self.actions[from].as_ref()?;
        let ports = &self.outputs[from];
        let wanted = match (&self.connection.from_port, &action.action.descriptor.default_port) {
            (Some(port), _) => port.as_str(),
            (None, Some(port)) => port,
            (None, None) if ports.iter().any(|port| **port == *"main") => "main",
            (None, None) => return self.no_port(from, "output port must be named", ports, report),
        };
        let found = ports.iter().position(|port| **port == *wanted);
        match found {
            Some(position) => Some(position as PortId),
            None => self.no_port(from, &format!("has no output port `{wanted}`"), ports, report),
        }
    }

    fn arriving_port(&self, to: usize, report: &mut Report<'_>) -> Option<PortId> {
        let inputs = &self.actions[to].as_ref()?.ports.inputs;
        let wanted = self.connection.to_port.as_deref().unwrap_or("main");
        let found = inputs.iter().position(|port| *port.name == *wanted);
        if let Some(position) = found {
            return Some(position as PortId);
        }
        let names: Vec<Str> = inputs.iter().map(|port| port.name.clone()).collect();
        let problem = match &self.connection.to_port {
            Some(port) => format!("has no input port `{port}`"),
            None => "has no input port `main`: name the one that is meant".to_owned(),
        };
        self.no_port(to, &problem, &names, report)
    }

    fn no_port(&self, node: usize, problem: &str, ports: &[Str], report: &mut Report<'_>) -> Option<PortId> {
        let key = &self.workflow.nodes[node].key;
        let wanted =
            if self.connection.from == *key { &self.connection.from_port } else { &self.connection.to_port };
        let near = wanted.as_deref().and_then(|port| nearest(port, ports.iter().map(|port| &**port)));
        let help = match (near, ports.is_empty()) {
            (Some(known), _) => format!("did you mean `{known}`?"),
            (None, true) => format!("`{}` has none on that side", self.workflow.nodes[node].type_name),
            (None, false) => format!("it has: {}", ports.join(", ")),
        };
        report.add(
            Diagnostic::error("workflow.unknown_port", format!("`{}`: `{key}` {problem}", self.connection))
                .with_help(help)
                .with_node(key)
                .with_path(connection_path(self.index)),
        );
        None
    }
}

/// The graph of the whole document, unreachable nodes included: what checks look at.
pub(super) struct Whole {
    pub topology: Topology,
    pub trigger: Option<NodeId>,
    /// Reached from the chosen trigger, as far as the run is to go.
    pub reached: FixedBitSet,
    /// Reached from some trigger.
    pub reached_by_any: FixedBitSet,
    pub loops: Loops,
    pub scopes: Vec<Scope>,
    pub outputs: Vec<Vec<Str>>,
    /// True if every action and connection is known, so that conclusions from the graph are worth telling.
    pub complete: bool,
}

impl Whole {
    pub fn new(
        workflow: &Workflow,
        actions: &[Option<NodeAction>],
        links: &[ResolvedLink],
        trigger: Option<NodeId>,
        until: Option<NodeId>,
    ) -> Self {
        let keys =
            workflow.nodes.iter().enumerate().map(|(index, node)| (node.key.as_str(), index)).collect();
        let outputs = all_output_ports(workflow, &keys, actions);
        let counts: Vec<usize> = outputs.iter().map(Vec::len).collect();
        let links_only: Vec<Link> = links.iter().map(|resolved| resolved.link).collect();
        let topology = Topology::new(&counts, &links_only);
        let triggers: Vec<NodeId> = (0..workflow.nodes.len())
            .filter(|index| actions[*index].as_ref().is_some_and(NodeAction::is_trigger))
            .map(|index| NodeId(index as u32))
            .collect();
        let mut reached = topology.reachable(trigger, |_| true);
        if let Some(until) = until {
            let mut before = topology.leading_to(until, |_| true);
            before.insert(until.index());
            reached.intersect_with(&before);
        }
        let reached_by_any = topology.reachable(triggers.iter().copied(), |_| true);
        let loops = Loops::find(&topology, &walk_order(&topology, triggers.first().copied()));
        let for_each: Vec<NodeId> = (0..workflow.nodes.len())
            .filter(|index| actions[*index].as_ref().is_some_and(|a| a.is_for_each(&workflow.nodes[*index])))
            .map(|index| NodeId(index as u32))
            .collect();
        let scopes = match trigger.or(triggers.first().copied()) {
            Some(start) if !size::too_many_loops(for_each.len(), topology.len()) => {
                scopes(&topology, start, &for_each)
            }
            _ => Vec::new(),
        };
        let complete = actions.iter().all(Option::is_some) && links.len() == workflow.connections.len();
        Whole { topology, trigger, reached, reached_by_any, loops, scopes, outputs, complete }
    }

    /// True if, before this node, a way forks to a node that doesn't lead here: two connections of one port, one of which leads here.
    pub fn has_branch_beside(&self, node: NodeId) -> bool {
        let before = self.topology.leading_to(node, |_| true);
        let leads_here = |other: NodeId| other == node || before.contains(other.index());
        let forks = |source: NodeId| {
            (0..self.topology.port_count(source)).any(|port| {
                let edges = self.topology.edges(source, port);
                edges.len() > 1 && edges.iter().any(|edge| leads_here(edge.to))
            })
        };
        before.ones().any(|index| forks(NodeId(index as u32)))
    }
}

/// The rank of each node on a breadth-first walk from the trigger; unreached nodes come last.
fn walk_order(topology: &Topology, trigger: Option<NodeId>) -> Vec<u32> {
    let mut order = vec![u32::MAX; topology.len()];
    let mut queue: std::collections::VecDeque<NodeId> = trigger.into_iter().collect();
    let mut next = 0;
    while let Some(node) = queue.pop_front() {
        if order[node.index()] != u32::MAX {
            continue;
        }
        order[node.index()] = next;
        next += 1;
        queue.extend(topology.outgoing(node).iter().map(|edge| edge.to));
    }
    order
}

/// Builds the compiled graph: the nodes that the trigger reaches, renumbered.
pub(super) fn assemble(
    workflow: &Workflow,
    actions: &[Option<NodeAction>],
    links: &[ResolvedLink],
    whole: &Whole,
    params: CompiledParams,
    options: Options<'_>,
) -> CompiledGraph {
    let numbers = &whole.numbers();
    let kept: Vec<usize> = (0..workflow.nodes.len()).filter(|index| numbers[*index].is_some()).collect();
    let counts: Vec<usize> = kept.iter().map(|index| whole.outputs[*index].len()).collect();
    let pruned: Vec<Link> = links.iter().filter_map(|resolved| renumber(resolved.link, numbers)).collect();
    let topology = Topology::new(&counts, &pruned);
    let trigger = whole.trigger.and_then(|node| numbers[node.index()]).unwrap_or(NodeId(0));
    let loops = Loops::find(&topology, &walk_order(&topology, Some(trigger)));
    let mut all_params: Vec<Option<Params>> = params.params;
    let mut nodes: Vec<CompiledNode> = kept
        .iter()
        .filter_map(|index| {
            let action = actions[*index].as_ref()?;
            let params = all_params[*index].take()?;
            Some(compiled_node(&workflow.nodes[*index], action, params, &whole.outputs[*index], options))
        })
        .collect();
    let for_each: Vec<NodeId> = topology.nodes().filter(|node| nodes[node.index()].is_for_each()).collect();
    let scopes = scopes(&topology, trigger, &for_each);
    for (number, scope) in scopes.iter().enumerate() {
        nodes[scope.node.index()].scope = Some(number as u32);
    }
    for id in topology.nodes() {
        let own_cycle = |source: &&NodeId| !loops.same_component(**source, id);
        let node = &mut nodes[id.index()];
        node.dependencies = topology.incoming(id).iter().filter(own_cycle).count() as u32;
        node.reach = (node.join == Join::All).then(|| JoinReach::new(&topology, id, &scopes));
        node.keeps_output = params.read_outputs[kept[id.index()]];
        node.keeps_latest = node.keeps_output || params.read_runs[kept[id.index()]];
    }
    let keys =
        nodes.iter().enumerate().map(|(index, node)| (node.key.clone(), NodeId(index as u32))).collect();
    CompiledGraph {
        workflow_id: workflow.id.as_str().into(),
        workflow_name: workflow.display_name().into(),
        workflow_version: workflow.version.unwrap_or(0),
        variables: workflow.variables.clone(),
        settings: workflow.settings.clone(),
        nodes,
        trigger,
        topology,
        loops,
        scopes,
        secrets: params.secrets,
        credentials: params.credentials,
        keys,
    }
}

impl Whole {
    /// The number of each kept node in the compiled graph.
    pub fn numbers(&self) -> Vec<Option<NodeId>> {
        let mut next = 0;
        let mut number = |index: usize| {
            let kept = self.reached.contains(index) || self.trigger.is_some_and(|node| node.index() == index);
            kept.then(|| {
                next += 1;
                NodeId(next - 1)
            })
        };
        (0..self.topology.len()).map(&mut number).collect()
    }
}

fn renumber(link: Link, numbers: &[Option<NodeId>]) -> Option<Link> {
    Some(Link {
        from: numbers[link.from.index()]?,
        from_port: link.from_port,
        edge: Edge { to: numbers[link.edge.to.index()]?, to_port: link.edge.to_port },
    })
}

fn compiled_node(
    node: &Node,
    action: &NodeAction,
    params: Params,
    outputs: &[Str],
    options: Options<'_>,
) -> CompiledNode {
    let key: Str = node.key.as_str().into();
    let descriptor = &action.action.descriptor;
    let run = if options.mocked.contains(&key) {
        Run::Mocked
    } else if let (true, Some(output)) = (options.use_pinned, &node.pinned) {
        Run::Pinned(output.clone())
    } else if node.disabled {
        Run::PassThrough
    } else {
        Run::Action(action.action.behaviour.clone())
    };
    let default_port = descriptor.default_port.as_ref();
    let inputs: Vec<InputPort> = match action.is_trigger() {
        true => vec!["main".into()],
        false => action.ports.inputs.clone(),
    };
    CompiledNode {
        join: action.join(node),
        key,
        action: action.action.clone(),
        run,
        params,
        settings: node.settings.clone(),
        inputs,
        outputs: outputs.to_vec(),
        any_output: action.ports.any_output,
        default_port: default_port
            .and_then(|name| outputs.iter().position(|port| port == name))
            .map(|position| position as PortId),
        dependencies: 0,
        scope: None,
        is_break: &*descriptor.type_name == "core.break",
        keeps_output: false,
        keeps_latest: false,
        reach: None,
    }
}
