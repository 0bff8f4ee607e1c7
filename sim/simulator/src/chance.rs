//! Numbers that repeat with their seed.

use std::sync::Mutex;
use std::time::Duration;

/// A source of chance (SplitMix64: G. Steele, D. Lea, C. Flood, 2014).
#[derive(Debug)]
pub struct Chance(Mutex<u64>);

impl Chance {
    /// The source of a seed.
    pub fn new(seed: u64) -> Self {
        Chance(Mutex::new(seed.wrapping_mul(0x1234_5678_9abc_def1)))
    }

    /// The next 64 bits.
    pub fn bits(&self) -> u64 {
        let mut state = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`; 0 for 0.
    pub fn below(&self, end: u64) -> u64 {
        self.bits().checked_rem(end).unwrap_or(0)
    }

    /// True once in so many times; never for 0.
    pub fn once_in(&self, times: u64) -> bool {
        times > 0 && self.below(times) == 0
    }

    /// A length of time below so many milliseconds, to the microsecond.
    pub fn millis(&self, end: u64) -> Duration {
        Duration::from_micros(self.below(end * 1_000))
    }
}
