//! What is read of a request: within limits, and strictly.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use futures_util::StreamExt;
use prana::Value;
use prana::core::ExecutionId;
use serde::de::DeserializeOwned;

use crate::problem::Problem;
use crate::server::Shared;

/// A body of the API may be this long: the data of an execution, and what stands around it.
const MAX_BODY: usize = 17 << 20;

/// A body must have come after this time.
const BODY_TIME: Duration = Duration::from_secs(30);

/// A JSON body that is a `T`, and nothing else.
pub struct Json<T>(pub T);

impl<T: DeserializeOwned> FromRequest<Shared> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, shared: &Shared) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        if media_type(&parts.headers) != "application/json" {
            let detail = "the body must be JSON: send it with Content-Type: application/json";
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "request.not_json", detail));
        }
        let bytes = body_of(shared, &parts.headers, body, MAX_BODY).await?;
        let value = Value::parse_json(&bytes)
            .map_err(|error| Problem::bad_request("request.invalid_json", error.to_string()))?;
        let read = prana::template::from_value(&value);
        read.map(Json).map_err(|error| Problem::bad_request("request.invalid", error.to_string()))
    }
}

/// The query string as a `T`.
pub struct Asked<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let query = Query::<T>::try_from_uri(&parts.uri);
        query
            .map(|Query(asked)| Asked(asked))
            .map_err(|error| Problem::bad_request("request.invalid_query", error.body_text()))
    }
}

/// The parts of the path that the route names.
pub struct Named<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Named<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = Path::<T>::from_request_parts(parts, state).await;
        path.map(|Path(named)| Named(named))
            .map_err(|error| Problem::bad_request("request.invalid_path", error.body_text()))
    }
}

/// An execution's identity, as written in a path.
pub fn execution_id(text: &str) -> Result<ExecutionId, Problem> {
    text.parse().map_err(|_| {
        let detail = format!("there is no execution `{text}`: that is not an execution's id");
        Problem::new(StatusCode::NOT_FOUND, "execution.not_found", detail)
    })
}

/// The media type, without its parameters, in lower case.
pub fn media_type(headers: &HeaderMap) -> String {
    let text = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// A whole body of up to `limit` bytes. Only so many are taken in at a time.
pub async fn body_of(
    shared: &Shared,
    headers: &HeaderMap,
    body: Body,
    limit: usize,
) -> Result<Vec<u8>, Problem> {
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if announced.is_some_and(|length: u64| length > limit as u64) {
        return Err(too_large(limit));
    }
    let Ok(_place) = shared.intake.try_acquire() else {
        return Err(Problem::unavailable("server.busy", "too many requests are being read; try again"));
    };
    match tokio::time::timeout(BODY_TIME, read(body, limit)).await {
        Ok(read) => read,
        Err(_) => {
            let detail = format!("the body did not come within {} s", BODY_TIME.as_secs());
            Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "request.timeout", detail))
        }
    }
}

async fn read(body: Body, limit: usize) -> Result<Vec<u8>, Problem> {
    let mut bytes = Vec::new();
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk
            .map_err(|_| Problem::bad_request("request.cut_short", "the body did not come to its end"))?;
        if bytes.len() + chunk.len() > limit {
            return Err(too_large(limit));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

fn too_large(limit: usize) -> Problem {
    let detail = format!("the body is longer than the {limit} bytes that are taken here");
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "request.too_large", detail)
}
