//! Random numbers that repeat with their seed.

/// SplitMix64 (G. Steele, D. Lea, C. Flood, 2014).
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// The dice of a seed.
    pub fn new(seed: u64) -> Self {
        Dice(seed)
    }

    /// 64 random bits.
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`; 0 if that is 0.
    pub fn below(&mut self, end: u64) -> u64 {
        self.roll().checked_rem(end).unwrap_or(0)
    }

    /// True once in `times`.
    pub fn one_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    /// How long something lasts that may end at any moment, in milliseconds: exponential, at most ten times the mean.
    pub fn exponential(&mut self, mean: f64) -> u64 {
        let unit = (self.roll() >> 11) as f64 / (1_u64 << 53) as f64;
        let length = -mean * (1.0 - unit).ln();
        length.min(mean * 10.0) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::Dice;

    #[test]
    fn they_repeat_and_stay_within_their_bounds() {
        let rolls = |seed| {
            let mut dice = Dice::new(seed);
            (0..100).map(|_| dice.below(7)).collect::<Vec<u64>>()
        };
        assert_eq!(rolls(3), rolls(3));
        assert_ne!(rolls(3), rolls(4));
        assert!(rolls(3).iter().all(|roll| *roll < 7));
        assert_eq!(Dice::new(1).below(0), 0);
    }

    #[test]
    fn lengths_have_their_mean() {
        let mut dice = Dice::new(1);
        let sum: u64 = (0..1_000).map(|_| dice.exponential(100.0)).sum();
        assert!((80_000..120_000).contains(&sum), "{sum}");
    }
}
