//! Parameters of one call, or of the many calls of a batch.

use prana_template::{Deferred, Map, ParamError, Params, PathSegment, Str, Value};

use super::scope::RunScope;
use crate::action::{Batch, Descriptor, Failure};
use crate::error::ErrorValue;

/// A batch may make this many calls.
const MAX_CALLS: usize = 10_000;

/// What stands in the parameters of a batch in the place of the action's own.
const REQUESTS: &str = "requests";

/// Parameters, and the templates in them that are evaluated later.
pub(super) struct Rendered {
    pub params: Value,
    pub deferred: Vec<Deferred>,
}

impl From<Value> for Rendered {
    fn from(params: Value) -> Self {
        Rendered { params, deferred: Vec::new() }
    }
}

/// The parameters of a node that is about to run.
pub(super) fn render(scope: &RunScope<'_>) -> Result<Rendered, Failure> {
    let node = scope.compiled_node();
    let batch = node.descriptor().batch_field.and_then(|name| Some((name, node.params.take_field(name)?)));
    match batch {
        None => Ok(Rendered { params: scope.render()?, deferred: scope.deferred()? }),
        Some((name, batch)) => render_calls(scope, name, &batch),
    }
}

fn render_calls(scope: &RunScope<'_>, name: &str, batch: &Params) -> Result<Rendered, Failure> {
    let batch = read(&batch.render(scope, &mut scope.budget.borrow_mut())?, name)?;
    let fields = other_fields(&scope.compiled_node().params, name);
    let limit = scope.graph.context().max_output_bytes;
    let mut weight: usize = 0;
    let mut calls = Vec::with_capacity(batch.items.len());
    let mut deferred = Vec::new();
    for (index, item) in batch.items.iter().enumerate() {
        let mut call = Map::new();
        for (name, field) in &fields {
            call.insert(name.clone(), scope.evaluate(field, item, index)?);
            let place = [PathSegment::from(REQUESTS), index.into(), PathSegment::Key(name.clone())];
            for mut later in scope.deferred_for(field, item, index)? {
                weight += later.captures.iter().map(|capture| capture.value.weight()).sum::<usize>();
                later.path.splice(0..0, place.clone());
                deferred.push(later);
            }
        }
        weight = weight.saturating_add(call.weight());
        if weight > limit {
            return Err(too_large(limit));
        }
        calls.push(Value::Map(call));
    }
    let mut params = Map::new();
    params.insert(REQUESTS, Value::from(calls));
    params.insert("concurrency", batch.concurrency);
    Ok(Rendered { params: Value::Map(params), deferred })
}

fn read(value: &Value, name: &str) -> Result<Batch, Failure> {
    let under = |mut error: ParamError| {
        error.path.insert(0, PathSegment::Key(name.into()));
        Failure::from(error)
    };
    let batch: Batch = prana_template::from_value(value).map_err(under)?;
    let wrong = |message: String| under(ParamError { path: Vec::new(), message, help: None });
    if !(1..=100).contains(&batch.concurrency) {
        return Err(wrong("`concurrency` must be from 1 to 100".to_owned()));
    }
    if batch.items.len() > MAX_CALLS {
        return Err(wrong(format!(
            "more than {MAX_CALLS} items; go over them in batches with a core.for_each"
        )));
    }
    Ok(batch)
}

fn other_fields(params: &Params, batch: &str) -> Vec<(Str, Params)> {
    let skeleton = params.skeleton();
    let names = skeleton.as_map().into_iter().flat_map(Map::keys).filter(|name| ***name != *batch);
    names.filter_map(|name| Some((name.clone(), params.take_field(name)?))).collect()
}

fn too_large(limit: usize) -> Failure {
    let message = format!(
        "the parameters of all calls together are larger than {limit} bytes; go over them in batches with a core.for_each"
    );
    Failure::Params(ErrorValue::new("action.batch_too_large", message).not_retryable())
}

/// Are these parameters ones that the action takes, for each call of a batch?
pub(super) fn validate(descriptor: &Descriptor, rendered: &Rendered) -> Result<(), ParamError> {
    let Rendered { params, deferred } = rendered;
    let calls = descriptor.batch_field.and_then(|_| params.get(REQUESTS)).and_then(Value::as_list);
    let is_deferred = |path: &[PathSegment]| deferred.iter().any(|later| later.path == path);
    let Some(calls) = calls else { return descriptor.validate(params, &is_deferred) };
    // In the order of the calls, so that those of one call are found at once.
    let mut rest = deferred.as_slice();
    for (index, call) in calls.iter().enumerate() {
        let of_this = rest.partition_point(|later| later.path.get(1) <= Some(&index.into()));
        let (own, others) = rest.split_at(of_this);
        rest = others;
        let of_call = |path: &[PathSegment]| own.iter().any(|later| later.path[2..] == *path);
        descriptor.validate(call, &of_call).map_err(|mut error| {
            error.path.splice(0..0, [PathSegment::Key(REQUESTS.into()), PathSegment::Index(index)]);
            error
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use prana_template::value;

    use super::*;
    use crate::action::Effect;
    use crate::registry::Registry;
    use crate::testing::{TestRun, create_test_graph_with};

    #[derive(serde::Deserialize, schemars::JsonSchema)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "it is only read into")]
    struct Send {
        to: String,
        #[serde(default)]
        number: Option<u32>,
        #[serde(default)]
        batch: Option<Batch>,
    }

    /// The parameters that the effect gets, or the error of the node.
    fn sends(params: &str, input: Value) -> Result<Value, String> {
        let mut registry = Registry::standard();
        registry
            .effect(Descriptor::new::<Send>("mail.send", "Send", "Sends.", Effect::Effect).batch("batch"));
        let document = format!(
            "id: m\nnodes:\n  - {{key: start, type: manual.trigger}}\n  - {{key: mail, type: mail.send, params: {params}}}\n\
             connections: [start -> mail]"
        );
        let graph = create_test_graph_with(&registry, &document, input);
        let run = TestRun::new(graph).with_effects(|call| Ok(call.params.clone())).start();
        match run.execution().error() {
            Some(error) => Err(error.to_string()),
            None => Ok(run.execution().output()),
        }
    }

    #[test]
    fn without_a_batch_there_is_one_call() {
        assert_eq!(sends("{to: '{{ $input }}'}", value!("ada")), Ok(value!({"to": "ada"})));
    }

    #[test]
    fn the_other_parameters_are_rendered_per_item() {
        let params = "{to: '{{ $item.name }}', number: '{{ $index }}', batch: {items: '{{ $input }}', concurrency: 3}}";
        let expected =
            value!({"requests": [{"to": "ada", "number": 0}, {"to": "bob", "number": 1}], "concurrency": 3});
        assert_eq!(sends(params, value!([{"name": "ada"}, {"name": "bob"}])), Ok(expected));
        assert_eq!(sends(params, value!([])), Ok(value!({"requests": [], "concurrency": 3})));
        let constant = sends("{to: all, batch: {items: [1, 2]}}", value!(null));
        assert_eq!(constant, Ok(value!({"requests": [{"to": "all"}, {"to": "all"}], "concurrency": 10})));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        let check = |params: &str, input: Value, part: &str| {
            let error = sends(params, input).expect_err("it should fail");
            assert!(error.starts_with("workflow.invalid_params") && error.contains(part), "{error}");
        };
        check("{to: '{{ $item }}', batch: {items: '{{ $input }}'}}", value!(5), "batch.items");
        check("{to: '{{ $item }}', batch: {items: '{{ $input }}'}}", value!(["ada", 5]), "requests[1].to");
        check("{to: a, batch: {items: [], concurrency: '{{ $input }}'}}", value!(101), "from 1 to 100");
        let many: Value = (0..10_001).map(Value::from).collect();
        check("{to: a, batch: {items: '{{ $input }}'}}", many, "10000 items");
    }
}
