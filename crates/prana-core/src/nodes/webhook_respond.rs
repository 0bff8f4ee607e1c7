//! `webhook.respond`: answers the caller who waits for a webhook.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use prana_template::{Map, ParamError, Params, PathSegment, Value};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{params_of, present};
use crate::action::{Call, Descriptor, Effect, Failure, Kind, Outcome, PureAction};
use crate::registry::Registry;

/// The type name.
pub const TYPE: &str = "webhook.respond";

/// The parameters of `webhook.respond`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookRespondParams {
    /// What the answer is. JSON if absent, or what the older names below say.
    #[serde(default)]
    pub respond_with: Option<RespondWith>,
    /// The status; 200 if absent, 204 for no content, 302 for a redirect.
    #[serde(default, alias = "status_code")]
    pub status: Option<u16>,
    /// Headers of the answer: text, or a list of texts for one that comes several times.
    #[serde(default)]
    #[schemars(with = "serde_json::Map<String, serde_json::Value>")]
    pub headers: Map,
    /// json: the value; its input if absent. text: the text; its input if absent. binary: the bytes in base64.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "Option<serde_json::Value>")]
    pub body: Option<Value>,
    /// redirect: where to.
    #[serde(default, alias = "redirect_url")]
    pub location: Option<String>,
    /// The older name of `body`, for JSON.
    #[serde(default)]
    #[schemars(with = "Option<serde_json::Value>")]
    pub json_data: Option<Value>,
    /// The older name of `body`, for text.
    #[serde(default)]
    pub text_data: Option<String>,
    /// The older way to say the status of a redirect: 302 or 301.
    #[serde(default)]
    pub redirect_type: Option<RedirectType>,
}

/// What an answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RespondWith {
    /// A value, as JSON.
    Json,
    /// Text. `text/plain` unless `headers` say otherwise.
    Text,
    /// Bytes. `application/octet-stream` unless `headers` say otherwise.
    Binary,
    /// Another address to go to.
    Redirect,
    /// A status and headers alone.
    #[serde(alias = "no_data")]
    NoContent,
}

impl RespondWith {
    fn as_str(self) -> &'static str {
        match self {
            RespondWith::Json => "json",
            RespondWith::Text => "text",
            RespondWith::Binary => "binary",
            RespondWith::Redirect => "redirect",
            RespondWith::NoContent => "no_content",
        }
    }
}

/// How long a redirect holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RedirectType {
    /// This time: 302.
    Temporary,
    /// For ever: 301.
    Permanent,
}

/// What a caller is answered, as the output of the node says it.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The status, 200 to 599.
    pub status: u16,
    /// Names in lower case and values, in order; they are such that HTTP can send them.
    pub headers: Vec<(String, String)>,
    /// What is sent.
    pub content: Content,
}

/// What is sent to a caller.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// A value, to be sent as JSON.
    Json(Value),
    /// Text.
    Text(String),
    /// Bytes.
    Binary(Vec<u8>),
    /// Nothing but this address.
    Redirect(String),
    /// Nothing.
    Empty,
}

impl Answer {
    /// Reads the output of a `webhook.respond` node. An output of another form (pinned or mocked data) is an answer in JSON.
    ///
    /// ```
    /// use prana_core::nodes::webhook_respond::{Answer, Content};
    /// use prana_template::value;
    ///
    /// let answer = Answer::of_output(&value!({"respond_with": "text", "status": 201, "headers": {}, "body": "made"}));
    /// assert_eq!((answer.status, answer.content), (201, Content::Text("made".into())));
    /// ```
    pub fn of_output(output: &Value) -> Answer {
        Answer::read(output).unwrap_or_else(|| Answer {
            status: 200,
            headers: Vec::new(),
            content: Content::Json(output.clone()),
        })
    }

    fn read(output: &Value) -> Option<Answer> {
        let params: WebhookRespondParams = prana_template::from_value(output).ok()?;
        params.respond_with?;
        answer(params, &Value::Null).ok()
    }

    fn output(&self, respond_with: RespondWith) -> Value {
        let mut output = Map::new();
        output.insert("respond_with", respond_with.as_str());
        output.insert("status", Value::Int(self.status.into()));
        output.insert("headers", Value::Map(joined(&self.headers)));
        match &self.content {
            Content::Json(value) => output.insert("body", value.clone()),
            Content::Text(text) => output.insert("body", text.as_str()),
            Content::Binary(bytes) => output.insert("body", STANDARD.encode(bytes)),
            Content::Redirect(location) => output.insert("location", location.as_str()),
            Content::Empty => None,
        };
        Value::Map(output)
    }
}

/// Headers as a map; one that comes several times has a list.
fn joined(headers: &[(String, String)]) -> Map {
    let mut map = Map::new();
    for (name, value) in headers {
        let value = Value::from(value.as_str());
        let value = match map.get(name.as_str()) {
            None => value,
            Some(Value::List(earlier)) => earlier.iter().cloned().chain([value]).collect(),
            Some(earlier) => [earlier.clone(), value].into_iter().collect(),
        };
        map.insert(name.as_str(), value);
    }
    map
}

/// Answers.
pub struct WebhookRespond;

/// Adds it.
pub fn register(registry: &mut Registry) {
    let descriptor = Descriptor::new::<WebhookRespondParams>(
        TYPE,
        "Respond",
        "Answers the caller who waits for a webhook with `respond: respond_node`, and the execution goes on. The first that runs \
         answers; others, and those of executions that nobody waits for, change nothing. Its output is what was answered: \
         `{respond_with, status, headers, body}`.",
        Effect::Pure,
    )
    .kind(Kind::Output)
    .aliases(&["http.webhook_respond"])
    .check_with(check);
    registry.pure(descriptor, WebhookRespond);
}

impl PureAction for WebhookRespond {
    fn run(&self, call: &dyn Call) -> Result<Outcome, Failure> {
        let params: WebhookRespondParams = params_of(call)?;
        let respond_with = respond_with(&params);
        let answer = answer(params, &call.input()).map_err(Failure::from)?;
        Ok(Outcome::output(answer.output(respond_with)))
    }
}

fn respond_with(params: &WebhookRespondParams) -> RespondWith {
    params.respond_with.unwrap_or(match (&params.location, &params.text_data) {
        (Some(_), _) => RespondWith::Redirect,
        (None, Some(_)) => RespondWith::Text,
        (None, None) => RespondWith::Json,
    })
}

fn wrong(path: &str, message: impl Into<String>, help: Option<&str>) -> ParamError {
    let path = vec![PathSegment::Key(path.into())];
    ParamError { path, message: message.into(), help: help.map(str::to_owned) }
}

fn answer(params: WebhookRespondParams, input: &Value) -> Result<Answer, ParamError> {
    let with = respond_with(&params);
    let status = status(&params, with)?;
    let headers = headers(&params.headers)?;
    let given = params.body.or(params.json_data).or(params.text_data.map(Value::from));
    let content = match with {
        RespondWith::Json => Content::Json(given.unwrap_or_else(|| input.clone())),
        RespondWith::Text => Content::Text(given.as_ref().unwrap_or(input).to_text().to_string()),
        RespondWith::Binary => Content::Binary(bytes(given.as_ref())?),
        RespondWith::Redirect => Content::Redirect(location(params.location)?),
        RespondWith::NoContent => Content::Empty,
    };
    Ok(Answer { status, headers, content })
}

/// Statuses that HTTP sends without a body.
const WITHOUT_BODY: [u16; 3] = [204, 205, 304];

fn status(params: &WebhookRespondParams, with: RespondWith) -> Result<u16, ParamError> {
    let status = params.status.unwrap_or(match (with, params.redirect_type) {
        (RespondWith::Redirect, Some(RedirectType::Permanent)) => 301,
        (RespondWith::Redirect, _) => 302,
        (RespondWith::NoContent, _) => 204,
        _ => 200,
    });
    let is_redirect = with == RespondWith::Redirect;
    match status {
        300..=399 if is_redirect && status != 304 => Ok(status),
        _ if is_redirect => {
            Err(wrong("status", "a redirect has a status from 300 to 399, and not 304", None))
        }
        status if WITHOUT_BODY.contains(&status) && with != RespondWith::NoContent => {
            let help = "write `respond_with: no_content`, or another status";
            Err(wrong("status", format!("an answer with status {status} has no body"), Some(help)))
        }
        200..=599 => Ok(status),
        _ => Err(wrong("status", "a status is a number from 200 to 599", None)),
    }
}

fn bytes(body: Option<&Value>) -> Result<Vec<u8>, ParamError> {
    let text = body.and_then(Value::as_str).unwrap_or_default();
    let decoded =
        STANDARD.decode(text.trim_end()).ok().filter(|_| body.is_some_and(|body| body.as_str().is_some()));
    decoded.ok_or_else(|| wrong("body", "bytes are written as text in base64", None))
}

fn location(location: Option<String>) -> Result<String, ParamError> {
    let help = Some("an address such as https://shop.example/thanks, or a path such as /thanks");
    let Some(location) = location.filter(|location| !location.is_empty()) else {
        return Err(wrong("location", "a redirect needs to say where to", help));
    };
    let leads_on = ["https://", "http://", "/"].iter().any(|start| location.starts_with(start));
    let is_clean = location.bytes().all(|byte| byte.is_ascii_graphic());
    if leads_on && is_clean {
        Ok(location)
    } else {
        Err(wrong("location", "it is no address of the web", help))
    }
}

/// Headers that belong to the server, to its protection, or to HTTP itself.
const RESERVED: [&str; 11] = [
    "content-security-policy",
    "x-content-type-options",
    "referrer-policy",
    "set-cookie",
    "content-length",
    "transfer-encoding",
    "connection",
    "upgrade",
    "trailer",
    "location",
    "service-worker-allowed",
];

/// What stands in the way of a header that a workflow wants to set; none if nothing does.
pub fn header_problem(name: &str, value: &str) -> Option<String> {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    let lower = name.to_ascii_lowercase();
    if name.is_empty() || name.len() > 200 || !name.bytes().all(is_token) {
        return Some(format!("`{}` is no header", name.chars().take(60).collect::<String>()));
    }
    if RESERVED.contains(&&*lower) || lower.starts_with("access-control-") {
        return Some(format!("the header `{name}` is not for workflows to set"));
    }
    let is_sendable = |byte: u8| byte == b'\t' || byte == b' ' || byte.is_ascii_graphic();
    let can_be_sent = value.len() <= 8_192 && value.bytes().all(is_sendable);
    (!can_be_sent).then(|| format!("the value of the header `{name}` can't be sent"))
}

fn headers(given: &Map) -> Result<Vec<(String, String)>, ParamError> {
    let mut headers = Vec::new();
    for (name, value) in given.iter() {
        let values = match value {
            Value::Null => Vec::new(),
            Value::List(values) => values.iter().map(|value| value.to_text().to_string()).collect(),
            one => vec![one.to_text().to_string()],
        };
        for value in values {
            if let Some(problem) = header_problem(name, &value) {
                return Err(wrong("headers", problem, None));
            }
            headers.push((name.to_ascii_lowercase(), value));
        }
    }
    if headers.len() > 100 {
        return Err(wrong("headers", "an answer has at most 100 headers", None));
    }
    Ok(headers)
}

/// What can be told before anything is rendered.
fn check(params: &Params) -> Result<(), ParamError> {
    let skeleton = params.skeleton();
    let is_hole = |name: &str| params.is_hole(&[PathSegment::Key(name.into())]);
    let known =
        ["respond_with", "status", "status_code", "headers", "location", "redirect_url", "redirect_type"];
    if known.iter().any(|name| is_hole(name)) || has_holes(params) {
        return Ok(());
    }
    let Ok(mut read) = prana_template::from_value::<WebhookRespondParams>(&skeleton) else { return Ok(()) };
    // A body that is a template stands as null; base64 can't be.
    if read.respond_with == Some(RespondWith::Binary) && is_hole("body") {
        read.body = Some(Value::from(""));
    }
    answer(read, &Value::Null).map(drop)
}

/// Whether the value of some header is a template.
fn has_holes(params: &Params) -> bool {
    let headers = params.field("headers");
    headers.is_some_and(|headers| headers.constant().is_none())
}

#[cfg(test)]
mod tests {
    use prana_template::{Value, value};

    use super::*;
    use crate::nodes::tests::Probe;

    #[track_caller]
    fn check(params: Value, output: Value) {
        Probe::new("webhook.respond", params).input(value!({"n": 1})).gives(output.clone());
        let answer = Answer::of_output(&output);
        let with: RespondWith =
            prana_template::from_value(output.get("respond_with").expect("it says")).expect("known");
        assert_eq!(answer.output(with), output, "an output is read back as it was written");
    }

    #[test]
    fn answers_are_made() {
        check(value!({}), value!({"respond_with": "json", "status": 200, "headers": {}, "body": {"n": 1}}));
        check(
            value!({"status": 201, "headers": {"X-A": 5, "Link": ["<a>", "<b>"], "x-none": null}, "body": null}),
            value!({"respond_with": "json", "status": 201, "headers": {"x-a": "5", "link": ["<a>", "<b>"]}, "body": null}),
        );
        check(
            value!({"respond_with": "text", "body": "hi", "headers": {"content-type": "text/html"}}),
            value!({"respond_with": "text", "status": 200, "headers": {"content-type": "text/html"}, "body": "hi"}),
        );
        check(
            value!({"respond_with": "binary", "body": "/wA="}),
            value!({"respond_with": "binary", "status": 200, "headers": {}, "body": "/wA="}),
        );
        check(
            value!({"respond_with": "redirect", "location": "https://a.example/?b=c"}),
            value!({"respond_with": "redirect", "status": 302, "headers": {}, "location": "https://a.example/?b=c"}),
        );
        check(
            value!({"respond_with": "no_content"}),
            value!({"respond_with": "no_content", "status": 204, "headers": {}}),
        );
    }

    #[test]
    fn the_older_names_are_read() {
        check(
            value!({"status_code": 202, "text_data": "ok", "json_data": null, "redirect_url": null, "headers": {}}),
            value!({"respond_with": "text", "status": 202, "headers": {}, "body": "ok"}),
        );
        check(
            value!({"respond_with": "json", "json_data": [1]}),
            value!({"respond_with": "json", "status": 200, "headers": {}, "body": [1]}),
        );
        check(
            value!({"redirect_url": "/x", "redirect_type": "permanent"}),
            value!({"respond_with": "redirect", "status": 301, "headers": {}, "location": "/x"}),
        );
        check(
            value!({"respond_with": "no_data"}),
            value!({"respond_with": "no_content", "status": 204, "headers": {}}),
        );
    }

    #[test]
    fn what_http_can_not_send_is_an_error() {
        for (params, part) in [
            (value!({"status": 199}), "200 to 599"),
            (value!({"status": 600}), "200 to 599"),
            (value!({"status": 204, "body": 1}), "has no body"),
            (value!({"respond_with": "redirect"}), "where to"),
            (value!({"respond_with": "redirect", "location": "javascript:alert(1)"}), "no address"),
            (value!({"respond_with": "redirect", "location": "/a\r\nb"}), "no address"),
            (value!({"respond_with": "redirect", "location": "/a", "status": 200}), "300 to 399"),
            (value!({"respond_with": "binary", "body": "%"}), "base64"),
            (value!({"respond_with": "binary"}), "base64"),
            (value!({"headers": {"a b": "c"}}), "is no header"),
            (value!({"headers": {"Set-Cookie": "a=b"}}), "not for workflows"),
            (value!({"headers": {"Access-Control-Allow-Origin": "*"}}), "not for workflows"),
            (value!({"headers": {"x": "a\r\nset-cookie: b"}}), "can't be sent"),
        ] {
            Probe::new("webhook.respond", params).fails("workflow.invalid_params", part);
        }
    }

    #[test]
    fn other_outputs_are_answers_in_json() {
        for output in [value!(null), value!({"a": 1}), value!({"status": 999, "respond_with": "json"})] {
            let answer = Answer::of_output(&output);
            assert_eq!((answer.status, answer.content), (200, Content::Json(output)));
        }
    }
}
