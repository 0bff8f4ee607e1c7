//! Resume links: GET shows a page and changes nothing (scanners of mail open links), POST answers the wait.

use axum::Json as Sent;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use prana::Value;
use prana::template::Map;
use serde_json::json;

use crate::api::{AnswerTaken, taken};
use crate::changes::Note;
use crate::form;
use crate::problem::Problem;
use crate::receive::{Named, body_of, media_type};
use crate::server::Shared;

/// An answer by link may be this long, in bytes.
const MAX_BODY: usize = 1 << 20;

/// A page of one sentence. What stands in `inner` must be HTML.
pub fn html(status: StatusCode, title: &str, inner: &str) -> Response {
    let page = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>{title}</title></head><body><main><h1>{title}</h1>{inner}</main></body></html>\n"
    );
    let mut response = (status, page).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    response
}

/// `GET /resume/{token}`
pub async fn page(State(shared): State<Shared>, Named(token): Named<String>) -> Response {
    match shared.tokens.verify(&token) {
        // Without an action the form is sent to this very address, its query included.
        Ok(_) => html(
            StatusCode::OK,
            "Continue",
            "<p>A workflow waits for your answer.</p><form method=\"post\"><button type=\"submit\">Continue</button></form>",
        ),
        Err(_) => refusal(true, unknown_link()),
    }
}

fn unknown_link() -> Problem {
    let detail = "this link is not one of ours, or its key is no longer accepted";
    Problem::new(StatusCode::NOT_FOUND, "resume.invalid_token", detail)
}

/// A refusal as a page for people, or as a problem document for programs.
fn refusal(for_people: bool, problem: Problem) -> Response {
    if !for_people {
        return problem.into_response();
    }
    let text = match problem.status() {
        StatusCode::NOT_FOUND => "This link is not valid.",
        StatusCode::GONE => "This link was used before, or what it was for is over.",
        _ => "This can't be done now. Try again later.",
    };
    html(problem.status(), "Not possible", &format!("<p>{text}</p>"))
}

/// `POST /resume/{token}`: 200 resumed, 202 kept until the wait begins, 404 unknown, 410 used or over.
pub async fn resume(State(shared): State<Shared>, Named(token): Named<String>, request: Request) -> Response {
    let accept = request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok());
    let for_people = accept.is_some_and(|accept| accept.contains("text/html"));
    let (parts, body) = request.into_parts();
    match answer(&shared, &token, parts.uri.query(), &parts.headers, body).await {
        Ok((status, _)) if for_people => {
            noted(&shared, &token, html(status, "Thank you", "<p>Your answer was taken.</p>"))
        }
        Ok((status, word)) => noted(&shared, &token, (status, Sent(json!({"answer": word}))).into_response()),
        Err(problem) => refusal(for_people, problem),
    }
}

/// What the change log says: what was answered, and never the link.
fn noted(shared: &Shared, token: &str, response: Response) -> Response {
    match shared.tokens.verify(token) {
        Ok(wait) => Note::new(wait.execution_id.to_string(), json!({"node": &*wait.node_key})).on(response),
        Err(_) => response,
    }
}

async fn answer(
    shared: &Shared,
    token: &str,
    query: Option<&str>,
    headers: &HeaderMap,
    body: Body,
) -> Result<(StatusCode, AnswerTaken), Problem> {
    let wait = shared.tokens.verify(token).map_err(|_| unknown_link())?;
    let bytes = body_of(shared, headers, body, MAX_BODY).await?;
    let data = data(query, &media_type(headers), &bytes)?;
    let delivered = shared.engine.answer_link(&wait, data).await?;
    Ok(taken(delivered))
}

/// The answer: a JSON body as it is; else the fields of the query and of the form, together.
fn data(query: Option<&str>, media_type: &str, body: &[u8]) -> Result<Value, Problem> {
    if media_type == "application/json" && !body.is_empty() {
        return Value::parse_json(body)
            .map_err(|error| Problem::bad_request("request.invalid_json", error.to_string()));
    }
    let mut fields: Map = form::parse(query.unwrap_or_default().as_bytes());
    match media_type {
        "application/x-www-form-urlencoded" => fields.extend(form::parse(body).into_entries()),
        _ if body.is_empty() => {}
        _ => {
            let detail = "an answer is JSON or a form";
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "request.not_json", detail));
        }
    }
    Ok(Value::Map(fields))
}
