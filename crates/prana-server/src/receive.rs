//! What is read of a request: within limits, and strictly.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use futures_util::StreamExt;
use prana::core::ExecutionId;
use prana::{TraceParent, Value};
use serde::de::DeserializeOwned;
use tokio::sync::SemaphorePermit;

use crate::problem::Problem;
use crate::server::{INTAKE_PIECE, Shared};

/// A body of the API may be this long: the data of an execution, and what stands around it.
const MAX_BODY: usize = 17 << 20;

/// A body must have come after this time.
const BODY_TIME: Duration = Duration::from_secs(30);

/// The next part of it must have come after this time.
const CHUNK_TIME: Duration = Duration::from_secs(10);

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

/// Where the caller is in a trace, if it says so.
pub fn traceparent(headers: &HeaderMap) -> Option<TraceParent> {
    let mut all = headers.get_all("traceparent").iter();
    let (only, None) = (all.next()?, all.next()) else { return None };
    TraceParent::parse(only.to_str().ok()?)
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
    match tokio::time::timeout(BODY_TIME, read(shared, body, limit)).await {
        Ok(read) => read,
        Err(_) => Err(too_slow(BODY_TIME)),
    }
}

fn too_slow(time: Duration) -> Problem {
    let detail = format!("the body did not come within {} s", time.as_secs());
    Problem::new(StatusCode::REQUEST_TIMEOUT, "request.timeout", detail)
}

async fn read(shared: &Shared, body: Body, limit: usize) -> Result<Vec<u8>, Problem> {
    let mut bytes = Vec::new();
    let mut chunks = body.into_data_stream();
    let mut taken = Taken { shared, pieces: None };
    loop {
        let chunk = tokio::time::timeout(CHUNK_TIME, chunks.next()).await;
        let Some(chunk) = chunk.map_err(|_| too_slow(CHUNK_TIME))? else { return Ok(bytes) };
        let chunk = chunk
            .map_err(|_| Problem::bad_request("request.cut_short", "the body did not come to its end"))?;
        if bytes.len() + chunk.len() > limit {
            return Err(too_large(limit));
        }
        taken.grow(bytes.len() + chunk.len())?;
        bytes.extend_from_slice(&chunk);
    }
}

/// What a body takes of the room for all bodies: as much as came of it, so that those who send slowly take little.
struct Taken<'a> {
    shared: &'a Shared,
    pieces: Option<SemaphorePermit<'a>>,
}

impl Taken<'_> {
    fn grow(&mut self, bytes: usize) -> Result<(), Problem> {
        let have = self.pieces.as_ref().map_or(0, SemaphorePermit::num_permits);
        let more = bytes.div_ceil(INTAKE_PIECE).saturating_sub(have);
        if more == 0 {
            return Ok(());
        }
        let busy = || Problem::unavailable("server.busy", "too much is being read; try again");
        let more = u32::try_from(more).map_err(|_| busy())?;
        let pieces = self.shared.intake.try_acquire_many(more).map_err(|_| busy())?;
        match &mut self.pieces {
            Some(have) => have.merge(pieces),
            none => *none = Some(pieces),
        }
        Ok(())
    }
}

fn too_large(limit: usize) -> Problem {
    let detail = format!("the body is longer than the {limit} bytes that are taken here");
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "request.too_large", detail)
}
