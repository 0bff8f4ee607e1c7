//! How fast the requests of a connector may follow one another.

use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

/// So many requests in so much time, for all calls in the process together; as many at once, after a rest.
#[derive(Debug)]
pub(super) struct Pace {
    /// Between two requests, on average.
    interval: Duration,
    /// What a rest may save up.
    slack: Duration,
    /// When the next request would come if all had kept the interval.
    next: Mutex<Option<Instant>>,
}

impl Pace {
    pub fn new(requests: u32, per: Duration) -> Self {
        let interval = per / requests.max(1);
        Pace { interval, slack: per.saturating_sub(interval), next: Mutex::new(None) }
    }

    /// Takes the next place: how long to wait for it.
    ///
    /// # Errors
    /// The wait that would be, if it is longer than the longest that will do. No place is taken then.
    pub fn reserve(&self, now: Instant, longest: Duration) -> Result<Duration, Duration> {
        let mut next = self.next.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let due = next.unwrap_or(now).max(now);
        let wait = due.duration_since(now).saturating_sub(self.slack);
        if wait > longest {
            return Err(wait);
        }
        *next = Some(due + self.interval);
        Ok(wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_at_once_and_then_one_by_one() {
        let (pace, start) = (Pace::new(2, Duration::from_secs(1)), Instant::now());
        let at = |millis: u64, longest: u64| {
            let wait = pace.reserve(start + Duration::from_millis(millis), Duration::from_millis(longest));
            wait.map(|wait| wait.as_millis()).map_err(|wait| wait.as_millis())
        };
        assert_eq!((at(0, 0), at(0, 0)), (Ok(0), Ok(0)));
        assert_eq!(at(0, 0), Err(500));
        assert_eq!((at(0, 600), at(0, 600)), (Ok(500), Err(1000)));
        assert_eq!((at(900, 1000), at(5000, 0), at(5000, 0)), (Ok(100), Ok(0), Ok(0)));
        assert_eq!(at(5000, 0), Err(500));
    }
}
