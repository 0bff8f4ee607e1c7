//! From parameters to the bytes of a message.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lettre::address::{Address, Envelope};
use lettre::message::header::{self, ContentTransferEncoding, ContentType, HeaderName, HeaderValue};
use lettre::message::{Attachment as Part, Body, Mailboxes, Message, MessageBuilder, MultiPart, SinglePart};
use prana_core::ErrorValue;
use prana_template::{Map, Value};

use super::addresses::mailbox;
use super::params::{Attachment, EmailSendParams, Encoding};
use crate::action::invalid_params;

/// A message goes to so many addresses at most.
const MAX_RECIPIENTS: usize = 500;

/// A header that a parameter sets may be this long, in bytes.
const MAX_HEADER: usize = 8192;

/// A message that is ready to be sent.
pub(super) struct Letter {
    pub from: String,
    pub to: Vec<String>,
    pub message_id: String,
    pub bytes: Vec<u8>,
}

impl Letter {
    /// The message, if it isn't larger than this in bytes.
    pub fn write(params: &EmailSendParams, idempotency_key: &str, limit: usize) -> Result<Self, ErrorValue> {
        let from = mailbox("from", &params.from)?;
        let message_id = message_id(idempotency_key, from.email.domain());
        let builder = Message::builder().message_id(Some(message_id.clone())).from(from.clone());
        let (mut builder, to) = recipients(builder, params)?;
        let envelope = Envelope::new(Some(from.email.clone()), to.clone());
        builder = builder.envelope(envelope.map_err(|error| invalid_params(error.to_string()))?);
        if !params.subject.is_empty() {
            builder = builder.subject(plain("subject", &params.subject)?);
        }
        builder = more_headers(builder, &params.headers)?;
        let parts = content(params, limit)?;
        let message = match parts {
            Content::Single(part) => builder.singlepart(part),
            Content::Multi(part) => builder.multipart(part),
        };
        let message =
            message.map_err(|error| invalid_params(format!("the message can't be written: {error}")))?;
        let to = to.iter().map(ToString::to_string).collect();
        Ok(Letter { from: from.email.to_string(), to, message_id, bytes: message.formatted() })
    }
}

/// Adds the headers that say who gets it, and gives all addresses. Of `bcc` nothing is written.
fn recipients(
    mut builder: MessageBuilder,
    params: &EmailSendParams,
) -> Result<(MessageBuilder, Vec<Address>), ErrorValue> {
    let (to, cc, bcc) =
        (params.to.mailboxes("to")?, params.cc.mailboxes("cc")?, params.bcc.mailboxes("bcc")?);
    let mut all: Vec<Address> = [&to, &cc, &bcc].into_iter().flatten().map(|to| to.email.clone()).collect();
    all.sort_unstable();
    all.dedup();
    match all.len() {
        0 => return Err(invalid_params("to: the message has no recipient")),
        many if many > MAX_RECIPIENTS => {
            let message =
                format!("to: a message can have {MAX_RECIPIENTS} recipients, and this one has {many}");
            return Err(invalid_params(message));
        }
        _ => {}
    }
    // A header at a time: each one is written anew whenever an address joins it.
    if !to.is_empty() {
        builder = builder.mailbox(header::To::from(Mailboxes::from(to)));
    }
    if !cc.is_empty() {
        builder = builder.mailbox(header::Cc::from(Mailboxes::from(cc)));
    }
    let reply_to = params.reply_to.mailboxes("reply_to")?;
    if !reply_to.is_empty() {
        builder = builder.mailbox(header::ReplyTo::from(Mailboxes::from(reply_to)));
    }
    Ok((builder, all))
}

/// Text for a header.
fn plain(field: &str, text: &str) -> Result<String, ErrorValue> {
    match text {
        text if text.len() > MAX_HEADER => {
            Err(invalid_params(format!("{field}: it is longer than {MAX_HEADER} bytes")))
        }
        text if text.chars().any(char::is_control) => {
            Err(invalid_params(format!("{field}: it has line ends or other control characters")))
        }
        text => Ok(text.to_owned()),
    }
}

/// Headers that are made of other parameters, or that servers write.
const OWN_HEADERS: [&str; 13] = [
    "from",
    "sender",
    "to",
    "cc",
    "bcc",
    "reply-to",
    "subject",
    "date",
    "message-id",
    "mime-version",
    "received",
    "return-path",
    "dkim-signature",
];

fn more_headers(mut builder: MessageBuilder, headers: &Map) -> Result<MessageBuilder, ErrorValue> {
    for (name, value) in headers.iter().filter(|(_, value)| !value.is_null()) {
        let lower = name.to_ascii_lowercase();
        if OWN_HEADERS.contains(&lower.as_str())
            || lower.starts_with("content-")
            || lower.starts_with("resent-")
        {
            return Err(invalid_params(format!("headers: `{name}` is made of the parameters; leave it out")));
        }
        let is_name = !name.is_empty()
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        let parsed = HeaderName::new_from_ascii(name.to_string()).ok().filter(|_| is_name);
        let parsed = parsed
            .ok_or_else(|| invalid_params(format!("headers: `{name}` can't be the name of a header")))?;
        let text = plain(&format!("headers.{name}"), &value.to_text())?;
        builder = builder.raw_header(HeaderValue::new(parsed, text));
    }
    Ok(builder)
}

enum Content {
    Single(SinglePart),
    Multi(MultiPart),
}

fn content(params: &EmailSendParams, limit: usize) -> Result<Content, ErrorValue> {
    let mut size = params.text.as_ref().map_or(0, String::len) + params.html.as_ref().map_or(0, String::len);
    let mut files = Vec::new();
    for (index, attachment) in params.attachments.iter().enumerate() {
        let (part, bytes) = file(index, attachment)?;
        size = size.saturating_add(bytes);
        files.push(part);
    }
    if size > limit {
        let message = format!("the message has {size} bytes, and the operator's limit is {limit}");
        return Err(ErrorValue::new("email.too_large", message).not_retryable());
    }
    let words = words(params)?;
    if files.is_empty() {
        return Ok(words);
    }
    let mixed = match words {
        Content::Single(part) => MultiPart::mixed().singlepart(part),
        Content::Multi(part) => MultiPart::mixed().multipart(part),
    };
    Ok(Content::Multi(files.into_iter().fold(mixed, MultiPart::singlepart)))
}

fn words(params: &EmailSendParams) -> Result<Content, ErrorValue> {
    match (params.text.as_deref().map(lines), params.html.as_deref().map(lines)) {
        (Some(text), Some(html)) => Ok(Content::Multi(MultiPart::alternative_plain_html(text, html))),
        (Some(text), None) => Ok(Content::Single(SinglePart::plain(text))),
        (None, Some(html)) => Ok(Content::Single(SinglePart::html(html))),
        (None, None) => Err(invalid_params("the message has neither `text` nor `html`")),
    }
}

/// The same text with one kind of line end.
fn lines(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

/// The part of the message, and its size.
fn file(index: usize, attachment: &Attachment) -> Result<(SinglePart, usize), ErrorValue> {
    let field = format!("attachments[{index}]");
    let name = plain(&format!("{field}.filename"), &attachment.filename)?;
    let content_type = plain(
        &format!("{field}.content_type"),
        attachment.content_type.as_deref().unwrap_or("application/octet-stream"),
    )?;
    let content_type = ContentType::parse(&content_type)
        .map_err(|_| invalid_params(format!("{field}.content_type: it must be like application/pdf")))?;
    let text = match &attachment.content {
        value @ (Value::List(_) | Value::Map(_)) => value.to_json_string(),
        value => value.to_text().to_string(),
    };
    let bytes = match attachment.encoding {
        Encoding::Utf8 => text.into_bytes(),
        Encoding::Base64 => STANDARD
            .decode(text.trim())
            .map_err(|error| invalid_params(format!("{field}.content: it is not base64: {error}")))?,
    };
    let size = bytes.len();
    // Whatever is in it, no line of it can be taken for one of the protocol.
    let body = Body::new_with_encoding(bytes, ContentTransferEncoding::Base64);
    let body = body.map_err(|_| invalid_params(format!("{field}.content: it can't be written")))?;
    Ok((Part::new(name).body(body, content_type), size))
}

/// The key, in the characters that a Message-ID may have.
fn message_id(key: &str, domain: &str) -> String {
    let mut id = String::from("<");
    for byte in key.bytes() {
        match byte {
            b'/' => id.push('.'),
            byte if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_') => id.push(char::from(byte)),
            byte => {
                let _ = write!(id, "={byte:02x}");
            }
        }
    }
    format!("{id}@{domain}>")
}

#[cfg(test)]
mod tests {
    use prana_template::{from_value, value};

    use super::*;

    fn letter(more: Value) -> Result<Letter, ErrorValue> {
        let mut params = value!({"connection": "smtp://h", "from": "Ann <ann@x.example>", "to": "bo@y.example", "text": "Hi"})
            .as_map()
            .unwrap()
            .clone();
        params.extend(more.as_map().unwrap().clone().into_entries());
        Letter::write(&from_value(&Value::Map(params)).unwrap(), "exec/node/0", 1000)
    }

    fn written(more: Value) -> String {
        String::from_utf8(letter(more).unwrap().bytes).unwrap()
    }

    #[test]
    fn a_plain_message() {
        let letter = letter(value!({"subject": "Grüße", "cc": "c@y.example", "bcc": "secret@y.example", "reply_to": "r@x.example", "headers": {"X-Order": 5, "X-N": null}})).unwrap();
        assert_eq!(
            (letter.from.as_str(), letter.message_id.as_str()),
            ("ann@x.example", "<exec.node.0@x.example>")
        );
        assert_eq!(letter.to, ["bo@y.example", "c@y.example", "secret@y.example"]);
        let text = String::from_utf8(letter.bytes).unwrap();
        for line in [
            "Message-ID: <exec.node.0@x.example>",
            "From: Ann <ann@x.example>",
            "To: bo@y.example",
            "Cc: c@y.example",
            "Reply-To: r@x.example",
            "Subject: =?utf-8?b?R3LDvMOfZQ==?=",
            "X-Order: 5",
            "Content-Type: text/plain; charset=utf-8",
            "Hi",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in {text}");
        }
        assert!(!text.contains("secret@") && !text.contains("X-N"), "{text}");
        assert!(text.contains("Date: "), "{text}");
    }

    #[test]
    fn parts() {
        let both = written(value!({"html": "<p>Hi</p>"}));
        assert!(both.contains("multipart/alternative") && both.contains("text/html"), "{both}");
        let file = value!({"filename": "a.pdf", "content": "/wA=", "encoding": "base64", "content_type": "application/pdf"});
        let with_file = written(value!({"attachments": [file, {"filename": "b.json", "content": {"a": 1}}]}));
        for part in [
            "multipart/mixed",
            "filename=\"a.pdf\"",
            "application/pdf",
            "/wA=",
            "filename=\"b.json\"",
            "eyJhIjoxfQ==",
        ] {
            assert!(with_file.contains(part), "{part} in {with_file}");
        }
    }

    #[test]
    fn no_header_can_be_smuggled_in() {
        for more in [
            value!({"subject": "a\r\nBcc: x@y.example"}),
            value!({"headers": {"X-A": "1\nBcc: x@y.example"}}),
            value!({"headers": {"X-A\r\nBcc": "x@y.example"}}),
            value!({"headers": {"X A": 1}}),
            value!({"headers": {"": 1}}),
            value!({"headers": {"bcc": "x@y.example"}}),
            value!({"headers": {"Content-Type": "text/html"}}),
            value!({"from": "Ann\r\nBcc: x@y.example <ann@x.example>"}),
            value!({"reply_to": ["a@x.example\r\nX: 1"]}),
            value!({"attachments": [{"filename": "a\r\nX: 1", "content": ""}]}),
            value!({"attachments": [{"filename": "a", "content": "", "content_type": "text/plain\r\nX: 1"}]}),
            value!({"subject": "x".repeat(10_000)}),
        ] {
            assert_eq!(letter(more).err().unwrap().code, "workflow.invalid_params");
        }
        let quoted = written(value!({"attachments": [{"filename": "a\"; x=\"y.txt", "content": ""}]}));
        assert!(!quoted.contains("; x=\"y.txt\""), "{quoted}");
    }

    #[test]
    fn what_makes_no_sense() {
        for more in [
            value!({"to": null}),
            value!({"to": (0..501).map(|n| Value::from(format!("u{n}@y.example"))).collect::<Vec<_>>()}),
            value!({"from": ""}),
            value!({"from": "a@x.example, b@x.example"}),
            value!({"text": null}),
            value!({"attachments": [{"filename": "a", "content": "?", "encoding": "base64"}]}),
            value!({"attachments": [{"filename": "a", "content": "", "content_type": "pdf"}]}),
        ] {
            assert_eq!(letter(more).err().unwrap().code, "workflow.invalid_params");
        }
        assert_eq!(letter(value!({"text": "x".repeat(1001)})).err().unwrap().code, "email.too_large");
    }

    #[test]
    fn lines_end_as_the_protocol_has_it() {
        let file = value!({"filename": "f", "content": "a\n.\nb"});
        let text = written(value!({"text": "a\n.\rb\r\n.", "html": "<p>\n.\n</p>", "attachments": [file]}));
        assert_eq!(text.matches('\n').count(), text.matches("\r\n").count(), "{text:?}");
        assert_eq!(text.matches('\r').count(), text.matches("\r\n").count(), "{text:?}");
    }

    #[test]
    fn keys_become_ids() {
        for (key, expected) in
            [("a/b-1", "<a.b-1@x>"), ("ä>", "<=c3=a4=3e@x>"), ("a b\r\n", "<a=20b=0d=0a@x>")]
        {
            assert_eq!(message_id(key, "x"), expected);
        }
    }
}
