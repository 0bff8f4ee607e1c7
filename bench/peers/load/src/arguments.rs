//! `KEY=VALUE` on the command line.

use std::net::SocketAddr;

use crate::fail;

/// What was said on the command line.
pub struct Arguments<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Arguments<'a> {
    /// Reads `KEY=VALUE` words; others are refused.
    pub fn new(words: &[&'a str]) -> Self {
        let pair = |word: &&'a str| {
            word.split_once('=').unwrap_or_else(|| fail(&format!("`{word}` is not KEY=VALUE")))
        };
        Arguments(words.iter().map(pair).collect())
    }

    /// The text of a key.
    pub fn text(&self, key: &str) -> Option<&'a str> {
        self.0.iter().find(|(name, _)| *name == key).map(|(_, value)| *value)
    }

    /// The number of a key.
    pub fn number(&self, key: &str, otherwise: f64) -> f64 {
        let Some(text) = self.text(key) else { return otherwise };
        text.parse().unwrap_or_else(|_| fail(&format!("{key}: `{text}` is no number")))
    }
}

/// An address of this machine; others are refused.
pub fn address(text: &str) -> SocketAddr {
    let address: SocketAddr = text.parse().unwrap_or_else(|_| fail(&format!("`{text}` is not ADDRESS:PORT")));
    if !address.ip().is_loopback() {
        fail(&format!("{address} is not an address of this machine"));
    }
    address
}
