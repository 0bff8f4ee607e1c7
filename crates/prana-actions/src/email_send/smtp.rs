//! The conversation with an SMTP server.

use std::io;
use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use prana_core::ErrorValue;
use prana_template::{Map, Value, value};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::message::Letter;
use super::reply::{Replies, Reply};
use super::server::{Encryption, Server};
use crate::action::ActionCall;
use crate::connect::{self, Limited};
use crate::http_request::answer::shortened;
use crate::tls::Tls;

/// So much of what the server says is told, in characters.
const MAX_SAID: usize = 1000;

/// Sends the letter. Gives what the server says when it takes it.
pub(super) async fn send(call: &ActionCall, server: &Server, letter: &Letter) -> Result<String, ErrorValue> {
    let connected = connect::connect(&call.outside, &server.host, server.port).await;
    let stream = connected.map_err(|error| error.stored("email", &server.written_host(), server.port))?;
    let telling = Telling { call, server };
    let name = own_name(&stream);
    match server.encryption {
        Encryption::None => deliver(telling, stream, name, letter).await,
        Encryption::Whole => {
            let stream = telling.encrypt(&call.outside.tls, stream).await?;
            deliver(telling, stream, name, letter).await
        }
        Encryption::StartTls => {
            let stream = start_tls(telling, stream, &name).await?;
            let stream = telling.encrypt(&call.outside.tls, stream).await?;
            // What was said before is forgotten, as anybody could have said it; the greeting does not come again.
            let mut talk = Talk::new(telling, stream);
            talk.hello(&name).await?;
            talk.deliver(letter).await
        }
    }
}

async fn deliver<S>(
    telling: Telling<'_>,
    stream: S,
    name: String,
    letter: &Letter,
) -> Result<String, ErrorValue>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut talk = Talk::new(telling, stream);
    talk.greeted().await?;
    talk.hello(&name).await?;
    talk.deliver(letter).await
}

/// Says what must be said before the connection is encrypted, and not a word more.
async fn start_tls(telling: Telling<'_>, stream: Limited, name: &str) -> Result<Limited, ErrorValue> {
    let mut talk = Talk::new(telling, stream);
    talk.greeted().await?;
    talk.hello(name).await?;
    if talk.extension("STARTTLS").is_none() {
        let why = "it offers no encryption; `tls=none` does without, `tls=required` begins with it";
        return Err(telling.error("email.no_tls", why).not_retryable());
    }
    talk.ask("STARTTLS", "STARTTLS").await?;
    match talk.replies.is_empty() {
        true => Ok(talk.stream),
        false => Err(telling
            .error("email.invalid_answer", "something was said in the clear after STARTTLS")
            .not_retryable()),
    }
}

/// The address of this side, as EHLO wants it.
fn own_name(stream: &Limited) -> String {
    match stream.local().map(|address| address.ip()) {
        Ok(IpAddr::V4(address)) => format!("[{address}]"),
        Ok(IpAddr::V6(address)) => format!("[IPv6:{address}]"),
        Err(_) => "[127.0.0.1]".to_owned(),
    }
}

/// What errors are made of.
#[derive(Clone, Copy)]
struct Telling<'a> {
    call: &'a ActionCall,
    server: &'a Server,
}

impl Telling<'_> {
    fn error(&self, code: &str, what: &str) -> ErrorValue {
        ErrorValue::new(code, format!("{}: {what}", self.server.place()))
    }

    fn broken(&self, step: &str, error: &io::Error) -> ErrorValue {
        self.error("email.connection", &format!("the connection broke at {step}: {error}"))
    }

    fn said(&self, reply: &Reply) -> String {
        shortened(&self.call.secrets.redacted(&reply.said()), MAX_SAID)
    }

    fn refused(&self, step: &str, reply: &Reply) -> ErrorValue {
        let code = if step == "AUTH" { "email.access_refused" } else { "email.refused" };
        let said = self.said(reply);
        let mut error = self.error(code, &format!("the server refuses {step}: {said}"));
        error.retryable = reply.is_temporary();
        error.with_details(value!({"step": step, "status": reply.code, "said": said}))
    }

    async fn encrypt(
        &self,
        tls: &Tls,
        stream: Limited,
    ) -> Result<impl AsyncRead + AsyncWrite + Unpin + use<>, ErrorValue> {
        let encrypted = tls.encrypt(&self.server.host, stream).await;
        encrypted.map_err(|error| self.error("email.tls", &format!("no encrypted connection: {error}")))
    }
}

/// A conversation.
struct Talk<'a, S> {
    telling: Telling<'a>,
    stream: S,
    replies: Replies,
    extensions: Vec<String>,
}

impl<'a, S: AsyncRead + AsyncWrite + Unpin> Talk<'a, S> {
    fn new(telling: Telling<'a>, stream: S) -> Self {
        Talk { telling, stream, replies: Replies::default(), extensions: Vec::new() }
    }

    async fn read(&mut self, step: &str) -> Result<Reply, ErrorValue> {
        let mut bytes = [0; 2048];
        loop {
            match self.replies.take() {
                Ok(Some(reply)) => return Ok(reply),
                Ok(None) => {}
                Err(_) => {
                    let what = format!("what came at {step} is no answer of an SMTP server");
                    return Err(self.telling.error("email.invalid_answer", &what));
                }
            }
            let read =
                self.stream.read(&mut bytes).await.map_err(|error| self.telling.broken(step, &error))?;
            if read == 0 {
                return Err(self.telling.error("email.connection", &format!("the server hung up at {step}")));
            }
            self.replies.push(&bytes[..read]);
        }
    }

    async fn write(&mut self, step: &str, bytes: &[u8]) -> Result<(), ErrorValue> {
        let written = async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        };
        written.await.map_err(|error| self.telling.broken(step, &error))
    }

    async fn reply_to(&mut self, step: &str, command: &str) -> Result<Reply, ErrorValue> {
        self.write(step, format!("{command}\r\n").as_bytes()).await?;
        self.read(step).await
    }

    /// Sends a command that must be taken.
    async fn ask(&mut self, step: &str, command: &str) -> Result<Reply, ErrorValue> {
        let reply = self.reply_to(step, command).await?;
        if reply.is_positive() { Ok(reply) } else { Err(self.telling.refused(step, &reply)) }
    }

    async fn greeted(&mut self) -> Result<(), ErrorValue> {
        let reply = self.read("the greeting").await?;
        if reply.is_positive() { Ok(()) } else { Err(self.telling.refused("the connection", &reply)) }
    }

    async fn hello(&mut self, name: &str) -> Result<(), ErrorValue> {
        let reply = self.ask("EHLO", &format!("EHLO {name}")).await?;
        self.extensions = reply.lines.into_iter().skip(1).map(|line| line.to_ascii_uppercase()).collect();
        Ok(())
    }

    /// What stands behind the name of an extension that the server has.
    fn extension(&self, name: &str) -> Option<&str> {
        let rest = |line: &'_ String| {
            line.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '=']))
        };
        self.extensions
            .iter()
            .find(|line| rest(line))
            .map(|line| line[name.len()..].trim_start_matches([' ', '=']))
    }

    async fn deliver(&mut self, letter: &Letter) -> Result<String, ErrorValue> {
        self.log_in().await?;
        let sender = self.sender(letter)?;
        self.ask("MAIL FROM", &sender).await?;
        self.recipients(letter).await?;
        let reply = self.reply_to("DATA", "DATA").await?;
        if reply.code != 354 {
            return Err(self.telling.refused("DATA", &reply));
        }
        self.write("the message", &stuffed(&letter.bytes)).await?;
        let reply = self.read("the end of the message").await.map_err(unconfirmed)?;
        if !reply.is_positive() {
            return Err(self.telling.refused("the message", &reply));
        }
        // It is sent: how the server says goodbye changes nothing.
        drop(self.write("QUIT", b"QUIT\r\n").await);
        Ok(self.telling.said(&reply))
    }

    async fn log_in(&mut self) -> Result<(), ErrorValue> {
        let Some((user, password)) = &self.telling.server.login else { return Ok(()) };
        let (user, password) = (user.clone(), password.clone());
        let offered = self.extension("AUTH").unwrap_or_default().to_owned();
        let offers = |name: &str| offered.split([' ', '=']).any(|offer| offer == name);
        if offers("PLAIN") {
            let proof = STANDARD.encode(format!("\0{user}\0{}", password.reveal()));
            self.ask("AUTH", &format!("AUTH PLAIN {proof}")).await?;
        } else if offers("LOGIN") {
            for (command, wanted) in [
                ("AUTH LOGIN".to_owned(), 334),
                (STANDARD.encode(user), 334),
                (STANDARD.encode(password.reveal()), 235),
            ] {
                let reply = self.reply_to("AUTH", &command).await?;
                if reply.code != wanted {
                    return Err(self.telling.refused("AUTH", &reply));
                }
            }
        } else {
            let why =
                "it offers neither AUTH PLAIN nor AUTH LOGIN, and `connection` has a name and a password";
            return Err(self.telling.error("email.access_refused", why).not_retryable());
        }
        Ok(())
    }

    /// `MAIL FROM:<...>`, with what the server must know of the message.
    fn sender(&self, letter: &Letter) -> Result<String, ErrorValue> {
        let mut command = format!("MAIL FROM:<{}>", letter.from);
        if let Some(limit) = self.extension("SIZE") {
            let size = letter.bytes.len();
            if limit.parse().is_ok_and(|limit: usize| limit > 0 && size > limit) {
                let what =
                    format!("the server takes messages of up to {limit} bytes, and this one has {size}");
                return Err(self.telling.error("email.too_large", &what).not_retryable());
            }
            command.push_str(&format!(" SIZE={size}"));
        }
        let addresses = std::iter::once(&letter.from).chain(&letter.to);
        if !letter.bytes.is_ascii() || addresses.into_iter().any(|address| !address.is_ascii()) {
            if self.extension("SMTPUTF8").is_none() {
                let what = "an address has letters that this server can't take (it has no SMTPUTF8)";
                return Err(self.telling.error("email.invalid_address", what).not_retryable());
            }
            command.push_str(" SMTPUTF8 BODY=8BITMIME");
        }
        Ok(command)
    }

    /// All of them, or an error with those that are refused.
    async fn recipients(&mut self, letter: &Letter) -> Result<(), ErrorValue> {
        let mut refused = Vec::new();
        for address in &letter.to {
            let reply = self.reply_to("RCPT TO", &format!("RCPT TO:<{address}>")).await?;
            if !reply.is_positive() {
                refused.push((address, reply));
            }
        }
        let Some((address, reply)) = refused.first() else { return Ok(()) };
        let what = format!(
            "the server refuses {address}: {}; nothing was sent to anybody",
            self.telling.said(reply)
        );
        let mut error = self.telling.error("email.refused", &what);
        error.retryable = refused.iter().all(|(_, reply)| reply.is_temporary());
        let list = refused.iter().map(|(address, reply)| {
            value!({"address": address.as_str(), "status": reply.code, "said": self.telling.said(reply)})
        });
        let mut details = Map::new();
        details.insert("step", "RCPT TO");
        details.insert("status", reply.code);
        details.insert("refused", list.collect::<Vec<_>>());
        drop(self.write("QUIT", b"QUIT\r\n").await);
        Err(error.with_details(Value::Map(details)))
    }
}

/// The message is out, and nobody said whether it was taken.
fn unconfirmed(error: ErrorValue) -> ErrorValue {
    let message = format!("{}; whether the message was taken is not known", error.message);
    ErrorValue::new("email.unconfirmed", message)
}

/// The message as it goes over the line: a dot before each line that begins with one, and the dot that ends it.
fn stuffed(message: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(message.len() + message.len() / 64 + 8);
    let mut at_start = true;
    for byte in message {
        if at_start && *byte == b'.' {
            bytes.push(b'.');
        }
        at_start = *byte == b'\n';
        bytes.push(*byte);
    }
    if !bytes.ends_with(b"\r\n") {
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b".\r\n");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_on_the_line() {
        for (message, expected) in [
            ("", "\r\n.\r\n"),
            ("a", "a\r\n.\r\n"),
            ("a\r\n", "a\r\n.\r\n"),
            (".a\r\n..\r\nb.", "..a\r\n...\r\nb.\r\n.\r\n"),
            ("a\r\n.\r\nQUIT\r\n", "a\r\n..\r\nQUIT\r\n.\r\n"),
        ] {
            assert_eq!(String::from_utf8(stuffed(message.as_bytes())).unwrap(), expected);
        }
    }
}
