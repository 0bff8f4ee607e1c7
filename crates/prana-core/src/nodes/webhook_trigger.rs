//! `webhook.trigger`: starts executions by HTTP requests.

use prana_template::Value;
use schemars::JsonSchema;
use serde::Deserialize;

use super::present;
use crate::action::{Call, Descriptor, Effect, Failure, Kind, Outcome, PureAction};
use crate::registry::Registry;

/// The parameters of `webhook.trigger`. The server reads them when the workflow is activated.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookTriggerParams {
    /// The path below `/webhook/`; `:name` is a part that may be anything and comes as `params.name`.
    #[serde(default = "default_path")]
    pub path: String,
    /// The methods that it answers to.
    #[serde(default = "post")]
    pub methods: Vec<Method>,
    /// When the caller is answered.
    #[serde(default, alias = "response_type")]
    pub respond: Respond,
    /// Who may call.
    #[serde(default)]
    pub auth: WebhookAuth,
    /// The status of an answer that says nothing else; 200 if absent, 202 if the answer comes at once.
    #[serde(default)]
    pub response_status: Option<u16>,
    /// Headers of every answer.
    #[serde(default)]
    #[schemars(with = "serde_json::Map<String, serde_json::Value>")]
    pub headers: prana_template::Map,
    /// True to pass the body on as it came too, in `raw`, as base64.
    #[serde(default)]
    pub raw_body: bool,
    /// A body may be this long.
    #[serde(default = "default_body_limit")]
    pub max_body_bytes: u64,
    /// Origins whose pages may call (CORS); `*` for all.
    #[serde(default)]
    pub allowed_origins: Vec<String>,
    /// A template of the request, such as `{{ $input.headers["x-event-id"] }}`: of two requests with the same value, only the first starts
    /// an execution.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "Option<serde_json::Value>")]
    pub deduplicate_by: Option<Value>,
    /// The older name of `auth.secret`.
    #[serde(default)]
    pub secret: Option<String>,
}

fn default_path() -> String {
    "/webhook".to_owned()
}

fn post() -> Vec<Method> {
    vec![Method::Post]
}

fn default_body_limit() -> u64 {
    16 << 20
}

/// A method of HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
#[allow(missing_docs, reason = "they have the names of HTTP's methods")]
pub enum Method {
    #[serde(alias = "get")]
    Get,
    #[serde(alias = "post")]
    Post,
    #[serde(alias = "put")]
    Put,
    #[serde(alias = "patch")]
    Patch,
    #[serde(alias = "delete")]
    Delete,
    #[serde(alias = "head")]
    Head,
    #[serde(alias = "options")]
    Options,
}

/// When the caller is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Respond {
    /// As soon as the execution is stored, with its id.
    #[default]
    Immediately,
    /// When it has ended, with its output.
    #[serde(alias = "on_completion")]
    LastNode,
    /// When a `webhook.respond` node runs, as that node says.
    #[serde(alias = "at_return_node")]
    RespondNode,
}

/// Who may call, and how that is told.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookAuth {
    /// The way.
    #[serde(rename = "type", default)]
    pub auth_type: WebhookAuthType,
    /// basic: the name.
    #[serde(default)]
    pub username: Option<String>,
    /// basic: the password.
    #[serde(default)]
    pub password: Option<String>,
    /// header: the header that must be there. hmac and jwt: the header that holds the signature or the token. `Authorization` if absent.
    #[serde(default, alias = "header")]
    pub header_name: Option<String>,
    /// header: what it must hold.
    #[serde(default, alias = "value")]
    pub header_value: Option<String>,
    /// hmac and jwt: the key. The body is signed as it came, byte by byte.
    #[serde(default, alias = "jwt_secret")]
    pub secret: Option<String>,
    /// hmac: the hash.
    #[serde(default)]
    pub algorithm: HmacAlgorithm,
    /// hmac: how the signature is written.
    #[serde(default)]
    pub encoding: SignatureEncoding,
    /// hmac: what stands before the signature, such as `sha256=`.
    #[serde(default)]
    pub prefix: Option<String>,
    /// hmac: the header with the time (seconds since 1970), which is signed before the body with a dot between them.
    #[serde(default)]
    pub timestamp_header: Option<String>,
    /// hmac and jwt: times may differ from ours by this many seconds; 300 if absent, for jwt 60.
    #[serde(default)]
    pub tolerance_seconds: Option<u32>,
    /// jwt: the algorithms that are accepted, all of one kind; HS256 if absent. The token must say until when it is valid.
    #[serde(default)]
    pub algorithms: Vec<JwtAlgorithm>,
    /// jwt: the audience that the token must be for.
    #[serde(default)]
    pub audience: Option<String>,
    /// jwt: the issuer that the token must be from.
    #[serde(default)]
    pub issuer: Option<String>,
    /// jwt: the public key in PEM, for algorithms with two keys.
    #[serde(default)]
    pub public_key: Option<String>,
}

/// A way to tell who may call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WebhookAuthType {
    /// Anybody may.
    #[default]
    None,
    /// A name and a password.
    Basic,
    /// A header with a secret.
    Header,
    /// A signature of the body.
    Hmac,
    /// A signed token.
    Jwt,
}

/// The hash of a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HmacAlgorithm {
    /// SHA-256.
    #[default]
    Sha256,
    /// SHA-512.
    Sha512,
}

/// How a signature is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SignatureEncoding {
    /// As hexadecimal digits.
    #[default]
    Hex,
    /// As base64.
    Base64,
}

/// An algorithm of signed tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
#[allow(missing_docs, reason = "they have the names of the standard")]
pub enum JwtAlgorithm {
    Hs256,
    Hs384,
    Hs512,
    Rs256,
    Es256,
}

/// Passes the request on.
pub struct WebhookTrigger;

/// Adds it.
pub fn register(registry: &mut Registry) {
    let descriptor = Descriptor::new::<WebhookTriggerParams>(
        "webhook.trigger",
        "Webhook",
        "Starts an execution for each HTTP request to its path. Its output is `{method, path, params, query, headers, body, raw?}`, \
         the body read as its content type says.",
        Effect::Pure,
    )
    .kind(Kind::Trigger)
    .aliases(&["http.webhook", "http.webhook_trigger"]);
    registry.pure(descriptor, WebhookTrigger);
}

impl PureAction for WebhookTrigger {
    fn run(&self, call: &dyn Call) -> Result<Outcome, Failure> {
        Ok(Outcome::output(call.input()))
    }
}

#[cfg(test)]
mod tests {
    use prana_template::{from_value, value};

    use super::*;
    use crate::nodes::tests::Probe;

    #[test]
    fn passes_the_request_on() {
        let request = value!({"method": "POST", "body": {"a": 1}});
        Probe::new("webhook.trigger", value!({"path": "orders"})).input(request.clone()).gives(request);
    }

    #[test]
    fn parameters_are_read_with_their_defaults() {
        let params: WebhookTriggerParams = from_value(&value!({})).expect("they fit");
        assert_eq!((params.methods.as_slice(), params.respond), (&[Method::Post][..], Respond::Immediately));
        assert_eq!((params.max_body_bytes, params.auth.auth_type), (16 << 20, WebhookAuthType::None));
    }

    #[test]
    fn the_older_names_are_read() {
        let params = value!({"path": "/in", "methods": ["GET"], "response_type": "at_return_node",
            "auth": {"type": "jwt", "jwt_secret": "s"}, "secret": null, "headers": {}});
        let params: WebhookTriggerParams = from_value(&params).expect("they fit");
        assert_eq!((params.respond, params.auth.secret.as_deref()), (Respond::RespondNode, Some("s")));
    }

    #[test]
    fn refuses_nonsense() {
        for params in [
            value!({"methods": ["FETCH"]}),
            value!({"auth": {"type": "trust"}}),
            value!({"respond": "never"}),
        ] {
            Probe::new("webhook.trigger", params).refused("");
        }
    }
}
