//! Credentials: what says who asks, by name, locked in the catalog like secrets. Actions get what a credential gives at the last moment, tokens included.

mod authorize;
mod definition;
mod tokens;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use prana_actions::http_request::HttpRequest;
use prana_actions::{
    Action, ActionCall, AllowedHosts, CallSecrets, CredentialSource, Grant, Outside, Redactor, SecretText,
};
use prana_core::executor::EffectOutput;
use prana_core::{ErrorValue, Timestamp};
use prana_store::{Catalog, StoreError};
use prana_template::{Str, Value};
use serde::{Deserialize, Serialize};

pub use self::authorize::{Authorization, Pending};
pub use self::definition::Credential;
use self::tokens::Turn;
use crate::clock::Clock;
use crate::secrets::{self, CREDENTIAL, SecretError, SecretFacts, Secrets, TOKENS};

/// Why a credential can't be had or changed. Never says anything of what is in it.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialError {
    /// There is none of that name.
    #[error("credential.not_found: there is no credential `{0}`; `prana credentials add {0}` makes one")]
    NotFound(String),
    /// The name is none.
    #[error(
        "credential.invalid_name: the name of a credential is 1 to 64 letters, digits, _ and -, and begins with a letter or _"
    )]
    InvalidName,
    /// It can't be a credential.
    #[error("credential.invalid: {0}")]
    Invalid(String),
    /// Nobody can authorize it.
    #[error(
        "credential.not_authorizable: `{0}` is not of the type oauth2_authorization_code: there is nothing to authorize"
    )]
    NotAuthorizable(String),
    /// There is no such authorization under way.
    #[error(
        "credential.unknown_state: this authorization was not asked for here, was finished before, or took longer than 10 minutes; ask for it again"
    )]
    UnknownState,
    /// It has been changed since.
    #[error(
        "credential.changed: `{0}` was changed or deleted while it was being authorized; ask for it again"
    )]
    Changed(String),
    /// It can't be locked or unlocked, or the store refused.
    #[error(transparent)]
    Kept(#[from] SecretError),
}

impl CredentialError {
    /// The stable code.
    pub fn code(&self) -> String {
        match self {
            CredentialError::Kept(error) => error.code(),
            other => other.to_string().split(':').next().unwrap_or_default().to_owned(),
        }
    }
}

impl From<StoreError> for CredentialError {
    fn from(error: StoreError) -> Self {
        CredentialError::Kept(error.into())
    }
}

impl From<CredentialError> for ErrorValue {
    fn from(error: CredentialError) -> Self {
        match error {
            CredentialError::Kept(error) => error.into(),
            other => {
                let (text, code) = (other.to_string(), other.code());
                let message = text.strip_prefix(&format!("{code}: ")).unwrap_or(&text);
                ErrorValue::new(code.as_str(), message).not_retryable()
            }
        }
    }
}

/// A credential as it is stored, locked.
#[derive(Clone, Serialize, Deserialize)]
struct Definition {
    /// Of this very content: tokens of another are not its own.
    id: String,
    credential: Credential,
    #[serde(default)]
    test_url: Option<String>,
}

/// A stored credential, unlocked.
#[derive(Clone)]
struct Known {
    definition: Definition,
    facts: SecretFacts,
}

/// What may be told of a credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialFacts {
    /// Its name.
    pub name: String,
    /// One more with each change.
    pub version: u64,
    /// The hosts that may have what it gives.
    pub allowed_hosts: AllowedHosts,
    /// When it was set, or locked anew.
    pub updated_at: Timestamp,
    /// What is known once it is unlocked; none if it can't be.
    pub inside: Option<CredentialInside>,
}

/// What may be told of what is in a credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialInside {
    /// The word for its kind: `basic`, `oauth2_client_credentials`...
    pub kind: &'static str,
    /// What a test of it asks for.
    pub test_url: Option<String>,
    /// What tokens are for.
    pub scopes: Vec<String>,
    /// Whether it has all that it needs: somebody authorized it, if that must be.
    pub is_ready: bool,
    /// When its token is over, if it has one that says so.
    pub token_expires_at: Option<Timestamp>,
}

/// How a test of a credential went.
#[derive(Debug, Clone, PartialEq)]
pub struct Tested {
    /// The service took it; or a token was had, if nothing was asked for.
    pub is_good: bool,
    /// What the service answered with.
    pub status: Option<u16>,
    /// What went wrong.
    pub error: Option<ErrorValue>,
}

/// The credentials of an engine. A clone is another handle to the same.
#[derive(Clone)]
pub struct Credentials {
    inner: Arc<Inner>,
}

struct Inner {
    secrets: Arc<Secrets>,
    catalog: Arc<dyn Catalog>,
    clock: Arc<dyn Clock>,
    /// Who gets new tokens, by credential: one at a time.
    turns: Mutex<HashMap<String, Arc<Turn>>>,
}

impl Credentials {
    pub(crate) fn new(secrets: Arc<Secrets>, catalog: Arc<dyn Catalog>, clock: Arc<dyn Clock>) -> Self {
        Credentials { inner: Arc::new(Inner { secrets, catalog, clock, turns: Mutex::default() }) }
    }

    /// Sets a credential, and returns what may be told of it. With `based_on` only if that is the stored version (0: none). Tokens of another content are given up.
    ///
    /// # Errors
    /// A name, content or version that won't do, no master key, or what the store says.
    pub async fn put(
        &self,
        name: &str,
        credential: Credential,
        allowed_hosts: AllowedHosts,
        test_url: Option<String>,
        based_on: Option<u64>,
    ) -> Result<CredentialFacts, CredentialError> {
        secrets::check_name(name).map_err(|_| CredentialError::InvalidName)?;
        credential.check().map_err(CredentialError::Invalid)?;
        let before = self.known(name).await.ok().map(|known| known.definition);
        let same = before.filter(|before| before.credential == credential).map(|before| before.id);
        let (id, is_new) = match same {
            Some(id) => (id, false),
            None => (authorize::random_text()?, true),
        };
        let definition = Definition { id, credential, test_url };
        let text = sealed(&definition)?;
        secrets::check_text(&text)
            .map_err(|_| CredentialError::Invalid("it is longer than 64 KiB".to_owned()))?;
        let facts = self.inner.secrets.store(CREDENTIAL, name, allowed_hosts, &text, based_on).await?;
        if is_new {
            self.inner.catalog.delete_item(TOKENS, name, None).await?;
        }
        self.told(Known { definition, facts }).await
    }

    /// Deletes a credential with its tokens; false if there is none.
    ///
    /// # Errors
    /// The store's.
    pub async fn delete(&self, name: &str) -> Result<bool, CredentialError> {
        let was_there = self.inner.catalog.delete_item(CREDENTIAL, name, None).await?;
        self.inner.catalog.delete_item(TOKENS, name, None).await?;
        Ok(was_there)
    }

    /// What may be told of one credential.
    ///
    /// # Errors
    /// The store's, or what is stored is damaged.
    pub async fn facts(&self, name: &str) -> Result<Option<CredentialFacts>, CredentialError> {
        match self.inner.secrets.facts_of(CREDENTIAL, name).await? {
            Some(facts) => self.facts_with(facts).await.map(Some),
            None => Ok(None),
        }
    }

    /// What may be told of up to `limit` credentials whose name is greater than `after`, by name.
    ///
    /// # Errors
    /// As [`Credentials::facts`].
    pub async fn list(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<CredentialFacts>, CredentialError> {
        let mut all = Vec::new();
        for facts in self.inner.secrets.list_of(CREDENTIAL, after, limit).await? {
            all.push(self.facts_with(facts).await?);
        }
        Ok(all)
    }

    async fn facts_with(&self, facts: SecretFacts) -> Result<CredentialFacts, CredentialError> {
        match self.known(&facts.name).await {
            Ok(known) => self.told(known).await,
            Err(CredentialError::Kept(error @ SecretError::Store(_))) => Err(error.into()),
            // It is there, and can't be unlocked.
            Err(_) => Ok(told(facts, None)),
        }
    }

    async fn told(&self, known: Known) -> Result<CredentialFacts, CredentialError> {
        let definition = &known.definition;
        let (tokens, _) = self.tokens(&known).await.unwrap_or_default();
        let (scopes, is_ready) = match &definition.credential {
            Credential::Oauth2ClientCredentials { scopes, .. } => (scopes.clone(), true),
            Credential::Oauth2AuthorizationCode { scopes, .. } => (scopes.clone(), tokens.are_any()),
            _ => (Vec::new(), true),
        };
        let inside = CredentialInside {
            kind: definition.credential.kind(),
            test_url: definition.test_url.clone(),
            scopes,
            is_ready,
            token_expires_at: tokens.expires_at(),
        };
        Ok(told(known.facts, Some(inside)))
    }

    async fn known(&self, name: &str) -> Result<Known, CredentialError> {
        let found = self.inner.secrets.open(CREDENTIAL, name).await?;
        let (text, facts) = found.ok_or_else(|| CredentialError::NotFound(name.to_owned()))?;
        let definition = serde_json::from_str(text.reveal())
            .map_err(|_| SecretError::Damaged { name: name.to_owned() })?;
        Ok(Known { definition, facts })
    }

    /// Lends credentials to an attempt: whatever is in them is kept out of its result.
    pub(crate) async fn lend(&self, secrets: CallSecrets, names: &[Str]) -> Result<CallSecrets, ErrorValue> {
        if names.is_empty() {
            return Ok(secrets);
        }
        for name in names {
            // Not to know it would be not to keep it out of the result. For other reasons whoever needs it is told; nobody else can have it in their result.
            if let Err(CredentialError::Kept(error @ SecretError::Store(_))) =
                self.learn(name, secrets.redactor()).await
            {
                return Err(error.into());
            }
        }
        Ok(secrets.with_credentials(names.to_vec(), Arc::new(self.clone())))
    }

    async fn learn(&self, name: &str, redactor: &Redactor) -> Result<(), CredentialError> {
        let known = self.known(name).await?;
        known.definition.credential.values().iter().for_each(|value| redactor.learn(value));
        let (tokens, _) = self.tokens(&known).await?;
        tokens.values().for_each(|value| redactor.learn(value));
        Ok(())
    }

    /// Tries a credential: asks for a URL with it (the one said, or its own), or gets a token if there is none.
    ///
    /// # Errors
    /// There is none, or nothing that could be tried.
    pub async fn test(
        &self,
        name: &str,
        url: Option<String>,
        outside: &Arc<Outside>,
    ) -> Result<Tested, CredentialError> {
        let known = self.known(name).await?;
        let url = url.or_else(|| known.definition.test_url.clone());
        let Some(url) = url else { return self.test_token(&known, outside).await };
        let names = [Str::from(name)];
        let secrets = self.lend(CallSecrets::default(), &names).await;
        let secrets = match secrets {
            Ok(secrets) => Arc::new(secrets),
            Err(error) => return Ok(Tested { is_good: false, status: None, error: Some(error) }),
        };
        let params = prana_template::value!({
            "url": url, "auth": {"credential": name}, "response": "text", "timeout_ms": 15_000
        });
        let call = ActionCall {
            secrets: Arc::clone(&secrets),
            ..ActionCall::detached("http.request", params, Arc::clone(outside))
        };
        let result = secrets.redactor().result(HttpRequest.run(call).await);
        let status = |value: &Value| {
            value.get("status").and_then(Value::as_i64).and_then(|status| u16::try_from(status).ok())
        };
        Ok(match result {
            Ok(EffectOutput::Complete(done)) => {
                Tested { is_good: true, status: status(&done.output), error: None }
            }
            Ok(EffectOutput::Suspend(_)) => Tested { is_good: true, status: None, error: None },
            Err(error) => {
                let status = status(&error.details);
                // What the service says beside its status is for nodes that ask it.
                let error = error.with_details(Value::Null);
                Tested { is_good: false, status, error: Some(error) }
            }
        })
    }

    async fn test_token(&self, known: &Known, outside: &Arc<Outside>) -> Result<Tested, CredentialError> {
        if known.definition.credential.client().is_none() {
            let what = "there is nothing to try: say which address to ask for, in `url` or as its `test_url`";
            return Err(CredentialError::Invalid(what.to_owned()));
        }
        let error = self.token(known, outside, None).await.err();
        Ok(Tested { is_good: error.is_none(), status: None, error })
    }
}

#[async_trait]
impl CredentialSource for Credentials {
    async fn grant(
        &self,
        name: &str,
        outside: &Arc<Outside>,
        refused: Option<&Grant>,
    ) -> Result<Grant, ErrorValue> {
        let known = self.known(name).await?;
        let hosts = &known.facts.allowed_hosts;
        if let Some(grant) = known.definition.credential.grant(name, hosts)? {
            return Ok(grant);
        }
        let token = self.token(&known, outside, refused.map(Grant::value)).await?;
        Grant::header(name, hosts.clone(), "Authorization", &token).map(Grant::renewable)
    }
}

fn told(facts: SecretFacts, inside: Option<CredentialInside>) -> CredentialFacts {
    let SecretFacts { name, version, allowed_hosts, updated_at, .. } = facts;
    CredentialFacts { name, version, allowed_hosts, updated_at, inside }
}

/// The text that is locked.
fn sealed(content: &impl Serialize) -> Result<SecretText, CredentialError> {
    let text = serde_json::to_string(content)
        .map_err(|_| CredentialError::Invalid("it can't be written".to_owned()))?;
    Ok(SecretText::from(text))
}
