//! Authorization by a person (RFC 6749, 4.1, with PKCE): from the address that they open to the tokens.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::Generate;
use prana_actions::oauth2::{self, Ask};
use prana_actions::{AllowedHosts, Outside, SecretText};
use prana_core::{ErrorValue, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::definition::text;
use super::tokens::client;
use super::{Credential, CredentialError, Credentials, sealed};
use crate::secrets::{STATE, SecretError};

/// A person has so long to agree, in milliseconds.
const LIFE_MS: u64 = 10 * 60 * 1_000;

/// An authorization that was asked for.
#[derive(Clone, PartialEq, Eq)]
pub struct Authorization {
    /// The address that the person opens.
    pub url: String,
    /// Until when they may agree.
    pub expires_at: Timestamp,
}

/// An authorization under way, as it was asked for.
#[derive(Clone, Serialize, Deserialize)]
pub struct Pending {
    /// The credential.
    pub credential: String,
    /// Who asked, in the words of who keeps it.
    pub asker: serde_json::Value,
    of: String,
    #[serde(with = "text")]
    verifier: SecretText,
    redirect_uri: String,
    expires_at: Timestamp,
}

impl Credentials {
    /// Asks for the authorization of a credential: a person opens the address, agrees, and is sent to `redirect_uri` with a state and a code.
    ///
    /// # Errors
    /// A credential that isn't there or needs no authorization; the store's.
    pub async fn authorize(
        &self,
        name: &str,
        redirect_uri: &str,
        asker: serde_json::Value,
    ) -> Result<Authorization, CredentialError> {
        let known = self.known(name).await?;
        let Credential::Oauth2AuthorizationCode { authorize_url, client_id, scopes, .. } =
            &known.definition.credential
        else {
            return Err(CredentialError::NotAuthorizable(name.to_owned()));
        };
        let mut url =
            oauth2::endpoint(authorize_url).map_err(|why| CredentialError::Invalid(why.to_owned()))?;
        let (state, verifier) = (random_text()?, random_text()?);
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()));
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", client_id)
            .append_pair("redirect_uri", redirect_uri)
            .append_pair("state", &state)
            .append_pair("code_challenge", &challenge)
            .append_pair("code_challenge_method", "S256");
        if !scopes.is_empty() {
            url.query_pairs_mut().append_pair("scope", &scopes.join(" "));
        }
        let expires_at = self.inner.clock.now().plus_millis(LIFE_MS);
        let pending = Pending {
            credential: name.to_owned(),
            asker,
            of: known.definition.id.clone(),
            verifier: SecretText::from(verifier),
            redirect_uri: redirect_uri.to_owned(),
            expires_at,
        };
        let text = sealed(&pending)?;
        self.inner.secrets.store(STATE, &key_of(&state), AllowedHosts::any(), &text, Some(0)).await?;
        Ok(Authorization { url: url.into(), expires_at })
    }

    /// Takes the authorization that a state stands for. Nobody gets it twice.
    ///
    /// # Errors
    /// [`CredentialError::UnknownState`]; the store's.
    pub async fn take_state(&self, state: &str) -> Result<Pending, CredentialError> {
        let key = key_of(state);
        let Some((text, facts)) = self.inner.secrets.open(STATE, &key).await? else {
            return Err(CredentialError::UnknownState);
        };
        // Of two at the same time, one deletes it.
        let is_first = self.inner.catalog.delete_item(STATE, &key, Some(facts.version)).await;
        let pending: Pending =
            serde_json::from_str(text.reveal()).map_err(|_| SecretError::Damaged { name: key })?;
        match matches!(is_first, Ok(true)) && self.inner.clock.now() < pending.expires_at {
            true => Ok(pending),
            false => Err(CredentialError::UnknownState),
        }
    }

    /// Turns the code that the person was sent back with into tokens.
    ///
    /// # Errors
    /// `credential.changed`, and what the token endpoint says.
    pub async fn finish(
        &self,
        pending: &Pending,
        code: SecretText,
        outside: &Arc<Outside>,
    ) -> Result<(), ErrorValue> {
        let changed = || CredentialError::Changed(pending.credential.clone());
        let known = match self.known(&pending.credential).await {
            Err(CredentialError::NotFound(_)) => return Err(changed().into()),
            known => known?,
        };
        if known.definition.id != pending.of {
            return Err(changed().into());
        }
        let ask = Ask::Code { code: &code, redirect_uri: &pending.redirect_uri, verifier: &pending.verifier };
        let who = format!("the credential `{}`", pending.credential);
        let tokens = oauth2::ask(outside, &who, &client(&known)?, &ask).await?;
        Ok(self.keep_first(&known, tokens).await?)
    }

    /// Removes authorizations that nobody agreed to in time.
    ///
    /// # Errors
    /// The store's.
    pub async fn forget_old_states(&self) -> Result<(), CredentialError> {
        let oldest = self.inner.clock.now().as_millis().saturating_sub_unsigned(LIFE_MS);
        let mut after: Option<String> = None;
        loop {
            let page = self.inner.secrets.list_of(STATE, after.as_deref(), 100).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some(last.name.clone());
            for state in page.iter().filter(|state| state.updated_at.as_millis() < oldest) {
                self.inner.catalog.delete_item(STATE, &state.name, None).await?;
            }
        }
    }
}

/// The state itself is stored nowhere.
fn key_of(state: &str) -> String {
    Sha256::digest(state.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// 256 bits that nobody can guess.
pub(super) fn random_text() -> Result<String, CredentialError> {
    let bytes = <[u8; 32]>::try_generate()
        .map_err(|error| SecretError::Keys(format!("the system gives no random numbers: {error}")))?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}
