//! Formats and units of Luxon.

/// A format of Luxon as one of strftime.
pub(super) fn strftime(format: &str) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = format;
    while let Some(first) = rest.chars().next() {
        if first == '\'' {
            let end = rest[1..].find('\'').ok_or("a `'` in a format of a time is not closed")?;
            out.push_str(&rest[1..=end].replace('%', "%%"));
            rest = &rest[end + 2..];
            continue;
        }
        if !first.is_ascii_alphabetic() {
            out.push_str(if first == '%' { "%%" } else { &rest[..first.len_utf8()] });
            rest = &rest[first.len_utf8()..];
            continue;
        }
        let length = rest.bytes().take_while(|byte| *byte == first as u8).count();
        let token = &rest[..length];
        out.push_str(
            directive(token).ok_or_else(|| format!("`{token}` in a format of a time is not translated"))?,
        );
        rest = &rest[length..];
    }
    Ok(out)
}

fn directive(token: &str) -> Option<&'static str> {
    Some(match token {
        "yyyy" | "y" => "%Y",
        "yy" => "%y",
        "MMMM" | "LLLL" => "%B",
        "MMM" | "LLL" => "%b",
        "MM" | "LL" => "%m",
        "M" | "L" => "%-m",
        "dd" => "%d",
        "d" => "%-d",
        "EEEE" | "cccc" => "%A",
        "EEE" | "ccc" => "%a",
        "E" | "c" => "%u",
        "HH" => "%H",
        "H" => "%-H",
        "hh" => "%I",
        "h" => "%-I",
        "mm" => "%M",
        "m" => "%-M",
        "ss" => "%S",
        "s" => "%-S",
        "SSS" => "%3f",
        "a" => "%p",
        "ZZ" => "%:z",
        "ZZZ" => "%z",
        "ooo" => "%j",
        "o" => "%-j",
        "WW" => "%V",
        "W" => "%-V",
        "kkkk" => "%G",
        "X" => "%s",
        _ => return None,
    })
}

/// A unit of time in the singular.
pub(super) fn unit(name: &str) -> Result<&'static str, String> {
    Ok(match name.trim_end_matches('s') {
        "millisecond" | "m" if name != "m" => "millisecond",
        "second" => "second",
        "minute" => "minute",
        "hour" => "hour",
        "day" => "day",
        "week" => "week",
        "month" => "month",
        "quarter" => "quarter",
        "year" => "year",
        _ => return Err(format!("the unit `{}` is not translated", name.escape_debug())),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats() {
        for (luxon, expect) in [
            ("yyyy-MM-dd", Ok("%Y-%m-%d")),
            ("d. MMMM yyyy 'um' HH:mm", Ok("%-d. %B %Y um %H:%M")),
            ("100%", Ok("100%%")),
            ("DD", Err(())),
            ("'open", Err(())),
        ] {
            assert_eq!(strftime(luxon).map_err(|_| ()), expect.map(str::to_owned), "{luxon}");
        }
    }
}
