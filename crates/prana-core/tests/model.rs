//! A naive model of the rules of execution, written from their text alone: it reads a log and says whether each run was the one that
//! had to come. Every question about ways is answered by a walk over the connections, each time anew.

use std::collections::{BTreeMap, BTreeSet};

use prana_core::document::{Join, OnSuspend, Workflow};
use prana_core::execution::Status;
use prana_core::record::{Change, Completed, Entry, ExecutionChange, NodeOutcome, Started};
use prana_template::Value;

use crate::generate::input_ports;

type Node = usize;
/// Iterations of for_each nodes, outermost first.
type Path = Vec<(Node, u32)>;

struct Connection {
    from: Node,
    port: String,
    to: Node,
    to_port: String,
}

struct Activation {
    node: Node,
    path: Path,
    depth: u64,
    /// The place of the newest token's connection.
    order: usize,
    parked: bool,
    tokens: Vec<(String, u32)>,
}

struct Open {
    node: Node,
    path: Path,
    goes_on: bool,
    waits: bool,
}

/// A for_each that has begun and not ended.
struct Turning {
    node: Node,
    path: Path,
    iteration: u32,
    iterations: usize,
    collects_input: bool,
    broken: bool,
    came_back: Value,
    results: Vec<Value>,
}

/// The rules, and one execution under them.
pub struct Model {
    keys: Vec<String>,
    types: Vec<String>,
    for_each: Vec<bool>,
    joins_all: Vec<bool>,
    collects_input: Vec<bool>,
    connections: Vec<Connection>,
    limit: u64,
    holds: bool,
    waiting: Vec<Activation>,
    open: BTreeMap<u32, Open>,
    turning: Vec<Turning>,
    runs: BTreeMap<Node, u32>,
    counted: BTreeMap<(Node, Path), u64>,
    next_index: u32,
    stopped: bool,
    failed: bool,
    /// Joins that had to run because they waited for each other.
    pub knots: usize,
}

impl Model {
    pub fn new(workflow: &Workflow) -> Self {
        let keys: Vec<String> = workflow.nodes.iter().map(|node| node.key.clone()).collect();
        let number = |key: &str| keys.iter().position(|other| other == key).unwrap();
        let all = workflow.connections.iter().map(|connection| Connection {
            from: number(&connection.from),
            port: connection.from_port.clone().unwrap_or_else(|| "main".into()),
            to: number(&connection.to),
            to_port: connection.to_port.clone().unwrap_or_else(|| "main".into()),
        });
        let for_each = workflow.nodes.iter().map(|node| node.type_name == "core.for_each");
        let joins_all = workflow.nodes.iter().map(|node| match node.settings.join {
            Some(join) => join == Join::All,
            None => input_ports(node).len() > 1,
        });
        let collects = |node: &prana_core::document::Node| {
            node.params.get("collect").and_then(Value::as_str) == Some("{{ $input }}")
        };
        let mut model = Model {
            types: workflow.nodes.iter().map(|node| node.type_name.clone()).collect(),
            for_each: for_each.collect(),
            joins_all: joins_all.collect(),
            collects_input: workflow.nodes.iter().map(collects).collect(),
            connections: all.collect(),
            limit: workflow.settings.max_iterations,
            holds: workflow.settings.on_suspend == OnSuspend::Hold,
            keys,
            waiting: Vec::new(),
            open: BTreeMap::new(),
            turning: Vec::new(),
            runs: BTreeMap::new(),
            counted: BTreeMap::new(),
            next_index: 0,
            stopped: false,
            failed: false,
            knots: 0,
        };
        let mut reached = model.reached(&[0], &|_| true);
        reached.insert(0);
        model.connections.retain(|connection| reached.contains(&connection.from));
        model
    }

    /// Where one or more connections lead from these nodes, going to and through nodes for which `through` holds.
    fn reached(&self, from: &[Node], through: &dyn Fn(Node) -> bool) -> BTreeSet<Node> {
        let mut found = BTreeSet::new();
        let mut pending = from.to_vec();
        while let Some(node) = pending.pop() {
            for connection in self.connections.iter().filter(|connection| connection.from == node) {
                if through(connection.to) && found.insert(connection.to) {
                    pending.push(connection.to);
                }
            }
        }
        found
    }

    /// The for_each nodes that every way from the trigger to `node` passes, and in whose scope it is.
    fn enclosing(&self, node: Node) -> Vec<Node> {
        let all = (0..self.keys.len()).filter(|other| self.for_each[*other] && *other != node);
        let passed = all.filter(|other| !self.reached(&[0], &|reached| reached != *other).contains(&node));
        passed.filter(|other| self.scope(*other).contains(&node)).collect()
    }

    fn scope(&self, node: Node) -> BTreeSet<Node> {
        let enclosing = self.enclosing(node);
        let allowed = |reached: Node| reached != node && !enclosing.contains(&reached);
        let from = |port: &str| {
            let targets = self.connections.iter().filter(|c| c.from == node && c.port == port).map(|c| c.to);
            let first: Vec<Node> = targets.filter(|target| allowed(*target)).collect();
            let mut all = self.reached(&first, &allowed);
            all.extend(first);
            all
        };
        from("loop").difference(&from("done")).copied().collect()
    }

    /// Incoming connections, those that lead back from the node's own cycle not counted.
    fn dependencies(&self, node: Node) -> usize {
        let after = self.reached(&[node], &|_| true);
        self.connections.iter().filter(|c| c.to == node && c.from != node && !after.contains(&c.from)).count()
    }

    /// What is alive besides the waiting one at `except`.
    fn alive(&self, except: usize) -> impl Iterator<Item = (Node, &Path)> {
        let waiting = self.waiting.iter().enumerate().filter(move |(place, _)| *place != except);
        let waiting = waiting.map(|(_, activation)| (activation.node, &activation.path));
        waiting.chain(self.open.values().map(|open| (open.node, &open.path)))
    }

    fn is_turning(&self, node: Node, path: &Path) -> bool {
        self.turning.iter().any(|turning| turning.node == node && turning.path == *path)
    }

    /// Can something still come to this join?
    fn more_can_come(&self, place: usize) -> bool {
        let own = &self.waiting[place];
        let scope = own.path.last().map(|(innermost, _)| self.scope(*innermost));
        let inside = |node: Node| scope.as_ref().is_none_or(|scope| scope.contains(&node));
        self.alive(place).any(|(node, path)| {
            path.starts_with(&own.path) && inside(node) && self.reached(&[node], &inside).contains(&own.node)
        })
    }

    fn iteration_goes_on(&self, place: usize) -> bool {
        let own = &self.waiting[place];
        let turning = self.turning.iter().find(|t| t.node == own.node && t.path == own.path);
        let turning = turning.expect("what is parked is under way");
        let mut iteration = own.path.clone();
        iteration.push((own.node, turning.iteration));
        self.alive(place).any(|(_, path)| path.starts_with(&iteration))
    }

    fn is_ready(&self, place: usize) -> bool {
        let own = &self.waiting[place];
        if own.parked {
            return !self.iteration_goes_on(place);
        }
        if self.for_each[own.node] && self.is_turning(own.node, &own.path) {
            return false;
        }
        !self.joins_all[own.node] || !self.more_can_come(place)
    }

    /// What has to run next.
    fn selected(&mut self) -> Option<usize> {
        let all: Vec<usize> = (0..self.waiting.len()).collect();
        let ready: Vec<usize> = all.iter().copied().filter(|place| self.is_ready(*place)).collect();
        if !ready.is_empty() {
            return self.first_of(&ready);
        }
        if !self.open.is_empty() {
            return None;
        }
        let joins = all.into_iter().filter(|place| {
            let own = &self.waiting[*place];
            !own.parked
                && self.joins_all[own.node]
                && !(self.for_each[own.node] && self.is_turning(own.node, &own.path))
        });
        let joins: Vec<usize> = joins.collect();
        self.knots += usize::from(!joins.is_empty());
        self.first_of(&joins)
    }

    fn first_of(&self, places: &[usize]) -> Option<usize> {
        places.iter().copied().min_by_key(|place| {
            let own = &self.waiting[*place];
            (u64::MAX - own.depth, own.parked, self.dependencies(own.node), own.order)
        })
    }

    /// Takes in a whole log.
    pub fn check(&mut self, log: &[Entry]) {
        for (place, entry) in log.iter().enumerate() {
            assert_eq!(entry.sequence, place as u64 + 1, "sequences have no gaps");
            match &entry.change {
                Change::Execution(change) => self.execution(change),
                Change::Node(change) => {
                    if let Some(started) = &change.started {
                        self.start(change.execution_index, started);
                    }
                    if let Some(outcome) = &change.outcome {
                        let open = self.open.get(&change.execution_index);
                        assert!(open.is_some(), "run {} is not open", change.execution_index);
                        self.outcome(change.execution_index, change.started.as_ref(), outcome);
                    }
                }
            }
        }
    }

    fn execution(&mut self, change: &ExecutionChange) {
        match change {
            ExecutionChange::Started => self.waiting.push(Activation {
                node: 0,
                path: Path::new(),
                depth: 0,
                order: 0,
                parked: false,
                tokens: Vec::new(),
            }),
            ExecutionChange::Suspended => {
                assert!(self.open.values().all(|open| open.waits) && !self.open.is_empty());
                assert!(self.holds || self.selected().is_none(), "it suspended, and something could run");
            }
            ExecutionChange::Resumed | ExecutionChange::Interrupted | ExecutionChange::Forked(_) => {}
            ExecutionChange::Ended { status, reason } => {
                assert!(self.open.is_empty(), "it ended, and runs are open");
                match status {
                    Status::Completed => {
                        assert!(self.stopped || self.waiting.is_empty(), "it completed, and something waits");
                    }
                    Status::Failed => assert!(self.failed != reason.is_some()),
                    _ => assert!(reason.is_some()),
                }
            }
        }
    }

    fn start(&mut self, index: u32, started: &Started) {
        assert_eq!(index, self.next_index, "runs are numbered in order of start");
        self.next_index += 1;
        assert!(self.open.values().all(|open| open.waits), "one node runs at a time");
        assert!(!self.holds || self.open.is_empty(), "nothing else runs while a node waits");
        let place = self.selected().expect("nothing could run, and something did");
        let activation = self.waiting.remove(place);
        let tokens: Vec<(String, u32)> = started
            .input_from
            .iter()
            .flat_map(|(port, sources)| sources.into_iter().map(move |source| (port.to_owned(), source)))
            .collect();
        assert_eq!(
            (started.node_key.as_str(), started.loop_path.to_string(), tokens),
            (self.keys[activation.node].as_str(), self.text(&activation.path), by_port(&activation.tokens)),
            "run {index}: on the left what ran, on the right what had to"
        );
        let runs = self.runs.entry(activation.node).or_default();
        assert_eq!(started.run_index, *runs);
        *runs += 1;
        let (node, path) = (activation.node, activation.path);
        if !activation.parked {
            *self.counted.entry((node, path.clone())).or_default() += 1;
        }
        self.open.insert(index, Open { node, path, goes_on: activation.parked, waits: false });
    }

    fn outcome(&mut self, index: u32, started: Option<&Started>, outcome: &NodeOutcome) {
        let (node, path) = (self.open[&index].node, self.open[&index].path.clone());
        let counted = self.counted.get(&(node, path.clone())).copied().unwrap_or_default();
        let over = started.is_some() && !self.open[&index].goes_on && counted > self.limit;
        let refused = matches!(outcome, NodeOutcome::Failed(error) if &*error.code == "loop.limit_exceeded");
        assert_eq!(refused, over, "run {index} of {}: it ran {counted} times", self.keys[node]);
        let open = self.open.get_mut(&index).unwrap();
        match outcome {
            NodeOutcome::Suspended(_) | NodeOutcome::AttemptFailed { wait_till: Some(_), .. } => {
                open.waits = true
            }
            NodeOutcome::Resumed(_) => open.waits = false,
            NodeOutcome::AttemptFailed { .. } | NodeOutcome::ChildEnded(_) | NodeOutcome::Began { .. } => {}
            NodeOutcome::Skipped { .. } => drop(self.open.remove(&index)),
            NodeOutcome::Failed(_) => {
                self.failed = true;
                self.open.remove(&index);
            }
            NodeOutcome::Completed(completed) => {
                let open = self.open.remove(&index).unwrap();
                self.completed(index, &open, started, completed);
            }
        }
    }

    fn completed(&mut self, index: u32, open: &Open, started: Option<&Started>, completed: &Completed) {
        let mut path = open.path.clone();
        if self.types[open.node] == "core.stop" {
            self.stopped = true;
            return;
        }
        if self.types[open.node] == "core.break" && !completed.is_error {
            self.break_iteration(&open.path);
        }
        let mut parked = None;
        if self.for_each[open.node] && self.turn(open, started, completed) {
            let turning = self.turning.iter().find(|t| t.node == open.node && t.path == open.path);
            path.push((open.node, turning.unwrap().iteration));
            self.counted.retain(|(_, counted), _| !counted.starts_with(&path));
            parked = Some(Activation {
                node: open.node,
                path: open.path.clone(),
                depth: u64::from(index) + 1,
                order: 0,
                parked: true,
                tokens: Vec::new(),
            });
        }
        let Some(port) = &completed.port else { return };
        for order in 0..self.connections.len() {
            let connection = &self.connections[order];
            if connection.from == open.node && connection.port == port.as_str() {
                let (to, to_port) = (connection.to, connection.to_port.clone());
                self.deliver(index, order, to, to_port, &path, completed);
            }
        }
        self.waiting.extend(parked);
    }

    /// True if the for_each emitted an item. Says that it left by the port by which it had to leave, with what it had to collect.
    fn turn(&mut self, open: &Open, started: Option<&Started>, completed: &Completed) -> bool {
        let place = self.turning.iter().position(|t| t.node == open.node && t.path == open.path);
        if completed.is_error {
            place.map(|place| self.turning.remove(place));
            return false;
        }
        let port = completed.port.as_deref().unwrap();
        let Some(place) = place else {
            let iterations = iterations(&started.expect("a for_each starts and ends at once").params);
            assert_eq!(port == "loop", iterations > 0);
            if iterations > 0 {
                self.turning.push(Turning {
                    node: open.node,
                    path: open.path.clone(),
                    iteration: 0,
                    iterations,
                    collects_input: self.collects_input[open.node],
                    broken: false,
                    came_back: Value::Null,
                    results: Vec::new(),
                });
            }
            return iterations > 0;
        };
        assert!(open.goes_on, "a second start waits for the first");
        let turning = &mut self.turning[place];
        turning.results.push(std::mem::take(&mut turning.came_back));
        turning.iteration += 1;
        let is_over = turning.broken || turning.iteration as usize == turning.iterations;
        assert_eq!(port, if is_over { "done" } else { "loop" });
        if is_over {
            let turning = self.turning.remove(place);
            assert_eq!(completed.output.get("count"), Some(&Value::from(i64::from(turning.iteration))));
            if turning.collects_input {
                assert_eq!(completed.output.get("results"), Some(&Value::from(turning.results)));
            }
        }
        !is_over
    }

    fn break_iteration(&mut self, path: &Path) {
        let (innermost, around) = path.split_last().expect("a break without a loop fails");
        self.waiting.retain(|activation| !activation.path.starts_with(path));
        self.turning.retain(|turning| !turning.path.starts_with(path));
        assert!(!self.open.values().any(|open| open.path.starts_with(path)), "a break drops waits");
        let mut all = self.turning.iter_mut();
        let found = all.find(|t| t.node == innermost.0 && t.path == around && t.iteration == innermost.1);
        found.expect("a break ends a loop that is under way").broken = true;
    }

    fn deliver(
        &mut self,
        index: u32,
        order: usize,
        to: Node,
        to_port: String,
        path: &Path,
        completed: &Completed,
    ) {
        if self.for_each[to]
            && let Some(place) = path.iter().rposition(|(node, _)| *node == to)
        {
            let mut all = self.turning.iter_mut();
            if let Some(turning) = all.find(|t| t.node == to && t.path == path[..place]) {
                turning.came_back = completed.output.clone();
            }
            return;
        }
        let kept = path.iter().position(|(node, _)| !self.scope(*node).contains(&to)).unwrap_or(path.len());
        let path = path[..kept].to_vec();
        let depth = u64::from(index) + 1;
        let token = (to_port, index);
        if self.joins_all[to] {
            let mut all = self.waiting.iter_mut();
            if let Some(waiting) = all.find(|a| a.node == to && !a.parked && a.path == path) {
                (waiting.depth, waiting.order) = (depth, order);
                waiting.tokens.push(token);
                return;
            }
        }
        self.waiting.push(Activation { node: to, path, depth, order, parked: false, tokens: vec![token] });
    }

    fn text(&self, path: &Path) -> String {
        let elements = path.iter().map(|(node, index)| format!("{}:{index}", self.keys[*node]));
        elements.collect::<Vec<String>>().join("/")
    }
}

/// Tokens as a record lists them: ports in order of their first token.
fn by_port(tokens: &[(String, u32)]) -> Vec<(String, u32)> {
    let mut ports: Vec<&str> = Vec::new();
    for (port, _) in tokens {
        if !ports.contains(&port.as_str()) {
            ports.push(port);
        }
    }
    let on = |port: &str| tokens.iter().filter(move |(other, _)| other == port).cloned().collect::<Vec<_>>();
    ports.into_iter().flat_map(on).collect()
}

/// How many iterations a for_each with these parameters makes.
fn iterations(params: &Value) -> usize {
    let items = params.get("collection").and_then(Value::as_list).unwrap().len();
    let size = params.get("batch_size").and_then(Value::as_i64).unwrap_or(1);
    items.div_ceil(size as usize)
}
