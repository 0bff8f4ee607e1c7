//! Reads an answer within its limits, at once or as a stream, and tells what is none.

use prana_core::ErrorValue;
use prana_template::{Map, Value};
use reqwest::Response;
use reqwest::header::{CONTENT_TYPE, HeaderMap};

use super::events::Events;
use super::gather::{Completion, Gathered, whole};
use crate::http_request::answer::{retry_after, shortened};
use crate::http_request::prepare::Prepared;
use crate::http_request::send::{asked, failed};
use crate::outside::Outside;
use crate::secrets::CallSecrets;

/// So much of what the other side says of an error is told, in characters.
const MAX_SAID: usize = 2000;

/// An answer that is being read.
pub(super) struct Reader<'a> {
    request: &'a Prepared,
    secrets: &'a CallSecrets,
    response: Response,
    limit: usize,
    read: usize,
}

impl<'a> Reader<'a> {
    pub fn new(
        outside: &Outside,
        secrets: &'a CallSecrets,
        request: &'a Prepared,
        response: Response,
    ) -> Self {
        Reader { request, secrets, response, limit: outside.max_response_bytes, read: 0 }
    }

    /// What the model answered.
    pub async fn completion(&mut self) -> Result<Completion, ErrorValue> {
        if !self.response.status().is_success() {
            return Err(self.status_error().await);
        }
        match is_stream(self.response.headers()) {
            true => self.streamed().await,
            false => self.at_once().await,
        }
    }

    async fn piece(&mut self) -> Result<Option<Vec<u8>>, ErrorValue> {
        let piece = self.response.chunk().await.map_err(|error| failed(self.request, error))?;
        let piece = piece.map(Vec::from);
        self.read += piece.as_ref().map_or(0, Vec::len);
        match self.read > self.limit {
            true => {
                let message = format!(
                    "{}: the answer is larger than {} bytes, the operator's limit",
                    asked(self.request),
                    self.limit
                );
                Err(ErrorValue::new("http.body_too_large", message).not_retryable())
            }
            false => Ok(piece),
        }
    }

    async fn body(&mut self) -> Result<Vec<u8>, ErrorValue> {
        let mut body = Vec::new();
        while let Some(piece) = self.piece().await? {
            body.extend_from_slice(&piece);
        }
        Ok(body)
    }

    async fn at_once(&mut self) -> Result<Completion, ErrorValue> {
        let body = self.body().await?;
        let answer = Value::parse_json(&body).map_err(|_| self.invalid(&body))?;
        self.told_error(&answer)?;
        whole(&answer).ok_or_else(|| self.invalid(&body))
    }

    async fn streamed(&mut self) -> Result<Completion, ErrorValue> {
        let (mut events, mut gathered) = (Events::default(), Gathered::default());
        while let Some(piece) = self.piece().await? {
            let whole = events.push(&piece).map_err(|_| self.invalid(b"an event without end"))?;
            for data in whole {
                if self.take(&data, &mut gathered)? {
                    return Ok(gathered.completion());
                }
            }
        }
        let ended = match events.rest() {
            Some(data) => self.take(&data, &mut gathered)?,
            None => false,
        };
        match ended || gathered.is_finished() {
            true => Ok(gathered.completion()),
            false => {
                let message = format!("{}: the stream ended before the answer did", asked(self.request));
                Err(ErrorValue::new("llm.cut_short", message))
            }
        }
    }

    /// Takes an event. True if it says that nothing follows.
    fn take(&self, data: &[u8], gathered: &mut Gathered) -> Result<bool, ErrorValue> {
        if data.trim_ascii() == b"[DONE]" {
            return Ok(true);
        }
        let chunk = Value::parse_json(data).map_err(|_| self.invalid(data))?;
        self.told_error(&chunk)?;
        gathered.add(&chunk);
        Ok(false)
    }

    fn said(&self, bytes: &[u8], limit: usize) -> String {
        shortened(&self.secrets.redacted(&String::from_utf8_lossy(bytes)), limit)
    }

    fn invalid(&self, bytes: &[u8]) -> ErrorValue {
        let begins = self.said(bytes, 80);
        let message =
            format!("{}: the answer is no chat completion (it begins: {begins})", asked(self.request));
        ErrorValue::new("llm.invalid_answer", message)
    }

    /// Some endpoints answer 200 and say in the body that it went wrong, also in the middle of a stream.
    fn told_error(&self, answer: &Value) -> Result<(), ErrorValue> {
        let Some(error) = answer.get("error").filter(|error| !error.is_null()) else { return Ok(()) };
        let said = shortened(&self.secrets.redacted(&told(error)), MAX_SAID);
        let message = format!("{}: the endpoint failed: {said}", asked(self.request));
        Err(ErrorValue::new("llm.failed", message))
    }

    async fn status_error(&mut self) -> ErrorValue {
        let status = self.response.status();
        let headers = self.response.headers().clone();
        // What can't be read leaves the status, which says enough.
        let body = self.body().await.unwrap_or_default();
        let answer = Value::parse_json(&body).unwrap_or_default();
        let error = answer.get("error").unwrap_or(&Value::Null);
        let said = match error.is_null() {
            true => self.said(&body, MAX_SAID),
            false => shortened(&self.secrets.redacted(&told(error)), MAX_SAID),
        };
        let reason = status.canonical_reason().map(|reason| format!(" {reason}")).unwrap_or_default();
        let message =
            format!("{} was answered with {}{reason}: {said}", asked(self.request), status.as_u16());
        let mut details = Map::new();
        details.insert("status", status.as_u16());
        details.insert("type", error.get("type").cloned().unwrap_or_default());
        details.insert("code", error.get("code").cloned().unwrap_or_default());
        let mut result = ErrorValue::new("llm.status", message).with_details(Value::Map(details));
        result.retryable = is_retryable(status.as_u16(), error);
        if result.retryable {
            result.retry_after_ms = retry_after(&headers, jiff::Timestamp::now());
        }
        result
    }
}

/// An account without credit stays so, however often it is asked.
fn is_retryable(status: u16, error: &Value) -> bool {
    let is_quota = |name: &str| error.get(name).and_then(Value::as_str) == Some("insufficient_quota");
    (status >= 500 || matches!(status, 408 | 425 | 429)) && !is_quota("code") && !is_quota("type")
}

/// What an error says: its message, or all of it.
fn told(error: &Value) -> String {
    match error.get("message").and_then(Value::as_str) {
        Some(message) => message.to_owned(),
        None => error.to_text().to_string(),
    }
}

fn is_stream(headers: &HeaderMap) -> bool {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.trim_start().to_ascii_lowercase().starts_with("text/event-stream")
}

#[cfg(test)]
mod tests {
    use prana_template::value;

    use super::*;

    #[test]
    fn what_may_be_tried_again() {
        for (status, error, expected) in [
            (429, value!(null), true),
            (429, value!({"code": "insufficient_quota"}), false),
            (429, value!({"type": "insufficient_quota"}), false),
            (408, value!(null), true),
            (503, value!("busy"), true),
            (400, value!(null), false),
            (401, value!(null), false),
        ] {
            assert_eq!(is_retryable(status, &error), expected, "{status} {error:?}");
        }
    }
}
