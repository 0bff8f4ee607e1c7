//! The secrets of one call.

use std::borrow::Cow;
use std::sync::Arc;

use prana_core::ErrorValue;
use prana_template::Str;
use reqwest::Url;

use super::{AllowedHosts, Redactor};
use crate::credentials::{CredentialSource, Grant};
use crate::outside::Outside;

/// A secret that stands in the parameters of a call.
#[derive(Debug, Clone)]
pub struct UsedSecret {
    /// Its name.
    pub name: String,
    /// Where it may be sent.
    pub allowed_hosts: AllowedHosts,
}

/// What an action must know of the secrets in its parameters: where they may be sent, and how to keep them out of what it tells.
///
/// The engine takes secrets out of every result by itself. An action that cuts a text short does it before: of half a secret nobody can tell that it is one.
#[derive(Default)]
pub struct CallSecrets {
    used: Vec<UsedSecret>,
    redactor: Redactor,
    lent: Option<Lent>,
}

/// The credentials that a workflow names.
struct Lent {
    names: Vec<Str>,
    source: Arc<dyn CredentialSource>,
}

impl std::fmt::Debug for CallSecrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CallSecrets").field("used", &self.used).finish_non_exhaustive()
    }
}

impl CallSecrets {
    /// These secrets, and what finds them.
    pub fn new(used: Vec<UsedSecret>, redactor: Redactor) -> Self {
        CallSecrets { used, redactor, lent: None }
    }

    /// The same with credentials: those of these names, and no others, whatever the parameters say.
    #[must_use]
    pub fn with_credentials(self, names: Vec<Str>, source: Arc<dyn CredentialSource>) -> Self {
        CallSecrets { lent: Some(Lent { names, source }), ..self }
    }

    /// True if there is something that must not be told.
    pub fn are_any(&self) -> bool {
        self.lent.is_some() || !self.redactor.is_empty()
    }

    /// What a credential gives, to be put into a request right before it is sent. With `refused`, another one than that. Nothing of it gets into the result.
    ///
    /// # Errors
    /// `credential.not_named` for one that the workflow doesn't name; those of the [`CredentialSource`].
    pub async fn grant(
        &self,
        name: &str,
        outside: &Arc<Outside>,
        refused: Option<&Grant>,
    ) -> Result<Grant, ErrorValue> {
        let Some(lent) = self.lent.as_ref().filter(|lent| lent.names.iter().any(|known| **known == *name))
        else {
            let message = format!(
                "the credential `{name}` is not named by the workflow itself: write its name as it is, not as a template"
            );
            return Err(ErrorValue::new("credential.not_named", message).not_retryable());
        };
        let grant = lent.source.grant(name, outside, refused).await?;
        let value = grant.value().reveal();
        self.redactor.learn(value);
        value.rsplit(' ').next().iter().for_each(|last| self.redactor.learn(last));
        Ok(grant)
    }

    /// True if some secret may not be sent to every host.
    pub fn are_bound(&self) -> bool {
        self.used.iter().any(|secret| !secret.allowed_hosts.are_any())
    }

    /// May these parameters be sent to the host of this URL?
    ///
    /// # Errors
    /// `secret.host_not_allowed`, with the secret that may not.
    pub fn check_url(&self, url: &Url) -> Result<(), ErrorValue> {
        self.check(url.host_str().unwrap_or_default(), |hosts| hosts.allow(url))
    }

    /// May these parameters be sent to this host?
    ///
    /// # Errors
    /// As [`CallSecrets::check_url`].
    pub fn check_host(&self, host: &str, port: Option<u16>) -> Result<(), ErrorValue> {
        self.check(host, |hosts| hosts.allow_host(host, port))
    }

    /// The error of an action that doesn't say which hosts it sends to, if some secret may not go everywhere.
    pub(crate) fn check_anywhere(&self, action: &str) -> Result<(), ErrorValue> {
        let Some(secret) = self.used.iter().find(|secret| !secret.allowed_hosts.are_any()) else {
            return Ok(());
        };
        let message = format!(
            "the secret `{}` may be sent to its allowed hosts alone, and `{action}` doesn't say where it sends what it is given; use a secret that any host may have",
            secret.name
        );
        Err(ErrorValue::new("secret.host_not_allowed", message).not_retryable())
    }

    fn check(&self, host: &str, allow: impl Fn(&AllowedHosts) -> bool) -> Result<(), ErrorValue> {
        let Some(secret) = self.used.iter().find(|secret| !allow(&secret.allowed_hosts)) else {
            return Ok(());
        };
        let message = format!(
            "the secret `{}` may not be sent to {host}; its allowed hosts: {}",
            secret.name,
            secret.allowed_hosts.entries().join(", ")
        );
        Err(ErrorValue::new("secret.host_not_allowed", message).not_retryable())
    }

    /// A text without secrets: for what is about to be cut short.
    pub fn redacted<'t>(&self, text: &'t str) -> Cow<'t, str> {
        self.redactor.text(text)
    }

    /// What was derived from the parameters (a signature, a header) is a secret too, if there are any in them.
    pub fn learn(&self, derived: &str) {
        if !self.used.is_empty() {
            self.redactor.learn(derived);
        }
    }

    /// What finds the secrets.
    pub fn redactor(&self) -> &Redactor {
        &self.redactor
    }
}
