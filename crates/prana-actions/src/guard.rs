//! Keeps requests away from addresses that are not public: of this machine, its networks, and the services that hand out its credentials.
//!
//! Names are judged by the addresses that they resolve to, when the connection is made, so a name can't be public when it is checked and
//! private when it is used. Addresses that stand in a URL are judged there. Both happen anew for every redirect.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Decides which addresses may be connected to.
#[derive(Debug, Clone, Copy)]
pub struct Guard {
    private_network: bool,
}

/// An address that may not be connected to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{host} is {kind}, and the operator allows public addresses only")]
pub struct Forbidden {
    /// The host that was asked for.
    pub host: String,
    /// What its address is.
    pub kind: &'static str,
}

impl Guard {
    /// A guard that allows public addresses, and others too if `private_network` is true.
    pub fn new(private_network: bool) -> Self {
        Guard { private_network }
    }

    /// May this address be connected to?
    ///
    /// # Errors
    /// [`Forbidden`], with what the address is.
    ///
    /// ```
    /// use prana_actions::guard::Guard;
    ///
    /// let guard = Guard::new(false);
    /// assert!(guard.check_address("1.1.1.1".parse().unwrap()).is_ok());
    /// assert!(guard.check_address("::ffff:10.0.0.1".parse().unwrap()).is_err());
    /// ```
    pub fn check_address(&self, address: IpAddr) -> Result<(), Forbidden> {
        match kind(address) {
            Some(kind) if !self.private_network => Err(Forbidden { host: address.to_string(), kind }),
            _ => Ok(()),
        }
    }

    /// May this URL be asked for, as far as it can be told before its name is resolved?
    ///
    /// # Errors
    /// [`Forbidden`], if its host is an address that isn't allowed.
    pub fn check_url(&self, url: &Url) -> Result<(), Forbidden> {
        let host = url.host_str().unwrap_or_default();
        let literal = host.trim_start_matches('[').trim_end_matches(']');
        match literal.parse::<IpAddr>() {
            Ok(address) => self.check_address(address),
            Err(_) => Ok(()),
        }
    }

    /// Resolves names to addresses that are allowed.
    pub fn resolver(self) -> GuardedResolver {
        GuardedResolver { guard: self }
    }
}

/// Resolves names as the system does, and leaves out addresses that aren't allowed.
#[derive(Debug, Clone, Copy)]
pub struct GuardedResolver {
    guard: Guard,
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.guard;
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let allowed = allowed(guard, name.as_str(), found)?;
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

/// Those of the addresses that are allowed; an error if there were some and none is.
pub(crate) fn allowed(
    guard: Guard,
    name: &str,
    found: Vec<SocketAddr>,
) -> Result<Vec<SocketAddr>, Forbidden> {
    let mut refused = None;
    let judged = found.into_iter().filter(|address| match guard.check_address(address.ip()) {
        Ok(()) => true,
        Err(forbidden) => {
            refused = Some(forbidden);
            false
        }
    });
    let allowed: Vec<SocketAddr> = judged.collect();
    match refused {
        Some(forbidden) if allowed.is_empty() => {
            Err(Forbidden { host: format!("{name} ({})", forbidden.host), ..forbidden })
        }
        _ => Ok(allowed),
    }
}

/// What an address is, if it isn't a public one.
fn kind(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => kind_v4(address),
        IpAddr::V6(address) => kind_v6(address),
    }
}

fn kind_v4(address: Ipv4Addr) -> Option<&'static str> {
    Some(match address.octets() {
        [0, ..] => "an address of no host",
        [127, ..] => "a loopback address",
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => "a private address",
        [100, 64..=127, ..] => "an address inside a provider's network",
        [169, 254, ..] => "a link-local address",
        [168, 63, 129, 16] => "a metadata service",
        [192, 0, 0 | 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => "a reserved address",
        [192, 88, 99, _] => "a relay address",
        [198, 18 | 19, ..] => "a benchmarking address",
        [224..=239, ..] => "a multicast address",
        [240..=255, ..] => "a reserved address",
        _ => return None,
    })
}

fn kind_v6(address: Ipv6Addr) -> Option<&'static str> {
    let [a, b, c, d, e, f, g, h] = address.segments();
    let embedded = |high: u16, low: u16| kind_v4(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)));
    match (a, b, c, d, e, f) {
        _ if address.is_unspecified() => Some("an address of no host"),
        _ if address.is_loopback() => Some("a loopback address"),
        (0, 0, 0, 0, 0, 0 | 0xffff) | (0, 0, 0, 0, 0xffff, 0) => embedded(g, h).or(only_compatible(e, f)),
        (0x64, 0xff9b, 0, 0, 0, 0) => embedded(g, h),
        (0x64, 0xff9b, ..) => Some("a translated address"),
        (0x2002, high, low, ..) => embedded(high, low),
        (0x2001, 0, ..) => Some("a tunnelled address"),
        (0x2001, 0xdb8, ..) | (0x3fff, 0..=0xfff, ..) | (0x100, 0, 0, 0, ..) => Some("a reserved address"),
        (0xfc00..=0xfdff, ..) => Some("a private address"),
        (0xfe80..=0xfebf, ..) => Some("a link-local address"),
        (0xfec0..=0xfeff, ..) => Some("a private address"),
        (0xff00..=0xffff, ..) => Some("a multicast address"),
        _ => None,
    }
}

/// `::a.b.c.d`, which no host has any more.
fn only_compatible(e: u16, f: u16) -> Option<&'static str> {
    ((e, f) == (0, 0)).then_some("a reserved address")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_addresses_are_allowed() {
        for address in [
            "1.1.1.1",
            "172.32.0.1",
            "100.128.0.1",
            "192.169.0.1",
            "2606:4700::1111",
            "::ffff:8.8.8.8",
            "64:ff9b::8.8.8.8",
        ] {
            assert_eq!(Guard::new(false).check_address(address.parse().unwrap()), Ok(()), "{address}");
        }
    }

    #[test]
    fn others_are_refused_unless_the_operator_allows_them() {
        for address in [
            "0.0.0.0",
            "0.1.2.3",
            "127.0.0.1",
            "127.255.0.9",
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "100.64.0.1",
            "100.100.100.200",
            "169.254.169.254",
            "168.63.129.16",
            "192.0.0.192",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::8.8.8.8",
            "::ffff:127.0.0.1",
            "::ffff:a9fe:a9fe",
            "::ffff:0:10.0.0.1",
            "64:ff9b::10.0.0.1",
            "64:ff9b:1::1",
            "2002:7f00:1::",
            "2001::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "febf::1",
            "fec0::1",
            "ff02::1",
            "2001:db8::1",
        ] {
            let address: IpAddr = address.parse().unwrap();
            assert!(Guard::new(false).check_address(address).is_err(), "{address}");
            assert!(Guard::new(true).check_address(address).is_ok(), "{address}");
        }
    }

    #[test]
    fn addresses_in_urls_are_seen_however_they_are_written() {
        for url in [
            "http://127.0.0.1/",
            "http://2130706433/",
            "http://0x7f.1/",
            "http://0177.0.0.1/",
            "http://127.1:8080/",
            "http://[::1]/",
            "http://[::ffff:127.0.0.1]/",
            "http://user@10.0.0.1/",
            "http://①②⑦.0.0.1/",
        ] {
            let parsed = Url::parse(url).unwrap();
            assert!(Guard::new(false).check_url(&parsed).is_err(), "{url}");
        }
        assert_eq!(Guard::new(false).check_url(&Url::parse("http://example.com/10.0.0.1").unwrap()), Ok(()));
    }

    #[test]
    fn a_name_is_judged_by_its_addresses() {
        let found = |addresses: &[&str]| {
            addresses.iter().map(|address| address.parse().unwrap()).collect::<Vec<SocketAddr>>()
        };
        let guard = Guard::new(false);
        let mixed = found(&["10.0.0.1:0", "1.1.1.1:0"]);
        assert_eq!(allowed(guard, "mixed", mixed), Ok(found(&["1.1.1.1:0"])));
        let error = allowed(guard, "inside", found(&["10.0.0.1:0"])).unwrap_err();
        assert_eq!(
            error.to_string(),
            "inside (10.0.0.1) is a private address, and the operator allows public addresses only"
        );
        assert_eq!(allowed(guard, "nothing", vec![]), Ok(vec![]));
    }
}
