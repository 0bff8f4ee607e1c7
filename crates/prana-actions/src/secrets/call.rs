//! The secrets of one call.

use std::borrow::Cow;

use prana_core::ErrorValue;
use reqwest::Url;

use super::{AllowedHosts, Redactor};

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
#[derive(Debug, Default)]
pub struct CallSecrets {
    used: Vec<UsedSecret>,
    redactor: Redactor,
}

impl CallSecrets {
    /// These secrets, and what finds them.
    pub fn new(used: Vec<UsedSecret>, redactor: Redactor) -> Self {
        CallSecrets { used, redactor }
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
