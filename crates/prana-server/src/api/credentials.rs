//! Credentials: their names, kinds, and where they may be sent. What is in them goes in, and doesn't come out.

use axum::Json as Sent;
use axum::extract::{Extension, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use prana::core::{ErrorValue, Timestamp};
use prana::store::StoreError;
use prana::{AllowedHosts, Credential, CredentialError, CredentialFacts, SecretError, Tested};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};

use super::page_size;
use super::workflows::Nothing;
use crate::access::Caller;
use crate::authorized::{Asker, CALLBACK};
use crate::changes::Note;
use crate::problem::Problem;
use crate::receive::{Asked, Json, Named};
use crate::server::Shared;

type Answer = Result<Response, Problem>;

/// The credential that a path names.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct CredentialPath {
    /// Its name.
    name: String,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct ListAsked {
    /// What `next` of the page before says.
    after: Option<String>,
    /// How many at most.
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<usize>,
}

/// What may be told of a credential.
#[derive(Serialize, ToSchema)]
pub(super) struct CredentialShown {
    name: String,
    /// One more with each change.
    version: u64,
    /// Its kind; null if it can't be unlocked.
    #[serde(rename = "type")]
    #[schema(required = true)]
    kind: Option<&'static str>,
    /// The hosts that may be sent what it gives; `*` for any.
    allowed_hosts: Vec<String>,
    /// What a test of it asks for.
    #[schema(required = true)]
    test_url: Option<String>,
    /// What its tokens are for.
    scopes: Vec<String>,
    /// Whether it has all that it needs: somebody authorized it, if that must be.
    is_ready: bool,
    /// When its token is over, if it has one that says so.
    #[schema(required = true, value_type = Option<String>, format = DateTime)]
    token_expires_at: Option<Timestamp>,
    /// When it was set, or locked with another master key.
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

impl From<CredentialFacts> for CredentialShown {
    fn from(facts: CredentialFacts) -> Self {
        let CredentialFacts { name, version, allowed_hosts, updated_at, inside } = facts;
        let allowed_hosts = allowed_hosts.entries();
        let kind = inside.as_ref().map(|inside| inside.kind);
        let is_ready = inside.as_ref().is_some_and(|inside| inside.is_ready);
        let token_expires_at = inside.as_ref().and_then(|inside| inside.token_expires_at);
        let (scopes, test_url) = inside.map_or((Vec::new(), None), |inside| (inside.scopes, inside.test_url));
        CredentialShown {
            name,
            version,
            kind,
            allowed_hosts,
            test_url,
            scopes,
            is_ready,
            token_expires_at,
            updated_at,
        }
    }
}

/// Credentials, by name.
#[derive(Serialize, ToSchema)]
pub(super) struct CredentialPage {
    credentials: Vec<CredentialShown>,
    /// What to send as `after` for the next page; null on the last.
    #[schema(required = true)]
    next: Option<String>,
}

/// Lists credentials; never what is in them.
#[utoipa::path(get, path = "/credentials", operation_id = "list_credentials", tag = "credentials", params(ListAsked),
    responses((status = 200, description = "A page of credentials, by name.", body = CredentialPage)))]
pub(super) async fn list(State(shared): State<Shared>, Asked(asked): Asked<ListAsked>) -> Answer {
    let limit = page_size(asked.limit)?;
    let mut found = shared.engine.credentials().list(asked.after.as_deref(), limit + 1).await?;
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(|last| last.name.clone());
    let credentials = found.into_iter().map(CredentialShown::from).collect();
    Ok(Sent(CredentialPage { credentials, next }).into_response())
}

/// Shows what may be told of a credential.
#[utoipa::path(get, path = "/credentials/{name}", operation_id = "show_credential", tag = "credentials", params(CredentialPath),
    responses((status = 200, description = "What may be told of it.", body = CredentialShown)))]
pub(super) async fn show(
    State(shared): State<Shared>,
    Named(CredentialPath { name }): Named<CredentialPath>,
) -> Answer {
    let facts = shared.engine.credentials().facts(&name).await?.ok_or(CredentialError::NotFound(name))?;
    Ok(Sent(CredentialShown::from(facts)).into_response())
}

/// What says who asks, as it is given.
#[derive(Serialize, ToSchema)]
#[schema(as = CredentialGiven)]
#[serde(tag = "type", rename_all = "snake_case")]
#[allow(dead_code, reason = "it describes to the document what `prana::Credential` reads")]
pub(super) enum Given {
    /// A name and a password.
    Basic { username: String, password: String },
    /// A token in the Authorization header.
    Bearer { token: String },
    /// A header of its own.
    Header { name: String, value: String },
    /// A part of the query.
    Query { name: String, value: String },
    /// Tokens that the client gets for itself.
    Oauth2ClientCredentials {
        token_url: String,
        client_id: String,
        client_secret: String,
        #[schema(required = false)]
        scopes: Vec<String>,
        audience: Option<String>,
        #[schema(required = false)]
        auth_style: GivenStyle,
    },
    /// Tokens that a person lets the client have.
    Oauth2AuthorizationCode {
        authorize_url: String,
        token_url: String,
        client_id: String,
        client_secret: Option<String>,
        #[schema(required = false)]
        scopes: Vec<String>,
        #[schema(required = false)]
        auth_style: GivenStyle,
    },
}

/// How a token endpoint is told who asks: in the Authorization header, or in the body.
#[derive(Serialize, ToSchema)]
#[schema(as = CredentialAuthStyle)]
#[serde(rename_all = "snake_case")]
#[allow(dead_code, reason = "it describes to the document what `prana::Credential` reads")]
pub(super) enum GivenStyle {
    Basic,
    Body,
}

/// A credential to be set.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PutCredential {
    /// What says who asks.
    #[schema(value_type = Given)]
    credential: Credential,
    /// The hosts that may be sent what it gives: `api.example.com`, `*.example.com`, `api.example.com:8443`, or `*` for any.
    allowed_hosts: Vec<String>,
    /// What a test of it asks for.
    #[serde(default)]
    test_url: Option<String>,
    /// Set it only if this is its version (0: there is none).
    #[serde(default)]
    based_on: Option<u64>,
}

/// Sets a credential, new or in the place of an older one. Tokens stay if nothing but hosts or the address of its test changes.
#[utoipa::path(put, path = "/credentials/{name}", operation_id = "put_credential", tag = "credentials", params(CredentialPath), request_body = PutCredential,
    responses(
        (status = 200, description = "It is set.", body = CredentialShown),
        (status = 409, description = "It has another version than `based_on`: `credential.outdated`."),
        (status = 422, description = "The name, content or hosts won't do: `credential.invalid_name`, `credential.invalid`, `credential.invalid_hosts`."),
    ))]
pub(super) async fn put(
    State(shared): State<Shared>,
    Named(CredentialPath { name }): Named<CredentialPath>,
    Json(body): Json<PutCredential>,
) -> Answer {
    let hosts = AllowedHosts::try_from(body.allowed_hosts).map_err(|error| {
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "credential.invalid_hosts", error.to_string())
    })?;
    let credentials = shared.engine.credentials();
    let facts = credentials.put(&name, body.credential, hosts, body.test_url, body.based_on).await?;
    let shown = CredentialShown::from(facts);
    let details = json!({"version": shown.version, "type": shown.kind, "allowed_hosts": shown.allowed_hosts});
    Ok(Note::new(&name, details).on(Sent(shown).into_response()))
}

/// Deletes a credential with its tokens. What names it fails from now on.
#[utoipa::path(delete, path = "/credentials/{name}", operation_id = "delete_credential", tag = "credentials", params(CredentialPath),
    responses((status = 204, description = "It is gone.")))]
pub(super) async fn delete(
    State(shared): State<Shared>,
    Named(CredentialPath { name }): Named<CredentialPath>,
) -> Answer {
    match shared.engine.credentials().delete(&name).await? {
        true => Ok(StatusCode::NO_CONTENT.into_response()),
        false => Err(CredentialError::NotFound(name).into()),
    }
}

/// What to try a credential with.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TestCredential {
    /// What to ask for, on one of its hosts; its own `test_url` if absent.
    #[serde(default)]
    url: Option<String>,
}

/// How a test went.
#[derive(Serialize, ToSchema)]
pub(super) struct TestShown {
    /// The service took it; or a token was had, if there is no address to ask for.
    is_good: bool,
    /// What the service answered with.
    #[schema(required = true)]
    status: Option<u16>,
    /// What went wrong.
    #[schema(required = true)]
    error: Option<TestError>,
}

/// What went wrong in a test.
#[derive(Serialize, ToSchema)]
pub(super) struct TestError {
    /// The stable code that a node would fail with.
    code: String,
    /// What happened and what to do.
    message: String,
}

/// Tries a credential: a GET of an address with it, or, without one, the getting of a token.
#[utoipa::path(post, path = "/credentials/{name}/test", operation_id = "test_credential", tag = "credentials", params(CredentialPath), request_body = TestCredential,
    responses(
        (status = 200, description = "How it went.", body = TestShown),
        (status = 422, description = "There is nothing to try it with: `credential.invalid`."),
    ))]
pub(super) async fn test(
    State(shared): State<Shared>,
    Named(CredentialPath { name }): Named<CredentialPath>,
    Json(body): Json<TestCredential>,
) -> Answer {
    let tested = shared.engine.credentials().test(&name, body.url, &shared.outside).await?;
    let Tested { is_good, status, error } = tested;
    let error = error.map(|error: ErrorValue| TestError {
        code: error.code.to_string(),
        message: error.message.to_string(),
    });
    let note = Note::new(&name, json!({"is_good": is_good, "status": status}));
    Ok(note.on(Sent(TestShown { is_good, status, error }).into_response()))
}

/// Where a person agrees.
#[derive(Serialize, ToSchema)]
pub(super) struct AuthorizationShown {
    /// The address to open in a browser.
    url: String,
    /// Where the service sends the person back to; it must be registered there.
    redirect_uri: String,
    /// Until when it can be done.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
}

/// Begins the authorization of a credential of the type oauth2_authorization_code: a person opens the address, agrees, and is sent back. It works once, for ten
/// minutes, for as long as the caller may do this. If a session asks, it must be finished in the same browser.
#[utoipa::path(post, path = "/credentials/{name}/authorize", operation_id = "authorize_credential", tag = "credentials", params(CredentialPath), request_body = Nothing,
    responses(
        (status = 200, description = "What to open.", body = AuthorizationShown),
        (status = 409, description = "There is nothing to authorize: `credential.not_authorizable`."),
    ))]
pub(super) async fn authorize(
    State(shared): State<Shared>,
    Extension(caller): Extension<Caller>,
    Named(CredentialPath { name }): Named<CredentialPath>,
    Json(Nothing {}): Json<Nothing>,
) -> Answer {
    let (asker, cookie) = Asker::new(&shared, caller);
    let asker = serde_json::to_value(asker).unwrap_or_default();
    let redirect_uri = format!("{}{CALLBACK}", shared.base);
    let begun = shared.engine.credentials().authorize(&name, &redirect_uri, asker).await?;
    let shown = AuthorizationShown { url: begun.url, redirect_uri, expires_at: begun.expires_at };
    let mut response = Sent(shown).into_response();
    if let Some(cookie) = cookie.and_then(|cookie| HeaderValue::from_str(&cookie).ok()) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

impl From<CredentialError> for Problem {
    fn from(error: CredentialError) -> Self {
        let status = match &error {
            CredentialError::Kept(SecretError::Store(StoreError::Outdated { current, .. })) => {
                let detail = "somebody else changed it; look at it again";
                return Problem::new(StatusCode::CONFLICT, "credential.outdated", detail)
                    .with("current_version", *current);
            }
            CredentialError::Kept(error) => return error.clone().into(),
            CredentialError::NotFound(_) => StatusCode::NOT_FOUND,
            CredentialError::InvalidName | CredentialError::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
            CredentialError::NotAuthorizable(_) | CredentialError::Changed(_) => StatusCode::CONFLICT,
            CredentialError::UnknownState => StatusCode::GONE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let text = error.to_string();
        let detail = text.split_once(": ").map_or(text.as_str(), |(_, detail)| detail);
        Problem::new(status, error.code(), detail)
    }
}
