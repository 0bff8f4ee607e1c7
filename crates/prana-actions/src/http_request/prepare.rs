//! From parameters to a request that can be sent, and sent again after a redirect.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use prana_core::ErrorValue;
use prana_template::{Map, Value};
use reqwest::Url;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};

use super::auth::{Auth, AuthType};
use super::params::{BodyType, HttpRequestParams};
use super::sigv4;
use crate::action::invalid_params;

/// A request, whole and in memory.
#[derive(Debug, Clone)]
pub(crate) struct Prepared {
    pub method: reqwest::Method,
    pub url: Url,
    pub headers: HeaderMap,
    pub body: Option<Vec<u8>>,
}

impl Prepared {
    /// Says which span of which trace it is of, unless the parameters say another.
    pub fn belongs_to(&mut self, traceparent: &str) {
        if let Ok(place) = HeaderValue::from_str(traceparent) {
            self.headers.entry(HeaderName::from_static("traceparent")).or_insert(place);
        }
    }

    /// What says who asks, as it was made of the parameters.
    pub fn credentials(&self) -> impl Iterator<Item = &str> {
        let sensitive = self.headers.values().filter(|value| value.is_sensitive());
        sensitive.filter_map(|value| value.to_str().ok()?.rsplit(' ').next())
    }
}

pub(crate) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

pub(super) fn prepare(params: &HttpRequestParams, idempotency_key: &str) -> Result<Prepared, ErrorValue> {
    let mut headers = HeaderMap::new();
    for (name, value) in params.headers.iter() {
        if !value.is_null() {
            headers.append(header_name(name)?, header_value(name, value.to_text().as_str())?);
        }
    }
    headers.entry(IDEMPOTENCY_KEY).or_insert(header_value("Idempotency-Key", idempotency_key)?);
    authorise(&params.auth, &mut headers)?;
    let body = body(params)?;
    if let Some((_, content_type)) = &body {
        headers.entry(CONTENT_TYPE).or_insert(header_value("Content-Type", content_type)?);
    }
    let url = url(&params.url, &params.query)?;
    let method = params.method.0.clone();
    let mut prepared = Prepared { method, url, headers, body: body.map(|(bytes, _)| bytes) };
    if params.auth.auth_type == AuthType::AwsSigv4 {
        sigv4::sign(&params.auth, &mut prepared, jiff::Timestamp::now())?;
    }
    Ok(prepared)
}

/// Headers that the connection sets itself; others would say another length, or another protocol, than there is.
const OF_THE_CONNECTION: [&str; 6] =
    ["content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer"];

fn header_name(name: &str) -> Result<HeaderName, ErrorValue> {
    if OF_THE_CONNECTION.iter().any(|own| own.eq_ignore_ascii_case(name)) {
        return Err(invalid_params(format!(
            "headers: `{name}` is set by the connection itself; leave it out"
        )));
    }
    name.parse().map_err(|_| invalid_params(format!("headers: `{name}` can't be the name of a header")))
}

fn header_value(name: &str, value: &str) -> Result<HeaderValue, ErrorValue> {
    HeaderValue::from_str(value).or_else(|_| HeaderValue::from_bytes(value.as_bytes())).map_err(|_| {
        invalid_params(format!("headers: the value of `{name}` has line ends or other control characters"))
    })
}

fn authorise(auth: &Auth, headers: &mut HeaderMap) -> Result<(), ErrorValue> {
    let needed = |value: &Option<String>, name: &str| {
        value.clone().ok_or_else(|| invalid_params(format!("auth.{name} is missing")))
    };
    let (name, value) = match auth.auth_type {
        AuthType::None | AuthType::Oauth2ClientCredentials | AuthType::AwsSigv4 => return Ok(()),
        AuthType::Basic => {
            let password = auth.password.as_deref().unwrap_or_default();
            let pair = format!("{}:{password}", needed(&auth.username, "username")?);
            (AUTHORIZATION, format!("Basic {}", STANDARD.encode(pair)))
        }
        AuthType::Bearer => (AUTHORIZATION, format!("Bearer {}", needed(&auth.token, "token")?)),
        AuthType::Header => {
            let name = auth.name.as_deref().unwrap_or("X-API-Key");
            (header_name(name)?, needed(&auth.value, "value")?)
        }
    };
    let mut value = header_value(name.as_str(), &value)?;
    value.set_sensitive(true);
    headers.insert(name, value);
    Ok(())
}

fn url(text: &str, query: &Map) -> Result<Url, ErrorValue> {
    let wrong = |why: &str| {
        ErrorValue::new("http.invalid_url", format!("the URL can't be used: {why}")).not_retryable()
    };
    let mut url =
        Url::parse(text.trim()).map_err(|error| wrong(&format!("{error}; write it with https://")))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong("it must begin with http:// or https://"));
    }
    if query.iter().any(|(_, value)| !value.is_null()) {
        let mut pairs = url.query_pairs_mut();
        each_pair(query, |name, value| {
            pairs.append_pair(name, value);
        });
    }
    Ok(url)
}

/// Names and values as queries and forms have them: a list gives its name several times.
fn each_pair(fields: &Map, mut take: impl FnMut(&str, &str)) {
    for (name, value) in fields.iter() {
        match value {
            Value::Null => {}
            Value::List(items) => items.iter().for_each(|item| take(name, item.to_text().as_str())),
            value => take(name, value.to_text().as_str()),
        }
    }
}

/// The bytes, and their content type.
fn body(params: &HttpRequestParams) -> Result<Option<(Vec<u8>, String)>, ErrorValue> {
    let (body, body_type) = match (&params.body, &params.json) {
        (Some(_), Some(_)) => return Err(invalid_params("`body` and `json` exclude each other")),
        (Some(body), None) => (body, params.body_type),
        (None, Some(json)) => (json, BodyType::Json),
        (None, None) => return Ok(None),
    };
    let fields = || {
        body.as_map().ok_or_else(|| {
            invalid_params(format!("body: a form needs a map of its fields, and it is {}", body.type_name()))
        })
    };
    Ok(Some(match body_type {
        BodyType::Json => (body.to_json_string().into_bytes(), "application/json".to_owned()),
        BodyType::Raw => {
            (body.to_text().as_str().as_bytes().to_vec(), "text/plain; charset=utf-8".to_owned())
        }
        BodyType::Binary => (decoded(body)?, "application/octet-stream".to_owned()),
        BodyType::Form => (form(fields()?), "application/x-www-form-urlencoded".to_owned()),
        BodyType::Multipart => multipart(fields()?)?,
    }))
}

fn decoded(body: &Value) -> Result<Vec<u8>, ErrorValue> {
    let text = body.as_str().ok_or_else(|| {
        invalid_params(format!("body: bytes are written as text in base64, and it is {}", body.type_name()))
    })?;
    STANDARD.decode(text.trim()).map_err(|error| invalid_params(format!("body: it is not base64: {error}")))
}

fn form(fields: &Map) -> Vec<u8> {
    // A query has the form of a form.
    let Ok(mut url) = Url::parse("http://form/") else { return Vec::new() };
    {
        let mut pairs = url.query_pairs_mut();
        each_pair(fields, |name, value| {
            pairs.append_pair(name, value);
        });
    }
    url.query().unwrap_or_default().as_bytes().to_vec()
}

/// One part of a multipart body.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct FilePart {
    filename: String,
    content: Value,
    #[serde(default)]
    content_type: Option<String>,
    #[serde(default)]
    encoding: PartEncoding,
}

#[derive(Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
enum PartEncoding {
    #[default]
    Utf8,
    Base64,
}

fn multipart(fields: &Map) -> Result<(Vec<u8>, String), ErrorValue> {
    let mut parts = Vec::new();
    for (name, value) in fields.iter() {
        match value {
            Value::Null => {}
            Value::List(items) => {
                items.iter().try_for_each(|item| part(name, item).map(|part| parts.push(part)))?
            }
            value => parts.push(part(name, value)?),
        }
    }
    let boundary = boundary(&parts);
    let mut body = Vec::new();
    for (head, content) in parts {
        body.extend_from_slice(format!("--{boundary}\r\n{head}\r\n\r\n").as_bytes());
        body.extend_from_slice(&content);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    Ok((body, format!("multipart/form-data; boundary={boundary}")))
}

fn part(name: &str, value: &Value) -> Result<(String, Vec<u8>), ErrorValue> {
    let disposition = format!("Content-Disposition: form-data; name=\"{}\"", quoted(name));
    let Value::Map(_) = value else { return Ok((disposition, value.to_text().as_str().as_bytes().to_vec())) };
    let wrong = |why: String| invalid_params(format!("body.{name}: {why}"));
    let file: FilePart = prana_template::from_value(value).map_err(|error| wrong(error.to_string()))?;
    let text = file.content.to_text();
    let content = match file.encoding {
        PartEncoding::Utf8 => text.as_str().as_bytes().to_vec(),
        PartEncoding::Base64 => {
            STANDARD.decode(text.as_str()).map_err(|error| wrong(format!("it is not base64: {error}")))?
        }
    };
    let content_type = file.content_type.as_deref().unwrap_or("application/octet-stream");
    if content_type.chars().any(char::is_control) {
        return Err(wrong("its content type has control characters".to_owned()));
    }
    let head =
        format!("{disposition}; filename=\"{}\"\r\nContent-Type: {content_type}", quoted(&file.filename));
    Ok((head, content))
}

/// As browsers write names of fields and files.
fn quoted(name: &str) -> String {
    name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}

/// A line that stands in no part.
fn boundary(parts: &[(String, Vec<u8>)]) -> String {
    let mut number = 0u32;
    loop {
        let boundary = format!("prana-part-boundary-{number:08}");
        let found =
            |content: &[u8]| content.windows(boundary.len()).any(|window| window == boundary.as_bytes());
        if !parts.iter().any(|(_, content)| found(content)) {
            return boundary;
        }
        number += 1;
    }
}

#[cfg(test)]
mod tests {
    use prana_template::{from_value, value};

    use super::*;

    fn prepared(params: Value) -> Result<Prepared, ErrorValue> {
        let params: HttpRequestParams = from_value(&params).unwrap();
        prepare(&params, "key/1")
    }

    fn body_of(body: Value, body_type: &str) -> (String, String) {
        let prepared = prepared(value!({"url": "http://x", "body": body, "body_type": body_type})).unwrap();
        let content_type = prepared.headers[CONTENT_TYPE].to_str().unwrap().to_owned();
        (String::from_utf8(prepared.body.unwrap()).unwrap(), content_type)
    }

    #[test]
    fn queries_are_added_and_quoted() {
        for (url, query, expected) in [
            ("http://x", value!({}), "http://x/"),
            (
                "http://x/p?a=1",
                value!({"b": "ä &", "n": null, "l": [1, true]}),
                "http://x/p?a=1&b=%C3%A4+%26&l=1&l=true",
            ),
            ("http://x/p", value!({"n": null}), "http://x/p"),
        ] {
            assert_eq!(prepared(value!({"url": url, "query": query})).unwrap().url.as_str(), expected);
        }
    }

    #[test]
    fn urls_that_are_none() {
        for url in ["", "example.com", "ftp://x", "file:///etc/passwd", "http://", "javascript:1"] {
            assert_eq!(prepared(value!({"url": url})).unwrap_err().code, "http.invalid_url", "{url}");
        }
    }

    #[test]
    fn bodies() {
        assert_eq!(
            body_of(value!({"a": [1, null]}), "json"),
            ("{\"a\":[1,null]}".into(), "application/json".into())
        );
        assert_eq!(body_of(value!("text"), "json").0, "\"text\"");
        assert_eq!(body_of(value!("text"), "raw"), ("text".into(), "text/plain; charset=utf-8".into()));
        assert_eq!(body_of(value!({"a": "x y", "b": [1, 2]}), "form").0, "a=x+y&b=1&b=2");
        let bytes = prepared(value!({"url": "http://x", "body": "/wA=", "body_type": "binary"})).unwrap();
        assert_eq!(
            (bytes.body.unwrap(), &bytes.headers[CONTENT_TYPE]),
            (vec![255, 0], &HeaderValue::from_static("application/octet-stream"))
        );
        assert!(prepared(value!({"url": "http://x", "body": "no base64", "body_type": "binary"})).is_err());
        assert!(prepared(value!({"url": "http://x"})).unwrap().body.is_none());
    }

    #[test]
    fn multipart_bodies() {
        let (body, content_type) = body_of(
            value!({"a": "x", "f": {"filename": "a\"b.txt", "content": "aGk=", "encoding": "base64", "content_type": "text/plain"}}),
            "multipart",
        );
        assert_eq!(content_type, "multipart/form-data; boundary=prana-part-boundary-00000000");
        let line = "--prana-part-boundary-00000000";
        assert_eq!(
            body,
            format!(
                "{line}\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nx\r\n{line}\r\nContent-Disposition: form-data; name=\"f\"; \
                 filename=\"a%22b.txt\"\r\nContent-Type: text/plain\r\n\r\nhi\r\n{line}--\r\n"
            )
        );
        assert!(body_of(value!({"a": line}), "multipart").1.ends_with("00000001"));
    }

    #[test]
    fn headers_and_who_asks() {
        let header = |params: Value, name: &str| {
            prepared(params).map(|p| p.headers[name].to_str().unwrap().to_owned())
        };
        let with = |auth: Value| value!({"url": "http://x", "auth": auth});
        assert_eq!(header(with(value!({})), "idempotency-key").unwrap(), "key/1");
        let own = value!({"url": "http://x", "headers": {"Idempotency-Key": "mine", "n": null}});
        assert_eq!(header(own, "idempotency-key").unwrap(), "mine");
        let basic = value!({"type": "basic", "username": "ada", "password": "pw"});
        assert_eq!(header(with(basic), "authorization").unwrap(), "Basic YWRhOnB3");
        assert_eq!(
            header(with(value!({"type": "bearer", "token": "t"})), "authorization").unwrap(),
            "Bearer t"
        );
        assert_eq!(header(with(value!({"type": "api_key", "key": "k"})), "x-api-key").unwrap(), "k");
        let error = header(with(value!({"type": "bearer"})), "authorization").unwrap_err();
        assert!(error.message.contains("auth.token is missing"), "{error}");
        for headers in [value!({"a": "b\r\nc: d"}), value!({"a b": "c"}), value!({"Content-Length": 5})] {
            let broken = prepared(value!({"url": "http://x", "headers": headers})).unwrap_err();
            assert_eq!(broken.code, "workflow.invalid_params");
        }
    }
}
