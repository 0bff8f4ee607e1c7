//! The parameters of `email.send`.

use prana_template::{Map, Value};
use schemars::JsonSchema;

use super::addresses::Addresses;

/// The parameters of `email.send`.
#[derive(Clone, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EmailSendParams {
    /// The server: `smtp://user:password@host:port?tls=starttls`. `tls` is `starttls` (the default), `required` (encrypted from the first byte, as
    /// `smtps://` says too) or `none`. Usually a secret.
    pub connection: String,
    /// Who sends it: `ann@example.com`, or `Ann <ann@example.com>`.
    pub from: String,
    /// To whom: one address, several with commas between them, or a list.
    #[serde(default)]
    pub to: Addresses,
    /// Who gets a copy.
    #[serde(default)]
    pub cc: Addresses,
    /// Who gets a copy that the others don't know of.
    #[serde(default)]
    pub bcc: Addresses,
    /// Where answers go.
    #[serde(default)]
    pub reply_to: Addresses,
    /// What it is about.
    #[serde(default)]
    pub subject: String,
    /// The message as plain text.
    #[serde(default)]
    pub text: Option<String>,
    /// The message as HTML. With `text` too, the reader's program chooses.
    #[serde(default)]
    pub html: Option<String>,
    /// More headers. One that is null is left out.
    #[serde(default)]
    #[schemars(with = "serde_json::Map<String, serde_json::Value>")]
    pub headers: Map,
    /// Files that go with it.
    #[serde(default)]
    pub attachments: Vec<Attachment>,
    /// The limit for all of it, in milliseconds: 1 to 3,600,000.
    #[serde(default = "a_minute")]
    pub timeout_ms: u64,
}

fn a_minute() -> u64 {
    60_000
}

/// A file that goes with a message.
#[derive(Clone, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Attachment {
    /// Its name.
    pub filename: String,
    /// What is in it: text, or base64. What is no text is written as JSON.
    #[schemars(with = "serde_json::Value")]
    pub content: Value,
    /// What it is, such as `application/pdf`; `application/octet-stream` if absent.
    #[serde(default)]
    pub content_type: Option<String>,
    /// How `content` is written.
    #[serde(default)]
    pub encoding: Encoding,
}

/// How the content of a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    /// As text.
    #[default]
    Utf8,
    /// In base64.
    Base64,
}
