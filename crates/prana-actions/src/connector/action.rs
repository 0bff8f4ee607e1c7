//! One action of a connector: parameters in, a request, its answer, an output.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use prana_core::ErrorValue;
use prana_core::action::{Descriptor, evaluation_error};
use prana_core::executor::EffectOutput;
use prana_core::record::Completed;
use prana_template::{Budget, EvalError, Map, Params, Str, Template, Value};
use tokio::time::Instant;

use super::document::CredentialKind;
use super::pace::Pace;
use super::paging::{Pages, Turning};
use super::params::ParamsCheck;
use super::route::Route;
use crate::action::{Action, ActionCall};
use crate::http_request::{self, Success};

/// A message that is made of an answer is cut after so many characters.
const MAX_MESSAGE: usize = 1_000;

/// A larger answer is not kept with the error that it is, in bytes.
const MAX_DETAILS: usize = 64 * 1024;

/// A request may take this long, if it isn't said.
const TIMEOUT_MS: u64 = 30_000;

/// An action of a connector, compiled.
pub(super) struct Recipe {
    pub descriptor: Descriptor,
    pub check: Arc<ParamsCheck>,
    pub base: Route,
    pub signing: Option<Signing>,
    pub path: Route,
    /// Parameters of `http.request`, over `$params`.
    pub request: Params,
    pub turning: Option<Turning>,
    pub output: Params,
    /// The first that fits says which error an answer is.
    pub rules: Vec<Rule>,
    pub pace: Option<Arc<Pace>>,
}

/// What signatures are for, where the node doesn't say it.
#[derive(Debug, Clone)]
pub(super) struct Signing {
    pub service: Route,
    pub region: Route,
}

const SIGV4: &str = CredentialKind::AwsSigv4.as_str();

/// Which error an answer is.
#[derive(Debug, Clone)]
pub(super) struct Rule {
    pub status: Option<Success>,
    pub when: Option<Template>,
    pub code: Str,
    pub message: Option<Template>,
    pub retryable: Option<bool>,
    pub retry_after: Option<Template>,
}

#[async_trait]
impl Action for Arc<Recipe> {
    fn descriptor(&self) -> Descriptor {
        self.descriptor.clone()
    }

    async fn run(&self, call: ActionCall) -> Result<EffectOutput, ErrorValue> {
        let given = call.params.as_map().cloned().unwrap_or_default();
        let params = Value::Map(self.check.completed(&given));
        let mut request = self.request(&given, &params)?;
        let mut pages = Pages::default();
        if let Some(turning) = &self.turning {
            turning.first(&mut request);
        }
        let (response, items) = loop {
            let response = self.ask(&call, &params, request.clone(), pages.count()).await?;
            let Some(turning) = &self.turning else { break (response, Value::Null) };
            let scope = [params.clone(), response.clone()];
            if !turning.turn(&mut pages, &mut request, &scope, call.outside.max_response_bytes)? {
                break (response, pages.into_items());
            }
        };
        let output = self.output.render(&[params, response, items], &mut Budget::default());
        Ok(EffectOutput::Complete(Completed::new(output.map_err(|error| of("output", error))?)))
    }

    fn checks_hosts(&self) -> bool {
        true
    }
}

impl Recipe {
    /// The parameters of `http.request`.
    fn request(&self, given: &Map, params: &Value) -> Result<Map, ErrorValue> {
        let scope = [params.clone()];
        let rendered = self.request.render(&scope, &mut Budget::default());
        let rendered = rendered.map_err(|error| of("request", error))?;
        let mut request = rendered.as_map().cloned().unwrap_or_default();
        let known = params.as_map().cloned().unwrap_or_default();
        let base = match given.get("base_url").and_then(Value::as_str) {
            Some(base) => base.to_owned(),
            None => self.base.fill(&known)?,
        };
        request.insert("url", format!("{}{}", base.trim_end_matches('/'), self.path.fill(&known)?));
        if let Some(auth) = given.get("auth").filter(|auth| !auth.is_null()) {
            request.insert("auth", self.auth(auth, &known)?);
        }
        request.insert("timeout_ms", Value::Int(timeout(given).try_into().unwrap_or(i64::MAX)));
        Ok(request)
    }

    /// Who asks; a signature says for which service and region it is.
    fn auth(&self, auth: &Value, params: &Map) -> Result<Value, ErrorValue> {
        match (&self.signing, auth) {
            (Some(signing), Value::Map(auth)) if auth.get("type").and_then(Value::as_str) == Some(SIGV4) => {
                let mut auth = auth.clone();
                for (name, place) in [("service", &signing.service), ("region", &signing.region)] {
                    if !auth.contains_key(name) {
                        auth.insert(name, place.fill(params)?);
                    }
                }
                Ok(Value::Map(auth))
            }
            _ => Ok(auth.clone()),
        }
    }

    /// One request, when its turn comes: the answer, unless a rule says that it is an error.
    async fn ask(
        &self,
        call: &ActionCall,
        params: &Value,
        request: Map,
        page: usize,
    ) -> Result<Value, ErrorValue> {
        self.wait_for_turn(call).await?;
        let key = match page {
            0 => call.idempotency_key.clone(),
            page => format!("{}/{page}", call.idempotency_key),
        };
        match http_request::one(call, &Value::Map(request), &key).await {
            Ok(response) => match self.rule(params, &response, false)? {
                Some(rule) => Err(rule.error(call, params, response, None)),
                None => Ok(response),
            },
            Err(error) if error.code == "http.status" => {
                let rule = self.rule(params, &error.details, true)?;
                Err(match rule {
                    Some(rule) => rule.error(call, params, error.details.clone(), Some(error)),
                    None => error,
                })
            }
            Err(error) => Err(error),
        }
    }

    async fn wait_for_turn(&self, call: &ActionCall) -> Result<(), ErrorValue> {
        let Some(pace) = &self.pace else { return Ok(()) };
        let own = Duration::from_millis(timeout(call.params.as_map().unwrap_or(&Map::new())));
        let longest = call.timeout.map_or(own, |limit| limit.min(own));
        let wait = pace.reserve(Instant::now(), longest).map_err(|wait| {
            let millis = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
            let message = format!("too many requests wait already: the next could be sent in {millis} ms");
            ErrorValue { retry_after_ms: Some(millis), ..ErrorValue::new("connector.rate_limited", message) }
        })?;
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
        Ok(())
    }

    fn rule(&self, params: &Value, response: &Value, failed: bool) -> Result<Option<&Rule>, ErrorValue> {
        for rule in &self.rules {
            if rule.fits(params, response, failed)? {
                return Ok(Some(rule));
            }
        }
        Ok(None)
    }
}

impl Rule {
    /// Is the answer this error? One that is a success by its status only if `when` says so.
    fn fits(&self, params: &Value, response: &Value, failed: bool) -> Result<bool, ErrorValue> {
        let status =
            response.get("status").and_then(Value::as_i64).and_then(|status| u16::try_from(status).ok());
        let status_fits =
            self.status.as_ref().is_none_or(|wanted| status.is_some_and(|status| wanted.holds(status)));
        match &self.when {
            _ if !status_fits => Ok(false),
            None => Ok(failed),
            Some(when) => {
                let scope = [params.clone(), response.clone()];
                let value = when.evaluate(&scope, &mut Budget::default());
                value.map(|value| value.is_truthy()).map_err(|error| of("errors", error))
            }
        }
    }

    /// The error, with the answer in its details.
    fn error(
        &self,
        call: &ActionCall,
        params: &Value,
        response: Value,
        original: Option<ErrorValue>,
    ) -> ErrorValue {
        let scope = [params.clone(), response.clone()];
        let evaluated = |template: &Template| template.evaluate(&scope, &mut Budget::default()).ok();
        let said = self.message.as_ref().and_then(evaluated);
        let said = said.map(|said| said.to_text()).filter(|said| !said.is_empty());
        let seconds = self.retry_after.as_ref().and_then(evaluated).and_then(|after| seconds(&after));
        let message = match (said, &original) {
            (Some(said), _) => shortened(&call.secrets.redacted(&said)),
            (None, Some(original)) => original.message.to_string(),
            (None, None) => "the service says that it failed".to_owned(),
        };
        let retryable =
            self.retryable.unwrap_or(original.as_ref().is_some_and(|original| original.retryable));
        let retry_after_ms = seconds.or(original.and_then(|original| original.retry_after_ms));
        let details = if response.weight() > MAX_DETAILS { Value::Null } else { response };
        let error = ErrorValue::new(self.code.clone(), message).with_details(details);
        ErrorValue { retryable, retry_after_ms: retry_after_ms.filter(|_| retryable), ..error }
    }
}

fn timeout(given: &Map) -> u64 {
    let millis = given.get("timeout_ms").and_then(Value::as_i64);
    millis.and_then(|millis| u64::try_from(millis).ok()).unwrap_or(TIMEOUT_MS)
}

/// A number of seconds, a day at most, in milliseconds.
fn seconds(value: &Value) -> Option<u64> {
    let seconds = value.as_f64().or_else(|| value.as_str()?.trim().parse().ok())?;
    (seconds > 0.0).then(|| (seconds.min(86_400.0) * 1000.0).ceil() as u64)
}

/// The error of a template of the connector, which says the part that it stands in.
fn of(part: &str, error: EvalError) -> ErrorValue {
    let mut value = evaluation_error(&error);
    value.message = format!("the connector's `{part}`: {}", value.message).into();
    value
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(MAX_MESSAGE) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}
