//! `wait.wait`: waits for a while, until a time, or for somebody's answer.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use prana_template::{ParamError, Params, PathSegment, Value};
use schemars::JsonSchema;
use serde::Deserialize;

use super::params_of;
use crate::action::{Call, Descriptor, Effect, Failure, Kind, Outcome, PureAction, Wakeup};
use crate::duration::MAX_MILLIS;
use crate::error::ErrorValue;
use crate::registry::Registry;
use crate::suspension::Suspension;
use crate::time::Timestamp;

/// The parameters of `wait.wait`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WaitParams {
    /// What to wait for.
    pub mode: WaitMode,
    /// Mode interval: how long, in `unit`. Fractions are allowed.
    #[serde(default)]
    pub duration: Option<f64>,
    /// Mode interval: the unit of `duration`.
    #[serde(default)]
    pub unit: Unit,
    /// Mode schedule: when, in ISO 8601. With an offset (`2026-05-01T08:00:00+02:00`, `...Z`), or as local time in `timezone`.
    #[serde(default)]
    pub schedule_at: Option<String>,
    /// Mode schedule: the time zone of a `schedule_at` without an offset, such as `Europe/Berlin`; UTC if absent.
    #[serde(default)]
    pub timezone: Option<String>,
    /// Mode webhook: the deadline, in hours. Fractions are allowed.
    #[serde(default = "a_day")]
    pub timeout_hours: f64,
}

fn a_day() -> f64 {
    24.0
}

/// What to wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WaitMode {
    /// A length of time.
    Interval,
    /// A point in time. One that has passed goes on at once.
    Schedule,
    /// Somebody's answer, until a deadline.
    Webhook,
}

/// A unit of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Milliseconds.
    #[default]
    #[serde(alias = "milliseconds")]
    Ms,
    /// Seconds.
    #[serde(alias = "second")]
    Seconds,
    /// Minutes.
    #[serde(alias = "minute")]
    Minutes,
    /// Hours.
    #[serde(alias = "hour")]
    Hours,
    /// Days of 24 hours.
    #[serde(alias = "day")]
    Days,
}

impl Unit {
    fn millis(self) -> f64 {
        match self {
            Unit::Ms => 1.0,
            Unit::Seconds => 1000.0,
            Unit::Minutes => 60_000.0,
            Unit::Hours => 3_600_000.0,
            Unit::Days => 86_400_000.0,
        }
    }
}

/// Waits.
pub struct Wait;

/// Adds it.
pub fn register(registry: &mut Registry) {
    let descriptor = Descriptor::new::<WaitParams>(
        "wait.wait",
        "Wait",
        "Waits for a length of time, until a point in time, or for an answer to its resume link. While it waits the execution is \
         stored, and survives restarts. After a time its output is its input; after an answer, the answer. An answer that doesn't \
         come before the deadline leads on by `timeout`, or fails with `wait.timeout` if nothing is connected there.",
        Effect::Pure,
    )
    .kind(Kind::Wait)
    .outputs(&["main", "timeout"], Some("main"))
    .check_with(check);
    registry.pure(descriptor, Wait);
}

/// Each mode has what it needs.
fn check(params: &Params) -> Result<(), ParamError> {
    let skeleton = params.skeleton();
    let needed = match skeleton.get("mode").and_then(Value::as_str) {
        Some("interval") => "duration",
        Some("schedule") => "schedule_at",
        _ => return Ok(()),
    };
    match skeleton.get(needed) {
        Some(_) => Ok(()),
        None => Err(ParamError {
            path: vec![PathSegment::Key(needed.into())],
            message: "it is missing: this mode needs it".to_owned(),
            help: Some(example(needed).to_owned()),
        }),
    }
}

fn example(param: &str) -> &'static str {
    match param {
        "duration" => "for instance `duration: 10, unit: minutes`",
        _ => "for instance `schedule_at: \"2026-05-01T08:00:00\", timezone: Europe/Berlin`",
    }
}

impl PureAction for Wait {
    fn run(&self, call: &dyn Call) -> Result<Outcome, Failure> {
        let params: WaitParams = params_of(call)?;
        let now = call.now();
        Ok(Outcome::Suspend(match params.mode {
            WaitMode::Interval => Suspension::Interval { wait_till: now.plus_millis(interval(&params)?) },
            WaitMode::Schedule => Suspension::Schedule { wait_till: schedule(&params)? },
            WaitMode::Webhook => {
                let millis = millis(params.timeout_hours, Unit::Hours).filter(|millis| *millis > 0);
                let millis = millis.ok_or_else(|| {
                    wrong("wait.invalid_timeout", "`timeout_hours` must be a number above 0, up to 100 years")
                })?;
                Suspension::Webhook { wait_till: Some(now.plus_millis(millis)) }
            }
        }))
    }

    fn resume(&self, call: &dyn Call, wakeup: Wakeup) -> Result<Outcome, Failure> {
        let params: WaitParams = params_of(call)?;
        Ok(match (params.mode, wakeup) {
            (WaitMode::Webhook, Wakeup::Answer(answer)) => Outcome::output(answer),
            (WaitMode::Webhook, Wakeup::Time) => Outcome::on_port(call.input(), "timeout"),
            (WaitMode::Interval | WaitMode::Schedule, _) => Outcome::output(call.input()),
        })
    }
}

fn interval(params: &WaitParams) -> Result<u64, Failure> {
    let Some(duration) = params.duration else {
        return Err(wrong(
            "wait.invalid_duration",
            "`duration` is missing, for instance `duration: 10, unit: minutes`",
        ));
    };
    millis(duration, params.unit)
        .ok_or_else(|| wrong("wait.invalid_duration", "`duration` must be a number from 0 up to 100 years"))
}

/// Rounded up to whole milliseconds, so that a wait is never too short.
fn millis(duration: f64, unit: Unit) -> Option<u64> {
    let millis = (duration * unit.millis()).ceil();
    (0.0..=MAX_MILLIS as f64).contains(&millis).then_some(millis as u64)
}

fn schedule(params: &WaitParams) -> Result<Timestamp, Failure> {
    let Some(text) = params.schedule_at.as_deref().map(str::trim) else {
        return Err(wrong(
            "wait.invalid_time",
            "`schedule_at` is missing, for instance `schedule_at: \"2026-05-01T08:00:00Z\"`",
        ));
    };
    if let Ok(time) = text.parse::<jiff::Timestamp>() {
        return Ok(stored(time));
    }
    let Ok(local) = text.parse::<DateTime>() else {
        let message = format!(
            "`schedule_at` is no time: `{}`; write it as 2026-05-01T08:00:00Z, or as local time with `timezone`",
            text.chars().take(60).collect::<String>()
        );
        return Err(wrong("wait.invalid_time", message));
    };
    let name = params.timezone.as_deref().unwrap_or("UTC");
    let zone = TimeZone::get(name).map_err(|_| {
        let name: String = name.chars().take(60).collect();
        wrong(
            "wait.unknown_timezone",
            format!("there is no time zone `{name}`; names are like Europe/Berlin or UTC"),
        )
    })?;
    let zoned =
        local.to_zoned(zone).map_err(|_| wrong("wait.invalid_time", format!("`{text}` is out of range")))?;
    Ok(stored(zoned.timestamp()))
}

fn stored(time: jiff::Timestamp) -> Timestamp {
    Timestamp::from_micros(time.as_microsecond()).min(Timestamp::MAX)
}

fn wrong(code: &str, message: impl Into<String>) -> Failure {
    Failure::Params(ErrorValue::new(code, message).not_retryable())
}

#[cfg(test)]
mod tests {
    use prana_template::{Value, value};

    use super::*;
    use crate::nodes::tests::Probe;

    fn waits(params: Value) -> String {
        let outcome = Probe::new("wait.wait", params).at("2026-01-01T00:00:00Z").run();
        let Ok(Outcome::Suspend(suspension)) = outcome else { panic!("{outcome:?}") };
        let till = suspension.wait_till().expect("every wait of this kind has an end");
        format!("{} {till}", suspension.type_name())
    }

    #[test]
    fn intervals() {
        for (duration, unit, expected) in [
            (value!(1), "ms", "interval 2026-01-01T00:00:00.001Z"),
            (value!(1.5), "seconds", "interval 2026-01-01T00:00:01.5Z"),
            (value!(90), "minutes", "interval 2026-01-01T01:30:00Z"),
            (value!(2), "hours", "interval 2026-01-01T02:00:00Z"),
            (value!(7), "days", "interval 2026-01-08T00:00:00Z"),
            (value!(0), "days", "interval 2026-01-01T00:00:00Z"),
        ] {
            assert_eq!(waits(value!({"mode": "interval", "duration": duration, "unit": unit})), expected);
        }
        assert_eq!(waits(value!({"mode": "interval", "duration": 5})), "interval 2026-01-01T00:00:00.005Z");
    }

    #[test]
    fn schedules() {
        for (text, timezone, expected) in [
            ("2026-01-05T09:30:00+02:00", None, "schedule 2026-01-05T07:30:00Z"),
            ("2026-01-05T09:30:00Z", Some("Asia/Tokyo"), "schedule 2026-01-05T09:30:00Z"),
            ("2026-07-01T08:00:00", Some("Europe/Berlin"), "schedule 2026-07-01T06:00:00Z"),
            ("2026-12-01T08:00:00", Some("Europe/Berlin"), "schedule 2026-12-01T07:00:00Z"),
            ("2026-12-01T08:00", None, "schedule 2026-12-01T08:00:00Z"),
            ("2026-12-01 08:00:00", None, "schedule 2026-12-01T08:00:00Z"),
            ("2026-12-01", None, "schedule 2026-12-01T00:00:00Z"),
            // The hour that doesn't exist, and the one that exists twice.
            ("2026-03-29T02:30:00", Some("Europe/Berlin"), "schedule 2026-03-29T01:30:00Z"),
            ("2026-10-25T02:30:00", Some("Europe/Berlin"), "schedule 2026-10-25T00:30:00Z"),
            ("1999-01-01T00:00:00Z", None, "schedule 1999-01-01T00:00:00Z"),
        ] {
            let mut params = value!({"mode": "schedule", "schedule_at": text});
            if let (Value::Map(map), Some(timezone)) = (&mut params, timezone) {
                map.insert("timezone", timezone);
            }
            assert_eq!(waits(params), expected, "{text}");
        }
    }

    #[test]
    fn webhooks_have_a_deadline() {
        assert_eq!(waits(value!({"mode": "webhook"})), "webhook 2026-01-02T00:00:00Z");
        assert_eq!(waits(value!({"mode": "webhook", "timeout_hours": 0.25})), "webhook 2026-01-01T00:15:00Z");
    }

    #[test]
    fn what_makes_no_sense_is_told() {
        let fails = |params: Value, code: &str| Probe::new("wait.wait", params).fails(code, "`");
        fails(value!({"mode": "interval"}), "wait.invalid_duration");
        fails(value!({"mode": "interval", "duration": -1}), "wait.invalid_duration");
        fails(value!({"mode": "interval", "duration": 1e300}), "wait.invalid_duration");
        fails(value!({"mode": "schedule"}), "wait.invalid_time");
        fails(value!({"mode": "schedule", "schedule_at": "tomorrow"}), "wait.invalid_time");
        let mars =
            value!({"mode": "schedule", "schedule_at": "2026-01-01T00:00:00", "timezone": "Mars/Base"});
        fails(mars, "wait.unknown_timezone");
        fails(value!({"mode": "webhook", "timeout_hours": 0}), "wait.invalid_timeout");
        Probe::new("wait.wait", value!({"mode": "forever"})).refused("forever");
        Probe::new("wait.wait", value!({"mode": "interval", "duration": "5"})).refused("");
    }

    #[test]
    fn time_gives_the_input_and_a_webhook_the_answer() {
        let check = |params: Value, wakeup: Wakeup, expected: Outcome| {
            assert_eq!(Probe::new("wait.wait", params).input(value!("in")).resume(wakeup), Ok(expected));
        };
        let interval = value!({"mode": "interval", "duration": 1});
        check(interval.clone(), Wakeup::Time, Outcome::output(value!("in")));
        check(interval, Wakeup::Answer(value!("early")), Outcome::output(value!("in")));
        let webhook = value!({"mode": "webhook"});
        check(webhook.clone(), Wakeup::Answer(value!({"ok": true})), Outcome::output(value!({"ok": true})));
        check(webhook, Wakeup::Time, Outcome::on_port(value!("in"), "timeout"));
    }
}
