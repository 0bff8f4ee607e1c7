//! The layout that the refactoring plan (version 1.2) names as its "before", built as data of a workflow and an execution of it: nodes four
//! times (the workflow, the pruned workflow, the map by key, and by key in the runtime state), connections in the workflow, the pruned
//! workflow and the map by port as well as the map of incoming ones, and the fields of the execution that the plan calls redundant.

use std::collections::{HashMap, HashSet};

use prana_core::document::{Connection, Node, Workflow};
use prana_core::graph::State;
use prana_template::Value;

/// An execution and its graph, as they were.
#[allow(dead_code, reason = "it is only weighed")]
pub struct Before {
    workflow: Definition,
    graph: Graph,
    execution: Box<Execution>,
}

/// A workflow.
#[allow(dead_code, reason = "it is only weighed")]
struct Definition {
    id: String,
    nodes: Vec<Node>,
    connections: Vec<Connection>,
}

/// The execution graph.
#[allow(dead_code, reason = "it is only weighed")]
struct Graph {
    workflow: Definition,
    trigger_node_key: String,
    node_map: HashMap<String, Node>,
    connection_map: HashMap<(String, String), Vec<Connection>>,
    reverse_connection_map: HashMap<String, Vec<Connection>>,
}

/// The execution with its runtime state in it.
#[allow(dead_code, reason = "it is only weighed")]
struct Execution {
    output_data: Option<Value>,
    error_data: Option<Value>,
    suspended_node_id: Option<String>,
    suspension_type: Option<String>,
    suspension_data: Option<Value>,
    suspended_at: Option<i64>,
    resume_token: Option<String>,
    runtime_nodes: HashMap<String, Value>,
    active_nodes: HashSet<String>,
    node_depth: HashMap<String, u32>,
    executed_nodes: Vec<String>,
}

impl Before {
    /// The layout of this workflow, in the place where the state is.
    pub fn new(workflow: &Workflow, state: &State) -> Before {
        let ran: Vec<&str> = workflow
            .nodes
            .iter()
            .zip(&state.nodes)
            .filter(|(_, node)| node.runs > 0)
            .map(|(node, _)| node.key.as_str())
            .collect();
        Before {
            workflow: Definition::new(workflow),
            graph: Graph::new(workflow),
            execution: Box::new(Execution::new(&ran)),
        }
    }
}

impl Definition {
    fn new(workflow: &Workflow) -> Definition {
        Definition {
            id: workflow.id.clone(),
            nodes: workflow.nodes.iter().map(copy).collect(),
            connections: workflow.connections.clone(),
        }
    }
}

/// A copy that shares nothing.
fn copy(node: &Node) -> Node {
    Node { params: Value::parse_json(node.params.to_json_string().as_bytes()).unwrap(), ..node.clone() }
}

impl Graph {
    fn new(workflow: &Workflow) -> Graph {
        let mut connection_map: HashMap<(String, String), Vec<Connection>> = HashMap::new();
        let mut reverse_connection_map: HashMap<String, Vec<Connection>> = HashMap::new();
        for connection in &workflow.connections {
            let port = connection.from_port.clone().unwrap_or_else(|| "main".to_owned());
            connection_map.entry((connection.from.clone(), port)).or_default().push(connection.clone());
            reverse_connection_map.entry(connection.to.clone()).or_default().push(connection.clone());
        }
        Graph {
            workflow: Definition::new(workflow),
            trigger_node_key: workflow.nodes[0].key.clone(),
            node_map: workflow.nodes.iter().map(|node| (node.key.clone(), copy(node))).collect(),
            connection_map,
            reverse_connection_map,
        }
    }
}

impl Execution {
    /// Outputs are left aside, as they are on the other side.
    fn new(ran: &[&str]) -> Execution {
        let key = |key: &&str| (*key).to_owned();
        let last = ran.last().map(key);
        Execution {
            output_data: None,
            error_data: None,
            suspended_node_id: last.clone(),
            suspension_type: Some("sub_workflow".to_owned()),
            suspension_data: None,
            suspended_at: Some(0),
            resume_token: Some("0123456789abcdef0123456789abcdef".to_owned()),
            runtime_nodes: ran.iter().map(|ran| (key(ran), Value::Null)).collect(),
            active_nodes: last.into_iter().collect(),
            node_depth: ran.iter().enumerate().map(|(depth, ran)| (key(ran), depth as u32)).collect(),
            executed_nodes: ran.iter().map(key).collect(),
        }
    }
}
