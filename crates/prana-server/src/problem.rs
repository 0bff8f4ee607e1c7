//! Everything that goes wrong, as one kind of answer: a problem document (RFC 9457) with a stable code.

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use axum::response::IntoResponse;
use prana::EngineError;
use prana::core::diagnostic::Diagnostic;
use prana::store::StoreError;
use serde_json::{Map, Value, json};

/// Why a request was refused.
#[derive(Debug, Clone)]
pub struct Problem(Box<Told>);

#[derive(Debug, Clone)]
struct Told {
    status: StatusCode,
    code: String,
    detail: String,
    more: Map<String, Value>,
    headers: Vec<(header::HeaderName, HeaderValue)>,
}

impl Problem {
    /// A problem: a status, a stable dotted code, and what is wrong and what to do.
    pub fn new(status: StatusCode, code: impl Into<String>, detail: impl Into<String>) -> Self {
        let (code, detail) = (code.into(), detail.into());
        Problem(Box::new(Told { status, code, detail, more: Map::new(), headers: Vec::new() }))
    }

    /// A request that is not what it should be.
    pub fn bad_request(code: impl Into<String>, detail: impl Into<String>) -> Self {
        Problem::new(StatusCode::BAD_REQUEST, code, detail)
    }

    /// Try again in a moment.
    pub fn unavailable(code: impl Into<String>, detail: impl Into<String>) -> Self {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, code, detail)
            .header(header::RETRY_AFTER, HeaderValue::from_static("1"))
    }

    /// The same with one more member.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.more.insert(name.to_owned(), value.into());
        self
    }

    /// The same with a header.
    #[must_use]
    pub fn header(mut self, name: header::HeaderName, value: HeaderValue) -> Self {
        self.0.headers.push((name, value));
        self
    }

    /// The status of the answer.
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// The stable code.
    pub fn code(&self) -> &str {
        &self.0.code
    }

    /// What is wrong, for people.
    pub fn detail(&self) -> &str {
        &self.0.detail
    }

    /// A document that is refused, with all that is wrong with it.
    pub fn findings(findings: &[Diagnostic]) -> Self {
        let errors = findings.iter().filter(|finding| finding.is_error());
        let first = errors.clone().next().map_or_else(String::new, |first| format!(": {first}"));
        let detail = format!("the workflow has {} errors{first}", errors.count());
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "workflow.invalid", detail)
            .with("findings", serde_json::to_value(findings).unwrap_or_default())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> axum::response::Response {
        let told = *self.0;
        let mut body = json!({
            "type": format!("urn:prana:problem:{}", told.code),
            "title": told.status.canonical_reason().unwrap_or("Problem"),
            "status": told.status.as_u16(),
            "code": told.code,
            "detail": told.detail,
        });
        if let Value::Object(members) = &mut body {
            members.extend(told.more);
        }
        let mut response = Response::new(Body::from(body.to_string()));
        *response.status_mut() = told.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.extend(told.headers);
        response
    }
}

impl From<EngineError> for Problem {
    fn from(error: EngineError) -> Self {
        let status = match &error {
            EngineError::InvalidWorkflow(findings) => return Problem::findings(findings),
            EngineError::Store(error) => return error.clone().into(),
            EngineError::UnknownWorkflow(_) | EngineError::UnknownExecution(_) => StatusCode::NOT_FOUND,
            EngineError::NotSuspended { status, .. } if is_over(status) => StatusCode::GONE,
            EngineError::NotSuspended { .. } | EngineError::CannotContinue(_) => StatusCode::CONFLICT,
            EngineError::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            EngineError::Unavailable(reason) => {
                return Problem::unavailable("engine.unavailable", reason.clone());
            }
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let text = error.to_string();
        let detail = text.split_once(": ").map_or(text.as_str(), |(_, detail)| detail);
        Problem::new(status, error.code(), detail)
    }
}

/// What an answer came too late for.
fn is_over(status: &str) -> bool {
    matches!(status, "used" | "completed" | "failed" | "cancelled" | "timeout")
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        let detail = error.to_string();
        let (status, code) = match &error {
            StoreError::Unknown(_) => (StatusCode::NOT_FOUND, "execution.not_found"),
            StoreError::Open(_) => (StatusCode::CONFLICT, "execution.not_ended"),
            StoreError::Outdated { current, .. } => {
                return Problem::new(StatusCode::CONFLICT, "workflow.outdated", detail)
                    .with("current_version", *current);
            }
            StoreError::InboxFull { .. } => (StatusCode::TOO_MANY_REQUESTS, "execution.inbox_full"),
            StoreError::Invalid { .. } => (StatusCode::CONFLICT, "store.refused"),
            StoreError::Unavailable { .. } => return Problem::unavailable("store.unavailable", detail),
            _ => (StatusCode::INTERNAL_SERVER_ERROR, "store.refused"),
        };
        Problem::new(status, code, detail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_have_their_status_and_code() {
        let not_suspended =
            |status: &str| EngineError::NotSuspended { status: status.into(), reason: "no".into() };
        for (error, status, code) in [
            (EngineError::UnknownWorkflow("w".into()), 404, "workflow.not_found"),
            (not_suspended("used"), 410, "execution.not_suspended"),
            (not_suspended("running"), 409, "execution.not_suspended"),
            (EngineError::TooLarge("big".into()), 413, "execution.input_too_large"),
            (EngineError::Unavailable("later".into()), 503, "engine.unavailable"),
            (StoreError::Unavailable { reason: "full".into() }.into(), 503, "store.unavailable"),
        ] {
            let problem = Problem::from(error);
            assert_eq!((problem.0.status.as_u16(), problem.0.code.as_str()), (status, code));
        }
    }
}
