//! The short form of connections: `from.port -> to.port -> next`.

use std::ops::Range;

/// One name in a chain, with the port written after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct End<'a> {
    pub key: &'a str,
    pub port: Option<&'a str>,
    /// Bytes of the chain that name and port take.
    pub start: usize,
    pub end: usize,
}

/// What is wrong with a chain, where in it, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ChainError {
    pub range: Range<usize>,
    pub message: String,
    pub help: &'static str,
}

const FORM: &str = "write `from -> to`, with ports after a dot where they are needed: `from.port -> to.port`";

/// The names in a chain. A port belongs to the arrow before it; the first name's, to the arrow after it.
pub(crate) fn ends(chain: &str) -> Result<Vec<End<'_>>, ChainError> {
    if !chain.contains("->") {
        let message =
            format!("`{}` is not a connection: there is no arrow in it", chain.trim().escape_debug());
        return Err(ChainError { range: 0..chain.len(), message, help: FORM });
    }
    let mut start = 0;
    let mut ends = Vec::new();
    for part in chain.split("->") {
        ends.push(end(part, start)?);
        start += part.len() + "->".len();
    }
    Ok(ends)
}

fn end(part: &str, offset: usize) -> Result<End<'_>, ChainError> {
    let start = offset + part.len() - part.trim_start().len();
    let text = part.trim();
    let range = start..start + text.len();
    let refuse = |message: String, help| Err(ChainError { range: range.clone(), message, help });
    if text.is_empty() {
        return refuse("an arrow leads to or from nothing".to_owned(), FORM);
    }
    let (key, port) = match text.split_once('.') {
        Some((key, port)) => (key.trim_end(), Some(port.trim_start())),
        None => (text, None),
    };
    if port == Some("") {
        return refuse(
            format!("there is no port after the dot of `{text}`"),
            "name the port, or leave out the dot",
        );
    }
    if !super::is_key(key) {
        return refuse(format!("`{}` is no key of a node", key.escape_debug()), advice(key));
    }
    Ok(End { key, port, start, end: range.end })
}

fn advice(key: &str) -> &'static str {
    if key.contains([',', ';']) {
        "write one chain per entry of the list; several targets are several entries"
    } else if key.contains(['=', '>', '<']) {
        "the arrow is written `->`"
    } else {
        "keys have letters, digits, _ and -, up to 64 of them"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(chain: &str, expect: &[(&str, Option<&str>)]) {
        let ends = ends(chain).unwrap_or_else(|error| panic!("{chain}: {error:?}"));
        assert_eq!(ends.iter().map(|end| (end.key, end.port)).collect::<Vec<_>>(), expect, "{chain}");
        for end in ends {
            assert_eq!(&chain[end.start..end.start + end.key.len()], end.key, "{chain}");
        }
    }

    #[test]
    fn chains() {
        check("a -> b", &[("a", None), ("b", None)]);
        check("a->b", &[("a", None), ("b", None)]);
        check("  a.x  ->  b.y -> c ", &[("a", Some("x")), ("b", Some("y")), ("c", None)]);
        check("a.two words.v1 -> b", &[("a", Some("two words.v1")), ("b", None)]);
        check("a-b -> c-d.in-put", &[("a-b", None), ("c-d", Some("in-put"))]);
        check("a.öl -> b", &[("a", Some("öl")), ("b", None)]);
    }

    fn refuse(chain: &str, part: &str, message: &str) {
        let error = ends(chain).expect_err(chain);
        assert_eq!(&chain[error.range.clone()], part, "{chain}");
        assert!(error.message.contains(message), "{chain}: {}", error.message);
    }

    #[test]
    fn malformed_chains() {
        refuse("a", "a", "no arrow");
        refuse("", "", "no arrow");
        refuse("a => b", "a => b", "no arrow");
        refuse("a -> ", "", "leads to or from nothing");
        refuse("-> b", "", "leads to or from nothing");
        refuse("a -> -> b", "", "leads to or from nothing");
        refuse("a. -> b", "a.", "no port");
        refuse("a -> b, c", "b, c", "no key");
        refuse("a => b -> c", "a => b", "no key");
        refuse("a ->> b", "> b", "no key");
        refuse("a -> b c", "b c", "no key");
        refuse(".x -> b", ".x", "no key");
    }
}
