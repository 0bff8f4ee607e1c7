//! The document of a connector, as people write it. Unknown keys are refused.

use prana_template::{List, Map, Value};
use serde::de::{Deserialize, Deserializer};

use crate::http_request::Success;
use crate::secrets::AllowedHosts;

/// The whole document.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Document {
    pub id: String,
    pub title: String,
    #[serde(default)]
    pub description: Option<String>,
    /// Where its service is described.
    #[serde(default)]
    pub docs: Option<String>,
    /// Where the service is; it may have places for parameters.
    pub base_url: String,
    #[serde(default)]
    pub credentials: Vec<Credential>,
    /// Headers of every request.
    #[serde(default)]
    pub headers: Map,
    /// Parameters of every action.
    #[serde(default)]
    pub params: Option<Value>,
    #[serde(default)]
    pub rate_limit: Option<RateLimit>,
    /// Errors that every action may meet.
    #[serde(default)]
    pub errors: List,
    pub actions: Map,
}

/// A way to say who asks, that the service takes.
#[derive(Debug, Clone, serde::Deserialize, serde::Serialize)]
#[serde(deny_unknown_fields)]
pub struct Credential {
    /// What it is.
    pub kind: CredentialKind,
    /// What to put in, and where people get it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Which hosts should be allowed to have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hosts: Option<AllowedHosts>,
    /// header, query: the name of the header or of the field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// OAuth2: where people agree.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorize_url: Option<String>,
    /// OAuth2: where tokens come from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_url: Option<String>,
    /// OAuth2: what to ask for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<String>,
    /// aws_sigv4: the service that requests are signed for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// aws_sigv4: its region; it may have a place for a parameter, such as `{region}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
}

/// The kinds of credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CredentialKind {
    /// A name and a password.
    Basic,
    /// A token.
    Bearer,
    /// A header of its own.
    Header,
    /// A field of the query.
    Query,
    /// OAuth2: the program itself is who asks.
    Oauth2ClientCredentials,
    /// OAuth2: a person agreed.
    Oauth2AuthorizationCode,
    /// Requests signed with an AWS access key.
    AwsSigv4,
}

impl CredentialKind {
    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            CredentialKind::Basic => "basic",
            CredentialKind::Bearer => "bearer",
            CredentialKind::Header => "header",
            CredentialKind::Query => "query",
            CredentialKind::Oauth2ClientCredentials => "oauth2_client_credentials",
            CredentialKind::Oauth2AuthorizationCode => "oauth2_authorization_code",
            CredentialKind::AwsSigv4 => "aws_sigv4",
        }
    }
}

/// So many requests in so much time.
#[derive(Debug, Clone, Copy, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RateLimit {
    pub requests: u32,
    #[serde(deserialize_with = "millis")]
    pub per: u64,
}

fn millis<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let text = String::deserialize(deserializer)?;
    prana_core::duration::parse(&text).map_err(serde::de::Error::custom)
}

/// An action.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ActionDocument {
    pub title: String,
    #[serde(default)]
    pub description: Option<String>,
    #[serde(default)]
    pub params: Option<Value>,
    pub request: Map,
    #[serde(default)]
    pub pagination: Option<Pagination>,
    /// What the node puts out; the body of the answer, or all items of all pages, if it isn't said.
    #[serde(default)]
    pub output: Option<Value>,
    #[serde(default)]
    pub errors: List,
}

/// How to come to the next page.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Pagination {
    pub kind: PageKind,
    /// The items of a page, a template over `$response`.
    pub items: String,
    /// url, cursor: what leads to the next page; null or empty after the last.
    #[serde(default)]
    pub next: Option<String>,
    /// cursor, page, offset: where it goes, `query.NAME` or `body.NAME`.
    #[serde(default)]
    pub into: Option<String>,
    /// page, offset: the number of the first.
    #[serde(default)]
    pub first: Option<i64>,
    /// page, offset: false after the last page; without it the last is the first that is empty.
    #[serde(default)]
    pub more: Option<String>,
    /// How many items at most; null for all.
    #[serde(default)]
    pub limit: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum PageKind {
    /// The `Link` header says it, with `rel="next"`.
    Link,
    /// The answer holds the address of the next page.
    Url,
    /// The answer holds a cursor.
    Cursor,
    /// Pages are counted.
    Page,
    /// Items are counted.
    Offset,
}

/// What an answer means, and which error it is.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ErrorDocument {
    /// The statuses; any that is no success, if neither this nor `when` is said.
    #[serde(default)]
    pub status: Option<Success>,
    /// A template over `$response` that must be true.
    #[serde(default)]
    pub when: Option<String>,
    pub code: String,
    #[serde(default)]
    pub message: Option<String>,
    #[serde(default)]
    pub retryable: Option<bool>,
    /// A template over `$response`: the seconds after which to try again.
    #[serde(default)]
    pub retry_after: Option<String>,
}
