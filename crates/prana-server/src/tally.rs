//! How many executions began and ended lately, and how long they took: counted as it happens, a minute at a time, for a day.

use std::sync::{Mutex, PoisonError};

use prana::core::{ExecutionId, Timestamp};
use prana::store::Status;

/// A minute, in milliseconds.
const MINUTE: i64 = 60_000;

/// How many minutes are kept.
pub const MINUTES: usize = 24 * 60;

/// Durations are counted in steps of a quarter of a power of two, from a millisecond on.
const STEPS: usize = 128;

/// What happened in a minute, or in several.
#[derive(Clone)]
pub struct Count {
    /// Executions that began.
    pub started: u64,
    /// That ended well.
    pub completed: u64,
    /// That failed or ran out of time.
    pub failed: u64,
    /// That somebody ended.
    pub cancelled: u64,
    durations: [u32; STEPS],
}

impl Default for Count {
    fn default() -> Self {
        Count { started: 0, completed: 0, failed: 0, cancelled: 0, durations: [0; STEPS] }
    }
}

impl Count {
    /// Takes in what happened in another stretch of time.
    pub fn add(&mut self, other: &Count) {
        self.started += other.started;
        self.completed += other.completed;
        self.failed += other.failed;
        self.cancelled += other.cancelled;
        self.durations.iter_mut().zip(&other.durations).for_each(|(own, more)| *own += more);
    }

    fn end(&mut self, status: Status, duration_ms: u64) {
        match status {
            Status::Completed => self.completed += 1,
            Status::Failed | Status::Timeout => self.failed += 1,
            Status::Cancelled => self.cancelled += 1,
            Status::Pending | Status::Running | Status::Suspended => return,
        }
        self.durations[step(duration_ms)] += 1;
    }

    /// The time in milliseconds from creation to end that this share of the executions stayed below, about: it is at most a fifth too high.
    pub fn duration_ms(&self, share: f64) -> Option<u64> {
        let all: u64 = self.durations.iter().map(|count| u64::from(*count)).sum();
        let wanted = (share * all as f64).ceil().max(1.0) as u64;
        let mut seen = 0;
        let found = self.durations.iter().position(|count| {
            seen += u64::from(*count);
            seen >= wanted
        });
        found.filter(|_| all > 0).map(end_of_step)
    }
}

/// The step of a duration: four for each power of two.
fn step(millis: u64) -> usize {
    let millis = millis.max(1);
    let power = millis.ilog2() as usize;
    let quarter = (((millis as u128 * 4) >> power) - 4) as usize;
    (power * 4 + quarter).min(STEPS - 1)
}

/// The longest duration of a step.
fn end_of_step(step: usize) -> u64 {
    let (power, quarter) = (step / 4, step as u64 % 4);
    let next = (u128::from(quarter + 5) << power).div_ceil(4);
    u64::try_from(next - 1).unwrap_or(u64::MAX)
}

struct Counts {
    /// The minute of the newest, counted from 1970.
    newest: i64,
    /// The newest last.
    minutes: std::collections::VecDeque<Count>,
}

impl Counts {
    fn at(&mut self, at: Timestamp) -> Option<&mut Count> {
        let minute = at.as_millis().div_euclid(MINUTE);
        if self.minutes.is_empty() || minute - self.newest >= MINUTES as i64 {
            self.minutes.clear();
            self.minutes.push_back(Count::default());
            self.newest = minute;
        }
        while self.newest < minute {
            self.minutes.push_back(Count::default());
            self.newest += 1;
        }
        while self.minutes.len() > MINUTES {
            self.minutes.pop_front();
        }
        let back = usize::try_from(self.newest - minute).ok()?;
        while back >= self.minutes.len() && back < MINUTES {
            self.minutes.push_front(Count::default());
        }
        let place = self.minutes.len().checked_sub(back + 1)?;
        self.minutes.get_mut(place)
    }
}

/// Counts of the last day.
pub struct Tally(Mutex<Counts>);

impl Default for Tally {
    fn default() -> Self {
        Tally(Mutex::new(Counts { newest: 0, minutes: std::collections::VecDeque::new() }))
    }
}

impl Tally {
    fn change(&self, at: Timestamp, change: impl FnOnce(&mut Count)) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.at(at) {
            change(count);
        }
    }

    /// An execution began.
    pub fn started(&self, at: Timestamp) {
        self.change(at, |count| count.started += 1);
    }

    /// An execution ended. Its identity says when it was created.
    pub fn ended(&self, id: ExecutionId, status: Status, at: Timestamp) {
        let created = (id.0.as_u128() >> 80) as i64;
        let duration = u64::try_from(at.as_millis().saturating_sub(created)).unwrap_or(0);
        self.change(at, |count| count.end(status, duration));
    }

    /// The stretches of `minutes` each, the newest last; `now` is in the newest.
    pub fn stretches(&self, now: Timestamp, minutes: usize, how_many: usize) -> Vec<(Timestamp, Count)> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // So that the newest minute is this one, if nothing happened lately.
        counts.at(now);
        let current = now.as_millis().div_euclid(MINUTE);
        let first = current.div_euclid(minutes as i64) * minutes as i64;
        let stretch = |back: usize| {
            let begin = first - (back * minutes) as i64;
            let mut sum = Count::default();
            for minute in begin..begin + minutes as i64 {
                let place = counts.minutes.len() as i64 - 1 - (counts.newest - minute);
                if let Some(count) = usize::try_from(place).ok().and_then(|place| counts.minutes.get(place)) {
                    sum.add(count);
                }
            }
            (Timestamp::from_millis(begin * MINUTE), sum)
        };
        (0..how_many).rev().map(stretch).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(millis: u64) -> ExecutionId {
        ExecutionId(uuid::Uuid::from_u128(u128::from(millis) << 80))
    }

    #[test]
    fn steps_grow_by_less_than_a_quarter() {
        let mut before = 0;
        for millis in [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 15, 16, 100, 1_000, 3_600_000, 86_400_000, u64::MAX] {
            let step = step(millis);
            assert!(step >= before, "{millis}");
            let end = end_of_step(step);
            assert!(
                step == STEPS - 1 || (end >= millis && end as f64 <= millis as f64 * 1.25 + 1.0),
                "{millis} {end}"
            );
            before = step;
        }
    }

    #[test]
    fn minutes_are_counted_and_forgotten() {
        let tally = Tally::default();
        let at = |minute: i64| Timestamp::from_millis(1_000_000 * MINUTE + minute * MINUTE);
        for minute in [0, 0, 3, 1, 7] {
            tally.started(at(minute));
        }
        tally.ended(id(at(3).as_millis() as u64), Status::Completed, at(4));
        tally.ended(id(at(4).as_millis() as u64), Status::Failed, at(4));
        let shown = |now: i64, minutes: usize, how_many: usize| -> Vec<(u64, u64, u64)> {
            let stretches = tally.stretches(at(now), minutes, how_many);
            stretches.iter().map(|(_, count)| (count.started, count.completed, count.failed)).collect()
        };
        assert_eq!(shown(7, 1, 4), [(0, 1, 1), (0, 0, 0), (0, 0, 0), (1, 0, 0)]);
        assert_eq!(shown(9, 5, 2), [(4, 1, 1), (1, 0, 0)]);
        let count = &tally.stretches(at(9), 5, 2)[0].1;
        assert_eq!(count.duration_ms(0.5), Some(1));
        assert!((60_000..75_000).contains(&count.duration_ms(0.99).expect("some")));
        assert_eq!(Count::default().duration_ms(0.5), None);
        // What is older than a day is not counted, and a day later nothing is left.
        tally.started(at(7 - MINUTES as i64));
        assert_eq!(shown(7, 5, 3), [(0, 0, 0), (4, 1, 1), (1, 0, 0)]);
        assert_eq!(shown(7 + MINUTES as i64, 5, 2), [(0, 0, 0), (0, 0, 0)]);
    }
}
