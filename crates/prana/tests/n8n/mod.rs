//! Workflows of n8n: taken over, compiled and run.

mod branches;
mod broken;
mod code;
mod expressions;
mod lists;
mod loops;
mod nodes;
mod outside;
mod reports;
mod triggers;

use std::sync::Arc;

use async_trait::async_trait;
use prana::core::compile::{Options, compile};
use prana::core::document;
use prana::core::execution::Execution;
use prana::core::executor::EffectOutput;
use prana::core::record::Completed;
use prana::core::{ErrorValue, Registry, Timestamp};
use prana::elixir::Fate;
use prana::n8n::{Imported, import};
use prana::store::MemoryStore;
use prana::{
    Actions, BuiltIn, Clock, EffectRequest, Effects, Engine, EngineOptions, Permissions, StartOptions, Value,
    VirtualClock,
};
use serde_json::{Value as Json, json};

/// A node of n8n.
fn node(name: &str, kind: &str, version: f64, parameters: Json) -> Json {
    json!({"name": name, "type": format!("n8n-nodes-base.{kind}"), "typeVersion": version, "parameters": parameters, "position": [0, 0]})
}

/// A node with settings beside its parameters.
fn with(mut node: Json, settings: Json) -> Json {
    for (key, value) in settings.as_object().unwrap() {
        node[key] = value.clone();
    }
    node
}

/// `Set` with fields `name = value` of any type.
fn set(name: &str, fields: &[(&str, &str)]) -> Json {
    let field = |(name, value): &(&str, &str)| json!({"name": name, "type": "any", "value": value});
    let fields: Vec<Json> = fields.iter().map(field).collect();
    node(name, "set", 3.4, json!({"assignments": {"assignments": fields}}))
}

/// Makes a list of the field `list`.
fn split() -> Json {
    node("Split", "splitOut", 1.0, json!({"fieldToSplitOut": "list"}))
}

/// Puts all items into the field `data`.
fn gather() -> Json {
    node("Gather", "aggregate", 1.0, json!({"aggregate": "aggregateAllItemData"}))
}

fn start() -> Json {
    node("Start", "manualTrigger", 1.0, json!({}))
}

/// Connections as `from[output] -> to[input]`.
fn workflow(nodes: Vec<Json>, links: &[(&str, usize, &str, usize)]) -> Json {
    let mut connections = json!({});
    for (from, output, to, input) in links {
        let main = &mut connections[*from]["main"];
        for place in 0..=*output {
            if main.get(place).is_none() {
                match main.as_array_mut() {
                    Some(outputs) => outputs.push(json!([])),
                    None => *main = json!([[]]),
                }
            }
        }
        main[*output].as_array_mut().unwrap().push(json!({"node": to, "type": "main", "index": input}));
    }
    json!({"name": "Test", "nodes": nodes, "connections": connections, "settings": {"executionOrder": "v1"}})
}

/// A manual trigger, and these nodes one after the other.
fn chain(nodes: Vec<Json>) -> Json {
    let all: Vec<Json> = std::iter::once(start()).chain(nodes).collect();
    let names: Vec<String> = all.iter().map(|node| node["name"].as_str().unwrap().to_owned()).collect();
    let links: Vec<(&str, usize, &str, usize)> =
        names.windows(2).map(|pair| (&*pair[0], 0, &*pair[1], 0)).collect();
    workflow(all, &links)
}

fn registry() -> Registry {
    let mut registry = Registry::standard();
    Actions::standard().register(&mut registry);
    registry
}

/// Taken over; it compiles, and comes out of its YAML as it went in.
fn imported(export: &Json) -> Imported {
    let registry = registry();
    let imported = import(&Value::from(export.clone()), &registry).unwrap();
    let triggers = imported.workflow.nodes.iter().filter(|node| node.type_name.ends_with("trigger"));
    for trigger in triggers {
        let options = Options { trigger: Some(&trigger.key), ..Options::default() };
        let errors: Vec<_> = compile(&imported.workflow, &registry, options)
            .diagnostics
            .into_iter()
            .filter(|d| d.is_error())
            .collect();
        assert!(errors.is_empty(), "{errors:#?}\n{}", document::to_yaml(&imported.workflow));
    }
    let yaml = document::to_yaml(&imported.workflow);
    let read = document::load("imported.yaml", yaml.as_bytes())
        .unwrap_or_else(|errors| panic!("{errors:#?}\n{yaml}"))
        .remove(0)
        .workflow;
    assert_eq!(document::to_yaml(&read), yaml);
    imported
}

/// Runs code, and answers requests with the body that stands behind the `#` of their URL; anything else is refused.
struct World(BuiltIn);

impl World {
    fn answer(request: &Value) -> Result<Value, ErrorValue> {
        let url = request.get("url").and_then(Value::as_str).unwrap_or_default();
        let (_, body) = url.split_once('#').unwrap_or((url, "null"));
        if body == "fail" {
            return Err(ErrorValue::new("http.status", "it failed").not_retryable());
        }
        let body = if body == "echo" {
            request.clone()
        } else {
            Value::parse_json(body).unwrap_or_else(|_| body.into())
        };
        Ok(Value::from(json!({"status": 200, "headers": {"x": "y"}, "body": serde_json::Value::from(&body)})))
    }
}

#[async_trait]
impl Effects for World {
    async fn run(&self, request: EffectRequest) -> Result<EffectOutput, ErrorValue> {
        if &*request.call.action == "code.javascript" {
            return self.0.run(request).await;
        }
        let params = &request.call.params;
        let output = match (&*request.call.action, params.get("requests")) {
            ("http.request", Some(Value::List(requests))) => {
                requests.iter().map(World::answer).collect::<Result<Value, _>>()?
            }
            ("http.request", _) => World::answer(params)?,
            (other, _) => return Err(ErrorValue::new("test.unknown", other.to_owned())),
        };
        Ok(EffectOutput::Complete(Completed::new(output)))
    }
}

/// An engine in virtual time that knows some workflows.
struct Bench {
    engine: Engine,
    clock: Arc<VirtualClock>,
}

impl Bench {
    async fn new(workflows: &[&Imported]) -> Bench {
        let clock = Arc::new(VirtualClock::new("2026-03-01T09:30:00Z".parse::<Timestamp>().unwrap()));
        let engine = Engine::builder()
            .shared_store(Arc::new(MemoryStore::new()))
            .registry(registry())
            .effects(Arc::new(World(BuiltIn::new(Permissions::default()).unwrap())))
            .clock(Arc::<VirtualClock>::clone(&clock))
            .options(EngineOptions { stepped: true, ..EngineOptions::default() })
            .build();
        for imported in workflows {
            engine.activate(&imported.workflow).await.unwrap();
        }
        Bench { engine, clock }
    }

    async fn run(&self, id: &str, trigger: &str, input: Json) -> Execution {
        let mut environment = prana::template::Map::new();
        environment.insert("REGION", "eu");
        let options =
            StartOptions { trigger: Some(trigger.to_owned()), environment, ..StartOptions::default() };
        let id = self.engine.start_with(id, Value::from(input), options).await.unwrap();
        self.engine.run_until_idle().await.unwrap();
        self.engine.execution(id).await.unwrap()
    }

    /// Moves time from one due moment to the next.
    async fn advance(&self, millis: u64) {
        let end = self.clock.now().plus_millis(millis);
        let mut from = self.clock.now();
        while let Some(due) = self.engine.next_wake(from).await.unwrap().filter(|due| *due <= end) {
            self.clock.set(due);
            self.engine.run_until_idle().await.unwrap();
            from = due;
        }
        self.clock.set(end);
        self.engine.run_until_idle().await.unwrap();
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// Runs it from its first trigger.
fn executed(export: &Json, input: Json) -> (Imported, Execution) {
    let imported = imported(export);
    let trigger =
        imported.workflow.nodes.iter().find(|node| node.type_name.ends_with("trigger")).unwrap().key.clone();
    let execution =
        block_on(async { Bench::new(&[&imported]).await.run(&imported.workflow.id, &trigger, input).await });
    (imported, execution)
}

/// Its output is that, and nothing of it was impossible.
#[track_caller]
fn gives(export: &Json, input: Json, expect: Json) {
    let (imported, execution) = executed(export, input);
    let yaml = document::to_yaml(&imported.workflow);
    assert!(execution.error().is_none(), "{:?}\n{yaml}", execution.error());
    assert_eq!(Json::from(&execution.output()), expect, "\n{yaml}");
    assert_eq!(imported.report.count(Fate::NotPossible), 0, "{:#?}", imported.report);
}

/// It fails, and the message says that.
#[track_caller]
fn fails(export: &Json, input: Json, says: &str) -> Imported {
    let (imported, execution) = executed(export, input);
    let error = execution
        .error()
        .unwrap_or_else(|| panic!("{:?}\n{}", execution.output(), document::to_yaml(&imported.workflow)));
    assert!(error.message.contains(says), "{error:?}");
    imported
}

/// The keys of the nodes that ran, in their order.
fn ran(execution: &Execution) -> Vec<String> {
    execution.node_executions.iter().map(|run| run.node_key.to_string()).collect()
}
