//! Workflows and stored executions in the shapes of the Elixir engine.

use prana::Value;
use prana::template::{Map, Str, value};

/// The connections of a node, by port.
type Ports = Vec<(Str, Vec<Value>)>;

/// A workflow as `Workflow.to_map` writes it: `nodes` are (key, type, params), connections `a.port -> b.port`.
pub fn workflow(id: &str, nodes: &[(&str, &str, Value)], connections: &[&str]) -> Value {
    let node = |(key, type_name, params): &(&str, &str, Value)| {
        value!({"key": *key, "name": *key, "type": *type_name, "params": params.clone(), "metadata": {}, "settings": {
            "retry_on_failed": (*type_name == "http.request"), "max_retries": 3, "retry_delay_ms": 1000, "on_error": "stop_workflow"
        }})
    };
    let mut outer: Vec<(Str, Ports)> = Vec::new();
    for connection in connections {
        let (from, to) = connection.split_once(" -> ").unwrap();
        let end = |text: &str| match text.split_once('.') {
            Some((key, port)) => (Str::from(key), Str::from(port)),
            None => (Str::from(text), Str::from("main")),
        };
        let ((from, from_port), (to, to_port)) = (end(from), end(to));
        let one =
            value!({"from": from.clone(), "from_port": from_port.clone(), "to": to, "to_port": to_port});
        let ports = match outer.iter_mut().find(|(key, _)| *key == from) {
            Some((_, ports)) => ports,
            None => {
                outer.push((from, Vec::new()));
                &mut outer.last_mut().unwrap().1
            }
        };
        match ports.iter_mut().find(|(port, _)| *port == from_port) {
            Some((_, list)) => list.push(one),
            None => ports.push((from_port, vec![one])),
        }
    }
    let connections: Value = outer
        .into_iter()
        .map(|(key, ports)| {
            let ports: Value = ports.into_iter().map(|(port, list)| (port, Value::from(list))).collect();
            (key, ports)
        })
        .collect();
    value!({"id": id, "name": id, "version": 1, "variables": {"greeting": "hello"},
        "nodes": nodes.iter().map(node).collect::<Vec<Value>>(), "connections": connections})
}

/// A stored execution under construction, with the scheduler's part written out by hand.
pub struct Stored {
    id: String,
    workflow: String,
    runs: Vec<Value>,
    pub fields: Map,
    pub active: Map,
    pub paths: Map,
    pub state: Map,
    pub contexts: Map,
}

/// Seconds after the hour at which all of it happens.
pub fn at(second: usize) -> String {
    format!("2026-03-01T08:{:02}:{:02}Z", second / 60, second % 60)
}

impl Stored {
    pub fn new(id: &str, workflow: &str) -> Stored {
        Stored {
            id: id.to_owned(),
            workflow: workflow.to_owned(),
            runs: Vec::new(),
            fields: Map::new(),
            active: Map::new(),
            paths: Map::new(),
            state: Map::new(),
            contexts: Map::new(),
        }
    }

    /// A run that completed: its numbers, parameters, output and port. It began at second `index` and took half a second.
    pub fn ran(
        mut self,
        key: &str,
        (index, run): (usize, usize),
        params: Value,
        output: Value,
        port: &str,
    ) -> Stored {
        let ended = at(index).replace('Z', ".5Z");
        self.runs.push(value!({"node_key": key, "status": "completed", "params": params, "output_data": output, "output_port": port,
            "error_data": null, "started_at": at(index), "completed_at": ended, "duration_ms": 500, "suspension_type": null,
            "suspension_data": null, "execution_index": index, "run_index": run}));
        self
    }

    pub fn failed(mut self, key: &str, (index, run): (usize, usize), params: Value, error: Value) -> Stored {
        self.runs.push(value!({"node_key": key, "status": "failed", "params": params, "output_data": null, "output_port": null,
            "error_data": error.clone(), "started_at": at(index), "completed_at": at(index), "duration_ms": 0, "suspension_type": null,
            "suspension_data": null, "execution_index": index, "run_index": run}));
        self.fields.insert("error", error);
        self.ended("failed", index)
    }

    pub fn ended(mut self, status: &str, second: usize) -> Stored {
        self.fields.insert("status", status);
        self.fields.insert("completed_at", at(second));
        self
    }

    pub fn suspended(
        mut self,
        key: &str,
        (index, run): (usize, usize),
        params: Value,
        kind: &str,
        data: Value,
    ) -> Stored {
        self.runs.push(value!({"node_key": key, "status": "suspended", "params": params, "output_data": null, "output_port": null,
            "error_data": null, "started_at": at(index), "completed_at": null, "duration_ms": null, "suspension_type": kind,
            "suspension_data": data.clone(), "execution_index": index, "run_index": run}));
        self.fields.insert("status", "suspended");
        self.fields.insert("suspended_node_id", key);
        self.fields.insert("suspension_type", kind);
        self.fields.insert("suspension_data", data);
        self.fields.insert("suspended_at", at(index));
        self.active.insert(key, index);
        self
    }

    /// `active_nodes` beside the suspended one: key and activation index.
    pub fn active(mut self, key: &str, index: usize) -> Stored {
        self.active.insert(key, index);
        self
    }

    /// `active_paths`.
    pub fn paths(mut self, paths: &[(&str, usize)]) -> Stored {
        for (key, index) in paths {
            self.paths.insert(*key, value!({"execution_index": *index}));
        }
        self
    }

    pub fn field(mut self, key: &str, value: Value) -> Stored {
        self.fields.insert(key, value);
        self
    }

    pub fn state(mut self, state: Value) -> Stored {
        self.state = state.as_map().unwrap().clone();
        self
    }

    pub fn context(mut self, key: &str, context: Value) -> Stored {
        self.contexts.insert(key, context);
        self
    }

    /// `WorkflowExecution.to_map`, without its graph.
    pub fn build(self) -> Value {
        let next = self
            .runs
            .iter()
            .filter_map(|run| run.get("execution_index")?.as_i64())
            .max()
            .map_or(0, |last| last + 1);
        let mut by_key: Vec<(Str, Vec<Value>)> = Vec::new();
        for run in self.runs.iter().rev() {
            let key = Str::from(run.get("node_key").unwrap().as_str().unwrap());
            match by_key.iter_mut().find(|(known, _)| *known == key) {
                Some((_, runs)) => runs.push(run.clone()),
                None => by_key.push((key, vec![run.clone()])),
            }
        }
        let by_key: Value = by_key.into_iter().map(|(key, runs)| (key, Value::from(runs))).collect();
        let mut execution = value!({"id": self.id, "workflow_id": self.workflow, "workflow_version": 1, "parent_execution_id": null,
            "execution_mode": "async", "status": "running", "error": null, "trigger_type": "graph_executor", "trigger_data": {},
            "vars": {"greeting": "hello"}, "node_executions": by_key, "current_execution_index": next,
            "suspended_node_id": null, "suspension_type": null, "suspension_data": null, "suspended_at": null,
            "started_at": at(0), "completed_at": null, "__runtime": {"nodes": {}, "env": {}, "iteration_count": 0},
            "execution_data": {"context_data": {"workflow": self.state, "node": self.contexts}, "active_paths": self.paths,
                "active_nodes": self.active},
            "preparation_data": {}, "metadata": {}});
        let Value::Map(map) = &mut execution else { unreachable!() };
        map.extend(self.fields.iter().map(|(key, value)| (key.clone(), value.clone())));
        execution
    }
}

/// `$input.main` of the trigger in all of them.
pub fn input() -> Value {
    value!({"items": ["a", "b", "c"], "n": 7})
}

/// The trigger's run.
pub fn triggered(id: &str, workflow: &str) -> Stored {
    Stored::new(id, workflow).ran("start", (0, 0), value!({}), input(), "main")
}
