//! Signatures of AWS, version 4: who asks is proved by a key that is never sent.

use std::fmt::Write;

use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use prana_core::ErrorValue;
use reqwest::Url;
use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};
use sha2::{Digest, Sha256};

use super::auth::Auth;
use super::prepare::Prepared;
use crate::action::invalid_params;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// Headers that are signed, beside those of AWS itself. Others may be changed on the way.
const SIGNED: [&str; 8] = [
    "content-md5",
    "content-type",
    "date",
    "host",
    "if-match",
    "if-none-match",
    "range",
    "if-unmodified-since",
];

/// The service whose paths are signed as they are, and which wants the hash of the body in a header.
const S3: &str = "s3";

/// Who signs, and for what.
struct Signer<'a> {
    access_key_id: &'a str,
    secret_access_key: &'a str,
    region: &'a str,
    service: &'a str,
}

/// Signs a request as of this time.
///
/// # Errors
/// `workflow.invalid_params`: a part of the key, the region or the service is missing.
pub(super) fn sign(auth: &Auth, request: &mut Prepared, now: Timestamp) -> Result<(), ErrorValue> {
    let signer = Signer {
        access_key_id: needed(&auth.access_key_id, "access_key_id")?,
        secret_access_key: needed(&auth.secret_access_key, "secret_access_key")?,
        region: needed(&auth.region, "region")?,
        service: needed(&auth.service, "service")?,
    };
    request.url = strictly_escaped(&request.url);
    let time = now.to_zoned(TimeZone::UTC).strftime("%Y%m%dT%H%M%SZ").to_string();
    let body = hex(&Sha256::digest(request.body.as_deref().unwrap_or_default()));
    put(request, "x-amz-date", &time)?;
    if signer.service == S3 {
        put(request, "x-amz-content-sha256", &body)?;
    }
    if let Some(token) = &auth.session_token {
        put(request, "x-amz-security-token", token)?;
    }
    let authorization = signer.authorization(request, &body, &time);
    let mut value = header_value("authorization", &authorization)?;
    value.set_sensitive(true);
    request.headers.insert(AUTHORIZATION, value);
    Ok(())
}

fn needed<'a>(value: &'a Option<String>, name: &str) -> Result<&'a str, ErrorValue> {
    value.as_deref().ok_or_else(|| invalid_params(format!("auth.{name} is missing")))
}

fn put(request: &mut Prepared, name: &'static str, value: &str) -> Result<(), ErrorValue> {
    request.headers.insert(HeaderName::from_static(name), header_value(name, value)?);
    Ok(())
}

fn header_value(name: &str, value: &str) -> Result<HeaderValue, ErrorValue> {
    HeaderValue::from_str(value).map_err(|_| invalid_params(format!("auth: `{name}` can't be made of it")))
}

impl Signer<'_> {
    fn authorization(&self, request: &Prepared, body: &str, time: &str) -> String {
        let (names, headers) = self.headers(request);
        let canonical = format!(
            "{}\n{}\n{}\n{headers}\n{names}\n{body}",
            request.method,
            self.path(&request.url),
            query(&request.url)
        );
        let day = &time[..8];
        let scope = format!("{day}/{}/{}/aws4_request", self.region, self.service);
        let to_sign = format!("{ALGORITHM}\n{time}\n{scope}\n{}", hex(&Sha256::digest(canonical)));
        let first = format!("AWS4{}", self.secret_access_key).into_bytes();
        let key = [day, self.region, self.service, "aws4_request"]
            .iter()
            .fold(first, |key, part| mac(&key, part.as_bytes()));
        let signature = hex(&mac(&key, to_sign.as_bytes()));
        let id = self.access_key_id;
        format!("{ALGORITHM} Credential={id}/{scope}, SignedHeaders={names}, Signature={signature}")
    }

    /// The names of the signed headers, and their lines.
    fn headers(&self, request: &Prepared) -> (String, String) {
        let mut signed = vec![("host", host(&request.url))];
        for name in request.headers.keys() {
            let is_signed = SIGNED.contains(&name.as_str()) || name.as_str().starts_with("x-amz-");
            if is_signed && name != "host" {
                let values = request.headers.get_all(name).iter();
                let texts: Vec<_> =
                    values.map(|value| String::from_utf8_lossy(value.as_bytes()).trim().to_owned()).collect();
                signed.push((name.as_str(), texts.join(",")));
            }
        }
        signed.sort_unstable();
        let names: Vec<&str> = signed.iter().map(|(name, _)| *name).collect();
        let lines: String = signed.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
        (names.join(";"), lines)
    }

    fn path(&self, url: &Url) -> String {
        match self.service {
            S3 => url.path().to_owned(),
            _ => escaped(url.path().as_bytes(), b"/"),
        }
    }
}

/// The host as the request names it.
fn host(url: &Url) -> String {
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}{port}", url.host_str().unwrap_or_default())
}

/// The query in the order that is signed.
fn query(url: &Url) -> String {
    let mut pairs: Vec<_> = url.query_pairs().map(|(name, value)| pair(&name, &value)).collect();
    pairs.sort_unstable();
    pairs.join("&")
}

fn pair(name: &str, value: &str) -> String {
    format!("{}={}", escaped(name.as_bytes(), b""), escaped(value.as_bytes(), b""))
}

/// The same address, escaped in the one way that signatures know.
fn strictly_escaped(url: &Url) -> Url {
    let mut strict = url.clone();
    if url.query().is_some() {
        let pairs: Vec<_> = url.query_pairs().map(|(name, value)| pair(&name, &value)).collect();
        strict.set_query(Some(&pairs.join("&")));
    }
    strict
}

fn escaped(bytes: &[u8], kept: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for byte in bytes {
        let plain = byte.is_ascii_alphanumeric() || b"-._~".contains(byte) || kept.contains(byte);
        // Writing to a string can't fail.
        let _ = match plain {
            true => write!(out, "{}", char::from(*byte)),
            false => write!(out, "%{byte:02X}"),
        };
    }
    out
}

fn mac(key: &[u8], text: &[u8]) -> Vec<u8> {
    // HMAC takes keys of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return Vec::new() };
    mac.update(text);
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(64), |mut out, byte| {
        // Writing to a string can't fail.
        let _ = write!(out, "{byte:02x}");
        out
    })
}

#[cfg(test)]
mod tests {
    use prana_template::{Value, from_value, value};
    use reqwest::header::HeaderMap;

    use super::*;

    /// The signature of a request.
    fn signature(
        method: &str,
        url: &str,
        headers: &[(&'static str, &str)],
        auth: Value,
        time: &str,
    ) -> String {
        let auth: Auth = from_value(&auth).unwrap();
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()))
            .collect();
        let method = method.parse().unwrap();
        let mut request = Prepared { method, url: url.parse().unwrap(), headers, body: None };
        sign(&auth, &mut request, time.parse().unwrap()).unwrap();
        request.credentials().next().unwrap().trim_start_matches("Signature=").to_owned()
    }

    /// The vectors of the published test suite.
    #[test]
    fn signatures_of_the_test_suite() {
        for (method, url, expected) in [
            (
                "GET",
                "https://example.amazonaws.com/",
                "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
            ),
            (
                "POST",
                "https://example.amazonaws.com/",
                "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
            ),
            (
                "GET",
                "https://example.amazonaws.com/?Param2=value2&Param1=value1",
                "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
            ),
        ] {
            let auth = value!({"type": "aws_sigv4", "access_key_id": "AKIDEXAMPLE", "region": "us-east-1",
                "service": "service", "secret_access_key": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"});
            assert_eq!(signature(method, url, &[], auth, "2015-08-30T12:36:00Z"), expected, "{method} {url}");
        }
    }

    /// The examples of the documentation of S3.
    #[test]
    fn signatures_for_s3() {
        for (url, headers, expected) in [
            (
                "https://examplebucket.s3.amazonaws.com/test.txt",
                &[("range", "bytes=0-9")][..],
                "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
            ),
            (
                "https://examplebucket.s3.amazonaws.com/?lifecycle",
                &[],
                "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
            ),
            (
                "https://examplebucket.s3.amazonaws.com/?max-keys=2&prefix=J",
                &[],
                "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
            ),
        ] {
            let auth = value!({"type": "aws_sigv4", "access_key_id": "AKIAIOSFODNN7EXAMPLE", "region": "us-east-1",
                "service": "s3", "secret_access_key": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"});
            assert_eq!(signature("GET", url, headers, auth, "2013-05-24T00:00:00Z"), expected, "{url}");
        }
    }

    #[test]
    fn what_is_sent_is_what_is_signed() {
        let url = strictly_escaped(&"https://x/a?q=a+b*c%2f%7E&e".parse().unwrap());
        assert_eq!(url.as_str(), "https://x/a?q=a%20b%2Ac%2F~&e=");
    }
}
