//! Security schemes as credentials.

use prana_template::{Map, Value};

use super::{Conversion, short};

impl Conversion<'_> {
    /// The credentials that the service takes; what can't be one is noted.
    pub(super) fn credentials(&mut self, base_url: &str) -> Vec<Value> {
        let schemes = self.root.get("components").and_then(|all| all.get("securitySchemes"));
        let schemes = schemes.and_then(Value::as_map).cloned().unwrap_or_default();
        let host = base_url.split("://").nth(1).and_then(|rest| rest.split('/').next()).unwrap_or_default();
        let mut credentials = Vec::new();
        for (name, scheme) in schemes.iter() {
            let scheme = self.schemas.followed(scheme);
            match credential(&scheme) {
                Ok(kinds) => credentials.extend(kinds.into_iter().map(|kind| completed(kind, &scheme, host))),
                Err(why) => self.notes.push(format!("the security scheme `{name}` is left out: {why}")),
            }
        }
        credentials
    }
}

/// The credentials of a scheme: several if it has several flows.
fn credential(scheme: &Value) -> Result<Vec<Map>, String> {
    let text = |key: &str| scheme.get(key).and_then(Value::as_str).unwrap_or_default();
    let of = |kind: &str| Map::from_iter([("kind".into(), Value::from(kind))]);
    match (text("type"), text("scheme").to_ascii_lowercase().as_str(), text("in")) {
        ("http", "basic", _) => Ok(vec![of("basic")]),
        ("http", "bearer", _) => Ok(vec![of("bearer")]),
        ("http", other, _) => Err(format!("its scheme is `{other}`")),
        ("apiKey", _, place @ ("header" | "query")) => {
            let mut kind = of(place);
            kind.insert("name", text("name"));
            Ok(vec![kind])
        }
        ("apiKey", _, place) => Err(format!("its key goes into a {place}")),
        ("oauth2", ..) => flows(scheme),
        (other, ..) => Err(format!("its type is `{other}`")),
    }
}

fn flows(scheme: &Value) -> Result<Vec<Map>, String> {
    let mut kinds = Vec::new();
    for (flow, kind) in [
        ("authorizationCode", "oauth2_authorization_code"),
        ("clientCredentials", "oauth2_client_credentials"),
    ] {
        let Some(flow) = scheme.get("flows").and_then(|flows| flows.get(flow)) else { continue };
        let mut credential = Map::from_iter([("kind".into(), Value::from(kind))]);
        for (from, to) in [("authorizationUrl", "authorize_url"), ("tokenUrl", "token_url")] {
            if let Some(url) = flow.get(from).and_then(Value::as_str) {
                credential.insert(to, url);
            }
        }
        let scopes = flow.get("scopes").and_then(Value::as_map).cloned().unwrap_or_default();
        if !scopes.is_empty() {
            credential.insert("scopes", scopes.keys().map(Value::from).collect::<Value>());
        }
        kinds.push(credential);
    }
    match kinds.is_empty() {
        true => Err("none of its flows is authorizationCode or clientCredentials".to_owned()),
        false => Ok(kinds),
    }
}

fn completed(mut kind: Map, scheme: &Value, host: &str) -> Value {
    let description = scheme.get("description").and_then(Value::as_str).map(short);
    if let Some(description) = description.filter(|text| !text.is_empty()) {
        kind.insert("description", description);
    }
    if !host.is_empty() && !host.contains('{') {
        kind.insert("hosts", Value::from(vec![Value::from(host)]));
    }
    Value::Map(kind)
}
