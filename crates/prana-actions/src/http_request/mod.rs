//! `http.request`: a request to a web service, or one for each item of a list.

pub(crate) mod answer;
mod auth;
mod pages;
mod params;
pub(crate) mod prepare;
pub(crate) mod send;
mod sigv4;
mod way;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use prana_core::ErrorValue;
use prana_core::action::{Descriptor, Effect};
use prana_core::executor::EffectOutput;
use prana_core::record::Completed;
use prana_template::{List, Map, Value};
use reqwest::StatusCode;
use tokio::task::JoinSet;

use self::auth::Authority;
pub(crate) use self::auth::TokensKept;
pub use self::auth::{Auth, AuthType};
use self::pages::Pages;
pub use self::pages::{PageType, PagesOutput, Pagination, SendIn};
pub use self::params::{BodyType, HttpRequestParams, Method, ResponseType, Success};
use self::prepare::Prepared;
use self::send::{Answer, Sending};
use self::way::Way;
pub(crate) use self::way::Ways;
pub use self::way::{Tls, TlsVersion};
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
             `batch` it sends one request for each item, several at a time, and gives the list of answers; with `pagination` one for each page, and \
             gives all items. `auth: {credential: NAME}` uses a stored credential.",
            Effect::Effect,
        )
        .batch("batch")
        .credential_paths(&[&["auth", "credential"]])
    }

    async fn run(&self, call: ActionCall) -> Result<EffectOutput, ErrorValue> {
        let output = match call.params.get("requests") {
            Some(Value::List(requests)) => batch(&call, requests).await?,
            _ => one(&call, &call.params, &call.idempotency_key).await?,
        };
        Ok(EffectOutput::Complete(Completed::new(output)))
    }

    fn checks_hosts(&self) -> bool {
        true
    }
}

/// One request, or one for each page.
pub(crate) async fn one(
    call: &ActionCall,
    params: &Value,
    idempotency_key: &str,
) -> Result<Value, ErrorValue> {
    let (outside, secrets) = (&call.outside, &*call.secrets);
    let mut params: HttpRequestParams = params_of(params)?;
    if !(1..=MAX_TIMEOUT_MS).contains(&params.timeout_ms) {
        return Err(invalid_params(format!("timeout_ms: it must be from 1 to {MAX_TIMEOUT_MS}")));
    }
    let (way, authority) = (Way::of(outside, &params)?, Authority::of(&params.auth)?);
    let traceparent = call.traceparent.as_deref();
    let caller = Caller { outside, secrets, traceparent, way, authority };
    let Some(pagination) = params.pagination.take() else {
        return caller.ask(&params, idempotency_key).await.map(|(output, _)| output);
    };
    let mut pages = Pages::new(pagination, params, outside.max_response_bytes)?;
    while let Some((params, number)) = pages.next() {
        let key =
            if number == 0 { idempotency_key.to_owned() } else { format!("{idempotency_key}/page-{number}") };
        let (page, bytes) = caller.ask(&params, &key).await?;
        pages.take(&page, bytes)?;
    }
    Ok(pages.output())
}

/// What all requests of one list have in common.
struct Caller<'a> {
    outside: &'a Arc<Outside>,
    secrets: &'a CallSecrets,
    traceparent: Option<&'a str>,
    way: Way,
    authority: Authority,
}

impl Caller<'_> {
    /// One request, within its time: the output, and the bytes of its body.
    async fn ask(
        &self,
        params: &HttpRequestParams,
        idempotency_key: &str,
    ) -> Result<(Value, usize), ErrorValue> {
        let mut request = prepare::prepare(params, idempotency_key)?;
        if let Some(traceparent) = self.traceparent {
            request.belongs_to(traceparent);
        }
        request.credentials().for_each(|credential| self.secrets.learn(credential));
        let limit = Duration::from_millis(params.timeout_ms);
        let sent = tokio::time::timeout(limit, self.send(&request, params.follow_redirects)).await;
        let answer = sent.map_err(|_| send::timed_out(&request, limit, "no answer"))??;
        let bytes = answer.body.len();
        Ok((answer::output(params, self.secrets, answer)?, bytes))
    }

    /// Sends it; once more with another proof, if there can be one and the first was not taken.
    async fn send(&self, request: &Prepared, follow: bool) -> Result<Answer, ErrorValue> {
        let (outside, secrets) = (self.outside, self.secrets);
        let grant = self.authority.grant(outside, secrets, None).await?;
        let by = |grant| {
            let sending = Sending { follow, grant };
            send::send_by(&self.way, outside, secrets, request.clone(), sending)
        };
        let answer = by(grant.as_ref()).await?;
        let is_refused = answer.status == StatusCode::UNAUTHORIZED;
        match grant.as_ref().filter(|grant| is_refused && grant.is_renewable()) {
            None => Ok(answer),
            Some(refused) => {
                let another = self.authority.grant(outside, secrets, Some(refused)).await?;
                by(another.as_ref()).await
            }
        }
    }
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
            let call = call.clone();
            let key = format!("{}/{index}", call.idempotency_key);
            running.spawn(async move { (index, one(&call, &params, &key).await) });
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
