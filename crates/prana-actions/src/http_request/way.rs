//! The way that requests take: TLS and a proxy, where parameters say something of them.

use std::sync::{Mutex, PoisonError};

use prana_core::ErrorValue;
use reqwest::{Certificate, Client, ClientBuilder, Identity, Proxy, Url};
use schemars::JsonSchema;
use serde::de::{self, Deserializer, Visitor};

use super::params::HttpRequestParams;
use crate::action::invalid_params;
use crate::credentials::Grant;
use crate::outside::Outside;
use crate::secrets::CallSecrets;

/// So many ways that are not the usual one are kept, with their open connections.
const MAX_KEPT: usize = 32;

/// How the encrypted connection is made.
#[derive(Clone, Default, PartialEq, Eq, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// Certificates of authorities that are believed beside the usual ones, as PEM.
    #[serde(default)]
    pub ca: Option<String>,
    /// The certificate that says who asks, and those between it and its authority, as PEM.
    #[serde(default)]
    pub client_cert: Option<String>,
    /// Its private key, as PEM. It may stand in `client_cert` too.
    #[serde(default)]
    pub client_key: Option<String>,
    /// No older version of TLS: "1.2" (the default) or "1.3".
    #[serde(default)]
    #[schemars(with = "String")]
    pub min_version: TlsVersion,
    /// True to believe any certificate: whoever is between may read and change everything. Refused unless the operator allows it.
    #[serde(default)]
    pub insecure: bool,
}

/// Says nothing of keys.
impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("min_version", &self.min_version).finish_non_exhaustive()
    }
}

/// A version of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TlsVersion {
    /// 1.2.
    #[default]
    V1_2,
    /// 1.3.
    V1_3,
}

impl<'de> de::Deserialize<'de> for TlsVersion {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Version;
        impl Visitor<'_> for Version {
            type Value = TlsVersion;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("\"1.2\" or \"1.3\"")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<TlsVersion, E> {
                match text {
                    "1.2" => Ok(TlsVersion::V1_2),
                    "1.3" => Ok(TlsVersion::V1_3),
                    other => Err(E::invalid_value(de::Unexpected::Str(other), &self)),
                }
            }
            fn visit_f64<E: de::Error>(self, number: f64) -> Result<TlsVersion, E> {
                self.visit_str(&number.to_string())
            }
        }
        deserializer.deserialize_any(Version)
    }
}

/// A client for requests, and the proxy that it sends them by.
#[derive(Debug, Clone)]
pub(super) struct Way {
    pub client: Client,
    proxy: Option<Url>,
}

/// What makes a way another one.
#[derive(PartialEq, Eq)]
struct Wanted {
    tls: Tls,
    proxy: Option<String>,
}

/// The ways that are not the usual one, the newest last: making one anew costs time, and loses the open connections.
#[derive(Default)]
pub(crate) struct Ways(Mutex<Vec<(Wanted, Client)>>);

impl std::fmt::Debug for Ways {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ways")
    }
}

impl Way {
    /// That of requests that say nothing of it.
    pub fn usual(outside: &Outside) -> Self {
        Way { client: outside.client.clone(), proxy: None }
    }

    /// What the parameters ask for.
    ///
    /// # Errors
    /// `workflow.invalid_params`, `http.insecure_not_allowed`, `http.forbidden_address`.
    pub fn of(outside: &Outside, params: &HttpRequestParams) -> Result<Self, ErrorValue> {
        if params.tls.is_none() && params.proxy.is_none() {
            return Ok(Way::usual(outside));
        }
        let tls = params.tls.clone().unwrap_or_default();
        if tls.insecure && !outside.insecure_tls {
            let message = "tls.insecure: any certificate would be believed, and the operator doesn't allow that; give the service's own authority as `tls.ca`";
            return Err(ErrorValue::new("http.insecure_not_allowed", message).not_retryable());
        }
        let proxy = params.proxy.as_deref().map(|text| proxy(outside, text)).transpose()?;
        let wanted = Wanted { tls, proxy: params.proxy.clone() };
        let mut kept = outside.ways.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, client)) = kept.iter().find(|(known, _)| *known == wanted) {
            return Ok(Way { client: client.clone(), proxy });
        }
        let client = client(outside, &wanted.tls, proxy.as_ref())?;
        if kept.len() >= MAX_KEPT {
            kept.remove(0);
        }
        kept.push((wanted, client.clone()));
        Ok(Way { client, proxy })
    }

    /// May the proxy see what it will see? A request that isn't encrypted shows it everything.
    ///
    /// # Errors
    /// `secret.host_not_allowed`, `credential.host_not_allowed`.
    pub fn check(&self, secrets: &CallSecrets, grant: Option<&Grant>, url: &Url) -> Result<(), ErrorValue> {
        let Some(proxy) = &self.proxy else { return Ok(()) };
        secrets.check_url(proxy)?;
        match grant.filter(|_| url.scheme() == "http") {
            Some(grant) => grant.check_url(proxy),
            None => Ok(()),
        }
    }
}

fn proxy(outside: &Outside, text: &str) -> Result<Url, ErrorValue> {
    // The address is not repeated: it may hold a password.
    let url =
        Url::parse(text.trim()).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    let url = url.ok_or_else(|| invalid_params("proxy: write it as http://proxy.example:3128"))?;
    outside.guard.check_url(&url).map_err(|forbidden| {
        ErrorValue::new("http.forbidden_address", format!("proxy: {forbidden}")).not_retryable()
    })?;
    Ok(url)
}

fn client(outside: &Outside, tls: &Tls, proxy: Option<&Url>) -> Result<Client, ErrorValue> {
    let mut builder = encrypted(Outside::client_builder(outside.guard), tls)?;
    if let Some(proxy) = proxy {
        let proxy = Proxy::all(proxy.clone()).map_err(|_| invalid_params("proxy: it can't be used"))?;
        builder = builder.proxy(proxy);
    }
    builder.build().map_err(|error| {
        let why = std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
        invalid_params(format!("tls: a connection can't be made this way: {why}"))
    })
}

fn encrypted(mut builder: ClientBuilder, tls: &Tls) -> Result<ClientBuilder, ErrorValue> {
    if let Some(ca) = &tls.ca {
        let wrong = || invalid_params("tls.ca: it holds no certificates in PEM form");
        let all = Certificate::from_pem_bundle(ca.as_bytes()).map_err(|_| wrong())?;
        if all.is_empty() {
            return Err(wrong());
        }
        builder = builder.tls_certs_merge(all);
    }
    if tls.client_cert.is_some() || tls.client_key.is_some() {
        let both = [tls.client_key.as_deref(), tls.client_cert.as_deref()];
        let pem = both.into_iter().flatten().collect::<Vec<_>>().join("\n");
        let wrong = |_| invalid_params("tls.client_cert, tls.client_key: both are needed, in PEM form");
        builder = builder.identity(Identity::from_pem(pem.as_bytes()).map_err(wrong)?);
    }
    let version = match tls.min_version {
        TlsVersion::V1_2 => reqwest::tls::Version::TLS_1_2,
        TlsVersion::V1_3 => reqwest::tls::Version::TLS_1_3,
    };
    Ok(builder.tls_version_min(version).tls_danger_accept_invalid_certs(tls.insecure))
}

#[cfg(test)]
mod tests {
    use prana_template::{Value, from_value, value};

    use super::*;
    use crate::outside::Permissions;

    fn way(permissions: Permissions, more: Value) -> Result<Way, ErrorValue> {
        let mut params = value!({"url": "https://x.example"}).as_map().cloned().unwrap();
        more.as_map()
            .unwrap()
            .iter()
            .for_each(|(name, value)| drop(params.insert(name.clone(), value.clone())));
        let params: HttpRequestParams = from_value(&Value::Map(params)).unwrap();
        Way::of(&Outside::new(permissions).unwrap(), &params)
    }

    #[test]
    fn what_can_not_be_done_is_told_without_what_was_given() {
        for (more, code, part) in [
            (value!({"proxy": "socks5://pw-in-it@x"}), "workflow.invalid_params", "proxy:"),
            (value!({"proxy": "http://127.0.0.1:3128"}), "http.forbidden_address", "loopback"),
            (value!({"proxy": "http://a:pw-in-it@[::1]:3128"}), "http.forbidden_address", "loopback"),
            (value!({"tls": {"insecure": true}}), "http.insecure_not_allowed", "the operator"),
            (value!({"tls": {"ca": "pw-in-it"}}), "workflow.invalid_params", "tls.ca"),
            (value!({"tls": {"client_key": "pw-in-it"}}), "workflow.invalid_params", "tls.client_cert"),
        ] {
            let error = way(Permissions::default(), more).unwrap_err();
            assert_eq!(&*error.code, code, "{error}");
            assert!(error.message.contains(part) && !error.message.contains("pw-in-it"), "{error}");
        }
    }

    #[test]
    fn what_the_operator_allows_can_be_had_and_is_kept() {
        let allowed = Permissions { insecure_tls: true, private_network: true, ..Permissions::default() };
        assert!(way(allowed.clone(), value!({"tls": {"insecure": true, "min_version": "1.3"}})).is_ok());
        assert!(way(allowed, value!({"proxy": "http://127.0.0.1:3128"})).unwrap().proxy.is_some());
        let outside = Outside::new(Permissions::default()).unwrap();
        for _ in 0..2 {
            let params = value!({"url": "https://x.example", "tls": {"min_version": 1.3}});
            Way::of(&outside, &from_value(&params).unwrap()).unwrap();
            assert_eq!(outside.ways.0.lock().unwrap().len(), 1);
        }
    }
}
