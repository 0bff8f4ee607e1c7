//! Times against an oracle that walks through every second, or every minute, of the days around a change of clocks.

use std::collections::BTreeSet;

use jiff::ToSpan;
use jiff::civil::{Date, DateTime, date};
use jiff::tz::TimeZone;
use prana_template::{Value, from_value, value};
use proptest::prelude::*;

use super::*;

fn plan(params: Value) -> Plan {
    let params: ScheduleTriggerParams = from_value(&params).expect("parameters");
    Plan::new(&params).expect("a plan")
}

fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

/// The first times after another, in a zone.
#[track_caller]
fn next(cron: &str, zone: &str, after: &str, expect: &[&str]) {
    let plan = plan(value!({"cron": cron, "timezone": zone}));
    let mut from = at(after);
    let found: Vec<String> = expect
        .iter()
        .map(|_| {
            from = plan.next_after(from, from).expect("there is a next");
            from.to_string()
        })
        .collect();
    assert_eq!(found, expect, "{cron} {zone}");
}

#[test]
fn patterns_of_all_forms() {
    next("0 9 * * MON-FRI", "UTC", "2026-01-02T09:00:00Z", &["2026-01-05T09:00:00Z", "2026-01-06T09:00:00Z"]);
    next("*/20 * * * * *", "UTC", "2026-01-01T00:00:00Z", &["2026-01-01T00:00:20Z", "2026-01-01T00:00:40Z"]);
    next("@daily", "Asia/Kolkata", "2026-01-01T00:00:00Z", &["2026-01-01T18:30:00Z"]);
    next("@Midnight", "UTC", "2026-01-01T00:00:00Z", &["2026-01-02T00:00:00Z"]);
    next("@hourly", "UTC", "2026-01-01T00:00:00.5Z", &["2026-01-01T01:00:00Z"]);
    next("@weekly", "UTC", "2026-01-01T00:00:00Z", &["2026-01-04T00:00:00Z"]);
    next("@monthly", "UTC", "2026-01-01T00:00:00Z", &["2026-02-01T00:00:00Z"]);
    next("@yearly", "UTC", "2026-01-01T00:00:00Z", &["2027-01-01T00:00:00Z"]);
    next("0 0 L feb *", "UTC", "2027-03-01T00:00:00Z", &["2028-02-29T00:00:00Z", "2029-02-28T00:00:00Z"]);
    next("0 0 29 2 *", "UTC", "2097-01-01T00:00:00Z", &["2104-02-29T00:00:00Z"]);
    next("0 12 * * MON#2", "UTC", "2026-01-01T00:00:00Z", &["2026-01-12T12:00:00Z"]);
    // Days of the month and of the week: either, as cron has it.
    next(
        "0 0 13 * 5",
        "UTC",
        "2026-01-01T00:00:00Z",
        &["2026-01-02T00:00:00Z", "2026-01-09T00:00:00Z", "2026-01-13T00:00:00Z"],
    );
    // Just before, at, and just after.
    next("0 9 * * *", "UTC", "2026-01-01T08:59:59.999999Z", &["2026-01-01T09:00:00Z"]);
    next("0 9 * * *", "UTC", "2026-01-01T09:00:00Z", &["2026-01-02T09:00:00Z"]);
    next("0 9 * * *", "UTC", "2026-01-01T09:00:00.000001Z", &["2026-01-02T09:00:00Z"]);
}

#[test]
fn a_named_time_comes_once_a_day() {
    // Berlin skips 02:00 to 03:00 on 29 March 2026, and has it twice on 25 October.
    next(
        "30 2 * * *",
        "Europe/Berlin",
        "2026-03-28T12:00:00Z",
        &["2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"],
    );
    next(
        "30 2 * * *",
        "Europe/Berlin",
        "2026-10-24T12:00:00Z",
        &["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"],
    );
    next(
        "0 2,14 * * *",
        "Europe/Berlin",
        "2026-10-24T12:30:00Z",
        &["2026-10-25T00:00:00Z", "2026-10-25T13:00:00Z"],
    );
    // Two named times that are skipped come as one.
    next(
        "15,45 2 * * *",
        "Europe/Berlin",
        "2026-03-28T12:00:00Z",
        &["2026-03-29T01:00:00Z", "2026-03-30T00:15:00Z"],
    );
    // Lord Howe moves by half an hour, and Samoa left out a whole day.
    next(
        "15 2 * * *",
        "Australia/Lord_Howe",
        "2026-10-02T16:00:00Z",
        &["2026-10-03T15:30:00Z", "2026-10-04T15:15:00Z"],
    );
    next(
        "0 12 30 12 *",
        "Pacific/Apia",
        "2011-12-01T00:00:00Z",
        &["2011-12-30T10:00:00Z", "2012-12-29T22:00:00Z"],
    );
}

#[test]
fn a_running_pattern_follows_the_clock() {
    next(
        "*/30 * * * *",
        "Europe/Berlin",
        "2026-10-24T23:45:00Z",
        &[
            "2026-10-25T00:00:00Z",
            "2026-10-25T00:30:00Z",
            "2026-10-25T01:00:00Z",
            "2026-10-25T01:30:00Z",
            "2026-10-25T02:00:00Z",
        ],
    );
    next(
        "*/30 * * * *",
        "Europe/Berlin",
        "2026-03-29T00:30:00Z",
        &["2026-03-29T01:00:00Z", "2026-03-29T01:30:00Z"],
    );
    next(
        "*/30 2 * * *",
        "Europe/Berlin",
        "2026-03-28T01:30:00Z",
        &["2026-03-30T00:00:00Z", "2026-03-30T00:30:00Z"],
    );
}

/// A pattern as sets, to be asked without any cron at all.
struct Simple {
    minutes: BTreeSet<i8>,
    hours: BTreeSet<i8>,
    is_fixed: bool,
}

impl Simple {
    fn shows(&self, civil: DateTime) -> bool {
        civil.second() == 0 && self.minutes.contains(&civil.minute()) && self.hours.contains(&civil.hour())
    }

    /// All its instants in the four days around a date, found by walking: real minutes for what follows the clock, minutes of the calendar
    /// for named times.
    fn instants(&self, day: Date, zone: &TimeZone) -> Vec<jiff::Timestamp> {
        let first = zone
            .to_ambiguous_timestamp(day.saturating_sub(2.days()).at(0, 0, 0, 0))
            .compatible()
            .expect("a time");
        let minutes = (0..4 * 1440).map(|minute| first + jiff::SignedDuration::from_mins(minute));
        let real: Vec<jiff::Timestamp> = minutes.collect();
        if !self.is_fixed {
            return real.into_iter().filter(|at| self.shows(zone.to_datetime(*at))).collect();
        }
        let mut found = BTreeSet::new();
        let start = zone.to_datetime(first);
        for minute in 0..4 * 1440 {
            let civil = start.saturating_add((minute as i64).minutes());
            if self.shows(civil) {
                // The first real minute at which the clock shows that or more, for the first time.
                found.extend(real.iter().find(|at| zone.to_datetime(**at) >= civil).copied());
            }
        }
        found.into_iter().collect()
    }
}

fn check_against_the_oracle(
    minute_field: &str,
    hour_field: &str,
    simple: &Simple,
    zone_name: &str,
    day: Date,
) {
    let zone = TimeZone::get(zone_name).expect("a zone");
    let expect = simple.instants(day, &zone);
    let plan = plan(value!({"cron": format!("{minute_field} {hour_field} * * *"), "timezone": zone_name}));
    let first = zone
        .to_ambiguous_timestamp(day.saturating_sub(2.days()).at(0, 0, 0, 0))
        .compatible()
        .expect("a time");
    let mut from = Timestamp::from_micros(first.as_microsecond() - 1);
    let last = expect.last().copied().expect("some");
    let mut found = Vec::new();
    while let Some(next) =
        plan.next_after(from, from).filter(|next| next.as_micros() <= last.as_microsecond())
    {
        found.push(jiff::Timestamp::from_microsecond(next.as_micros()).expect("a time"));
        from = next;
    }
    assert_eq!(found, expect, "{minute_field} {hour_field} {zone_name} {day}");
    // From any moment the next is the same as from the one before.
    for pair in expect.windows(2) {
        for offset in [0, 1, 999_999, 1_000_000] {
            let from = Timestamp::from_micros(pair[0].as_microsecond() + offset);
            let next = plan.next_after(from, from).map(Timestamp::as_micros);
            assert_eq!(
                next,
                Some(pair[1].as_microsecond()),
                "{minute_field} {hour_field} {zone_name} from {from}"
            );
        }
    }
    // All in a stretch, and the newest of them.
    let (start, end) = (
        Timestamp::from_micros(expect[0].as_microsecond() - 1),
        Timestamp::from_micros(last.as_microsecond()),
    );
    for limit in [1, 3, 10_000] {
        let newest = plan.newest(start, end, start, limit);
        let kept = &expect[expect.len().saturating_sub(limit)..];
        let micros: Vec<i64> = newest.ticks.iter().map(|tick| tick.as_micros()).collect();
        assert_eq!(
            micros,
            kept.iter().map(|at| at.as_microsecond()).collect::<Vec<_>>(),
            "the newest {limit}"
        );
        assert_eq!(newest.more, expect.len() > limit);
    }
}

/// Zones with a day on which they change clocks: by an hour, by half an hour, at midnight, southern, and one that never does.
fn changes() -> Vec<(&'static str, Date)> {
    vec![
        ("Europe/Berlin", date(2026, 3, 29)),
        ("Europe/Berlin", date(2026, 10, 25)),
        ("America/New_York", date(2026, 3, 8)),
        ("America/New_York", date(2026, 11, 1)),
        ("Australia/Lord_Howe", date(2026, 10, 4)),
        ("Australia/Lord_Howe", date(2026, 4, 5)),
        ("Africa/Cairo", date(2026, 4, 24)),
        ("Africa/Cairo", date(2026, 10, 30)),
        ("America/Santiago", date(2026, 9, 6)),
        ("America/Santiago", date(2026, 4, 4)),
        ("Asia/Kathmandu", date(2026, 3, 29)),
        ("UTC", date(2026, 3, 29)),
    ]
}

#[test]
fn clocks_that_change_lose_and_double_nothing() {
    let set = |values: &[i8]| values.iter().copied().collect::<BTreeSet<i8>>();
    let all_hours: BTreeSet<i8> = (0..24).collect();
    for (zone, day) in changes() {
        for (minute, hour, minutes, hours) in [
            ("30", "2", set(&[30]), set(&[2])),
            ("0", "0", set(&[0]), set(&[0])),
            ("15,45", "0-4", set(&[15, 45]), set(&[0, 1, 2, 3, 4])),
            ("59", "23", set(&[59]), set(&[23])),
            ("0", "1,2,3", set(&[0]), set(&[1, 2, 3])),
            ("0,15,30,45", "1-3", set(&[0, 15, 30, 45]), set(&[1, 2, 3])),
        ] {
            let simple = Simple { minutes, hours, is_fixed: true };
            check_against_the_oracle(minute, hour, &simple, zone, day);
        }
        for (minute, hour, minutes, hours) in [
            ("*/15", "*", set(&[0, 15, 30, 45]), all_hours.clone()),
            ("0", "*", set(&[0]), all_hours.clone()),
            ("30", "*/2", set(&[30]), (0..24).step_by(2).collect()),
            ("*/20", "2", set(&[0, 20, 40]), set(&[2])),
            ("7", "*", set(&[7]), all_hours.clone()),
        ] {
            let simple = Simple { minutes, hours, is_fixed: false };
            check_against_the_oracle(minute, hour, &simple, zone, day);
        }
    }
}

#[test]
fn intervals_count_from_their_anchor() {
    let plan = plan(value!({"every": "15m"}));
    let anchor = at("2026-01-01T00:07:00.25Z");
    for (after, expect) in [
        ("2026-01-01T00:07:00.25Z", "2026-01-01T00:22:00.25Z"),
        ("2026-01-01T00:22:00.249999Z", "2026-01-01T00:22:00.25Z"),
        ("2026-01-01T00:22:00.25Z", "2026-01-01T00:37:00.25Z"),
        ("2026-03-29T12:00:00Z", "2026-03-29T12:07:00.25Z"),
        ("2025-01-01T00:00:00Z", "2026-01-01T00:07:00.25Z"),
    ] {
        assert_eq!(plan.next_after(at(after), anchor), Some(at(expect)), "{after}");
    }
    let newest = plan.newest(anchor, at("2036-01-01T00:00:00Z"), anchor, 2);
    assert_eq!(newest.ticks, [at("2035-12-31T23:37:00.25Z"), at("2035-12-31T23:52:00.25Z")]);
    assert!(newest.more);
    let newest = plan.newest(anchor, at("2026-01-01T00:40:00Z"), anchor, 2);
    assert_eq!(
        newest,
        Newest { ticks: vec![at("2026-01-01T00:22:00.25Z"), at("2026-01-01T00:37:00.25Z")], more: false }
    );
    assert_eq!(plan.newest(anchor, anchor, anchor, 5), Newest { ticks: vec![], more: false });
}

#[test]
fn times_have_an_end() {
    for params in [value!({"cron": "0 0 * * *"}), value!({"every": "36500d"})] {
        let plan = plan(params);
        assert_eq!(plan.next_after(Timestamp::MAX, Timestamp::MAX), None);
    }
}

#[test]
fn jitter_is_the_same_each_time_and_within_its_bounds() {
    let plan = plan(value!({"every": "1h", "jitter": "10s"}));
    let tick = at("2026-01-01T00:00:00Z");
    let mut lengths: Vec<u64> = (0..1000)
        .map(|seed| {
            assert_eq!(plan.due(tick, seed), plan.due(tick, seed));
            plan.due(tick, seed).millis_since(tick)
        })
        .collect();
    lengths.sort_unstable();
    assert!(lengths[0] < 500 && lengths[999] > 9_500 && lengths[999] <= 10_000, "{lengths:?}");
    let moved = (0..100).filter(|hour| {
        let tick = tick.plus_millis(hour * 3_600_000);
        plan.due(tick, 1).millis_since(tick) > 5_000
    });
    assert!((20..80).contains(&moved.count()));
}

#[track_caller]
fn refused(params: Value, field: &str, part: &str) {
    let read: ScheduleTriggerParams = from_value(&params).expect("parameters");
    let error = Plan::new(&read).expect_err("it makes no plan");
    assert!(error.field == field && error.to_string().contains(part), "{error}");
}

#[test]
fn what_is_wrong_is_told_exactly() {
    let cron = |cron: &str| value!({"cron": cron});
    refused(cron("0 25 * * *"), "cron", "`25` can't be the hours (it holds 0 to 23");
    refused(cron("60 * * * *"), "cron", "`60` can't be the minutes");
    refused(cron("61 * * * * *"), "cron", "`61` can't be the seconds");
    refused(cron("0 0 32 * *"), "cron", "`32` can't be the day of the month");
    refused(cron("0 0 * FEBR *"), "cron", "`FEBR` can't be the month");
    refused(cron("0 0 * * MONDAY"), "cron", "`MONDAY` can't be the day of the week");
    refused(cron("0 0 * * 8"), "cron", "`8` can't be the day of the week");
    refused(cron("a b c d e"), "cron", "`a` can't be the minutes");
    refused(cron("0 9 * *"), "cron", "it has 4 fields");
    refused(cron("0 0 0 1 1 * 2030"), "cron", "it has 7 fields");
    refused(cron(""), "cron", "it has 0 fields");
    refused(cron("@reboot"), "cron", "names are @yearly");
    refused(cron("0 0 30 2 *"), "cron", "never start");
    refused(cron(&"1,".repeat(200)), "cron", "longer than");
    refused(
        value!({"cron": "@daily", "timezone": "Europe/Atlantis"}),
        "timezone",
        "no time zone `Europe/Atlantis`",
    );
    refused(value!({"cron": "@daily", "jitter": "2d"}), "jitter", "at most 1d");
    refused(value!({"every": 999}), "every", "the shortest interval is 1s");
    refused(value!({"every": "10s", "jitter": "10s"}), "jitter", "at most 9999ms");
    refused(value!({}), "cron", "when to start");
    refused(value!({"cron": "@daily", "every": "5m"}), "every", "exclude each other");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Whatever stands in a pattern, it is read or refused, and what is read can be asked.
    #[test]
    fn no_pattern_panics(text in "[-0-9*,/?#LW@A-Za-z +]{0,40}", from in -60_000_000_000_000_000i64..200_000_000_000_000_000) {
        if let Ok(pattern) = Pattern::parse(&text) {
            let zone = TimeZone::get("Europe/Berlin").expect("a zone");
            let from = jiff::Timestamp::from_microsecond(from).expect("a time");
            if let Some(next) = pattern.next_after(from, &zone) {
                prop_assert!(next > from);
            }
        }
    }
}
