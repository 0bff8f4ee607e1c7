//! Schedules: at which times executions start. Pure: the time is handed in.

mod cron;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use jiff::tz::TimeZone;

use self::cron::Pattern;
use crate::duration;
use crate::nodes::schedule_trigger::{Missed, Overlap, ScheduleTriggerParams};
use crate::time::Timestamp;

/// The shortest interval, in milliseconds.
const MIN_EVERY: u64 = 1_000;

/// The longest jitter, in milliseconds: a day.
const MAX_JITTER: u64 = 86_400_000;

/// Why parameters of `schedule.trigger` make no schedule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{field}`: {message} ({help})")]
pub struct PlanError {
    /// The parameter that is wrong.
    pub field: &'static str,
    /// What is wrong with it.
    pub message: String,
    /// What to write instead.
    pub help: String,
}

/// When executions start, and what becomes of starts that were missed or come too early.
///
/// ```
/// use prana_core::nodes::schedule_trigger::ScheduleTriggerParams;
/// use prana_core::schedule::Plan;
/// use prana_template::{from_value, value};
///
/// let params: ScheduleTriggerParams = from_value(&value!({"cron": "0 9 * * MON-FRI", "timezone": "Europe/Berlin"})).unwrap();
/// let plan = Plan::new(&params).unwrap();
/// let friday = "2026-01-02T12:00:00Z".parse().unwrap();
/// assert_eq!(plan.next_after(friday, friday).unwrap().to_string(), "2026-01-05T08:00:00Z");
/// ```
#[derive(Debug, Clone)]
pub struct Plan {
    when: When,
    jitter_ms: u64,
    /// What to do about missed starts.
    pub missed: Missed,
    /// What to do if the execution before hasn't ended.
    pub overlap: Overlap,
}

#[derive(Debug, Clone)]
enum When {
    Cron(Box<Pattern>, TimeZone),
    Every(u64),
}

/// The newest of the times in a stretch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Newest {
    /// In order.
    pub ticks: Vec<Timestamp>,
    /// True if there are older ones that are not among them.
    pub more: bool,
}

impl Plan {
    /// A plan of parameters.
    ///
    /// # Errors
    /// [`PlanError`]: a pattern that can't be read or never comes, an unknown time zone, an interval that is too short.
    pub fn new(params: &ScheduleTriggerParams) -> Result<Plan, PlanError> {
        let zone = zone(&params.timezone)?;
        let when = match (&params.cron, params.every) {
            (Some(cron), None) => When::Cron(Box::new(Pattern::parse(cron)?), zone),
            (None, Some(every)) => When::Every(interval(every.millis)?),
            (Some(_), Some(_)) => return Err(error("every", "`cron` and `every` exclude each other")),
            (None, None) => return Err(error("cron", "it doesn't say when to start")),
        };
        let jitter_ms = params.jitter.map_or(0, |jitter| jitter.millis);
        let limit = if let When::Every(every) = when { every - 1 } else { MAX_JITTER };
        if jitter_ms > limit {
            let help = format!("here it is at most {}", duration::print(limit));
            return Err(PlanError { field: "jitter", message: "it is too long".to_owned(), help });
        }
        Ok(Plan { when, jitter_ms, missed: params.missed, overlap: params.overlap })
    }

    /// The first time after `after`. Intervals count from `anchor`. None if there is none before the end of the year 9999.
    pub fn next_after(&self, after: Timestamp, anchor: Timestamp) -> Option<Timestamp> {
        match &self.when {
            When::Every(every) => {
                let passed = after.millis_since(anchor) / every;
                let next = anchor.plus_millis(every.saturating_mul(passed + u64::from(after >= anchor)));
                Some(next).filter(|next| *next > after && *next < Timestamp::MAX)
            }
            When::Cron(pattern, zone) => {
                // Whole seconds: what comes within this second has passed.
                let start = jiff::Timestamp::from_second(after.as_micros().div_euclid(1_000_000)).ok()?;
                let next = pattern.next_after(start, zone)?;
                Some(Timestamp::from_micros(next.as_microsecond())).filter(|next| *next < Timestamp::MAX)
            }
        }
    }

    /// The newest `limit` times after `after` up to and including `until`.
    pub fn newest(&self, after: Timestamp, until: Timestamp, anchor: Timestamp, limit: usize) -> Newest {
        if let When::Every(every) = self.when {
            let passed = until.millis_since(anchor) / every;
            let first = anchor.plus_millis(every.saturating_mul(passed.saturating_sub(limit as u64)));
            return self.within(after, first.max(after), until, anchor, limit);
        }
        // A stretch that grows backwards until it holds enough.
        let mut length: u64 = 60_000;
        loop {
            let start =
                Timestamp::from_micros(until.as_micros().saturating_sub(length.saturating_mul(1_000) as i64));
            let found = self.within(after, start.max(after), until, anchor, limit);
            if start <= after || found.ticks.len() >= limit {
                return found;
            }
            length *= 2;
        }
    }

    fn within(
        &self,
        after: Timestamp,
        start: Timestamp,
        until: Timestamp,
        anchor: Timestamp,
        limit: usize,
    ) -> Newest {
        let mut ticks = VecDeque::new();
        let mut at = start;
        let mut more = false;
        while let Some(next) = self.next_after(at, anchor).filter(|next| *next <= until) {
            if ticks.len() == limit {
                ticks.pop_front();
                more = true;
            }
            ticks.push_back(next);
            at = next;
        }
        // What lies before the stretch that was looked at.
        more |= start > after && self.next_after(after, anchor).is_some_and(|first| first <= start);
        Newest { ticks: ticks.into(), more }
    }

    /// When the start that is planned for `tick` is made: that time, put off by a part of the jitter that `seed` and the time decide.
    pub fn due(&self, tick: Timestamp, seed: u64) -> Timestamp {
        if self.jitter_ms == 0 {
            return tick;
        }
        tick.plus_millis(mixed(seed ^ mixed(tick.as_micros() as u64)) % (self.jitter_ms + 1))
    }
}

/// A number that looks random (SplitMix64 by G. Steele, D. Lea, C. Flood, 2014).
fn mixed(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

fn zone(name: &str) -> Result<TimeZone, PlanError> {
    TimeZone::get(name).map_err(|_| {
        let name: String = name.chars().take(60).collect();
        let help = "names are like Europe/Berlin, America/New_York or UTC".to_owned();
        PlanError { field: "timezone", message: format!("there is no time zone `{name}`"), help }
    })
}

fn interval(millis: u64) -> Result<u64, PlanError> {
    if millis < MIN_EVERY {
        let help = "for instance `every: 15m`".to_owned();
        return Err(PlanError { field: "every", message: "the shortest interval is 1s".to_owned(), help });
    }
    Ok(millis)
}

fn error(field: &'static str, message: &str) -> PlanError {
    let help = "write `cron: \"0 9 * * MON-FRI\"`, or `every: 15m`".to_owned();
    PlanError { field, message: message.to_owned(), help }
}
