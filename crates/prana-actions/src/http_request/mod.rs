//! `http.request`: a request to a web service, or one for each item of a list.

pub(crate) mod answer;
mod params;
pub(crate) mod prepare;
pub(crate) mod send;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use prana_core::ErrorValue;
use prana_core::action::{Descriptor, Effect};
use prana_core::executor::EffectOutput;
use prana_core::record::Completed;
use prana_template::{List, Map, Value};
use tokio::task::JoinSet;

pub use self::params::{Auth, AuthType, BodyType, HttpRequestParams, Method, ResponseType, Success};
use crate::action::{Action, ActionCall, invalid_params, params_of};
use crate::outside::Outside;
use crate::secrets::CallSecrets;

/// A request may take this long, in milliseconds.
const MAX_TIMEOUT_MS: u64 = 3_600_000;

/// Sends requests.
pub struct HttpRequest;

#[async_trait]
impl Action for HttpRequest {
    fn descriptor(&self) -> Descriptor {
        Descriptor::new::<HttpRequestParams>(
            "http.request",
            "HTTP request",
            "Sends a request and gives `{status, headers, body}`. A status that is no success is the error `http.status`, with the answer \
             in its details; 429 and 503 say when to try again. Redirects are followed, without telling another host who asks. With \
             `batch` it sends one request for each item, several at a time, and gives the list of answers.",
            Effect::Effect,
        )
        .batch("batch")
    }

    async fn run(&self, call: ActionCall) -> Result<EffectOutput, ErrorValue> {
        let output = match call.params.get("requests") {
            Some(Value::List(requests)) => batch(&call, requests).await?,
            _ => one(&call.outside, &call.secrets, &call.params, &call.idempotency_key).await?,
        };
        Ok(EffectOutput::Complete(Completed::new(output)))
    }

    fn checks_hosts(&self) -> bool {
        true
    }
}

/// One request, within its time.
async fn one(
    outside: &Outside,
    secrets: &CallSecrets,
    params: &Value,
    idempotency_key: &str,
) -> Result<Value, ErrorValue> {
    let params: HttpRequestParams = params_of(params)?;
    if !(1..=MAX_TIMEOUT_MS).contains(&params.timeout_ms) {
        return Err(invalid_params(format!("timeout_ms: it must be from 1 to {MAX_TIMEOUT_MS}")));
    }
    let request = prepare::prepare(&params, idempotency_key)?;
    request.credentials().for_each(|credential| secrets.learn(credential));
    let limit = Duration::from_millis(params.timeout_ms);
    let sent =
        tokio::time::timeout(limit, send::send(outside, secrets, request.clone(), params.follow_redirects))
            .await;
    let answer = sent.map_err(|_| send::timed_out(&request, limit, "no answer"))??;
    answer::output(&params, secrets, answer)
}

/// One request for each item, so many at a time. The first that fails ends them all.
async fn batch(call: &ActionCall, requests: &List) -> Result<Value, ErrorValue> {
    let concurrency =
        call.params.get("concurrency").and_then(Value::as_i64).unwrap_or(10).clamp(1, 100) as usize;
    let mut waiting = requests.iter().cloned().enumerate();
    let mut outputs = vec![Value::Null; requests.len()];
    let mut running = JoinSet::new();
    loop {
        while running.len() < concurrency
            && let Some((index, params)) = waiting.next()
        {
            let (outside, secrets) = (Arc::clone(&call.outside), Arc::clone(&call.secrets));
            let key = format!("{}/{index}", call.idempotency_key);
            running.spawn(async move { (index, one(&outside, &secrets, &params, &key).await) });
        }
        let Some(ended) = running.join_next().await else { break };
        let (index, result) = ended.map_err(|error| ErrorValue::new("action.panicked", error.to_string()))?;
        outputs[index] = result.map_err(|error| of_item(error, index))?;
    }
    Ok(Value::from(outputs))
}

/// The same error, which says the item too.
fn of_item(mut error: ErrorValue, index: usize) -> ErrorValue {
    let mut details = match std::mem::take(&mut error.details) {
        Value::Map(details) => details,
        _ => Map::new(),
    };
    details.insert("item", index);
    error.message = format!("item {index}: {}", error.message).into();
    error.with_details(Value::Map(details))
}
