//! The error of a node, as stored and shown: plain data.

use prana_template::{Map, Str, Value};
use serde::{Deserialize, Serialize};

/// Why a node (or an execution) failed. A stable dotted code, a message for people, details for programs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ErrorValue {
    /// A stable code such as `http.timeout`.
    pub code: Str,
    /// What happened and what to do, for people.
    pub message: Str,
    /// More, for programs; null if there is nothing more.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub details: Value,
    /// False if trying again can't help.
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub retryable: bool,
    /// The delay that the other side asked for (`Retry-After`), in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}

fn yes() -> bool {
    true
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde asks for")]
fn is_true(value: &bool) -> bool {
    *value
}

impl ErrorValue {
    /// An error with a code and a message, without details, worth a retry.
    pub fn new(code: impl Into<Str>, message: impl Into<String>) -> Self {
        ErrorValue {
            code: code.into(),
            message: Str::from(message.into()),
            details: Value::Null,
            retryable: true,
            retry_after_ms: None,
        }
    }

    /// The same error with details.
    #[must_use]
    pub fn with_details(mut self, details: Value) -> Self {
        self.details = details;
        self
    }

    /// The same error, marked as one that trying again can't mend.
    #[must_use]
    pub fn not_retryable(mut self) -> Self {
        self.retryable = false;
        self
    }

    /// `{code, message, details}`: how templates and programs see it.
    pub fn to_value(&self) -> Value {
        let mut map = Map::new();
        map.insert("code", Value::Str(self.code.clone()));
        map.insert("message", Value::Str(self.message.clone()));
        map.insert("details", self.details.clone());
        Value::Map(map)
    }

    /// Reads `{code, message, details}` back; anything else becomes an error of its own with `fallback` as code.
    pub fn from_value(value: &Value, fallback: &str) -> Self {
        let text = |key: &str| value.get(key).and_then(Value::as_str);
        let message = text("message").map_or_else(|| value.to_text().to_string(), str::to_owned);
        let error = ErrorValue::new(text("code").unwrap_or(fallback), message);
        match value.get("details") {
            Some(details) => error.with_details(details.clone()),
            None => error,
        }
    }
}

impl std::fmt::Display for ErrorValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}
