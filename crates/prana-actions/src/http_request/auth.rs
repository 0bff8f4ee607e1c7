//! Who asks: what the parameters say of it themselves, and what a stored credential or a token endpoint gives at the last moment.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use prana_core::ErrorValue;
use schemars::JsonSchema;

use crate::action::invalid_params;
use crate::credentials::Grant;
use crate::credentials::oauth2::{self, Ask, AuthStyle, Client};
use crate::outside::Outside;
use crate::secrets::{AllowedHosts, CallSecrets, SecretText};

/// So many tokens that parameters ask for themselves are kept.
const MAX_KEPT: usize = 256;

/// A token is taken to be over so long before it is, or a tenth of its life if that is less.
const EARLY: Duration = Duration::from_secs(60);

/// Who asks.
#[derive(Clone, Default, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Auth {
    /// The name of a stored credential, as it is: never a template. Then nothing else is said here.
    #[serde(default)]
    pub credential: Option<String>,
    /// The way to say it.
    #[serde(rename = "type", default)]
    pub auth_type: AuthType,
    /// basic: the name.
    #[serde(default)]
    pub username: Option<String>,
    /// basic: the password.
    #[serde(default)]
    pub password: Option<String>,
    /// bearer: the token.
    #[serde(default)]
    pub token: Option<String>,
    /// header: its name; `X-API-Key` if absent.
    #[serde(default, alias = "header")]
    pub name: Option<String>,
    /// header: its value.
    #[serde(default, alias = "key")]
    pub value: Option<String>,
    /// oauth2_client_credentials: where tokens are asked for.
    #[serde(default)]
    pub token_url: Option<String>,
    /// oauth2_client_credentials: who asks there.
    #[serde(default)]
    pub client_id: Option<String>,
    /// oauth2_client_credentials: the proof.
    #[serde(default)]
    pub client_secret: Option<String>,
    /// oauth2_client_credentials: what for.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// oauth2_client_credentials: for which service, where the endpoint wants to know.
    #[serde(default)]
    pub audience: Option<String>,
    /// oauth2_client_credentials: how the endpoint is told who asks.
    #[serde(default)]
    pub auth_style: AuthStyle,
    /// aws_sigv4: the public part of the key.
    #[serde(default)]
    pub access_key_id: Option<String>,
    /// aws_sigv4: the secret part of the key.
    #[serde(default)]
    pub secret_access_key: Option<String>,
    /// aws_sigv4: for a key that is lent for a time.
    #[serde(default)]
    pub session_token: Option<String>,
    /// aws_sigv4: the region, such as eu-central-1.
    #[serde(default)]
    pub region: Option<String>,
    /// aws_sigv4: the service, such as s3.
    #[serde(default)]
    pub service: Option<String>,
}

/// Says nothing of passwords and tokens.
impl std::fmt::Debug for Auth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Auth").field("auth_type", &self.auth_type).finish_non_exhaustive()
    }
}

/// A way to say who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AuthType {
    /// It isn't said.
    #[default]
    None,
    /// By a name and a password.
    Basic,
    /// By a token.
    Bearer,
    /// By a header of its own.
    #[serde(alias = "api_key")]
    Header,
    /// By a token that is asked for first, and kept until shortly before it is over.
    #[serde(alias = "oauth2")]
    Oauth2ClientCredentials,
    /// By a signature of AWS, version 4.
    AwsSigv4,
}

/// What gives a request its proof at the last moment.
pub(super) enum Authority {
    /// Nothing: it stands in the parameters, or nowhere.
    Parameters,
    /// A stored credential.
    Stored(String),
    /// A token endpoint, as the parameters name it.
    Endpoint(Wanted),
}

/// A token that parameters ask for.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    client: Client,
    scopes: Vec<String>,
    audience: Option<String>,
}

impl Authority {
    /// What the parameters say.
    ///
    /// # Errors
    /// `workflow.invalid_params`.
    pub fn of(auth: &Auth) -> Result<Self, ErrorValue> {
        match (&auth.credential, auth.auth_type) {
            (Some(name), AuthType::None) => Ok(Authority::Stored(name.clone())),
            (Some(_), _) => Err(invalid_params("auth: `credential` and `type` exclude each other")),
            (None, AuthType::Oauth2ClientCredentials) => Wanted::of(auth).map(Authority::Endpoint),
            (None, _) => Ok(Authority::Parameters),
        }
    }

    /// What is put into the request. With `refused`, another one than that.
    ///
    /// # Errors
    /// Those of credentials and of token endpoints.
    pub async fn grant(
        &self,
        outside: &Arc<Outside>,
        secrets: &CallSecrets,
        refused: Option<&Grant>,
    ) -> Result<Option<Grant>, ErrorValue> {
        match self {
            Authority::Parameters => Ok(None),
            Authority::Stored(name) => secrets.grant(name, outside, refused).await.map(Some),
            Authority::Endpoint(wanted) => wanted.grant(outside, secrets, refused).await.map(Some),
        }
    }
}

impl Wanted {
    fn of(auth: &Auth) -> Result<Self, ErrorValue> {
        let needed = |value: &Option<String>, name: &str| {
            value.clone().ok_or_else(|| invalid_params(format!("auth.{name} is missing")))
        };
        let token_url = oauth2::endpoint(&needed(&auth.token_url, "token_url")?)
            .map_err(|why| invalid_params(format!("auth.token_url: {why}")))?;
        let client = Client {
            token_url,
            client_id: needed(&auth.client_id, "client_id")?,
            client_secret: Some(SecretText::from(needed(&auth.client_secret, "client_secret")?)),
            auth_style: auth.auth_style,
        };
        Ok(Wanted { client, scopes: auth.scopes.clone(), audience: auth.audience.clone() })
    }

    async fn grant(
        &self,
        outside: &Outside,
        secrets: &CallSecrets,
        refused: Option<&Grant>,
    ) -> Result<Grant, ErrorValue> {
        secrets.check_url(&self.client.token_url)?;
        let place = outside.tokens.place(self);
        // Whoever else wants the same one waits here, and finds it.
        let mut kept = place.lock().await;
        if let Some(token) = kept.as_ref().filter(|kept| kept.is_good(refused)) {
            return token.grant(secrets);
        }
        let ask = Ask::Client { scopes: &self.scopes, audience: self.audience.as_deref() };
        let tokens = oauth2::ask(outside, "auth", &self.client, &ask).await?;
        let value = SecretText::from(format!("Bearer {}", tokens.access_token.reveal()));
        let until = tokens.lives_seconds.map(|seconds| Instant::now() + good_for(seconds));
        kept.insert(Kept { value, until }).grant(secrets)
    }
}

/// How long a token of this life is used.
fn good_for(lives_seconds: u64) -> Duration {
    // Nobody asks for a year in advance.
    let life = Duration::from_secs(lives_seconds.min(31_536_000));
    life.saturating_sub(EARLY.min(life / 10))
}

/// A token that was got.
struct Kept {
    value: SecretText,
    until: Option<Instant>,
}

impl Kept {
    fn is_good(&self, refused: Option<&Grant>) -> bool {
        self.until.is_none_or(|until| Instant::now() < until)
            && refused.is_none_or(|grant| *grant.value() != self.value)
    }

    fn grant(&self, secrets: &CallSecrets) -> Result<Grant, ErrorValue> {
        secrets.redactor().learn(self.value.reveal());
        self.value.reveal().split(' ').next_back().iter().for_each(|token| secrets.redactor().learn(token));
        // Where it goes, the workflow says itself, as with every other kind of `auth`.
        Grant::header("auth", AllowedHosts::any(), "Authorization", &self.value).map(Grant::renewable)
    }
}

type Place = Arc<tokio::sync::Mutex<Option<Kept>>>;

/// Tokens that parameters asked for themselves, the newest last.
#[derive(Default)]
pub(crate) struct TokensKept(Mutex<VecDeque<(Wanted, Place)>>);

impl std::fmt::Debug for TokensKept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TokensKept")
    }
}

impl TokensKept {
    fn place(&self, wanted: &Wanted) -> Place {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, place)) = kept.iter().find(|(known, _)| known == wanted) {
            return Arc::clone(place);
        }
        if kept.len() >= MAX_KEPT {
            kept.pop_front();
        }
        let place = Place::default();
        kept.push_back((wanted.clone(), Arc::clone(&place)));
        place
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_given_up_shortly_before_they_are_over() {
        for (lives, used) in [(3600, 3540), (100, 90), (10, 9), (0, 0), (u64::MAX, 31_536_000 - 60)] {
            assert_eq!(good_for(lives).as_secs(), used, "{lives}");
        }
    }
}
