//! Numbers, and numbers for people.

use super::{FilterError, Invocation, Outcome, list::finite, table::filters};
use crate::{
    eval::{Fault, compare_numbers},
    value::Value,
};

filters! { NUMBER:
    /// A number without its sign.
    /// `{{ -5 | abs }}` -> `5`
    "abs ()" => abs;

    /// The next whole number up, as an int.
    /// `{{ 1.2 | ceil }}` -> `2`
    "ceil ()" => ceil;

    /// The next whole number down, as an int.
    /// `{{ -1.2 | floor }}` -> `-2`
    "floor ()" => floor;

    /// Rounded to n decimals, halves away from zero; an int when n is 0 or less.
    /// `{{ 2.5 | round }}` -> `3`
    /// `{{ -2.5 | round }}` -> `-3`
    /// `{{ 1.005 | round(2) }}` -> `1.01`
    /// `{{ 1234 | round(-2) }}` -> `1200`
    "round (n=0)" => round;

    /// A number to the power of another.
    /// `{{ 2 | power(10) }}` -> `1024`
    /// `{{ 4 | power(0.5) }}` -> `2.0`
    "power (n)" => power;

    /// The square root, as a float.
    /// `{{ 9 | sqrt }}` -> `3.0`
    "sqrt ()" => sqrt;

    /// The remainder of a division, with the sign of the dividend, as `%`.
    /// `{{ -7 | mod(3) }}` -> `-1`
    "mod (n)" => modulo;

    /// A number, or the nearer of two bounds when it is beyond them.
    /// `{{ 15 | clamp(0, 10) }}` -> `10`
    "clamp (lo, hi)" => clamp;

    /// A number for people: rounded, with separators.
    /// `{{ 1234567.891 | format_number(2) }}` -> `"1,234,567.89"`
    /// `{{ 1234.5 | format_number(1, ".", ",") }}` -> `"1.234,5"`
    "format_number (decimals=0, thousands=\",\", point=\".\")" => format_number;

    /// An amount of money with the symbol and the decimals of its currency (ISO 4217), in English.
    /// `{{ 1234.5 | format_currency("USD") }}` -> `"$1,234.50"`
    /// `{{ -1234.5 | format_currency("JPY") }}` -> `"-¥1,235"`
    /// `{{ 5 | format_currency("CHF") }}` -> `"CHF 5.00"`
    "format_currency (code)" => format_currency;

    /// A number of bytes in units of 1024.
    /// `{{ 1536 | format_bytes }}` -> `"1.5 KiB"`
    /// `{{ 100 | format_bytes }}` -> `"100 B"`
    "format_bytes ()" => format_bytes;
}

fn overflow(call: &Invocation<'_, '_>) -> Fault {
    FilterError::new(
        "expression.overflow",
        format!("the result of `{}` is too large for an int", call.name()),
    )
}

fn abs(call: &Invocation<'_, '_>) -> Outcome {
    match call.subject() {
        Value::Int(n) => n.checked_abs().map(Value::Int).ok_or_else(|| overflow(call)),
        _ => Ok(Value::Float(call.number(0)?.abs())),
    }
}

/// A whole float as an int.
pub(super) fn float_to_int(x: f64) -> Option<i64> {
    (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&x).then_some(x as i64)
}

fn to_whole(call: &Invocation<'_, '_>, whole: fn(f64) -> f64) -> Outcome {
    match call.subject() {
        Value::Int(n) => Ok(Value::Int(*n)),
        _ => float_to_int(whole(call.number(0)?)).map(Value::Int).ok_or_else(|| overflow(call)),
    }
}

fn ceil(call: &Invocation<'_, '_>) -> Outcome {
    to_whole(call, f64::ceil)
}

fn floor(call: &Invocation<'_, '_>) -> Outcome {
    to_whole(call, f64::floor)
}

/// Digits of a number rounded to some decimals, halves away from zero, as it would be done by hand: with the digits
/// that people see. Without the sign, which is returned beside them.
fn rounded(value: &Value, decimals: usize) -> (bool, String) {
    let text = match value {
        Value::Float(x) => format!("{x}"),
        other => other.to_json_string(),
    };
    let (negative, text) = text.strip_prefix('-').map_or((false, text.as_str()), |rest| (true, rest));
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let kept = fraction.bytes().chain(std::iter::repeat(b'0')).take(decimals);
    let mut digits: Vec<u8> = whole.bytes().chain(kept).collect();
    if fraction.as_bytes().get(decimals).is_some_and(|&next| next >= b'5') {
        increment(&mut digits);
    }
    let point = digits.len() - decimals;
    let negative = negative && digits.iter().any(|&d| d != b'0');
    let mut out: String = digits.iter().map(|&d| d as char).collect();
    if decimals > 0 {
        out.insert(point, '.');
    }
    (negative, out)
}

/// Adds one to the last of some decimal digits.
fn increment(digits: &mut Vec<u8>) {
    for digit in digits.iter_mut().rev() {
        if *digit < b'9' {
            *digit += 1;
            return;
        }
        *digit = b'0';
    }
    digits.insert(0, b'1');
}

/// Most decimals that can be asked for.
const MAX_DECIMALS: i64 = 20;

fn round(call: &Invocation<'_, '_>) -> Outcome {
    call.number(0)?;
    let n = call.int_or(1, 0)?;
    if !(-18..=MAX_DECIMALS).contains(&n) {
        return Err(call.invalid("n must be from -18 to 20"));
    }
    match (call.subject(), usize::try_from(n)) {
        (Value::Int(int), Ok(_)) => Ok(Value::Int(*int)),
        (value, Ok(0)) => {
            let (negative, digits) = rounded(value, 0);
            let whole = format!("{}{digits}", if negative { "-" } else { "" });
            whole.parse().map(Value::Int).map_err(|_| overflow(call))
        }
        (value, Ok(decimals)) => {
            let (negative, digits) = rounded(value, decimals);
            let x: f64 = digits.parse().map_err(|_| overflow(call))?;
            finite(call, if negative { -x } else { x })
        }
        (value, Err(_)) => round_to_tens(call, value, n.unsigned_abs() as u32),
    }
}

/// Rounds to 10, 100, ... (10 to the power of n, which is at most 18).
fn round_to_tens(call: &Invocation<'_, '_>, value: &Value, n: u32) -> Outcome {
    let whole = match value {
        Value::Int(int) => i128::from(*int),
        other => {
            i128::from(float_to_int(other.as_f64().unwrap_or(0.0).trunc()).ok_or_else(|| overflow(call))?)
        }
    };
    let unit = 10i128.pow(n);
    let half = if whole < 0 { -unit / 2 } else { unit / 2 };
    let rounded = (whole + half) / unit * unit;
    i64::try_from(rounded).map(Value::Int).map_err(|_| overflow(call))
}

fn power(call: &Invocation<'_, '_>) -> Outcome {
    let (base, exponent) = (call.number(0)?, call.number(1)?);
    if let (Value::Int(base), Some(Value::Int(exponent))) = (call.subject(), call.given(1))
        && let Ok(exponent) = u32::try_from(*exponent)
    {
        return base.checked_pow(exponent).map(Value::Int).ok_or_else(|| overflow(call));
    }
    let result = base.powf(exponent);
    if result.is_nan() {
        return Err(call.invalid("a negative number has no such power"));
    }
    finite(call, result)
}

fn sqrt(call: &Invocation<'_, '_>) -> Outcome {
    let x = call.number(0)?;
    if x < 0.0 {
        return Err(call.invalid("a negative number has no square root"));
    }
    finite(call, x.sqrt())
}

fn modulo(call: &Invocation<'_, '_>) -> Outcome {
    let (a, b) = (call.number(0)?, call.number(1)?);
    if b == 0.0 {
        return Err(FilterError::new("expression.division_by_zero", "division by zero".to_owned()));
    }
    match (call.subject(), call.given(1)) {
        (Value::Int(a), Some(Value::Int(b))) => Ok(Value::Int(a.wrapping_rem(*b))),
        _ => finite(call, a % b),
    }
}

fn clamp(call: &Invocation<'_, '_>) -> Outcome {
    call.number(0)?;
    let (lo, hi) = (call.number(1)?, call.number(2)?);
    if lo > hi {
        return Err(call.invalid("the lower bound is above the upper one"));
    }
    let bound = |at: usize| call.given(at).unwrap_or(&Value::Null);
    let value = call.subject();
    if compare_numbers(value, bound(1)).is_some_and(|order| order.is_lt()) {
        return Ok(bound(1).clone());
    }
    let above = compare_numbers(value, bound(2)).is_some_and(|order| order.is_gt());
    Ok(if above { bound(2).clone() } else { value.clone() })
}

/// A rounded number with a mark between thousands.
fn grouped(value: &Value, decimals: usize, thousands: &str, point: &str) -> (bool, String) {
    let (negative, digits) = rounded(value, decimals);
    let (whole, fraction) = digits.split_once('.').unwrap_or((&digits, ""));
    let mut out = String::new();
    for (i, digit) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i) % 3 == 0 {
            out.push_str(thousands);
        }
        out.push(digit);
    }
    if !fraction.is_empty() {
        out.push_str(point);
        out.push_str(fraction);
    }
    (negative, out)
}

fn signed((negative, text): (bool, String)) -> String {
    if negative { format!("-{text}") } else { text }
}

fn format_number(call: &Invocation<'_, '_>) -> Outcome {
    call.number(0)?;
    let decimals = call.int_or(1, 0)?;
    if !(0..=MAX_DECIMALS).contains(&decimals) {
        return Err(call.invalid("decimals must be from 0 to 20"));
    }
    let (thousands, point) = (call.text_or(2, ",")?, call.text_or(3, ".")?);
    // A number has at most 309 digits before its point.
    call.check_text(thousands.len().saturating_mul(110).saturating_add(point.len() + 400))?;
    call.made_text(signed(grouped(call.subject(), decimals as usize, thousands, point)))
}

/// Currencies in circulation, by ISO 4217.
const CURRENCIES: &str = "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF \
    CHE CHF CHW CLF CLP CNY COP COU CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL \
    HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT \
    MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG \
    SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD USN UYI UYU UYW UZS VED VES VND VUV \
    WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG";

/// What an amount begins with, where that is not the code itself.
fn currency_symbol(code: &str) -> Option<&'static str> {
    Some(match code {
        "USD" => "$",
        "EUR" => "€",
        "GBP" => "£",
        "JPY" => "¥",
        "CNY" => "CN¥",
        "INR" => "₹",
        "KRW" => "₩",
        "BRL" => "R$",
        "CAD" => "CA$",
        "AUD" => "A$",
        "MXN" => "MX$",
        "NZD" => "NZ$",
        "HKD" => "HK$",
        "TWD" => "NT$",
        "ILS" => "₪",
        "VND" => "₫",
        "PHP" => "₱",
        "XCD" => "EC$",
        _ => return None,
    })
}

fn currency_decimals(code: &str) -> usize {
    match code {
        "BIF" | "CLP" | "DJF" | "GNF" | "ISK" | "JPY" | "KMF" | "KRW" | "PYG" | "RWF" | "UGX" | "UYI"
        | "VND" | "VUV" | "XAF" | "XOF" | "XPF" => 0,
        "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
        "CLF" | "UYW" => 4,
        _ => 2,
    }
}

fn format_currency(call: &Invocation<'_, '_>) -> Outcome {
    call.number(0)?;
    let code = call.text(1)?;
    if code.len() != 3 || !CURRENCIES.split_ascii_whitespace().any(|known| known == code) {
        return Err(call.invalid("the code is not one of ISO 4217, such as \"EUR\""));
    }
    let (negative, amount) = grouped(call.subject(), currency_decimals(code), ",", ".");
    let amount = match currency_symbol(code) {
        Some(symbol) => format!("{symbol}{amount}"),
        None => format!("{code} {amount}"),
    };
    call.made_text(signed((negative, amount)))
}

fn format_bytes(call: &Invocation<'_, '_>) -> Outcome {
    const UNITS: [&str; 9] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"];
    let mut size = call.number(0)?;
    let mut unit = 0;
    // What would be shown as 1024.0 is 1.0 of the next unit.
    while size.abs() >= if unit == 0 { 1024.0 } else { 1023.95 } && unit + 1 < UNITS.len() {
        size /= 1024.0;
        unit += 1;
    }
    let decimals = usize::from(unit > 0);
    let number = signed(rounded(&Value::Float(size), decimals));
    call.made_text(format!("{number} {}", UNITS[unit]))
}
