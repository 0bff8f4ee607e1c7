//! Cron patterns: when the clock on the wall shows certain times.

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};

use super::PlanError;

/// A pattern may be this long, in bytes.
const MAX_LENGTH: usize = 200;

/// The names that stand for patterns.
const NAMES: [(&str, &str); 7] = [
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
    ("@monthly", "0 0 1 * *"),
    ("@weekly", "0 0 * * 0"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@hourly", "0 * * * *"),
];

/// The fields of a pattern with seconds, and what they may hold.
const FIELDS: [(&str, &str); 6] = [
    ("seconds", "0 to 59"),
    ("minutes", "0 to 59"),
    ("hours", "0 to 23"),
    ("day of the month", "1 to 31, L for the last, 15W for the weekday next to the 15th"),
    ("month", "1 to 12, or JAN to DEC"),
    (
        "day of the week",
        "0 to 7 (0 and 7 are Sunday), or SUN to SAT, MON#2 for the second Monday, FRIL for the last Friday",
    ),
];

/// A pattern that can come true.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    cron: Cron,
    /// Named times of the day: each comes once a day, whatever the clock does. Others follow the clock as it runs.
    is_fixed: bool,
}

impl Pattern {
    /// Reads a pattern of 5 fields, of 6 with seconds first, or one of the names.
    pub fn parse(text: &str) -> Result<Pattern, PlanError> {
        let text = text.trim();
        if text.len() > MAX_LENGTH {
            return Err(refuse(format!("it is longer than {MAX_LENGTH} bytes"), None));
        }
        let fields: Vec<&str> = named(text)?.split_whitespace().collect();
        let with_seconds: Vec<&str> = match fields.len() {
            5 => [&["0"], fields.as_slice()].concat(),
            6 => fields,
            count => {
                return Err(refuse(
                    format!("it has {count} fields, and needs 5, or 6 with seconds first"),
                    None,
                ));
            }
        };
        let cron = parse(&with_seconds.join(" ")).ok_or_else(|| wrong_field(&with_seconds))?;
        let is_fixed = with_seconds[..3].iter().all(|field| !field.contains('*'));
        let pattern = Pattern { cron, is_fixed };
        let start = DateTime::constant(2000, 1, 1, 0, 0, 0, 0);
        match pattern.cron.find_next_occurrence(&start, true) {
            Ok(_) => Ok(pattern),
            Err(_) => Err(refuse("no day is like that, so it would never start".to_owned(), None)),
        }
    }

    /// The first instant after another at which it is true; none if there is none that can be named.
    pub fn next_after(&self, after: jiff::Timestamp, zone: &TimeZone) -> Option<jiff::Timestamp> {
        if self.is_fixed { self.next_fixed(after, zone) } else { self.next_running(after, zone) }
    }

    /// Every instant at which the clock shows it: none while the clock skips it, twice where the clock shows it twice.
    fn next_running(&self, after: jiff::Timestamp, zone: &TimeZone) -> Option<jiff::Timestamp> {
        let start = after.to_zoned(zone.clone());
        let found = self.cron.find_next_occurrence(&start, false).ok()?;
        Some(found.timestamp()).filter(|found| *found > after)
    }

    /// Each time of the calendar once: where the clock skips it, at the end of what it skips; where it comes twice, the first.
    fn next_fixed(&self, after: jiff::Timestamp, zone: &TimeZone) -> Option<jiff::Timestamp> {
        let mut civil = zone.to_datetime(after);
        loop {
            civil = self.cron.find_next_occurrence(&civil, false).ok()?;
            let found = instant(civil, zone)?;
            if found > after {
                return Some(found);
            }
        }
    }
}

/// When a calendar time comes, or would have come.
fn instant(civil: DateTime, zone: &TimeZone) -> Option<jiff::Timestamp> {
    let ambiguous = zone.to_ambiguous_timestamp(civil);
    match ambiguous.offset() {
        AmbiguousOffset::Gap { .. } => {
            let before = ambiguous.earlier().ok()?;
            let behind = |at: &jiff::Timestamp| zone.to_datetime(*at) > civil;
            zone.following(before).map(|change| change.timestamp()).find(behind)
        }
        _ => ambiguous.earlier().ok(),
    }
}

fn named(text: &str) -> Result<&str, PlanError> {
    if !text.starts_with('@') {
        return Ok(text);
    }
    let known = NAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(text));
    known.map(|(_, pattern)| *pattern).ok_or_else(|| {
        let names: Vec<&str> = NAMES.iter().map(|(name, _)| *name).collect();
        refuse("there is no such name".to_owned(), Some(format!("names are {}", names.join(", "))))
    })
}

fn parse(pattern: &str) -> Option<Cron> {
    let parser = CronParser::builder().seconds(Seconds::Required).year(Year::Disallowed).build();
    parser.parse(pattern).ok()
}

/// Which field is wrong: each is tried alone.
fn wrong_field(fields: &[&str]) -> PlanError {
    for (place, (name, holds)) in FIELDS.iter().enumerate() {
        let mut alone = ["*"; 6];
        alone[place] = fields[place];
        if parse(&alone.join(" ")).is_none() {
            let text: String = fields[place].chars().take(40).collect();
            let help = format!("it holds {holds}; lists 1,2, ranges 1-5, steps */5, and * for all");
            return refuse(format!("`{text}` can't be the {name}"), Some(help));
        }
    }
    refuse("it can't be read".to_owned(), None)
}

fn refuse(problem: String, help: Option<String>) -> PlanError {
    let help = help.unwrap_or_else(|| {
        "for instance `0 9 * * MON-FRI`: minutes, hours, day of the month, month, day of the week".to_owned()
    });
    PlanError { field: "cron", message: problem, help }
}
