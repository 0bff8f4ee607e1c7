//! What the `$` names of templates stand for, resolved when a workflow is compiled.

use std::cell::RefCell;

use prana_template::{NameError, Names, PathItem, Resolved, Slot, Str};

use super::topology::NodeId;
use crate::nearest::{MAX_CANDIDATES, nearest};

/// What a slot of a template reads at run time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// `$input.PORT`: the newest data on an input port.
    Input(u16),
    /// `$inputs.PORT`: all data on it.
    Inputs(u16),
    /// `$nodes.KEY.output`.
    NodeOutput(NodeId),
    /// `$nodes.KEY.context`.
    NodeContext(NodeId),
    /// `$nodes.KEY.port`.
    NodePort(NodeId),
    /// `$nodes.KEY.run_index`.
    NodeRunIndex(NodeId),
    /// `$nodes.KEY` as a whole.
    Node(NodeId),
    /// Something known to be null: a node that this trigger can't reach.
    Nothing,
    /// `$vars`.
    Vars,
    /// `$env`.
    Env,
    /// `$workflow`.
    Workflow,
    /// `$trigger`.
    Trigger,
    /// `$now`.
    Now,
    /// `$error`.
    Error,
    /// `$secrets.NAME`, by number in the compiled workflow.
    Secret(u16),
    /// `$execution` as a whole, without resume URLs.
    Execution,
    /// `$execution.state`.
    State,
    /// `$execution.loop`.
    Loop,
    /// `$execution.loopback`.
    Loopback,
    /// `$execution.resume_url`: of the node itself.
    ResumeUrl,
    /// `$execution.resume_urls.KEY`.
    ResumeUrlOf(NodeId),
}

impl Source {
    /// As the number that a template carries.
    pub fn to_slot(self) -> Slot {
        let (tag, number) = match self {
            Source::Input(port) => (0, u32::from(port)),
            Source::Inputs(port) => (1, u32::from(port)),
            Source::NodeOutput(node) => (2, node.0),
            Source::NodeContext(node) => (3, node.0),
            Source::NodePort(node) => (4, node.0),
            Source::NodeRunIndex(node) => (5, node.0),
            Source::Node(node) => (6, node.0),
            Source::Nothing => (7, 0),
            Source::Vars => (8, 0),
            Source::Env => (9, 0),
            Source::Workflow => (10, 0),
            Source::Trigger => (11, 0),
            Source::Now => (12, 0),
            Source::Error => (13, 0),
            Source::Secret(number) => (14, u32::from(number)),
            Source::Execution => (15, 0),
            Source::State => (16, 0),
            Source::Loop => (17, 0),
            Source::Loopback => (18, 0),
            Source::ResumeUrl => (19, 0),
            Source::ResumeUrlOf(node) => (20, node.0),
        };
        Slot(tag << 24 | number)
    }

    /// Back from the number that a template carries.
    pub fn from_slot(slot: Slot) -> Source {
        let number = slot.0 & 0x00ff_ffff;
        let (port, node) = (number as u16, NodeId(number));
        match slot.0 >> 24 {
            0 => Source::Input(port),
            1 => Source::Inputs(port),
            2 => Source::NodeOutput(node),
            3 => Source::NodeContext(node),
            4 => Source::NodePort(node),
            5 => Source::NodeRunIndex(node),
            6 => Source::Node(node),
            8 => Source::Vars,
            9 => Source::Env,
            10 => Source::Workflow,
            11 => Source::Trigger,
            12 => Source::Now,
            13 => Source::Error,
            14 => Source::Secret(port),
            15 => Source::Execution,
            16 => Source::State,
            17 => Source::Loop,
            18 => Source::Loopback,
            19 => Source::ResumeUrl,
            20 => Source::ResumeUrlOf(node),
            _ => Source::Nothing,
        }
    }
}

/// The roots that templates know, for advice.
const ROOTS: &[&str] = &[
    "$input",
    "$inputs",
    "$nodes",
    "$vars",
    "$env",
    "$secrets",
    "$workflow",
    "$execution",
    "$trigger",
    "$now",
    "$error",
    "$item",
    "$index",
    "$loop",
];

const EXECUTION_FIELDS: &[&str] = &[
    "id",
    "mode",
    "run_index",
    "execution_index",
    "current_node_key",
    "state",
    "started_at",
    "loopback",
    "loop",
    "resume_url",
    "resume_urls",
    "parent_id",
    "preparation",
];

/// What another node is to the one whose template names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// It can have run before: its number, or none if the chosen trigger doesn't reach it.
    Before(Option<NodeId>),
    /// There is no way from it to here.
    NotBefore,
}

/// A workflow mentions so many secrets at most.
const MAX_SECRETS: usize = 1_000;

/// Keys of nodes are no longer than this.
const LONGEST_KEY: usize = 64;

/// The names that one node's templates may use.
pub struct NodeNames<'a> {
    /// The input ports of the node.
    pub inputs: &'a [Str],
    /// All keys of the workflow, with the place of each node.
    pub keys: &'a rustc_hash::FxHashMap<&'a str, usize>,
    /// What the node with this key is to this one.
    pub relation: &'a dyn Fn(&str) -> Relation,
    /// The node with this key, and whether its waits can be named from here (not if it is in a loop that this node isn't in).
    pub waits: &'a dyn Fn(&str) -> Option<(NodeId, bool)>,
    /// True for nodes that touch the world: only they see secrets.
    pub secrets_allowed: bool,
    /// How many more times it is worth while to look for the node that was meant.
    pub advice: std::cell::Cell<usize>,
    /// The names of secrets seen so far, shared by all nodes.
    pub secrets: &'a RefCell<Vec<Str>>,
}

impl Names for NodeNames<'_> {
    fn key_len(&self, root: &str, path: &[PathItem], rest: &str) -> Option<usize> {
        let takes_key = match root {
            "$nodes" => path.is_empty(),
            "$execution" => matches!(path, [PathItem::Key(key)] if &**key == "resume_urls"),
            _ => false,
        };
        if !takes_key {
            return None;
        }
        let part_of_key = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        let run = rest.bytes().take(LONGEST_KEY).take_while(part_of_key).count();
        let ends = |length: &usize| {
            rest.as_bytes().get(*length).is_none_or(|next| !next.is_ascii_alphanumeric() && *next != b'_')
        };
        (1..=run).rev().filter(ends).find(|length| self.keys.contains_key(&rest[..*length]))
    }

    fn resolve(&self, root: &str, path: &[PathItem]) -> Result<Resolved, NameError> {
        let (source, consumed) = match root {
            "$input" => self.port(path).map_or((Source::Input(0), 0), |port| (Source::Input(port), 1)),
            "$inputs" => match (path, self.port(path)) {
                (_, Some(port)) => (Source::Inputs(port), 1),
                ([PathItem::Key(name), ..], None) => return Err(self.no_such_port(name)),
                _ => {
                    return Err(unknown("`$inputs` needs the name of an input port", "write `$inputs.main`"));
                }
            },
            "$nodes" => self.node(path)?,
            "$vars" => (Source::Vars, 0),
            "$env" => (Source::Env, 0),
            "$workflow" => (Source::Workflow, 0),
            "$trigger" => (Source::Trigger, 0),
            "$now" => (Source::Now, 0),
            "$error" => (Source::Error, 0),
            "$secrets" => self.secret(path)?,
            "$execution" => self.execution(path)?,
            other => return Err(unknown_root(other)),
        };
        Ok(Resolved { slot: source.to_slot(), consumed })
    }
}

impl NodeNames<'_> {
    fn port(&self, path: &[PathItem]) -> Option<u16> {
        let [PathItem::Key(name), ..] = path else { return None };
        self.inputs.iter().position(|port| **port == **name).map(|position| position as u16)
    }

    fn nearest_key(&self, key: &str) -> Option<&str> {
        self.advice.set(self.advice.get().checked_sub(1)?);
        let first = self.keys.iter().filter(|(_, place)| **place < MAX_CANDIDATES);
        let mut keys: Vec<(&str, usize)> = first.map(|(key, place)| (*key, *place)).collect();
        keys.sort_unstable_by_key(|(_, place)| *place);
        nearest(key, keys.into_iter().map(|(key, _)| key))
    }

    fn no_such_port(&self, name: &str) -> NameError {
        let help = format!("this node's input ports: {}", self.inputs.join(", "));
        unknown(format!("there is no input port `{name}`"), help)
    }

    fn node(&self, path: &[PathItem]) -> Result<(Source, usize), NameError> {
        let [PathItem::Key(key), rest @ ..] = path else {
            return Err(unknown("`$nodes` needs the key of a node", "write `$nodes.KEY.output`"));
        };
        let key: &str = key;
        if !self.keys.contains_key(key) {
            let help = match self.nearest_key(key) {
                Some(known) => format!("did you mean `{known}`?"),
                None => "write the key of a node of this workflow after `$nodes.`".to_owned(),
            };
            return Err(NameError {
                code: "expression.unknown_node",
                message: format!("there is no node `{key}`"),
                help: Some(help),
            });
        }
        let node = match (self.relation)(key) {
            Relation::Before(Some(node)) => node,
            Relation::Before(None) => return Ok((Source::Nothing, path.len())),
            Relation::NotBefore => {
                return Err(NameError {
                    code: "expression.node_not_before",
                    message: format!("`{key}` can't have run before this node: no way leads from it to here"),
                    help: Some(
                        "connect it so that it runs earlier, or take the data from another node".into(),
                    ),
                });
            }
        };
        let field = match rest {
            [PathItem::Key(field), ..] => &**field,
            _ => return Ok((Source::Node(node), 1)),
        };
        let source = match field {
            "output" => Source::NodeOutput(node),
            "context" => Source::NodeContext(node),
            "port" => Source::NodePort(node),
            "run_index" => Source::NodeRunIndex(node),
            other => {
                return Err(unknown(
                    format!("`$nodes.{key}` has no `{other}`"),
                    format!(
                        "write `$nodes.{key}.output.{other}` for a field of its output; there are output, context, port, run_index"
                    ),
                ));
            }
        };
        Ok((source, 2))
    }

    fn secret(&self, path: &[PathItem]) -> Result<(Source, usize), NameError> {
        if !self.secrets_allowed {
            return Err(NameError {
                code: "expression.secret_not_allowed",
                message: "secrets are known only in parameters of nodes that touch the outside world".into(),
                help: Some("use the secret where it is needed, for instance in an http.request".into()),
            });
        }
        let [PathItem::Key(name), ..] = path else {
            return Err(unknown("`$secrets` needs a name", "write `$secrets.NAME`"));
        };
        let mut secrets = self.secrets.borrow_mut();
        let known = secrets.iter().position(|secret| **secret == **name);
        if known.is_none() && secrets.len() >= MAX_SECRETS {
            let message = format!("a workflow mentions {MAX_SECRETS} secrets at most");
            return Err(NameError { code: "expression.limit_exceeded", message, help: None });
        }
        let number = known.unwrap_or_else(|| {
            secrets.push(Str::from(&**name));
            secrets.len() - 1
        });
        Ok((Source::Secret(number as u16), 1))
    }

    fn execution(&self, path: &[PathItem]) -> Result<(Source, usize), NameError> {
        let field = match path {
            [PathItem::Key(field), ..] => &**field,
            _ => return Ok((Source::Execution, 0)),
        };
        match field {
            "state" => Ok((Source::State, 1)),
            "loop" => Ok((Source::Loop, 1)),
            "loopback" => Ok((Source::Loopback, 1)),
            "resume_url" => Ok((Source::ResumeUrl, 1)),
            "resume_urls" => self.resume_url(&path[1..]),
            known if EXECUTION_FIELDS.contains(&known) => Ok((Source::Execution, 0)),
            other => Err(unknown(
                format!("`$execution` has no `{other}`"),
                match nearest(other, EXECUTION_FIELDS.iter().copied()) {
                    Some(known) => format!("did you mean `$execution.{known}`?"),
                    None => format!("there are {}", EXECUTION_FIELDS.join(", ")),
                },
            )),
        }
    }

    fn resume_url(&self, path: &[PathItem]) -> Result<(Source, usize), NameError> {
        let [PathItem::Key(key), ..] = path else {
            return Err(unknown(
                "`$execution.resume_urls` needs the key of a node",
                "write `$execution.resume_urls.KEY`",
            ));
        };
        let key: &str = key;
        match (self.waits)(key) {
            Some((node, true)) => Ok((Source::ResumeUrlOf(node), 2)),
            Some((_, false)) => Err(NameError {
                code: "expression.node_not_before",
                message: format!(
                    "`{key}` is in a loop that this node isn't in, so it has no one resume URL here"
                ),
                help: Some("make the link inside the loop".into()),
            }),
            None => Err(NameError {
                code: "expression.unknown_node",
                message: format!("there is no node `{key}` that this trigger reaches"),
                help: self.nearest_key(key).map(|known| format!("did you mean `{known}`?")),
            }),
        }
    }
}

fn unknown(message: impl Into<String>, help: impl Into<String>) -> NameError {
    NameError { code: "expression.unknown_name", message: message.into(), help: Some(help.into()) }
}

fn unknown_root(root: &str) -> NameError {
    let help = match nearest(root, ROOTS.iter().copied()) {
        Some(known) => format!("did you mean `{known}`?"),
        None => format!("the known names: {}", ROOTS.join(", ")),
    };
    unknown(format!("there is no name `{root}`"), help)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_read_back() {
        let node = NodeId(0x00ab_cdef);
        for source in [
            Source::Input(3),
            Source::Inputs(9),
            Source::NodeOutput(node),
            Source::NodeContext(node),
            Source::NodePort(node),
            Source::NodeRunIndex(node),
            Source::Node(node),
            Source::Nothing,
            Source::Vars,
            Source::Env,
            Source::Workflow,
            Source::Trigger,
            Source::Now,
            Source::Error,
            Source::Secret(7),
            Source::Execution,
            Source::State,
            Source::Loop,
            Source::Loopback,
            Source::ResumeUrl,
            Source::ResumeUrlOf(node),
        ] {
            assert_eq!(Source::from_slot(source.to_slot()), source);
        }
    }
}
