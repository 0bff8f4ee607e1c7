//! Joins what the nodes became.

use std::collections::HashMap;

use prana_core::Registry;
use prana_core::document::{Connection, Node, Save, Workflow, WorkflowSettings};
use prana_template::{Map, Value};

use super::convert::{Converter, End, Piece, map};
use super::export::{Export, Link};
use super::keys::{Keys, workflow_id};
use super::plan::{Card, Plan};
use super::report::{NodeReport, Report, worst};
use super::{Imported, expr};
use crate::elixir::{Fate, Finding};

/// The description is at most this long, in bytes.
const MAX_DESCRIPTION: usize = 20_000;

/// The workflow, as far as the compiler has nothing against it.
pub(super) fn built(export: &Export, registry: &Registry) -> Imported {
    let mut keys = Keys::default();
    let plan = Plan::new(export, &mut keys);
    let pieces: Vec<Piece> = (0..export.nodes.len())
        .map(|index| Converter::new(&plan, index, &mut keys, registry).convert())
        .collect();
    let mut builder =
        Builder { plan: &plan, keys, pieces, nodes: Vec::new(), links: Vec::new(), adapters: HashMap::new() };
    builder.connect();
    builder.first_items();
    let (nodes, links) = builder.gathered();
    let name = export.name.clone();
    let id = workflow_id(export.id.as_deref().or(name.as_deref()).unwrap_or("imported"));
    let mut findings = general(export);
    let settings = settings(export, &id, &mut findings);
    let workflow = Workflow {
        id: id.clone(),
        name: name.clone().filter(|name| *name != id),
        description: description(export),
        settings,
        nodes,
        connections: links,
        ..Workflow::default()
    };
    let mut report = Report { id: id.clone(), name: name.unwrap_or(id), findings, nodes: Vec::new() };
    reports(&plan, builder.pieces, &mut report);
    Imported { workflow, report }
}

struct Builder<'p, 'e> {
    plan: &'p Plan<'e>,
    keys: Keys,
    pieces: Vec<Piece>,
    nodes: Vec<Node>,
    links: Vec<Connection>,
    /// Nodes that make a list of one item, or one item of a list: by the output behind which they stand.
    adapters: HashMap<(usize, usize, Card), Vec<End>>,
}

impl Builder<'_, '_> {
    fn connect(&mut self) {
        for link in &self.plan.export.links {
            let from = self.ends(link);
            let piece = &self.pieces[link.to];
            let to = match &piece.back {
                Some(back) if self.plan.leads_back(link) => vec![back.clone()],
                _ => piece.entries.get(link.input).or(piece.entries.last()).cloned().unwrap_or_default(),
            };
            for (from, from_port) in &from {
                for (to, to_port) in &to {
                    self.join(from, from_port.as_deref(), to, to_port.as_deref());
                }
            }
        }
    }

    fn join(&mut self, from: &str, from_port: Option<&str>, to: &str, to_port: Option<&str>) {
        let link = Connection {
            from: from.to_owned(),
            from_port: from_port.map(str::to_owned),
            to: to.to_owned(),
            to_port: to_port.map(str::to_owned),
        };
        if !self.links.contains(&link) {
            self.links.push(link);
        }
    }

    /// Where a connection begins, so that it carries what its end takes.
    fn ends(&mut self, link: &Link) -> Vec<End> {
        let piece = &self.pieces[link.from];
        let ends = piece
            .exits
            .get(link.output)
            .or(piece.exits.last().filter(|_| piece.exits.len() == 1))
            .cloned()
            .unwrap_or_default();
        let (carried, wanted) = (self.plan.output(link.from, link.output), self.wanted(link));
        if carried == wanted || ends.is_empty() {
            return ends;
        }
        if let Some(adapter) = self.adapters.get(&(link.from, link.output, wanted)) {
            return adapter.clone();
        }
        let adapter = if wanted == Card::Many { self.wrap(link, &ends) } else { self.unwrap(link, &ends) };
        self.adapters.insert((link.from, link.output, wanted), adapter.clone());
        adapter
    }

    /// What the end of a connection takes.
    fn wanted(&self, link: &Link) -> Card {
        let source = self.plan.source(link.to);
        let carried = self.plan.output(link.from, link.output);
        if source.kind != "splitInBatches" || source.disabled {
            return self.plan.input(link.to);
        }
        // What comes back is what the loop collects; only if some of it are lists, all of it is.
        if !self.plan.leads_back(link) {
            return Card::Many;
        }
        let back = self.plan.into(link.to).filter(|link| self.plan.leads_back(link));
        back.map(|link| self.plan.output(link.from, link.output)).max().unwrap_or(carried)
    }

    fn helper(&mut self, link: &Link, what: &str, type_name: &str, params: Map) -> String {
        let key = self.keys.beside(&self.plan.keys[link.from], what);
        let position = self.plan.source(link.from).position;
        let position =
            position.map(|place| prana_core::document::Position { x: place.x + 100.0, y: place.y + 90.0 });
        self.nodes.push(Node {
            key: key.clone(),
            type_name: type_name.to_owned(),
            params: params.into(),
            position,
            ..Node::default()
        });
        key
    }

    fn wrap(&mut self, link: &Link, ends: &[End]) -> Vec<End> {
        let output = Value::from(vec![Value::from("{{ $input }}")]);
        let key = self.helper(link, "list", "data.set_data", map([("mapping_map", output)]));
        self.join_all(ends, &key);
        vec![(key, None)]
    }

    /// The first item, if there is one.
    fn unwrap(&mut self, link: &Link, ends: &[End]) -> Vec<End> {
        let guard = self.helper(
            link,
            "some",
            "logic.if_condition",
            map([("condition", "{{ $input | length > 0 }}".into())]),
        );
        let key =
            self.helper(link, "first", "data.set_data", map([("mapping_map", "{{ $input[0] }}".into())]));
        self.join_all(ends, &guard);
        self.join(&guard, Some("true"), &key, None);
        vec![(key, None)]
    }

    fn join_all(&mut self, ends: &[End], to: &str) {
        for (from, port) in ends {
            self.join(from, port.as_deref(), to, None);
        }
    }

    /// A webhook that answers with what the last node gave, answers with its first item unless all are asked for.
    fn first_items(&mut self) {
        let webhooks = (0..self.pieces.len()).filter(|node| {
            let source = self.plan.source(*node);
            source.kind == "webhook" && !source.disabled && source.text("responseMode") == Some("lastNode")
        });
        let webhooks: Vec<usize> = webhooks.collect();
        let Some(first) = webhooks.first().copied() else { return };
        let all = self.plan.source(first).text("responseData") == Some("allEntries");
        for node in 0..self.pieces.len() {
            let is_last = !self.plan.export.links.iter().any(|link| link.from == node);
            let is_reached = webhooks.iter().any(|webhook| self.plan.leads(*webhook, 0, node));
            let card = self.plan.output(node, 0);
            let wanted = if all { Card::Many } else { Card::One };
            if is_last
                && is_reached
                && card != wanted
                && self.pieces[node].exits.iter().any(|exit| !exit.is_empty())
            {
                let link = Link { from: node, output: 0, to: node, input: 0 };
                let ends: Vec<End> = self.pieces[node].exits.iter().flatten().cloned().collect();
                if all {
                    self.wrap(&link, &ends)
                } else {
                    self.unwrap(&link, &ends)
                };
            }
        }
    }

    /// All nodes, those of a piece together, and all connections.
    fn gathered(&mut self) -> (Vec<Node>, Vec<Connection>) {
        let mut nodes = Vec::new();
        let mut links = Vec::new();
        for piece in &mut self.pieces {
            nodes.append(&mut piece.nodes.clone());
            links.append(&mut piece.links);
        }
        nodes.append(&mut self.nodes);
        links.append(&mut self.links);
        (nodes, links)
    }
}

fn reports(plan: &Plan<'_>, pieces: Vec<Piece>, report: &mut Report) {
    let truth = |finding: &Finding| finding.text == expr::TRUTH;
    if pieces.iter().any(|piece| piece.findings.iter().any(truth)) {
        report.findings.push(Finding {
            fate: Fate::Changed,
            about: "expressions".to_owned(),
            text: expr::TRUTH.to_owned(),
        });
    }
    for (index, piece) in pieces.into_iter().enumerate() {
        let source = plan.source(index);
        let findings: Vec<Finding> = piece.findings.into_iter().filter(|finding| !truth(finding)).collect();
        let own = plan.keys[index].clone();
        let mut keys: Vec<String> = piece.nodes.into_iter().map(|node| node.key).collect();
        keys.sort_by_key(|key| *key != own);
        report.nodes.push(NodeReport {
            name: source.name.clone(),
            type_name: source.type_name.clone(),
            keys,
            fate: worst(&findings),
            findings,
        });
    }
}

fn general(export: &Export) -> Vec<Finding> {
    let oddity =
        |text: &String| Finding { fate: Fate::NotPossible, about: "document".to_owned(), text: text.clone() };
    let mut findings: Vec<Finding> = export.oddities.iter().take(100).map(oddity).collect();
    let mut say = |fate: Fate, about: &str, text: &str| {
        findings.push(Finding { fate, about: about.to_owned(), text: text.to_owned() })
    };
    if !export.notes.is_empty() {
        say(Fate::Changed, "sticky notes", "their texts are in the description");
    }
    let order = export.settings.get("executionOrder").and_then(Value::as_str);
    if order != Some("v1") {
        say(
            Fate::Changed,
            "executionOrder",
            "the older order takes branches step by step in turn; here each branch runs to its end",
        );
    }
    findings
}

fn description(export: &Export) -> Option<String> {
    let parts: Vec<&str> = export.description.iter().chain(&export.notes).map(String::as_str).collect();
    let text = parts.join("\n\n");
    let end =
        text.char_indices().map(|(at, c)| at + c.len_utf8()).take_while(|end| *end <= MAX_DESCRIPTION).last();
    (!text.is_empty()).then(|| text[..end.unwrap_or(0)].to_owned())
}

fn settings(export: &Export, id: &str, findings: &mut Vec<Finding>) -> WorkflowSettings {
    let text = |key: &str| export.settings.get(key).and_then(Value::as_str);
    let seconds = export
        .settings
        .get("executionTimeout")
        .and_then(Value::as_i64)
        .filter(|seconds| (1..=31_536_000).contains(seconds));
    let error_workflow =
        text("errorWorkflow").filter(|id| !id.is_empty() && *id != "DEFAULT").map(workflow_id);
    if let Some(other) = error_workflow.as_ref().filter(|other| *other != id) {
        let text = format!("the workflow `{other}` must be imported too");
        findings.push(Finding { fate: Fate::Changed, about: "errorWorkflow".to_owned(), text });
    }
    let save = match (text("saveDataSuccessExecution"), text("saveDataErrorExecution")) {
        (Some("none"), Some("none")) => Save::None,
        (Some("none"), _) => Save::Failed,
        _ => Save::All,
    };
    WorkflowSettings {
        timeout: seconds.map(|seconds| seconds as u64 * 1000),
        error_workflow,
        save,
        ..WorkflowSettings::default()
    }
}
