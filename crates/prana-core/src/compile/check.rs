//! What is said about keys, action types, triggers, settings and loops.

use std::sync::Arc;

use prana_template::{FixedNames, Template};
use rustc_hash::FxHashMap;

use super::connect::{ResolvedLink, Whole};
use super::scopes::LOOP;
use super::topology::NodeId;
use super::{Report, connection_path, node_path};
use crate::action::{Kind, Ports};
use crate::diagnostic::{Diagnostic, DocPath};
use crate::document::{Join, Node, OnError, OnSuspend, Workflow};
use crate::registry::{Behaviour, Registered, Registry};

/// A node's action and ports, where its type is known.
pub(super) struct NodeAction {
    pub action: Arc<Registered>,
    pub ports: Ports,
}

impl NodeAction {
    pub fn is_trigger(&self) -> bool {
        self.action.descriptor.kind == Kind::Trigger
    }

    pub fn is_for_each(&self, node: &Node) -> bool {
        matches!(self.action.behaviour, Behaviour::ForEach) && !node.disabled
    }

    pub fn join(&self, node: &Node) -> Join {
        let several = self.ports.inputs.len() > 1;
        node.settings.join.unwrap_or(if several { Join::All } else { Join::Each })
    }
}

/// The place of each key; doubled ones are told.
pub(super) fn keys<'a>(workflow: &'a Workflow, report: &mut Report<'_>) -> FxHashMap<&'a str, usize> {
    let mut keys = FxHashMap::default();
    for (index, node) in workflow.nodes.iter().enumerate() {
        if keys.insert(node.key.as_str(), index).is_some() {
            let message = format!("two nodes have the key `{}`", node.key);
            report.add(
                Diagnostic::error("workflow.duplicate_key", message)
                    .with_help("give one of them another key")
                    .with_node(&node.key)
                    .with_path(node_path(index).join("key")),
            );
        }
    }
    keys
}

/// The action of each node; unknown types and impossible settings are told.
pub(super) fn actions(
    workflow: &Workflow,
    registry: &Registry,
    report: &mut Report<'_>,
) -> Vec<Option<NodeAction>> {
    let one = |(index, node): (usize, &Node)| {
        let Some(action) = registry.action(&node.type_name) else {
            report.add(unknown_action(registry, node, index));
            return None;
        };
        let ports = action.descriptor.ports_for(&node.params);
        check_settings(node, index, action, report);
        Some(NodeAction { action: Arc::clone(action), ports })
    };
    workflow.nodes.iter().enumerate().map(one).collect()
}

fn unknown_action(registry: &Registry, node: &Node, index: usize) -> Diagnostic {
    let diagnostic =
        Diagnostic::error("workflow.unknown_action", format!("there is no action `{}`", node.type_name))
            .with_node(&node.key)
            .with_path(node_path(index).join("type"));
    match registry.nearest(&node.type_name) {
        Some(known) => diagnostic.with_help(format!("did you mean `{known}`?")),
        None => diagnostic.with_help("`prana actions` lists them all"),
    }
}

fn check_settings(node: &Node, index: usize, action: &Registered, report: &mut Report<'_>) {
    let descriptor = &action.descriptor;
    if node.settings.on_error == OnError::Continue && descriptor.default_port.is_none() {
        let message = format!("`{}` has no default port for `on_error: continue`", descriptor.type_name);
        report.add(
            Diagnostic::error("workflow.invalid_settings", message)
                .with_help("use `on_error: continue_error_output` and connect the port `error`")
                .with_node(&node.key)
                .with_path(node_path(index).join("settings").join("on_error")),
        );
    }
    let stuck = descriptor.default_port.is_none() || descriptor.cannot_disable;
    if node.disabled && stuck {
        let message =
            format!("`{}` can't be disabled: nothing says where its input should go", node.type_name);
        report.add(
            Diagnostic::error("workflow.cannot_disable", message)
                .with_help("remove the node, or connect around it")
                .with_node(&node.key)
                .with_path(node_path(index).join("disabled")),
        );
    }
}

/// The names that the key of a concurrency limit may use: it is rendered before anything runs.
pub const CONCURRENCY_NAMES: [&str; 3] = ["$trigger", "$vars", "$env"];

/// The key of the concurrency limit must be a template.
pub(super) fn concurrency(workflow: &Workflow, registry: &Registry, report: &mut Report<'_>) {
    let key = workflow.settings.concurrency.as_ref().and_then(|limit| limit.key.as_ref());
    let Some(key) = key else { return };
    let names = FixedNames::new(CONCURRENCY_NAMES);
    let Err(errors) = Template::parse(key, &names, registry.filters()) else { return };
    for error in errors {
        let mut diagnostic = Diagnostic::error(error.code, error.message)
            .with_path(DocPath::root().join("settings").join("concurrency").join("key"));
        diagnostic.help = error.help;
        report.add_in(diagnostic, Some(error.span.start..error.span.end));
    }
}

/// The node that a run is to go up to.
pub(super) fn until(
    keys: &FxHashMap<&str, usize>,
    wanted: Option<&str>,
    report: &mut Report<'_>,
) -> Option<NodeId> {
    let key = wanted?;
    let index = keys.get(key);
    if index.is_none() {
        let message = format!("there is no node `{key}` to run up to");
        report
            .add(Diagnostic::error("workflow.until_not_found", message).with_help("name a node by its key"));
    }
    index.map(|index| NodeId(*index as u32))
}

/// A run up to a node needs a way there.
pub(super) fn way_to(until: Option<NodeId>, whole: &Whole, report: &mut Report<'_>) {
    let (Some(until), Some(trigger)) = (until, whole.trigger) else { return };
    if until != trigger && !whole.reached.contains(until.index()) {
        let message = "no way leads from the trigger to the node that the run is to go up to";
        report.add(
            Diagnostic::error("workflow.until_unreachable", message)
                .with_help("connect it, or start at another trigger")
                .with_path(node_path(until.index())),
        );
    }
}

/// The node to start from.
pub(super) fn trigger(
    workflow: &Workflow,
    actions: &[Option<NodeAction>],
    wanted: Option<&str>,
    report: &mut Report<'_>,
) -> Option<NodeId> {
    let is_trigger = |index: usize| actions[index].as_ref().is_some_and(NodeAction::is_trigger);
    if let Some(key) = wanted {
        let Some(index) = workflow.nodes.iter().position(|node| node.key == key) else {
            let message = format!("there is no node `{key}` to start from");
            report.add(
                Diagnostic::error("workflow.trigger_not_found", message)
                    .with_help(list_triggers(workflow, actions)),
            );
            return None;
        };
        if actions[index].is_some() && !is_trigger(index) {
            let message = format!("`{key}` is a `{}`, which starts nothing", workflow.nodes[index].type_name);
            report.add(
                Diagnostic::error("workflow.not_a_trigger", message)
                    .with_help(list_triggers(workflow, actions))
                    .with_node(key)
                    .with_path(node_path(index).join("type")),
            );
            return None;
        }
        return Some(NodeId(index as u32));
    }
    let triggers: Vec<usize> = (0..workflow.nodes.len()).filter(|index| is_trigger(*index)).collect();
    match triggers.as_slice() {
        [only] => Some(NodeId(*only as u32)),
        [] => {
            if actions.iter().all(Option::is_some) {
                report.add(
                    Diagnostic::error("workflow.no_trigger", "no node starts this workflow")
                        .with_help("add a trigger node, for instance `{key: start, type: manual.trigger}`")
                        .with_path(DocPath::root()),
                );
            }
            None
        }
        _ => {
            report.add(
                Diagnostic::error("workflow.multiple_triggers", "several triggers, and none was chosen")
                    .with_help(list_triggers(workflow, actions)),
            );
            None
        }
    }
}

fn list_triggers(workflow: &Workflow, actions: &[Option<NodeAction>]) -> String {
    let of_trigger = |(node, action): (&Node, &Option<NodeAction>)| {
        action.as_ref().is_some_and(NodeAction::is_trigger).then(|| node.key.clone())
    };
    let keys: Vec<String> = workflow.nodes.iter().zip(actions).filter_map(of_trigger).collect();
    match keys.is_empty() {
        true => "this workflow has no trigger; add one, for instance a `manual.trigger`".to_owned(),
        false => format!("choose one of the triggers: {}", keys.join(", ")),
    }
}

/// Breaks outside of loops, loops without a way out, loops entered again from outside.
pub(super) fn loops(
    workflow: &Workflow,
    actions: &[Option<NodeAction>],
    whole: &Whole,
    report: &mut Report<'_>,
) {
    for (index, action) in actions.iter().enumerate() {
        let Some(action) = action else { continue };
        let in_scope = whole.scopes.iter().any(|scope| scope.inside.contains(index));
        if &*action.action.descriptor.type_name == "core.break" && whole.complete && !in_scope {
            report.add(
                Diagnostic::error("loop.not_in_loop", "this break is in the body of no for_each")
                    .with_help("place it on a way that starts at the `loop` port of a core.for_each")
                    .with_node(&workflow.nodes[index].key)
                    .with_path(node_path(index)),
            );
        }
    }
    for found in &whole.loops.all {
        let leads_out = |node: &NodeId| has_exit(workflow, actions, whole, *node, &found.nodes);
        if whole.complete && !found.nodes.iter().any(leads_out) {
            let first = found.nodes[0].index();
            report.add(
                Diagnostic::warning("loop.no_exit", "this loop has no way out")
                    .with_help("put an if or a for_each into it that leads out")
                    .with_node(&workflow.nodes[first].key)
                    .with_path(node_path(first)),
            );
        }
    }
    for scope in &whole.scopes {
        if whole.complete && is_reentered(whole, scope) {
            let index = scope.node.index();
            report.add(
                Diagnostic::warning("loop.reentered", "a way leads out of this loop's body and into the loop again")
                    .with_help("each arrival from outside starts the loop anew; leave the body by its end, or use the `done` port")
                    .with_node(&workflow.nodes[index].key)
                    .with_path(node_path(index)),
            );
        }
    }
}

fn has_exit(
    workflow: &Workflow,
    actions: &[Option<NodeAction>],
    whole: &Whole,
    node: NodeId,
    inside: &[NodeId],
) -> bool {
    let Some(action) = &actions[node.index()] else { return true };
    if action.is_for_each(&workflow.nodes[node.index()]) {
        return true;
    }
    let leads_back = |port: u16| {
        whole.topology.edges(node, port).iter().any(|edge| inside.binary_search(&edge.to).is_ok())
    };
    (0..whole.topology.port_count(node)).any(|port| !leads_back(port))
}

/// Is there a way from the body, out of the scope, and into the for_each again?
fn is_reentered(whole: &Whole, scope: &super::scopes::Scope) -> bool {
    let outside = |node: NodeId| {
        node != scope.node && !scope.inside.contains(node.index()) && !scope.enclosing.contains(&node)
    };
    let inside = scope.inside.ones().map(|index| NodeId(index as u32));
    let direct = whole.topology.edges(scope.node, LOOP).iter().map(|edge| edge.to);
    let leaving = inside
        .flat_map(|node| whole.topology.outgoing(node).iter().map(|edge| edge.to))
        .chain(direct)
        .filter(|node| outside(*node));
    let reached = whole.topology.reachable(leaving, outside);
    reached.ones().any(|index| {
        let to = whole.topology.outgoing(NodeId(index as u32));
        to.iter().any(|edge| edge.to == scope.node)
    })
}

/// Unreachable nodes, shared ports, waits that hold other branches.
pub(super) fn warnings(
    workflow: &Workflow,
    actions: &[Option<NodeAction>],
    links: &[ResolvedLink],
    whole: &Whole,
    report: &mut Report<'_>,
) {
    if !whole.complete {
        return;
    }
    for (index, node) in workflow.nodes.iter().enumerate() {
        if !whole.reached_by_any.contains(index) {
            report.add(
                Diagnostic::warning(
                    "workflow.unreachable_node",
                    "no trigger leads to this node, so it never runs",
                )
                .with_help("connect it, or remove it")
                .with_node(&node.key)
                .with_path(node_path(index)),
            );
        }
    }
    shared_ports(workflow, actions, links, report);
    if workflow.settings.on_suspend == OnSuspend::Hold {
        holds_branches(workflow, actions, whole, report);
    }
}

fn shared_ports(
    workflow: &Workflow,
    actions: &[Option<NodeAction>],
    links: &[ResolvedLink],
    report: &mut Report<'_>,
) {
    let mut seen: FxHashMap<(NodeId, u16), u32> = FxHashMap::default();
    for link in links {
        let target = link.link.edge;
        let count = seen.entry((target.to, target.to_port)).or_default();
        *count += 1;
        let Some(action) = &actions[target.to.index()] else { continue };
        if *count == 2 && action.ports.inputs.len() > 1 {
            let key = &workflow.nodes[target.to.index()].key;
            let port = &action.ports.inputs[usize::from(target.to_port)].name;
            report.add(
                Diagnostic::warning(
                    "workflow.port_shared",
                    format!("several connections lead to the port `{port}` of `{key}`"),
                )
                .with_help(
                    "`$input` holds the newest of them; read `$inputs`, or give each a port of its own",
                )
                .with_node(key)
                .with_path(connection_path(link.index)),
            );
        }
    }
}

/// A node that waits, with another branch beside it that would have to wait too.
fn holds_branches(
    workflow: &Workflow,
    actions: &[Option<NodeAction>],
    whole: &Whole,
    report: &mut Report<'_>,
) {
    for (index, node) in workflow.nodes.iter().enumerate() {
        let waits = actions[index].as_ref().is_some_and(|action| {
            action.action.descriptor.kind == Kind::Wait
                || matches!(action.action.behaviour, Behaviour::ExecuteWorkflow)
        });
        if waits && !node.disabled && whole.has_branch_beside(NodeId(index as u32)) {
            report.add(
                Diagnostic::hint(
                    "suspension.holds_branches",
                    "while this node waits, the branch beside it waits too",
                )
                .with_help(
                    "set `on_suspend: continue` in the workflow's settings to let other branches go on",
                )
                .with_node(&node.key)
                .with_path(node_path(index)),
            );
        }
    }
}
