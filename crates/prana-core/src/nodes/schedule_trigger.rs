//! `schedule.trigger`: starts executions by the clock.

use std::fmt;

use prana_template::{ParamError, Params, PathSegment, Value, from_value};
use schemars::JsonSchema;
use serde::de::{self, Deserialize, Deserializer, Visitor};

use crate::action::{Call, Descriptor, Effect, Failure, Kind, Outcome, PureAction};
use crate::duration;
use crate::registry::Registry;
use crate::schedule::Plan;

/// The parameters of `schedule.trigger`. One of `cron` and `every` is needed.
#[derive(Debug, Clone, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScheduleTriggerParams {
    /// A cron pattern of 5 fields, or 6 with seconds first; names and `@daily` and the like are known.
    #[serde(default, alias = "cron_pattern")]
    pub cron: Option<String>,
    /// A length of time from one start to the next, such as `15m`.
    #[serde(default)]
    pub every: Option<Length>,
    /// The time zone in which a cron pattern is meant.
    #[serde(default = "utc")]
    pub timezone: String,
    /// Each start is put off by a random time of up to this length.
    #[serde(default)]
    pub jitter: Option<Length>,
    /// What to do about starts that were missed while nothing was running.
    #[serde(default)]
    pub missed: Missed,
    /// What to do if the execution before hasn't ended.
    #[serde(default)]
    pub overlap: Overlap,
}

fn utc() -> String {
    "UTC".to_owned()
}

/// A length of time: text such as `15m`, or a number of milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, JsonSchema)]
#[schemars(with = "LengthSchema")]
pub struct Length {
    /// In milliseconds.
    pub millis: u64,
}

#[derive(JsonSchema)]
#[serde(untagged)]
#[allow(dead_code, reason = "it only describes the two forms to the schema")]
enum LengthSchema {
    Text(String),
    Millis(u64),
}

impl<'de> Deserialize<'de> for Length {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextOrMillis;
        impl Visitor<'_> for TextOrMillis {
            type Value = Length;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a length of time such as 15m, or a number of milliseconds")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Length, E> {
                duration::parse(text).map(|millis| Length { millis }).map_err(E::custom)
            }
            fn visit_u64<E: de::Error>(self, millis: u64) -> Result<Length, E> {
                duration::from_millis(millis).map(|millis| Length { millis }).map_err(E::custom)
            }
            fn visit_i64<E: de::Error>(self, millis: i64) -> Result<Length, E> {
                u64::try_from(millis).map_err(E::custom).and_then(|millis| self.visit_u64(millis))
            }
        }
        deserializer.deserialize_any(TextOrMillis)
    }
}

/// What to do about missed starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Missed {
    /// Forget them.
    #[default]
    Skip,
    /// Start once for all of them.
    Once,
    /// Start once for each of them.
    All,
}

/// What to do if the execution before hasn't ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Overlap {
    /// Start all the same.
    #[default]
    Allow,
    /// Leave this start out.
    Skip,
    /// Start when it has ended.
    Queue,
}

/// Passes on what the scheduler says about this start.
pub struct ScheduleTrigger;

/// Adds it.
pub fn register(registry: &mut Registry) {
    let descriptor = Descriptor::new::<ScheduleTriggerParams>(
        "schedule.trigger",
        "Schedule",
        "Starts executions by the clock, at times given as a cron pattern or at even intervals, correct when clocks change. Its \
         output is `{scheduled_for, fired_at}`.",
        Effect::Pure,
    )
    .kind(Kind::Trigger)
    .aliases(&["schedule.cron_trigger"])
    .check_with(check);
    registry.pure(descriptor, ScheduleTrigger);
}

fn check(params: &Params) -> Result<(), ParamError> {
    let skeleton = params.skeleton();
    let given = |name: &str| skeleton.get(name).is_some();
    let (cron, every) = (given("cron") || given("cron_pattern"), given("every"));
    let message = match (cron, every) {
        (true, false) | (false, true) => return check_plan(params, &skeleton),
        (true, true) => "`cron` and `every` exclude each other",
        (false, false) => "it doesn't say when to start",
    };
    let help = "write `cron: \"0 9 * * MON-FRI\"`, or `every: 15m`".to_owned();
    Err(ParamError { path: Vec::new(), message: message.to_owned(), help: Some(help) })
}

/// It is read when the workflow is activated, so nothing in it can be a template; and it must make a plan.
fn check_plan(params: &Params, skeleton: &Value) -> Result<(), ParamError> {
    let at = |field: &str| vec![PathSegment::Key(field.into())];
    if let Some((field, _)) =
        skeleton.as_map().into_iter().flat_map(|map| map.iter()).find(|(field, _)| params.is_hole(&at(field)))
    {
        let message = "it can't be a template: it is read when the workflow is activated".to_owned();
        return Err(ParamError { path: at(field), message, help: None });
    }
    let Ok(read) = from_value::<ScheduleTriggerParams>(skeleton) else { return Ok(()) };
    let plan = Plan::new(&read);
    plan.map(drop).map_err(|error| {
        let older = error.field == "cron" && skeleton.get("cron").is_none();
        let field = if older { "cron_pattern" } else { error.field };
        ParamError { path: at(field), message: error.message, help: Some(error.help) }
    })
}

impl PureAction for ScheduleTrigger {
    fn run(&self, call: &dyn Call) -> Result<Outcome, Failure> {
        Ok(Outcome::output(call.input()))
    }
}

#[cfg(test)]
mod tests {
    use prana_template::value;

    use super::*;
    use crate::nodes::tests::Probe;

    #[test]
    fn passes_on_what_the_scheduler_says() {
        let tick = value!({"scheduled_for": "2026-01-01T09:00:00Z", "fired_at": "2026-01-01T09:00:00.2Z"});
        Probe::new("schedule.trigger", value!({"cron": "0 9 * * *"})).input(tick.clone()).gives(tick.clone());
        Probe::new("schedule.cron_trigger", value!({"cron_pattern": "@daily"}))
            .input(tick.clone())
            .gives(tick);
    }

    #[test]
    fn parameters_are_read_with_their_defaults() {
        let params: ScheduleTriggerParams =
            from_value(&value!({"every": "15m", "jitter": 500})).expect("they fit");
        assert_eq!(params.every, Some(Length { millis: 900_000 }));
        assert_eq!(params.jitter, Some(Length { millis: 500 }));
        assert_eq!(
            (params.timezone.as_str(), params.missed, params.overlap),
            ("UTC", Missed::Skip, Overlap::Allow)
        );
    }

    #[test]
    fn refuses_nonsense() {
        for params in [value!({"every": "soon"}), value!({"every": -5}), value!({"missed": "maybe"})] {
            Probe::new("schedule.trigger", params).refused("");
        }
    }
}
