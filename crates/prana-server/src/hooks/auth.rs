//! Who may call a webhook. Secrets are compared in constant time.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use prana::core::Timestamp;
use prana::core::nodes::webhook_trigger::{
    HmacAlgorithm, SignatureEncoding, WebhookAuth, WebhookAuthType, WebhookTriggerParams,
};
use sha2::{Digest, Sha256, Sha512};
use subtle::ConstantTimeEq;

use super::{credentials, jwt};
use crate::form::digit;
use crate::problem::Problem;

const DEFAULT_TOLERANCE: u32 = 300;

/// Can anybody pass this, and nobody by leaving something out?
pub fn check(params: &mut WebhookTriggerParams) -> Result<(), String> {
    let auth = &mut params.auth;
    if auth.secret.is_none() {
        auth.secret.clone_from(&params.secret);
    }
    if params.secret.is_some() && auth.auth_type == WebhookAuthType::None {
        return Err(
            "a `secret` without `auth.type` protects nothing: write `auth: {type: hmac, ...}`".to_owned()
        );
    }
    let given = |field: &Option<String>| field.as_ref().is_some_and(|text| !text.is_empty());
    let missing = match auth.auth_type {
        WebhookAuthType::None => None,
        WebhookAuthType::Basic if !given(&auth.username) => Some("username"),
        WebhookAuthType::Basic if !given(&auth.password) => Some("password"),
        WebhookAuthType::Header if !given(&auth.header_value) => Some("header_value"),
        WebhookAuthType::Hmac if !given(&auth.secret) => Some("secret"),
        WebhookAuthType::Jwt => return credentials::check(auth).and_then(|()| jwt::check(auth)),
        _ => None,
    };
    match missing {
        Some(field) => Err(format!("`auth.{field}` is missing")),
        None => credentials::check(auth),
    }
}

/// Whether this can be told before the body is read.
pub fn needs_body(auth: &WebhookAuth) -> bool {
    auth.auth_type == WebhookAuthType::Hmac
}

/// The header that holds the secret or the signature.
pub fn header_name(auth: &WebhookAuth) -> &str {
    auth.header_name.as_deref().unwrap_or("authorization")
}

/// Lets a request pass, or not.
pub fn pass(auth: &WebhookAuth, headers: &HeaderMap, body: &[u8], now: Timestamp) -> Result<(), Problem> {
    let passes = match auth.auth_type {
        WebhookAuthType::None => true,
        WebhookAuthType::Basic => basic(auth, headers),
        WebhookAuthType::Header => {
            let sent = only(headers, header_name(auth));
            sent.zip(auth.header_value.as_deref()).is_some_and(|(sent, own)| same(sent, own.as_bytes()))
        }
        WebhookAuthType::Hmac => signed(auth, headers, body, now).unwrap_or(false),
        WebhookAuthType::Jwt => bearer(auth, headers).is_some_and(|token| jwt::passes(auth, token, now)),
    };
    if passes {
        return Ok(());
    }
    let problem = Problem::new(
        StatusCode::UNAUTHORIZED,
        "webhook.unauthorized",
        "this webhook needs a valid proof of who calls",
    );
    Err(match auth.auth_type {
        WebhookAuthType::Jwt if auth.header_name.is_none() => {
            problem.header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
        }
        WebhookAuthType::Basic => problem.header(
            header::WWW_AUTHENTICATE,
            HeaderValue::from_static("Basic realm=\"webhook\", charset=\"UTF-8\""),
        ),
        _ => problem,
    })
}

/// The token behind `Bearer`; in another header than `Authorization` it may stand alone.
fn bearer<'h>(auth: &WebhookAuth, headers: &'h HeaderMap) -> Option<&'h str> {
    let text = std::str::from_utf8(only(headers, header_name(auth))?).ok()?;
    match text.split_once(' ') {
        Some((scheme, token)) => scheme.eq_ignore_ascii_case("bearer").then(|| token.trim()),
        None => auth.header_name.is_some().then_some(text),
    }
}

/// The value of a header that came once.
fn only<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h [u8]> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?;
    values.next().is_none().then_some(first.as_bytes())
}

/// Of the hashes, so that not even the lengths show.
fn same(a: &[u8], b: &[u8]) -> bool {
    Sha256::digest(a).as_slice().ct_eq(Sha256::digest(b).as_slice()).into()
}

fn basic(auth: &WebhookAuth, headers: &HeaderMap) -> bool {
    let read = || {
        let text = std::str::from_utf8(only(headers, "authorization")?).ok()?;
        let (scheme, encoded) = text.split_once(' ')?;
        scheme.eq_ignore_ascii_case("basic").then(|| STANDARD.decode(encoded.trim()).ok())?
    };
    let expected = format!(
        "{}:{}",
        auth.username.as_deref().unwrap_or_default(),
        auth.password.as_deref().unwrap_or_default()
    );
    read().is_some_and(|sent| same(&sent, expected.as_bytes()))
}

fn signed(auth: &WebhookAuth, headers: &HeaderMap, body: &[u8], now: Timestamp) -> Option<bool> {
    let text = std::str::from_utf8(only(headers, header_name(auth))?).ok()?;
    let text = text.strip_prefix(auth.prefix.as_deref().unwrap_or_default())?;
    let signature = match auth.encoding {
        SignatureEncoding::Hex => hex(text)?,
        SignatureEncoding::Base64 => STANDARD.decode(text).ok()?,
    };
    let time = match &auth.timestamp_header {
        None => None,
        Some(name) => Some(in_time(auth, only(headers, name)?, now)?),
    };
    let parts = [time.unwrap_or_default(), if time.is_some() { b"." } else { b"" }, body];
    let secret = auth.secret.as_deref()?.as_bytes();
    match auth.algorithm {
        HmacAlgorithm::Sha256 => verify(Hmac::<Sha256>::new_from_slice(secret).ok()?, &parts, &signature),
        HmacAlgorithm::Sha512 => verify(Hmac::<Sha512>::new_from_slice(secret).ok()?, &parts, &signature),
    }
}

fn verify<M: Mac>(mut mac: M, parts: &[&[u8]], signature: &[u8]) -> Option<bool> {
    parts.iter().for_each(|part| mac.update(part));
    // Compared in constant time.
    Some(mac.verify_slice(signature).is_ok())
}

/// The time as it was sent, if it is near enough to ours.
fn in_time<'t>(auth: &WebhookAuth, sent: &'t [u8], now: Timestamp) -> Option<&'t [u8]> {
    let seconds: i64 = std::str::from_utf8(sent).ok()?.parse().ok()?;
    let tolerance = u64::from(auth.tolerance_seconds.unwrap_or(DEFAULT_TOLERANCE));
    (now.as_millis().div_euclid(1_000).abs_diff(seconds) <= tolerance).then_some(sent)
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let bytes = text.as_bytes();
    if !bytes.len().is_multiple_of(2) {
        return None;
    }
    bytes.chunks(2).map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?)).collect()
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderName;
    use prana::Value;

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    fn check(auth: &str, headers: &[(&'static str, &str)], expect: bool) {
        let auth: WebhookAuth =
            prana::template::from_value(&Value::parse_json(auth).expect("JSON")).expect("an auth");
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(HeaderName::from_static(name), HeaderValue::from_str(value).expect("a value"));
        }
        assert_eq!(pass(&auth, &map, b"{\"a\":1}", NOW).is_ok(), expect, "{auth:?} {headers:?}");
    }

    fn hex_of(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn sign(text: &str) -> Vec<u8> {
        let mut mac = Hmac::<Sha256>::new_from_slice(b"k").expect("a key");
        mac.update(text.as_bytes());
        mac.finalize().into_bytes().to_vec()
    }

    #[test]
    fn headers_and_passwords() {
        let header = r#"{"type": "header", "header_name": "X-Key", "header_value": "s3cret"}"#;
        check(header, &[("x-key", "s3cret")], true);
        check(header, &[("x-key", "s3cres")], false);
        check(header, &[("x-key", "s3cret"), ("x-key", "s3cret")], false);
        check(header, &[], false);
        let basic = r#"{"type": "basic", "username": "ann", "password": "pass:word"}"#;
        let sent = format!("Basic {}", STANDARD.encode("ann:pass:word"));
        check(basic, &[("authorization", &sent)], true);
        check(basic, &[("authorization", &sent.replace("Basic", "Bearer"))], false);
        check(basic, &[("authorization", "Basic !")], false);
        check(basic, &[("authorization", "Basic")], false);
    }

    #[test]
    fn signatures() {
        let auth = r#"{"type": "hmac", "header_name": "x-sig", "secret": "k", "prefix": "sha256="}"#;
        let good = format!("sha256={}", hex_of(&sign("{\"a\":1}")));
        check(auth, &[("x-sig", &good)], true);
        check(auth, &[("x-sig", &good[7..])], false);
        check(auth, &[("x-sig", &good[..good.len() - 2])], false);
        check(auth, &[("x-sig", "sha256=zz")], false);
        check(auth, &[("x-sig", "sha256=")], false);
        check(auth, &[], false);
        let base64 = r#"{"type": "hmac", "header_name": "x-sig", "secret": "k", "encoding": "base64"}"#;
        check(base64, &[("x-sig", &STANDARD.encode(sign("{\"a\":1}")))], true);
        check(base64, &[("x-sig", &STANDARD.encode(sign("{\"a\":2}")))], false);
    }

    #[test]
    fn signatures_with_a_time_grow_old() {
        let auth = r#"{"type": "hmac", "header_name": "x-sig", "secret": "k", "timestamp_header": "x-time"}"#;
        for (time, expect) in
            [(1_700_000_000, true), (1_700_000_300, true), (1_699_999_699, false), (1_700_000_301, false)]
        {
            let signature = hex_of(&sign(&format!("{time}.{{\"a\":1}}")));
            check(auth, &[("x-sig", &signature), ("x-time", &time.to_string())], expect);
        }
        let without = hex_of(&sign("{\"a\":1}"));
        check(auth, &[("x-sig", &without)], false);
        check(auth, &[("x-sig", &without), ("x-time", "soon")], false);
    }
}
