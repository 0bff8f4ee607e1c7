//! Times: RFC 3339 text or seconds since 1970, out of which comes RFC 3339 text.

use jiff::{
    Timestamp, ToSpan, Zoned,
    civil::{DateTime, Time},
    fmt::{rfc2822, strtime, temporal::Pieces},
    tz::{Offset, TimeZone},
};

use super::{
    Invocation, Outcome,
    duration::{Length, Unit, length},
    list::finite,
    table::filters,
};
use crate::{eval::Fault, value::Value};

filters! { TIME:
    /// A time in a format of strftime, in some time zone.
    /// `{{ "2024-05-01T22:30:00Z" | date }}` -> `"2024-05-01"`
    /// `{{ "2024-05-01T22:30:00Z" | date("%d.%m.%Y %H:%M", "Europe/Berlin") }}` -> `"02.05.2024 00:30"`
    /// `{{ 0 | date("%A") }}` -> `"Thursday"`
    "date (fmt=\"%Y-%m-%d\", tz=\"UTC\")" => date;

    /// A time out of text in a format of strptime; without one out of ISO 8601 or RFC 2822. Text without an offset is taken as UTC.
    /// `{{ "01/05/2024" | parse_date("%d/%m/%Y") }}` -> `"2024-05-01T00:00:00Z"`
    /// `{{ "2024-05-01 10:00+02:00" | parse_date }}` -> `"2024-05-01T10:00:00+02:00"`
    /// `{{ "Wed, 1 May 2024 10:00:00 GMT" | parse_date }}` -> `"2024-05-01T10:00:00Z"`
    "parse_date (fmt?)" => parse_date;

    /// A time some duration later, or earlier for a negative one. Days, months and years are those of the calendar.
    /// `{{ "2024-01-31T12:00:00Z" | add_duration("1h30m") }}` -> `"2024-01-31T13:30:00Z"`
    /// `{{ "2024-01-31T12:00:00Z" | add_duration("1 month") }}` -> `"2024-02-29T12:00:00Z"`
    /// `{{ "2024-01-31T12:00:00Z" | add_duration(-60) }}` -> `"2024-01-31T11:59:00Z"`
    "add_duration (duration)" => add_duration;

    /// How much later the left time is than the other. Months, quarters and years count whole ones.
    /// `{{ "2024-05-02T00:00:00Z" | diff("2024-05-01T12:00:00Z") }}` -> `43200`
    /// `{{ "2024-05-02T00:00:00Z" | diff("2024-05-01T12:00:00Z", "days") }}` -> `0.5`
    /// `{{ "2024-05-01" | diff("2023-04-15", unit="months") }}` -> `12`
    "diff (other, unit=\"seconds\")" => diff;

    /// The same time with the offset of a time zone.
    /// `{{ "2024-07-01T12:00:00Z" | in_timezone("America/New_York") }}` -> `"2024-07-01T08:00:00-04:00"`
    /// `{{ "2024-07-01T12:00:00+02:00" | in_timezone("UTC") }}` -> `"2024-07-01T10:00:00Z"`
    "in_timezone (tz)" => in_timezone;

    /// The beginning of the second, minute, hour, day, week (Monday), month, quarter or year, in the time's own offset or in a time zone.
    /// `{{ "2024-05-15T22:30:00Z" | start_of("month") }}` -> `"2024-05-01T00:00:00Z"`
    /// `{{ "2024-05-15T22:30:00Z" | start_of("day", "Asia/Tokyo") }}` -> `"2024-05-16T00:00:00+09:00"`
    "start_of (unit, tz?)" => start_of;

    /// The last microsecond of the second, minute, hour, day, week, month, quarter or year.
    /// `{{ "2024-02-15T22:30:00Z" | end_of("month") }}` -> `"2024-02-29T23:59:59.999999Z"`
    "end_of (unit, tz?)" => end_of;

    /// Seconds since 1970.
    /// `{{ "2024-05-01T00:00:00Z" | timestamp }}` -> `1714521600`
    "timestamp ()" => timestamp;
}

/// A time and the offset that it is shown in.
struct Moment {
    at: Timestamp,
    offset: Offset,
}

impl Moment {
    fn of(zoned: &Zoned) -> Self {
        Moment { at: zoned.timestamp(), offset: zoned.offset() }
    }

    fn zoned(&self) -> Zoned {
        self.at.to_zoned(TimeZone::fixed(self.offset))
    }

    fn value(&self) -> Value {
        if self.offset == Offset::UTC {
            return Value::from(self.at.to_string());
        }
        Value::from(self.at.display_with_offset(self.offset).to_string())
    }
}

fn out_of_range(call: &Invocation<'_, '_>) -> Fault {
    call.invalid("the time is out of range (years -9999 to 9999)")
}

/// Text in ISO 8601, of which RFC 3339 is a part. Without a time of day it is midnight, without an offset UTC.
fn parse_iso(text: &str) -> Option<Moment> {
    if text.len() > 100 {
        return None;
    }
    let pieces = Pieces::parse(text.trim()).ok()?;
    let civil = DateTime::from_parts(pieces.date(), pieces.time().unwrap_or(Time::midnight()));
    let offset = pieces.to_numeric_offset().unwrap_or(Offset::UTC);
    Some(Moment { at: offset.to_timestamp(civil).ok()?, offset })
}

/// An argument as a time.
fn moment(call: &Invocation<'_, '_>, at: usize) -> Result<Moment, Fault> {
    let utc = |at: Timestamp| Moment { at, offset: Offset::UTC };
    match call.given(at) {
        Some(Value::Str(text)) => {
            parse_iso(text).ok_or_else(|| call.invalid("the text is not a time such as 2024-05-01T12:00:00Z"))
        }
        Some(Value::Int(seconds)) => {
            Timestamp::from_second(*seconds).map(utc).map_err(|_| out_of_range(call))
        }
        Some(Value::Float(seconds)) if seconds.abs() < 1e12 => {
            let nanoseconds = (seconds * 1e6).round() as i128 * 1000;
            Timestamp::from_nanosecond(nanoseconds).map(utc).map_err(|_| out_of_range(call))
        }
        Some(Value::Float(_)) => Err(out_of_range(call)),
        _ => Err(call.wrong(at, "a time")),
    }
}

/// A time zone: a name such as `Europe/Berlin`, or an offset such as `+02:00`.
fn zone(call: &Invocation<'_, '_>, name: &str) -> Result<TimeZone, Fault> {
    if name.eq_ignore_ascii_case("utc") || name == "Z" {
        return Ok(TimeZone::UTC);
    }
    if name.starts_with(['+', '-']) {
        let offset =
            parse_iso(&format!("1970-01-01T00:00:00{name}")).map(|moment| TimeZone::fixed(moment.offset));
        return offset.ok_or_else(|| call.invalid("the offset is not one such as +02:00"));
    }
    TimeZone::get(name).map_err(|_| call.invalid("unknown time zone; write one such as Europe/Berlin"))
}

fn date(call: &Invocation<'_, '_>) -> Outcome {
    let (moment, format, tz) = (moment(call, 0)?, call.text_or(1, "%Y-%m-%d")?, call.text_or(2, "UTC")?);
    check_format(call, format)?;
    let zoned = moment.at.to_zoned(zone(call, tz)?);
    let text = strtime::format(format, &zoned).map_err(|error| call.invalid(error))?;
    call.made_text(text)
}

/// A directive may ask for 255 characters, so a format must not have too many.
fn check_format(call: &Invocation<'_, '_>, format: &str) -> Result<(), Fault> {
    if format.len() > 1000 { Err(call.invalid("the format is longer than 1000 bytes")) } else { Ok(()) }
}

fn parse_date(call: &Invocation<'_, '_>) -> Outcome {
    if call.value(1).is_some() {
        return parse_as(call, call.text(1)?, call.text(0)?);
    }
    if let Value::Str(text) = call.subject()
        && text.len() <= 100
        && let Ok(zoned) = rfc2822::parse(&text.trim().replace("GMT", "+0000"))
    {
        return Ok(Moment::of(&zoned).value());
    }
    Ok(moment(call, 0)?.value())
}

fn parse_as(call: &Invocation<'_, '_>, format: &str, text: &str) -> Outcome {
    check_format(call, format)?;
    let parsed =
        strtime::parse(format, text).map_err(|_| call.invalid("the text is not a time in that format"))?;
    if let Ok(at) = parsed.to_timestamp() {
        return Ok(Moment { at, offset: parsed.offset().unwrap_or(Offset::UTC) }.value());
    }
    let civil = parsed.to_datetime().map_err(|_| call.invalid("the format has no whole date"))?;
    let at = Offset::UTC.to_timestamp(civil).map_err(|_| out_of_range(call))?;
    Ok(Moment { at, offset: Offset::UTC }.value())
}

fn add_duration(call: &Invocation<'_, '_>) -> Outcome {
    let zoned = moment(call, 0)?.zoned();
    let later = match length(call)? {
        Length::Calendar(span) => zoned.checked_add(span),
        Length::Exact(duration) => zoned.checked_add(duration),
    };
    Ok(Moment::of(&later.map_err(|_| out_of_range(call))?).value())
}

fn diff(call: &Invocation<'_, '_>) -> Outcome {
    let (left, right) = (moment(call, 0)?, moment(call, 1)?);
    let unit = Unit::parse(call, call.text_or(2, "seconds")?)?;
    let Some(length) = unit.nanoseconds() else { return calendar_diff(call, &left, &right, unit) };
    let between = left.at.as_nanosecond() - right.at.as_nanosecond();
    match i64::try_from(between / length) {
        Ok(whole) if between % length == 0 => Ok(Value::Int(whole)),
        _ => finite(call, between as f64 / length as f64),
    }
}

/// Whole months, quarters or years between two times.
fn calendar_diff(call: &Invocation<'_, '_>, left: &Moment, right: &Moment, unit: Unit) -> Outcome {
    let left = left.zoned();
    let right = right.at.to_zoned(left.time_zone().clone());
    let span = right.until((jiff::Unit::Month, &left)).map_err(|_| out_of_range(call))?;
    let months = i64::from(span.get_months());
    Ok(Value::Int(match unit {
        Unit::Year => months / 12,
        Unit::Quarter => months / 3,
        _ => months,
    }))
}

fn in_timezone(call: &Invocation<'_, '_>) -> Outcome {
    let zoned = moment(call, 0)?.at.to_zoned(zone(call, call.text(1)?)?);
    Ok(Moment::of(&zoned).value())
}

/// When the unit that holds a time began.
fn beginning(civil: DateTime, unit: Unit) -> Option<DateTime> {
    let (date, time) = (civil.date(), civil.time());
    let first_of = |month: i8| date.with().month(month).day(1).build().ok().map(|date| date.at(0, 0, 0, 0));
    match unit {
        Unit::Millisecond => None,
        Unit::Second => Some(date.at(time.hour(), time.minute(), time.second(), 0)),
        Unit::Minute => Some(date.at(time.hour(), time.minute(), 0, 0)),
        Unit::Hour => Some(date.at(time.hour(), 0, 0, 0)),
        Unit::Day => Some(date.at(0, 0, 0, 0)),
        Unit::Week => {
            let days = i64::from(date.weekday().to_monday_zero_offset());
            Some(date.checked_sub(days.days()).ok()?.at(0, 0, 0, 0))
        }
        Unit::Month => first_of(date.month()),
        Unit::Quarter => first_of((date.month() - 1) / 3 * 3 + 1),
        Unit::Year => first_of(1),
    }
}

/// The beginning of the unit, in civil time, and the time zone that it is meant in.
fn unit_of(call: &Invocation<'_, '_>) -> Result<(DateTime, Unit, TimeZone), Fault> {
    let moment = moment(call, 0)?;
    let unit = Unit::parse(call, call.text(1)?)?;
    let zoned = match call.value(2) {
        Some(_) => moment.at.to_zoned(zone(call, call.text(2)?)?),
        None => moment.zoned(),
    };
    let start = beginning(zoned.datetime(), unit)
        .ok_or_else(|| call.invalid("the unit must be a second or longer"))?;
    Ok((start, unit, zoned.time_zone().clone()))
}

fn start_of(call: &Invocation<'_, '_>) -> Outcome {
    let (start, _, tz) = unit_of(call)?;
    let zoned = start.to_zoned(tz).map_err(|_| out_of_range(call))?;
    Ok(Moment::of(&zoned).value())
}

fn end_of(call: &Invocation<'_, '_>) -> Outcome {
    let (start, unit, tz) = unit_of(call)?;
    let length = match unit {
        Unit::Millisecond | Unit::Second => 1.second(),
        Unit::Minute => 1.minute(),
        Unit::Hour => 1.hour(),
        Unit::Day => 1.day(),
        Unit::Week => 1.week(),
        Unit::Month => 1.month(),
        Unit::Quarter => 3.months(),
        Unit::Year => 1.year(),
    };
    let next = start.checked_add(length).and_then(|next| next.to_zoned(tz));
    let last = next.and_then(|next| next.checked_sub(1.microsecond())).map_err(|_| out_of_range(call))?;
    Ok(Moment::of(&last).value())
}

fn timestamp(call: &Invocation<'_, '_>) -> Outcome {
    Ok(Value::Int(moment(call, 0)?.at.as_second()))
}
