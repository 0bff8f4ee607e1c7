//! The parameters of an action of a connector: its own, and those that every action has.

use std::sync::LazyLock;

use prana_template::{Map, ParamError, Value, check_with_holes};
use schemars::JsonSchema;
use serde_json::{Value as Json, json};

use super::document::{Credential, CredentialKind};
use super::shape::{IsHole, Shape};
use crate::http_request::Auth;

/// The names of the parameters that every action has.
pub(super) const COMMON: [&str; 3] = ["auth", "base_url", "timeout_ms"];

/// What every action takes beside its own parameters.
#[derive(serde::Deserialize, JsonSchema)]
#[allow(dead_code, reason = "it describes and checks; the values are handed on as they are")]
struct Common {
    /// Who asks.
    #[serde(default)]
    auth: Option<Auth>,
    /// Another address of the service, for one that is hosted elsewhere.
    #[serde(default)]
    base_url: Option<String>,
    /// The limit of each request, in milliseconds: 1 to 3,600,000. 30,000 if it isn't said.
    #[serde(default)]
    timeout_ms: Option<u64>,
}

/// Checks parameters, as written or rendered.
#[derive(Debug)]
pub(super) struct ParamsCheck {
    /// Of the action's own ones.
    pub shape: Shape,
    pub connector: String,
    pub kinds: Vec<CredentialKind>,
}

impl ParamsCheck {
    /// The action's own parameters, as its templates see them.
    pub fn completed(&self, given: &Map) -> Map {
        self.shape.completed(&own(given))
    }

    pub fn check(&self, params: &Value, is_hole: IsHole<'_>) -> Result<(), ParamError> {
        let empty = Map::new();
        let given = match params {
            Value::Map(given) => given,
            Value::Null => &empty,
            _ => return Err(wrong(&[], "expected a map".to_owned())),
        };
        check_with_holes::<Common>(&Value::Map(given.clone()), is_hole)?;
        self.check_auth(given)?;
        self.shape.check(&Value::Map(own(given)), is_hole)
    }

    fn check_auth(&self, given: &Map) -> Result<(), ParamError> {
        let Some(auth) = given.get("auth").filter(|auth| !auth.is_null()) else { return Ok(()) };
        let Some(said) = auth.get("type").and_then(Value::as_str) else { return Ok(()) };
        let oauth2 = [CredentialKind::Oauth2ClientCredentials, CredentialKind::Oauth2AuthorizationCode];
        let takes = |kind: &CredentialKind| {
            kind.as_str() == said || (said == "bearer" && oauth2.contains(kind)) || said == "none"
        };
        if self.kinds.iter().any(takes) {
            return Ok(());
        }
        let known: Vec<&str> = self.kinds.iter().map(|kind| kind.as_str()).collect();
        Err(wrong(&["auth", "type"], format!("{} takes {}, not {said}", self.connector, known.join(" or "))))
    }
}

fn own(given: &Map) -> Map {
    let own = given.iter().filter(|(name, _)| !COMMON.contains(&name.as_str()));
    own.map(|(name, value)| (name.clone(), value.clone())).collect()
}

fn wrong(path: &[&str], message: String) -> ParamError {
    ParamError { path: path.iter().map(|name| (*name).into()).collect(), message, help: None }
}

/// The JSON Schema of all parameters: `own` is what the document says of the action's own ones.
pub(super) fn schema(own: &Map, credentials: &[Credential]) -> Json {
    static COMMON_SCHEMA: LazyLock<Json> = LazyLock::new(|| schemars::schema_for!(Common).to_value());
    let mut common = COMMON_SCHEMA.clone();
    let mut schema = json!({"type": "object", "additionalProperties": false});
    let mut properties = own.get("properties").map_or(json!({}), Json::from);
    if let (Some(properties), Some(Json::Object(more))) =
        (properties.as_object_mut(), common.get_mut("properties").map(Json::take))
    {
        let known = more.into_iter().filter(|(name, _)| name != "auth" || !credentials.is_empty());
        properties.extend(known);
        if let Some(auth) = properties.get_mut("auth") {
            auth["description"] = said(credentials).into();
        }
    }
    schema["properties"] = properties;
    if let Some(required) = own.get("required") {
        schema["required"] = Json::from(required);
    }
    if let Some(definitions) = common.get_mut("$defs").map(Json::take).filter(|_| !credentials.is_empty()) {
        schema["$defs"] = definitions;
    }
    schema
}

/// Which credentials there may be, for people.
fn said(credentials: &[Credential]) -> String {
    let one = |credential: &Credential| {
        let mut text = format!("`{}`", credential.kind.as_str());
        if let Some(description) = &credential.description {
            text.push_str(&format!(" ({})", description.trim_end_matches('.')));
        }
        if let Some(hosts) = &credential.hosts {
            text.push_str(&format!(", for {}", hosts.entries().join(" and ")));
        }
        text
    };
    let kinds: Vec<String> = credentials.iter().map(one).collect();
    format!("Who asks: `{{credential: NAME}}`, or as in http.request. Kinds: {}.", kinds.join("; "))
}
