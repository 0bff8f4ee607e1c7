//! What templates would see in a node of an execution: to try expressions against a run.

use prana::Value;
use prana::core::execution::{Execution, NodeExecution, NodeStatus};
use prana::template::Map;

use super::payload::input;

/// The values of the names, as a run saw them when it began; what a later run would see at the end, if none is named.
pub(super) struct RunScope<'e> {
    execution: &'e Execution,
    run: Option<&'e NodeExecution>,
}

impl<'e> RunScope<'e> {
    /// As a run saw them.
    pub fn of(execution: &'e Execution, run: Option<&'e NodeExecution>) -> Self {
        RunScope { execution, run }
    }

    /// What came on the ports; on the main port alone if that is the only one.
    pub fn input(&self) -> Value {
        let Some(run) = self.run else { return self.execution.output() };
        let ports = input(self.execution, run);
        match (ports.len(), ports.get("main")) {
            (1, Some(main)) => main.clone(),
            _ => Value::Map(ports),
        }
    }

    /// The execution's input.
    pub fn trigger(&self) -> Value {
        self.execution.trigger_data.clone()
    }

    fn before(&self) -> &'e [NodeExecution] {
        let end = self.run.map_or(self.execution.node_executions.len(), |run| run.execution_index as usize);
        self.execution.node_executions.get(..end).unwrap_or_default()
    }

    /// The latest completed run of each node before.
    pub fn nodes(&self) -> Value {
        let mut nodes = Map::new();
        for run in self.before() {
            let mut context = nodes
                .get(&run.node_key)
                .and_then(|node: &Value| node.get("context")?.as_map().cloned())
                .unwrap_or_default();
            context.extend(run.context_updates.iter().map(|(key, value)| (key.clone(), value.clone())));
            if run.status == NodeStatus::Completed {
                let mut node = Map::new();
                node.insert("output", run.output.clone());
                node.insert("context", Value::Map(context));
                node.insert("port", run.output_port.clone().map_or(Value::Null, Value::Str));
                node.insert("run_index", Value::Int(i64::from(run.run_index)));
                nodes.insert(run.node_key.clone(), Value::Map(node));
            }
        }
        Value::Map(nodes)
    }

    fn of_metadata(&self, name: &str) -> Value {
        self.execution.metadata.get(name).cloned().unwrap_or_default()
    }

    /// The workflow's variables with what was put over them.
    pub fn vars(&self) -> Value {
        self.of_metadata("variables")
    }

    /// The environment.
    pub fn env(&self) -> Value {
        self.of_metadata("environment")
    }

    /// The workflow.
    pub fn workflow(&self) -> Value {
        let mut workflow = Map::new();
        workflow.insert("id", Value::Str(self.execution.workflow_id.clone()));
        workflow.insert("version", Value::from(self.execution.workflow_version as i64));
        Value::Map(workflow)
    }

    /// The execution, without links.
    pub fn execution(&self) -> Value {
        let execution = self.execution;
        let mut state = Map::new();
        for run in self.before() {
            state.extend(run.state_updates.iter().map(|(key, value)| (key.clone(), value.clone())));
        }
        let mut map = Map::new();
        map.insert("id", Value::from(execution.id.to_string()));
        map.insert("mode", Value::from(execution.execution_mode.as_str()));
        map.insert("started_at", execution.started_at.map_or(Value::Null, |at| Value::from(at.to_string())));
        map.insert(
            "parent_id",
            execution.parent_execution_id.map_or(Value::Null, |id| Value::from(id.to_string())),
        );
        map.insert("preparation", self.of_metadata("preparation"));
        map.insert("state", Value::Map(state));
        if let Some(run) = self.run {
            map.insert("run_index", Value::Int(i64::from(run.run_index)));
            map.insert("execution_index", Value::Int(i64::from(run.execution_index)));
            map.insert("current_node_key", Value::Str(run.node_key.clone()));
            let index =
                run.loop_path.innermost().map_or(Value::Null, |element| Value::Int(i64::from(element.index)));
            let mut place = Map::new();
            place.insert("path", Value::from(run.loop_path.to_string()));
            place.insert("index", index);
            map.insert("loop", Value::Map(place));
        }
        Value::Map(map)
    }

    /// The error that came with its input.
    pub fn error(&self) -> Value {
        let error = self.run.and_then(|run| {
            let newest = run.input_from.iter().flat_map(|(_, sources)| sources).max()?;
            let source = self.execution.node_executions.get(newest as usize)?;
            source.output.get("error").filter(|_| source.output.get("on_error").is_some()).cloned()
        });
        error.unwrap_or_default()
    }
}
