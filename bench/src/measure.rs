//! Medians, and lines of results.

use std::time::{Duration, Instant};

/// How often a row is measured; the median counts.
pub const ROUNDS: usize = 7;

/// What a measured number must be.
#[derive(Clone, Copy)]
pub enum Target {
    /// At most this.
    AtMost(f64),
    /// At least this.
    AtLeast(f64),
    /// It is only told.
    None,
}

/// Prints one line of results.
pub fn tell(row: &str, what: &str, measured: f64, unit: &str, target: Target) {
    let (bound, met) = match target {
        Target::AtMost(bound) => (serde_json::json!({"at_most": rounded(bound)}), Some(measured <= bound)),
        Target::AtLeast(bound) => (serde_json::json!({"at_least": rounded(bound)}), Some(measured >= bound)),
        Target::None => (serde_json::Value::Null, None),
    };
    let line = serde_json::json!({
        "row": row, "what": what, "measured": rounded(measured), "unit": unit, "target": bound, "met": met,
    });
    println!("{line}");
}

fn rounded(number: f64) -> f64 {
    let digits = if number.abs() >= 100.0 { 1.0 } else { 1_000.0 };
    (number * digits).round() / digits
}

/// The median of some times, in seconds.
pub fn median(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64()
}

/// The value below which that share of the times lies, in seconds.
pub fn quantile(times: &mut [Duration], share: f64) -> f64 {
    times.sort_unstable();
    times[((times.len() - 1) as f64 * share).round() as usize].as_secs_f64()
}

/// The median time of a few rounds of some work, in seconds, after one round that isn't counted.
pub fn timed(mut work: impl FnMut()) -> f64 {
    work();
    median((0..ROUNDS).map(|_| clocked(&mut work)).collect())
}

/// How long something takes.
pub fn clocked(work: impl FnOnce()) -> Duration {
    let begin = Instant::now();
    work();
    begin.elapsed()
}
