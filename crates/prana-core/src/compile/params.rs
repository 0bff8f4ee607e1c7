//! Compiles the parameters of all nodes: templates parsed once, names resolved, constants checked.

use std::cell::{Cell, RefCell};

use fixedbitset::FixedBitSet;
use prana_template::{Params, ParamsError, ParamsOptions, PathSegment, Str};
use rustc_hash::FxHashMap;

use super::ancestry::Ancestry;
use super::check::NodeAction;
use super::connect::Whole;
use super::names::{NodeNames, Relation, Source};
use super::topology::NodeId;
use super::{Report, node_path};
use crate::diagnostic::{Diagnostic, DocPath, PathItem};
use crate::document::{Node, Workflow};
use crate::registry::Registry;

/// The parameters of all nodes, and what their templates read.
pub(super) struct CompiledParams {
    pub params: Vec<Option<Params>>,
    /// Per node of the document: does some template read its latest output?
    pub read_outputs: Vec<bool>,
    /// Per node of the document: does some template read the port or the number of its latest run?
    pub read_runs: Vec<bool>,
    pub secrets: Vec<Str>,
    pub credentials: Vec<Str>,
}

/// Compiles the parameters of every node whose action is known.
pub(super) fn compile_all(
    workflow: &Workflow,
    registry: &Registry,
    keys: &FxHashMap<&str, usize>,
    actions: &[Option<NodeAction>],
    whole: &Whole,
    report: &mut Report<'_>,
) -> CompiledParams {
    let numbers = whole.numbers();
    let kept: Vec<usize> = (0..numbers.len()).filter(|index| numbers[*index].is_some()).collect();
    let secrets = RefCell::new(Vec::new());
    let mut read_outputs = vec![false; workflow.nodes.len()];
    let mut read_runs = vec![false; workflow.nodes.len()];
    let ancestry = Ancestry::new(&whole.topology);
    let mut credentials: Vec<Str> = Vec::new();
    let mut all = Vec::with_capacity(workflow.nodes.len());
    for (index, node) in workflow.nodes.iter().enumerate() {
        let Some(action) = &actions[index] else {
            all.push(None);
            continue;
        };
        let compiler = Compiler {
            keys,
            whole,
            numbers: &numbers,
            ancestry: &ancestry,
            secrets: &secrets,
            index,
            node,
            action,
        };
        let params = compiler.compile(registry, report);
        for name in compiler.credentials(report) {
            if !credentials.contains(&name) {
                credentials.push(name);
            }
        }
        if let Some(params) = &params {
            mark_read(params, &kept, &mut read_outputs, &mut read_runs);
        }
        if mentions_nodes(node, action) {
            read_outputs.iter_mut().for_each(|read| *read = true);
        }
        all.push(params);
    }
    CompiledParams { params: all, read_outputs, read_runs, secrets: secrets.into_inner(), credentials }
}

fn is_name(name: &str) -> bool {
    let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    starts && name.len() <= 64 && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
}

/// Code that mentions `$nodes` may read any of them.
fn mentions_nodes(node: &Node, action: &NodeAction) -> bool {
    let text = |field: &&str| node.params.get(field).and_then(|value| value.as_str().map(str::to_owned));
    let fields = action.action.descriptor.literal_fields;
    fields.iter().filter_map(text).any(|code| code.contains("$nodes"))
}

/// `kept` is the place in the document of each node of the compiled graph, whose numbers slots hold.
fn mark_read(params: &Params, kept: &[usize], outputs: &mut [bool], runs: &mut [bool]) {
    for slot in params.slots() {
        match Source::from_slot(*slot) {
            Source::NodeOutput(node) | Source::Node(node) => outputs[kept[node.index()]] = true,
            Source::NodePort(node) | Source::NodeRunIndex(node) => runs[kept[node.index()]] = true,
            _ => {}
        }
    }
}

struct Compiler<'a> {
    keys: &'a FxHashMap<&'a str, usize>,
    whole: &'a Whole,
    numbers: &'a [Option<NodeId>],
    ancestry: &'a Ancestry,
    secrets: &'a RefCell<Vec<Str>>,
    index: usize,
    node: &'a Node,
    action: &'a NodeAction,
}

impl Compiler<'_> {
    fn compile(&self, registry: &Registry, report: &mut Report<'_>) -> Option<Params> {
        let before: RefCell<Option<FixedBitSet>> = RefCell::new(None);
        let descriptor = &self.action.action.descriptor;
        let inputs: Vec<Str> = match self.action.is_trigger() {
            true => vec!["main".into()],
            false => self.action.ports.inputs.iter().map(|port| port.name.clone()).collect(),
        };
        // Fields with `$item` are rendered when an iteration is over: there, the body of the node's own loop has run.
        let after_body = Cell::new(false);
        let relation = |key: &str| self.relation(key, &before, after_body.get());
        let waits = |key: &str| self.wait(key);
        let names = NodeNames {
            inputs: &inputs,
            keys: self.keys,
            relation: &relation,
            waits: &waits,
            advice: Cell::new(report.advice()),
            secrets_allowed: self.action.action.touches_world() || self.action.is_trigger(),
            secrets: self.secrets,
        };
        let literal = |path: &[PathSegment]| descriptor.is_literal(path);
        let item = |path: &[PathSegment]| {
            after_body
                .set(matches!(path, [PathSegment::Key(key), ..] if descriptor.item_fields.contains(&&**key)));
            descriptor.allows_item(path, &self.node.params)
        };
        let options = ParamsOptions {
            literal: &literal,
            allow_item: &item,
            put_off: &|slot| matches!(Source::from_slot(slot), Source::Secret(_)),
        };
        let compiled = Params::compile(&self.node.params, &names, registry.filters(), &options);
        match compiled {
            Ok(params) => {
                self.check(&params, report);
                Some(params)
            }
            Err(errors) => {
                errors.iter().for_each(|error| self.template_error(error, report));
                None
            }
        }
    }

    fn check(&self, params: &Params, report: &mut Report<'_>) {
        if let Err(error) = self.action.action.descriptor.check(params) {
            let path = self.path(&error.path);
            let problem = format!("parameters of `{}`: {error}", self.node.type_name);
            report.add(
                Diagnostic::error("workflow.invalid_params", problem)
                    .with_help(format!("`prana actions {}` shows what it takes", self.node.type_name))
                    .with_node(&self.node.key)
                    .with_path(path),
            );
        }
    }

    /// The names of the credentials that the node uses.
    fn credentials(&self, report: &mut Report<'_>) -> Vec<Str> {
        let mut names = Vec::new();
        for (path, value) in self.action.action.descriptor.credentials_in(&self.node.params) {
            match value.as_str().filter(|name| is_name(name)) {
                Some(name) => names.push(Str::from(name)),
                None => self.no_credential(path, report),
            }
        }
        names
    }

    fn no_credential(&self, path: &[&str], report: &mut Report<'_>) {
        let problem =
            "the name of a credential is 1 to 64 letters, digits, _ and -, and begins with a letter or _";
        let path: Vec<PathSegment> = path.iter().map(|key| PathSegment::from(*key)).collect();
        report.add(
            Diagnostic::error("credential.invalid_name", problem)
                .with_help("it is written as it is, never as a template: data can't choose a credential")
                .with_node(&self.node.key)
                .with_path(self.path(&path)),
        );
    }

    fn template_error(&self, error: &ParamsError, report: &mut Report<'_>) {
        let problem = &error.error;
        let mut diagnostic = Diagnostic::error(problem.code, problem.message.clone())
            .with_node(&self.node.key)
            .with_path(self.path(&error.path));
        diagnostic.help = problem.help.clone();
        report.add_in(diagnostic, Some(problem.span.start..problem.span.end));
    }

    fn path(&self, inner: &[PathSegment]) -> DocPath {
        let items: DocPath = inner
            .iter()
            .map(|segment| match segment {
                PathSegment::Key(key) => PathItem::Key(key.to_string()),
                PathSegment::Index(index) => PathItem::Index(*index),
            })
            .collect();
        node_path(self.index).join("params").join_path(&items)
    }

    fn relation(&self, key: &str, before: &RefCell<Option<FixedBitSet>>, after_body: bool) -> Relation {
        let Some(other) = self.keys.get(key).copied() else { return Relation::NotBefore };
        let here = NodeId(self.index as u32);
        if self.ancestry.is_above(NodeId(other as u32), here) {
            return Relation::Before(self.numbers[other]);
        }
        let mut before = before.borrow_mut();
        let before = before.get_or_insert_with(|| self.whole.topology.leading_to(here, |_| true));
        let own_scope = self.whole.scopes.iter().find(|scope| scope.node == here);
        let in_body = after_body && own_scope.is_some_and(|scope| scope.inside.contains(other));
        match before.contains(other) || in_body || !self.whole.complete {
            true => Relation::Before(self.numbers[other]),
            false => Relation::NotBefore,
        }
    }

    /// A wait can be named from here if every loop around it is around this node too.
    fn wait(&self, key: &str) -> Option<(NodeId, bool)> {
        let other = self.keys.get(key).copied()?;
        let inside = |scope: &&super::scopes::Scope| scope.inside.contains(other);
        let shared = |scope: &super::scopes::Scope| scope.inside.contains(self.index);
        let nameable = self.whole.scopes.iter().filter(inside).all(shared);
        Some((self.numbers[other]?, nameable))
    }
}
