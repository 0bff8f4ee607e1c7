//! From a workflow document to the static half of the execution graph, with every problem told at once.

mod ancestry;
mod check;
mod connect;
mod loops;
mod names;
mod params;
mod scopes;
mod size;
mod topology;

use std::sync::Arc;

use prana_template::{Params, Str, Value};
use rustc_hash::FxHashMap;

pub use self::check::CONCURRENCY_NAMES;
pub use self::loops::{Loop, Loops, MAX_LEVEL, Membership, Role};
pub use self::names::Source;
pub use self::scopes::{DONE, JoinReach, LOOP, Scope};
pub use self::size::{MAX_NESTING, MAX_PORTS, MAX_ROW_BYTES};
pub use self::topology::{Edge, Link, NodeId, PortId, Topology};
use crate::action::{Descriptor, InputPort};
use crate::diagnostic::{Diagnostic, DocPath, Location};
use crate::document::{Join, NodeSettings, Workflow, WorkflowSettings};
use crate::registry::{Behaviour, Registered, Registry};

/// Finds the place of something in the source text; the range is in bytes of the text value at that place.
pub type Locate<'a> = dyn Fn(&DocPath, Option<std::ops::Range<usize>>) -> Option<Location> + 'a;

/// How to compile.
#[derive(Default, Clone, Copy)]
pub struct Options<'a> {
    /// The trigger node to start from; needed where a workflow has several.
    pub trigger: Option<&'a str>,
    /// Nodes that are answered for instead of being run (mocks of a test).
    pub mocked: &'a [Str],
    /// True to use pinned outputs (test runs from the editor).
    pub use_pinned: bool,
    /// The last node to run: those that don't lead to it are left out (a run up to here, from the editor).
    pub until: Option<&'a str>,
    /// Finds places in the source text.
    pub locate: Option<&'a Locate<'a>>,
}

/// What compiling gave.
#[derive(Debug)]
pub struct Compilation {
    /// The graph; none if there were errors.
    pub graph: Option<Arc<CompiledGraph>>,
    /// Errors, warnings and hints, in the order of the document.
    pub diagnostics: Vec<Diagnostic>,
}

impl Compilation {
    /// The graph, or what was wrong.
    ///
    /// # Errors
    /// All diagnostics, if one of them is an error.
    pub fn into_result(self) -> Result<Arc<CompiledGraph>, Vec<Diagnostic>> {
        self.graph.ok_or(self.diagnostics)
    }
}

/// How a compiled node runs.
#[derive(Clone)]
pub enum Run {
    /// As its action says.
    Action(Behaviour),
    /// Its input goes through (a disabled node).
    PassThrough,
    /// It gives its pinned output.
    Pinned(Value),
    /// Somebody else answers for it (a mock).
    Mocked,
}

/// A node, ready to run. Never copied into executions.
pub struct CompiledNode {
    /// Its key.
    pub key: Str,
    /// Its action.
    pub action: Arc<Registered>,
    /// How it runs.
    pub run: Run,
    /// Its parameters, templates parsed.
    pub params: Params,
    /// Its settings.
    pub settings: NodeSettings,
    /// Its input ports.
    pub inputs: Vec<InputPort>,
    /// Its output ports, `error` last if `on_error` makes it one.
    pub outputs: Vec<Str>,
    /// True if the action may name other ports.
    pub any_output: bool,
    /// The port it leaves by if it names none.
    pub default_port: Option<PortId>,
    /// How tokens become activations.
    pub join: Join,
    /// Incoming connections, those from its own cycle not counted.
    pub dependencies: u32,
    /// The number of its scope, if it is a for_each.
    pub scope: Option<u32>,
    /// True if it ends for_each loops.
    pub is_break: bool,
    /// True if some template reads its latest output.
    pub keeps_output: bool,
    /// True if some template reads anything of its latest run.
    pub keeps_latest: bool,
    /// For joins: what can still reach it.
    pub reach: Option<JoinReach>,
}

impl CompiledNode {
    /// The declaration of its action.
    pub fn descriptor(&self) -> &Descriptor {
        &self.action.descriptor
    }

    /// The number of an output port.
    pub fn output_port(&self, name: &str) -> Option<PortId> {
        let same = |port: &Str| std::ptr::eq(port.as_str(), name) || **port == *name;
        self.outputs.iter().position(same).map(|position| position as PortId)
    }

    /// True for a for_each that really iterates.
    pub fn is_for_each(&self) -> bool {
        matches!(self.run, Run::Action(Behaviour::ForEach))
    }
}

/// The static half of an execution graph: shared by every execution of a workflow version and trigger.
pub struct CompiledGraph {
    /// Identity of the workflow.
    pub workflow_id: Str,
    /// Its name.
    pub workflow_name: Str,
    /// Its version; 0 if it has none.
    pub workflow_version: u64,
    /// Its variables.
    pub variables: prana_template::Map,
    /// Its settings.
    pub settings: WorkflowSettings,
    /// The nodes that the trigger reaches, in the order of the document.
    pub nodes: Vec<CompiledNode>,
    /// The node where executions start.
    pub trigger: NodeId,
    /// The connections.
    pub topology: Topology,
    /// The loops.
    pub loops: Loops,
    /// The scopes of the for_each nodes, outer ones first.
    pub scopes: Vec<Scope>,
    /// Names of the secrets that templates mention.
    pub secrets: Vec<Str>,
    /// Names of the credentials that parameters name.
    pub credentials: Vec<Str>,
    keys: FxHashMap<Str, NodeId>,
}

impl CompiledGraph {
    /// A node by number.
    pub fn node(&self, id: NodeId) -> &CompiledNode {
        &self.nodes[id.index()]
    }

    /// The number of the node with this key.
    pub fn node_id(&self, key: &str) -> Option<NodeId> {
        self.keys.get(key).copied()
    }

    /// The scope of the for_each with this key.
    pub fn scope_of(&self, key: &str) -> Option<(u32, &Scope)> {
        let number = self.node(self.node_id(key)?).scope?;
        Some((number, &self.scopes[number as usize]))
    }
}

impl std::fmt::Debug for CompiledGraph {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CompiledGraph")
            .field("workflow_id", &self.workflow_id)
            .field("nodes", &self.nodes.len())
            .finish_non_exhaustive()
    }
}

/// Compiles a workflow for one trigger.
pub fn compile(workflow: &Workflow, registry: &Registry, options: Options<'_>) -> Compilation {
    let mut report = Report { locate: options.locate, diagnostics: Vec::new() };
    let keys = check::keys(workflow, &mut report);
    let actions = check::actions(workflow, registry, &mut report);
    check::concurrency(workflow, registry, &mut report);
    let links = connect::links(workflow, &keys, &actions, &mut report);
    let trigger = check::trigger(workflow, &actions, options.trigger, &mut report);
    let until = check::until(&keys, options.until, &mut report);
    let whole = connect::Whole::new(workflow, &actions, &links, trigger, until);
    check::way_to(until, &whole, &mut report);
    size::check(workflow, &actions, &whole, &mut report);
    let params = params::compile_all(workflow, registry, &keys, &actions, &whole, &mut report);
    check::loops(workflow, &actions, &whole, &mut report);
    check::warnings(workflow, &actions, &links, &whole, &mut report);
    let failed = report.diagnostics.iter().any(Diagnostic::is_error);
    let graph = match (failed, whole.trigger) {
        (false, Some(_)) => {
            Some(Arc::new(connect::assemble(workflow, &actions, &links, &whole, params, options)))
        }
        _ => None,
    };
    Compilation { graph, diagnostics: report.in_order() }
}

/// After so many diagnostics no more nearest names are looked for: each costs a look at many names.
const MAX_ADVICE: usize = 100;

/// Collects diagnostics.
pub(crate) struct Report<'a> {
    locate: Option<&'a Locate<'a>>,
    diagnostics: Vec<Diagnostic>,
}

impl Report<'_> {
    /// How many more times it is worth while to look for what was meant.
    fn advice(&self) -> usize {
        MAX_ADVICE.saturating_sub(self.diagnostics.len())
    }

    fn add(&mut self, diagnostic: Diagnostic) {
        self.add_in(diagnostic, None);
    }

    /// Adds a diagnostic about a stretch of the text at its path.
    fn add_in(&mut self, diagnostic: Diagnostic, range: Option<std::ops::Range<usize>>) {
        let location = self.locate.and_then(|locate| locate(&diagnostic.path, range));
        self.diagnostics.push(diagnostic.with_location(location));
    }

    fn in_order(mut self) -> Vec<Diagnostic> {
        let start = |diagnostic: &Diagnostic| diagnostic.location.map(|location| location.start);
        self.diagnostics.sort_by_key(|diagnostic| (document_rank(&diagnostic.path), start(diagnostic)));
        self.diagnostics
    }
}

/// Nodes come before connections; what concerns the whole document comes first.
fn document_rank(path: &DocPath) -> (u8, usize) {
    use crate::diagnostic::PathItem;
    let section = match path.items().first() {
        None => 0,
        Some(PathItem::Key(key)) if key == "nodes" => 2,
        Some(PathItem::Key(key)) if key == "connections" => 3,
        Some(_) => 1,
    };
    let index = path.items().get(1).and_then(|item| match item {
        PathItem::Index(index) => Some(*index),
        PathItem::Key(_) => None,
    });
    (section, index.unwrap_or(0))
}

fn node_path(index: usize) -> DocPath {
    DocPath::root().join("nodes").join(index)
}

fn connection_path(index: usize) -> DocPath {
    DocPath::root().join("connections").join(index)
}
