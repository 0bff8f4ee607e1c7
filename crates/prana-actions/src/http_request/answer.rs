//! From an answer to the node's output, or to its error.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use prana_core::ErrorValue;
use prana_template::{Map, Value};
use reqwest::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER, SET_COOKIE};

use super::params::{HttpRequestParams, ResponseType};
use super::send::Answer;
use crate::secrets::CallSecrets;

/// So much of the body of an answer that is an error is kept, in bytes.
const MAX_ERROR_BODY: usize = 4096;

/// A wait that the other side asks for is never taken to be longer than a day.
const MAX_RETRY_AFTER_MS: u64 = 86_400_000;

/// `{status, headers, body}`, or the error `http.status`.
pub(super) fn output(
    params: &HttpRequestParams,
    secrets: &CallSecrets,
    answer: Answer,
) -> Result<Value, ErrorValue> {
    if !params.success.holds(answer.status.as_u16()) {
        return Err(status_error(secrets, &answer));
    }
    let body = body(params.response, secrets, &answer)?;
    let mut output = Map::new();
    output.insert("status", answer.status.as_u16());
    output.insert("headers", headers(&answer.headers));
    output.insert("body", body);
    Ok(Value::Map(output))
}

/// Names in small letters. A header that came several times is joined by commas; cookies are a list.
fn headers(headers: &HeaderMap) -> Map {
    let text = |value: &reqwest::header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let mut map = Map::new();
    for name in headers.keys() {
        let values: Vec<String> = headers.get_all(name).iter().map(text).collect();
        match *name == SET_COOKIE {
            true => map.insert(name.as_str(), Value::from(values)),
            false => map.insert(name.as_str(), values.join(", ")),
        };
    }
    map
}

fn body(response: ResponseType, secrets: &CallSecrets, answer: &Answer) -> Result<Value, ErrorValue> {
    match (response, content(&answer.headers)) {
        _ if answer.body.is_empty() && matches!(response, ResponseType::Auto | ResponseType::Json) => {
            Ok(Value::Null)
        }
        (ResponseType::Json, _) | (ResponseType::Auto, Content::Json) => json(secrets, answer),
        (ResponseType::Text, _) | (ResponseType::Auto, Content::Text) => Ok(text(answer).into()),
        (ResponseType::Binary, _) => Ok(STANDARD.encode(&answer.body).into()),
        (ResponseType::Auto, Content::Unknown) => Ok(match std::str::from_utf8(&answer.body) {
            Ok(text) => text.into(),
            Err(_) => STANDARD.encode(&answer.body).into(),
        }),
    }
}

/// What the content type says.
enum Content {
    Json,
    Text,
    Unknown,
}

fn content(headers: &HeaderMap) -> Content {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match media_type.as_str() {
        "application/json" => Content::Json,
        other if other.ends_with("+json") => Content::Json,
        "application/xml" | "application/javascript" | "application/x-www-form-urlencoded" => Content::Text,
        other if other.starts_with("text/") || other.ends_with("+xml") => Content::Text,
        _ => Content::Unknown,
    }
}

fn json(secrets: &CallSecrets, answer: &Answer) -> Result<Value, ErrorValue> {
    Value::parse_json(&answer.body).map_err(|error| {
        let message = format!(
            "{}: the answer is not JSON: {error}; `response: text` takes it as it is (it begins: {})",
            answer.asked,
            shortened(&secrets.redacted(&text(answer)), 80)
        );
        ErrorValue::new("http.invalid_json", message)
    })
}

/// Latin-1 if it says so, else UTF-8; what isn't, becomes replacement characters.
fn text(answer: &Answer) -> String {
    let value = answer.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let lower = value.to_ascii_lowercase();
    match lower.contains("charset=iso-8859-1") || lower.contains("charset=latin1") {
        true => answer.body.iter().map(|byte| char::from(*byte)).collect(),
        false => String::from_utf8_lossy(&answer.body).into_owned(),
    }
}

pub(crate) fn shortened(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

fn status_error(secrets: &CallSecrets, answer: &Answer) -> ErrorValue {
    let status = answer.status.as_u16();
    let reason = answer.status.canonical_reason().map(|reason| format!(" {reason}")).unwrap_or_default();
    let message = format!("{} was answered with {status}{reason}", answer.asked);
    let body = match (answer.body.len() <= MAX_ERROR_BODY, content(&answer.headers)) {
        (true, Content::Json) => Value::parse_json(&answer.body).unwrap_or_else(|_| text(answer).into()),
        _ => shortened(&secrets.redacted(&text(answer)), MAX_ERROR_BODY).into(),
    };
    let mut details = Map::new();
    details.insert("status", status);
    details.insert("headers", headers(&answer.headers));
    details.insert("body", body);
    let mut error = ErrorValue::new("http.status", message).with_details(Value::Map(details));
    error.retryable = status >= 500 || matches!(status, 408 | 425 | 429);
    if matches!(status, 429 | 503) {
        error.retry_after_ms = retry_after(&answer.headers, jiff::Timestamp::now());
    }
    error
}

/// Seconds, or a date.
pub(crate) fn retry_after(headers: &HeaderMap, now: jiff::Timestamp) -> Option<u64> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let millis = match value.parse::<u64>() {
        Ok(seconds) => seconds.saturating_mul(1000),
        Err(_) => {
            let date = jiff::fmt::rfc2822::parse(value).ok()?.timestamp();
            u64::try_from(date.as_millisecond().saturating_sub(now.as_millisecond())).unwrap_or(0)
        }
    };
    Some(millis.min(MAX_RETRY_AFTER_MS))
}

#[cfg(test)]
mod tests {
    use prana_template::value;
    use reqwest::StatusCode;

    use super::*;

    fn answer(content_type: &str, body: &[u8]) -> Answer {
        let mut headers = HeaderMap::new();
        if !content_type.is_empty() {
            headers.insert(CONTENT_TYPE, content_type.parse().unwrap());
        }
        Answer { status: StatusCode::OK, headers, body: body.to_vec(), asked: "GET http://x/".to_owned() }
    }

    #[test]
    fn bodies_become_data() {
        use ResponseType::{Auto, Binary, Json, Text};
        for (response, content_type, bytes, expected) in [
            (Auto, "application/json; charset=utf-8", &b"{\"a\":1}"[..], value!({"a": 1})),
            (Auto, "application/problem+json", b"[]", value!([])),
            (Auto, "application/json", b"", value!(null)),
            (Auto, "text/html", b"<p>", value!("<p>")),
            (Auto, "text/plain; charset=ISO-8859-1", b"\xe4", value!("ä")),
            (Auto, "", b"plain", value!("plain")),
            (Auto, "image/png", b"\xff\x00", value!("/wA=")),
            (Json, "text/plain", b"7", value!(7)),
            (Text, "application/json", b"{}", value!("{}")),
            (Text, "", b"", value!("")),
            (Binary, "text/plain", b"hi", value!("aGk=")),
        ] {
            assert_eq!(
                body(response, &CallSecrets::default(), &answer(content_type, bytes)),
                Ok(expected),
                "{content_type}"
            );
        }
    }

    #[test]
    fn json_that_is_none_is_told() {
        let error = body(ResponseType::Auto, &CallSecrets::default(), &answer("application/json", b"<html>"))
            .unwrap_err();
        assert_eq!(error.code, "http.invalid_json");
        assert!(error.message.contains("it begins: <html>"), "{error}");
    }

    #[test]
    fn waits_that_are_asked_for() {
        let now: jiff::Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        for (value, expected) in [
            ("120", Some(120_000)),
            ("0", Some(0)),
            ("99999999999999999999", None),
            ("999999999", Some(MAX_RETRY_AFTER_MS)),
            ("Thu, 01 Jan 2026 00:00:30 GMT", Some(30_000)),
            ("Wed, 31 Dec 2025 00:00:00 GMT", Some(0)),
            ("soon", None),
        ] {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, value.parse().unwrap())]);
            assert_eq!(retry_after(&headers, now), expected, "{value}");
        }
    }

    #[test]
    fn errors_say_the_status_and_keep_a_part_of_the_body() {
        let mut answer = answer("text/plain", "x".repeat(10_000).as_bytes());
        answer.status = StatusCode::NOT_FOUND;
        let error = status_error(&CallSecrets::default(), &answer);
        assert_eq!(error.message, *"GET http://x/ was answered with 404 Not Found");
        assert!(!error.retryable);
        let body = error.details.get("body").and_then(Value::as_str).map(str::len);
        assert_eq!(body, Some(MAX_ERROR_BODY + 3));
        for (status, retryable) in [(400, false), (408, true), (429, true), (500, true), (503, true)] {
            answer.status = StatusCode::from_u16(status).unwrap();
            assert_eq!(status_error(&CallSecrets::default(), &answer).retryable, retryable, "{status}");
        }
    }
}
