//! Sends a request, follows redirects, reads the answer within its limits.

use std::time::Duration;

use prana_core::ErrorValue;
use reqwest::header::{
    ACCEPT, ACCEPT_LANGUAGE, CONTENT_LANGUAGE, CONTENT_TYPE, HeaderMap, HeaderName, LOCATION,
    TRANSFER_ENCODING, USER_AGENT,
};
use reqwest::{Client, Method, Response, StatusCode, Url};

use super::prepare::{IDEMPOTENCY_KEY, Prepared};
use super::way::Way;
use crate::credentials::Grant;
use crate::guard::Forbidden;
use crate::outside::Outside;
use crate::secrets::CallSecrets;

/// A chain of redirects may be this long.
const MAX_REDIRECTS: usize = 10;

/// Between two pieces of a body there may be this much time.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
    /// The request that got it, as errors name it: without query, name and password.
    pub asked: String,
}

/// Sends a request by the usual way.
pub(crate) async fn send(
    outside: &Outside,
    secrets: &CallSecrets,
    request: Prepared,
    follow: bool,
) -> Result<Answer, ErrorValue> {
    send_by(&Way::usual(outside), outside, secrets, request, Sending { follow, grant: None }).await
}

/// How a request is sent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sending<'a> {
    /// Redirects are followed.
    pub follow: bool,
    /// What is put into it.
    pub grant: Option<&'a Grant>,
}

/// Sends a request by this way.
pub(super) async fn send_by(
    way: &Way,
    outside: &Outside,
    secrets: &CallSecrets,
    mut request: Prepared,
    sending: Sending<'_>,
) -> Result<Answer, ErrorValue> {
    let mut carried = sending.grant;
    for _ in 0..=MAX_REDIRECTS {
        // Each hop anew: a redirect leads where somebody else says.
        secrets.check_url(&request.url)?;
        way.check(secrets, sending.grant, &request.url)?;
        let (mut url, mut headers) = (request.url.clone(), request.headers.clone());
        sending.grant.map_or(Ok(()), |grant| grant.check_url(&url))?;
        carried.map_or(Ok(()), |grant| grant.put_into(&mut url, &mut headers))?;
        let response = hop(&way.client, outside, &request, url, headers).await?;
        match redirected(&request, &response, sending.follow)? {
            Some(next) => {
                carried = carried.filter(|_| request.url.origin() == next.url.origin());
                request = next;
            }
            None => return answer(outside, &request, response).await,
        }
    }
    let message = format!("{}: more than {MAX_REDIRECTS} redirects, one after the other", asked(&request));
    Err(ErrorValue::new("http.too_many_redirects", message).not_retryable())
}

pub(crate) async fn one_hop(outside: &Outside, request: &Prepared) -> Result<Response, ErrorValue> {
    hop(&outside.client, outside, request, request.url.clone(), request.headers.clone()).await
}

/// Sends a request, with the URL and the headers that it gets at the last moment.
async fn hop(
    client: &Client,
    outside: &Outside,
    request: &Prepared,
    url: Url,
    headers: HeaderMap,
) -> Result<Response, ErrorValue> {
    outside.guard.check_url(&url).map_err(|forbidden| refused(request, &forbidden))?;
    let mut builder = client.request(request.method.clone(), url).headers(headers);
    if let Some(body) = &request.body {
        builder = builder.body(body.clone());
    }
    builder.send().await.map_err(|error| failed(request, error))
}

/// The request to make next, if the answer is a redirect to follow.
fn redirected(request: &Prepared, response: &Response, follow: bool) -> Result<Option<Prepared>, ErrorValue> {
    let status = response.status().as_u16();
    let location =
        response.headers().get(LOCATION).filter(|_| follow && matches!(status, 301 | 302 | 303 | 307 | 308));
    let Some(location) = location else { return Ok(None) };
    let wrong = |why: &str| {
        let message = format!("{} redirects to a place that can't be followed: {why}", asked(request));
        ErrorValue::new("http.invalid_redirect", message).not_retryable()
    };
    let location = std::str::from_utf8(location.as_bytes()).map_err(|_| wrong("it is no text"))?;
    let url = request.url.join(location).map_err(|error| wrong(&error.to_string()))?;
    match (request.url.scheme(), url.scheme()) {
        ("https", "http") => return Err(wrong("it leaves the encrypted connection")),
        (_, "http" | "https") => {}
        (_, scheme) => return Err(wrong(&format!("its scheme is {scheme}"))),
    }
    Ok(Some(next(request, url, status)))
}

fn next(request: &Prepared, url: Url, status: u16) -> Prepared {
    let mut next = Prepared { url, ..request.clone() };
    let becomes_get = match status {
        303 => next.method != Method::GET && next.method != Method::HEAD,
        301 | 302 => next.method == Method::POST,
        _ => false,
    };
    if becomes_get {
        next.method = Method::GET;
        next.body = None;
        [CONTENT_TYPE, CONTENT_LANGUAGE, TRANSFER_ENCODING]
            .iter()
            .for_each(|name| drop(next.headers.remove(name)));
    }
    if request.url.origin() != next.url.origin() {
        next.headers = harmless(&next.headers);
    }
    next
}

/// What another host may see: no header that could say who asks.
fn harmless(headers: &HeaderMap) -> HeaderMap {
    const HARMLESS: [HeaderName; 6] =
        [ACCEPT, ACCEPT_LANGUAGE, CONTENT_TYPE, CONTENT_LANGUAGE, USER_AGENT, IDEMPOTENCY_KEY];
    let kept = headers.iter().filter(|(name, value)| HARMLESS.contains(name) && !value.is_sensitive());
    kept.map(|(name, value)| (name.clone(), value.clone())).collect()
}

async fn answer(outside: &Outside, request: &Prepared, mut response: Response) -> Result<Answer, ErrorValue> {
    let limit = outside.max_response_bytes;
    let too_large = || {
        let message = format!(
            "{}: the body of the answer is larger than {limit} bytes, the operator's limit",
            asked(request)
        );
        Err(ErrorValue::new("http.body_too_large", message).not_retryable())
    };
    if response.content_length().is_some_and(|length| length > limit as u64) && request.method != Method::HEAD
    {
        return too_large();
    }
    let mut body = Vec::new();
    loop {
        let piece = match tokio::time::timeout(READ_TIMEOUT, response.chunk()).await {
            Ok(piece) => piece.map_err(|error| failed(request, error))?,
            Err(_) => return Err(timed_out(request, READ_TIMEOUT, "no more of the answer came")),
        };
        let Some(piece) = piece else { break };
        if body.len() + piece.len() > limit {
            return too_large();
        }
        body.extend_from_slice(&piece);
    }
    Ok(Answer { status: response.status(), headers: response.headers().clone(), body, asked: asked(request) })
}

/// The request as errors name it. A query may hold secrets, and so may a name and a password.
pub(crate) fn asked(request: &Prepared) -> String {
    let url = &request.url;
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!(
        "{} {}://{}{port}{}",
        request.method,
        url.scheme(),
        url.host_str().unwrap_or_default(),
        url.path()
    )
}

pub(crate) fn timed_out(request: &Prepared, limit: Duration, what: &str) -> ErrorValue {
    ErrorValue::new("http.timeout", format!("{}: {what} within {} ms", asked(request), limit.as_millis()))
}

fn refused(request: &Prepared, forbidden: &Forbidden) -> ErrorValue {
    ErrorValue::new("http.forbidden_address", format!("{}: {forbidden}", asked(request))).not_retryable()
}

pub(crate) fn failed(request: &Prepared, error: reqwest::Error) -> ErrorValue {
    let error = error.without_url();
    let mut causes = causes(&error);
    if let Some(forbidden) = causes.iter().find_map(|cause| cause.downcast_ref::<Forbidden>()) {
        return refused(request, forbidden);
    }
    causes.reverse();
    let cause = causes.first().map_or_else(|| error.to_string(), ToString::to_string);
    let asked = asked(request);
    if error.is_timeout() && !error.is_connect() {
        return ErrorValue::new("http.timeout", format!("{asked}: no answer in time"));
    }
    if error.is_connect() {
        return ErrorValue::new("http.connect", format!("{asked}: no connection: {cause}"));
    }
    if error.is_builder() {
        return ErrorValue::new("http.invalid_request", format!("{asked}: {cause}")).not_retryable();
    }
    ErrorValue::new("http.connection", format!("{asked}: the connection broke: {cause}"))
}

fn causes<'a>(error: &'a (dyn std::error::Error + 'static)) -> Vec<&'a (dyn std::error::Error + 'static)> {
    std::iter::successors(error.source(), |cause| cause.source()).collect()
}
