//! `GET /oauth/callback`: where a service sends a person who agreed that a credential may act for them.
//!
//! What it is shown must be a state that was given to somebody less than ten minutes ago, who may still do what they asked for; if they asked in a browser, it must
//! be the same one. It answers with a page, and leads nowhere.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use prana::{CredentialError, Pending, SecretText};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::access::{Caller, Scope, Who};
use crate::changes::Note;
use crate::links::html;
use crate::receive::Asked;
use crate::server::Shared;

/// Its path.
pub const CALLBACK: &str = "/oauth/callback";

/// The cookie that ties an authorization to a browser. It comes along when a service sends the person back, as the session's own doesn't.
const COOKIE: &str = "prana_oauth";

/// What people are told of what a service says is no longer than this, in characters.
const MAX_TOLD: usize = 300;

/// Who asked for an authorization.
#[derive(Clone, Serialize, Deserialize)]
pub struct Asker {
    who: Who,
    scope: Scope,
    session: Option<String>,
    /// The hash of the cookie that must come back.
    browser: Option<String>,
}

impl Asker {
    /// A caller, and the cookie that ties what they ask for to their browser, if they have one.
    pub fn new(shared: &Shared, caller: Caller) -> (Self, Option<String>) {
        let Caller { who, scope, session } = caller;
        let mut asker = Asker { who, scope, session, browser: None };
        if asker.session.is_none() {
            return (asker, None);
        }
        let random: Vec<u8> = (0..4).flat_map(|_| shared.clock.random().to_be_bytes()).collect();
        let value = URL_SAFE_NO_PAD.encode(random);
        asker.browser = Some(hash_of(&value));
        let secure = if shared.is_secure { "; Secure" } else { "" };
        let cookie =
            format!("{COOKIE}={value}; Path={CALLBACK}; Max-Age=600; HttpOnly; SameSite=Lax{secure}");
        (asker, Some(cookie))
    }

    fn caller(&self) -> Caller {
        Caller { who: self.who.clone(), scope: self.scope, session: self.session.clone() }
    }

    fn is_same_browser(&self, headers: &HeaderMap) -> bool {
        let Some(expected) = &self.browser else { return true };
        let lines = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
        pairs.any(|(name, value)| {
            name == COOKIE && hash_of(value).as_bytes().ct_eq(expected.as_bytes()).into()
        })
    }
}

fn hash_of(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What the service sends along; it may send more.
#[derive(Deserialize)]
pub struct SentBack {
    state: Option<String>,
    code: Option<String>,
    error: Option<String>,
    error_description: Option<String>,
}

/// `GET /oauth/callback`
pub async fn callback(
    State(shared): State<Shared>,
    headers: HeaderMap,
    Asked(back): Asked<SentBack>,
) -> Response {
    match finish(&shared, &headers, back).await {
        Ok(pending) => {
            let text = format!(
                "<p>The credential {} can be used now. You can close this page.</p>",
                escaped(&pending.credential)
            );
            let asker = asker_of(&pending);
            let note =
                Note { who: asker.map(|asker| asker.who), ..Note::new(&pending.credential, json!({})) };
            note.on(html(StatusCode::OK, "Authorized", &text))
        }
        Err((status, text)) => html(status, "Not authorized", &format!("<p>{}</p>", escaped(&text))),
    }
}

type Refusal = (StatusCode, String);

fn asker_of(pending: &Pending) -> Option<Asker> {
    serde_json::from_value(pending.asker.clone()).ok()
}

async fn finish(shared: &Shared, headers: &HeaderMap, back: SentBack) -> Result<Pending, Refusal> {
    let unknown = || (StatusCode::GONE, plain(&CredentialError::UnknownState.to_string()));
    let state = back.state.filter(|state| !state.is_empty()).ok_or_else(unknown)?;
    let credentials = shared.engine.credentials();
    let pending = credentials.take_state(&state).await.map_err(|error| match error {
        CredentialError::UnknownState => unknown(),
        error => (StatusCode::SERVICE_UNAVAILABLE, plain(&error.to_string())),
    })?;
    let asker = asker_of(&pending).ok_or_else(unknown)?;
    if !asker.is_same_browser(headers) {
        let text = "This was asked for in another browser. Ask for it again, in this one.";
        return Err((StatusCode::FORBIDDEN, text.to_owned()));
    }
    if asker.scope < Scope::Edit || !matches!(shared.access.is_still(&asker.caller()).await, Ok(true)) {
        let text =
            "Who asked for this may do so no more: a session that is over, or a token that was revoked.";
        return Err((StatusCode::FORBIDDEN, text.to_owned()));
    }
    let code = match (back.code, back.error) {
        (Some(code), None) if !code.is_empty() => SecretText::from(code),
        (_, error) => return Err((StatusCode::BAD_REQUEST, denied(error, back.error_description))),
    };
    let finished = credentials.finish(&pending, code, &shared.outside).await;
    finished.map_err(|error| (StatusCode::BAD_GATEWAY, error.message.to_string()))?;
    Ok(pending)
}

fn denied(error: Option<String>, description: Option<String>) -> String {
    let said: Vec<String> = [error, description].into_iter().flatten().collect();
    let said: String = said.join(": ").chars().take(MAX_TOLD).collect();
    match said.is_empty() {
        true => "The service sent no code.".to_owned(),
        false => format!("The service did not agree: {said}"),
    }
}

/// The sentence without its code.
fn plain(text: &str) -> String {
    text.split_once(": ").map_or(text, |(_, text)| text).to_owned()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
