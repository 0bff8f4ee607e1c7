//! What a credential is.

use prana_actions::oauth2::{self, AuthStyle, Client};
use prana_actions::{AllowedHosts, Grant, SecretText};
use prana_core::ErrorValue;
use serde::{Deserialize, Serialize};

/// More scopes than this are no list of scopes.
const MAX_SCOPES: usize = 100;

/// What says who asks. It is read and written as JSON, `{"type": "basic", ...}`; only what is locked is ever written.
///
/// ```
/// let text = r#"{"type": "bearer", "token": "swordfish"}"#;
/// let credential: prana::Credential = serde_json::from_str(text).unwrap();
/// assert_eq!(credential.kind(), "bearer");
/// assert_eq!(format!("{credential:?}"), "Credential(bearer)");
/// ```
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Credential {
    /// A name and a password, in the Authorization header.
    Basic {
        /// The name.
        #[serde(with = "text")]
        username: SecretText,
        /// The password.
        #[serde(with = "text")]
        password: SecretText,
    },
    /// A token, in the Authorization header.
    Bearer {
        /// The token.
        #[serde(with = "text")]
        token: SecretText,
    },
    /// A header of its own.
    Header {
        /// Its name.
        name: String,
        /// Its value.
        #[serde(with = "text")]
        value: SecretText,
    },
    /// A part of the query.
    Query {
        /// Its name.
        name: String,
        /// Its value.
        #[serde(with = "text")]
        value: SecretText,
    },
    /// Tokens that the client gets for itself.
    Oauth2ClientCredentials {
        /// Where tokens are asked for.
        token_url: String,
        /// Who asks there.
        client_id: String,
        /// The proof.
        #[serde(with = "text")]
        client_secret: SecretText,
        /// What for.
        #[serde(default)]
        scopes: Vec<String>,
        /// For which service, where the endpoint wants to know.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        audience: Option<String>,
        /// How the endpoint is told who asks.
        #[serde(default)]
        auth_style: AuthStyle,
    },
    /// Tokens that a person lets the client have.
    Oauth2AuthorizationCode {
        /// Where the person is asked.
        authorize_url: String,
        /// Where tokens are asked for.
        token_url: String,
        /// Who asks.
        client_id: String,
        /// The proof; a public client has none.
        #[serde(default, with = "text_or_none", skip_serializing_if = "Option::is_none")]
        client_secret: Option<SecretText>,
        /// What for.
        #[serde(default)]
        scopes: Vec<String>,
        /// How the endpoint is told who asks.
        #[serde(default)]
        auth_style: AuthStyle,
    },
}

/// Says what it is, and nothing of what is in it.
impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Credential({})", self.kind())
    }
}

impl Credential {
    /// The word for its kind, as `type` has it.
    pub fn kind(&self) -> &'static str {
        match self {
            Credential::Basic { .. } => "basic",
            Credential::Bearer { .. } => "bearer",
            Credential::Header { .. } => "header",
            Credential::Query { .. } => "query",
            Credential::Oauth2ClientCredentials { .. } => "oauth2_client_credentials",
            Credential::Oauth2AuthorizationCode { .. } => "oauth2_authorization_code",
        }
    }

    /// All that must not be told.
    pub(super) fn values(&self) -> Vec<&str> {
        match self {
            Credential::Basic { username, password } => vec![username.reveal(), password.reveal()],
            Credential::Bearer { token: value }
            | Credential::Header { value, .. }
            | Credential::Query { value, .. } => vec![value.reveal()],
            Credential::Oauth2ClientCredentials { client_id, client_secret, .. } => {
                vec![client_id, client_secret.reveal()]
            }
            Credential::Oauth2AuthorizationCode { client_id, client_secret, .. } => {
                let secret = client_secret.iter().map(SecretText::reveal);
                std::iter::once(client_id.as_str()).chain(secret).collect()
            }
        }
    }

    /// What it gives to a request; none if a token must be had for it.
    pub(super) fn grant(&self, name: &str, hosts: &AllowedHosts) -> Result<Option<Grant>, ErrorValue> {
        let header =
            |header: &str, value: &SecretText| Grant::header(name, hosts.clone(), header, value).map(Some);
        match self {
            Credential::Basic { username, password } => {
                use base64::Engine as _;
                let pair = SecretText::from(format!("{}:{}", username.reveal(), password.reveal()));
                let pair = base64::engine::general_purpose::STANDARD.encode(pair.reveal());
                header("Authorization", &SecretText::from(format!("Basic {pair}")))
            }
            Credential::Bearer { token } => {
                header("Authorization", &SecretText::from(format!("Bearer {}", token.reveal())))
            }
            Credential::Header { name, value } => header(name, value),
            Credential::Query { name: parameter, value } => {
                Ok(Some(Grant::query(name, hosts.clone(), parameter, value.clone())))
            }
            _ => Ok(None),
        }
    }

    /// Who asks for tokens, and where; none if it needs none.
    pub(super) fn client(&self) -> Option<Result<Client, &'static str>> {
        let (token_url, client_id, client_secret, auth_style) = match self {
            Credential::Oauth2ClientCredentials {
                token_url, client_id, client_secret, auth_style, ..
            } => (token_url, client_id, Some(client_secret.clone()), *auth_style),
            Credential::Oauth2AuthorizationCode {
                token_url, client_id, client_secret, auth_style, ..
            } => (token_url, client_id, client_secret.clone(), *auth_style),
            _ => return None,
        };
        Some(oauth2::endpoint(token_url).map(|token_url| Client {
            token_url,
            client_id: client_id.clone(),
            client_secret,
            auth_style,
        }))
    }

    /// What is wrong with it, without what is in it.
    pub(super) fn check(&self) -> Result<(), String> {
        if self.values().iter().any(|value| value.is_empty()) {
            return Err("none of its values can be empty".to_owned());
        }
        if let Credential::Query { name, .. } = self
            && (name.is_empty() || name.chars().any(char::is_control))
        {
            return Err("`name` is the name of a part of the query".to_owned());
        }
        if let Credential::Basic { username, .. } = self
            && username.reveal().contains(':')
        {
            return Err("a name with a colon can't be told from its password".to_owned());
        }
        self.grant("x", &AllowedHosts::any()).map_err(|_| {
            "its name or value can't stand in a header: are there line ends in it?".to_owned()
        })?;
        if let Some(Err(why)) = self.client() {
            return Err(format!("`token_url`: {why}"));
        }
        if let Credential::Oauth2AuthorizationCode { authorize_url, .. } = self {
            oauth2::endpoint(authorize_url).map_err(|why| format!("`authorize_url`: {why}"))?;
        }
        self.check_scopes()
    }

    fn check_scopes(&self) -> Result<(), String> {
        let (Credential::Oauth2ClientCredentials { scopes, .. }
        | Credential::Oauth2AuthorizationCode { scopes, .. }) = self
        else {
            return Ok(());
        };
        let is_one = |scope: &String| !scope.is_empty() && scope.bytes().all(|byte| byte.is_ascii_graphic());
        match scopes.len() <= MAX_SCOPES && scopes.iter().all(is_one) {
            true => Ok(()),
            false => Err("`scopes` is a list of words without spaces".to_owned()),
        }
    }
}

/// Text that no error repeats.
pub(super) mod text {
    use prana_actions::SecretText;
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub fn serialize<S: Serializer>(text: &SecretText, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(text.reveal())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SecretText, D::Error> {
        match serde_json::Value::deserialize(deserializer) {
            Ok(serde_json::Value::String(text)) => Ok(SecretText::from(text)),
            _ => Err(de::Error::custom("a name, password, token, secret or value is to be text")),
        }
    }
}

/// The same, of text that may be missing.
pub(super) mod text_or_none {
    use prana_actions::SecretText;
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub fn serialize<S: Serializer>(text: &Option<SecretText>, serializer: S) -> Result<S::Ok, S::Error> {
        match text {
            Some(text) => serializer.serialize_str(text.reveal()),
            None => serializer.serialize_none(),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SecretText>, D::Error> {
        match serde_json::Value::deserialize(deserializer) {
            Ok(serde_json::Value::String(text)) => Ok(Some(SecretText::from(text))),
            Ok(serde_json::Value::Null) => Ok(None),
            _ => Err(de::Error::custom("a secret or token is to be text")),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn read(text: &str) -> Result<Credential, String> {
        let credential: Credential = serde_json::from_str(text).map_err(|error| error.to_string())?;
        credential.check().map(|()| credential)
    }

    #[test]
    fn what_is_one_reads_back() {
        for text in [
            r#"{"type":"basic","username":"ada","password":"pw"}"#,
            r#"{"type":"bearer","token":"t"}"#,
            r#"{"type":"header","name":"X-Key","value":"v"}"#,
            r#"{"type":"query","name":"key","value":"v"}"#,
            r#"{"type":"oauth2_client_credentials","token_url":"https://l.example/t","client_id":"c","client_secret":"s","scopes":["a"],"audience":"u","auth_style":"body"}"#,
            r#"{"type":"oauth2_authorization_code","authorize_url":"https://l.example/a","token_url":"https://l.example/t","client_id":"c","scopes":[],"auth_style":"basic"}"#,
        ] {
            let credential = read(text).unwrap();
            assert_eq!(serde_json::to_string(&credential).unwrap(), text);
            assert!(text.contains(credential.kind()));
        }
    }

    #[test]
    fn what_is_none_is_refused_without_its_values() {
        for (text, part) in [
            (r#"{"type":"bearer","token":1234567890}"#, "is to be text"),
            (r#"{"type":"bearer","token":""}"#, "empty"),
            (r#"{"type":"bearer","token":"pw-in-it\n"}"#, "line ends"),
            (r#"{"type":"bearer","token":"x","password":"pw-in-it"}"#, "unknown field `password`"),
            (r#"{"type":"basic","username":"pw-in-it:x","password":"y"}"#, "colon"),
            (r#"{"type":"header","name":"a b","value":"pw-in-it"}"#, "header"),
            (r#"{"type":"query","name":"","value":"pw-in-it"}"#, "part of the query"),
            (
                r#"{"type":"oauth2_client_credentials","token_url":"http://l.example/t","client_id":"c","client_secret":"pw-in-it"}"#,
                "`token_url`: it must begin with https://",
            ),
            (
                r#"{"type":"oauth2_authorization_code","authorize_url":"l","token_url":"https://l.example/t","client_id":"c"}"#,
                "`authorize_url`",
            ),
            (
                r#"{"type":"oauth2_client_credentials","token_url":"https://l.example/t","client_id":"c","client_secret":"s","scopes":["a b"]}"#,
                "`scopes`",
            ),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(part), "{error}");
            assert!(!error.contains("pw-in-it") && !error.contains("1234567890"), "{error}");
        }
    }
}
