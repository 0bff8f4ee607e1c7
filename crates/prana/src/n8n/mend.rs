//! Replaces what the compiler refuses, so that what is handed over compiles.

use std::collections::BTreeMap;

use prana_core::Registry;
use prana_core::action::Kind;
use prana_core::compile::{Options, compile};
use prana_core::diagnostic::Diagnostic;
use prana_core::document::{Connection, Node, NodeSettings, Workflow};

use super::Imported;
use super::convert::{failing, map, one_line};
use super::report::worst;
use crate::elixir::{Fate, Finding};

/// Rounds until all that is left is replaced at once.
const MAX_ROUNDS: usize = 8;

/// The workflow with a trigger, and without anything that does not compile.
pub(super) fn mended(mut imported: Imported, registry: &Registry) -> Imported {
    with_trigger(&mut imported, registry);
    for round in 0..=MAX_ROUNDS {
        let refused = refused(&imported.workflow, registry);
        if refused.is_empty() {
            break;
        }
        for (key, reason) in refused {
            replace(&mut imported, &key, &reason);
        }
        if round == MAX_ROUNDS {
            imported.workflow.connections.clear();
        }
    }
    imported
}

/// The nodes that the compiler refuses, from whatever trigger, with the reason.
fn refused(workflow: &Workflow, registry: &Registry) -> BTreeMap<String, String> {
    let is_trigger = |node: &&Node| {
        registry.action(&node.type_name).is_some_and(|action| action.descriptor.kind == Kind::Trigger)
    };
    let triggers: Vec<&str> =
        workflow.nodes.iter().filter(is_trigger).map(|node| node.key.as_str()).collect();
    let mut refused = BTreeMap::new();
    for trigger in triggers {
        let options = Options { trigger: Some(trigger), ..Options::default() };
        let diagnostics = compile(workflow, registry, options).diagnostics;
        for diagnostic in diagnostics.iter().filter(|diagnostic| diagnostic.is_error()) {
            if let Some(key) = node_of(diagnostic, workflow) {
                refused.entry(key).or_insert_with(|| diagnostic.message.to_string());
            }
        }
    }
    refused
}

fn node_of(diagnostic: &Diagnostic, workflow: &Workflow) -> Option<String> {
    let key = diagnostic.node.as_ref()?.to_string();
    workflow.node(&key).map(|node| node.key.clone())
}

/// A node that fails with the reason stands in the place of the one that was refused.
fn replace(imported: &mut Imported, key: &str, reason: &str) {
    let finding = Finding {
        fate: Fate::NotPossible,
        about: key.to_owned(),
        text: format!("{}; the node fails until it is mended", one_line(reason)),
    };
    let report = imported.report.nodes.iter_mut().find(|node| node.keys.iter().any(|known| known == key));
    match report {
        Some(report) => {
            report.findings.push(finding);
            report.fate = worst(&report.findings);
        }
        None => imported.report.findings.push(finding),
    }
    let Some(node) = imported.workflow.nodes.iter_mut().find(|node| node.key == key) else { return };
    node.params =
        map([("mapping_map", failing(&format!("not imported: {}", one_line(reason))).into())]).into();
    node.type_name = "data.set_data".to_owned();
    node.settings = NodeSettings::default();
    node.disabled = false;
    let mut connections: Vec<Connection> = Vec::new();
    for mut connection in std::mem::take(&mut imported.workflow.connections) {
        if connection.from == key {
            connection.from_port = None;
        }
        if connection.to == key {
            connection.to_port = None;
        }
        if !connections.contains(&connection) {
            connections.push(connection);
        }
    }
    imported.workflow.connections = connections;
}

/// A workflow without a trigger gets one, before the nodes that nothing leads to.
fn with_trigger(imported: &mut Imported, registry: &Registry) {
    let workflow = &mut imported.workflow;
    let is_trigger = |node: &Node| {
        registry.action(&node.type_name).is_some_and(|action| action.descriptor.kind == Kind::Trigger)
    };
    if workflow.nodes.iter().any(is_trigger) {
        return;
    }
    let numbered = (2..).map(|number| format!("start_{number}"));
    let key = std::iter::once("start".to_owned())
        .chain(numbered)
        .find(|key| workflow.node(key).is_none())
        .unwrap_or_default();
    let is_first = |node: &&Node| !workflow.connections.iter().any(|connection| connection.to == node.key);
    let firsts: Vec<String> = workflow.nodes.iter().filter(is_first).map(|node| node.key.clone()).collect();
    for first in firsts {
        let node = workflow.node(&first);
        let inputs = node.and_then(|node| registry.action(&node.type_name)).map(|action| {
            action.descriptor.ports_for(&node.map(|node| node.params.clone()).unwrap_or_default()).inputs
        });
        let port = inputs
            .and_then(|inputs| inputs.first().map(|port| port.name.to_string()))
            .filter(|port| port != "main");
        workflow.connections.push(Connection {
            from: key.clone(),
            from_port: None,
            to: first,
            to_port: port,
        });
    }
    workflow.nodes.insert(
        0,
        Node { key, type_name: "manual.trigger".to_owned(), params: map([]).into(), ..Node::default() },
    );
    let text = "it has no trigger: one to start it by hand was put before the nodes that nothing leads to";
    imported.report.findings.push(Finding {
        fate: Fate::Changed,
        about: "trigger".to_owned(),
        text: text.to_owned(),
    });
}
