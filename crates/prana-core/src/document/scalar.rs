//! What a scalar written without quotes means: YAML 1.2's core schema, made stricter where it surprises.

use super::tree::Item;

/// A scalar that looks like a number and is none that can be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BadNumber {
    /// Too large for a double.
    TooLarge,
    /// `.inf` and `.nan`.
    NotFinite,
}

/// The value of a plain YAML scalar.
///
/// Only `true` and `false` are booleans. Digits that begin with a superfluous 0, such as `007`, are text: they are
/// mostly codes, and a number would lose the zeros.
pub(crate) fn plain(text: &str) -> Result<Item, BadNumber> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Ok(Item::Null),
        "true" => Ok(Item::Bool(true)),
        "false" => Ok(Item::Bool(false)),
        _ => number_or_text(text),
    }
}

fn number_or_text(text: &str) -> Result<Item, BadNumber> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return Err(BadNumber::NotFinite);
    }
    if let Some(number) = radix(text, "0x", 16).or_else(|| radix(text, "0o", 8)) {
        return Ok(number);
    }
    if is_decimal(unsigned) { number(text) } else { Ok(Item::Text(text.into())) }
}

fn radix(text: &str, prefix: &str, radix: u32) -> Option<Item> {
    let digits = text.strip_prefix(prefix)?;
    let plain = !digits.is_empty() && digits.chars().all(|digit| digit.is_digit(radix));
    plain.then(|| i64::from_str_radix(digits, radix).map_or_else(|_| Item::Text(text.into()), Item::Int))
}

/// `12`, `1.5`, `.5`, `1.`, `1e3`; not `012`.
fn is_decimal(unsigned: &str) -> bool {
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['-', '+']).unwrap_or(exponent))),
        None => (unsigned, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let superfluous_zero = whole.len() > 1 && whole.starts_with('0');
    digits(whole)
        && digits(fraction)
        && !superfluous_zero
        && !(whole.is_empty() && fraction.is_empty())
        && exponent.is_none_or(|exponent| !exponent.is_empty() && digits(exponent))
}

/// The value of a decimal number: an integer where it is written as one and fits, a float otherwise.
pub(crate) fn number(text: &str) -> Result<Item, BadNumber> {
    match text.parse::<i64>() {
        Ok(int) if text != "-0" => return Ok(Item::Int(int)),
        _ => {}
    }
    match text.parse::<f64>() {
        Ok(float) if float.is_finite() => Ok(Item::Float(float)),
        _ => Err(BadNumber::TooLarge),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: &str) {
        let got = match plain(text) {
            Ok(item) => format!("{item:?}"),
            Err(bad) => format!("{bad:?}"),
        };
        assert_eq!(got, expect, "{text:?}");
    }

    #[test]
    fn numbers() {
        check("0", "Int(0)");
        check("12", "Int(12)");
        check("-12", "Int(-12)");
        check("-0", "Float(-0.0)");
        check("+12", "Int(12)");
        check("0x1F", "Int(31)");
        check("0o17", "Int(15)");
        check("1.5", "Float(1.5)");
        check(".5", "Float(0.5)");
        check("1.", "Float(1.0)");
        check("-1e3", "Float(-1000.0)");
        check("9223372036854775807", "Int(9223372036854775807)");
        check("9223372036854775808", "Float(9.223372036854776e18)");
        check("1e400", "TooLarge");
        check("-.inf", "NotFinite");
        check(".nan", "NotFinite");
    }

    #[test]
    fn words_and_codes_are_text() {
        for text in
            ["007", "-007", "00.5", "1_000", "1e", "e5", ".", "-", "+", "0x", "0xZZ", "1.2.3", "12:30", "inf"]
        {
            check(text, &format!("Text({text:?})"));
        }
        for text in ["yes", "no", "on", "off", "True", "FALSE", "y"] {
            check(text, &format!("Text({text:?})"));
        }
        check("true", "Bool(true)");
        for text in ["", "~", "null", "NULL"] {
            check(text, "Null");
        }
    }
}
