//! Lengths of time as documents write them: `500ms`, `30s`, `5m`, `2h`, `7d`, or a number of milliseconds.

use std::fmt;

/// Units from the longest to the shortest, with their length in milliseconds.
const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

/// The longest length that documents may name: 100 years of 365 days.
pub const MAX_MILLIS: u64 = 100 * 365 * 86_400_000;

/// Why a text is not a length of time. It says what to write instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// There is no number, or it is no whole number.
    #[error("a duration is a whole number and a unit, such as 500ms, 30s, 5m, 2h or 7d")]
    Malformed,
    /// The unit is missing or unknown.
    #[error("the unit of a duration is ms, s, m, h or d, as in 500ms, 30s, 5m, 2h or 7d")]
    Unit,
    /// It is longer than [`MAX_MILLIS`].
    #[error("a duration is at most 36500d (100 years)")]
    TooLong,
}

/// Milliseconds in a text such as `30s`. A bare number of milliseconds is accepted as text too.
///
/// # Errors
/// Text of another form, or a length beyond [`MAX_MILLIS`].
///
/// ```
/// use prana_core::duration;
///
/// assert_eq!(duration::parse("5m"), Ok(300_000));
/// assert!(duration::parse("5 minutes").is_err());
/// ```
pub fn parse(text: &str) -> Result<u64, DurationError> {
    let text = text.trim();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    if number.is_empty() {
        return Err(DurationError::Malformed);
    }
    let number: u64 = number.parse().map_err(|_| DurationError::TooLong)?;
    checked(number.checked_mul(unit_millis(unit.trim_start())?))
}

/// A number of milliseconds, if it is a length that documents may name.
///
/// # Errors
/// A length beyond [`MAX_MILLIS`].
pub fn from_millis(millis: u64) -> Result<u64, DurationError> {
    checked(Some(millis))
}

fn unit_millis(unit: &str) -> Result<u64, DurationError> {
    match UNITS.iter().find(|(name, _)| *name == unit) {
        Some((_, millis)) => Ok(*millis),
        None if unit.is_empty() => Ok(1),
        None if unit.starts_with(['.', ',']) => Err(DurationError::Malformed),
        None => Err(DurationError::Unit),
    }
}

fn checked(millis: Option<u64>) -> Result<u64, DurationError> {
    millis.filter(|millis| *millis <= MAX_MILLIS).ok_or(DurationError::TooLong)
}

/// The shortest text for a number of milliseconds, with the longest unit that divides it.
///
/// ```
/// use prana_core::duration;
///
/// assert_eq!(duration::print(7_200_000).to_string(), "2h");
/// assert_eq!(duration::print(1500).to_string(), "1500ms");
/// ```
pub fn print(millis: u64) -> impl fmt::Display {
    let fits = |(_, length): &&(&str, u64)| millis >= *length && millis.is_multiple_of(*length);
    let (unit, length) = UNITS.iter().find(fits).copied().unwrap_or(("ms", 1));
    Printed { number: millis / length, unit }
}

struct Printed {
    number: u64,
    unit: &'static str,
}

impl fmt::Display for Printed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.number, self.unit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_what_people_write() {
        let cases: &[(&str, Result<u64, DurationError>)] = &[
            ("500ms", Ok(500)),
            ("30s", Ok(30_000)),
            ("5m", Ok(300_000)),
            ("2h", Ok(7_200_000)),
            ("7d", Ok(604_800_000)),
            ("0s", Ok(0)),
            ("1500", Ok(1500)),
            (" 1 h ", Ok(3_600_000)),
            ("36500d", Ok(MAX_MILLIS)),
            ("36501d", Err(DurationError::TooLong)),
            ("99999999999999999999s", Err(DurationError::TooLong)),
            ("18446744073709551615d", Err(DurationError::TooLong)),
            ("", Err(DurationError::Malformed)),
            ("h", Err(DurationError::Malformed)),
            ("-5s", Err(DurationError::Malformed)),
            ("1.5h", Err(DurationError::Malformed)),
            ("5 minutes", Err(DurationError::Unit)),
            ("5M", Err(DurationError::Unit)),
            ("1h30m", Err(DurationError::Unit)),
        ];
        for (text, expect) in cases {
            assert_eq!(parse(text), *expect, "{text:?}");
        }
    }

    #[test]
    fn prints_what_it_parses() {
        for millis in [0, 1, 999, 1000, 60_000, 90_000, 3_600_000, 86_400_000, 604_800_001, MAX_MILLIS] {
            assert_eq!(parse(&print(millis).to_string()), Ok(millis));
        }
        assert_eq!(print(90_000).to_string(), "90s");
        assert_eq!(print(0).to_string(), "0ms");
    }
}
