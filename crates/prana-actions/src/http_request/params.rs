//! The parameters of `http.request`.

use std::fmt;

use prana_core::action::Batch;
use prana_template::{Map, Value};
use schemars::JsonSchema;
use serde::de::{self, Deserialize, Deserializer, SeqAccess, Visitor};

use super::auth::Auth;
use super::pages::Pagination;
use super::way::Tls;

/// The parameters of `http.request`.
#[derive(Debug, Clone, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HttpRequestParams {
    /// Where to, `http://` or `https://`.
    pub url: String,
    /// GET, POST, PUT, PATCH, DELETE, HEAD or OPTIONS.
    #[serde(default)]
    pub method: Method,
    /// Headers. One that is null is left out.
    #[serde(default)]
    #[schemars(with = "serde_json::Map<String, serde_json::Value>")]
    pub headers: Map,
    /// Added to the query of the URL. A list gives the same name several times; one that is null is left out.
    #[serde(default, alias = "params")]
    #[schemars(with = "serde_json::Map<String, serde_json::Value>")]
    pub query: Map,
    /// The body.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "Option<serde_json::Value>")]
    pub body: Option<Value>,
    /// Another name for a body of type json.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "Option<serde_json::Value>")]
    pub json: Option<Value>,
    /// How the body is sent.
    #[serde(default)]
    pub body_type: BodyType,
    /// Who asks.
    #[serde(default)]
    pub auth: Auth,
    /// The limit for all of it, redirects and the body of the answer too, in milliseconds: 1 to 3,600,000.
    #[serde(default = "half_a_minute", alias = "timeout")]
    pub timeout_ms: u64,
    /// False to take a redirect as the answer.
    #[serde(default = "yes")]
    pub follow_redirects: bool,
    /// How the body of the answer becomes data.
    #[serde(default)]
    pub response: ResponseType,
    /// Which statuses are a success: numbers, classes such as `4xx`, or `any`. All others are the error `http.status`.
    #[serde(default)]
    pub success: Success,
    /// The list comes in pages: one request for each, until the last. The output is `{status, headers, body, pages, complete}`, and its body the list of all
    /// items. The limit of time is for each page.
    #[serde(default)]
    pub pagination: Option<Pagination>,
    /// How the encrypted connection is made.
    #[serde(default)]
    pub tls: Option<Tls>,
    /// The proxy that the request is sent by, such as `http://proxy.example:3128`; none if absent, whatever the environment says.
    #[serde(default)]
    pub proxy: Option<String>,
    /// One request for each item of a list; the other parameters may use `$item` and `$index`. The output is the list of answers.
    #[serde(default)]
    pub batch: Option<Batch>,
}

fn half_a_minute() -> u64 {
    30_000
}

fn yes() -> bool {
    true
}

/// Reads a field that may hold null: then it is present and null, and not absent.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// A method of HTTP, in any case of letters.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema)]
#[schemars(with = "String")]
pub struct Method(pub reqwest::Method);

impl Default for Method {
    fn default() -> Self {
        Method(reqwest::Method::GET)
    }
}

const METHODS: [&str; 7] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];

impl<'de> Deserialize<'de> for Method {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Name;
        impl Visitor<'_> for Name {
            type Value = Method;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("one of GET, POST, PUT, PATCH, DELETE, HEAD and OPTIONS")
            }
            fn visit_str<E: de::Error>(self, name: &str) -> Result<Method, E> {
                let known = METHODS.iter().find(|known| known.eq_ignore_ascii_case(name));
                let method = known.and_then(|known| reqwest::Method::from_bytes(known.as_bytes()).ok());
                method.map(Method).ok_or_else(|| E::invalid_value(de::Unexpected::Str(name), &self))
            }
        }
        deserializer.deserialize_str(Name)
    }
}

/// How the body is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BodyType {
    /// As JSON.
    #[default]
    Json,
    /// A map, as the fields of a form.
    Form,
    /// A map, as parts: text, or `{filename, content, content_type, encoding: utf8 or base64}`.
    Multipart,
    /// Text, as it is.
    #[serde(alias = "text")]
    Raw,
    /// Bytes, written in base64.
    #[serde(alias = "base64")]
    Binary,
}

/// How the body of the answer becomes data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ResponseType {
    /// As its content type says: JSON, text, or base64 for what is neither.
    #[default]
    Auto,
    /// As JSON, whatever its content type says.
    Json,
    /// As text.
    Text,
    /// In base64.
    #[serde(alias = "base64")]
    Binary,
}

/// Which statuses are a success.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema)]
#[schemars(with = "SuccessSchema")]
pub struct Success(Vec<(u16, u16)>);

#[derive(JsonSchema)]
#[serde(untagged)]
#[allow(dead_code, reason = "it only describes the forms to the schema")]
enum SuccessSchema {
    Class(String),
    Several(Vec<StatusSchema>),
}

#[derive(JsonSchema)]
#[serde(untagged)]
#[allow(dead_code, reason = "it only describes the forms to the schema")]
enum StatusSchema {
    Status(u16),
    Class(String),
}

impl Default for Success {
    fn default() -> Self {
        Success(vec![(200, 299)])
    }
}

impl Success {
    /// Is this status a success?
    pub fn holds(&self, status: u16) -> bool {
        self.0.iter().any(|(first, last)| (*first..=*last).contains(&status))
    }
}

/// `2xx`, `any`, or a number.
struct Statuses((u16, u16));

fn statuses(text: &str) -> Option<(u16, u16)> {
    let lower = text.trim().to_ascii_lowercase();
    if lower == "any" || lower == "all" {
        return Some((100, 599));
    }
    if let Some(class) = lower.strip_suffix("xx").and_then(|class| class.parse::<u16>().ok()) {
        return (1..=5).contains(&class).then_some((class * 100, class * 100 + 99));
    }
    lower.parse().ok().filter(|status| (100..=599).contains(status)).map(|status| (status, status))
}

struct StatusVisitor;

impl Visitor<'_> for StatusVisitor {
    type Value = Statuses;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a status such as 404, a class such as 4xx, or any")
    }
    fn visit_str<E: de::Error>(self, text: &str) -> Result<Statuses, E> {
        statuses(text).map(Statuses).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
    }
    fn visit_u64<E: de::Error>(self, status: u64) -> Result<Statuses, E> {
        self.visit_str(&status.to_string())
    }
    fn visit_i64<E: de::Error>(self, status: i64) -> Result<Statuses, E> {
        self.visit_str(&status.to_string())
    }
}

impl<'de> Deserialize<'de> for Statuses {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StatusVisitor)
    }
}

impl<'de> Deserialize<'de> for Success {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrSeveral;
        impl<'de> Visitor<'de> for OneOrSeveral {
            type Value = Success;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of statuses such as 404 and classes such as 4xx, or one of them")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Success, E> {
                StatusVisitor.visit_str(text).map(|Statuses(range)| Success(vec![range]))
            }
            fn visit_u64<E: de::Error>(self, status: u64) -> Result<Success, E> {
                self.visit_str(&status.to_string())
            }
            fn visit_i64<E: de::Error>(self, status: i64) -> Result<Success, E> {
                self.visit_str(&status.to_string())
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Success, A::Error> {
                let mut ranges = Vec::new();
                while let Some(Statuses(range)) = items.next_element()? {
                    ranges.push(range);
                }
                Ok(Success(ranges))
            }
        }
        deserializer.deserialize_any(OneOrSeveral)
    }
}

#[cfg(test)]
mod tests {
    use prana_template::{from_value, value};

    use super::super::auth::AuthType;
    use super::*;

    fn read(params: Value) -> Result<HttpRequestParams, String> {
        from_value(&params).map_err(|error| error.to_string())
    }

    #[test]
    fn defaults() {
        let params = read(value!({"url": "http://x"})).unwrap();
        assert_eq!(
            (params.method, params.timeout_ms, params.follow_redirects),
            (Method::default(), 30_000, true)
        );
        assert!(params.success.holds(204) && !params.success.holds(300) && params.body.is_none());
    }

    #[test]
    fn older_names_and_other_forms() {
        let auth = value!({"type": "api_key", "key": "k", "header": "X-Key"});
        let params =
            value!({"url": "http://x", "method": "post", "params": {"a": 1}, "timeout": 5, "auth": auth});
        let params = read(params).unwrap();
        assert_eq!((params.method.0, params.timeout_ms), (reqwest::Method::POST, 5));
        assert_eq!((params.auth.auth_type, params.auth.value.as_deref()), (AuthType::Header, Some("k")));
        assert_eq!(params.query.get("a"), Some(&value!(1)));
    }

    #[test]
    fn statuses_that_are_a_success() {
        for (success, yes, no) in [
            (value!([200, 404]), 404, 201),
            (value!(["2xx", 304]), 299, 300),
            (value!("any"), 500, 99),
            (value!(404), 404, 200),
        ] {
            let params = read(value!({"url": "http://x", "success": success})).unwrap();
            assert!(params.success.holds(yes) && !params.success.holds(no), "{:?}", params.success);
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for (name, wrong) in [
            ("method", value!("FETCH")),
            ("success", value!(["9xx"])),
            ("success", value!([99])),
            ("body_type", value!("yaml")),
            ("auth", value!({"type": "magic"})),
            ("speed", value!(1)),
        ] {
            let mut params = Map::new();
            params.insert("url", "http://x");
            params.insert(name, wrong);
            assert!(read(Value::Map(params)).is_err(), "{name}");
        }
    }
}
