//! Single values of PostgreSQL, read from the bytes in which it sends them. None is what can't be read.

use std::fmt::Write;
use std::net::{Ipv4Addr, Ipv6Addr};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::SignedDuration;
use jiff::civil::{self, DateTime};
use jiff::tz::TimeZone;
use prana_template::Value;
use tokio_postgres::types::Type;

/// The first N bytes of what is left.
pub(super) fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (first, more) = rest.split_first_chunk::<N>()?;
    *rest = more;
    Some(*first)
}

/// All bytes, if there are N of them.
fn exactly<const N: usize>(raw: &[u8]) -> Option<[u8; N]> {
    raw.try_into().ok()
}

pub(super) fn boolean(raw: &[u8]) -> Option<Value> {
    exactly::<1>(raw).map(|[byte]| Value::Bool(byte != 0))
}

pub(super) fn integer(of: &Type, raw: &[u8]) -> Option<Value> {
    let number = match *of {
        Type::INT2 => exactly(raw).map(i16::from_be_bytes)?.into(),
        Type::INT4 => exactly(raw).map(i32::from_be_bytes)?.into(),
        Type::OID => exactly(raw).map(u32::from_be_bytes)?.into(),
        _ => exactly(raw).map(i64::from_be_bytes)?,
    };
    Some(Value::Int(number))
}

/// What is no number in JSON is text.
pub(super) fn float(raw: &[u8]) -> Option<Value> {
    let number = match raw.len() {
        // By way of its text: the nearest double of 0.1 in four bytes is 0.10000000149.
        4 => exactly(raw).map(f32::from_be_bytes)?.to_string().parse().ok()?,
        _ => exactly(raw).map(f64::from_be_bytes)?,
    };
    Some(match number {
        number if number.is_nan() => "NaN".into(),
        f64::INFINITY => "Infinity".into(),
        f64::NEG_INFINITY => "-Infinity".into(),
        number => Value::Float(number),
    })
}

/// The exact digits, as text.
pub(super) fn numeric(raw: &[u8]) -> Option<Value> {
    let mut rest = raw;
    let count = take(&mut rest).map(u16::from_be_bytes)?;
    let weight = take(&mut rest).map(i16::from_be_bytes)?;
    let sign = take(&mut rest).map(u16::from_be_bytes)?;
    let scale = take(&mut rest).map(u16::from_be_bytes)?;
    let groups: Vec<u16> =
        (0..count).map(|_| take(&mut rest).map(u16::from_be_bytes)).collect::<Option<_>>()?;
    let sign = match sign {
        0 => "",
        0x4000 => "-",
        0xc000 => return Some("NaN".into()),
        0xd000 => return Some("Infinity".into()),
        0xf000 => return Some("-Infinity".into()),
        _ => return None,
    };
    let group =
        |place: i32| usize::try_from(place).ok().and_then(|place| groups.get(place)).copied().unwrap_or(0);
    let whole: String = (0..=i32::from(weight)).map(|place| format!("{:04}", group(place))).collect();
    let fraction: String = (0..i32::from(scale.div_ceil(4)))
        .map(|place| format!("{:04}", group(place + i32::from(weight) + 1)))
        .collect();
    let whole = match whole.trim_start_matches('0') {
        "" => "0",
        whole => whole,
    };
    let fraction = fraction.get(..usize::from(scale))?;
    let point = if fraction.is_empty() { "" } else { "." };
    Some(format!("{sign}{whole}{point}{fraction}").into())
}

pub(super) fn text(raw: &[u8]) -> Option<Value> {
    std::str::from_utf8(raw).ok().map(Value::from)
}

/// Base64.
pub(super) fn bytes(raw: &[u8]) -> Value {
    STANDARD.encode(raw).into()
}

pub(super) fn uuid(raw: &[u8]) -> Option<Value> {
    let digits: String = exactly::<16>(raw)?.iter().map(|byte| format!("{byte:02x}")).collect();
    Some(
        format!(
            "{}-{}-{}-{}-{}",
            &digits[..8],
            &digits[8..12],
            &digits[12..16],
            &digits[16..20],
            &digits[20..]
        )
        .into(),
    )
}

/// The first moment of the year 2000, from which PostgreSQL counts.
fn epoch() -> DateTime {
    DateTime::constant(2000, 1, 1, 0, 0, 0, 0)
}

/// The ends of time, or what is beyond the calendar: PostgreSQL's years go further than four digits.
fn beyond(is_late: bool) -> Option<Value> {
    Some(if is_late { "infinity" } else { "-infinity" }.into())
}

pub(super) fn date(raw: &[u8]) -> Option<Value> {
    let days = exactly(raw).map(i32::from_be_bytes)?;
    match days {
        i32::MAX => beyond(true),
        i32::MIN => beyond(false),
        days => {
            let date = epoch().date().checked_add(SignedDuration::from_hours(i64::from(days) * 24)).ok()?;
            Some(date.to_string().into())
        }
    }
}

/// Microseconds since midnight.
fn time_of_day(micros: i64) -> Option<String> {
    match micros {
        86_400_000_000 => Some("24:00:00".to_owned()),
        micros => {
            let time = civil::Time::midnight().checked_add(SignedDuration::from_micros(micros)).ok()?;
            Some(time.to_string())
        }
    }
}

pub(super) fn time(raw: &[u8]) -> Option<Value> {
    time_of_day(exactly(raw).map(i64::from_be_bytes)?).map(Value::from)
}

pub(super) fn time_with_zone(raw: &[u8]) -> Option<Value> {
    let mut rest = raw;
    let micros = take(&mut rest).map(i64::from_be_bytes)?;
    let west = exactly(rest).map(i32::from_be_bytes)?;
    let sign = if west > 0 { '-' } else { '+' };
    let minutes = west.unsigned_abs() / 60;
    Some(format!("{}{sign}{:02}:{:02}", time_of_day(micros)?, minutes / 60, minutes % 60).into())
}

/// ISO 8601: with a zone in UTC, without one as it is.
pub(super) fn timestamp(raw: &[u8], zoned: bool) -> Option<Value> {
    let micros = exactly(raw).map(i64::from_be_bytes)?;
    if micros == i64::MAX || micros == i64::MIN {
        return beyond(micros > 0);
    }
    let local = epoch().checked_add(SignedDuration::from_micros(micros)).ok()?;
    let text = match zoned {
        true => local.to_zoned(TimeZone::UTC).ok()?.timestamp().to_string(),
        false => local.to_string(),
    };
    Some(text.into())
}

/// A duration of ISO 8601: `P1Y2M3DT4H5M6.5S`. Parts may have different signs.
pub(super) fn interval(raw: &[u8]) -> Option<Value> {
    let mut rest = raw;
    let micros = take(&mut rest).map(i64::from_be_bytes)?;
    let days = take(&mut rest).map(i32::from_be_bytes)?;
    let months = exactly(rest).map(i32::from_be_bytes)?;
    let mut text = String::from("P");
    let date = [(months / 12, 'Y'), (months % 12, 'M'), (days, 'D')];
    for (number, unit) in date.iter().filter(|(number, _)| *number != 0) {
        let _ = write!(text, "{number}{unit}");
    }
    if micros != 0 {
        text.push('T');
        let clock = [(micros / 3_600_000_000, 'H'), (micros / 60_000_000 % 60, 'M')];
        for (number, unit) in clock.iter().filter(|(number, _)| *number != 0) {
            let _ = write!(text, "{number}{unit}");
        }
        text.push_str(&seconds(micros % 60_000_000));
    }
    Some(if text == "P" { "PT0S".into() } else { text.into() })
}

fn seconds(micros: i64) -> String {
    let sign = if micros < 0 { "-" } else { "" };
    let (whole, part) = (micros.unsigned_abs() / 1_000_000, micros.unsigned_abs() % 1_000_000);
    match (whole, part) {
        (0, 0) => String::new(),
        (whole, 0) => format!("{sign}{whole}S"),
        (whole, part) => format!("{sign}{whole}.{}S", format!("{part:06}").trim_end_matches('0')),
    }
}

/// `10.0.0.0/8`; without the number of bits where it is one address.
pub(super) fn network(raw: &[u8]) -> Option<Value> {
    let mut rest = raw;
    let [_family, bits, is_cidr, _length] = take::<4>(&mut rest)?;
    let (address, whole) = match rest.len() {
        4 => (Ipv4Addr::from(exactly::<4>(rest)?).to_string(), 32),
        _ => (Ipv6Addr::from(exactly::<16>(rest)?).to_string(), 128),
    };
    Some(if is_cidr != 0 || bits != whole { format!("{address}/{bits}") } else { address }.into())
}

pub(super) fn hardware(raw: &[u8]) -> Value {
    raw.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":").into()
}

/// Zeros and ones.
pub(super) fn bits(raw: &[u8]) -> Option<Value> {
    let mut rest = raw;
    let length = usize::try_from(take(&mut rest).map(i32::from_be_bytes)?).ok()?;
    let digits: String = rest.iter().map(|byte| format!("{byte:08b}")).collect();
    digits.get(..length).map(Value::from)
}

#[cfg(test)]
mod tests {
    use prana_template::value;

    use super::*;

    fn numeric_of(weight: i16, sign: u16, scale: u16, groups: &[u16]) -> Option<Value> {
        let head = [groups.len() as u16, weight as u16, sign, scale];
        let bytes: Vec<u8> = head.iter().chain(groups).flat_map(|number| number.to_be_bytes()).collect();
        numeric(&bytes)
    }

    #[test]
    fn numbers_keep_their_digits() {
        for (weight, sign, scale, groups, expected) in [
            (0, 0, 0, &[][..], "0"),
            (0, 0, 2, &[], "0.00"),
            (0, 0, 0, &[5], "5"),
            (1, 0x4000, 0, &[1, 2345], "-12345"),
            (2, 0, 0, &[1], "100000000"),
            (0, 0, 2, &[12, 1000], "12.10"),
            (-1, 0, 4, &[1], "0.0001"),
            (-2, 0, 8, &[1], "0.00000001"),
            (-1, 0, 3, &[1230], "0.123"),
            (0, 0xc000, 0, &[], "NaN"),
            (0, 0xd000, 0, &[], "Infinity"),
        ] {
            assert_eq!(numeric_of(weight, sign, scale, groups), Some(expected.into()));
        }
        assert_eq!(numeric_of(0, 7, 0, &[]), None);
        assert_eq!(numeric(&[0, 9, 0, 0, 0, 0, 0, 0]), None);
    }

    #[test]
    fn floats() {
        assert_eq!(float(&0.1f32.to_be_bytes()), Some(value!(0.1)));
        assert_eq!(float(&0.1f64.to_be_bytes()), Some(value!(0.1)));
        assert_eq!(float(&f64::NAN.to_be_bytes()), Some(value!("NaN")));
        assert_eq!(float(&f32::NEG_INFINITY.to_be_bytes()), Some(value!("-Infinity")));
    }

    #[test]
    fn times() {
        for (micros, zoned, expected) in [
            (0i64, true, "2000-01-01T00:00:00Z"),
            (1_500_000, true, "2000-01-01T00:00:01.5Z"),
            (-1, false, "1999-12-31T23:59:59.999999"),
            (i64::MAX, true, "infinity"),
            (i64::MIN, false, "-infinity"),
        ] {
            assert_eq!(timestamp(&micros.to_be_bytes(), zoned), Some(expected.into()));
        }
        assert_eq!(timestamp(&(i64::MAX - 1).to_be_bytes(), true), None);
        assert_eq!(date(&366i32.to_be_bytes()), Some("2001-01-01".into()));
        assert_eq!(date(&(i32::MAX - 1).to_be_bytes()), None);
        assert_eq!(time(&86_399_999_999i64.to_be_bytes()), Some("23:59:59.999999".into()));
        assert_eq!(time(&86_400_000_000i64.to_be_bytes()), Some("24:00:00".into()));
        assert_eq!(time(&i64::MAX.to_be_bytes()), None);
        let zoned = [&3_600_000_000i64.to_be_bytes()[..], &(-5400i32).to_be_bytes()].concat();
        assert_eq!(time_with_zone(&zoned), Some("01:00:00+01:30".into()));
    }

    #[test]
    fn intervals() {
        for (micros, days, months, expected) in [
            (0i64, 0i32, 0i32, "PT0S"),
            (14_706_500_000, 3, 14, "P1Y2M3DT4H5M6.5S"),
            (-1, 0, 0, "PT-0.000001S"),
            (60_000_000, -1, -13, "P-1Y-1M-1DT1M"),
            (i64::MIN, i32::MIN, i32::MIN, "P-178956970Y-8M-2147483648DT-2562047788H-54.775808S"),
        ] {
            let raw = [&micros.to_be_bytes()[..], &days.to_be_bytes(), &months.to_be_bytes()].concat();
            assert_eq!(interval(&raw), Some(expected.into()));
        }
    }

    #[test]
    fn addresses_and_bits() {
        assert_eq!(network(&[2, 8, 1, 4, 10, 0, 0, 0]), Some("10.0.0.0/8".into()));
        assert_eq!(network(&[2, 32, 0, 4, 10, 0, 0, 1]), Some("10.0.0.1".into()));
        assert_eq!(network(&[2, 32, 0]), None);
        assert_eq!(hardware(&[8, 0, 0x2b, 1, 2, 0xff]), "08:00:2b:01:02:ff".into());
        assert_eq!(bits(&[0, 0, 0, 3, 0b1010_0000]), Some("101".into()));
        assert_eq!(bits(&[0, 0, 0, 9, 0]), None);
        assert_eq!(uuid(&[0xab; 16]), Some("abababab-abab-abab-abab-abababababab".into()));
    }
}
