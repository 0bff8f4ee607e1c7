//! Credentials in the hands of actions: what is put into a request at the last moment, and where it may be sent.

pub mod oauth2;

use std::sync::Arc;

use async_trait::async_trait;
use prana_core::ErrorValue;
use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use crate::outside::Outside;
use crate::secrets::{AllowedHosts, SecretText};

/// What a credential gives to one request: a header, or a part of the query. It lives as long as the attempt.
///
/// ```
/// use prana_actions::{AllowedHosts, Grant, SecretText};
/// use reqwest::header::HeaderMap;
///
/// let grant = Grant::header("shop", ["shop.example"].try_into().unwrap(), "Authorization", &SecretText::from("Bearer t".to_owned())).unwrap();
/// let mut headers = HeaderMap::new();
/// grant.put_into(&mut "https://shop.example/orders".parse().unwrap(), &mut headers).unwrap();
/// assert_eq!(headers["authorization"], "Bearer t");
/// let refused = grant.put_into(&mut "https://evil.example".parse().unwrap(), &mut HeaderMap::new()).unwrap_err();
/// assert_eq!(&*refused.code, "credential.host_not_allowed");
/// ```
#[derive(Clone)]
pub struct Grant {
    name: String,
    allowed_hosts: AllowedHosts,
    place: Place,
    value: SecretText,
    renewable: bool,
}

#[derive(Clone)]
enum Place {
    Header(HeaderName),
    Query(String),
}

/// Says nothing of what it gives.
impl std::fmt::Debug for Grant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Grant").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Grant {
    /// A header.
    ///
    /// # Errors
    /// `credential.invalid`: a name or value that no header can have.
    pub fn header(
        name: &str,
        allowed_hosts: AllowedHosts,
        header: &str,
        value: &SecretText,
    ) -> Result<Self, ErrorValue> {
        let invalid = |what: &str| {
            let message = format!("the credential `{name}`: its {what} can't stand in a header");
            ErrorValue::new("credential.invalid", message).not_retryable()
        };
        let header: HeaderName = header.parse().map_err(|_| invalid("name"))?;
        HeaderValue::from_bytes(value.reveal().as_bytes()).map_err(|_| invalid("value"))?;
        Ok(Grant::at(Place::Header(header), name, allowed_hosts, value.clone()))
    }

    /// A part of the query.
    pub fn query(name: &str, allowed_hosts: AllowedHosts, parameter: &str, value: SecretText) -> Self {
        Grant::at(Place::Query(parameter.to_owned()), name, allowed_hosts, value)
    }

    fn at(place: Place, name: &str, allowed_hosts: AllowedHosts, value: SecretText) -> Self {
        Grant { name: name.to_owned(), allowed_hosts, place, value, renewable: false }
    }

    /// The same, of which there can be another if a service does not take it.
    #[must_use]
    pub fn renewable(self) -> Self {
        Grant { renewable: true, ..self }
    }

    /// True if there can be another if a service does not take this one.
    pub fn is_renewable(&self) -> bool {
        self.renewable
    }

    /// The credential's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What is given: the whole value of the header or of the query's part.
    pub fn value(&self) -> &SecretText {
        &self.value
    }

    /// May it be sent to the host of this URL?
    ///
    /// # Errors
    /// `credential.host_not_allowed`.
    pub fn check_url(&self, url: &Url) -> Result<(), ErrorValue> {
        if self.allowed_hosts.allow(url) {
            return Ok(());
        }
        let message = format!(
            "the credential `{}` may not be sent to {}; its allowed hosts: {}",
            self.name,
            url.host_str().unwrap_or_default(),
            self.allowed_hosts.entries().join(", ")
        );
        Err(ErrorValue::new("credential.host_not_allowed", message).not_retryable())
    }

    /// Puts it into a request, if it may be sent there.
    ///
    /// # Errors
    /// As [`Grant::check_url`].
    pub fn put_into(&self, url: &mut Url, headers: &mut HeaderMap) -> Result<(), ErrorValue> {
        self.check_url(url)?;
        match &self.place {
            Place::Query(parameter) => {
                url.query_pairs_mut().append_pair(parameter, self.value.reveal());
            }
            Place::Header(header) => {
                // It was checked when this was made.
                if let Ok(mut value) = HeaderValue::from_bytes(self.value.reveal().as_bytes()) {
                    value.set_sensitive(true);
                    headers.insert(header, value);
                }
            }
        }
        Ok(())
    }
}

/// Where credentials come from: the engine's store of them.
#[async_trait]
pub trait CredentialSource: Send + Sync {
    /// What the credential of this name gives now. With `refused`, what it gave before and a service did not take: then another one. What must be fetched for
    /// it (a token) comes over the way outside.
    ///
    /// # Errors
    /// `credential.not_found` and the like: there is none, or nothing can be had for it.
    async fn grant(
        &self,
        name: &str,
        outside: &Arc<Outside>,
        refused: Option<&Grant>,
    ) -> Result<Grant, ErrorValue>;
}
