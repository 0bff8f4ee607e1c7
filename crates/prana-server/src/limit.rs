//! How often somebody may come: so many at once, and then so many a second. What is remembered of them is bounded.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// So many are told apart; those who come when it is full share one place.
const KEYS: usize = 10_000;

/// Somebody who comes: an address, or the network of 2^64 that one customer has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key(u64, bool);

impl Key {
    /// All together.
    pub const EVERYBODY: Key = Key(0, true);

    /// Those who found no place.
    const OTHERS: Key = Key(1, true);

    /// Who has an address.
    pub fn of(address: IpAddr) -> Key {
        match address.to_canonical() {
            IpAddr::V4(ip) => Key(u64::from(ip.to_bits()), false),
            // Never the number of an IPv4 address: those are below 2^32, and no network of IPv6 is.
            IpAddr::V6(ip) => Key((ip.to_bits() >> 64) as u64, false),
        }
    }
}

/// Lets each come `burst` times at once and then every `interval`.
pub struct Limiter {
    interval: u64,
    burst: u64,
    started: Instant,
    /// When each has used up what they had, in nanoseconds since the start.
    until: Mutex<HashMap<Key, u64>>,
}

impl Limiter {
    /// With so many at once, and then `per_second`.
    pub fn new(burst: u32, per_second: f64) -> Self {
        let interval = (1e9 / per_second.max(1e-9)) as u64;
        Limiter { interval, burst: u64::from(burst.max(1)), started: Instant::now(), until: Mutex::default() }
    }

    /// Counts one.
    ///
    /// # Errors
    /// How long to wait.
    pub fn take(&self, key: Key) -> Result<(), Duration> {
        self.take_at(key, self.now())
    }

    /// Doesn't count one that was counted.
    pub fn give_back(&self, key: Key) {
        let mut until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(time) = until.get_mut(&key) {
            *time = time.saturating_sub(self.interval);
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    fn take_at(&self, key: Key, now: u64) -> Result<(), Duration> {
        let mut until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        let key = if has_place(&mut until, key, now) { key } else { Key::OTHERS };
        let time = until.entry(key).or_insert(now);
        let next = (*time).max(now).saturating_add(self.interval);
        let allowed = now.saturating_add(self.interval.saturating_mul(self.burst));
        if next > allowed {
            return Err(Duration::from_nanos(next - allowed));
        }
        *time = next;
        Ok(())
    }
}

/// Whether a key can be told apart; those who have all that they can have are forgotten to make room.
fn has_place(until: &mut HashMap<Key, u64>, key: Key, now: u64) -> bool {
    if until.len() < KEYS || until.contains_key(&key) {
        return true;
    }
    until.retain(|_, time| *time > now);
    until.len() < KEYS
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn from(number: u32) -> Key {
        Key::of(IpAddr::V4(Ipv4Addr::from_bits(number)))
    }

    #[test]
    fn a_burst_and_then_one_by_one() {
        let limiter = Limiter::new(3, 2.0);
        for _ in 0..3 {
            assert_eq!(limiter.take_at(from(1), 0), Ok(()));
        }
        assert_eq!(limiter.take_at(from(1), 0), Err(Duration::from_millis(500)));
        assert_eq!(limiter.take_at(from(2), 0), Ok(()));
        assert_eq!(limiter.take_at(from(1), SECOND / 2), Ok(()));
        assert!(limiter.take_at(from(1), SECOND / 2).is_err());
        limiter.give_back(from(1));
        assert_eq!(limiter.take_at(from(1), SECOND / 2), Ok(()));
        assert_eq!((0..9).filter(|_| limiter.take_at(from(1), 100 * SECOND).is_ok()).count(), 3);
    }

    #[test]
    fn many_addresses_neither_grow_it_nor_get_through() {
        let limiter = Limiter::new(1, 0.001);
        for number in 0..2 * KEYS as u32 {
            let _ = limiter.take_at(from(number), 0);
        }
        let known = limiter.until.lock().expect("no panic").len();
        assert!(known <= KEYS + 1, "{known}");
        assert!(limiter.take_at(from(u32::MAX), 0).is_err());
        assert!(limiter.take_at(from(u32::MAX), 3_000 * SECOND).is_ok());
    }

    #[test]
    fn a_network_of_ipv6_is_one() {
        let ip =
            |low: u64| Key::of(IpAddr::V6(Ipv6Addr::from_bits(0x2001_0db8_u128 << 96 | u128::from(low))));
        assert_eq!(ip(1), ip(2));
        let mapped = IpAddr::V6(Ipv4Addr::new(192, 0, 2, 1).to_ipv6_mapped());
        assert_eq!(Key::of(mapped), Key::of(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1))));
    }
}
