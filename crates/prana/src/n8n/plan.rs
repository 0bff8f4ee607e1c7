//! What is known of a workflow before its nodes are translated: keys, and how many items flow where.
//!
//! In n8n every connection carries a list of items. Here it carries one value. So each connection is found to carry either one item, as that
//! item's data, or many, as the list of their data. What can give several items is `Many`; what one item always makes one of is `One`.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use super::export::{Export, Link, OnError, Source};
use super::expr::{Names, Out, Shape, Which};
use super::keys::Keys;

/// How items are carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Card {
    /// Exactly one: its data.
    One,
    /// Any number: the list of their data.
    Many,
}

/// For each node, whether it is reached.
type Reached = Rc<Vec<bool>>;

/// What is known before nodes are translated.
pub(super) struct Plan<'e> {
    pub export: &'e Export,
    /// The key of each node.
    pub keys: Vec<String>,
    /// The key of the second node of those that become two, and are referred to by both: the end of a loop, the wait for a call.
    pub seconds: Vec<Option<String>>,
    /// How items come to each node.
    inputs: Vec<Card>,
    /// The connections that lead to each node.
    into: Vec<Vec<Link>>,
    /// What can be reached from an output of a node, once it was asked for.
    reached: RefCell<HashMap<(usize, usize), Reached>>,
}

impl<'e> Plan<'e> {
    pub(super) fn new(export: &'e Export, keys: &mut Keys) -> Self {
        let names: Vec<String> = export.nodes.iter().map(|node| keys.of_name(&node.name)).collect();
        let mut second = |(node, key): (&Source, &String)| match node.kind.as_str() {
            "splitInBatches" => Some(keys.beside(key, "done")),
            "wait" if waits_for_call(node) => Some(keys.beside(key, "call")),
            _ => None,
        };
        let seconds = export.nodes.iter().zip(&names).map(&mut second).collect();
        let mut into = vec![Vec::new(); export.nodes.len()];
        export.links.iter().for_each(|link| into[link.to].push(*link));
        let inputs = vec![Card::One; export.nodes.len()];
        let mut plan = Plan { export, keys: names, seconds, inputs, into, reached: RefCell::default() };
        // Each round makes at least one input `Many`, or is the last.
        while plan.spread() {}
        plan
    }

    fn spread(&mut self) -> bool {
        let mut changed = false;
        for link in &self.export.links {
            let carried = self.output(link.from, link.output);
            if carried > self.inputs[link.to] {
                self.inputs[link.to] = carried;
                changed = true;
            }
        }
        changed
    }

    pub(super) fn source(&self, node: usize) -> &'e Source {
        &self.export.nodes[node]
    }

    /// How a node takes items.
    pub(super) fn input(&self, node: usize) -> Card {
        let source = self.source(node);
        match source.kind.as_str() {
            _ if source.execute_once => Card::One,
            "splitInBatches" => Card::Many,
            "merge" if !chooses_branch(source) => Card::Many,
            _ => self.inputs[node],
        }
    }

    /// How items leave by an output.
    pub(super) fn output(&self, node: usize, output: usize) -> Card {
        let (source, input) = (self.source(node), self.input(node));
        if source.disabled || (source.on_error == OnError::ErrorOutput && output >= source.outputs()) {
            return input;
        }
        match source.kind.as_str() {
            "executeWorkflowTrigger" => Card::Many,
            "httpRequest" => {
                if splits_answers(source) {
                    Card::Many
                } else {
                    input
                }
            }
            "code" => {
                if source.text_at(&["mode"], "") == "runOnceForEachItem" {
                    input
                } else {
                    Card::Many
                }
            }
            "function" | "splitOut" => Card::Many,
            "itemLists" if list_operation(source) == "splitOutItems" => Card::Many,
            "itemLists" if list_operation(source) == "concatenateItems" => Card::One,
            "aggregate" => Card::One,
            "wait" if waits_for_call(source) => Card::One,
            "merge" if chooses_branch(source) => self.inputs[node],
            "merge" => Card::Many,
            "splitInBatches" => {
                if output == loop_output(source) && batch_size(source) == Some(1) {
                    Card::One
                } else {
                    Card::Many
                }
            }
            "executeWorkflow" => {
                if source
                    .at(&["options", "waitForSubWorkflow"])
                    .is_some_and(|wait| wait.as_bool() == Some(false))
                {
                    input
                } else {
                    Card::Many
                }
            }
            _ => input,
        }
    }

    /// The connections that lead to a node.
    pub(super) fn into(&self, node: usize) -> impl Iterator<Item = &Link> {
        self.into[node].iter()
    }

    /// The only connection that leads to a node.
    fn only_into(&self, node: usize) -> Option<Link> {
        let mut links = self.into(node);
        let first = links.next()?;
        links.next().is_none().then_some(*first)
    }

    /// Whether a way leads from an output of one node to another.
    pub(super) fn leads(&self, from: usize, output: usize, to: usize) -> bool {
        let known = self.reached.borrow().get(&(from, output)).cloned();
        let reached = known.unwrap_or_else(|| {
            let reached = Rc::new(self.reach(from, output));
            self.reached.borrow_mut().insert((from, output), Rc::clone(&reached));
            reached
        });
        reached[to]
    }

    fn reach(&self, from: usize, output: usize) -> Vec<bool> {
        let mut targets = vec![Vec::new(); self.export.nodes.len()];
        self.export.links.iter().for_each(|link| targets[link.from].push(link));
        let mut reached = vec![false; targets.len()];
        let mut open: Vec<usize> =
            targets[from].iter().filter(|link| link.output == output).map(|link| link.to).collect();
        while let Some(node) = open.pop() {
            if !std::mem::replace(&mut reached[node], true) {
                open.extend(targets[node].iter().map(|link| link.to));
            }
        }
        reached
    }

    /// Whether a connection comes out of the loop that it leads to.
    pub(super) fn leads_back(&self, link: &Link) -> bool {
        let target = self.source(link.to);
        let is_loop = target.kind == "splitInBatches" && !target.disabled;
        let output = loop_output(target);
        is_loop && ((link.from == link.to && link.output == output) || self.leads(link.to, output, link.from))
    }

    /// Where the item of an earlier node is that belongs to the item at hand, in a list of that node's items.
    fn pairing(&self, from: usize, to: usize) -> Option<String> {
        let mut at = from;
        let mut index = match self.input(from) {
            Card::Many => Some("$index".to_owned()),
            Card::One => None,
        };
        for _ in 0..self.export.nodes.len() {
            let link = if self.source(at).kind == "splitInBatches" {
                self.outside(at)?
            } else {
                self.only_into(at)?
            };
            let source = self.source(link.from);
            if link.from == to {
                return index;
            }
            match source.kind.as_str() {
                "splitInBatches"
                    if index.is_none()
                        && link.output == loop_output(source)
                        && batch_size(source) == Some(1) =>
                {
                    index = Some(format!("$nodes.{}.context.index", self.keys[link.from]));
                }
                "set" | "noOp" | "wait" | "respondToWebhook" | "functionItem" => {}
                "code" if source.text_at(&["mode"], "") == "runOnceForEachItem" => {}
                "if" | "switch" | "filter" if index.is_none() || index.as_deref() != Some("$index") => {}
                _ => return None,
            }
            at = link.from;
        }
        None
    }

    /// The only connection that leads into a loop from outside.
    fn outside(&self, node: usize) -> Option<Link> {
        let mut links = self.into(node).filter(|link| !self.leads_back(link));
        let first = links.next()?;
        links.next().is_none().then_some(*first)
    }
}

impl Source {
    /// How many outputs a node has, the one for errors not counted.
    pub(super) fn outputs(&self) -> usize {
        match self.kind.as_str() {
            "if" | "splitInBatches" => 2,
            "switch" => super::convert::switch_outputs(self),
            _ => 1,
        }
    }
}

pub(super) fn list_operation(source: &Source) -> &str {
    source.text_at(&["operation"], "splitOutItems")
}

pub(super) fn waits_for_call(source: &Source) -> bool {
    matches!(source.text("resume"), Some("webhook" | "form"))
}

/// Whether an answer that is a list becomes several items.
pub(super) fn splits_answers(source: &Source) -> bool {
    if source.version < 3.0 {
        return source.flag(&["options", "splitIntoItems"]) && !source.flag(&["options", "fullResponse"]);
    }
    let response = ["options", "response", "response"];
    let format = source.text_at(&[response[0], response[1], response[2], "responseFormat"], "autodetect");
    !source.flag(&[response[0], response[1], response[2], "fullResponse"])
        && matches!(format, "autodetect" | "json")
}

/// The output that leads into the loop.
pub(super) fn loop_output(source: &Source) -> usize {
    usize::from(source.version >= 3.0)
}

/// The items of a batch, if that is written there.
pub(super) fn batch_size(source: &Source) -> Option<u64> {
    match source.params.get("batchSize") {
        None => Some(if source.version >= 3.0 { 1 } else { 10 }),
        Some(size) => size.as_i64().and_then(|size| u64::try_from(size).ok()).filter(|size| *size > 0),
    }
}

pub(super) fn chooses_branch(source: &Source) -> bool {
    matches!(source.text("mode"), Some("chooseBranch" | "passThrough" | "wait"))
}

/// The workflow as one of its nodes sees it.
pub(super) struct View<'p, 'e> {
    pub plan: &'p Plan<'e>,
    pub node: usize,
}

impl View<'_, '_> {
    fn output_of(&self, name: &str) -> Result<(usize, Card, Out), String> {
        let plan = self.plan;
        let node = plan.export.named(name).ok_or_else(|| format!("there is no node `{name}`"))?;
        let source = plan.source(node);
        if source.disabled && plan.into(node).next().is_none() {
            return Err(format!("the node `{name}` is disabled"));
        }
        let mut output = 0;
        if source.kind == "splitInBatches" {
            let inside = plan.leads(node, loop_output(source), self.node);
            let outside = plan.leads(node, 1 - loop_output(source), self.node);
            output = if inside && !outside { loop_output(source) } else { 1 - loop_output(source) };
        }
        let card = plan.output(node, output);
        let branches = matches!(source.kind.as_str(), "if" | "switch");
        if branches && card == Card::Many {
            return Err(format!("`{name}` is several nodes here, one for each way; name the node before it"));
        }
        let is_done = source.kind == "splitInBatches" && output != loop_output(source);
        let second = plan.seconds[node].as_ref().filter(|_| is_done);
        let key = second.unwrap_or(&plan.keys[node]);
        Ok((node, card, Out::atom(format!("$nodes.{key}.output"), Shape::Any)))
    }
}

impl Names for View<'_, '_> {
    fn item(&self, name: &str, which: Which) -> Result<Out, String> {
        let (node, card, output) = self.output_of(name)?;
        match (card, which) {
            (Card::One, _) => Ok(output),
            (Card::Many, Which::First) => Ok(output.index("0")),
            (Card::Many, Which::Last) => Ok(output.index("-1")),
            (Card::Many, Which::Own) => match self.plan.pairing(self.node, node) {
                Some(index) => Ok(output.index(&index)),
                None => Err(format!(
                    "which item of `{name}` belongs to this one can't be told; say `.first()`, or pass the value on with the items"
                )),
            },
        }
    }

    fn items(&self, name: &str) -> Result<Out, String> {
        let (_, card, output) = self.output_of(name)?;
        Ok(match card {
            Card::One => Out::atom(format!("[{}]", output.text), Shape::Items),
            Card::Many => output,
        })
    }

    fn context(&self, name: &str, field: &str) -> Result<Out, String> {
        let node = self.plan.export.named(name).ok_or_else(|| format!("there is no node `{name}`"))?;
        let context =
            |field: &str| Out::atom(format!("$nodes.{}.context.{field}", self.plan.keys[node]), Shape::Any);
        match (self.plan.source(node).kind.as_str(), field) {
            ("splitInBatches", "noItemsLeft") => Ok(context("has_more_item").shaped(Shape::Bool).not()),
            ("splitInBatches", "currentRunIndex") => Ok(context("index").shaped(Shape::Number)),
            _ => Err(format!("`{field}` of the context of a node is not translated")),
        }
    }

    fn previous(&self) -> Option<String> {
        self.plan.only_into(self.node).map(|link| self.plan.source(link.from).name.clone())
    }

    fn waiting(&self) -> Option<String> {
        let is_waiting =
            |node: &usize| self.plan.source(*node).kind == "wait" && waits_for_call(self.plan.source(*node));
        let mut waiting = (0..self.plan.keys.len()).filter(is_waiting);
        let first = waiting.next()?;
        let alone = waiting.next().is_none();
        self.plan.seconds[first].clone().filter(|_| alone)
    }

    fn zone(&self) -> Option<String> {
        let zone = self.plan.export.settings.get("timezone")?.as_str()?;
        (!matches!(zone, "DEFAULT" | "UTC" | "Etc/UTC" | "")).then(|| zone.to_owned())
    }
}
