//! The token endpoint of OAuth 2 (RFC 6749): how tokens are asked for, and what it says.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use prana_core::ErrorValue;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Method, Url};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::http_request::answer::{retry_after, shortened};
use crate::http_request::prepare::Prepared;
use crate::http_request::send::{self, Answer};
use crate::outside::Outside;
use crate::secrets::{CallSecrets, Redactor, SecretText};

/// A token endpoint must have answered after this time.
const TIMEOUT: Duration = Duration::from_secs(10);

/// So much of what it says is told, in characters.
const MAX_TOLD: usize = 500;

/// How the token endpoint is told who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AuthStyle {
    /// In the Authorization header.
    #[default]
    #[serde(alias = "header")]
    Basic,
    /// In the body, as `client_id` and `client_secret`.
    Body,
}

/// Who asks for tokens, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// The address of the token endpoint.
    pub token_url: Url,
    /// Who.
    pub client_id: String,
    /// The proof; without it, a public client.
    pub client_secret: Option<SecretText>,
    /// How both are sent.
    pub auth_style: AuthStyle,
}

/// What tokens are asked for with.
#[derive(Debug, Clone)]
pub enum Ask<'a> {
    /// By who the client is.
    Client {
        /// What for; the service decides if there are none.
        scopes: &'a [String],
        /// For which service, where the endpoint wants to know.
        audience: Option<&'a str>,
    },
    /// By the code that an authorization gave.
    Code {
        /// The code.
        code: &'a SecretText,
        /// Where it was sent to.
        redirect_uri: &'a str,
        /// What proves that it was asked for here (RFC 7636).
        verifier: &'a SecretText,
    },
    /// By the refresh token of an earlier answer.
    Refresh {
        /// It.
        refresh_token: &'a SecretText,
    },
}

/// What a token endpoint gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tokens {
    /// What services take.
    pub access_token: SecretText,
    /// What gives the next one.
    pub refresh_token: Option<SecretText>,
    /// How long the access token is good for, in seconds, if that was said.
    pub lives_seconds: Option<u64>,
    /// What it is good for, if that was said.
    pub scope: Option<String>,
}

/// The address of an endpoint: over TLS, unless it is on this machine.
///
/// # Errors
/// What is wrong with it.
pub fn endpoint(text: &str) -> Result<Url, &'static str> {
    let url = Url::parse(text.trim()).map_err(|_| "it is not a URL such as https://login.example/token")?;
    let is_here = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    match url.scheme() {
        "https" => {}
        "http" if is_here => {}
        _ => return Err("it must begin with https://"),
    }
    if url.fragment().is_some() || !url.username().is_empty() || url.password().is_some() {
        return Err("it can't have a fragment, a name or a password");
    }
    Ok(url)
}

/// Asks for tokens. `who` begins every error: `the credential x`.
///
/// # Errors
/// `credential.token_refused` with what the endpoint said, `credential.needs_authorization` if it takes a refresh token no more,
/// `credential.token_unavailable` if it can't be reached, `credential.token_invalid` if its answer makes no sense.
pub async fn ask(outside: &Outside, who: &str, client: &Client, ask: &Ask<'_>) -> Result<Tokens, ErrorValue> {
    let redactor = secrets_of(client, ask);
    let secrets = CallSecrets::new(Vec::new(), redactor);
    let request = request(client, ask)?;
    let sent = send::send(outside, &secrets, request.clone(), false);
    let answered = match tokio::time::timeout(TIMEOUT, sent).await {
        Ok(answered) => answered,
        Err(_) => Err(send::timed_out(&request, TIMEOUT, "no answer")),
    };
    let answer = answered.map_err(|error| ErrorValue {
        code: "credential.token_unavailable".into(),
        message: format!("{who}: no token can be had: {}", error.message).into(),
        ..error
    })?;
    read(who, ask, &secrets, &answer)
}

fn secrets_of(client: &Client, ask: &Ask<'_>) -> Redactor {
    let redactor = Redactor::default();
    client.client_secret.iter().for_each(|secret| redactor.learn(secret.reveal()));
    match ask {
        Ask::Client { .. } => {}
        Ask::Code { code, verifier, .. } => {
            [code, verifier].iter().for_each(|text| redactor.learn(text.reveal()))
        }
        Ask::Refresh { refresh_token } => redactor.learn(refresh_token.reveal()),
    }
    redactor
}

fn request(client: &Client, ask: &Ask<'_>) -> Result<Prepared, ErrorValue> {
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
    let mut fields = fields(ask);
    match (&client.client_secret, client.auth_style) {
        (Some(secret), AuthStyle::Basic) => {
            headers.insert(AUTHORIZATION, basic(&client.client_id, secret)?);
        }
        (secret, _) => {
            fields.push(("client_id", client.client_id.clone()));
            fields.extend(secret.iter().map(|secret| ("client_secret", secret.reveal().to_owned())));
        }
    }
    let body = form(&fields).into_bytes();
    Ok(Prepared { method: Method::POST, url: client.token_url.clone(), headers, body: Some(body) })
}

fn fields(ask: &Ask<'_>) -> Vec<(&'static str, String)> {
    match ask {
        Ask::Client { scopes, audience } => {
            let mut fields = vec![("grant_type", "client_credentials".to_owned())];
            if !scopes.is_empty() {
                fields.push(("scope", scopes.join(" ")));
            }
            fields.extend(audience.map(|audience| ("audience", audience.to_owned())));
            fields
        }
        Ask::Code { code, redirect_uri, verifier } => vec![
            ("grant_type", "authorization_code".to_owned()),
            ("code", code.reveal().to_owned()),
            ("redirect_uri", (*redirect_uri).to_owned()),
            ("code_verifier", verifier.reveal().to_owned()),
        ],
        Ask::Refresh { refresh_token } => vec![
            ("grant_type", "refresh_token".to_owned()),
            ("refresh_token", refresh_token.reveal().to_owned()),
        ],
    }
}

/// Name and password are written as in forms before they are put together (RFC 6749, 2.3.1).
fn basic(client_id: &str, secret: &SecretText) -> Result<HeaderValue, ErrorValue> {
    let quoted = |text: &str| form(&[("", text.to_owned())]).trim_start_matches('=').to_owned();
    let pair = STANDARD.encode(format!("{}:{}", quoted(client_id), quoted(secret.reveal())));
    let mut value = HeaderValue::from_str(&format!("Basic {pair}"))
        .map_err(|error| ErrorValue::new("credential.invalid", error.to_string()).not_retryable())?;
    value.set_sensitive(true);
    Ok(value)
}

fn form(fields: &[(&str, String)]) -> String {
    let mut text = Url::parse("http://form/").ok();
    if let Some(url) = &mut text {
        url.query_pairs_mut().extend_pairs(fields);
    }
    text.as_ref().and_then(Url::query).unwrap_or_default().to_owned()
}

/// An answer, read loosely: services say numbers as text, and errors with a status of success.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Said {
    access_token: serde_json::Value,
    refresh_token: serde_json::Value,
    token_type: serde_json::Value,
    expires_in: serde_json::Value,
    scope: serde_json::Value,
    error: serde_json::Value,
    error_description: serde_json::Value,
}

fn read(who: &str, ask: &Ask<'_>, secrets: &CallSecrets, answer: &Answer) -> Result<Tokens, ErrorValue> {
    let said: Said = serde_json::from_slice(&answer.body).unwrap_or_default();
    let text = |value: &serde_json::Value| value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let status = answer.status.as_u16();
    if status == 429 || status >= 500 {
        let message = format!(
            "{who}: no token can be had: {} was answered with {}",
            answer.asked,
            told(secrets, answer, &said)
        );
        let mut error = ErrorValue::new("credential.token_unavailable", message);
        error.retry_after_ms = retry_after(&answer.headers, jiff::Timestamp::now());
        return Err(error);
    }
    if !answer.status.is_success() || !said.error.is_null() {
        return Err(refused(who, ask, secrets, answer, &said));
    }
    let invalid = |why: &str| {
        let message = format!("{who}: what {} was answered with gives no token: {why}", answer.asked);
        ErrorValue::new("credential.token_invalid", message).not_retryable()
    };
    let token_type = text(&said.token_type).unwrap_or_default();
    if ["mac", "pop", "dpop"].iter().any(|other| token_type.eq_ignore_ascii_case(other)) {
        return Err(invalid("its token is of a kind that needs more than to be shown"));
    }
    let access_token = text(&said.access_token).ok_or_else(|| invalid("it has no `access_token`"))?;
    let lives_seconds = said.expires_in.as_u64().or_else(|| said.expires_in.as_str()?.trim().parse().ok());
    Ok(Tokens {
        access_token: SecretText::from(access_token),
        refresh_token: text(&said.refresh_token).map(SecretText::from),
        lives_seconds,
        scope: text(&said.scope),
    })
}

fn refused(who: &str, ask: &Ask<'_>, secrets: &CallSecrets, answer: &Answer, said: &Said) -> ErrorValue {
    let told = told(secrets, answer, said);
    let is_over = matches!(ask, Ask::Refresh { .. }) && said.error.as_str() == Some("invalid_grant");
    let (code, then) = match is_over {
        true => ("credential.needs_authorization", "; authorize it again"),
        false => ("credential.token_refused", ""),
    };
    let message = format!("{who}: {} gives no token: {told}{then}", answer.asked);
    ErrorValue::new(code, message).not_retryable()
}

/// The status, and what the endpoint says about it.
fn told(secrets: &CallSecrets, answer: &Answer, said: &Said) -> String {
    let mut told = answer.status.as_u16().to_string();
    for text in [&said.error, &said.error_description].into_iter().filter_map(|value| value.as_str()) {
        told.push_str(if told.contains(' ') { ": " } else { " " });
        told.push_str(&shortened(&secrets.redacted(text), MAX_TOLD));
    }
    told
}

#[cfg(test)]
mod tests {
    use reqwest::StatusCode;

    use super::*;

    fn secret(text: &str) -> SecretText {
        SecretText::from(text.to_owned())
    }

    fn client(auth_style: AuthStyle) -> Client {
        let token_url = endpoint("https://login.example/token").unwrap();
        Client { token_url, client_id: "me & co".into(), client_secret: Some(secret("p:w/1")), auth_style }
    }

    #[test]
    fn who_asks_is_sent_one_way_or_the_other() {
        let scopes = ["a".to_owned(), "b c".to_owned()];
        let ask = Ask::Client { scopes: &scopes, audience: Some("api") };
        let body = |request: &Prepared| String::from_utf8(request.body.clone().unwrap()).unwrap();
        let in_header = request(&client(AuthStyle::Basic), &ask).unwrap();
        assert_eq!(body(&in_header), "grant_type=client_credentials&scope=a+b+c&audience=api");
        let pair = STANDARD.encode("me+%26+co:p%3Aw%2F1");
        assert_eq!(in_header.headers[AUTHORIZATION], format!("Basic {pair}"));
        let in_body = request(&client(AuthStyle::Body), &ask).unwrap();
        assert!(body(&in_body).ends_with("&client_id=me+%26+co&client_secret=p%3Aw%2F1"));
        assert!(!in_body.headers.contains_key(AUTHORIZATION));
        let public = Client { client_secret: None, ..client(AuthStyle::Basic) };
        assert!(body(&request(&public, &ask).unwrap()).ends_with("&client_id=me+%26+co"));
    }

    #[test]
    fn endpoints_are_reached_over_tls() {
        for (text, is_one) in [
            ("https://login.example/token?tenant=1", true),
            ("http://127.0.0.1:9/token", true),
            ("http://localhost/token", true),
            ("http://login.example/token", false),
            ("ftp://login.example", false),
            ("https://a:b@login.example", false),
            ("https://login.example/#x", false),
            ("login.example", false),
        ] {
            assert_eq!(endpoint(text).is_ok(), is_one, "{text}");
        }
    }

    fn said(status: u16, body: &str) -> Result<Tokens, ErrorValue> {
        let answer = Answer {
            status: StatusCode::from_u16(status).unwrap(),
            headers: HeaderMap::new(),
            body: body.as_bytes().to_vec(),
            asked: "POST https://login.example/token".to_owned(),
        };
        let token = secret("refresh-token-1");
        let ask = Ask::Refresh { refresh_token: &token };
        let secrets = CallSecrets::new(Vec::new(), secrets_of(&client(AuthStyle::Basic), &ask));
        read("the credential `x`", &ask, &secrets, &answer)
    }

    #[test]
    fn tokens_are_read_as_services_write_them() {
        let tokens =
            said(200, r#"{"access_token":"a","expires_in":"3600","token_type":"Bearer","scope":"x y"}"#)
                .unwrap();
        assert_eq!((tokens.access_token.reveal(), tokens.lives_seconds), ("a", Some(3600)));
        assert_eq!((tokens.refresh_token, tokens.scope.as_deref()), (None, Some("x y")));
    }

    #[test]
    fn refusals_say_what_the_endpoint_said_and_no_secret() {
        for (status, body, code, part) in [
            (
                400,
                r#"{"error":"invalid_grant","error_description":"refresh-token-1 is revoked"}"#,
                "credential.needs_authorization",
                "400 invalid_grant: [redacted] is revoked",
            ),
            (401, r#"{"error":"invalid_client"}"#, "credential.token_refused", "401 invalid_client"),
            (
                200,
                r#"{"error":"bad_verification_code"}"#,
                "credential.token_refused",
                "200 bad_verification_code",
            ),
            (503, "<html>", "credential.token_unavailable", "answered with 503"),
            (302, "", "credential.token_refused", "gives no token: 302"),
            (200, "<html>", "credential.token_invalid", "no `access_token`"),
            (200, r#"{"access_token":"a","token_type":"DPoP"}"#, "credential.token_invalid", "needs more"),
        ] {
            let error = said(status, body).unwrap_err();
            assert_eq!(&*error.code, code, "{error}");
            assert!(
                error.message.contains(part) && error.message.starts_with("the credential `x`: "),
                "{error}"
            );
            assert_eq!(error.retryable, code == "credential.token_unavailable", "{error}");
        }
    }
}
