//! Where a secret may be sent.

use reqwest::Url;
use serde::{Deserialize, Serialize};

/// A secret may go to so many hosts, and no more.
const MAX_HOSTS: usize = 100;

/// The hosts that may be sent a secret: names, `*.` and a name for all that is below it, `*` for any. A port may follow; without one every port will do.
///
/// ```
/// use prana_actions::AllowedHosts;
/// let hosts: AllowedHosts = ["api.example.com", "*.example.org:8443"].try_into().unwrap();
/// let allows = |url: &str| hosts.allow(&url.parse().unwrap());
/// assert!(allows("https://api.example.com/v1") && allows("https://eu.example.org:8443"));
/// assert!(!allows("https://example.com") && !allows("https://eu.example.org"));
/// assert!(!allows("https://api.example.com.evil.example"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct AllowedHosts(Vec<Pattern>);

/// Why a list of hosts can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidHosts {
    /// It says nothing.
    #[error("say which hosts it may be sent to, such as api.example.com, or `*` for any")]
    None,
    /// It is too long.
    #[error("more than {MAX_HOSTS} hosts")]
    TooMany,
    /// An entry is no host.
    #[error("`{0}` is not a host: write api.example.com, *.example.com, api.example.com:8443, or * for any")]
    NotAHost(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Pattern {
    Any,
    Host { below: bool, host: String, port: Option<u16> },
}

impl AllowedHosts {
    /// Any host.
    pub fn any() -> Self {
        AllowedHosts(vec![Pattern::Any])
    }

    /// True if every host may have it.
    pub fn are_any(&self) -> bool {
        self.0.contains(&Pattern::Any)
    }

    /// True if the host of this URL may have it.
    pub fn allow(&self, url: &Url) -> bool {
        url.host_str().is_some_and(|host| self.allow_host(host, url.port_or_known_default()))
    }

    /// True if this host may have it, at this port. A host without a known port matches entries without one alone.
    pub fn allow_host(&self, host: &str, port: Option<u16>) -> bool {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        self.0.iter().any(|pattern| pattern.matches(&host, port))
    }

    /// The entries as they are written.
    pub fn entries(&self) -> Vec<String> {
        self.0.iter().map(ToString::to_string).collect()
    }
}

impl Pattern {
    fn parse(text: &str) -> Option<Pattern> {
        let text = text.trim();
        if text == "*" {
            return Some(Pattern::Any);
        }
        let (below, rest) = text.strip_prefix("*.").map_or((false, text), |rest| (true, rest));
        if rest.is_empty() || rest.contains(['/', '@', '?', '#', '*', ' ', '\\', '%']) {
            return None;
        }
        // With a scheme whose default port nobody writes, so that every port that is written stays.
        let url = Url::parse(&format!("http://{rest}")).ok()?;
        let host = url.host_str()?.trim_end_matches('.').to_owned();
        let port = match rest.rsplit_once(':') {
            Some((_, "80")) => Some(80),
            _ => url.port(),
        };
        if host.is_empty() || (below && url.domain().is_none()) {
            return None;
        }
        Some(Pattern::Host { below, host, port })
    }

    fn matches(&self, asked: &str, asked_port: Option<u16>) -> bool {
        let Pattern::Host { below, host, port } = self else { return true };
        let named = match below {
            true => {
                asked.strip_suffix(host.as_str()).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
            }
            false => asked == host,
        };
        named && port.is_none_or(|port| asked_port == Some(port))
    }
}

impl std::fmt::Display for Pattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Pattern::Host { below, host, port } = self else { return f.write_str("*") };
        f.write_str(if *below { "*." } else { "" })?;
        f.write_str(host)?;
        port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

impl TryFrom<Vec<String>> for AllowedHosts {
    type Error = InvalidHosts;

    fn try_from(entries: Vec<String>) -> Result<Self, InvalidHosts> {
        match entries.len() {
            0 => return Err(InvalidHosts::None),
            many if many > MAX_HOSTS => return Err(InvalidHosts::TooMany),
            _ => {}
        }
        let pattern = |entry: String| Pattern::parse(&entry).ok_or(InvalidHosts::NotAHost(entry));
        entries.into_iter().map(pattern).collect::<Result<_, _>>().map(AllowedHosts)
    }
}

impl<const N: usize> TryFrom<[&str; N]> for AllowedHosts {
    type Error = InvalidHosts;

    fn try_from(entries: [&str; N]) -> Result<Self, InvalidHosts> {
        AllowedHosts::try_from(entries.map(str::to_owned).to_vec())
    }
}

impl From<AllowedHosts> for Vec<String> {
    fn from(hosts: AllowedHosts) -> Self {
        hosts.entries()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_allowed() {
        for (entry, url, expected) in [
            ("*", "http://anything.example", true),
            ("api.example.com", "https://API.example.com./x", true),
            ("API.Example.COM", "https://api.example.com", true),
            ("api.example.com", "https://api.example.com:8443", true),
            ("api.example.com", "https://example.com", false),
            ("api.example.com", "https://xapi.example.com", false),
            ("api.example.com:80", "http://api.example.com", true),
            ("api.example.com:80", "https://api.example.com", false),
            ("api.example.com:443", "https://api.example.com", true),
            ("*.example.com", "https://a.b.example.com", true),
            ("*.example.com", "https://example.com", false),
            ("*.example.com", "https://badexample.com", false),
            ("bücher.example", "https://xn--bcher-kva.example", true),
            ("127.0.0.1", "http://127.0.0.1:9", true),
            ("127.0.0.1", "http://2130706433/", true),
            ("[::1]:9", "http://[::1]:9", true),
            ("[::1]:9", "http://[::1]:8", false),
        ] {
            let hosts: AllowedHosts = [entry].try_into().unwrap();
            assert_eq!(hosts.allow(&url.parse().unwrap()), expected, "{entry} {url}");
        }
    }

    #[test]
    fn what_is_no_host() {
        for entry in [
            "",
            " ",
            "https://x",
            "a/b",
            "u@h",
            "*.",
            "*.*",
            "a*",
            "*.127.0.0.1",
            "h:x",
            "h:99999",
            "a b",
            "h?x",
        ] {
            assert_eq!(AllowedHosts::try_from([entry]), Err(InvalidHosts::NotAHost(entry.into())), "{entry}");
        }
        assert_eq!(AllowedHosts::try_from(Vec::new()), Err(InvalidHosts::None));
        assert_eq!(AllowedHosts::try_from(vec!["a".to_owned(); 101]), Err(InvalidHosts::TooMany));
    }

    #[test]
    fn entries_read_back() {
        let hosts: AllowedHosts = ["A.example", "*.b.example:1", "*"].try_into().unwrap();
        let text = serde_json::to_string(&hosts).unwrap();
        assert_eq!(text, r#"["a.example","*.b.example:1","*"]"#);
        assert_eq!(serde_json::from_str::<AllowedHosts>(&text).unwrap(), hosts);
        assert!(serde_json::from_str::<AllowedHosts>("[]").is_err());
    }
}
