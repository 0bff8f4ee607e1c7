//! Quantiles of what was measured.

/// Some times, in microseconds.
#[derive(Default)]
pub struct Times(Vec<u64>);

impl Times {
    /// Adds one.
    pub fn add(&mut self, micros: u64) {
        self.0.push(micros);
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// p50, p90, p99 and the longest, in milliseconds, as fields of a JSON object.
    pub fn fields(mut self) -> String {
        self.0.sort_unstable();
        let of = |share: f64| {
            let last = self.0.len().saturating_sub(1);
            let place = (last as f64 * share).round() as usize;
            self.0.get(place).map_or(0.0, |micros| *micros as f64 / 1e3)
        };
        format!(
            r#""p50_ms": {:.3}, "p90_ms": {:.3}, "p99_ms": {:.3}, "max_ms": {:.3}"#,
            of(0.5),
            of(0.9),
            of(0.99),
            of(1.0)
        )
    }
}
