//! Time and randomness: the only place where the engine gets them.

use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use prana_core::{ExecutionId, Timestamp};
use uuid::Uuid;

/// Where time and randomness come from.
#[async_trait]
pub trait Clock: Send + Sync {
    /// The time.
    fn now(&self) -> Timestamp;

    /// 64 bits that nobody can guess.
    fn random(&self) -> u64;

    /// Waits until it is at least this time.
    async fn sleep_until(&self, time: Timestamp);
}

/// A new identity: a UUIDv7 of the clock's time and randomness.
pub(crate) fn new_id(clock: &dyn Clock) -> ExecutionId {
    ExecutionId(uuid_v7(clock.now(), clock.random(), clock.random()))
}

/// A UUIDv7 (RFC 9562, section 5.7) of a time and two random numbers.
pub(crate) fn uuid_v7(at: Timestamp, high: u64, low: u64) -> Uuid {
    let millis = u64::try_from(at.as_millis()).unwrap_or(0);
    let mut random = [0u8; 10];
    random[..2].copy_from_slice(&high.to_be_bytes()[..2]);
    random[2..].copy_from_slice(&low.to_be_bytes());
    uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
}

/// The computer's clock, and its random numbers.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    }

    fn random(&self) -> u64 {
        // The lower half of a version 4 UUID is random but for its two highest bits; two of them give 64 bits.
        let (high, low) = (Uuid::new_v4().as_u128() as u64, Uuid::new_v4().as_u128() as u64);
        (high << 32) ^ (low & 0xffff_ffff_ffff)
    }

    async fn sleep_until(&self, time: Timestamp) {
        // Timers of the runtime have a resolution of a millisecond: round up, so that it is not early.
        let left = time.as_micros().saturating_sub(self.now().as_micros());
        if left > 0 {
            tokio::time::sleep(Duration::from_micros(left.unsigned_abs()) + Duration::from_millis(1)).await;
        }
    }
}

/// A clock that stands still until it is moved, and random numbers that repeat: for tests.
#[derive(Debug)]
pub struct VirtualClock {
    state: Mutex<(Timestamp, u64)>,
}

impl VirtualClock {
    /// A clock that shows `start`.
    pub fn new(start: Timestamp) -> Self {
        VirtualClock { state: Mutex::new((start, 0)) }
    }

    /// Moves it; never back.
    pub fn set(&self, time: Timestamp) {
        let mut state = self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        state.0 = state.0.max(time);
    }
}

#[async_trait]
impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner).0
    }

    fn random(&self) -> u64 {
        let mut state = self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        // SplitMix64 (G. Steele, D. Lea, C. Flood, 2014).
        state.1 = state.1.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state.1 ^ (state.1 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    async fn sleep_until(&self, _time: Timestamp) {
        // Virtual time is moved by the test, never waited for.
        std::future::pending::<()>().await;
    }
}
