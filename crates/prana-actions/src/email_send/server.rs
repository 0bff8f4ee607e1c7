//! The server that a connection names.

use prana_core::ErrorValue;
use reqwest::Url;

use crate::secrets::SecretText;

/// When the connection is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encryption {
    /// From the first byte.
    Whole,
    /// After the greeting, and before anything else.
    StartTls,
    /// Never.
    None,
}

/// A server, and who asks it.
#[derive(Debug)]
pub(super) struct Server {
    pub host: String,
    pub port: u16,
    pub encryption: Encryption,
    pub login: Option<(String, SecretText)>,
}

impl Server {
    /// The server of `smtp://user:password@host:port?tls=...`. What can't be used is not told: it may be the password.
    pub fn parse(text: &str) -> Result<Self, ErrorValue> {
        let url = Url::parse(text.trim())
            .map_err(|_| invalid("write smtp://user:password@host:port, with % escapes where a name or a password has special characters"))?;
        let encryption = encryption(&url)?;
        let host = url.host_str().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
        if host.is_empty() || !matches!(url.path(), "" | "/") {
            return Err(invalid("it must name a host and nothing behind it, such as smtp://host:587"));
        }
        let usual = match encryption {
            Encryption::Whole => 465,
            Encryption::StartTls => 587,
            Encryption::None => 25,
        };
        Ok(Server { host, port: url.port().unwrap_or(usual), encryption, login: login(&url)? })
    }

    pub fn password(&self) -> Option<&str> {
        self.login.as_ref().map(|(_, password)| password.reveal())
    }

    /// The host as URLs have it.
    pub fn written_host(&self) -> String {
        if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() }
    }

    /// How errors name it.
    pub fn place(&self) -> String {
        format!("{}:{}", self.written_host(), self.port)
    }
}

fn encryption(url: &Url) -> Result<Encryption, ErrorValue> {
    let mut encryption = match url.scheme() {
        "smtp" => Encryption::StartTls,
        "smtps" => Encryption::Whole,
        _ => return Err(invalid("it must begin with smtp:// or smtps://")),
    };
    for (name, value) in url.query_pairs() {
        encryption = match (&*name, &*value) {
            ("tls", "starttls") if url.scheme() == "smtp" => Encryption::StartTls,
            ("tls", "none") if url.scheme() == "smtp" => Encryption::None,
            ("tls", "required") => Encryption::Whole,
            ("tls", _) => {
                return Err(invalid("tls must be starttls, required or none (smtps:// is always required)"));
            }
            _ => return Err(invalid("behind the ? there can be `tls` alone")),
        };
    }
    Ok(encryption)
}

fn login(url: &Url) -> Result<Option<(String, SecretText)>, ErrorValue> {
    if url.username().is_empty() {
        return Ok(None);
    }
    let user = unescaped(url.username())?;
    let password = unescaped(url.password().unwrap_or_default())?;
    match user.contains('\0') || password.contains('\0') {
        true => Err(invalid("its name or its password has characters that can't be sent")),
        false => Ok(Some((user, SecretText::from(password)))),
    }
}

/// Undoes % escapes.
fn unescaped(text: &str) -> Result<String, ErrorValue> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [byte, more @ ..] = rest {
        let digits = more.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()).filter(|_| *byte == b'%') {
            Some(escaped) => {
                bytes.push(escaped);
                rest = &more[2..];
            }
            None => {
                bytes.push(*byte);
                rest = more;
            }
        }
    }
    String::from_utf8(bytes).map_err(|_| invalid("its name or its password is not UTF-8"))
}

fn invalid(why: &str) -> ErrorValue {
    ErrorValue::new("email.invalid_connection", format!("`connection` can't be used: {why}")).not_retryable()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers() {
        for (text, host, port, encryption) in [
            ("smtp://mail.example", "mail.example", 587, Encryption::StartTls),
            ("smtp://mail.example:2525/", "mail.example", 2525, Encryption::StartTls),
            ("smtp://Mail.example?tls=none", "mail.example", 25, Encryption::None),
            ("smtp://mail.example?tls=required", "mail.example", 465, Encryption::Whole),
            ("smtps://mail.example", "mail.example", 465, Encryption::Whole),
            ("smtp://[::1]:25", "::1", 25, Encryption::StartTls),
        ] {
            let server = Server::parse(text).unwrap();
            assert_eq!(
                (server.host.as_str(), server.port, server.encryption),
                (host, port, encryption),
                "{text}"
            );
            assert_eq!(server.login, None);
        }
        assert_eq!(Server::parse("smtp://[::1]:25").unwrap().place(), "[::1]:25");
    }

    #[test]
    fn logins() {
        for (text, user, password) in [
            ("smtp://ann:hunter2@h", "ann", "hunter2"),
            ("smtp://ann%40x.example:p%2Fw%3A%25@h", "ann@x.example", "p/w:%"),
            ("smtp://ann@h", "ann", ""),
            ("smtp://ann:100%@h", "ann", "100%"),
        ] {
            let (found, secret) = Server::parse(text).unwrap().login.unwrap();
            assert_eq!((found.as_str(), secret.reveal()), (user, password));
        }
    }

    #[test]
    fn what_is_none_is_not_repeated() {
        for text in [
            "",
            "hunter2",
            "http://u:hunter2@h",
            "smtp://u:hunter2@",
            "smtp://u:hunter2@h:port",
            "smtp://u:hunter2@h/path",
            "smtp://u:hunter2@h?tls=maybe",
            "smtps://u:hunter2@h?tls=none",
            "smtp://u:hunter2@h?timeout=1",
            "smtp://u:hunter2%00@h",
            "smtp://u:hunter2%ff@h",
        ] {
            let error = Server::parse(text).unwrap_err();
            assert_eq!(error.code, "email.invalid_connection", "{text}");
            assert!(!error.message.contains("hunter2"), "{error}");
        }
    }
}
