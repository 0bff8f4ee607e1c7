//! Who may ask at all: loopback is no wall, since every page in a browser on this machine can reach it.

use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use tracing::Instrument;

use crate::admit::admit;
use crate::problem::Problem;
use crate::server::Shared;

/// Refuses what comes under a foreign name, from a foreign page or from who may not, and puts the headers of safety on every answer.
pub async fn guard(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let began = Instant::now();
    let seen = Seen::new(&shared, &request);
    let answered = answer(&shared, &path, request, next).instrument(seen.span.clone()).await;
    let mut response = answered.unwrap_or_else(Problem::into_response);
    shared.feed.counts.request(response.status());
    shared.http_times.add(began);
    protect(response.headers_mut(), &path);
    seen.tell(began, &mut response);
    response
}

/// What the log says of a request: never its path as it was sent, which may hold a secret.
struct Seen {
    id: String,
    method: Method,
    route: String,
    span: tracing::Span,
}

impl Seen {
    fn new(shared: &Shared, request: &Request) -> Self {
        let id = format!("{:016x}", shared.clock.random());
        let route =
            request.extensions().get::<MatchedPath>().map_or("(no route)", MatchedPath::as_str).to_owned();
        let span = tracing::debug_span!("request", id);
        Seen { id, method: request.method().clone(), route, span }
    }

    fn tell(self, began: Instant, response: &mut Response) {
        let (status, micros) = (response.status().as_u16(), began.elapsed().as_micros() as u64);
        let Seen { id, method, route, .. } = self;
        tracing::debug!(id, %method, route, status, micros, "answered");
        if let Ok(value) = HeaderValue::from_str(&id) {
            response.headers_mut().insert("x-request-id", value);
        }
    }
}

async fn answer(shared: &Shared, path: &str, mut request: Request, next: Next) -> Result<Response, Problem> {
    let host = check(shared, path, &request)?;
    let visit = admit(shared, &host, &mut request).await?;
    visit.go(request, next).await
}

/// The name that the request is for.
fn check(shared: &Shared, path: &str, request: &Request) -> Result<String, Problem> {
    let host = host(request.uri(), request.headers())?;
    if !shared.hosts.allows(&host) {
        let detail = format!(
            "this server doesn't answer to the name in `Host: {host}`; start it with --allowed-host to add one"
        );
        return Err(Problem::new(StatusCode::MISDIRECTED_REQUEST, "request.host_refused", detail));
    }
    // A resume link is its own authority, and its page has no origin; a webhook has a list of its own.
    let elsewhere = is_untrusted(path);
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let is_stream = path.ends_with("/events");
    if elsewhere || (reads && !is_stream) || is_same_origin(request.headers(), &host) {
        return Ok(host);
    }
    let detail = "this request comes from a page of another origin, which may not do that here";
    Err(Problem::new(StatusCode::FORBIDDEN, "request.origin_refused", detail))
}

/// The one name that the request is for.
fn host(uri: &Uri, headers: &HeaderMap) -> Result<String, Problem> {
    let mut named = headers.get_all(header::HOST).iter();
    let host = match (named.next(), named.next(), uri.authority()) {
        (Some(host), None, None) => host.to_str().ok().map(str::to_owned),
        // A request in the form that proxies use must say the same twice.
        (Some(host), None, Some(uri)) => {
            host.to_str().ok().filter(|host| host.eq_ignore_ascii_case(uri.as_str())).map(str::to_owned)
        }
        _ => None,
    };
    host.ok_or_else(|| Problem::bad_request("request.no_host", "a request needs one valid Host header"))
}

/// True unless a browser says that it comes from elsewhere.
pub fn is_same_origin(headers: &HeaderMap, host: &str) -> bool {
    let text = |name: &HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or("invalid"));
    if let Some(site) = text(&HeaderName::from_static("sec-fetch-site"))
        && !matches!(site, "same-origin" | "none")
    {
        return false;
    }
    match text(&header::ORIGIN) {
        None => true,
        Some(origin) => {
            let authority = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
            authority.is_some_and(|authority| authority.eq_ignore_ascii_case(host))
        }
    }
}

/// What workflows answer, and the pages of links.
fn is_untrusted(path: &str) -> bool {
    ["/resume/", "/webhook/", "/webhook-test/"].iter().any(|start| path.starts_with(start))
}

fn protect(headers: &mut HeaderMap, path: &str) {
    if is_untrusted(path) {
        // What a workflow answers must not act as a page of this origin.
        let policy = "sandbox allow-forms; default-src 'none'; frame-ancestors 'none'";
        headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    }
    let nothing = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(nothing);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}

const LOOPBACK_NAMES: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// Whether a `Host` header names the machine that the request is on, and can't mean another.
pub fn is_loopback_name(host: &str) -> bool {
    without_port(host).is_some_and(|name| LOOPBACK_NAMES.iter().any(|own| name.eq_ignore_ascii_case(own)))
}

/// The names that the server answers to.
#[derive(Debug, Clone)]
pub struct Hosts(Vec<String>);

impl Hosts {
    /// The loopback names, the address that is listened on, and more.
    pub fn new(more: impl IntoIterator<Item = String>) -> Self {
        let own = LOOPBACK_NAMES.map(str::to_owned);
        Hosts(own.into_iter().chain(more.into_iter().map(|name| name.to_ascii_lowercase())).collect())
    }

    /// Whether a `Host` header names one of them, with any port.
    pub fn allows(&self, host: &str) -> bool {
        without_port(host).is_some_and(|name| self.0.iter().any(|own| name.eq_ignore_ascii_case(own)))
    }
}

/// The name in `name:port`; none if it is neither that nor a name.
pub fn without_port(host: &str) -> Option<&str> {
    let end = match host.strip_prefix('[') {
        Some(rest) => rest.find(']')? + 2,
        None => host.find(':').unwrap_or(host.len()),
    };
    let (name, port) = host.split_at(end);
    let is_port = port.is_empty()
        || port.strip_prefix(':').is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
    (is_port && !name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_told_apart() {
        let hosts = Hosts::new(["Flows.example".to_owned()]);
        for host in ["localhost", "LOCALHOST:7700", "127.0.0.1:1", "[::1]:7700", "[::1]", "flows.example:443"]
        {
            assert!(hosts.allows(host), "{host}");
        }
        for host in [
            "",
            ":7700",
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "localhost:77x",
            "[::1",
            "[::1]x",
            "[::1].evil.example",
            "localhost:1:2",
            "localhost@evil.example",
            "127.0.0.2",
        ] {
            assert!(!hosts.allows(host), "{host}");
        }
    }

    #[test]
    fn origins_must_be_the_same() {
        let check = |pairs: &[(&'static str, &str)], expect: bool| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.insert(HeaderName::from_static(name), HeaderValue::from_str(value).expect("valid"));
            }
            assert_eq!(is_same_origin(&headers, "localhost:7700"), expect, "{pairs:?}");
        };
        check(&[], true);
        check(&[("origin", "http://localhost:7700")], true);
        check(&[("sec-fetch-site", "same-origin")], true);
        check(&[("sec-fetch-site", "none")], true);
        check(&[("origin", "http://localhost:3000")], false);
        check(&[("origin", "null")], false);
        check(&[("origin", "")], false);
        check(&[("origin", "http://localhost:7700.evil.example")], false);
        check(&[("origin", "file://localhost:7700")], false);
        check(&[("sec-fetch-site", "cross-site")], false);
        check(&[("sec-fetch-site", "same-site"), ("origin", "http://localhost:7700")], false);
    }
}
