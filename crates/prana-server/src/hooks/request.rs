//! A request as the data of an execution.

use axum::body::Bytes;
use axum::http::HeaderMap;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use prana::Value;
use prana::template::Map;

use super::table::Hook;
use super::{auth, multipart};
use crate::form;
use crate::problem::Problem;
use crate::receive::media_type;

/// `{method, path, params, query, headers, body, raw?}`.
pub async fn data(
    hook: &Hook,
    method: &str,
    uri: &axum::http::Uri,
    params: Map,
    headers: &HeaderMap,
    body: Vec<u8>,
) -> Result<Value, Problem> {
    let media_type = media_type(headers);
    let body = Bytes::from(body);
    let (parsed, is_text) = match media_type == "multipart/form-data" {
        true => (Value::Map(multipart::parse(headers, body.clone()).await?), true),
        false => parsed(&media_type, &body)?,
    };
    let mut data = Map::new();
    data.insert("method", method);
    data.insert("path", uri.path());
    data.insert("params", params);
    data.insert("query", form::parse(uri.query().unwrap_or_default().as_bytes()));
    data.insert("headers", named(hook, headers));
    data.insert("body", parsed);
    if hook.params.raw_body || !is_text {
        data.insert("raw", STANDARD.encode(&body));
    }
    Ok(Value::Map(data))
}

/// The headers by their names in lower case, without those that prove who calls: they don't belong into a trail.
fn named(hook: &Hook, headers: &HeaderMap) -> Map {
    let secret = auth::header_name(&hook.params.auth).to_ascii_lowercase();
    let mut map = Map::new();
    for name in headers.keys() {
        if ["authorization", "cookie", "proxy-authorization", &*secret].contains(&name.as_str()) {
            continue;
        }
        let values: Vec<String> = headers
            .get_all(name)
            .iter()
            .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
            .collect();
        map.insert(name.as_str(), values.join(", "));
    }
    map
}

/// The body as its content type says, and whether it is text.
fn parsed(media_type: &str, body: &[u8]) -> Result<(Value, bool), Problem> {
    if body.is_empty() {
        return Ok((Value::Null, true));
    }
    if media_type == "application/json" || media_type.ends_with("+json") {
        let value = Value::parse_json(body);
        let value = value.map_err(|error| Problem::bad_request("webhook.invalid_json", error.to_string()))?;
        return Ok((value, true));
    }
    match media_type {
        "application/x-www-form-urlencoded" => Ok((Value::Map(form::parse(body)), true)),
        _ => match std::str::from_utf8(body) {
            Ok(text) => Ok((Value::from(text), true)),
            Err(_) => Ok((Value::Null, false)),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_read_by_their_type() {
        for (media_type, body, expect) in [
            ("application/json", &b"{\"a\": [1]}"[..], "{\"a\":[1]}"),
            ("application/ld+json", b"1", "1"),
            ("application/x-www-form-urlencoded", b"a=1&b=2", "{\"a\":\"1\",\"b\":\"2\"}"),
            ("text/plain", b"hello", "\"hello\""),
            ("", b"hello", "\"hello\""),
            ("application/json", b"", "null"),
            ("image/png", b"\xff\xfe", "null"),
        ] {
            let (value, _) = parsed(media_type, body).expect("it is read");
            assert_eq!(value.to_json_string(), expect, "{media_type}");
        }
        assert!(parsed("application/json", b"{").is_err());
    }
}
