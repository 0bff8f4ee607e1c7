//! What stands before each route and after it: how many may come, who they are, what they may do, and what is written down of it.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use futures_util::{FutureExt, StreamExt};
use tokio::sync::OwnedSemaphorePermit;

use crate::access::identify::{Asking, Origin, cookie_name, has_csrf_proof, nobody};
use crate::access::routes::{self, Route};
use crate::access::{Caller, Scope, Who};
use crate::changes::{self, Added, Change, Note, Stage};
use crate::guard::is_loopback_name;
use crate::hide::hide_links;
use crate::limit::{Key, Limiter};
use crate::problem::Problem;
use crate::server::Shared;

/// Whether who listens to a stream may still do so is looked at so often.
const STREAM_CHECK: Duration = Duration::from_secs(10);

/// Parameters that programs put secrets into; queries are written into logs and histories.
const IN_QUERY: [&str; 6] = ["token", "access_token", "api_key", "apikey", "auth", "authorization"];

/// A request that may go on to its route.
pub struct Visit {
    shared: Shared,
    route: Option<&'static Route>,
    caller: Option<Caller>,
    from: Option<IpAddr>,
    path: String,
    _place: Option<OwnedSemaphorePermit>,
}

/// Lets a request pass, or says why not.
pub async fn admit(shared: &Shared, host: &str, request: &mut Request) -> Result<Visit, Problem> {
    let origin = Origin::of(request.extensions(), request.headers(), &shared.trusted_proxies);
    let path = request.uri().path().to_owned();
    let route = route(request)?;
    let is_probe = matches!(path.as_str(), "/healthz" | "/readyz" | "/metrics");
    let place = if is_probe { None } else { Some(place(shared, origin.client)?) };
    refuse_tokens_in_query(request)?;
    let caller = match route {
        Some(route) if asks_who(route) => identify(shared, host, origin, request.headers(), route).await?,
        _ => None,
    };
    if let Some((route, caller)) = route.zip(caller.as_ref()) {
        check_proof(shared, route, caller, request)?;
    }
    if let Some(needs) = route.and_then(|route| route.needs) {
        check_scope(needs, caller.as_ref())?;
    }
    request.extensions_mut().insert(origin);
    if let Some(caller) = &caller {
        request.extensions_mut().insert(caller.clone());
    }
    Ok(Visit { shared: Arc::clone(shared), route, caller, from: origin.client, path, _place: place })
}

/// What the table says of the route; none where no route is, and the UI answers.
fn route(request: &Request) -> Result<Option<&'static Route>, Problem> {
    let Some(matched) = request.extensions().get::<MatchedPath>() else { return Ok(None) };
    let (method, path) = (request.method().as_str(), matched.as_str());
    match routes::find(method, path) {
        Some(route) => Ok(Some(route)),
        // The router says which methods there are.
        None if routes::knows(path) => Ok(None),
        None => {
            tracing::error!(method, path, "a route is not in the table of routes");
            let detail = "the server doesn't know who may use this route, so nobody may";
            Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "server.error", detail))
        }
    }
}

/// Routes with a proof of their own are not asked for another.
fn asks_who(route: &Route) -> bool {
    route.needs.is_some() || route.path.starts_with("/api/") || route.path == "/readyz"
}

fn place(shared: &Shared, client: Option<IpAddr>) -> Result<OwnedSemaphorePermit, Problem> {
    // Programs on this machine are as good as the server itself.
    if let Some(client) = client.filter(|ip| !ip.is_loopback()) {
        within(&shared.limits.requests, Key::of(client))?;
    }
    Arc::clone(&shared.limits.in_flight)
        .try_acquire_owned()
        .map_err(|_| Problem::unavailable("server.busy", "too many requests are being answered; try again"))
}

/// Counts one, or refuses it with how long to wait.
pub fn within(limiter: &Limiter, key: Key) -> Result<(), Problem> {
    limiter.take(key).map_err(|wait| {
        let seconds = wait.as_secs_f64().ceil().max(1.0) as u64;
        let detail = format!("too many requests; try again in {seconds} s");
        Problem::new(StatusCode::TOO_MANY_REQUESTS, "request.too_many", detail)
            .header(header::RETRY_AFTER, HeaderValue::from(seconds))
    })
}

fn refuse_tokens_in_query(request: &Request) -> Result<(), Problem> {
    let query = request.uri().query().unwrap_or_default();
    if query.is_empty() || !request.uri().path().starts_with("/api/") {
        return Ok(());
    }
    let names = query.split('&').map(|pair| pair.split('=').next().unwrap_or_default().to_ascii_lowercase());
    if names.into_iter().any(|name| IN_QUERY.contains(&name.as_str())) {
        let detail =
            "a token in a query ends up in logs: send `Authorization: Bearer TOKEN`, and revoke this one";
        return Err(Problem::bad_request("auth.token_in_query", detail));
    }
    Ok(())
}

async fn identify(
    shared: &Shared,
    host: &str,
    origin: Origin,
    headers: &HeaderMap,
    route: &Route,
) -> Result<Option<Caller>, Problem> {
    let asking = Asking {
        headers,
        origin,
        is_loopback_name: is_loopback_name(host),
        cookie: cookie_name(shared.is_secure),
        local_token: &shared.local_token,
    };
    match shared.access.identify(asking).await {
        // Who has an old token must be able to log in.
        Err(problem) if route.needs.is_none() && problem.status() == StatusCode::UNAUTHORIZED => Ok(None),
        other => other,
    }
}

/// Refuses who may do less than is needed.
pub fn check_scope(needs: Scope, caller: Option<&Caller>) -> Result<(), Problem> {
    let caller = caller.ok_or_else(nobody)?;
    if caller.scope >= needs {
        return Ok(());
    }
    let detail = format!("this needs the scope `{needs}`, and this caller has `{}`", caller.scope);
    Err(Problem::new(StatusCode::FORBIDDEN, "auth.scope_too_small", detail).with("needs", needs.as_str()))
}

/// A browser sends cookies whoever asks it to; the header, only for the UI.
fn check_proof(shared: &Shared, route: &Route, caller: &Caller, request: &Request) -> Result<(), Problem> {
    let changes = !matches!(*request.method(), Method::GET | Method::HEAD);
    if caller.session.is_none() || !changes || route.path == "/api/v1/login" {
        return Ok(());
    }
    if has_csrf_proof(request.headers(), cookie_name(shared.is_secure)) {
        return Ok(());
    }
    let detail = "with a session, changes need the header X-CSRF-Token: `csrf_token` of GET /api/v1/session";
    Err(Problem::new(StatusCode::FORBIDDEN, "auth.csrf", detail))
}

impl Visit {
    /// Asks the route, and writes down what it changed. That is finished even if the caller doesn't wait for it.
    pub async fn go(self, request: Request, next: Next) -> Result<Response, Problem> {
        if self.route.and_then(|route| route.change).is_none() {
            return Ok(self.leave(asked(request, next).await));
        }
        let whole = tokio::spawn(async move {
            let response = match self.intend().await {
                Ok(intended) => {
                    let mut response = asked(request, next).await;
                    self.write_down(intended, &mut response).await;
                    response
                }
                Err(problem) => axum::response::IntoResponse::into_response(problem),
            };
            self.leave(response)
        });
        whole.await.map_err(|_| broken())
    }

    /// Writes down what is about to be changed, so that nothing is ever changed without a word. Not where everybody may come: who has
    /// proved nothing yet makes the server write nothing.
    async fn intend(&self) -> Result<Option<Added>, Problem> {
        if self.route.and_then(|route| route.needs).is_none() {
            return Ok(None);
        }
        let Some(change) = self.change(Note::default()) else { return Ok(None) };
        let change = Change { stage: Stage::Intended, ..change };
        Ok(Some(self.shared.changes.add(&change).await?))
    }

    async fn write_down(&self, intended: Option<Added>, response: &mut Response) {
        let note = response.extensions_mut().remove::<Note>().unwrap_or_default();
        let status = response.status();
        let Some(change) = self.change(note) else { return };
        let log = &self.shared.changes;
        let written = match intended {
            Some(intended) if status.is_success() => log.done(intended, change).await,
            // Where the server failed, nobody knows whether it was done.
            Some(_) if status.is_server_error() => Ok(()),
            Some(intended) => log.take_back(intended).await,
            None if status.is_success() => log.add(&change).await.map(drop),
            None => Ok(()),
        };
        if let Err(error) = written {
            tracing::error!(%error, %status, "what became of a change can't be written down");
        }
    }

    /// What the log says of this request.
    fn change(&self, mut note: Note) -> Option<Change> {
        let (route, action) = self.route.and_then(|route| Some((route, route.change?)))?;
        note.target = note.target.or_else(|| routes::target(route, &self.path));
        let nobody = if self.path.starts_with("/resume/") { Who::Link } else { Who::Anyone };
        let who = self.caller.as_ref().map_or(nobody, |caller| caller.who.clone());
        Some(changes::entry(self.shared.clock.now(), &who, self.from, action, note))
    }

    fn leave(self, response: Response) -> Response {
        let Some(caller) = self.caller.clone() else { return response };
        let response = match caller.scope {
            Scope::Read => hide_links(response, &self.shared.tokens),
            _ => response,
        };
        let kind = response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        if kind != Some("text/event-stream") {
            return response;
        }
        let shared = Arc::clone(&self.shared);
        let over = until_not_allowed(shared, caller);
        response.map(|body| axum::body::Body::from_stream(body.into_data_stream().take_until(Box::pin(over))))
    }
}

/// Ends when a caller may not listen any more: their token is revoked, say.
async fn until_not_allowed(shared: Shared, caller: Caller) {
    loop {
        tokio::time::sleep(STREAM_CHECK).await;
        if matches!(shared.access.is_still(&caller).await, Ok(false)) {
            return;
        }
    }
}

async fn asked(request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map(|matched| matched.as_str().to_owned());
    let run = std::panic::AssertUnwindSafe(next.run(request)).catch_unwind();
    run.await.unwrap_or_else(|_| {
        tracing::error!(route, "answering a request panicked");
        axum::response::IntoResponse::into_response(broken())
    })
}

fn broken() -> Problem {
    let detail = "something went wrong in the server; its log says more";
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "server.error", detail)
}
