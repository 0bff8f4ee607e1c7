//! Who is in, and who may come in: sessions, tokens, users.

use axum::Json as Sent;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};

use crate::access::identify::{Origin, cookie_name, csrf_proof};
use crate::access::sessions::{Login, csrf_of};
use crate::access::tokens::{NewToken, Token};
use crate::access::users::User;
use crate::access::{Caller, Scope, Who};
use crate::admit::within;
use crate::changes::Note;
use crate::limit::Key;
use crate::problem::Problem;
use crate::receive::{Json, Named};
use crate::server::Shared;

type Answer = Result<Response, Problem>;

/// The user that a login without a name is of.
const FIRST_USER: &str = "admin";

/// Who is in.
#[derive(Serialize, ToSchema)]
pub(super) struct Session {
    /// Whether the server knows who asks, or doesn't ask yet.
    authenticated: bool,
    /// True while no token and no user was ever made: everybody at this machine may do everything.
    open: bool,
    /// Who: `{"kind": "anyone" | "local" | "token" | "user", "name", "id"}`; null if nobody.
    who: Value,
    /// What they may do at most.
    scope: Option<Scope>,
    /// All that they may do.
    allowed: Vec<Scope>,
    /// What to send as `X-CSRF-Token` with each change; null if there is no session.
    csrf_token: Option<String>,
    /// Whether there is a user who can log in.
    can_log_in: bool,
}

/// Who asks, and what they may do.
#[utoipa::path(get, path = "/session", operation_id = "session", tag = "access",
    responses((status = 200, description = "Also if nobody is in.", body = Session)))]
pub(super) async fn session(
    State(shared): State<Shared>,
    caller: Option<Extension<Caller>>,
    headers: HeaderMap,
) -> Answer {
    let caller = caller.map(|Extension(caller)| caller);
    let scope = caller.as_ref().map(|caller| caller.scope);
    let has_session = caller.as_ref().is_some_and(|caller| caller.session.is_some());
    let session = Session {
        authenticated: caller.is_some(),
        open: !shared.access.is_closed().await?,
        who: caller.as_ref().map_or(Value::Null, |caller| json!(caller.who)),
        scope,
        allowed: Scope::ALL.into_iter().filter(|one| scope.is_some_and(|scope| *one <= scope)).collect(),
        csrf_token: csrf_proof(&headers, cookie_name(shared.is_secure)).filter(|_| has_session),
        can_log_in: !shared.access.users().await?.is_empty(),
    };
    Ok(Sent(session).into_response())
}

/// Who wants to come in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Credentials {
    /// The user; `admin` if not said.
    #[serde(default)]
    user: Option<String>,
    /// The password.
    password: String,
}

/// A session that began; its cookie came with the answer.
#[derive(Serialize, ToSchema)]
pub(super) struct Began {
    /// The user.
    user: String,
    /// What they may do at most.
    scope: Scope,
    /// What to send as `X-CSRF-Token` with each change.
    csrf_token: String,
}

/// Begins a session with a password. The answer sets its cookie.
#[utoipa::path(post, path = "/login", operation_id = "log_in", tag = "access", request_body = Credentials,
    responses(
        (status = 200, description = "The session began.", body = Began),
        (status = 401, description = "Not with this user and password: `auth.wrong_password`."),
        (status = 429, description = "Too many tries: `request.too_many`."),
    ))]
pub(super) async fn log_in(
    State(shared): State<Shared>,
    Extension(origin): Extension<Origin>,
    Json(body): Json<Credentials>,
) -> Answer {
    let user = body.user.unwrap_or_else(|| FIRST_USER.to_owned());
    let login = guarded(&shared, origin, shared.access.log_in(&user, &body.password)).await?;
    let Some(login) = login else {
        tracing::warn!(from = ?origin.client, "a login was refused");
        return Err(wrong_password());
    };
    Ok(began(&shared, user, &login))
}

fn wrong_password() -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "auth.wrong_password", "no user has this name and password")
}

fn began(shared: &Shared, user: String, login: &Login) -> Response {
    let csrf_token = csrf_of(&login.secret);
    let note = Note { who: Some(Who::User { name: user.clone() }), ..Note::default() };
    let cookie = cookie(shared, &login.secret, login.lives_seconds);
    let body = Began { user, scope: login.scope, csrf_token };
    note.on(([(header::SET_COOKIE, cookie)], Sent(body)).into_response())
}

/// Counts a try of a password; one that was right doesn't count.
async fn guarded<T>(
    shared: &Shared,
    origin: Origin,
    work: impl Future<Output = Result<Option<T>, crate::access::AccessError>>,
) -> Result<Option<T>, Problem> {
    let keys = [(&shared.limits.logins, origin.client.map_or(Key::EVERYBODY, Key::of))];
    for (limiter, key) in keys.iter().chain(&[(&shared.limits.all_logins, Key::EVERYBODY)]) {
        within(limiter, *key)?;
    }
    let done = work.await?;
    if done.is_some() {
        keys.iter().for_each(|(limiter, key)| limiter.give_back(*key));
        shared.limits.all_logins.give_back(Key::EVERYBODY);
    }
    Ok(done)
}

fn cookie(shared: &Shared, value: &str, seconds: u64) -> HeaderValue {
    let secure = if shared.is_secure { "; Secure" } else { "" };
    let name = cookie_name(shared.is_secure);
    let text = format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}");
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(""))
}

/// Ends the session that the request comes with.
#[utoipa::path(post, path = "/logout", operation_id = "log_out", tag = "access",
    responses((status = 204, description = "No session is left.")))]
pub(super) async fn log_out(State(shared): State<Shared>, caller: Option<Extension<Caller>>) -> Answer {
    if let Some(key) = caller.and_then(|Extension(caller)| caller.session) {
        shared.access.log_out(&key).await?;
    }
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie(&shared, "", 0))]).into_response())
}

/// A change of one's own password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewPassword {
    /// The one of now.
    current: String,
    /// The one from now on: at least 12 characters.
    new: String,
}

/// Changes one's own password. All sessions of the user end; this one goes on with a new cookie.
#[utoipa::path(post, path = "/password", operation_id = "change_password", tag = "access", request_body = NewPassword,
    responses(
        (status = 200, description = "The new password holds, and a new session began.", body = Began),
        (status = 401, description = "`current` is not the password: `auth.wrong_password`."),
        (status = 409, description = "Only somebody who logged in has a password: `auth.no_password`."),
        (status = 422, description = "The new one is too short or too long: `access.invalid`."),
    ))]
pub(super) async fn change_password(
    State(shared): State<Shared>,
    Extension(caller): Extension<Caller>,
    Extension(origin): Extension<Origin>,
    Json(body): Json<NewPassword>,
) -> Answer {
    let Who::User { name } = caller.who else {
        let detail =
            "only somebody who logged in has a password to change; PUT /api/v1/users/{name} sets one";
        return Err(Problem::new(StatusCode::CONFLICT, "auth.no_password", detail));
    };
    let change = async {
        let changed = shared.access.change_password(&name, &body.current, &body.new).await?;
        if changed { shared.access.log_in(&name, &body.new).await } else { Ok(None) }
    };
    match guarded(&shared, origin, change).await? {
        Some(login) => Ok(began(&shared, name, &login)),
        None => Err(wrong_password()),
    }
}

/// All tokens.
#[derive(Serialize, ToSchema)]
pub(super) struct Tokens {
    /// By when they were made.
    tokens: Vec<Token>,
}

/// A token that was made.
#[derive(Serialize, ToSchema)]
pub(super) struct MadeToken {
    /// What to send as `Authorization: Bearer TOKEN`. It is told this once.
    token: String,
    /// How it is listed.
    #[serde(flatten)]
    listed: Token,
}

/// A token, in a path.
#[derive(Deserialize, IntoParams)]
pub(super) struct TokenPath {
    /// Its `id`.
    id: String,
}

/// Lists the tokens; never their secrets.
#[utoipa::path(get, path = "/tokens", operation_id = "list_tokens", tag = "access",
    responses((status = 200, description = "All tokens.", body = Tokens)))]
pub(super) async fn tokens(State(shared): State<Shared>) -> Answer {
    Ok(Sent(Tokens { tokens: shared.access.tokens().await? }).into_response())
}

/// Makes a token for a program. Its text is in this answer and nowhere else.
#[utoipa::path(post, path = "/tokens", operation_id = "create_token", tag = "access", request_body = NewToken,
    responses(
        (status = 201, description = "The token.", body = MadeToken),
        (status = 422, description = "The name is none, or the token would never be good: `access.invalid`."),
    ))]
pub(super) async fn create_token(State(shared): State<Shared>, Json(body): Json<NewToken>) -> Answer {
    let (listed, token) = shared.access.create_token(body).await?;
    let note = Note::new(&listed.id, json!({"name": listed.name, "scope": listed.scope}));
    Ok(note.on((StatusCode::CREATED, Sent(MadeToken { token, listed })).into_response()))
}

/// Ends a token at once.
#[utoipa::path(delete, path = "/tokens/{id}", operation_id = "revoke_token", tag = "access", params(TokenPath),
    responses((status = 204, description = "It is good for nothing any more.")))]
pub(super) async fn revoke_token(
    State(shared): State<Shared>,
    Named(TokenPath { id }): Named<TokenPath>,
) -> Answer {
    let Some(token) = shared.access.revoke_token(&id).await? else { return Err(unknown("token", &id)) };
    let note = Note::new(&id, json!({"name": token.name, "scope": token.scope}));
    Ok(note.on(StatusCode::NO_CONTENT.into_response()))
}

fn unknown(what: &str, name: &str) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "access.not_found", format!("there is no {what} `{name}`"))
}

/// All users.
#[derive(Serialize, ToSchema)]
pub(super) struct Users {
    /// By name.
    users: Vec<User>,
}

/// A user, in a path.
#[derive(Deserialize, IntoParams)]
pub(super) struct UserPath {
    /// Their name.
    name: String,
}

/// What a user gets; what is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PutUser {
    /// At least 12 characters. A new one ends all sessions of the user.
    #[serde(default)]
    password: Option<String>,
    /// What they may do; a new user may do everything, if not said.
    #[serde(default)]
    scope: Option<Scope>,
}

/// What became of a change of a user.
#[derive(Serialize, ToSchema)]
pub(super) struct PutUserDone {
    /// Their name.
    name: String,
    /// Whether they are new.
    is_new: bool,
}

/// Lists the people who can log in.
#[utoipa::path(get, path = "/users", operation_id = "list_users", tag = "access",
    responses((status = 200, description = "All users.", body = Users)))]
pub(super) async fn users(State(shared): State<Shared>) -> Answer {
    Ok(Sent(Users { users: shared.access.users().await? }).into_response())
}

/// Makes a user, or changes one. From the first on, everybody must say who they are.
#[utoipa::path(put, path = "/users/{name}", operation_id = "put_user", tag = "access", params(UserPath), request_body = PutUser,
    responses(
        (status = 200, description = "The user is as told.", body = PutUserDone),
        (status = 409, description = "Somebody else changed the user at the same time: `access.outdated`."),
        (status = 422, description = "The name or the password is none: `access.invalid`."),
    ))]
pub(super) async fn put_user(
    State(shared): State<Shared>,
    Named(UserPath { name }): Named<UserPath>,
    Json(body): Json<PutUser>,
) -> Answer {
    let is_new = shared.access.put_user(&name, body.password.as_deref(), body.scope).await?;
    let details = json!({"is_new": is_new, "password": body.password.is_some(), "scope": body.scope});
    Ok(Note::new(&name, details).on(Sent(PutUserDone { name, is_new }).into_response()))
}

/// Takes a user out, and ends their sessions.
#[utoipa::path(delete, path = "/users/{name}", operation_id = "delete_user", tag = "access", params(UserPath),
    responses((status = 204, description = "They can't log in any more.")))]
pub(super) async fn delete_user(
    State(shared): State<Shared>,
    Named(UserPath { name }): Named<UserPath>,
) -> Answer {
    if !shared.access.delete_user(&name).await? {
        return Err(unknown("user", &name));
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}
