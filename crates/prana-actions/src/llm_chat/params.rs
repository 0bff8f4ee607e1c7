//! The parameters of `llm.chat`, and the request that they make.

use prana_core::ErrorValue;
use prana_template::{List, Map, Value, value};
use reqwest::Url;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use schemars::JsonSchema;

use crate::action::invalid_params;
use crate::http_request::prepare::{IDEMPOTENCY_KEY, Prepared};

/// The parameters of `llm.chat`.
#[derive(Clone, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LlmChatParams {
    /// The endpoint, up to and with its version: `https://api.openai.com/v1`, `http://localhost:11434/v1`.
    pub base_url: String,
    /// The model, as the endpoint names it.
    pub model: String,
    /// The conversation: `{role: system, user, assistant or tool, content: ...}`, oldest first.
    #[schemars(with = "Vec<serde_json::Map<String, serde_json::Value>>")]
    pub messages: List,
    /// Functions that the model may ask for: `{name, description, parameters}` with a JSON Schema as `parameters`, or as the protocol has them.
    #[serde(default)]
    #[schemars(with = "Vec<serde_json::Map<String, serde_json::Value>>")]
    pub tools: List,
    /// `auto`, `none`, `required`, or the name of the tool that must be used.
    #[serde(default)]
    pub tool_choice: Option<String>,
    /// A JSON Schema that the answer must fit.
    #[serde(default)]
    #[schemars(with = "Option<serde_json::Map<String, serde_json::Value>>")]
    pub response_schema: Option<Value>,
    /// How freely it chooses words: 0 is hardly at all.
    #[serde(default)]
    pub temperature: Option<f64>,
    /// How long the answer may become, in tokens.
    #[serde(default)]
    pub max_tokens: Option<u64>,
    /// The key, sent as `Authorization: Bearer`. Usually a secret.
    #[serde(default)]
    pub api_key: Option<String>,
    /// More headers, for endpoints that want some. One that is null is left out.
    #[serde(default)]
    #[schemars(with = "serde_json::Map<String, serde_json::Value>")]
    pub headers: Map,
    /// True to have the answer sent in pieces while it is made. The output is the same; long answers are less likely to be cut off on the way.
    #[serde(default)]
    pub stream: bool,
    /// The limit for the whole answer, in milliseconds: 1 to 3,600,000.
    #[serde(default = "two_minutes")]
    pub timeout_ms: u64,
    /// More fields of the request, such as `top_p`, `seed` or `max_completion_tokens`.
    #[serde(default)]
    #[schemars(with = "serde_json::Map<String, serde_json::Value>")]
    pub extra: Map,
}

fn two_minutes() -> u64 {
    120_000
}

/// Fields that have a parameter of their own.
const OWN_FIELDS: [&str; 9] = [
    "model",
    "messages",
    "tools",
    "tool_choice",
    "response_format",
    "temperature",
    "max_tokens",
    "stream",
    "stream_options",
];

impl LlmChatParams {
    pub(super) fn request(&self, idempotency_key: &str) -> Result<Prepared, ErrorValue> {
        Ok(Prepared {
            method: reqwest::Method::POST,
            url: self.url()?,
            headers: self.request_headers(idempotency_key)?,
            body: Some(Value::Map(self.body()?).to_json_string().into_bytes()),
        })
    }

    fn url(&self) -> Result<Url, ErrorValue> {
        let wrong = |why: &str| {
            ErrorValue::new("http.invalid_url", format!("base_url can't be used: {why}")).not_retryable()
        };
        let mut url = Url::parse(self.base_url.trim())
            .map_err(|error| wrong(&format!("{error}; write it with https://")))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(wrong("it must begin with http:// or https://"));
        }
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(["chat", "completions"]);
        }
        Ok(url)
    }

    fn request_headers(&self, idempotency_key: &str) -> Result<HeaderMap, ErrorValue> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let accept = if self.stream { "text/event-stream" } else { "application/json" };
        headers.insert(ACCEPT, HeaderValue::from_static(accept));
        headers.insert(IDEMPOTENCY_KEY, header_value("Idempotency-Key", idempotency_key)?);
        for (name, value) in self.headers.iter().filter(|(_, value)| !value.is_null()) {
            let parsed: HeaderName = name
                .parse()
                .map_err(|_| invalid_params(format!("headers: `{name}` can't be the name of a header")))?;
            let mut value = header_value(name, &value.to_text())?;
            value.set_sensitive(true);
            headers.insert(parsed, value);
        }
        if let Some(key) = &self.api_key {
            let mut value = header_value("Authorization", &format!("Bearer {}", key.trim()))?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        Ok(headers)
    }

    fn body(&self) -> Result<Map, ErrorValue> {
        let mut body = Map::new();
        body.insert("model", self.model.as_str());
        body.insert("messages", self.checked_messages()?.clone());
        if !self.tools.is_empty() {
            body.insert("tools", self.tools.iter().map(tool).collect::<Result<Vec<_>, _>>()?);
        }
        if let Some(choice) = &self.tool_choice {
            body.insert("tool_choice", tool_choice(choice));
        }
        if let Some(schema) = &self.response_schema {
            let named = value!({"name": "answer", "schema": schema});
            body.insert("response_format", value!({"type": "json_schema", "json_schema": named}));
        }
        self.temperature.map(|temperature| body.insert("temperature", temperature));
        self.max_tokens.map(|limit| body.insert("max_tokens", limit));
        if self.stream {
            body.insert("stream", true);
            body.insert("stream_options", value!({"include_usage": true}));
        }
        for (name, value) in self.extra.iter() {
            if OWN_FIELDS.contains(&name.as_str()) {
                return Err(invalid_params(format!(
                    "extra: `{name}` is made of the parameters; leave it out"
                )));
            }
            body.insert(name.clone(), value.clone());
        }
        Ok(body)
    }

    fn checked_messages(&self) -> Result<&List, ErrorValue> {
        if self.messages.is_empty() {
            return Err(invalid_params("messages: there is none"));
        }
        let without_role = |message: &Value| message.get("role").and_then(Value::as_str).is_none();
        match self.messages.iter().position(without_role) {
            Some(index) => Err(invalid_params(format!("messages[{index}]: it must be a map with a `role`"))),
            None => Ok(&self.messages),
        }
    }
}

/// The protocol's form of a tool.
fn tool(tool: &Value) -> Result<Value, ErrorValue> {
    if tool.get("type").is_some() {
        return Ok(tool.clone());
    }
    match tool.get("name").and_then(Value::as_str) {
        Some(_) => Ok(value!({"type": "function", "function": tool})),
        None => Err(invalid_params("tools: each needs a `name`")),
    }
}

fn tool_choice(choice: &str) -> Value {
    match choice {
        "auto" | "none" | "required" => Value::from(choice),
        name => value!({"type": "function", "function": {"name": name}}),
    }
}

fn header_value(name: &str, value: &str) -> Result<HeaderValue, ErrorValue> {
    HeaderValue::from_str(value).map_err(|_| {
        invalid_params(format!(
            "the value of the header `{name}` has line ends or other characters that can't be sent"
        ))
    })
}

#[cfg(test)]
mod tests {
    use prana_template::from_value;

    use super::*;

    fn with(more: Value) -> LlmChatParams {
        let mut params = value!({"base_url": "http://x/v1", "model": "m", "messages": [{"role": "user", "content": "Hi"}]})
            .as_map()
            .unwrap()
            .clone();
        params.extend(more.as_map().unwrap().clone().into_entries());
        from_value(&Value::Map(params)).unwrap()
    }

    fn field(more: Value, name: &str) -> Value {
        with(more).body().unwrap().get(name).cloned().unwrap_or_default()
    }

    #[test]
    fn where_it_is_sent() {
        for (base_url, expected) in [
            ("https://api.example/v1", "https://api.example/v1/chat/completions"),
            (" https://api.example/v1/ ", "https://api.example/v1/chat/completions"),
            ("http://localhost:1", "http://localhost:1/chat/completions"),
            (
                "https://x/deployments/a?api-version=2",
                "https://x/deployments/a/chat/completions?api-version=2",
            ),
        ] {
            assert_eq!(with(value!({"base_url": base_url})).url().unwrap().as_str(), expected);
        }
        for base_url in ["", "api.example/v1", "file:///etc", "ftp://x"] {
            assert_eq!(with(value!({"base_url": base_url})).url().unwrap_err().code, "http.invalid_url");
        }
    }

    #[test]
    fn what_is_sent() {
        let plain = with(value!({})).body().unwrap();
        assert_eq!(
            Value::Map(plain),
            value!({"model": "m", "messages": [{"role": "user", "content": "Hi"}]})
        );
        let short = value!({"name": "f", "parameters": {"type": "object"}});
        let whole = value!({"type": "function", "function": short.clone()});
        assert_eq!(
            field(value!({"tools": [short.clone(), whole.clone()]}), "tools"),
            value!([whole.clone(), whole])
        );
        assert_eq!(field(value!({"tool_choice": "required"}), "tool_choice"), value!("required"));
        assert_eq!(
            field(value!({"tool_choice": "f"}), "tool_choice"),
            value!({"type": "function", "function": {"name": "f"}})
        );
        assert_eq!(
            field(value!({"response_schema": {"type": "object"}}), "response_format"),
            value!({"type": "json_schema", "json_schema": {"name": "answer", "schema": {"type": "object"}}})
        );
        assert_eq!(field(value!({"temperature": 0, "max_tokens": 5}), "max_tokens"), value!(5));
        assert_eq!(field(value!({"extra": {"seed": 1}}), "seed"), value!(1));
        assert_eq!(field(value!({"stream": true}), "stream"), value!(true));
    }

    #[test]
    fn what_makes_no_sense() {
        for (more, expected) in [
            (value!({"messages": []}), "there is none"),
            (value!({"messages": [{"role": "user"}, "Hi"]}), "messages[1]"),
            (value!({"tools": [{"description": "d"}]}), "`name`"),
            (value!({"extra": {"stream": true}}), "`stream`"),
        ] {
            let error = with(more).body().unwrap_err();
            assert!(error.message.contains(expected), "{error}");
        }
        for more in [value!({"api_key": "a\nb"}), value!({"headers": {"a b": 1}})] {
            assert_eq!(with(more).request("k").unwrap_err().code, "workflow.invalid_params");
        }
    }

    #[test]
    fn the_key_is_told_to_nobody_else() {
        let request = with(value!({"api_key": "key-of-mine", "headers": {"api-key": "another", "n": null}}))
            .request("k/1")
            .unwrap();
        assert_eq!(request.credentials().collect::<Vec<_>>(), ["another", "key-of-mine"]);
        assert_eq!(request.headers[AUTHORIZATION], "Bearer key-of-mine");
        assert_eq!(request.headers[IDEMPOTENCY_KEY], "k/1");
    }
}
