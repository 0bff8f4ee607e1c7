//! What a server tells the programs of its own user: where it answers, and a token for them, in the lock file beside the database.

use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use prana::Clock;

/// A longer lock file is none of ours.
const MAX_BYTES: u64 = 4 << 10;

/// The server that owns a database file, as `FILE.lock` tells it. Only the user who runs the server can read that.
#[derive(Clone, PartialEq, Eq)]
pub struct Owner {
    /// Its process.
    pub process: u32,
    /// Where it answers on this machine.
    pub address: SocketAddr,
    /// What to send as `Authorization: Bearer TOKEN`. It may do everything, from this machine, for as long as the server runs.
    pub token: String,
}

impl std::fmt::Debug for Owner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Owner { process, address, token: _ } = self;
        f.debug_struct("Owner").field("process", process).field("address", address).finish_non_exhaustive()
    }
}

impl Owner {
    /// The server of a database; none if no server has the file open. A process that died leaves nothing that can be mistaken for one: the
    /// lock is free then.
    pub fn of(database: &Path) -> Option<Owner> {
        let file = std::fs::File::open(lock_path(database)).ok()?;
        if file.try_lock_shared().is_ok() {
            return None;
        }
        let mut text = String::new();
        file.take(MAX_BYTES).read_to_string(&mut text).ok()?;
        Owner::parse(&text)
    }

    fn parse(text: &str) -> Option<Owner> {
        let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        Some(Owner {
            process: field("process")?.trim().parse().ok()?,
            address: field("address")?.trim().parse().ok()?,
            token: field("token")?.trim().to_owned(),
        })
    }

    /// What is written into the lock file.
    pub(crate) fn to_text(&self) -> String {
        format!("process {}\naddress {}\ntoken {}\n", self.process, self.address, self.token)
    }
}

/// 256 bits that nobody can guess.
pub(crate) fn new_token(clock: &dyn Clock) -> String {
    let bytes: Vec<u8> = (0..4).flat_map(|_| clock.random().to_be_bytes()).collect();
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Where programs on this machine reach what listens on an address.
pub(crate) fn reachable(listening: SocketAddr) -> SocketAddr {
    let ip = match listening.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, listening.port())
}

fn lock_path(database: &Path) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push(".lock");
    PathBuf::from(path)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let owner = Owner { process: 7, address: "127.0.0.1:7700".parse().unwrap(), token: "abc".to_owned() };
        assert_eq!(Owner::parse(&owner.to_text()), Some(owner.clone()));
        assert!(!format!("{owner:?}").contains("abc"));
        for text in ["", "process 7\n", "process 7\naddress nowhere\ntoken x\n", "process x\n"] {
            assert_eq!(Owner::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn addresses_of_all_interfaces_are_reached_by_loopback() {
        for (listening, expect) in [
            ("0.0.0.0:1", "127.0.0.1:1"),
            ("[::]:1", "[::1]:1"),
            ("127.0.0.1:1", "127.0.0.1:1"),
            ("192.0.2.7:1", "192.0.2.7:1"),
        ] {
            assert_eq!(reachable(listening.parse().unwrap()).to_string(), expect);
        }
    }
}
