//! Signed tokens (JWT) as proof of who calls a webhook. The algorithms are pinned: a token doesn't choose its own.

use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, Validation, decode};
use prana::core::Timestamp;
use prana::core::nodes::webhook_trigger::{JwtAlgorithm, WebhookAuth};
use serde_json::Value;

use super::credentials::secret_name;

/// How many seconds clocks may differ, if nobody says.
const DEFAULT_TOLERANCE: u32 = 60;

fn algorithm(algorithm: JwtAlgorithm) -> Algorithm {
    match algorithm {
        JwtAlgorithm::Hs256 => Algorithm::HS256,
        JwtAlgorithm::Hs384 => Algorithm::HS384,
        JwtAlgorithm::Hs512 => Algorithm::HS512,
        JwtAlgorithm::Rs256 => Algorithm::RS256,
        JwtAlgorithm::Es256 => Algorithm::ES256,
    }
}

/// The accepted algorithms.
fn algorithms(auth: &WebhookAuth) -> Vec<Algorithm> {
    match auth.algorithms.as_slice() {
        [] => vec![Algorithm::HS256],
        given => given.iter().map(|one| algorithm(*one)).collect(),
    }
}

/// The one family of the accepted algorithms: with two, a public key could pass as a shared secret.
fn family(auth: &WebhookAuth) -> Result<AlgorithmFamily, String> {
    let mut families = algorithms(auth).into_iter().map(|one| one.family());
    let first = families.next().unwrap_or(AlgorithmFamily::Hmac);
    match families.all(|other| other == first) {
        true => Ok(first),
        false => Err("`auth.algorithms` must be of one kind: HS..., RS... or ES...".to_owned()),
    }
}

fn key(auth: &WebhookAuth) -> Result<DecodingKey, String> {
    let pem = || auth.public_key.as_deref().unwrap_or_default().as_bytes();
    let wrong = |_| "`auth.public_key` is no public key of that kind in PEM".to_owned();
    match family(auth)? {
        AlgorithmFamily::Hmac => {
            Ok(DecodingKey::from_secret(auth.secret.as_deref().unwrap_or_default().as_bytes()))
        }
        AlgorithmFamily::Rsa => DecodingKey::from_rsa_pem(pem()).map_err(wrong),
        _ => DecodingKey::from_ec_pem(pem()).map_err(wrong),
    }
}

/// Can anybody pass this, and nobody by leaving something out?
pub fn check(auth: &WebhookAuth) -> Result<(), String> {
    let given = |field: &Option<String>| field.as_ref().is_some_and(|text| !text.is_empty());
    if family(auth)? == AlgorithmFamily::Hmac {
        return match given(&auth.secret) {
            true => Ok(()),
            false => Err("`auth.secret` is missing".to_owned()),
        };
    }
    if !given(&auth.public_key) {
        return Err("`auth.public_key` is missing: these algorithms have two keys".to_owned());
    }
    match secret_name(auth.public_key.as_deref().unwrap_or_default()) {
        Some(_) => Ok(()),
        None => key(auth).map(drop),
    }
}

/// Whether a token is signed with the key, for this audience, from this issuer, and valid now.
pub fn passes(auth: &WebhookAuth, token: &str, now: Timestamp) -> bool {
    let Ok(key) = key(auth) else { return false };
    let accepted = algorithms(auth);
    let mut validation = Validation::new(accepted[0]);
    validation.algorithms = accepted;
    // Times are compared below, with the server's clock.
    validation.validate_exp = false;
    validation.validate_nbf = false;
    let mut required = vec!["exp"];
    validation.validate_aud = auth.audience.is_some();
    if let Some(audience) = &auth.audience {
        required.push("aud");
        validation.set_audience(&[audience]);
    }
    if let Some(issuer) = &auth.issuer {
        required.push("iss");
        validation.set_issuer(&[issuer]);
    }
    validation.set_required_spec_claims(&required);
    decode::<Value>(token, &key, &validation).is_ok_and(|read| is_valid_now(auth, &read.claims, now))
}

fn is_valid_now(auth: &WebhookAuth, claims: &Value, now: Timestamp) -> bool {
    let now = now.as_millis() as f64 / 1_000.0;
    let tolerance = f64::from(auth.tolerance_seconds.unwrap_or(DEFAULT_TOLERANCE));
    let ends = claims["exp"].as_f64().is_some_and(|end| now < end + tolerance);
    let begun = match &claims["nbf"] {
        Value::Null => true,
        start => start.as_f64().is_some_and(|start| start - tolerance <= now),
    };
    ends && begun
}
