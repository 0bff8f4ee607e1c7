//! Who sends a request: by the token or the session that it shows, or because it comes from this machine while nobody is asked.

use std::net::{IpAddr, SocketAddr};

use axum::extract::ConnectInfo;
use axum::http::{Extensions, HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use subtle::ConstantTimeEq;

use super::sessions::csrf_of;
use super::{Access, AccessError, Caller, Scope, Who};
use crate::problem::Problem;

/// The two ends of the connection that a request came over.
#[derive(Debug, Clone, Copy)]
pub struct Peer {
    /// Theirs.
    pub remote: SocketAddr,
    /// Ours.
    pub local: SocketAddr,
}

/// Where a request comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    /// The client's address: the connection's, or what a trusted proxy says.
    pub client: Option<IpAddr>,
    /// The program that sent it runs on this machine, and says that of no other that it speaks for.
    pub is_here: bool,
}

/// Proxies say for whom they speak in one of these.
const FORWARDED: [&str; 4] = ["forwarded", "x-forwarded-for", "x-real-ip", "via"];

impl Origin {
    /// Of a request. A proxy's word counts only if the proxy is trusted.
    pub fn of(extensions: &Extensions, headers: &HeaderMap, trusted: &[IpAddr]) -> Origin {
        let (remote, is_own) = match extensions.get::<Peer>() {
            Some(peer) => (Some(peer.remote.ip()), peer.remote.ip() == peer.local.ip()),
            None => (extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip()), false),
        };
        let remote = remote.map(|ip| ip.to_canonical());
        let speaks_for_others = FORWARDED.iter().any(|name| headers.contains_key(*name));
        let is_here = remote.is_some_and(|ip| ip.is_loopback() || is_own) && !speaks_for_others;
        let client = match remote {
            Some(ip) if trusted.contains(&ip) => forwarded_for(headers, trusted).or(remote),
            other => other,
        };
        Origin { client, is_here }
    }
}

/// The last address that no trusted proxy has.
fn forwarded_for(headers: &HeaderMap, trusted: &[IpAddr]) -> Option<IpAddr> {
    let values = headers.get_all("x-forwarded-for").iter().rev();
    let addresses = values.filter_map(|value| value.to_str().ok()).flat_map(|text| text.rsplit(','));
    for address in addresses {
        let ip = address.trim().parse::<IpAddr>().ok()?.to_canonical();
        if !trusted.contains(&ip) {
            return Some(ip);
        }
    }
    None
}

/// What a request shows.
enum Shown {
    Nothing,
    Token(String),
    Session(String),
}

/// The cookie of sessions. With the prefix, a browser takes it over TLS alone, and from this very name.
pub fn cookie_name(is_secure: bool) -> &'static str {
    if is_secure { "__Host-prana" } else { "prana_session" }
}

fn unauthorized(code: &str, detail: &str) -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, code, detail)
        .header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"prana\""))
}

/// Said to those who show nothing where something is asked.
pub fn nobody() -> Problem {
    let detail =
        "say who you are: `Authorization: Bearer TOKEN` (`prana tokens create` makes one), or log in";
    unauthorized("auth.required", detail)
}

fn shown(headers: &HeaderMap, cookie: &str) -> Shown {
    let mut sent = headers.get_all(header::AUTHORIZATION).iter();
    if let Some(first) = sent.next() {
        let text = first.to_str().unwrap_or_default();
        match (text.split_once(' '), sent.next()) {
            (Some((scheme, token)), None) if scheme.eq_ignore_ascii_case("bearer") => {
                return Shown::Token(token.trim().to_owned());
            }
            (_, Some(_)) => return Shown::Token(String::new()),
            // Another scheme is for somebody else: a proxy before the server, say.
            _ => {}
        }
    }
    cookie_of(headers, cookie).map_or(Shown::Nothing, |secret| Shown::Session(secret.to_owned()))
}

/// The value of a cookie that came once.
fn cookie_of<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let mut values = pairs.filter(|(known, _)| *known == name).map(|(_, value)| value);
    let first = values.next()?;
    values.next().is_none().then_some(first)
}

/// What a caller's cookie allows beside looking: the header that only the UI's own pages can send.
pub fn has_csrf_proof(headers: &HeaderMap, cookie: &str) -> bool {
    let sent = headers.get(HeaderName::from_static("x-csrf-token"));
    let own = cookie_of(headers, cookie).map(csrf_of);
    sent.zip(own).is_some_and(|(sent, own)| sent.as_bytes().ct_eq(own.as_bytes()).into())
}

/// The proof that goes with the session that a request shows.
pub fn csrf_proof(headers: &HeaderMap, cookie: &str) -> Option<String> {
    cookie_of(headers, cookie).map(csrf_of)
}

/// How to tell who sends a request.
pub struct Asking<'a> {
    /// The headers of the request.
    pub headers: &'a HeaderMap,
    /// Where it comes from.
    pub origin: Origin,
    /// It names this machine by a name that no other machine can mean.
    pub is_loopback_name: bool,
    /// The name of the cookie.
    pub cookie: &'a str,
    /// The token in the lock file.
    pub local_token: &'a str,
}

impl Access {
    /// Who sends a request; none if nothing was shown, or a session that is over.
    ///
    /// # Errors
    /// A token that isn't one; the store does not answer.
    pub async fn identify(&self, asking: Asking<'_>) -> Result<Option<Caller>, Problem> {
        match shown(asking.headers, asking.cookie) {
            Shown::Token(token) => self.token_shown(&token, &asking).await.map(Some),
            Shown::Session(secret) => match self.by_session(&secret).await? {
                Some(caller) => Ok(Some(caller)),
                None => self.nothing_shown(&asking).await,
            },
            Shown::Nothing => self.nothing_shown(&asking).await,
        }
    }

    async fn token_shown(&self, token: &str, asking: &Asking<'_>) -> Result<Caller, Problem> {
        let is_local: bool = token.as_bytes().ct_eq(asking.local_token.as_bytes()).into();
        if is_local && asking.origin.is_here {
            return Ok(Caller { who: Who::Local, scope: Scope::Admin, session: None });
        }
        let refused = || unauthorized("auth.invalid_token", "this token is none of ours, revoked or expired");
        self.by_token(token).await?.ok_or_else(refused)
    }

    async fn nothing_shown(&self, asking: &Asking<'_>) -> Result<Option<Caller>, Problem> {
        if !asking.origin.is_here || !asking.is_loopback_name || self.is_closed().await? {
            return Ok(None);
        }
        Ok(Some(Caller { who: Who::Anyone, scope: Scope::Admin, session: None }))
    }

    /// Whether a caller may still do what they may.
    pub async fn is_still(&self, caller: &Caller) -> Result<bool, AccessError> {
        Ok(match (&caller.who, &caller.session) {
            (Who::Anyone, _) => !self.is_closed().await?,
            (Who::Token { id, .. }, _) => self.has_token(id, caller.scope).await?,
            (Who::User { .. }, Some(key)) => {
                let now = self.by_session_key(key.clone()).await?;
                now.is_some_and(|now| now.scope >= caller.scope)
            }
            (Who::Local | Who::Link | Who::User { .. }, _) => true,
        })
    }
}

impl From<AccessError> for Problem {
    fn from(error: AccessError) -> Self {
        let detail = error.to_string();
        match error {
            AccessError::Invalid(_) => {
                Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "access.invalid", detail)
            }
            AccessError::Unknown(_) => Problem::new(StatusCode::NOT_FOUND, "access.not_found", detail),
            AccessError::Busy => Problem::unavailable("server.busy", detail),
            AccessError::Store(prana::store::StoreError::Outdated { .. }) => {
                let detail = "somebody else changed this at the same time; look again";
                Problem::new(StatusCode::CONFLICT, "access.outdated", detail)
            }
            AccessError::Store(error) => error.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn headers(all: &[(&'static str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in all {
            map.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        }
        map
    }

    #[test]
    fn cookies_are_found_once() {
        for (sent, expect) in [
            (&[("cookie", "prana_session=a")][..], Some("a")),
            (&[("cookie", "x=1; prana_session=a; y=2")], Some("a")),
            (&[("cookie", "prana_session=a; prana_session=b")], None),
            (&[("cookie", "prana_session=a"), ("cookie", "prana_session=b")], None),
            (&[("cookie", "xprana_session=a")], None),
            (&[], None),
        ] {
            assert_eq!(cookie_of(&headers(sent), "prana_session"), expect, "{sent:?}");
        }
    }

    #[test]
    fn where_a_request_comes_from() {
        let check =
            |remote: &str, local: &str, sent: &[(&'static str, &str)], client: &str, is_here: bool| {
                let mut extensions = Extensions::new();
                extensions.insert(Peer { remote: remote.parse().unwrap(), local: local.parse().unwrap() });
                let trusted = ["10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap()];
                let origin = Origin::of(&extensions, &headers(sent), &trusted);
                assert_eq!(
                    (origin.client, origin.is_here),
                    (Some(client.parse().unwrap()), is_here),
                    "{remote} {sent:?}"
                );
            };
        let forged = [("x-forwarded-for", "192.0.2.9")];
        check("127.0.0.1:5", "127.0.0.1:7700", &[], "127.0.0.1", true);
        check("[::ffff:127.0.0.1]:5", "[::]:7700", &[], "127.0.0.1", true);
        check("192.0.2.1:5", "192.0.2.1:7700", &[], "192.0.2.1", true);
        check("192.0.2.2:5", "192.0.2.1:7700", &[], "192.0.2.2", false);
        check("127.0.0.1:5", "127.0.0.1:7700", &forged, "127.0.0.1", false);
        check("192.0.2.2:5", "192.0.2.1:7700", &forged, "192.0.2.2", false);
        check("10.0.0.1:5", "10.0.0.3:7700", &forged, "192.0.2.9", false);
        let chain = [("x-forwarded-for", "1.1.1.1, 192.0.2.9, 10.0.0.2")];
        check("10.0.0.1:5", "10.0.0.3:7700", &chain, "192.0.2.9", false);
        check("10.0.0.1:5", "10.0.0.3:7700", &[("x-forwarded-for", "nonsense")], "10.0.0.1", false);
    }
}
