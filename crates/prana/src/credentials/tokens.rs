//! Tokens of OAuth 2: kept locked, used until shortly before they are over, and got anew by one at a time.
//!
//! Within a process whoever needs a new token waits for the one who gets it. Between processes the one who gets it says so in the stored tokens before it asks:
//! of two who want to say so, the version lets one through. The others wait for the version to change. Only if it doesn't for a while, by their own watch, do
//! they take the other for dead.

use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use prana_actions::oauth2::{self, Ask, Tokens};
use prana_actions::{AllowedHosts, Outside, SecretText};
use prana_core::{ErrorValue, Timestamp};
use prana_store::StoreError;
use serde::{Deserialize, Serialize};

use super::definition::text_or_none;
use super::{Credential, CredentialError, Credentials, Known, authorize, sealed};
use crate::secrets::{SecretError, TOKENS};

/// A token is taken to be over so long before it is, or a tenth of its life if that is less, in milliseconds.
const EARLY_MS: u64 = 60_000;

/// Who said that it gets a new token, and has not done so after this time, is dead. A token endpoint has 10 seconds to answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// How often it is looked for whether somebody else has got it.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// So often is it tried to keep what was got, with a pause between: a refresh token that is lost is a person who must be asked again.
const TRIES: u32 = 6;
const PAUSE: Duration = Duration::from_millis(250);

/// The tokens of a credential, as they are stored, locked.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(super) struct Kept {
    /// The content of the credential that they were got with.
    of: String,
    #[serde(default, with = "text_or_none")]
    access_token: Option<SecretText>,
    #[serde(default, with = "text_or_none")]
    refresh_token: Option<SecretText>,
    /// When the access token is over.
    #[serde(default)]
    expires_at: Option<Timestamp>,
    /// From when on it is used no more.
    #[serde(default)]
    use_until: Option<Timestamp>,
    /// Somebody is getting new ones.
    #[serde(default)]
    taken_by: Option<String>,
}

impl Kept {
    pub fn are_any(&self) -> bool {
        self.access_token.is_some() || self.refresh_token.is_some()
    }

    pub fn expires_at(&self) -> Option<Timestamp> {
        self.access_token.as_ref().and(self.expires_at)
    }

    pub fn values(&self) -> impl Iterator<Item = &str> {
        [&self.access_token, &self.refresh_token].into_iter().flatten().map(SecretText::reveal)
    }

    /// What stands in the header, if it can be used still.
    fn usable(&self, now: Timestamp, refused: Option<&SecretText>) -> Option<SecretText> {
        let token = self.access_token.as_ref().filter(|_| self.use_until.is_none_or(|until| now < until))?;
        let value = SecretText::from(format!("Bearer {}", token.reveal()));
        (refused != Some(&value)).then_some(value)
    }

    /// What an answer of the token endpoint makes of them.
    fn renewed(&self, tokens: Tokens, now: Timestamp) -> Kept {
        // Nobody asks for a year in advance.
        let lives_ms = tokens.lives_seconds.map(|seconds| seconds.min(31_536_000) * 1_000);
        let after = |ms: u64| now.plus_millis(ms);
        Kept {
            of: self.of.clone(),
            access_token: Some(tokens.access_token),
            refresh_token: tokens.refresh_token.or_else(|| self.refresh_token.clone()),
            expires_at: lives_ms.map(after),
            use_until: lives_ms.map(|ms| after(ms - EARLY_MS.min(ms / 10))),
            taken_by: None,
        }
    }
}

/// Who gets new tokens of one credential, in this process.
#[derive(Default)]
pub(super) struct Turn {
    /// When the last one who had it failed, and why: those who waited meanwhile need not try the same.
    failed: tokio::sync::Mutex<Option<(Instant, ErrorValue)>>,
}

impl Credentials {
    /// The tokens of a credential and the version that they are stored as (0: none).
    pub(super) async fn tokens(&self, known: &Known) -> Result<(Kept, u64), CredentialError> {
        let none = Kept { of: known.definition.id.clone(), ..Kept::default() };
        if known.definition.credential.client().is_none() {
            return Ok((none, 0));
        }
        let name = &known.facts.name;
        let Some((text, facts)) = self.inner.secrets.open(TOKENS, name).await? else { return Ok((none, 0)) };
        let kept: Kept =
            serde_json::from_str(text.reveal()).map_err(|_| SecretError::Damaged { name: name.clone() })?;
        let is_own = kept.of == known.definition.id;
        Ok((if is_own { kept } else { none }, facts.version))
    }

    /// What stands in the Authorization header: of a token that is good still, or of a new one.
    pub(super) async fn token(
        &self,
        known: &Known,
        outside: &Arc<Outside>,
        refused: Option<&SecretText>,
    ) -> Result<SecretText, ErrorValue> {
        let (kept, _) = self.tokens(known).await?;
        if let Some(value) = kept.usable(self.inner.clock.now(), refused) {
            return Ok(value);
        }
        let (this, known, outside) = (self.clone(), known.clone(), Arc::clone(outside));
        let refused = refused.cloned();
        // It goes on to its end whoever stops waiting: a refresh token that was shown may be good for nothing any more.
        let renewing = tokio::spawn(async move { this.in_turn(&known, &outside, refused.as_ref()).await });
        renewing.await.map_err(|error| ErrorValue::new("credential.token_unavailable", error.to_string()))?
    }

    async fn in_turn(
        &self,
        known: &Known,
        outside: &Outside,
        refused: Option<&SecretText>,
    ) -> Result<SecretText, ErrorValue> {
        let turn = {
            let mut turns = self.inner.turns.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(turns.entry(known.facts.name.clone()).or_default())
        };
        let asked = Instant::now();
        let mut failed = turn.failed.lock().await;
        if let Some((_, error)) = failed.as_ref().filter(|(at, _)| *at >= asked) {
            return Err(error.clone());
        }
        let renewed = self.renew(known, outside, refused).await;
        *failed = renewed.as_ref().err().map(|error| (Instant::now(), error.clone()));
        renewed
    }

    async fn renew(
        &self,
        known: &Known,
        outside: &Outside,
        refused: Option<&SecretText>,
    ) -> Result<SecretText, ErrorValue> {
        let mut seen: Option<(u64, Instant)> = None;
        loop {
            let (kept, version) = self.tokens(known).await?;
            if let Some(value) = kept.usable(self.inner.clock.now(), refused) {
                return Ok(value);
            }
            let since = match seen {
                Some((same, since)) if same == version => since,
                _ => seen.insert((version, Instant::now())).1,
            };
            if kept.taken_by.is_some() && since.elapsed() < PATIENCE {
                tokio::time::sleep(LOOK_EVERY).await;
                continue;
            }
            let taken = Kept { taken_by: Some(authorize::random_text()?), ..kept.clone() };
            match self.keep(known, &taken, version).await {
                Ok(version) => return self.fetch(known, outside, kept, version).await,
                Err(CredentialError::Kept(SecretError::Store(StoreError::Outdated { .. }))) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Gets new tokens and keeps them: nobody else does so now.
    async fn fetch(
        &self,
        known: &Known,
        outside: &Outside,
        kept: Kept,
        version: u64,
    ) -> Result<SecretText, ErrorValue> {
        let got = self.ask(known, outside, &kept).await;
        let then = match &got {
            Ok(tokens) => kept.renewed(tokens.clone(), self.inner.clock.now()),
            Err(_) => Kept { taken_by: None, ..kept },
        };
        self.keep_surely(known, &then, version).await;
        got.map(|tokens| SecretText::from(format!("Bearer {}", tokens.access_token.reveal())))
    }

    async fn ask(&self, known: &Known, outside: &Outside, kept: &Kept) -> Result<Tokens, ErrorValue> {
        let name = &known.facts.name;
        let who = format!("the credential `{name}`");
        let client = client(known)?;
        match (&known.definition.credential, &kept.refresh_token) {
            (Credential::Oauth2ClientCredentials { scopes, audience, .. }, _) => {
                let ask = Ask::Client { scopes, audience: audience.as_deref() };
                oauth2::ask(outside, &who, &client, &ask).await
            }
            (_, Some(refresh_token)) => {
                oauth2::ask(outside, &who, &client, &Ask::Refresh { refresh_token }).await
            }
            (_, None) => {
                let what = if kept.are_any() {
                    "its token is over, and there is none to refresh it"
                } else {
                    "nobody has authorized it yet"
                };
                let message = format!("{who}: {what}; `prana credentials authorize {name}` asks for it");
                Err(ErrorValue::new("credential.needs_authorization", message).not_retryable())
            }
        }
    }

    /// Keeps tokens in the place of those of a version, and returns the new version.
    async fn keep(&self, known: &Known, kept: &Kept, version: u64) -> Result<u64, CredentialError> {
        let text = sealed(kept)?;
        let (name, hosts) = (&known.facts.name, AllowedHosts::any());
        let facts = self.inner.secrets.store(TOKENS, name, hosts, &text, Some(version)).await?;
        Ok(facts.version)
    }

    async fn keep_surely(&self, known: &Known, kept: &Kept, version: u64) {
        for _ in 0..TRIES {
            match self.keep(known, kept, version).await {
                // Somebody authorized it anew meanwhile: theirs are newer.
                Ok(_) | Err(CredentialError::Kept(SecretError::Store(StoreError::Outdated { .. }))) => return,
                Err(error) => {
                    tracing::warn!(credential = known.facts.name, %error, "new tokens can't be kept now");
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
        tracing::error!(
            credential = known.facts.name,
            "new tokens could not be kept; it may have to be authorized again"
        );
    }

    /// Keeps what an authorization gave, whatever is there.
    pub(super) async fn keep_first(&self, known: &Known, tokens: Tokens) -> Result<(), CredentialError> {
        let none = Kept { of: known.definition.id.clone(), ..Kept::default() };
        let text = sealed(&none.renewed(tokens, self.inner.clock.now()))?;
        self.inner.secrets.store(TOKENS, &known.facts.name, AllowedHosts::any(), &text, None).await?;
        Ok(())
    }
}

/// Who asks for the tokens of a credential.
pub(super) fn client(known: &Known) -> Result<oauth2::Client, CredentialError> {
    let name = &known.facts.name;
    let client = known.definition.credential.client();
    let client = client.ok_or_else(|| CredentialError::NotAuthorizable(name.clone()))?;
    client.map_err(|why| CredentialError::Invalid(format!("`token_url` of `{name}`: {why}")))
}
