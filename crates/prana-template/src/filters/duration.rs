//! Durations and units of time, as filters take them.

use jiff::{SignedDuration, Span};

use super::Invocation;
use crate::{eval::Fault, value::Value};

/// How long to go on: `1h30m`, `P1D`, or seconds.
pub(super) enum Length {
    Calendar(Span),
    Exact(SignedDuration),
}

/// The duration of argument 1.
pub(super) fn length(call: &Invocation<'_, '_>) -> Result<Length, Fault> {
    let problem = || {
        call.invalid(
            "the duration is not one such as \"1h30m\", \"2 days\", \"P1DT2H\" or a number of seconds",
        )
    };
    match call.given(1) {
        Some(Value::Int(seconds)) => Ok(Length::Exact(SignedDuration::from_secs(*seconds))),
        Some(Value::Float(seconds)) => {
            SignedDuration::try_from_secs_f64(*seconds).map(Length::Exact).map_err(|_| problem())
        }
        Some(Value::Str(text)) if text.len() <= 200 => {
            text.trim().parse().map(Length::Calendar).map_err(|_| problem())
        }
        Some(Value::Str(_)) => Err(problem()),
        _ => Err(call.wrong(1, "a duration")),
    }
}

/// A unit of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Millisecond,
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Quarter,
    Year,
}

impl Unit {
    /// In the singular or plural.
    pub(super) fn parse(call: &Invocation<'_, '_>, name: &str) -> Result<Self, Fault> {
        Ok(match name.strip_suffix('s').unwrap_or(name) {
            "millisecond" | "m" if name != "m" => Unit::Millisecond,
            "second" => Unit::Second,
            "minute" => Unit::Minute,
            "hour" => Unit::Hour,
            "day" => Unit::Day,
            "week" => Unit::Week,
            "month" => Unit::Month,
            "quarter" => Unit::Quarter,
            "year" => Unit::Year,
            _ => {
                let units = "milliseconds, seconds, minutes, hours, days, weeks, months, quarters or years";
                return Err(call.invalid(format_args!("the unit must be one of {units}")));
            }
        })
    }

    /// Nanoseconds, for units that are always the same.
    pub(super) fn nanoseconds(self) -> Option<i128> {
        const SECOND: i128 = 1_000_000_000;
        Some(match self {
            Unit::Millisecond => 1_000_000,
            Unit::Second => SECOND,
            Unit::Minute => 60 * SECOND,
            Unit::Hour => 3_600 * SECOND,
            Unit::Day => 86_400 * SECOND,
            Unit::Week => 7 * 86_400 * SECOND,
            Unit::Month | Unit::Quarter | Unit::Year => return None,
        })
    }
}
