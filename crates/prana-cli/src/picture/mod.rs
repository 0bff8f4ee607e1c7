//! Pictures of workflows: what is drawn, and the ways of drawing it.

mod dot;
mod mermaid;
mod svg;
mod text;

use std::collections::HashMap;

use prana::core::Registry;
use prana::core::document::{Connection, Workflow};
use prana::core::execution::{Execution, NodeStatus};

/// The ways of drawing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Lines of text.
    Text,
    /// A Mermaid flowchart, for Markdown.
    Mermaid,
    /// Graphviz.
    Dot,
    /// A drawing.
    Svg,
}

/// A node, as drawn.
pub struct Box {
    /// Its key.
    pub key: String,
    /// Its name, if it has one.
    pub name: Option<String>,
    /// The type of its action.
    pub action: String,
    /// Whether its input goes through.
    pub disabled: bool,
    /// How it went, and how often it ran.
    pub ran: Option<(NodeStatus, usize)>,
}

/// A connection, as drawn.
pub struct Arrow {
    /// The number of the node it leaves.
    pub from: usize,
    /// The number of the node it leads to.
    pub to: usize,
    /// The ports that go without saying left out.
    pub label: String,
    /// Whether data went over it.
    pub used: bool,
}

/// What is drawn.
pub struct Picture {
    /// The name of the workflow.
    pub title: String,
    /// In the order of the document.
    pub nodes: Vec<Box>,
    /// In the order of the document.
    pub arrows: Vec<Arrow>,
    /// Whether an execution is marked.
    pub marked: bool,
}

impl Picture {
    /// The picture of a workflow, and of an execution of it.
    pub fn new(workflow: &Workflow, registry: &Registry, execution: Option<&Execution>) -> Self {
        let numbers: HashMap<&str, usize> =
            workflow.nodes.iter().enumerate().map(|(number, node)| (node.key.as_str(), number)).collect();
        let nodes: Vec<Box> = workflow
            .nodes
            .iter()
            .map(|node| Box {
                key: node.key.clone(),
                name: node.name.clone(),
                action: node.type_name.clone(),
                disabled: node.disabled,
                ran: execution.and_then(|execution| ran(execution, &node.key)),
            })
            .collect();
        let arrow = |connection: &Connection| {
            let (from, to) = (*numbers.get(connection.from.as_str())?, *numbers.get(connection.to.as_str())?);
            Some(arrow(workflow, registry, execution, connection, (from, to)))
        };
        let arrows = workflow.connections.iter().filter_map(arrow).collect();
        Picture { title: workflow.display_name().to_owned(), nodes, arrows, marked: execution.is_some() }
    }

    /// Draws it.
    pub fn draw(&self, format: Format, colors: bool) -> String {
        match format {
            Format::Text => text::draw(self, colors),
            Format::Mermaid => mermaid::draw(self),
            Format::Dot => dot::draw(self),
            Format::Svg => svg::draw(self),
        }
    }

    /// The arrows that leave a node, in order.
    pub fn leaving(&self, node: usize) -> impl Iterator<Item = &Arrow> {
        self.arrows.iter().filter(move |arrow| arrow.from == node)
    }
}

impl Box {
    /// What stands in the box: the name, or the key.
    pub fn label(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.key)
    }

    /// One word for how it went.
    pub fn fate(&self) -> &'static str {
        match self.ran {
            None => "",
            Some((status, _)) => status.as_str(),
        }
    }
}

/// How a node went: its last run counts.
fn ran(execution: &Execution, key: &str) -> Option<(NodeStatus, usize)> {
    let runs = execution.node_executions.iter().filter(|run| *run.node_key == *key);
    runs.fold(None, |ran, run| Some((run.status, ran.map_or(1, |(_, count)| count + 1))))
}

fn arrow(
    workflow: &Workflow,
    registry: &Registry,
    execution: Option<&Execution>,
    connection: &Connection,
    (from, to): (usize, usize),
) -> Arrow {
    let action = registry.action(&workflow.nodes[from].type_name);
    let default = action.and_then(|action| action.descriptor.default_port.clone());
    let default = default.map_or_else(|| "main".to_owned(), |port| port.to_string());
    let from_port = connection.from_port.clone().unwrap_or_else(|| default.clone());
    let to_port = connection.to_port.clone().unwrap_or_else(|| "main".to_owned());
    let mut label = if from_port == default { String::new() } else { from_port.clone() };
    if to_port != "main" {
        label.push_str(if label.is_empty() { "to " } else { " to " });
        label.push_str(&to_port);
    }
    let used = execution.is_some_and(|execution| used(execution, connection, &from_port, &to_port));
    Arrow { from, to, label, used }
}

/// Whether a run of the target was fed by a run of the source that left by this port.
fn used(execution: &Execution, connection: &Connection, from_port: &str, to_port: &str) -> bool {
    let runs = &execution.node_executions;
    let fed_here = |source: &u32| {
        runs.get(*source as usize).is_some_and(|source| {
            *source.node_key == *connection.from && source.output_port.as_deref() == Some(from_port)
        })
    };
    runs.iter().filter(|run| *run.node_key == *connection.to).any(|run| {
        run.input_from.iter().any(|(port, sources)| port == to_port && sources.iter().any(fed_here))
    })
}
