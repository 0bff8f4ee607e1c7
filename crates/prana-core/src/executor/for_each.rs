//! `core.for_each`: goes over a collection, one iteration after the other.

use std::sync::LazyLock;

use prana_template::{List, Map, Str, Value};

use super::GraphExecutor;
use super::finish::refuse_deep_params;
use super::run_node::Beginning;
use super::scope::RunScope;
use crate::action::{Failure, evaluation_error};
use crate::compile::{CompiledNode, DONE, LOOP};
use crate::error::ErrorValue;
use crate::graph::{COLLECTED, ForEachRun};
use crate::nodes::for_each::{ForEachParams, Mode};
use crate::record::Completed;

impl GraphExecutor {
    pub(super) fn run_for_each(&mut self, node: &CompiledNode, beginning: Beginning) {
        let scope = self.scope(beginning);
        let (params, turn) = match scope.continues {
            false => first_turn(node, &scope),
            true => (Value::Null, self.next_turn(node, scope)),
        };
        let (execution_index, opening) = self.opening(beginning, params);
        match turn {
            Ok(completed) => self.complete(execution_index, node, opening, completed),
            Err(error) => self.node_erred(execution_index, node, opening, error),
        }
    }

    /// The iteration is over: keep its result, and go on or end.
    fn next_turn(&self, node: &CompiledNode, scope: RunScope<'_>) -> Result<Completed, ErrorValue> {
        let run = self.graph.state().for_each_run(scope.node, scope.loop_path);
        let run = run.ok_or_else(|| ErrorValue::new("engine.inconsistent", "this loop isn't under way"))?;
        let (items, batch) = checked_collection(&run.params)?;
        let collected = collect(node, scope, run, &items, batch)?;
        let next = run.iteration as usize + 1;
        if run.broken || next >= batches(items.len(), batch) {
            let mut results = run.results.clone();
            results.extend(collected);
            return Ok(done(node, next, context(&items, batch, run.iteration as usize), results));
        }
        Ok(emit(node, &items, batch, next, collected))
    }
}

/// The collection is evaluated once, here.
fn first_turn(node: &CompiledNode, scope: &RunScope<'_>) -> (Value, Result<Completed, ErrorValue>) {
    let params = match scope.render() {
        Ok(params) => params,
        Err(error) => return (Value::Null, Err(evaluation_error(&error))),
    };
    if let Err(error) = refuse_deep_params(&params) {
        return (Value::Null, Err(error));
    }
    let turn = collection(&params).map(|(items, batch)| match batches(items.len(), batch) {
        0 => done(node, 0, empty_context(), Vec::new()),
        _ => emit(node, &items, batch, 0, None),
    });
    (params, turn)
}

/// What `collect` keeps of the iteration that has just ended.
fn collect<'a>(
    node: &CompiledNode,
    mut scope: RunScope<'a>,
    run: &'a ForEachRun,
    items: &List,
    batch: Option<usize>,
) -> Result<Option<Value>, ErrorValue> {
    let Some(template) = node.params.field("collect") else {
        return Ok(node.params.constant().and_then(|params| params.get("collect").cloned()));
    };
    scope.input = Some(&run.came_back);
    let index = run.iteration as usize;
    let item = item_at(items, batch, index);
    let collected = scope.evaluate(template, &item, index).map_err(|error| evaluation_error(&error))?;
    Ok(Some(collected))
}

/// The list to go over, and the size of a batch.
fn collection(params: &Value) -> Result<(List, Option<usize>), ErrorValue> {
    let parsed: ForEachParams =
        prana_template::from_value(params).map_err(|error| match Failure::from(error) {
            Failure::Params(error) | Failure::Action(error) => error,
        })?;
    let Value::List(items) = &parsed.collection else {
        let message = format!("`collection` must be a list, and it is {}", parsed.collection.type_name());
        return Err(ErrorValue::new("loop.invalid_collection", message).not_retryable());
    };
    let batch = match (parsed.mode, parsed.batch_size) {
        (Mode::Single, _) => None,
        (Mode::Batch, Some(size)) if size >= 1 => Some(size as usize),
        (Mode::Batch, _) => {
            let message = "batch mode needs `batch_size`, 1 or more";
            return Err(ErrorValue::new("workflow.invalid_params", message).not_retryable());
        }
    };
    Ok((items.clone(), batch))
}

/// The same of parameters that were read before.
fn checked_collection(params: &Value) -> Result<(List, Option<usize>), ErrorValue> {
    match (params.get("collection"), params.get("mode")) {
        (Some(Value::List(items)), None) => Ok((items.clone(), None)),
        _ => collection(params),
    }
}

fn batches(items: usize, batch: Option<usize>) -> usize {
    items.div_ceil(batch.unwrap_or(1))
}

fn item_at(items: &List, batch: Option<usize>, index: usize) -> Value {
    match batch {
        None => items.get(index).cloned().unwrap_or_default(),
        Some(size) => {
            let from = (index * size).min(items.len());
            let to = (from + size).min(items.len());
            Value::from(items[from..to].to_vec())
        }
    }
}

fn emit(
    node: &CompiledNode,
    items: &List,
    batch: Option<usize>,
    index: usize,
    collected: Option<Value>,
) -> Completed {
    let mut completed = Completed::new(item_at(items, batch, index));
    completed.port = Some(node.outputs[usize::from(LOOP)].clone());
    completed.context_updates = context(items, batch, index);
    if let Some(collected) = collected {
        completed.context_updates.insert(COLLECTED, collected);
    }
    completed
}

fn done(node: &CompiledNode, count: usize, context: Map, results: Vec<Value>) -> Completed {
    let mut output = Map::new();
    output.insert("count", Value::Int(count as i64));
    if node.params.field("collect").is_some() {
        output.insert("results", Value::from(results));
    }
    let mut completed = Completed::new(Value::Map(output));
    completed.port = Some(node.outputs[usize::from(DONE)].clone());
    completed.context_updates = context;
    completed
}

/// What other nodes see as `$nodes.KEY.context`.
fn context(items: &List, batch: Option<usize>, index: usize) -> Map {
    let has_more = index + 1 < batches(items.len(), batch);
    context_of([Value::Int(index as i64), Value::Int(items.len() as i64), Value::Bool(has_more)])
}

fn empty_context() -> Map {
    context_of([Value::Null, Value::Int(0), Value::Bool(false)])
}

fn context_of(values: [Value; 3]) -> Map {
    static NAMES: LazyLock<[Str; 3]> =
        LazyLock::new(|| ["index", "item_count", "has_more_item"].map(Str::from));
    NAMES.iter().cloned().zip(values).collect()
}
